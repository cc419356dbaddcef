"""Attacks on a guard by doing things at once, twice, elsewhere, or in another process."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import anyio
import pytest

from delegation.core.codec import decode_proof, split_proof
from delegation.core.proof import sign_proof
from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import BadProof, Reason, Refused
from delegation_sdk import AuthorizedCall, Scope, context, tool, under
from delegation_sdk.carriage import Carriage
from delegation_sdk.context import received, serving
from delegation_sdk.testing import Authority

PLANNER = "spiffe://test.example/agent/planner"
PATH = {"path": "/srv/a"}


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
    scope = Scope(*(tool("files", name, path=under("/srv")) for name in ("read", "write")))
    return authority.client(PLANNER).begin_task("Tidy up", scope=scope)


@pytest.mark.spec("P-8")
@pytest.mark.parametrize("name", ["read", "write"])
def test_one_proof_in_many_threads_is_accepted_once(guard, task, name):
    for _ in range(10):
        call = task.call("files", name, PATH)
        carriage, starting = call.carriage, Barrier(16)

        def attempt(_, carriage=carriage, starting=starting):
            starting.wait()
            try:
                return guard.authorize(carriage, name, PATH)
            except Refused as refused:
                return refused.reason

        with ThreadPoolExecutor(16) as pool:
            outcomes = list(pool.map(attempt, range(16)))
        assert sum(isinstance(each, AuthorizedCall) for each in outcomes) == 1
        assert {each for each in outcomes if isinstance(each, Reason)} == {Reason.PROOF_REPLAYED}


@pytest.mark.spec("P-8")
@pytest.mark.parametrize("name", ["read", "write"])
def test_a_nonce_seen_on_its_way_is_not_used_up_under_another_chain(authority, guard, task, name):
    eve = authority.client("spiffe://test.example/agent/eve").begin_task("Burn", scope=task.scope)
    call = task.call("files", name, PATH)
    seen = decode_proof(split_proof(call.carriage.proof)[0])
    burned = sign_proof(
        eve.require_key(),
        chain_digest=eve.links[-1].link_id,
        audience="files",
        tool=name,
        arguments_digest=seen.arguments_digest,
        now_ms=seen.issued_at_ms,
        nonce=seen.nonce,
    )
    guard.authorize(Carriage(eve.token, burned), name, PATH)
    guard.authorize(call.carriage, name, PATH)


@pytest.mark.spec("P-8")
@pytest.mark.parametrize("name", ["read", "write"])
async def test_one_proof_in_many_coroutines_is_accepted_once(guard, task, name):
    call = task.call("files", name, PATH)
    outcomes = []

    async def attempt():
        try:
            outcomes.append(await guard.aio.authorize(call.carriage, name, PATH))
        except Refused as refused:
            outcomes.append(refused.reason)

    async with anyio.create_task_group() as group:
        for _ in range(16):
            group.start_soon(attempt)
    assert sum(isinstance(each, AuthorizedCall) for each in outcomes) == 1


def test_a_proof_that_was_refused_for_its_arguments_is_used_up(guard, task):
    """Else somebody on the way could ask again and again until a revocation or a clock lets it pass."""
    call = task.call("files", "read", {"path": "/etc"})
    for reason in (Reason.ARGUMENT_REFUSED, Reason.PROOF_REPLAYED):
        with pytest.raises(Refused) as caught:
            guard.authorize(call.carriage, "read", {"path": "/etc"})
        assert caught.value.reason is reason


def test_a_call_that_was_authorized_serves_one_run_of_its_own_tool(guard, task):
    ran = []

    @guard.tool("read")
    def read(path: str) -> None:
        ran.append(path)

    @guard.tool("write")
    def write(path: str) -> None:
        ran.append(path)

    call = task.call("files", "read", PATH)
    with serving(guard.authorize(call.carriage, "read", PATH)):
        with pytest.raises(BadProof):
            write(path="/srv/a")
        read(path="/srv/a")
        with pytest.raises(BadProof):
            read(path="/srv/a")
    with pytest.raises(BadProof):
        read(path="/srv/a")
    assert ran == ["/srv/a"]


def test_a_caller_cannot_be_passed_in(guard, task):
    @guard.tool("read")
    def read(path: str, *, caller: AuthorizedCall) -> str:
        return caller.agent

    with received(task.call("files", "read", PATH).carriage), pytest.raises(Refused):
        read(path="/srv/a", caller="root")
    with received(task.call("files", "read", PATH).carriage):
        assert read(path="/srv/a") == PLANNER


def test_what_came_with_one_call_is_not_there_for_the_next(guard, task):
    with received(task.call("files", "read", PATH).carriage):
        pass
    assert context.received_carriage().token == b""


@pytest.mark.spec("P-8")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_permits_nothing_with_its_parents_memory(guard, task):
    """Both would accept one proof, and number their records alike."""
    call = task.call("files", "read", PATH)
    carriage = call.carriage
    child = os.fork()
    if child == 0:  # pragma: no cover - in the child
        try:
            guard.authorize(carriage, "read", PATH)
        except Refused:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert guard.authorize(carriage, "read", PATH).agent == PLANNER
