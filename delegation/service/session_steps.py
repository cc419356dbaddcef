"""What a call has to do with the state of its task: every link's counts and budgets, labels, the operator's rules.

Made on the event loop from what is known by then; judged where the state is held, in one step with the decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol

from delegation.core.arguments import Value
from delegation.core.chain import VerifiedChain
from delegation.core.session import PUBLIC
from delegation.core.trust import Catalogue, CatalogueTool
from delegation.core.unlisted import entry_of
from delegation.core.usage import Demand, charged, has_conditions
from delegation.errors import Reason, Refused, refusal
from delegation.service.unexpected import log_unexpected
from delegation.storage.sessions import SessionStep, SessionView, Verdict

_STEPS_OF_STICKING: Final = 16
"""Labels stick for up to a sixteenth longer than is said: so not every call of a tool has to write how long."""


class CallInSession(NamedTuple):
    """A call that its chain permits, conditions apart.

    Attributes:
        chain: its chain.
        tool: what the catalogue says of the tool; of one that it does not list, that it is the most dangerous kind.
        arguments: as they were sent.
        demands: what the chain's counts and budgets demand of it.
        now_ms: the decision's time.
    """

    chain: VerifiedChain
    tool: CatalogueTool
    arguments: Mapping[str, Value]
    demands: tuple[Demand, ...]
    now_ms: int


class SessionRules(Protocol):
    """What the operator demands of calls beyond their chains, given the state of their task."""

    def __call__(self, call: CallInSession, view: SessionView) -> Refused | None:
        """Say why a call is refused; None if it is not. Waits for nothing; whatever it raises refuses the call."""


class SessionSteps:
    """Makes each call's part in the state of its task.

    Args:
        catalogue: gives the catalogue in use.
        labels_stick_ms: how long labels stick to the agents of the chain that has read what has them; 0: not at all.
        rules: the operator's; None: there are none.
    """

    def __init__(
        self, catalogue: Callable[[], Catalogue], *, labels_stick_ms: int, rules: SessionRules | None = None
    ) -> None:
        self._catalogue = catalogue
        self._labels_stick_ms = labels_stick_ms
        self._rules = rules

    def permitted(
        self,
        chain: VerifiedChain,
        *,
        audience: str,
        tool: str,
        arguments: Mapping[str, Value],
        demands: tuple[Demand, ...],
        now_ms: int,
    ) -> SessionStep | None:
        """Make the step of a call that its chain permits but for conditions; None if nothing is to judge or note."""
        entry = entry_of(self._catalogue(), audience, tool)
        if not (demands or _sensitive(entry) or self._rules):
            return None
        call = CallInSession(chain, entry, arguments, demands, now_ms)
        return self._step(chain, demands, now_ms, lambda view: self._judge(call, view))

    def refused(
        self, chain: VerifiedChain, refused: Refused, *, audience: str, tool: str, now_ms: int
    ) -> SessionStep | None:
        """Make the step of a call that is refused whatever the state; None where nobody asks how many there were."""
        entry = entry_of(self._catalogue(), audience, tool)
        if not (_sensitive(entry) or self._rules or has_conditions(chain, audience, tool)):
            return None
        return self._step(chain, (), now_ms, lambda view: Verdict(refused))  # noqa: ARG005 - whatever is in view

    def _step(
        self, chain: VerifiedChain, demands: tuple[Demand, ...], now_ms: int, judge: Callable[[SessionView], Verdict]
    ) -> SessionStep:
        return SessionStep(
            task_id=chain.task_id,
            expires_ms=chain.links[0].link.expires_at_ms,
            agents=tuple(dict.fromkeys(signed.link.holder_agent for signed in chain.links)),
            demands=demands,
            judge=judge,
            now_ms=now_ms,
            labels_until_ms=self._labels_until_ms(now_ms),
        )

    def _judge(self, call: CallInSession, view: SessionView) -> Verdict:
        try:
            used = {demand.key: charged(view.used[demand.key], demand) for demand in call.demands}
            if self._rules is not None and (refused := self._rules(call, view)) is not None:
                return Verdict(refused)
            return Verdict(None, view.session.after(call.tool), used, _sensitive(call.tool))
        except Refused as refused:
            return Verdict(refused)
        except Exception as error:  # noqa: BLE001 - a failure to decide is a denial
            log_unexpected("judging a call on the state of its task", error)
            return Verdict(refusal(Reason.INTERNAL))

    def _labels_until_ms(self, now_ms: int) -> int:
        if not self._labels_stick_ms:
            return 0
        step_ms = max(1, self._labels_stick_ms // _STEPS_OF_STICKING)
        return -(-(now_ms + self._labels_stick_ms) // step_ms) * step_ms


def _sensitive(tool: CatalogueTool) -> frozenset[str]:
    return tool.labels - {PUBLIC}
