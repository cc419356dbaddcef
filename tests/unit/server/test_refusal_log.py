"""The log of refusals: who, what and why, not what was sent, and not without end."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from delegation.errors import InvalidRequest, PermissionDenied, Reason, StorageError, Unauthenticated, refusal
from delegation.server.refusal_log import RefusalLog


@pytest.fixture
def clock():
    return [100_000_000_000]


@pytest.fixture
def log(clock):
    return RefusalLog(monotonic_ns=lambda: clock[0])


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionDenied("no"), "PermissionDenied"),
        (refusal(Reason.NOT_YOUR_AUDIENCE), "not_your_audience"),
        (StorageError("overloaded", "the queue is full"), "overloaded"),
    ],
)
def test_a_refusal_is_one_line_with_method_caller_status_and_reason(log, error, reason):
    with capture_logs() as lines:
        log.note("x.Y/Z", "spiffe://a/b", "PERMISSION_DENIED", error)
    assert lines == [
        {
            "event": "refused",
            "log_level": "info",
            "method": "x.Y/Z",
            "caller": "spiffe://a/b",
            "code": "PERMISSION_DENIED",
            "reason": reason,
        }
    ]


def test_why_somebody_is_not_let_in_is_said_and_words_about_a_request_are_not(log):
    with capture_logs() as lines:
        log.note("x.Y/Z", "", "UNAUTHENTICATED", Unauthenticated("the certificate is outside its time"))
        log.note("x.Y/Z", "a", "INVALID_ARGUMENT", InvalidRequest("the value is hunter2"))
    assert lines[0]["why"] == "the certificate is outside its time"
    assert "hunter2" not in str(lines[1])


def test_the_same_refusal_is_logged_once_a_second_and_then_counted(log, clock):
    with capture_logs() as lines:
        for _ in range(1000):
            log.note("x.Y/Z", "a", "RESOURCE_EXHAUSTED", PermissionDenied("no"))
        clock[0] += 1_000_000_000
        log.note("x.Y/Z", "a", "RESOURCE_EXHAUSTED", PermissionDenied("no"))
    assert [line["event"] for line in lines] == ["refused", "refused, not logged each", "refused"]
    assert (lines[1]["times"], lines[1]["mostly"]) == (999, "a")


def test_many_kinds_of_refusals_fill_no_disk_either(log):
    with capture_logs() as lines:
        for number in range(10_000):
            log.note("x.Y/Z", f"caller {number}", "PERMISSION_DENIED", PermissionDenied("no"))
    assert len(lines) <= 256


def test_a_loud_caller_does_not_hide_what_others_are_refused(log):
    with capture_logs() as lines:
        for number in range(1000):
            log.note(f"x.Y/{number}", "loud", "PERMISSION_DENIED", PermissionDenied("no"))
        log.note("x.Y/Revoke", "quiet", "PERMISSION_DENIED", PermissionDenied("no"))
    assert len(lines) <= 9
    assert lines[-1]["caller"] == "quiet"
