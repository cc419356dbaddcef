"""Calls when no decision can be had: the service is away, the queue of records or the memory of proofs is full."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attacks.suite.calls import AttackClass, Attempt, NotHere, Recipe, Request, Twin
from attacks.suite.worlds import KernelWorld, World
from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import Reason
from delegation_sdk import Scope, any_call
from delegation_sdk.guard import Guard
from delegation_sdk.replay import ReplayStore
from delegation_sdk.testing import Authority
from support.chains import NOW_MS

AGENT = "spiffe://test.example/agent/planner"
TOOLS = ("read", "write", "unlisted")
LOCAL = ("read",)


class Site:
    """A guard with a tool that it decides itself, one that the service decides, and one that nobody has listed."""

    def __init__(self, *, room: int = 100) -> None:
        writes = CatalogueTool("files", "write", frozenset({Effect.WRITE}))
        self.authority = Authority(local={("files", tool) for tool in LOCAL}, tools=[writes])
        self.guard: Guard = self.authority.guard_for("files", max_waiting=room)
        scope = Scope(*(any_call("files", tool) for tool in TOOLS))
        self.task = self.authority.client(AGENT).begin_task("Look", scope=scope)

    def call(self, tool: str) -> object:
        call = self.task.call("files", tool, {"path": "/srv/a"})
        return self.guard.authorize(call.carriage, tool, call.arguments)

    def close(self) -> None:
        self.authority.reachable = True
        self.authority.close()


def at_a_site(name: str, act: Callable[[Site], object], **options: Any) -> Recipe:
    """Do something at a site of its own."""

    def send() -> object:
        site = Site(**options)
        try:
            return act(site)
        finally:
            site.close()

    def recipe(world: World) -> Request:
        if not isinstance(world, KernelWorld):
            raise NotHere
        return Request("outage", name.encode(), send)

    return recipe


def service_away(tool: str, *, calls_before: int = 0) -> Callable[[Site], object]:
    def act(site: Site) -> object:
        for _ in range(calls_before):
            site.call(tool)
        site.authority.reachable = False
        return site.call(tool)

    return act


def full_queue(calls: int) -> Callable[[Site], object]:
    def act(site: Site) -> object:
        site.authority.reachable = False
        for _ in range(calls):
            site.call("read")
        return site.call("read")

    return act


def full_memory(room: int) -> Recipe:
    def send() -> None:
        store = ReplayStore(NOW_MS, max_nonces=room)
        for number in range(room + 1):
            store.use(number.to_bytes(16, "big"), NOW_MS, NOW_MS)

    def recipe(world: World) -> Request:
        if not isinstance(world, KernelWorld):
            raise NotHere
        return Request("outage", f"a memory of {room}".encode(), send)

    return recipe


def undecided() -> Iterator[Attempt]:
    away = Reason.SERVICE_UNAVAILABLE
    for tool in ("write", "unlisted"):
        for before in (0, 1):
            name = f"the service away for {tool}, after {before} calls"
            yield Attempt(name, away, at_a_site(name, service_away(tool, calls_before=before)), online=False)
    for room in (20, 40):
        name = f"a queue of {room} records that is full"
        yield Attempt(name, Reason.RECORD_BACKLOG, at_a_site(name, full_queue(room), room=room), online=False)
    for room in (1, 100):
        yield Attempt(f"a memory of {room} proofs that is full", Reason.INTERNAL, full_memory(room), online=False)


def decided() -> Iterator[Twin]:
    for tool in TOOLS:
        name = f"{tool}, with the service there"
        yield Twin(name, at_a_site(name, lambda site, tool=tool: site.call(tool)), online=False)
    name = "a tool that is decided in process, with the service away"
    yield Twin(name, at_a_site(name, service_away("read")), online=False)


CLASSES = (AttackClass("no decision to be had", undecided, decided),)
