"""HandOff: what holders have signed is verified, recorded once, and receipted; nothing wider, nothing revoked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from delegation.core.attest import open_receipt
from delegation.core.codec import join_token
from delegation.core.constraints import under
from delegation.core.scope import Scope, any_call, tool
from delegation.errors import (
    BadLinkage,
    BadSignature,
    BadStatement,
    Conflict,
    InvalidRequest,
    Malformed,
    NotFound,
    PermissionDenied,
    Reason,
    Revoked,
    ScopeGrew,
    Undecided,
)
from delegation.v1 import chain_pb2
from support.caller import Holding, links_of, new_key, now_ms

READ = tool("files", "read", path=under("/srv"))
NARROWER = Scope(tool("files", "read", path=under("/srv/docs")))


def signed_by_hand(parent: Holding, child: Holding, change) -> Holding:
    """A link that a hostile holder signs with changes that minting would refuse."""
    from delegation.core.chain import Frame
    from delegation.core.keys import Purpose, signing_input

    link = links_of(child.token)[-1]
    message = chain_pb2.Link.FromString(link.payload)
    change(message)
    payload = message.SerializeToString(deterministic=True)
    signature = parent.key.sign(signing_input(Purpose.HANDOFF, payload, parent.leaf.link_id))
    return replace(child, token=join_token([*links_of(parent.token), Frame(payload, signature, 0)]))


def test_a_handoff_is_recorded_and_receipted(server, planner):
    task = planner.grant(READ)
    child = task.child("agent/reader", scope=NARROWER)
    (recorded,) = planner.record(child)
    statement_key = server.application._parts.trust.in_use.keys.statement.public
    assert recorded.link_id == child.leaf.link_id
    assert open_receipt(recorded.receipt, statement_key).link_id == child.leaf.link_id
    assert recorded.binding is None
    _, links = planner.task(task.task_id)
    assert [link.link_id for link in links] == [task.leaf.link_id, child.leaf.link_id]


def test_a_handoff_submitted_twice_is_recorded_once_and_keeps_its_first_receipt(planner):
    task = planner.grant(READ)
    child = task.child("agent/reader")
    first, again = planner.record(child), planner.record(child)
    assert first == again
    assert len(planner.task(task.task_id)[1]) == 2


def test_a_batch_may_build_on_itself(planner):
    task = planner.grant(READ)
    child = task.child("agent/reader")
    grandchild = child.child("agent/summary")
    recorded = planner.record(child, grandchild)
    assert [handoff.link_id for handoff in recorded] == [child.leaf.link_id, grandchild.leaf.link_id]


def test_a_batch_is_recorded_whole_or_not_at_all(planner):
    task = planner.grant(READ)
    good, bad = task.child("agent/reader"), task.child("agent/reader")
    with pytest.raises(BadSignature):
        planner.record(good, replace(bad, token=bad.token[:-1] + bytes((bad.token[-1] ^ 1,))))
    assert len(planner.task(task.task_id)[1]) == 1


def test_any_agent_may_submit_what_another_signed(planner, as_):
    task = planner.grant(READ)
    assert as_("agent/plain").record(task.child("agent/reader"))


def test_a_tool_has_no_part_in_handing_off(planner, as_):
    task = planner.grant(READ)
    with pytest.raises(PermissionDenied):
        as_("tool/files").record(task.child("agent/reader"))


@pytest.mark.spec("N-5", "T-5")
def test_a_wider_handoff_is_refused_with_the_link_and_field_at_fault(planner):
    task = planner.grant(READ)

    def widen(message):
        message.scope.capabilities[0].arguments[0].constraint.sub_path = "/"

    wider = signed_by_hand(task, task.child("agent/reader"), widen)
    with pytest.raises(ScopeGrew) as refused:
        planner.record(wider)
    assert refused.value.reason is Reason.SCOPE_GREW
    assert refused.value.link_index == 1
    assert "path" in refused.value.field


@pytest.mark.spec("T-5")
def test_a_handoff_by_another_key_is_refused(planner):
    task = planner.grant(READ)
    thief = replace(task, key=new_key())
    forged = signed_by_hand(thief, task.child("agent/reader"), lambda message: None)
    with pytest.raises(BadSignature) as refused:
        planner.record(forged)
    assert refused.value.link_index == 1


@pytest.mark.spec("V-8", "T-5")
def test_a_handoff_past_the_granted_depth_is_refused(planner):
    task = planner.grant(READ, max_depth=0)
    deeper = signed_by_hand(
        task,
        # minting refuses as well: take the shape of a child from another grant
        planner.grant(READ).child("agent/reader"),
        lambda message: message.ClearField("remaining_depth"),
    )
    with pytest.raises(BadLinkage) as refused:
        planner.record(deeper)
    assert refused.value.reason is Reason.DEPTH_EXCEEDED


@pytest.mark.spec("T-5")
def test_a_handoff_of_a_completed_task_is_refused(planner):
    task = planner.grant(READ)
    planner.complete(task)
    with pytest.raises(Revoked) as refused:
        planner.record(task.child("agent/reader"))
    assert refused.value.reason is Reason.TASK_ENDED


@pytest.mark.spec("T-5")
def test_a_grant_that_this_service_never_recorded_is_built_upon_by_nobody(server, planner):
    from delegation.core.chain import Principal, PrincipalBasis
    from delegation.core.mint import sign_grant
    from support.caller import nonce

    key = new_key()
    link = sign_grant(
        server.application._parts.trust.in_use.keys.grant,
        task_id=nonce(),
        principal=Principal("ada", "test", PrincipalBasis.ASSERTED),
        holder_key=key.public,
        holder_agent="spiffe://test.example/agent/planner",
        scope=Scope(READ),
        purpose="unrecorded",
        now_ms=now_ms(),
        lifetime_ms=60_000,
        max_depth=3,
        unrecorded_handoffs=False,
        nonce=nonce(),
    )
    unrecorded = Holding(join_token([link]), key, link.link.grant.task_id)
    with pytest.raises(Undecided) as refused:
        planner.record(unrecorded.child("agent/reader"))
    assert refused.value.reason is Reason.CHAIN_UNKNOWN


@pytest.mark.spec("T-5")
def test_a_handoff_upon_one_that_was_kept_from_the_service_is_refused(planner):
    task = planner.grant(READ)
    hidden = task.child("agent/reader")
    with pytest.raises(BadStatement) as refused:
        planner.record(hidden.child("agent/summary"))
    assert refused.value.reason is Reason.RECEIPT_MISSING
    assert refused.value.link_index == 1


@pytest.mark.spec("T-5")
def test_where_the_grant_waives_receipts_missing_links_are_recorded_late(planner):
    task = planner.grant(READ, unrecorded_handoffs=True)
    offline = task.child("agent/reader")
    planner.record(offline.child("agent/summary"))
    assert len(planner.task(task.task_id)[1]) == 3


def test_a_token_without_a_handoff_is_no_handoff(planner):
    with pytest.raises(InvalidRequest, match="no handoff"):
        planner.record(planner.grant(READ))


@pytest.mark.parametrize("count", [0, 65])
def test_a_batch_has_between_one_and_64_handoffs(planner, count):
    task = planner.grant(READ)
    with pytest.raises(InvalidRequest):
        planner.record(*[task.child("agent/reader")] * count)


@pytest.mark.parametrize("token", [b"", b"\x00", b"not a token", bytes(70_000)], ids=["empty", "nul", "text", "huge"])
def test_what_is_no_token_is_refused_as_malformed(planner, token):
    with pytest.raises(Malformed):
        planner.record(replace(planner.grant(READ), token=token))


def test_the_same_request_with_the_same_key_gets_the_same_answer_even_after_the_task(planner):
    task, key = planner.grant(READ), f"handoff-{now_ms()}"
    child = task.child("agent/reader")
    first = planner.record(child, idempotency_key=key)
    planner.complete(task)
    assert planner.record(child, idempotency_key=key) == first
    with pytest.raises(Conflict):
        planner.record(task.child("agent/reader"), idempotency_key=key)


def test_a_key_that_was_used_for_another_request_records_nothing(planner):
    task, key = planner.grant(READ), f"handoff-{now_ms()}"
    first, other = task.child("agent/reader"), task.child("agent/reader")
    planner.record(first, idempotency_key=key)
    with pytest.raises(Conflict):
        planner.record(other, idempotency_key=key)
    recorded = {link.link_id for link in planner.task(task.task_id)[1]}
    assert first.leaf.link_id in recorded
    assert other.leaf.link_id not in recorded


def test_a_task_that_does_not_exist_is_not_found(planner):
    with pytest.raises(NotFound):
        planner.task(bytes(16))


def test_an_unrelated_tool_cannot_be_handed_on(planner):
    task = planner.grant(READ)
    with pytest.raises(ScopeGrew):
        task.child("agent/reader", scope=Scope(any_call("billing", "refund")))
