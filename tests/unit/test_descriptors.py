"""Every field of every message that is signed: narrowing reads it, SPEC speaks of it, a vector carries it.

A field that is added to the contract fails here until it has all three.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

import spec_example
from conformance.vectors import data, vectors
from delegation.core import codec
from delegation.core.narrowing import RULES, scope_within
from delegation.core.scope import Scope
from delegation.errors import Malformed, Reason, Refused, ScopeGrew
from delegation.v1 import chain_pb2, statement_pb2
from fuzz.message_mutations import INSIDE, change_named, places

AIDS = {"ChainInPlace", "SignedLinkInPlace"}
"""Messages that are never written."""

NOT_READ_YET = {"Checkpoint"}
"""Specified so that readers of this version refuse them: no vector is accepted with them."""


NO_VECTOR_YET: set[str] = set()
"""Fields that every reader takes, and that no accepted vector carries."""


def fields_below(kind: Any, seen: set[str]) -> Iterator[str]:
    """Give the names, as `Message.field`, of the fields of a message and of all messages inside."""
    if kind.name in seen:
        return
    seen.add(kind.name)
    for field in kind.fields:
        yield f"{kind.name}.{field.name}"
        if field.message_type is not None:
            yield from fields_below(field.message_type, seen)


MESSAGES = {
    name: kind
    for file in (chain_pb2, statement_pb2)
    for name, kind in file.DESCRIPTOR.message_types_by_name.items()
    if name not in AIDS
}
FIELDS = [f"{name}.{field.name}" for name, kind in MESSAGES.items() for field in kind.fields]
IN_A_SCOPE = list(fields_below(chain_pb2.Scope.DESCRIPTOR, set()))


# -- what the vectors carry ------------------------------------------------------------------------------------------

_SINGLE = {
    "verify": ("token", chain_pb2.Chain),
    "authorize": ("token", chain_pb2.Chain),
    "proof": ("proof", statement_pb2.SignedProof),
    "statement": ("statement", chain_pb2.SignedStatement),
    "offer": ("statement", chain_pb2.SignedStatement),
    "bundle": ("statement", chain_pb2.SignedStatement),
    "break-glass": ("statement", chain_pb2.SignedStatement),
    "batch": ("statement", chain_pb2.SignedStatement),
    "catalogue": ("catalogue", statement_pb2.Catalogue),
    "observation": ("catalogue", statement_pb2.Catalogue),
    "allows": ("constraint", chain_pb2.Constraint),
}


def carried() -> Iterator[Message]:
    """Give every message that a vector has accepted, and those inside."""
    for vector in vectors():
        given, accepted = vector["input"], "accepted" in vector["expect"]
        if vector["kind"] == "feed":
            for piece, answer in zip(given["pieces"], vector["expect"]["each"], strict=False):
                if "accepted" in answer:
                    yield from opened(chain_pb2.SignedStatement.FromString(data(piece["statement"])))
        elif vector["kind"] == "covers":
            for side in ("parent", "child"):
                yield from opened(chain_pb2.Constraint.FromString(data(given[side])))
        elif vector["kind"] == "decode" and accepted:
            kind = getattr(chain_pb2, given["message"], None) or getattr(statement_pb2, given["message"])
            yield from opened(kind.FromString(data(given["bytes"])))
        elif vector["kind"] in _SINGLE and accepted:
            member, kind = _SINGLE[vector["kind"]]
            yield from opened(kind.FromString(data(given[member])))


def opened(message: Message) -> Iterator[Message]:
    """Give a message and all inside it, also those that it holds as bytes."""
    for place in places(message):
        yield place
        for field, value in place.ListFields():
            kind = INSIDE.get(field.full_name, lambda _: None)(place)
            for inner in (value if field.is_repeated else [value]) if kind else ():
                try:
                    yield from opened(kind.FromString(inner))
                except DecodeError:  # an envelope is accepted whatever its links hold
                    continue


@cache
def in_vectors() -> frozenset[str]:
    return frozenset(
        f"{message.DESCRIPTOR.name}.{field.name}" for message in carried() for field, _ in message.ListFields()
    )


def read(field: str) -> bool:
    return field not in NOT_READ_YET and field.partition(".")[0] not in NOT_READ_YET


@pytest.mark.parametrize("field", FIELDS)
def test_a_vector_that_is_accepted_carries_the_field(field):
    assert (field in in_vectors()) == read(field)


def test_what_is_not_read_yet_exists():
    assert set(FIELDS) | set(MESSAGES) >= NOT_READ_YET


# -- SPEC --------------------------------------------------------------------------------------------------------------

SPEC = spec_example.SPEC.read_text()


def spoken_of(name: str) -> bool:
    """Tell whether SPEC uses the name of a field, in code or in prose, before the example."""
    rules = SPEC.split("## 15. ")[0]
    return re.search(rf"\b{name.replace('_', '[_ ]')}\b", rules, re.IGNORECASE) is not None


@pytest.mark.parametrize("field", [field for field in FIELDS if read(field)])
def test_spec_speaks_of_the_field(field):
    assert spoken_of(field.partition(".")[2])


# -- narrowing ---------------------------------------------------------------------------------------------------------


def test_every_field_of_a_link_has_a_rule():
    assert list(RULES) == [field.name for field in chain_pb2.Link.DESCRIPTOR.fields]


@cache
def scopes() -> dict[str, list[Any]]:
    """Give, for each field, scopes of the vectors in which it stands; for a flag, in which it could."""
    found: dict[str, list[Any]] = {}
    for message in carried():
        scope = as_scope(message)
        if scope is not None and len(scope.SerializeToString()) < 2000:
            for place in places(scope):
                standing = {field.name for field, _ in place.ListFields()}
                flags = {field.name for field in place.DESCRIPTOR.fields if field.type == FieldDescriptor.TYPE_BOOL}
                for name in standing | flags:
                    found.setdefault(f"{place.DESCRIPTOR.name}.{name}", []).append(scope)
    return found


def as_scope(message: Message) -> Any:
    """Give a scope as it is, and a constraint as that of the only argument of a tool."""
    if isinstance(message, chain_pb2.Scope):
        return message
    if isinstance(message, chain_pb2.Constraint):
        argument = chain_pb2.Argument(name="a", constraint=message)
        return chain_pb2.Scope(capabilities=[chain_pb2.Capability(audience="x", tool="y", arguments=[argument])])
    return None


def scope_of(message: Any) -> Scope | None:
    try:
        return codec.scope_from_message(message)
    except Malformed:
        return None


def grows(field: str, message: Any, random: Random) -> bool:
    """Change just this field of a scope; tell whether narrowing says that it grew, and names a field."""
    parent = scope_of(message)
    changed = type(message).FromString(message.SerializeToString())
    change_named(changed, field, random)
    child = scope_of(changed)
    if parent is None or child is None:
        return False
    try:
        scope_within(child, parent)
    except ScopeGrew as grew:
        return grew.reason is Reason.SCOPE_GREW and grew.field.startswith("scope[")
    except Refused:
        return False
    return False


@pytest.mark.parametrize("field", IN_A_SCOPE)
def test_a_scope_with_another_value_of_the_field_is_found_to_have_grown(field):
    random = Random(field)
    known = scopes()[field]
    assert any(grows(field, random.choice(known), random) for _ in range(3000))
