"""Logging what should not have happened, without a value that anybody sent."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Final

import structlog

_LOG: Final = structlog.get_logger("delegation")
_FRAMES: Final = 6


def log_unexpected(doing: str, error: BaseException) -> None:
    """Log an exception that nobody foresaw: its type and where it was raised.

    Its text stays out: it may hold an argument, a token or a key.
    """
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    where = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    _LOG.error("unexpected exception", doing=doing, type=type(error).__qualname__, where=where)
