"""What an agent did lately, in all its tasks: how many calls were permitted and refused, and with which effects.

Kept in spans of time, each of which is forgotten as a whole. A value and its text, as `session`; who keeps it, and
writes it in one step with each decision, is whoever decides (SPEC section 8.5).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Self

from delegation.core.named_tuple import NamedTuple
from delegation.core.trust import Effect
from delegation.errors import Reason, refusal

_SPANS: Final = 32
"""A period has seventeen at most. The others are room for replicas whose clocks or periods differ."""


class RecentActs(NamedTuple):
    """What was done in a time.

    Attributes:
        calls: how many calls were permitted.
        denials: how many were refused.
        effects: which effects the permitted ones may have had.
    """

    calls: int = 0
    denials: int = 0
    effects: frozenset[Effect] = frozenset()

    @classmethod
    def of_all(cls, acts: Iterable[RecentActs]) -> RecentActs:
        """Put what was done together."""
        calls, denials, effects = 0, 0, frozenset[Effect]()
        for each in acts:
            calls, denials, effects = calls + each.calls, denials + each.denials, effects | each.effects
        return cls(calls, denials, effects)


class _Span(NamedTuple):
    until_ms: int
    acts: RecentActs


@dataclass(frozen=True, slots=True)
class AgentHistory:
    """What is remembered of one agent: spans in the order in which they are forgotten."""

    spans: tuple[_Span, ...] = ()

    @property
    def until_ms(self) -> int:
        """When all of it is forgotten; 0 if there is nothing."""
        return self.spans[-1].until_ms if self.spans else 0

    def recent(self, now_ms: int) -> RecentActs:
        """Give what is not forgotten at a time."""
        return RecentActs.of_all(span.acts for span in self.spans if span.until_ms > now_ms)

    def after_call(self, effects: frozenset[Effect], *, now_ms: int, until_ms: int) -> AgentHistory:
        """Give what this is once a call with these effects was permitted, which is forgotten at `until_ms`."""
        return self._after(RecentActs(calls=1, effects=effects), now_ms, until_ms)

    def after_denial(self, *, now_ms: int, until_ms: int) -> AgentHistory:
        """Give what this is once a call was refused, which is forgotten at `until_ms`."""
        return self._after(RecentActs(denials=1), now_ms, until_ms)

    def _after(self, acts: RecentActs, now_ms: int, until_ms: int) -> AgentHistory:
        spans = {span.until_ms: span.acts for span in self.spans}
        spans[until_ms] = RecentActs.of_all([spans.get(until_ms, RecentActs()), acts])
        return AgentHistory(_bounded(sorted(map(_Span._make, spans.items())), now_ms))

    def text(self) -> str:
        """Write it; one history, one text."""
        said = [
            [span.until_ms, span.acts.calls, span.acts.denials, sorted(map(str, span.acts.effects))]
            for span in self.spans
        ]
        return json.dumps(said, separators=(",", ":"))

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Read what `text` wrote, and nothing else.

        Raises:
            Malformed: FIELD_INVALID.
        """
        try:
            history = cls(tuple(_span(*numbers) for numbers in json.loads(text)))
        except (ValueError, TypeError, RecursionError):
            history = None
        if history is None or history.text() != text or not _in_order(history.spans):
            raise refusal(Reason.FIELD_INVALID, detail="an agent's history is not what this version writes")
        return history


def _bounded(spans: list[_Span], now_ms: int) -> tuple[_Span, ...]:
    """Keep no more than there is room for: what still counts is forgotten with what comes after it, never before.

    What is over stays while there is room: another replica's clock may be behind.
    """
    while len(spans) > _SPANS:
        first, second, *rest = spans
        if first.until_ms > now_ms:
            second = _Span(second.until_ms, RecentActs.of_all([first.acts, second.acts]))
        spans = [second, *rest]
    return tuple(spans)


def _in_order(spans: tuple[_Span, ...]) -> bool:
    return len(spans) <= _SPANS and all(
        earlier.until_ms < later.until_ms for earlier, later in itertools.pairwise(spans)
    )


def _span(until_ms: Any, calls: Any, denials: Any, effects: Any) -> _Span:
    if not all(type(number) is int and number >= 0 for number in (until_ms, calls, denials)):
        raise ValueError("no whole numbers")
    return _Span(until_ms, RecentActs(calls, denials, frozenset(map(Effect, effects))))
