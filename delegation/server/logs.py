"""Where the server's log goes and how it looks. What is logged is said where it happens."""

from __future__ import annotations

import logging
import sys
from typing import Final

import structlog

from delegation.server.telemetry_config import LogsConfig

_LIBRARIES: Final = ("asyncio", "asyncpg")
"""Those that write to the standard log by themselves, with tracebacks."""


def configure_logs(logs: LogsConfig) -> None:
    """Log to standard error, in the configured format.

    No line ever holds a token, proof, key or argument: they are never given to the log. Exceptions are
    logged by type and place (`delegation.service.unexpected`), since their text is not ours.
    """
    as_json = not sys.stderr.isatty() if logs.format == "auto" else logs.format == "json"
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[logs.level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        library.handlers, library.propagate = [_ByTypeAndPlace(logging.WARNING)], False


class _ByTypeAndPlace(logging.Handler):
    """Puts what a library complains of into the log: its text is not ours, and may hold a value."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one complaint."""
        error = record.exc_info[1] if record.exc_info else None
        structlog.get_logger("delegation").log(
            record.levelno,
            "a library complains",
            library=record.name,
            where=f"{record.filename}:{record.lineno}",
            type=None if error is None else type(error).__qualname__,
        )
