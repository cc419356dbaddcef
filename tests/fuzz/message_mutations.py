"""Mutations of what a message says: what a fuzzer of bytes would need years to find.

The message that bytes hold is changed, also one inside `bytes payload`, and written canonically: such inputs get past
the parser and reach the checks of fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from delegation.v1 import chain_pb2, statement_pb2

_PAYLOADS: Final[dict[int, type[Message]]] = {
    chain_pb2.STATEMENT_KIND_RECEIPT: statement_pb2.Receipt,
    chain_pb2.STATEMENT_KIND_BINDING: statement_pb2.Binding,
    chain_pb2.STATEMENT_KIND_OFFER: statement_pb2.Offer,
    chain_pb2.STATEMENT_KIND_APPROVAL: statement_pb2.Approval,
    chain_pb2.STATEMENT_KIND_REVOCATION_FEED: statement_pb2.RevocationFeedEntry,
    chain_pb2.STATEMENT_KIND_TRUST_BUNDLE: statement_pb2.TrustBundle,
    chain_pb2.STATEMENT_KIND_CHECKPOINT: statement_pb2.Checkpoint,
    chain_pb2.STATEMENT_KIND_DECISION_BATCH: statement_pb2.DecisionBatch,
    chain_pb2.STATEMENT_KIND_OUTCOME: statement_pb2.Outcome,
    chain_pb2.STATEMENT_KIND_BREAK_GLASS: statement_pb2.BreakGlass,
}
INSIDE: Final[dict[str, Callable[[Any], type[Message] | None]]] = {
    "delegation.v1.SignedLink.payload": lambda _: chain_pb2.Link,
    "delegation.v1.SignedStatement.payload": lambda statement: _PAYLOADS.get(statement.kind),
    "delegation.v1.SignedProof.payload": lambda _: statement_pb2.Proof,
    "delegation.v1.DecisionBatch.records": lambda _: statement_pb2.DecisionRecord,
}
"""Fields of bytes that hold a message."""

_INTEGERS: Final = (0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 64, 127, 128, 1024, 1025, 2**31 - 1, 2**32 - 1)
_LARGE: Final = (2**53 - 1, 2**53, 2**63 - 1, 2**64 - 1, 1_800_000_000_000)
_STRINGS: Final = (
    *("", " ", "a", "b", "files", "read", "path", "spiffe://example.test/x", ":", "urn:a b", "urn:delegation:service"),
    *("/", "/srv", "/srv/docs", "/srv/../etc", "//", "/srv/", "/%2e", "-0", "0", "1", "1.0", "0.5", "-0.5", "1e5"),
    *("0.1", "9" * 64, "9" * 65, "*", "**", "*/**", "a/**", "https", "http", "HTTPS", "example.test", "xn--a", "é"),
    *("10.0.0.0/8", "10.0.0.1/8", "::/0", "::ffff:1.2.3.4/128", "127.0.0.1", "a+", "(a+)+b", "(", "\\1", "a{2000}"),
    *("\0", "\n", "\x7f", "\u2028", "\u202e", "\U0001f600", "x" * 512, "x" * 513, "é" * 256, "é" * 257, "expired"),
)
_SIZES: Final = (0, 1, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65)
_BITS: Final = {
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_SINT64: (-(2**63), 2**63 - 1),
}
_DEEPEST: Final = 24
"""How deep a walk goes: a little deeper than the format permits."""


def change_message(kind: type[Message], data: bytes, other: bytes, random: Random) -> bytes | None:
    """Give the canonical bytes of the message in `data` with a few fields changed; None if there is none.

    Args:
        kind: of the message.
        data: what to change.
        other: another input of the same kind, from which parts may be taken.
        random: makes the choices.
    """
    message, donor = _parsed(kind, data), _parsed(kind, other)
    if message is None:
        return None
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        _change_one(message, donor or message, random)
    return message.SerializeToString(deterministic=True)


def _parsed(kind: type[Message], data: bytes) -> Any:
    try:
        return kind.FromString(data)
    except (DecodeError, RecursionError):
        return None


def _change_one(message: Any, donor: Any, random: Random) -> None:
    place = random.choice(list(places(message)))
    field = random.choice(place.DESCRIPTOR.fields)
    inside = INSIDE.get(field.full_name)
    if inside is not None and random.random() < 0.7:
        _change_inside(place, field, inside(place), donor, random)
    elif random.random() < 0.15:
        _take_over(place, donor, random)
    else:
        _change_field(place, field, random)


def _change_field(place: Any, field: Any, random: Random) -> None:
    if field.is_repeated:
        _change_list(getattr(place, field.name), field, random)
    elif random.random() < 0.15:
        place.ClearField(field.name)
    elif field.message_type is not None:
        getattr(place, field.name).SetInParent()
    else:
        setattr(place, field.name, _value(field, getattr(place, field.name), random))


def change_named(message: Any, name: str, random: Random) -> None:
    """Change a field, `Message.field`, in one place inside a message where it stands; a flag, where it could."""
    kind, _, field_name = name.partition(".")
    could = [place for place in places(message) if place.DESCRIPTOR.name == kind]
    field = could[0].DESCRIPTOR.fields_by_name[field_name]
    stands = [place for place in could if field_name in {each.name for each, _ in place.ListFields()}]
    if field.type == FieldDescriptor.TYPE_BOOL:
        place = random.choice(could)
        setattr(place, field_name, not getattr(place, field_name))
    elif field.message_type is not None and not field.is_repeated:
        _change_one(getattr(random.choice(stands), field_name), message, random)
    else:
        _change_field(random.choice(stands), field, random)


def places(message: Any, depth: int = _DEEPEST) -> Iterator[Any]:
    """Walk over a message and all that it holds."""
    yield message
    if depth == 0:
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in value if field.is_repeated else (value,):
                yield from places(inner, depth - 1)


def _change_inside(place: Any, field: Any, kind: type[Message] | None, donor: Any, random: Random) -> None:
    values = getattr(place, field.name)
    if kind is None or not values:
        return
    index = random.randrange(len(values)) if field.is_repeated else 0
    inner = _parsed(kind, values[index] if field.is_repeated else values)
    if inner is None:
        return
    _change_one(inner, inner, random)
    written = inner.SerializeToString(deterministic=True)
    if field.is_repeated:
        values[index] = written
    else:
        setattr(place, field.name, written)


def _take_over(place: Any, donor: Any, random: Random) -> None:
    """Replace a message by one of the same kind from elsewhere."""
    alike = [found for found in places(donor) if found.DESCRIPTOR is place.DESCRIPTOR]
    if alike:
        taken = random.choice(alike).SerializeToString()
        place.Clear()
        place.MergeFromString(taken)


def _change_list(values: Any, field: Any, random: Random) -> None:
    act = random.choice(("add", "add", "drop", "repeat", "swap", "sort", "change"))
    if act == "add" or not values:
        _append(values, field, random)
        return
    a, b = random.randrange(len(values)), random.randrange(len(values))
    if act == "drop":
        del values[a]
    elif act == "repeat":
        values.append(values[a])
    elif act == "swap" and a != b:
        kept = [value.SerializeToString() for value in values] if field.message_type else list(values)
        kept[a], kept[b] = kept[b], kept[a]
        _refill(values, kept, field)
    elif act == "sort":
        kept = sorted({value.SerializeToString() for value in values} if field.message_type else set(values))
        _refill(values, kept, field)
    elif field.message_type is None:
        values[a] = _value(field, values[a], random)


def _append(values: Any, field: Any, random: Random) -> None:
    if field.message_type is not None:
        added = values.add()
        if len(values) > 1 and random.random() < 0.7:
            added.CopyFrom(values[-2])
            _change_one(added, added, random)
    else:
        values.append(_value(field, values[-1] if values else field.default_value or _zero(field), random))


def _refill(values: Any, kept: list[Any], field: Any) -> None:
    del values[:]
    for value in kept:
        if field.message_type is not None:
            values.add().MergeFromString(value)
        else:
            values.append(value)


def _zero(field: Any) -> Any:
    if field.type == FieldDescriptor.TYPE_BYTES:
        return b""
    return "" if field.type == FieldDescriptor.TYPE_STRING else 0


def _value(field: Any, now: Any, random: Random) -> Any:
    match field.type:
        case FieldDescriptor.TYPE_BOOL:
            return random.random() < 0.5
        case FieldDescriptor.TYPE_ENUM:
            return random.randrange(13)
        case FieldDescriptor.TYPE_STRING:
            return _text(now, random)
        case FieldDescriptor.TYPE_BYTES:
            return _some_bytes(now, random)
        case _:
            return _integer(*_BITS[field.type], now, random)


def _integer(low: int, high: int, now: int, random: Random) -> int:
    near = now + random.choice((-1000, -1, 1, 1000))
    chosen = random.choice((near, near, random.choice(_INTEGERS), random.choice(_LARGE), -random.choice(_LARGE)))
    return max(low, min(high, chosen))


def _text(now: str, random: Random) -> str:
    at = random.randint(0, len(now))
    match random.randrange(4):
        case 0:
            return now[:at] + random.choice(_STRINGS) + now[at:]
        case 1:
            return now[:at] + now[at + 1 :]
        case _:
            return random.choice(_STRINGS)


def _some_bytes(now: bytes, random: Random) -> bytes:
    match random.randrange(4):
        case 0 if now:
            changed = bytearray(now)
            changed[random.randrange(len(now))] ^= 1 << random.randrange(8)
            return bytes(changed)
        case 1:
            return bytes(random.choice(_SIZES))
        case 2:
            return now[: random.randint(0, len(now))]
        case _:
            return random.randbytes(random.choice(_SIZES))
