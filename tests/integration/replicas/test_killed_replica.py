"""Two service processes over one PostgreSQL, one killed while it writes: nothing acknowledged is lost or made twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event, Lock

import pytest

from delegation.core.revocation import RevocationKind
from delegation.core.scope import any_call
from delegation.errors import DelegationError
from delegation.wire.lineage import PageRequest
from support.service_process import service_process

READ = any_call("files", "read")
WORKERS = 4


class Load:
    """Handoffs, decisions and revocations; what gets no answer is asked of the other replica, as it was."""

    def __init__(self, callers, task) -> None:
        self.callers = callers
        self.task = task
        self.links: list[bytes] = []
        self.calls: list[bytes] = []
        self.positions: list[int] = []
        self.asked_again = 0
        self.stop = Event()
        self._counting = Lock()
        self._counts: dict[int, Event] = {}

    def reached(self, writes: int) -> Event:
        """Give an event that is set when so many writes more were acknowledged."""
        with self._counting:
            return self._counts.setdefault(len(self.links) + len(self.calls) + writes, Event())

    def hand_off(self, first: int) -> None:
        while not self.stop.is_set():
            child = self.task.child("agent/reader")
            self._until_answered(first, lambda caller, child=child: caller.record(child))
            self._note(self.links, child.leaf.link_id)

    def decide(self, first: int) -> None:
        while not self.stop.is_set():
            question = self.task.question("files", "read", {})
            decision = self._until_answered(first, lambda caller, asked=question: caller.decide_question(asked))
            assert decision.refusal is None
            self._note(self.calls, decision.call_id)

    def revoke(self, first: int) -> None:
        while not self.stop.is_set():
            child = self.task.child("agent/reader")
            self._until_answered(first, lambda caller, child=child: caller.record(child))
            self._note(self.links, child.leaf.link_id)
            self.positions.append(
                self._until_answered(
                    first, lambda caller, child=child: caller.revoke(RevocationKind.LINK, child.leaf.link_id)
                )
            )

    def _until_answered(self, first, ask):
        for turn in range(1000):
            try:
                return ask(self.callers[(first + turn) % 2])
            except DelegationError:
                self.asked_again += 1
        raise AssertionError("neither replica answers")

    def _note(self, kept, identity) -> None:
        with self._counting:
            kept.append(identity)
            total = len(self.links) + len(self.calls)
            for count, event in self._counts.items():
                if total >= count:
                    event.set()


@pytest.mark.spec("T-4", "T-11")
def test_of_two_replicas_one_is_killed_while_it_writes_and_the_other_goes_on(postgres, tmp_path):
    url = postgres.new_database(empty=True)
    with ExitStack() as stack:
        processes = [stack.enter_context(service_process(tmp_path, url)) for _ in range(2)]
        callers = [stack.enter_context(process.caller()) for process in processes]
        load = Load(callers, callers[0].grant(READ))
        pool = stack.enter_context(ThreadPoolExecutor(4 * WORKERS))
        working = [pool.submit(work, n) for n in range(WORKERS) for work in (load.hand_off, load.decide, load.revoke)]
        stack.callback(load.stop.set)
        for victim in (0, 1):
            assert load.reached(150).wait(60)
            processes[victim].kill()
            assert load.reached(150).wait(60)  # the other one goes on
            if victim == 0:
                processes[0] = stack.enter_context(service_process(tmp_path, url))
                callers[0] = stack.enter_context(processes[0].caller())
        load.stop.set()
        for worker in working:
            worker.result(60)
        assert load.asked_again

        caller = callers[0]
        links = [link.link_id for link in caller.task(load.task.task_id)[1]]
        assert len(set(links)) == len(links)
        assert set(load.links) <= set(links)
        calls = all_calls(caller, load.task.task_id)
        assert len(set(calls)) == len(calls)
        # Each question was asked until it was answered, so what is there and what was acknowledged are the same.
        assert set(load.calls) == set(calls)
        assert len(load.calls) == len(calls)
        assert len(set(load.positions)) == len(load.positions)
        positions = postgres.sql(url.rpartition("/")[2], "SELECT position FROM revocations ORDER BY position")
        assert [position for (position,) in positions] == list(range(1, len(positions) + 1))
        assert set(load.positions) == {position for (position,) in positions}


def all_calls(caller, task_id) -> list[bytes]:
    found: list[bytes] = []
    cursor = None
    while True:
        calls, cursor = caller.calls(task_id=task_id, page=PageRequest(500, cursor))
        found += [call.call_id for call in calls]
        if cursor is None:
            return found


def test_a_service_goes_on_by_itself_after_its_database_was_restarted(tmp_path):
    from support.postgres import running_postgres

    with running_postgres() as cluster, ExitStack() as stack:
        url = cluster.new_database(empty=True)
        processes = [stack.enter_context(service_process(tmp_path, url)) for _ in range(2)]
        callers = [stack.enter_context(process.caller()) for process in processes]
        load = Load(callers, callers[0].grant(READ))
        pool = stack.enter_context(ThreadPoolExecutor(2 * WORKERS))
        working = [pool.submit(work, n) for n in range(WORKERS) for work in (load.hand_off, load.decide)]
        stack.callback(load.stop.set)
        assert load.reached(100).wait(60)
        cluster.stop("immediate")
        cluster.start()
        assert load.reached(100).wait(60)
        load.stop.set()
        for worker in working:
            worker.result(60)
        calls = all_calls(callers[1], load.task.task_id)
        assert sorted(calls) == sorted(load.calls)
        links = [link.link_id for link in callers[0].task(load.task.task_id)[1]]
        assert sorted(links[1:]) == sorted(load.links)
