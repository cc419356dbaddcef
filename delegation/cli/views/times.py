"""Times and durations as people read them: absolute in UTC, and relative to now."""

from __future__ import annotations

import datetime as dt
from typing import Final

_END_MS: Final = 253_402_300_799_999  # 9999-12-31, the last day that a calendar here knows
_UNITS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


def moment(at_ms: int) -> str:
    """Write a time: `2026-11-22 13:35:08 UTC`."""
    if not 0 <= at_ms <= _END_MS:
        return "beyond the calendar"
    return f"{_utc(at_ms):%Y-%m-%d %H:%M:%S} UTC"


def day(at_ms: int) -> str:
    """Write the day of a time, in UTC."""
    return f"{_utc(min(at_ms, _END_MS)):%Y-%m-%d}"


def clock(at_ms: int) -> str:
    """Write the time of day, in UTC."""
    return f"{_utc(min(at_ms, _END_MS)):%H:%M:%S}"


def relative(at_ms: int, now_ms: int) -> str:
    """Write how far away a time is: `in 4 min 58 s`, `3 h ago`."""
    if at_ms > _END_MS:
        return "never"
    distance_ms = at_ms - now_ms
    if abs(distance_ms) < _UNITS[-1][0]:
        return "just now"
    return f"in {duration(distance_ms)}" if distance_ms > 0 else f"{duration(-distance_ms)} ago"


def duration(length_ms: int) -> str:
    """Write a length of time in its two largest units: `4 min 58 s`; what is below a second is left out."""
    parts: list[str] = []
    for size_ms, unit in _UNITS:
        count, length_ms = divmod(length_ms, size_ms)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def _utc(at_ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(at_ms // 1000, tz=dt.UTC)
