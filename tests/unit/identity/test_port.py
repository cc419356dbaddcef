from __future__ import annotations

import pytest

from delegation.errors import PermissionDenied, PolicyDenied, Reason
from delegation.identity.port import Caller, Ceiling, Role

NOBODY = Caller("spiffe://acme.example/nobody")


@pytest.mark.spec("T-21")
def test_a_caller_of_whom_nothing_is_said_may_do_nothing():
    for role in Role:
        assert not NOBODY.has_role(role)
        with pytest.raises(PermissionDenied, match="lacks the role"):
            NOBODY.require_role(role)
    with pytest.raises(PermissionDenied):
        NOBODY.require_audience("files")
    assert NOBODY.ceiling == Ceiling.NOTHING
    assert NOBODY.ceiling.scope is None
    assert not NOBODY.ceiling.unlimited


def test_one_of_several_roles_is_enough():
    Caller("spiffe://acme.example/a", frozenset({Role.AUDITOR})).require_role(Role.OPERATOR, Role.AUDITOR)


@pytest.mark.spec("A-10")
def test_a_tool_speaks_only_for_its_own_audiences():
    tool = Caller("spiffe://acme.example/files", frozenset({Role.TOOL}), frozenset({"files"}))
    tool.require_audience("files")
    with pytest.raises(PolicyDenied) as refused:
        tool.require_audience("billing")
    assert refused.value.reason is Reason.NOT_YOUR_AUDIENCE


def test_an_agent_with_an_audience_is_still_no_tool():
    agent = Caller("spiffe://acme.example/a", frozenset({Role.AGENT}), frozenset({"files"}))
    with pytest.raises(PermissionDenied):
        agent.require_audience("files")


def test_a_ceiling_is_limited_or_unlimited_but_not_both():
    with pytest.raises(ValueError, match="unlimited"):
        Ceiling(scope=object(), unlimited=True)
