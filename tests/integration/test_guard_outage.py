"""Guards and a real service with a network between them that fails: they fail closed, and recover by themselves."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from delegation.core.attest import sign_break_glass
from delegation.core.break_glass import BreakGlass
from delegation.core.trust import Effect
from delegation.errors import BadProof, ConfigError, Refused, Revoked, Undecided
from delegation.signing.port import SignerPurpose
from delegation.signing.sealed_file import open_key
from delegation_sdk import Client, Guard, Scope, at_most, tool, under
from delegation_sdk.break_glass import armored
from delegation_sdk.feed import FeedAges
from delegation_sdk.guard_grpc import connect_ports
from delegation_sdk.profile import Profile
from delegation_sdk.sources import Sources
from support.fault_proxy import FaultProxy, fault_proxy
from support.server import identity, running_server, spiffe_id

PLANNER = "agent/planner"
SCOPE = Scope(tool("files", "read", path=under("/srv")), tool("files", "write", path=under("/srv"), size=at_most(9)))
PATH = {"path": "/srv/a"}
PATIENCE_S = 30
CATALOGUE = """
[[tool]]
audience = "files"
name = "read"
owner = "tests"
effects = ["read"]
local = true

[[tool]]
audience = "files"
name = "write"
owner = "tests"
effects = ["write"]
"""
IDENTITIES = (
    identity(PLANNER, "agent", "orchestrator", "auditor", ceiling="any"),
    identity("tool/files", "tool", audiences=["files"]),
)


class ShiftedClock:
    """The machine's clocks, ahead by as much as a test says: so that nobody has to wait for a feed to grow old."""

    ahead_ms = 0

    def sources(self):
        system = Sources.system()
        return Sources(
            lambda: system.now_ms() + self.ahead_ms, lambda: system.monotonic_ms() + self.ahead_ms, os.urandom
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    catalogue = tmp_path_factory.mktemp("catalogue") / "tools.toml"
    catalogue.write_text(CATALOGUE)
    directory = tmp_path_factory.mktemp("service")
    with running_server(directory, identities=IDENTITIES, catalogue=catalogue) as server:
        yield server


@pytest.fixture
def network(server):
    host, _, port = server.target.rpartition(":")
    with fault_proxy(host, int(port)) as proxy:
        yield proxy
        proxy.heal()


@pytest.fixture
def clock():
    return ShiftedClock()


@pytest.fixture
def connect(server, network, clock):
    """Make a guard whose connection leads through the network that fails."""
    guards = []

    def connect(**options):
        profile = replace(Profile.load(server.profile("tool/files")), target=f"127.0.0.1:{network.port}")
        guard = Guard("files", connect_ports(profile), trust_root=server.trust_root, sources=clock.sources(), **options)
        guard.open(timeout_s=PATIENCE_S)
        guards.append(guard)
        return guard

    yield connect
    network.heal()
    clock.ahead_ms = 0
    for guard in guards:
        guard.close()


@pytest.fixture
def task(server):
    with Client.connect(server.profile(PLANNER)) as client:
        yield client.begin_task("Tidy up", scope=SCOPE)


def decide(guard, delegation, name="read", arguments=PATH):
    call = delegation.call("files", name, {"size": 7, **arguments} if name == "write" else arguments)
    return guard.authorize(call.carriage, name, call.arguments)


def until(expected, attempt):
    """Try until it comes to this reason, or to a permission if that is None."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            attempt()
            reason = None
        except Refused as refused:
            reason = str(refused.reason)
        if reason == expected:
            return
        assert time.monotonic() < deadline, f"it stays {reason}"


@pytest.mark.spec("R-7", "A-9")
def test_cut_off_it_fails_closed_and_recovers_when_the_network_is_back(connect, network, clock, task):
    guard = connect()
    decide(guard, task)
    network.cut()
    decide(guard, task)
    with pytest.raises(Undecided, match="service_unavailable"):
        decide(guard, task, "write")
    clock.ahead_ms = 61_000
    with pytest.raises(Revoked, match="feed_stale"):
        decide(guard, task)

    network.heal()
    clock.ahead_ms = 0
    until(None, lambda: decide(guard, task))
    until(None, lambda: decide(guard, task, "write"))


@pytest.mark.spec("R-12")
def test_what_was_revoked_while_it_was_cut_off_is_known_after(connect, network, server, task):
    guard = connect()
    known = guard._feed.state.position
    network.cut()
    task.complete()
    decide(guard, task)  # it cannot know, and the feed is young
    network.heal()
    until("task_ended", lambda: decide(guard, task))
    assert guard._feed.state.position > known


def test_a_silent_network_is_noticed_by_the_missing_heartbeats(connect, network, task, caplog):
    guard = connect()
    network.cut()
    deadline = time.monotonic() + PATIENCE_S
    while not any("revocation feed interrupted" in message for message in caplog.messages):
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)
    network.heal()
    task.complete()
    until("task_ended", lambda: decide(guard, task))


@pytest.mark.spec("R-11")
def test_a_guard_that_starts_while_cut_off_goes_on_with_what_it_kept(connect, network, clock, task, tmp_path):
    guard = connect(cache_dir=tmp_path)
    decide(guard, task)
    guard.close()
    network.cut()
    again = connect(cache_dir=tmp_path)
    decide(again, task)
    clock.ahead_ms = 61_000
    with pytest.raises(Revoked, match="feed_stale"):
        decide(again, task)

    network.heal()
    clock.ahead_ms = 0
    task.complete()
    until("task_ended", lambda: decide(again, task))


@pytest.mark.spec("B-4", "B-6")
def test_break_glass_lets_work_go_on_and_the_service_records_it(connect, network, clock, server, task):
    orders = server.directory / "orders"
    guard = connect(break_glass=orders, feed_ages=FeedAges(read_ms=5_000))
    network.cut()
    clock.ahead_ms = 10_000  # the agent's clock stays
    with pytest.raises(Revoked, match="feed_stale"):
        decide(guard, task)
    now_ms = clock.sources().now_ms()
    both = frozenset({Effect.READ, Effect.WRITE})
    order = BreakGlass(("files",), "INC-7", now_ms - 61_000, now_ms + 60_000, "ann", os.urandom(16), both, 600_000)
    signed = sign_break_glass(order, root_key(server))
    orders.write_text(f"{armored(signed)}\n")

    permitted = decide(guard, task)
    with capture_logs() as told:
        network.heal()
        clock.ahead_ms = 0
        deadline = time.monotonic() + PATIENCE_S
        while guard.pending_records:
            assert time.monotonic() < deadline
    warned = {"event": "break-glass", "tool": spiffe_id("tool/files"), "order": order.nonce.hex(), "calls": 1}
    assert {**warned, "log_level": "warning"} in told
    with Client.connect(server.profile(PLANNER)) as client:
        assert client.lineage.explain_call(permitted.call_id).call.allowed


@pytest.mark.spec("P-10")
def test_instances_that_share_the_services_store_take_a_proof_once_between_them(connect, network, task):
    first, second = connect(replay="service"), connect(replay="service")
    call = task.call("files", "read", PATH)
    first.authorize(call.carriage, "read", call.arguments)
    with pytest.raises(BadProof, match="proof_replayed"):
        second.authorize(call.carriage, "read", call.arguments)
    network.cut()
    with pytest.raises(Undecided, match="service_unavailable"):
        decide(first, task)


def root_key(server):
    """Open the root key, which lies beside the others in development."""
    directory = server.application.config.keys_directory
    return open_key(directory, SignerPurpose.ROOT, (directory / "passphrase").read_bytes().strip())


# -- several addresses ---------------------------------------------------------------------------------------


def test_calls_go_on_over_another_address_when_one_is_gone(server):
    host, _, port = server.target.rpartition(":")
    gone, stays = FaultProxy(host, int(port)), FaultProxy(host, int(port))
    for each in (gone, stays):
        each.start()
    target = f"127.0.0.1:{gone.port},127.0.0.1:{stays.port}"
    profile = replace(Profile.load(server.profile(PLANNER)), target=target, server_name="localhost")
    try:
        with Client.connect(profile) as client:
            client.begin_task("one", scope=SCOPE)
            gone.close()
            for number in range(4):
                client.begin_task(str(number), scope=SCOPE)
    finally:
        stays.close()


def test_a_list_of_addresses_needs_the_name_in_the_certificates(server):
    profile = replace(Profile.load(server.profile(PLANNER)), target="127.0.0.1:1,127.0.0.1:2", server_name=None)
    with pytest.raises(ConfigError, match="server_name"):
        Client.connect(profile)
