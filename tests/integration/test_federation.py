"""Two services of two trust domains: a partner's agent calls a tool of ours, within what our bundle accepts."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from delegation.app.federation_file import load_federation
from delegation.app.key_files import system_ms
from delegation.app.next_bundle import sign_bundle_file
from delegation.errors import Reason, Refused
from delegation.signing.sealed_file import RANDOM_PASSPHRASE_COST, SealedFiles
from delegation_sdk import Client, Guard, Scope, tool, under
from support.server import TRUST_DOMAIN, RunningServer, running_server

PARTNER = "partner.example"
BUYER = f"spiffe://{PARTNER}/agent/buyer"
SCOPE = Scope(tool("files", "read", path=under("/srv/shared")), tool("files", "write", path=under("/srv/shared")))
DEADLINE_S = 60
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
FEDERATION = """
[[domain]]
bundle = "{bundle}"
trust_root = "{root}"
agents = ["partner.example"]
principals = ["partner.example"]

[[domain.ceiling]]
audience = "files"
tool = "read"
arguments = {{ path = {{ under = "/srv/shared" }} }}

[[domain.ceiling]]
audience = "files"
tool = "write"
arguments = {{ path = {{ under = "/srv/shared" }} }}
"""


@pytest.fixture(scope="module")
def partner(tmp_path_factory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("partner"), trust_domain=PARTNER) as server:
        yield server


@pytest.fixture(scope="module")
def ours(tmp_path_factory, partner) -> Iterator[RunningServer]:
    directory = tmp_path_factory.mktemp("ours")
    (directory / "tools.toml").write_text(CATALOGUE)
    with running_server(directory / "state", catalogue=directory / "tools.toml") as server:
        let_in(server, partner, directory)
        yield server


def let_in(server: RunningServer, partner: RunningServer, directory: Path) -> None:
    """Sign a bundle that names the partner, as the operator does, and wait until the service gives it out."""
    theirs = partner.application.config.keys_directory / "trust-bundle.bin"
    root = base64.urlsafe_b64encode(partner.trust_root).decode().rstrip("=")
    (directory / "federation.toml").write_text(FEDERATION.format(bundle=theirs, root=root))
    keys = server.application.config.keys_directory
    secret = (keys / "passphrase").read_bytes().strip()
    sign_bundle_file(
        keys,
        store=SealedFiles(keys, lambda: secret, cost=RANDOM_PASSPHRASE_COST),
        root_directory=keys,
        root_passphrase=secret,
        trust_domain=TRUST_DOMAIN,
        federated=load_federation(directory / "federation.toml", own_domain=TRUST_DOMAIN, now_ms=system_ms),
    )
    deadline = time.monotonic() + DEADLINE_S
    while not server.application._parts.trust.in_use.trust.bundle.federated:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def guard(ours, partner) -> Iterator[Guard]:
    there = partner.profile(f"spiffe://{PARTNER}/guests/files")
    with Guard.connect("files", ours.profile("tool/files"), federation={PARTNER: there}) as connected:
        yield connected


@pytest.fixture
def buyer(partner) -> Iterator[Client]:
    with Client.connect(partner.profile(BUYER)) as connected:
        yield connected


def call(guard, held, name="read", path="/srv/shared/a"):
    made = held.call("files", name, {"path": path})
    return guard.authorize(made.carriage, name, made.arguments)


def until(guard, held, wanted: str, *, meanwhile: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while (found := outcome(guard, held)) != wanted:
        assert found == meanwhile
        assert time.monotonic() < deadline
        time.sleep(0.01)


def outcome(guard, held, name="read") -> str:
    try:
        call(guard, held, name)
    except Refused as refused:
        return refused.reason
    return "allowed"


@pytest.mark.spec("T-28", "T-29")
def test_a_partners_agent_reads_until_its_own_service_ends_the_task(guard, buyer):
    task = buyer.begin_task("Buy", scope=SCOPE)
    until(guard, task, "allowed", meanwhile=Reason.FEED_STALE)
    helper = task.hand_off(f"spiffe://{PARTNER}/agent/helper", scope=task.scope.only("files", "read"))
    assert call(guard, helper).chain.agents[-1] == f"spiffe://{PARTNER}/agent/helper"
    task.complete()
    until(guard, helper, Reason.TASK_ENDED, meanwhile="allowed")


@pytest.mark.spec("T-28")
def test_our_service_decides_nothing_by_it_and_our_own_agents_are_not_affected(guard, buyer, ours):
    with buyer.task("Buy", scope=SCOPE) as task:
        until(guard, task, "allowed", meanwhile=Reason.FEED_STALE)
        assert outcome(guard, task, "write") == Reason.FEED_STALE
    with Client.connect(ours.profile("agent/planner")) as planner, planner.task("Own", scope=SCOPE) as own:
        assert (outcome(guard, own), outcome(guard, own, "write")) == ("allowed", "allowed")


@pytest.mark.spec("T-28")
def test_a_guard_that_does_not_follow_the_partners_feed_lets_it_in_never(ours, buyer):
    with Guard.connect("files", ours.profile("tool/files")) as guard, buyer.task("Buy", scope=SCOPE) as task:
        assert outcome(guard, task) == Reason.FEED_STALE


@pytest.mark.spec("T-29")
def test_a_grant_beyond_the_ceiling_is_refused(guard, buyer):
    with buyer.task("Buy more", scope=Scope(tool("files", "read", path=under("/srv")))) as task:
        until(guard, task, Reason.FEDERATION_EXCEEDED, meanwhile=Reason.FEED_STALE)
