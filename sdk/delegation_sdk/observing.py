"""Which refused calls run all the same: those of tools that the operator's catalogue has under observation. No I/O."""

from __future__ import annotations

import time
from typing import Final

from delegation.core import limits
from delegation.errors import Reason, Refused
from delegation_sdk.feed import FeedWatcher
from delegation_sdk.log import warn
from delegation_sdk.question import Question
from delegation_sdk.recorder import Recorder
from delegation_sdk.served_tools import ServedTools
from delegation_sdk.sources import Sources
from delegation_sdk.trust import TrustKeeper

_NEVER: Final = frozenset({Reason.RECORD_BACKLOG, Reason.NOT_YOUR_AUDIENCE})
"""What cannot be recorded does not run (SPEC A-28)."""


class Observer:
    """Tells which refused calls run all the same.

    Args:
        audience: Whom the tools speak for.
        trust: The trust bundle and the catalogue.
        feed: The revocation feed: how long it is silent tells for how long the service was not heard of.
        recorder: Tells whether the service takes this guard's records.
        served: What the tools say of themselves.
        sources: The clocks.
    """

    def __init__(
        self,
        audience: str,
        *,
        trust: TrustKeeper,
        feed: FeedWatcher,
        recorder: Recorder,
        served: ServedTools,
        sources: Sources,
    ) -> None:
        self._audience = audience
        self._trust = trust
        self._feed = feed
        self._recorder = recorder
        self._served = served
        self._sources = sources
        self._told: dict[str, int] = {}

    def lets_run(self, question: Question, refused: Refused) -> bool:
        """Tell whether a refused call may run, once that is recorded.

        Both must have its tool under observation, this guard's catalogue and, if the service has refused it, the
        service's: who is behind refuses.
        """
        if refused.reason in _NEVER or (question.decided_by_service and not question.observed_by_service):
            return False
        if question.turned_away or self._recorder.is_unwanted or not self._hears_of_the_service():
            return False
        until_ms = self._trust.observed_until_ms(self._audience, question.tool, self._sources.now_ms())
        if not until_ms or not self._is_the_required_one(question.tool):
            return False
        if self._told.get(question.tool) != until_ms:
            self._told[question.tool] = until_ms
            warn(
                "OBSERVED: %s %s is under observation until %s: calls that would be refused run, and are recorded so",
                *(self._audience, question.tool, _moment(until_ms)),
            )
        return True

    def _is_the_required_one(self, tool: str) -> bool:
        entry = self._trust.catalogue.find(self._audience, tool)
        return entry is not None and self._served.find(tool).may_be_served(entry)

    def _hears_of_the_service(self) -> bool:
        """Tell whether the operator's word would have come, had observation ended: else it is over here."""
        now_ms, monotonic_ms = self._sources.now_ms(), self._sources.monotonic_ms()
        try:
            self._feed.state.require_fresh(limits.FEED_AGE_MS, now_ms=now_ms, monotonic_ms=monotonic_ms)
        except Refused:
            return False
        return True


def _moment(ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(ms // 1000))
