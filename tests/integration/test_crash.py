"""What the service acknowledged is there after `kill -9`, exactly once."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from delegation.core.scope import tool
from delegation.core.statement import SignedStatement
from delegation.errors import DelegationError
from delegation.wire.lineage import PageRequest
from support.caller import Caller, GuardRecords, Holding, decided, new_key

RECORDS_IN_A_BATCH = 7


@dataclass
class Process:
    """`delegation serve --dev`, in a process that can be killed."""

    process: subprocess.Popen[str]
    state: Path

    @contextmanager
    def caller(self) -> Iterator[Caller]:
        profile = tomllib.loads((self.state / "profile.toml").read_text())
        ca, key, certificate = ((self.state / profile[name]).read_bytes() for name in ("ca", "key", "certificate"))
        credentials = grpc.ssl_channel_credentials(ca, key, certificate)
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.secure_channel(profile["target"], credentials, options=options) as channel:
            yield Caller(channel)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)


@contextmanager
def serving(state: Path) -> Iterator[Process]:
    command = [sys.executable, "-m", "delegation.cli", "serve", "--dev", "--listen", "127.0.0.1:0"]
    with (state.parent / "serve.log").open("a") as log:
        process = subprocess.Popen([*command, "--state-dir", str(state)], stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Serving"), (state.parent / "serve.log").read_text()
        yield Process(process, state)
    finally:
        process.kill()
        process.wait(30)
        process.stdout.close()


class Acknowledged:
    """Counts what was acknowledged, and rings when it is enough to kill the service in the middle."""

    def __init__(self, enough: int) -> None:
        self.enough = threading.Event()
        self._left = enough
        self._lock = threading.Lock()

    def one_more(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left <= 0:
                self.enough.set()


def until_killed(work: Callable[[], None]) -> threading.Thread:
    """Repeat work in a thread until the service is gone."""

    def run() -> None:
        with contextlib.suppress(DelegationError, ValueError):  # gRPC closes its channel with a ValueError
            while True:
                work()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def link_ids(caller: Caller, task_id: bytes) -> list[bytes]:
    return [link.link_id for link in caller.task(task_id)[1]]


@pytest.mark.parametrize("enough", [20, 120])
def test_every_acknowledged_handoff_is_there_exactly_once_after_a_kill(tmp_path, enough):
    state = tmp_path / "state"
    acknowledged: list[Holding] = []
    count = Acknowledged(enough)
    with serving(state) as server, server.caller() as agent:
        task = agent.grant(tool("files", "read"), max_depth=4)

        def hand_off() -> None:
            child = task.child("spiffe://dev.internal/agent/reader")
            agent.record(child)
            acknowledged.append(child)
            count.one_more()

        workers = [until_killed(hand_off) for _ in range(8)]
        assert count.enough.wait(60)
        server.kill()
        for worker in workers:
            worker.join(30)

    with serving(state) as server, server.caller() as agent:
        recorded = link_ids(agent, task.task_id)
        assert len(recorded) == len(set(recorded))
        lost = [child for child in acknowledged if child.leaf.link_id not in recorded]
        assert not lost
        assert len(acknowledged) >= enough
        # A delegator that never got its answer asks again: the same receipt, no second link.
        again = acknowledged[-1]
        agent.record(again)
        assert len(link_ids(agent, task.task_id)) == len(recorded)


class Guard:
    """One guard that records batch after batch, and knows which were acknowledged."""

    def __init__(self, holding: Holding, count: Acknowledged) -> None:
        self.acknowledged: list[bytes] = []
        self.in_flight: tuple[SignedStatement, list[bytes]] | None = None
        self._numbering = GuardRecords(new_key())
        self._holding = holding
        self._count = count

    def record(self, tool_server: Caller) -> None:
        records = [decided(self._holding, "files", "read", {}) for _ in range(RECORDS_IN_A_BATCH)]
        self.in_flight = self._numbering.batch(*records), [record.call_id for record in records]
        self.deliver(tool_server)
        self._count.one_more()

    def deliver(self, tool_server: Caller) -> None:
        assert self.in_flight is not None
        batch, call_ids = self.in_flight
        assert tool_server.record_decisions(batch) == self._numbering.next_sequence
        self.acknowledged += call_ids
        self.in_flight = None


def call_ids(caller: Caller, task_id: bytes) -> list[bytes]:
    """List every call of a task, page by page."""
    found: list[bytes] = []
    cursor: bytes | None = None
    while True:
        calls, cursor = caller.calls(task_id=task_id, page=PageRequest(500, cursor))
        found += [call.call_id for call in calls]
        if cursor is None:
            return found


@pytest.mark.parametrize("enough", [10, 60])
def test_every_acknowledged_record_is_there_exactly_once_after_a_kill(tmp_path, enough):
    state = tmp_path / "state"
    count = Acknowledged(enough)
    with serving(state) as server, server.caller() as tool_server:
        task = tool_server.grant(tool("files", "read"))
        guards = [Guard(task, count) for _ in range(4)]
        workers = [until_killed(lambda guard=guard: guard.record(tool_server)) for guard in guards]
        assert count.enough.wait(60)
        server.kill()
        for worker in workers:
            worker.join(30)

    with serving(state) as server, server.caller() as tool_server:
        found = call_ids(tool_server, task.task_id)
        assert len(found) == len(set(found))
        for guard in guards:
            assert set(guard.acknowledged) <= set(found)
            # The batch that was under way, byte for byte again: entered once, whether it had been entered or not.
            if guard.in_flight is not None:
                guard.deliver(tool_server)
        found = call_ids(tool_server, task.task_id)
        assert sorted(found) == sorted(call_id for guard in guards for call_id in guard.acknowledged)
