"""A malicious tool records decisions: what it can make the service believe, show or lose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from delegation.core.scope import any_call
from delegation.errors import BadStatement, Conflict, NotFound, PolicyDenied
from delegation.service.call_ids import set_aside_for
from support.caller import GuardRecords, decided, new_key, nonce, now_ms

READ = any_call("files", "read")


@pytest.fixture
def guard():
    return GuardRecords(new_key())


@pytest.fixture
def child(alice):
    """Work of somebody else's, in which the malicious tool has no part."""
    return alice.hand_off(alice.grant(READ), "agent/bob")


def forged(child, **tweaks):
    """A record that names somebody else's chain, by its link id alone; link ids are in every trace."""
    return decided(child, "mallory", "anything", {}, proof=b"", **tweaks)


# -- a link id is not a key to what is behind it


@pytest.mark.parametrize("reason", ["", "argument_refused"], ids=["allowed", "denied"])
@pytest.mark.parametrize(
    "proof",
    [
        lambda child: b"",
        lambda child: b"nonsense",
        lambda child: child.proof("mallory", "anything", {}, key=new_key()),
        lambda child: child.proof("files", "read", {}),
        lambda child: child.proof("mallory", "anything", {"x": 1}),
        lambda child: child.proof("mallory", "anything", {}, chain_digest=bytes(32)),
    ],
    ids=["none", "nonsense", "another key", "another audience", "other arguments", "another chain"],
)
def test_naming_a_link_shows_nothing_of_its_chain_and_frames_nobody(as_, guard, child, reason, proof):
    mallory, alice, ada = map(as_, ("tool/mallory", "orchestrator/alice", "auditor/ada"))
    record = forged(child, reason=reason)._replace(proof=proof(child))
    mallory.record_decisions(guard.batch(record))
    for caller in (mallory, ada):
        explained = caller.explain(record.call_id)
        assert (explained.task, explained.links) == (None, ())
        assert (explained.call.task_id, explained.call.agent, explained.call.principal_subject) == (None, "", "")
        assert explained.call.leaf_link_id == record.chain_digest
    assert record.call_id not in {call.call_id for call in alice.calls(task_id=child.task_id)[0]}


def test_benign_twin_a_call_that_was_really_made_is_attributed_by_its_proof(mallory, ada, guard, child):
    genuine = decided(child, "mallory", "anything", {}, reason="tool_not_permitted")
    mallory.record_decisions(guard.batch(genuine))
    assert ada.explain(genuine.call_id).call.task_id == child.task_id


def test_benign_twin_a_chain_that_was_shown_is_attributed_and_stays_known(mallory, ada, guard, child):
    shown, later = forged(child, reason="proof_invalid"), forged(child, reason="proof_invalid")
    mallory.record_decisions(guard.batch(shown), [child.token])
    mallory.record_decisions(guard.batch(later))
    for record in (shown, later):
        assert ada.explain(record.call_id).call.task_id == child.task_id


def test_what_one_tool_has_shown_is_not_known_of_another(files, mallory, ada, guard, child):
    files.record_decisions(GuardRecords(new_key()).batch(decided(child, "files", "read", {})), [child.token])
    record = forged(child)
    mallory.record_decisions(guard.batch(record))
    assert ada.explain(record.call_id).call.task_id is None


def test_many_worthless_proofs_do_not_hide_a_call_that_was_made(files, ada, guard, child):
    junk = [forged(child, reason="proof_invalid")._replace(audience="files", tool="read") for _ in range(50)]
    genuine = decided(child, "files", "read", {})
    files.record_decisions(guard.batch(*junk, genuine))
    assert ada.explain(genuine.call_id).call.task_id == child.task_id


# -- nothing that is recorded is written over


def test_a_record_cannot_take_the_id_of_another_tools_call(files, mallory, ada, guard, child):
    call_id = files.decide(child, "files", "read", {}).call_id
    before = ada.explain(call_id)
    mallory.record_decisions(guard.batch(decided(None, "mallory", "x", {}, reason="malformed", call_id=call_id)))
    assert ada.explain(call_id) == before
    # Entered, for the numbers of a guard have no gaps, and found apart from the other.
    assert ada.explain(set_aside_for(guard.key.public, call_id)).call.audience == "mallory"


def test_a_batch_with_one_bad_record_enters_none(mallory, ada, guard):
    good = decided(None, "mallory", "x", {}, reason="malformed")
    with pytest.raises(Conflict):
        mallory.record_decisions(guard.batch(good, good))
    with pytest.raises(NotFound):
        ada.explain(good.call_id)


@pytest.mark.parametrize("audience", ["files", "Mallory", "mallory ", "mallory\u200b"])
def test_a_tool_records_nothing_for_others_audiences(mallory, guard, audience):
    with pytest.raises((PolicyDenied, BadStatement)):
        mallory.record_decisions(guard.batch(decided(None, audience, "read", {}, reason="malformed")))


# -- numbering


@pytest.mark.spec("T-11")
def test_a_guard_cannot_rewrite_skip_or_fork_its_past(mallory, guard):
    def record():
        return decided(None, "mallory", "x", {}, reason="malformed")

    mallory.record_decisions(guard.batch(record(), record()))
    for first, head in ((1, bytes(32)), (2, guard.head), (4, guard.head), (3, bytes(32)), (2**53 - 2, guard.head)):
        with pytest.raises(BadStatement):
            mallory.record_decisions(replace(guard, next_sequence=first, head=head).batch(record()))
    assert mallory.record_decisions(guard.batch(record())) == 4


@pytest.mark.spec("T-3", "T-10")
def test_another_tools_guard_key_cannot_be_claimed_without_its_private_half(files, mallory, guard, child):
    statement = guard.batch(decided(child, "files", "read", {}))
    outcome = guard.outcome(nonce())
    with pytest.raises(PolicyDenied):  # a batch that was overheard
        mallory.record_decisions(statement)
    with pytest.raises(BadStatement):
        mallory.record_decisions(
            GuardRecords(new_key())
            .batch(decided(None, "mallory", "x", {}, reason="malformed"))
            ._replace(payload=statement.payload)
        )
    with pytest.raises(BadStatement):
        mallory.report(outcome, new_key().public)
    assert files.record_decisions(statement) == 2


# -- outcomes


@pytest.mark.spec("T-13")
def test_an_outcome_of_anothers_call_is_refused_whoever_signs_it(files, mallory, guard, child):
    online = files.decide(child, "files", "read", {}).call_id
    local = decided(child, "files", "read", {})
    honest = GuardRecords(new_key())
    files.record_decisions(honest.batch(local))
    for call_id in (online, local.call_id):
        with pytest.raises(NotFound):
            mallory.report(guard.outcome(call_id), guard.key.public)
    with pytest.raises(NotFound):  # overheard, signed by the honest guard
        mallory.report(honest.outcome(local.call_id), honest.key.public)


def test_an_outcome_cannot_be_changed_by_saying_it_again(files, ada, guard, child):
    call_id = files.decide(child, "files", "read", {}).call_id
    files.report(guard.outcome(call_id, rows="1"), guard.key.public)
    with pytest.raises(Conflict):
        files.report(guard.outcome(call_id, rows="2"), guard.key.public)
    assert ada.explain(call_id).call.outcome == "ok"


# -- late links


@pytest.mark.spec("T-6")
def test_a_late_link_is_not_smuggled_in_under_a_time_that_was_not(files, alice, ada, guard):
    """A chain that has expired is history for a record of its time, and no chain at all for one of now."""
    task = alice.grant(READ, unrecorded_handoffs=True)
    offline = task.child("agent/bob", lifetime_ms=60_000)
    late = decided(offline, "files", "read", {}, decided_at_ms=now_ms() + 3_600_000)
    files.record_decisions(guard.batch(late), [offline.token])
    assert len(alice.task(task.task_id)[1]) == 1
