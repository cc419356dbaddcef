"""Callers with tokens of a real OpenID provider, and everything that is not one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import time

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from delegation.core.scope import Scope
from delegation.errors import PermissionDenied, ServiceUnavailable, Unauthenticated
from delegation.wire import delegation as wire
from support.bearers import AUDIENCE, CI, READ, bearer, grant, identities, issuers, over_tls, recorded
from support.caller import Caller, links_of, new_key
from support.load import Load
from support.server import running_server, spiffe_id


@pytest.fixture(scope="module")
def caller(server):
    with over_tls(server) as connected:
        yield connected


def test_a_clients_own_access_token_makes_it_the_caller_that_the_operator_listed(provider, caller):
    granted = grant(caller, provider.access_token(AUDIENCE))
    (link,) = links_of(granted.token)
    assert link.link.holder_agent == spiffe_id(CI)
    assert link.link.grant.principal.subject == spiffe_id(CI)


def test_a_caller_by_token_may_do_no_more_than_its_roles(provider, caller):
    token = provider.sign(provider.claims(AUDIENCE, sub="bob", client_id="browser"), typ="at+jwt")
    with pytest.raises(PermissionDenied):
        grant(caller, token)


def refused_tokens(provider) -> dict[str, tuple[str, str]]:
    """Tokens that are wrong in one thing each, and what is said of them."""
    now_s = int(time.time())

    def signed(typ: str | None = "at+jwt", alg: str = "ES256", kid: object = "", **changed: object) -> str:
        header = {"typ": typ} if kid == "" else {"typ": typ, "kid": kid}
        return provider.sign(provider.claims(AUDIENCE, **changed), alg=alg, **header)

    right = signed()
    head, payload, signature = right.split(".")
    published = next(key for key in provider.jwks()["keys"] if key["alg"] == "RS256")
    pem = jwt.PyJWK(published).key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return {
        "wrong audience": (signed(aud="https://other.example"), "another audience"),
        "no audience": (signed(aud=None), "another audience"),
        "expired": (signed(iat=now_s - 600, exp=now_s - 60), "expired"),
        "of the future": (signed(iat=now_s + 300, exp=now_s + 600), "future"),
        "not yet valid": (signed(nbf=now_s + 300), "future"),
        "too long a life": (signed(exp=now_s + 30 * 86_400), "lives longer"),
        "without an end": (signed(exp=None), "when it expires"),
        "another issuer": (signed(iss="https://evil.example"), "issuer that is not accepted"),
        "almost the issuer": (signed(iss=provider.issuer + "/"), "issuer that is not accepted"),
        "no issuer": (signed(iss=None), "issuer that is not accepted"),
        "subject nobody listed": (signed(sub="mallory", client_id="mallory"), "nobody known"),
        "no subject": (signed(sub=None), "no sub"),
        "a person's token that the client has": (signed(sub="alice"), "nobody known"),
        "an ID token": (provider.id_token("bob"), "not of the type"),
        "an ID token for this audience": (signed(typ="JWT", sub="bob"), "not of the type"),
        "a person whose name is the client's id": (signed(sub="ci", client_id="browser"), "nobody known"),
        "a client whose id is a person's name": (signed(sub="bob", client_id="ci", nonce="x"), "no access token"),
        "bound to a key": (signed(cnf={"jkt": "x" * 43}), "bound to a key"),
        "unsigned": (f"{_encoded({'alg': 'none', 'typ': 'at+jwt'})}.{payload}.", "algorithm"),
        "signed with the public key": (_hmac(published["kid"], payload, pem), "algorithm"),
        "an algorithm of another key": (
            f"{_encoded({**json.loads(_decoded(head)), 'alg': 'RS256'})}.{payload}.{signature}",
            "algorithm",
        ),
        "a key that nobody published": (signed(kid="no-such-key"), "does not publish"),
        "changed after signing": (f"{head}.{_encoded(provider.claims(AUDIENCE, sub='bob'))}.{signature}", "not signed"),
        "too large": (signed(padding="x" * 20_000), "larger than"),
        "no token": ("what is this", "no signed JWT"),
    }


def _encoded(value: dict) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _decoded(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def _hmac(kid: str, payload: str, secret: bytes) -> str:
    signed = f"{_encoded({'alg': 'HS256', 'typ': 'at+jwt', 'kid': kid})}.{payload}"
    mac = base64.urlsafe_b64encode(hmac.digest(secret, signed.encode(), hashlib.sha256)).rstrip(b"=").decode()
    return f"{signed}.{mac}"


KINDS = (
    "wrong audience", "no audience", "expired", "of the future", "not yet valid", "too long a life", "without an end",
    "another issuer", "almost the issuer", "no issuer", "subject nobody listed", "no subject",
    "a person's token that the client has", "an ID token", "an ID token for this audience",
    "a person whose name is the client's id",    "a client whose id is a person's name", "bound to a key",
    "unsigned", "signed with the public key", "an algorithm of another key", "a key that nobody published",
    "changed after signing", "too large", "no token",
)  # fmt: skip


@pytest.fixture(scope="module")
def wrong(provider):
    made = refused_tokens(provider)
    assert tuple(made) == KINDS
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_that_is_wrong_is_refused_and_nothing_is_recorded(server, caller, wrong, kind, logged):
    token, complaint = wrong[kind]
    before = recorded(server)
    with pytest.raises(Unauthenticated, match=complaint) as refused:
        grant(caller, token)
    written = logged()
    for part in (part for part in token.split(".") if len(part) > 8):
        assert part not in str(refused.value)
        assert part not in written
    assert recorded(server) == before


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic Y2k6dGVzdA==", "Bearer  ", "DPoP x.y.z", "Bearer ü"])
def test_without_a_bearer_token_nobody_gets_in(caller, header):
    request = wire.grant_request_message(wire.GrantRequest("why", Scope(READ), new_key().public))
    metadata = () if header is None else (("authorization", header.encode("latin-1").decode("latin-1")),)
    if header is not None and not header.isascii():
        metadata = ()  # gRPC itself refuses to send it
    with pytest.raises(Unauthenticated):
        caller.ask(caller.delegation.Grant, request, metadata=metadata)


def test_two_authorization_headers_are_refused(provider, caller):
    token = f"Bearer {provider.access_token(AUDIENCE)}"
    request = wire.grant_request_message(wire.GrantRequest("why", Scope(READ), new_key().public))
    with pytest.raises(Unauthenticated, match="several"):
        caller.ask(caller.delegation.Grant, request, metadata=(("authorization", token), ("authorization", token)))


def test_the_scheme_is_read_without_case(provider, caller):
    request = wire.grant_request_message(wire.GrantRequest("why", Scope(READ), new_key().public))
    token = provider.access_token(AUDIENCE)
    assert caller.ask(caller.delegation.Grant, request, metadata=(("authorization", f"bearer {token}"),)).token


def test_where_certificates_are_asked_for_a_token_changes_nothing(server, provider):
    token = provider.sign(provider.claims(AUDIENCE, sub="bob", client_id="browser"), typ="at+jwt")
    with Caller.of(server, "agent/for-nobody") as caller:
        granted = grant(caller, token)  # bob may not
    assert links_of(granted.token)[0].link.holder_agent == spiffe_id("agent/for-nobody")


def test_tokens_are_not_taken_in_the_clear(server, provider):
    with grpc.insecure_channel(server.application.bearer_target, options=server.channel_options) as channel:
        caller = Caller(channel)
        request = wire.grant_request_message(wire.GrantRequest("why", Scope(READ), new_key().public))
        with pytest.raises(ServiceUnavailable):
            caller.ask(caller.delegation.Grant, request, timeout=3, **bearer(provider.access_token(AUDIENCE)))


def test_a_unix_socket_takes_tokens_without_tls(tmp_path, provider, logged):
    path = tmp_path / "tokens.sock"
    with (
        running_server(
            tmp_path / "state",
            identities=identities(provider),
            issuers=issuers(provider),
            bearer={"listen": f"unix:{path}"},
        ) as running,
        grpc.secure_channel(
            running.application.bearer_target, grpc.local_channel_credentials(grpc.LocalConnectionType.UDS)
        ) as channel,
    ):
        assert grant(Caller(channel), provider.access_token(AUDIENCE)).token
        with pytest.raises(Unauthenticated):
            grant(Caller(channel), None)
        written = logged()
        assert "refused" in written
        assert "UNAUTHENTICATED" in written


def test_an_issuer_that_is_down_is_no_reason_not_to_start_and_its_tokens_are_taken_when_it_is_back(tmp_path, provider):
    token = provider.access_token(AUDIENCE)
    provider.fail(True)
    try:
        with (
            running_server(
                tmp_path,
                identities=identities(provider),
                issuers=issuers(provider, refresh_keys_ms=1_000),
                bearer={"listen": "127.0.0.1:0"},
            ) as running,
            over_tls(running) as caller,
        ):
            with pytest.raises(ServiceUnavailable, match="cannot be checked now"):
                grant(caller, token)
            with Caller.of(running, "agent/for-nobody") as certified:
                assert grant(certified, None).token
            provider.fail(False)
            deadline = time.monotonic() + 30
            while True:
                try:
                    assert grant(caller, token).token
                    break
                except ServiceUnavailable:
                    assert time.monotonic() < deadline
    finally:
        provider.fail(False)


def test_strangers_who_wait_for_a_slow_issuer_take_up_nobodys_room(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never answers
        slow = f"http://127.0.0.1:{silent.getsockname()[1]}"
        token = jwt.encode({"iss": slow, "sub": "x"}, ec.generate_private_key(ec.SECP256R1()), "ES256", {"kid": "x"})
        with (
            running_server(
                tmp_path,
                issuers=({"url": slow, "access_token_audience": AUDIENCE},),
                bearer={"listen": "127.0.0.1:0"},
                limits={"queue_capacity": 8},
            ) as running,
            over_tls(running) as stranger,
            Caller.of(running, "agent/planner") as planner,
        ):
            request = wire.grant_request_message(wire.GrantRequest("why", Scope(READ), new_key().public))
            waiting = [stranger.delegation.Grant.future(request, timeout=30, **bearer(token)) for _ in range(100)]
            answers = 0
            while not all(call.done() for call in waiting):
                assert grant(planner, None).token
                answers += 1
            assert answers > 1
            assert {call.code() for call in waiting} == {grpc.StatusCode.UNAVAILABLE}


def test_while_the_issuer_is_down_its_known_keys_count_and_a_new_one_does_not(tmp_path, provider):
    with (
        running_server(
            tmp_path, identities=identities(provider), issuers=issuers(provider), bearer={"listen": "127.0.0.1:0"}
        ) as running,
        over_tls(running) as caller,
    ):
        known = provider.access_token(AUDIENCE)
        assert grant(caller, known).token
        provider.fail(True)
        try:
            assert grant(caller, known).token
            provider.rotate()
            new = provider.sign(provider.claims(AUDIENCE), typ="at+jwt")
            with pytest.raises(Unauthenticated, match="does not publish"):
                grant(caller, new)
        finally:
            provider.fail(False)
        deadline = time.monotonic() + 30
        while True:
            try:
                assert grant(caller, new).token
                break
            except Unauthenticated:  # it has looked often of late
                assert time.monotonic() < deadline


def test_no_call_fails_while_the_issuer_rotates_its_keys(tmp_path, provider):
    # A service of its own: how often unknown keys make it look is bounded, and other tests have used that up.
    with (
        running_server(
            tmp_path, identities=identities(provider), issuers=issuers(provider), bearer={"listen": "127.0.0.1:0"}
        ) as running,
        over_tls(running) as caller,
        Load(lambda: grant(caller, provider.access_token(AUDIENCE))) as load,
    ):
        for drop in (False, True, False):
            load.goes_on()
            provider.rotate(drop=drop)
            load.goes_on()
    assert load.failed == []
