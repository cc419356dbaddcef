"""What a service writes into its log, as operators run it: lines that say what was refused and why, and no secret.

`tests/attacks/test_service_secrets` does the same from the inside, with exceptions and reprs; this one reads what the
processes wrote.
"""

from __future__ import annotations

import base64
import contextlib
import json
import secrets

import grpc
import pytest

from delegation.core.constraints import under
from delegation.core.scope import tool
from delegation.errors import DelegationError
from delegation.v1 import authorization_service_pb2 as pb
from faults.estate import estate
from support.caller import GuardRecords, decided, links_of, new_key, nonce
from support.otlp import otlp_receiver

TABLES = """
[logs]
level = "debug"
format = "{format}"

[telemetry]
endpoint = "{endpoint}"
metrics_interval_ms = 500
"""
ARGUMENT = "hunter2-correct-horse-battery-staple"


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The logs of a service that wrote JSON and of one that wrote for people, all telemetry, and the secrets."""
    known: set[bytes] = {ARGUMENT.encode(), b"quite secret"}
    with otlp_receiver() as received, estate(tmp_path_factory.mktemp("logged")) as made:
        for style in ("json", "console"):
            replica = made.replica(further=TABLES.format(format=style, endpoint=received.endpoint))
            replica.start()
            with made.connected(replica.port) as caller:
                known |= set(journey(caller))
            assert replica.stop() == 0
        known.add((made.directory / "client.key").read_bytes().splitlines()[1])
        known.add((made.directory / "server.key").read_bytes().splitlines()[1])
        yield [replica.log.read_text() for replica in made.replicas], received.text(), known


def journey(caller):
    """Do what a service permits and everything that it refuses; yield what must not be found."""
    key = new_key()
    task = caller.grant(tool("files", "read", path=under("/srv")), key=key)
    child = caller.hand_off(task, "agent/reader")
    yield from (key.seed, child.key.seed, task.token, child.token)
    yield from (link.signature for link in links_of(child.token))
    asked = [
        child.question("files", "read", {"path": f"/srv/{ARGUMENT}"}),
        child.question("files", "read", {"path": f"/etc/{ARGUMENT}"}),
        child.question("files", "delete", {"path": ARGUMENT}),
        child.question("files", "read", {"path": "/srv/a"}, arguments_json=ARGUMENT.encode()),
        child.question("files", "read", {"path": "/srv/a"}, token=child.token[:-5]),
        child.question("files", "read", {"path": "/srv/a"}, proof=task.proof("files", "read", {"path": "/srv/a"})),
        child.question("other", "read", {"path": ARGUMENT}),
    ]
    for question in [*asked, asked[0]]:
        yield question.proof
        attempt(lambda q=question: caller.decide_question(q))
    yield from refused_messages(caller, child)
    guard = GuardRecords(new_key())
    batch = guard.batch(decided(child, "files", "read", {"path": ARGUMENT}))
    yield from (batch.signature, guard.key.seed)
    for each in (batch, guard.batch(decided(child, "files", "read", {}))._replace(signature=bytes(64))):
        attempt(lambda b=each: caller.record_decisions(b))
    caller.complete(task)
    attempt(lambda: caller.decide(child, "files", "read", {"path": f"/srv/{ARGUMENT}"}))
    attempt(lambda: caller.hand_off(task, "agent/late"))


def refused_messages(caller, child):
    """Send what is no message, what is too large, and one idempotency key with two requests."""
    raw = caller.channel.unary_unary("/delegation.v1.AuthorizationService/Authorize")
    garbage = ARGUMENT.encode() + secrets.token_bytes(32)
    yield garbage
    for message in (garbage, pb.AuthorizeRequest(token=bytes(5_000_000)).SerializeToString()):
        with pytest.raises(grpc.RpcError):
            raw(message, timeout=10)
    metadata = [("authorization", f"Bearer {ARGUMENT}"), ("delegation-chain-bin", child.token)]
    with pytest.raises(grpc.RpcError):
        raw(b"\xff", timeout=10, metadata=metadata)
    idempotency_key = nonce().hex()
    attempt(lambda: caller.record(child.child("agent/one"), idempotency_key=idempotency_key))
    attempt(lambda: caller.record(child.child("agent/two"), idempotency_key=idempotency_key))


def attempt(ask):
    with contextlib.suppress(DelegationError):
        ask()


def forms(secret: bytes):
    """Every way in which somebody may write bytes down."""
    yield secret.decode("latin-1")
    yield secret.hex()
    yield base64.b64encode(secret).decode().rstrip("=")
    yield base64.urlsafe_b64encode(secret).decode().rstrip("=")
    yield repr(secret)[2:-1]


@pytest.mark.spec("G-3")
def test_no_token_proof_key_or_argument_is_in_any_log_span_or_metric(told):
    logs, telemetry, known = told
    assert len(known) > 30
    for text in (*logs, telemetry):
        assert len(text) > 500
        for secret in known:
            assert not [form for form in forms(secret) if form in text], "a secret was written down"


def test_the_search_would_find_each_form(told):
    _, _, known = told
    for secret in known:
        assert all(form in f"before {form} after" for form in forms(secret))
        assert all(len(form) > 8 for form in forms(secret))


def test_each_line_is_one_json_object_with_time_level_and_event(told):
    lines = [json.loads(line) for line in told[0][0].splitlines()]
    assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)
    assert [line["event"] for line in lines if line["event"] in {"listening", "draining", "stopped"}] == [
        "listening",
        "draining",
        "stopped",
    ]


def test_refusals_are_logged_with_who_what_and_why(told):
    refusals = [line for line in map(json.loads, told[0][0].splitlines()) if line["event"] == "refused"]
    assert {line["caller"] for line in refusals} == {"spiffe://test.example/load"}
    assert {"InvalidRequest", "Conflict"} <= {line["reason"] for line in refusals}
    assert any(line["method"].endswith("/Authorize") for line in refusals)


def test_people_get_lines_for_people(told):
    assert "listening" in told[0][1]
    with pytest.raises(json.JSONDecodeError):
        json.loads(told[0][1].splitlines()[0])
