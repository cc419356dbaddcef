"""A service as a process of its own: it runs until a signal ends it."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Callable
from typing import Final

import structlog

from delegation.app.application import Application, build
from delegation.app.development import developer_id
from delegation.server.config import ServerConfig
from delegation.server.logs import configure_logs
from delegation.service.observations import named_tools

_LOG: Final = structlog.get_logger("delegation")
_GC_THRESHOLD: Final = 50_000
"""Collect garbage less often: requests leave none in cycles, and each collection stops them all."""


def serve(config: ServerConfig, *, ready: Callable[[Application], None] | None = None) -> None:
    """Run a service until SIGTERM or SIGINT, then drain.

    Args:
        config: how.
        ready: called once it listens; in development its profile for the developer is then written.

    Raises:
        ConfigError, StorageError: it cannot start; one line that says what to do.
    """
    configure_logs(config.logs)
    application = build(config)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_run(application, ready))


async def _run(application: Application, ready: Callable[[Application], None] | None) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, application.look_at_keys)
    await application.start()
    try:
        if application.config.dev:
            application.issue_profile(developer_id(application.config), directory=application.config.state_dir)
        _LOG.info("listening", target=application.target, trust_domain=application.config.trust_domain)
        if observed := application.observed:
            _LOG.warning("calls that would be refused run", under_observation=named_tools(observed))
        if ready is not None:
            ready(application)
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GC_THRESHOLD)
        await stopping.wait()
        _LOG.info("draining")
    finally:
        await application.stop()
    _LOG.info("stopped")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Take uvloop where it exists: it is a third faster here."""
    if sys.platform == "win32":
        return None
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
