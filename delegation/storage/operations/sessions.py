"""The states of the tasks that a group of operations is about: locked and read once, changed here, written once.

Decisions of one task in one group see each other. All that a task has used is guarded by the lock of its own row;
labels that stick to agents need none, since whoever has seen a result asks again only after it was written.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa

from delegation.core.session import PUBLIC, TaskSession
from delegation.core.usage import NOTHING_USED, Demand, released
from delegation.errors import Malformed, Reason, Refused, StorageError, refusal
from delegation.storage.operations.agent_histories import AgentHistories
from delegation.storage.operations.approvals_in_task import LookedAt, TaskApprovals
from delegation.storage.preconditions import REVOCATION_KEPT_MS
from delegation.storage.refused_writes import AskFirstError
from delegation.storage.rows import stored_session
from delegation.storage.schema import agent_labels, reservations, sessions, usage
from delegation.storage.sessions import ActingAgent, CallsThatRan, SessionStep, SessionView, Verdict
from delegation.storage.statements import Statement, insert_or_leave, insert_or_raise, insert_or_replace, of_keys

if TYPE_CHECKING:
    from delegation.storage.operations.operation import Row, Transaction

_STATES: Final = of_keys(
    sa.select(sessions.c.task_id, sessions.c.state, sessions.c.version, sessions.c.expires_ms),
    sessions.c.task_id,
    lock=True,
)
_BEGIN: Final = insert_or_leave(sessions)
_SET_STATE: Final = insert_or_replace(sessions)
_USED: Final = of_keys(sa.select(usage.c.task_id, usage.c.key, usage.c.used), usage.c.task_id, usage.c.key)
_SET_USAGE: Final = insert_or_replace(usage)
_SET_USED: Final = Statement(
    sa.update(usage)
    .where(usage.c.task_id == sa.bindparam("of_task"), usage.c.key == sa.bindparam("of_key"))
    .values(used=sa.bindparam("used"))
)
_LABELS: Final = of_keys(
    sa.select(agent_labels.c.agent, agent_labels.c.label, agent_labels.c.until_ms), agent_labels.c.agent
)
_STICK: Final = insert_or_raise(agent_labels, "until_ms")
_RESERVED: Final = of_keys(
    sa.select(
        reservations.c.call_id, reservations.c.task_id, reservations.c.entries, reservations.c.released
    ),
    reservations.c.call_id,
)  # fmt: skip
_RESERVE: Final = Statement(sa.insert(reservations))
_RELEASE: Final = Statement(
    sa.update(reservations)
    .where(reservations.c.call_id == sa.bindparam("of_call"), reservations.c.released.is_(False))
    .values(released=True)
)
_RESERVED_MS: Final = 3_600_000
"""A call that fails within an hour gives back, though its task's grant has been renewed meanwhile."""
_KEEP: Final = tuple(
    Statement(
        sa.update(table)
        .where(table.c.task_id == sa.bindparam("of_task"), table.c.expires_ms < sa.bindparam("until_ms"))
        .values(expires_ms=sa.bindparam("until_ms"))
    )
    for table in (sessions, usage)
)


class Wanted(NamedTuple):
    """What an operation will look at.

    Attributes:
        task_id: the task whose state it may change; empty for none.
        expires_ms: when the task's grant expires.
        agents: whose sticking labels count.
        demands: whose uses count.
        call_id: the call whose reservation it gives back; empty for none.
        acting: the agent whose history it may change; None for none.
    """

    task_id: bytes = b""
    expires_ms: int = 0
    agents: tuple[str, ...] = ()
    demands: tuple[Demand, ...] = ()
    call_id: bytes = b""
    acting: ActingAgent | None = None

    @classmethod
    def by(cls, step: SessionStep) -> Wanted:
        """Tell what a decision wants."""
        return cls(step.task_id, step.expires_ms, step.agents, step.demands, acting=step.acting)


@dataclass(slots=True)
class _State:
    """One task's. Its text is read when it is needed: one that cannot be read is the trouble of its own decisions."""

    stored: tuple[str, int]
    expires_ms: int
    read: TaskSession | None = None
    changed: bool = False

    @property
    def session(self) -> TaskSession:
        if self.read is None:
            self.read = stored_session(*self.stored)
        return self.read

    def change(self, session: TaskSession) -> None:
        self.read, self.changed = session, True


class Sessions:
    """What is known, in one transaction, of the states of tasks."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.approvals = TaskApprovals(transaction)
        self.histories = AgentHistories(transaction)
        self.forget()

    def forget(self) -> None:
        """Forget what was read, and what was changed and not written."""
        self.approvals.forget()
        self.histories.forget()
        self._states: dict[bytes, _State] = {}
        self._used: dict[tuple[bytes, bytes], str] = {}
        self._labels: dict[str, dict[str, int]] = {}
        self._reserved: dict[bytes, tuple[bytes, list[tuple[bytes, str]]]] = {}
        self._read: set[object] = set()
        self._new_usage: dict[tuple[bytes, bytes], Row] = {}
        self._given_back: set[tuple[bytes, bytes]] = set()
        self._new_labels: dict[tuple[str, str], int] = {}
        self._new_reservations: list[Row] = []
        self._releases: list[bytes] = []

    # -- reading

    def open(self, wanted: Iterable[Wanted]) -> None:
        """Lock and read all of it: states in the order of their keys, agents' histories in theirs, then the rest."""
        unread = [want for want in wanted if want not in self._read]
        self._read.update(unread)
        calls = sorted({want.call_id for want in unread if want.call_id})
        if calls:
            self._read_reservations(calls)
        until = _latest(want for want in unread if want.task_id)
        self._read_states(until)
        self.histories.open(want.acting for want in unread if want.acting is not None)
        self._last(until)
        keys = {(want.task_id, demand.key) for want in unread for demand in want.demands}
        keys.update((task_id, key) for task_id, entries in self._reserved.values() for key, _ in entries)
        keys.difference_update(self._used)
        if keys:
            tasks, of_task = zip(*sorted(keys), strict=True)
            rows = self._transaction.rows_of(_USED, task_id=tasks, key=of_task)
            self._used.update({(bytes(task), bytes(key)): used for task, key, used in rows})
        agents = sorted({agent for want in unread for agent in want.agents}.difference(self._labels))
        if agents:
            self._labels.update({agent: {} for agent in agents})
            for agent, label, until_ms in self._transaction.rows_of(_LABELS, agent=agents):
                self._labels[agent][label] = until_ms

    def _read_reservations(self, calls: Sequence[bytes]) -> None:
        for call_id, task_id, entries, is_released in self._transaction.rows_of(_RESERVED, call_id=calls):
            if not is_released:
                said = [(bytes.fromhex(key), amount) for key, amount in json.loads(entries)]
                self._reserved[bytes(call_id)] = (bytes(task_id), said)

    def _read_states(self, begun: dict[bytes, int]) -> None:
        of_reserved = {task_id for task_id, _ in self._reserved.values()}
        tasks = sorted(of_reserved.union(begun).difference(self._states))
        if not tasks:
            return
        self._take(self._transaction.rows_of(_STATES, task_id=tasks))
        missing = [task_id for task_id in tasks if task_id not in self._states and task_id in begun]
        if missing:  # another may begin them, too: whoever comes second waits for the first, and reads what it wrote
            empty = TaskSession()
            rows = [(task, empty.text(), empty.version, begun[task] + REVOCATION_KEPT_MS) for task in missing]
            self._transaction.insert(_BEGIN, rows)
            self._take(self._transaction.rows_of(_STATES, task_id=missing))

    def _last(self, until: dict[bytes, int]) -> None:
        """Keep what is there for as long as those live who look at it: it may have been begun by a former grant."""
        for task_id, expires_ms in sorted(until.items()):
            state = self._states.get(task_id)
            if state is not None and state.expires_ms < expires_ms + REVOCATION_KEPT_MS:
                self.keep(task_id, expires_ms)
                state.expires_ms = expires_ms + REVOCATION_KEPT_MS

    def _take(self, rows: Iterable[Row]) -> None:
        for task_id, text, version, expires_ms in rows:
            self._states[bytes(task_id)] = _State((text, version), expires_ms)

    # -- decisions

    def judge(self, step: SessionStep) -> Verdict:
        """Have a decision judged on the state of its task. A failure to judge is a refusal."""
        self.open([Wanted.by(step)])
        looked_at = LookedAt(self.approvals, step)
        verdict = self._judged(step, looked_at)
        if looked_at.trouble is not None:
            raise looked_at.trouble
        return verdict

    def _judged(self, step: SessionStep, looked_at: LookedAt) -> Verdict:
        session, task_id = self._state(step.task_id).session, step.task_id
        used = {key: self._used.get((task_id, key), NOTHING_USED) for key in (demand.key for demand in step.demands)}
        recent = None if step.acting is None else self.histories.recent(step.acting)
        try:
            labelled = session.labelled(self.sticking(step.agents, step.now_ms))
            verdict = step.judge(SessionView(labelled, used, looked_at, recent))
            tells_all = verdict.refusal is not None or used.keys() <= verdict.used.keys()
        except AskFirstError:
            raise
        except Refused as refused:
            return Verdict(refused)
        except Exception:  # noqa: BLE001 - who judges tells of its failures; none of them spoils another's decision
            return Verdict(refusal(Reason.INTERNAL))
        if not tells_all:
            return Verdict(refusal(Reason.INTERNAL))
        return verdict._replace(uses=looked_at.request.request_id) if looked_at.request else verdict

    def permit(self, step: SessionStep, call_id: bytes, verdict: Verdict) -> None:
        """Note what a permitted call uses, and what it makes known."""
        state, task_id = self._state(step.task_id), step.task_id
        if verdict.uses:
            self.approvals.use(verdict.uses, call_id)
        budgets = [demand for demand in step.demands if not demand.is_of_calls and demand.amount != NOTHING_USED]
        entries = [(demand.key.hex(), demand.amount) for demand in budgets]
        after = {demand.key: verdict.used[demand.key] for demand in step.demands}
        for demand in step.demands:
            key = demand.key
            self._used[task_id, key] = after[key]
            self._new_usage[task_id, key] = (
                *(task_id, key, demand.account, demand.audience, demand.tool, demand.argument),
                *(after[key], state.expires_ms),
            )
        if entries:
            text = json.dumps(entries, separators=(",", ":"))
            until_ms = max(step.expires_ms, step.now_ms + _RESERVED_MS) + REVOCATION_KEPT_MS
            self._new_reservations.append((call_id, task_id, text, False, until_ms))
        version = state.session.version + 1
        after_call = verdict.session
        state.change(after_call if after_call.version == version else replace(after_call, version=version))
        self._stick(step.agents, verdict.labels, step.labels_until_ms)
        if step.acting is not None:
            self.histories.permitted(step.acting, step.effects)

    def note(self, ran: CallsThatRan) -> None:
        """Note what calls leave that nobody can refuse any more.

        What cannot be read refuses every further call that rests on it, and must not keep a guard from recording.
        """
        state = self._state(ran.task_id)
        labels = frozenset[str]().union(*(tool.labels for tool in ran.tools)) - {PUBLIC}
        self._stick(ran.agents, labels, ran.labels_until_ms)
        with contextlib.suppress(StorageError):
            session = state.session
            for tool in ran.tools:
                session = session.after_running(tool)
            state.change(session)
        if ran.acting is not None:
            with contextlib.suppress(StorageError):
                for tool in ran.tools:
                    self.histories.permitted(ran.acting, tool.effects)

    def _stick(self, agents: Iterable[str], labels: Iterable[str], until_ms: int) -> None:
        for agent, label in itertools.product(agents, labels):
            if self._labels[agent].get(label, 0) < until_ms:
                self._labels[agent][label] = self._new_labels[agent, label] = until_ms

    def deny(self, step: SessionStep) -> None:
        """Note that a call was refused."""
        state = self._state(step.task_id)
        state.change(state.session.after_denial())
        if step.acting is not None:
            self.histories.denied(step.acting)

    def _state(self, task_id: bytes) -> _State:
        if task_id not in self._states:
            raise StorageError("storage_unavailable", "the state of a task is gone")
        return self._states[task_id]

    # -- what else changes states

    def sticking(self, agents: Iterable[str], now_ms: int) -> frozenset[str]:
        """Give the labels that stick to agents at a time."""
        return frozenset(
            label for agent in agents for label, until_ms in self._labels[agent].items() if until_ms > now_ms
        )

    def begin(self, task_id: bytes, labels: frozenset[str], expires_ms: int) -> None:
        """Begin a new task with labels that its holder brings along."""
        session = replace(TaskSession().labelled(labels), version=1)
        self._states[task_id] = state = _State(("", 0), expires_ms + REVOCATION_KEPT_MS)
        state.change(session)

    def give_back(self, call_id: bytes) -> None:
        """Give back what a call has taken from budgets, if it has not been given back."""
        self.open([Wanted(call_id=call_id)])
        task_id, entries = self._reserved.pop(call_id, (b"", []))
        if task_id not in self._states:
            return
        known = [((task_id, key), amount) for key, amount in entries if (task_id, key) in self._used]
        try:
            left = {of: released(self._used[of], amount) for of, amount in known}
        except Malformed as error:  # nothing is noted yet: others of the group go on, and write what is
            raise StorageError("storage_unavailable", f"what was used cannot be read: {error}") from None
        self._used.update(left)
        self._given_back.update(left)
        self._releases.append(call_id)

    def keep(self, task_id: bytes, expires_ms: int) -> None:
        """Keep a task's state for longer: its grant was renewed."""
        for statement in _KEEP:
            self._transaction.change(statement, of_task=task_id, until_ms=expires_ms + REVOCATION_KEPT_MS)

    # -- writing

    def write(self) -> None:
        """Write what was changed."""
        states = [
            (task_id, state.session.text(), state.session.version, state.expires_ms)
            for task_id, state in self._states.items()
            if state.changed
        ]
        rows: tuple[tuple[Statement, list[Row]], ...] = (
            (_SET_STATE, states),
            (_SET_USAGE, [(*row[:6], self._used[of], row[7]) for of, row in self._new_usage.items()]),
            (_STICK, [(*of, until_ms) for of, until_ms in self._new_labels.items()]),
            (_RESERVE, self._new_reservations),
        )
        for statement, some in rows:
            if some:
                self._transaction.insert(statement, some)
        for task_id, key in sorted(self._given_back):
            self._change(_SET_USED, of_task=task_id, of_key=key, used=self._used[task_id, key])
        for call_id in self._releases:
            self._change(_RELEASE, of_call=call_id)
        self.histories.write()
        self.approvals.write()
        for state in self._states.values():
            state.changed = False
        for changes in (self._new_usage, self._new_labels, self._new_reservations, self._given_back, self._releases):
            changes.clear()

    def _change(self, statement: Statement, **values: Any) -> None:
        if self._transaction.change(statement, **values) != 1:
            raise StorageError("storage_unavailable", "the state of a task changed under its lock")


def _latest(wanted: Iterable[Wanted]) -> dict[bytes, int]:
    """Tell until when each task's last grant lives, of those that are wanted."""
    until: dict[bytes, int] = {}
    for want in wanted:
        until[want.task_id] = max(want.expires_ms, until.get(want.task_id, 0))
    return until
