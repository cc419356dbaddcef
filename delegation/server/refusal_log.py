"""What the log says of refusals: each kind once a second, so that nobody can fill a disk by being refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

import structlog

from delegation.errors import DelegationError, Refused, StorageError, Unauthenticated

_LOG: Final = structlog.get_logger("delegation")
_PERIOD_NS: Final = 1_000_000_000
_KINDS: Final = 256
"""Kinds of refusals that one period has lines for."""

_KINDS_OF_ONE: Final = 8
"""And of these one caller; whoever is not known is one."""


class RefusalLog:
    """Logs who was refused what and why; never what was sent."""

    def __init__(self, *, monotonic_ns: Callable[[], int]) -> None:
        self._monotonic_ns = monotonic_ns
        self._logged: set[tuple[str, str, str]] = set()
        self._of_caller: Counter[str] = Counter()
        self._more: Counter[str] = Counter()
        self._until_ns = 0

    def note(self, method: str, caller_id: str, code: str, error: DelegationError) -> None:
        """Log a refusal, unless one like it was logged within this second.

        Args:
            method: the full name of the RPC.
            caller_id: who called; empty if that is not known.
            code: the gRPC status.
            error: the refusal. Of its words only those that say why somebody is not let in are logged: other words may
                come from what was asked for.
        """
        now_ns = self._monotonic_ns()
        if now_ns >= self._until_ns:
            self._begin_period(now_ns)
        kind = (method, caller_id, reason := _reason(error))
        full = len(self._logged) >= _KINDS or self._of_caller[caller_id] >= _KINDS_OF_ONE
        if kind in self._logged or full:
            self._more[caller_id if caller_id in self._of_caller else ""] += 1
            return
        self._logged.add(kind)
        self._of_caller[caller_id] += 1
        why = {"why": str(error)} if isinstance(error, Unauthenticated) else {}
        _LOG.info("refused", method=method, caller=caller_id, code=code, reason=reason, **why)

    def _begin_period(self, now_ns: int) -> None:
        if self._more:
            ((loudest, _),) = self._more.most_common(1)
            _LOG.info("refused, not logged each", times=self._more.total(), mostly=loudest)
        self._logged.clear()
        self._of_caller.clear()
        self._more.clear()
        self._until_ns = now_ns + _PERIOD_NS


def _reason(error: DelegationError) -> str:
    return str(error.reason) if isinstance(error, (Refused, StorageError)) else type(error).__name__
