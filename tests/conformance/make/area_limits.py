"""Tokens as large as they may be, and one past it: SPEC section 10."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from conformance.make import messages as m
from conformance.make.messages import Link
from conformance.make.tokens import NOW_MS, TRUST, Chain, binding, chain, line, receipt
from conformance.make.vector import Area, Data, Vector, accepted, packed, refused


def _vector(name: str, says: str, spec: str, token: bytes | Data, expect: dict[str, Any]) -> Vector:
    data = packed(token, longest=1_024) if isinstance(token, bytes) else token
    asked = {"token": data, "now_ms": NOW_MS, "trust": TRUST, "revocations": [], "require_receipt": True}
    return Vector(f"limit-{name}", "verify", says, tuple(spec.split()), asked, expect)


def _good(name: str, says: str, spec: str, made: Chain) -> Vector:
    return _vector(name, says, spec, made.token, accepted(chain_digest=made.ids[-1]))


def _bad(name: str, says: str, spec: str, made: Chain, reason: str, *, link: int = 0) -> Vector:
    return _vector(name, says, spec, made.token, refused(reason, link=link))


GRANT = line("alice")[0]


def _grant(scope: bytes) -> Chain:
    return chain(replace(GRANT, scope=scope))


def _listed(constraint: bytes) -> bytes:
    return m.scope(m.capability("files", "read", m.listed("n", constraint)))


def links() -> Iterator[Vector]:
    """Links, statements, bytes."""
    names = [f"agent-{number}" for number in range(33)]
    made = [replace(link, remaining_depth=100 - index) for index, link in enumerate(line(*names, scope=b""))]
    yield _good("32-links", "As many links as there may be.", "E-2 V-21", chain(*made[:32]))
    yield _vector("33-links", "A link too many.", "E-2 V-2", chain(*made).token, refused("too_many_links"))
    two = chain(*line("alice", "bob", unrecorded_handoffs=False))
    many = [receipt(two.ids[1])] + [binding("bob", issued_at_ms=NOW_MS - each) for each in range(63)]
    yield _good("64-statements", "As many statements as there may be.", "E-4 V-21", two.stating(*many))
    more = two.stating(*many, receipt(two.ids[0]))
    yield _vector("65-statements", "A statement too many.", "E-4 V-2", more.token, refused("statement_unsupported"))
    yield _good("largest-token", "A token of as many bytes as there may be.", "E-1 V-21", _sized(65_536))
    large = _sized(65_537).token
    yield _vector("too-large-token", "A byte more.", "E-1 V-1", large, refused("token_too_large"))


def _sized(size: int) -> Chain:
    """Give a grant whose token has this size, by a set of strings of which the last makes up the rest."""
    last = 4_000
    while True:
        strings = [*(f"{number:02}" + "x" * 4_080 for number in range(15)), "zz" + "x" * last]
        made = _grant(_listed(m.one_of(*strings)))
        if len(made.token) == size:
            return made
        last += size - len(made.token)


def scopes() -> Iterator[Vector]:
    """What a scope may hold."""
    tools = [m.capability("a", f"{each:03}", m.ANY_ARGUMENTS) for each in range(129)]
    yield _good("128-capabilities", "As many capabilities as there may be.", "S-5 V-21", _grant(m.scope(*tools[:128])))
    yield _bad("129-capabilities", "One too many.", "S-5 V-5", _grant(m.scope(*tools)), "too_many_capabilities")
    listed = [m.listed(f"{each:02}", m.ANYTHING) for each in range(65)]
    most = m.scope(m.capability("a", "b", *listed[:64]))
    yield _good("64-arguments", "As many arguments as there may be.", "S-7 V-21", _grant(most))
    more = m.scope(m.capability("a", "b", *listed))
    yield _bad("65-arguments", "One too many.", "S-7 V-5", _grant(more), "too_many_arguments")
    numbers = [*range(1025)]
    yield _good(
        "1024-values", "As many values as a set may have.", "S-11 V-21", _grant(_listed(m.one_of(*numbers[:1024])))
    )
    yield _bad("1025-values", "One too many.", "S-11 V-5", _grant(_listed(m.one_of(*numbers))), "too_many_values")
    deep = m.exact(1)
    for _ in range(15):
        deep = m.each(deep)
    yield _good("16-deep", "Constraints as deep as they may be.", "S-10 V-21", _grant(_listed(deep)))
    yield _bad("17-deep", "One deeper.", "S-10 V-5", _grant(_listed(m.each(deep))), "nesting_too_deep")
    branches = [m.exact(each) for each in range(65)]
    yield _good(
        "64-branches", "As many branches as there may be.", "S-23 V-21", _grant(_listed(m.any_of(*branches[:64])))
    )
    yield _bad("65-branches", "One too many.", "S-23 V-5", _grant(_listed(m.any_of(*branches))), "too_many_values")
    budgets = [m.budget(f"{each}", "1") for each in range(9)]
    most = m.scope(m.capability("a", "b", m.ANY_ARGUMENTS, *budgets[:8]))
    yield _good("8-conditions", "As many conditions as there may be.", "S-8 V-21", _grant(most))
    more = m.scope(m.capability("a", "b", m.ANY_ARGUMENTS, *budgets))
    yield _bad("9-conditions", "One too many.", "S-8 V-5", _grant(more), "too_many_values")


def comparing() -> Iterator[Vector]:
    """Steps of comparing the scopes of a token, all links together (N-8)."""
    numbers = m.one_of(*range(1024))
    ranges = m.integers(0, 1023)

    def links_of(count: int, *children: bytes) -> list[Link]:
        names = [f"agent-{number}" for number in range(count)]
        scopes_ = [_listed(m.integers(0)), *children]
        made = line(*names)
        return [
            replace(link, scope=scope, remaining_depth=100 - index)
            for index, (link, scope) in enumerate(zip(made, scopes_, strict=True))
        ]

    # A one_of under an integer_range takes 1 and 1,024 for its values.
    child = m.any_of(*[numbers] * 7)
    # Link 1: an any_of of 7 sets under an integer_range: 1 + 7 * 1,025 = 7,176.
    two = links_of(2, _listed(child))
    yield _good("comparing-one-link", "7,176 steps.", "N-8 V-10", chain(*two))
    # 8 sets: 1 + 8 * 1,025 = 8,201.
    two = links_of(2, _listed(m.any_of(*[numbers] * 8)))
    yield _bad(
        "comparing-too-much", "8,201 steps at one link.", "N-8 V-10", chain(*two), "evaluation_exhausted", link=1
    )
    # 6 sets: 6,151 at link 1. Link 2 narrows to the first: an any_of of 6 sets is asked about a range of 1,024
    # integers: 1 + 1,024 * (1 + 6) = 7,169, together 13,320.
    three = links_of(3, _listed(m.any_of(*[numbers] * 6)), _listed(ranges))
    yield _bad(
        "comparing-together",
        "6,151 steps at one link, and 7,169 at the next.",
        "N-8 V-10",
        chain(*three),
        "evaluation_exhausted",
        link=2,
    )
    # 3 sets: 1 + 3 * 1,025 = 3,076, then 1 + 1,024 * (1 + 3) = 4,097: together 7,173.
    three = links_of(3, _listed(m.any_of(*[numbers] * 3)), _listed(ranges))
    yield _good("comparing-within", "3,076 steps, and 4,097 more.", "N-8 V-10", chain(*three))


AREA = Area("limits", "Tokens at the limits.", [*links(), *scopes(), *comparing()])
