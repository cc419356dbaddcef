"""A suggested scope permits what was called, and as little else as can be told: the kernel is asked for every call."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import delegation_sdk
from delegation.core.arguments import Arguments
from delegation.core.kept_arguments import KeptArguments
from delegation.core.trust import Recording
from delegation.errors import Malformed, Reason
from delegation_sdk import (
    Scope,
    any_call,
    any_of,
    approved_by,
    at_most,
    at_most_calls,
    between,
    budget,
    decimal_text,
    each,
    exactly,
    fields,
    length,
    one_of,
    optional,
    starting_with,
    subset_of,
    tool,
    under,
    url,
)
from delegation_sdk.least_privilege.builder_code import builder_code
from delegation_sdk.least_privilege.observed import Observations, ObservedCall
from delegation_sdk.least_privilege.suggest import Basis
from delegation_sdk.least_privilege.suggestion import suggestion_from
from delegation_sdk.least_privilege.trial import granted_for_trial, tried
from delegation_sdk.sources import Sources

SYSTEM = Sources.system()
ANY = any_call("files", "read")


def whole(values):
    return KeptArguments(Arguments.of(values).values, {}, 0)


def call(values, *, task=1, held=ANY, granted=ANY, name="read", kept=None):
    kept = whole(values) if kept is None and values is not None else kept
    return ObservedCall(task.to_bytes(16, "big"), ("files", name), kept, held, granted)


def suggested(*calls):
    observed = Observations()
    observed.calls.extend(calls)
    return suggestion_from(observed, SYSTEM)


def argument(*values):
    """Give the constraint suggested for an argument that had these values."""
    found = suggested(*(call({"x": value}) for value in values))
    assert found.trial.permitted == len(values)
    (capability,) = found.scope.capabilities
    return capability.arguments["x"].constraint


PATHS = [f"/srv/docs/{n % 3}/{n}.md" for n in range(30)]
URLS = [f"https://api.example.org/v1/orders/{n}?full=1" for n in range(30)]


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        (["a"], exactly("a")),
        (["b", "a", "b"], one_of("a", "b")),
        (PATHS, under("/srv/docs")),
        (PATHS[:3], one_of(*PATHS[:3])),
        (URLS, url("https://api.example.org/v1/orders")),
        ([1, 5, 3, 4], between(1, 5)),
        ([7, 7], exactly(7)),
        ([-3, 1, 2.5], between("-3", "2.5")),
        ([f"{n}.50" for n in range(1, 31)], decimal_text(between("1.5", "30.5"))),
        ([f"INV-{n:03}" for n in range(30)], starting_with("INV-0")),
        ([chr(ord("A") + n) * (n + 1) for n in range(26)], length(at_least=1, at_most=26)),
        ([True, False], one_of(True, False)),
        ([None], exactly(None)),
        ([None, "a", 3], any_of(exactly(None), exactly(3), exactly("a"))),
        ([["a"], [], ["b", "a"]], subset_of("a", "b")),
        ([[1, 2, 3], list(range(30))], each(between(0, 29))),
        ([[]], exactly([])),
        ([{"a": 1}, {"a": 1, "b": "x"}], fields(a=1, b=optional("x"))),
        (["/srv/../etc", *PATHS], None),
        (["/a/b", "/c/d", *(f"/{n}/x" for n in range(20))], None),
    ],
)  # fmt: skip
def test_values_become_the_tightest_constraint_that_people_write(values, constraint):
    found = argument(*values)
    if constraint is not None:
        assert found == any_of(*found.constraints) if hasattr(found, "constraints") else found == constraint
        assert type(found) is type(constraint)


def test_an_argument_that_was_not_always_sent_is_optional():
    (capability,) = suggested(call({"path": "/a"}), call({"path": "/a", "page": 2})).scope.capabilities
    assert capability == tool("files", "read", at_most_calls(2), path="/a", page=optional(2))


def test_a_suggestion_refuses_what_was_never_called():
    found = suggested(*(call({"path": path}) for path in PATHS))
    chain = granted_for_trial(found.scope, SYSTEM)
    other = tried(chain, [call({"path": "/srv/other"}), call({"path": "/srv/docs/0/0.md"}, name="write")])
    assert other.permitted == 0
    assert [error.reason for _, error in other.refused] == [Reason.ARGUMENT_REFUSED, Reason.TOOL_NOT_PERMITTED]


def test_a_task_may_call_as_often_as_the_busiest_one_did():
    found = suggested(*(call({}, task=task) for task in (1, 1, 1, 2)))
    assert found.scope == Scope(tool("files", "read", at_most_calls(3)))
    assert (found.trial.calls, found.trial.permitted) == (4, 4)
    more = tried(granted_for_trial(found.scope, SYSTEM), [call({}) for _ in range(4)])
    assert (more.permitted, more.refused[0][1].reason) == (3, Reason.CALLS_EXHAUSTED)


def test_nothing_called_suggests_nothing():
    found = suggested()
    assert (found.scope, found.tools, found.trial.calls) == (Scope.EMPTY, (), 0)


# -- arguments that were not kept


def partly(values, *names):
    typed = Arguments.of(values).values
    return KeptArguments.of(typed, tuple((name, Recording.PLAIN) for name in sorted(names)), bytes(16))


def test_where_arguments_were_not_kept_what_was_granted_stays_and_covers_the_calls():
    held = tool("files", "read", path=under("/srv"), page=at_most(9))
    found = suggested(call(None, held=held, granted=held), call({"path": "/srv/a", "page": 1}, held=held, granted=held))
    assert found.scope == Scope(tool("files", "read", at_most_calls(2), path=under("/srv"), page=at_most(9)))
    (about,) = found.tools
    assert (about.basis, about.unknown) == (Basis.GRANTED, 1)
    assert (found.trial.permitted, found.trial.by_granted) == (2, 1)


def test_what_was_kept_of_every_call_tightens_what_was_granted():
    held = tool("files", "read", path=under("/srv"), reader=length(at_most=9))
    kept = [partly({"path": path, "reader": "ada"}, "path") for path in ("/srv/a", "/srv/b")]
    found = suggested(*(call(None, held=held, granted=held, kept=each) for each in kept))
    assert found.scope == Scope(
        tool("files", "read", at_most_calls(2), path=one_of("/srv/a", "/srv/b"), reader=length(at_most=9))
    )
    assert (found.trial.permitted, found.trial.by_granted) == (2, 2)


def test_of_different_permissions_the_one_that_covers_the_others_stays():
    wide, narrow = tool("files", "read", path=under("/srv")), tool("files", "read", path=under("/srv/a"))
    found = suggested(call(None, held=narrow), call(None, held=wide), call(None, held=narrow))
    assert found.scope.find("files", "read").arguments == wide.arguments
    assert found.trial.by_granted == 3


@pytest.mark.parametrize("other", [tool("files", "read", path=under("/etc")), None])
def test_where_none_covers_the_others_any_arguments_are_suggested_and_it_says_so(other):
    found = suggested(call(None, held=tool("files", "read", path=under("/srv"))), call(None, held=other))
    assert found.scope == Scope(any_call("files", "read", at_most_calls(2)))
    assert found.tools[0].basis is Basis.NOTHING
    assert found.trial.permitted == 2


# -- conditions


def test_a_granted_budget_becomes_what_the_dearest_task_spent():
    granted = tool("files", "read", budget("amount", 500), amount=at_most("100.00"))
    spent = [call({"amount": amount}, task=task, granted=granted) for task, amount in ((1, 20), (1, 30.5), (2, 7))]
    found = suggested(*spent)
    assert found.scope == Scope(
        tool("files", "read", at_most_calls(2), budget("amount", "50.5"), amount=between("7", "30.5"))
    )
    assert found.trial.permitted == 3


def test_a_budget_whose_amounts_were_not_kept_stays_and_its_calls_are_undecided():
    granted = tool("files", "read", budget("amount", 500), amount=at_most("100.00"))
    found = suggested(call(None, held=granted, granted=granted))
    assert budget("amount", 500) in found.scope.find("files", "read").conditions
    assert (found.trial.permitted, found.trial.undecided) == (0, 1)


def test_approval_that_every_grant_demanded_is_demanded_still_and_one_that_few_did_is_not():
    asked = tool("files", "read", approved_by("ada", "bob", threshold=1))
    assert approved_by("ada", "bob", threshold=1) in suggested(call({}, granted=asked)).scope.capabilities[0].conditions
    mixed = suggested(call({}, granted=asked), call({}, granted=ANY))
    assert mixed.scope.capabilities[0].conditions == (at_most_calls(2),)


# -- hostile and huge


HOSTILE = ["\x1b[2J", "\u202e", "'); import os; (\"", "\\", "{}", "é" * 50, "\x00", "a" * 5000, "/..//", "https://[::1"]


def test_hostile_values_and_names_are_permitted_and_written_as_ascii_that_builds_the_same():
    values = [{"'); import os; (\"": text, "class": text, "é": {text: text}} for text in HOSTILE]
    found = suggested(*map(call, values))
    assert found.trial.permitted == len(values)
    code = builder_code(found.scope)
    assert code.isascii()
    assert all(character == "\n" or character.isprintable() for character in code)
    assert built(code) == found.scope


def built(code):
    return eval(code, {name: getattr(delegation_sdk, name) for name in delegation_sdk.__all__})


@pytest.mark.parametrize(
    "scope",
    [
        Scope(),
        Scope(any_call("a", "b", at_most_calls(2), budget("x", "1.50"), approved_by("ada", "bob", threshold=2))),
        Scope(tool("a", "b", x=delegation_sdk.none_of("q"), y=delegation_sdk.not_(under("/etc")))),
        Scope(tool("a", "b", x=delegation_sdk.more_than("1"), y=delegation_sdk.all_of(at_most(3), at_most("2.5")))),
        Scope(tool("a", "b", x=delegation_sdk.less_than(1), y=delegation_sdk.in_network("10.0.0.0/8"))),
        Scope(tool("a", "b", x=delegation_sdk.matching_segments("a.*", separator="."), y=delegation_sdk.anything())),
        Scope(tool("a", "b", x=delegation_sdk.matching_segments("a/**"), y=delegation_sdk.containing("a", 2))),
        Scope(tool("a", "b", x=url("https://h.example:8443/v1", subdomains=True, schemes=["wss"]), y=[1, {"a": None}])),
        Scope(tool("a", "b", x=delegation_sdk.at_least(3), y=delegation_sdk.length(at_least=2), z={"a": 1.5})),
    ],
)
def test_every_kind_of_constraint_is_written_as_python_that_builds_the_same(scope):
    assert built(builder_code(scope)) == scope


def test_more_strings_than_a_token_holds_are_listed_no_longer():
    calls = [call({f"a{n:02}": f"{m}{'x' * 300}{n}" for n in range(30)}) for m in range(12)]
    found = suggested(*calls)
    assert found.trial.permitted == 12
    assert found.scope.find("files", "read").arguments["a00"].constraint == length(at_least=302, at_most=303)


def test_more_arguments_than_a_scope_names_are_any_arguments():
    found = suggested(call({f"a{n}": n for n in range(65)}))
    assert found.scope == Scope(any_call("files", "read", at_most_calls(1)))
    assert (found.tools[0].basis, found.trial.permitted) == (Basis.NOTHING, 1)


def test_a_name_that_no_scope_can_hold_is_any_arguments():
    found = suggested(call({"\x1b": 1}))
    assert found.scope == Scope(any_call("files", "read", at_most_calls(1)))
    assert (found.tools[0].basis, found.trial.permitted) == (Basis.NOTHING, 1)


def test_more_tools_than_a_scope_has_are_refused():
    with pytest.raises(Malformed) as error:
        suggested(*(call({}, name=f"t{n}") for n in range(129)))
    assert error.value.reason is Reason.TOO_MANY_CAPABILITIES


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e6, 1e6).map(lambda x: round(x, 3))
    | st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(PATHS + URLS),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "é", "\x1b"]), JSON, max_size=3), min_size=1, max_size=20))
def test_whatever_was_called_is_permitted_and_the_python_builds_the_same(calls):
    found = suggested(*map(call, calls))
    assert found.trial.permitted == len(calls)
    assert built(builder_code(found.scope)) == found.scope


def test_a_call_on_a_link_that_is_not_recorded_is_told_of_with_any_arguments(client):
    from support.looked_back import called, recorded

    task = client.begin_task("x", scope=Scope(tool("files", "read", path=under("/srv"))))
    observed = Observations()
    observed.begin_task(task.task_id, recorded(task))
    observed.take([called(task, "files", "read"), called(task, "files", "read", refused="argument_refused")])
    assert [each.held for each in observed.calls] == [task.scope.find("files", "read")]
    observed.take([dataclasses.replace(called(task, "files", "read"), leaf_link_id=None)])
    assert observed.calls[1].held is None
