"""Points in time as they are typed: a day, a time in UTC, or how long ago."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

import typer

_UNITS_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def parse_since(text: str, now_ms: int) -> int:
    """Read `30d`, `2026-11-01` or `2026-11-01T08:00`, in UTC; give milliseconds since the Unix epoch.

    Raises:
        typer.BadParameter: It is none of these: a usage error.
    """
    ago = re.fullmatch(r"([1-9][0-9]{0,5})([smhdw])", text, re.ASCII)
    if ago:
        return max(0, now_ms - int(ago[1]) * _UNITS_MS[ago[2]])
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a time is a day, 2026-11-01, or how long ago, 30d (s, m, h, d, w)") from None
    utc = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return max(0, int(utc.timestamp() * 1000))
