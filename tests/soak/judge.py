"""Does anything grow? Whatever still rises in the second half of a run does, and by how much is said.

Caches fill to their bounds and stay there; a leak goes on. So the first half is there for filling, and the second one
is judged: by its trend, which no single sample moves, and by the step from its first third to its last, which finds
what grows in stairs. Neither knows of any cache: one that takes longer to fill than half of the run is reported, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median, quantiles

from soak.watched import Watched

MEMORY_FACTOR = 0.01
MEMORY_SLACK_MIB = 2.0
"""Of an hour that is 4 to 5 MiB in half an hour: some 20 bytes of each answer."""
HANDLES_SLACK = 3.0
P99_FACTOR = 0.5
P99_SLACK_MS = 5.0
LEAST_SAMPLES = 12
LONG_ENOUGH_S = 3600.0
"""A shorter run does not tell what fills from what leaks. At the rates of a soak most caches are full after a quarter
of an hour; see "Memory" in docs/operations.md."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at everything.

    Attributes:
        at_s: since the beginning.
        service: the service's process.
        tool: the process of agents and guards.
        took_s: how long each answer took since the sample before.
        database_mib: the size of the database's files.
    """

    at_s: float
    service: Watched
    tool: Watched
    took_s: Sequence[float]
    database_mib: float

    @property
    def p99_ms(self) -> float:
        """The time within which 99 of 100 answers came."""
        return 1000 * p99_s(self.took_s)


def p99_s(took_s: Sequence[float]) -> float:
    """Give the 99th percentile; 0 if there is nothing to take it of."""
    return quantiles(took_s, n=100)[98] if len(took_s) > 1 else 0.0


def growth(samples: Sequence[Sample]) -> list[str]:
    """Name everything that still rises in the second half, with its figures; nothing, if nothing does."""
    half = samples[len(samples) // 2 :]
    if len(half) < LEAST_SAMPLES:
        return [f"only {len(samples)} samples: too few to judge by"]
    grown = []
    for name in ("service", "tool"):
        seen: list[Watched] = [getattr(sample, name) for sample in half]
        memory, handles = [each.memory_mib for each in seen], [float(each.handles) for each in seen]
        grown += _risen(f"memory of {name}", "MiB", half, memory, lambda now: MEMORY_FACTOR * now + MEMORY_SLACK_MIB)
        grown += _risen(f"file handles of {name}", "", half, handles, lambda _: HANDLES_SLACK)
    p99_ms = [sample.p99_ms for sample in half]
    grown += _risen("p99 of answers", "ms", half, p99_ms, lambda now: P99_FACTOR * now + P99_SLACK_MS)
    if not any(sample.took_s for sample in half[-len(half) // 3 :]):
        grown.append("no answers at the end")
    return grown


def rise(at_s: Sequence[float], values: Sequence[float]) -> float:
    """Say by how much values rise from the first moment to the last; negative if they fall.

    It is the larger of two: their trend, by the median of the slopes of all pairs (Theil and Sen), times the whole
    time; and the median of the last third, less that of the first.
    """
    pairs = combinations(zip(at_s, values, strict=True), 2)
    slope = median((late - early) / (after - before) for (before, early), (after, late) in pairs)
    third = len(values) // 3
    return max(slope * (at_s[-1] - at_s[0]), median(values[-third:]) - median(values[:third]))


def _risen(
    what: str, unit: str, half: Sequence[Sample], values: Sequence[float], allowed: Callable[[float], float]
) -> list[str]:
    """Say what rises by more than is allowed at its usual value."""
    usual = median(values)
    by = rise([sample.at_s for sample in half], values)
    if by <= allowed(usual):
        return []
    minutes = (half[-1].at_s - half[0].at_s) / 60
    return [f"{what}: by {by:.1f} {unit}".rstrip() + f" in the last {minutes:.0f} min, at {usual:.1f}"]
