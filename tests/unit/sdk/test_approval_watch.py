"""What of a stream of requests is news, across connections: each tells what is open anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from delegation.core.approval_request import ApprovalState
from delegation.wire.approvals import watched_message
from delegation_sdk.flows.approval_watch import Watched
from unit.wire.test_approvals import REQUEST

OPEN = replace(REQUEST, answers=())
OTHER = replace(OPEN, request_id=b"o" * 16)
APPROVED = replace(OPEN, state=ApprovalState.APPROVED)
HEARTBEAT = None


@pytest.fixture
def hear():
    watched = Watched()
    watched.connected()

    def heard(*told):
        return [watched.hear(watched_message(each)) for each in told]

    heard.watched = watched
    return heard


def test_each_request_is_told_once_until_it_changes(hear):
    answered = replace(OPEN, answers=REQUEST.answers)
    assert hear(OPEN, OTHER, HEARTBEAT, OPEN) == [OPEN, OTHER, None, None]
    assert hear(answered, answered, APPROVED) == [answered, None, APPROVED]


def test_what_was_open_before_a_connection_was_lost_and_is_not_told_again_is_missing(hear):
    hear(OPEN, OTHER, HEARTBEAT)
    hear.watched.connected()
    assert hear(OTHER) == [None]
    assert hear.watched.missing == []  # not all is told yet
    hear(HEARTBEAT)
    assert hear.watched.missing == [OPEN.request_id]
    assert hear.watched.got(OPEN.request_id, APPROVED) == APPROVED
    hear.watched.connected()
    hear(OTHER, HEARTBEAT)
    assert hear.watched.missing == []


def test_what_is_missing_and_gone_is_forgotten(hear):
    hear(OPEN, HEARTBEAT)
    hear.watched.connected()
    hear(HEARTBEAT)
    assert hear.watched.got(OPEN.request_id, None) is None
    hear.watched.connected()
    hear(HEARTBEAT)
    assert hear.watched.missing == []
