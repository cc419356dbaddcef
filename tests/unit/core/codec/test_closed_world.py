"""The format is a closed world: each kind of its oneofs is either decided on, or refused and said so.

The kinds are read off the message descriptors, so that one that is added has to be taken care of here.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf.message import Message

from delegation.core import limits
from delegation.core.arguments import Arguments
from delegation.core.authorize import authorize
from delegation.core.codec import decode_bundle, decode_scope, encode_bundle, encode_scope, join_token, parse_token
from delegation.core.keys import Purpose
from delegation.core.statement import SignedStatement, StatementKind
from delegation.errors import ConditionUnmet, Malformed, Reason, Refused
from delegation.v1 import chain_pb2 as pb
from delegation.v1 import statement_pb2 as spb
from support.chains import BUNDLE, chain, verify

NUMBERS = pb.ScalarSet(integers=[1])
WHATEVER = pb.Constraint(anything=True)

EVALUATED: Mapping[str, Any] = {
    "anything": True,
    "exact_null": True,
    "exact_boolean": False,
    "exact_string": "a",
    "exact_integer": -1,
    "exact_decimal": "0.5",
    "exact_composite": pb.Value(list=pb.ValueList()),
    "one_of": NUMBERS,
    "not_one_of": NUMBERS,
    "integer_range": pb.IntegerRange(maximum=0),
    "decimal_range": pb.DecimalRange(maximum="1"),
    "decimal_text": pb.DecimalRange(maximum="1"),
    "length": pb.LengthRange(maximum=5),
    "prefix": "a",
    "segment_glob": pb.SegmentGlob(pattern="a/*"),
    "sub_path": "/srv",
    "url": pb.UrlPattern(schemes=["https"], host="example.test"),
    "cidr": "10.0.0.0/8",
    "list_subset": NUMBERS,
    "list_contains": NUMBERS,
    "each": WHATEVER,
    "fields": pb.Fields(),
    "regex": "a*",
    "negation": pb.Constraint(sub_path="/srv"),
    "all_of": pb.ConstraintList(constraints=[WHATEVER]),
    "any_of": pb.ConstraintList(constraints=[WHATEVER]),
}
CONDITIONS: Mapping[str, Any] = {
    "call_count": pb.CallCount(maximum=1),
    "budget": pb.Budget(argument="amount", maximum="50"),
    "approval": pb.ApprovalRequirement(approvers=["ada"], threshold=1),
}


def scope_with(constraint: pb.Constraint, *conditions: pb.Condition) -> bytes:
    argument = pb.Argument(name="x", constraint=constraint)
    capability = pb.Capability(audience="a", tool="t", arguments=[argument], conditions=conditions)
    return pb.Scope(capabilities=[capability]).SerializeToString()


def kinds_of(message: type[Message]) -> set[str]:
    return {field.name for field in message.DESCRIPTOR.oneofs_by_name["kind"].fields}


def test_every_kind_of_constraint_and_condition_is_known_here():
    assert kinds_of(pb.Constraint) == EVALUATED.keys()
    assert kinds_of(pb.Condition) == CONDITIONS.keys()


@pytest.mark.parametrize("kind", EVALUATED)
def test_a_constraint_is_evaluated_of_kind(kind: str):
    scope = decode_scope(scope_with(pb.Constraint(**{kind: EVALUATED[kind]})))
    (capability,) = scope.capabilities
    assert capability.arguments


@pytest.fixture
def without_re2(monkeypatch: pytest.MonkeyPatch):
    """As after an installation without the extra `regex`."""
    monkeypatch.setitem(sys.modules, "re2", None)


@pytest.mark.spec("S-9")
@pytest.mark.usefixtures("without_re2")
def test_without_re2_every_regex_is_refused_and_says_what_to_install():
    for expression in ("a*", "(", ""):
        with pytest.raises(Malformed, match=r"delegation-chain\[regex\]") as caught:
            decode_scope(scope_with(pb.Constraint(regex=expression)))
        assert caught.value.reason is Reason.CONSTRAINT_UNSUPPORTED
    decode_scope(scope_with(pb.Constraint(prefix="a")))


@pytest.mark.spec("S-9")
@pytest.mark.usefixtures("without_re2")
def test_without_re2_a_token_is_refused_wherever_it_hides_a_regex():
    hidden = pb.Constraint(each=pb.Constraint(regex="a*"))
    field = pb.Argument(name="f", optional=True, constraint=hidden)
    scope = pb.Scope.FromString(scope_with(pb.Constraint(fields=pb.Fields(fields=[field]))))
    made = chain("root").edit(0, lambda link: link.scope.CopyFrom(scope))
    with pytest.raises(Malformed) as caught:
        verify(made.token)
    assert (caught.value.reason, caught.value.link_index) == (Reason.CONSTRAINT_UNSUPPORTED, 0)


@pytest.mark.spec("S-9")
def test_a_constraint_without_a_kind_is_refused():
    for data in (scope_with(pb.Constraint()), pb_scope_without_constraint()):
        with pytest.raises(Malformed) as caught:
            decode_scope(data)
        assert caught.value.reason is Reason.CONSTRAINT_UNSUPPORTED


def pb_scope_without_constraint() -> bytes:
    capability = pb.Capability(audience="a", tool="t", arguments=[pb.Argument(name="x")])
    return pb.Scope(capabilities=[capability]).SerializeToString()


@pytest.mark.spec("G-1", "C-7", "X-5")
def test_a_kind_from_the_future_is_refused():
    future = pb.Constraint.FromString(b"\x9a\x02\x01x")  # field 35, of which nobody knows
    with pytest.raises(Malformed):
        decode_scope(scope_with(future))


@pytest.mark.spec("S-8", "S-17", "A-2")
@pytest.mark.parametrize("kind", CONDITIONS)
def test_a_condition_is_carried_and_permits_no_call_of_kind(kind: str):
    condition = pb.Condition(**{kind: CONDITIONS[kind]})
    data = scope_with(WHATEVER, condition)
    scope = decode_scope(data)
    assert encode_scope(scope) == data
    (capability,) = scope.capabilities
    made = verify(chain("root", scopes=[scope]).token)
    with pytest.raises(ConditionUnmet) as caught:
        authorize(made, audience="a", tool="t", arguments=Arguments.of({"x": 1}))
    assert (caught.value.reason, caught.value.link_index) == (Reason.CONDITION_UNMET, 0)
    assert capability.conditions[0].describe() in capability.describe()


@pytest.mark.spec("G-1", "S-8", "X-5")
def test_a_condition_without_a_kind_is_refused():
    with pytest.raises(Malformed) as caught:
        decode_scope(scope_with(WHATEVER, pb.Condition()))
    assert caught.value.reason is Reason.CONDITION_UNSUPPORTED


def statement(number: int) -> pb.SignedStatement:
    return pb.SignedStatement(kind=number, key_id=bytes(16), payload=b"x", signature=bytes(64))


def token_with(number: int) -> bytes:
    message = pb.Chain.FromString(chain("root").with_statements().token)
    message.statements.append(statement(number))
    return message.SerializeToString()


KIND_NAMES = sorted(pb.StatementKind.DESCRIPTOR.values_by_name)
IN_CHAINS = {"STATEMENT_KIND_RECEIPT", "STATEMENT_KIND_BINDING"}


@pytest.mark.spec("E-4")
@pytest.mark.parametrize("name", KIND_NAMES)
def test_a_chain_carries_receipts_and_bindings_and_no_other_statement(name: str):
    token = token_with(pb.StatementKind.Value(name))
    if name in IN_CHAINS:
        assert len(parse_token(token).statements) == 1
        return
    with pytest.raises(Malformed) as caught:
        parse_token(token)
    assert caught.value.reason is Reason.STATEMENT_UNSUPPORTED


@pytest.mark.spec("G-1", "E-4", "X-5")
@pytest.mark.parametrize("number", [-1, 11, 2**31 - 1])
def test_a_statement_of_a_kind_from_the_future_is_refused(number: int):
    with pytest.raises(Malformed) as caught:
        parse_token(token_with(number))
    assert caught.value.reason is Reason.STATEMENT_UNSUPPORTED


@pytest.mark.spec("K-7")
def test_every_kind_of_statement_has_its_own_domain_tag():
    named = {name.removeprefix("STATEMENT_KIND_") for name in KIND_NAMES} - {"UNSPECIFIED"}
    assert named == {kind.name for kind in StatementKind}
    assert named <= {purpose.name for purpose in Purpose}
    assert len({purpose.value for purpose in Purpose}) == len(Purpose)


@pytest.mark.spec("X-4")
@pytest.mark.parametrize("purpose", Purpose)
def test_a_domain_tag_contains_the_format_version(purpose: Purpose):
    """What a later version signs is then no signature of this one."""
    assert purpose.value.startswith(b"delegation/v%d/" % limits.FORMAT_VERSION)


def test_no_domain_tag_begins_with_another():
    for one in Purpose:
        assert not any(other.prefix.startswith(one.prefix) for other in Purpose if other is not one)


@pytest.mark.spec("T-17")
def test_a_bundle_with_other_trust_domains_is_refused_until_their_limits_are_evaluated():
    message = spb.TrustBundle.FromString(encode_bundle(BUNDLE))
    message.federated.add(trust_domain="other.test")
    with pytest.raises(Refused, match="federated"):
        decode_bundle(message.SerializeToString(deterministic=True))


@pytest.mark.spec("E-4")
@pytest.mark.parametrize("count", [64, 65])
def test_a_chain_carries_at_most_64_statements(count: int):
    made = chain("root -> planner")
    statements: list[SignedStatement] = [made.service_statements[0]] * count
    token = join_token(made.frames, statements)
    if count == 64:
        verify(token)
        return
    with pytest.raises(Malformed) as caught:
        parse_token(token)
    assert caught.value.reason is Reason.STATEMENT_UNSUPPORTED
