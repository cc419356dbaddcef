"""Every fault scenario by name, with what it does in one line."""

from __future__ import annotations

from typing import Final

from faults.clock import skewed_clock
from faults.disk import full_disk
from faults.guards import cut_off_guards
from faults.kills import killed_again_and_again
from faults.replicas import cut_network, killed_integrator, killed_replicas, restarted_database
from faults.scenario import Scenario

SCENARIOS: Final[dict[str, tuple[Scenario, str]]] = {
    "kills": (killed_again_and_again, "kill -9 under load, on SQLite"),
    "disk": (full_disk, "the disk is full, then has room again"),
    "clock": (skewed_clock, "the service's clock is five minutes off, either way"),
    "replicas": (killed_replicas, "kill -9 of one of two replicas over PostgreSQL"),
    "integrator": (killed_integrator, "kill -9 of the replica that moves the feed"),
    "database": (restarted_database, "PostgreSQL stops, crashes, and comes back under two replicas"),
    "network": (cut_network, "one replica, then both, are cut off PostgreSQL"),
    "guards": (cut_off_guards, "guarded tools are cut off the service"),
}
