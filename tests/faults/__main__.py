"""Break a real service under load and count what becomes of its writes. `make faults`.

    python -m faults                       every scenario, at full length
    python -m faults kills disk            some of them
    python -m faults --kills 5 --seconds 5 shorter

Each prints acknowledged, found, lost, twice. The exit status is 0 only if nothing was lost and nothing entered twice.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from faults.scenario import NotHereError, Scale
from faults.scenarios import SCENARIOS

ROOT = Path(__file__).parents[2]
SCRATCH = ROOT / "build" / "faults"
"""On the disk of the project: what is durable must really be written."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run, and give the exit status."""
    options = _options(argv)
    scale = Scale(options.kills, options.seconds, options.writes)
    SCRATCH.mkdir(parents=True, exist_ok=True)
    bad: list[str] = []
    for name in options.scenarios or SCENARIOS:
        scenario, title = SCENARIOS[name]
        print(f"{name}: {title}", flush=True)
        began = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(dir=SCRATCH) as directory:
                result = scenario(Path(directory), scale)
        except NotHereError as error:
            print(f"  cannot be run here: {error}", flush=True)
            bad.append(name)
            continue
        except Exception:  # noqa: BLE001 - the other scenarios are still of interest
            traceback.print_exc()
            bad.append(name)
            continue
        for note in result.notes:
            print(f"  {note}")
        print(f"  {result.tally}  ({time.monotonic() - began:.0f} s)", flush=True)
        if not result.good:
            bad.append(name)
    print(f"FAILED: {', '.join(bad)}" if bad else "nothing lost, nothing twice")
    return 1 if bad else 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    full = Scale()
    parser = argparse.ArgumentParser(prog="faults", description="Break a service under load; count its writes.")
    parser.add_argument(
        "scenarios", nargs="*", metavar="scenario", help=f"{', '.join(SCENARIOS)}; all if none is named"
    )
    parser.add_argument("--kills", type=int, default=full.kills, help="how often a process is killed")
    parser.add_argument("--seconds", type=float, default=full.seconds, help="how long something stays broken")
    parser.add_argument("--writes", type=int, default=full.writes, help="acknowledged writes between two kills")
    options = parser.parse_args(argv)
    if unknown := [name for name in options.scenarios if name not in SCENARIOS]:
        parser.error(f"there is no scenario {unknown[0]}: they are {', '.join(SCENARIOS)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
