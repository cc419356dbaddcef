"""What a call has to do with the state of its task: every link's counts and budgets, labels, the operator's rules.

Made on the event loop from what is known by then; judged where the state is held, in one step with the decision.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

from delegation.core.approval import approval_demands_of
from delegation.core.arguments import Value
from delegation.core.chain import VerifiedChain
from delegation.core.declaration import NOTHING_DECLARED, Declaration
from delegation.core.demands import Demand, has_conditions
from delegation.core.hearsay import noted_unpermitted, sticking
from delegation.core.labels import PUBLIC
from delegation.core.trust import CatalogueTool, Effect
from delegation.core.usage import charged
from delegation.errors import Reason, Refused, refusal
from delegation.service.call_in_session import CallInSession, Ruling
from delegation.service.consents import Consents, demands_of_rules
from delegation.service.known_agents import KnownAgents
from delegation.service.policy_rules import PolicyRules
from delegation.service.recorded_links import RecordedLinks
from delegation.service.tool_entries import Entry
from delegation.service.unexpected import log_unexpected
from delegation.storage.approvals import ApprovalNeeds, CallKey
from delegation.storage.refused_writes import AskFirstError
from delegation.storage.sessions import Act, ActingAgent, CallsThatRan, SessionStep, SessionView, Verdict

_STEPS: Final = 16
"""What is kept for a period is kept for up to a sixteenth longer: so not every call has to say for how long anew."""

_NOTHING_TO_SAY: Final = Ruling()


class SessionSteps:
    """Makes each call's part in the state of its task.

    Args:
        recorded: tells which holders the service vouched for as it recorded their links.
        labels_stick_ms: how long labels stick to the agents of the chain that has read what has them; 0: not at all.
        agents_remembered_ms: how long an agent's calls are remembered, if rules read that; 0: not at all.
        owner: tells who answers for an agent; empty if nobody does.
        consents: tells whether people have consented to what links demand.
    """

    def __init__(
        self,
        recorded: RecordedLinks,
        *,
        labels_stick_ms: int,
        agents_remembered_ms: int,
        owner: Callable[[str], Awaitable[str]],
        consents: Consents,
    ) -> None:
        self._known = KnownAgents(recorded)
        self._labels_stick_ms = labels_stick_ms
        self._agents_remembered_ms = agents_remembered_ms
        self._owner = owner
        self._consents = consents

    async def permitted(
        self,
        chain: VerifiedChain,
        *,
        audience: str,
        tool: str,
        arguments: Mapping[str, Value],
        arguments_digest: bytes,
        demands: tuple[Demand, ...],
        now_ms: int,
        rules: PolicyRules,
        fulfils: frozenset[str] = frozenset(),
        declared: Declaration = NOTHING_DECLARED,
    ) -> SessionStep | None:
        """Make the step of a call that its chain permits but for conditions; None if nothing is to judge or note.

        Args:
            chain: the call's.
            audience: who serves the tool.
            tool: what is called.
            arguments: as they were sent.
            arguments_digest: of them, 32 bytes.
            demands: what the chain's counts and budgets demand of it.
            now_ms: the decision's time.
            rules: the operator's, that count for this decision.
            fulfils: the obligations that whoever asks has promised to fulfil.
            declared: what the tool says of itself.

        Raises:
            StorageError: it cannot be read who answers for the agent, or whom the service vouched for.
        """
        entry = rules.entry(audience, tool, declared)
        approvals = approval_demands_of(chain, audience, tool)
        if not (demands or approvals or entry.judged or _sensitive(entry.tool) or rules.notes_every_call):
            return None
        owner = await self._owner(chain.leaf.holder_agent) if entry.reads_owner else ""
        acting = await self._acting(chain, now_ms, rules)
        call = CallInSession(
            *(chain, entry.tool, arguments, demands, now_ms, entry.listed, owner, fulfils, approvals, arguments_digest),
            known=entry.known,
            undeclared=entry.undeclared,
            manifest_changed=declared.is_another(entry.tool),
            answers=rules.answers(chain, acting.agent if acting else ""),
        )
        return self._step(
            chain,
            now_ms,
            lambda view: self._judge(call, view, rules, entry),
            agents=await self._known.of(chain, now_ms),
            demands=demands,
            call=CallKey(chain.digest, audience, tool, arguments_digest),
            acting=acting,
            effects=entry.acts,
        )

    async def refused(
        self,
        chain: VerifiedChain,
        refused: Refused,
        *,
        audience: str,
        tool: str,
        now_ms: int,
        rules: PolicyRules,
        declared: Declaration = NOTHING_DECLARED,
    ) -> SessionStep | None:
        """Make the step of a call that is refused whatever the state; None where nobody asks how many there were."""
        entry = rules.entry(audience, tool, declared).tool
        if not (_sensitive(entry) or rules.notes_every_call or has_conditions(chain, audience, tool)):
            return None
        acting = await self._acting(chain, now_ms, rules)
        return self._step(chain, now_ms, lambda view: Verdict(refused), acting=acting)  # noqa: ARG005 - whatever is in view

    async def running_anyway(self, step: SessionStep, chain: VerifiedChain, tool: CatalogueTool) -> SessionStep:
        """Have what a call leaves noted also if it is refused: its tool is under observation, so it runs (A-30).

        Raises:
            StorageError: it cannot be read whom the service vouched for.
        """
        agents = step.agents or await self._known.of(chain, step.now_ms)
        ran = CallsThatRan(
            step.task_id,
            step.expires_ms,
            agents,
            tools=(),
            labels_until_ms=step.labels_until_ms,
            acting=step.acting,
            acts=(Act(b"", tool.effects),),
            observed=(noted_unpermitted(tool),),
        )
        return replace(step, agents=agents, anyway=ran)

    async def _acting(self, chain: VerifiedChain, now_ms: int, rules: PolicyRules) -> ActingAgent | None:
        if not rules.notes_agents:
            return None
        return self.remembering(await self._known.acting(chain, now_ms), now_ms)

    def _step(
        self,
        chain: VerifiedChain,
        now_ms: int,
        judge: Callable[[SessionView], Verdict],
        *,
        agents: tuple[str, ...] = (),
        demands: tuple[Demand, ...] = (),
        call: CallKey | None = None,
        acting: ActingAgent | None = None,
        effects: frozenset[Effect] = frozenset(),
    ) -> SessionStep:
        return SessionStep(
            task_id=chain.task_id,
            expires_ms=chain.links[0].link.expires_at_ms,
            agents=agents,
            demands=demands,
            judge=judge,
            now_ms=now_ms,
            labels_until_ms=self.labels_until_ms(now_ms),
            call=call,
            acting=acting,
            effects=effects,
        )

    def _judge(self, call: CallInSession, view: SessionView, rules: PolicyRules, entry: Entry) -> Verdict:
        try:
            used = {demand.key: charged(view.used[demand.key], demand) for demand in call.demands}
            ruling = rules(call, view) if entry.judged else _NOTHING_TO_SAY
            decided_by = ",".join(ruling.rules) or None
            if ruling.refusal is not None and not ruling.demands:
                return Verdict(ruling.refusal, rules=decided_by, inputs=ruling.inputs)
            # Nobody is asked to consent to what is refused anyway: so this comes last.
            lacking = ruling.refusal or self._consents.unmet(call, view, rules.approval_digest)
            if lacking is not None:
                needs = ApprovalNeeds((*call.approvals, *demands_of_rules(ruling.demands)), rules.approval_digest)
                return Verdict(lacking, rules=decided_by, inputs=ruling.inputs, needs=needs)
            return Verdict(
                None,
                view.session.after(entry.noted),
                used,
                sticking(_sensitive(entry.noted)),
                rules=decided_by,
                obligations=",".join(ruling.obligations) or None,
                inputs=ruling.inputs,
            )
        except AskFirstError:
            raise
        except Refused as refused:
            return Verdict(refused)
        except Exception as error:  # noqa: BLE001 - a failure to decide is a denial
            log_unexpected("judging a call on the state of its task", error)
            return Verdict(refusal(Reason.INTERNAL))

    def remembering(self, agent: str, now_ms: int) -> ActingAgent | None:
        """Say for how long what an agent does now is remembered; None: not at all."""
        until_ms = _until(now_ms, self._agents_remembered_ms)
        return ActingAgent(agent, now_ms, until_ms) if until_ms else None

    def labels_until_ms(self, now_ms: int) -> int:
        """Tell how long the labels of what is read at a time stick; 0: not at all."""
        return _until(now_ms, self._labels_stick_ms)


def _until(now_ms: int, kept_ms: int) -> int:
    if not kept_ms:
        return 0
    step_ms = max(1, kept_ms // _STEPS)
    return -(-(now_ms + kept_ms) // step_ms) * step_ms


def _sensitive(tool: CatalogueTool) -> frozenset[str]:
    return tool.labels - {PUBLIC}
