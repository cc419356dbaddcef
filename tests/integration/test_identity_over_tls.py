"""Who a real gRPC server says is calling, over real TLS on loopback."""

from __future__ import annotations

import contextlib
import datetime as dt

import grpc
import pytest

from certificates import TestCa, now, now_ms
from delegation.errors import Unauthenticated
from delegation.identity.dev_ca import LOOPBACK_NAMES, DevelopmentCa
from delegation.identity.mtls import MtlsAuthenticator
from delegation.identity.static import StaticIdentities, development_caller
from delegation.server.peer import peer_of
from delegation.server.tls import TlsMaterial

ACME, OTHER = "acme.example", "other.example"
PLANNER = f"spiffe://{ACME}/agent/planner"


class Service:
    """A server that answers each call with the id of its caller, over two trust domains' CAs."""

    def __init__(self):
        self.server_ca = DevelopmentCa.create(ACME, now=now())
        self.ca, self.other_ca = TestCa.create("acme"), TestCa.create("other")
        self.clock_ms = None
        self.authenticator = MtlsAuthenticator(
            {ACME: self.ca.pem, OTHER: self.other_ca.pem},
            StaticIdentities([], unlisted=development_caller),
            now_ms=lambda: self.clock_ms or now_ms(),
        )

    async def who_am_i(self, request, context):
        try:
            return self.authenticator.authenticate(peer_of(context)).id.encode()
        except Unauthenticated as error:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, str(error))

    @contextlib.asynccontextmanager
    async def running(self, address="127.0.0.1:0"):
        issued = self.server_ca.issue(f"spiffe://{ACME}/service", now=now(), names=LOOPBACK_NAMES)
        tls = TlsMaterial(issued.certificate, issued.key, self.ca.pem + self.other_ca.pem)
        server = grpc.aio.server()
        handler = grpc.unary_unary_rpc_method_handler(self.who_am_i)
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test", {"WhoAmI": handler})])
        port = server.add_secure_port(address, tls.credentials())
        self.target = address.removesuffix(":0") + f":{port}" if address.endswith(":0") else address
        await server.start()
        try:
            yield self
        finally:
            await server.stop(None)

    @contextlib.asynccontextmanager
    async def client(self, credential=None):
        credentials = grpc.ssl_channel_credentials(
            self.server_ca.certificate,
            credential.key if credential else None,
            credential.certificate if credential else None,
        )
        # Channels to one address share connections unless told otherwise; here each is another peer.
        options = [("grpc.use_local_subchannel_pool", 1)]
        if self.target.startswith("unix:"):  # gRPC would expect the path as the certificate's name
            options.append(("grpc.ssl_target_name_override", "localhost"))
        async with grpc.aio.secure_channel(self.target, credentials, options) as channel:
            yield lambda: channel.unary_unary("/test/WhoAmI")(b"", timeout=10)


@pytest.fixture
async def service():
    async with Service().running() as running:
        yield running


async def failure(service, credential):
    async with service.client(credential) as who_am_i:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await who_am_i()
    return failed.value


async def test_the_caller_is_the_spiffe_id_of_its_certificate(service):
    async with service.client(service.ca.issue(PLANNER)) as who_am_i:
        assert await who_am_i() == PLANNER.encode()


async def test_a_unix_socket_asks_for_certificates_just_the_same(tmp_path):
    async with Service().running(f"unix:{tmp_path}/d.sock") as service:
        async with service.client(service.ca.issue(PLANNER)) as who_am_i:
            assert await who_am_i() == PLANNER.encode()
        assert (await failure(service, None)).code() is grpc.StatusCode.UNAVAILABLE


async def test_an_intermediate_that_the_client_sends_is_used(service):
    intermediate = TestCa.create("intermediate", service.ca)
    async with service.client(intermediate.issue(PLANNER, chain=intermediate.pem)) as who_am_i:
        assert await who_am_i() == PLANNER.encode()


async def test_no_client_certificate_ends_in_the_handshake(service):
    assert (await failure(service, None)).code() is grpc.StatusCode.UNAVAILABLE


async def test_a_certificate_of_an_unknown_ca_ends_in_the_handshake(service):
    stranger = TestCa.create("acme")
    assert (await failure(service, stranger.issue(PLANNER))).code() is grpc.StatusCode.UNAVAILABLE


async def test_an_expired_certificate_ends_in_the_handshake(service):
    expired = service.ca.issue(PLANNER, until=now() - dt.timedelta(seconds=1))
    assert (await failure(service, expired)).code() is grpc.StatusCode.UNAVAILABLE


async def test_two_uris_pass_the_handshake_and_are_refused(service):
    failed = await failure(service, service.ca.issue(PLANNER, f"spiffe://{ACME}/operator"))
    assert failed.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "exactly one URI" in failed.details()


async def test_an_id_signed_by_the_ca_of_another_domain_passes_the_handshake_and_is_refused(service):
    failed = await failure(service, service.other_ca.issue(PLANNER))
    assert failed.code() is grpc.StatusCode.UNAUTHENTICATED
    assert f"not issued by a CA of {ACME}" in failed.details()


async def test_a_third_trust_domain_is_refused(service):
    failed = await failure(service, service.ca.issue("spiffe://third.example/agent/planner"))
    assert failed.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_connection_that_outlives_its_certificate_is_refused_on_the_next_call(service):
    credential = service.ca.issue(PLANNER, until=now() + dt.timedelta(minutes=5))
    async with service.client(credential) as who_am_i:
        assert await who_am_i() == PLANNER.encode()
        service.clock_ms = now_ms() + 6 * 60 * 1000
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await who_am_i()
    assert failed.value.code() is grpc.StatusCode.UNAUTHENTICATED
