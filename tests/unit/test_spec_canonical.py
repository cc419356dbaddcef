"""The canonical form as the page defines it, and as the codec requires it: the same bytes pass both."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import spec_example
from canonical_by_hand import NotCanonicalError, require_canonical
from delegation.core.codec import encode_catalogue, encode_scope, encode_statement, split_proof
from delegation.core.codec.canonical import strict
from delegation.core.constraints import (
    at_most,
    between,
    each,
    exactly,
    fields,
    one_of,
    optional,
    under,
)
from delegation.core.scope import Scope, any_call, tool
from delegation.core.trust import Catalogue, CatalogueTool, Effect
from delegation.errors import Malformed
from delegation.v1 import chain_pb2, statement_pb2

EXAMPLE = spec_example.make()
RICH = Scope(
    any_call("a", "b"),
    tool(
        "a",
        "c",
        flag=exactly(False),
        nothing=exactly(None),
        text=exactly(""),
        whole=exactly(-1),
        part=exactly(Decimal("-0.5")),
        nested=exactly({"a": [1, 2.5, None, "x", True], "b": {}}),
        some=one_of("", "é", -(2**53) + 1, 0, 1, 2**53 - 1, 0.25, True, False, None),
        upto=optional(at_most(0)),
        money=between("0", "99.95"),
        paths=each(under("/srv")),
        thing=fields(name="x", size=optional(at_most("1.5"))),
    ),
)
CATALOGUE = Catalogue((CatalogueTool("files", "read", frozenset(Effect), local=False, labels=frozenset("xy")),))
VALID = {
    "grant": (chain_pb2.Link, EXAMPLE.grant.payload),
    "handoff": (chain_pb2.Link, EXAMPLE.handoff.payload),
    "token": (chain_pb2.Chain, EXAMPLE.token),
    "statement": (chain_pb2.SignedStatement, encode_statement(EXAMPLE.receipt)),
    "receipt": (statement_pb2.Receipt, EXAMPLE.receipt.payload),
    "signed proof": (statement_pb2.SignedProof, EXAMPLE.proof),
    "proof": (statement_pb2.Proof, split_proof(EXAMPLE.proof)[0]),
    "scope": (chain_pb2.Scope, encode_scope(RICH)),
    "catalogue": (statement_pb2.Catalogue, encode_catalogue(CATALOGUE)),
}
MUTANTS = st.sampled_from(["flip", "cut", "insert", "repeat", "swap"])


def codec_takes(message, data: bytes) -> bool:
    try:
        strict(message, data)
    except Malformed:
        return False
    return True


def page_takes(message, data: bytes) -> bool:
    try:
        require_canonical(data, message.DESCRIPTOR)
    except NotCanonicalError:
        return False
    return True


@pytest.mark.parametrize("name", VALID)
def test_what_the_codec_writes_is_canonical_by_the_page(name):
    message, data = VALID[name]
    require_canonical(data, message.DESCRIPTOR)
    assert codec_takes(message, data)


@pytest.mark.spec("C-10")
@pytest.mark.parametrize("name", VALID)
def test_page_and_codec_agree_on_every_flip_of_a_bit(name):
    message, data = VALID[name]
    for index, bit in itertools.product(range(len(data)), range(8)):
        mutant = bytearray(data)
        mutant[index] ^= 1 << bit
        assert page_takes(message, bytes(mutant)) == codec_takes(message, bytes(mutant)), (index, bit)


MUTATION = st.tuples(MUTANTS, st.integers(0, 10**6), st.binary(min_size=1, max_size=3))


@pytest.mark.spec("C-10")
@settings(max_examples=1000)
@given(st.sampled_from(sorted(VALID)), st.lists(MUTATION, min_size=1, max_size=3))
def test_page_and_codec_agree_on_mutants(name, mutations):
    message, data = VALID[name]
    for kind, where, what in mutations:
        data = mutated(data, kind, where % (len(data) + 1), what)
    assert page_takes(message, data) == codec_takes(message, data)


def mutated(data: bytes, kind: str, at: int, what: bytes) -> bytes:
    match kind:
        case "flip":
            return data[:at] + bytes(a ^ b for a, b in zip(data[at:], what, strict=False)) + data[at + len(what) :]
        case "cut":
            return data[:at] + data[at + len(what) :]
        case "insert":
            return data[:at] + what + data[at:]
        case "repeat":
            return data[:at] + data[at : at + what[0]] + data[at:]
        case _:
            return data[at:] + data[:at]


@given(st.sampled_from(sorted(VALID)), st.binary(max_size=24))
def test_page_and_codec_agree_on_any_bytes(name, data):
    message, _ = VALID[name]
    assert page_takes(message, data) == codec_takes(message, data)


STATEMENT = chain_pb2.SignedStatement
WAYS = {
    "C-1: a later field first": (statement_pb2.Outcome, "18 01 10 01"),
    "C-2: a varint with a byte too many": (STATEMENT, "08 81 00"),
    "C-3: a default written out": (STATEMENT, "08 00"),
    "C-5: a field twice": (STATEMENT, "08 01 08 01"),
    "C-5: two members of a oneof": (chain_pb2.Constraint, "08 01 10 01"),
    "C-6: a packed field without elements": (chain_pb2.ScalarSet, "12 00"),
    "C-7: a field of no such number": (STATEMENT, "08 01 38 01"),
    "C-7: another wire type": (STATEMENT, "09 01 00 00 00 00 00 00 00"),
    "C-7: elements that are not packed": (chain_pb2.ScalarSet, "10 02"),
    "C-8: a string that is no UTF-8": (chain_pb2.Capability, "0a 01 ff"),
    "C-9: a key without a value": (STATEMENT, "08 01 12"),
}


@pytest.mark.spec("C-1", "C-2", "C-3", "C-5", "C-6", "C-7", "C-8", "C-9", "C-10")
@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_break_the_form_is_refused_by_page_and_codec(way):
    message, data = WAYS[way]
    with pytest.raises(NotCanonicalError, match=way.split(":", maxsplit=1)[0]):
        require_canonical(bytes.fromhex(data), message.DESCRIPTOR)
    assert not codec_takes(message, bytes.fromhex(data))


@pytest.mark.spec("C-4")
@pytest.mark.parametrize("data", ["18 00", "22 00", "28 00", "3a 00"])
def test_a_default_is_written_where_presence_is_tracked(data):
    require_canonical(bytes.fromhex(data), chain_pb2.Constraint.DESCRIPTOR)
    assert codec_takes(chain_pb2.Constraint, bytes.fromhex(data))
