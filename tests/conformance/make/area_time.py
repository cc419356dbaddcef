"""Times at their edges: SPEC section 6, steps 9 and 13."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from conformance.make.messages import DAY_MS, MINUTE_MS, SAFE, T0_MS
from conformance.make.tokens import NOW_MS, TRUST, chain, line
from conformance.make.vector import Area, Vector
from conformance.make.verifying import Asking

ASK = Asking("time")
LINKS = line("alice", "bob", "carol")
FAR = {
    **TRUST,
    "expires_at_ms": SAFE,
    "keys": [{**key, "not_before_ms": 1, "not_after_ms": 0} for key in TRUST["keys"]],
}


def windows() -> Iterator[Vector]:
    """Now, against the windows of the links (V-13)."""
    grant, second, third = LINKS
    begins, ends = grant.not_before_ms, grant.expires_at_ms
    one = chain(grant)
    for name, now_ms in (("first", begins), ("first-with-leeway", begins - 30_000), ("last", ends - 1)):
        says = f"The {name.replace('-', ' ')} millisecond at which a grant counts."
        yield ASK.good(f"grant-{name}", says, "V-13", one, grant, now_ms=now_ms)
    yield ASK.bad(
        "grant-too-early",
        "A millisecond before the leeway.",
        "V-13",
        one,
        "not_yet_valid",
        link=0,
        now_ms=begins - 30_001,
    )
    for name, now_ms in (
        ("just-expired", ends),
        ("a-millisecond-late", ends + 1),
        ("a-year-late", ends + 365 * DAY_MS),
    ):
        says = "The end of a link has no leeway."
        yield ASK.bad(f"grant-{name}", says, "V-13", one, "expired", link=0, now_ms=now_ms, trust=FAR)
    made = chain(*LINKS)
    yield ASK.good(
        "leaf-last", "The last millisecond of the leaf.", "V-13", made, third, now_ms=third.expires_at_ms - 1
    )
    late = {"now_ms": second.expires_at_ms}
    yield ASK.bad(
        "both-expired",
        "Two links have expired: the first of them is named.",
        "V-13 V-16",
        made,
        "expired",
        link=1,
        **late,
    )
    short = [grant, second, replace(third, expires_at_ms=T0_MS + 2 * MINUTE_MS)]
    late = {"now_ms": T0_MS + 2 * MINUTE_MS}
    yield ASK.bad("leaf-expired", "Only the leaf has expired.", "V-13 V-16", chain(*short), "expired", link=2, **late)
    later = [grant, replace(second, not_before_ms=NOW_MS + 30_001), replace(third, not_before_ms=NOW_MS + 30_001)]
    yield ASK.bad(
        "handoff-too-early", "A handoff that does not count yet.", "V-13 V-16", chain(*later), "not_yet_valid", link=1
    )
    soon = [grant, second, replace(third, not_before_ms=NOW_MS + 30_000)]
    yield ASK.good("handoff-with-leeway", "A handoff that counts by its leeway.", "V-13", chain(*soon), soon[2])
    soon = [grant, second, replace(third, not_before_ms=NOW_MS + 30_001)]
    yield ASK.bad(
        "leaf-too-early", "A leaf that does not count yet.", "V-13 V-16", chain(*soon), "not_yet_valid", link=2
    )
    mixed = [grant, replace(second, expires_at_ms=NOW_MS), replace(third, not_before_ms=T0_MS, expires_at_ms=NOW_MS)]
    yield ASK.bad(
        "just-expired-handoff",
        "Now is the moment at which the handoff ends.",
        "V-13 V-16",
        chain(*mixed),
        "expired",
        link=1,
    )


def lifetimes() -> Iterator[Vector]:
    """How long a link may last (V-9)."""
    grant, second, _ = LINKS
    whole = replace(grant, expires_at_ms=T0_MS + DAY_MS)
    yield ASK.good("whole-day", "A grant of 24 hours.", "V-9 V-21", chain(whole), whole)
    for name, begins, ends in (
        ("day-and-a-millisecond", T0_MS, T0_MS + DAY_MS + 1),
        ("year", T0_MS, T0_MS + 365 * DAY_MS),
        ("for-ever", 1, SAFE),
        ("empty", T0_MS, T0_MS),
        ("backwards", T0_MS + 1, T0_MS),
        ("far-backwards", SAFE, 1),
    ):
        link = replace(grant, not_before_ms=begins, expires_at_ms=ends)
        says = f"A grant that lasts too long, or not at all: {name.replace('-', ' ')}."
        yield ASK.bad(f"lifetime-{name}", says, "V-9", chain(link), "lifetime_too_long", link=0)
    for name, begins, ends in (("empty", T0_MS + 5, T0_MS + 5), ("backwards", T0_MS + 6, T0_MS + 5)):
        link = replace(second, not_before_ms=begins, expires_at_ms=ends)
        says = f"A handoff of no time: {name}."
        yield ASK.bad(f"handoff-{name}", says, "V-9", chain(grant, link), "lifetime_too_long", link=1)
    short = replace(grant, expires_at_ms=T0_MS + 1)
    yield ASK.good("one-millisecond", "A grant of one millisecond.", "V-9", chain(short), short, now_ms=T0_MS)
    long = replace(second, not_before_ms=1, expires_at_ms=SAFE)
    yield ASK.bad(
        "handoff-beyond",
        "A handoff of any length is judged by its parent's window only.",
        "V-9 V-10",
        chain(grant, long),
        "scope_grew",
        link=1,
    )


AREA = Area("time", "Windows, leeway and lifetimes.", [*windows(), *lifetimes()])
