"""Which refused calls run all the same: those of tools that the operator's catalogue has under observation. No I/O."""

from __future__ import annotations

import time
from typing import Final

from delegation.errors import Reason, Refused
from delegation_sdk.log import warn
from delegation_sdk.question import Question
from delegation_sdk.sources import Sources
from delegation_sdk.trust import TrustKeeper

_NEVER: Final = frozenset({Reason.RECORD_BACKLOG, Reason.NOT_YOUR_AUDIENCE})
"""What cannot be recorded does not run (SPEC A-28)."""


class Observer:
    """Tells which refused calls run all the same.

    Args:
        audience: Whom the tools speak for.
        trust: The trust bundle and the catalogue.
        sources: The clock.
    """

    def __init__(self, audience: str, *, trust: TrustKeeper, sources: Sources) -> None:
        self._audience = audience
        self._trust = trust
        self._sources = sources
        self._told: dict[str, int] = {}

    def lets_run(self, question: Question, refused: Refused) -> bool:
        """Tell whether a refused call may run, once that is recorded.

        Both must have its tool under observation, this guard's catalogue and, if the service has refused it, the
        service's: who is behind refuses.
        """
        if refused.reason in _NEVER or (question.decided_by_service and not question.observed_by_service):
            return False
        until_ms = self._trust.observed_until_ms(self._audience, question.tool, self._sources.now_ms())
        if until_ms and self._told.get(question.tool) != until_ms:
            self._told[question.tool] = until_ms
            warn(
                "OBSERVED: %s %s is under observation until %s: calls that would be refused run, and are recorded so",
                *(self._audience, question.tool, _moment(until_ms)),
            )
        return until_ms > 0


def _moment(ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(ms // 1000))
