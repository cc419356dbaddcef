"""CompleteTask and Revoke: by those above, proved by their keys, and in effect when they return."""

from __future__ import annotations

import pytest

from delegation.core.revocation import RevocationKind, principal_id
from delegation.core.scope import SERVICE_AUDIENCE, any_call
from delegation.errors import BadProof, InvalidRequest, Malformed, NotFound, PermissionDenied, Reason, Revoked
from support.caller import new_key, now_ms
from support.server import spiffe_id

READ = any_call("files", "read")


def revocation_proof(holding, identity, **tweaks):
    arguments = {"kind": "link", "id": identity.hex()}
    return holding.proof(SERVICE_AUDIENCE, "revoke", arguments, chain_digest=identity, **tweaks)


def reason_of(decision):
    return decision.refusal.reason if decision.refusal else None


@pytest.mark.spec("R-3", "R-4")
def test_after_completion_no_decision_permits_anything(planner):
    task = planner.grant(READ)
    child = planner.hand_off(task, "agent/reader")
    assert planner.decide(child, "files", "read", {}).refusal is None
    completed = planner.complete(task)
    assert completed.feed_position > 0
    assert reason_of(planner.decide(child, "files", "read", {})) is Reason.TASK_ENDED
    assert reason_of(planner.decide(task, "files", "read", {})) is Reason.TASK_ENDED


def test_completing_again_changes_nothing(planner):
    task = planner.grant(READ)
    assert planner.complete(task) == planner.complete(task)
    recorded, links = planner.task(task.task_id)
    assert recorded.completed_by == spiffe_id("agent/planner")
    assert all(link.revoked for link in links)


def test_an_operator_completes_without_a_proof(planner, operator):
    task = planner.grant(READ)
    assert operator.complete(task, proof=b"").feed_position > 0


def test_anybody_who_brings_the_holders_proof_may_complete(planner, as_):
    task = planner.grant(READ)
    assert as_("agent/plain").complete(task)


def test_without_a_proof_it_is_as_if_there_were_no_such_task(planner):
    task = planner.grant(READ)
    with pytest.raises(NotFound):
        planner.complete(task, proof=b"")


@pytest.mark.spec("P-11")
@pytest.mark.parametrize(
    ("tweaks", "reason"),
    [
        ({"key": new_key()}, Reason.PROOF_INVALID),
        ({"now_ms": now_ms() - 3_600_000}, Reason.PROOF_STALE),
        ({"chain_digest": bytes(32)}, Reason.PROOF_OTHER_CALL),
    ],
    ids=["another key", "an hour ago", "another link"],
)
def test_a_proof_that_is_not_the_grant_holders_ends_nothing(planner, tweaks, reason):
    task = planner.grant(READ)
    proof = task.proof(SERVICE_AUDIENCE, "complete_task", {"task_id": task.task_id.hex()}, **tweaks)
    with pytest.raises(BadProof) as refused:
        planner.complete(task, proof=proof)
    assert refused.value.reason is reason
    assert planner.decide(task, "files", "read", {}).refusal is None


@pytest.mark.spec("P-11")
def test_a_proof_for_another_task_ends_nothing(planner):
    task, other = planner.grant(READ), planner.grant(READ)
    proof = task.proof(SERVICE_AUDIENCE, "complete_task", {"task_id": other.task_id.hex()})
    with pytest.raises(BadProof):
        planner.complete(task, proof=proof)


@pytest.mark.spec("R-2", "R-4")
def test_a_revoked_link_falls_with_its_subtree_and_nothing_else(planner):
    task = planner.grant(READ)
    child, sibling = planner.hand_off(task, "agent/reader"), planner.hand_off(task, "agent/writer")
    grandchild = planner.hand_off(child, "agent/summary")
    link = child.leaf.link_id
    planner.revoke(RevocationKind.LINK, link, proof=revocation_proof(task, link))
    for holding in (child, grandchild):
        decision = planner.decide(holding, "files", "read", {})
        assert reason_of(decision) is Reason.LINK_REVOKED
        assert decision.refusal.link_index == 1
    for holding in (task, sibling):
        assert planner.decide(holding, "files", "read", {}).refusal is None
    revoked = {entry.link_id for entry in planner.task(task.task_id)[1] if entry.revoked}
    assert revoked == {child.leaf.link_id, grandchild.leaf.link_id}


def test_an_ancestor_that_is_not_the_signer_may_revoke(planner):
    task = planner.grant(READ)
    grandchild = planner.hand_off(planner.hand_off(task, "agent/reader"), "agent/summary")
    link = grandchild.leaf.link_id
    assert planner.revoke(RevocationKind.LINK, link, proof=revocation_proof(task, link)) > 0


@pytest.mark.spec("P-11")
def test_the_holder_of_a_link_does_not_revoke_it_and_nor_does_a_sibling(planner):
    task = planner.grant(READ)
    child, sibling = planner.hand_off(task, "agent/reader"), planner.hand_off(task, "agent/writer")
    link = child.leaf.link_id
    for holding in (child, sibling):
        with pytest.raises(BadProof):
            planner.revoke(RevocationKind.LINK, link, proof=revocation_proof(holding, link))


@pytest.mark.parametrize("kind", [kind for kind in RevocationKind if kind is not RevocationKind.LINK])
def test_only_operators_revoke_anything_but_links(planner, kind):
    identity = {"holder_key": new_key().public, "agent": b"spiffe://test.example/agent/x", "principal": bytes(32)}
    with pytest.raises(PermissionDenied):
        planner.revoke(kind, identity.get(kind, bytes(16)), proof=b"whatever")


@pytest.mark.spec("R-4")
def test_a_revoked_agent_gets_nothing_more(operator, as_):
    agent = f"agent/doomed-{now_ms()}"
    doomed = as_(agent)
    task = doomed.grant(READ)
    operator.revoke(RevocationKind.AGENT, spiffe_id(agent).encode(), justification="it was stolen")
    assert reason_of(doomed.decide(task, "files", "read", {})) is Reason.AGENT_REVOKED
    with pytest.raises(Revoked):
        doomed.grant(READ)


@pytest.mark.spec("R-1", "R-4")
@pytest.mark.parametrize("kind", ["holder_key", "principal", "task"])
def test_an_operator_revokes_each_kind_of_thing(operator, as_, kind):
    agent = f"agent/{kind}-{now_ms()}"
    task = as_(agent).grant(READ)
    identity = {
        "holder_key": task.key.public,
        "principal": principal_id("test.example", spiffe_id(agent)),
        "task": task.task_id,
    }[kind]
    operator.revoke(RevocationKind(kind), identity)
    reason = {"holder_key": Reason.HOLDER_KEY_REVOKED, "principal": Reason.PRINCIPAL_REVOKED, "task": Reason.TASK_ENDED}
    assert reason_of(operator.decide(task, "files", "read", {})) is reason[kind]


@pytest.mark.parametrize(
    ("kind", "identity", "error"),
    [
        ("link", bytes(31), InvalidRequest),
        ("link", b"unknown link of thirty-two bytes", NotFound),
        ("task", bytes(15), InvalidRequest),
        ("task", b"an unknown task.", NotFound),
        ("holder_key", bytes(32), Malformed),
        ("agent", b"\xff\xfe", InvalidRequest),
        ("agent", b"a" * 513, InvalidRequest),
        ("issuer_key", bytes(32), InvalidRequest),
        ("principal", b"", InvalidRequest),
    ],
    ids=str,
)
def test_what_names_nothing_is_refused(operator, kind, identity, error):
    with pytest.raises(error):
        operator.revoke(RevocationKind(kind), identity)
