"""Where the server's log goes and how it looks. What is logged is said where it happens."""

from __future__ import annotations

import logging
import sys

import structlog

from delegation.server.telemetry_config import LogsConfig


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
