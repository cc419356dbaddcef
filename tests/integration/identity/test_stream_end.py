"""A stream ends when the token or the certificate does that it was opened with; whoever has a new one goes on."""

from __future__ import annotations

import datetime as dt
import threading
import time

import grpc
import pytest

from certificates import now
from delegation.errors import ServiceUnavailable, Unauthenticated
from delegation.v1 import trust_service_pb2 as pb
from delegation.wire.errors import error_of_call
from support.bearers import AUDIENCE, CI, bearer, issuers, over_tls
from support.server import identity, running_server
from support.spiffe_service import spiffe_service

LIVES_S = 3
DEADLINE_S = 60


@pytest.fixture(scope="module")
def strict(tmp_path_factory, provider):
    """A service by whose clock a token ends when it says so."""
    with running_server(
        tmp_path_factory.mktemp("strict"),
        identities=[identity(CI, "tool", audiences=["files"], tokens=[{"issuer": provider.issuer, "client_id": "ci"}])],
        issuers=issuers(provider, clock_skew_ms=0),
        bearer={"listen": "127.0.0.1:0"},
        feed={"heartbeat_ms": 200},
    ) as running:
        yield running


@pytest.fixture
def caller(strict):
    with over_tls(strict) as connected:
        yield connected


@pytest.fixture
def short(provider) -> str:
    claims = provider.claims(AUDIENCE, exp=int(time.time()) + LIVES_S)
    return provider.sign(claims, typ="at+jwt")


def test_a_watch_of_the_feed_ends_with_its_token_and_one_with_a_new_token_goes_on(caller, provider, short):
    began = time.monotonic()
    watch = caller.trust.WatchRevocations(pb.WatchRevocationsRequest(), timeout=DEADLINE_S, **bearer(short))
    with pytest.raises(grpc.RpcError) as ended:
        for _ in watch:
            pass
    error = error_of_call(ended.value)
    assert isinstance(error, ServiceUnavailable)
    assert "connect again" in str(error)
    assert time.monotonic() - began < DEADLINE_S / 2
    with pytest.raises(Unauthenticated, match="has expired"):
        caller.ask(caller.trust.GetTrustBundle, pb.GetTrustBundleRequest(), **bearer(short))
    fresh = provider.access_token(AUDIENCE)
    anew = caller.trust.WatchRevocations(pb.WatchRevocationsRequest(), timeout=DEADLINE_S, **bearer(fresh))
    for _ in range(LIVES_S * 5 + 5):  # heartbeats, for longer than the other lived
        next(anew)
    anew.cancel()


def test_a_stream_of_questions_ends_with_its_token(caller, short):
    over = threading.Event()
    silence = (each for each in iter(lambda: over.wait(DEADLINE_S), True) if each)  # asks nothing, hangs on
    began = time.monotonic()
    stream = caller.authorization.AuthorizeStream(silence, timeout=DEADLINE_S, **bearer(short))
    try:
        assert list(stream) == []
    finally:
        over.set()
    assert time.monotonic() - began < DEADLINE_S / 2


def test_a_watch_ends_with_its_certificate(tmp_path):
    with spiffe_service(tmp_path, feed={"heartbeat_ms": 200}) as world:
        issued = world.domain.cas[0].issue(
            "spiffe://test.example/agent/planner", until=now() + dt.timedelta(seconds=LIVES_S + 1)
        )
        with world.certified(issued.certificate, issued.key) as caller:
            watch = caller.trust.WatchRevocations(pb.WatchRevocationsRequest(), timeout=DEADLINE_S)
            with pytest.raises(grpc.RpcError) as ended:
                for _ in watch:
                    pass
            assert isinstance(error_of_call(ended.value), ServiceUnavailable)
            with pytest.raises(Unauthenticated, match="outside its time"):
                caller.ask(caller.trust.GetTrustBundle, pb.GetTrustBundleRequest())
