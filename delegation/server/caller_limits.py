"""What one caller may have under way and ask for in a second, so that nobody takes up the room of all.

Calls beyond that are refused with the time after which to try again; the messages of a stream wait instead, and the
client is not read from meanwhile. Whatever is kept here is bounded: callers with nothing under way are forgotten, the
one that came first before others, when there are many.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from delegation.errors import Overloaded

REMEMBERED_CALLERS: Final = 4096
"""Some 2 MB."""

_BUSY_RETRY_MS: Final = 250
_ON_THEIR_WAY: Final = 64
"""Answers that a caller has as good as taken when it calls again."""
_BURST_NS: Final = 1_000_000_000
"""Who was quiet may ask at once for what the rate gives in this time."""


@dataclass(frozen=True, slots=True)
class CallerLimits:
    """What one caller may do.

    Attributes:
        calls: calls under way, and as many messages of streams again.
        streams: open streams.
        per_second: calls and messages a second, in the long run; up to a second's worth at once.
    """

    calls: int = 256
    streams: int = 1024
    per_second: int = 10_000


class Share:
    """What one caller has under way.

    Attributes:
        calls: calls that are being answered.
        untaken: answers that gRPC holds, because the caller has not taken them.
        streams: open streams.
        messages: of streams; taken for each that is being answered.
        paid_until_ns: what it has asked for is paid until then, by the monotonic clock.
    """

    __slots__ = ("calls", "messages", "paid_until_ns", "streams", "untaken")

    def __init__(self, limits: CallerLimits) -> None:
        self.calls = 0
        self.untaken = 0
        self.streams = 0
        self.paid_until_ns = 0
        self.messages = asyncio.Semaphore(limits.calls)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not self.calls and not self.streams and not self.untaken

    def end_call(self) -> Callable[[object], None]:
        """Count a call as answered; whoever is given what to call calls it when the answer has been taken."""
        self.calls -= 1
        self.untaken += 1
        return self._taken

    def _taken(self, call: object) -> None:
        del call
        self.untaken -= 1


class CallerShares:
    """The shares of all callers.

    Args:
        limits: what each may do.
        monotonic_ns: the monotonic clock, nanoseconds.
        remember: callers to remember, at least 2; those with something under way always are.
    """

    def __init__(
        self, limits: CallerLimits, *, monotonic_ns: Callable[[], int], remember: int = REMEMBERED_CALLERS
    ) -> None:
        self._limits = limits
        self._monotonic_ns = monotonic_ns
        self._remember = remember
        self._each_ns = _BURST_NS // limits.per_second
        self._burst_ns = _BURST_NS - self._each_ns
        self._shares: dict[str, Share] = {}

    def __len__(self) -> int:
        return len(self._shares)

    def begin_call(self, caller_id: str) -> Share:
        """Let a call begin; whoever gets a share ends it there.

        Raises:
            Overloaded: The caller has too many under way, or came too often.
        """
        share = self._shares.get(caller_id) or self._new(caller_id)
        if share.calls >= self._limits.calls:
            raise _too_many(f"{self._limits.calls} calls", _BUSY_RETRY_MS)
        if share.calls + share.untaken >= self._limits.calls + _ON_THEIR_WAY:
            raise _too_many(f"{self._limits.calls} calls with answers that are not taken", _BUSY_RETRY_MS)
        self._pay(share)
        share.calls += 1
        return share

    @contextmanager
    def stream(self, caller_id: str) -> Iterator[Share]:
        """Count a stream while it is open. Raises `Overloaded`."""
        share = self._shares.get(caller_id) or self._new(caller_id)
        if share.streams >= self._limits.streams:
            raise _too_many(f"{self._limits.streams} streams", _BUSY_RETRY_MS)
        self._pay(share)
        share.streams += 1
        try:
            yield share
        finally:
            share.streams -= 1

    def owed_seconds(self, share: Share) -> float:
        """Charge a stream's message; give the time for which the next one has to wait."""
        now_ns = self._monotonic_ns()
        share.paid_until_ns = max(share.paid_until_ns, now_ns) + self._each_ns
        return max(0, share.paid_until_ns - now_ns - self._burst_ns) / 1_000_000_000

    def _pay(self, share: Share) -> None:
        """Charge a call, unless it comes too early (the generic cell rate algorithm, ITU-T I.371)."""
        now_ns = self._monotonic_ns()
        early_ns = share.paid_until_ns - now_ns - self._burst_ns
        if early_ns > 0:
            raise _too_many(f"{self._limits.per_second} calls a second", math.ceil(early_ns / 1_000_000))
        share.paid_until_ns = max(share.paid_until_ns, now_ns) + self._each_ns

    def _new(self, caller_id: str) -> Share:
        share = self._shares[caller_id] = Share(self._limits)
        if len(self._shares) > self._remember:
            self._forget_some()
        return share

    def _forget_some(self) -> None:
        """Look at the two that came first: each new caller makes room for more than itself, if anybody is idle."""
        for caller_id in list(self._oldest(2)):
            share = self._shares.pop(caller_id)
            if not share.idle:
                self._shares[caller_id] = share

    def _oldest(self, count: int) -> Iterator[str]:
        oldest = iter(self._shares)
        for _ in range(count):
            yield next(oldest)


def _too_many(what: str, retry_after_ms: int) -> Overloaded:
    return Overloaded(f"more than {what} by one caller: wait a little", retry_after_ms=retry_after_ms)
