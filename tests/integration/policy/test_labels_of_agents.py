"""To whom labels stick: to agents that the service knows as holders, not to names that somebody wrote down."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import pytest

from delegation.core.codec import add_statements, decode_offer
from delegation.core.scope import any_call
from delegation.errors import Reason
from support.caller import GuardRecords, Holding, decided, new_key, nonce
from support.live_agent import live, request_offer

READ, SEND = any_call("crm", "read"), any_call("mail", "send")
WORKER = "agent/worker"


class OfferedKey:
    """A public key whose private half is the worker's."""

    def __init__(self, public):
        self.public = public


@contextmanager
def bound_handoff(ruled, delegator, task):
    """Hand a task on to the worker by a key that it has offered; give the token as the service knows it."""
    with live(ruled.as_(WORKER), WORKER) as instance:
        key = OfferedKey(decode_offer(request_offer(delegator, WORKER).payload).holder_key)
        child = task.child(WORKER, key=key)
        (recorded,) = delegator.record(child)
        assert recorded.binding is not None
        with_key = replace(child, key=instance.keys[key.public])
        yield with_key, recorded


def read(ruled, holding):
    assert ruled.as_("tool/all").decide(holding, "crm", "read", {}).refusal is None


def may_send(ruled, agent):
    refused = ruled.as_("tool/all").decide(ruled.as_(agent).grant(SEND), "mail", "send", {}).refusal
    assert refused is None or refused.reason is Reason.APPROVAL_REQUIRED
    return refused is None


def test_nobody_labels_an_agent_by_writing_its_name(start):
    ruled = start()
    mallory = ruled.as_("agent/mallory")
    forged = mallory.hand_off(mallory.grant(READ), "agent/victim")
    read(ruled, forged)
    guard = GuardRecords(new_key())
    batch = guard.batch(decided(forged, "crm", "read", {}, break_glass=nonce()))
    assert ruled.as_("tool/all").record_decisions(batch, [forged.token]) == 2
    assert may_send(ruled, "agent/victim")
    assert not may_send(ruled, "agent/mallory")  # who stands above it is known


@pytest.mark.parametrize("binding", ["carried", "left out"])
def test_what_a_bound_agent_read_sticks_to_it_whether_or_not_its_token_says_that_it_is_bound(start, binding):
    ruled = start()
    planner = ruled.as_("agent/planner")
    with bound_handoff(ruled, planner, planner.grant(READ)) as (child, recorded):
        statements = [recorded.receipt, recorded.binding] if binding == "carried" else [recorded.receipt]
        assert may_send(ruled, WORKER)
        read(ruled, Holding(add_statements(child.token, statements), child.key, child.task_id))
        assert not may_send(ruled, WORKER)
        assert may_send(ruled, "agent/other")


def test_what_a_guard_let_a_bound_agent_read_sticks_to_it(start):
    ruled = start()
    planner = ruled.as_("agent/planner")
    with bound_handoff(ruled, planner, planner.grant(READ)) as (child, recorded):
        holding = replace(child, token=add_statements(child.token, [recorded.receipt]))
        batch = GuardRecords(new_key()).batch(decided(holding, "crm", "read", {}, break_glass=nonce()))
        assert ruled.as_("tool/all").record_decisions(batch, [holding.token]) == 2
        assert not may_send(ruled, WORKER)


def test_what_a_bound_agent_knows_it_does_not_send_out_in_a_task_that_was_handed_to_it(start):
    ruled = start()
    read(ruled, ruled.as_(WORKER).grant(READ))
    planner = ruled.as_("agent/planner")
    task = planner.grant(SEND)
    with bound_handoff(ruled, planner, task) as (child, recorded):
        holding = replace(child, token=add_statements(child.token, [recorded.receipt]))
        refused = ruled.as_("tool/all").decide(holding, "mail", "send", {}).refusal
        assert refused.reason is Reason.APPROVAL_REQUIRED
    under_a_name = planner.hand_off(planner.grant(SEND), WORKER)
    assert ruled.as_("tool/all").decide(under_a_name, "mail", "send", {}).refusal is None
