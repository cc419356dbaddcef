"""A value of one type never passes for a value of another, at any depth."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from delegation.core.arguments import Arguments
from delegation.core.authorize import authorize
from delegation.core.constraints import Steps, at_least, at_most, between, each, exactly, fields, one_of, under
from delegation.core.constraints.scalars import same
from delegation.core.scope import Scope, tool
from delegation.errors import NotPermitted, Refused
from support.chains import chain, verify

FIVES: list[Any] = [5, "5", 5.5, [5], {"5": 5}, None]
ONES: dict[str, Any] = {
    "integer": 1,
    "true": True,
    "text": "1",
    "text of true": "true",
    "list": [1],
    "text of 1.0": "1.0",
}
ZEROS: dict[str, Any] = {
    "integer": 0,
    "false": False,
    "null": None,
    "empty text": "",
    "empty list": [],
    "empty object": {},
}
CONFUSABLE = [*permutations(FIVES, 2), *permutations(ONES, 2), *permutations(ZEROS, 2)]


def typed(value: Any) -> Any:
    return Arguments.of({"value": value}).values["value"]


def show(value: Any) -> str:
    return repr(value)


@pytest.mark.spec("S-16")
@pytest.mark.parametrize(("meant", "sent"), CONFUSABLE, ids=show)
def test_a_value_is_not_taken_for(meant: Any, sent: Any):
    for wrap in (lambda v: v, lambda v: [v], lambda v: {"a": v}, lambda v: [{"a": [v]}]):
        assert exactly(wrap(meant)).allows(typed(wrap(meant)), Steps())
        assert not exactly(wrap(meant)).allows(typed(wrap(sent)), Steps())
        assert not each(exactly(wrap(meant))).allows([typed(wrap(sent))], Steps())
        assert not fields(x=wrap(meant)).allows({"x": typed(wrap(sent))}, Steps())
    if not isinstance(meant, list | dict):
        assert not one_of(meant).allows(typed(sent), Steps())


@pytest.mark.spec("S-16")
@pytest.mark.parametrize("value", [True, False, "5", "1", None, [1], {}, "", [], "0x1"], ids=show)
def test_only_numbers_are_in_a_range(value: Any):
    for bounds in (at_most(5), at_least(0), between(0, 5), at_most("5.5"), at_least("0"), between("0", "5")):
        assert not bounds.allows(typed(value), Steps())


@pytest.mark.parametrize("value", [0.5, 4.999, -0.1, 1e-300], ids=show)
def test_a_fraction_is_in_no_range_of_integers(value: float):
    assert not between(-5, 5).allows(typed(value), Steps())
    assert between("-5", "5").allows(typed(value), Steps())


@pytest.mark.spec("S-1")
def test_an_integral_float_is_the_integer():
    assert exactly(5).allows(typed(5.0), Steps())
    assert exactly(5.0) == exactly(5)
    assert between(0, 5).allows(typed(5.0), Steps())
    assert exactly(0).allows(typed(-0.0), Steps())


@pytest.mark.spec("S-1")
def test_bounds_are_exact_where_floats_are_not():
    tenth_thrice = 0.1 + 0.1 + 0.1  # 0.30000000000000004
    assert not at_most("0.3").allows(typed(tenth_thrice), Steps())
    assert at_most("0.3").allows(typed(0.3), Steps())
    assert at_most("0.1").allows(Decimal("0.1"), Steps())
    assert at_least("9007199254740990.5").allows(typed(2**53 - 1), Steps())


@pytest.mark.spec("S-16")
@pytest.mark.parametrize("value", [["/srv"], {"path": "/srv"}, None, True, 5, 0.5], ids=show)
def test_only_text_is_a_path(value: Any):
    assert not under("/").allows(typed(value), Steps())


@pytest.mark.parametrize("value", ["/srv", {"0": "/srv"}, None, True], ids=show)
def test_only_a_list_has_members(value: Any):
    assert not each(under("/srv")).allows(typed(value), Steps())


@pytest.mark.parametrize("value", [[["a", 1]], ["a"], "a", None, {"a": 1, "b": 2}, {"A": 1}, {"a ": 1}, {}], ids=show)
def test_only_an_object_with_just_these_fields_has_them(value: Any):
    assert not fields(a=1).allows(typed(value), Steps())
    assert fields(a=1).allows({"a": 1}, Steps())


def test_true_is_not_one_even_where_python_says_so():
    one: object = 1
    assert one == True  # noqa: E712 - that is the trap
    assert not same(True, 1)
    assert not same([True], [1])
    assert not same({"a": [0]}, {"a": [False]})
    assert same({"a": 1, "b": [None]}, {"b": [None], "a": 1})


@pytest.mark.parametrize("sent", ["5", True, [5], {"amount": 5}, None, "5.00", "\uff15"], ids=show)
def test_a_call_with_a_value_of_another_type_is_refused(sent: Any):
    verified = verify(chain("root", scopes=[Scope(tool("billing", "refund", amount=at_most(5)))]).token)
    authorize(verified, audience="billing", tool="refund", arguments=Arguments.of({"amount": 5}))
    with pytest.raises(NotPermitted):
        authorize(verified, audience="billing", tool="refund", arguments=Arguments.of({"amount": sent}))


@pytest.mark.parametrize("name", ["Amount", "amount ", "\u0430mount", "amount\0", "amount\u200b", "AMOUNT"])
def test_an_argument_whose_name_only_looks_right_is_not_listed(name: str):
    verified = verify(chain("root", scopes=[Scope(tool("billing", "refund", amount=at_most(5)))]).token)
    for arguments in ({name: 5}, {"amount": 5, name: 5}):
        with pytest.raises(NotPermitted) as caught:
            authorize(verified, audience="billing", tool="refund", arguments=Arguments.of(arguments))
        assert str(caught.value).isprintable()


def test_equal_constraints_have_equal_hashes():
    assert hash(exactly({"a": 1, "b": 2})) == hash(exactly({"b": 2, "a": 1}))
    assert exactly(True) != exactly(1)
    assert exactly([True]) != exactly([1])


BIDI_AND_INVISIBLE = [
    "files\u202e",
    "fi\u200bles",
    "files\n",
    "files\0",
    "\ufefffiles",
    "fi\u00adles",
    "files\u2028",
    "\ud800",
]


@pytest.mark.spec("F-5", "S-6")
@pytest.mark.parametrize("name", BIDI_AND_INVISIBLE, ids=ascii)
def test_a_name_that_would_not_show_itself_is_refused(name: str):
    for capability in (tool(name, "read"), tool("files", name), tool("files", "read", **{name: 1})):
        with pytest.raises(Refused):
            chain("root", scopes=[Scope(capability)])


def test_a_name_is_its_code_points_and_not_what_they_are_normalized_to():
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    verified = verify(chain("root", scopes=[Scope(tool(composed, "read"))]).token)
    authorize(verified, audience=composed, tool="read", arguments=Arguments.of({}))
    with pytest.raises(NotPermitted):
        authorize(verified, audience=decomposed, tool="read", arguments=Arguments.of({}))
