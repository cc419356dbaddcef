"""Every fault scenario by name, with what it does in one line."""

from __future__ import annotations

from typing import Final

from faults.clock import skewed_clock
from faults.disk import full_disk
from faults.kills import killed_again_and_again
from faults.scenario import Scenario

SCENARIOS: Final[dict[str, tuple[Scenario, str]]] = {
    "kills": (killed_again_and_again, "kill -9 under load, on SQLite"),
    "disk": (full_disk, "the disk is full, then has room again"),
    "clock": (skewed_clock, "the service's clock is five minutes off, either way"),
}
