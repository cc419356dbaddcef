"""Measuring on a noisy machine: subjects take turns in one run, and only their ratios are compared.

Nothing here knows what is measured.
"""

from __future__ import annotations

import contextlib
import gc
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROUNDS: Final = 31
"""Fewer rounds have no median worth the name on a shared machine."""

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


class MeasurementFailedError(Exception):
    """A path did not do what it should, or a value came out that cannot be: the run has measured nothing."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing to be timed.

    Attributes:
        run: does it once; is given the number of the call, which goes on counting from round to round.
        calls: how many calls make one round's sample.
    """

    run: Callable[[int], object]
    calls: int


@dataclass(frozen=True, slots=True)
class Samples:
    """What an interleaved run measured: for each subject one sample a round, in the order of the rounds."""

    by_name: Mapping[str, Sequence[float]]

    def median(self, name: str) -> float:
        """Give the median of a subject's samples."""
        return statistics.median(self.by_name[name])

    def ratio(self, name: str, to: str) -> float:
        """Give the median, over the rounds, of one subject's sample by another's of the same round.

        What slows a whole round, a busy sibling core say, slows both and drops out.
        """
        return statistics.median(a / b for a, b in zip(self.by_name[name], self.by_name[to], strict=True))

    def difference(self, name: str, less: str, *, unit: str) -> float:
        """Give the median, over the rounds, of (one sample less another) in samples of a third."""
        rows = zip(self.by_name[name], self.by_name[less], self.by_name[unit], strict=True)
        return statistics.median((a - b) / c for a, b, c in rows)


def interleaved(subjects: Mapping[str, Subject], *, rounds: int = ROUNDS) -> Samples:
    """Time subjects in turns, in microseconds a call.

    Each round times each subject once; who begins moves on by one from round to round. One round before the first
    warms up and does not count.
    """
    order = list(subjects)
    samples: dict[str, list[float]] = {name: [] for name in order}
    with _settled_heap():
        for each in range(-1, rounds):
            start = each % len(order)
            for name in order[start:] + order[:start]:
                subject = subjects[name]
                first = (each + 1) * subject.calls
                elapsed_us = _timed_us(subject.run, first, subject.calls)
                if each >= 0:
                    samples[name].append(elapsed_us / subject.calls)
    return Samples(samples)


def _timed_us(run: Callable[[int], object], first: int, calls: int) -> float:
    numbers = range(first, first + calls)
    began = time.perf_counter_ns()
    for number in numbers:
        run(number)
    return (time.perf_counter_ns() - began) / 1000


def calls_needed(subject_calls: int, rounds: int) -> int:
    """Tell how many different calls a subject will be asked for, the round of warming up included."""
    return subject_calls * (rounds + 1)


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Pin this process to one of its cores, so that it is not moved in the middle of a sample."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextlib.contextmanager
def _settled_heap() -> Iterator[None]:
    """Keep what was made before out of the collector's way; what is made inside is collected as ever."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def cpu_ms(pid: int) -> float:
    """Give the processor time that a process has used, user and system, milliseconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / _TICKS_PER_S


def percentile(values: Sequence[float], hundredth: int) -> float:
    """Give a percentile of measured values: the smallest that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * hundredth // 100) - 1)]
