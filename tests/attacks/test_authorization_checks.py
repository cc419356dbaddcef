"""Each check of authorization: a call that it alone refuses, and its benign twin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

import delegation.core.verify as verification
from delegation.core import authorize as authorization
from delegation.core import limits
from delegation.core.arguments import Arguments
from delegation.core.authorize import authorize
from delegation.core.call_plan import CallPlans
from delegation.core.chain import VerifiedLinks
from delegation.core.conditions import CallCount
from delegation.core.constraints import anything, at_most, each, fields, optional, under
from delegation.core.scope import Scope, any_call, tool
from delegation.errors import ConditionUnmet, NotPermitted, Reason, Refused
from support.attacks import nothing
from support.chains import READ, READ_CALL, MadeChain, chain, verify
from support.mutants import reasons_of, without

MADE = chain("root -> planner -> tool")
VERIFIED = verify(MADE.token)


def ask(audience: str, name: str, arguments: Mapping[str, Any], how: Any = authorize, made: Any = VERIFIED) -> None:
    how(made, audience=audience, tool=name, arguments=Arguments.of(arguments))


class Overreach(NamedTuple):
    """A call that is refused, why, and what stands in place of the `raise` in the mutant."""

    call: tuple[str, str, dict[str, Any]]
    reason: Reason
    instead: str = "pass"


OVERREACHES = {
    "a tool that nobody mentioned": Overreach(("files", "write", READ_CALL), Reason.TOOL_NOT_PERMITTED, "return"),
    "the tool of another audience": Overreach(("web", "read", READ_CALL), Reason.TOOL_NOT_PERMITTED, "return"),
    "the tool in other letters": Overreach(("files", "Read", READ_CALL), Reason.TOOL_NOT_PERMITTED, "return"),
    "an argument that is not listed": Overreach(
        ("files", "read", {**READ_CALL, "follow": True}), Reason.ARGUMENT_UNEXPECTED
    ),
    "a required argument left out": Overreach(("files", "read", {}), Reason.ARGUMENT_MISSING, "continue"),
    "a value outside its constraint": Overreach(("files", "read", {"path": "/etc/passwd"}), Reason.ARGUMENT_REFUSED),
    "a number past its bound": Overreach(
        ("billing", "refund", {"amount": 50.01, "currency": "EUR"}), Reason.ARGUMENT_REFUSED
    ),
    "an optional argument outside its constraint": Overreach(
        ("files", "read", {**READ_CALL, "limit": 101}), Reason.ARGUMENT_REFUSED
    ),
}


@pytest.mark.spec("G-1", "A-2")
@pytest.mark.parametrize("name", OVERREACHES)
def test_a_call_is_refused_with(name: str):
    overreach = OVERREACHES[name]
    with pytest.raises(NotPermitted) as caught:
        ask(*overreach.call)
    assert caught.value.reason is overreach.reason
    assert caught.value.link_index == 0


@pytest.mark.parametrize("name", OVERREACHES)
def test_without_its_check_a_call_passes_with(name: str):
    overreach = OVERREACHES[name]
    names = without(authorization, overreach.reason, instead=overreach.instead)
    ask(*overreach.call, how=names["authorize"])


@pytest.mark.spec("A-2")
def test_a_condition_is_never_met_without_state(monkeypatch: pytest.MonkeyPatch):
    """No token with a condition passes verification yet; if one did, the call would still be refused."""
    link = VERIFIED.links[0]
    counted = Scope(READ._replace(conditions=(CallCount(5),)))
    links = (link._replace(link=link.link._replace(scope=counted)),)
    verified = VerifiedLinks(links, frozenset(), 0, 0, CallPlans((counted,)))
    conditional = type(VERIFIED)(VERIFIED.token, verified, None, {})
    with pytest.raises(ConditionUnmet) as caught:
        ask("files", "read", READ_CALL, made=conditional)
    assert caught.value.reason is Reason.CONDITION_UNMET
    ask("files", "read", READ_CALL, without(authorization, Reason.CONDITION_UNMET)["authorize"], conditional)


def test_every_reason_of_the_module_has_an_attack():
    tested = {overreach.reason for overreach in OVERREACHES.values()} | {Reason.CONDITION_UNMET}
    assert reasons_of(authorization) | {Reason.ARGUMENT_REFUSED} == tested


@pytest.mark.parametrize(
    "call",
    [
        ("files", "read", {"path": "/srv/docs"}),
        ("files", "read", {"path": "/srv/docs/a/b.txt", "limit": 100}),
        ("billing", "refund", {"amount": 50, "currency": "EUR"}),
        ("billing", "refund", {"amount": 49.99, "currency": "USD"}),
        ("web", "search", {"anything": [{"goes": None}]}),
        ("web", "search", {}),
    ],
)
def test_a_call_within_the_scope_is_permitted(call: tuple[str, str, dict[str, Any]]):
    ask(*call)


def chain_that_nobody_compared(*scopes: Scope) -> MadeChain:
    """A chain whose links were never compared with one another: as if narrowing were broken."""
    path = " -> ".join(f"agent-{n}" for n in range(len(scopes)))
    made = chain(path, unrecorded=True).with_statements()
    for index, scope in enumerate(scopes):
        message = chain("root", scopes=[scope], task=f"only {index}").payloads[0]
        made = made.edit(index, lambda link, message=message: _copy_scope(link, message))
    return made


def _copy_scope(link: Any, message: bytes) -> None:
    link.scope.CopyFrom(type(link).FromString(message).scope)


@pytest.mark.spec("A-1")
@pytest.mark.parametrize("strict", [0, 1, 2])
def test_every_link_is_asked_even_if_narrowing_were_broken(strict: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(verification, "step_10_no_wider", nothing)
    narrow, wide = Scope(tool("files", "read", path=under("/srv/docs"))), Scope(any_call("files", "read"))
    scopes = [narrow if index == strict else wide for index in range(3)]
    verified = verify(chain_that_nobody_compared(*scopes).token)
    ask("files", "read", READ_CALL, made=verified)
    with pytest.raises(NotPermitted) as caught:
        ask("files", "read", {"path": "/etc/passwd"}, made=verified)
    assert caught.value.link_index == strict


@pytest.mark.spec("A-2")
def test_an_empty_scope_permits_nothing():
    verified = verify(chain("root", scopes=[Scope.EMPTY]).token)
    with pytest.raises(NotPermitted) as caught:
        ask("files", "read", {}, made=verified)
    assert caught.value.reason is Reason.TOOL_NOT_PERMITTED


@pytest.mark.spec("A-2", "A-4")
def test_the_tools_default_must_be_permitted_by_every_link_that_speaks_of_the_argument():
    scopes = [Scope(tool("files", "list", path=under("/srv"), depth=optional(at_most(3))))]
    verified = verify(chain("root -> planner", scopes=scopes).token)
    call = {"audience": "files", "tool": "list", "arguments": Arguments.of({"path": "/srv"})}
    authorize(verified, **call)
    authorize(verified, **call, defaults={"depth": 3})
    authorize(verified, **call, defaults={"hidden": True})  # of what no link mentions, the tool is the master
    with pytest.raises(NotPermitted) as caught:
        authorize(verified, **call, defaults={"depth": 4})
    assert caught.value.reason is Reason.ARGUMENT_REFUSED


@pytest.mark.spec("A-2")
def test_an_argument_that_was_sent_counts_and_not_the_default():
    verified = verify(chain("root", scopes=[Scope(tool("files", "list", depth=at_most(3)))]).token)
    call = {"audience": "files", "tool": "list"}
    authorize(verified, **call, arguments=Arguments.of({"depth": 1}), defaults={"depth": 99})
    with pytest.raises(NotPermitted):
        authorize(verified, **call, arguments=Arguments.of({"depth": 99}), defaults={"depth": 1})


@pytest.mark.spec("A-5")
def test_work_is_bounded_by_steps_over_all_links_together():
    scope = Scope(tool("t", "t", items=each(fields(x=optional(anything())))))
    verified = verify(chain("root -> planner -> tool", scopes=[scope]).token)
    fits = limits.EVALUATION_STEPS // 3 // 2 - 1  # each member: one step for the list, one for its field
    ask("t", "t", {"items": [{}] * fits}, made=verified)
    with pytest.raises(NotPermitted) as caught:
        ask("t", "t", {"items": [{}] * (fits + 2)}, made=verified)
    assert caught.value.reason is Reason.EVALUATION_EXHAUSTED


@pytest.mark.spec("X-2")
def test_a_refusal_says_what_is_permitted_and_never_what_was_sent():
    secret = "/etc/secret-that-was-sent"
    with pytest.raises(Refused) as caught:
        ask("files", "read", {"path": secret})
    assert secret not in str(caught.value)
    assert caught.value.parent == "a path under /srv/docs"
    assert caught.value.field == "read.path"


@pytest.mark.spec("X-2")
@pytest.mark.parametrize("name", ["x" * 800_000, "a\nb", "", "\u20ac" * 400])
def test_a_name_that_is_none_is_not_shown(name: str):
    with pytest.raises(NotPermitted) as caught:
        ask("files", "read", {**READ_CALL, name: 1})
    assert caught.value.reason is Reason.ARGUMENT_UNEXPECTED
    assert caught.value.field == "read.(no name)"


@pytest.mark.spec("X-2", "G-3")
@pytest.mark.parametrize("wrong", [b'{"a":"SECRET"', b'{"a":"\\ud800SECRET"}'])
def test_nothing_that_hangs_on_a_refusal_holds_the_arguments(wrong: bytes):
    for refuse in (lambda: Arguments.parse(wrong), lambda: Arguments.of({"a": "SECRET\ud800", "b": 0.5})):
        with pytest.raises(NotPermitted) as caught:
            refuse()
        assert caught.value.reason is Reason.ARGUMENTS_INVALID
        assert caught.value.__context__ is None
        assert caught.value.__cause__ is None
