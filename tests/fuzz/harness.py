"""One target in a process of its own: libFuzzer chooses inputs by what they reach, here they are tried.

harness.py TARGET DIRECTORY RUNS SECONDS   writes seeds, corpus, defects and `result.json` below the directory
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import shutil
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random
from typing import Final

sys.path.append(str(Path(__file__).parents[1]))

import atheris

with atheris.instrument_imports(include=["delegation.core", "delegation.errors", "delegation_sdk.carriage"]):
    from fuzz import seeds
    from fuzz.mutator import mutator
    from fuzz.target import ForgedError, Target
    from fuzz.targets import TARGETS

ENOUGH: Final = 20
"""Different defects, after which a target needs a person and no further inputs."""
SLOW_MS: Final = 2000
"""CPU time of one input that is a defect: fifty times the bar, since watched code is slow."""


class SlowError(AssertionError):
    """An input took too long."""


class Harness:
    """Tries inputs, counts, and ends the process when it is time.

    Args:
        target: what is tried.
        directory: for what is found.
        runs: how many inputs, at most; 0: no limit.
        seconds: how long, at most; 0: no limit.
    """

    def __init__(self, target: Target, directory: Path, *, runs: int, seconds: float) -> None:
        self._target = target
        self._directory = directory
        self._runs = runs
        self._began = time.monotonic()
        self._ends = self._began + seconds if seconds else float("inf")
        self._inputs = 0
        self._came_of: Counter[str] = Counter()
        self._defects: dict[str, dict[str, object]] = {}
        self._slowest_ns = 0

    def try_input(self, data: bytes) -> None:
        """Try one input; libFuzzer calls this."""
        began = time.thread_time_ns()
        try:
            self._came_of[self._target.came_of(data)] += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            self._note(data, error)
        spent = time.thread_time_ns() - began
        if spent > self._slowest_ns:
            self._slowest_ns = spent
            (self._directory / "slowest").write_bytes(data)
            if spent > SLOW_MS * 1_000_000:
                self._note(data, SlowError(f"{spent / 1e6:.0f} ms"))
        self._inputs += 1
        if self._inputs == self._runs or (not self._inputs % 256 and time.monotonic() > self._ends):
            self.end()

    def _note(self, data: bytes, error: Exception) -> None:
        where = traceback.extract_tb(error.__traceback__)[-1:]
        place = f"{type(error).__name__} at {where[0].filename}:{where[0].lineno}" if where else type(error).__name__
        if place in self._defects:
            return
        path = self._directory / f"crash-{hashlib.sha256(data).hexdigest()[:16]}"
        path.write_bytes(data)
        forged = isinstance(error, ForgedError)
        self._defects[place] = {"file": str(path), "error": repr(error), "place": place, "forged": forged}
        if len(self._defects) == ENOUGH:
            self.end()

    def end(self) -> None:
        """Write what was found and end the process; libFuzzer has nothing left to say."""
        seconds = time.monotonic() - self._began
        result = {
            "target": self._target.name,
            "inputs": self._inputs,
            "seconds": round(seconds, 1),
            "slowest_ms": round(self._slowest_ns / 1e6, 1),
            "came_of": dict(self._came_of.most_common()),
            "defects": list(self._defects.values()),
        }
        (self._directory / "result.json").write_text(json.dumps(result, indent=1))
        sys.stdout.flush()
        os._exit(0)


def _corpus(target: Target, directory: Path) -> Path:
    """Give the directory of what earlier runs have found, emptied if they began from other seeds.

    A token that was a seed once is signed; found in the corpus, it would count as forged.
    """
    corpus, stamp = directory / "corpus", directory / "corpus-of-seeds"
    digest = hashlib.sha256(b"".join(sorted(target.seeds()))).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        shutil.rmtree(corpus, ignore_errors=True)
    corpus.mkdir(parents=True, exist_ok=True)
    stamp.write_text(digest)
    return corpus


def _write_seeds(target: Target, directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for data in (*target.seeds(), *(each for each in seeds.in_vectors() if len(each) <= target.max_bytes)):
        (directory / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


def main() -> None:
    """Fuzz one target until it is time."""
    name, where, runs, seconds = sys.argv[1:]
    target, directory = TARGETS[name], Path(where)
    corpus = _corpus(target, directory)
    _write_seeds(target, directory / "seeds")
    harness = Harness(target, directory, runs=int(runs), seconds=float(seconds))
    options = [f"-max_len={target.max_bytes}", "-timeout=60", f"-artifact_prefix={directory}/crash-", "-verbosity=0"]
    gc.freeze()  # what stands by now is not looked through again: that would count as time of an input
    arguments = [sys.argv[0], *options, str(corpus), str(directory / "seeds")]
    # `Mutate` is another function once fuzzing has begun: looked up late.
    changes = mutator(target, lambda data, most: atheris.Mutate(data, most), Random())  # noqa: PLW0108
    atheris.Setup(arguments, harness.try_input, custom_mutator=changes)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
