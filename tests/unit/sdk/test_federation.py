"""A guard and another trust domain: its chains are let in within limits, by two feeds, and for reading alone."""

from __future__ import annotations

import threading

import pytest

from delegation.core.attest import sign_bundle
from delegation.core.federation import FederatedDomain
from delegation.core.revocation import RevocationKind
from delegation.core.trust import CatalogueTool, Effect, KeyPurpose, TrustBundle, TrustedKey
from delegation.errors import Reason, Refused
from delegation.wire.trust import TrustDocuments
from delegation_sdk import Guard, Scope, tool, under
from delegation_sdk.guard_ports import GuardPorts
from delegation_sdk.testing import Authority

PARTNER = "partner.example"
THEIR_AGENT = f"spiffe://{PARTNER}/agent/buyer"
OUR_AGENT = "spiffe://test.example/agent/planner"
CEILING = Scope(tool("files", "read", path=under("/srv/shared")), tool("files", "write", path=under("/srv/shared")))
PATH = {"path": "/srv/shared/a"}


@pytest.fixture
def partner(clock):
    with Authority(PARTNER, sources=clock.sources()) as partner:
        yield partner
        partner.reachable = True


@pytest.fixture
def ours(clock):
    writes = CatalogueTool("files", "write", frozenset({Effect.WRITE}))
    with Authority(local={("files", "read")}, tools=[writes], sources=clock.sources()) as authority:
        yield authority


class Trust:
    """The own service's bundle, with the partner in it."""

    def __init__(self, ours, partner) -> None:
        self._service, self._partner = ours._service, partner._service
        self.limits = {"agent_domains": [PARTNER], "principal_issuers": [PARTNER], "ceiling": CEILING}

    def fetch(self) -> TrustDocuments:
        own = self._service._bundle()
        keys = sorted(self._partner._bundle().keys, key=lambda key: key.key_id)
        domain = FederatedDomain(PARTNER, tuple(keys), **self.limits)
        bundle = TrustBundle(
            own.trust_domain,
            own.version,
            own.issued_at_ms,
            own.expires_at_ms,
            own.keys,
            own.catalogue_digest,
            (domain,),
        )
        return TrustDocuments(sign_bundle(bundle, self._service.root), self._service._catalogue())


class Records:
    """Takes the records alone: a token of another domain tells the own service nothing."""

    def __init__(self, ours) -> None:
        self._service = ours._service
        self.report = self._service.report

    def record(self, batch, tokens) -> int:
        del tokens
        return self._service.record(batch, ())


@pytest.fixture
def made(ours, partner, clock):
    """Make guards, with or without the partner's feed."""
    guards = []

    def make(*, followed=True) -> Guard:
        service = ours._service
        feeds = {PARTNER: partner._service} if followed else {}
        ports = GuardPorts(Trust(ours, partner), service, Records(ours), service, federated=feeds)
        guard = Guard("files", ports, trust_root=ours.trust_root, sources=clock.sources())
        guard.open()
        guards.append(guard)
        return guard

    yield make
    for guard in guards:
        guard.close()


def call(guard, held, name="read", arguments=PATH):
    made = held.call("files", name, arguments)
    return guard.authorize(made.carriage, name, made.arguments)


def outcome(guard, held, name="read") -> str:
    try:
        call(guard, held, name)
    except Refused as refused:
        return str(refused.reason)
    return "allowed"


def until(guard, held, wanted, *, meanwhile):
    """The feeds are followed by threads; meanwhile nothing but this is answered."""
    while (found := outcome(guard, held)) != wanted:
        assert found == meanwhile


@pytest.fixture
def theirs(partner):
    return partner.client(THEIR_AGENT).begin_task("Buy", scope=CEILING)


@pytest.mark.spec("V-22", "T-28", "T-29")
def test_a_partners_agent_reads_within_the_ceiling(made, theirs):
    guard = made()
    until(guard, theirs, "allowed", meanwhile="feed_stale")
    helper = theirs.hand_off(f"spiffe://{PARTNER}/agent/helper")
    authorized = call(guard, helper)
    assert authorized.chain.agents == (THEIR_AGENT, f"spiffe://{PARTNER}/agent/helper")


def test_a_guard_that_is_closed_follows_nobodys_feed(made, theirs):
    before = set(threading.enumerate())
    guard = made()
    until(guard, theirs, "allowed", meanwhile="feed_stale")
    guard.close()
    assert not [each for each in set(threading.enumerate()) - before if each.name == "delegation-feed"]


@pytest.mark.spec("T-28")
def test_without_the_partners_feed_its_chains_are_refused_and_own_ones_are_not(made, theirs, ours):
    guard = made(followed=False)
    assert outcome(guard, theirs) == "feed_stale"
    own = ours.client(OUR_AGENT).begin_task("Own", scope=CEILING)
    assert outcome(guard, own) == "allowed"


@pytest.mark.spec("T-28")
def test_what_the_partner_revokes_falls_here_too(made, theirs, partner):
    guard = made()
    until(guard, theirs, "allowed", meanwhile="feed_stale")
    partner.revoke(RevocationKind.AGENT, THEIR_AGENT.encode())
    until(guard, theirs, "agent_revoked", meanwhile="allowed")


@pytest.mark.spec("T-28")
def test_what_we_revoke_of_the_partner_falls_too(made, theirs, ours, partner):
    guard = made()
    until(guard, theirs, "allowed", meanwhile="feed_stale")
    (key,) = [key for key in partner._service._bundle().keys if key.purpose is KeyPurpose.GRANT]
    ours.revoke(RevocationKind.ISSUER_KEY, key.key_id)
    until(guard, theirs, "issuer_key_revoked", meanwhile="allowed")


@pytest.mark.spec("T-28")
def test_a_partner_that_falls_silent_is_let_in_no_longer_and_own_chains_go_on(made, theirs, ours, partner, clock):
    guard = made()
    own = ours.client(OUR_AGENT).begin_task("Own", scope=CEILING)
    until(guard, theirs, "allowed", meanwhile="feed_stale")
    partner.reachable = False
    clock.pass_ms(61_000)
    until(guard, own, "allowed", meanwhile="feed_stale")
    assert outcome(guard, theirs) == "feed_stale"


@pytest.mark.spec("T-28")
def test_the_service_decides_nothing_by_a_partners_chain(made, theirs):
    guard = made()
    until(guard, theirs, "allowed", meanwhile="feed_stale")
    assert outcome(guard, theirs, "write") != "allowed"


@pytest.mark.spec("T-29")
def test_beyond_the_ceiling_nothing_is_let_in(made, partner, theirs):
    guard = made()
    until(guard, theirs, "allowed", meanwhile="feed_stale")
    wider = partner.client(THEIR_AGENT).begin_task("More", scope=Scope(tool("files", "read", path=under("/srv"))))
    stranger = partner.client("spiffe://elsewhere.example/agent").begin_task("Pose", scope=CEILING)
    ours = partner.client(OUR_AGENT).begin_task("Pose", scope=CEILING)
    for held in (wider, stranger, ours):
        with pytest.raises(Refused) as caught:
            call(guard, held)
        assert caught.value.reason is Reason.FEDERATION_EXCEEDED
        assert caught.value.link_index == 0


@pytest.mark.spec("T-26", "T-27")
def test_a_partners_keys_say_nothing_about_own_chains(made, theirs, partner, ours):
    guard = made()
    until(guard, theirs, "allowed", meanwhile="feed_stale")
    own = ours.client(OUR_AGENT).begin_task("Own", scope=CEILING)
    partner.revoke(RevocationKind.AGENT, OUR_AGENT.encode())
    partner.revoke(RevocationKind.AGENT, THEIR_AGENT.encode())
    until(guard, theirs, "agent_revoked", meanwhile="allowed")
    assert outcome(guard, own) == "allowed"


def test_a_key_of_the_own_domain_is_nobody_elses():
    key = TrustedKey(KeyPurpose.GRANT, bytes([3]) * 32, 1)
    domain = FederatedDomain(PARTNER, (key,), [PARTNER], [PARTNER], CEILING)
    bundle = TrustBundle("test.example", 1, 1, 2**50, (key,), federated=(domain,))
    assert bundle.domain_of(key.key_id) is None
