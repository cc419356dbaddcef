"""One identity's way to a real service, over the bare contract: no SDK, so that a test can also cheat.

with running_server(tmp_path) as server, Caller.of(server, "agent/planner") as planner:
    task = planner.grant(tool("files", "read"))
    child = planner.hand_off(task, "agent/reader")
    assert planner.decide(child, "files", "read", {}).refusal is None
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import grpc

from delegation.core.arguments import Arguments
from delegation.core.attest import sign_batch, sign_outcome
from delegation.core.chain import SignedLink, TraceIds
from delegation.core.codec import add_statements, decode_link, join_token, parse_link, parse_token
from delegation.core.keys import Purpose, SigningKey, link_id, signing_input
from delegation.core.mint import sign_handoff
from delegation.core.proof import sign_proof
from delegation.core.records import DecisionRecord, Outcome, OutcomeStatus
from delegation.core.revocation import RevocationKind
from delegation.core.scope import SERVICE_AUDIENCE, Capability, Scope
from delegation.core.statement import SignedStatement
from delegation.v1 import authorization_service_pb2 as authorization_pb
from delegation.v1 import delegation_service_pb2 as delegation_pb
from delegation.v1 import lineage_service_pb2 as lineage_pb
from delegation.v1 import trust_service_pb2 as trust_pb
from delegation.v1.approval_service_pb2_grpc import ApprovalServiceStub
from delegation.v1.authorization_service_pb2_grpc import AuthorizationServiceStub
from delegation.v1.delegation_service_pb2_grpc import DelegationServiceStub
from delegation.v1.lineage_service_pb2_grpc import LineageServiceStub
from delegation.v1.trust_service_pb2_grpc import TrustServiceStub
from delegation.wire import authorization, delegation, lineage, trust
from delegation.wire.errors import error_of_call
from support.server import RunningServer, spiffe_id

DEADLINE_SECONDS = 20


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def new_key() -> SigningKey:
    return SigningKey.generate(secrets.token_bytes)


def nonce() -> bytes:
    return secrets.token_bytes(16)


def links_of(token: bytes) -> tuple[SignedLink, ...]:
    """Read the links of a token that the test itself has caused."""
    links: list[SignedLink] = []
    for frame in parse_token(token).frames:
        purpose, parent = (Purpose.HANDOFF, links[-1].link_id) if links else (Purpose.GRANT, b"")
        identity = link_id(signing_input(purpose, frame.payload, parent))
        links.append(
            SignedLink(frame.payload, frame.signature, identity, decode_link(parse_link(frame.payload), frame.payload))
        )
    return tuple(links)


@dataclass(frozen=True)
class Holding:
    """A token with the key of its leaf."""

    token: bytes
    key: SigningKey
    task_id: bytes

    @property
    def leaf(self) -> SignedLink:
        return links_of(self.token)[-1]

    def child(
        self,
        agent: str,
        *,
        scope: Scope | None = None,
        key: SigningKey | None = None,
        lifetime_ms: int = 60_000,
        **tweaks: Any,
    ) -> Holding:
        """Sign a handoff; the service does not hear of it."""
        links, child_key, at_ms = links_of(self.token), key or new_key(), now_ms()
        link = sign_handoff(
            links[-1],
            self.key,
            holder_key=child_key.public,
            holder_agent=spiffe_id(agent),
            scope=links[-1].link.scope if scope is None else scope,
            now_ms=at_ms,
            expires_at_ms=min(at_ms + lifetime_ms, links[-1].link.expires_at_ms),
            nonce=nonce(),
            **tweaks,
        )
        return Holding(join_token([*links, link]), child_key, self.task_id)

    def proof(self, audience: str, tool: str, arguments: Mapping[str, Any], **tweaks: Any) -> bytes:
        fields: dict[str, Any] = {
            "chain_digest": self.leaf.link_id,
            "arguments_digest": Arguments.of(arguments).digest,
            "now_ms": now_ms(),
            "nonce": nonce(),
            **tweaks,
        }
        return sign_proof(fields.pop("key", self.key), audience=audience, tool=tool, **fields)

    def question(
        self, audience: str, tool: str, arguments: Mapping[str, Any], **tweaks: Any
    ) -> authorization.CallToDecide:
        """A call as a guard would ask about it; any field can be tweaked."""
        call = authorization.CallToDecide(
            self.token,
            self.proof(audience, tool, arguments),
            audience,
            tool,
            Arguments.of(arguments).canonical,
            nonce(),
        )
        return replace(call, **tweaks)


class Caller:
    """One identity, connected."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel
        self.delegation = DelegationServiceStub(channel)
        self.authorization = AuthorizationServiceStub(channel)
        self.trust = TrustServiceStub(channel)
        self.approvals = ApprovalServiceStub(channel)
        self.lineage = LineageServiceStub(channel)

    @classmethod
    @contextmanager
    def of(cls, server: RunningServer, path: str) -> Iterator[Caller]:
        with server.channel(path) as channel:
            yield cls(channel)

    def ask(self, method: Any, message: Any, **options: Any) -> Any:
        """Call an RPC; what fails is raised as the exception that it was on the other side."""
        try:
            return method(message, **{"timeout": DEADLINE_SECONDS, **options})
        except grpc.RpcError as error:
            raise error_of_call(error) from None

    # -- DelegationService

    def grant(self, *capabilities: Capability, key: SigningKey | None = None, **tweaks: Any) -> Holding:
        key = key or new_key()
        request = delegation.GrantRequest("look things up", Scope(*capabilities), key.public)
        message = delegation.grant_request_message(replace(request, **tweaks))
        granted = delegation.read_grant_response(self.ask(self.delegation.Grant, message))
        return Holding(granted.token, key, granted.task_id)

    def record(self, *holdings: Holding, idempotency_key: str = "") -> tuple[delegation.RecordedHandOff, ...]:
        """Submit signed handoffs."""
        request = delegation.HandOffRequest(tuple(holding.token for holding in holdings), idempotency_key)
        response = self.ask(self.delegation.HandOff, delegation.hand_off_request_message(request))
        return delegation.read_hand_off_response(response)

    def hand_off(self, parent: Holding, agent: str, **options: Any) -> Holding:
        """Sign a handoff, have it recorded, and give the token with its receipt."""
        child = parent.child(agent, **options)
        (recorded,) = self.record(child)
        statements = [recorded.receipt] if recorded.binding is None else [recorded.receipt, recorded.binding]
        return replace(child, token=add_statements(child.token, statements))

    def complete(self, task: Holding, *, proof: bytes | None = None) -> delegation.Completed:
        if proof is None:
            proof = task.proof(SERVICE_AUDIENCE, "complete_task", {"task_id": task.task_id.hex()})
        request = delegation.CompleteTaskRequest(task.task_id, proof)
        message = delegation.complete_task_request_message(request)
        return delegation.read_complete_task_response(self.ask(self.delegation.CompleteTask, message))

    def revoke(self, kind: RevocationKind, identity: bytes, *, proof: bytes = b"", justification: str = "") -> int:
        request = delegation.RevokeRequest(kind, identity, proof, justification)
        return self.ask(self.delegation.Revoke, delegation.revoke_request_message(request)).feed_position

    # -- AuthorizationService

    def decide(
        self, holding: Holding, audience: str, tool: str, arguments: Mapping[str, Any], **tweaks: Any
    ) -> authorization.Decision:
        return self.decide_question(holding.question(audience, tool, arguments, **tweaks))

    def decide_question(self, call: authorization.CallToDecide) -> authorization.Decision:
        message = authorization.authorize_request_message(call)
        return authorization.read_authorize_response(self.ask(self.authorization.Authorize, message))

    def decide_stream(self, calls: Sequence[authorization.CallToDecide]) -> list[authorization.Decision]:
        requests = [
            authorization_pb.AuthorizeStreamRequest(call=authorization.authorize_request_message(call))
            for call in calls
        ]
        answers = self.authorization.AuthorizeStream(iter(requests), timeout=DEADLINE_SECONDS)
        return [authorization.read_authorize_response(answer.decision) for answer in answers]

    def consume(
        self, audience: str, proof_nonce: bytes, issued_at_ms: int | None = None, chain_digest: bytes = bytes(32)
    ) -> None:
        proof = authorization.ProofToConsume(
            audience, proof_nonce, now_ms() if issued_at_ms is None else issued_at_ms, chain_digest
        )
        self.ask(self.authorization.ConsumeProof, authorization.consume_proof_request_message(proof))

    def record_decisions(self, batch: SignedStatement, tokens: Sequence[bytes] = ()) -> int:
        message = authorization.record_decisions_request_message(batch, tokens)
        return self.ask_stream(self.authorization.RecordDecisions, [message])[0].next_sequence

    def ask_stream(self, method: Any, messages: Sequence[Any]) -> list[Any]:
        try:
            return list(method(iter(messages), timeout=DEADLINE_SECONDS))
        except grpc.RpcError as error:
            raise error_of_call(error) from None

    def report(self, outcome: SignedStatement, guard_key: bytes) -> None:
        self.ask(self.authorization.ReportOutcome, authorization.report_outcome_request_message(outcome, guard_key))

    # -- TrustService

    def trust_documents(self) -> trust.TrustDocuments:
        return trust.read_trust_bundle(self.ask(self.trust.GetTrustBundle, trust_pb.GetTrustBundleRequest()))

    def watch(self, after_position: int = 0) -> Any:
        """Start watching the feed; iterate over it, and cancel it."""
        request = trust_pb.WatchRevocationsRequest(after_position=after_position)
        return self.trust.WatchRevocations(request, timeout=DEADLINE_SECONDS)

    # -- LineageService

    def task(self, task_id: bytes) -> Any:
        message = lineage_pb.GetTaskRequest(task_id=task_id)
        return lineage.read_task_response(self.ask(self.lineage.GetTask, message))

    def tasks(self, **wanted: Any) -> Any:
        message = lineage.list_tasks_request_message(lineage.TasksWanted(**wanted))
        return lineage.read_tasks_response(self.ask(self.lineage.ListTasks, message))

    def calls(self, **wanted: Any) -> Any:
        message = lineage.search_calls_request_message(lineage.CallsWanted(**wanted))
        return lineage.read_calls_response(self.ask(self.lineage.SearchCalls, message))

    def chain(self, link: bytes) -> bytes:
        return self.ask(self.lineage.GetChain, lineage_pb.GetChainRequest(link_id=link)).token

    def explain(self, call_id: bytes) -> Any:
        message = lineage_pb.ExplainCallRequest(call_id=call_id)
        return lineage.read_explanation(self.ask(self.lineage.ExplainCall, message))


@dataclass
class GuardRecords:
    """A guard's own numbering: makes signed batches that follow one another."""

    key: SigningKey
    next_sequence: int = 1
    head: bytes = bytes(32)

    def batch(self, *records: DecisionRecord) -> SignedStatement:
        batch, statement = sign_batch(
            records, first_sequence=self.next_sequence, previous_hash=self.head, guard_key=self.key
        )
        self.next_sequence, self.head = batch.next_sequence, batch.head
        return statement

    def outcome(self, call_id: bytes, status: OutcomeStatus = OutcomeStatus.OK, **impacts: str) -> SignedStatement:
        return sign_outcome(Outcome(call_id, status, now_ms(), tuple(sorted(impacts.items()))), self.key)


def decided(
    holding: Holding | None, audience: str, tool: str, arguments: Mapping[str, Any], *, reason: str = "", **tweaks: Any
) -> DecisionRecord:
    """What a guard would record of a call that it decided in process."""
    record = DecisionRecord(
        call_id=nonce(),
        chain_digest=holding.leaf.link_id if holding else b"",
        audience=audience,
        tool=tool,
        arguments_digest=Arguments.of(arguments).digest,
        decided_at_ms=now_ms(),
        allowed=not reason,
        reason=reason,
        link_index=None,
        feed_position=0,
        proof=holding.proof(audience, tool, arguments) if holding else b"",
        trace=TraceIds(nonce(), nonce()[:8]),
    )
    return record._replace(**tweaks)


__all__ = ["Caller", "GuardRecords", "Holding", "decided", "delegation_pb", "links_of", "new_key", "nonce", "now_ms"]
