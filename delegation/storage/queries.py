"""The reading side's statements, for every database.

Lists are paged by primary key, newest first: rows that are added meanwhile come before the
page, never into it. A list fetches one row more than asked, to know whether there is more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

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
)
from delegation.storage.schema import (
    agent_history,
    agent_labels,
    agents,
    approval_answers,
    approval_requests,
    calls,
    documents,
    feed_head,
    links,
    offers,
    outcomes,
    recorders,
    responses,
    revocations,
    sessions,
    tasks,
    tool_reports,
    usage,
)

if TYPE_CHECKING:
    from delegation.storage.approvals import ApprovalFilter
    from delegation.storage.listing import CallFilter, TaskFilter

_AT_MOST: Final = sa.bindparam("at_most", type_=sa.Integer)

TASK: Final = TASKS.select().where(tasks.c.task_id == sa.bindparam("task_id"))
LINKS_OF_TASK: Final = (
    LINKS.select().where(links.c.task_id == sa.bindparam("task_id")).order_by(links.c.index, links.c.link_id)
)
CALL: Final = CALLS.select().where(calls.c.call_id == sa.bindparam("call_id"))
SESSION: Final = sa.select(sessions.c.state, sessions.c.version).where(sessions.c.task_id == sa.bindparam("task_id"))
USAGE: Final = USAGES.select().where(usage.c.task_id == sa.bindparam("task_id")).order_by(usage.c.key)
AGENT_HISTORY: Final = sa.select(agent_history.c.history).where(agent_history.c.agent == sa.bindparam("agent"))
STICKING: Final = sa.select(agent_labels.c.label).where(
    agent_labels.c.agent == sa.bindparam("agent"), agent_labels.c.until_ms > sa.bindparam("now_ms")
)
RECORDER: Final = RECORDERS.select().where(recorders.c.guard_key == sa.bindparam("guard_key"))
AGENT: Final = AGENTS.select().where(agents.c.agent_id == sa.bindparam("agent_id"))
AGENTS_AFTER: Final = (
    AGENTS.select().where(agents.c.agent_id > sa.bindparam("cursor")).order_by(agents.c.agent_id).limit(_AT_MOST)
)
TOOL_REPORTS_AFTER: Final = (
    TOOL_REPORTS.select()
    .where(tool_reports.c.report_id > sa.bindparam("cursor"))
    .order_by(tool_reports.c.report_id)
    .limit(_AT_MOST)
)
TOOL_REPORTS_OF: Final = (
    TOOL_REPORTS.select()
    .where(tool_reports.c.audience == sa.bindparam("audience"), tool_reports.c.tool == sa.bindparam("tool"))
    .order_by(tool_reports.c.last_seen_ms.desc())
    .limit(_AT_MOST)
)
LIVE_OFFERS: Final = (
    OFFERS.select()
    .where(offers.c.expires_ms > sa.bindparam("now_ms"))
    .order_by(offers.c.expires_ms.desc())
    .limit(_AT_MOST)
)
OPEN_OFFERS: Final = (
    OFFERS.select()
    .where(
        offers.c.agent_id == sa.bindparam("agent_id"),
        offers.c.expires_ms > sa.bindparam("now_ms"),
        offers.c.taken_by.is_(None),
    )
    .order_by(offers.c.expires_ms.desc())
    .limit(_AT_MOST)
)
OFFER: Final = OFFERS.select().where(offers.c.offer_digest == sa.bindparam("offer_digest"))
RESPONSE: Final = sa.select(responses.c.request_digest, responses.c.response).where(
    responses.c.caller == sa.bindparam("caller"),
    responses.c.method == sa.bindparam("method"),
    responses.c.key == sa.bindparam("key"),
)
NEWEST_DOCUMENT: Final = (
    DOCUMENTS.select().where(documents.c.kind == sa.bindparam("kind")).order_by(documents.c.version.desc()).limit(1)
)
DOCUMENT: Final = DOCUMENTS.select().where(
    documents.c.kind == sa.bindparam("kind"), documents.c.version == sa.bindparam("version")
)
APPROVAL_REQUEST: Final = APPROVAL_REQUESTS.select().where(approval_requests.c.request_id == sa.bindparam("request_id"))
APPROVAL_ANSWERS_OF: Final = (
    APPROVAL_ANSWERS.select()
    .where(approval_answers.c.request_id == sa.bindparam("request_id"))
    .order_by(approval_answers.c.answered_ms, approval_answers.c.approver)
)
HEAD: Final = sa.select(feed_head.c.position)


def _feed(live_at_ms: sa.ColumnElement[Any]) -> sa.Select[Any]:
    after = revocations.c.position > sa.bindparam("after")
    return (
        REVOCATIONS.select()
        .where(after, revocations.c.expires_ms > live_at_ms)
        .order_by(revocations.c.position)
        .limit(_AT_MOST)
    )


_LIVE_AT: Final = sa.bindparam("live_at_ms", type_=sa.BigInteger)
FEED: Final = _feed(_LIVE_AT)
FEED_BY_THE_DATABASES_CLOCK: Final = _feed(
    sa.func.least(_LIVE_AT, sa.cast(sa.extract("epoch", sa.func.clock_timestamp()) * 1000, sa.BigInteger))
)
"""Leaves nothing out that has not expired by the database's clock, too: a replica's own may be ahead."""


def _chain() -> sa.Select[Any]:
    """Walk from the leaf to the grant by parent; link ids are digests, so there are no circles."""
    above = LINKS.select().where(links.c.link_id == sa.bindparam("leaf_link_id")).cte("above", recursive=True)
    parents = LINKS.select().join(above, links.c.link_id == above.c.parent_link_id)
    above = above.union_all(parents)
    return sa.select(*(above.c[column.name] for column in LINKS.columns)).order_by(above.c.index)


CHAIN: Final = _chain()


def outcomes_of(calls_asked: int) -> sa.Select[Any]:
    """Select the outcomes of so many calls, named `call_0`, `call_1` and so on."""
    return OUTCOMES.select().where(outcomes.c.call_id.in_([sa.bindparam(f"call_{n}") for n in range(calls_asked)]))


def tasks_page(which: TaskFilter, *, cursor: bytes | None, at_most: int) -> sa.Select[Any]:
    """Select a page of tasks."""
    # A member's tasks by its own index, so that an agent of few tasks does not read everybody's.
    by: sa.Column[Any] = tasks.c.task_id if which.member is None else links.c.task_id
    statement = sa.select(*(by if column is tasks.c.task_id else column for column in TASKS.columns))
    if which.member is not None:
        statement = statement.distinct().join_from(tasks, links, links.c.task_id == tasks.c.task_id)
        statement = statement.where(links.c.holder_agent == which.member)
    if which.holder_agent is not None:
        statement = statement.where(tasks.c.holder_agent == which.holder_agent)
    if which.caller is not None:
        statement = statement.where(tasks.c.caller == which.caller)
    if which.active_at_ms is not None:
        statement = statement.where(tasks.c.completed_ms.is_(None), tasks.c.expires_ms > which.active_at_ms)
    if cursor is not None:
        statement = statement.where(by < cursor)
    return statement.order_by(by.desc()).limit(at_most)


# By both, since the index of denials is the one to find them in.
_OBSERVED: Final = sa.and_(calls.c.allowed.is_(False), calls.c.observed.is_not(None))


def calls_page(which: CallFilter, *, cursor: bytes | None, at_most: int) -> sa.Select[Any]:
    """Select a page of calls."""
    statement = CALLS.select()
    if which.task_id is not None:
        statement = statement.where(calls.c.task_id == which.task_id)
    if which.audiences is not None:
        statement = statement.where(_any_of(calls.c.audience, which.audiences))
    if which.tool is not None:
        statement = statement.where(calls.c.tool == which.tool)
    if which.agent is not None:
        statement = statement.where(calls.c.leaf_agent == which.agent)
    if which.allowed is not None:
        statement = statement.where(calls.c.allowed.is_(which.allowed))
    if which.observed is not None:
        statement = statement.where(_OBSERVED if which.observed else calls.c.observed.is_(None))
    if cursor is not None:
        statement = statement.where(calls.c.call_id < cursor)
    return statement.order_by(calls.c.call_id.desc()).limit(at_most)


_LARGE: Final = (approval_requests.c.arguments_json, approval_requests.c.token)
_SHOWN_IN_LISTS: Final = sa.select(
    *(sa.null().label(each.name) if each in _LARGE else each for each in APPROVAL_REQUESTS.columns)
)


def approvals_page(which: ApprovalFilter, *, cursor: bytes | None, at_most: int) -> sa.Select[Any]:
    """Select a page of requests for approval, without what they are called with."""
    statement = _SHOWN_IN_LISTS
    if which.task_id is not None:
        statement = statement.where(approval_requests.c.task_id == which.task_id)
    if which.requester is not None:
        statement = statement.where(approval_requests.c.requester == which.requester)
    if which.pending_at_ms is not None:  # as the index of those that have arguments knows them
        statement = statement.where(
            approval_requests.c.arguments_json.is_not(None), approval_requests.c.expires_ms > which.pending_at_ms
        )
    if cursor is not None:
        statement = statement.where(approval_requests.c.request_id < cursor)
    return statement.order_by(approval_requests.c.request_id.desc()).limit(at_most)


def answers_of_approvals(request_ids: tuple[bytes, ...]) -> sa.Select[Any]:
    """Select the answers to some requests for approval."""
    return (
        APPROVAL_ANSWERS.select()
        .where(approval_answers.c.request_id.in_(request_ids))
        .order_by(approval_answers.c.answered_ms, approval_answers.c.approver)
    )


def open_approvals() -> sa.Select[Any]:
    """Select the ids of the requests that can be answered, newest first, and how many answers each has."""
    answered = (
        sa.select(sa.func.count())
        .where(approval_answers.c.request_id == approval_requests.c.request_id)
        .correlate(approval_requests)
        .scalar_subquery()
    )
    return (
        sa.select(approval_requests.c.request_id, answered)
        .where(approval_requests.c.arguments_json.is_not(None), approval_requests.c.expires_ms > sa.bindparam("now_ms"))
        .order_by(approval_requests.c.request_id.desc())
        .limit(_AT_MOST)
    )


def approvals_of(request_ids: tuple[bytes, ...]) -> sa.Select[Any]:
    """Select some requests for approval, without what they are called with."""
    return _SHOWN_IN_LISTS.where(approval_requests.c.request_id.in_(request_ids))


def _any_of(column: sa.Column[Any], values: tuple[str, ...]) -> sa.ColumnElement[bool]:
    # One value can be read in order from its index; several would have to be sorted first.
    return column == values[0] if len(values) == 1 else column.in_(values)
