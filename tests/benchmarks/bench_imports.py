"""What importing the guard costs a tool, against importing what it cannot do without; each in a fresh interpreter."""

from __future__ import annotations

import statistics
import subprocess
import sys
from typing import Final

from measure import ROUNDS, MeasurementFailedError, one_core
from report import Row

_TIMED: Final = """
import sys, time
began = time.perf_counter_ns()
{statement}
elapsed_us = (time.perf_counter_ns() - began) / 1000
rooms = ("delegation.app", "delegation.cli", "delegation.server", "delegation.service", "delegation.storage")
heavy = [name for name in sys.modules if name in rooms or name.partition(".")[0] in ("grpc", "opentelemetry")]
print(elapsed_us, len(heavy))
"""
_GUARD: Final = "import delegation_sdk.guard"
_LEAST: Final = "import nacl.bindings, nacl.signing, delegation.v1.chain_pb2"


def rows(*, quick: bool = False) -> list[Row]:
    """Measure both."""
    pairs: list[tuple[float, float]] = []
    heavy = 0
    with one_core():
        for each in range(-1, 3 if quick else ROUNDS):
            least_us, _ = _import(_LEAST)
            guard_us, heavy = _import(_GUARD)
            if each >= 0:  # the first one compiles
                pairs.append((guard_us, least_us))
    return [
        Row(
            "import delegation_sdk.guard, over nacl and the chain module",
            statistics.median(guard / least for guard, least in pairs),
            "x",
            1.5,
            possible_from=1,
        ),
        Row("import delegation_sdk.guard", statistics.median(guard for guard, _ in pairs) / 1000, "ms"),
        Row("modules of grpc, OpenTelemetry or the server that it loads", heavy, "modules", 0),
    ]


def _import(statement: str) -> tuple[float, int]:
    program = _TIMED.format(statement=statement)
    finished = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    if finished.returncode:
        raise MeasurementFailedError(f"{statement}: {finished.stderr.strip().splitlines()[-1]}")
    elapsed_us, heavy = finished.stdout.split()
    return float(elapsed_us), int(heavy)
