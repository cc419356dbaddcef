"""The states of the tasks that a group of operations is about: locked and read once, changed here, written once.

Decisions of one task in one group see each other, and so do those of one agent. What is kept stands subject by subject
in `task_states`, `task_usage`, `approvals_in_task`, `agent_histories` and `agent_labels`; here is what is done with it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, NamedTuple

from delegation.core.hearsay import sticking
from delegation.core.labels import PUBLIC
from delegation.errors import Reason, Refused, StorageError, refusal
from delegation.storage.operations.agent_histories import AgentHistories
from delegation.storage.operations.agent_labels import AgentLabels
from delegation.storage.operations.approvals_in_task import LookedAt, TaskApprovals
from delegation.storage.operations.task_states import TaskStates
from delegation.storage.operations.task_usage import TaskUsage
from delegation.storage.refused_writes import AskFirstError
from delegation.storage.sessions import ActingAgent, CallsThatRan, SessionStep, SessionView, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from delegation.storage.operations.operation import Transaction


_KNOWN: Final = 8192
"""States, sums and agents that are known on."""
_CHARACTERS: Final = 4 * 1024 * 1024
"""Of the states among them; as values they take several times as much."""


class Wanted(NamedTuple):
    """What an operation will look at.

    Attributes:
        task_id: the task whose state it may change; empty for none.
        expires_ms: when the task's grant expires.
        agents: whose sticking labels count.
        sums: the keys of what was used that counts.
        call_id: the call whose reservation it gives back; empty for none.
        acting: the agent whose history it may change; None for none.
    """

    task_id: bytes = b""
    expires_ms: int = 0
    agents: tuple[str, ...] = ()
    sums: tuple[bytes, ...] = ()
    call_id: bytes = b""
    acting: ActingAgent | None = None

    @classmethod
    def by(cls, step: SessionStep) -> Wanted:
        """Tell what a decision wants."""
        sums = tuple([demand.key for demand in step.demands])
        return cls(step.task_id, step.expires_ms, step.agents, sums, acting=step.acting)


class Sessions:
    """What is known, in one transaction, of the states of tasks and of the agents that act in them."""

    def __init__(self, transaction: Transaction) -> None:
        self.states = TaskStates(transaction)
        self.histories = AgentHistories(transaction)
        self.usage = TaskUsage(transaction)
        self.labels = AgentLabels(transaction)
        self.approvals = TaskApprovals(transaction)
        self._read: set[Wanted] = set()

    def forget(self) -> None:
        """Forget what was read, and what was changed and not written."""
        self._read.clear()
        for subject in (self.states, self.histories, self.usage, self.labels, self.approvals):
            subject.forget()

    def go_on(self) -> None:
        """Forget what may be too much to keep, or is for one transaction; states, sums and labels are known on."""
        self._read.clear()
        self.histories.forget()
        self.approvals.forget()
        if self.states.characters > _CHARACTERS or len(self.states) + len(self.usage) + len(self.labels) > _KNOWN:
            self.forget()

    def open(self, wanted: Iterable[Wanted]) -> None:
        """Lock and read all of it: states in the order of their keys, agents' histories in theirs, then the rest."""
        unread = [want for want in wanted if want not in self._read]
        if not unread:
            return
        self._read.update(unread)
        grants = _last_grants(want for want in unread if want.task_id)
        reserved_in = self.usage.open_reservations({want.call_id for want in unread if want.call_id})
        self.states.open(grants, reserved_in)
        self.usage.leave_settled()
        self.histories.open(want.acting for want in unread if want.acting is not None)
        self.states.outlive(grants)
        self.usage.open((want.task_id, key) for want in unread for key in want.sums)
        self.labels.open(agent for want in unread for agent in want.agents)

    def write(self) -> None:
        """Write what was changed."""
        for subject in (self.states, self.usage, self.labels, self.histories, self.approvals):
            subject.write()

    # -- decisions

    def judge(self, step: SessionStep) -> Verdict:
        """Have a decision judged on the state of its task. A failure to judge is a refusal."""
        self.open([Wanted.by(step)])
        looked_at = LookedAt(self.approvals, step)
        verdict = self._judged(step, looked_at)
        if looked_at.trouble is not None:
            raise looked_at.trouble
        return verdict

    def _judged(self, step: SessionStep, looked_at: LookedAt) -> Verdict:
        session = self.states[step.task_id].session
        used = self.usage.of(step.task_id, step.demands)
        recent = None if step.acting is None else self.histories.recent(step.acting)
        try:
            labelled = session.labelled(self.labels.sticking(step.agents, step.now_ms))
            verdict = step.judge(SessionView(labelled, used, looked_at, recent))
            tells_all = verdict.refusal is not None or used.keys() <= verdict.used.keys()
        except AskFirstError:
            raise
        except Refused as refused:
            return Verdict(refused)
        except Exception:  # noqa: BLE001 - who judges tells of its failures; none of them spoils another's decision
            return Verdict(refusal(Reason.INTERNAL))
        if not tells_all:
            return Verdict(refusal(Reason.INTERNAL))
        return verdict._replace(uses=looked_at.request.request_id) if looked_at.request else verdict

    def permit(self, step: SessionStep, call_id: bytes, verdict: Verdict) -> str | None:
        """Note what a permitted call uses, and what it makes known; give what it reserves, as its record has it."""
        state = self.states[step.task_id]
        if verdict.uses:
            self.approvals.use(verdict.uses, call_id)
        reserved = self.usage.charge(step, verdict.used, state.expires_ms)
        state.decided(verdict.session)
        self.labels.stick(step.agents, verdict.labels, step.labels_until_ms)
        if step.acting is not None:
            self.histories.permitted(step.acting, step.effects)
        return reserved

    def deny(self, step: SessionStep) -> None:
        """Note that a call was refused."""
        state = self.states[step.task_id]
        state.change(state.session.after_denial())
        if step.acting is not None:
            self.histories.denied(step.acting)

    def note(self, ran: CallsThatRan) -> None:
        """Note what calls leave that nobody can refuse any more.

        What cannot be read refuses every further call that rests on it, and must not keep a guard from recording.
        """
        state = self.states[ran.task_id]
        labels = frozenset[str]().union(*(tool.labels for tool in (*ran.tools, *ran.observed))) - {PUBLIC}
        self.labels.stick(ran.agents, sticking(labels), ran.labels_until_ms)
        with contextlib.suppress(StorageError):
            session = state.session
            for tool in ran.tools:
                session = session.after_running(tool)
            for tool in ran.observed:
                session = session.tainted(tool.labels)
            state.change(session)
        if ran.acting is not None:
            with contextlib.suppress(StorageError):
                self.histories.recorded(ran.acting, ran.acts)

    def give_back(self, call_id: bytes) -> None:
        """Give back what a call has taken from budgets, if that was not given back and its task still has a state."""
        self.open([Wanted(call_id=call_id)])
        if self.usage.reserved_by(call_id) in self.states:
            self.usage.give_back(call_id)


def _last_grants(wanted: Iterable[Wanted]) -> dict[bytes, int]:
    """Tell until when each task's last grant lives, of those that are wanted."""
    until: dict[bytes, int] = {}
    for want in wanted:
        until[want.task_id] = max(want.expires_ms, until.get(want.task_id, 0))
    return until
