"""To what a rule may apply, as its scope says: `(principal, action, resource)` in Cedar's JSON.

Rules are left out, and answers known beforehand, by this alone. So it is read by whole shapes: one that is not known
here, or has something beside what is known, may apply to everything, and nothing is concluded from it.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from delegation.policy.port import Action
from delegation.policy.vocabulary import ACTION, TOOL, UNLISTED_TOOL

_ACTIONS: Final = {str(action): action for action in Action}
_TYPES: Final = frozenset({TOOL, UNLISTED_TOOL})


class Reach(NamedTuple):
    """To what a rule may apply.

    Attributes:
        actions: to which actions.
        tool_type: to tools of which entity type; None: of each.
        tool: to which tool, as `tool_id` has it; None: to each of the type.
    """

    actions: frozenset[Action]
    tool_type: str | None
    tool: str | None

    def covers(self, action: Action, tool_type: str, tool: str | None) -> bool:
        """Tell whether it may apply to calls of a tool; None: of one that no rule names."""
        return (
            action in self.actions
            and (self.tool_type is None or self.tool_type == tool_type)
            and (self.tool is None or self.tool == tool)
        )


class Scope(NamedTuple):
    """A rule's scope, read.

    Attributes:
        reach: to what it may apply; never less than what Cedar applies it to.
        exact: whether Cedar applies it to all of that, whoever acts.
    """

    reach: Reach
    exact: bool


def read_scope(principal: Any, action: Any, resource: Any) -> Scope:
    """Read the scope of a rule."""
    actions, tools = _actions(action), _tools(resource)
    return Scope(
        Reach(frozenset(Action) if actions is None else actions, *(tools or (None, None))),
        exact=actions is not None and tools is not None and principal == {"op": "All"},
    )


def _actions(action: Any) -> frozenset[Action] | None:
    """Give the actions that are meant; None: that is not known. What is no action of ours fails the type check."""
    match action:
        case {"op": "All", **rest} if not rest:
            return frozenset(Action)
        case {"op": "==" | "in", "entity": named, **rest} if not rest:  # no action has others in it
            entities = [named]
        case {"op": "in", "entities": [*entities], **rest} if not rest:
            pass
        case _:
            return None
    meant = [_action(entity) for entity in entities]
    return None if None in meant else frozenset(each for each in meant if each is not None)


def _action(entity: Any) -> Action | None:
    type_, name = _named(entity) or ("", "")
    return _ACTIONS.get(name) if type_ == ACTION else None


def _tools(resource: Any) -> tuple[str | None, str | None] | None:
    """Give the type and name of the tools that are meant, each None if that is any; None: that is not known."""
    match resource:
        case {"op": "All", **rest} if not rest:
            return None, None
        case {"op": "is", "entity_type": str(type_), **rest} if not rest and type_ in _TYPES:
            return type_, None
        case {"op": "==" | "in", "entity": entity, **rest} if not rest:  # no tool has others in it
            return _tool(entity)
        case {"op": "is", "entity_type": str(type_), "in": {"entity": entity, **more}, **rest} if not rest and not more:
            named = _tool(entity)
            return named if named is not None and named[0] == type_ else None
        case _:
            return None


def _tool(entity: Any) -> tuple[str, str] | None:
    named = _named(entity)
    return named if named is not None and named[0] in _TYPES else None


def _named(entity: Any) -> tuple[str, str] | None:
    match entity:
        case {"type": str(type_), "id": str(name), **rest} if not rest:
            return type_, name
        case _:
            return None
