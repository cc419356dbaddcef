"""A service that a real decision point on loopback decides for, over SQLite and over PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from delegation.core.scope import any_call
from delegation.errors import Refused
from delegation.service import decision_point
from integration.policy.conftest import TOOLS
from support.caller import Caller, Holding
from support.decision_point import DecisionPoint, PointFiles, point_files, running_point, told
from support.postgres import Cluster, running_postgres
from support.server import RunningServer, identity, running_server

READ, SEND, DOCS = any_call("crm", "read"), any_call("mail", "send"), any_call("docs", "read")
PATIENCE_MS = 10_000
"""Of a service whose decision point answers."""


@dataclass
class Asking:
    """A service, its decision point, and callers."""

    server: RunningServer
    point: DecisionPoint
    stack: ExitStack
    workers: ThreadPoolExecutor
    callers: dict[str, Caller] = field(default_factory=dict)
    _making: threading.Lock = field(default_factory=threading.Lock)

    def as_(self, path: str) -> Caller:
        """Give a caller with this identity."""
        with self._making:
            if path not in self.callers:
                self.callers[path] = self.stack.enter_context(Caller.of(self.server, path))
            return self.callers[path]

    @property
    def planner(self) -> Caller:
        return self.as_("agent/planner")

    def refusal(self, holding: Holding, tool: str, /, **arguments: Any) -> Refused | None:
        """Have a call decided; give why it is refused."""
        audience, _, name = tool.partition(".")
        return self.as_("tool/all").decide(holding, audience, name, arguments).refusal

    def later(self, holding: Holding, tool: str, /, **arguments: Any) -> Future[Refused | None]:
        """Have a call decided while the test goes on."""
        return self.workers.submit(self.refusal, holding, tool, **arguments)

    def records(self, holding: Holding) -> list[Any]:
        """Give what is recorded of a task's calls, the latest first."""
        return list(self.as_("developer").calls(task_id=holding.task_id)[0])


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    with running_postgres() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> PointFiles:
    return point_files(tmp_path_factory.mktemp("point"))


@pytest.fixture
def point(files) -> Iterator[DecisionPoint]:
    with running_point(files) as server:
        yield server


@pytest.fixture
def start(tmp_path, files, point, monkeypatch) -> Iterator[Callable[..., Asking]]:
    """`start(timeout_ms=…, like=…)` starts a service; further arguments are those of its configuration."""
    monkeypatch.setattr(decision_point, "DECIDING_SECONDS", 60)  # a test may take its time
    with ExitStack() as stack:
        workers = stack.enter_context(ThreadPoolExecutor(16))

        def started(*, timeout_ms: int = PATIENCE_MS, policy: dict[str, Any] | None = None, **given: Any) -> Asking:
            (tmp_path / "tools.toml").write_text(TOOLS)
            asked = {
                "decision_point": point.url,
                "decision_point_ca": files.ca,
                "decision_point_timeout_ms": timeout_ms,
                **(policy or {}),
            }
            server = stack.enter_context(
                running_server(
                    tmp_path / "state",
                    catalogue=tmp_path / "tools.toml",
                    identities=[identity("person/ann", "approver")],
                    feed={"heartbeat_ms": 200},
                    policy=asked,
                    **given,
                )
            )
            return Asking(server, point, stack, workers)

        yield started


@pytest.fixture(params=["sqlite", "postgres"])
def database(request) -> dict[str, Any]:
    """The configuration of a new database."""
    if request.param == "sqlite":
        return {}
    return {"database": {"url": request.getfixturevalue("postgres").new_database(empty=True)}}


def said_no(refused: Refused | None) -> str:
    """Give the words of a denial by the decision point."""
    assert refused is not None
    assert refused.reason == "policy_denied", refused
    return refused.detail


def no_leak(asked: dict[str, Any]) -> bool:
    """Decide as the shipped policy does about what leaves."""
    external = "external" in asked["resource"]["properties"]["effects"]
    return not (external and "personal" in told(asked)["taskLabels"])
