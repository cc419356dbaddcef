"""A real service under mixed load for as long as one likes: does anything grow? `make soak SECONDS=3600`.

Prints memory and file handles of the service and of a process with guards, and how long answers took, over time. The
exit status is 0 if nothing rises in the second half, nothing acknowledged was lost, and nothing was entered twice.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from faults.audit import found
from faults.book import Kind
from faults.estate import Estate, estate
from faults.load import Load
from soak.judge import LONG_ENOUGH_S, Sample, growth
from soak.watched import look_at
from support.postgres import running_postgres

ROOT = Path(__file__).parents[2]
SCRATCH = ROOT / "build" / "soak"
PROGRAM = Path(__file__).with_name("tool.py")
CATALOGUE = """
[[tool]]
audience = "files"
name = "read"
owner = "tests"
effects = ["read"]
labels = ["public"]
local = true

[[tool]]
audience = "files"
name = "write"
owner = "tests"
effects = ["write"]
"""
LIFETIME_MS = 60_000
"""Of grants: what has to be remembered is soon as much as it will ever be."""

_MIB = 1024 * 1024


class Tool:
    """The process with agents and guards, and how long its decisions took."""

    def __init__(self, profile: Path) -> None:
        self.complaints: list[str] = []
        self._took_s: list[float] = []
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(profile)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def took_s(self) -> list[float]:
        """Give how long each decision took since this was asked last."""
        taken, self._took_s = self._took_s, []
        return taken

    def close(self) -> None:
        """Have it end; kill it if it does not."""
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        self.process.stdout.close()
        if self.process.returncode:
            self.complaints.append(f"its process ended with {self.process.returncode}")

    def _read(self) -> None:
        for line in self.process.stdout:
            if line.startswith("!"):
                self.complaints.append(line[1:].strip())
            else:
                self._took_s += [int(each) / 1e6 for each in line.split()]


def main(argv: Sequence[str] | None = None) -> int:
    """Run, and give the exit status."""
    options = _options(argv)
    SCRATCH.mkdir(parents=True, exist_ok=True)
    with (
        _database(options) as database,
        tempfile.TemporaryDirectory(dir=SCRATCH) as directory,
        estate(Path(directory), database=database, catalogue=CATALOGUE) as made,
    ):
        made.replica().start()
        with Load(made.connecting(), each=1, pause_s=options.pause, lifetime_ms=LIFETIME_MS) as load:
            with _tool(made) as tool:
                samples = list(_samples(made, load, tool, options))
            load.rest()
        with made.connected() as auditor:
            book = load.book.without(Kind.REVOKE)  # what has expired is forgotten
            writes = found(auditor, while_it_is_remembered=False)
            tally = book.compare(Counter({write: writes[write] for write in writes if book.knows(write)}))
        ended = made.replicas[0].stop()
    (SCRATCH / "samples.json").write_text(json.dumps([_plain(sample) for sample in samples]))
    grown = growth(samples)
    wrong = [f"a guard complained: {each}" for each in sorted(set(tool.complaints))]
    wrong += [] if ended == 0 else [f"the service ended with {ended}"]
    wrong += ["writes were lost or entered twice"] if tally.lost or tally.twice else []
    print(tally)
    print("\n".join([*(f"RISES: {each}" for each in grown), *(f"WRONG: {each}" for each in wrong)] or ["nothing grew"]))
    if grown and options.seconds < LONG_ENOUGH_S:
        print(f"Caches may still be filling: it takes {LONG_ENOUGH_S:.0f} s to tell.")
    return 1 if grown or wrong else 0


def _samples(made: Estate, load: Load, tool: Tool, options: argparse.Namespace) -> Iterator[Sample]:
    seconds, every = options.seconds, options.every or max(2.0, options.seconds / 60)
    began = time.monotonic()
    print("    time   service           tool              answers                        database")
    while (at := time.monotonic() - began) < seconds:
        time.sleep(min(every, seconds - at))
        service = look_at(made.replicas[0].process.pid)
        size = sum(path.stat().st_size for path in made.directory.glob("delegation.sqlite3*"))
        took = load.book.took_s() + tool.took_s()
        sample = Sample(time.monotonic() - began, service, look_at(tool.process.pid), took, size / _MIB)
        print(_line(sample), flush=True)
        yield sample


def _line(sample: Sample) -> str:
    processes = "   ".join(f"{each.memory_mib:6.1f} MiB {each.handles:4d}" for each in (sample.service, sample.tool))
    answers = f"{len(sample.took_s):6d}, p99 {sample.p99_ms:7.1f} ms"
    return f"{sample.at_s:6.0f} s   {processes}   {answers}   {sample.database_mib:8.1f} MiB"


def _plain(sample: Sample) -> dict[str, float]:
    return {
        "at_s": round(sample.at_s, 1),
        "service_mib": round(sample.service.memory_mib, 1),
        "service_handles": sample.service.handles,
        "tool_mib": round(sample.tool.memory_mib, 1),
        "tool_handles": sample.tool.handles,
        "answers": len(sample.took_s),
        "p99_ms": round(sample.p99_ms, 2),
        "database_mib": round(sample.database_mib, 1),
    }


@contextmanager
def _database(options: argparse.Namespace) -> Iterator[str | None]:
    """Give lines for the table `database` of the configuration; None for SQLite."""
    if options.postgres:
        with running_postgres(fsync=True) as cluster:
            yield f'url = "{cluster.new_database()}"'
    else:
        yield None if options.database is None else f'url = "{options.database}"'


@contextmanager
def _tool(made: Estate) -> Iterator[Tool]:
    tool = Tool(made.profile())
    try:
        yield tool
    finally:
        tool.close()


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description="Load a real service for a while; does anything grow?")
    parser.add_argument("--seconds", type=float, default=3600, help="how long")
    parser.add_argument("--every", type=float, help="between two looks, in seconds; by default a sixtieth of it all")
    parser.add_argument("--pause", type=float, default=0.05, help="of each client between two writes, in seconds")
    parser.add_argument("--database", metavar="URL", help="of a PostgreSQL database; by default SQLite")
    parser.add_argument("--postgres", action="store_true", help="start a PostgreSQL for it")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
