"""Attacks by time: what was revoked stays revoked, whoever's clock is wrong and whoever is quicker."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from delegation.core.attest import open_bundle, open_feed_entry
from delegation.core.revocation import RevocationKind, RevocationState
from delegation.core.scope import SERVICE_AUDIENCE, any_call
from delegation.core.verify import Verifier
from delegation.errors import Reason, Refused, Revoked
from delegation.wire.trust import read_feed_entry
from support.caller import Caller, nonce, now_ms
from support.server import running_server

READ = any_call("files", "read")
CLOCKS_DIFFER_MS = 30_000
"""By how much a verifier forgives that a link's time has not begun: so much clocks may differ."""


class Clock:
    ahead_ms = 0

    def __call__(self):
        return now_ms() + self.ahead_ms


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def slow(tmp_path, clock):
    """A service whose clock the test moves."""
    with running_server(tmp_path, now_ms=clock, feed={"heartbeat_ms": 100}) as server:
        yield server


def snapshot(server, caller, at_ms):
    """What a guard learns that connects now."""
    bundle = open_bundle(caller.trust_documents().bundle, server.trust_root, now_ms=at_ms)
    state = RevocationState()
    stream = caller.watch()
    state.apply(open_feed_entry(read_feed_entry(next(stream)), bundle, now_ms=at_ms), monotonic_ms=0)
    stream.cancel()
    return Verifier(bundle), state


@pytest.mark.spec("R-9")
@pytest.mark.parametrize("what", ["task", "link"])
def test_what_was_revoked_does_not_come_back_for_a_guard_whose_clock_is_behind(slow, clock, what):
    with Caller.of(slow, "agent/planner") as planner, Caller.of(slow, "developer") as operator:
        granted_ms = now_ms()
        task = planner.grant(READ, lifetime_ms=10_000)
        child = planner.hand_off(task, "agent/reader", lifetime_ms=10_000)
        if what == "task":
            planner.complete(task)
        else:
            operator.revoke(RevocationKind.LINK, child.leaf.link_id)
        clock.ahead_ms = 11_000  # the chain is over, by the service's clock
        slow.run(slow.application._storage.purge_expired(clock()))
        at_ms = granted_ms + 9_000  # and not yet by this guard's
        verifier, state = snapshot(slow, operator, at_ms)
        with pytest.raises(Revoked):
            verifier.verify(child.token, now_ms=at_ms, revocations=state)


# -- races


@pytest.mark.spec("R-3", "R-4")
def test_no_online_decision_permits_after_completion_has_returned(alice, files):
    for _ in range(10):
        task = alice.grant(READ)
        questions = [task.question("files", "read", {"n": number}) for number in range(8)]
        late = [task.question("files", "read", {"late": number}) for number in range(8)]
        starting = Barrier(9)

        def decide(question, starting=starting):
            starting.wait()
            return files.decide_question(question)

        with ThreadPoolExecutor(8) as pool:
            racing = [pool.submit(decide, question) for question in questions]
            proof = task.proof(SERVICE_AUDIENCE, "complete_task", {"task_id": task.task_id.hex()})
            starting.wait()
            alice.complete(task, proof=proof)
            after = [files.decide_question(question) for question in late]
            raced = [each.result() for each in racing]
        assert {each.refusal.reason for each in after} == {Reason.TASK_ENDED}
        assert {each.refusal.reason for each in raced if each.refusal} <= {Reason.TASK_ENDED}


@pytest.mark.spec("R-3", "R-4")
def test_a_question_that_was_permitted_before_completion_is_not_permitted_again_after_it(alice, files, ada):
    task = alice.grant(READ)
    question = task.question("files", "read", {})
    permitted = files.decide_question(question)
    alice.complete(task)
    again = files.decide_question(question)
    assert permitted.refusal is None
    assert again.refusal.reason is Reason.TASK_ENDED
    assert files.decide_question(question).call_id == again.call_id
    assert ada.explain(permitted.call_id).call.allowed, "history stays"


@pytest.mark.spec("T-5")
def test_no_handoff_is_recorded_after_its_task_has_ended(alice):
    task = alice.grant(READ)
    children = [task.child("agent/bob") for _ in range(12)]
    starting = Barrier(13)

    def record(child):
        starting.wait()
        try:
            return alice.record(child)
        except Refused as refused:
            return refused.reason

    with ThreadPoolExecutor(12) as pool:
        racing = [pool.submit(record, child) for child in children]
        starting.wait()
        alice.complete(task)
        with pytest.raises(Revoked):
            alice.record(task.child("agent/bob"))
        assert {each.result() for each in racing if isinstance(each.result(), Reason)} <= {Reason.TASK_ENDED}


@pytest.mark.spec("P-8")
def test_a_proof_is_worth_one_permission_however_it_is_presented(alice, files):
    """At several instances of a tool, by ConsumeProof, on a stream and by itself, all at once."""
    task = alice.grant(READ)
    for _ in range(5):
        question = task.question("files", "read", {})
        attempts = [question, *(question.__class__(*_fields(question, nonce())) for _ in range(11))]
        with ThreadPoolExecutor(12) as pool:
            decisions = [*pool.map(files.decide_question, attempts), *files.decide_stream(attempts[1:4])]
        assert sum(each.refusal is None for each in decisions) == 1


def _fields(question, attempt):
    return question.token, question.proof, question.audience, question.tool, question.arguments_json, attempt
