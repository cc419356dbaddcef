"""Answers: what bytes say, keys and signatures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from google.protobuf.message import Message

from conformance.answering import Answer, Given, accepted, refusing, value_of
from conformance.vectors import data
from delegation.core import codec
from delegation.core.keys import Purpose, check_public_key, key_id, link_id, signing_input, verify
from delegation.v1 import chain_pb2, statement_pb2


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
