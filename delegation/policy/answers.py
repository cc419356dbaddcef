"""What the engine answers: to the very same question, what it answered before.

It evaluates rules on what it is told and on nothing else, and calls of one task mostly differ in what no rule reads.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from delegation.policy.engine import cedar
from delegation.policy.vocabulary import ACTION, AGENT

_REMEMBERED: Final = 4096
_REMEMBERED_CHARACTERS: Final = 1024
"""Of what rules read: arguments may be many, and are seldom the same."""


class Asked(NamedTuple):
    """All that the engine is told.

    Attributes:
        policies: the rules, as the engine takes them.
        agent: the principal.
        action: what is about to happen.
        tool_type, tool: the resource.
        context: what the rules read, as JSON.
    """

    policies: Any
    agent: str
    action: str
    tool_type: str
    tool: str
    context: str


class Answer(NamedTuple):
    """What it says: its decision, the rules that determined it, and what it could not evaluate."""

    decision: str
    reasons: tuple[str, ...]
    errors: tuple[str, ...]


class Answers:
    """Asks the engine. Of a failure, which is raised, nothing is remembered."""

    def __init__(self) -> None:
        self._entities = cedar().Entities.from_json_str("[]")
        self._known: dict[Asked, Answer] = {}

    def to(self, asked: Asked) -> Answer:
        """Give the answer to a question."""
        answer = self._known.get(asked)
        if answer is None:
            answer = self._evaluated(asked)
            if len(asked.context) <= _REMEMBERED_CHARACTERS:
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[asked] = answer
        return answer

    def _evaluated(self, asked: Asked) -> Answer:
        request = {
            "principal": {"type": AGENT, "id": asked.agent},
            "action": {"type": ACTION, "id": asked.action},
            "resource": {"type": asked.tool_type, "id": asked.tool},
            "context": asked.context,
        }
        result = cedar().is_authorized(request, asked.policies, self._entities)
        said = result.diagnostics
        return Answer(result.decision.value, tuple(said.reasons), tuple(said.errors))
