"""The states of the tasks that a group is about. A task's row is the lock of all that the task has used.

Rows are locked in the order of their keys, before the group writes anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from delegation.core.session import TaskSession
from delegation.errors import StorageError
from delegation.storage.preconditions import REVOCATION_KEPT_MS
from delegation.storage.rows import stored_session
from delegation.storage.schema import sessions, usage
from delegation.storage.statements import Statement, insert_or_leave, insert_or_replace, of_keys

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from delegation.storage.operations.operation import Row, Transaction

_STATES: Final = of_keys(
    sa.select(sessions.c.task_id, sessions.c.state, sessions.c.version, sessions.c.expires_ms),
    sessions.c.task_id,
    lock=True,
)
_BEGIN: Final = insert_or_leave(sessions)
_SET_STATE: Final = insert_or_replace(sessions, "state", "version")
_KEEP: Final = tuple(
    Statement(
        sa.update(table)
        .where(table.c.task_id == sa.bindparam("of_task"), table.c.expires_ms < sa.bindparam("until_ms"))
        .values(expires_ms=sa.bindparam("until_ms"))
    )
    for table in (sessions, usage)
)


_READ: Final = "", 0
"""In place of a text that is not needed any more."""


@dataclass(slots=True)
class TaskState:
    """One task's. Its text is read when it is needed: one that cannot be read is the trouble of its own decisions."""

    stored: tuple[str, int]
    expires_ms: int
    read: TaskSession | None = None
    changed: bool = False

    @property
    def session(self) -> TaskSession:
        """What has happened in the task. Raises `StorageError` if it cannot be read."""
        if self.read is None:
            self.read, self.stored = stored_session(*self.stored), _READ
        return self.read

    def change(self, session: TaskSession) -> None:
        """Put another session in its place."""
        self.read, self.stored, self.changed = session, _READ, True

    def decided(self, session: TaskSession) -> None:
        """Put the session after a permitted call in its place; whoever judged need not have counted the change."""
        version = self.session.version + 1
        self.change(session if session.version == version else replace(session, version=version))


class TaskStates:
    """What is known, in one transaction, of the states of tasks.

    Attributes:
        characters: of all texts that were read and written since it was forgotten.
    """

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._states: dict[bytes, TaskState] = {}
        self.characters = 0

    def __len__(self) -> int:
        return len(self._states)

    def __contains__(self, task_id: object) -> bool:
        return task_id in self._states

    def __getitem__(self, task_id: bytes) -> TaskState:
        """Give a task's state, which was opened. Raises `StorageError` if it is gone."""
        if task_id not in self._states:
            raise StorageError("storage_unavailable", "the state of a task is gone")
        return self._states[task_id]

    def forget(self) -> None:
        """Forget what was read, and what was changed and not written."""
        self._states.clear()
        self.characters = 0

    def open(self, begun: Mapping[bytes, int], others: Collection[bytes]) -> None:
        """Lock and read states.

        Args:
            begun: of tasks that begin here if they have not yet, and until when their grants live.
            others: of tasks that may have one.
        """
        tasks = sorted({*begun, *others}.difference(self._states))
        if not tasks:
            return
        self._take(self._transaction.rows_of(_STATES, task_id=tasks))
        missing = [task_id for task_id in tasks if task_id not in self._states and task_id in begun]
        if missing:  # another may begin them, too: whoever comes second waits for the first, and reads what it wrote
            empty = TaskSession()
            rows = [(task, empty.text(), empty.version, begun[task] + REVOCATION_KEPT_MS) for task in missing]
            self._transaction.insert(_BEGIN, rows)
            self._take(self._transaction.rows_of(_STATES, task_id=missing))

    def outlive(self, grants: Mapping[bytes, int]) -> None:
        """Keep what is there for as long as those live who look at it: it may have been begun by a former grant."""
        for task_id, expires_ms in sorted(grants.items()):
            state = self._states.get(task_id)
            if state is not None and state.expires_ms < expires_ms + REVOCATION_KEPT_MS:
                self.keep(task_id, expires_ms)
                state.expires_ms = expires_ms + REVOCATION_KEPT_MS

    def keep(self, task_id: bytes, expires_ms: int) -> None:
        """Keep a task's state, and what it has used, for as long as a grant of it lives."""
        for statement in _KEEP:
            self._transaction.change(statement, of_task=task_id, until_ms=expires_ms + REVOCATION_KEPT_MS)

    def begin(self, task_id: bytes, labels: frozenset[str], expires_ms: int) -> None:
        """Begin a new task with labels that its holder brings along."""
        self._states[task_id] = state = TaskState(("", 0), expires_ms + REVOCATION_KEPT_MS)
        state.change(replace(TaskSession().labelled(labels), version=1))

    def write(self) -> None:
        """Write what was changed."""
        changed = [(task_id, state) for task_id, state in self._states.items() if state.changed]
        if changed:
            rows = [
                (task_id, state.session.text(), state.session.version, state.expires_ms) for task_id, state in changed
            ]
            self.characters += sum(len(text) for _, text, _, _ in rows)
            self._transaction.insert(_SET_STATE, rows)
        for _, state in changed:
            state.changed = False

    def _take(self, rows: Iterable[Row]) -> None:
        for task_id, text, version, expires_ms in rows:
            self.characters += len(text)
            self._states[bytes(task_id)] = TaskState((text, version), expires_ms)
