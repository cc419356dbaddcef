"""What of a stream of requests is news, across connections: each tells what is open anew."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from delegation.core.approval_request import ApprovalState
from delegation.errors import ServiceUnavailable
from delegation.wire.approvals import watched_message
from delegation_sdk.approval_watch import ApprovalWatch
from delegation_sdk.flows.approval_watch import Watched
from delegation_sdk.sources import Sources
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


class LateStream:
    """A stream that is opened in the instant in which another thread closes the watch."""

    def __init__(self, watch):
        self._is_ended = False
        watch.close()

    def cancel(self):
        self._is_ended = True

    def receive(self, _timeout_s):
        assert self._is_ended, "it waits for a service that may say nothing"
        raise ServiceUnavailable("the stream has ended")


def test_a_watch_that_is_closed_while_it_connects_does_not_wait():
    transport = SimpleNamespace(watch=lambda _: LateStream(watch))
    watch = ApprovalWatch(transport, Sources.system(), None)
    assert list(watch) == []
