"""Every cap of the format: what is at the cap is accepted, what is one past it is refused."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import delegation
from delegation.core import codec, limits
from delegation.core.chain import Frame
from delegation.core.codec import decode_scope, encode_scope, join_token, parse_token
from delegation.core.conditions import approved_by, at_most_calls, budget
from delegation.core.constraints import (
    Exact,
    ListSubset,
    OneOf,
    Prefix,
    all_of,
    any_of,
    anything,
    at_most,
    each,
    exactly,
    fields,
    matching,
    not_,
    one_of,
    optional,
    starting_with,
    url,
)
from delegation.core.constraints.decimals import parse_decimal
from delegation.core.records import DecisionBatch
from delegation.core.scope import Scope, any_call, tool
from delegation.core.statement import SignedStatement, StatementKind
from delegation.errors import Malformed, Reason, Refused
from delegation.v1 import chain_pb2 as pb
from delegation.v1 import statement_pb2 as spb
from support.chains import MALLORY, NOW_MS, READ_CALL, chain, verify

AT_AND_PAST = pytest.mark.parametrize("past", [0, 1], ids=["at the cap", "one past it"])


def must_be_accepted_unless(past: int, reason: Reason, action: Callable[[], Any]) -> None:
    if not past:
        action()
        return
    with pytest.raises(Refused) as caught:
        action()
    assert caught.value.reason is reason


def capability(**arguments: Any) -> Scope:
    return Scope(tool("t", "t", **arguments))


def message_with(change: Callable[[pb.Capability], object]) -> bytes:
    """A scope of one capability, changed by hand."""
    message = pb.Scope.FromString(encode_scope(capability()))
    change(message.capabilities[0])
    return message.SerializeToString(deterministic=True)


def envelope_of(made: Any) -> bytes:
    links = [pb.SignedLink(payload=frame.payload, signature=frame.signature) for frame in made.frames]
    return pb.Chain(links=links).SerializeToString()


def sized(size: int) -> bytes:
    """A grant's token of exactly so many bytes: strings of 4,000 bytes, and two that fill the rest."""
    whole = (size - 1_000) // 4_020
    texts = {f"a{n:02}": "x" * 4_000 for n in range(whole)}
    token = b""
    for fill in range(300, 4_000):
        made = chain("root", scopes=[capability(**texts, last="x" * fill)])
        token = envelope_of(made)
        if len(token) == size:
            return token
        missing = size - len(token)
        if missing > 400:
            texts[f"b{fill}"] = "x" * min(missing - 350, 4_000)
    raise AssertionError(len(token))


@pytest.mark.spec("E-1", "V-1", "V-21")
@AT_AND_PAST
def test_a_token(past: int):
    token = sized(limits.TOKEN_BYTES + past)
    must_be_accepted_unless(past, Reason.TOKEN_TOO_LARGE, lambda: verify(token))
    link = pb.Chain.FromString(token).links[0]
    frames = [Frame(link.payload, link.signature, 0)]
    must_be_accepted_unless(past, Reason.TOKEN_TOO_LARGE, lambda: join_token(frames))


@pytest.mark.spec("E-2", "V-21")
@AT_AND_PAST
def test_links_of_a_chain(past: int):
    path = " -> ".join(f"a{n}" for n in range(limits.LINKS + past))
    made = chain(path, depth=40, unrecorded=True, scopes=[Scope(any_call("t", "t"))])
    must_be_accepted_unless(past, Reason.TOO_MANY_LINKS, lambda: verify(envelope_of(made)))
    must_be_accepted_unless(past, Reason.TOO_MANY_LINKS, lambda: join_token(made.frames))


@pytest.mark.spec("S-5")
@AT_AND_PAST
def test_capabilities_of_a_link(past: int):
    some = [any_call("t", f"t{n:03}") for n in range(limits.CAPABILITIES + past)]
    message = pb.Scope(capabilities=[pb.Capability(audience=c.audience, tool=c.tool, any_arguments=True) for c in some])
    must_be_accepted_unless(past, Reason.TOO_MANY_CAPABILITIES, lambda: Scope(*some))
    must_be_accepted_unless(past, Reason.TOO_MANY_CAPABILITIES, lambda: decode_scope(message.SerializeToString()))


@pytest.mark.spec("S-7", "S-14")
@AT_AND_PAST
def test_arguments_of_a_capability_and_fields_of_an_object(past: int):
    some = {f"x{n:02}": anything() for n in range(limits.ARGUMENTS + past)}
    for scope in (capability(**some), capability(x=fields(**some))):
        data = encode_scope(scope)
        must_be_accepted_unless(past, Reason.TOO_MANY_ARGUMENTS, lambda data=data: decode_scope(data))


def nested_lists(levels: int) -> Any:
    constraint = anything()
    for _ in range(levels - 1):
        constraint = each(constraint)
    return constraint


def nested_objects(levels: int) -> Any:
    constraint = anything()
    for _ in range(levels - 1):
        constraint = fields(a=optional(constraint))
    return constraint


def nested_value(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels - 1):
        value = {"a": value}
    return Exact(value)


def nested_logic(levels: int) -> Any:
    constraint: Any = not_("a")
    for _ in range(levels // 2 - 1):
        constraint = all_of(any_of(constraint))
    return constraint if levels % 2 == 0 else any_of(constraint)


@pytest.mark.spec("S-10")
@AT_AND_PAST
@pytest.mark.parametrize("nest", [nested_lists, nested_objects, nested_value, nested_logic])
def test_nesting_of_a_constraint(past: int, nest: Callable[[int], Any]):
    scope = capability(x=nest(limits.NESTING + past))
    must_be_accepted_unless(past, Reason.NESTING_TOO_DEEP, lambda: verify(chain("root", scopes=[scope]).token))


@pytest.mark.spec("S-10")
@AT_AND_PAST
def test_nesting_of_a_value_that_is_written_as_a_constraint(past: int):
    value: Any = 1
    for _ in range(limits.NESTING - 1 + past):
        value = [value]
    must_be_accepted_unless(past, Reason.NESTING_TOO_DEEP, lambda: exactly(value))


def test_the_deepest_object_inside_the_deepest_object_constraint_is_read():
    """The protobuf library has a limit of its own, which must lie beyond ours."""
    constraint = nested_value(limits.NESTING)
    for _ in range(limits.NESTING - 1):
        constraint = fields(a=constraint)
    verify(chain("root -> planner", scopes=[capability(x=constraint)]).token)


@pytest.mark.spec("S-10")
def test_what_is_nested_far_past_the_cap_is_refused_without_recursion():
    payload = pb.Constraint(anything=True).SerializeToString()
    for _ in range(3_000):
        payload = b"\xaa\x01" + varint(len(payload)) + payload  # field 21: each
    argument = b"\x0a\x01x\x1a" + varint(len(payload)) + payload
    inner = b"\x0a\x01t\x12\x01t\x22" + varint(len(argument)) + argument
    with pytest.raises(Malformed):
        decode_scope(b"\x0a" + varint(len(inner)) + inner)


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes((number & 0x7F | 0x80,))
        number >>= 7
    return out + bytes((number,))


@pytest.mark.spec("S-11")
@AT_AND_PAST
def test_values_of_a_set(past: int):
    numbers = list(range(limits.SET_VALUES + past))
    must_be_accepted_unless(past, Reason.TOO_MANY_VALUES, lambda: one_of(*numbers))
    message = message_with(lambda c: c.arguments.add(name="x").constraint.one_of.integers.extend(numbers))
    must_be_accepted_unless(past, Reason.TOO_MANY_VALUES, lambda: decode_scope(message))
    mixed = pb.ScalarSet(strings=["a"], integers=numbers[2:], has_true=True)
    both = message_with(lambda c: c.arguments.add(name="x", constraint=pb.Constraint(one_of=mixed)))
    must_be_accepted_unless(past, Reason.TOO_MANY_VALUES, lambda: decode_scope(both))


@pytest.mark.spec("S-11")
def test_a_set_has_a_value():
    with pytest.raises(Malformed):
        one_of()
    empty = message_with(lambda c: c.arguments.add(name="x").constraint.one_of.CopyFrom(pb.ScalarSet()))
    with pytest.raises(Malformed):
        decode_scope(empty)


@pytest.mark.spec("F-5", "S-6")
@AT_AND_PAST
@pytest.mark.parametrize("letter", ["x", "é", "€", "😀"])
def test_bytes_of_a_name(past: int, letter: str):
    size = len(letter.encode())
    name = letter * (limits.NAME_BYTES // size) + "x" * (limits.NAME_BYTES % size + past)
    for scope in (Scope(any_call(name, "t")), Scope(any_call("t", name)), capability(**{name: 1})):
        must_be_accepted_unless(
            past, Reason.FIELD_INVALID, lambda scope=scope: verify(chain("root", scopes=[scope]).token)
        )


@pytest.mark.spec("F-5", "F-6")
@AT_AND_PAST
def test_bytes_of_an_agent_and_of_a_purpose(past: int):
    agent = "urn:" + "x" * (limits.NAME_BYTES - 4 + past)
    bare = chain("root").with_statements()
    named = bare.edit(0, lambda link: setattr(link, "holder_agent", agent))
    must_be_accepted_unless(past, Reason.FIELD_INVALID, lambda: verify(named.token))
    meant = bare.edit(0, lambda link: setattr(link, "purpose", "x" * (limits.PURPOSE_BYTES + past)))
    must_be_accepted_unless(past, Reason.FIELD_INVALID, lambda: verify(meant.token))


@pytest.mark.spec("S-11", "S-15")
@AT_AND_PAST
@pytest.mark.parametrize("letter", ["x", "é", "€", "😀"])
def test_bytes_of_a_string_in_a_constraint(past: int, letter: str):
    size = len(letter.encode())
    text = letter * (limits.TEXT_BYTES // size) + "x" * (limits.TEXT_BYTES % size + past)
    strings = OneOf(frozenset({"a", text}))
    for constraint in (Exact(text), strings, ListSubset(strings), Exact([text]), Exact({text: 1}), Prefix(text)):
        data = encode_scope(capability(x=constraint))
        must_be_accepted_unless(past, Reason.FIELD_INVALID, lambda data=data: decode_scope(data))
    for write in (exactly, one_of, starting_with, lambda text: exactly([text]), lambda text: exactly({text: 1})):
        must_be_accepted_unless(past, Reason.FIELD_INVALID, lambda write=write: write(text))


@pytest.mark.spec("S-13")
@AT_AND_PAST
def test_bytes_of_a_path_in_a_constraint(past: int):
    path = "/" + "x" * (limits.TEXT_BYTES - 1 + past)
    patterns = pb.SegmentGlob(pattern=path), pb.UrlPattern(schemes=["a"], host="b", path_prefix=path)
    for constraint in (
        pb.Constraint(sub_path=path),
        pb.Constraint(segment_glob=patterns[0]),
        pb.Constraint(url=patterns[1]),
    ):
        data = message_with(lambda c, made=constraint: c.arguments.add(name="x", constraint=made))
        must_be_accepted_unless(past, Reason.FIELD_INVALID, lambda data=data: decode_scope(data))


@pytest.mark.spec("S-3")
@AT_AND_PAST
def test_characters_of_a_decimal(past: int):
    text = "0." + "0" * (limits.DECIMAL_CHARACTERS - 3 + past) + "1"
    must_be_accepted_unless(past, Reason.FIELD_INVALID, lambda: parse_decimal(text))
    bounds = pb.Constraint(decimal_range=pb.DecimalRange(minimum=text))
    data = message_with(lambda c: c.arguments.add(name="x", constraint=bounds))
    must_be_accepted_unless(past, Reason.FIELD_INVALID, lambda: decode_scope(data))


NO_DECIMALS = ["1e5", "+1", "01", "1.", ".5", "1.0", "1.50", "-0", "-0.0", "0x1", "1_0", "NaN", "Infinity", "1,5"]


@pytest.mark.spec("S-3")
@pytest.mark.parametrize("text", [*NO_DECIMALS, "\u0665", "", " 1", "1 ", "1\n"])
def test_a_decimal_has_one_form(text: str):
    with pytest.raises(Malformed):
        parse_decimal(text)


@pytest.mark.spec("S-11", "S-15")
@AT_AND_PAST
def test_integers(past: int):
    for number in (limits.SAFE_INTEGER + past, -limits.SAFE_INTEGER - past):
        value = pb.Value(list=pb.ValueList(values=[pb.Value(integer=number)]))
        for constraint in (
            pb.Constraint(exact_integer=number),
            pb.Constraint(one_of=pb.ScalarSet(integers=[number])),
            pb.Constraint(integer_range=pb.IntegerRange(maximum=number)),
            pb.Constraint(exact_composite=value),
        ):
            data = message_with(lambda c, made=constraint: c.arguments.add(name="x", constraint=made))
            must_be_accepted_unless(past, Reason.FIELD_INVALID, lambda data=data: decode_scope(data))
        must_be_accepted_unless(past, Reason.FIELD_INVALID, lambda number=number: at_most(number))


@pytest.mark.spec("F-7")
@AT_AND_PAST
def test_times(past: int):
    far = chain("root").edit(0, lambda link: setattr(link, "issued_at_ms", limits.SAFE_INTEGER + past))
    must_be_accepted_unless(past, Reason.FIELD_INVALID, lambda: verify(far.with_statements().token))


@pytest.mark.spec("V-9")
@AT_AND_PAST
def test_the_life_of_a_grant(past: int):
    lifetime_ms = limits.GRANT_LIFETIME_MS + past
    must_be_accepted_unless(past, Reason.LIFETIME_TOO_LONG, lambda: chain("root", lifetimes_ms=[lifetime_ms]))


@pytest.mark.spec("V-13")
@AT_AND_PAST
def test_the_leeway_before_the_beginning(past: int):
    early = NOW_MS - limits.NOT_BEFORE_LEEWAY_MS - past
    must_be_accepted_unless(past, Reason.NOT_YET_VALID, lambda: verify(chain("root").token, now_ms=early))


@pytest.mark.spec("V-13")
def test_the_end_has_no_leeway():
    made = chain("root", lifetimes_ms=[1_000])
    verify(made.token, now_ms=NOW_MS + 999)
    with pytest.raises(Refused) as caught:
        verify(made.token, now_ms=NOW_MS + 1_000)
    assert caught.value.reason is Reason.EXPIRED


@AT_AND_PAST
def test_bytes_of_a_proof(past: int):
    signature = bytes(64)
    payload = bytes(limits.PROOF_BYTES - 66 - 3 + past)
    proof = codec.join_proof(payload, signature)
    assert len(proof) == limits.PROOF_BYTES + past
    must_be_accepted_unless(past, Reason.TOKEN_TOO_LARGE, lambda: codec.split_proof(proof))


def test_the_longest_names_fit_into_a_proof():
    name = "x" * limits.NAME_BYTES
    made = chain("root")
    assert len(made.proof(name, name, READ_CALL)) < limits.PROOF_BYTES


@AT_AND_PAST
def test_bytes_of_a_statement(past: int):
    statement = SignedStatement(StatementKind.OFFER, bytes(16), bytes(limits.STATEMENT_BYTES - 89 + past), bytes(64))
    data = codec.encode_statement(statement)
    assert len(data) == limits.STATEMENT_BYTES + past
    must_be_accepted_unless(past, Reason.TOKEN_TOO_LARGE, lambda: codec.decode_statement(data))


@AT_AND_PAST
def test_bytes_of_a_document(past: int):
    batch = DecisionBatch(MALLORY.public, 1, bytes(32), (bytes(limits.DOCUMENT_BYTES - 75 + past),))
    data = codec.encode_batch(batch)
    assert len(data) == limits.DOCUMENT_BYTES + past
    must_be_accepted_unless(past, Reason.TOKEN_TOO_LARGE, lambda: codec.decode_batch(data))


@pytest.mark.spec("F-10")
@AT_AND_PAST
@pytest.mark.parametrize("field", ["from_position", "to_position"])
def test_positions_and_numbers_fit_every_database(past: int, field: str):
    entry = spb.RevocationFeedEntry(issued_at_ms=1, **{field: limits.SAFE_INTEGER + past})
    must_be_accepted_unless(past, Reason.FIELD_INVALID, lambda: codec.decode_feed_entry(entry.SerializeToString()))
    first = limits.SAFE_INTEGER - 1 + past
    batch = DecisionBatch(MALLORY.public, first, bytes(32), (b"x",))
    must_be_accepted_unless(past, Reason.FIELD_INVALID, lambda: codec.decode_batch(codec.encode_batch(batch)))


@pytest.mark.spec("E-2")
def test_an_empty_token_has_no_links():
    with pytest.raises(Malformed) as caught:
        parse_token(b"")
    assert caught.value.reason is Reason.NO_LINKS


@pytest.mark.spec("S-23")
@AT_AND_PAST
@pytest.mark.parametrize("kind", ["all_of", "any_of"])
def test_constraints_of_an_all_of_and_any_of(past: int, kind: str):
    several = [pb.Constraint(anything=True)] * (limits.BRANCHES + past)
    made = pb.Constraint(**{kind: pb.ConstraintList(constraints=several)})
    data = message_with(lambda c: c.arguments.add(name="x", constraint=made))
    must_be_accepted_unless(past, Reason.TOO_MANY_VALUES, lambda: decode_scope(data))
    build = {"all_of": all_of, "any_of": any_of}[kind]
    must_be_accepted_unless(past, Reason.TOO_MANY_VALUES, lambda: build(*range(limits.BRANCHES + past)))


@pytest.mark.spec("S-19")
@AT_AND_PAST
def test_schemes_of_a_url(past: int):
    schemes = [f"s{n}" for n in range(limits.SCHEMES + past)]
    made = pb.Constraint(url=pb.UrlPattern(schemes=schemes, host="example.org"))
    data = message_with(lambda c: c.arguments.add(name="x", constraint=made))
    must_be_accepted_unless(past, Reason.FIELD_INVALID, lambda: decode_scope(data))
    must_be_accepted_unless(past, Reason.FIELD_INVALID, lambda: url("s0://example.org", schemes=schemes))


@pytest.mark.spec("S-21")
@AT_AND_PAST
@pytest.mark.parametrize(
    ("expression", "longer"),
    [
        ("(" + "|".join(["a{1}"] * 101) + "|abcde)", "c"),  # 512 bytes
        ("[" + "€" * 170 + "]", "d"),  # 512 bytes of UTF-8
        ("a{256}", "b"),
        ("(ab?){128}", "c"),
        ("[a-zA-Z]{128}", "c"),
        ("(a{16}){16}", "c"),
    ],
)
def test_bytes_and_weight_of_a_regular_expression(past: int, expression: str, longer: str):
    written = expression + longer * past
    data = message_with(lambda c: c.arguments.add(name="x", constraint=pb.Constraint(regex=written)))
    must_be_accepted_unless(past, Reason.FIELD_INVALID, lambda: decode_scope(data))
    must_be_accepted_unless(past, Reason.FIELD_INVALID, lambda: matching(written))


@pytest.mark.spec("S-8")
@AT_AND_PAST
def test_conditions_of_a_capability(past: int):
    some = [budget(f"a{n:02}", 1) for n in range(limits.CONDITIONS + past)]
    message = message_with(
        lambda c: c.conditions.extend(pb.Condition(budget=pb.Budget(argument=b.argument, maximum="1")) for b in some)
    )
    must_be_accepted_unless(past, Reason.TOO_MANY_VALUES, lambda: decode_scope(message))
    must_be_accepted_unless(past, Reason.TOO_MANY_VALUES, lambda: any_call("t", "t", *some))
    must_be_accepted_unless(past, Reason.TOO_MANY_VALUES, lambda: tool("t", "t", *some))


@pytest.mark.spec("S-17")
@AT_AND_PAST
def test_approvers_of_a_condition(past: int):
    names = [f"a{n:02}" for n in range(limits.APPROVERS + past)]
    made = pb.Condition(approval=pb.ApprovalRequirement(approvers=names, threshold=1))
    data = message_with(lambda c: c.conditions.append(made))
    must_be_accepted_unless(past, Reason.TOO_MANY_VALUES, lambda: decode_scope(data))
    must_be_accepted_unless(past, Reason.TOO_MANY_VALUES, lambda: approved_by(*names))


@pytest.mark.spec("S-17")
@AT_AND_PAST
def test_calls_that_a_condition_counts(past: int):
    made = pb.Condition(call_count=pb.CallCount(maximum=limits.SAFE_INTEGER + past))
    data = message_with(lambda c: c.conditions.append(made))
    must_be_accepted_unless(past, Reason.FIELD_INVALID, lambda: decode_scope(data))
    must_be_accepted_unless(past, Reason.FIELD_INVALID, lambda: at_most_calls(limits.SAFE_INTEGER + past))


def test_no_limit_is_left_over():
    tree = ast.parse(inspect.getsource(limits))
    named = {n.target.id for n in tree.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
    root = Path(delegation.__file__).parent
    sources = [path.read_text() for folder in (root, root.parent / "sdk") for path in folder.rglob("*.py")]
    used = {name for name in named if any(f"limits.{name}" in source for source in sources)}
    used |= {name for name in named if name in inspect.getsource(limits).split(f"{name}: Final", 1)[1]}
    assert named == used
