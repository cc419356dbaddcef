"""Answers: statements and the feed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from google.protobuf.message import Message

from conformance.answering import Answer, Given, accepted, refusing, trust_of, value_of
from conformance.deciding import verified
from conformance.vectors import data
from delegation.core import attest, codec
from delegation.core.approval import require_approval_of
from delegation.core.arguments import Arguments
from delegation.core.break_glass import require_covers
from delegation.core.conditions import approved_by
from delegation.core.limits import DOCUMENT_BYTES, STATEMENT_BYTES
from delegation.core.observation import is_observed
from delegation.core.revocation import Revocation, RevocationState, require_not_ahead
from delegation.core.statement import StatementKind
from delegation.core.trust import KeyPurpose, TrustBundle, TrustedKey
from delegation.v1 import statement_pb2

_STATEMENTS: Final[dict[str, tuple[Callable[[Any, bytes], Any], type[Message]]]] = {
    "receipt": (attest.open_receipt, statement_pb2.Receipt),
    "binding": (attest.open_binding, statement_pb2.Binding),
    "outcome": (attest.open_outcome, statement_pb2.Outcome),
    "approval": (lambda signed, public: attest.open_approval(signed, _only(public), now_ms=2), statement_pb2.Approval),
    "signed_approval": (lambda signed, public: attest.open_own_approval(signed, [public]), statement_pb2.Approval),
    "revocation_feed": (
        lambda signed, public: attest.open_feed_entry(signed, _only(public), now_ms=2),
        statement_pb2.RevocationFeedEntry,
    ),
}


def _only(public: bytes) -> TrustBundle:
    return TrustBundle("example.org", 1, 1, 2**50, (TrustedKey(KeyPurpose.STATEMENT, public, 1),))


@refusing
def statement(given: Given) -> Answer:
    signed = codec.decode_statement(data(given["statement"]), _limit(given["kind"]))
    opened, message = _STATEMENTS[given["kind"]]
    opened(signed, bytes.fromhex(given["public_key"]))
    return accepted(value=value_of(message.FromString(signed.payload)))


def _limit(kind: str) -> int:
    return DOCUMENT_BYTES if kind == StatementKind.REVOCATION_FEED else STATEMENT_BYTES


@refusing
def offer(given: Given) -> Answer:
    signed = codec.decode_statement(data(given["statement"]))
    opened = attest.open_offer(signed, now_ms=given["now_ms"], delegator=given["delegator"])
    if opened.agent != given["agent"]:  # the flows do this, each in its place
        return {"refused": {"reason": "offer_invalid", "layer": "statement"}}
    return accepted(value=value_of(statement_pb2.Offer.FromString(signed.payload)))


@refusing
def approval(given: Given) -> Answer:
    chain, now_ms = verified(given), given["now_ms"]
    signed = codec.decode_statement(data(given["statement"]))
    require_approval_of(
        attest.open_approval(signed, trust_of(given["trust"]), now_ms=now_ms),
        approved_by(*given["approvers"]),
        chain,
        audience=given["audience"],
        tool=given["tool"],
        arguments_digest=Arguments.parse(data(given["arguments"])).digest,
        now_ms=now_ms,
    )
    return accepted()


@refusing
def break_glass(given: Given) -> Answer:
    signed, now_ms = codec.decode_statement(data(given["statement"])), given["now_ms"]
    root = bytes.fromhex(given["root_key"])
    order = attest.open_break_glass(signed, trust_of(given["trust"]), root, now_ms=now_ms)
    effects = codec.effects_from_numbers(given["effects"])
    require_covers(order, audience=given["audience"], effects=effects, now_ms=now_ms)
    return accepted(value=value_of(statement_pb2.BreakGlass.FromString(signed.payload)))


@refusing
def bundle(given: Given) -> Answer:
    signed = codec.decode_statement(data(given["statement"]), DOCUMENT_BYTES)
    root = bytes.fromhex(given["root_key"])
    attest.open_bundle(signed, root, now_ms=given["now_ms"], known_version=given["known_version"])
    return accepted(value=value_of(statement_pb2.TrustBundle.FromString(signed.payload)))


@refusing
def catalogue(given: Given) -> Answer:
    trust = TrustBundle("example.org", 1, 1, 2**50, (), bytes.fromhex(given["catalogue_digest"]))
    found = attest.open_catalogue(data(given["catalogue"]), trust)
    return accepted(local=[found.is_local(each["audience"], each["tool"]) for each in given["tools"]])


@refusing
def observation(given: Given) -> Answer:
    digest, issued_at_ms = bytes.fromhex(given["catalogue_digest"]), given["issued_at_ms"]
    trust = TrustBundle("example.org", 1, issued_at_ms, given["expires_at_ms"], (), digest)
    found = attest.open_catalogue(data(given["catalogue"]), trust)
    entries = [found.find(each["audience"], each["tool"]) for each in given["tools"]]
    return accepted(observed=[is_observed(entry, trust, given["now_ms"]) for entry in entries])


@refusing
def batch(given: Given) -> Answer:
    opened = attest.open_batch(codec.decode_statement(data(given["statement"]), DOCUMENT_BYTES))
    attest.open_records(opened)
    return accepted(
        guard_key=opened.guard_key.hex(),
        first_sequence=opened.first_sequence,
        next_sequence=opened.next_sequence,
        head=opened.head.hex(),
        records=[value_of(statement_pb2.DecisionRecord.FromString(record)) for record in opened.records],
    )


def feed(given: Given) -> Answer:
    trust, state = trust_of(given["trust"]), RevocationState()

    @refusing
    def take(piece: Given) -> Answer:
        signed = codec.decode_statement(data(piece["statement"]), DOCUMENT_BYTES)
        entry = attest.open_feed_entry(signed, trust, now_ms=piece["now_ms"])
        require_not_ahead(entry, piece["now_ms"])
        state.apply(entry, monotonic_ms=piece["monotonic_ms"])
        return accepted(position=state.position, revoked=_sorted(state.revocations()))

    @refusing
    def ask(asked: Given) -> Answer:
        state.require_fresh(asked["maximum_age_ms"], now_ms=asked["now_ms"], monotonic_ms=asked["monotonic_ms"])
        return accepted()

    answers = [take(piece) for piece in given["pieces"]]
    return {"each": answers + ([ask(given["asked"])] if "asked" in given else [])}


def _sorted(revocations: Iterable[Revocation]) -> list[Given]:
    plain = [{"kind": str(each.kind), "id": each.id.hex()} for each in revocations]
    return sorted(plain, key=lambda each: (each["kind"], each["id"]))
