"""An authority in memory under a clock that only the test moves."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from delegation.core.trust import CatalogueTool, Effect
from delegation_sdk import Scope, any_call, at_most, tool, under
from delegation_sdk.sources import Sources
from delegation_sdk.testing import Authority

PLANNER = "spiffe://test.example/agent/planner"
HELPER = "spiffe://test.example/agent/helper"


class Clock:
    """Time that passes when told to, on both clocks."""

    def __init__(self) -> None:
        self.now_ms = 1_800_000_000_000
        self.monotonic_ms = 5_000

    def pass_ms(self, milliseconds: int) -> None:
        self.now_ms += milliseconds
        self.monotonic_ms += milliseconds

    def sources(self) -> Sources:
        return Sources(lambda: self.now_ms, lambda: self.monotonic_ms, os.urandom)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authority(clock) -> Iterator[Authority]:
    writes = CatalogueTool("files", "write", frozenset({Effect.WRITE}))
    with Authority(
        local={("files", "read"), ("files", "search")}, tools=[writes], sources=clock.sources()
    ) as authority:
        yield authority
        authority.reachable = True  # so that guards can close in order


@pytest.fixture
def guard(authority):
    return authority.guard_for("files")


@pytest.fixture
def client(authority):
    return authority.client(PLANNER)


@pytest.fixture
def scope() -> Scope:
    return Scope(
        tool("files", "read", path=under("/srv")),
        tool("files", "write", path=under("/srv"), size=at_most(100)),
        any_call("files", "search"),
    )


@pytest.fixture
def task(client, scope):
    return client.begin_task("Tidy up", scope=scope)


@pytest.fixture
def helper(task):
    return task.hand_off(HELPER, scope=task.scope.only("files", "read").where(path=under("/srv/a")))
