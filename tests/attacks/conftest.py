"""A service with one identity for each role, none of which is trusted with more; made when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from support.caller import Caller
from support.server import RunningServer, identity, running_server

FILES_ONLY = [{"audience": "files", "tool": "read", "arguments": {"path": {"under": "/srv"}}}]
IDENTITIES = (
    identity("orchestrator/alice", "orchestrator", "agent", ceiling="any"),
    identity("orchestrator/limited", "orchestrator", ceiling=FILES_ONLY),
    identity("orchestrator/none", "orchestrator"),
    identity("agent/bob", "agent"),
    identity("agent/eve", "agent"),
    identity("tool/files", "tool", audiences=["files"]),
    identity("tool/mallory", "tool", audiences=["mallory"]),
    identity("auditor/ada", "auditor"),
    identity("approver/ann", "approver"),
    identity("operator/olga", "operator"),
)


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[RunningServer]:
    directory = tmp_path_factory.mktemp("attacked")
    with running_server(directory, identities=IDENTITIES, feed={"heartbeat_ms": 200}) as running:
        yield running


@pytest.fixture(scope="session")
def as_(server) -> Iterator[Callable[[str], Caller]]:
    """`as_("tool/mallory")` is a caller with that identity, over mTLS."""
    connected: dict[str, Caller] = {}
    managers = []

    def caller(path: str) -> Caller:
        if path not in connected:
            manager = Caller.of(server, path)
            connected[path] = manager.__enter__()
            managers.append(manager)
        return connected[path]

    yield caller
    for manager in managers:
        manager.__exit__(None, None, None)


@pytest.fixture
def alice(as_) -> Caller:
    """An orchestrator without a limit: the victim."""
    return as_("orchestrator/alice")


@pytest.fixture
def files(as_) -> Caller:
    """An honest tool."""
    return as_("tool/files")


@pytest.fixture
def mallory(as_) -> Caller:
    """A malicious tool, for an audience of its own."""
    return as_("tool/mallory")


@pytest.fixture
def eve(as_) -> Caller:
    """A malicious agent with a valid certificate and nothing else."""
    return as_("agent/eve")


@pytest.fixture
def ada(as_) -> Caller:
    """An auditor."""
    return as_("auditor/ada")


@pytest.fixture
def olga(as_) -> Caller:
    """An operator."""
    return as_("operator/olga")
