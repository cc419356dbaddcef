"""How long something lives, as people write it: "90s", "10m", "2h", or a `timedelta`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from delegation.errors import InvalidRequest

Lifetime = str | timedelta

_WRITTEN: Final = re.compile(r"([1-9][0-9]{0,8})(ms|s|m|h)")
_UNIT_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


def lifetime_ms(lifetime: Lifetime) -> int:
    """Give a lifetime in milliseconds.

    Raises:
        InvalidRequest: It is not written as above, or is not positive.
    """
    if isinstance(lifetime, timedelta):
        milliseconds = lifetime // timedelta(milliseconds=1)
        if milliseconds > 0:
            return milliseconds
    elif written := _WRITTEN.fullmatch(lifetime):
        return int(written[1]) * _UNIT_MS[written[2]]
    raise InvalidRequest('a lifetime is "90s", "10m", "2h" or a positive timedelta')
