"""Waiting for people: often at first, then seldom, and never past the deadline."""

from __future__ import annotations

from dataclasses import replace

import pytest

from delegation.core.approval_request import ApprovalState
from delegation.errors import ConditionUnmet, InvalidRequest, Reason
from delegation_sdk.approvals import ApprovedCall, AsyncApprovedCall
from delegation_sdk.flows.approvals import Waiting
from delegation_sdk.sources import Sources
from unit.wire.test_approvals import REQUEST

PENDING = replace(REQUEST, answers=())


class Time:
    def __init__(self):
        self.ms = 1_000

    def sources(self):
        return Sources(lambda: 0, lambda: self.ms, lambda count: b"\xff" * count)


@pytest.fixture
def time():
    return Time()


def wait_for_ever(waiting, time, pauses):
    while True:
        pauses.append(waiting.pause_s(PENDING))
        time.ms += round(pauses[-1] * 1000)


def test_pauses_grow_and_end_at_the_deadline(time):
    waiting, pauses = Waiting(60_000, time.sources()), []
    with pytest.raises(ConditionUnmet) as late:
        wait_for_ever(waiting, time, pauses)
    assert pauses[0] < 0.3
    assert max(pauses) <= 5
    assert sum(pauses) == pytest.approx(60, abs=0.1)
    assert late.value.reason is Reason.APPROVAL_REQUIRED
    assert PENDING.request_id.hex() in late.value.detail


def test_what_is_approved_or_needs_no_approval_is_not_waited_for(time):
    waiting = Waiting(1, time.sources())
    time.ms += 10_000  # the answer came just in time, and was read late
    assert waiting.pause_s(replace(PENDING, state=ApprovalState.APPROVED)) is None
    assert waiting.pause_s(None) is None


@pytest.mark.parametrize(
    "state", [ApprovalState.REFUSED, ApprovalState.WITHDRAWN, ApprovalState.EXPIRED, ApprovalState.USED]
)
def test_what_is_over_is_not_waited_for(time, state):
    with pytest.raises(ConditionUnmet):
        Waiting(60_000, time.sources()).pause_s(replace(PENDING, state=state))


def test_a_refusal_is_told_with_its_reason(time):
    with pytest.raises(ConditionUnmet, match="refused by ben: it is old"):
        Waiting(60_000, time.sources()).pause_s(replace(REQUEST, state=ApprovalState.REFUSED))


def test_a_call_is_signed_after_the_answer_and_waited_for_once(client, scope):
    asked = []
    with client.task("Tidy up", scope=scope) as task:
        call = ApprovedCall.of(task.call("files", "read", {"path": "/srv/a"}), lambda: asked.append("person"))
        assert asked == []
        assert call.headers()
        assert call.metadata()
    assert asked == ["person"]


async def test_with_asyncio_a_call_that_was_not_entered_is_not_signed(authority, scope):
    asked = []

    async def wait():
        asked.append("person")

    async with (
        authority.async_client("spiffe://test.example/agent/planner") as client,
        client.task("Tidy up", scope=scope) as task,
    ):
        call = AsyncApprovedCall.of(task.call("files", "read", {"path": "/srv/a"}), wait)
        with pytest.raises(InvalidRequest, match="async with"):
            call.headers()
        async with call:
            assert call.headers()
    assert asked == ["person"]
