"""Attacks on a guard by what is *not* sent: the tool's defaults are asked of every link that speaks of them."""

from __future__ import annotations

import pytest

from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import NotPermitted, Reason, Refused
from delegation.wire.authorization import Decision
from delegation_sdk import Scope, any_call, at_most, optional, tool, under
from delegation_sdk.context import received
from delegation_sdk.guard import Guard, GuardPorts
from delegation_sdk.testing import Authority

PLANNER = "spiffe://test.example/agent/planner"
HELPER = "spiffe://test.example/agent/helper"
PATH = {"path": "/srv/a"}
TOOLS = ("read", "write")
"""`read` is decided in process, `write` by the service."""


@pytest.fixture
def authority():
    writes = CatalogueTool("files", "write", frozenset({Effect.WRITE}))
    with Authority(local={("files", "read")}, tools=[writes]) as authority:
        yield authority


@pytest.fixture
def guard(authority):
    return authority.guard_for("files")


@pytest.fixture
def task(authority):
    limited = {"path": under("/srv"), "limit": optional(at_most(50))}
    scope = Scope(*(tool("files", name, **limited) for name in TOOLS))
    return authority.client(PLANNER).begin_task("Tidy up", scope=scope)


@pytest.fixture
def dropped(task):
    """A handoff that no longer mentions the limit: it may not be sent, and is therefore the tool's to choose."""
    return task.hand_off(HELPER, scope=Scope(*(tool("files", name, path=under("/srv")) for name in TOOLS)))


def decide(guard, delegation, name, arguments=PATH, **options):
    call = delegation.call("files", name, arguments)
    return guard.authorize(call.carriage, name, call.arguments, **options)


@pytest.mark.spec("A-4")
@pytest.mark.parametrize("name", TOOLS)
def test_a_child_that_drops_an_argument_does_not_get_a_default_that_its_parent_forbids(guard, dropped, name):
    with pytest.raises(NotPermitted) as caught:
        decide(guard, dropped, name, defaults={"limit": 1_000})
    assert (caught.value.reason, caught.value.link_index) == (Reason.ARGUMENT_REFUSED, 0)
    assert caught.value.field == f"{name}.limit"


@pytest.mark.parametrize("name", TOOLS)
def test_benign_twin_a_default_that_every_link_permits_is_used(guard, dropped, name):
    call = decide(guard, dropped, name, defaults={"limit": 50, "encoding": "utf-8"})
    assert call.arguments == {"path": "/srv/a", "limit": 50}


@pytest.mark.spec("A-4")
@pytest.mark.parametrize("name", TOOLS)
def test_a_guarded_function_does_not_run_with_a_default_that_an_ancestor_forbids(guard, dropped, name):
    ran = []

    @guard.tool(name)
    def run(path: str, limit: int = 1_000) -> None:
        ran.append(limit)

    with received(dropped.call("files", name, PATH).carriage), pytest.raises(NotPermitted):
        run(path="/srv/a")
    assert not ran


@pytest.mark.spec("G-2", "A-4")
@pytest.mark.parametrize("name", TOOLS)
@pytest.mark.parametrize(
    "default", [object(), True, "50", None, [50], float("nan"), 2**60], ids=lambda default: type(default).__name__
)
def test_a_default_that_cannot_be_judged_is_refused_where_a_link_speaks_of_it(guard, dropped, name, default):
    with pytest.raises(NotPermitted):
        decide(guard, dropped, name, defaults={"limit": default})


@pytest.mark.parametrize("name", TOOLS)
def test_benign_twin_a_default_that_no_link_speaks_of_may_be_anything(guard, dropped, name):
    assert decide(guard, dropped, name, defaults={"limit": 5, "clock": object()}).arguments["limit"] == 5


@pytest.mark.spec("N-4", "N-6")
def test_any_arguments_at_the_leaf_do_not_widen_an_ancestors_limit(authority, guard, task):
    with pytest.raises(Refused):
        decide(guard, task.hand_off(HELPER, scope=Scope(any_call("files", "read"))), "read")


class _SaysYes:
    """A service that somebody has taken over: it permits whatever it is asked."""

    def __init__(self, service):
        self._service = service

    def authorize(self, call):
        return Decision(self._service.sources.new_id(), self._service.sources.now_ms())

    async def authorize_async(self, call):
        return self.authorize(call)


@pytest.mark.parametrize("arguments", [{"path": "/etc/shadow"}, {"path": "/srv/a", "limit": 51}, {}], ids=str)
def test_a_service_that_permits_everything_permits_no_more_than_the_chain(authority, task, arguments):
    service = authority._service
    ports = GuardPorts(service, service, service, _SaysYes(service))
    with Guard("files", ports, trust_root=authority.trust_root) as guard:
        guard.open()
        with pytest.raises(NotPermitted):
            decide(guard, task, "write", arguments)
        assert decide(guard, task, "write", {"path": "/srv/a", "limit": 50}).tool == "write"


@pytest.mark.spec("A-4")
async def test_arguments_that_change_while_the_service_decides_are_not_the_ones_that_run(authority, task):
    service = authority._service
    arguments = {"path": "/srv/a"}

    class Slow(_SaysYes):
        async def authorize_async(self, call):
            arguments["path"] = "/srv/b"
            return self.authorize(call)

    with Guard("files", GuardPorts(service, service, service, Slow(service)), trust_root=authority.trust_root) as guard:
        guard.open()
        call = task.call("files", "write", dict(arguments))
        decided = await guard.aio.authorize(call.carriage, "write", arguments, defaults={"limit": 5})
    assert decided.arguments == {"path": "/srv/a", "limit": 5}
