"""Measure this project and others on the same work, in turns, in one process, on one core.

run.py               prints the tables
run.py --quick       few rounds: shows that it works, measures nothing
run.py --markdown    also puts the tables into docs/benchmarks.md and README.md, between their markers
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.append(str(Path(__file__).parents[1]))  # how this project measures: chains, kernel_paths, measure, page

import page
from bench_kernel import DEPTHS, raw
from contender import Contender, Prepared, require_honest
from measure import MeasurementFailedError, Samples, calls_needed, interleaved, one_core
from ours import Ours
from tables import Table, bullets, lines, size_cell, time_cell
from task import CALLS_A_ROUND
from with_aip import WithAip
from with_biscuit import WithBiscuit
from with_tenuo import WithTenuo

ROOT: Final = Path(__file__).parents[3]
_ROUNDS: Final = 63
_QUICK: Final = 3
_RAW: Final = "Ed25519 alone, one verification"
_HEAD: Final = [f"{depth} link{'s' if depth > 1 else ''}" for depth in DEPTHS]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run has shown.

    Attributes:
        contenders: who was measured.
        samples: by depth.
        prepared: by depth, in the order of the contenders.
        refused: what each refused at the last depth, by the reason.
    """

    contenders: Sequence[Contender]
    samples: Mapping[int, Samples]
    prepared: Mapping[int, Sequence[Prepared]]
    refused: Sequence[Mapping[str, Sequence[str]]]

    def times(self) -> Table:
        """Give the times of all paths."""
        names = list(self.samples[DEPTHS[-1]].by_name)
        rows = [[name, *(self._time(name, depth) for depth in DEPTHS)] for name in names]
        return Table(f"From wire bytes to the decision: µs (x {_RAW})", _HEAD, rows)

    def sizes(self) -> Table:
        """Give the sizes of all chains, and of a proof."""
        rows = []
        for index, contender in enumerate(self.contenders):
            sizes = [self.prepared[depth][index].size for depth in DEPTHS]
            proof = f"{sizes[0].proof_bytes:,}" if sizes[0].proof_bytes else "-"
            rows.append([contender.name, *(size_cell(size.binary_bytes, size.text_bytes) for size in sizes), proof])
        return Table("Bytes of a chain, binary / as a header's text", [*_HEAD, "proof"], rows)

    def says(self) -> list[tuple[str, str]]:
        """Say what everyone checks, and what not."""
        return [(each.name, each.says) for each in self.contenders]

    def refusals(self) -> list[tuple[str, str]]:
        """Say what everyone was seen to refuse."""
        return [(each.name, _by_reason(refused)) for each, refused in zip(self.contenders, self.refused, strict=True)]

    def _time(self, name: str, depth: int) -> str:
        samples = self.samples[depth]
        if name not in samples.by_name:
            return "-"
        return time_cell(samples.median(name), samples.ratio(name, _RAW))


def main(argv: Sequence[str] | None = None) -> int:
    """Run, and give the exit status: 0 unless a measurement failed."""
    parser = argparse.ArgumentParser(description="Measure this project and others on the same work.")
    parser.add_argument("--quick", action="store_true", help="few rounds; numbers mean nothing")
    parser.add_argument("--markdown", action="store_true", help="put the tables into docs/benchmarks.md and README.md")
    options = parser.parse_args(argv)
    try:
        measured = measure(_QUICK if options.quick else _ROUNDS)
    except MeasurementFailedError as error:
        print(f"measurement failed: {error}", file=sys.stderr)
        return 1
    print(page.machine())
    print(measured.times().text())
    print(measured.sizes().text())
    print(lines("What is checked", measured.says()))
    print(lines("Refused before anything was timed, after a good call was permitted", measured.refusals()))
    if options.markdown:
        write_pages(measured)
    return 0


def measure(rounds: int) -> Measured:
    """See that everyone checks, then time them in turns.

    Raises:
        MeasurementFailedError: somebody does not do what they should.
    """
    contenders: list[Contender] = [Ours(), WithTenuo(), WithBiscuit(), WithAip()]
    samples: dict[int, Samples] = {}
    prepared: dict[int, list[Prepared]] = {}
    refused: list[dict[str, list[str]]] = []
    with one_core():
        for depth in DEPTHS:
            # Proofs are made here: they stay valid for a minute or two, and a depth takes seconds.
            chains = [each.prepare(depth, different=calls_needed(CALLS_A_ROUND, rounds)) for each in contenders]
            refused = [require_honest(each, chain) for each, chain in zip(contenders, chains, strict=True)]
            subjects = {_RAW: raw()}
            for chain in chains:
                subjects |= chain.paths
            samples[depth], prepared[depth] = interleaved(subjects, rounds=rounds), chains
    return Measured(contenders, samples, prepared, refused)


def _by_reason(refused: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{', '.join(what)} ({reason})" for reason, what in refused.items()) + "."


def write_pages(measured: Measured) -> None:
    """Put the tables into the two pages."""
    short = [page.machine(), measured.times().markdown(), bullets(measured.says())]
    page.put(ROOT / "README.md", "peers", "\n\n".join(short))
    sizes, refusals = measured.sizes(), bullets(measured.refusals())
    full = [*short, f"{sizes.title}:", sizes.markdown(), "Refused before anything was timed:", refusals]
    page.put(ROOT / "docs" / "benchmarks.md", "peers", "\n\n".join(full))


if __name__ == "__main__":
    sys.exit(main())
