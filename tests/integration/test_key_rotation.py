"""Keys change under a running service and a running guard: nothing is restarted, no call fails, nothing slips through.

The service is real, its files are changed as `delegation keys` changes them, and the guard hears of it by itself.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from delegation.app.key_files import create_root_key
from delegation.app.next_bundle import give_up_key, rotate_key
from delegation.core.arguments import Arguments
from delegation.core.chain import Principal, PrincipalBasis
from delegation.core.codec import encode_statement, join_token
from delegation.core.keys import SigningKey
from delegation.core.mint import sign_grant
from delegation.core.proof import sign_proof
from delegation.core.trust import KeyPurpose, KeyState
from delegation.errors import Reason, Refused
from delegation.service.bundle_signing import sign_trust_bundle
from delegation.signing.sealed_file import RANDOM_PASSPHRASE_COST, SealedFiles
from delegation_sdk import Client, Guard, Scope, tool, under
from delegation_sdk.carriage import Carriage
from support.server import RunningServer, running_server, spiffe_id

GRANT, STATEMENT, CHECKPOINT = KeyPurpose.GRANT, KeyPurpose.STATEMENT, KeyPurpose.CHECKPOINT
SCOPE = Scope(tool("files", "read", path=under("/srv")), tool("files", "write", path=under("/srv")))
HELPER = "spiffe://test.example/agent/helper"
DEADLINE_S = 60
AHEAD_MS = 4_000  # longer than the service takes to look at its files, and a guard to ask again
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


def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline, f"not in {DEADLINE_S} s: {what}"
        time.sleep(0.02)


class Operator:
    """Runs what `delegation keys` runs, on the service's own directory."""

    def __init__(self, server: RunningServer) -> None:
        self.keys = server.application.config.keys_directory
        self._server = server
        self._passphrase = (self.keys / "passphrase").read_bytes().strip()

    def _given(self) -> dict[str, object]:
        store = SealedFiles(self.keys, lambda: self._passphrase, cost=RANDOM_PASSPHRASE_COST)
        return {"store": store, "root_directory": self.keys, "root_passphrase": self._passphrase}

    @property
    def in_use(self):
        return self._server.application._parts.trust.in_use

    def signing(self, purpose: KeyPurpose) -> bytes:
        return getattr(self.in_use.keys, purpose).key_id

    def rotate(self, *purposes: KeyPurpose) -> None:
        """Rotate, and wait until the service signs with the new keys."""
        former = {purpose: self.signing(purpose) for purpose in purposes}
        for purpose in purposes:
            rotate_key(self.keys, purpose, **self._given())
        until(lambda: all(self.signing(each) != before for each, before in former.items()), "other keys in use")

    def give_up(self, purpose: KeyPurpose) -> bytes:
        """Give up the key in use, and wait until the service signs with another."""
        former = self.signing(purpose)
        give_up_key(self.keys, former, **self._given())
        until(lambda: self.signing(purpose) != former, f"another {purpose} key in use")
        return former


@pytest.fixture
def server(tmp_path) -> Iterator[RunningServer]:
    (tmp_path / "tools.toml").write_text(CATALOGUE)
    keys = {"publish_ahead_ms": AHEAD_MS}
    with running_server(tmp_path / "state", catalogue=tmp_path / "tools.toml", keys=keys) as running:
        yield running


@pytest.fixture
def operator(server) -> Operator:
    return Operator(server)


@pytest.fixture
def client(server) -> Iterator[Client]:
    with Client.connect(server.profile("agent/planner")) as connected:
        yield connected


@pytest.fixture
def guard(server) -> Iterator[Guard]:
    with Guard.connect("files", server.profile("tool/files")) as connected:
        yield connected


def call(guard, held, name, path="/srv/a"):
    made = held.call("files", name, {"path": path})
    return guard.authorize(made.carriage, name, made.arguments)


def outcome(guard, held, name) -> str:
    """Give the reason of a refusal, or an empty text."""
    try:
        call(guard, held, name)
    except Refused as refused:
        return refused.reason
    return ""


def refused_as(guard, held, name) -> Reason:
    return reason_of(lambda: call(guard, held, name))


def reason_of(action) -> Reason:
    with pytest.raises(Refused) as caught:
        action()
    return caught.value.reason


def forged(guard) -> Reason:
    """Call with a grant that a key has signed which no bundle ever listed."""
    thief, holder, now_ms = SigningKey(b"t" * 32), SigningKey(b"h" * 32), time.time_ns() // 1_000_000
    link = sign_grant(
        thief,
        task_id=bytes(16),
        principal=Principal("ceo", "test.example", PrincipalBasis.ASSERTED),
        holder_key=holder.public,
        holder_agent=spiffe_id("agent/eve"),
        scope=SCOPE,
        purpose="mine",
        now_ms=now_ms,
        lifetime_ms=60_000,
        max_depth=1,
        unrecorded_handoffs=True,
        nonce=bytes(16),
    )
    arguments = {"path": "/srv/a"}
    digest = Arguments.of(arguments).digest
    proof = sign_proof(
        holder,
        chain_digest=link.link_id,
        audience="files",
        tool="read",
        arguments_digest=digest,
        now_ms=now_ms,
        nonce=os.urandom(16),
    )
    return reason_of(lambda: guard.authorize(Carriage(join_token([link]), proof), "read", arguments))


class Load:
    """Honest work and attempts that must fail, over and over, by several threads, until it is closed."""

    def __init__(self) -> None:
        self.done = 0
        self.wrong: list[str] = []
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def run(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._repeat, args=(work,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _repeat(self, work: Callable[[], None]) -> None:
        while not self._stop.is_set():
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - of a failed `pytest.raises`, too, the test is told
                self.wrong.append(f"{type(error).__name__}: {error}")
            self.done += 1

    def more(self, rounds: int) -> None:
        aim = self.done + rounds
        until(lambda: self.done >= aim or bool(self.wrong), "the load goes on")
        assert not self.wrong, self.wrong[:3]

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(DEADLINE_S)


@contextmanager
def load(server: RunningServer, guard: Guard) -> Iterator[Load]:
    running = Load()
    with ExitStack() as stack:
        client = stack.enter_context(Client.connect(server.profile("agent/planner")))
        lasting = stack.enter_context(client.task("A task from before", scope=SCOPE))
        lasting_helper = lasting.hand_off(HELPER)

        def journey() -> None:
            with client.task("Tidy up", scope=SCOPE) as task:
                helper = task.hand_off(HELPER, scope=task.scope.only("files", "read"))
                call(guard, task, "write")
                call(guard, helper, "read")
                assert reason_of(lambda: call(guard, helper, "read", "/etc/passwd")) is Reason.ARGUMENT_REFUSED
                assert refused_as(guard, helper, "write") is Reason.TOOL_NOT_PERMITTED

        def old_task() -> None:
            call(guard, lasting_helper, "read")
            call(guard, lasting, "write")

        def thief() -> None:
            assert forged(guard) is Reason.ISSUER_UNKNOWN
            time.sleep(0.05)

        for work in (journey, journey, old_task, thief):
            running.run(work)
        stack.callback(running.close)
        running.more(10)
        yield running


def test_keys_are_rotated_under_load_and_no_call_fails(server, operator, guard):
    with load(server, guard) as running:
        for purposes in ((GRANT, STATEMENT, CHECKPOINT), (GRANT,), (STATEMENT,)):
            operator.rotate(*purposes)
            running.more(40)
    assert not running.wrong, running.wrong[:3]
    active = [key.purpose for key in operator.in_use.trust.bundle.keys if key.state is KeyState.ACTIVE]
    assert (active.count(GRANT), active.count(STATEMENT), active.count(CHECKPOINT)) == (3, 3, 2)


def test_a_service_that_starts_anew_signs_with_the_same_key(tmp_path):
    settings = {"keys": {"publish_ahead_ms": AHEAD_MS}}
    with running_server(tmp_path, **settings) as first:
        operator = Operator(first)
        operator.rotate(GRANT)
        signing = operator.signing(GRANT)
    with running_server(tmp_path, **settings) as second:
        assert Operator(second).signing(GRANT) == signing


# -- compromise


def test_of_a_compromised_grant_key_every_grant_is_refused_and_new_ones_count_at_once(operator, client, guard):
    with client.task("Before", scope=SCOPE) as before:
        call(guard, before, "read")
        lost = operator.give_up(GRANT)
        with client.task("After", scope=SCOPE) as after:
            call(guard, after, "read")  # the guard meets an unknown key, and fetches the bundle
            call(guard, after, "write")
        for name in ("read", "write"):
            assert refused_as(guard, before, name) is Reason.ISSUER_NOT_TRUSTED
    assert operator.in_use.trust.bundle.find(lost).state is KeyState.COMPROMISED


async def test_an_asyncio_guard_meets_an_unknown_key_and_fetches_the_bundle_too(operator, client, guard):
    operator.give_up(GRANT)
    with client.task("After", scope=SCOPE) as after:
        made = after.call("files", "read", {"path": "/srv/a"})
        await guard.aio.authorize(made.carriage, "read", made.arguments)


def test_of_a_compromised_statement_key_no_receipt_counts_and_the_feed_begins_anew(operator, client, guard):
    with client.task("Before", scope=SCOPE) as before:
        helper = before.hand_off(HELPER)
        call(guard, helper, "read")
        operator.give_up(STATEMENT)
        with client.task("After", scope=SCOPE) as after:
            until(lambda: outcome(guard, after.hand_off(HELPER), "read") == "", "the feed under the new key")
            call(guard, after, "write")
        for name in ("read", "write"):
            until(lambda name=name: refused_as(guard, helper, name) is Reason.STATEMENT_INVALID, "a fresh feed")


def test_giving_up_the_checkpoint_key_leaves_chains_alone(operator, client, guard):
    with client.task("Before", scope=SCOPE) as before:
        operator.give_up(CHECKPOINT)
        call(guard, before, "read")
        call(guard, before, "write")


def test_a_bundle_of_another_root_is_passed_over_by_the_service(operator, client, guard, tmp_path):
    create_root_key(tmp_path / "thief", b"x", cost=RANDOM_PASSPHRASE_COST)
    bundle = operator.in_use.trust.bundle
    forged_bundle = sign_trust_bundle(
        SigningKey(b"r" * 32), bundle.keys, trust_domain=bundle.trust_domain, version=99, now_ms=bundle.issued_at_ms
    )
    path: Path = operator.keys / "trust-bundle.bin"
    path.write_bytes(encode_statement(forged_bundle))
    operator._server.application.look_at_keys()
    with client.task("Now", scope=SCOPE) as task:
        call(guard, task, "read")
    assert operator.in_use.trust.bundle == bundle
