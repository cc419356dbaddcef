"""A service for the tests of this directory: one for all, with an identity for each role."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.caller import Caller
from support.server import RunningServer, identity, running_server

FILES_ONLY = [{"audience": "files", "tool": "read", "arguments": {"path": {"under": "/srv"}}}]
IDENTITIES = (
    identity("orchestrator/limited", "orchestrator", "agent", ceiling=FILES_ONLY),
    identity("orchestrator/audiences", "orchestrator", ceiling={"audiences": ["files", "search"]}),
    identity("agent/plain", "agent"),
    identity("agent/other", "agent"),
    identity("tool/files", "tool", audiences=["files"]),
    identity("tool/billing", "tool", audiences=["billing"]),
    identity("auditor/ada", "auditor"),
)


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[RunningServer]:
    with running_server(
        tmp_path_factory.mktemp("service"), identities=IDENTITIES, feed={"heartbeat_ms": 200}
    ) as running:
        yield running


@pytest.fixture(scope="session")
def as_(server):
    """`as_("agent/planner")` is a caller with that identity; unlisted ones are orchestrator, agent and tool."""
    connected: dict[str, Caller] = {}
    channels = []

    def caller(path: str) -> Caller:
        if path not in connected:
            manager = Caller.of(server, path)
            connected[path] = manager.__enter__()
            channels.append(manager)
        return connected[path]

    yield caller
    for manager in channels:
        manager.__exit__(None, None, None)


@pytest.fixture
def planner(as_) -> Caller:
    """An orchestrator that may do anything."""
    return as_("agent/planner")


@pytest.fixture
def files_tool(as_) -> Caller:
    """A tool that speaks for `files` only."""
    return as_("tool/files")


@pytest.fixture
def operator(as_) -> Caller:
    """Somebody who may do everything."""
    return as_("developer")
