"""A service that takes tokens of an OpenID provider: how it is configured, and how to come in without a certificate."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import grpc

from delegation.core.constraints import under
from delegation.core.scope import Scope, tool
from delegation.wire import delegation as wire
from support.caller import Caller, new_key
from support.openid import OpenIdProvider
from support.server import RunningServer, identity

AUDIENCE = "https://delegation.test"
CI = "agent/ci"
READ = tool("files", "read", path=under("/srv/docs"))
FILES_ONLY = [{"audience": "files", "tool": "read", "arguments": {"path": {"under": "/srv"}}}]


def issuers(provider: OpenIdProvider, **changed: Any) -> tuple[dict[str, Any], ...]:
    """Take the provider's access tokens from callers, and its ID tokens for principals."""
    return (
        {
            "url": provider.issuer,
            "access_token_audience": AUDIENCE,
            "id_token_audience": "delegation",
            "unknown_key_cooldown_ms": 100,
            **changed,
        },
    )


def identities(provider: OpenIdProvider) -> tuple[Mapping[str, Any], ...]:
    of_alice = {"issuer": provider.issuer, "subjects": ["alice"]}
    return (
        identity(CI, "orchestrator", "agent", ceiling="any", tokens=[{"issuer": provider.issuer, "client_id": "ci"}]),
        identity("person/bob", "auditor", tokens=[{"issuer": provider.issuer, "subject": "bob"}]),
        identity("agent/for-alice", "orchestrator", "agent", ceiling=FILES_ONLY, principals=[of_alice]),
        identity("agent/for-anybody", "orchestrator", ceiling="any", principals=[{**of_alice, "subjects": "any"}]),
        identity("agent/for-nobody", "orchestrator", ceiling="any"),
    )


@contextmanager
def over_tls(server: RunningServer) -> Iterator[Caller]:
    """Connect to where tokens are taken, without a certificate."""
    ca = (server.directory / "ca" / "ca.pem").read_bytes()
    with grpc.secure_channel(
        server.application.bearer_target, grpc.ssl_channel_credentials(ca), options=server.channel_options
    ) as channel:
        yield Caller(channel)


def bearer(token: str) -> dict[str, Any]:
    """Further arguments of a call that carries a token."""
    return {"metadata": (("authorization", f"Bearer {token}"),)}


def grant(caller: Caller, token: str | None) -> wire.Granted:
    """Ask for a grant, with a token."""
    request = wire.grant_request_message(wire.GrantRequest("look things up", Scope(READ), new_key().public))
    options = {} if token is None else bearer(token)
    return wire.read_grant_response(caller.ask(caller.delegation.Grant, request, **options))


def recorded(server: RunningServer) -> tuple[int, ...]:
    """Count what the service's database holds of tasks, links and calls."""
    with closing(sqlite3.connect(f"file:{server.application.config.database_path}?mode=ro", uri=True)) as database:
        return tuple(
            database.execute(f"select count(*) from {table}").fetchone()[0] for table in ("tasks", "links", "calls")
        )
