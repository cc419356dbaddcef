"""What the operator's policy says to a scope that is given: granted, granted anew, or handed on; also when told late.

It is asked about every tool of the scope. No call is decided by it: what is given is judged again call by call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from delegation.core.agent_history import RecentActs
from delegation.core.chain import VerifiedChain
from delegation.core.session import TaskSession
from delegation.core.tool_id import tool_id
from delegation.errors import Overloaded, Reason, Refused, StorageError, refusal
from delegation.policy.port import Action, Concern, Denial, Permit, PolicyQuestion, SignIn, Verdict
from delegation.policy.sign_in import together
from delegation.service.known_agents import KnownAgents
from delegation.service.policy_in_use import PolicyInUse
from delegation.service.policy_questions import GivenScope, asserted_agents, questions_of_scope
from delegation.service.policy_rules import PolicyRules
from delegation.service.recorded_links import RecordedLinks
from delegation.service.rulings import RECORDED_RULES, authentication_required
from delegation.service.unexpected import log_unexpected
from delegation.storage.port import Storage


@dataclass(slots=True)
class Asked:
    """What one request has asked the policy about: links, and how many questions in all."""

    links: set[bytes] = field(default_factory=set)
    questions: int = 0


class HandedOn(NamedTuple):
    """Handoffs of a chain, by their places; and those of them whose holders somebody vouches for beyond the chain."""

    chain: VerifiedChain
    links: Collection[int]
    vouched: Collection[int] = ()


class GivenScopes:
    """Asks the policy about scopes.

    Args:
        policy: the version in use.
        storage: where the state of tasks is.
        recorded: the links that are recorded: those were asked about.
        owner: tells who answers for an agent; empty if nobody does.
        agents_remembered: whether anything is kept of what agents did.
    """

    def __init__(
        self,
        policy: PolicyInUse,
        storage: Storage,
        *,
        recorded: RecordedLinks,
        owner: Callable[[str], Awaitable[str]],
        agents_remembered: bool,
    ) -> None:
        self._policy = policy
        self._storage = storage
        self._recorded = recorded
        self._known = KnownAgents(recorded)
        self._owner = owner
        self._agents_remembered = agents_remembered

    async def require(self, given: GivenScope, now_ms: int, asked: Asked | None = None) -> None:
        """Require that the policy permits what is given.

        Raises:
            PolicyDenied: POLICY_DENIED; `field` names the rules.
            Undecided: INTERNAL, or SERVICE_UNAVAILABLE of a decision point; it could not be decided.
            StorageError: the state of the task cannot be read.
            Overloaded: too many wait for a decision point.
        """
        rules = self._policy()
        if given.action in rules.gives_freely:
            return
        tools = [(each.audience, each.tool) for each in given.scope.capabilities]
        refused = await self._refused(rules, given, tools, now_ms, asked or Asked())
        if refused is not None:
            raise refused

    async def require_handed_on(
        self,
        chain: VerifiedChain,
        links: Collection[int],
        now_ms: int,
        *,
        vouched: Collection[int] = (),
        asked: Asked | None = None,
    ) -> None:
        """Require that the policy permits these handoffs of a chain, by their places; as `require`, at the link.

        `vouched` are the links whose holders somebody vouches for beyond what the chain itself shows; `asked` is what a
        request with several chains has asked already.
        """
        if Action.HAND_OFF in self._policy().gives_freely:
            return
        asked = asked or Asked()
        for index in sorted(links):
            link_id = chain.links[index].link_id
            if link_id in asked.links:
                continue
            try:
                await self.require(await self._handed_on(chain, index, now_ms, vouched), now_ms, asked)
            except Refused as refused:
                raise refused.at(index) from None
            asked.links.add(link_id)
            await asyncio.sleep(0)  # a long chain of large scopes takes a while: others get their turn

    async def require_all_handed_on(self, handed_on: Sequence[HandedOn], now_ms: int) -> None:
        """Require that the policy permits the handoffs of several chains; as `require_handed_on`.

        Some chains at a time, where that is done elsewhere. What is refused first in their order is raised.
        """
        rules, asked = self._policy(), Asked()
        if Action.HAND_OFF in rules.gives_freely:
            return
        for start in range(0, len(handed_on), rules.chains_at_a_time):
            some = [
                self.require_handed_on(each.chain, each.links, now_ms, vouched=each.vouched, asked=asked)
                for each in handed_on[start : start + rules.chains_at_a_time]
            ]
            for outcome in await asyncio.gather(*some, return_exceptions=True):
                if outcome is not None:
                    raise outcome

    async def require_unrecorded(
        self, chain: VerifiedChain, audience: str, tool: str, now_ms: int, rules: PolicyRules
    ) -> None:
        """Require that the rules permit the handoffs of a called tool that the service was not told of."""
        if not chain.grant.unrecorded_handoffs or Action.HAND_OFF in rules.gives_freely:
            return
        for index in range(len(chain.links) - 1, 0, -1):
            link_id = chain.links[index].link_id
            known = self._recorded.remembered(link_id)
            if known is None and rules.chains_at_a_time > 1:
                known = await self._recorded.find(link_id)  # sooner than a decision point has answered
            if known is not None and known.judged:
                return  # with all links before it; it was asked about then
            given = await self._handed_on(chain, index, now_ms, ())
            try:
                refused = await self._refused(rules, given, [(audience, tool)], now_ms, Asked())
            except Overloaded as error:  # a guard would take it for a service that is away
                refused = refusal(Reason.POLICY_DENIED, detail=str(error))
            if refused is not None:
                known = known or await self._recorded.find(link_id)
                if known is None or not known.judged:
                    raise _of_call(refused).at(index)
                return

    async def _refused(
        self, rules: PolicyRules, given: GivenScope, tools: Collection[tuple[str, str]], now_ms: int, asked: Asked
    ) -> Refused | None:
        """Say why the policy does not permit that these tools of a scope are given; None if it does."""
        try:
            entries = [rules.entry(*tool) for tool in tools]
            concerns = [rules.policy.concern(given.action, entry.tool, listed=entry.listed) for entry in entries]
            open_ = [pair for pair in zip(entries, concerns, strict=True) if not isinstance(pair[1].answer, Permit)]
            asked.questions += len(open_)
            if asked.questions > rules.scope_questions:
                detail = f"more than {rules.scope_questions} tools in all to ask the policy about: give fewer at a time"
                return refusal(Reason.POLICY_DENIED, detail=detail)
            questions = questions_of_scope(
                given,
                [(entry.tool, entry.listed) for entry, _ in open_],
                session=await self._session(given, [concern for _, concern in open_], now_ms),
                recent=await self._recent(given, [concern for _, concern in open_], now_ms),
                owner=await self._owner(given.agents[-1]) if any(each.reads_owner for _, each in open_) else "",
                now_ms=now_ms,
            )
            refusals = await rules.refusals(questions)
            if refusals and not isinstance(refusals[-1][1], SignIn):
                return _refusal(*refusals[-1])
            return _sign_in_refusal([verdict for _, verdict in refusals if isinstance(verdict, SignIn)])
        except (Refused, StorageError, Overloaded):
            raise
        except Exception as error:  # noqa: BLE001 - a failure to decide is a denial
            log_unexpected("asking the policy about a scope", error)
            return refusal(Reason.INTERNAL)

    async def _session(self, given: GivenScope, concerns: Collection[Concern], now_ms: int) -> TaskSession:
        if not any(each.reads_task for each in concerns):
            return TaskSession()
        session = await self._storage.session(given.task_id) if given.task_id else TaskSession()
        return session.labelled(await self._storage.sticking_labels(given.agents, now_ms))

    async def _recent(self, given: GivenScope, concerns: Collection[Concern], now_ms: int) -> RecentActs | None:
        if not self._agents_remembered or not any(each.reads_agent for each in concerns):
            return None
        return await self._storage.recent_acts(given.acting or given.agents[0], now_ms)

    async def _handed_on(self, chain: VerifiedChain, index: int, now_ms: int, vouched: Collection[int]) -> GivenScope:
        acting = ""
        if self._agents_remembered and self._policy().notes_agents:
            acting = await self._known.acting(chain, now_ms, up_to=index, vouched=vouched)
        return GivenScope(
            action=Action.HAND_OFF,
            scope=chain.links[index].link.scope,
            agents=chain.agents[: index + 1],
            asserted=asserted_agents(chain, now_ms, up_to=index, vouched=vouched),
            principal=chain.principal,
            purpose=chain.purpose,
            task_id=chain.task_id,
            acting=acting,
        )


def _refusal(question: PolicyQuestion, verdict: Verdict) -> Refused:
    tool = tool_id(question.tool.audience, question.tool.tool)
    rules, why = (verdict.rules, verdict.detail) if isinstance(verdict, Denial) else ((), "people approve calls alone")
    undecided = isinstance(verdict, Denial) and verdict.failed
    reason = Reason.SERVICE_UNAVAILABLE if undecided else Reason.POLICY_DENIED
    return refusal(reason, field=",".join(rules[:RECORDED_RULES]), detail=f"{tool}: {why}")


def _of_call(refused: Refused) -> Refused:
    """Give what a call is refused with: a decision, where a scope might be asked about once more."""
    if refused.reason is not Reason.SERVICE_UNAVAILABLE:
        return refused
    return refusal(Reason.POLICY_DENIED, field=refused.field, detail=refused.detail)


def _sign_in_refusal(demands: Collection[SignIn]) -> Refused | None:
    """Say how the principal has to sign in for the whole scope; None if no tool of it demands that."""
    if not demands:
        return None
    verdict = together(demands)
    if isinstance(verdict, SignIn):
        return authentication_required(verdict)
    return refusal(Reason.POLICY_DENIED, field=",".join(verdict.rules[:RECORDED_RULES]), detail=verdict.detail)
