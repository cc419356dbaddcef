"""Whoever signs a handoff, whoever verifies it, and the service with a caller's ceiling mean the same by *narrower*."""

from __future__ import annotations

import pytest

from delegation.core.codec import scope_to_message
from delegation.core.constraints import Constraint
from delegation.core.mint import sign_handoff
from delegation.core.scope import Scope, tool
from delegation.errors import Reason, Refused
from delegation.identity.port import Caller, Ceiling
from delegation.service.ceilings import require_scope
from support.chains import MINUTE_MS, NOW_MS, MadeChain, agent, chain, key, some_bytes, verify
from support.samples import CONSTRAINTS


def signing(made: MadeChain, child: Scope) -> Reason | None:
    """Tell why a delegator does not sign a handoff."""
    try:
        sign_handoff(
            verify(made.cut(1).token).links[0],
            made.holders[0],
            holder_key=key("child").public,
            holder_agent=agent("child"),
            scope=child,
            now_ms=NOW_MS,
            expires_at_ms=NOW_MS + MINUTE_MS,
            nonce=some_bytes("child"),
        )
    except Refused as refused:
        return refused.reason
    return None


def verifying(made: MadeChain, child: Scope) -> Reason | None:
    """Tell why a verifier refuses the handoff that a delegator signs all the same."""
    message = scope_to_message(child)
    try:
        verify(made.edit(1, lambda link: link.scope.CopyFrom(message)).token)
    except Refused as refused:
        return refused.reason
    return None


def granting(ceiling: Scope, asked: Scope) -> Reason | None:
    """Tell why the service does not grant so much to a caller with this ceiling."""
    try:
        require_scope(Caller(agent("planner"), ceiling=Ceiling(ceiling)), asked)
    except Refused as refused:
        return Reason.SCOPE_GREW if refused.reason is Reason.CEILING_EXCEEDED else refused.reason
    return None


EVERY = 8
"""Every eighth of the samples is tried below a parent, other ones below the next: all pairs would take long."""


@pytest.mark.spec("N-6", "T-21")
@pytest.mark.parametrize("number", range(len(CONSTRAINTS)), ids=lambda number: CONSTRAINTS[number].describe())
def test_signing_verifying_and_granting_agree_on_pairs_of_samples(number: int):
    parent: Constraint = CONSTRAINTS[number]
    scope = Scope(tool("t", "t", x=parent))
    made = chain("root -> planner", scopes=[scope], unrecorded=True).with_statements()
    said = set()
    for constraint in (parent, *CONSTRAINTS[number % EVERY :: EVERY]):
        child = Scope(tool("t", "t", x=constraint))
        expected = verifying(made, child)
        assert signing(made, child) is granting(scope, child) is expected, constraint.describe()
        said.add(expected)
    assert None in said
