"""SIGTERM: first it is not ready, then what was begun is finished, streams end with advice, and the process is gone."""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import closing

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from delegation.core.scope import Scope, any_call
from delegation.errors import ServiceUnavailable
from delegation.wire import delegation
from delegation.wire.errors import error_of_call
from faults.estate import estate, wait_until
from support.caller import new_key

READ = any_call("files", "read")
SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING


@pytest.fixture
def made(tmp_path):
    with estate(tmp_path) as made:
        made.replica().start()
        yield made


def test_it_says_that_it_is_not_ready_finishes_what_was_begun_and_ends_streams_with_advice(made):
    replica = made.replicas[0]
    other = sqlite3.connect(made.directory / "delegation.sqlite3", isolation_level=None)
    with made.connected() as caller, closing(other):
        health = HealthStub(caller.channel).Watch(HealthCheckRequest(), timeout=60)
        feed = caller.watch()
        assert next(health).status == SERVING
        assert next(feed)
        other.execute("BEGIN IMMEDIATE")  # nothing is written until this lets go
        request = delegation.GrantRequest("look things up", Scope(READ), new_key().public)
        asked = caller.delegation.Grant.future(delegation.grant_request_message(request), timeout=30)
        caller.trust_documents()  # asked later over the same connection: the grant has been taken up
        replica.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert next(health).status == NOT_SERVING
        assert not asked.done()
        with pytest.raises(grpc.RpcError) as ended:
            list(feed)
        assert isinstance(error_of_call(ended.value), ServiceUnavailable)
        with pytest.raises(grpc.RpcError, match="connect again"):
            next(health)
        other.execute("ROLLBACK")
        assert delegation.read_grant_response(asked.result()).token
        assert replica.process.wait(20) == 0
        # Nothing that only waits holds it up: `drain_ms` is 5 s here, and a client that asks no more costs none of it.
        assert time.monotonic() - began < 5
    log = replica.log.read_text()
    assert log.index('"draining"') < log.index('"stopped"')
    assert "Traceback" not in log


def test_it_is_not_ready_while_the_database_takes_no_writes_and_is_again_afterwards(made):
    replica = made.replicas[0]
    with closing(sqlite3.connect(made.directory / "delegation.sqlite3", isolation_level=None)) as other:
        assert made.ready(replica)
        other.execute("BEGIN IMMEDIATE")
        wait_until(lambda: not made.ready(replica), "noticing that nothing can be written")
        other.execute("ROLLBACK")
        wait_until(lambda: made.ready(replica), "noticing that writing is possible again")
    log = replica.log.read_text()
    assert '"not ready"' in log
    assert '"ready again"' in log
