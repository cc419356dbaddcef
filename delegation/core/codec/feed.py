"""Pieces of the revocation feed <-> bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from delegation.core import limits
from delegation.core.codec.canonical import check_count, check_time, encode, encoder, invalid, strict
from delegation.core.revocation import FeedEntry, Revocation, RevocationKind
from delegation.v1 import statement_pb2 as pb

_KINDS: Final = {pb.RevocationKind.Value(f"REVOCATION_KIND_{kind.name}"): kind for kind in RevocationKind}
_NUMBERS: Final = {kind: number for number, kind in _KINDS.items()}
_SIZES: Final = {
    RevocationKind.LINK: limits.LINK_ID_BYTES,
    RevocationKind.HOLDER_KEY: limits.KEY_BYTES,
    RevocationKind.TASK: limits.TASK_ID_BYTES,
    RevocationKind.PRINCIPAL: limits.LINK_ID_BYTES,
    RevocationKind.ISSUER_KEY: limits.KEY_ID_BYTES,
}


def kind_from_number(number: int) -> RevocationKind:
    """Take a kind of revocation from its number in statement.proto.

    Raises:
        Malformed: FIELD_INVALID for an unknown one.
    """
    for kind, known in _NUMBERS.items():
        if known == number:
            return kind
    return invalid("an unknown kind of revocation")


def check_revocation_id(kind: RevocationKind, id: bytes) -> bytes:
    """Require that an id has the size that its kind has.

    Raises:
        Malformed: FIELD_INVALID.
    """
    if len(id) != _SIZES.get(kind, len(id)) or not 0 < len(id) <= limits.NAME_BYTES:
        invalid(f"not the id of a {kind}")
    return id


def decode_feed_entry(payload: bytes) -> FeedEntry:
    """Read a payload whose signature was checked.

    Raises:
        Malformed: what is wrong with it.
    """
    message = strict(pb.RevocationFeedEntry, payload)
    if message.more and not message.snapshot:
        invalid("only a snapshot has further pieces")
    return FeedEntry(
        check_count(message.from_position, "a position"),
        check_count(message.to_position, "a position"),
        check_time(message.issued_at_ms, "issued_at_ms"),
        message.snapshot,
        message.more,
        tuple(_revocation(item) for item in message.revocations),
    )


def _revocation(message: pb.Revocation) -> Revocation:
    kind = kind_from_number(message.kind)
    return Revocation(kind, check_revocation_id(kind, message.id), check_time(message.forget_at_ms, "forget_at_ms"))


@encoder
def encode_feed_entry(entry: FeedEntry, revocations: bytes = b"") -> bytes:
    """Give the canonical payload.

    Args:
        entry: the piece.
        revocations: what `encode_revocations` gave for revocations that follow the entry's own.
    """
    head = pb.RevocationFeedEntry(
        from_position=entry.from_position,
        to_position=entry.to_position,
        issued_at_ms=entry.issued_at_ms,
        snapshot=entry.snapshot,
        more=entry.more,
    )
    return encode(head) + encode_revocations(entry.revocations) + revocations


@encoder
def encode_revocations(revocations: Iterable[Revocation]) -> bytes:
    """Give the field of a canonical payload that holds revocations: its last, so that it can be made beforehand."""
    items = [
        pb.Revocation(kind=_NUMBERS[item.kind], id=item.id, forget_at_ms=item.forget_at_ms) for item in revocations
    ]
    return encode(pb.RevocationFeedEntry(revocations=items))
