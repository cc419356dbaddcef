"""AuthorizationService: read the message, call the use case, write the answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from delegation.identity.port import Caller
from delegation.server.incoming import in_order
from delegation.service.authorize_or_ask import AuthorizeOrAsk
from delegation.service.consume_proof import ConsumeProof
from delegation.service.question import Question
from delegation.service.record_decisions import RecordDecisions
from delegation.service.report_outcome import ReportOutcome
from delegation.v1 import authorization_service_pb2 as pb
from delegation.wire import authorization as wire

AT_A_TIME: Final = 64
"""Calls of one stream that are decided side by side."""


class AuthorizationRpcs:
    """The RPCs, by the contract's names."""

    def __init__(
        self,
        *,
        authorize: AuthorizeOrAsk,
        consume_proof: ConsumeProof,
        record_decisions: RecordDecisions,
        report_outcome: ReportOutcome,
    ) -> None:
        self._authorize = authorize
        self._consume_proof = consume_proof
        self._record_decisions = record_decisions
        self._report_outcome = report_outcome

    async def Authorize(self, caller: Caller, message: pb.AuthorizeRequest) -> pb.AuthorizeResponse:
        """Decide one call."""
        call = wire.read_authorize_request(message)
        question = Question(
            call.audience,
            call.tool,
            call.token,
            call.proof,
            call.arguments_json,
            call.attempt,
            call.trace,
            frozenset(call.fulfils),
            call.declared,
        )
        decision = await self._authorize(caller, question)
        return wire.authorize_response_message(
            decision.call_id,
            decision.decided_at_ms,
            decision.refusal,
            decision.obligations,
            observed=decision.observed,
        )

    async def AuthorizeStream(
        self, caller: Caller, messages: AsyncIterator[pb.AuthorizeStreamRequest]
    ) -> AsyncIterator[pb.AuthorizeStreamResponse]:
        """Decide calls side by side, and answer in their order."""

        async def decide(message: pb.AuthorizeStreamRequest) -> pb.AuthorizeStreamResponse:
            return pb.AuthorizeStreamResponse(decision=await self.Authorize(caller, message.call))

        async for answer in in_order(messages, decide, window=AT_A_TIME):
            yield answer

    async def ConsumeProof(self, caller: Caller, message: pb.ConsumeProofRequest) -> pb.ConsumeProofResponse:
        """Use up a proof."""
        proof = wire.read_consume_proof_request(message)
        await self._consume_proof(
            caller,
            audience=proof.audience,
            chain_digest=proof.chain_digest,
            nonce=proof.nonce,
            issued_at_ms=proof.issued_at_ms,
        )
        return pb.ConsumeProofResponse()

    async def RecordDecisions(
        self, caller: Caller, messages: AsyncIterator[pb.RecordDecisionsRequest]
    ) -> AsyncIterator[pb.RecordDecisionsResponse]:
        """Record batches, one after another."""
        async for message in messages:
            request = wire.read_record_decisions_request(message)
            next_sequence = await self._record_decisions(caller, request.batch, request.tokens)
            yield pb.RecordDecisionsResponse(next_sequence=next_sequence)

    async def ReportOutcome(self, caller: Caller, message: pb.ReportOutcomeRequest) -> pb.ReportOutcomeResponse:
        """Record what came of a call."""
        request = wire.read_report_outcome_request(message)
        await self._report_outcome(caller, request.outcome, request.guard_key)
        return pb.ReportOutcomeResponse()
