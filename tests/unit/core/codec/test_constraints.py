"""Scopes and constraints made by hand that say nothing, two things, or something in the wrong form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from delegation.core.codec import decode_scope, encode_scope
from delegation.core.constraints import Argument, Steps
from delegation.core.scope import Capability, Scope
from delegation.errors import Malformed, Reason
from delegation.v1 import chain_pb2 as pb

Change = Callable[[pb.Scope], object]


def scope(constraint: pb.Constraint | None = None, **capability: Any) -> bytes:
    arguments = [pb.Argument(name="x", constraint=constraint)] if constraint else []
    fields = {"audience": "a", "tool": "t", "arguments": arguments, **capability}
    return pb.Scope(capabilities=[pb.Capability(**fields)]).SerializeToString(deterministic=True)


def reason_of(data: bytes) -> tuple[Reason, str]:
    with pytest.raises(Malformed) as caught:
        decode_scope(data)
    return caught.value.reason, caught.value.detail


def value(**kind: Any) -> pb.Constraint:
    return pb.Constraint(exact_composite=pb.Value(list=pb.ValueList(values=[pb.Value(**kind)])))


def members(*names: str) -> pb.Constraint:
    found = [pb.ValueMember(name=name, value=pb.Value(null=True)) for name in names]
    return pb.Constraint(exact_composite=pb.Value(object=pb.ValueObject(members=found)))


def one_of(**sets: Any) -> pb.Constraint:
    return pb.Constraint(one_of=pb.ScalarSet(**sets))


def whole(**bounds: Any) -> pb.Constraint:
    return pb.Constraint(integer_range=pb.IntegerRange(**bounds))


def exact(**bounds: Any) -> pb.Constraint:
    return pb.Constraint(decimal_range=pb.DecimalRange(**bounds))


WRONG: dict[str, pb.Constraint] = {
    "anything, but not": pb.Constraint(anything=False),
    "null, but not": pb.Constraint(exact_null=False),
    "an integer as a decimal": pb.Constraint(exact_decimal="5"),
    "a decimal with a zero too many": pb.Constraint(exact_decimal="0.50"),
    "a scalar as a composite": pb.Constraint(exact_composite=pb.Value(string="a")),
    "no value as a composite": pb.Constraint(exact_composite=pb.Value()),
    "a member of no kind": pb.Constraint(exact_composite=pb.Value(list=pb.ValueList(values=[pb.Value()]))),
    "null inside, but not": value(null=False),
    "an integer as a decimal inside": value(decimal="5"),
    "an integer too large inside": value(integer=2**53),
    "members out of order": members("b", "a"),
    "a member twice": members("a", "a"),
    "a set of nothing": one_of(),
    "strings out of order": one_of(strings=["b", "a"]),
    "a string twice": one_of(strings=["a", "a"]),
    "integers out of order": one_of(integers=[2, 1]),
    "an integer twice": one_of(integers=[1, 1]),
    "decimals out of order": one_of(decimals=["1.5", "0.5"]),
    "decimals in the order of text": one_of(decimals=["10.5", "9.5"]),
    "a decimal twice": one_of(decimals=["0.5", "0.5"]),
    "an integer among the decimals": one_of(decimals=["5"]),
    "no bounds of an integer": whole(),
    "bounds of an integer with nothing between": whole(minimum=5, maximum=4),
    "no bounds of a number": exact(),
    "bounds of a number with nothing between": exact(minimum="5", maximum="4.5"),
    "one number, and not that": exact(minimum="5", maximum="5", minimum_exclusive=True),
    "one number, and not that either": exact(minimum="5", maximum="5", maximum_exclusive=True),
    "more than nothing said": exact(maximum="5", minimum_exclusive=True),
    "less than nothing said": exact(minimum="5", maximum_exclusive=True),
    "a bound with an exponent": exact(minimum="1e5"),
    "a relative path": pb.Constraint(sub_path="srv"),
    "an empty path": pb.Constraint(sub_path=""),
    "a path with a slash at its end": pb.Constraint(sub_path="/srv/"),
    "a path with a parent": pb.Constraint(sub_path="/srv/.."),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_constraint_is_refused_that_says(name: str):
    assert reason_of(scope(WRONG[name]))[0] is Reason.FIELD_INVALID


@pytest.mark.parametrize("name", WRONG)
def test_a_constraint_is_refused_that_says_inside(name: str):
    inner = pb.Argument(name="f", constraint=WRONG[name])
    for nested in (pb.Constraint(each=WRONG[name]), pb.Constraint(fields=pb.Fields(fields=[inner]))):
        assert reason_of(scope(nested))[0] is Reason.FIELD_INVALID


NO_NAMES = ["", "a\nb", "a\0", "a\u202eb", "x" * 513]


@pytest.mark.parametrize("name", NO_NAMES, ids=ascii)
def test_what_is_no_name_is_refused(name: str):
    anything = pb.Constraint(anything=True)
    argument = pb.Argument(name=name, constraint=anything)
    inner = pb.Constraint(fields=pb.Fields(fields=[argument]))
    for data in (scope(audience=name), scope(tool=name), scope(arguments=[argument]), scope(inner)):
        assert reason_of(data)[0] is Reason.FIELD_INVALID


def capabilities(*pairs: tuple[str, str]) -> bytes:
    made = [pb.Capability(audience=audience, tool=tool) for audience, tool in pairs]
    return pb.Scope(capabilities=made).SerializeToString(deterministic=True)


@pytest.mark.parametrize(
    "pairs",
    [
        [("b", "t"), ("a", "t")],
        [("a", "t"), ("a", "t")],
        [("a", "u"), ("a", "t")],
        [("\U0001f600", "t"), ("\uff41", "t")],  # as UTF-16 would sort them
    ],
)
def test_capabilities_are_sorted_by_their_bytes_and_unique(pairs: list[tuple[str, str]]):
    assert reason_of(capabilities(*pairs))[0] is Reason.FIELD_INVALID
    if len(set(pairs)) == len(pairs):
        assert len(decode_scope(capabilities(*reversed(pairs))).capabilities) == len(pairs)


@pytest.mark.parametrize("names", [("b", "a"), ("a", "a"), ("a", "")])
def test_arguments_are_sorted_and_unique(names: tuple[str, ...]):
    anything = pb.Constraint(anything=True)
    arguments = [pb.Argument(name=name, constraint=anything) for name in names]
    for data in (scope(arguments=arguments), scope(pb.Constraint(fields=pb.Fields(fields=arguments)))):
        assert reason_of(data)[0] is Reason.FIELD_INVALID


def test_any_arguments_stand_alone():
    arguments = [pb.Argument(name="x", constraint=pb.Constraint(anything=True))]
    assert reason_of(scope(any_arguments=True, arguments=arguments))[0] is Reason.FIELD_INVALID
    (capability,) = decode_scope(scope(any_arguments=True)).capabilities
    assert capability.arguments is None


def test_what_is_unknown_is_told_from_what_is_not_evaluated_yet():
    unknown = (Reason.CONSTRAINT_UNSUPPORTED, "a constraint of an unknown kind")
    assert reason_of(scope(arguments=[pb.Argument(name="x")])) == unknown
    condition = (Reason.CONDITION_UNSUPPORTED, "a condition of an unknown kind")
    assert reason_of(scope(conditions=[pb.Condition()])) == condition


@dataclass(frozen=True)
class Lenient:
    """Not of the family: somebody's own."""

    def allows(self, value: object, steps: Steps) -> bool:
        return bool(value) or bool(steps)

    def describe(self) -> str:
        return "whatever I like"


def test_a_constraint_that_is_not_of_the_family_is_not_encoded():
    with pytest.raises(Malformed) as caught:
        encode_scope(Scope(Capability("a", "t", {"x": Argument(Lenient())})))
    assert (caught.value.reason, caught.value.detail) == (Reason.CONSTRAINT_UNSUPPORTED, "Lenient")
