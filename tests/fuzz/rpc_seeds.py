"""Messages of the service's RPCs, made from their descriptors: something plausible in every field."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from delegation.core import codec
from delegation.v1 import chain_pb2
from fuzz import seeds

_BYTES: Final[Mapping[str, bytes]] = {
    **dict.fromkeys(("task_id", "call_id", "request_id", "attempt", "nonce", "trace_id"), b"i" * 16),
    "span_id": b"s" * 8,
    **dict.fromkeys(("arguments_json", "plain_json"), b'{"path":"/srv/a"}'),
}
_STRINGS: Final[Mapping[str, str]] = {"page_token": "", "next_page_token": "", "fulfils": "redact", "outcome": "failed"}
_A_MOMENT_MS: Final = 1_800_000_000_000


def filled(kind: type[Message], left_out: frozenset[str]) -> bytes:
    """Give the bytes of a message in which every field is set.

    Args:
        kind: of the message.
        left_out: fields that are not set, each as `Message.field`: what contradicts something else.
    """
    message = kind()
    _fill(message, left_out)
    return message.SerializeToString(deterministic=True)


@functools.cache
def _known() -> Mapping[str, Message]:
    """Give the messages that nobody could make up from their fields."""
    made = seeds.chains()[1]
    return {
        "delegation.v1.SignedStatement": codec.statement_to_message(seeds.signed_statements()[0]),
        "delegation.v1.Scope": codec.scope_to_message(seeds.scopes()[0]),
        "delegation.v1.SignedLink": chain_pb2.SignedLink(payload=made.payloads[0], signature=bytes(64)),
    }


def _fill(message: Any, left_out: frozenset[str]) -> None:
    for field in message.DESCRIPTOR.fields:
        if f"{message.DESCRIPTOR.name}.{field.name}" in left_out:
            continue
        if field.message_type is not None:
            place = getattr(message, field.name)
            _fill_inner(place.add() if field.is_repeated else place, left_out)
        elif field.is_repeated:
            getattr(message, field.name).append(_plausible(field))
        else:
            setattr(message, field.name, _plausible(field))


def _fill_inner(inner: Any, left_out: frozenset[str]) -> None:
    known = _known().get(inner.DESCRIPTOR.full_name)
    if known is not None:
        inner.CopyFrom(known)
    else:
        inner.SetInParent()
        _fill(inner, left_out)


def _plausible(field: Any) -> Any:
    match field.type:
        case FieldDescriptor.TYPE_BYTES if field.name in ("token", "tokens"):
            return seeds.chains()[1].token
        case FieldDescriptor.TYPE_BYTES:
            return _BYTES.get(field.name, b"d" * 32)
        case FieldDescriptor.TYPE_STRING:
            return _STRINGS.get(field.name, "files")
        case FieldDescriptor.TYPE_BOOL:
            return True
        case _:
            return _A_MOMENT_MS if field.name.endswith("_at_ms") else 1
