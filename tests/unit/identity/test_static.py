from __future__ import annotations

import pytest

from delegation.errors import ConfigError, Unauthenticated
from delegation.identity.port import Caller, Ceiling, Role
from delegation.identity.static import StaticIdentities, development_caller, development_operator

PLANNER = Caller("spiffe://acme.example/planner", frozenset({Role.AGENT}))


def test_a_listed_caller_is_found_as_listed():
    assert StaticIdentities([PLANNER]).find(PLANNER.id) is PLANNER


def test_an_unlisted_id_is_refused():
    with pytest.raises(Unauthenticated, match="not known here"):
        StaticIdentities([PLANNER]).find("spiffe://acme.example/stranger")


def test_an_id_listed_twice_is_refused():
    with pytest.raises(ConfigError, match="twice"):
        StaticIdentities([PLANNER, PLANNER])


def test_in_development_an_unlisted_id_does_what_agents_and_tools_do_and_no_more():
    caller = StaticIdentities([], unlisted=development_caller).find("spiffe://dev.internal/x")
    assert caller.roles == {Role.AGENT, Role.ORCHESTRATOR, Role.TOOL}
    assert caller.ceiling is Ceiling.UNLIMITED
    caller.require_audience("anything")


def test_in_development_a_listed_id_is_still_what_it_is_listed_as():
    identities = StaticIdentities([PLANNER], unlisted=development_caller)
    assert identities.find(PLANNER.id).roles == {Role.AGENT}


def test_the_person_at_the_keyboard_has_every_role():
    assert development_operator("spiffe://dev.internal/operator").roles == frozenset(Role)
