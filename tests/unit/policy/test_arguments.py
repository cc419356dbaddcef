"""Arguments as Cedar has them: exactly, or the call is denied."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegation.core.arguments import Arguments
from delegation.policy.arguments import (
    READ_CHARACTERS,
    ArgumentType,
    ArgumentTypes,
    UnfitError,
    arguments_in_cedar,
)
from delegation.policy.port import Denial
from support.policies import PERMIT, call, policy_of, word

REFUNDS = policy_of(
    PERMIT
    + """
    @id("small-refunds")
    @arguments("amount: decimal")
    forbid (principal, action == Action::"call", resource == Tool::"billing.refund")
    unless { context.arguments has amount && context.arguments.amount.lessThanOrEqual(decimal("50.00")) };
    """
)


def in_cedar(type_, value):
    return arguments_in_cedar({"a": ArgumentType(type_)}, {"a": value})["a"]


@pytest.mark.parametrize("amount", [0, 50, "50.00", Decimal("49.9999"), "0.5", -3, Decimal("50.00000")])
def test_an_amount_within_the_rule_is_permitted(amount):
    assert word(REFUNDS.decide(call("billing.refund", {"amount": amount}))) == "permit"


@pytest.mark.parametrize("amount", [51, "50.0001", Decimal("50.0001"), 922337203685477])
def test_an_amount_beyond_the_rule_is_forbidden(amount):
    verdict = REFUNDS.decide(call("billing.refund", {"amount": amount}))
    assert verdict == Denial(("small-refunds",), "forbidden by small-refunds")


@pytest.mark.parametrize(
    "amount",
    [
        Decimal("1.00001"),
        "1.00001",
        Decimal("1.00000000000000000000000000000000000000000001"),  # more digits than arithmetic keeps
        922337203685478,
        "922337203685477.5808",
        Decimal("1e40"),
        Decimal("1e-40"),
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("1e1000000"),
        True,
        None,
        "ten",
        "1e1",
        "+1",
        ".5",
        "٣",
        "",
        [1],
        {"a": 1},
        1.5,
    ],
)
def test_an_amount_that_cedar_cannot_hold_exactly_is_denied(amount):
    verdict = REFUNDS.decide(call("billing.refund", {"amount": amount}))
    assert isinstance(verdict, Denial)
    assert verdict.rules == ("small-refunds",)
    assert verdict.detail.startswith("the argument amount is not a decimal")


def test_the_same_argument_of_a_tool_whose_rules_do_not_read_it_denies_nothing():
    assert word(REFUNDS.decide(call("mail.send", {"amount": Decimal("1.00001")}))) == "permit"
    assert word(REFUNDS.decide(call("billing.refund", {"amount": 5, "note": Decimal("1.00001")}))) == "permit"


def test_a_missing_argument_is_the_rules_affair():
    assert word(REFUNDS.decide(call("billing.refund", {}))) == "deny"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=None) | st.integers(-(2**63), 2**63))
def test_a_decimal_is_handed_over_exactly_or_not_at_all(number):
    try:
        scaled = in_cedar("decimal", number)
    except UnfitError:
        assert abs(number) >= Decimal("922337203685477.5807") or number != round(Decimal(number), 4)
    else:
        assert Fraction(scaled, 10_000) == Fraction(number)
        assert -(2**63) <= scaled < 2**63


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("string", "x"),
        ("string", ""),
        ("boolean", False),
        ("long", 2**63 - 1),
        ("long", -(2**63)),
        ("strings", []),
        ("strings", ["a", "b", "a"]),
    ],
)
def test_what_is_of_its_type_is_handed_over_as_it_is(type_, value):
    assert in_cedar(type_, value) == value


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("string", 1),
        ("string", None),
        ("boolean", 1),
        ("boolean", "true"),
        ("long", True),
        ("long", 2**63),
        ("long", -(2**63) - 1),
        ("long", Decimal("1.5")),
        ("long", "1"),
        ("strings", "ab"),
        ("strings", ["a", 1]),
        ("strings", [["a"]]),
    ],
)
def test_what_is_not_of_its_type_is_refused_without_its_value(type_, value):
    with pytest.raises(UnfitError) as refused:
        in_cedar(type_, value)
    assert str(refused.value) == f"the argument a is not {ArgumentType(type_).words}"


def test_the_numbers_of_real_calls_are_read():
    arguments = Arguments.parse(b'{"amount":49.5}')
    assert word(REFUNDS.decide(call("billing.refund", arguments.values))) == "permit"


def test_a_text_that_is_no_unicode_is_denied_and_not_shown():
    policy = policy_of(
        PERMIT
        + '@id("o") @arguments("order: string") forbid (principal, action == Action::"call", '
        + 'resource == Tool::"billing.refund") when { context.arguments has order && context.arguments.order == "x" };'
    )
    verdict = policy.decide(call("billing.refund", {"order": "hidden\ud800"}))
    assert isinstance(verdict, Denial)
    assert "hidden" not in repr(verdict)


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("amount: decimal", {"amount": "decimal"}),
        (" a:string,b : long ", {"a": "string", "b": "long"}),
        ("to addresses: strings", {"to addresses": "strings"}),
    ],
)
def test_declarations_are_read(text, types):
    assert ArgumentTypes.declared(text) == (types, "")


@pytest.mark.parametrize(
    "text", ["", "amount", "amount: float", "a: long, a: long", "a: long,", ": long", "a: Long", "a:"]
)
def test_declarations_that_make_no_sense_are_refused(text):
    assert ArgumentTypes.declared(text).fault


@pytest.mark.parametrize(
    ("type_", "most"),
    [(ArgumentType.STRING, "a" * READ_CHARACTERS), (ArgumentType.STRINGS, [""] * (READ_CHARACTERS // 64))],
)
def test_what_rules_read_of_one_call_is_bounded(type_, most):
    types = {"few": ArgumentType.STRING, "many": type_}
    assert arguments_in_cedar(types, {"many": most}) == {"many": most}
    with pytest.raises(UnfitError, match="more than 16384 characters"):
        arguments_in_cedar(types, {"few": "b", "many": most})
    assert arguments_in_cedar({"few": ArgumentType.STRING}, {"few": "b", "many": most}) == {"few": "b"}
