"""Time and depth: links that last longer, begin earlier, go deeper; chains and proofs at the wrong time."""

from __future__ import annotations

from collections.abc import Iterator

from attacks.suite.calls import USUAL, AttackClass, Attempt, Call, Moment, Recipe, Twin
from attacks.suite.recipes import HONEST, PLACES, everywhere, honest_twins, hostile, link_says, path_of
from attacks.suite.worlds import GRANT_MS, World
from attacks.suite.writer import Of, changed
from delegation.core import limits
from delegation.core.trust import TrustedKey
from delegation.errors import Reason
from support.chains import BUNDLE, MINUTE_MS, NOW_MS, bundle

END = NOW_MS + GRANT_MS
DAY = limits.GRANT_LIFETIME_MS
LATER = {
    "a millisecond": END + 1,
    "a minute": END + MINUTE_MS,
    "a day": END + DAY,
    "for ever": limits.SAFE_INTEGER,
}


def later_expiry() -> Iterator[Attempt]:
    changes = {f"{name} later": ({Of.EXPIRES_AT_MS: end}, HONEST) for name, end in LATER.items()}
    yield from everywhere(changes, Reason.SCOPE_GREW)
    for name, parents_end in {"a shorter parent's": NOW_MS + MINUTE_MS, "a dying parent's": NOW_MS + 1}.items():
        recipe = link_says({Of.EXPIRES_AT_MS: parents_end}, 1, 3)
        yield Attempt(f"a grant's end under {name}", Reason.SCOPE_GREW, recipe, 2)


def as_long() -> Iterator[Twin]:
    for at, of in PLACES:
        if at == of - 1:
            for name, end in {"the same end": END, "an earlier end": END - 1, "an end soon": NOW_MS + 1}.items():
                yield Twin(f"{name}, by link {at} of {of}", link_says({Of.EXPIRES_AT_MS: end}, at, of))


EARLIER = {
    "a millisecond": NOW_MS - 1,
    "as much as the leeway": NOW_MS - limits.NOT_BEFORE_LEEWAY_MS,
    "a day": NOW_MS - DAY,
    "at the beginning of time": 1,
}


def earlier_start() -> Iterator[Attempt]:
    changes = {f"{name} earlier": ({Of.NOT_BEFORE_MS: start}, HONEST) for name, start in EARLIER.items()}
    yield from everywhere(changes, Reason.SCOPE_GREW)


def as_late() -> Iterator[Twin]:
    for name, start in {
        "the same beginning": NOW_MS,
        "a later beginning": NOW_MS + 1,
        "in the leeway": NOW_MS + 30_000,
    }.items():
        yield Twin(name, link_says({Of.NOT_BEFORE_MS: start}))
        yield Twin(f"{name}, by the last of three", link_says({Of.NOT_BEFORE_MS: start}, 2, 3))


def deeper_depth() -> Iterator[Attempt]:
    for at, of in PLACES:
        depths = {"as deep": 9 - at, "one deeper": 10 - at, "as deep as possible": 2**32 - 1}
        for name, depth in depths.items():
            recipe = link_says({Of.REMAINING_DEPTH: depth}, at, of)
            yield Attempt(f"{name} as its parent, link {at} of {of}", Reason.SCOPE_GREW, recipe, at)
    for at, of in ((2, 3), (3, 4), (3, 6)):
        name = f"link {at} of {of} where {at - 1} handoffs are permitted"
        yield Attempt(name, Reason.DEPTH_EXCEEDED, _deeper_than(at - 1, of), at)
    yield Attempt("a handoff where none is permitted", Reason.DEPTH_EXCEEDED, _deeper_than(0, 2), 1)


def _deeper_than(depth: int, of: int) -> Recipe:
    """Every link says one less, down to 0, and so do those that should not be there."""

    def recipe(world: World) -> Call:
        made = world.chain(path_of(of), depth=depth)
        for index in range(depth, of):
            made = made.with_payload(index, changed(made.payloads[index], {Of.REMAINING_DEPTH: None}))
        return world.call(made)

    return recipe


def as_deep() -> Iterator[Twin]:
    yield from honest_twins(depth=3)
    yield Twin("the last handoff that is permitted", link_says({Of.REMAINING_DEPTH: None}, 1, 2, depth=1))
    yield Twin("no further handoff, though more are permitted", link_says({Of.REMAINING_DEPTH: None}, 2, 3))


# -- outside of its time


LASTING = bundle(
    *(TrustedKey(each.purpose, each.public_key, 1) for each in BUNDLE.keys), expires_at_ms=limits.SAFE_INTEGER
)
"""A bundle that is valid at any time."""


def moment_of(now_ms: int) -> Moment:
    """A verifier whose bundle is valid at any time, at this one; it has been running for an hour."""
    return USUAL if now_ms == NOW_MS else Moment(now_ms, LASTING, started_ms=now_ms - 3_600_000)


def at(now_ms: int, change: dict[int, int] | None = None, link: int = 1, of: int = 2) -> Recipe:
    """Call at another time, with a proof of that time."""

    def recipe(world: World) -> Call:
        made = world.chain(path_of(of))
        made = hostile(world, made, change or {}, link if change else 0)
        return world.call(made, moment=moment_of(now_ms), changes={6: now_ms})

    return recipe


def expired() -> Iterator[Attempt]:
    for name, now_ms in {
        "at its end": END,
        "just after": END + 1,
        "a day later": END + DAY,
        "years later": END + 900 * DAY,
    }.items():
        for of in (1, 2, 3):
            yield Attempt(f"a grant {name}, {of} links", Reason.EXPIRED, at(now_ms, of=of), 0)
    soon = NOW_MS + 5 * MINUTE_MS
    for link, of in ((1, 2), (1, 3), (2, 3), (3, 4)):
        last = {Of.EXPIRES_AT_MS: soon}
        if link == of - 1:
            yield Attempt(f"link {link} of {of} at its end", Reason.EXPIRED, at(soon, last, link, of), link)
            yield Attempt(f"link {link} of {of} after its end", Reason.EXPIRED, at(soon + 9, last, link, of), link)
    for name, start in {"begins": NOW_MS, "is a millisecond old": NOW_MS - 1}.items():
        end = {Of.NOT_BEFORE_MS: NOW_MS, Of.EXPIRES_AT_MS: start}
        yield Attempt(f"a link that ends when it {name}", Reason.LIFETIME_TOO_LONG, at(NOW_MS, end), 1)
    for name, lifetime in {"a day and a moment": DAY + 1, "a year": 365 * DAY}.items():
        long = {Of.EXPIRES_AT_MS: NOW_MS + lifetime}
        yield Attempt(f"a grant of {name}", Reason.LIFETIME_TOO_LONG, at(NOW_MS, long, 0, 1), 0)


def in_time() -> Iterator[Twin]:
    for of in (1, 2, 3):
        yield Twin(f"{of} links just before their end", at(END - 1, of=of))
        yield Twin(f"{of} links amid their time", at(NOW_MS + 60_000, of=of))
    yield Twin("a grant of a day", at(NOW_MS, {Of.EXPIRES_AT_MS: NOW_MS + DAY}, 0, 1))


def not_yet_valid() -> Iterator[Attempt]:
    leeway = limits.NOT_BEFORE_LEEWAY_MS
    for name, early in {"a moment": leeway + 1, "a minute": 2 * leeway, "a day": DAY}.items():
        for of in (1, 2, 3):
            yield Attempt(f"a grant {name} too early, {of} links", Reason.NOT_YET_VALID, at(NOW_MS - early, of=of), 0)
    for link, of in ((1, 2), (2, 3)):
        late = {Of.NOT_BEFORE_MS: NOW_MS + leeway + 1}
        yield Attempt(f"link {link} of {of} too early", Reason.NOT_YET_VALID, at(NOW_MS, late, link, of), link)


def valid_by_now() -> Iterator[Twin]:
    for of in (1, 2, 3):
        yield Twin(f"{of} links as early as the leeway", at(NOW_MS - limits.NOT_BEFORE_LEEWAY_MS, of=of))


CLASSES = (
    AttackClass("later expiry", later_expiry, as_long),
    AttackClass("earlier start", earlier_start, as_late),
    AttackClass("deeper depth", deeper_depth, as_deep),
    AttackClass("expired", expired, in_time),
    AttackClass("not yet valid", not_yet_valid, valid_by_now),
)
