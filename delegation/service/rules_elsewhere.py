"""The operator's rules where a decision point has them: about every tool, and whatever may be known of a call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import reduce

from delegation.core.chain import VerifiedChain
from delegation.core.trust import Catalogue, CatalogueTool
from delegation.errors import Reason, refusal
from delegation.policy.port import Action, Concern, Consent, Denial, PolicyQuestion, Reads, RemotePolicy, Verdict
from delegation.service.both_ways import both_ways, stricter
from delegation.service.call_in_session import CallInSession
from delegation.service.decision_point import Answers, DecisionPoint
from delegation.service.ids import Clock
from delegation.service.policy_rules import PolicyRules


class RulesElsewhere(PolicyRules):
    """A decision point in the place of rules.

    Args:
        point: the decision point.
        catalogue: the tools that it is told of.
        now_ms: the time: a chain that has expired while it was asked permits nothing.
        catalogue_digest: SHA-256 of the catalogue; empty: there is none.
        dev: tools that are not listed count as if they were, and harmless.
    """

    scope_questions = 1024  # each takes a journey, and about a millisecond here
    chains_at_a_time = 4

    def __init__(
        self,
        point: DecisionPoint,
        catalogue: Catalogue,
        *,
        now_ms: Clock,
        catalogue_digest: bytes = b"",
        dev: bool = False,
    ) -> None:
        super().__init__(_Unknown(point.policy), catalogue, catalogue_digest=catalogue_digest, dev=dev)
        self._point = point
        self._now_ms = now_ms

    def answers(self, chain: VerifiedChain, acting: str) -> Answers:
        """Begin to ask about a call; as `PolicyRules.answers`."""
        return Answers(self._point, holder=chain.agents[0], task=chain.task_id.hex(), agent=acting)

    def _verdict(
        self, call: CallInSession, question: PolicyQuestion, consented: Callable[[tuple[Consent, ...]], bool]
    ) -> Verdict:
        """Give what the decision point has said about just this question; of consent it knows nothing.

        Raises:
            UnansweredError: it was not asked, or about another state of the task.
            OutsideTime: EXPIRED; the chain has, while it was asked.
        """
        del consented
        if call.answers is None:
            return self.policy.decide(question)
        verdict = reduce(stricter, call.answers.to(both_ways(question, call.undeclared)))
        if self._now_ms() >= call.chain.expires_at_ms:
            raise refusal(Reason.EXPIRED, link_index=len(call.chain.links) - 1)
        return verdict

    async def refusals(self, questions: Sequence[PolicyQuestion]) -> list[tuple[PolicyQuestion, Verdict]]:
        """Ask about a scope, some questions at a time; as `PolicyRules.refusals`.

        Raises:
            Overloaded: too many wait for the decision point.
        """
        return await self._point.refusals([each for question in questions for each in both_ways(question)])


class _Unknown:
    """Rules that nobody here can read: any of them may concern any tool, and read whatever is known."""

    reads_history = True
    reads_agents = True

    def __init__(self, policy: RemotePolicy) -> None:
        self.digest = policy.digest
        self._concern = Concern(None, reads_owner=True, reads_task=True, reads_agent=True)
        self._reads = Reads(policy.told)

    def sign_in(self, rules: Collection[str]) -> None:
        """Know of none: a decision point demands no sign-in."""
        del rules

    def permits_all(self, action: Action) -> bool:
        del action
        return False

    def concern(self, action: Action, tool: CatalogueTool, *, listed: bool) -> Concern:
        del action, tool, listed
        return self._concern

    def reads(self, action: Action, tool: CatalogueTool, *, listed: bool) -> Reads:
        del action, tool, listed
        return self._reads

    def decide(self, question: PolicyQuestion) -> Verdict:
        del question
        return Denial((), "a decision point decides, and it was not asked")
