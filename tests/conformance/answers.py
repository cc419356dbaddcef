"""What this project answers to each kind of vector: one function a kind, through the project's own public functions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any, Final

from google.protobuf.message import Message
from google.rpc.code_pb2 import Code

from conformance.vectors import data
from delegation.core import attest, codec
from delegation.core.approval import require_approval_of
from delegation.core.arguments import Arguments
from delegation.core.authorize import authorize
from delegation.core.chain import VerifiedChain
from delegation.core.conditions import approved_by
from delegation.core.constraints import Steps, covers
from delegation.core.keys import Purpose, check_public_key, key_id, link_id, signing_input, verify
from delegation.core.limits import DOCUMENT_BYTES, STATEMENT_BYTES
from delegation.core.proof import check_holder_proof
from delegation.core.revocation import FeedEntry, Revocation, RevocationKind, RevocationState, principal_id
from delegation.core.statement import StatementKind
from delegation.core.trust import KeyPurpose, KeyState, TrustBundle, TrustedKey
from delegation.core.verify import Verifier
from delegation.errors import InvalidRequest, Reason, Refused, layer_of
from delegation.v1 import chain_pb2, errors_pb2, statement_pb2
from delegation.wire.errors import _CODE_OF_LAYER
from delegation_sdk import carriage
from delegation_sdk.replay import ReplayStore

Given = dict[str, Any]
Answer = dict[str, Any]


def answer(vector: Given) -> Answer:
    """Answer one vector, in the form of its `expect`."""
    return ANSWERS[vector["kind"]](vector["input"])


def accepted(**outputs: Any) -> Answer:
    return {"accepted": outputs}


def refused(error: Refused) -> Answer:
    where = {"link": error.link_index, "field": error.field}
    return {"refused": {"reason": str(error.reason), "layer": str(layer_of(error.reason)), **where}}


def refusing(ask: Callable[[Given], Answer]) -> Callable[[Given], Answer]:
    """Let a refusal be an answer; anything else that is raised is a defect."""

    def asked(given: Given) -> Answer:
        try:
            return ask(given)
        except Refused as error:
            return refused(error)

    return asked


def value_of(message: Message) -> dict[str, Any]:
    """Give a decoded message as the README describes values."""
    return {
        field.name: [_plain(member) for member in value] if field.is_repeated else _plain(value)
        for field, value in message.ListFields()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return value_of(value)
    return value.hex() if isinstance(value, bytes) else value


# -- reading -------------------------------------------------------------------------------------------------


def _decode_link(payload: bytes) -> Any:
    return codec.decode_link(codec.parse_link(payload), payload)


def constraint(payload: bytes) -> Any:
    """Read a constraint, as the only one of a scope."""
    argument = _field(1, b"a") + _field(3, payload)
    capability = _field(1, b"x") + _field(2, b"y") + _field(4, argument)
    (found,) = codec.decode_scope(_field(1, capability)).capabilities
    return found.arguments["a"].constraint


def _field(number: int, content: bytes) -> bytes:
    size, length = len(content), b""
    while size > 0x7F:
        size, length = size >> 7, length + bytes((size & 0x7F | 0x80,))
    return bytes((number << 3 | 2,)) + length + bytes((size,)) + content


_READ: Final[dict[str, tuple[Callable[[bytes], Any], Callable[[Any], bytes] | None, type[Message]]]] = {
    "Link": (_decode_link, codec.encode_link, chain_pb2.Link),
    "Scope": (codec.decode_scope, codec.encode_scope, chain_pb2.Scope),
    "Constraint": (constraint, None, chain_pb2.Constraint),
    "SignedStatement": (codec.decode_statement, codec.encode_statement, chain_pb2.SignedStatement),
    "Receipt": (codec.decode_receipt, codec.encode_receipt, statement_pb2.Receipt),
    "Binding": (codec.decode_binding, codec.encode_binding, statement_pb2.Binding),
    "Offer": (codec.decode_offer, codec.encode_offer, statement_pb2.Offer),
    "RevocationFeedEntry": (
        codec.decode_feed_entry,
        codec.encode_feed_entry,
        statement_pb2.RevocationFeedEntry,
    ),
    "Outcome": (codec.decode_outcome, codec.encode_outcome, statement_pb2.Outcome),
    "DecisionRecord": (codec.decode_record, codec.encode_record, statement_pb2.DecisionRecord),
    "Catalogue": (codec.decode_catalogue, codec.encode_catalogue, statement_pb2.Catalogue),
}


@refusing
def decode(given: Given) -> Answer:
    payload = data(given["bytes"])
    if given["message"] == "Chain":
        chain = codec.parse_token(payload)
        return accepted(links=len(chain.frames), statements=len(chain.statements))
    read, write, message = _READ[given["message"]]
    value = read(payload)
    assert write is None or write(value) == payload, "what is read is not what is written"
    return accepted(value=value_of(message.FromString(payload)))


@refusing
def key(given: Given) -> Answer:
    public = bytes.fromhex(given["public_key"])
    check_public_key(public)
    return accepted(key_id=key_id(public).hex())


@refusing
def signature(given: Given) -> Answer:
    purpose = Purpose[given["purpose"].upper()]
    signed = signing_input(purpose, data(given["payload"]), bytes.fromhex(given["parent"]))
    verify(bytes.fromhex(given["public_key"]), signed, bytes.fromhex(given["signature"]))
    return accepted(signing_input=signed.hex(), link_id=link_id(signed).hex())


# -- verification and authorization --------------------------------------------------------------------------


def trust_of(given: Given) -> TrustBundle:
    keys = (
        TrustedKey(
            KeyPurpose(each["purpose"]),
            bytes.fromhex(each["public_key"]),
            each["not_before_ms"],
            each["not_after_ms"],
            KeyState(each["state"]),
            each.get("compromised_at_ms", 0),
        )
        for each in given["keys"]
    )
    return TrustBundle("example.org", 1, 1, given["expires_at_ms"], tuple(keys))


def _revocations(given: list[Given] | None) -> RevocationState:
    state = RevocationState()
    if given is not None:
        revoked = tuple(Revocation(RevocationKind(each["kind"]), bytes.fromhex(each["id"]), 2**50) for each in given)
        state.apply(FeedEntry(0, len(given), 1, snapshot=True, more=False, revocations=revoked), monotonic_ms=0)
    return state


@refusing
def verify_token(given: Given) -> Answer:
    now_ms, token = given["now_ms"], data(given["token"])
    verifier = Verifier(trust_of(given["trust"]))
    asked = {"revocations": _revocations(given["revocations"]), "require_receipt": given["require_receipt"]}
    first = _refusal(lambda: verifier.verify(token, now_ms=now_ms, **asked))
    again = _refusal(lambda: verifier.verify(token, now_ms=now_ms, **asked))
    assert first == again, "what is remembered (V-18) makes a difference"
    chain = verifier.verify(token, now_ms=now_ms, **asked)
    return accepted(
        link_ids=[link.link_id.hex() for link in chain.links],
        chain_digest=chain.digest.hex(),
        holder_key=chain.leaf.holder_key.hex(),
        holder_agent=chain.leaf.holder_agent,
        task_id=chain.task_id.hex(),
        recorded_at_ms=chain.receipt,
        bound=[chain.bound(index, now_ms) for index in range(len(chain.links))],
    )


def _refusal(ask: Callable[[], object]) -> Answer | None:
    try:
        ask()
    except Refused as error:
        return refused(error)
    return None


def _json(content: bytes) -> Any:
    return json.loads(content.decode())


@refusing
def covered(given: Given) -> Answer:
    return accepted(covers=covers(constraint(data(given["parent"])), constraint(data(given["child"]))) is None)


@refusing
def allowed(given: Given) -> Answer:
    value = Arguments.of({"value": _json(data(given["value"]))}).values["value"]
    return accepted(allows=constraint(data(given["constraint"])).allows(value, Steps()))


def _verified(given: Given) -> VerifiedChain:
    verifier = Verifier(trust_of(given["trust"]))
    token, revocations = data(given["token"]), RevocationState.nothing_revoked()
    return verifier.verify(token, now_ms=given["now_ms"], revocations=revocations, require_receipt=False)


def authorized(given: Given) -> Answer:
    chain = _verified(given)
    # Thrice: what all links say may be merged once a tool has been called, and makes no difference.
    first, *others = (_decided(chain, given) for _ in range(3))
    assert others == [first, first], "a repeated call is decided otherwise"
    return first


def _decided(chain: Any, given: Given) -> Answer:
    try:
        authorize(
            chain,
            audience=given["audience"],
            tool=given["tool"],
            arguments=Arguments.parse(data(given["arguments"])),
            defaults=Arguments.parse(data(given["defaults"])).values,
        )
    except Refused as error:
        return refused(error)
    return accepted()


# -- proofs --------------------------------------------------------------------------------------------------


def _check(given: Given, proof: bytes, now_ms: int) -> Any:
    return check_holder_proof(
        proof,
        bytes.fromhex(given["holder_key"]),
        chain_digest=bytes.fromhex(given["chain_digest"]),
        audience=given["audience"],
        tool=given["tool"],
        arguments_digest=Arguments.parse(data(given["arguments"])).digest,
        now_ms=now_ms,
        accept_from_ms=given["remembers_from_ms"],
    )


@refusing
def proof(given: Given) -> Answer:
    _check(given, data(given["proof"]), given["now_ms"])
    return accepted()


def replay(given: Given) -> Answer:
    store = ReplayStore(given["remembers_from_ms"])

    @refusing
    def call(each: Given) -> Answer:
        claim = _check(given, data(each["proof"]), each["now_ms"])
        store.use(claim.nonce, claim.issued_at_ms, each["now_ms"])
        return accepted()

    return {"each": [call(each) for each in given["calls"]]}


# -- statements ----------------------------------------------------------------------------------------------

_STATEMENTS: Final[dict[str, tuple[Callable[[Any, bytes], Any], type[Message]]]] = {
    "receipt": (attest.open_receipt, statement_pb2.Receipt),
    "binding": (attest.open_binding, statement_pb2.Binding),
    "outcome": (attest.open_outcome, statement_pb2.Outcome),
    "approval": (lambda signed, public: attest.open_approval(signed, _only(public), now_ms=2), statement_pb2.Approval),
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
    chain, now_ms = _verified(given), given["now_ms"]
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


# -- arguments and carriage ----------------------------------------------------------------------------------


@refusing
def arguments(given: Given) -> Answer:
    return accepted(digest=Arguments.parse(data(given["arguments"])).digest.hex())


@refusing
def canonical_json(given: Given) -> Answer:
    found = Arguments.of(_json(data(given["json"])))
    return accepted(canonical=found.canonical.hex(), digest=hashlib.sha256(found.canonical).hexdigest())


def principal(given: Given) -> Answer:
    return accepted(id=principal_id(given["issuer"], given["subject"]).hex())


@refusing
def receive(given: Given) -> Answer:
    if "metadata" in given:
        pairs = [
            (each["key"], each["string"] if "string" in each else data(each["bytes"])) for each in given["metadata"]
        ]
        found = carriage.from_metadata(pairs)
    elif "headers" in given:
        found = carriage.from_headers([(each["name"], data(each["value"])) for each in given["headers"]])
    else:
        meta = data(given["meta"])
        found = carriage.from_mcp_meta(_json(meta) if meta else None)
    return accepted(chain=found.token.hex(), proof=found.proof.hex(), chain_digest=found.chain_digest.hex())


def send(given: Given) -> Answer:
    sent = carriage.Carriage(data(given["chain"]), data(given["proof"]), bytes.fromhex(given.get("chain_digest", "")))
    try:
        match given["over"]:
            case "grpc":
                return accepted(sent=True, metadata={name: each.hex() for name, each in carriage.to_metadata(sent)})
            case "http":
                return accepted(sent=True, headers=carriage.to_headers(sent))
            case _:
                return accepted(sent=True, meta=carriage.to_mcp_meta(sent))
    except InvalidRequest:
        return accepted(sent=False)


def reason(given: Given) -> Answer:
    name = errors_pb2.ErrorReason.Name(given["number"]).removeprefix("ERROR_REASON_").lower()
    layer = layer_of(Reason(name))
    return accepted(reason=name, layer=str(layer), grpc_code=Code.Name(_CODE_OF_LAYER[layer]))


ANSWERS: Final[dict[str, Callable[[Given], Answer]]] = {
    "decode": decode,
    "key": key,
    "signature": signature,
    "verify": verify_token,
    "covers": covered,
    "allows": allowed,
    "authorize": authorized,
    "proof": proof,
    "replay": replay,
    "statement": statement,
    "offer": offer,
    "approval": approval,
    "bundle": bundle,
    "catalogue": catalogue,
    "batch": batch,
    "feed": feed,
    "arguments": arguments,
    "canonical-json": canonical_json,
    "principal": principal,
    "receive": receive,
    "send": send,
    "reason": reason,
}
