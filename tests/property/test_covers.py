"""`covers` never lets a value through that the parent refuses, says yes where it can, and is an order.

Twice: in a small world where everything is asked about everything (`support.samples`), and at random.
"""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegation.core.constraints import (
    AllOf,
    AnyOf,
    Anything,
    Argument,
    Cidr,
    Constraint,
    DecimalRange,
    DecimalText,
    Each,
    Exact,
    Fields,
    IntegerRange,
    ListContains,
    ListSubset,
    Negation,
    NotOneOf,
    OneOf,
    Prefix,
    Regex,
    SegmentGlob,
    Steps,
    SubPath,
    Url,
    covers,
)
from delegation.core.constraints.covers import COUNTED_PAIRS, PAIRS
from delegation.core.narrowing import scope_within
from delegation.core.scope import Scope
from delegation.errors import NotPermitted, ScopeGrew
from support.drawn import drawn_from
from support.samples import CONSTRAINTS, POOLS, VALUES
from support.strategies import BY_KIND, bounded, constraints, scopes, values, within

KINDS = list(POOLS)
LEAVES = [constraint for kind, pool in POOLS.items() if kind not in (AllOf, AnyOf) for constraint in pool]
WORLD = (
    *CONSTRAINTS,
    *(AllOf((constraint, Anything())) for constraint in LEAVES),
    *(AnyOf((constraint, constraint)) for constraint in LEAVES),
)
COUNT = range(len(WORLD))


# -- a small world ---------------------------------------------------------------------------------------------


@cache
def allowed() -> list[int]:
    """For each sample, the sample values that it allows, as bits."""
    return [sum(1 << n for n, value in enumerate(VALUES) if c.allows(value, Steps())) for c in WORLD]


@cache
def covered() -> list[int]:
    """For each sample, the samples that it covers, as bits."""
    return [sum(1 << n for n, child in enumerate(WORLD) if covers(c, child) is None) for c in WORLD]


def bits(number: int) -> list[int]:
    return [n for n in range(number.bit_length()) if number >> n & 1]


def test_there_are_samples_of_every_kind():
    assert set(POOLS) == set(BY_KIND)
    assert len(CONSTRAINTS) > 190
    assert len(VALUES) > 120


def test_no_sample_gains_a_value_over_a_sample_that_covers_it():
    for parent in COUNT:
        for child in bits(covered()[parent]):
            gained = allowed()[child] & ~allowed()[parent]
            values_ = [VALUES[n] for n in bits(gained)]
            assert not gained, (WORLD[parent].describe(), WORLD[child].describe(), values_)


def test_every_sample_covers_itself_and_is_covered_by_anything():
    everything = WORLD.index(Anything())
    for n in COUNT:
        assert covered()[n] >> n & 1, WORLD[n].describe()
        assert covered()[everything] >> n & 1, WORLD[n].describe()


def test_covering_is_transitive_unless_something_negative_is_left_over():
    """What a negation is disjoint from is decided kind by kind (N-7): only there a step down may lose it."""
    lost = {
        (WORLD[outer].describe(), WORLD[middle].describe(), WORLD[inner].describe())
        for outer in COUNT
        for middle in bits(covered()[outer])
        for inner in bits(covered()[middle] & ~covered()[outer])
        if not negates(WORLD[outer])
    }
    assert not lost


def negates(constraint: Constraint) -> bool:
    match constraint:
        case AllOf(parts) | AnyOf(parts):
            return any(map(negates, parts))
        case Each(member):
            return negates(member)
        case Fields(named):
            return any(negates(argument.constraint) for argument in named.values())
        case _:
            return isinstance(constraint, Negation | NotOneOf)


OF_STRINGS = {DecimalText, Prefix, SegmentGlob, SubPath, Url, Cidr, Regex}
OF_LISTS = {Each, ListSubset, ListContains}
NEGATIVE = {NotOneOf, Negation}


def can_cover(parent: type, child: type) -> bool:
    """Tell whether N-7 has a rule by which some parent of a kind covers some child of another that allows a value."""
    if parent in (Anything, AllOf, AnyOf) or child in (AllOf, AnyOf):
        return True
    if (parent, child) in PAIRS or (parent, child) in COUNTED_PAIRS or child is Exact:
        return True
    if child is OneOf:
        return parent not in {Fields, *OF_LISTS}
    if child in (IntegerRange, DecimalRange):
        return parent in {Exact, OneOf, IntegerRange, DecimalRange, *NEGATIVE}
    if child in {Fields, *OF_LISTS}:
        return parent is Negation
    return child in OF_STRINGS | NEGATIVE and parent in NEGATIVE


@pytest.mark.parametrize("parent", KINDS, ids=lambda kind: kind.__name__)
def test_a_kind_covers_just_those_kinds_that_the_rules_can_show(parent: type):
    """With a child that allows something: nobody is told yes for nothing, and no rule is left untried."""
    found = {
        type(WORLD[child])
        for n in COUNT
        if type(WORLD[n]) is parent
        for child in bits(covered()[n])
        if allowed()[child]
    }
    expected = {child for child in KINDS if can_cover(parent, child)}
    assert {kind.__name__ for kind in found} == {kind.__name__ for kind in expected}


# -- at random -------------------------------------------------------------------------------------------------


@pytest.mark.spec("N-3")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
@bounded(150)
def test_what_a_covered_child_allows_its_parent_allows(kind: type, data: st.DataObject):
    parent = data.draw(BY_KIND[kind])
    child = data.draw(st.one_of(*BY_KIND.values()) | within(parent))
    if covers(parent, child) is None:
        for value in (data.draw(drawn_from(child)), data.draw(drawn_from(parent)), data.draw(values)):
            if child.allows(value, Steps()):
                assert parent.allows(value, Steps())


@given(st.data())
@bounded(300)
def test_what_a_covered_range_allows_its_parent_allows(data: st.DataObject):
    """Numbers by themselves: drawn at random they rarely meet."""
    kinds = st.one_of(*(BY_KIND[kind] for kind in (IntegerRange, DecimalRange, OneOf, Exact, NotOneOf)))
    parent, child = data.draw(kinds), data.draw(kinds)
    for value in data.draw(st.lists(drawn_from(child) | drawn_from(parent), min_size=4, max_size=8)):
        if covers(parent, child) is None and child.allows(value, Steps()):
            assert parent.allows(value, Steps())


@given(constraints)
@bounded(200)
def test_every_constraint_covers_itself_and_is_covered_by_anything(constraint: Constraint):
    assert covers(constraint, constraint) is None
    assert covers(Anything(), constraint) is None


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
@bounded(60)
def test_what_people_call_narrower_is_accepted_over_two_steps_and_at_once(kind: type, data: st.DataObject):
    parent = data.draw(BY_KIND[kind])
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


@given(values)
@bounded(120)
def test_argument_optionality_only_narrows(value: object):
    permitted, asked = Argument(Exact(value)), Argument(Exact(value), optional=True)
    assert covers(Fields({"a": asked}), Fields({"a": permitted})) is None
    assert covers(Fields({"a": permitted}), Fields({"a": asked}))


@given(constraints, constraints, st.integers(0, 40))
@bounded(200)
def test_a_budget_is_spent_by_a_refusal_and_never_answers(parent: Constraint, child: Constraint, budget: int):
    whole, short = Steps(), Steps(budget)
    answer = covers(parent, child, whole)
    taken = Steps().left - whole.left
    if taken <= budget:
        assert covers(parent, child, short) == answer
        assert short.left == budget - taken
    else:
        with pytest.raises(NotPermitted, match="evaluation_exhausted"):
            covers(parent, child, short)
