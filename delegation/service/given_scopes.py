"""What the operator's policy says to a scope that is given: granted, granted anew, or handed on; also when told late.

It is asked about every tool of the scope. No call is decided by it: what is given is judged again call by call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from delegation.core.chain import VerifiedChain
from delegation.core.session import TaskSession
from delegation.core.tool_id import tool_id
from delegation.errors import Reason, Refused, StorageError, refusal
from delegation.policy.port import Action, Concern, Denial, Permit, PolicyQuestion, Verdict
from delegation.service.policy_questions import GivenScope, asserted_agents, questions_of_scope
from delegation.service.policy_rules import RECORDED_RULES, PolicyInUse, PolicyRules
from delegation.service.recorded_links import RecordedLinks
from delegation.service.unexpected import log_unexpected
from delegation.storage.port import Storage


class GivenScopes:
    """Asks the policy about scopes.

    Args:
        policy: the version in use.
        storage: where the state of tasks is.
        recorded: the links that are recorded: those were asked about.
        owner: tells who answers for an agent; empty if nobody does.
    """

    def __init__(
        self,
        policy: PolicyInUse,
        storage: Storage,
        *,
        recorded: RecordedLinks,
        owner: Callable[[str], Awaitable[str]],
    ) -> None:
        self._policy = policy
        self._storage = storage
        self._recorded = recorded
        self._owner = owner

    async def require(self, given: GivenScope, now_ms: int) -> None:
        """Require that the policy permits what is given.

        Raises:
            PolicyDenied: POLICY_DENIED; `field` names the rules.
            Undecided: INTERNAL; it could not be decided.
            StorageError: the state of the task cannot be read.
        """
        rules = self._policy()
        if given.action in rules.gives_freely:
            return
        try:
            refused = await self._refused(rules, given, now_ms)
        except (Refused, StorageError):
            raise
        except Exception as error:  # noqa: BLE001 - a failure to decide is a denial
            log_unexpected("asking the policy about a scope", error)
            raise refusal(Reason.INTERNAL) from None
        if refused is not None:
            raise refused

    async def require_handed_on(
        self,
        chain: VerifiedChain,
        links: Collection[int],
        now_ms: int,
        *,
        vouched: Collection[int] = (),
    ) -> None:
        """Require that the policy permits these handoffs of a chain, by their places; as `require`, at the link.

        `vouched` are the links whose holders somebody vouches for beyond what the chain itself shows.
        """
        if Action.HAND_OFF in self._policy().gives_freely:
            return
        for index in sorted(links):
            try:
                await self.require(_handed_on(chain, index, now_ms, vouched), now_ms)
            except Refused as refused:
                raise refused.at(index) from None

    async def require_unrecorded(self, chain: VerifiedChain, now_ms: int) -> None:
        """Require that the policy permits the handoffs of a chain that the service was not told of."""
        if not chain.grant.unrecorded_handoffs or Action.HAND_OFF in self._policy().gives_freely:
            return
        first = len(chain.links)
        while first > 1 and await self._recorded.find(chain.links[first - 1].link_id) is None:
            first -= 1
        await self.require_handed_on(chain, range(first, len(chain.links)), now_ms)

    async def _refused(self, rules: PolicyRules, given: GivenScope, now_ms: int) -> Refused | None:
        entries = [rules.entry(each.audience, each.tool) for each in given.scope.capabilities]
        concerns = [rules.policy.concern(given.action, entry.tool, listed=entry.listed) for entry in entries]
        questions = questions_of_scope(
            given,
            [(entry.tool, entry.listed) for entry in entries],
            session=await self._session(given, concerns, now_ms),
            owner=await self._owner(given.agents[-1]) if any(each.reads_owner for each in concerns) else "",
            now_ms=now_ms,
        )
        for question in questions:
            verdict = rules.policy.decide(question)
            if not isinstance(verdict, Permit):
                return _refusal(question, verdict)
        return None

    async def _session(self, given: GivenScope, concerns: Collection[Concern], now_ms: int) -> TaskSession:
        if not any(each.reads_task for each in concerns):
            return TaskSession()
        session = await self._storage.session(given.task_id) if given.task_id else TaskSession()
        return session.labelled(await self._storage.sticking_labels(given.agents, now_ms))


def _handed_on(chain: VerifiedChain, index: int, now_ms: int, vouched: Collection[int]) -> GivenScope:
    return GivenScope(
        action=Action.HAND_OFF,
        scope=chain.links[index].link.scope,
        agents=chain.agents[: index + 1],
        asserted=asserted_agents(chain, now_ms, up_to=index, vouched=vouched),
        principal=chain.principal,
        purpose=chain.purpose,
        task_id=chain.task_id,
    )


def _refusal(question: PolicyQuestion, verdict: Verdict) -> Refused:
    tool = tool_id(question.tool.audience, question.tool.tool)
    rules, why = (verdict.rules, verdict.detail) if isinstance(verdict, Denial) else ((), "people approve calls alone")
    return refusal(Reason.POLICY_DENIED, field=",".join(rules[:RECORDED_RULES]), detail=f"{tool}: {why}")
