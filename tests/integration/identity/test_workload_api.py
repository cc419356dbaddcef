"""Service and clients with SVIDs of the Workload API: whose they are, and that rotation goes unnoticed."""

from __future__ import annotations

import asyncio
import ssl

import pytest
from cryptography import x509

from certificates import TestCa, now
from delegation.app import build
from delegation.core.scope import Scope
from delegation.errors import ConfigError, ServiceUnavailable, Unauthenticated
from delegation.server.config import load_config
from delegation_sdk import AsyncClient, Client, Guard
from support.bearers import READ, bearer, grant, recorded
from support.load import Load, until
from support.server import TRUST_DOMAIN, identity, spiffe_id
from support.spiffe_service import PARTNER, profile_of, spiffe_service
from support.workload_api import workload_api

PLANNER = spiffe_id("agent/planner")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with spiffe_service(
        tmp_path_factory.mktemp("spiffe"), identities=[identity("tool/files", "tool", audiences=["files"])]
    ) as made:
        yield made


def serial_of(server) -> int:
    host, port = server.target.rsplit(":", 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with ssl.create_connection((host, int(port))) as plain, context.wrap_socket(plain) as connected:  # type: ignore[attr-defined]
        return x509.load_der_x509_certificate(connected.getpeercert(binary_form=True)).serial_number


def test_a_client_and_the_service_know_each_other_by_their_svids(world):
    with world.workload("agent/planner") as workload, Client.connect(workload.profile) as client:
        assert client.agent == PLANNER
        with client.task("look things up", scope=Scope(READ)) as task:
            assert task.leaf.holder_agent == PLANNER


async def test_so_it_is_for_asyncio(world):
    with world.workload("agent/planner") as workload:
        async with AsyncClient.connect(workload.profile) as client:
            task = await client.begin_task("look things up", scope=Scope(READ))
            await task.complete()


def test_the_socket_is_found_as_every_spiffe_workload_finds_it(world, monkeypatch):
    with world.workload("agent/planner") as workload:
        lines = workload.profile.read_text().splitlines()
        (socket,) = (line.split('"')[1] for line in lines if line.startswith("workload_api"))
        workload.profile.write_text("\n".join(line for line in lines if not line.startswith("workload_api")))
        monkeypatch.setenv("SPIFFE_ENDPOINT_SOCKET", socket)
        with Client.connect(workload.profile) as client:
            assert client.agent == PLANNER
            client.begin_task("look things up", scope=Scope(READ)).complete()


def test_a_federated_caller_is_judged_by_its_own_bundle(world):
    with (
        world.workload("agent/planner", domain=world.partner, service_trust_domain=TRUST_DOMAIN) as workload,
        Client.connect(workload.profile) as client,
    ):
        assert client.agent == f"spiffe://{PARTNER}/agent/planner"
        with client.task("look things up", scope=Scope(READ)) as task:
            assert task.grant.principal.issuer == PARTNER


def refused_certificates(world):
    ours, partners = world.domain.cas[0], world.partner.cas[0]
    return {
        "our id from a partner's CA": (partners.issue(PLANNER), "not issued by a CA of"),
        "a partner's id from our CA": (ours.issue(f"spiffe://{PARTNER}/agent/planner"), "not issued by a CA of"),
        "a domain nobody accepts": (ours.issue("spiffe://evil.example/agent/planner"), "not accepted here"),
        "no URI": (ours.issue(dns=("planner.example",)), "exactly one URI"),
        "two URIs": (ours.issue(PLANNER, f"{PLANNER}2"), "exactly one URI"),
        "no SPIFFE ID": (ours.issue("https://planner.example/"), "not the SPIFFE ID"),
        "nobody listed": (ours.issue(spiffe_id("stranger")), "not known here"),
    }


@pytest.mark.parametrize(
    "kind",
    [
        "our id from a partner's CA",
        "a partner's id from our CA",
        "a domain nobody accepts",
        "no URI",
        "two URIs",
        "no SPIFFE ID",
        "nobody listed",
    ],
)
def test_a_certificate_that_tls_lets_through_is_refused_and_nothing_is_recorded(world, kind):
    issued, complaint = refused_certificates(world)[kind]
    before = recorded(world.server)
    with (
        world.certified(issued.certificate, issued.key) as caller,
        pytest.raises(Unauthenticated, match=complaint),
    ):
        grant(caller, None)
    assert recorded(world.server) == before


def test_an_unknown_ca_does_not_get_as_far(world):
    issued = TestCa.create().issue(PLANNER, until=now().replace(microsecond=0))
    with world.certified(issued.certificate, issued.key) as caller, pytest.raises(ServiceUnavailable):
        grant(caller, None)


def test_no_call_fails_while_svids_and_cas_of_both_sides_rotate(world):
    with world.workload("agent/planner") as workload, Client.connect(workload.profile) as client:

        def once() -> None:
            client.begin_task("look things up", scope=Scope(READ)).complete()

        # Connects anew for each call, so that handshakes fall into every moment of a rotation.
        def once_anew() -> None:
            with Client.connect(profile_of(workload)) as fresh:
                fresh.begin_task("look things up", scope=Scope(READ)).complete()

        channel = client._transport.channel
        with Load(once, once, once_anew) as load:
            steps = [
                lambda: None,  # SVIDs alone
                world.domain.publish_new_ca,
                world.domain.issue_by_new_ca,
                world.domain.drop_old_cas,
            ]
            for step in steps:
                served, used = serial_of(world.server), channel.generations.newest
                step()
                world.api.rotate()
                workload.api.rotate()
                until(lambda served=served: serial_of(world.server) != served)
                until(lambda used=used: channel.generations.newest is not used or load.failed)
                load.goes_on()
            load.goes_on()
        assert load.failed == []
        until(lambda: len(channel.generations._in_use) == 1)


def test_a_guard_goes_on_while_its_svid_rotates(world):
    with (
        world.workload("tool/files") as files,
        world.workload("agent/planner") as planner,
        Client.connect(planner.profile) as client,
        Guard.connect("files", profile=files.profile) as guard,
        client.task("look things up", scope=Scope(READ)) as task,
    ):
        for _ in range(4):
            with task.call("files", "read", {"path": "/srv/docs/a"}) as call:
                guard.authorize(call.carriage, "read", {"path": "/srv/docs/a"})
            files.api.rotate()
            world.api.rotate()


async def test_no_call_of_asyncio_fails_either(world):
    with world.workload("agent/planner") as workload:
        async with AsyncClient.connect(workload.profile) as client:
            made = 0

            async def calls() -> None:
                nonlocal made
                while made < 60:
                    task = await client.begin_task("look things up", scope=Scope(READ))
                    await task.complete()
                    made += 1

            async def rotations() -> None:
                rotated = 0
                while made < 60:
                    if made >= 10 * rotated:
                        await asyncio.to_thread(workload.api.rotate)
                        await asyncio.to_thread(world.api.rotate)
                        rotated += 1
                    await asyncio.sleep(0)

            await asyncio.gather(calls(), calls(), rotations())


def test_a_caller_of_a_ca_that_is_gone_is_refused_on_the_connection_it_has(world):
    issued = world.domain.cas[0].issue(PLANNER)
    with world.certified(issued.certificate, issued.key) as caller:
        assert grant(caller, None).token
        before = serial_of(world.server)
        world.domain.publish_new_ca()
        world.domain.issue_by_new_ca()
        world.domain.drop_old_cas()
        world.api.rotate()
        until(lambda: serial_of(world.server) != before)
        with pytest.raises(Unauthenticated, match="not issued by a CA of"):
            grant(caller, None)


def test_an_svid_of_another_trust_domain_is_passed_over(world, logged):
    with workload_api(world.directory / "again.sock", world.partner, "service") as other:
        from delegation.identity.workload_api import WorkloadApi

        api = WorkloadApi(f"unix:{world.directory / 'again.sock'}")
        svid = api.start(timeout_s=30, changed=lambda _: None)
        before = serial_of(world.server)
        world.server.loop.call_soon_threadsafe(world.server.application._sources._rotate, svid)
        until(lambda: "cannot be used" in logged())
        assert serial_of(world.server) == before
        api.close()
        assert other.path == "service"


def test_a_partners_bundle_that_cannot_be_read_is_the_partners_loss_alone(world):
    theirs = world.partner.cas[0].issue(f"spiffe://{PARTNER}/agent/planner")
    with (
        world.certified(theirs.certificate, theirs.key) as partner,
        world.workload("agent/planner") as workload,
        Client.connect(workload.profile) as client,
        world.with_tokens() as caller,
    ):
        assert grant(partner, None).token
        before = serial_of(world.server)
        world.partner.broken = True
        try:
            world.domain.renew_jwt_key()
            world.api.rotate()
            workload.api.rotate()
            until(lambda: serial_of(world.server) != before)
            with pytest.raises(Unauthenticated, match=f"{PARTNER} is not accepted"):
                grant(partner, None)
            client.begin_task("look things up", scope=Scope(READ)).complete()
            newest, known = next(iter(world.domain.jwt_keys)), world.server.application._sources._api.jwt_keys
            until(lambda: newest in {key.id for key in known(TRUST_DOMAIN)})
            assert grant(caller, world.domain.jwt_svid("agent/planner", ["delegation"])).token
            with pytest.raises(ServiceUnavailable, match="cannot be checked now"):
                grant(caller, world.partner.jwt_svid("agent/planner", ["delegation"]))
        finally:
            world.partner.broken = False
            world.api.rotate()
        until(lambda: world.server.application._sources._api.svid.bundles.keys() == {TRUST_DOMAIN, PARTNER})


def test_without_an_agent_the_service_says_so_and_does_not_start(tmp_path):
    from support.server import dev_config

    state = tmp_path / "state"
    build(dev_config(state))
    config = load_config(
        None,
        listen="127.0.0.1:0",
        trust_domain=TRUST_DOMAIN,
        state_dir=state,
        keys={"passphrase_file": state / "keys" / "passphrase"},
        identities=({"id": PLANNER, "owner": "tests", "roles": ["agent"]},),
        spiffe={"workload_api": f"unix:{tmp_path / 'none.sock'}", "start_timeout_ms": 200},
    )
    with pytest.raises(ConfigError, match="is its agent running"):
        asyncio.run(build(config).start())


# -- JWT-SVIDs -----------------------------------------------------------------------------------------------


def test_a_jwt_svid_is_its_subject(world):
    with world.with_tokens() as caller:
        assert grant(caller, world.domain.jwt_svid("agent/planner", ["delegation"])).token
        assert grant(caller, world.partner.jwt_svid("agent/planner", ["delegation", "more"])).token


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"aud": ["other"]}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"exp": 1_700_000_000}, "expired"),
        ({"exp": None}, "when it expires"),
        ({"iat": 4_000_000_000, "exp": 4_000_000_300}, "future"),
        ({"sub": "spiffe://evil.example/agent/planner"}, "trust domain whose JWT-SVIDs"),
        ({"sub": f"spiffe://{PARTNER}/agent/planner"}, "does not publish|not signed"),
        ({"sub": f"spiffe://{TRUST_DOMAIN}"}, "no SPIFFE ID"),
        ({"sub": "planner"}, "issuer that is not accepted"),
        ({"sub": f"spiffe://{TRUST_DOMAIN}/stranger"}, "not known here"),
    ],
    ids=str,
)
def test_a_jwt_svid_that_is_wrong_is_refused_and_nothing_is_recorded(world, changed, complaint):
    before = recorded(world.server)
    changed = {name: value for name, value in changed.items() if value is not None or name in {"aud", "exp"}}
    with world.with_tokens() as caller, pytest.raises(Unauthenticated, match=complaint):
        grant(caller, world.domain.jwt_svid("agent/planner", ["delegation"], **changed))
    assert recorded(world.server) == before


def test_no_call_fails_while_the_keys_of_jwt_svids_rotate(world):
    with world.with_tokens() as caller:
        current = [world.domain.jwt_svid("agent/planner", ["delegation"])]
        with Load(lambda: grant(caller, current[0])) as load:
            for _ in range(3):
                world.domain.renew_jwt_key()
                world.api.rotate()
                newest = next(iter(world.domain.jwt_keys))
                known = world.server.application._sources._api.jwt_keys
                until(lambda newest=newest, known=known: newest in {key.id for key in known(TRUST_DOMAIN)})
                current[0] = world.domain.jwt_svid("agent/planner", ["delegation"])
                load.goes_on()
        assert load.failed == []


def test_a_certificate_counts_where_certificates_are_asked_for_and_a_token_where_tokens_are(world):
    token = world.partner.jwt_svid("agent/planner", ["delegation"])
    issued = world.domain.cas[0].issue(spiffe_id("stranger"))
    with (
        world.certified(issued.certificate, issued.key) as caller,
        pytest.raises(Unauthenticated, match="not known here"),
    ):
        grant(caller, token)
    assert bearer(token)["metadata"]
