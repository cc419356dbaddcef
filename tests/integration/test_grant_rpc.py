"""Grant: to the authenticated caller, within its ceiling, once for each idempotency key."""

from __future__ import annotations

import pytest

from delegation.core.chain import PrincipalBasis
from delegation.core.constraints import under
from delegation.core.revocation import RevocationState
from delegation.core.scope import Scope, any_call, tool
from delegation.core.statement import StatementKind
from delegation.core.verify import Verifier
from delegation.errors import Conflict, InvalidRequest, Malformed, OutsideTime, PermissionDenied, PolicyDenied, Reason
from support.caller import new_key, now_ms, parse_token
from support.server import spiffe_id

READ = tool("files", "read", path=under("/srv/docs"))


def verified(server, token):
    bundle = server.application._parts.trust.in_use.trust.bundle
    return Verifier(bundle).verify(token, now_ms=now_ms(), revocations=RevocationState.nothing_revoked())


@pytest.mark.spec("T-21", "T-22")
def test_a_grant_is_a_verifiable_chain_held_by_the_authenticated_caller(server, planner):
    task = planner.grant(READ)
    chain = verified(server, task.token)
    assert chain.agents == (spiffe_id("agent/planner"),)
    assert chain.leaf.holder_key == task.key.public
    assert chain.task_id == task.task_id
    assert chain.principal.basis is PrincipalBasis.ASSERTED
    assert chain.principal.subject == spiffe_id("agent/planner")
    assert chain.leaf.scope == Scope(READ)


def test_a_grant_lives_a_quarter_of_an_hour_unless_asked_otherwise(planner):
    link = planner.grant(READ).leaf.link
    assert link.expires_at_ms - link.not_before_ms == 15 * 60 * 1000


def test_a_grant_comes_with_a_receipt(planner):
    statements = parse_token(planner.grant(READ).token).statements
    assert [statement.kind for statement in statements] == [StatementKind.RECEIPT]


def test_task_ids_are_ordered_by_time(planner):
    ids = [planner.grant(READ).task_id for _ in range(3)]
    assert [identity[:6] for identity in ids] == sorted(identity[:6] for identity in ids)


def test_a_caller_that_is_no_orchestrator_gets_no_grant(as_):
    with pytest.raises(PermissionDenied):
        as_("agent/plain").grant(READ)


def test_a_grant_within_the_ceiling_is_given(as_):
    assert as_("orchestrator/limited").grant(READ).task_id


@pytest.mark.spec("N-6", "T-21")
@pytest.mark.parametrize(
    "capability",
    [any_call("files", "read"), tool("files", "read", path=under("/etc")), any_call("billing", "refund")],
    ids=["any arguments", "another directory", "another tool"],
)
def test_a_grant_beyond_the_ceiling_is_refused_and_says_what_is_beyond(as_, capability):
    with pytest.raises(PolicyDenied) as refused:
        as_("orchestrator/limited").grant(capability)
    assert refused.value.reason is Reason.CEILING_EXCEEDED
    assert refused.value.field


@pytest.mark.spec("T-22")
def test_a_principal_token_is_refused_where_nobody_could_check_it(planner):
    with pytest.raises(InvalidRequest, match="no issuer of ID tokens"):
        planner.grant(READ, principal_token=b"ey.some.token")


@pytest.mark.spec("V-9")
def test_a_grant_of_more_than_a_day_is_refused(planner):
    with pytest.raises(OutsideTime) as refused:
        planner.grant(READ, lifetime_ms=24 * 60 * 60 * 1000 + 1)
    assert refused.value.reason is Reason.LIFETIME_TOO_LONG


@pytest.mark.parametrize(
    ("tweaks", "kind"),
    [
        ({"purpose": ""}, InvalidRequest),
        ({"purpose": "x" * 1025}, InvalidRequest),
        ({"holder_key": b"short"}, InvalidRequest),
        ({"holder_key": bytes(32)}, Malformed),
        ({"scope": Scope.EMPTY}, InvalidRequest),
        ({"max_depth": 32}, InvalidRequest),
        ({"lifetime_ms": -1}, InvalidRequest),
        ({"idempotency_key": "k" * 65}, InvalidRequest),
        ({"principal_token": bytes(16 * 1024 + 1)}, InvalidRequest),
    ],
    ids=str,
)
def test_a_request_that_makes_no_sense_is_refused_as_such(planner, tweaks, kind):
    with pytest.raises(kind):
        planner.grant(READ, **tweaks)


def test_the_same_request_with_the_same_key_gets_the_same_grant(planner):
    key, holder = f"key-{now_ms()}", new_key()
    first = planner.grant(READ, key=holder, idempotency_key=key)
    assert planner.grant(READ, key=holder, idempotency_key=key) == first


def test_another_request_with_the_same_key_is_a_conflict(planner):
    key, holder = f"other-{now_ms()}", new_key()
    planner.grant(READ, key=holder, idempotency_key=key)
    with pytest.raises(Conflict):
        planner.grant(READ, key=holder, idempotency_key=key, purpose="something else")


def test_one_callers_key_is_not_anothers(planner, as_):
    key, holder = f"shared-{now_ms()}", new_key()
    mine = planner.grant(READ, key=holder, idempotency_key=key)
    assert as_("agent/second").grant(READ, key=holder, idempotency_key=key) != mine


def test_a_ceiling_of_audiences_permits_whatever_is_at_those_and_nothing_else(as_):
    limited = as_("orchestrator/audiences")
    assert limited.grant(READ, any_call("search", "query")).task_id
    for beyond in ([any_call("billing", "refund")], [READ, any_call("billing", "refund")]):
        with pytest.raises(PolicyDenied) as refused:
            limited.grant(*beyond)
        assert refused.value.reason is Reason.CEILING_EXCEEDED
        assert refused.value.field == "scope[billing.refund]"
