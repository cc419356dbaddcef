"""The Cedar schema that rules are type-checked against, made from the operator's catalogue.

The tools of the catalogue are an enumerated type: a rule that misspells one does not type-check, where it would
silently never apply. Tools that are not listed are of another type, so that no rule about a listed tool meets them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from delegation.core.tool_id import tool_id
from delegation.core.trust import Catalogue
from delegation.policy.arguments import ArgumentType
from delegation.policy.port import Action
from delegation.policy.vocabulary import AGENT, ARGUMENTS, BUDGETS_LEFT, FIELDS, TOOL, UNLISTED_TOOL

_NO_TOOL: Final = ""
"""What an empty catalogue lists, since Cedar has no empty enumerations: no tool has this name."""


def schema_text(catalogue: Catalogue, argument_types: Mapping[str, ArgumentType]) -> str:
    """Write the schema for a rule that declares these arguments."""
    names = [tool_id(tool.audience, tool.tool) for tool in catalogue.tools] or [_NO_TOOL]
    lines = [
        f"entity {AGENT};",
        f"entity {TOOL} enum [{', '.join(map(quoted, names))}];",
        f"entity {UNLISTED_TOOL};",
    ]
    lines += [_action(action, argument_types if action is Action.CALL else {}) for action in Action]
    return "\n".join(lines)


def quoted(text: str) -> str:
    """Write a printable text as a literal of Cedar."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _action(action: Action, argument_types: Mapping[str, ArgumentType]) -> str:
    context = [
        f"  {name}{'?' if field.optional else ''}: {field.type},"
        for name, field in FIELDS.items()
        if action in field.actions
    ]
    if argument_types:
        given = {name: type_.cedar for name, type_ in argument_types.items()}
        context += [_record(ARGUMENTS, given), _record(BUDGETS_LEFT, dict.fromkeys(given, "decimal"))]
    fields = "\n".join(context)
    resources = f"[{TOOL}, {UNLISTED_TOOL}]"
    return f"action {action} appliesTo {{\n principal: {AGENT}, resource: {resources}, context: {{\n{fields}\n }}\n}};"


def _record(name: str, fields: Mapping[str, str]) -> str:
    optional = ", ".join(f"{quoted(field)}?: {type_}" for field, type_ in fields.items())
    return f"  {name}: {{{optional}}},"
