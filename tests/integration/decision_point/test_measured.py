"""How long a decision point takes, and that it gives no answer, reaches a real collector."""

from __future__ import annotations

from delegation.core.scope import any_call
from delegation.telemetry import names
from faults.estate import estate, wait_until
from support.otlp import otlp_receiver

CONFIGURED = """
[telemetry]
endpoint = "{endpoint}"
metrics_interval_ms = 200

[policy]
decision_point = "{url}"
decision_point_ca = "{ca}"
"""


def test_every_question_is_timed_with_whether_it_was_answered(tmp_path, files, point):
    with otlp_receiver() as received, estate(tmp_path) as made:
        further = CONFIGURED.format(endpoint=received.endpoint, url=point.url, ca=files.ca)
        made.replica(further=further).start()
        with made.connected() as caller:
            task = caller.grant(any_call("files", "read"))
            assert caller.decide(task, "files", "read", {}).refusal is None
            answered = len(point.asked)
            point.answer = (500, {}, b"")
            assert caller.decide(task, "files", "read", {}).refusal is not None
            wait_until(lambda: "no_decision" in counted(received), "a collection after the last question")
        made.replicas[0].stop()
        assert counted(received) == {None: answered, "no_decision": 1}
        assert all(0 < point_.sum < 60 for _, point_ in received.points(names.DECISION_POINT_DURATION))


def counted(received):
    points = received.points(names.DECISION_POINT_DURATION)
    return {attributes.get(names.ERROR_TYPE): point.count for attributes, point in points}
