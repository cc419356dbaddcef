"""What a decision asks of a task's state, and what it changes in it, as storage and service say it to each other.

Judging is the service's: storage brings the state, asks, and writes the answer together with the decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from delegation.core.agent_history import RecentActs
from delegation.core.demands import Demand
from delegation.core.session import TaskSession
from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import Refused
from delegation.storage.approvals import ApprovalAnswerRecord, ApprovalNeeds, CallKey
from delegation.storage.records import CallRecord


class Given(NamedTuple):
    """Who has approved a call, and what of.

    Attributes:
        demands: what they were asked to consent to, as the service wrote it; empty: nobody was.
        answers: of those who have consented.
    """

    demands: str = ""
    answers: tuple[ApprovalAnswerRecord, ...] = ()


NOBODY: Final = Given()

GivenApprovals = Callable[[bytes], Given]
"""Gives who has approved the call under the policy of a digest. What was looked at is used up by a permission."""


def _nobody(policy_digest: bytes) -> Given:  # noqa: ARG001 - whatever the policy
    return NOBODY


class ActingAgent(NamedTuple):
    """The agent in whose history a call counts, whatever the task.

    Attributes:
        agent: its id; the service knows that it is the holder of its link.
        now_ms: when that is.
        until_ms: when the call is forgotten.
    """

    agent: str
    now_ms: int
    until_ms: int


class Act(NamedTuple):
    """A call that counts in an agent's history, as a guard recorded it.

    Attributes:
        proof_id: of the agent's proof, as `ProofUse` has it: it counts once. Empty: its decision counts it.
        effects: those that it may have had.
    """

    proof_id: bytes
    effects: frozenset[Effect]


class SessionView(NamedTuple):
    """The state that a decision is taken on.

    Attributes:
        session: the task's; its labels with those that stick to the chain's agents.
        used: of each demand, by its key, what was used before; of what is not in it, nothing.
        approvals: of the call; looked up when they are asked for.
        recent: what the acting agent did lately in all its tasks; None where nobody asks.
    """

    session: TaskSession
    used: Mapping[bytes, str]
    approvals: GivenApprovals = _nobody
    recent: RecentActs | None = None


class Verdict(NamedTuple):
    """What was judged.

    Attributes:
        refusal: why not; None permits the call.
        session: the task's after the call; of no meaning in a refusal.
        used: of each demand, by its key, what is used after the call; of no meaning in a refusal.
        labels: of the call's result, which stick to the chain's agents.
        rules: the ids of the policy's rules that decided, with commas between them; None if none did.
        obligations: what a permission demands of the tool, with commas; None if nothing.
        inputs: what the policy was told, as the service keeps it; None if nothing is kept.
        needs: the approvals that alone are lacking, in a refusal for want of them.
        uses: the request for approval that a permission uses up; storage's to say.
    """

    refusal: Refused | None
    session: TaskSession = TaskSession()
    used: Mapping[bytes, str] = {}
    labels: frozenset[str] = frozenset()
    rules: str | None = None
    obligations: str | None = None
    inputs: str | None = None
    needs: ApprovalNeeds | None = None
    uses: bytes = b""


Judge = Callable[[SessionView], Verdict]
"""Judges without asking anybody else. May be called more than once, and only its last word counts."""


@dataclass(frozen=True, slots=True)
class SessionStep:
    """A decision's part in the state of its task.

    Attributes:
        task_id: the task, 16 bytes.
        expires_ms: when its grant expires.
        agents: of the chain, known to the service; labels stick to them, and what sticks counts.
        demands: of the chain's conditions, whose uses are wanted.
        judge: decides on the state.
        now_ms: the decision's time.
        labels_until_ms: how long the labels of the call's result stick to the agents.
        call: whose approvals may be asked for; None: nobody's.
        acting: in whose history it counts; None where nobody asks.
        effects: those that it has there if it is permitted.
        anyway: what the call leaves if it is refused and runs all the same: its tool is under observation; None: it
            does not run.
    """

    task_id: bytes
    expires_ms: int
    agents: tuple[str, ...]
    demands: tuple[Demand, ...]
    judge: Judge = field(repr=False)
    now_ms: int
    labels_until_ms: int = 0
    call: CallKey | None = None
    acting: ActingAgent | None = None
    effects: frozenset[Effect] = frozenset()
    anyway: CallsThatRan | None = None


@dataclass(frozen=True, slots=True)
class CallsThatRan:
    """Calls of one chain that ran without the state being asked, and what they leave in it.

    Attributes:
        task_id: the task, 16 bytes.
        expires_ms: when its grant expires.
        agents: of the chain, known to the service; labels of what was read stick to them.
        tools: what was called and permitted, as the catalogue has it, in the order of the calls.
        labels_until_ms: how long labels stick to the agents.
        acting: in whose history some of them count; None where nobody asks.
        acts: those that are shown to be that agent's.
        observed: what was called and refused, and ran all the same; all of it under names of its own (`hearsay`).
    """

    task_id: bytes
    expires_ms: int
    agents: tuple[str, ...]
    tools: tuple[CatalogueTool, ...]
    labels_until_ms: int
    acting: ActingAgent | None = None
    acts: tuple[Act, ...] = ()
    observed: tuple[CatalogueTool, ...] = ()


class Decided(NamedTuple):
    """A decision that stands.

    Attributes:
        call: as it is recorded.
        refusal: why the state of the task refuses it; None if it does not, and for a decision that stood before.
    """

    call: CallRecord
    refusal: Refused | None


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """What was used of one condition of one link."""

    account: bytes
    """The link's id; of a grant, the task's."""
    audience: str
    tool: str
    argument: str
    """Whose values are summed; empty where calls are counted."""
    used: str
    """In decimal normal form."""
