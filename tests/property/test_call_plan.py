"""A merged plan says yes where every link does, and never where one does not."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from delegation.core.arguments import Arguments
from delegation.core.authorize import authorize
from delegation.core.call_plan import CallPlans
from delegation.core.chain import VerifiedChain, VerifiedLinks
from delegation.core.conditions import CallCount
from delegation.core.constraints import (
    Steps,
    all_of,
    any_of,
    anything,
    at_least,
    at_most,
    between,
    each,
    exactly,
    fields,
    length,
    matching,
    matching_segments,
    none_of,
    not_,
    one_of,
    optional,
    under,
)
from delegation.core.scope import Scope, any_call, tool
from delegation.errors import Refused
from support.chains import chain, verify

CONSTRAINTS = st.sampled_from(
    [
        anything(),
        at_most(5),
        at_least(3),
        between("0.5", "4.5"),
        exactly("x"),
        exactly(True),
        one_of("x", 4, None),
        under("/srv"),
        under("/srv/a"),
        each(at_most(5)),
        fields(a=at_most(5)),
        any_of("x", under("/srv/a")),
        all_of(at_least(0), none_of(4)),
        not_(under("/srv/a")),
        matching("[a-z]|/srv.*"),
        length(at_most=4),
        matching_segments("/srv/**"),
    ]
)
ARGUMENTS = st.one_of(CONSTRAINTS, CONSTRAINTS.map(optional))
LISTED = st.dictionaries(st.sampled_from("abc"), ARGUMENTS, max_size=3)
CAPABILITIES = st.one_of(
    st.just(any_call("t", "t")),
    st.just(tool("t", "other")),
    st.just(any_call("t", "t", CallCount(3))),
    st.dictionaries(st.sampled_from("abc"), ARGUMENTS, max_size=3).map(
        lambda all_: tool("t", "t", CallCount(3), **all_)
    ),
    st.dictionaries(st.sampled_from("abc"), ARGUMENTS, max_size=3).map(lambda listed: tool("t", "t", **listed)),
)
VALUES = st.sampled_from([None, True, 1, 4, 4.5, 9, "x", "/srv", "/srv/a/b", "/srv/../x", [1, 4], [9], {"a": 1}, {}])
CALLS = st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4)


def of_scopes(scopes: list[Scope], plans: CallPlans | None = None) -> VerifiedChain:
    """A chain whose links say what they like: narrowing is not what is asked here."""
    made = verify(chain("root -> planner").token)
    links = tuple(made.links[0]._replace(link=made.links[0].link._replace(scope=scope)) for scope in scopes)
    return VerifiedChain(b"", VerifiedLinks(links, frozenset(), 0, 0, plans or CallPlans(tuple(scopes))), None, {})


def verdict(
    made: VerifiedChain, arguments: Arguments, conditions: Literal["refuse", "elsewhere"] = "refuse"
) -> str | None:
    try:
        authorize(made, audience="t", tool="t", arguments=arguments, conditions=conditions)
    except Refused as refused:
        return str(refused)
    return None


@given(st.lists(CAPABILITIES, min_size=1, max_size=4), CALLS)
@example([tool("t", "t", a=anything()), tool("t", "t", a=optional(at_most(5)))], {"a": 4})
@example([tool("t", "t", a=anything()), any_call("t", "t")], {"a": 4, "b": 1})
@example([any_call("t", "t")], {"z": 1})
def test_a_plan_agrees_with_the_links_and_the_third_call_is_decided_as_the_first(capabilities, call):
    scopes = [Scope(each_) for each_ in capabilities]
    arguments = Arguments.of(call)
    made = of_scopes(scopes)
    first, apart = verdict(made, arguments), verdict(of_scopes(scopes), arguments, "elsewhere")
    plan = CallPlans(tuple(scopes)).whole(("t", "t"))
    permits = plan is not None and plan.permits(arguments.values, Steps())
    assert permits == (apart is None)
    assert (permits and plan is not None and not plan.conditional) == (first is None)
    assert [verdict(made, arguments) for _ in range(3)] == [first] * 3
    assert [verdict(made, arguments, "elsewhere") for _ in range(3)] == [apart] * 3


@pytest.mark.spec("A-12")
def test_a_plan_never_lets_past_a_condition_that_nobody_decides():
    limited, free = Scope(tool("t", "t", CallCount(3), a=at_most(5))), Scope(tool("t", "t", a=at_most(5)))
    for scopes in ([limited], [limited, free], [free, limited], [free, Scope(any_call("t", "t", CallCount(3)))]):
        made = of_scopes(scopes)
        asked = [verdict(made, Arguments.of({"a": 4}), "elsewhere") for _ in range(3)]
        assert asked == [None] * 3
        assert all("condition_unmet" in str(verdict(made, Arguments.of({"a": 4}))) for _ in range(3))


@given(st.lists(CAPABILITIES, min_size=2, max_size=4), CALLS)
def test_a_plan_made_of_that_of_the_links_before_is_the_plan_of_all(capabilities, call):
    scopes = tuple(Scope(each_) for each_ in capabilities)
    one_by_one = CallPlans(scopes[-1:], CallPlans(scopes[:-1])).whole(("t", "t"))
    whole = CallPlans(scopes).whole(("t", "t"))
    assert one_by_one == whole
    values = Arguments.of(call).values
    assert (whole is None) or one_by_one.permits(values, Steps()) == whole.permits(values, Steps())


@given(st.lists(CAPABILITIES, min_size=2, max_size=4), CALLS)
def test_a_chain_whose_beginning_was_known_is_decided_as_any_other(capabilities, call):
    scopes = tuple(Scope(each_) for each_ in capabilities)
    arguments = Arguments.of(call)
    expected = verdict(of_scopes(list(scopes)), arguments)
    made = of_scopes(list(scopes), CallPlans(scopes[-1:], CallPlans(scopes[:-1])))
    assert [verdict(made, arguments) for _ in range(3)] == [expected] * 3


def test_a_plan_is_made_for_the_second_call_and_then_used():
    made = of_scopes([Scope(tool("t", "t", a=at_most(5)))])
    pair = ("t", "t")
    assert made.plans.find(pair) == (None, 0)
    plan, speaks_for = made.plans.find(pair)
    assert plan is not None
    assert speaks_for == 1
    assert made.plans.find(pair)[0] is plan
    assert verdict(made, Arguments.of({"a": 4})) is None
    assert verdict(made, Arguments.of({"a": 6})) is not None


def test_the_first_call_uses_the_plan_of_the_links_known_before():
    scopes = (Scope(tool("t", "t", a=at_most(5))), Scope(tool("t", "t", a=at_most(3))))
    before = CallPlans(scopes[:1])
    plans = CallPlans(scopes[1:], before)
    assert plans.find(("t", "t")) == (before.whole(("t", "t")), 1)
    assert plans.find(("t", "t"))[1] == 2


def test_asking_for_tools_that_are_not_permitted_leaves_nothing_behind():
    plans = CallPlans((Scope(tool("t", "t")),), CallPlans((Scope(tool("t", "t")),)))
    for number in range(100):
        assert plans.find(("t", f"no such tool {number}")) == (None, 0)
        assert plans.whole(("t", f"no such tool {number}")) is None
    assert plans.find(("t", "t"))[0] is not None
    assert plans._asked == {("t", "t")}
    assert not plans._made


def test_sub_paths_that_were_merged_take_the_steps_of_each():
    long = "/srv/" + "x" * 240_000
    made = of_scopes([Scope(tool("t", "t", a=under("/srv")))] * 3)
    first = verdict(made, Arguments.of({"a": long}))
    assert first is not None
    assert "evaluation_exhausted" in first
    assert [verdict(made, Arguments.of({"a": long})) for _ in range(3)] == [first] * 3
    assert verdict(of_scopes([Scope(tool("t", "t", a=under("/srv")))]), Arguments.of({"a": long})) is None


def test_a_spent_budget_is_the_links_affair():
    """What costs too much link by link is refused by the plan, too, with the same words."""
    made = of_scopes([Scope(tool("t", "t", a=each(anything())))] * 4)
    cheap, dear = Arguments.of({"a": [1]}), Arguments.of({"a": [1] * 2_500})
    before = verdict(of_scopes([Scope(tool("t", "t", a=each(anything())))] * 4), dear)
    assert before is not None
    assert verdict(made, cheap) is None
    assert verdict(made, cheap) is None
    assert verdict(made, dear) == before
