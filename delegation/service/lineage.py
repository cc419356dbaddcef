"""Looking back: tasks, chains and calls, for those who may see them.

An agent sees the tasks in which it has a part, a tool the calls of its audiences, an auditor or
operator all. What a caller may not see does not exist for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from delegation.core.chain import Principal, PrincipalBasis, TraceIds
from delegation.core.codec import add_statements, decode_statement
from delegation.core.kept_arguments import KeptArguments
from delegation.core.lineage import CallExplanation, ConditionUse, RecordedCall, RecordedLink, RecordedTask
from delegation.core.observation import Observation
from delegation.errors import InvalidRequest, Malformed, NotFound, PermissionDenied, Reason, StorageError, refusal
from delegation.identity.port import Caller, Role
from delegation.service.condition_uses import uses_of_links
from delegation.service.feed import RevocationFeed
from delegation.service.ids import Clock
from delegation.service.owners import Owners
from delegation.service.recorded_links import payload_and_signature
from delegation.service.revoked_links import revoked_links
from delegation.storage.listing import CallFilter, TaskFilter
from delegation.storage.port import Storage
from delegation.storage.records import CallRecord, LinkRecord, OutcomeRecord, TaskRecord

_SEES_ALL = (Role.AUDITOR, Role.OPERATOR)


class TaskView(NamedTuple):
    """A task with all its links, each after its parent."""

    task: RecordedTask
    links: tuple[RecordedLink, ...]


class TaskPage(NamedTuple):
    """Part of a list of tasks, newest first; `next_cursor` is None at its end."""

    tasks: tuple[RecordedTask, ...]
    next_cursor: bytes | None


class CallPage(NamedTuple):
    """Part of a list of calls, newest first; `next_cursor` is None at its end."""

    calls: tuple[RecordedCall, ...]
    next_cursor: bytes | None


class Lineage:
    """Answers questions about what is recorded.

    Args:
        storage: where it is.
        feed: what is revoked.
        owners: who answers for whom.
        answer_bytes: what one answer may hold; a task with longer links is not made into one, a page of calls is cut.
        now_ms: the clock.
    """

    def __init__(
        self, storage: Storage, feed: RevocationFeed, *, owners: Owners, answer_bytes: int, now_ms: Clock
    ) -> None:
        self._storage = storage
        self._answer_bytes = answer_bytes
        self._feed = feed
        self._owners = owners
        self._now_ms = now_ms

    async def task(self, caller: Caller, task_id: bytes) -> TaskView:
        """Give a task with its links. Raises `NotFound`, or `InvalidRequest` where they are too large for an answer."""
        task = await self._storage.task(task_id)
        links = await self._storage.links_of_task(task_id)
        if task is None or not (_sees_all(caller) or _has_part(caller, links)):
            raise NotFound("no such task, or none that the caller has a part in")
        if sum(len(link.signed) for link in links) > self._answer_bytes:
            raise InvalidRequest(
                f"the {len(links)} links of this task are larger than one answer ({self._answer_bytes} bytes);"
                " ask for its calls, and for the chains of those"
            )
        return TaskView(_task(task), await self._links(task, links))

    async def tasks(
        self,
        caller: Caller,
        *,
        active_only: bool = False,
        holder_agent: str | None = None,
        cursor: bytes | None = None,
        limit: int,
    ) -> TaskPage:
        """List the tasks that the caller may see, newest first."""
        which = TaskFilter(
            holder_agent=holder_agent,
            member=None if _sees_all(caller) else caller.id,
            active_at_ms=self._now_ms() if active_only else None,
        )
        page = await self._storage.tasks(which, cursor=cursor, limit=limit)
        return TaskPage(tuple(map(_task, page.items)), page.next_cursor)

    async def chain(self, caller: Caller, link_id: bytes) -> bytes:
        """Give the token of the chain that ends in a link, with its receipt. Raises `NotFound`."""
        chain = await self._storage.chain(link_id)
        if not chain or not (
            _sees_all(caller) or _has_part(caller, await self._storage.links_of_task(chain[0].task_id))
        ):
            raise NotFound("no such link, or none of a task that the caller has a part in")
        token = b"".join(link.signed for link in chain)
        return add_statements(token, [decode_statement(chain[-1].receipt)])

    async def calls(
        self,
        caller: Caller,
        *,
        task_id: bytes | None = None,
        audience: str | None = None,
        tool: str | None = None,
        agent: str | None = None,
        allowed: bool | None = None,
        observed: bool | None = None,
        cursor: bytes | None = None,
        limit: int,
    ) -> CallPage:
        """Find calls that the caller may see, newest first. Raises `PermissionDenied`, `NotFound`."""
        audiences: tuple[str, ...] | None = (audience,) if audience else None
        if not (_sees_all(caller) or await self._has_part_in(caller, task_id)):
            audiences, agent = _own_calls(caller, audience, agent)
        which = CallFilter(
            task_id=task_id, audiences=audiences, tool=tool, agent=agent, allowed=allowed, observed=observed
        )
        page = await self._storage.calls(which, cursor=cursor, limit=limit)
        fitting = _fitting(page.items, self._answer_bytes // 2)
        next_cursor = page.next_cursor if len(fitting) == len(page.items) else fitting[-1].call_id
        return CallPage(await self._calls(caller, fitting), next_cursor)

    async def explain(self, caller: Caller, call_id: bytes) -> CallExplanation:
        """Give a call with its task and chain. Raises `NotFound`."""
        record = await self._storage.call(call_id)
        if record is None or not await self._sees(caller, record):
            raise NotFound("no such call, or none that the caller may see")
        task = await self._storage.task(record.task_id) if record.task_id else None
        chain = await self._storage.chain(record.leaf_link_id) if task and record.leaf_link_id else ()
        (call,) = await self._calls(caller, [record])
        return CallExplanation(call, _task(task) if task else None, await self._links(task, chain) if task else ())

    # -- who sees what -----------------------------------------------------------------------------------

    async def _sees(self, caller: Caller, call: CallRecord) -> bool:
        return (
            _sees_all(caller)
            or _speaks_for(caller, call)
            or call.leaf_agent == caller.id
            or await self._has_part_in(caller, call.task_id)
        )

    async def _reads_values(self, caller: Caller, call: CallRecord) -> bool:
        """Tell whether a caller who sees a call also reads what was kept of its arguments.

        An agent that was handed one tool of a task sees what else was called in it, but not with what.
        """
        if _sees_all(caller) or call.leaf_agent == caller.id or _speaks_for(caller, call):
            return True
        task = await self._storage.task(call.task_id) if call.task_id else None
        return task is not None and task.holder_agent == caller.id

    async def _has_part_in(self, caller: Caller, task_id: bytes | None) -> bool:
        return task_id is not None and _has_part(caller, await self._storage.links_of_task(task_id))

    # -- values ------------------------------------------------------------------------------------------

    async def _links(self, task: TaskRecord, links: Sequence[LinkRecord]) -> tuple[RecordedLink, ...]:
        revoked = revoked_links(task, links, self._feed.state)
        owners = {agent: await self._owners.owner(agent) for agent in {link.holder_agent for link in links}}
        uses = await self._uses(task, links)
        return tuple(
            replace(
                _link(link, revoked=link.link_id in revoked, owner=owners[link.holder_agent]),
                uses=uses.get(link.link_id, ()),
            )
            for link in links
        )

    async def _uses(self, task: TaskRecord, links: Sequence[LinkRecord]) -> Mapping[bytes, tuple[ConditionUse, ...]]:
        """Give what was used of links' conditions; nothing for a task that is over, whose sums are not kept."""
        if task.completed_ms is not None or task.expires_ms <= self._now_ms():
            return {}
        return await uses_of_links(links, await self._storage.usage(task.task_id))

    async def _calls(self, caller: Caller, records: Sequence[CallRecord]) -> tuple[RecordedCall, ...]:
        outcomes = await self._storage.outcomes([each.call_id for each in records if each.allowed or each.observed])
        calls = []
        for record in records:
            kept = _kept(record) if record.arguments is not None and await self._reads_values(caller, record) else None
            inputs = record.inputs if _sees_all(caller) else None  # they tell of calls by others in the task
            calls.append(_call(record, outcomes.get(record.call_id), kept, inputs or ""))
        return tuple(calls)


def _sees_all(caller: Caller) -> bool:
    return not caller.roles.isdisjoint(_SEES_ALL)


def _speaks_for(caller: Caller, call: CallRecord) -> bool:
    return caller.has_role(Role.TOOL) and (caller.any_audience or call.audience in caller.audiences)


def _has_part(caller: Caller, links: Iterable[LinkRecord]) -> bool:
    return any(link.holder_agent == caller.id for link in links)


def _own_calls(caller: Caller, audience: str | None, agent: str | None) -> tuple[tuple[str, ...] | None, str | None]:
    """Narrow a search to what a caller without a part in the task may see: audiences and agent."""
    if caller.has_role(Role.TOOL):
        if caller.any_audience:
            return ((audience,) if audience else None), agent
        return tuple(sorted(caller.audiences & {audience} if audience else caller.audiences)), agent
    if not (caller.has_role(Role.AGENT) or caller.has_role(Role.ORCHESTRATOR)):
        raise PermissionDenied("calls are seen by the agents and tools that they concern, and by auditors")
    if agent not in (None, caller.id):
        raise NotFound("another agent's calls are seen with the task that both have a part in")
    return ((audience,) if audience else None), caller.id


def _task(record: TaskRecord) -> RecordedTask:
    return RecordedTask(
        task_id=record.task_id,
        purpose=record.purpose,
        principal=Principal(record.principal_subject, record.principal_issuer, PrincipalBasis(record.principal_basis)),
        holder_agent=record.holder_agent,
        created_at_ms=record.created_ms,
        expires_at_ms=record.expires_ms,
        completed_at_ms=record.completed_ms,
        completed_by=record.completed_by or "",
    )


def _link(record: LinkRecord, *, revoked: bool, owner: str) -> RecordedLink:
    payload, signature = payload_and_signature(record)
    return RecordedLink(
        record.link_id, record.parent_link_id, record.index, payload, signature, record.recorded_ms, revoked, owner
    )


def _call(record: CallRecord, outcome: OutcomeRecord | None, kept: KeptArguments | None, inputs: str) -> RecordedCall:
    return RecordedCall(
        call_id=record.call_id,
        task_id=record.task_id,
        leaf_link_id=record.leaf_link_id,
        agent=record.leaf_agent,
        principal_subject=record.principal_subject,
        audience=record.audience,
        tool=record.tool,
        refusal=None if record.allowed else refusal(Reason(record.reason), link_index=record.link_index),
        arguments_digest=record.arguments_digest,
        decided_at_ms=record.decided_ms,
        decided_by=record.decided_by,
        feed_position=record.feed_position,
        trace=TraceIds(record.trace_id, record.span_id) if record.trace_id and record.span_id else None,
        outcome=outcome.status if outcome else "",
        policy_digest=record.policy_digest or b"",
        catalogue_digest=record.catalogue_digest or b"",
        rules=tuple(record.rules.split(",")) if record.rules else (),
        kept=kept,
        impacts=tuple(sorted(json.loads(outcome.impact).items())) if outcome else (),
        inputs=inputs,
        observed=Observation(record.observed) if record.observed else None,
    )


def _fitting(calls: Sequence[CallRecord], characters: int) -> Sequence[CallRecord]:
    """Give the first calls of a page, one at least, with no more than this kept of their arguments and inputs."""
    for count, call in enumerate(calls):
        characters -= len(call.arguments or "") + len(call.inputs or "")
        if characters < 0:
            return calls[: max(count, 1)]
    return calls


def _kept(record: CallRecord) -> KeptArguments | None:
    if record.arguments is None:
        return None
    try:
        return KeptArguments.of_text(record.arguments)
    except Malformed as error:
        raise StorageError("storage_unavailable", f"what was kept of a call cannot be read: {error}") from None
