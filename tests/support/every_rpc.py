"""For each RPC a request that is right for whoever may call it, made about one story; and who is asking.

A new RPC needs a request here: a test looks for it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from delegation.app import Application, build
from delegation.core.arguments import Arguments
from delegation.core.conditions import approved_by
from delegation.core.revocation import RevocationKind
from delegation.core.scope import SERVICE_AUDIENCE, Scope, any_call
from delegation.identity.port import Role
from delegation.identity.static import StaticIdentities
from delegation.v1 import approval_service_pb2 as approval_pb
from delegation.v1 import authorization_service_pb2 as authorization_pb
from delegation.v1 import lineage_service_pb2 as lineage_pb
from delegation.v1 import trust_service_pb2 as trust_pb
from delegation.wire import approvals, authorization, delegation, renewals
from support.caller import Caller, GuardRecords, Holding, decided, new_key, nonce, now_ms
from support.server import RunningServer, dev_config, identity, running_application, spiffe_id

IDENTITIES = (
    identity("role/orchestrator", "orchestrator", ceiling="any"),
    identity("role/agent", "agent"),
    identity("role/tool", "tool", audiences=["files"]),
    identity("role/approver", "approver"),
    identity("role/auditor", "auditor"),
    identity("role/operator", "operator"),
    identity("stranger/orchestrator", "orchestrator", ceiling="any"),
    identity("stranger/agent", "agent"),
    identity("stranger/tool", "tool", audiences=["billing"]),
    identity("stranger/approver", "approver"),
)
READ = any_call("files", "read")
DELETE = any_call("files", "delete", approved_by(spiffe_id("role/approver")))
DELETED = {"path": "d"}
STANDARD = frozenset({"grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"})


def of_role(role: Role) -> str:
    return f"role/{role}"


@contextmanager
def service_of_listed_callers(
    directory: Path, identities: Sequence[Mapping[str, Any]] = IDENTITIES
) -> Iterator[RunningServer]:
    """Run a service that knows these callers and nobody else."""
    application: Application = build(dev_config(directory, identities=identities, feed={"heartbeat_ms": 200}))
    listed = StaticIdentities(application.config.callers())
    application._parts = replace(application._parts, identities=listed)
    application.config = application.config.model_copy(update={"dev": False})  # with keys and certificates as made
    with running_application(application) as server:
        yield server


def served_rpcs(server: RunningServer) -> dict[str, Any]:
    """Ask the service what it serves: descriptors by the full name of the RPC."""
    found = {}
    with Caller.of(server, of_role(Role.AUDITOR)) as caller:
        message = reflection_pb2.ServerReflectionRequest(list_services="")
        stream = caller.channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        answer = next(stream(iter([message]), timeout=20))
        for each in answer.list_services_response.service:
            for method in descriptor_pool.Default().FindServiceByName(each.name).methods:
                found[f"{each.name}/{method.name}"] = method
    return found


@dataclass
class Story:
    """A task of role/orchestrator, handed off to role/agent, which called role/tool once and asked for approval."""

    server: RunningServer
    task: Holding
    child: Holding
    call_id: bytes
    guard: GuardRecords
    asked: Mapping[str, bytes]

    @classmethod
    def told(cls, server: RunningServer) -> Story:
        paths = (of_role(Role.ORCHESTRATOR), of_role(Role.TOOL))
        with Caller.of(server, paths[0]) as orchestrator, Caller.of(server, paths[1]) as tool:
            task = orchestrator.grant(READ, DELETE)
            child = orchestrator.hand_off(task, of_role(Role.AGENT))
            call_id = tool.decide(child, "files", "read", {"path": "a"}).call_id
        with Caller.of(server, of_role(Role.OPERATOR)) as operator:
            registration = trust_pb.RegisterAgentRequest(agent=spiffe_id("role/registered"), owner="tests")
            operator.ask(operator.trust.RegisterAgent, registration)
        asked = {}
        for who, holding in ((of_role(Role.ORCHESTRATOR), task), (of_role(Role.AGENT), child)):
            with Caller.of(server, who) as caller:
                answer = caller.ask(caller.approvals.RequestApproval, approval_of(holding))
                asked[who] = answer.request.request_id
        return cls(server, task, child, call_id, GuardRecords(new_key()), asked)

    def request_id(self, who: str) -> bytes:
        """Give the request for approval that somebody has made, else the agent's."""
        return self.asked.get(who) or self.asked[of_role(Role.AGENT)]

    def act(self, name: str, about: bytes, **arguments: str) -> bytes:
        return self.task.proof(SERVICE_AUDIENCE, name, arguments, chain_digest=about)


def approval_of(holding: Holding) -> Any:
    """Ask for the approval of a call."""
    proof = holding.proof("files", "delete", DELETED)
    wanted = approvals.ApprovalWanted(holding.token, proof, "files", "delete", Arguments.of(DELETED).canonical)
    return approvals.request_approval_message(wanted)


def _answer(story: Story, who: str) -> Any:
    answer = approvals.AnswerToApproval(story.request_id(who), Arguments.of(DELETED).digest, approve=True)
    return approvals.answer_approval_message(answer)


def _grant(story: Story, who: str) -> Any:
    return delegation.grant_request_message(delegation.GrantRequest("look", Scope(READ), new_key().public))


def _hand_off(story: Story, who: str) -> Any:
    return delegation.hand_off_request_message(delegation.HandOffRequest((story.task.child("somebody").token,)))


def _renew(story: Story, who: str) -> Any:
    proof = story.act("renew", story.task.leaf.link_id, task_id=story.task.task_id.hex())
    return renewals.renew_request_message(renewals.RenewRequest(story.task.task_id, proof))


def _reissue(story: Story, who: str) -> Any:
    return renewals.reissue_request_message(renewals.ReissueRequest(story.task.task_id, new_key().public))


def _complete(story: Story, who: str) -> Any:
    proof = story.act("complete_task", story.task.leaf.link_id, task_id=story.task.task_id.hex())
    return delegation.complete_task_request_message(delegation.CompleteTaskRequest(story.task.task_id, proof))


def _revoke(story: Story, who: str) -> Any:
    link = story.child.leaf.link_id
    proof = story.act("revoke", link, kind="link", id=link.hex())
    return delegation.revoke_request_message(delegation.RevokeRequest(RevocationKind.LINK, link, proof))


def _authorize(story: Story, who: str) -> Any:
    return authorization.authorize_request_message(story.child.question("files", "read", {"path": "b"}))


def _consume(story: Story, who: str) -> Any:
    proof = authorization.ProofToConsume("files", nonce(), now_ms(), story.child.leaf.link_id)
    return authorization.consume_proof_request_message(proof)


def _record(story: Story, who: str) -> Any:
    batch = replace(story.guard).batch(decided(story.child, "files", "read", {"path": "c"}))
    return authorization.record_decisions_request_message(batch, [story.child.token])


def _report(story: Story, who: str) -> Any:
    return authorization.report_outcome_request_message(story.guard.outcome(story.call_id), story.guard.key.public)


Request = Callable[[Story, str], Any]
_SERVICES: dict[str, dict[str, Request]] = {
    "delegation.v1.DelegationService": {
        "Grant": _grant,
        "HandOff": _hand_off,
        "Renew": _renew,
        "Reissue": _reissue,
        "CompleteTask": _complete,
        "Revoke": _revoke,
    },
    "delegation.v1.AuthorizationService": {
        "Authorize": _authorize,
        "AuthorizeStream": lambda story, who: authorization_pb.AuthorizeStreamRequest(call=_authorize(story, who)),
        "ConsumeProof": _consume,
        "RecordDecisions": _record,
        "ReportOutcome": _report,
    },
    "delegation.v1.TrustService": {
        "GetTrustBundle": lambda story, who: trust_pb.GetTrustBundleRequest(),
        "WatchRevocations": lambda story, who: trust_pb.WatchRevocationsRequest(),
        "RegisterAgent": lambda story, who: trust_pb.RegisterAgentRequest(agent=spiffe_id(who), owner="tests"),
        "UnregisterAgent": lambda story, who: trust_pb.UnregisterAgentRequest(agent=spiffe_id("role/registered")),
        "ListAgents": lambda story, who: trust_pb.ListAgentsRequest(),
        "RequestOffer": lambda story, who: trust_pb.RequestOfferRequest(agent=spiffe_id("role/nowhere")),
        "ReportTools": lambda story, who: trust_pb.ReportToolsRequest(
            audience="files", tools=[trust_pb.ServedTool(name="read")]
        ),
        "ListToolReports": lambda story, who: trust_pb.ListToolReportsRequest(),
        "AnswerOffer": lambda story, who: trust_pb.AnswerOfferRequest(ready=spiffe_id(who)),
    },
    "delegation.v1.ApprovalService": {
        "RequestApproval": lambda story, who: approval_of(story.child),
        "GetApproval": lambda story, who: approval_pb.GetApprovalRequest(request_id=story.request_id(who)),
        "ListApprovals": lambda story, who: approval_pb.ListApprovalsRequest(page_size=500),
        "AnswerApproval": _answer,
        "WatchApprovals": lambda story, who: approval_pb.WatchApprovalsRequest(request_id=story.request_id(who)),
        "WithdrawApproval": lambda story, who: approval_pb.WithdrawApprovalRequest(request_id=story.request_id(who)),
    },
    "delegation.v1.LineageService": {
        "GetTask": lambda story, who: lineage_pb.GetTaskRequest(task_id=story.task.task_id),
        "ListTasks": lambda story, who: lineage_pb.ListTasksRequest(page_size=500),
        "GetChain": lambda story, who: lineage_pb.GetChainRequest(link_id=story.child.leaf.link_id),
        "SearchCalls": lambda story, who: lineage_pb.SearchCallsRequest(task_id=story.task.task_id),
        "ExplainCall": lambda story, who: lineage_pb.ExplainCallRequest(call_id=story.call_id),
    },
    "grpc.health.v1.Health": {
        "Check": lambda story, who: health_pb2.HealthCheckRequest(),
        "Watch": lambda story, who: health_pb2.HealthCheckRequest(),
        "List": lambda story, who: health_pb2.HealthListRequest(),
    },
    "grpc.reflection.v1alpha.ServerReflection": {
        "ServerReflectionInfo": lambda story, who: reflection_pb2.ServerReflectionRequest(list_services=""),
    },
}
REQUESTS: dict[str, Request] = {
    f"{service}/{method}": request for service, methods in _SERVICES.items() for method, request in methods.items()
}


def ask(channel: grpc.Channel, method: Any, message: Any) -> Any:
    """Call any RPC with one request; give its first answer. Raises `grpc.RpcError`."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    write = GetMessageClass(method.input_type).SerializeToString
    read = GetMessageClass(method.output_type).FromString
    if method.client_streaming:
        call = channel.stream_stream(path, request_serializer=write, response_deserializer=read)(
            iter([message]), timeout=20
        )
    elif method.server_streaming:
        call = channel.unary_stream(path, request_serializer=write, response_deserializer=read)(message, timeout=20)
    else:
        return channel.unary_unary(path, request_serializer=write, response_deserializer=read)(message, timeout=20)
    try:
        return next(call)
    finally:
        call.cancel()


def recorded(server: RunningServer) -> str:
    """Give a digest of all that the service's database holds."""
    database = server.application.config.database_path
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return hashlib.sha256("\n".join(connection.iterdump()).encode()).hexdigest()
