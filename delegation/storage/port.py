"""The storage port: every question the service asks of its database.

Each write is atomic, and durable when it returns: it then survives the death of the
process and of the machine. A write that raises has left nothing behind. Calls that wait
for the database never block the event loop.

Every method may raise `StorageError`: `storage_unavailable` when the database cannot be
reached or has failed, `overloaded` when too much is waiting already. Those of `refused_writes`
are not failures of the store but what it found; they leave the service as refusals.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from delegation.core.agent_history import RecentActs
from delegation.core.session import TaskSession
from delegation.storage.approvals import (
    ApprovalAnswerRecord,
    ApprovalFilter,
    ApprovalNeeds,
    ApprovalRequestRecord,
    AsksAgain,
    OpenedApproval,
    StateAfter,
    StillCounts,
    always_counts,
)
from delegation.storage.listing import CallFilter, FeedPage, Page, TaskFilter
from delegation.storage.preconditions import Fence, Idempotency, IdempotencyKey, ProofUse
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
from delegation.storage.sessions import CallsThatRan, Decided, SessionStep, UsageRecord
from delegation.storage.tool_reports import JudgedReport, ToolReportRecord


class Storage(Protocol):
    """What the service keeps, and asks for again."""

    async def open(self) -> None:
        """Bring the schema up to date and begin to take work.

        Raises `StorageError` with reason `schema_newer` if a later program wrote the database.
        """

    async def close(self) -> None:
        """Finish what was accepted, then let go of the database."""

    async def check(self) -> None:
        """Return if a write is taken now; raise `StorageError` if not. Nothing is changed by it."""

    def queue_depth(self) -> int:
        """Tell how many writes wait."""

    # -- delegation ------------------------------------------------------------------------

    async def add_grant(
        self,
        task: TaskRecord,
        link: LinkRecord,
        *,
        fence: Fence | None = None,
        idempotency: Idempotency | None = None,
    ) -> bytes | None:
        """Record a task with its grant.

        Returns None, or the kept response (and records nothing) if this request was made
        before. Raises `Conflict`, `RevokedMeanwhileError`.
        """

    async def add_handoffs(
        self,
        links: Sequence[LinkRecord],
        *,
        fence: Fence | None = None,
        idempotency: Idempotency | None = None,
        not_offered: Sequence[bytes] = (),
    ) -> tuple[LinkRecord, ...]:
        """Record handoffs, all or none.

        Returns them as they are recorded: a link that was recorded before stays as it was,
        with its first receipt. Raises `Conflict`, `RevokedMeanwhileError`; `OfferedError` if one of the offers of
        which none should be kept, named by their digests in `not_offered`, is.
        """

    async def earlier_response(self, key: IdempotencyKey) -> bytes | None:
        """Return the response kept for a request; raise `Conflict` if it was another request."""

    async def complete_task(
        self, task_id: bytes, *, completed_ms: int, completed_by: str, revocation: RevocationRecord
    ) -> int:
        """End a task and enter its revocation; return the feed position that says so.

        The revocation lasts for as long as the task's grant may be taken for valid, even if that was renewed a
        moment ago. Completing again changes nothing and returns the same position. Raises `NotRecordedError`.
        """

    async def renew_grant(
        self,
        former: bytes,
        link: LinkRecord,
        *,
        revocation: RevocationRecord,
        fence: Fence | None = None,
        idempotency: Idempotency | None = None,
    ) -> int:
        """Put a grant in the place of a task's former one, whose revocation is entered with it.

        Arguments:
            former: the link id of the grant that the task has; if it has another by now, nothing is entered.
            link: the new grant, of the same task.
            revocation: the former grant's.
            fence: what the new grant rests on, the former one included.
            idempotency: if this request was made before, nothing is entered, and `earlier_response` gives the
                response.

        Returns the feed position that says so. Raises `NotRecordedError` if the task has no such grant or is over,
        `Conflict`, `RevokedMeanwhileError`.
        """

    # -- calls -----------------------------------------------------------------------------

    async def decide(
        self, call: CallRecord, *, proof: ProofUse | None = None, fence: Fence | None = None
    ) -> CallRecord:
        """Enter a decision and use up its proof; return the decision that stands.

        That is an earlier one if the same caller made the same request before; but a denial is
        entered and stands even so, where the earlier decision had permitted. Raises
        `ReplayedProofError`, `RevokedMeanwhileError`; nothing is entered then, and the caller enters
        the denial (`call.denied(...)`), which needs no fence and, for a replay, no proof.
        """

    async def decide_in_session(
        self, call: CallRecord, step: SessionStep, *, proof: ProofUse | None = None, fence: Fence | None = None
    ) -> Decided:
        """Have a decision judged on the state of its task, enter it and what it changes there, all in one step.

        Of two decisions of one task one is judged on what the other has left, whichever replica they came to.
        Where the judge refuses, or fails to judge, the call is entered as a denial. For an earlier decision that
        stands nothing is judged, and nothing is used. Otherwise as `decide`, and raises as it does.
        """

    async def consume_proof(self, proof: ProofUse, *, fence: Fence | None = None) -> None:
        """Use up a proof. Raises `ReplayedProofError`, `RevokedMeanwhileError`."""

    async def record_decisions(
        self,
        batch: DecisionBatch,
        calls: Sequence[CallRecord],
        proofs: Sequence[ProofUse] = (),
        ran: Sequence[CallsThatRan] = (),
    ) -> RecorderState:
        """Enter a guard's own decisions, all or none, mark their proofs as used, and note what their calls leave.

        A batch that is exactly one already entered is acknowledged and not entered again.
        Returns where the guard then stands. Raises `OutOfSequenceError`; `Conflict` if a call id is
        taken.
        """

    async def report_outcome(self, outcome: OutcomeRecord) -> None:
        """Enter what came of a call. Again with the same content changes nothing.

        What a call that failed has taken from budgets is given back, once.
        Raises `NotRecordedError` if the call is not recorded, `Conflict` if another outcome is.
        """

    # -- approvals -------------------------------------------------------------------------

    async def open_approval(
        self,
        step: SessionStep,
        make: Callable[[ApprovalNeeds], ApprovalRequestRecord],
        asks_again: AsksAgain = operator.eq,
        still_counts: StillCounts = always_counts,
    ) -> OpenedApproval:
        """Have a call judged on the state of its task, and open a request if it lacks nothing but approval.

        A request that stands for the same call, policy and demands is returned instead of a second one; one with
        other demands is withdrawn, and one that is approved, if that does not count any more. One that was refused
        stands until it expires, for the same call under whichever link of the task, where its demands are asked about
        again. Nothing is used, and no denial is counted. Raises
        `TooManyOpenError`.
        """

    async def answer_approval(
        self, request: ApprovalRequestRecord, answer: ApprovalAnswerRecord, state_after: StateAfter
    ) -> ApprovalRequestRecord:
        """Enter an answer, and where the request stands after it; return the request.

        The same answer of the same approver again changes nothing. Raises `NotRecordedError`; `Conflict` if the
        request cannot be answered any more, or the approver has answered otherwise.
        """

    async def withdraw_approval(
        self, request: ApprovalRequestRecord, *, withdrawn_by: str, now_ms: int
    ) -> ApprovalRequestRecord:
        """Withdraw a request; again changes nothing. Raises `NotRecordedError`, `Conflict` if it is over."""

    async def approval_request(self, request_id: bytes) -> ApprovalRequestRecord | None:
        """Return a request for approval."""

    async def approval_answers(self, request_id: bytes) -> tuple[ApprovalAnswerRecord, ...]:
        """Return the answers to a request, in their order."""

    async def answers_of_approvals(
        self, request_ids: Collection[bytes]
    ) -> Mapping[bytes, tuple[ApprovalAnswerRecord, ...]]:
        """Return the answers to some requests, by request, each one's in their order."""

    async def open_approvals(self, now_ms: int, *, limit: int) -> tuple[tuple[bytes, int], ...]:
        """Return the ids of the requests that can be answered, newest first, and how many answers each has."""

    async def approvals_of(self, request_ids: Collection[bytes]) -> tuple[ApprovalRequestRecord, ...]:
        """Return some requests, in no order and without their arguments; those that are not there are left out."""

    async def approval_requests(
        self, which: ApprovalFilter, *, cursor: bytes | None = None, limit: int = 100
    ) -> Page[ApprovalRequestRecord]:
        """List requests for approval, newest first, without their arguments and tokens."""

    # -- revocation feed -------------------------------------------------------------------

    async def revoke(self, revocations: Sequence[RevocationRecord]) -> int:
        """Enter revocations, all or none; return the position from which all are in effect.

        What the feed already says, for as long, is not entered again.
        """

    async def rejoin(self, *, ahead_of: int, proofs_until_ms: int) -> int:
        """Go on from an older state of the database, a backup: nothing given out since is given out again.

        Moves the feed's head far beyond `ahead_of` and beyond where it is, so that verifiers see no rollback; and takes
        no proof that was signed before `proofs_until_ms`, since its use may have been forgotten. Returns the new head.
        """

    async def feed(self, after_position: int, limit: int, *, live_at_ms: int | None = None) -> FeedPage:
        """Return entries after a position; only those still live at a time, if one is given."""

    async def head_position(self) -> int:
        """Return the feed's last position; 0 if it is empty."""

    async def feed_beyond(self, position: int) -> int:
        """Wait until the feed is beyond `position`; return its position."""

    # -- agents and offers -----------------------------------------------------------------

    async def put_agent(self, agent: AgentRecord) -> None:
        """Register an agent, or replace its registration.

        Raises `Conflict` if somebody else registered it, for another owner, and now it registers itself.
        """

    async def remove_agent(self, agent_id: str) -> None:
        """Take an agent's registration back. Raises `NotRecordedError` if it has none."""

    async def agent(self, agent_id: str) -> AgentRecord | None:
        """Return an agent's registration."""

    async def agents(self, *, cursor: bytes | None = None, limit: int = 100) -> Page[AgentRecord]:
        """List registered agents by id."""

    async def put_tool_reports(
        self, caller: str, reports: Sequence[ToolReportRecord]
    ) -> Mapping[bytes, ToolReportRecord]:
        """Keep what a caller says of tools that it serves, in the place of what it said of them before.

        Since when a state holds, and when a report was first seen, stays as it was. Returns what was kept before, by
        report id. Raises `TooManyToolsError`.
        """

    async def judge_tool_reports(self, judged: Sequence[JudgedReport], *, now_ms: int) -> frozenset[bytes]:
        """Keep how reports differ from the catalogue by now; return the ids of those that were changed by this.

        One whose state is not what it was thought to be stays as it is.
        """

    async def tool_reports(self, *, cursor: bytes | None = None, limit: int = 100) -> Page[ToolReportRecord]:
        """List what tools have said of themselves, in no order that means anything."""

    async def tool_reports_of(self, audience: str, tool: str, *, limit: int = 100) -> Sequence[ToolReportRecord]:
        """Return what has been said of a tool by those who serve it, the latest first."""

    async def add_offer(self, offer: OfferRecord) -> None:
        """Keep an offer. The same offer again changes nothing."""

    async def offers(self, agent_id: str, *, now_ms: int, limit: int = 100) -> Sequence[OfferRecord]:
        """Return an agent's offers that are neither taken nor expired, longest-lived first."""

    async def offer(self, offer_digest: bytes) -> OfferRecord | None:
        """Return an offer, taken or not."""

    async def live_offers(self, *, now_ms: int, limit: int = 100_000) -> Sequence[OfferRecord]:
        """Return all offers that have not expired, taken or not: what a starting service must know."""

    async def take_offer(self, offer_digest: bytes, *, taken_by: str, now_ms: int) -> OfferRecord:
        """Take an offer for one handoff.

        Raises `NotRecordedError` if it is unknown or expired, `Conflict` if another has it.
        """

    # -- reading ---------------------------------------------------------------------------

    async def task(self, task_id: bytes) -> TaskRecord | None:
        """Return a task."""

    async def tasks(self, which: TaskFilter, *, cursor: bytes | None = None, limit: int = 100) -> Page[TaskRecord]:
        """List tasks, newest first."""

    async def links_of_task(self, task_id: bytes) -> tuple[LinkRecord, ...]:
        """Return all links of a task, each after its parent."""

    async def chain(self, leaf_link_id: bytes) -> tuple[LinkRecord, ...]:
        """Return the recorded links from grant to leaf; empty if the leaf is unknown."""

    async def call(self, call_id: bytes) -> CallRecord | None:
        """Return one decision."""

    async def calls(self, which: CallFilter, *, cursor: bytes | None = None, limit: int = 100) -> Page[CallRecord]:
        """List decisions, newest first."""

    async def outcomes(self, call_ids: Sequence[bytes]) -> Mapping[bytes, OutcomeRecord]:
        """Return the reported outcomes of these calls, by call id."""

    async def session(self, task_id: bytes) -> TaskSession:
        """Return the state of a task; a new one if nothing has happened in it."""

    async def sticking_labels(self, agents: Sequence[str], now_ms: int) -> frozenset[str]:
        """Return the labels that stick to any of these agents at a time, whatever task they were read in."""

    async def recent_acts(self, agent: str, now_ms: int) -> RecentActs:
        """Return what an agent did lately, whatever the task; nothing if that is forgotten, or was never counted."""

    async def usage(self, task_id: bytes) -> tuple[UsageRecord, ...]:
        """Return what was used of the conditions of a task's links."""

    async def recorder(self, guard_key: bytes) -> RecorderState:
        """Return where a guard's numbered decisions stand; before the first, if it is new."""

    # -- documents and upkeep --------------------------------------------------------------

    async def put_document(self, document: DocumentRecord) -> None:
        """Keep a version of a document. Raises `Conflict` unless it is newer than all kept ones."""

    async def document(self, kind: str, version: int | None = None) -> DocumentRecord | None:
        """Return a version of a document, by default the newest."""

    async def purge_expired(self, now_ms: int, *, limit: int = 1000) -> int:
        """Forget what has expired: uses of proofs, responses, revocations, offers, states of tasks, agents' labels.

        And the arguments in requests for approval. At most `limit` of each, so that other writes need not wait long.
        Returns how many in all; 0 means that nothing is left to do.
        """
