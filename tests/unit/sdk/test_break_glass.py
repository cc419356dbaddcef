"""Break-glass at a guard: what it lets pass while the feed is old or the service away, and all that it does not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from delegation.core.attest import sign_break_glass
from delegation.core.break_glass import BreakGlass
from delegation.core.keys import SigningKey
from delegation.core.limits import PROOF_FUTURE_MS
from delegation.core.revocation import Revocation, RevocationKind
from delegation.core.trust import Effect
from delegation.errors import BadProof, BadStatement, NotPermitted, Overloaded, Reason, Refused, Revoked
from delegation_sdk import Client, Guard, Scope, any_call, driving
from delegation_sdk.break_glass import armored
from delegation_sdk.in_memory import InMemoryService
from delegation_sdk.testing import Authority

PATH = {"path": "/srv/a"}
WRITTEN = {"path": "/srv/a", "size": 7}
DAY_MS = 86_400_000
PLANNER = "spiffe://test.example/agent/planner"
READ = frozenset({Effect.READ})
WRITE = frozenset({Effect.WRITE})


class Incident:
    """A guard whose service went away an instant ago, and the file into which its operator may put statements."""

    def __init__(self, authority: Authority, clock: Any, directory: Path) -> None:
        self.authority = authority
        self.clock = clock
        self.file = directory / "break-glass"
        self.cache = directory / "cache"

    def guard(self, **options: Any) -> Guard:
        return self.authority.guard_for("files", break_glass=self.file, **options)

    def order(self, **tweaks: Any) -> BreakGlass:
        fields = {
            "audiences": ("files",),
            "justification": "INC-7",
            "not_before_ms": self.clock.now_ms,
            "expires_at_ms": self.clock.now_ms + DAY_MS // 2,
            "operator": "ann",
            "nonce": os.urandom(16),
            "effects": READ | WRITE,
            "maximum_feed_age_ms": 600_000,
            **tweaks,
        }
        return BreakGlass(**fields)

    def give(self, **tweaks: Any) -> BreakGlass:
        order = self.order(**tweaks)
        self.write(f"# INC-7\n{self.authority.break_glass(order)}\n")
        return order

    def write(self, content: str) -> None:
        self.file.write_text(content)

    def settle(self, guard: Guard, task: Any) -> None:
        """Let the guard take the statement, and time go by until no proof that the service took can be as young."""
        refused(guard, task, "write", {"path": "/etc"})
        self.clock.pass_ms(PROOF_FUTURE_MS)

    def cut_off(self, silent_ms: int = 61_000) -> None:
        self.authority.reachable = False
        self.clock.pass_ms(silent_ms)


@pytest.fixture
def incident(authority, clock, tmp_path):
    return Incident(authority, clock, tmp_path)


def decide(guard, delegation, name, arguments=PATH):
    if name == "write":
        arguments = {"size": 7, **arguments}
    call = delegation.call("files", name, arguments)
    return guard.authorize(call.carriage, name, call.arguments)


def decide_until_refused(guard, delegation):
    """The feed is quick, but it is another thread."""
    while True:
        decide(guard, delegation, "read")


def refused(guard, delegation, name, arguments=PATH):
    with pytest.raises(Refused) as caught:
        decide(guard, delegation, name, arguments)
    return caught.value


@pytest.mark.spec("B-4", "B-6")
def test_a_stale_feed_lets_a_read_pass_with_it_and_not_without(incident, task, caplog):
    guard = incident.guard()
    incident.cut_off()
    assert refused(guard, task, "read").reason is Reason.FEED_STALE

    order = incident.give()
    call = decide(guard, task, "read")
    assert f"by the order of ann ({order.nonce.hex()}): call {call.call_id.hex()}" in caplog.messages[-1]
    assert "in spite of feed_stale" in caplog.messages[-1]


@pytest.mark.spec("B-4", "B-6")
def test_a_call_that_the_service_does_not_answer_is_decided_in_process_and_recorded_with_it(incident, task):
    guard = incident.guard()
    incident.cut_off(silent_ms=1_000)
    assert refused(guard, task, "write").reason is Reason.SERVICE_UNAVAILABLE

    order = incident.give()
    incident.settle(guard, task)
    call = decide(guard, task, "write")
    incident.authority.reachable = True
    guard.close()
    records = {record.call_id: record for record in incident.authority.decisions}
    assert (records[call.call_id].allowed, records[call.call_id].break_glass) == (True, order.nonce)


@pytest.mark.spec("B-4")
def test_a_service_that_has_too_much_to_do_is_not_away(incident, task, monkeypatch):
    def busy(_service, _call):
        raise Overloaded("too many wait", retry_after_ms=100)

    guard = incident.guard()
    incident.give()
    incident.settle(guard, task)
    monkeypatch.setattr(InMemoryService, "authorize", busy)
    assert refused(guard, task, "write").reason is Reason.SERVICE_UNAVAILABLE


@pytest.mark.spec("B-6")
def test_what_did_not_need_it_and_what_was_refused_is_recorded_without_it(incident, task):
    guard = incident.guard()
    incident.give()
    calls = [decide(guard, task, "read")]
    incident.cut_off()
    refused(guard, task, "read", {"path": "/etc"})
    incident.authority.reachable = True
    guard.close()
    assert len(incident.authority.decisions) == 2
    assert {record.break_glass for record in incident.authority.decisions} == {b""}
    assert calls


@pytest.mark.spec("B-4")
def test_it_widens_nothing(incident, task):
    guard = incident.guard()
    incident.give(effects=frozenset(Effect))
    incident.cut_off()
    incident.settle(guard, task)
    assert refused(guard, task, "read", {"path": "/etc"}).reason is Reason.ARGUMENT_REFUSED
    assert refused(guard, task, "write", {"path": "/srv/a", "size": 101}).reason is Reason.ARGUMENT_REFUSED
    with pytest.raises(NotPermitted, match="tool_not_permitted"):
        decide(guard, task, "delete")


@pytest.mark.spec("B-4")
def test_what_is_known_to_be_revoked_stays_revoked(incident, client, scope):
    task = client.begin_task("Tidy up", scope=scope)
    guard = incident.guard()
    incident.give()
    task.complete()
    with pytest.raises(Revoked, match="task_ended"):
        decide_until_refused(guard, task)
    incident.cut_off()
    with pytest.raises(Revoked, match="task_ended"):
        decide(guard, task, "read")
    with pytest.raises(Revoked, match="task_ended"):
        decide(guard, task, "write")


@pytest.mark.spec("B-4")
def test_a_feed_that_is_older_than_it_accepts_stays_stale(incident, task):
    guard = incident.guard()
    incident.give(maximum_feed_age_ms=120_000)
    incident.cut_off(120_000)
    decide(guard, task, "read")
    incident.clock.pass_ms(1)
    assert refused(guard, task, "read").reason is Reason.FEED_STALE


@pytest.mark.spec("B-4", "B-5")
def test_a_proof_is_used_once_with_it_too(incident, task):
    guard = incident.guard()
    incident.give()
    incident.cut_off(1_000)
    incident.settle(guard, task)
    call = task.call("files", "write", WRITTEN)
    guard.authorize(call.carriage, "write", call.arguments)
    with pytest.raises(BadProof, match="proof_replayed"):
        guard.authorize(call.carriage, "write", call.arguments)


@pytest.mark.spec("B-5")
def test_a_proof_from_before_it_does_not_count_without_the_service(incident, task):
    guard = incident.guard()
    call = task.call("files", "write", WRITTEN)
    carriage = call.carriage  # signed now
    incident.cut_off(1_000)
    incident.give()
    with pytest.raises(BadProof, match="proof_stale"):
        guard.authorize(carriage, "write", call.arguments)


@pytest.mark.spec("B-5")
def test_nor_does_one_from_before_the_guard_took_a_statement_that_has_long_counted(incident, task):
    guard = incident.guard()
    call = task.call("files", "write", WRITTEN)
    guard.authorize(call.carriage, "write", call.arguments)  # the service takes it
    incident.cut_off(10_000)
    incident.give(not_before_ms=incident.clock.now_ms - 60_000)
    with pytest.raises(BadProof, match="proof_stale"):
        guard.authorize(call.carriage, "write", call.arguments)


@pytest.mark.spec("B-5")
def test_nor_does_one_that_an_agent_whose_clock_is_ahead_has_signed_before_it(incident, authority, client, scope):
    sources = incident.clock.sources()
    ahead = sources._replace(now_ms=lambda: sources.now_ms() + PROOF_FUTURE_MS)
    task = Client(client._transport, agent=PLANNER, sources=ahead).begin_task("Tidy up", scope=scope)
    guard = incident.guard()
    call = task.call("files", "write", WRITTEN)
    guard.authorize(call.carriage, "write", call.arguments)  # the service takes it
    incident.clock.pass_ms(1_000)
    incident.give()
    authority.reachable = False
    with pytest.raises(BadProof, match="proof_stale"):
        guard.authorize(call.carriage, "write", call.arguments)


@pytest.mark.spec("P-13")
def test_a_proof_from_the_future_is_not_used_up_before_its_time(incident, client, scope):
    sources = incident.clock.sources()
    ahead = sources._replace(now_ms=lambda: sources.now_ms() + 40)
    task = Client(client._transport, agent=PLANNER, sources=ahead).begin_task("Tidy up", scope=scope)
    guard = incident.guard()
    call = task.call("files", "read", PATH)
    with pytest.raises(BadProof, match="proof_from_future"):  # it has waited, and this clock stands still
        guard.authorize(call.carriage, "read", call.arguments)
    incident.clock.pass_ms(40)
    guard.authorize(call.carriage, "read", call.arguments)


@pytest.mark.spec("P-13")
def test_what_has_changed_while_a_call_waited_is_seen(incident, client, scope, monkeypatch):
    sources = incident.clock.sources()
    ahead = sources._replace(now_ms=lambda: sources.now_ms() + 200)
    task = Client(client._transport, agent=PLANNER, sources=ahead).begin_task("Tidy up", scope=scope)
    guard = incident.guard()
    call = task.call("files", "read", PATH)

    def wait(seconds):  # meanwhile
        incident.clock.pass_ms(round(seconds * 1000))
        guard._feed.state.add((Revocation(RevocationKind.TASK, task.task_id, incident.clock.now_ms + DAY_MS),), 1)

    monkeypatch.setattr(driving.time, "sleep", wait)
    with pytest.raises(Revoked, match="task_ended"):
        guard.authorize(call.carriage, "read", call.arguments)


@pytest.mark.spec("P-13")
def test_one_from_far_ahead_holds_nobody_up(incident, client, scope, monkeypatch):
    sources = incident.clock.sources()
    ahead = sources._replace(now_ms=lambda: sources.now_ms() + 251)
    task = Client(client._transport, agent=PLANNER, sources=ahead).begin_task("Tidy up", scope=scope)
    guard = incident.guard()
    call = task.call("files", "read", PATH)
    monkeypatch.setattr(driving.time, "sleep", None)
    with pytest.raises(BadProof, match="proof_from_future"):
        guard.authorize(call.carriage, "read", call.arguments)


@pytest.mark.spec("B-5")
def test_a_proof_that_the_service_took_is_not_taken_again_without_it(incident, task):
    guard = incident.guard()
    incident.give()
    decide(guard, task, "write")  # it takes the statement, and uses up what the service permits from now on
    incident.clock.pass_ms(PROOF_FUTURE_MS)
    call = task.call("files", "write", WRITTEN)
    guard.authorize(call.carriage, "write", call.arguments)
    incident.authority.reachable = False
    with pytest.raises(BadProof, match="proof_replayed"):
        guard.authorize(call.carriage, "write", call.arguments)


@pytest.mark.spec("B-3")
@pytest.mark.parametrize(
    "tweaks",
    [{"audiences": ("mail",)}, {"effects": WRITE}, {"expires_at_ms": 1_800_000_000_001}],
    ids=["another audience", "other effects", "it has ended"],
)
def test_one_that_does_not_cover_the_call_changes_nothing(incident, task, tweaks):
    guard = incident.guard()
    incident.give(**tweaks)
    incident.cut_off()
    assert refused(guard, task, "read").reason is Reason.FEED_STALE


@pytest.mark.spec("B-3")
def test_a_tool_that_is_not_listed_needs_every_effect(incident, client):
    task = client.begin_task("Tidy up", scope=Scope(any_call("files", "unlisted")))
    guard = incident.guard()
    incident.give()
    incident.cut_off(1_000)
    assert refused(guard, task, "unlisted").reason is Reason.SERVICE_UNAVAILABLE
    incident.give(effects=frozenset(Effect))
    assert refused(guard, task, "unlisted").reason is Reason.PROOF_STALE
    incident.clock.pass_ms(PROOF_FUTURE_MS)
    decide(guard, task, "unlisted")


@pytest.mark.spec("B-1")
def test_one_that_the_root_has_not_signed_is_told_of_and_changes_nothing(incident, task, caplog):
    guard = incident.guard()
    forged = sign_break_glass(incident.order(), SigningKey(bytes(32)))
    incident.write(f"{armored(forged)}\nnonsense\n")
    incident.cut_off()
    for _ in range(2):
        assert refused(guard, task, "read").reason is Reason.FEED_STALE
    told = [message for message in caplog.messages if "break-glass" in message]
    assert len(told) == 2


def test_the_file_may_come_and_go(incident, task):
    guard = incident.guard()
    incident.cut_off()
    assert refused(guard, task, "read").reason is Reason.FEED_STALE
    incident.give()
    decide(guard, task, "read")
    incident.file.unlink()
    assert refused(guard, task, "read").reason is Reason.FEED_STALE


@pytest.mark.spec("B-7")
def test_one_of_single_use_lets_one_call_pass_over_restarts(incident, task):
    guard = incident.guard(used_orders=incident.cache)
    incident.give(single_use=True)
    incident.cut_off()
    decide(guard, task, "read")
    assert refused(guard, task, "read").reason is Reason.FEED_STALE
    incident.authority.reachable = True
    guard.close()

    again = incident.guard(used_orders=incident.cache)
    incident.cut_off()
    assert refused(again, task, "read").reason is Reason.FEED_STALE


@pytest.mark.spec("B-7")
def test_one_of_single_use_lets_one_call_pass_at_all_instances_that_share_the_directory(incident, task):
    first, second = (incident.guard(used_orders=incident.cache) for _ in range(2))
    incident.give(single_use=True)
    incident.cut_off()
    decide(first, task, "read")
    assert refused(second, task, "read").reason is Reason.FEED_STALE


@pytest.mark.spec("B-7")
def test_one_of_single_use_does_not_count_where_nothing_is_shared(incident, task, caplog):
    guard = incident.guard(cache_dir=incident.cache)
    incident.give(single_use=True)
    incident.cut_off()
    assert refused(guard, task, "read").reason is Reason.FEED_STALE
    assert any("single use needs" in message for message in caplog.messages)


@pytest.mark.spec("B-7")
def test_one_of_single_use_is_not_used_up_by_a_call_that_is_refused(incident, task):
    guard = incident.guard(used_orders=incident.cache)
    incident.give(single_use=True)
    incident.cut_off()
    refused(guard, task, "read", {"path": "/etc"})
    decide(guard, task, "read")


@pytest.mark.spec("B-4")
def test_a_trust_bundle_that_has_expired_ends_it(incident, task):
    guard = incident.guard()
    incident.authority.reachable = False
    incident.clock.pass_ms(guard._trust.bundle.expires_at_ms - incident.clock.now_ms)
    incident.give(maximum_feed_age_ms=DAY_MS)
    with pytest.raises((Revoked, BadStatement)):
        decide(guard, task, "read")


async def test_it_is_the_same_for_asyncio(incident, task):
    guard = incident.guard(used_orders=incident.cache)
    incident.give(single_use=True)
    incident.cut_off(1_000)
    incident.settle(guard, task)
    call = task.call("files", "write", WRITTEN)
    await guard.aio.authorize(call.carriage, "write", call.arguments)
    again = task.call("files", "write", WRITTEN)
    with pytest.raises(Refused, match="service_unavailable"):
        await guard.aio.authorize(again.carriage, "write", again.arguments)
