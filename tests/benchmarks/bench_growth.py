"""The rows "growth" of the bars: what questions and decisions cost when a hundred times as many calls are recorded.

Two services, one with few calls and one with many, are asked in turns, so that both are measured on the same machine at
the same time, and a growth is the median of the rounds' own: what slows one round down drops out. All calls come in as
a guard records them; every few of them a handoff does, too.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import load as loads
from chains import AGENT, AUDIENCE, TOOL, in_turn
from load import Load
from measure import ROUNDS, MeasurementFailedError, percentile
from processes import Service, running_service
from report import Row

from delegation.wire import delegation
from delegation.wire.lineage import PageRequest
from support.caller import Caller, now_ms

FEW: Final = 10_000
MANY: Final = 1_000_000
MEMORY_AT: Final = 100_000
LOOKS: Final = (250_000, 500_000)
"""Where memory is looked at on the way: what levels off is a memory that has filled, and no growth."""
SAMPLES: Final = 100
"""Of each question in a round."""
GROWTH_BAR: Final = 1.5
MEMORY_BAR: Final = 1.2
_BATCH: Final = 256
_BATCHES_AT_ONCE: Final = 16
_HANDOFFS_AT_ONCE: Final = 16
_IN_TURN: Final = 10
_KEPT: Final = 4_096
_PAGE_BYTES: Final = 4_096
_MIB: Final = 1024 * 1024
_DEADLINE_S: Final = 60.0


class Estate:
    """A service with its calls, and the questions about them."""

    def __init__(self, service: Service, stack: ExitStack) -> None:
        self.service = service
        self.calls = 0
        self._load = Load(service)
        self._guard = loads.new_guard()
        self._channel = stack.enter_context(service.channel())
        self._caller = Caller(self._channel)
        self._links = [chain.links[-1].link_id for chain in self._load.parents]
        self._call_ids: list[bytes] = []
        self._authorize: list[bytes] = []

    def fill(self, upto: int) -> None:
        """Record calls, and a handoff now and then, until there are so many calls."""
        record = self._channel.stream_stream(loads.RECORD_DECISIONS)
        while self.calls < upto:
            sizes = [_BATCH] * min(_BATCHES_AT_ONCE, max(1, (upto - self.calls) // _BATCH))
            answers = list(record(iter(self._load.batches(self._guard, sizes)), timeout=_DEADLINE_S))
            if len(answers) != len(sizes):
                raise MeasurementFailedError("batches were not all recorded")
            self.calls += sum(sizes)
            self._hand_off()
        calls, _ = self._caller.calls(page=PageRequest(500))
        self._call_ids = [call.call_id for call in calls]

    def _hand_off(self) -> None:
        children = [in_turn(self._load.parents, number).child(now_ms()) for number in range(_HANDOFFS_AT_ONCE)]
        request = delegation.HandOffRequest(tuple(child.token for child in children))
        self._caller.ask(self._caller.delegation.HandOff, delegation.hand_off_request_message(request))
        self._links += [child.links[-1].link_id for child in children]
        if len(self._links) > _KEPT:  # some early, some late
            self._links = random.Random(self.calls).sample(self._links, _KEPT)

    def memory_mib(self) -> float:
        """Give what the service's process really uses."""
        resident = int(Path(f"/proc/{self.service.pid}/statm").read_text().split()[1])
        return resident * _PAGE_BYTES / _MIB

    def questions(self) -> dict[str, Callable[[], object]]:
        """Give the questions, each to be asked once at a call."""
        choose = random.Random(0)
        caller, authorize = self._caller, self._channel.unary_unary(loads.AUTHORIZE)
        page = PageRequest(50)
        return {
            "chain look-up": lambda: caller.chain(choose.choice(self._links)),
            "one call explained": lambda: caller.explain(choose.choice(self._call_ids)),
            "call search, by tool": lambda: caller.calls(audience=AUDIENCE, tool=TOOL, page=page),
            "call search, by agent": lambda: caller.calls(agent=AGENT, page=page),
            "call search, denied": lambda: caller.calls(allowed=False, page=page),
            "Authorize": lambda: authorize(self._fresh(), timeout=_DEADLINE_S),
        }

    def ready(self, count: int) -> None:
        """Sign proofs for so many calls of `Authorize`, just before they are used."""
        self._authorize = self._load.authorize(count)

    def _fresh(self) -> bytes:
        return self._authorize.pop()


Took = Mapping[str, Mapping[str, Sequence[Sequence[float]]]]
"""Microseconds: by question, by estate, by round."""


def rows(*, quick: bool = False) -> list[Row]:
    """Measure on SQLite."""
    with running_service() as small, running_service() as large:
        return measured(small, large, quick=quick)


def measured(small: Service, large: Service, *, quick: bool) -> list[Row]:
    """Measure with two services whose databases are empty."""
    few, looks, many = (300, (600, 900), 1_200) if quick else (FEW, (MEMORY_AT, *LOOKS), MANY)
    rounds, samples = (3, 20) if quick else (ROUNDS, SAMPLES)
    with ExitStack() as stack:
        estates = {"few": Estate(small, stack), "many": Estate(large, stack)}
        estates["few"].fill(few)
        began, memory_mib = time.monotonic(), {}
        for calls in (*looks, many):
            estates["many"].fill(calls)
            memory_mib[calls] = estates["many"].memory_mib()
        per_second = many / (time.monotonic() - began)
        took = _in_turns(estates, rounds, samples)
    return [
        *(row for name in took for row in _grown(name, took[name])),
        *(Row(f"memory of the service after {calls:,} calls", mib, "MiB") for calls, mib in memory_mib.items()),
        Row("memory of the service, growth", memory_mib[many] / memory_mib[looks[0]], "x", MEMORY_BAR),
        Row("recording them, with handoffs", per_second, "calls/s"),
    ]


def _in_turns(estates: Mapping[str, Estate], rounds: int, samples: int) -> Took:
    """Ask all questions of all estates, a few at a time in turns; a round before the first warms up."""
    names = list(next(iter(estates.values())).questions())
    took: dict[str, dict[str, list[list[float]]]] = {name: {which: [] for which in estates} for name in names}
    asked = {which: estate.questions() for which, estate in estates.items()}
    for number in range(-1, rounds):
        for name in names:
            taken: dict[str, list[float]] = {which: [] for which in estates}
            for _ in range(samples // _IN_TURN):
                for which, estate in estates.items():
                    estate.ready(_IN_TURN)
                    taken[which] += [_timed_us(asked[which][name]) for _ in range(_IN_TURN)]
            if number >= 0:
                for which in estates:
                    took[name][which].append(taken[which])
    return took


def _timed_us(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return (time.perf_counter() - began) * 1e6


def _grown(name: str, took: Mapping[str, Sequence[Sequence[float]]]) -> Sequence[Row]:
    p99 = {which: [percentile(taken, 99) / 1000 for taken in rounds] for which, rounds in took.items()}
    growth = statistics.median(many / few for few, many in zip(p99["few"], p99["many"], strict=True))
    return (
        Row(f"{name}, p99 with few calls", statistics.median(p99["few"]), "ms"),
        Row(f"{name}, p99 with many calls", statistics.median(p99["many"]), "ms"),
        Row(f"{name}, growth of p99", growth, "x", GROWTH_BAR),
    )
