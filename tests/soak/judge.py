"""Does anything grow? The last third of a run is compared with the third before it; the first is for warming up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from soak.watched import Watched

MEMORY_FACTOR = 1.05
MEMORY_SLACK_MIB = 4.0
HANDLES_SLACK = 4
P99_FACTOR = 1.5
P99_SLACK_S = 0.005
LEAST_SAMPLES = 6


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
    """Name everything that grew, with its figures; nothing, if nothing did."""
    third = len(samples) // 3
    if len(samples) < LEAST_SAMPLES:
        return [f"only {len(samples)} samples: too few to judge by"]
    before, after = samples[third : 2 * third], samples[-third:]
    grown = []
    for name in ("service", "tool"):
        grown += _process(name, [getattr(s, name) for s in before], [getattr(s, name) for s in after])
    slow, slower = ([each for sample in part for each in sample.took_s] for part in (before, after))
    if p99_s(slower) > P99_FACTOR * p99_s(slow) + P99_SLACK_S:
        grown.append(f"p99 of answers: {1000 * p99_s(slow):.1f} -> {1000 * p99_s(slower):.1f} ms")
    if not slower:
        grown.append("no answers at the end")
    return grown


def _process(name: str, before: Sequence[Watched], after: Sequence[Watched]) -> list[str]:
    grown = []
    was, now = (median(each.memory_mib for each in part) for part in (before, after))
    if now > MEMORY_FACTOR * was + MEMORY_SLACK_MIB:
        grown.append(f"memory of {name}: {was:.1f} -> {now:.1f} MiB")
    had, has = (median(each.handles for each in part) for part in (before, after))
    if has > had + HANDLES_SLACK:
        grown.append(f"file handles of {name}: {had:.0f} -> {has:.0f}")
    return grown
