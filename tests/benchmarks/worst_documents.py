"""Single messages for the search of the worst input: what reading one of them costs, whoever may send it.

A proof and a statement come from anybody; a batch of records from a guard that the service knows; pieces of the feed,
bundles and catalogues from the service alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from google.protobuf.message import Message
from kernel_paths import NOW_MS
from worst_recipes import Recipe, Whole, Word
from worst_scopes import framed

from delegation.core import codec, limits
from delegation.core.keys import SigningKey
from delegation.v1 import chain_pb2
from delegation.v1 import statement_pb2 as pb

_DAMAGE: Final = Word(("none", "none", "none", "unknown field", "repeated field", "last is empty", "all are empty"))
_NAME: Final = Whole(1, limits.NAME_BYTES)

DOCUMENTS: Final = {
    "feed piece": (Word(("LINK", "AGENT", "TASK")), _NAME, _DAMAGE),
    "bundle": (Word(("ACTIVE", "RETIRED")), _DAMAGE),
    "catalogue": (_NAME, Whole(0, 2000), _DAMAGE),
    "batch": (Whole(0, limits.RECORD_BYTES), _DAMAGE),
    "records": (_NAME, Whole(0, limits.PROOF_BYTES), _DAMAGE),
    "proof": (_NAME, _NAME, _DAMAGE),
    "statement": (Whole(0, limits.STATEMENT_BYTES), _DAMAGE),
}
GRAMMAR: Final = {"document": DOCUMENTS}

_KEY: Final = SigningKey(bytes(31) + b"\x01").public
_LATER_MS: Final = NOW_MS + 60_000


def reading(recipe: Recipe) -> Callable[[], Any]:
    """Make a message; give what reads it. Raises `Malformed` when it is run, perhaps."""
    name, *parameters, damage = recipe
    head, number, items, read, size = _MAKE[name](*parameters)
    data = bytearray(head.SerializeToString())
    for count, item in enumerate(items):
        frame = framed(number, b"" if damage == "all are empty" else item) if number else item
        if len(data) + len(frame) > size - 8 or (name == "records" and count == limits.BATCH_RECORDS):
            break
        data += frame
    data += {"unknown field": b"\xf8\x07\x01", "repeated field": bytes(data[:2])}.get(damage, b"")
    if damage == "last is empty":
        data += framed(number, b"")
    whole = bytes(data)
    return lambda: read(whole)


_Made = tuple[Message, int, Iterable[bytes], Callable[[bytes], Any], int]


def _feed(kind: str, id_bytes: int) -> _Made:
    size = {"LINK": limits.LINK_ID_BYTES, "TASK": limits.TASK_ID_BYTES}.get(kind, id_bytes)
    kind_number = pb.RevocationKind.Value(f"REVOCATION_KIND_{kind}")
    items = (
        pb.Revocation(kind=kind_number, id=_numbered(number, size), forget_at_ms=_LATER_MS).SerializeToString()
        for number in range(limits.DOCUMENT_BYTES)
    )
    head = pb.RevocationFeedEntry(to_position=1, issued_at_ms=NOW_MS, snapshot=True)
    return head, 6, items, codec.decode_feed_entry, limits.DOCUMENT_BYTES


def _bundle(state: str) -> _Made:
    key = pb.TrustedKey(
        purpose=pb.KEY_PURPOSE_GRANT, not_before_ms=NOW_MS, state=pb.KeyState.Value(f"KEY_STATE_{state}")
    )
    items = []
    for number in range(limits.DOCUMENT_BYTES // 50):
        key.public_key = number.to_bytes(31, "big") + b"\x01"
        items.append(key.SerializeToString())
    head = pb.TrustBundle(trust_domain="d", version=1, issued_at_ms=NOW_MS, expires_at_ms=_LATER_MS)
    return head, 5, items, codec.decode_bundle, limits.DOCUMENT_BYTES


def _catalogue(name_bytes: int, labels: int) -> _Made:
    named = [f"l{number:04}" for number in range(labels)]
    items = (
        pb.CatalogueTool(
            audience="a", tool=f"{number:06}{'t' * (name_bytes - 6)}", effects=[1], local=True, labels=named
        ).SerializeToString()
        for number in range(limits.DOCUMENT_BYTES)
    )
    return pb.Catalogue(), 1, items, codec.decode_catalogue, limits.DOCUMENT_BYTES


def _batch(record_bytes: int) -> _Made:
    head = pb.DecisionBatch(guard_key=_KEY, first_sequence=1, previous_hash=bytes(32))
    records = (bytes(record_bytes) for _ in range(limits.DOCUMENT_BYTES))
    return head, 4, records, codec.decode_batch, limits.DOCUMENT_BYTES


def _records(name_bytes: int, proof_bytes: int) -> _Made:
    record = pb.DecisionRecord(
        call_id=bytes(16),
        chain_digest=bytes(32),
        audience="a" * name_bytes,
        tool="\xe9" * (name_bytes // 2 + 1),
        arguments_digest=bytes(32),
        decided_at_ms=NOW_MS,
        allowed=True,
        proof=bytes(proof_bytes),
    ).SerializeToString()
    head = pb.DecisionBatch(guard_key=_KEY, first_sequence=1, previous_hash=bytes(32))

    def read(payload: bytes) -> Any:
        return [codec.decode_record(each) for each in codec.decode_batch(payload).records]

    return head, 4, (record for _ in range(limits.BATCH_RECORDS)), read, limits.DOCUMENT_BYTES


def _proof(audience_bytes: int, tool_bytes: int) -> _Made:
    proof = pb.Proof(
        version=1,
        chain_digest=bytes(32),
        audience="\xe9" * (audience_bytes // 2 + 1),
        tool="\xe9" * (tool_bytes // 2 + 1),
        arguments_digest=bytes(32),
        issued_at_ms=NOW_MS,
        nonce=bytes(16),
    )
    return proof, 0, (), codec.decode_proof, limits.PROOF_BYTES


def _statement(payload_bytes: int) -> _Made:
    statement = chain_pb2.SignedStatement(kind=1, key_id=bytes(16), payload=bytes(payload_bytes), signature=bytes(64))
    return statement, 0, (), codec.decode_statement, limits.STATEMENT_BYTES


def _numbered(number: int, size: int) -> bytes:
    return b"%x" % number if size < 8 else (b"%08x" % number) * (size // 8) + bytes(size % 8)


_MAKE: Final[dict[str, Callable[..., _Made]]] = {
    "feed piece": _feed,
    "bundle": _bundle,
    "catalogue": _catalogue,
    "batch": _batch,
    "records": _records,
    "proof": _proof,
    "statement": _statement,
}
