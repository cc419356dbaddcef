"""Messages of LineageService: looking back at tasks, chains and calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from delegation.core import limits
from delegation.core.chain import Principal, PrincipalBasis
from delegation.core.kept_arguments import KeptArguments
from delegation.core.lineage import CallExplanation, ConditionUse, RecordedCall, RecordedLink, RecordedTask
from delegation.core.observation import Observation
from delegation.errors import InvalidRequest, Malformed
from delegation.v1 import chain_pb2, statement_pb2
from delegation.v1 import lineage_service_pb2 as pb
from delegation.wire.fields import service_answer, sized, text, trace_ids
from delegation.wire.paging import PageRequest, page_token, read_cursor, read_page
from delegation.wire.refusals import read_refusal, refusal_message

_BASIS_NUMBER: Final = {
    basis: chain_pb2.PrincipalBasis.Value(f"PRINCIPAL_BASIS_{basis.name}") for basis in PrincipalBasis
}
_OBSERVATION_NUMBER: Final = {each: pb.Observation.Value(f"OBSERVATION_{each.name}") for each in Observation}
_OBSERVATION: Final = {number: each for each, number in _OBSERVATION_NUMBER.items()}
_BASIS: Final = {number: basis for basis, number in _BASIS_NUMBER.items()}


@dataclass(frozen=True, slots=True)
class TasksWanted:
    """Which tasks."""

    page: PageRequest = field(default_factory=PageRequest)
    active_only: bool = False
    holder_agent: str | None = None


@dataclass(frozen=True, slots=True)
class CallsWanted:
    """Which calls; None does not restrict."""

    page: PageRequest = field(default_factory=PageRequest)
    task_id: bytes | None = None
    audience: str | None = None
    tool: str | None = None
    agent: str | None = None
    allowed: bool | None = None
    observed: bool | None = None


# -- requests ------------------------------------------------------------------------------------------------


def list_tasks_request_message(wanted: TasksWanted) -> pb.ListTasksRequest:
    """Make the message that asks for tasks."""
    return pb.ListTasksRequest(
        page_size=wanted.page.size,
        page_token=page_token(wanted.page.cursor),
        active_only=wanted.active_only,
        holder_agent=wanted.holder_agent or "",
    )


def read_list_tasks_request(message: pb.ListTasksRequest) -> TasksWanted:
    """Read which tasks are wanted. Raises `InvalidRequest`."""
    return TasksWanted(
        read_page(message.page_size, message.page_token),
        message.active_only,
        _name(message.holder_agent, "holder_agent"),
    )


def search_calls_request_message(wanted: CallsWanted) -> pb.SearchCallsRequest:
    """Make the message that asks for calls."""
    return pb.SearchCallsRequest(
        page_size=wanted.page.size,
        page_token=page_token(wanted.page.cursor),
        task_id=wanted.task_id or b"",
        audience=wanted.audience or "",
        tool=wanted.tool or "",
        agent=wanted.agent or "",
        allowed=wanted.allowed,
        observed=wanted.observed,
    )


def read_search_calls_request(message: pb.SearchCallsRequest) -> CallsWanted:
    """Read which calls are wanted. Raises `InvalidRequest`."""
    return CallsWanted(
        page=read_page(message.page_size, message.page_token),
        task_id=sized(message.task_id, limits.TASK_ID_BYTES, "task_id") if message.task_id else None,
        audience=_name(message.audience, "audience"),
        tool=_name(message.tool, "tool"),
        agent=_name(message.agent, "agent"),
        allowed=message.allowed if message.HasField("allowed") else None,
        observed=message.observed if message.HasField("observed") else None,
    )


def read_task_id(message: pb.GetTaskRequest) -> bytes:
    """Read which task is wanted. Raises `InvalidRequest`."""
    return sized(message.task_id, limits.TASK_ID_BYTES, "task_id")


def read_link_id(message: pb.GetChainRequest) -> bytes:
    """Read which chain is wanted. Raises `InvalidRequest`."""
    return sized(message.link_id, limits.LINK_ID_BYTES, "link_id")


def read_call_id(message: pb.ExplainCallRequest) -> bytes:
    """Read which call is wanted. Raises `InvalidRequest`."""
    return sized(message.call_id, limits.CALL_ID_BYTES, "call_id")


# -- answers -------------------------------------------------------------------------------------------------


def task_response_message(task: RecordedTask, links: Sequence[RecordedLink]) -> pb.GetTaskResponse:
    """Make the message of a task with its links."""
    return pb.GetTaskResponse(task=_task_message(task), links=map(_link_message, links))


def read_task_response(message: pb.GetTaskResponse) -> tuple[RecordedTask, tuple[RecordedLink, ...]]:
    """Read a task with its links. Raises `RequestFailed`."""
    with service_answer():
        return _read_task(message.task), tuple(map(_read_link, message.links))


def tasks_response_message(tasks: Sequence[RecordedTask], next_cursor: bytes | None) -> pb.ListTasksResponse:
    """Make the message of a page of tasks."""
    return pb.ListTasksResponse(tasks=map(_task_message, tasks), next_page_token=page_token(next_cursor))


def read_tasks_response(message: pb.ListTasksResponse) -> tuple[tuple[RecordedTask, ...], bytes | None]:
    """Read a page of tasks, and where the next one begins. Raises `RequestFailed`."""
    with service_answer():
        return tuple(map(_read_task, message.tasks)), read_cursor(message.next_page_token)


def calls_response_message(calls: Sequence[RecordedCall], next_cursor: bytes | None) -> pb.SearchCallsResponse:
    """Make the message of a page of calls."""
    return pb.SearchCallsResponse(calls=map(_call_message, calls), next_page_token=page_token(next_cursor))


def read_calls_response(message: pb.SearchCallsResponse) -> tuple[tuple[RecordedCall, ...], bytes | None]:
    """Read a page of calls, and where the next one begins. Raises `RequestFailed`."""
    with service_answer():
        return tuple(map(_read_call, message.calls)), read_cursor(message.next_page_token)


def explanation_message(explained: CallExplanation) -> pb.ExplainCallResponse:
    """Make the message that explains a call."""
    return pb.ExplainCallResponse(
        call=_call_message(explained.call),
        task=_task_message(explained.task) if explained.task else None,
        links=map(_link_message, explained.links),
    )


def read_explanation(message: pb.ExplainCallResponse) -> CallExplanation:
    """Read the explanation of a call. Raises `RequestFailed`."""
    with service_answer():
        return CallExplanation(
            call=_read_call(message.call),
            task=_read_task(message.task) if message.HasField("task") else None,
            links=tuple(map(_read_link, message.links)),
        )


# -- parts ---------------------------------------------------------------------------------------------------


def _task_message(task: RecordedTask) -> pb.Task:
    principal = task.principal
    return pb.Task(
        task_id=task.task_id,
        purpose=task.purpose,
        principal=chain_pb2.Principal(
            subject=principal.subject,
            issuer=principal.issuer,
            basis=_BASIS_NUMBER[principal.basis],
            token_digest=principal.token_digest,
            authenticated_at_ms=principal.authenticated_at_ms,
            authentication_strength=principal.authentication_strength,
        ),
        holder_agent=task.holder_agent,
        created_at_ms=task.created_at_ms,
        expires_at_ms=task.expires_at_ms,
        completed_at_ms=task.completed_at_ms or 0,
        completed_by=task.completed_by,
    )


def _read_task(message: pb.Task) -> RecordedTask:
    principal = message.principal
    basis = _BASIS.get(principal.basis)
    if basis is None:
        raise InvalidRequest("a principal rests on something unknown here")
    return RecordedTask(
        task_id=sized(message.task_id, limits.TASK_ID_BYTES, "task_id"),
        purpose=message.purpose,
        principal=Principal(
            principal.subject,
            principal.issuer,
            basis,
            principal.token_digest,
            principal.authenticated_at_ms,
            principal.authentication_strength,
        ),
        holder_agent=message.holder_agent,
        created_at_ms=message.created_at_ms,
        expires_at_ms=message.expires_at_ms,
        completed_at_ms=message.completed_at_ms or None,
        completed_by=message.completed_by,
    )


def _link_message(link: RecordedLink) -> pb.RecordedLink:
    return pb.RecordedLink(
        link_id=link.link_id,
        parent_link_id=link.parent_link_id or b"",
        index=link.index,
        link=chain_pb2.SignedLink(payload=link.payload, signature=link.signature),
        recorded_at_ms=link.recorded_at_ms,
        revoked=link.revoked,
        owner=link.owner,
        uses=(pb.ConditionUse(**use._asdict()) for use in link.uses),
    )


def _read_link(message: pb.RecordedLink) -> RecordedLink:
    return RecordedLink(
        link_id=sized(message.link_id, limits.LINK_ID_BYTES, "link_id"),
        parent_link_id=message.parent_link_id or None,
        index=message.index,
        payload=message.link.payload,
        signature=message.link.signature,
        recorded_at_ms=message.recorded_at_ms,
        revoked=message.revoked,
        owner=message.owner,
        uses=tuple(ConditionUse(use.audience, use.tool, use.argument, use.used, use.maximum) for use in message.uses),
    )


def _call_message(call: RecordedCall) -> pb.Call:
    return pb.Call(
        call_id=call.call_id,
        task_id=call.task_id or b"",
        leaf_link_id=call.leaf_link_id or b"",
        agent=call.agent,
        principal_subject=call.principal_subject,
        audience=call.audience,
        tool=call.tool,
        allowed=call.allowed,
        refusal=refusal_message(call.refusal) if call.refusal else None,
        arguments_digest=call.arguments_digest,
        decided_at_ms=call.decided_at_ms,
        decided_by=call.decided_by,
        feed_position=call.feed_position,
        trace_id=call.trace.trace_id if call.trace else b"",
        span_id=call.trace.span_id if call.trace else b"",
        outcome=call.outcome,
        policy_digest=call.policy_digest,
        catalogue_digest=call.catalogue_digest,
        rules=call.rules,
        kept_arguments=_kept_message(call.kept) if call.kept else None,
        impacts=(statement_pb2.Impact(name=name, amount=amount) for name, amount in call.impacts),
        policy_inputs_json=call.inputs,
        observed=_OBSERVATION_NUMBER[call.observed] if call.observed else pb.OBSERVATION_UNSPECIFIED,
    )


def _kept_message(kept: KeptArguments) -> pb.KeptArguments:
    return pb.KeptArguments(
        plain_json=kept.plain_json,
        digests=(pb.KeptDigest(name=name, digest=kept.digests[name]) for name in sorted(kept.digests)),
        dropped=kept.dropped,
    )


def _read_call(message: pb.Call) -> RecordedCall:
    if message.allowed is message.HasField("refusal"):
        raise InvalidRequest("a call was permitted, or there is a reason why not")
    return RecordedCall(
        call_id=sized(message.call_id, limits.CALL_ID_BYTES, "call_id"),
        task_id=message.task_id or None,
        leaf_link_id=message.leaf_link_id or None,
        agent=message.agent,
        principal_subject=message.principal_subject,
        audience=message.audience,
        tool=message.tool,
        refusal=None if message.allowed else read_refusal(message.refusal),
        arguments_digest=message.arguments_digest,
        decided_at_ms=message.decided_at_ms,
        decided_by=message.decided_by,
        feed_position=message.feed_position,
        trace=trace_ids(message.trace_id, message.span_id),
        outcome=message.outcome,
        policy_digest=_digest(message.policy_digest, "policy_digest"),
        catalogue_digest=_digest(message.catalogue_digest, "catalogue_digest"),
        rules=tuple(text(rule, limits.NAME_BYTES, "a rule") for rule in message.rules),
        kept=_read_kept(message.kept_arguments) if message.HasField("kept_arguments") else None,
        impacts=tuple(
            (
                text(impact.name, limits.NAME_BYTES, "name"),
                text(impact.amount, limits.NAME_BYTES, "amount", required=False),
            )
            for impact in message.impacts
        ),
        inputs=message.policy_inputs_json,
        observed=_read_observation(message),
    )


def _read_observation(message: pb.Call) -> Observation | None:
    if message.observed == pb.OBSERVATION_UNSPECIFIED:
        return None
    if message.allowed or message.observed not in _OBSERVATION:
        raise InvalidRequest("a permitted call that was observed, or somebody unknown who says so")
    return _OBSERVATION[message.observed]


def _read_kept(message: pb.KeptArguments) -> KeptArguments:
    digests = {digest.name: digest.digest for digest in message.digests}
    try:
        return KeptArguments.of_parts(message.plain_json, digests, message.dropped)
    except Malformed as error:
        raise InvalidRequest(str(error)) from None


def _digest(value: bytes, name: str) -> bytes:
    return sized(value, limits.LINK_ID_BYTES, name) if value else b""


def _name(value: str, name: str) -> str | None:
    return text(value, limits.NAME_BYTES, name, required=False) or None
