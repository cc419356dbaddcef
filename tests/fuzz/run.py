"""Fuzz every decoder; prints a table, and for each defect the command that shows it again.

run.py                        every target for ten seconds
run.py --seconds 60 proof     some targets, for longer
run.py --runs 10000000        each until so many inputs were tried (with --seconds: or so long)
run.py --replay FILE proof    try one input again
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

sys.path.append(str(Path(__file__).parents[1]))

from fuzz.target import ACCEPTED
from fuzz.targets import TARGETS

ROOT: Final = Path(__file__).parents[2]
DIRECTORY: Final = ROOT / "build" / "fuzz"
DEFAULT_SECONDS: Final = 10.0
_COLUMNS: Final = ("target", "inputs", "per second", "corpus", "accepted", "reasons", "slowest ms", "crashes", "forged")


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzz, and give the exit status: 0 if there was no defect."""
    options = _options(argv)
    if options.replay:
        for name in options.targets:
            print(name, TARGETS[name].came_of(options.replay.read_bytes()))
        return 0
    seconds = DEFAULT_SECONDS if options.seconds is None and not options.runs else options.seconds or 0.0
    print(_row(_COLUMNS))
    results = []
    for name in options.targets or TARGETS:
        result = fuzz(name, options.directory, runs=options.runs, seconds=seconds)
        results.append(result)
        print(_row(_cells(result)), flush=True)
    (options.directory / "results.json").write_text(json.dumps(results, indent=1))
    defects = [(result["target"], defect) for result in results for defect in result["defects"]]
    for name, defect in defects:
        print(f"\n{name}: {defect['error']}\n  {defect['place']}\n  {_again(name, defect['file'])}")
    return 1 if defects else 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="target", help=", ".join(TARGETS))
    parser.add_argument("--runs", type=int, default=0, help="inputs for each target")
    parser.add_argument("--seconds", type=float, help="how long for each target")
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="for corpus and defects")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="try this input, and nothing else")
    options = parser.parse_args(argv)
    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    return options


def fuzz(name: str, directory: Path, *, runs: int, seconds: float) -> dict[str, Any]:
    """Fuzz one target in a process of its own, and give what was found."""
    where = directory / name
    where.mkdir(parents=True, exist_ok=True)
    result_file = where / "result.json"
    result_file.unlink(missing_ok=True)
    before = set(where.glob("crash-*"))
    command = [sys.executable, str(Path(__file__).with_name("harness.py")), name, str(where), str(runs), str(seconds)]
    with (where / "log").open("wb") as log:
        status = subprocess.run(command, cwd=ROOT, stdout=log, stderr=log, check=False).returncode
    if result_file.exists():
        result: dict[str, Any] = json.loads(result_file.read_text())
    else:  # libFuzzer ended it: a hang, or the process itself crashed
        new = [str(path) for path in set(where.glob("crash-*")) - before] or [""]
        error = {"file": new[0], "error": f"the process ended with {status}", "place": f"see {where / 'log'}"}
        result = {"target": name, "inputs": 0, "seconds": 0.0, "slowest_ms": 0.0, "came_of": {}}
        result["defects"] = [{**error, "forged": False}]
    result["corpus"] = len(list((where / "corpus").glob("*")))
    return result


def _cells(result: dict[str, Any]) -> tuple[str, ...]:
    came_of, forged = result["came_of"], sum(defect["forged"] for defect in result["defects"])
    return (
        result["target"],
        f"{result['inputs']:,}",
        f"{result['inputs'] / (result['seconds'] or 1):,.0f}",
        str(result["corpus"]),
        f"{came_of.get(ACCEPTED, 0):,}",
        str(len(came_of.keys() - {ACCEPTED})),
        f"{result['slowest_ms']:.1f}",
        str(len(result["defects"]) - forged),
        str(forged),
    )


def _row(cells: Sequence[str]) -> str:
    first, *others = cells
    return f"{first:<12}" + "".join(f"{cell:>12}" for cell in others)


def _again(name: str, file: str) -> str:
    shown = Path(file).relative_to(ROOT) if Path(file).is_relative_to(ROOT) else file
    return f".venv/bin/python tests/fuzz/run.py --replay {shown} {name}"


if __name__ == "__main__":
    sys.exit(main())
