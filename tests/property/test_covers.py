"""`covers` never lets a value through that the parent refuses, and narrowing is an order."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegation.core.constraints import (
    Anything,
    Argument,
    Constraint,
    DecimalRange,
    Each,
    Exact,
    Fields,
    IntegerRange,
    OneOf,
    Steps,
    SubPath,
    at_least,
    at_most,
    between,
    covers,
    each,
    exactly,
    fields,
    one_of,
    optional,
    under,
)
from delegation.core.narrowing import scope_within
from delegation.core.scope import Scope
from delegation.errors import ScopeGrew
from support.samples import CONSTRAINTS, VALUES, wider_by
from support.strategies import (
    bounded,
    constraints,
    decimal_ranges,
    integer_ranges,
    normal_paths,
    numbers,
    one_ofs,
    scopes,
    values,
    within,
)


def drawn_from(constraint: Constraint) -> st.SearchStrategy[object]:
    """Values likely to be allowed by a constraint."""
    match constraint:
        case Exact(value=value):
            return st.just(value)
        case OneOf():
            return st.sampled_from(constraint.members())
        case IntegerRange(low, high) | DecimalRange(low, high):
            return near([bound for bound in (low, high) if bound is not None])
        case SubPath(root):
            return normal_paths.map(lambda path: path if root == "/" else root + path) | st.just(root)
        case Each(member):
            return st.lists(drawn_from(member), max_size=2)
        case Fields(fields=named):
            return st.fixed_dictionaries(
                {name: drawn_from(a.constraint) for name, a in named.items() if not a.optional},
                optional={name: drawn_from(a.constraint) for name, a in named.items() if a.optional},
            )
        case _:
            return values


def near(bounds: list[int | Decimal]) -> st.SearchStrategy[object]:
    around = [bound + step for bound in bounds for step in (-1, 0, 1, Decimal("0.5"), Decimal("-0.001"))]
    return st.sampled_from([int(n) if n == int(n) else n for n in around])


@given(st.data())
@bounded(400)
def test_what_a_covered_child_allows_its_parent_allows(data: st.DataObject):
    parent, child = data.draw(constraints), data.draw(constraints)
    if covers(parent, child) is None:
        for value in (data.draw(drawn_from(child)), data.draw(drawn_from(parent)), data.draw(values)):
            if child.allows(value, Steps()):
                assert parent.allows(value, Steps())


@given(st.data())
@bounded(300)
def test_what_a_covered_range_allows_its_parent_allows(data: st.DataObject):
    """Ranges and sets of numbers by themselves: drawn at random they rarely meet."""
    kinds = integer_ranges() | decimal_ranges() | one_ofs() | numbers.map(Exact)
    parent, child = data.draw(kinds), data.draw(kinds)
    for value in data.draw(st.lists(drawn_from(child) | drawn_from(parent) | numbers, min_size=4, max_size=8)):
        if covers(parent, child) is None and child.allows(value, Steps()):
            assert parent.allows(value, Steps())


@pytest.mark.parametrize("parent", CONSTRAINTS, ids=lambda c: c.describe())
def test_no_sample_gains_a_value_over_a_sample_that_covers_it(parent: Constraint):
    for child in CONSTRAINTS:
        gained = wider_by(parent, child)
        assert not (gained and covers(parent, child) is None), (child.describe(), gained)
        assert covers(parent, child) is None or covers(parent, child)


@given(constraints)
@bounded(120)
def test_every_constraint_covers_itself_and_is_covered_by_anything(constraint: Constraint):
    assert covers(constraint, constraint) is None
    assert covers(Anything(), constraint) is None


@pytest.mark.parametrize("middle", CONSTRAINTS, ids=lambda c: c.describe())
def test_covering_is_transitive_among_the_samples(middle: Constraint):
    outer = [c for c in CONSTRAINTS if covers(c, middle) is None]
    inner = [c for c in CONSTRAINTS if covers(middle, c) is None]
    for parent in outer:
        for child in inner:
            assert covers(parent, child) is None, (parent.describe(), child.describe())


@given(st.data())
@bounded(250)
def test_what_people_call_narrower_is_accepted_over_two_steps_and_at_once(data: st.DataObject):
    parent = data.draw(constraints)
    middle = data.draw(within(parent))
    child = data.draw(within(middle))
    assert covers(parent, middle) is None
    assert covers(middle, child) is None
    assert covers(parent, child) is None


@given(scopes, scopes)
@bounded(120)
def test_a_scope_is_within_itself_and_the_empty_one_within_all(scope: Scope, other: Scope):
    scope_within(scope, scope)
    scope_within(Scope.EMPTY, scope)
    if other.capabilities and not scope.capabilities:
        with pytest.raises(ScopeGrew):
            scope_within(other, scope)


EXPECTED = [
    (anything_, child)
    for anything_ in (Anything(),)
    for child in (exactly(None), one_of("a"), at_most(5), under("/srv"), each(1), fields(a=1))
] + [
    (one_of("a", "b"), exactly("a")),
    (one_of("a", "b"), one_of("b")),
    (one_of(1, 2, 3), between(1, 3)),
    (one_of(1, 2, 3), between("2", "2")),
    (one_of(0.5, 1), exactly(0.5)),
    (one_of(True, "x"), exactly(True)),
    (at_most(100), at_most(50)),
    (at_most(100), between(0, 100)),
    (at_most(100), exactly(7)),
    (at_most(100), one_of(1, 100)),
    (at_most("50.00"), at_most(50)),
    (at_most("50.00"), at_most("49.99")),
    (at_most("50.00"), exactly(0.5)),
    (at_most("50.00"), one_of(0.5, 50)),
    (at_least(0), between(0, 5)),
    (between("0", "1"), between("0.25", "0.75")),
    (between("0", "1"), between(0, 1)),
    (DecimalRange(0, 5), DecimalRange(0, 5, minimum_exclusive=True)),
    (DecimalRange(0, 5, minimum_exclusive=True), between(1, 5)),
    (between(1, 5), between("3", "3")),
    (under("/srv"), under("/srv")),
    (under("/srv"), under("/srv/docs")),
    (under("/"), under("/srv")),
    (under("/srv"), exactly("/srv/docs/a.txt")),
    (under("/srv"), exactly("/srv")),
    (under("/srv"), one_of("/srv/a", "/srv/b")),
    (each(at_most(5)), each(at_most(3))),
    (each(at_most(5)), exactly([1, 2])),
    (each(at_most(5)), exactly([])),
    (each(under("/srv")), each(one_of("/srv/a"))),
    (fields(a=at_most(5)), fields(a=3)),
    (fields(a=at_most(5)), exactly({"a": 3})),
    (fields(a=optional(at_most(5))), fields(a=at_most(5))),
    (fields(a=optional(at_most(5))), fields()),
    (fields(a=optional(at_most(5))), exactly({})),
    (fields(a=fields(b=each(under("/srv")))), fields(a=fields(b=each(under("/srv/x"))))),
    (exactly([1]), exactly([1])),
    (exactly({"a": 1, "b": 2}), exactly({"b": 2, "a": 1})),
]


@pytest.mark.parametrize(("parent", "child"), EXPECTED, ids=lambda c: c.describe())
def test_a_narrowing_that_people_expect_is_accepted(parent: Constraint, child: Constraint):
    assert covers(parent, child) is None


UNEXPECTED = [
    (exactly(1), exactly(True)),
    (exactly(1), exactly("1")),
    (exactly([1]), exactly([True])),
    (exactly({"a": 1}), exactly({"a": True})),
    (one_of(1, 0), one_of(True, False)),
    (at_most(5), at_most("5")),
    (at_most(5), exactly(4.5)),
    (DecimalRange(0, 5, minimum_exclusive=True), DecimalRange(0, 5)),
    (DecimalRange(0, 5, maximum_exclusive=True), between(0, 5)),
    (under("/srv"), under("/srvx")),
    (under("/srv"), under("/")),
    (under("/srv/docs"), exactly("/srv/docs/../x")),
    (under("/srv"), one_of("/srv/a", "/etc")),
    (each(1), exactly(1)),
    (each(1), Anything()),
    (fields(a=1), fields(a=optional(1))),
    (fields(a=1), fields()),
    (fields(a=1), fields(a=1, b=1)),
    (fields(a=1), each(1)),
    (exactly("a"), Anything()),
]


@pytest.mark.parametrize(("parent", "child"), UNEXPECTED, ids=lambda c: c.describe())
def test_what_looks_narrower_and_is_not_is_refused_with_a_sentence(parent: Constraint, child: Constraint):
    assert covers(parent, child)
    assert wider_by(parent, child) or child.allows(4.5, Steps()) is False


@given(values)
@bounded(120)
def test_argument_optionality_only_narrows(value: object):
    permitted, asked = Argument(Exact(value)), Argument(Exact(value), optional=True)
    assert covers(Fields({"a": asked}), Fields({"a": permitted})) is None
    assert covers(Fields({"a": permitted}), Fields({"a": asked}))
    assert len(VALUES) > 40


def test_what_takes_too_many_steps_to_compare_is_not_covered():
    many = {f"x{n:02}": optional(Anything()) for n in range(60)}
    parent = each(fields(**many))
    assert covers(parent, exactly([{}] * 300)) is None
    assert "too many steps" in str(covers(parent, exactly([{}] * 400)))
