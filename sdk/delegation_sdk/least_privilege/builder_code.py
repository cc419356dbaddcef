"""A scope as the Python that builds it. ASCII only: names and values are somebody else's, and may be hostile."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from keyword import iskeyword
from typing import Any, Final

from delegation.core.notation import scope_to_plain
from delegation.core.scope import Scope

_COLUMNS: Final = 100
_UNARY: Final = frozenset({"under", "starting_with", "in_network", "matching", "at_most", "at_least"})
_LISTS: Final = frozenset({"one_of", "none_of", "subset_of", "containing", "between"})
_AROUND: Final = {"not": "not_", "each": "each", "decimal_text": "decimal_text"}
_COMBINED: Final = frozenset({"all_of", "any_of"})


def builder_code(scope: Scope) -> str:
    """Write the expression that builds a scope, with the names that `delegation_sdk` exports.

    Raises:
        Malformed: FIELD_INVALID for what has no plain form.
    """
    capabilities = [_capability(plain) for plain in scope_to_plain(scope)]
    if not capabilities:
        return "Scope()"
    return "Scope(\n" + "".join(f"    {line}\n" for each in capabilities for line in each) + ")"


def _capability(plain: Mapping[str, Any]) -> list[str]:
    arguments = plain["arguments"]
    name = "any_call" if arguments == "any" else "tool"
    parts = [_literal(plain["audience"]), _literal(plain["tool"]), *map(_condition, plain.get("conditions", ()))]
    if arguments != "any":
        parts += _named(arguments)
    line = f"{name}({', '.join(parts)}),"
    if len(line) <= _COLUMNS:
        return [line]
    return [f"{name}(", *(f"    {part}," for part in parts), "),"]


def _named(arguments: Mapping[str, Any]) -> Iterator[str]:
    """Write named arguments; names that Python has not as keywords in a mapping at the end."""
    others: list[str] = []
    for name, plain in arguments.items():
        if name.isascii() and name.isidentifier() and not iskeyword(name):
            yield f"{name}={_argument(plain)}"
        else:
            others.append(f"{_literal(name)}: {_argument(plain)}")
    if others:
        yield f"**{{{', '.join(others)}}}"


def _argument(plain: Mapping[str, Any]) -> str:
    if plain.get("optional"):
        return f"optional({_constraint({name: each for name, each in plain.items() if name != 'optional'})})"
    return _constraint(plain)


def _constraint(plain: Mapping[str, Any]) -> str:
    ((kind, said),) = plain.items()
    if kind == "exactly":
        return _literal(said)
    if kind in _UNARY:
        return f"{kind}({_literal(said)})"
    if kind in _LISTS:
        return f"{kind}({', '.join(map(_literal, said))})"
    if kind in _COMBINED:
        return f"{kind}({', '.join(map(_constraint, said))})"
    if kind in _AROUND:
        return f"{_AROUND[kind]}({_constraint(said)})"
    return _structured(kind, said)


def _structured(kind: str, said: Any) -> str:
    match kind:
        case "anything":
            return "anything()"
        case "fields":
            return f"fields({', '.join(_named(said))})"
        case "length":
            return f"length({', '.join(f'{name}={_literal(bound)}' for name, bound in said.items())})"
        case "matching_segments":
            return _segments(said)
        case "url":
            return _url(said)
        case _:
            return _range(said)


def _segments(said: str | Mapping[str, str]) -> str:
    if isinstance(said, str):
        return f"matching_segments({_literal(said)})"
    return f"matching_segments({_literal(said['pattern'])}, separator={_literal(said['separator'])})"


def _url(said: Mapping[str, Any]) -> str:
    first, *others = said["schemes"]
    port = f":{said['port']}" if said.get("port") is not None else ""
    parts = [_literal(f"{first}://{said['host']}{port}{said.get('path', '')}")]
    if said.get("subdomains"):
        parts.append("subdomains=True")
    if others:
        parts.append(f"schemes={_literal(others)}")
    return f"url({', '.join(parts)})"


def _range(said: Mapping[str, Any]) -> str:
    """Write a range that leaves a bound out."""
    low, high = said.get("minimum"), said.get("maximum")
    parts = []
    if low is not None:
        parts.append(f"{'more_than' if said.get('minimum_exclusive') else 'at_least'}({_literal(low)})")
    if high is not None:
        parts.append(f"{'less_than' if said.get('maximum_exclusive') else 'at_most'}({_literal(high)})")
    return parts[0] if len(parts) == 1 else f"all_of({', '.join(parts)})"


def _condition(plain: Mapping[str, Any]) -> str:
    if "at_most_calls" in plain:
        return f"at_most_calls({plain['at_most_calls']})"
    if "budget" in plain:
        return f"budget({_literal(plain['budget'])}, {_literal(plain['at_most'])})"
    approvers = ", ".join(map(_literal, plain["approved_by"]))
    return f"approved_by({approvers}, threshold={plain['threshold']})"


def _literal(value: Any) -> str:
    """Write a value as Python, with an escape for every character that is not plain ASCII."""
    if isinstance(value, str):
        text = ascii(value)
        return text if '"' in text else f'"{text[1:-1]}"'
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_literal(name)}: {_literal(each)}' for name, each in value.items())}}}"
    return repr(value) if value is None or isinstance(value, bool) else json.dumps(value)
