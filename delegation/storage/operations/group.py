"""One group of operations in one transaction, each with its own answer.

Operations that only insert are tried together, a statement a table, and so are those that share their
statements; others follow, each behind a savepoint. If anything stands against that it is undone, and
every operation of the group runs behind a savepoint of its own: none spoils another's.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from delegation.errors import Conflict, DelegationError, StorageError
from delegation.storage.operations.operation import InsertOperation, Operation, Row, SharedOperation, Transaction
from delegation.storage.refused_writes import WriteRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from delegation.storage.statements import Statement


class GroupTransaction(Transaction):
    """A transaction that a group shares."""

    def insert_all(self, inserts: Mapping[Statement, Sequence[Row]]) -> bool:
        """Insert for a group that is tried together; tell whether that stands."""
        for statement, rows in inserts.items():
            self.insert(statement, rows)
        return True

    @abstractmethod
    def save(self) -> None:
        """Set a savepoint."""

    @abstractmethod
    def release(self) -> None:
        """Keep what was written since the savepoint."""

    @abstractmethod
    def undo(self) -> None:
        """Undo what was written since the savepoint."""

    @abstractmethod
    def fails_all(self, error: Exception) -> bool:
        """Tell an error of the database itself from one that a single write brought upon itself."""

    @abstractmethod
    def is_conflict(self, error: Exception) -> bool:
        """Tell whether a unique key was taken."""


def together(transaction: GroupTransaction, operations: Sequence[Operation[Any]]) -> list[object] | None:
    """Insert for all that only insert, then run the others; None if something stood against it."""
    results: dict[int, object] = {}
    inserts: dict[Statement, list[Row]] = {}
    try:
        _open_sessions(transaction, operations)
        for place, operation in enumerate(operations):
            if isinstance(operation, InsertOperation):
                results[place] = _planned(transaction, operation, inserts)
        stands = transaction.insert_all(inserts)
        if stands:
            transaction.sessions.write()
            results |= _shared(transaction, operations)
    except Exception as error:
        if transaction.fails_all(error):
            raise
        return None
    if not stands:
        return None
    return [
        results[place] if place in results else alone(transaction, operation)
        for place, operation in enumerate(operations)
    ]


def _shared(transaction: GroupTransaction, operations: Sequence[Operation[Any]]) -> dict[int, object]:
    """Make the writes of which several are made at once; return their results by place."""
    places: dict[type[SharedOperation[Any]], list[int]] = {}
    for place, operation in enumerate(operations):
        if isinstance(operation, SharedOperation):
            places.setdefault(type(operation), []).append(place)
    results: dict[int, object] = {}
    for kind, of_kind in places.items():
        some = kind.apply_all(transaction, [operations[place] for place in of_kind])
        results.update(zip(of_kind, some, strict=True))
    return results


def each_alone(transaction: GroupTransaction, operations: Sequence[Operation[Any]]) -> list[object]:
    """Run every operation behind a savepoint of its own; return each one's result or what refused it."""
    _open_sessions(transaction, operations)
    return [alone(transaction, operation) for operation in operations]


def alone(transaction: GroupTransaction, operation: Operation[Any]) -> object:
    """Run one operation behind a savepoint; return its result or what refused it."""
    tried, error = _tried(transaction, operation)
    if error is not None and transaction.is_conflict(error):
        # Another replica may have been faster since it looked; now it sees what that one wrote.
        tried, error = _tried(transaction, operation)
    return tried if error is None else _refusal(transaction, error)


def _tried(transaction: GroupTransaction, operation: Operation[Any]) -> tuple[object, Exception | None]:
    transaction.save()
    try:
        result = operation.apply(transaction)
        transaction.sessions.write()
    except Exception as error:
        if transaction.fails_all(error):
            raise
        transaction.undo()
        transaction.forget()
        return None, error
    transaction.release()
    transaction.sessions.forget()  # the next operation may change them in the database itself
    return result, None


def _open_sessions(transaction: GroupTransaction, operations: Sequence[Operation[Any]]) -> None:
    """Lock and read all states of tasks that a group changes, before it writes anything: two groups never cross."""
    wanted = [want for operation in operations for want in operation.wants()]
    if wanted:
        transaction.sessions.open(wanted)


def _planned(
    transaction: GroupTransaction, operation: InsertOperation[Any], inserts: dict[Statement, list[Row]]
) -> object:
    try:
        plan = operation.plan(transaction)
    except (DelegationError, WriteRefusedError) as refused:
        return refused
    for statement, row in plan.rows:
        inserts.setdefault(statement, []).append(row)
    return plan.result


def _refusal(transaction: GroupTransaction, error: Exception) -> Exception:
    if isinstance(error, (DelegationError, WriteRefusedError)):
        return error
    if transaction.is_conflict(error):
        refusal: DelegationError = Conflict("something of that name is recorded already")
    else:  # a value that the database cannot hold
        refusal = StorageError("storage_unavailable", f"the write was not possible: {type(error).__name__}")
    refusal.__cause__ = error
    return refusal
