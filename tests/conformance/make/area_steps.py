"""What evaluating and comparing constraints costs, kind by kind: N-8, A-5, SPEC section 8.2."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from conformance.make import messages as m
from conformance.make.vector import Area, Data, Vector, accepted, refused, repeated, text
from conformance.make.wire import delimited, key, varint

EXHAUSTED = refused("evaluation_exhausted")


def any_of_times(branch: bytes, times: int, *rest: bytes) -> Data:
    """Give an `any_of` of one branch many times, and others, without writing it out."""
    field, others = delimited(1, branch), b"".join(delimited(1, each) for each in rest)
    head = key(26, 2) + varint(len(field) * times + len(others))
    return [head.hex(), repeated(field.hex(), times), others.hex()]


# -- evaluating ----------------------------------------------------------------------------------------------

TIMES, MEMBERS = range(20, 41), range(1, 301)
EDGES = ("just-within", "just-past")
LONG = "a" * 639
COSTS = {
    # kind: a constraint, a value that it allows, and the steps that this takes
    "length": (m.length(1), "x" + LONG, 10),
    "sub-path": (m.under("/"), "/" + LONG, 10),
    "segment-glob": (m.glob("*"), "x" + LONG, 6 + 40),
    "segment-glob-short": (m.glob("*"), "x" * 15, 6),
    "url": (m.url("https"), "https://example.org/" + "a" * 620, 8 + 40),
    "url-short": (m.url("https", host="a"), "https://a", 8),
    "decimal-text": (m.decimal_text("0"), "5", 6),
    "cidr": (m.cidr("10.0.0.0/8"), "10.0.0.1", 24),
    "list-subset": (m.list_subset("a"), ["a"] * 10, 10),
    "list-contains": (m.list_contains("a"), ["a"] * 10, 10),
    "each": (m.each(m.ANYTHING), [1] * 10, 10),
    "fields": (m.fields(*(m.argument(name, m.ANYTHING) for name in "abcde")), dict.fromkeys("abcde", 1), 10),
    "exact-composite": (m.exact([0] * 9), [0] * 9, 10),
    "negated-length": (m.negation(m.length(0, 5)), "x" + LONG, 10),
    "negated-cidr": (m.negation(m.cidr("10.0.0.0/8")), "11.0.0.1", 24),
    "all-of": (m.all_of(*[m.ANYTHING] * 10), 1, 10),
    "any-of": (m.any_of(*[m.exact("never")] * 9, m.ANYTHING), 1, 10),
    "characters-not-bytes": (m.length(1), "\u20ac" * 640, 10),
    "characters-not-units": (m.length(1), "\U0001f600" * 640, 10),
    "rounded-down": (m.length(1), "x" * 703, 10),
    "anything": (m.ANYTHING, "x" * 640, 0),
    "exact-string": (m.exact("a" * 640), "a" * 640, 0),
    "one-of": (m.one_of("a", "b"), "b", 0),
    "not-one-of": (m.not_one_of("a"), "b", 0),
    "integer-range": (m.integers(0), 5, 0),
    "decimal-range": (m.decimals("0"), 5, 0),
    "prefix": (m.prefix("a"), "a" * 640, 0),
    "short-length": (m.length(1), "x" * 63, 0),
    "length-of-a-list": (m.length(1), [1] * 10, 0),
    # weight 3: a pair, a character, a literal
    "regex": (m.regex("[a-cx]*a?"), "x" + LONG, 8 + 3 * (2 + 10)),
    "regex-short": (m.regex("a"), "a", 8 + 2),
    "regex-bytes": (m.regex("[\u00e0-\u00ff]*"), "\u00e9" * 320, 8 + 2 + 10),
    "negated-regex": (m.negation(m.regex("b")), "a", 8 + 2),
}
OTHER_STRINGS = {
    # kind: a constraint, a string that it does not speak of, and the steps that asking takes all the same
    "decimal-text": (m.decimal_text("0"), "five", 6),
    "cidr": (m.cidr("10.0.0.0/8"), "localhost", 24),
    "url": (m.url("https"), "localhost", 8),
    "segment-glob": (m.glob("*"), "..", 6),
    "negated-cidr": (m.negation(m.cidr("10.0.0.0/8")), "localhost", 24),
}


def _value(member: Any, times: int) -> Data:
    one = json.dumps(member, ensure_ascii=False)
    return [text("["), repeated(text(one + ","), times - 1), text(one + "]")]


def _asked(name: str, constraint: bytes, value: Data, steps: int) -> Vector:
    within = steps <= 8192
    given = {"constraint": constraint.hex(), "value": value}
    requires = ("re2",) if "regex" in name else ()
    expect = accepted(allows=True) if within else EXHAUSTED
    says = f"{steps:,} steps: {'within' if within else 'past'} the budget."
    return Vector(f"steps-{name}", "allows", says, ("A-5",), given, expect, requires)


def _at_the_edge(cost: int, besides: int) -> Iterator[tuple[int, int, int]]:
    """Give how many times the same, of how many members: as close as it gets to the budget from below, and from above.

    A member takes the steps besides, and for each time 1 and the cost.
    """
    sizes = [(members * (besides + times * (1 + cost)), times, members) for times in TIMES for members in MEMBERS]
    within, past = max(size for size in sizes if size[0] <= 8192), min(size for size in sizes if size[0] > 8192)
    for steps, times, members in (within, past):
        yield times, members, steps


def evaluating() -> Iterator[Vector]:
    """`each` member is asked by an all_of of many times the same: 1, and for each time 1 and what it takes."""
    for kind, (constraint, member, cost) in COSTS.items():
        for (times, members, steps), edge in zip(_at_the_edge(cost, 1), EDGES, strict=True):
            each = m.each(m.all_of(*[constraint] * times))
            yield _asked(f"{kind}-{edge}", each, _value(member, members), steps)
    # By an any_of, whose last branch says yes: a value of another type takes nothing, any string what a string takes.
    none = {"other-type": (m.cidr("10.0.0.0/8"), 5, 0), "list": (m.url("https"), [], 0)}
    for kind, (constraint, member, cost) in {**OTHER_STRINGS, **none}.items():
        for (times, members, steps), edge in zip(_at_the_edge(cost, 2), EDGES, strict=True):
            each = m.each(m.any_of(*[constraint] * times, m.ANYTHING))
            yield _asked(f"not-{kind}-{edge}", each, _value(member, members), steps)


# -- comparing -----------------------------------------------------------------------------------------------

NUMBERS = range(500)
PIECES = "/".join(["a"] * 500)
PATH = "/" + PIECES.removesuffix("/a")


def comparing() -> Iterator[Vector]:
    """One parent against an `any_of` of branches of one kind: 1, and for each branch 1 and what the rule takes."""
    many, more = m.list_subset(*NUMBERS), m.list_subset(*NUMBERS, 500)
    every, fewer = m.list_contains(*NUMBERS), m.list_contains(*NUMBERS, 500)
    excluded = m.not_one_of(*(f"{number:03}" for number in NUMBERS))
    for name, says, parent, child, cost in (
        ("list-subset", "The child's members.", more, many, 500),
        ("list-contains", "The parent's members.", every, fewer, 500),
        ("glob-in-glob", "The pieces of the parent.", m.glob(PIECES), m.glob(PIECES), 500),
        ("glob-in-prefix", "The pieces of the child.", m.prefix("a/"), m.glob(PIECES), 500),
        ("glob-in-length", "The pieces of the child.", m.length(1), m.glob(PIECES), 500),
        ("glob-in-sub-path", "The pieces of the child.", m.under("/"), m.glob(PATH), 500),
        ("sub-path-in-glob", "The pieces of the parent.", m.glob(PATH.removesuffix("/a") + "/**"), m.under(PATH), 500),
        ("disjoint-from-values", "The values that are excluded.", excluded, m.prefix("x"), 500),
        ("listed", "The values that are listed.", m.integers(0), m.one_of(*NUMBERS), 500),
    ):
        for times in (16, 17):
            steps = 1 + times * (1 + cost)
            expect = accepted(covers=True) if steps <= 8192 else EXHAUSTED
            given = {"parent": parent.hex(), "child": any_of_times(child, times)}
            yield Vector(
                f"steps-{name}-{times}", "covers", f"{says} Together {steps:,} steps.", ("N-8",), given, expect
            )
    for name, parent, child in (
        ("glob-of-one-piece", m.glob("**"), m.glob(PIECES)),
        ("one-list-member", m.list_subset(*NUMBERS), m.list_subset(1)),
        ("one-list-member-of-many", m.list_contains(1), m.list_contains(*NUMBERS)),
        ("long-paths", m.under("/" + "a" * 3_000), m.under("/" + "a" * 3_000 + "/b")),
        ("networks", m.cidr("10.0.0.0/8"), m.cidr("10.1.0.0/16")),
        ("large-range", m.integers(0, 10**9), m.integers(1, 10**8)),
    ):
        given = {"parent": parent.hex(), "child": any_of_times(child, 64 if len(child) < 900 else 15)}
        says = f"A rule that takes few steps: {name.replace('-', ' ')}."
        yield Vector(f"steps-few-{name}", "covers", says, ("N-8",), given, accepted(covers=True))


AREA = Area("steps", "What evaluating and comparing costs, at the edge of the budget.", [*evaluating(), *comparing()])
