"""What tasks have used of their links' conditions, and what calls have reserved. The lock of the task guards it.

What a call has reserved stands in its record. It is given back by the outcome that says that the call has failed: there
is one outcome of a call, so that happens once.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

import sqlalchemy as sa

from delegation.core.demands import CALLS, Demand
from delegation.core.usage import NOTHING_USED, released
from delegation.errors import Malformed, StorageError
from delegation.storage.schema import calls, outcomes, reservations, usage
from delegation.storage.statements import Statement, insert_or_replace, of_keys

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from delegation.storage.operations.operation import Row, Transaction
    from delegation.storage.sessions import SessionStep

_USED: Final = of_keys(sa.select(usage.c.task_id, usage.c.key, usage.c.used), usage.c.task_id, usage.c.key)
# How long a row is kept changes with that of its task's state alone, so no index is written with each call.
_SET_USAGE: Final = insert_or_replace(usage, "used")
_SET_USED: Final = Statement(
    sa.update(usage)
    .where(usage.c.task_id == sa.bindparam("of_task"), usage.c.key == sa.bindparam("of_key"))
    .values(used=sa.bindparam("used"))
)
_RESERVED: Final = of_keys(sa.select(calls.c.call_id, calls.c.task_id, calls.c.reserved), calls.c.call_id)

_RESERVED_BEFORE: Final = of_keys(
    sa.select(reservations.c.call_id, reservations.c.task_id, reservations.c.entries), reservations.c.call_id
)
_SETTLED: Final = of_keys(sa.select(outcomes.c.call_id), outcomes.c.call_id)

_Key = tuple[bytes, bytes]
"""A task, and the key of a sum in it."""


class _Reserved(NamedTuple):
    """What a call took from the budgets of its task, by the keys of their sums; None cannot be read."""

    task_id: bytes
    amounts: dict[bytes, str] | None


class TaskUsage:
    """What is known, in one transaction, of what was used."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.forget()

    def __len__(self) -> int:
        return len(self._used)

    def forget(self) -> None:
        """Forget what was read, and what was used and not written."""
        self._used: dict[_Key, str] = {}
        self._reserved: dict[bytes, _Reserved] = {}
        self._charged: dict[_Key, Row] = {}
        self._given_back: set[_Key] = set()

    # -- reading

    def open_reservations(self, calls: Iterable[bytes]) -> set[bytes]:
        """Read what calls have reserved; give the tasks that it is about, which are locked before it is changed."""
        asked = set(calls)
        if asked:
            rows = self._transaction.rows_of(_RESERVED, call_id=sorted(asked))
            found = {
                bytes(call_id): _Reserved(bytes(task_id), _read(text))
                for call_id, task_id, text in rows
                if text and task_id
            }
            if former := sorted(asked.difference(found)):
                rows = self._transaction.rows_of(_RESERVED_BEFORE, call_id=former)
                found |= {bytes(of): _Reserved(bytes(task_id), _read_before(text)) for of, task_id, text in rows}
            self._reserved |= found
        return {reserved.task_id for reserved in self._reserved.values()}

    def leave_settled(self) -> None:
        """Leave what calls reserved whose outcome is there. Whoever gave it back had the lock that is held now."""
        if self._reserved:
            for (call_id,) in self._transaction.rows_of(_SETTLED, call_id=sorted(self._reserved)):
                self._reserved.pop(bytes(call_id), None)

    def open(self, wanted: Iterable[_Key]) -> None:
        """Read what was used of these sums, and of what was reserved."""
        keys = set(wanted)
        keys.update((reserved.task_id, key) for reserved in self._reserved.values() for key in reserved.amounts or ())
        keys.difference_update(self._used)
        if keys:
            tasks, of_task = zip(*sorted(keys), strict=True)
            rows = self._transaction.rows_of(_USED, task_id=tasks, key=of_task)
            self._used.update({(bytes(task), bytes(key)): used for task, key, used in rows})

    def of(self, task_id: bytes, demands: Collection[Demand]) -> dict[bytes, str]:
        """Give what was used of each demand, by its key."""
        return {demand.key: self._used.get((task_id, demand.key), NOTHING_USED) for demand in demands}

    # -- using

    def charge(self, step: SessionStep, after: Mapping[bytes, str], expires_ms: int) -> str | None:
        """Note what a permitted call uses; give what it reserves, as its record has it.

        Args:
            step: the call's.
            after: what is used of each demand after it, by its key.
            expires_ms: until when the state of its task is kept.
        """
        for demand in step.demands:
            of = step.task_id, demand.key
            self._used[of] = after[demand.key]
            condition = demand.account, demand.audience, demand.tool, demand.argument
            self._charged[of] = (*of, *condition, after[demand.key], expires_ms)
        return _written(step.demands)

    def reserved_by(self, call_id: bytes) -> bytes:
        """Give the task in which a call holds what it reserved; empty if it holds nothing."""
        reserved = self._reserved.get(call_id)
        return b"" if reserved is None else reserved.task_id

    def give_back(self, call_id: bytes) -> None:
        """Give back what a call has reserved. Raises `StorageError` if a sum cannot be read."""
        task_id, amounts = self._reserved[call_id]
        if amounts is None:
            raise StorageError("storage_unavailable", "what a call has reserved cannot be read")
        known = [((task_id, key), amount) for key, amount in amounts.items() if (task_id, key) in self._used]
        try:
            left = {of: released(self._used[of], amount) for of, amount in known}
        except Malformed as error:  # nothing is noted yet: others of the group go on, and write what is
            raise StorageError("storage_unavailable", f"what was used cannot be read: {error}") from None
        del self._reserved[call_id]
        self._used.update(left)
        self._given_back.update(left)

    # -- writing

    def write(self) -> None:
        """Write what was used and given back."""
        if self._charged:
            rows = [(*row[:6], self._used[of], row[7]) for of, row in self._charged.items()]
            self._transaction.insert(_SET_USAGE, rows)
        for task_id, key in sorted(self._given_back):
            used = self._used[task_id, key]
            if self._transaction.change(_SET_USED, of_task=task_id, of_key=key, used=used) != 1:
                raise StorageError("storage_unavailable", "the state of a task changed under its lock")
        self._charged.clear()
        self._given_back.clear()


def _written(demands: Collection[Demand]) -> str | None:
    """Write what a call reserves: amounts of budgets, by the keys of their sums. Calls are never given back."""
    budgets = [demand for demand in demands if demand.argument != CALLS and demand.amount != NOTHING_USED]
    return ",".join(f"{demand.key.hex()}={demand.amount}" for demand in budgets) or None


def _read(text: str) -> dict[bytes, str] | None:
    try:
        return {bytes.fromhex(key): amount for key, amount in (entry.split("=") for entry in text.split(","))}
    except ValueError:
        return None


def _read_before(text: str) -> dict[bytes, str] | None:
    try:
        return {bytes.fromhex(key): str(amount) for key, amount in json.loads(text)}
    except (ValueError, TypeError):
        return None
