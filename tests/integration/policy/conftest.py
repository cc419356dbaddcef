"""A service with a catalogue and a policy file, over SQLite and over PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.caller import Caller
from support.postgres import Cluster, running_postgres
from support.server import RunningServer, identity, running_server

TOOLS = """
[[tool]]
audience = "crm"
name = "read"
owner = "team-crm"
effects = ["read"]
labels = ["personal"]

[[tool]]
audience = "docs"
name = "read"
owner = "team-docs"
effects = ["read"]

[[tool]]
audience = "mail"
name = "send"
owner = "team-mail"
effects = ["external"]

[[tool]]
audience = "iam"
name = "add_role"
owner = "team-iam"
effects = ["write", "privilege"]

[[tool]]
audience = "ci"
name = "test"
owner = "team-build"
effects = ["write"]

[[tool]]
audience = "ci"
name = "deploy"
owner = "team-build"
effects = ["write", "external"]
"""
PERMIT = '@id("all") permit (principal, action, resource);\n'
DEADLINE_SECONDS = 30


@dataclass
class Ruled:
    """A service, its files, and callers."""

    server: RunningServer
    directory: Path
    stack: ExitStack
    """Of the service and its callers."""
    callers: dict[str, Caller] = field(default_factory=dict)

    def as_(self, path: str) -> Caller:
        """Give a caller with this identity."""
        if path not in self.callers:
            self.callers[path] = self.stack.enter_context(Caller.of(self.server, path))
        return self.callers[path]

    def stop(self) -> None:
        """Stop the service."""
        self.stack.close()

    @property
    def version(self) -> int:
        return self.rules.version

    @property
    def rules(self):
        return self.server.application.policy_in_use()

    def write(self, text: str) -> None:
        """Write the policy file."""
        (self.directory / "policy.cedar").write_text(text)

    def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds."""
        end = time.monotonic() + DEADLINE_SECONDS
        while not holds():
            assert time.monotonic() < end, "it never came true"
            time.sleep(0.05)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    with running_postgres() as cluster:
        yield cluster


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def database(request) -> Callable[[], dict]:
    """Make the configuration of a new database."""
    if request.param == "sqlite":
        return dict
    cluster = request.getfixturevalue("postgres")
    return lambda: {"database": {"url": cluster.new_database(empty=True)}}


@pytest.fixture
def start(database, tmp_path) -> Iterator[Callable[..., Ruled]]:
    """`start(policy, directory=…, like=…)` starts a service; with `like`, over the same database."""
    with ExitStack() as stack:
        given = database()

        def started(
            policy: str | None = None,
            *,
            name: str = "service",
            tools: str = TOOLS,
            people: Sequence[dict] = (),
            **further,
        ) -> Ruled:
            directory = tmp_path / name
            directory.mkdir(exist_ok=True)
            (directory / "tools.toml").write_text(tools)
            if policy is not None:
                (directory / "policy.cedar").write_text(policy)
                further["policy"] = {"file": directory / "policy.cedar"}
            own = stack.enter_context(ExitStack())
            server = own.enter_context(
                running_server(
                    tmp_path / "state",
                    catalogue=directory / "tools.toml",
                    identities=[
                        identity("agent/owned", "agent", "orchestrator", ceiling={"audiences": ["mail"]}),
                        *people,
                    ],
                    feed={"heartbeat_ms": 200},
                    **given,
                    **further,
                )
            )
            return Ruled(server, directory, own)

        yield started
