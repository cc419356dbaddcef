"""The service's rows on PostgreSQL, one replica and two: a database on the same disk that syncs every commit.

Replicas, database, echo and client share this machine's cores, so a second replica cannot double anything here: what
these rows show is what sharing a database costs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import bench_completions
import bench_feed
import bench_service
import uvloop
from lanes import AUTHORIZE, HAND_OFF, REPEATABLE, SECURE, echo_of
from measure import ROUNDS
from processes import Service, running_echo, running_service
from report import Row

from support.postgres import running_postgres

_WITHOUT: Final = (REPEATABLE, echo_of(AUTHORIZE) + SECURE, echo_of(HAND_OFF) + SECURE)
"""What the rows on SQLite show already."""
_COMPLETING_S: Final = 1
"""Shorter than on SQLite: so that all benchmarks together take less than four minutes."""


def rows(*, quick: bool = False) -> list[Row]:
    """Measure all of them, one replica first."""
    with running_postgres(fsync=True) as cluster:
        with running_service(cluster.new_database(empty=True)) as service:
            found = _measured("PostgreSQL", [service], quick=quick)
        with _two_replicas(cluster.new_database(empty=True)) as replicas:
            return found + _measured("PostgreSQL, two replicas", replicas, quick=quick)


@contextmanager
def _two_replicas(url: str) -> Iterator[Sequence[Service]]:
    with running_service(url) as first, running_service(url, beside=first) as second:
        yield first, second


def _measured(what: str, services: Sequence[Service], *, quick: bool) -> list[Row]:
    with running_echo(services[0]) as echo, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(bench_service.measured(services, echo, rounds=3 if quick else ROUNDS, without=_WITHOUT))
    found += bench_feed.heard(services, quick=quick)
    found += bench_completions.heard(services, seconds=_COMPLETING_S, quick=quick)
    return [replace(row, name=f"{what}: {row.name}", bar=None) for row in found]
