"""Judging a call as far as that goes without the state of its task."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from delegation.core.arguments import Arguments, Value
from delegation.core.authorize import authorize
from delegation.core.call import Proof
from delegation.core.chain import VerifiedChain
from delegation.core.demands import Demand, demands_of
from delegation.core.proof import check_proof
from delegation.core.verify import Verifier
from delegation.errors import Overloaded, Reason, Refused, StorageError, refusal
from delegation.service.feed import RevocationFeed
from delegation.service.given_scopes import GivenScopes
from delegation.service.policy_in_use import PolicyInUse
from delegation.service.policy_rules import PolicyRules
from delegation.service.question import Question
from delegation.service.recorded_links import RecordedLinks
from delegation.service.session_steps import SessionSteps
from delegation.service.unexpected import log_unexpected
from delegation.storage.sessions import SessionStep

_NO_ARGUMENTS: Final[Mapping[str, Value]] = MappingProxyType({})


class Judged(NamedTuple):
    """How far judging a call came: everything that was established before it ended."""

    refusal: Refused | None
    chain: VerifiedChain | None
    proof: Proof | None
    arguments_digest: bytes
    arguments: Mapping[str, Value]
    demands: tuple[Demand, ...] = ()


class Examined(NamedTuple):
    """A call that was judged without the state of its task.

    Attributes:
        refusal: why it is refused whatever the state; None if it is not.
        chain: its chain, if that was verified.
        arguments_digest: of its arguments, 32 bytes.
        step: its part in the state of its task; None if that does not matter.
    """

    refusal: Refused | None
    chain: VerifiedChain | None
    arguments_digest: bytes
    step: SessionStep | None


class Judging:
    """Judges calls, and makes their parts in the state of their tasks.

    Args:
        feed: tells what is revoked.
        verifier: verifies chains.
        recorded: the links that the service has recorded.
        sessions: makes a call's part in the state of its task.
        policy: the operator's rules.
        given: asks them about scopes that were handed on without the service.
    """

    def __init__(
        self,
        *,
        feed: RevocationFeed,
        verifier: Verifier,
        recorded: RecordedLinks,
        sessions: SessionSteps,
        policy: PolicyInUse,
        given: GivenScopes,
    ) -> None:
        self._feed = feed
        self._verifier = verifier
        self._recorded = recorded
        self._sessions = sessions
        self._policy = policy
        self._given = given

    async def __call__(self, question: Question, now_ms: int, rules: PolicyRules) -> Judged:
        """Verify, then authorize, apart from what needs state; say how far that came.

        Raises:
            StorageError: the database does not answer.
            Overloaded: too many questions to a decision point are under way.
        """
        chain: VerifiedChain | None = None
        proof: Proof | None = None
        digest, values = b"", _NO_ARGUMENTS
        try:
            chain = await self._verified(question.token, now_ms)
            arguments = Arguments.parse(question.arguments_json)
            digest, values = arguments.digest, arguments.values
            proof = check_proof(
                question.proof,
                chain,
                audience=question.audience,
                tool=question.tool,
                arguments_digest=digest,
                now_ms=now_ms,
            )
            audience, tool = question.audience, question.tool
            authorize(chain, audience=audience, tool=tool, arguments=arguments, conditions="elsewhere")
            rules.require_pinned(audience, tool, question.declared)
            await self._given.require_unrecorded(chain, audience, tool, now_ms, rules)
            demands = demands_of(chain, audience=audience, tool=tool, arguments=values, approvals="elsewhere")
        except Refused as error:
            refused = error
        except (StorageError, Overloaded):
            raise  # there is no decision, so none is recorded: whoever asks again may get one
        except Exception as error:  # noqa: BLE001 - a failure to decide is a denial
            log_unexpected("deciding a call", error)
            refused = refusal(Reason.INTERNAL)
        else:
            return Judged(None, chain, proof, digest, values, demands)
        return Judged(refused, chain, proof, digest or hashlib.sha256(question.arguments_json).digest(), values)

    async def step(self, question: Question, judged: Judged, now_ms: int, rules: PolicyRules) -> SessionStep | None:
        """Make the call's part in the state of its task. Who has not shown that the call is its own has none.

        Raises:
            StorageError: the database does not answer.
        """
        chain, audience, tool = judged.chain, question.audience, question.tool
        if chain is None or judged.proof is None:
            return None
        if judged.refusal is not None:
            return await self._sessions.refused(
                chain,
                judged.refusal,
                audience=audience,
                tool=tool,
                now_ms=now_ms,
                rules=rules,
                declared=question.declared,
            )
        return await self._sessions.permitted(
            chain,
            audience=audience,
            tool=tool,
            arguments=judged.arguments,
            arguments_digest=judged.arguments_digest,
            demands=judged.demands,
            now_ms=now_ms,
            rules=rules,
            fulfils=question.fulfils,
            declared=question.declared,
        )

    async def examine(self, question: Question, now_ms: int) -> Examined:
        """Judge a call as far as that goes without the state of its task, and give its part in that. Decides nothing.

        Raises:
            StorageError: the database does not answer.
        """
        rules = self._policy()
        judged = await self(question, now_ms, rules)
        step = await self.step(question, judged, now_ms, rules)
        return Examined(judged.refusal, judged.chain, judged.arguments_digest, step)

    async def _verified(self, token: bytes, now_ms: int) -> VerifiedChain:
        """Verify a chain; where its receipt is missing, the service's own memory will do."""
        if not token:
            raise refusal(Reason.CHAIN_MISSING)
        try:
            chain = self._verifier.verify(token, now_ms=now_ms, revocations=self._feed.state)
        except Refused as error:
            if error.reason is not Reason.RECEIPT_MISSING:
                raise
            chain = self._verifier.verify(token, now_ms=now_ms, revocations=self._feed.state, require_receipt=False)
            if await self._recorded.find(chain.digest) is None:
                raise
        # What the grant key has signed elsewhere is no grant of this service: a stolen key alone buys nothing here.
        grant = chain.links[0].link_id
        if (self._recorded.remembered(grant) or await self._recorded.find(grant)) is None:
            raise refusal(Reason.RECEIPT_MISSING, link_index=0, detail="this service has not recorded the grant")
        return chain
