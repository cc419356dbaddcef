"""Two replicas over one PostgreSQL, in this process; processes of their own are started by the tests that kill them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from support.caller import Caller
from support.postgres import Cluster, running_postgres
from support.server import RunningServer, running_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    with running_postgres() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def replicas(postgres, tmp_path_factory) -> Iterator[list[RunningServer]]:
    state, url = tmp_path_factory.mktemp("service"), postgres.new_database(empty=True)
    with ExitStack() as stack:
        yield [
            stack.enter_context(running_server(state, database={"url": url}, feed={"heartbeat_ms": 200}))
            for _ in range(2)
        ]


@pytest.fixture
def at(replicas) -> Iterator:
    """`at(0, "agent/planner")` is a caller with that identity, connected to the first replica."""
    with ExitStack() as stack:
        yield lambda place, path="agent/planner": stack.enter_context(Caller.of(replicas[place], path))
