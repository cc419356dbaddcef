"""The database: reachable, of this program's schema, and of the same time as this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from delegation.app.doctor.finding import Finding, ok, problem, warning
from delegation.storage.facts import DatabaseFacts
from delegation.storage.migrations import HEAD

SKEW_WARNING_MS: Final = 2_000
SKEW_PROBLEM_MS: Final = 30_000
"""A proof's window: beyond it every call is refused."""


def check_database(facts: DatabaseFacts, *, known: frozenset[str], now_ms: int) -> Iterator[Finding]:
    """Judge what was seen of the database.

    Args:
        facts: what was seen.
        known: the revisions of the schema that this program knows.
        now_ms: this machine's clock.
    """
    if not facts.schema:
        yield ok("database", "empty; its schema is made at the first start")
        return
    if facts.schema not in known:
        yield problem(
            "database",
            f"its schema {facts.schema} is newer than this program's {HEAD}",
            "run the newer program, or restore a backup made before the upgrade",
        )
    elif facts.schema != HEAD:
        found = f"its schema {facts.schema} is older than this program's {HEAD}"
        yield warning("database", found, "run `delegation db upgrade`")
    else:
        yield ok("database", f"schema {facts.schema}, revocation feed at {facts.feed_position}")
    yield from _clock(facts, now_ms)


def _clock(facts: DatabaseFacts, now_ms: int) -> Iterator[Finding]:
    if facts.clock_ms is not None:
        yield judge_skew("clock", "the database server's", facts.clock_ms - now_ms)
    elif facts.newest_record_ms > now_ms + SKEW_WARNING_MS:
        ahead = (facts.newest_record_ms - now_ms) // 1000
        found = f"the newest record is {ahead} s younger than this clock says it is now"
        yield problem("clock", found, "correct this machine's clock: it was put back, or wrong before")
    else:
        yield ok("clock", "not behind the newest record")


def judge_skew(check: str, whose: str, ahead_ms: int) -> Finding:
    """Judge the difference between two clocks.

    Args:
        check: the check's name.
        whose: the other clock.
        ahead_ms: how far it is ahead of this machine's.
    """
    found = f"{whose} clock is {abs(ahead_ms) / 1000:.1f} s {'ahead of' if ahead_ms > 0 else 'behind'} this machine's"
    if abs(ahead_ms) > SKEW_PROBLEM_MS:
        return problem(check, found, "run NTP on both: proofs are refused after 30 s")
    if abs(ahead_ms) > SKEW_WARNING_MS:
        return warning(check, found, "run NTP on both")
    return ok(check, found)
