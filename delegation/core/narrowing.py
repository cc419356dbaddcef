"""The one meaning of "permits no more than", over every field of a link.

Builder, verifier, ceilings and federation limits all call this. Each field of a link has a rule in
`RULES`; a test walks the message descriptor and fails for a field that has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NoReturn

from delegation.core import limits
from delegation.core.chain import Link
from delegation.core.conditions import Budget, Condition, no_wider
from delegation.core.constraints import Argument, Steps, arguments_covered
from delegation.core.constraints.words import ROOM, clipped
from delegation.core.scope import Capability, Scope
from delegation.errors import Reason, refusal


def narrower(child: Link, parent: Link, steps: Steps | None = None) -> None:
    """Require that a link permits no more than the link before it, in every field.

    Args:
        child: the link.
        parent: the link before it.
        steps: the budget that all links of a token share (N-8); None: a fresh one.

    Raises:
        ScopeGrew: SCOPE_GREW, naming the field, what the parent permits and what was asked.
        NotPermitted: EVALUATION_EXHAUSTED if comparing takes too many steps.
    """
    if child.expires_at_ms > parent.expires_at_ms:
        _grew("expires_at_ms", _number(parent.expires_at_ms), _number(child.expires_at_ms))
    if child.not_before_ms < parent.not_before_ms:
        _grew("not_before_ms", _number(parent.not_before_ms), _number(child.not_before_ms))
    if child.remaining_depth >= parent.remaining_depth:
        _grew("remaining_depth", f"at most {_number(parent.remaining_depth - 1)}", _number(child.remaining_depth))
    scope_within(child.scope, parent.scope, steps)


def scope_within(child: Scope, parent: Scope, steps: Steps | None = None) -> None:
    """Require that a scope permits no more than another; for links and for ceilings.

    Args:
        child: what is asked for.
        parent: what is permitted.
        steps: as for `narrower`.

    Raises:
        ScopeGrew: SCOPE_GREW, naming the capability and argument.
        NotPermitted: EVALUATION_EXHAUSTED if comparing takes too many steps.
    """
    if steps is None:
        steps = Steps()
    for pair, capability in child.by_pair.items():
        permitted = parent.by_pair.get(pair)
        if permitted is None:
            _grew(_name(capability), "no such tool", capability.describe())
        if permitted.arguments is not None:
            _arguments_within(capability, permitted, permitted.arguments, steps)
        if permitted.conditions:
            _conditions_within(capability, permitted)


def _arguments_within(child: Capability, parent: Capability, permits: Mapping[str, Argument], steps: Steps) -> None:
    if child.arguments is None:
        _grew(_name(child), parent.describe(), "any arguments")
    grown = arguments_covered(permits, child.arguments, steps)
    if grown is not None:
        name, why = grown
        permitted, asked = permits.get(name), child.arguments.get(name)
        _grew(
            f"{_name(child)}.{name}",
            permitted.describe() if permitted else "nothing",
            asked.describe() if asked else "nothing",
            why,
        )


def _conditions_within(child: Capability, parent: Capability) -> None:
    """Require that every condition of the parent stands in the child, as strict or stricter (N-9)."""
    for condition in parent.conditions:
        if not any(no_wider(candidate, condition) for candidate in child.conditions):
            asked = [candidate.describe() for candidate in child.conditions if _alike(candidate, condition)]
            _grew(f"{_name(child)}.conditions", condition.describe(), " and ".join(asked) or "no such condition")


def _alike(child: Condition, parent: Condition) -> bool:
    """Tell whether two conditions are about the same: then the one is what was asked for instead of the other."""
    same_kind = type(child) is type(parent)
    return same_kind and not (isinstance(child, Budget) and child.argument != parent[0])


def _number(value: int) -> str:
    """Write a number of a link that may still be signed; Python refuses to write out the longest."""
    return str(value) if abs(value) <= limits.SAFE_INTEGER else "a number that no link can hold"


def _name(capability: Capability) -> str:
    return f"scope[{capability.audience}.{capability.tool}]"


def _grew(field: str, parent: str, child: str, why: str = "") -> NoReturn:
    words = [clipped(text, ROOM) for text in (parent, child, why)]  # names in names add up
    raise refusal(Reason.SCOPE_GREW, field=field, parent=words[0], child=words[1], detail=words[2])


RULES: Final[dict[str, str]] = {
    "version": "the same format: verification step 6 accepts one version",
    "nonce": "free: it makes link ids differ",
    "issued_at_ms": "free: informative, no decision reads it",
    "not_before_ms": "child's is not earlier",
    "expires_at_ms": "child's is not later",
    "holder_key": "free: handing on to another key is what a handoff is",
    "holder_agent": "free: as the key",
    "remaining_depth": "child's is lower",
    "scope": "every capability within the parent's of the same audience and tool",
    "purpose": "free: an annotation; policy and approvers see the grant's",
    "trace_id": "free: informative",
    "span_id": "free: informative",
    "grant": "only the first link has it: verification step 7",
}
"""The rule of every field of `Link` in chain.proto."""


def taken_away(child: Link, parent: Link) -> list[str]:
    """Say in words what a handoff took away, for people who look at a chain."""
    lines = [
        f"{c.audience}.{c.tool}" for c in parent.scope.capabilities if child.scope.find(c.audience, c.tool) is None
    ]
    for capability in child.scope.capabilities:
        permitted = parent.scope.find(capability.audience, capability.tool)
        if permitted is not None:
            lines += _narrowed_arguments(capability, permitted)
            added = [each for each in capability.conditions if each not in permitted.conditions]
            lines += [f"{capability.audience}.{capability.tool}: only {each.describe()}" for each in added]
    if child.expires_at_ms < parent.expires_at_ms:
        lines.append(f"the last {_duration(min(parent.expires_at_ms - child.expires_at_ms, limits.SAFE_INTEGER))}")
    if child.remaining_depth < parent.remaining_depth - 1:
        lines.append(f"{_number(parent.remaining_depth - 1 - child.remaining_depth)} further handoffs")
    return lines


def _narrowed_arguments(child: Capability, parent: Capability) -> list[str]:
    if child.arguments is None:
        return []
    name = f"{child.audience}.{child.tool}"
    if parent.arguments is None:
        return [f"{name}: all but {child.describe()}"]
    lines = []
    for argument, permitted in parent.arguments.items():
        asked = child.arguments.get(argument)
        if asked is None:
            lines.append(f"{name}.{argument}")
        elif asked != permitted:
            lines.append(f"{name}.{argument}: {permitted.describe()} -> {asked.describe()}")
    return lines


_UNITS: Final[list[tuple[int, str]]] = [(3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms")]


def _duration(milliseconds: int) -> str:
    size, unit = next((size, unit) for size, unit in _UNITS if milliseconds >= size or size == 1)
    return f"{milliseconds / size:.3g} {unit}"
