"""Metrics of a service as operators run it reach a real collector, by the configuration alone."""

from __future__ import annotations

import pytest

from delegation.core.scope import any_call
from delegation.telemetry import names
from faults.estate import estate, wait_until
from support.caller import GuardRecords, decided, new_key
from support.otlp import otlp_receiver

TELEMETRY = """
[telemetry]
endpoint = "{endpoint}"
metrics_interval_ms = 200
"""
SECRET = "hunter2-in-an-argument"
AUTHORIZE = "delegation.v1.AuthorizationService/Authorize"


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """What a collector got of a service that allowed, refused and recorded."""
    with otlp_receiver() as received, estate(tmp_path_factory.mktemp("measured")) as made:
        made.replica(further=TELEMETRY.format(endpoint=received.endpoint)).start()
        with made.connected() as caller:
            task = caller.grant(any_call("files", "read"))
            for _ in range(3):
                caller.decide(task, "files", "read", {"path": SECRET})
            caller.decide(task, "files", "write", {"path": SECRET})
            caller.record_decisions(GuardRecords(new_key()).batch(decided(task, "files", "read", {})))
            caller.complete(task)
            watching = caller.watch()
            next(watching)
            wait_until(lambda: told(received), "a collection while a stream is open, after the task's end")
            watching.cancel()
        made.replicas[0].stop()
        yield received


def told(received):
    active = sum(point.as_int for _, point in received.points(names.RPC_ACTIVE))
    position = sum(point.as_int for _, point in received.points(names.FEED_POSITION))
    return active >= 1 and position >= 1


def test_decisions_are_counted_by_reason_and_timed(measured):
    counted = {
        (attributes[names.DECISION], attributes.get(names.REASON)): point.as_int
        for attributes, point in measured.points(names.DECISIONS)
    }
    assert counted == {(names.ALLOWED, None): 3, (names.REFUSED, "tool_not_permitted"): 1}
    assert sum(point.count for _, point in measured.points(names.DECISION_DURATION)) == 4


def test_rpcs_are_timed_by_method_and_status(measured):
    timed = {
        (attributes[names.RPC_METHOD], attributes[names.RPC_STATUS_CODE]): point
        for attributes, point in measured.points(names.RPC_DURATION)
    }
    assert timed[AUTHORIZE, "OK"].count == 4
    assert 0 < timed[AUTHORIZE, "OK"].sum < 60
    assert max(timed[AUTHORIZE, "OK"].explicit_bounds) == 10  # seconds, not milliseconds


def test_writes_are_timed_by_kind(measured):
    kinds = {attributes[names.OPERATION]: point.count for attributes, point in measured.points(names.WRITE_DURATION)}
    assert kinds["DecideInSession"] == 4
    assert {"AddGrant", "RecordDecisions", "CompleteTask"} <= kinds.keys()


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        (names.WRITE_QUEUE, 0, 0),
        (names.FEED_POSITION, 1, 1),
        (names.FEED_AGE, 0, 60),
        (names.CERTIFICATE_LEFT, 24 * 3600, 31 * 24 * 3600),
        (names.BUNDLE_LEFT, 24 * 3600, 91 * 24 * 3600),
        (names.BUNDLE_VERSION, 1, 1),
        (names.KEYS_MISSING, 0, 0),
        (names.READY, 0, 1),
    ],
)
def test_what_the_service_is_like_is_told(measured, name, least, most):
    ((_, point),) = measured.points(name)
    assert least <= point.as_int + point.as_double <= most


def test_nothing_that_is_secret_is_told(measured):
    assert AUTHORIZE in measured.text()  # spans have arrived, too
    assert SECRET not in measured.text()


def test_every_metric_is_one_that_is_named_in_one_place(measured):
    known = {value for name, value in vars(names).items() if name.isupper()}
    assert {name for name in measured.names() if not name.startswith("otel.")} <= known


def test_a_collector_that_is_not_there_holds_nobody_up(tmp_path):
    with estate(tmp_path) as made:
        made.replica(further=TELEMETRY.format(endpoint="http://127.0.0.1:9")).start()
        with made.connected() as caller:
            assert caller.decide(caller.grant(any_call("files", "read")), "files", "read", {}).refusal is None
        assert made.replicas[0].stop() == 0
