"""What a policy is told of a call in the state of its task, and of a scope that is given to somebody."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from delegation.core.agent_history import RecentActs
from delegation.core.chain import Principal, VerifiedChain
from delegation.core.demands import CALLS, Demand
from delegation.core.scope import Scope
from delegation.core.session import TaskSession
from delegation.core.tool_id import tool_id
from delegation.core.trust import CatalogueTool
from delegation.core.usage import NOTHING_USED, least_remaining
from delegation.policy.port import Action, PolicyQuestion
from delegation.service.call_in_session import CallInSession
from delegation.storage.sessions import SessionView


def question_of_call(call: CallInSession, view: SessionView) -> PolicyQuestion:
    """Make the question about a call. Raises `Malformed` if what was used cannot be read."""
    chain, now_ms = call.chain, call.now_ms
    left = _least_left(call.demands, view)
    calls_left = left.pop(CALLS, None)
    return PolicyQuestion(
        action=Action.CALL,
        tool=call.tool,
        listed=call.listed,
        principal=chain.principal,
        agents=chain.agents,
        now_s=now_ms // 1000,
        asserted=asserted_agents(chain, now_ms),
        owner=call.owner,
        purpose=chain.purpose,
        calls_left=None if calls_left is None else int(calls_left),
        budgets_left=left,
        arguments=call.arguments,
        manifest_changed=call.manifest_changed,
        **_of_task(view.session),
        **_of_agent(view.recent),
    )


class GivenScope(NamedTuple):
    """A scope that is granted or handed on.

    Attributes:
        action: which of both.
        scope: what is given.
        agents: of the chain, with whoever receives it as the last.
        asserted: those of them that nobody vouches for.
        principal, purpose: the grant's.
        task_id: of a task that goes on already; empty: it begins with this.
        acting: whose act a call by it will be, as `KnownAgents.acting`; empty: the first of `agents`.
    """

    action: Action
    scope: Scope
    agents: tuple[str, ...]
    asserted: frozenset[str]
    principal: Principal
    purpose: str
    task_id: bytes = b""
    acting: str = ""


def questions_of_scope(
    given: GivenScope,
    entries: Iterable[tuple[CatalogueTool, bool]],
    *,
    session: TaskSession,
    recent: RecentActs | None,
    owner: str,
    now_ms: int,
) -> list[PolicyQuestion]:
    """Make the questions about a scope that is given: one for each of these tools, and whether it is listed."""
    whole = frozenset(tool_id(each.audience, each.tool) for each in given.scope.capabilities)
    past = _of_task(session) | _of_agent(recent)
    return [
        PolicyQuestion(
            action=given.action,
            tool=tool,
            listed=listed,
            principal=given.principal,
            agents=given.agents,
            now_s=now_ms // 1000,
            asserted=given.asserted,
            owner=owner,
            purpose=given.purpose,
            scope=whole,
            **past,
        )
        for tool, listed in entries
    ]


def asserted_agents(
    chain: VerifiedChain, now_ms: int, *, up_to: int | None = None, vouched: Collection[int] = ()
) -> frozenset[str]:
    """Give the agents of a chain that nobody vouches for, at one of their links at least.

    Args:
        chain: the chain.
        now_ms: when.
        up_to: the last link that counts; None: the leaf.
        vouched: the links whose holders somebody vouches for beyond what the chain shows.
    """
    agents = chain.agents if up_to is None else chain.agents[: up_to + 1]
    return frozenset(
        agent for index, agent in enumerate(agents) if index not in vouched and not chain.bound(index, now_ms)
    )


def _of_task(session: TaskSession) -> dict[str, Any]:
    return {
        "task_labels": session.labels,
        "task_effects": frozenset(session.effects),
        "task_tools": frozenset(session.tools),
        "task_calls": session.calls,
        "task_denials": session.denials,
    }


def _of_agent(recent: RecentActs | None) -> dict[str, Any]:
    if recent is None:
        return {}
    return {"agent_calls": recent.calls, "agent_denials": recent.denials, "agent_effects": recent.effects}


def _least_left(demands: Iterable[Demand], view: SessionView) -> dict[str, str]:
    """Give what the strictest sum of each argument leaves, and the strictest count of calls."""
    uses: dict[str, list[tuple[str, str]]] = {}
    for demand in demands:
        use = view.used.get(demand.key, NOTHING_USED), demand.maximum
        uses.setdefault(demand.argument, []).append(use)
    return {argument: least_remaining(of) for argument, of in uses.items()}
