"""Records to rows and back, and the statements that carry whole records.

A record's fields are its table's columns of the same names, in the record's order.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar

import sqlalchemy as sa

from delegation.core.agent_history import AgentHistory
from delegation.core.session import TaskSession
from delegation.errors import Conflict, Malformed, StorageError
from delegation.storage import approvals, records, schema, tool_reports
from delegation.storage.preconditions import IdempotencyKey
from delegation.storage.sessions import UsageRecord

R = TypeVar("R")
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class RecordTable(Generic[R]):
    """A table whose rows are records of one type."""

    table: sa.Table
    columns: tuple[sa.Column[Any], ...]
    to_row: Callable[[R], Row]
    from_row: Callable[[Sequence[Any]], R]

    def select(self) -> sa.Select[Any]:
        """Select whole records."""
        return sa.select(*self.columns)

    def insert(self) -> sa.Insert:
        """Insert one row, its columns in the record's order."""
        return sa.insert(self.table).values({column.name: sa.bindparam(column.name) for column in self.columns})


def _table(record: type[R], table: sa.Table) -> RecordTable[R]:
    names = _names(record)
    columns = tuple(table.c[name] for name in names)
    flags = [place for place, column in enumerate(columns) if isinstance(column.type, sa.Boolean)]

    def from_row(row: Sequence[Any]) -> R:
        values = list(row)
        for place in flags:  # SQLite has no booleans
            values[place] = bool(values[place])
        return record(*values)

    return RecordTable(table, columns, attrgetter(*names), from_row)


def _names(record: type[Any]) -> Sequence[str]:
    return [field.name for field in fields(record)] if is_dataclass(record) else record._fields


TASKS: Final = _table(records.TaskRecord, schema.tasks)
LINKS: Final = _table(records.LinkRecord, schema.links)
CALLS: Final = _table(records.CallRecord, schema.calls)
OUTCOMES: Final = _table(records.OutcomeRecord, schema.outcomes)
REVOCATIONS: Final = _table(records.RevocationRecord, schema.revocations)
AGENTS: Final = _table(records.AgentRecord, schema.agents)
OFFERS: Final = _table(records.OfferRecord, schema.offers)
BATCHES: Final = _table(records.DecisionBatch, schema.decision_batches)
RECORDERS: Final = _table(records.RecorderState, schema.recorders)
USAGES: Final = _table(UsageRecord, schema.usage)
APPROVAL_REQUESTS: Final = _table(approvals.ApprovalRequestRecord, schema.approval_requests)
APPROVAL_ANSWERS: Final = _table(approvals.ApprovalAnswerRecord, schema.approval_answers)
TOOL_REPORTS: Final = _table(tool_reports.ToolReportRecord, schema.tool_reports)
DOCUMENTS: Final = _table(records.DocumentRecord, schema.documents)


def kept_response(key: IdempotencyKey, row: Row | None) -> bytes | None:
    """Return the response in a row of `RESPONSE`; raise `Conflict` if it answers another request."""
    if row is None:
        return None
    if not hmac.compare_digest(row[0], key.request_digest):
        raise Conflict("this idempotency key was used for another request")
    return bytes(row[1])


def stored_history(text: str) -> AgentHistory:
    """Read what is remembered of an agent. Raises `StorageError` if this program has not written it."""
    try:
        return AgentHistory.of_text(text)
    except Malformed as error:
        raise StorageError("storage_unavailable", f"the history of an agent cannot be read: {error}") from None


def stored_session(text: str, version: int) -> TaskSession:
    """Read the state of a task as it is stored. Raises `StorageError` if this program has not written it."""
    try:
        return TaskSession.of_text(text, version)
    except Malformed as error:
        raise StorageError("storage_unavailable", f"the state of a task cannot be read: {error}") from None
