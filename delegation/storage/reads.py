"""The port's questions, each once for every database."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from delegation.core.agent_history import RecentActs
from delegation.core.session import TaskSession
from delegation.storage import queries
from delegation.storage.listing import CallFilter, FeedPage, Page, TaskFilter
from delegation.storage.preconditions import IdempotencyKey
from delegation.storage.records import RecorderState
from delegation.storage.rows import (
    AGENTS,
    APPROVAL_ANSWERS,
    APPROVAL_REQUESTS,
    CALLS,
    DOCUMENTS,
    LINKS,
    OFFERS,
    OUTCOMES,
    RECORDERS,
    REVOCATIONS,
    TASKS,
    TOOL_REPORTS,
    USAGES,
    RecordTable,
    kept_response,
    stored_history,
    stored_session,
)
from delegation.storage.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from delegation.storage.approvals import ApprovalAnswerRecord, ApprovalFilter, ApprovalRequestRecord
    from delegation.storage.records import (
        AgentRecord,
        CallRecord,
        DocumentRecord,
        LinkRecord,
        OfferRecord,
        OutcomeRecord,
        TaskRecord,
    )
    from delegation.storage.sessions import UsageRecord
    from delegation.storage.tool_reports import ToolReportRecord

R = TypeVar("R")
T = TypeVar("T")
Row = tuple[Any, ...]

_TASK: Final = Statement(queries.TASK)
_LINKS_OF_TASK: Final = Statement(queries.LINKS_OF_TASK)
_CHAIN: Final = Statement(queries.CHAIN)
_CALL: Final = Statement(queries.CALL)
_RECORDER: Final = Statement(queries.RECORDER)
_SESSION: Final = Statement(queries.SESSION)
_USAGE: Final = Statement(queries.USAGE)
_AGENT_HISTORY: Final = Statement(queries.AGENT_HISTORY)
_STICKING: Final = Statement(queries.STICKING)
_RESPONSE: Final = Statement(queries.RESPONSE)
_AGENT: Final = Statement(queries.AGENT)
_AGENTS_AFTER: Final = Statement(queries.AGENTS_AFTER)
_OFFER: Final = Statement(queries.OFFER)
_TOOL_REPORTS_AFTER: Final = Statement(queries.TOOL_REPORTS_AFTER)
_TOOL_REPORTS_OF: Final = Statement(queries.TOOL_REPORTS_OF)
_LIVE_OFFERS: Final = Statement(queries.LIVE_OFFERS)
_OPEN_OFFERS: Final = Statement(queries.OPEN_OFFERS)
_DOCUMENT: Final = Statement(queries.DOCUMENT)
_NEWEST_DOCUMENT: Final = Statement(queries.NEWEST_DOCUMENT)
_APPROVAL_REQUEST: Final = Statement(queries.APPROVAL_REQUEST)
_OPEN_APPROVALS: Final = Statement(queries.open_approvals())
_APPROVAL_ANSWERS: Final = Statement(queries.APPROVAL_ANSWERS_OF)
_HEAD: Final = Statement(queries.HEAD)
_FEED: Final = Statement(queries.FEED, postgres=queries.FEED_BY_THE_DATABASES_CLOCK)

_OUTCOMES_AT_ONCE: Final = 512


class Snapshot(Protocol):
    """A connection, to somebody who asks it questions."""

    def all(self, statement: Statement, **values: object) -> list[Row]:
        """Return all rows."""

    def one(self, statement: Statement, **values: object) -> Row | None:
        """Return the first row."""


class Readers(Protocol):
    """Connections for questions; used from one event loop."""

    async def read(self, question: Callable[[Snapshot], T], *, of_one_moment: bool = False) -> T:
        """Answer a question; where it asks several things, all `of_one_moment` if it says so."""


class Reads:
    """The reading half of the port; see `delegation.storage.port.Storage`."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    async def task(self, task_id: bytes) -> TaskRecord | None:
        """Return a task."""
        return await self._one(TASKS, _TASK, task_id=task_id)

    async def tasks(self, which: TaskFilter, *, cursor: bytes | None = None, limit: int = 100) -> Page[TaskRecord]:
        """List tasks, newest first."""
        statement = Statement(queries.tasks_page(which, cursor=cursor, at_most=limit + 1))
        rows = await self._readers.read(lambda snapshot: snapshot.all(statement))
        return _page(TASKS, rows, limit, lambda task: task.task_id)

    async def links_of_task(self, task_id: bytes) -> tuple[LinkRecord, ...]:
        """Return all links of a task, each after its parent."""
        return await self._all(LINKS, _LINKS_OF_TASK, task_id=task_id)

    async def chain(self, leaf_link_id: bytes) -> tuple[LinkRecord, ...]:
        """Return the recorded links from grant to leaf."""
        return await self._all(LINKS, _CHAIN, leaf_link_id=leaf_link_id)

    async def call(self, call_id: bytes) -> CallRecord | None:
        """Return one decision."""
        return await self._one(CALLS, _CALL, call_id=call_id)

    async def calls(self, which: CallFilter, *, cursor: bytes | None = None, limit: int = 100) -> Page[CallRecord]:
        """List decisions, newest first."""
        statement = Statement(queries.calls_page(which, cursor=cursor, at_most=limit + 1))
        rows = await self._readers.read(lambda snapshot: snapshot.all(statement))
        return _page(CALLS, rows, limit, lambda call: call.call_id)

    async def outcomes(self, call_ids: Sequence[bytes]) -> Mapping[bytes, OutcomeRecord]:
        """Return the reported outcomes of these calls."""

        def question(snapshot: Snapshot) -> dict[bytes, OutcomeRecord]:
            found: dict[bytes, OutcomeRecord] = {}
            for start in range(0, len(call_ids), _OUTCOMES_AT_ONCE):
                some = list(call_ids[start : start + _OUTCOMES_AT_ONCE])
                asked = 1 << (len(some) - 1).bit_length()
                some += some[-1:] * (asked - len(some))
                rows = snapshot.all(_outcomes_of(asked), **{f"call_{n}": call_id for n, call_id in enumerate(some)})
                found.update((record.call_id, record) for record in map(OUTCOMES.from_row, rows))
            return found

        return await self._readers.read(question)

    async def session(self, task_id: bytes) -> TaskSession:
        """Return the state of a task."""
        row = await self._readers.read(lambda snapshot: snapshot.one(_SESSION, task_id=task_id))
        return TaskSession() if row is None else stored_session(*row)

    async def sticking_labels(self, agents: Sequence[str], now_ms: int) -> frozenset[str]:
        """Return the labels that stick to agents."""

        def question(snapshot: Snapshot) -> frozenset[str]:
            rows = (row for agent in set(agents) for row in snapshot.all(_STICKING, agent=agent, now_ms=now_ms))
            return frozenset(label for (label,) in rows)

        return await self._readers.read(question)

    async def recent_acts(self, agent: str, now_ms: int) -> RecentActs:
        """Return what an agent did lately."""
        row = await self._readers.read(lambda snapshot: snapshot.one(_AGENT_HISTORY, agent=agent))
        return RecentActs() if row is None else stored_history(row[0]).recent(now_ms)

    async def usage(self, task_id: bytes) -> tuple[UsageRecord, ...]:
        """Return what was used of the conditions of a task's links."""
        return await self._all(USAGES, _USAGE, task_id=task_id)

    async def approval_request(self, request_id: bytes) -> ApprovalRequestRecord | None:
        """Return a request for approval."""
        return await self._one(APPROVAL_REQUESTS, _APPROVAL_REQUEST, request_id=request_id)

    async def approval_answers(self, request_id: bytes) -> tuple[ApprovalAnswerRecord, ...]:
        """Return the answers to a request."""
        return await self._all(APPROVAL_ANSWERS, _APPROVAL_ANSWERS, request_id=request_id)

    async def answers_of_approvals(
        self, request_ids: Collection[bytes]
    ) -> Mapping[bytes, tuple[ApprovalAnswerRecord, ...]]:
        """Return the answers to some requests."""
        found: dict[bytes, list[ApprovalAnswerRecord]] = {request_id: [] for request_id in request_ids}
        if found:
            statement = Statement(queries.answers_of_approvals(tuple(found)))
            for row in await self._readers.read(lambda snapshot: snapshot.all(statement)):
                answer = APPROVAL_ANSWERS.from_row(row)
                found[answer.request_id].append(answer)
        return {request_id: tuple(answers) for request_id, answers in found.items()}

    async def open_approvals(self, now_ms: int, *, limit: int) -> tuple[tuple[bytes, int], ...]:
        """Return which requests can be answered, and how many answers each has."""
        rows = await self._readers.read(lambda snapshot: snapshot.all(_OPEN_APPROVALS, now_ms=now_ms, at_most=limit))
        return tuple((bytes(request_id), int(answers)) for request_id, answers in rows)

    async def approvals_of(self, request_ids: Collection[bytes]) -> tuple[ApprovalRequestRecord, ...]:
        """Return some requests, without their arguments."""
        if not request_ids:
            return ()
        statement = Statement(queries.approvals_of(tuple(request_ids)))
        rows = await self._readers.read(lambda snapshot: snapshot.all(statement))
        return tuple(map(APPROVAL_REQUESTS.from_row, rows))

    async def approval_requests(
        self, which: ApprovalFilter, *, cursor: bytes | None = None, limit: int = 100
    ) -> Page[ApprovalRequestRecord]:
        """List requests for approval, newest first."""
        statement = Statement(queries.approvals_page(which, cursor=cursor, at_most=limit + 1))
        rows = await self._readers.read(lambda snapshot: snapshot.all(statement))
        return _page(APPROVAL_REQUESTS, rows, limit, lambda request: request.request_id)

    async def recorder(self, guard_key: bytes) -> RecorderState:
        """Return where a guard's numbered decisions stand."""
        return await self._one(RECORDERS, _RECORDER, guard_key=guard_key) or RecorderState(guard_key)

    async def earlier_response(self, key: IdempotencyKey) -> bytes | None:
        """Return the response kept for a request."""
        values = {"caller": key.caller, "method": key.method, "key": key.key}
        return kept_response(key, await self._readers.read(lambda snapshot: snapshot.one(_RESPONSE, **values)))

    async def head_position(self) -> int:
        """Return the feed's last position."""
        return await self._readers.read(_head)

    async def feed(self, after_position: int, limit: int, *, live_at_ms: int | None = None) -> FeedPage:
        """Return entries after a position."""
        live = {"live_at_ms": -1 if live_at_ms is None else live_at_ms}

        def question(snapshot: Snapshot) -> FeedPage:
            rows = snapshot.all(_FEED, after=after_position, at_most=limit, **live)
            return FeedPage(_head(snapshot), tuple(map(REVOCATIONS.from_row, rows)))

        return await self._readers.read(question, of_one_moment=True)

    async def agent(self, agent_id: str) -> AgentRecord | None:
        """Return an agent's registration."""
        return await self._one(AGENTS, _AGENT, agent_id=agent_id)

    async def agents(self, *, cursor: bytes | None = None, limit: int = 100) -> Page[AgentRecord]:
        """List registered agents by id."""
        after = (cursor or b"").decode(errors="replace").replace("\0", " ")  # a caller's; PostgreSQL takes no NUL
        rows = await self._readers.read(lambda snapshot: snapshot.all(_AGENTS_AFTER, cursor=after, at_most=limit + 1))
        return _page(AGENTS, rows, limit, lambda agent: agent.agent_id.encode())

    async def tool_reports(self, *, cursor: bytes | None = None, limit: int = 100) -> Page[ToolReportRecord]:
        """List what tools have said of themselves."""
        question = {"cursor": cursor or b"", "at_most": limit + 1}
        rows = await self._readers.read(lambda snapshot: snapshot.all(_TOOL_REPORTS_AFTER, **question))
        return _page(TOOL_REPORTS, rows, limit, lambda report: report.report_id)

    async def tool_reports_of(self, audience: str, tool: str, *, limit: int = 100) -> Sequence[ToolReportRecord]:
        """Return what has been said of a tool."""
        return await self._all(TOOL_REPORTS, _TOOL_REPORTS_OF, audience=audience, tool=tool, at_most=limit)

    async def offers(self, agent_id: str, *, now_ms: int, limit: int = 100) -> Sequence[OfferRecord]:
        """Return an agent's open offers."""
        return await self._all(OFFERS, _OPEN_OFFERS, agent_id=agent_id, now_ms=now_ms, at_most=limit)

    async def offer(self, offer_digest: bytes) -> OfferRecord | None:
        """Return an offer, taken or not."""
        return await self._one(OFFERS, _OFFER, offer_digest=offer_digest)

    async def live_offers(self, *, now_ms: int, limit: int = 100_000) -> Sequence[OfferRecord]:
        """Return all offers that have not expired."""
        return await self._all(OFFERS, _LIVE_OFFERS, now_ms=now_ms, at_most=limit)

    async def document(self, kind: str, version: int | None = None) -> DocumentRecord | None:
        """Return a version of a document, by default the newest."""
        if version is None:
            return await self._one(DOCUMENTS, _NEWEST_DOCUMENT, kind=str(kind))
        return await self._one(DOCUMENTS, _DOCUMENT, kind=str(kind), version=version)

    async def _one(self, table: RecordTable[R], statement: Statement, **values: object) -> R | None:
        row = await self._readers.read(lambda snapshot: snapshot.one(statement, **values))
        return None if row is None else table.from_row(row)

    async def _all(self, table: RecordTable[R], statement: Statement, **values: object) -> tuple[R, ...]:
        rows = await self._readers.read(lambda snapshot: snapshot.all(statement, **values))
        return tuple(map(table.from_row, rows))


@cache
def _outcomes_of(calls_asked: int) -> Statement:
    """Give a statement for a power of two of calls: connections keep those they meet, some 50 KB each, and meet ten."""
    return Statement(queries.outcomes_of(calls_asked))


def _head(snapshot: Snapshot) -> int:
    row = snapshot.one(_HEAD)
    return 0 if row is None else int(row[0])


def _page(table: RecordTable[R], rows: Sequence[tuple[Any, ...]], limit: int, key: Callable[[R], bytes]) -> Page[R]:
    items = tuple(map(table.from_row, rows[:limit]))
    return Page(items, key(items[-1]) if len(rows) > limit else None)
