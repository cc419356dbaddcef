"""kill -9 under load: what was acknowledged is there after the restart, exactly once; nothing is there by half."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from delegation.core.scope import any_call
from delegation.core.statement import SignedStatement
from delegation.errors import DelegationError
from delegation.wire.lineage import PageRequest
from support.caller import GuardRecords, decided, new_key
from support.service_process import service_process

READ = any_call("files", "read")
RECORDS_OF_BATCH = 5
WORKERS = 4


class Load:
    """Handoffs and batches of decisions, written until the service is gone; what was acknowledged is noted."""

    def __init__(self, caller, enough: int) -> None:
        self.caller = caller
        self.task = caller.grant(READ)
        self.links: list[bytes] = []
        self.calls: list[bytes] = []
        self.batches: list[SignedStatement] = []
        self.recorded: set[bytes] = set()
        self.reached = Event()
        self._enough = enough

    def hand_off(self) -> None:
        while True:
            child = self.task.child("agent/reader")
            try:
                self.caller.record(child)
            except DelegationError:
                return
            self.links.append(child.leaf.link_id)
            self._count()

    def record(self) -> None:
        guard = GuardRecords(new_key())
        while True:
            records = [decided(self.task, "files", "read", {}) for _ in range(RECORDS_OF_BATCH)]
            batch = guard.batch(*records)
            self.batches.append(batch)
            self.recorded |= {record.call_id for record in records}
            try:
                next_sequence = self.caller.record_decisions(batch)
            except DelegationError:
                return
            assert next_sequence == guard.next_sequence
            self.calls += [record.call_id for record in records]
            self._count()

    def _count(self) -> None:
        if len(self.links) + len(self.calls) >= self._enough:
            self.reached.set()


@pytest.mark.spec("T-4", "T-11")
@pytest.mark.parametrize("writes_before", [3, 40, 150])
def test_every_acknowledged_write_survives_a_kill_exactly_once(tmp_path, writes_before):
    with service_process(tmp_path) as service, service.caller() as caller, ThreadPoolExecutor(2 * WORKERS) as pool:
        load = Load(caller, writes_before)
        working = [pool.submit(work) for work in [load.hand_off, load.record] * WORKERS]
        assert load.reached.wait(60)
        service.kill()
        for worker in working:
            worker.result()

    with service_process(tmp_path) as service, service.caller() as caller:
        links = [link.link_id for link in caller.task(load.task.task_id)[1]]
        assert len(set(links)) == len(links)
        assert set(load.links) <= set(links)
        calls = all_calls(caller, load.task.task_id)
        assert len(set(calls)) == len(calls)
        assert set(load.calls) <= set(calls) <= load.recorded
        assert len(calls) % RECORDS_OF_BATCH == 0  # a batch is there whole or not at all
        # A guard that got no answer sends its batches again: each is recorded now or was before, never twice.
        for batch in load.batches:
            caller.record_decisions(batch)
        assert sorted(all_calls(caller, load.task.task_id)) == sorted(load.recorded)
        assert caller.hand_off(load.task, "agent/reader")


def all_calls(caller, task_id) -> list[bytes]:
    found: list[bytes] = []
    cursor = None
    while True:
        calls, cursor = caller.calls(task_id=task_id, page=PageRequest(500, cursor))
        found += [call.call_id for call in calls]
        if cursor is None:
            return found
