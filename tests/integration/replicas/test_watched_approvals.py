"""Who watches one replica is told of requests for approval that are made and answered at another."""

from __future__ import annotations

import threading

import pytest

from delegation.core.approval_request import ApprovalState
from delegation.core.conditions import approved_by
from delegation.core.scope import any_call
from delegation.errors import Reason
from delegation_sdk import Client
from delegation_sdk.delegation import Delegation
from support.server import DEVELOPER, spiffe_id

DEADLINE_SECONDS = 60


@pytest.mark.spec("A-36")
def test_who_watches_one_is_told_of_what_another_does(replicas, at):
    here, there = replicas
    task = at(0).grant(any_call("files", "delete", approved_by(spiffe_id(DEVELOPER))))
    with Client.connect(there.profile(DEVELOPER)) as person, Client.connect(here.profile("agent/planner")) as agent:
        told, opened, ended = [], threading.Event(), threading.Event()

        def watch():
            for request in watching:
                told.append((request.request_id, request.state))
                (opened if request.state is ApprovalState.PENDING else ended).set()

        watching = person.approvals.watch(task_id=task.task_id)
        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        asked = agent.approvals.request(Delegation(task.token, task.key), "files", "delete", {"path": "/srv/old"})
        assert opened.wait(DEADLINE_SECONDS)
        with Client.connect(here.profile(DEVELOPER)) as same_person:
            same_person.approvals.answer(same_person.approvals.get(asked.request_id), approve=True)
        assert ended.wait(DEADLINE_SECONDS)
        watching.close()
        thread.join(DEADLINE_SECONDS)
    assert told == [(asked.request_id, ApprovalState.PENDING), (asked.request_id, ApprovalState.APPROVED)]
    decisions = [at(place, "tool/files").decide(task, "files", "delete", {"path": "/srv/old"}) for place in (1, 0)]
    assert [decision.refusal and decision.refusal.reason for decision in decisions] == [None, Reason.APPROVAL_REQUIRED]
