"""The port's writes, handed to whoever runs them; and the feed's head, told to whoever waits for it."""

from __future__ import annotations

import asyncio
import operator
from typing import TYPE_CHECKING, TypeVar, cast

from delegation import telemetry
from delegation.storage.approvals import always_counts
from delegation.storage.measured import MeasuredWriter
from delegation.storage.operations.approvals import AnswerApproval, OpenApproval, WithdrawApproval
from delegation.storage.operations.calls import ConsumeProof, RecordDecisions, ReportOutcome
from delegation.storage.operations.decisions import Decide, DecideInSession
from delegation.storage.operations.delegations import AddGrant, AddHandoffs, CompleteTask, RenewGrant
from delegation.storage.operations.feed import Rejoin, Revoke
from delegation.storage.operations.registry import AddOffer, PurgeExpired, PutAgent, PutDocument, RemoveAgent, TakeOffer
from delegation.storage.operations.tool_reports import JudgeToolReports, PutToolReports

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from delegation.storage.approvals import (
        ApprovalAnswerRecord,
        ApprovalNeeds,
        ApprovalRequestRecord,
        AsksAgain,
        OpenedApproval,
        StateAfter,
        StillCounts,
    )
    from delegation.storage.operations.operation import Operation
    from delegation.storage.preconditions import Fence, Idempotency, ProofUse
    from delegation.storage.records import (
        AgentRecord,
        CallRecord,
        DecisionBatch,
        DocumentRecord,
        LinkRecord,
        OfferRecord,
        OutcomeRecord,
        RecorderState,
        RevocationRecord,
        TaskRecord,
    )
    from delegation.storage.sessions import CallsThatRan, Decided, SessionStep
    from delegation.storage.tool_reports import JudgedReport, ToolReportRecord
    from delegation.storage.writer import Writer

T = TypeVar("T")


class Writes:
    """The writing half of the port; see `delegation.storage.port.Storage`."""

    def __init__(self, writer: Writer) -> None:
        self._operations = MeasuredWriter(writer) if telemetry.listened() else writer
        self._head = 0
        self._head_moved = asyncio.Event()

    def queue_depth(self) -> int:
        """Tell how many writes wait."""
        return self._operations.depth

    async def add_grant(
        self,
        task: TaskRecord,
        link: LinkRecord,
        *,
        fence: Fence | None = None,
        idempotency: Idempotency | None = None,
    ) -> bytes | None:
        """Record a task with its grant."""
        return await self._write(AddGrant(task, link, fence, idempotency))

    async def add_handoffs(
        self,
        links: Sequence[LinkRecord],
        *,
        fence: Fence | None = None,
        idempotency: Idempotency | None = None,
        not_offered: Sequence[bytes] = (),
    ) -> tuple[LinkRecord, ...]:
        """Record handoffs, all or none."""
        return await self._write(AddHandoffs(links, fence, idempotency, not_offered))

    async def complete_task(
        self, task_id: bytes, *, completed_ms: int, completed_by: str, revocation: RevocationRecord
    ) -> int:
        """End a task and enter its revocation."""
        operation = CompleteTask(task_id, completed_ms, completed_by, revocation)
        return await self._write_to_feed(operation)

    async def renew_grant(
        self,
        former: bytes,
        link: LinkRecord,
        *,
        revocation: RevocationRecord,
        fence: Fence | None = None,
        idempotency: Idempotency | None = None,
    ) -> int:
        """Put a grant in the place of a task's former one."""
        return await self._write_to_feed(RenewGrant(former, link, revocation, fence, idempotency))

    async def decide(
        self, call: CallRecord, *, proof: ProofUse | None = None, fence: Fence | None = None
    ) -> CallRecord:
        """Enter a decision and use up its proof."""
        return await self._write(Decide(call, proof, fence))

    async def decide_in_session(
        self, call: CallRecord, step: SessionStep, *, proof: ProofUse | None = None, fence: Fence | None = None
    ) -> Decided:
        """Have a decision judged on the state of its task, and enter both."""
        return await self._write(DecideInSession(call, step, proof, fence))

    async def consume_proof(self, proof: ProofUse, *, fence: Fence | None = None) -> None:
        """Use up a proof."""
        await self._write(ConsumeProof(proof, fence))

    async def record_decisions(
        self,
        batch: DecisionBatch,
        calls: Sequence[CallRecord],
        proofs: Sequence[ProofUse] = (),
        ran: Sequence[CallsThatRan] = (),
    ) -> RecorderState:
        """Enter a guard's own decisions."""
        return await self._write(RecordDecisions(batch, calls, proofs, ran))

    async def report_outcome(self, outcome: OutcomeRecord) -> None:
        """Enter what came of a call."""
        await self._write(ReportOutcome(outcome))

    async def open_approval(
        self,
        step: SessionStep,
        make: Callable[[ApprovalNeeds], ApprovalRequestRecord],
        asks_again: AsksAgain = operator.eq,
        still_counts: StillCounts = always_counts,
    ) -> OpenedApproval:
        """Open a request for approval, if a call lacks nothing else."""
        return await self._write(OpenApproval(step, make, asks_again, still_counts))

    async def answer_approval(
        self, request: ApprovalRequestRecord, answer: ApprovalAnswerRecord, state_after: StateAfter
    ) -> ApprovalRequestRecord:
        """Enter an answer to a request for approval."""
        return await self._write(AnswerApproval(request, answer, state_after))

    async def withdraw_approval(
        self, request: ApprovalRequestRecord, *, withdrawn_by: str, now_ms: int
    ) -> ApprovalRequestRecord:
        """Withdraw a request for approval."""
        return await self._write(WithdrawApproval(request, withdrawn_by, now_ms))

    async def revoke(self, revocations: Sequence[RevocationRecord]) -> int:
        """Enter revocations, all or none."""
        return await self._write_to_feed(Revoke(revocations))

    async def rejoin(self, *, ahead_of: int, proofs_until_ms: int) -> int:
        """Go on from an older state of the database."""
        return await self._write_to_feed(Rejoin(ahead_of, proofs_until_ms))

    async def feed_beyond(self, position: int) -> int:
        """Wait until the feed is beyond a position."""
        while self._head <= position:
            await self._head_moved.wait()
        return self._head

    async def put_agent(self, agent: AgentRecord) -> None:
        """Register an agent, or replace its registration."""
        await self._write(PutAgent(agent))

    async def remove_agent(self, agent_id: str) -> None:
        """Take an agent's registration back."""
        await self._write(RemoveAgent(agent_id))

    async def put_tool_reports(
        self, caller: str, reports: Sequence[ToolReportRecord]
    ) -> Mapping[bytes, ToolReportRecord]:
        """Keep what a caller says of tools."""
        return await self._write(PutToolReports(caller, tuple(reports)))

    async def judge_tool_reports(self, judged: Sequence[JudgedReport], *, now_ms: int) -> frozenset[bytes]:
        """Keep how reports differ from the catalogue by now."""
        return await self._write(JudgeToolReports(tuple(judged), now_ms))

    async def add_offer(self, offer: OfferRecord) -> None:
        """Keep an offer."""
        await self._write(AddOffer(offer))

    async def take_offer(self, offer_digest: bytes, *, taken_by: str, now_ms: int) -> OfferRecord:
        """Take an offer for one handoff."""
        return await self._write(TakeOffer(offer_digest, taken_by, now_ms))

    async def put_document(self, document: DocumentRecord) -> None:
        """Keep a version of a document."""
        await self._write(PutDocument(document))

    async def purge_expired(self, now_ms: int, *, limit: int = 1000) -> int:
        """Forget what has expired."""
        return await self._write(PurgeExpired(now_ms, limit))

    async def _write(self, operation: Operation[T]) -> T:
        return cast("T", await self._operations.submit(operation))

    async def _write_to_feed(self, operation: Operation[int]) -> int:
        """Write what moves the feed. Whoever asked may hang up: it is made, and told, all the same."""
        written = self._operations.submit(operation)
        written.add_done_callback(self._written_to_feed)
        return cast("int", await asyncio.shield(written))

    def _written_to_feed(self, written: asyncio.Future[object]) -> None:
        if not written.cancelled() and written.exception() is None:
            self._moved_to(cast("int", written.result()))

    def _moved_to(self, position: int) -> int:
        if position > self._head:
            self._head = position
            # Whoever waits now wakes; whoever comes later waits for the next move.
            self._head_moved.set()
            self._head_moved = asyncio.Event()
        return position
