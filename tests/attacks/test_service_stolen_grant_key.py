"""Whoever steals the grant key can sign grants, but the service decides only by those that it has recorded."""

from __future__ import annotations

import pytest

from delegation.core.chain import Principal, PrincipalBasis
from delegation.core.codec import join_token
from delegation.core.mint import sign_grant
from delegation.core.scope import Scope, any_call
from delegation.errors import Reason, Refused
from delegation.signing.port import SignerPurpose
from delegation.signing.sealed_file import open_key
from support.caller import Caller, Holding, new_key, nonce, now_ms
from support.server import TRUST_DOMAIN, running_server, spiffe_id

READ = any_call("files", "read")


@pytest.fixture
def server(tmp_path):
    with running_server(tmp_path) as running:
        yield running


def forged(server, *, unrecorded_handoffs: bool) -> Holding:
    """Sign a grant with the service's own grant key, taken from its disk."""
    keys = server.directory / "keys"
    stolen = open_key(keys, SignerPurpose.GRANT, (keys / "passphrase").read_bytes().strip())
    key, task_id = new_key(), nonce()
    link = sign_grant(
        stolen,
        task_id=task_id,
        principal=Principal("ceo", TRUST_DOMAIN, PrincipalBasis.ASSERTED),
        holder_key=key.public,
        holder_agent=spiffe_id("agent/eve"),
        scope=Scope(READ),
        purpose="nobody asked for this",
        now_ms=now_ms(),
        lifetime_ms=60_000,
        max_depth=4,
        unrecorded_handoffs=unrecorded_handoffs,
        nonce=nonce(),
    )
    return Holding(join_token([link]), key, task_id)


@pytest.mark.spec("T-5")
@pytest.mark.parametrize("unrecorded_handoffs", [True, False])
def test_a_grant_that_the_service_did_not_record_permits_nothing_online(server, unrecorded_handoffs):
    with Caller.of(server, "agent/eve") as eve, Caller.of(server, "tool/files") as files:
        grant = forged(server, unrecorded_handoffs=unrecorded_handoffs)
        for holding in (grant, grant.child("agent/eve")):
            decision = files.decide(holding, "files", "read", {})
            assert decision.refusal is not None
            assert decision.refusal.reason is Reason.RECEIPT_MISSING
        with pytest.raises(Refused):
            eve.record(grant.child("agent/eve"))
        # The twin: the same grant, had the service given it.
        assert (
            files.decide(eve.grant(READ, unrecorded_handoffs=unrecorded_handoffs), "files", "read", {}).refusal is None
        )
