"""The service's rows on PostgreSQL: one replica, a database on the same disk that syncs every commit."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import bench_service
import uvloop
from measure import ROUNDS
from processes import running_echo, running_service
from report import Row

from support.postgres import running_postgres


def rows(*, quick: bool = False) -> list[Row]:
    """Measure all of them."""
    rounds, alone = (3, 20) if quick else (ROUNDS, bench_service.ALONE)
    with (
        running_postgres(fsync=True) as cluster,
        running_service(cluster.new_database(empty=True)) as service,
        running_echo(service) as echo,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        measured = runner.run(bench_service.measured(service, echo, rounds=rounds, alone=alone))
    return [replace(row, name=f"PostgreSQL: {row.name}", bar=None) for row in measured]
