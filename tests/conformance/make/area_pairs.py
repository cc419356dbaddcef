"""Every pair of kinds of constraints: SPEC section 5.5. The finer points of the rules are the area `covers`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from conformance.make import messages as m
from conformance.make.messages import Fraction
from conformance.make.vector import Area, Vector, accepted

ONE: Final = {
    "anything": m.ANYTHING,
    "exact-null": m.EXACT_NULL,
    "exact-boolean": m.exact(True),
    "exact-string": m.exact("/srv/a"),
    "exact-integer": m.exact(5),
    "exact-decimal": m.exact(Fraction("0.5")),
    "exact-composite": m.exact(["a"]),
    "one-of": m.one_of("/srv/a", 5),
    "not-one-of": m.not_one_of("b", 7),
    "integer-range": m.integers(1, 10),
    "decimal-range": m.decimals("0", "10"),
    "decimal-text": m.decimal_text("0", "10"),
    "length": m.length(1, 100),
    "prefix": m.prefix("/srv"),
    "segment-glob": m.glob("/srv/*"),
    "sub-path": m.under("/srv"),
    "url": m.url("https"),
    "cidr": m.cidr("10.0.0.0/8"),
    "list-subset": m.list_subset("a", "b"),
    "list-contains": m.list_contains("a"),
    "each": m.each(m.exact("a")),
    "fields": m.fields(m.argument("a", m.exact(1))),
    "regex": m.regex("/srv/.*"),
    "negation": m.negation(m.exact("b")),
    "all-of": m.all_of(m.prefix("/srv"), m.length(1, 100)),
    "any-of": m.any_of(m.exact("/srv/a"), m.exact(5)),
}
"""One constraint of each kind."""

TEXTS: Final = {"prefix", "segment-glob", "sub-path", "url", "cidr", "decimal-text", "regex"}
COVERED: Final[dict[str, set[str]]] = {
    "anything": set(ONE),  # rule 3
    "exact-null": {"exact-null"},
    "exact-boolean": {"exact-boolean"},
    "exact-string": {"exact-string"},
    "exact-integer": {"exact-integer"},
    "exact-decimal": {"exact-decimal"},
    "exact-composite": {"exact-composite"},
    "one-of": {"exact-string", "exact-integer", "one-of", "any-of"},
    # 7 lies in both ranges; a length and a composite are lists, too; the all-of has a prefix (rule 7).
    "not-one-of": {
        *("exact-string", "exact-integer", "exact-decimal", "one-of", "not-one-of", "negation", "all-of", "any-of"),
        *TEXTS,
    },
    "integer-range": {"exact-integer", "integer-range"},
    "decimal-range": {"exact-integer", "exact-decimal", "integer-range", "decimal-range"},
    "decimal-text": {"decimal-text"},
    "length": {"exact-string", "exact-composite", "length", "all-of"},
    "prefix": {"exact-string", "prefix", "segment-glob", "sub-path", "all-of"},
    "segment-glob": {"exact-string", "segment-glob"},
    "sub-path": {"exact-string", "segment-glob", "sub-path"},
    "url": {"url"},
    "cidr": {"cidr"},
    "list-subset": {"exact-composite", "list-subset", "each"},
    "list-contains": {"exact-composite", "list-contains"},
    "each": {"exact-composite", "each"},
    "fields": {"fields"},
    "regex": {"exact-string", "regex"},
    # What it negates speaks of strings: numbers are not allowed, and the not-one-of allows some.
    "negation": {"exact-string", "negation", "all-of", *TEXTS},
    "all-of": {"exact-string", "all-of"},  # rule 2: both of its constraints
    "any-of": {"exact-string", "exact-integer", "one-of", "any-of"},
}
"""Which of those each of those covers."""


def pairs() -> Iterator[Vector]:
    """All of them."""
    assert ONE.keys() == COVERED.keys()
    for parent, wide in ONE.items():
        for child, narrow in ONE.items():
            yes = child in COVERED[parent]
            article = "an" if child[0] in "aeiou" else "a"
            says = f"`{parent}` {'covers' if yes else 'does not cover'} {article} `{child}`.".replace("-", "_")
            given = {"parent": wide.hex(), "child": narrow.hex()}
            requires = ("re2",) if "regex" in (parent, child) else ()
            name = f"pair-{parent}-{child}"
            yield Vector(name, "covers", says, ("N-7",), given, accepted(covers=yes), requires)


AREA = Area("pairs", "Every pair of kinds of constraints, with one constraint of each kind.", [*pairs()])
