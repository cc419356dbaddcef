"""Deciding, where the database interferes: revoked meanwhile, out of order, or with a mistake of our own."""

from __future__ import annotations

import secrets

import pytest

from delegation.core.arguments import Arguments
from delegation.core.trust import Catalogue
from delegation.core.verify import Verifier
from delegation.errors import Reason, StorageError
from delegation.identity.static import StaticIdentities
from delegation.policy.load import load_policy
from delegation.policy.source import Source
from delegation.service.authorize import Authorize
from delegation.service.consents import Consents
from delegation.service.feed import RevocationFeed
from delegation.service.given_scopes import GivenScopes
from delegation.service.judging import Judging
from delegation.service.owners import Owners
from delegation.service.policy_in_use import PolicyInUse
from delegation.service.policy_rules import PolicyRules
from delegation.service.question import Question
from delegation.service.recorded_links import RecordedLinks, link_record
from delegation.service.session_steps import SessionSteps
from delegation.storage.records import RevocationRecord
from support.caller import links_of
from support.chains import BUNDLE, NOW_MS, READ_CALL, STATEMENTS, chain, some_bytes


@pytest.fixture
async def feed(storage, clock):
    feed = RevocationFeed(storage, STATEMENTS, now_ms=clock)
    feed.state.add((), 0)  # never started: it learns of nothing that the test does not tell it
    return feed


@pytest.fixture
def recorded(storage):
    """What is recorded: the grant of the chain that all of this is about."""
    grant, recorded = links_of(MADE.token)[0], RecordedLinks(storage)
    row, _ = link_record(
        grant,
        task_id=some_bytes("task"),
        parent_link_id=None,
        index=0,
        recorded_ms=NOW_MS,
        caller_id=grant.link.holder_agent,
        statement_key=STATEMENTS,
    )
    recorded.note(row, "root")
    return recorded


@pytest.fixture
def authorize(storage, clock, feed, recorded):
    policy, owner = PolicyInUse(PolicyRules(PERMISSIVE, Catalogue())), Owners(storage, {}).owner
    consents = Consents(lambda: BUNDLE, StaticIdentities(()), lambda: feed.state)
    sessions = SessionSteps(
        recorded, labels_stick_ms=3_600_000, agents_remembered_ms=3_600_000, owner=owner, consents=consents
    )
    judging = Judging(
        feed=feed,
        verifier=Verifier(BUNDLE),
        recorded=recorded,
        sessions=sessions,
        policy=policy,
        given=GivenScopes(policy, storage, recorded=recorded, owner=owner, agents_remembered=True),
    )
    return Authorize(
        storage,
        judging=judging,
        sessions=sessions,
        policy=policy,
        feed=feed,
        recorded=recorded,
        now_ms=clock,
        random=secrets.token_bytes,
    )


MADE = chain("root -> planner -> tool")
PERMISSIVE = load_policy([Source("policy", '@id("all") permit (principal, action, resource);')], Catalogue())


def question(**tweaks):
    fields = {
        "audience": "files",
        "tool": "read",
        "token": MADE.token,
        "proof": MADE.proof("files", "read", READ_CALL),
        "arguments_json": Arguments.of(READ_CALL).canonical,
        "attempt": secrets.token_bytes(16),
        **tweaks,
    }
    return Question(**fields)


@pytest.mark.spec("R-4")
async def test_a_task_revoked_between_judging_and_recording_is_a_denial(storage, authorize, everybody):
    await storage.revoke([RevocationRecord("task", some_bytes("task"), NOW_MS, NOW_MS + 10**7, "x", "")])
    decision = await authorize(everybody, question())
    assert decision.refusal is not None
    assert decision.refusal.reason is Reason.TASK_ENDED
    recorded = await storage.call(decision.call_id)
    assert recorded is not None
    assert (recorded.allowed, recorded.reason) == (False, "task_ended")


async def test_the_proof_of_a_call_that_was_revoked_meanwhile_is_used_up(storage, authorize, everybody):
    await storage.revoke([RevocationRecord("task", some_bytes("task"), NOW_MS, NOW_MS + 10**7, "x", "")])
    asked = question()
    first = await authorize(everybody, asked)
    assert (await authorize(everybody, asked)).call_id == first.call_id


@pytest.mark.spec("G-2", "A-7")
async def test_a_mistake_of_our_own_is_a_recorded_denial_and_leaks_nothing(storage, authorize, everybody, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("hunter2")

    monkeypatch.setattr(Verifier, "verify", broken)
    decision = await authorize(everybody, question())
    assert decision.refusal is not None
    assert decision.refusal.reason is Reason.INTERNAL
    assert "hunter2" not in str(decision.refusal)
    assert (await storage.call(decision.call_id)).reason == "internal"


@pytest.mark.spec("P-9", "A-6")
async def test_what_cannot_be_recorded_is_not_decided(storage, authorize, everybody):
    await storage.close()
    with pytest.raises(StorageError):
        await authorize(everybody, question())


@pytest.mark.spec("A-11")
async def test_the_digest_of_a_question_covers_every_field():
    asked = question()
    others = [
        question(attempt=asked.attempt, proof=asked.proof, audience="billing"),
        question(attempt=asked.attempt, proof=asked.proof, tool="write"),
        question(attempt=asked.attempt, proof=asked.proof, token=b"other"),
        question(attempt=asked.attempt, proof=b"other"),
        question(attempt=asked.attempt, proof=asked.proof, arguments_json=b"{}"),
        question(attempt=bytes(16), proof=asked.proof),
    ]
    assert len({asked.digest(), *(other.digest() for other in others)}) == 1 + len(others)
    assert question(attempt=asked.attempt, proof=asked.proof).digest() == asked.digest()
