"""Scopes, capabilities and conditions that may be written: SPEC section 5.2, and P-12."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.make import messages as m
from conformance.make.messages import SAFE
from conformance.make.vector import NOT_CANONICAL, Area, Vector, accepted, packed, refused
from conformance.make.wire import delimited, number, some

INVALID = refused("field_invalid")
MANY = refused("too_many_values")


def _vector(name: str, says: str, spec: str, scope: bytes, expect: dict[str, Any] | bool) -> Vector:
    outcome = (accepted() if expect else INVALID) if isinstance(expect, bool) else expect
    given = {"message": "Scope", "bytes": packed(scope)}
    return Vector(f"scope-{name}", "decode", says, tuple(spec.split()), given, outcome)


def _any(audience: str, tool: str) -> bytes:
    return m.capability(audience, tool, m.ANY_ARGUMENTS)


def capabilities() -> Iterator[Vector]:
    """Capabilities (S-5 to S-7)."""
    for name, says, pairs, good in (
        ("empty", "No capability.", (), True),
        ("sorted", "Sorted by audience, then tool.", (("a", "x"), ("a", "y"), ("b", "a")), True),
        ("tools-unsorted", "Tools in another order.", (("a", "y"), ("a", "x")), False),
        ("audiences-unsorted", "Audiences in another order.", (("b", "a"), ("a", "b")), False),
        ("twice", "A pair twice.", (("a", "x"), ("a", "x")), False),
        ("prefix-first", "The shorter name first.", (("a", "x"), ("aa", "x")), True),
        ("pair-not-text", "By pairs, not by joined names.", (("a", "z"), ("ab", "a")), True),
        ("utf8-order", "By UTF-8.", (("\ufb33", "x"), ("\U0001f600", "x")), True),
        ("utf16-order", "Not by UTF-16.", (("\U0001f600", "x"), ("\ufb33", "x")), False),
        ("upper-case-first", "Upper case comes first.", (("B", "x"), ("a", "x")), True),
        ("no-audience", "An empty audience.", (("", "x"),), False),
        ("no-tool", "An empty tool.", (("a", ""),), False),
        ("audience-513-bytes", "An audience of 513 bytes.", (("a" * 513, "x"),), False),
        ("names-512-bytes", "Names of 512 bytes.", (("a" * 512, "x" * 512),), True),
        ("service", "The service's own audience.", (("urn:delegation:service", "complete_task"),), False),
        ("service-other-tool", "Whatever the tool.", (("urn:delegation:service", "x"),), False),
        ("service-upper-case", "In another spelling it is somebody else's.", (("urn:delegation:SERVICE", "x"),), True),
    ):
        spec = "P-12" if "service" in name else "S-5 S-6"
        yield _vector(name, says, spec, m.scope(*(_any(*pair) for pair in pairs)), good)
    many = [_any("a", f"{each:03}") for each in range(129)]
    yield _vector("128", "As many capabilities as there may be.", "S-5 V-21", m.scope(*many[:128]), True)
    yield _vector("129", "One too many.", "S-5", m.scope(*many), refused("too_many_capabilities"))


def arguments() -> Iterator[Vector]:
    """Arguments (S-6, S-7)."""
    x, y = m.listed("x", m.ANYTHING), m.listed("y", m.ANYTHING, optional=True)
    for name, says, fields, expect in (
        ("none", "No arguments.", (), True),
        ("two", "Two, one of them optional.", (x, y), True),
        ("unsorted", "In another order.", (y, x), False),
        ("twice", "One twice.", (x, x), False),
        ("unnamed", "Without a name.", (m.listed("", m.ANYTHING),), False),
        ("control", "With a line break in the name.", (m.listed("a\n", m.ANYTHING),), False),
        ("513-bytes", "With a name of 513 bytes.", (m.listed("a" * 513, m.ANYTHING),), False),
        (
            "utf16-order",
            "Sorted by UTF-16.",
            (m.listed("\U0001f600", m.ANYTHING), m.listed("\ufb33", m.ANYTHING)),
            False,
        ),
        ("any", "Any arguments.", (m.ANY_ARGUMENTS,), True),
        ("any-and-some", "Any arguments, and some.", (m.ANY_ARGUMENTS, x), False),
        ("no-constraint", "Without a constraint.", (delimited(4, some(1, "x")),), refused("constraint_unsupported")),
        ("after-conditions", "After the conditions.", (m.call_count(1), x), refused(NOT_CANONICAL)),
    ):
        scope = m.scope(m.capability("files", "read", *fields))
        yield _vector(f"arguments-{name}", says, "S-6 S-7", scope, expect)
    many = [m.listed(f"{each:02}", m.ANYTHING) for each in range(65)]
    most = m.scope(m.capability("files", "read", *many[:64]))
    yield _vector("arguments-64", "As many as there may be.", "S-7 V-21", most, True)
    more = m.scope(m.capability("files", "read", *many))
    yield _vector("arguments-65", "One too many.", "S-7", more, refused("too_many_arguments"))


def conditions() -> Iterator[Vector]:
    """Conditions (S-8, S-17)."""
    calls, budget, approval = m.call_count, m.budget, m.approval
    names = [f"{each:02}" for each in range(65)]
    for name, says, given, expect in (
        ("calls", "At most three calls.", (calls(3),), True),
        ("calls-largest", "As many calls as can be said.", (calls(SAFE),), True),
        ("calls-0", "No call at all.", (calls(0),), False),
        ("calls-too-many", "More calls than can be counted.", (calls(SAFE + 1),), False),
        ("calls-twice", "Two numbers of calls.", (calls(3), calls(2)), False),
        ("budget", "A budget.", (budget("amount", "50"),), True),
        ("budget-fraction", "A budget with a fraction.", (budget("amount", "49.99"),), True),
        ("budget-zero", "A budget of nothing.", (budget("amount", "0"),), True),
        ("budget-negative", "A negative budget.", (budget("amount", "-1"),), False),
        ("budget-not-normal", "A budget with a trailing zero.", (budget("amount", "49.90"),), False),
        ("budget-empty", "A budget without a sum.", (budget("amount", ""),), False),
        ("budget-unnamed", "A budget on nothing.", (budget("", "5"),), False),
        ("budget-control", "A budget on a name with a line break.", (budget("a\n", "5"),), False),
        ("budgets", "Two budgets.", (budget("amount", "50"), budget("count", "5")), True),
        ("budgets-unsorted", "In another order.", (budget("count", "5"), budget("amount", "50")), False),
        ("budgets-of-one-argument", "Two on one argument.", (budget("a", "5"), budget("a", "6")), False),
        ("approval", "One of two must approve.", (approval(1, "ann", "ben"),), True),
        ("approval-all", "Both must.", (approval(2, "ann", "ben"),), True),
        ("approval-0", "None must.", (approval(0, "ann"),), False),
        ("approval-more-than-there-are", "Three of two must.", (approval(3, "ann", "ben"),), False),
        ("approval-of-nobody", "One of nobody must.", (approval(1),), False),
        ("approvers-unsorted", "Approvers in another order.", (approval(1, "ben", "ann"),), False),
        ("approver-twice", "An approver twice.", (approval(1, "ann", "ann"),), False),
        ("approver-empty", "An approver without a name.", (approval(1, ""),), False),
        ("approver-control", "An approver with a line break.", (approval(1, "ann\n"),), False),
        ("64-approvers", "As many approvers as there may be.", (approval(1, *names[:64]),), True),
        ("65-approvers", "One too many.", (approval(1, *names),), MANY),
        ("approvals", "Two approvals.", (approval(1, "ann"), approval(1, "ann", "ben")), True),
        ("approvals-by-threshold", "Two thresholds.", (approval(1, "ann", "ben"), approval(2, "ann", "ben")), True),
        ("approvals-unsorted", "In another order.", (approval(1, "ben"), approval(1, "ann")), False),
        (
            "approvals-by-element",
            "Element by element: ann, ben comes before ann-lee.",
            (approval(1, "ann", "ben"), approval(1, "ann-lee")),
            True,
        ),
        (
            "approvals-thresholds-unsorted",
            "Thresholds in another order.",
            (approval(2, "ann", "ben"), approval(1, "ann", "ben")),
            False,
        ),
        ("approval-twice", "The same approval twice.", (approval(1, "ann"), approval(1, "ann")), False),
        ("all-kinds", "All kinds, in their order.", (calls(3), budget("a", "5"), approval(1, "ann")), True),
        ("calls-after-budget", "Calls after a budget.", (budget("a", "5"), calls(3)), False),
        ("budget-after-approval", "A budget after an approval.", (approval(1, "ann"), budget("a", "5")), False),
        ("8", "As many conditions as there may be.", tuple(budget(name, "1") for name in names[:8]), True),
        ("9", "One too many.", tuple(budget(name, "1") for name in names[:9]), MANY),
        ("no-kind", "A condition without a kind.", (delimited(5, b""),), refused("condition_unsupported")),
        ("unknown-kind", "A condition of a kind that nobody knows.", (delimited(5, delimited(4, b"")),), _UNKNOWN),
        (
            "unknown-field",
            "A call count with a field that nobody knows.",
            (m.condition(1, number(1, 3) + number(2, 1)),),
            refused(NOT_CANONICAL),
        ),
    ):
        scope = m.scope(m.capability("billing", "refund", m.ANY_ARGUMENTS, *given))
        yield _vector(f"condition-{name}", says, "S-8 S-17", scope, expect)


# An unknown field is not canonical (C-7); without it the condition has no kind.
_UNKNOWN = refused(NOT_CANONICAL)

AREA = Area("scopes", "Scopes, capabilities and conditions.", [*capabilities(), *arguments(), *conditions()])
