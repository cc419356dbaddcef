"""The rows "growth" of the bars on PostgreSQL: both databases in one cluster, which syncs every commit."""

from __future__ import annotations

from dataclasses import replace

import bench_growth
from processes import running_service
from report import Row

from support.postgres import running_postgres


def rows(*, quick: bool = False) -> list[Row]:
    """Measure."""
    with (
        running_postgres(fsync=True) as cluster,
        running_service(cluster.new_database(empty=True)) as small,
        running_service(cluster.new_database(empty=True)) as large,
    ):
        found = bench_growth.measured(small, large, quick=quick)
    return [replace(row, name=f"PostgreSQL: {row.name}") for row in found]
