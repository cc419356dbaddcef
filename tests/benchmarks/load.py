"""The load on the service: real chains, fresh proofs and new links, made ready as bytes before anything is timed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Final

from chains import AUDIENCE, TOOL, Chain, arguments, in_turn, scope_at, trace_ids
from measure import MeasurementFailedError
from processes import Service

from delegation.core.arguments import Arguments
from delegation.core.codec import add_statements
from delegation.core.conditions import Condition
from delegation.core.records import DecisionRecord
from delegation.core.scope import Capability
from delegation.core.statement import SignedStatement
from delegation.v1 import authorization_service_pb2 as authorization_pb
from delegation.v1 import delegation_service_pb2 as delegation_pb
from delegation.wire import authorization, delegation
from delegation.wire.authorization import CallToDecide, authorize_request_message
from support.caller import Caller, GuardRecords, links_of, new_key, nonce, now_ms

AUTHORIZE: Final = "/delegation.v1.AuthorizationService/Authorize"
AUTHORIZE_STREAM: Final = "/delegation.v1.AuthorizationService/AuthorizeStream"
HAND_OFF: Final = "/delegation.v1.DelegationService/HandOff"
RECORD_DECISIONS: Final = "/delegation.v1.AuthorizationService/RecordDecisions"
CHAINS: Final = 64
_HANDED_OFF_AT_ONCE: Final = 32


class Load:
    """Requests of agents and tools under one task: chains of three links, each with its receipt.

    Args:
        service: who has granted and recorded them.
        audience: who serves the tool.
        conditions: of every link, the grant's too.
        besides: what else the grant permits; it is not handed on.
    """

    def __init__(
        self,
        service: Service,
        *,
        audience: str = AUDIENCE,
        conditions: tuple[Condition, ...] = (),
        besides: Sequence[Capability] = (),
    ) -> None:
        self.audience = audience
        with service.channel() as channel:
            caller = Caller(channel)
            scope = scope_at(0, audience=audience, conditions=conditions)
            self.grant = caller.grant(*scope.capabilities, *besides, max_depth=8)
            task = Chain(links_of(self.grant.token), (self.grant.key,), audience, conditions)
            self.parents = [chain for chain, _ in _recorded(caller, [task.child(now_ms()) for _ in range(CHAINS)])]
            self._chains = _recorded(caller, [parent.child(now_ms()) for parent in self.parents])

    def calls(self, count: int) -> list[CallToDecide]:
        """Make calls, each with its own arguments and proof."""
        return [self._call(number) for number in range(count)]

    def authorize(self, count: int) -> list[bytes]:
        """Make requests for `Authorize`."""
        return [authorize_request_message(call).SerializeToString() for call in self.calls(count)]

    def authorize_stream(self, count: int) -> list[bytes]:
        """Make requests for `AuthorizeStream`."""
        messages = [authorize_request_message(call) for call in self.calls(count)]
        return [authorization_pb.AuthorizeStreamRequest(call=each).SerializeToString() for each in messages]

    def hand_off(self, count: int, *, idempotent: bool) -> list[bytes]:
        """Make requests for `HandOff`: a third link each, with an idempotency key as the SDK sends one, or without."""
        requests = []
        for number in range(count):
            child = in_turn(self.parents, number).child(now_ms())
            request = delegation.HandOffRequest((child.token,), secrets.token_hex(16) if idempotent else "")
            requests.append(delegation.hand_off_request_message(request).SerializeToString())
        return requests

    def batches(self, guard: GuardRecords, sizes: Sequence[int]) -> list[bytes]:
        """Make a guard's next batches of decision records, with the proof that each record keeps."""
        messages = []
        for size in sizes:
            batch = guard.batch(*(self._record(number) for number in range(size)))
            tokens = [token for _, token in self._chains] if guard.next_sequence == 1 + size else []
            message = authorization.record_decisions_request_message(batch, tokens)
            messages.append(message.SerializeToString())
        return messages

    def _call(self, number: int) -> CallToDecide:
        chain, token = in_turn(self._chains, number)
        asked = Arguments.of(arguments(number))
        proof = chain.proof(asked, now_ms())
        return CallToDecide(token, proof, self.audience, TOOL, asked.canonical, nonce(), trace_ids())

    def _record(self, number: int) -> DecisionRecord:
        chain, _ = in_turn(self._chains, number)
        asked = Arguments.of(arguments(number))
        return DecisionRecord(
            call_id=time_ordered(),
            chain_digest=chain.links[-1].link_id,
            audience=self.audience,
            tool=TOOL,
            arguments_digest=asked.digest,
            decided_at_ms=now_ms(),
            allowed=True,
            reason="",
            link_index=None,
            feed_position=0,
            proof=chain.proof(asked, now_ms()),
            trace=trace_ids(),
        )


def new_guard() -> GuardRecords:
    """Make the key and numbering of a guard."""
    return GuardRecords(new_key())


def time_ordered() -> bytes:
    """Make an id as a guard makes it: sorted by time."""
    return (time.time_ns() // 1_000_000).to_bytes(6, "big") + secrets.token_bytes(10)


def require_all_allowed(answers: Sequence[bytes]) -> None:
    """Require that every answer of `Authorize` permits its call. Raises `MeasurementFailedError`."""
    for answer in answers:
        if not authorization_pb.AuthorizeResponse.FromString(answer).allowed:
            raise MeasurementFailedError("the service refused a call that it should permit")


def require_all_streamed(answers: Sequence[bytes]) -> None:
    """Require the same of `AuthorizeStream`."""
    for answer in answers:
        if not authorization_pb.AuthorizeStreamResponse.FromString(answer).decision.allowed:
            raise MeasurementFailedError("the service refused a call that it should permit")


def require_all_recorded(answers: Sequence[bytes]) -> None:
    """Require a receipt in every answer of `HandOff`. Raises `MeasurementFailedError`."""
    for answer in answers:
        (handoff,) = delegation_pb.HandOffResponse.FromString(answer).handoffs
        if not handoff.receipt.signature:
            raise MeasurementFailedError("the service recorded a handoff without a receipt")


def _recorded(caller: Caller, chains: Sequence[Chain]) -> list[tuple[Chain, bytes]]:
    """Have handoffs recorded; give each with its token and receipt."""
    found: list[tuple[Chain, bytes]] = []
    for start in range(0, len(chains), _HANDED_OFF_AT_ONCE):
        group = chains[start : start + _HANDED_OFF_AT_ONCE]
        request = delegation.HandOffRequest(tuple(chain.token for chain in group))
        answer = caller.ask(caller.delegation.HandOff, delegation.hand_off_request_message(request))
        for chain, handoff in zip(group, delegation.read_hand_off_response(answer), strict=True):
            statements: list[SignedStatement] = [handoff.receipt]
            statements += [handoff.binding] if handoff.binding else []
            found.append((chain, add_statements(chain.token, statements)))
    return found
