"""Minting signs only what a verifier would accept."""

from __future__ import annotations

from typing import Any

import pytest

from delegation.core import limits
from delegation.core.chain import Frame, Principal, PrincipalBasis, SignedLink, TraceIds
from delegation.core.codec import join_token
from delegation.core.conditions import CallCount
from delegation.core.constraints import SubPath
from delegation.core.mint import sign_grant, sign_handoff
from delegation.core.scope import Scope, any_call, tool
from delegation.errors import Malformed, Reason, Refused
from support.chains import ISSUER, MALLORY, MINUTE_MS, NOW_MS, agent, key, some_bytes, verify

ROOT_KEY, CHILD_KEY = key("root holder"), key("child holder")
FILES = Scope(any_call("files", "read"))
GRANT: dict[str, Any] = {
    "task_id": some_bytes("task"),
    "principal": Principal("ada", "example.test", PrincipalBasis.ASSERTED),
    "holder_key": ROOT_KEY.public,
    "holder_agent": agent("root"),
    "scope": FILES,
    "purpose": "look things up",
    "now_ms": NOW_MS,
    "lifetime_ms": 15 * MINUTE_MS,
    "max_depth": 1,
    "unrecorded_handoffs": True,
    "nonce": some_bytes("nonce"),
}
HANDOFF: dict[str, Any] = {
    "holder_key": CHILD_KEY.public,
    "holder_agent": agent("child"),
    "scope": FILES,
    "now_ms": NOW_MS + 1,
    "expires_at_ms": NOW_MS + MINUTE_MS,
    "nonce": some_bytes("child nonce"),
}


def grant(**tweaks: Any) -> SignedLink:
    return sign_grant(ISSUER, **{**GRANT, **tweaks})


def handoff(parent: SignedLink | None = None, signer: Any = ROOT_KEY, **tweaks: Any) -> SignedLink:
    return sign_handoff(parent or grant(), signer, **{**HANDOFF, **tweaks})


def token(*links: SignedLink) -> bytes:
    return join_token([Frame(link.payload, link.signature, 0) for link in links])


@pytest.mark.spec("V-21")
def test_what_is_minted_verifies_as_the_same_links():
    trace = TraceIds(some_bytes("trace"), some_bytes("span", 8))
    first = grant(trace=trace)
    second = handoff(first, trace=trace, purpose="one file")
    verified = verify(token(first, second))
    assert verified.links == (first, second)
    assert verified.digest == second.link_id
    assert (verified.task_id, verified.principal.subject) == (some_bytes("task"), "ada")
    assert verified.leaf.trace == trace
    assert (verified.purpose, verified.leaf.purpose) == ("look things up", "one file")
    assert verified.agents == (agent("root"), agent("child"))


def test_a_handoff_inherits_what_is_not_said():
    child = handoff(grant(max_depth=5))
    assert child.link.remaining_depth == 4
    assert child.link.not_before_ms == NOW_MS + 1
    early = handoff(now_ms=NOW_MS - 10)
    assert early.link.not_before_ms == NOW_MS  # its parent's clock was ahead


@pytest.mark.spec("F-2", "F-4", "F-6", "K-3", "V-9")
@pytest.mark.parametrize(
    ("tweaks", "reason"),
    [
        ({"lifetime_ms": 0}, Reason.LIFETIME_TOO_LONG),
        ({"lifetime_ms": -1}, Reason.LIFETIME_TOO_LONG),
        ({"lifetime_ms": limits.GRANT_LIFETIME_MS + 1}, Reason.LIFETIME_TOO_LONG),
        ({"nonce": bytes(15)}, Reason.FIELD_INVALID),
        ({"task_id": bytes(15)}, Reason.FIELD_INVALID),
        ({"holder_key": bytes(32)}, Reason.KEY_INVALID),
        ({"holder_key": bytes(31)}, Reason.KEY_INVALID),
        ({"holder_agent": ""}, Reason.FIELD_INVALID),
        ({"holder_agent": "planner"}, Reason.FIELD_INVALID),
        ({"holder_agent": "urn:a b"}, Reason.FIELD_INVALID),
        ({"holder_agent": "urn:\ud800"}, Reason.FIELD_INVALID),
        ({"purpose": "a\nb"}, Reason.FIELD_INVALID),
        ({"max_depth": -1}, Reason.FIELD_INVALID),
        ({"max_depth": 2**32}, Reason.FIELD_INVALID),
        ({"max_depth": 1.5}, Reason.FIELD_INVALID),
        ({"now_ms": 0}, Reason.FIELD_INVALID),
        ({"now_ms": 2**63}, Reason.FIELD_INVALID),
        ({"now_ms": -(2**53)}, Reason.FIELD_INVALID),
        ({"principal": Principal("", "example.test", PrincipalBasis.ASSERTED)}, Reason.FIELD_INVALID),
        ({"principal": Principal("ada", "", PrincipalBasis.ASSERTED)}, Reason.FIELD_INVALID),
        ({"principal": Principal("ada", "i", PrincipalBasis.ASSERTED, bytes(32))}, Reason.FIELD_INVALID),
        ({"principal": Principal("ada", "i", PrincipalBasis.ID_JAG)}, Reason.FIELD_INVALID),
        ({"trace": TraceIds(bytes(16), bytes(8))}, Reason.FIELD_INVALID),
        ({"trace": TraceIds(b"t" * 16, b"")}, Reason.FIELD_INVALID),
        ({"scope": Scope(any_call("", "read"))}, Reason.FIELD_INVALID),
        ({"scope": Scope(any_call("files", "re\nad"))}, Reason.FIELD_INVALID),
        ({"scope": Scope(any_call("\ud800", "read"))}, Reason.FIELD_INVALID),
        ({"scope": Scope(tool("files", "read", p=SubPath("/\ud800")))}, Reason.FIELD_INVALID),
        ({"scope": Scope(tool("files", "read", **{"\n": 1}))}, Reason.FIELD_INVALID),
        ({"scope": Scope(any_call("files", "read", CallCount(0)))}, Reason.FIELD_INVALID),
        ({"scope": Scope(any_call("files", "read", CallCount(-1)))}, Reason.FIELD_INVALID),
    ],
    ids=str,
)
def test_no_grant_is_signed_with(tweaks: dict[str, Any], reason: Reason):
    with pytest.raises(Refused) as caught:
        grant(**tweaks)
    assert caught.value.reason is reason


@pytest.mark.spec("K-3", "N-6")
@pytest.mark.parametrize(
    ("tweaks", "reason"),
    [
        ({"signer": MALLORY}, Reason.SIGNATURE_INVALID),
        ({"signer": ISSUER}, Reason.SIGNATURE_INVALID),
        ({"parent": grant(max_depth=0)}, Reason.DEPTH_EXCEEDED),
        ({"remaining_depth": 1}, Reason.SCOPE_GREW),
        ({"remaining_depth": -1}, Reason.FIELD_INVALID),
        ({"expires_at_ms": NOW_MS + 15 * MINUTE_MS + 1}, Reason.SCOPE_GREW),
        ({"expires_at_ms": NOW_MS + 1}, Reason.LIFETIME_TOO_LONG),
        ({"expires_at_ms": NOW_MS}, Reason.LIFETIME_TOO_LONG),
        ({"scope": Scope(any_call("files", "write"))}, Reason.SCOPE_GREW),
        ({"holder_key": bytes(32)}, Reason.KEY_INVALID),
        ({"nonce": b""}, Reason.FIELD_INVALID),
    ],
    ids=lambda value: str(value)[:60],
)
def test_no_handoff_is_signed_with(tweaks: dict[str, Any], reason: Reason):
    with pytest.raises(Refused) as caught:
        handoff(**tweaks)
    assert caught.value.reason is reason


def test_a_constraint_nested_deeper_than_a_token_may_is_not_signed():
    value: Any = 1
    for _ in range(20):
        value = [value]
    with pytest.raises(Malformed) as caught:
        grant(scope=Scope(tool("t", "t", x=value)))
    assert caught.value.reason is Reason.NESTING_TOO_DEEP
