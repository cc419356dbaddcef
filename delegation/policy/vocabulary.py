"""The words of a policy: what rules find in `context`, of which type, and where it comes from.

One table for the schema that rules are checked against and for the questions that they are asked, so that the two
cannot differ. It is flat, and made of strings, numbers, booleans and sets: what is built anew for every call must be
cheap. `arguments` and `budgetsLeft` are records whose fields a rule declares; see `arguments`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from delegation.policy.port import Action, PolicyQuestion

_EVERY: Final = frozenset(Action)
_CALL: Final = frozenset({Action.CALL})
_GIVEN: Final = frozenset({Action.GRANT, Action.HAND_OFF})

AGENT: Final = "Agent"
TOOL: Final = "Tool"
UNLISTED_TOOL: Final = "UnlistedTool"
ACTION: Final = "Action"
ARGUMENTS: Final = "arguments"
BUDGETS_LEFT: Final = "budgetsLeft"

OF_THE_AGENT: Final = frozenset({"agentCalls", "agentDenials", "agentEffects"})
"""What an agent did lately, whatever the task."""

HISTORY: Final = OF_THE_AGENT | {"taskEffects", "taskTools", "taskCalls", "taskDenials"}
"""What is known only if every call was kept in mind. Labels are kept anyway."""

OF_THE_TASK: Final = (HISTORY - OF_THE_AGENT) | {"taskLabels"}
OWNER: Final = "agentOwner"

OF_SIGN_INS: Final = frozenset({"principalBasis", "principalAcr", "principalAuthTime", "time"})
"""What decides whether a demand to sign in is fulfilled."""


class Field(NamedTuple):
    """One attribute of `context`.

    Attributes:
        type: in Cedar's schema language.
        value: what it is in a question; None: it is not there.
        actions: in which questions it is.
        optional: whether it may be missing: Cedar then demands `context has …` before it.
    """

    type: str
    value: Callable[[PolicyQuestion], Any]
    actions: frozenset[Action] = _EVERY
    optional: bool = False


def _listed(values: Iterable[str]) -> list[str]:
    return list(map(str, values))


FIELDS: Final[dict[str, Field]] = {
    # who
    "agents": Field("Set<String>", lambda q: list(q.agents)),
    "assertedAgents": Field("Set<String>", lambda q: list(q.asserted)),
    "agentOwner": Field("String", lambda q: q.owner),
    "depth": Field("Long", lambda q: len(q.agents)),
    # on whose behalf, and what for
    "principalSubject": Field("String", lambda q: q.principal.subject),
    "principalIssuer": Field("String", lambda q: q.principal.issuer),
    "principalBasis": Field("String", lambda q: str(q.principal.basis)),
    "principalAcr": Field("String", lambda q: q.principal.authentication_strength),
    "principalAuthTime": Field("Long", lambda q: q.principal.authenticated_at_ms // 1000),
    "purpose": Field("String", lambda q: q.purpose),
    # which tool
    "audience": Field("String", lambda q: q.tool.audience),
    "tool": Field("String", lambda q: q.tool.tool),
    "toolOwner": Field("String", lambda q: q.tool.owner),
    "effects": Field("Set<String>", lambda q: _listed(q.tool.effects)),
    "labels": Field("Set<String>", lambda q: list(q.tool.labels)),
    "local": Field("Bool", lambda q: q.tool.local),
    "scope": Field("Set<String>", lambda q: list(q.scope), _GIVEN),
    # what the task has done so far
    "taskLabels": Field("Set<String>", lambda q: list(q.task_labels)),
    "taskEffects": Field("Set<String>", lambda q: _listed(q.task_effects)),
    "taskTools": Field("Set<String>", lambda q: list(q.task_tools)),
    "taskCalls": Field("Long", lambda q: q.task_calls),
    "taskDenials": Field("Long", lambda q: q.task_denials),
    # what the acting agent did lately, in whatever task
    "agentCalls": Field("Long", lambda q: q.agent_calls),
    "agentDenials": Field("Long", lambda q: q.agent_denials),
    "agentEffects": Field("Set<String>", lambda q: None if q.agent_effects is None else _listed(q.agent_effects)),
    # what remains, when it is, and whether people consented
    "callsLeft": Field("Long", lambda q: q.calls_left, _CALL, optional=True),
    "time": Field("Long", lambda q: q.now_s),
    "manifestChanged": Field("Bool", lambda q: q.manifest_changed, _CALL),
    "approved": Field("Bool", lambda q: q.approved, _CALL),
}
