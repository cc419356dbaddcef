"""A handoff that the policy refuses uses no offer up."""

from __future__ import annotations

import threading

import pytest

from delegation.core.scope import Scope, any_call
from delegation.errors import BadStatement, PolicyDenied
from delegation_sdk import Client
from integration.policy.conftest import PERMIT
from support.server import spiffe_id

READ, SEND = any_call("docs", "read"), any_call("mail", "send")
NO_MAIL = '@id("mail") forbid (principal, action == Action::"handOff", resource == Tool::"mail.send");\n'
WORKER = spiffe_id("agent/owned")


def test_an_offer_is_used_up_by_a_handoff_that_is_permitted_alone(start):
    ruled = start(PERMIT + NO_MAIL)
    with (
        Client.connect(ruled.server.profile("agent/planner")) as planner,
        Client.connect(ruled.server.profile("agent/owned")) as worker,
        worker.listen() as arriving,
    ):
        received = []
        waiting = threading.Thread(target=lambda: received.append(next(arriving)), daemon=True)
        waiting.start()
        task = planner.begin_task("look things up", scope=Scope(READ, SEND))
        offer = planner.request_offer(WORKER)
        with pytest.raises(PolicyDenied):
            task.hand_off(WORKER, scope=Scope(SEND), offer=offer)
        task.hand_off(WORKER, scope=Scope(READ), offer=offer)
        waiting.join(60)
        assert [each.agent for each in received] == [WORKER]
        with pytest.raises(BadStatement):
            task.hand_off(WORKER, scope=Scope(READ), offer=offer)
