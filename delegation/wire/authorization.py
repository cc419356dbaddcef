"""Messages of AuthorizationService: deciding calls, and recording what guards decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from delegation.core import limits
from delegation.core.chain import TraceIds
from delegation.core.codec import statement_from_message as read_statement
from delegation.core.codec import statement_to_message as statement_message
from delegation.core.declaration import NOTHING_DECLARED, Declaration
from delegation.core.statement import SignedStatement
from delegation.errors import InvalidRequest, Refused
from delegation.v1 import authorization_service_pb2 as pb
from delegation.wire.declarations import effect_numbers_of, read_declaration
from delegation.wire.fields import at_most, moment_ms, printable, service_answer, sized, trace_ids
from delegation.wire.refusals import read_refusal, refusal_message

ATTEMPT_BYTES: Final = 16
MOST_OBLIGATIONS: Final = 16


@dataclass(frozen=True, slots=True)
class CallToDecide:
    """A call that a tool was asked for. What came with the call is as it came: nobody has looked at it.

    Attributes:
        token: The token that came with the call.
        proof: The proof that came with the call.
        audience: Whom the tool speaks for.
        tool: What is called.
        arguments_json: The arguments as the tool will use them, RFC 8785.
        attempt: 16 random bytes, drawn when the call reached the guard; the same when it asks again.
        trace: The decision's span.
        fulfils: The obligations that the tool fulfils where a permission demands them.
        declared: What the tool says of itself.
    """

    token: bytes = field(repr=False)
    proof: bytes = field(repr=False)
    audience: str
    tool: str
    arguments_json: bytes = field(repr=False)
    attempt: bytes
    trace: TraceIds | None = None
    fulfils: tuple[str, ...] = ()
    declared: Declaration = NOTHING_DECLARED


@dataclass(frozen=True, slots=True)
class Decision:
    """The service's decision on a call; `refusal` is None if and only if it is permitted.

    `obligations` are what the permission demands of the tool. A refused call may run all the same if it is `observed`.
    """

    call_id: bytes
    decided_at_ms: int
    refusal: Refused | None = None
    obligations: tuple[str, ...] = ()
    observed: bool = False


@dataclass(frozen=True, slots=True)
class ProofToConsume:
    """A proof that a guard wants to be the only one to accept."""

    audience: str
    nonce: bytes
    issued_at_ms: int
    chain_digest: bytes


@dataclass(frozen=True, slots=True)
class DecisionsToRecord:
    """A guard's signed batch of decision records, and tokens of chains it has not sent before."""

    batch: SignedStatement
    tokens: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class OutcomeToReport:
    """A guard's signed word on what came of a call, and the guard's key."""

    outcome: SignedStatement
    guard_key: bytes


# -- Authorize -----------------------------------------------------------------------------------------------


def authorize_request_message(call: CallToDecide) -> pb.AuthorizeRequest:
    """Make the message of a call to be decided."""
    trace, declared = call.trace, call.declared
    return pb.AuthorizeRequest(
        token=call.token,
        proof=call.proof,
        audience=call.audience,
        tool=call.tool,
        arguments_json=call.arguments_json,
        trace_id=trace.trace_id if trace else b"",
        span_id=trace.span_id if trace else b"",
        attempt=call.attempt,
        fulfils=call.fulfils,
        declared_effects=effect_numbers_of(declared),
        declared_labels=sorted(declared.labels),
        manifest_digest=declared.manifest_digest,
    )


def read_authorize_request(message: pb.AuthorizeRequest) -> CallToDecide:
    """Read a call to be decided. Raises `InvalidRequest` for what only a broken guard would send.

    Token, proof and arguments are the caller's: what is wrong with them is a denial to be recorded,
    and so is judged later.
    """
    return CallToDecide(
        message.token,
        message.proof,
        printable(message.audience, limits.NAME_BYTES, "audience"),
        printable(message.tool, limits.NAME_BYTES, "tool"),
        message.arguments_json,
        sized(message.attempt, ATTEMPT_BYTES, "attempt"),
        trace_ids(message.trace_id, message.span_id),
        _obligations(message.fulfils, "fulfils") if message.fulfils else (),
        read_declaration(message.declared_effects, message.declared_labels, message.manifest_digest),
    )


def authorize_response_message(
    call_id: bytes,
    decided_at_ms: int,
    refused: Refused | None,
    obligations: Sequence[str] = (),
    *,
    observed: bool = False,
) -> pb.AuthorizeResponse:
    """Make the message of a decision."""
    if refused is None:
        return pb.AuthorizeResponse(call_id=call_id, allowed=True, decided_at_ms=decided_at_ms, obligations=obligations)
    return pb.AuthorizeResponse(
        call_id=call_id, refusal=refusal_message(refused), decided_at_ms=decided_at_ms, observed=observed
    )


def read_authorize_response(message: pb.AuthorizeResponse) -> Decision:
    """Read a decision. Raises `RequestFailed` for an answer that is none; that is a denial, too."""
    with service_answer():
        call_id = sized(message.call_id, limits.CALL_ID_BYTES, "call_id")
        if message.allowed is message.HasField("refusal"):
            raise InvalidRequest("a decision permits or says why not")
        refused = None if message.allowed else read_refusal(message.refusal)
        obligations = _obligations(message.obligations, "obligations")
        if refused is not None and obligations:
            raise InvalidRequest("a refusal has no obligations")
        if refused is None and message.observed:
            raise InvalidRequest("a permission needs no observation")
        decided_at_ms = moment_ms(message.decided_at_ms, "decided_at_ms")
        return Decision(call_id, decided_at_ms, refused, obligations, message.observed)


def _obligations(names: Sequence[str], field_name: str) -> tuple[str, ...]:
    if len(names) > MOST_OBLIGATIONS:
        raise InvalidRequest(f"{field_name} may have {MOST_OBLIGATIONS} names, it has {len(names)}")
    return tuple(printable(name, limits.NAME_BYTES, field_name) for name in names)


# -- ConsumeProof --------------------------------------------------------------------------------------------


def consume_proof_request_message(proof: ProofToConsume) -> pb.ConsumeProofRequest:
    """Make the message of a proof to be used up."""
    return pb.ConsumeProofRequest(
        audience=proof.audience,
        nonce=proof.nonce,
        issued_at_ms=proof.issued_at_ms,
        chain_digest=proof.chain_digest,
    )


def read_consume_proof_request(message: pb.ConsumeProofRequest) -> ProofToConsume:
    """Read a proof to be used up. Raises `InvalidRequest`."""
    return ProofToConsume(
        audience=printable(message.audience, limits.NAME_BYTES, "audience"),
        nonce=sized(message.nonce, limits.NONCE_BYTES, "nonce"),
        issued_at_ms=moment_ms(message.issued_at_ms, "issued_at_ms"),
        chain_digest=sized(message.chain_digest, limits.LINK_ID_BYTES, "chain_digest"),
    )


# -- RecordDecisions -----------------------------------------------------------------------------------------


def record_decisions_request_message(batch: SignedStatement, tokens: Sequence[bytes] = ()) -> pb.RecordDecisionsRequest:
    """Make the message of a batch of decision records."""
    return pb.RecordDecisionsRequest(batch=statement_message(batch), tokens=tokens)


def read_record_decisions_request(message: pb.RecordDecisionsRequest) -> DecisionsToRecord:
    """Read a batch; its signature is not checked. Raises `InvalidRequest`, `Malformed`."""
    if not message.HasField("batch"):
        raise InvalidRequest("batch is missing")
    tokens = tuple(message.tokens)
    if len(tokens) > limits.BATCH_TOKENS:
        raise InvalidRequest(f"a batch brings at most {limits.BATCH_TOKENS} tokens, this one {len(tokens)}")
    for token in tokens:
        at_most(token, limits.TOKEN_BYTES, "a token")
    return DecisionsToRecord(read_statement(message.batch), tokens)


# -- ReportOutcome -------------------------------------------------------------------------------------------


def report_outcome_request_message(outcome: SignedStatement, guard_key: bytes) -> pb.ReportOutcomeRequest:
    """Make the message of an outcome."""
    return pb.ReportOutcomeRequest(outcome=statement_message(outcome), guard_key=guard_key)


def read_report_outcome_request(message: pb.ReportOutcomeRequest) -> OutcomeToReport:
    """Read an outcome; its signature is not checked. Raises `InvalidRequest`, `Malformed`."""
    if not message.HasField("outcome"):
        raise InvalidRequest("outcome is missing")
    guard_key = sized(message.guard_key, limits.KEY_BYTES, "guard_key")
    return OutcomeToReport(read_statement(message.outcome), guard_key)
