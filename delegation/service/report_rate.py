"""How often one caller may tell of its tools: each report is written, and whatever else is to be written waits."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from delegation.errors import Overloaded
from delegation.service.ids import Clock

AT_ONCE: Final = 60
"""So many instances of a tool may start together."""

EVERY_MS: Final = 1_000
"""One more after this time; guards tell of changes, and of everything once a day."""

_CALLERS: Final = 4_096


class ReportRate:
    """Counts reports, by caller; of those who report most seldom it forgets the count.

    Args:
        now_ms: the time.
    """

    def __init__(self, now_ms: Clock) -> None:
        self._now_ms = now_ms
        self._free_from_ms: OrderedDict[str, int] = OrderedDict()  # when all of its reports will have been let pass

    def take(self, caller_id: str) -> None:
        """Count one.

        Raises:
            Overloaded: there were too many just now.
        """
        now_ms = self._now_ms()
        free_ms = max(now_ms, self._free_from_ms.get(caller_id, 0))
        if free_ms - now_ms >= AT_ONCE * EVERY_MS:
            raise Overloaded("this caller tells of its tools too often: once a day, and when they change, will do")
        self._free_from_ms[caller_id] = free_ms + EVERY_MS
        self._free_from_ms.move_to_end(caller_id)
        if len(self._free_from_ms) > _CALLERS:
            self._free_from_ms.popitem(last=False)
