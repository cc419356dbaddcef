"""Links that a hostile holder signs by hand, each wider than the one before in a single respect.

Minting would refuse every one of them; so must verification, and say which field grew at which link.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from delegation.core.codec import scope_to_message
from delegation.core.constraints import Constraint, anything, at_most, between, exactly, one_of, optional, under
from delegation.core.mint import sign_handoff
from delegation.core.narrowing import RULES
from delegation.core.scope import Scope, any_call, tool
from delegation.errors import Reason, Refused, ScopeGrew
from delegation.v1 import chain_pb2 as pb
from support.chains import MINUTE_MS, NOW_MS, SCOPE, agent, chain, key, some_bytes, verify
from support.samples import CONSTRAINTS, wider_by

MADE = chain("root -> planner")
Change = Callable[[pb.Link], object]


def with_fields(**fields: Any) -> Change:
    return lambda link: [setattr(link, name, value) for name, value in fields.items()]


def with_scope(*capabilities: Any) -> Change:
    return lambda link: link.scope.CopyFrom(scope_to_message(Scope(*capabilities)))


def read(**arguments: Any) -> Any:
    return tool("files", "read", **{"path": under("/srv/docs"), "limit": optional(at_most(100)), **arguments})


def read_without(name: str) -> Any:
    capability = read()
    return capability._replace(arguments={n: a for n, a in capability.arguments.items() if n != name})


END = NOW_MS + 15 * MINUTE_MS
GROWN: dict[str, tuple[str, Change]] = {
    "a later end": ("expires_at_ms", with_fields(expires_at_ms=END + 1)),
    "an end in another epoch": ("expires_at_ms", with_fields(expires_at_ms=2**53 - 1)),
    "an earlier beginning": ("not_before_ms", with_fields(not_before_ms=NOW_MS - 1)),
    "the same depth": ("remaining_depth", with_fields(remaining_depth=8)),
    "a greater depth": ("remaining_depth", with_fields(remaining_depth=9)),
    "the greatest depth there is": ("remaining_depth", with_fields(remaining_depth=2**32 - 1)),
    "a tool more": ("scope[files.write]", with_scope(*SCOPE.capabilities, any_call("files", "write"))),
    "the tool of another audience": ("scope[web.read]", with_scope(any_call("web", "read"))),
    "any arguments": ("scope[files.read]", with_scope(any_call("files", "read"))),
    "an argument more": ("scope[files.read].follow", with_scope(read(follow=True))),
    "an optional argument more": ("scope[files.read].follow", with_scope(read(follow=optional(anything())))),
    "a required argument dropped": ("scope[files.read].path", with_scope(read_without("path"))),
    "a required argument made optional": (
        "scope[files.read].path",
        with_scope(read(path=optional(under("/srv/docs")))),
    ),
    "a wider path": ("scope[files.read].path", with_scope(read(path=under("/srv")))),
    "a path beside": ("scope[files.read].path", with_scope(read(path=under("/srv/docs2")))),
    "the root of all paths": ("scope[files.read].path", with_scope(read(path=under("/")))),
    "anything for a path": ("scope[files.read].path", with_scope(read(path=anything()))),
    "a greater number": ("scope[files.read].limit", with_scope(read(limit=optional(at_most(101))))),
    "a range without an end": ("scope[files.read].limit", with_scope(read(limit=optional(between(0, 2**53 - 1))))),
    "numbers that are no integers": ("scope[files.read].limit", with_scope(read(limit=optional(at_most("99.5"))))),
    "another kind of value": ("scope[files.read].limit", with_scope(read(limit=optional("100")))),
    "a boolean for a number": ("scope[files.read].limit", with_scope(read(limit=optional(one_of(True, 1))))),
    "nothing for a number": ("scope[files.read].limit", with_scope(read(limit=optional(exactly(None))))),
}


@pytest.mark.spec("N-1", "N-2", "N-3", "N-4", "N-5", "V-10")
@pytest.mark.parametrize("name", GROWN)
def test_a_link_is_refused_with(name: str):
    field, change = GROWN[name]
    with pytest.raises(ScopeGrew) as caught:
        verify(MADE.edit(1, change).token)
    assert (caught.value.reason, caught.value.link_index, caught.value.field) == (Reason.SCOPE_GREW, 1, field)
    assert caught.value.child


@pytest.mark.spec("V-10", "V-16")
@pytest.mark.parametrize("name", GROWN)
def test_deep_in_a_chain_a_link_is_refused_with(name: str):
    made = chain("root -> planner -> tool -> helper")
    index = 3
    change = GROWN[name][1]
    if "depth" in name:
        change = with_fields(remaining_depth=pb.Link.FromString(MADE.edit(1, change).payloads[1]).remaining_depth)
    with pytest.raises(ScopeGrew) as caught:
        verify(made.edit(index, change).token)
    assert caught.value.link_index == index


SAME_OR_NARROWER: dict[str, tuple[str, Change]] = {
    "the same end": ("expires_at_ms", with_fields(expires_at_ms=END)),
    "an earlier end": ("expires_at_ms", with_fields(expires_at_ms=END - 1)),
    "a later beginning": ("not_before_ms", with_fields(not_before_ms=NOW_MS + 1)),
    "one handoff fewer": ("remaining_depth", with_fields(remaining_depth=7)),
    "no handoff": ("remaining_depth", with_fields(remaining_depth=0)),
    "the same scope": ("scope", with_scope(*SCOPE.capabilities)),
    "an empty scope": ("scope", with_scope()),
    "one tool": ("scope", with_scope(read())),
    "a narrower path": ("scope", with_scope(read(path=under("/srv/docs/a")))),
    "one file": ("scope", with_scope(read(path="/srv/docs/a.txt"))),
    "an optional argument required": ("scope", with_scope(read(limit=at_most(100)))),
    "an optional argument dropped": ("scope", with_scope(read_without("limit"))),
    "arguments where any were permitted": ("scope", with_scope(tool("web", "search", q=anything()))),
    "another nonce": ("nonce", with_fields(nonce=some_bytes("another nonce"))),
    "another time of signing": ("issued_at_ms", with_fields(issued_at_ms=1)),
    "another key": ("holder_key", with_fields(holder_key=key("anybody").public)),
    "another agent": ("holder_agent", with_fields(holder_agent=agent("anybody"))),
    "another purpose": ("purpose", with_fields(purpose="anything")),
    "a trace": ("trace_id", with_fields(trace_id=b"t" * 16, span_id=b"s" * 8)),
    "a span": ("span_id", with_fields(trace_id=b"t" * 16, span_id=b"s" * 8)),
}


@pytest.mark.spec("V-21")
@pytest.mark.parametrize("name", SAME_OR_NARROWER)
def test_a_link_is_accepted_with(name: str):
    made = chain("root -> planner", unrecorded=True).with_statements()
    verify(made.edit(1, SAME_OR_NARROWER[name][1]).token)


STOPPED_ELSEWHERE = {"version": Reason.VERSION_UNSUPPORTED, "grant": Reason.GRANT_REPEATED}


def test_every_field_of_a_link_has_a_rule_and_a_hand_made_child():
    assert set(RULES) == {field.name for field in pb.Link.DESCRIPTOR.fields}
    grown = {field.split("[")[0] for field, _ in GROWN.values()}
    free = {field for field, _ in SAME_OR_NARROWER.values()}
    for name, rule in RULES.items():
        assert name in STOPPED_ELSEWHERE or (name in free if rule.startswith("free") else name in grown & free)


@pytest.mark.spec("V-6", "V-7")
@pytest.mark.parametrize("name", STOPPED_ELSEWHERE)
def test_a_field_that_narrowing_leaves_to_another_step_is_stopped_there(name: str):
    grant = pb.Link.FromString(MADE.payloads[0]).grant
    change = with_fields(version=2) if name == "version" else (lambda link: link.grant.CopyFrom(grant))
    with pytest.raises(Refused) as caught:
        verify(MADE.edit(1, change).token)
    assert caught.value.reason is STOPPED_ELSEWHERE[name]


def changed_claims() -> Iterator[Any]:
    swaps: dict[str, Callable[[pb.GrantClaims], object]] = {
        "issuer_key_id": lambda claims: setattr(claims, "issuer_key_id", key("mallory").key_id),
        "task_id": lambda claims: setattr(claims, "task_id", some_bytes("another task")),
        "principal": lambda claims: setattr(claims.principal, "subject", "the boss"),
        "unrecorded_handoffs": lambda claims: setattr(claims, "unrecorded_handoffs", True),
    }
    assert set(swaps) == {field.name for field in pb.GrantClaims.DESCRIPTOR.fields}
    for name, swap in swaps.items():
        yield pytest.param(lambda link, swap=swap: swap(link.grant), id=name)


@pytest.mark.spec("V-4")
@pytest.mark.parametrize("change", list(changed_claims()))
def test_nobody_but_the_issuer_changes_what_only_the_grant_says(change: Change):
    hostile = MADE.edit(0, change).signed_by(0, MADE.holders[0])
    with pytest.raises(Refused) as caught:
        verify(hostile.token)
    assert caught.value.reason in (Reason.SIGNATURE_INVALID, Reason.ISSUER_UNKNOWN)


def one_argument(constraint: Constraint) -> Scope:
    return Scope(tool("t", "t", x=constraint))


@pytest.mark.spec("N-3", "N-7")
@pytest.mark.parametrize("parent", CONSTRAINTS, ids=lambda c: c.describe())
def test_no_constraint_of_any_kind_passes_for_a_narrower_one(parent: Constraint):
    """Every pair of samples: where some value would be gained, the token is refused."""
    made = chain("root -> planner", scopes=[one_argument(parent)], unrecorded=True).with_statements()
    tried = 0
    for child in CONSTRAINTS:
        message = scope_to_message(one_argument(child))
        token = made.edit(1, lambda link, message=message: link.scope.CopyFrom(message)).token
        if wider_by(parent, child):
            tried += 1
            with pytest.raises(ScopeGrew):
                verify(token)
        elif child == parent:
            verify(token)
    assert tried or parent == anything()


@pytest.mark.spec("N-6")
def test_minting_refuses_what_verification_would_refuse():
    parent, holder = MADE, MADE.holders[0]
    signed = verify(parent.cut(1).with_statements().token).links[0]
    for scope in (Scope(any_call("files", "read")), Scope(*SCOPE.capabilities, any_call("files", "write"))):
        with pytest.raises(ScopeGrew):
            sign_handoff(
                signed,
                holder,
                holder_key=key("child").public,
                holder_agent=agent("child"),
                scope=scope,
                now_ms=NOW_MS,
                expires_at_ms=END,
                nonce=bytes(16),
            )
