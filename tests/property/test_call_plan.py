"""A merged plan says yes where every link does, and never where one does not."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from delegation.core.arguments import Arguments
from delegation.core.authorize import authorize
from delegation.core.call_plan import plan_of
from delegation.core.chain import VerifiedChain
from delegation.core.constraints import (
    anything,
    at_least,
    at_most,
    between,
    each,
    exactly,
    fields,
    one_of,
    optional,
    under,
)
from delegation.core.scope import CallCount, Scope, any_call, tool
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
    ]
)
ARGUMENTS = st.one_of(CONSTRAINTS, CONSTRAINTS.map(optional))
CAPABILITIES = st.one_of(
    st.just(any_call("t", "t")),
    st.just(tool("t", "other")),
    st.just(tool("t", "t", CallCount(3))),
    st.dictionaries(st.sampled_from("abc"), ARGUMENTS, max_size=3).map(lambda listed: tool("t", "t", **listed)),
)
VALUES = st.sampled_from([None, True, 1, 4, 4.5, 9, "x", "/srv", "/srv/a/b", "/srv/../x", [1, 4], [9], {"a": 1}, {}])
CALLS = st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4)


def of_scopes(scopes: list[Scope]) -> VerifiedChain:
    """A chain whose links say what they like: narrowing is not what is asked here."""
    made = verify(chain("root -> planner").token)
    links = tuple(made.links[0]._replace(link=made.links[0].link._replace(scope=scope)) for scope in scopes)
    return VerifiedChain(b"", links, frozenset(), None, {})


def verdict(made: VerifiedChain, arguments: Arguments) -> str | None:
    try:
        authorize(made, audience="t", tool="t", arguments=arguments)
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
    first = verdict(made, arguments)
    plan = plan_of(scopes, "t", "t")
    assert (plan is not None and plan.permits(arguments.values)) == (first is None)
    assert [verdict(made, arguments) for _ in range(3)] == [first] * 3


def test_a_plan_is_made_of_the_second_permission_and_then_used():
    made = of_scopes([Scope(tool("t", "t", a=at_most(5)))])
    arguments = Arguments.of({"a": 4})
    for known in (None, True, True):
        assert verdict(made, arguments) is None
        assert bool(made.plans["t", "t"]) == bool(known)
    assert verdict(made, Arguments.of({"a": 6})) is not None


def test_a_refused_call_leaves_no_plan():
    made = of_scopes([Scope(tool("t", "t", a=at_most(5)))])
    for _ in range(3):
        assert verdict(made, Arguments.of({"a": 6})) is not None
    assert made.plans == {}


def test_a_spent_budget_is_the_links_affair():
    """What costs too much link by link is refused by the plan, too, with the same words."""
    made = of_scopes([Scope(tool("t", "t", a=each(anything())))] * 4)
    cheap, dear = Arguments.of({"a": [1]}), Arguments.of({"a": [1] * 6_000})
    before = verdict(of_scopes([Scope(tool("t", "t", a=each(anything())))] * 4), dear)
    assert before is not None
    assert verdict(made, cheap) is None
    assert verdict(made, cheap) is None
    assert verdict(made, dear) == before
