"""Scopes and constraints made by hand that say nothing, two things, or something in the wrong form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from delegation.core.codec import decode_scope, encode_scope
from delegation.core.conditions import ApprovalRequirement, Budget, CallCount
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


def url(**parts: Any) -> pb.Constraint:
    return pb.Constraint(url=pb.UrlPattern(**{"schemes": ["https"], "host": "example.org", **parts}))


def glob(pattern: str, separator: str = "") -> pb.Constraint:
    return pb.Constraint(segment_glob=pb.SegmentGlob(pattern=pattern, separator=separator))


def length(**bounds: Any) -> pb.Constraint:
    return pb.Constraint(length=pb.LengthRange(**bounds))


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
    "none of nothing": pb.Constraint(not_one_of=pb.ScalarSet()),
    "not null": pb.Constraint(not_one_of=pb.ScalarSet(strings=["a"], has_null=True)),
    "a list of nothing": pb.Constraint(list_subset=pb.ScalarSet()),
    "a list that contains nothing": pb.Constraint(list_contains=pb.ScalarSet()),
    "members of a list out of order": pb.Constraint(list_subset=pb.ScalarSet(strings=["b", "a"])),
    "no bounds of a text": pb.Constraint(decimal_text=pb.DecimalRange()),
    "bounds of a text with nothing between": pb.Constraint(decimal_text=pb.DecimalRange(minimum="2", maximum="1")),
    "a bound of a text that is text": pb.Constraint(decimal_text=pb.DecimalRange(minimum="1.0")),
    "no bounds of a length": length(),
    "a length of nought or more": length(minimum=0),
    "bounds of a length with nothing between": length(minimum=3, maximum=2),
    "an empty prefix": pb.Constraint(prefix=""),
    "an empty pattern": glob(""),
    "a star in a piece": glob("/srv/a*"),
    "three stars": glob("/srv/***"),
    "two stars before the end": glob("/**/a"),
    "a pattern with a parent": glob("/srv/../*"),
    "a pattern with an escape": glob("/srv/%2e/*"),
    "a pattern with a backslash": glob("srv\\*"),
    "a pattern with a control": glob("/srv\n/*"),
    "a separator that is the default": glob("/srv/*", "/"),
    "an empty piece of a path": glob("/srv//*"),
    "a pattern of a path with a slash at its end": glob("/srv/"),
    "a pattern of nothing but a slash": glob("/"),
    "a separator that is a letter": glob("axb", "x"),
    "a separator that is a star": glob("a*b", "*"),
    "a separator of two characters": glob("a::b", "::"),
    "no scheme": url(schemes=[]),
    "schemes out of order": url(schemes=["https", "http"]),
    "a scheme twice": url(schemes=["https", "https"]),
    "a scheme in upper case": url(schemes=["HTTPS"]),
    "no host": url(host=""),
    "a host in upper case": url(host="Example.org"),
    "a host that is not ASCII": url(host="exämple.org"),
    "a host with a dot at its end": url(host="example.org."),
    "a host with an empty label": url(host="example..org"),
    "a host with a label of 64": url(host="a" * 64 + ".org"),
    "a host of 254": url(host=".".join(["a" * 49] * 5 + ["abcd"])),
    "a host with a port": url(host="example.org:443"),
    "a host with a user": url(host="a@example.org"),
    "an address with leading zeros": url(host="010.1.2.3"),
    "an address in hexadecimal": url(host="0x0a010203"),
    "an address of one number": url(host="167772161"),
    "an address of three numbers": url(host="10.1.3"),
    "an address of IPv6": url(host="[::1]"),
    "subdomains of an address": url(host="10.1.2.3", subdomains=True),
    "port nought": url(port=0),
    "the default port": url(port=443),
    "the default port of another scheme": url(schemes=["http", "https"], port=80),
    "port 65536": url(port=65536),
    "a path of a URL without a slash": url(path_prefix="v1"),
    "a path of a URL with a slash at its end": url(path_prefix="/v1/"),
    "a path of a URL with a parent": url(path_prefix="/v1/.."),
    "a path of a URL with an escaped letter": url(path_prefix="/v%31"),
    "a path of a URL with an escape in lower case": url(path_prefix="/v%c3%a4"),
    "a path of a URL with a query": url(path_prefix="/v1?x"),
    "no network": pb.Constraint(cidr=""),
    "an address without a length": pb.Constraint(cidr="10.0.0.0"),
    "a length with a leading zero": pb.Constraint(cidr="10.0.0.0/08"),
    "a length of 33": pb.Constraint(cidr="10.0.0.0/33"),
    "a length of -1": pb.Constraint(cidr="10.0.0.0/-1"),
    "a netmask": pb.Constraint(cidr="10.0.0.0/255.0.0.0"),
    "bits that do not count": pb.Constraint(cidr="10.0.0.1/8"),
    "a network with leading zeros": pb.Constraint(cidr="010.0.0.0/8"),
    "a network in upper case": pb.Constraint(cidr="FC00::/7"),
    "a network that is not short": pb.Constraint(cidr="fc00:0::/7"),
    "a network in disguise": pb.Constraint(cidr="::ffff:10.0.0.0/104"),
    "a network in better disguise": pb.Constraint(cidr="::ffff:a00:0/104"),
    "a network with a zone": pb.Constraint(cidr="fe80::%eth0/64"),
    "an empty expression": pb.Constraint(regex=""),
    "an expression outside of the grammar": pb.Constraint(regex="(?i)a"),
    "not anything": pb.Constraint(negation=pb.Constraint(anything=True)),
    "not exactly null": pb.Constraint(negation=pb.Constraint(exact_null=True)),
    "not one of null and more": pb.Constraint(negation=one_of(strings=["a"], has_null=True)),
    "not none of": pb.Constraint(negation=pb.Constraint(not_one_of=pb.ScalarSet(strings=["a"]))),
    "not not": pb.Constraint(negation=pb.Constraint(negation=pb.Constraint(exact_string="a"))),
    "not each": pb.Constraint(negation=pb.Constraint(each=pb.Constraint(exact_string="a"))),
    "not fields": pb.Constraint(negation=pb.Constraint(fields=pb.Fields())),
    "not all of": pb.Constraint(
        negation=pb.Constraint(all_of=pb.ConstraintList(constraints=[pb.Constraint(prefix="a")]))
    ),
    "all of none": pb.Constraint(all_of=pb.ConstraintList()),
    "any of none": pb.Constraint(any_of=pb.ConstraintList()),
}


@pytest.mark.spec("S-3", "S-11", "S-12", "S-13", "S-15")
@pytest.mark.parametrize("name", WRONG)
def test_a_constraint_is_refused_that_says(name: str):
    assert reason_of(scope(WRONG[name]))[0] is Reason.FIELD_INVALID


@pytest.mark.spec("S-3", "S-11", "S-12", "S-13", "S-15")
@pytest.mark.parametrize("name", WRONG)
def test_a_constraint_is_refused_that_says_inside(name: str):
    inner = pb.Argument(name="f", constraint=WRONG[name])
    listed = pb.ConstraintList(constraints=[pb.Constraint(prefix="a"), WRONG[name]])
    for nested in (
        pb.Constraint(each=WRONG[name]),
        pb.Constraint(fields=pb.Fields(fields=[inner])),
        pb.Constraint(negation=WRONG[name]),
        pb.Constraint(all_of=listed),
        pb.Constraint(any_of=listed),
    ):
        assert reason_of(scope(nested))[0] is Reason.FIELD_INVALID


NO_NAMES = ["", "a\nb", "a\0", "a\u202eb", "x" * 513]


@pytest.mark.spec("F-5", "S-6")
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


@pytest.mark.spec("S-5")
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


@pytest.mark.spec("S-7", "S-14")
@pytest.mark.parametrize("names", [("b", "a"), ("a", "a"), ("a", "")])
def test_arguments_are_sorted_and_unique(names: tuple[str, ...]):
    anything = pb.Constraint(anything=True)
    arguments = [pb.Argument(name=name, constraint=anything) for name in names]
    for data in (scope(arguments=arguments), scope(pb.Constraint(fields=pb.Fields(fields=arguments)))):
        assert reason_of(data)[0] is Reason.FIELD_INVALID


@pytest.mark.spec("S-7")
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


# -- conditions ------------------------------------------------------------------------------------------------


def calls(maximum: int) -> pb.Condition:
    return pb.Condition(call_count=pb.CallCount(maximum=maximum))


def budget(argument: str, maximum: str) -> pb.Condition:
    return pb.Condition(budget=pb.Budget(argument=argument, maximum=maximum))


def approval(*approvers: str, threshold: int = 1) -> pb.Condition:
    return pb.Condition(approval=pb.ApprovalRequirement(approvers=approvers, threshold=threshold))


@pytest.mark.spec("S-8", "S-17")
def test_conditions_read_in_their_order_and_are_written_in_it():
    ordered = [calls(5), budget("amount", "500"), budget("fee", "0.5"), approval("ada"), approval("ada", "ben")]
    data = scope(conditions=ordered)
    (capability,) = decode_scope(data).capabilities
    assert capability.conditions == (
        CallCount(5),
        Budget("amount", "500"),
        Budget("fee", "0.5"),
        ApprovalRequirement(("ada",), 1),
        ApprovalRequirement(("ada", "ben"), 1),
    )
    turned = capability._replace(conditions=capability.conditions[::-1])
    assert encode_scope(Scope(turned)) == data


WRONG_CONDITIONS: dict[str, list[pb.Condition]] = {
    "no calls": [calls(0)],
    "more calls than a number holds": [calls(2**53)],
    "two counts": [calls(1), calls(2)],
    "a budget before a count": [budget("a", "1"), calls(1)],
    "budgets out of order": [budget("b", "1"), budget("a", "1")],
    "two budgets of an argument": [budget("a", "1"), budget("a", "2")],
    "a budget of nothing": [budget("", "1")],
    "a budget of no number": [budget("a", "")],
    "a budget below zero": [budget("a", "-1")],
    "a budget that is not normal": [budget("a", "1.0")],
    "no approver": [approval()],
    "an approver that is no name": [approval("")],
    "approvers out of order": [approval("ben", "ada")],
    "an approver twice": [approval("ada", "ada")],
    "a threshold of nought": [approval("ada", threshold=0)],
    "a threshold that nobody reaches": [approval("ada", threshold=2)],
    "approvals out of order": [approval("ben"), approval("ada")],
    "a longer list of approvers first": [approval("ada", "ben"), approval("ada")],
    "thresholds out of order": [approval("ada", "ben", threshold=2), approval("ada", "ben")],
    "an approval twice": [approval("ada"), approval("ada")],
    "an approval before a budget": [approval("ada"), budget("a", "1")],
}


@pytest.mark.spec("S-8", "S-17")
@pytest.mark.parametrize("name", WRONG_CONDITIONS)
def test_conditions_are_refused_that_say(name: str):
    assert reason_of(scope(conditions=WRONG_CONDITIONS[name]))[0] is Reason.FIELD_INVALID


def test_small_sets_that_are_equal_are_one_and_are_refused_each_time():
    def strings(*texts: str) -> frozenset[str]:
        decoded = decode_scope(scope(one_of(strings=texts)))
        return decoded.capabilities[0].arguments["x"].constraint.strings

    assert strings("a", "b") is strings("a", "b") == {"a", "b"}
    assert strings("a", "c") == {"a", "c"}
    for _ in range(2):
        assert reason_of(scope(one_of(strings=["b", "a"])))[1] == "a set is not sorted and unique"
