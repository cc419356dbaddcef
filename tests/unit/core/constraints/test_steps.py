"""Work is counted, exactly as the tables of the specification say: sections 8.2 and 5.5 (N-8)."""

from __future__ import annotations

from typing import Any

import pytest

from delegation.core import limits
from delegation.core.arguments import Arguments
from delegation.core.authorize import authorize
from delegation.core.constraints import (
    Constraint,
    Steps,
    all_of,
    any_of,
    anything,
    at_least,
    at_most,
    between,
    containing,
    covers,
    decimal_text,
    each,
    exactly,
    fields,
    in_network,
    length,
    matching,
    matching_segments,
    none_of,
    not_,
    one_of,
    optional,
    starting_with,
    subset_of,
    under,
    url,
)
from delegation.core.narrowing import narrower, scope_within
from delegation.core.scope import Scope, tool
from delegation.errors import NotPermitted, Reason, ScopeGrew
from support.chains import chain, verify

PATH = "/srv/" + "a" * 123  # 128 characters
PLACE = "https://a.test/" + "b" * 17  # 32 characters


def typed(value: Any) -> Any:
    return Arguments.of({"value": value}).values["value"]


def taken(action: Any) -> int:
    steps = Steps()
    action(steps)
    return Steps().left - steps.left


EVALUATION: list[tuple[Constraint, Any, int]] = [
    (anything(), "a" * 999, 0),
    (exactly("a" * 999), "a" * 999, 0),
    (exactly([1, [2, 3]]), [1], 5),
    (exactly([1, [2, 3]]), {"a": 1}, 0),
    (exactly({"a": {"b": 1}}), {}, 3),
    (one_of(*range(100)), 5, 0),
    (none_of(*range(100)), 5, 0),
    (between(1, 5), 3, 0),
    (at_most("5"), 3, 0),
    (decimal_text(at_most(5)), "3", 6),
    (decimal_text(at_most(5)), "x" * 999, 6),
    (decimal_text(at_most(5)), 3, 0),
    (length(at_most=5), "a" * 63, 0),
    (length(at_most=5), "a" * 64, 1),
    (length(at_most=5), "😀" * 640, 10),
    (length(at_most=5), [1] * 640, 0),
    (starting_with("a"), "a" * 999, 0),
    (matching_segments("/srv/*"), "a", 6),
    (matching_segments("/srv/*"), PATH, 14),
    (matching_segments("/srv/*"), 5, 0),
    (under("/srv"), PATH[:127], 1),
    (under("/srv"), PATH, 2),
    (under("/etc"), PATH, 2),
    (under("/etc"), [PATH], 0),
    (url("https://a.test"), PLACE[:31], 9),
    (url("https://a.test"), PLACE, 10),
    (url("https://a.test"), "", 8),
    (in_network("10.0.0.0/8"), "10.0.0.1", 24),
    (in_network("10.0.0.0/8"), "a" * 999, 24),
    (in_network("10.0.0.0/8"), 10, 0),
    (subset_of("a", "b"), ["a"] * 7, 7),
    (subset_of("a", "b"), ["x"] * 7, 7),
    (containing(*range(50)), ["a"] * 7, 7),
    (containing("a"), "a", 0),
    (each(under("/srv")), [PATH, PATH], 2 + 4),
    (each(under("/etc")), [PATH, PATH], 2 + 2),
    (each(anything()), {}, 0),
    (fields(a=1, b=optional(under("/"))), {"a": 1}, 3),
    (fields(a=1, b=optional(under("/"))), {"a": 1, "b": PATH}, 4 + 2),
    (fields(a=1, b=optional(under("/"))), {"b": PATH}, 3),
    (fields(a=1, b=optional(under("/"))), {"a": 2, "b": PATH}, 4),
    (fields(a=under("/")), {"a": PATH, "c": 1}, 3),
    (fields(), [1], 0),
    (matching("ab[c-e]{3}"), "x" * 63, 8 + 5 * 2),
    (matching("ab[c-e]{3}"), "x" * 128, 8 + 5 * 4),
    (matching("ab[c-e]{3}"), "é" * 64, 8 + 5 * 4),
    (matching("a"), None, 0),
    (not_(under("/etc")), PATH, 2),
    (not_(in_network("10.0.0.0/8")), "10.0.0.1", 24),
    (not_(matching("a")), "b", 10),
    (not_(exactly([1, 2])), [], 3),
    (all_of(under("/"), under("/srv"), under("/etc")), PATH, 3 + 6),
    (all_of(under("/etc"), under("/srv")), PATH, 2 + 2),
    (all_of(at_most(5), at_least(0)), "a", 2),
    (any_of(under("/etc"), under("/srv"), under("/")), PATH, 3 + 4),
    (any_of(1, 2, 3), 9, 3),
    (any_of(all_of(anything(), any_of(1, 2)), 5), 2, 2 + 2 + 2),
]


@pytest.mark.spec("A-5")
@pytest.mark.parametrize(("constraint", "value", "steps"), EVALUATION, ids=lambda part: None)
def test_asking_about_a_value_takes(constraint: Constraint, value: Any, steps: int):
    assert taken(lambda budget: constraint.allows(typed(value), budget)) == steps, constraint.describe()


@pytest.mark.parametrize(("constraint", "value", "steps"), [row for row in EVALUATION if row[2]], ids=lambda part: None)
def test_steps_are_taken_before_the_work_and_exhaustion_is_no_answer(constraint: Constraint, value: Any, steps: int):
    constraint.allows(typed(value), Steps(steps))
    with pytest.raises(NotPermitted) as caught:
        constraint.allows(typed(value), Steps(steps - 1))
    assert caught.value.reason is Reason.EVALUATION_EXHAUSTED


def test_what_was_read_once_is_not_counted_less():
    """A string is read once a decision; that is the reader's memory and lowers no count."""
    steps = Steps()
    for _ in range(3):
        in_network("10.0.0.0/8").allows("10.0.0.1", steps)
        url("https://a.test").allows(PLACE, steps)
    assert Steps().left - steps.left == 3 * (24 + 10)


GLOB = matching_segments("/srv/*/a")  # 4 pieces
COMPARING: list[tuple[Constraint, Constraint, int]] = [
    (anything(), anything(), 1),
    (anything(), one_of(*range(99)), 1),
    (under("/srv"), under("/srv/a"), 1),
    (under("/srv"), under("/etc"), 1),
    (at_most(5), at_most(3), 1),
    (exactly("a"), under("/srv"), 1),
    (under("/srv"), exactly(PATH), 1 + 1 + 2),
    (one_of("a", "b", "c"), one_of("a", "b"), 1 + 2),
    (one_of("a", "c"), one_of("a", "b", "c"), 1 + 2),
    (one_of(2, "a"), one_of("a", 1, 2, True), 1 + 2),
    (one_of(*range(9)), between(2, 5), 1 + 4),
    (one_of(2, 3, 5), between(2, 5), 1 + 3),
    (at_most(5), between("5", "5"), 1 + 1),
    (exactly([1, [2]]), exactly([1, [2]]), 1 + 1 + 4),
    (GLOB, matching_segments("/srv/b/a"), 1 + 4),
    (GLOB, matching_segments("/x"), 1 + 4),
    (GLOB, under("/srv"), 1 + 4),
    (under("/srv"), GLOB, 1 + 4),
    (starting_with("/"), GLOB, 1 + 4),
    (length(at_least=1), GLOB, 1 + 4),
    (length(at_least=1), under("/srv"), 1),
    (subset_of(*range(9)), subset_of(1, 2, 3), 1 + 3),
    (subset_of(1), subset_of(1, 2, 3), 1 + 3),
    (containing(1, 2), containing(1, 2, 3), 1 + 2),
    (containing(9), containing(1, 2, 3), 1 + 1),
    (subset_of(1, 2, 3), each(one_of(1, 2)), 1 + 1 + 2),
    (each(at_most(5)), subset_of(1, 2, 3), 1 + 1 + 3),
    (each(at_most(5)), each(at_most(3)), 1 + 1),
    (each(anything()), containing("a", "b"), 1),
    (fields(a=at_most(5), b=optional(1)), fields(a=at_most(3)), 1 + 1),
    (fields(a=1, b=1, c=1), fields(a=1, b=2, c=1), 1 + (1 + 1) + (1 + 1)),
    (matching("a"), matching("a"), 1),
    # rule 1: the child is any_of
    (at_most(9), any_of(1, between(2, 3), at_most(0)), 1 + (1 + 1) + 1 + 1),
    (at_most(1), any_of(2, 3), 1 + (1 + 1)),
    # rule 2: the parent is all_of
    (all_of(at_most(9), at_least(0)), between(1, 3), 1 + 1 + 1),
    (all_of(at_most(9), one_of(1, 2)), between(1, 3), 1 + 1 + (1 + 3)),
    (all_of(anything(), anything()), anything(), 1 + 2),
    # rule 5: listed of an all_of: every value of the first that can be listed takes a step and is asked
    (one_of(2, 3), all_of(at_least(2), between(0, 3)), 1 + (4 + 4 * 2) + 2),
    (one_of(9), all_of(one_of(1), one_of(2)), 1 + (1 + 2)),
    # rule 6: the parent is any_of
    (any_of(under("/a"), under("/b")), under("/b/c"), 1 + 1 + 1),
    (any_of(under("/a"), under("/b")), under("/c"), 1 + 1 + 1),
    (any_of(1, 2), exactly(2), 1 + 1 + 2),
    (any_of(under("/a"), under("/b")), all_of(under("/b"), length(at_most=9)), 1 + (1 + 2) + (1 + 1)),
    (
        any_of(all_of(under("/a"), under("/a")), under("/b")),
        all_of(under("/a/b"), length(at_most=9)),
        1 + (1 + (1 + 1) + (1 + 1)),
    ),
    # rule 7: the child is all_of
    (under("/srv"), all_of(length(at_most=9), under("/srv/a"), under("/")), 1 + 2),
    (under("/srv"), all_of(length(at_most=9), under("/etc")), 1 + 2),
    # rule 8: the parent is negative
    (not_(under("/etc")), under("/srv"), 1),
    (not_(under("/etc")), starting_with("/srv"), 1),
    (not_(exactly("a")), starting_with("b"), 1 + 1),
    (none_of("a", "b", "x"), starting_with("x"), 1 + 3),
    (none_of("a", "b", "x"), starting_with("b"), 1 + 2),
    (none_of("a", "x"), under("/srv"), 1 + 2),
    (none_of("/a"), url("https://a.test"), 1 + 1 + 8),
    (not_([1, 2]), each(between(1, 1)), 1 + 1 + 2),
    (not_(under("/etc/a")), not_(under("/etc")), 1 + 1),
    (not_(length(at_most=3)), none_of("a", "b"), 1 + 1),
    # rule 9
    (under("/srv"), anything(), 1),
    (under("/srv"), starting_with("/srv"), 1),
]


@pytest.mark.spec("N-7", "N-8")
@pytest.mark.parametrize(("parent", "child", "steps"), COMPARING, ids=lambda part: None)
def test_comparing_two_constraints_takes(parent: Constraint, child: Constraint, steps: int):
    words = f"{parent.describe()} <- {child.describe()}"
    assert taken(lambda budget: covers(parent, child, budget)) == steps, words
    answer = covers(parent, child, Steps(steps))
    assert answer == covers(parent, child)
    with pytest.raises(NotPermitted) as caught:
        covers(parent, child, Steps(steps - 1))
    assert caught.value.reason is Reason.EVALUATION_EXHAUSTED


# -- one budget ----------------------------------------------------------------------------------------------------

WIDE = Scope(tool("a", "t", x=one_of(*range(100)), y=under("/")), tool("b", "t", z=at_most(9)))
NARROW = Scope(tool("a", "t", x=one_of(*range(50)), y=under("/srv")), tool("b", "t", z=at_most(8)))
NARROW_STEPS = (1 + 50) + 1 + 1


@pytest.mark.spec("N-8")
def test_capabilities_and_links_share_a_budget():
    steps = Steps(2 * NARROW_STEPS)
    scope_within(NARROW, WIDE, steps)
    assert steps.left == NARROW_STEPS
    scope_within(NARROW, WIDE, steps)
    assert steps.left == 0
    with pytest.raises(NotPermitted, match="evaluation_exhausted"):
        scope_within(NARROW, WIDE, steps)


@pytest.mark.spec("N-8")
def test_a_spent_budget_refuses_what_would_be_narrower_and_what_would_not():
    links = [signed.link for signed in verify(chain("root -> planner", scopes=[WIDE, NARROW]).token).links]
    narrower(links[1], links[0], Steps(NARROW_STEPS))
    with pytest.raises(NotPermitted, match="evaluation_exhausted"):
        narrower(links[1], links[0], Steps(NARROW_STEPS - 1))
    with pytest.raises(NotPermitted, match="evaluation_exhausted"):
        scope_within(WIDE, NARROW, Steps(10))
    with pytest.raises(ScopeGrew):
        scope_within(WIDE, NARROW, Steps(1 + 51))


@pytest.mark.spec("N-8", "V-10")
def test_comparing_the_links_of_a_token_takes_no_more_than_one_budget():
    """Each comparison is within the budget, all of them together are not: the link is named at which it ends."""
    dear = Scope(*(tool("a", f"t{n}", x=one_of(*range(1000))) for n in range(7)))
    per_link = 7 * 1001
    affordable = limits.EVALUATION_STEPS // per_link
    path = ["root", *(f"a{n}" for n in range(affordable + 1))]
    verify(chain(" -> ".join(path[:-1]), scopes=[dear] * len(path[:-1]), depth=9).token)
    with pytest.raises(NotPermitted, match="evaluation_exhausted") as caught:
        verify(chain(" -> ".join(path), scopes=[dear] * len(path), depth=9).token)
    assert caught.value.link_index == affordable + 1


@pytest.mark.spec("A-5")
def test_deciding_a_call_takes_steps_of_every_link_and_names_the_one_where_they_end():
    scope = Scope(tool("a", "t", x=each(in_network("10.0.0.0/8"))))
    made = verify(chain("root -> planner", scopes=[scope, scope]).token)
    addresses = ["10.0.0.1"] * 163  # a link takes 2 + 163 + 24 · 163 = 4,077
    authorize(made, audience="a", tool="t", arguments=Arguments.of({"x": addresses}))
    with pytest.raises(NotPermitted, match="evaluation_exhausted") as caught:
        authorize(made, audience="a", tool="t", arguments=Arguments.of({"x": [*addresses, "10.0.0.1", "10.0.0.1"]}))
    assert caught.value.link_index == 1
