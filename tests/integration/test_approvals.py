"""Step-up at a running service: asked for through the SDK, answered by people, used up by one exact call.

Every refusal has its benign twin: the same call, approved as it must be, is permitted.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace

import pytest

from delegation.app.key_files import system_ms
from delegation.core import limits
from delegation.core.approval_request import ApprovalState
from delegation.core.arguments import Arguments
from delegation.core.conditions import approved_by, at_most_calls
from delegation.core.constraints import under
from delegation.core.revocation import RevocationKind
from delegation.core.scope import Scope, tool
from delegation.errors import (
    BadProof,
    ConditionUnmet,
    Conflict,
    InvalidRequest,
    NotFound,
    NotPermitted,
    Overloaded,
    PermissionDenied,
    Reason,
    Revoked,
    StorageError,
)
from delegation.storage.approvals import OPEN_IN_A_TASK
from delegation.v1 import approval_service_pb2 as pb
from delegation.wire.authorization import CallToDecide
from delegation_sdk import Client
from delegation_sdk.aio import AsyncClient
from delegation_sdk.delegation import Delegation
from support.caller import Caller, Holding, nonce
from support.server import identity, running_server, spiffe_id

ANN, BEN, CY, EVE, BOTH = (f"person/{name}" for name in ("ann", "ben", "cy", "eve", "both"))
PLANNER, WORKER, FILES = "agent/planner", "agent/worker", "tool/files"
IDENTITIES = (
    *(identity(person, "approver") for person in (ANN, BEN, CY, EVE, "person/gone")),
    identity(BOTH, "approver", "agent", "orchestrator", ceiling="any"),
    identity("auditor/ada", "auditor"),
    identity("operator/olga", "operator"),
    identity(FILES, "tool", audiences=["files"]),
)
PATH = {"path": "/srv/old"}


class World:
    """A service, and everybody's way to it."""

    def __init__(self, server, stack):
        self.server, self._stack = server, stack
        self._clients, self._callers = {}, {}

    def client(self, path):
        if path not in self._clients:
            self._clients[path] = self._stack.enter_context(Client.connect(self.server.profile(path)))
        return self._clients[path]

    def caller(self, path):
        if path not in self._callers:
            self._callers[path] = self._stack.enter_context(Caller.of(self.server, path))
        return self._callers[path]

    def task(self, *conditions, orchestrator=PLANNER):
        return self.caller(orchestrator).grant(tool("files", "delete", *conditions, path=under("/srv")))

    def needs(self, *people, threshold=1):
        return approved_by(*map(spiffe_id, people), threshold=threshold)

    def ask(self, holding, arguments=PATH, *, by=PLANNER):
        request = self.client(by).approvals.request(held(holding), "files", "delete", arguments)
        assert request is not None
        return request

    def answer(self, person, request, *, approve=True, because=""):
        return self.client(person).approvals.answer(request, approve=approve, justification=because)

    def approved(self, holding, *people, arguments=PATH):
        request = self.ask(holding, arguments)
        for person in people or (ANN,):
            request = self.answer(person, request)
        assert request.state is ApprovalState.APPROVED
        return request

    def decide(self, holding, arguments=PATH, **tweaks):
        return self.caller(FILES).decide(holding, "files", "delete", arguments, **tweaks)

    def permits(self, holding, arguments=PATH):
        refused = self.decide(holding, arguments).refusal
        assert refused is None or refused.reason is Reason.APPROVAL_REQUIRED, refused
        return refused is None

    def state(self, request, *, by="auditor/ada"):
        return self.client(by).approvals.get(request.request_id)


def held(holding: Holding) -> Delegation:
    return Delegation(holding.token, holding.key)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("service"), identities=IDENTITIES) as server, ExitStack() as stack:
        yield World(server, stack)


# -- one exact call, once


@pytest.mark.spec("A-12", "A-23")
def test_a_call_is_refused_until_a_named_person_has_consented_and_then_permitted_once(world):
    task = world.task(world.needs(ANN))
    refused = world.decide(task).refusal
    assert (refused.reason, refused.link_index, refused.field) == (Reason.APPROVAL_REQUIRED, 0, "files.delete")
    assert spiffe_id(ANN) in refused.detail
    request = world.approved(task)
    decision = world.decide(task)
    assert decision.refusal is None
    used = world.state(request)
    assert (used.state, used.call_id) == (ApprovalState.USED, decision.call_id)
    assert not world.permits(task)


def test_a_call_that_needs_no_approval_is_not_asked_about(world):
    task = world.task()
    assert world.client(PLANNER).approvals.request(held(task), "files", "delete", PATH) is None
    assert world.permits(task)


@pytest.mark.spec("A-11", "A-17")
def test_the_same_question_again_is_the_same_permission_and_uses_nothing_more(world):
    task = world.task(world.needs(ANN))
    world.approved(task)
    question = task.question("files", "delete", PATH)
    decisions = {world.caller(FILES).decide_question(question) for _ in range(3)}
    assert len(decisions) == 1
    assert decisions.pop().refusal is None
    assert not world.permits(task)


@pytest.mark.spec("T-25")
def test_an_approval_is_for_no_other_arguments(world):
    task = world.task(world.needs(ANN))
    world.approved(task)
    assert not world.permits(task, {"path": "/srv/new"})
    assert world.permits(task)


@pytest.mark.spec("T-25")
def test_an_approval_is_for_no_other_link(world):
    task = world.task(world.needs(ANN))
    child = world.caller(PLANNER).hand_off(task, WORKER)
    sibling = world.caller(PLANNER).hand_off(task, WORKER)
    world.approved(child)
    assert not world.permits(sibling)
    assert not world.permits(task)
    assert world.permits(child)


def test_asking_again_is_the_same_request_and_the_proof_is_not_used_up(world):
    task = world.task(world.needs(ANN))
    first = world.ask(task)
    assert world.ask(task).request_id == first.request_id
    assert world.ask(task, {"path": "/srv/new"}).request_id != first.request_id


@pytest.mark.spec("A-25")
def test_only_what_the_chain_permits_is_asked_about(world):
    task = world.task(world.needs(ANN), at_most_calls(1))
    with pytest.raises(NotPermitted) as refused:
        world.ask(task, {"path": "/etc/passwd"})
    assert refused.value.reason is Reason.ARGUMENT_REFUSED
    world.approved(task)
    assert world.permits(task)
    with pytest.raises(ConditionUnmet) as exhausted:
        world.ask(task)
    assert exhausted.value.reason is Reason.CALLS_EXHAUSTED


@pytest.mark.spec("A-25")
def test_only_the_leafs_holder_asks(world):
    task = world.task(world.needs(ANN))
    thief = Holding(task.token, world.task().key, task.task_id)
    wanted = thief.question("files", "delete", PATH)

    caller = world.caller(PLANNER)
    message = pb.RequestApprovalRequest(
        token=wanted.token, proof=wanted.proof, audience="files", tool="delete", arguments_json=wanted.arguments_json
    )
    with pytest.raises(BadProof):
        caller.ask(caller.approvals.RequestApproval, message)
    message.proof = task.proof("files", "delete", PATH)
    answer = caller.ask(caller.approvals.RequestApproval, message)
    assert answer.request.requester == spiffe_id(PLANNER)


def test_every_links_demand_is_met_or_the_call_is_refused(world):
    task = world.task(world.needs(ANN, BEN))
    strict = Scope(tool("files", "delete", world.needs(ANN, BEN, threshold=2), path=under("/srv")))
    child = world.caller(PLANNER).hand_off(task, WORKER, scope=strict)
    request = world.ask(child)
    assert [demand.threshold for demand in request.demands] == [1, 2]
    assert world.answer(ANN, request).state is ApprovalState.PENDING
    assert world.decide(child).refusal.link_index == 0
    assert world.answer(BEN, request).state is ApprovalState.APPROVED
    assert world.permits(child)


# -- who answers


@pytest.mark.spec("A-24")
def test_somebody_who_is_not_asked_neither_sees_nor_answers_it(world):
    task = world.task(world.needs(ANN))
    request = world.ask(task)
    with pytest.raises(NotFound):
        world.state(request, by=EVE)
    with pytest.raises(NotFound):
        world.answer(EVE, request)
    with pytest.raises(PermissionDenied):
        world.client("operator/olga").approvals.answer(request, approve=True)
    with pytest.raises(PermissionDenied):
        world.client(PLANNER).approvals.answer(request, approve=True)
    assert not world.permits(task)
    world.answer(ANN, request)
    assert world.permits(task)


@pytest.mark.spec("A-24")
def test_whoever_has_asked_does_not_answer(world):
    task = world.task(world.needs(BOTH, ANN))
    request = world.ask(task, by=BOTH)
    with pytest.raises(PermissionDenied):
        world.answer(BOTH, request)
    assert world.answer(ANN, request).state is ApprovalState.APPROVED


@pytest.mark.spec("A-24", "T-25")
def test_an_agent_of_the_chain_does_not_answer(world):
    task = world.task(world.needs(BOTH, ANN))
    child = world.caller(PLANNER).hand_off(task, BOTH)
    below = world.caller(BOTH).hand_off(child, WORKER)
    request = world.ask(below)
    with pytest.raises(PermissionDenied):
        world.answer(BOTH, request)
    assert world.answer(BOTH, world.ask(task)).state is ApprovalState.APPROVED


@pytest.mark.spec("A-24")
def test_the_principal_does_not_approve_what_is_done_in_its_name(world):
    task = world.task(world.needs(BOTH, ANN), orchestrator=BOTH)  # on its own behalf
    request = world.ask(task)
    with pytest.raises(PermissionDenied):
        world.answer(BOTH, request)
    assert world.answer(ANN, request).state is ApprovalState.APPROVED


@pytest.mark.spec("A-23")
def test_two_of_three_are_two_different_people(world):
    task = world.task(world.needs(ANN, BEN, CY, threshold=2))
    request = world.ask(task)
    for _ in range(3):
        assert world.answer(ANN, request).state is ApprovalState.PENDING
    assert not world.permits(task)
    assert world.answer(CY, request).state is ApprovalState.APPROVED
    assert world.permits(task)
    assert not world.permits(task)


@pytest.mark.spec("A-24")
def test_one_refusal_ends_it_with_its_reason(world):
    task = world.task(world.needs(ANN, BEN))
    request = world.ask(task)
    refused = world.answer(ANN, request, approve=False, because="still in use")
    assert refused.state is ApprovalState.REFUSED
    assert refused.answers[0].justification == "still in use"
    with pytest.raises(Conflict):
        world.answer(BEN, request)
    assert not world.permits(task)
    assert world.decide(task).refusal.approval_request_id == request.request_id
    assert world.ask(task) == world.state(request, by=PLANNER)  # asking again is no way to another answer
    with pytest.raises(ConditionUnmet, match="still in use"):
        world.client(PLANNER).approvals.wait(held(task), "files", "delete", PATH, timeout="1m")
    world.approved(task, arguments={"path": "/srv/new"})
    assert world.permits(task, {"path": "/srv/new"})


@pytest.mark.spec("A-24")
def test_a_refusal_stands_for_the_whole_task_and_no_other(world):
    task, other = world.task(world.needs(ANN, BEN)), world.task(world.needs(ANN, BEN))
    request = world.ask(task)
    world.answer(ANN, request, approve=False)
    again = world.caller(PLANNER).hand_off(task, PLANNER)
    stricter = Scope(tool("files", "delete", world.needs(ANN, BEN), world.needs(BEN), path=under("/srv")))
    for below in (again, world.caller(PLANNER).hand_off(task, PLANNER, scope=stricter)):
        assert not world.permits(below)
        assert world.ask(below).request_id == request.request_id
    world.approved(again, BEN, arguments={"path": "/srv/new"})
    assert world.permits(again, {"path": "/srv/new"})
    world.approved(other, BEN)
    assert world.permits(other)


@pytest.mark.spec("A-24")
def test_an_approver_who_is_named_as_an_agent_of_the_chain_can_still_refuse(world):
    task = world.task(world.needs(ANN, BEN))
    below = world.caller(PLANNER).hand_off(world.caller(PLANNER).hand_off(task, ANN), WORKER)
    request = world.ask(below)
    with pytest.raises(PermissionDenied):
        world.answer(ANN, request)
    assert world.answer(ANN, request, approve=False).state is ApprovalState.REFUSED
    assert not world.permits(below)


@pytest.mark.spec("A-24")
def test_who_acts_as_an_agent_too_does_not_approve_under_a_chain_that_nobody_vouches_for(world):
    task = world.task(world.needs(BOTH, ANN))
    alias = world.caller(PLANNER).hand_off(task, "agent/one-off")  # which may be BOTH, by another name
    with pytest.raises(PermissionDenied):
        world.answer(BOTH, world.ask(alias))
    assert world.answer(BOTH, world.ask(task)).state is ApprovalState.APPROVED


@pytest.mark.spec("A-24")
def test_who_is_no_approver_any_more_has_approved_nothing(tmp_path):
    with running_server(tmp_path, identities=IDENTITIES) as server, ExitStack() as stack:
        world = World(server, stack)
        task, other = world.task(world.needs(ANN)), world.task(world.needs(BEN))
        world.approved(task)
        world.approved(other, BEN)
    fewer = [each for each in IDENTITIES if each["id"] != spiffe_id(ANN)] + [identity(ANN, "auditor")]
    with running_server(tmp_path, identities=fewer) as server, ExitStack() as stack:
        world = World(server, stack)
        assert not world.permits(task)
        assert world.permits(other)


def test_an_approver_who_is_revoked_answers_nothing(world):
    gone = "person/gone"
    task = world.task(world.needs(gone, ANN))
    request = world.ask(task)
    world.client("operator/olga").revoke_id(RevocationKind.AGENT, spiffe_id(gone).encode())
    with pytest.raises(Revoked):
        world.answer(gone, request)
    assert world.answer(ANN, request).state is ApprovalState.APPROVED


@pytest.mark.spec("A-24")
def test_who_is_revoked_after_the_answer_has_approved_nothing(tmp_path):
    with running_server(tmp_path, identities=IDENTITIES) as server, ExitStack() as stack:
        world = World(server, stack)
        task, other = world.task(world.needs(ANN)), world.task(world.needs(BEN))
        world.approved(task)
        world.approved(other, BEN)
        world.client("operator/olga").revoke_id(RevocationKind.AGENT, spiffe_id(ANN).encode())
        assert not world.permits(task)
        assert world.permits(other)


@pytest.mark.spec("A-24")
def test_what_was_withdrawn_counts_no_more(world):
    task = world.task(world.needs(ANN, BEN))
    request = world.approved(task)
    with pytest.raises(NotFound):
        world.client(WORKER).approvals.withdraw(request.request_id)
    assert world.client(PLANNER).approvals.withdraw(request.request_id).state is ApprovalState.WITHDRAWN
    assert not world.permits(task)
    with pytest.raises(Conflict):
        world.answer(BEN, request)
    world.approved(task)
    assert world.permits(task)


@pytest.mark.spec("A-25")
def test_an_answer_is_to_what_was_seen(world):
    task = world.task(world.needs(ANN))
    request, other = world.ask(task), world.ask(task, {"path": "/srv/new"})
    with pytest.raises(Conflict):
        world.answer(ANN, replace(request, arguments_json=other.arguments_json))
    with pytest.raises(InvalidRequest):
        world.answer(ANN, replace(request, arguments_json=b""))
    assert world.answer(ANN, request).state is ApprovalState.APPROVED


# -- what is shown


def test_an_approver_sees_the_exact_call_and_who_is_behind_it(world):
    task = world.task(world.needs(ANN))
    child = world.caller(PLANNER).hand_off(task, WORKER)
    request = world.ask(child)
    seen = world.client(ANN).approvals.get(request.request_id)
    assert seen.arguments_json == b'{"path":"/srv/old"}'
    for who in ("auditor/ada", "operator/olga"):
        assert replace(world.state(request, by=who), arguments_json=seen.arguments_json) == seen
        assert world.state(request, by=who).arguments_json == b""
    assert [agent.agent for agent in seen.agents] == [spiffe_id(PLANNER), spiffe_id(WORKER)]
    assert (seen.purpose, seen.principal.subject) == ("look things up", spiffe_id(PLANNER))
    after = world.answer(ANN, seen, because="it is old")
    (answer,) = after.answers
    assert (answer.approver, answer.approver_issuer) == (spiffe_id(ANN), "spiffe://test.example")
    assert answer.approval is not None
    assert after.arguments_json == b""


def test_each_lists_what_it_may_see(world):
    task = world.task(world.needs(CY))
    mine = {world.ask(task, {"path": f"/srv/{number}"}).request_id for number in range(3)}

    def listed(who, **which):
        return {each.request_id for each in world.client(who).approvals.list(limit=500, **which).items}

    assert listed(CY, pending_only=True, task_id=task.task_id) == mine <= listed(CY)
    assert listed(ANN, task_id=task.task_id) == set()
    assert listed("auditor/ada", task_id=task.task_id) == mine
    assert mine <= listed(PLANNER)
    assert not mine & listed(WORKER)
    assert all(not each.arguments_json for each in world.client(CY).approvals.list().items)


# -- at once, late, and without a database


@pytest.mark.spec("A-23")
def test_of_many_calls_at_once_one_uses_the_approval(world):
    task = world.task(world.needs(ANN))
    world.approved(task)
    questions = [task.question("files", "delete", PATH) for _ in range(20)]
    with ThreadPoolExecutor(10) as pool:
        decisions = list(pool.map(world.caller(FILES).decide_question, questions))
    assert sum(decision.refusal is None for decision in decisions) == 1


def renamed(world, before, after):
    with closing(sqlite3.connect(world.server.application.config.database_path)) as database:
        database.execute(f"ALTER TABLE {before} RENAME TO {after}")


@pytest.mark.spec("A-23")
@pytest.mark.parametrize("table", ["approval_answers", "approval_requests"])
def test_approvals_that_cannot_be_read_permit_nothing(world, table):
    task = world.task(world.needs(ANN))
    request = world.approved(task)
    renamed(world, table, "elsewhere")
    try:
        with pytest.raises(StorageError):  # no decision: a guard takes that for a denial
            world.decide(task)
    finally:
        renamed(world, "elsewhere", table)
    assert world.state(request).state is ApprovalState.APPROVED
    assert world.permits(task)


@pytest.mark.spec("T-24")
@pytest.mark.parametrize("forged", ["signature", "payload", "key_id"])
def test_an_approval_that_the_service_has_not_signed_permits_nothing(world, forged):
    task = world.task(world.needs(ANN))
    request = world.approved(task)
    path = world.server.application.config.database_path
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        of_request = (request.request_id,)
        ((kept,),) = database.execute(f"SELECT {forged} FROM approval_answers WHERE request_id = ?", of_request)
        torn = kept[:-1] + bytes([kept[-1] ^ 1])
        database.execute(f"UPDATE approval_answers SET {forged} = ? WHERE request_id = ?", (torn, *of_request))
    assert not world.permits(task)
    world.client(PLANNER).approvals.withdraw(request.request_id)
    assert world.approved(task).request_id != request.request_id
    assert world.permits(task)


class Clock:
    def __init__(self, read):
        self._read, self.ahead_ms = read, 0

    def __call__(self):
        return self._read() + self.ahead_ms


@pytest.mark.spec("A-24", "T-25")
def test_an_approval_is_void_when_it_has_expired(tmp_path):
    clock = Clock(system_ms)
    with running_server(tmp_path, identities=IDENTITIES, now_ms=clock) as server, ExitStack() as stack:
        world = World(server, stack)
        task = world.caller(PLANNER).grant(
            tool("files", "delete", world.needs(ANN), path=under("/srv")), lifetime_ms=2 * limits.APPROVAL_LIFETIME_MS
        )
        late, approved = world.ask(task, {"path": "/srv/late"}), world.approved(task)
        assert world.permits(task)
        approved = world.approved(task)
        clock.ahead_ms = limits.APPROVAL_LIFETIME_MS + 1

        def at_that_time(path):
            now_ms = clock()
            proof = task.proof("files", "delete", path, now_ms=now_ms)
            return world.decide(task, path, proof=proof).refusal

        assert at_that_time(PATH).reason is Reason.APPROVAL_REQUIRED
        assert world.state(approved).state is ApprovalState.EXPIRED
        with pytest.raises(Conflict):
            world.answer(ANN, late)
        assert not world.state(late, by=ANN).arguments_json


@pytest.mark.spec("A-23")
@pytest.mark.parametrize(("ahead_ms", "counts"), [(2_000, True), (60_000, False)])
def test_what_was_approved_by_a_clock_that_is_a_little_ahead_counts_at_once(tmp_path, ahead_ms, counts):
    clock = Clock(system_ms)
    with running_server(tmp_path, identities=IDENTITIES, now_ms=clock) as server, ExitStack() as stack:
        world = World(server, stack)
        task = world.caller(PLANNER).grant(
            tool("files", "delete", world.needs(ANN), path=under("/srv")), lifetime_ms=4 * limits.APPROVAL_LIFETIME_MS
        )
        request = world.ask(task)
        clock.ahead_ms = ahead_ms
        approved = world.answer(ANN, request)
        clock.ahead_ms = 0
        assert world.permits(task) is counts
        assert world.state(approved).state is (ApprovalState.USED if counts else ApprovalState.APPROVED)


# -- waiting


def in_the_background(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def answer_when_asked(world, task_id, *, approve, because=""):
    """Look until something is asked, as a person does, and answer it."""
    for _ in range(3_000):
        found = world.client(ANN).approvals.list(pending_only=True, task_id=task_id).items
        if found:
            world.answer(ANN, world.state(found[0], by=ANN), approve=approve, because=because)
            return
    raise AssertionError("nobody has asked")


def agents_task(client, world):
    return client.begin_task("clean up", scope=Scope(tool("files", "delete", world.needs(ANN), path=under("/srv"))))


def carried(world, call):
    question = CallToDecide(
        call.carriage.token, call.carriage.proof, "files", "delete", Arguments.of(call.arguments).canonical, nonce()
    )
    return world.caller(FILES).decide_question(question).refusal


def test_an_agent_waits_for_the_answer_and_then_makes_the_call(world):
    task = agents_task(world.client(PLANNER), world)
    answering = in_the_background(lambda: answer_when_asked(world, task.task_id, approve=True))
    with task.call("files", "delete", PATH, wait_for_approval="2m") as call:
        assert carried(world, call) is None
    answering.join(60)


def test_an_agent_that_does_not_wait_is_refused_by_the_guard(world):
    task = agents_task(world.client(PLANNER), world)
    with task.call("files", "delete", PATH) as call:
        assert carried(world, call).reason is Reason.APPROVAL_REQUIRED


def test_a_refusal_reaches_the_agent_that_waits_with_its_reason(world):
    task = agents_task(world.client(PLANNER), world)
    answering = in_the_background(
        lambda: answer_when_asked(world, task.task_id, approve=False, because="keep it until May")
    )
    with pytest.raises(ConditionUnmet) as refused, task.call("files", "delete", PATH, wait_for_approval="2m"):
        pass
    answering.join(60)
    assert refused.value.reason is Reason.APPROVAL_REQUIRED
    assert "keep it until May" in refused.value.detail


def test_waiting_ends_at_its_deadline_and_the_request_stays_open(world):
    task = agents_task(world.client(PLANNER), world)
    with pytest.raises(ConditionUnmet) as refused, task.call("files", "delete", PATH, wait_for_approval="300ms"):
        pass
    (request,) = world.client(ANN).approvals.list(pending_only=True, task_id=task.task_id).items
    assert request.request_id.hex() in refused.value.detail


async def test_asyncio_does_the_same(world):
    async with AsyncClient.connect(world.server.profile(PLANNER)) as client:
        scope = Scope(tool("files", "delete", world.needs(ANN), path=under("/srv")))
        task = await client.begin_task("clean up", scope=scope)
        answering = in_the_background(lambda: answer_when_asked(world, task.task_id, approve=True))
        async with task.call("files", "delete", PATH, wait_for_approval="2m") as call:
            assert await asyncio.to_thread(carried, world, call) is None
        await asyncio.to_thread(answering.join, 60)
        assert await client.approvals.request(task, "files", "delete", PATH) is not None


# -- what a refusal tells


@pytest.mark.spec("H-14", "X-3")
def test_a_refusal_names_the_request_that_waits_and_it_is_the_agents_own(world):
    task = world.task(world.needs(ANN))
    child = world.caller(PLANNER).hand_off(task, WORKER)
    refused = world.decide(child).refusal
    (waiting,) = world.client(ANN).approvals.list(pending_only=True, task_id=child.task_id).items
    assert (refused.approval_request_id, waiting.requester) == (waiting.request_id, spiffe_id(WORKER))
    assert world.decide(child).refusal.approval_request_id == waiting.request_id
    assert world.client(WORKER).approvals.get(waiting.request_id).state is ApprovalState.PENDING
    assert world.ask(child, by=PLANNER).request_id == waiting.request_id  # which runs it in its own process
    assert world.client(PLANNER).approvals.get(waiting.request_id).arguments_json
    world.answer(ANN, world.state(waiting, by=ANN))
    assert world.permits(child)


def test_what_is_refused_for_another_reason_is_put_before_nobody(world):
    task = world.task(world.needs(ANN))
    assert world.decide(task, {"path": "/etc"}).refusal.approval_request_id == b""
    thief = Holding(task.token, world.task().key, task.task_id)
    assert world.decide(thief).refusal.approval_request_id == b""
    assert world.client("auditor/ada").approvals.list(task_id=task.task_id).items == ()


def test_where_the_operator_says_so_only_agents_open_requests(tmp_path):
    quiet = {"open_on_refusal": False}
    with running_server(tmp_path, identities=IDENTITIES, approvals=quiet) as server, ExitStack() as stack:
        world = World(server, stack)
        task = world.task(world.needs(ANN))
        assert world.decide(task).refusal.approval_request_id == b""
        assert world.client(ANN).approvals.list().items == ()
        world.approved(task)
        assert world.permits(task)


def test_a_task_floods_nobody_with_requests(world):
    task = world.task(world.needs(ANN))
    for number in range(OPEN_IN_A_TASK):
        world.ask(task, {"path": f"/srv/{number}"})
    with pytest.raises(Overloaded):
        world.ask(task)
    assert world.decide(task).refusal.approval_request_id == b""
    (some, *_) = world.client(ANN).approvals.list(pending_only=True, task_id=task.task_id).items
    world.answer(ANN, some, approve=False)
    world.approved(task)
    assert world.permits(task)
