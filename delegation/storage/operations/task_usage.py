"""What tasks have used of their links' conditions, and what calls have reserved. The lock of the task guards it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from delegation.core.usage import NOTHING_USED, Demand, released
from delegation.errors import Malformed, StorageError
from delegation.storage.preconditions import REVOCATION_KEPT_MS
from delegation.storage.schema import reservations, usage
from delegation.storage.statements import Statement, insert_or_replace, of_keys

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from delegation.storage.operations.operation import Row, Transaction
    from delegation.storage.sessions import SessionStep

_USED: Final = of_keys(sa.select(usage.c.task_id, usage.c.key, usage.c.used), usage.c.task_id, usage.c.key)
_SET_USAGE: Final = insert_or_replace(usage)
_SET_USED: Final = Statement(
    sa.update(usage)
    .where(usage.c.task_id == sa.bindparam("of_task"), usage.c.key == sa.bindparam("of_key"))
    .values(used=sa.bindparam("used"))
)
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

_Key = tuple[bytes, bytes]
"""A task, and the key of a sum in it."""


class TaskUsage:
    """What is known, in one transaction, of what was used."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.forget()

    def forget(self) -> None:
        """Forget what was read, and what was used and not written."""
        self._used: dict[_Key, str] = {}
        self._reserved: dict[bytes, tuple[bytes, list[tuple[bytes, str]]]] = {}
        self._charged: dict[_Key, Row] = {}
        self._given_back: set[_Key] = set()
        self._new_reservations: list[Row] = []
        self._releases: list[bytes] = []

    # -- reading

    def open_reservations(self, calls: Iterable[bytes]) -> set[bytes]:
        """Read what calls have reserved; give the tasks that it is about, which are locked before it is changed."""
        asked = sorted(calls)
        rows = self._transaction.rows_of(_RESERVED, call_id=asked) if asked else []
        for call_id, task_id, entries, is_released in rows:
            if not is_released:
                said = [(bytes.fromhex(key), amount) for key, amount in json.loads(entries)]
                self._reserved[bytes(call_id)] = (bytes(task_id), said)
        return {task_id for task_id, _ in self._reserved.values()}

    def open(self, demands: Iterable[tuple[bytes, Demand]]) -> None:
        """Read what was used of what is demanded in tasks, and of what was reserved."""
        keys = {(task_id, demand.key) for task_id, demand in demands}
        keys.update((task_id, key) for task_id, entries in self._reserved.values() for key, _ in entries)
        keys.difference_update(self._used)
        if keys:
            tasks, of_task = zip(*sorted(keys), strict=True)
            rows = self._transaction.rows_of(_USED, task_id=tasks, key=of_task)
            self._used.update({(bytes(task), bytes(key)): used for task, key, used in rows})

    def of(self, task_id: bytes, demands: Collection[Demand]) -> dict[bytes, str]:
        """Give what was used of each demand, by its key."""
        return {key: self._used.get((task_id, key), NOTHING_USED) for key in (demand.key for demand in demands)}

    # -- using

    def charge(self, step: SessionStep, call_id: bytes, after: Mapping[bytes, str], expires_ms: int) -> None:
        """Note what a permitted call uses, and reserve what it would give back.

        Args:
            step: the call's.
            call_id: the call.
            after: what is used of each demand after it, by its key.
            expires_ms: until when the state of its task is kept.
        """
        for demand in step.demands:
            of = step.task_id, demand.key
            self._used[of] = after[demand.key]
            condition = demand.account, demand.audience, demand.tool, demand.argument
            self._charged[of] = (*of, *condition, after[demand.key], expires_ms)
        budgets = [demand for demand in step.demands if not demand.is_of_calls and demand.amount != NOTHING_USED]
        if budgets:
            text = json.dumps([(demand.key.hex(), demand.amount) for demand in budgets], separators=(",", ":"))
            until_ms = max(step.expires_ms, step.now_ms + _RESERVED_MS) + REVOCATION_KEPT_MS
            self._new_reservations.append((call_id, step.task_id, text, False, until_ms))

    def reserved_by(self, call_id: bytes) -> bytes:
        """Give the task in which a call holds what it reserved; empty if it holds nothing."""
        return self._reserved.get(call_id, (b"", []))[0]

    def give_back(self, call_id: bytes) -> None:
        """Give back what a call has reserved. Raises `StorageError` if a sum cannot be read."""
        task_id, entries = self._reserved.pop(call_id)
        known = [((task_id, key), amount) for key, amount in entries if (task_id, key) in self._used]
        try:
            left = {of: released(self._used[of], amount) for of, amount in known}
        except Malformed as error:  # nothing is noted yet: others of the group go on, and write what is
            raise StorageError("storage_unavailable", f"what was used cannot be read: {error}") from None
        self._used.update(left)
        self._given_back.update(left)
        self._releases.append(call_id)

    # -- writing

    def write(self) -> None:
        """Write what was used, reserved and given back."""
        if self._charged:
            rows = [(*row[:6], self._used[of], row[7]) for of, row in self._charged.items()]
            self._transaction.insert(_SET_USAGE, rows)
        if self._new_reservations:
            self._transaction.insert(_RESERVE, self._new_reservations)
        for task_id, key in sorted(self._given_back):
            self._change(_SET_USED, of_task=task_id, of_key=key, used=self._used[task_id, key])
        for call_id in self._releases:
            self._change(_RELEASE, of_call=call_id)
        for changes in (self._charged, self._new_reservations, self._given_back, self._releases):
            changes.clear()

    def _change(self, statement: Statement, **values: Any) -> None:
        if self._transaction.change(statement, **values) != 1:
            raise StorageError("storage_unavailable", "the state of a task changed under its lock")
