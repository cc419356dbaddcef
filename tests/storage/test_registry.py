"""Contract: agents, offers, documents, and what is forgotten in time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from delegation.errors import Conflict
from delegation.storage.preconditions import PROOF_KEPT_MS
from delegation.storage.records import AgentRecord, DocumentRecord, OfferRecord
from delegation.storage.refused_writes import NotRecordedError, OfferedError
from storage.made import NOW_MS, PLANNER, READER, a_call, a_link, a_revocation, a_task, an_idempotency, digest, proof_of


def an_offer(name, **fields):
    made = {
        "offer_digest": digest(name),
        "agent_id": READER,
        "holder_key": digest((name, "key")),
        "audience": "https://delegation.example.org",
        "expires_ms": NOW_MS + 60_000,
        "signed": b"signed offer",
    }
    return OfferRecord(**made | fields)


async def test_of_handoffs_to_keys_that_nobody_should_have_offered_one_that_was_is_refused(storage):
    task, offer = a_task(), an_offer("offered elsewhere")
    grant = a_link(task)
    await storage.add_grant(task, grant)
    await storage.add_offer(offer)
    children = [a_link(task, grant) for _ in range(8)]
    digests = [offer.offer_digest if place == 3 else digest(child.holder_key) for place, child in enumerate(children)]
    handed = await asyncio.gather(
        *(
            storage.add_handoffs([child], not_offered=[digest_], idempotency=an_idempotency(digest_.hex()))
            for child, digest_ in zip(children, digests, strict=True)
        ),
        return_exceptions=True,
    )
    assert [type(each) for each in handed] == [OfferedError if place == 3 else tuple for place in range(8)]
    assert len(await storage.links_of_task(task.task_id)) == 8
    assert await storage.earlier_response(an_idempotency(offer.offer_digest.hex()).key) is None


async def test_an_agent_is_registered_and_replaced(storage):
    agent = AgentRecord(READER, "team files", NOW_MS, PLANNER)
    assert await storage.agent(READER) is None
    await storage.put_agent(agent)
    assert await storage.agent(READER) == agent
    moved = replace(agent, owner="team mail", registered_ms=NOW_MS + 1)
    await storage.put_agent(moved)
    assert await storage.agent(READER) == moved


async def test_agents_are_paged_by_id(storage):
    agents = [AgentRecord(f"agent {letter}", "owner", NOW_MS, "x") for letter in "cabed"]
    for agent in agents:
        await storage.put_agent(agent)
    first = await storage.agents(limit=3)
    second = await storage.agents(cursor=first.next_cursor, limit=3)
    assert [agent.agent_id[-1] for agent in first.items + second.items] == list("abcde")
    assert second.next_cursor is None


async def test_open_offers_are_those_neither_taken_nor_expired(storage):
    short, long = an_offer("short"), an_offer("long", expires_ms=NOW_MS + 90_000)
    taken, expired, other = an_offer("taken"), an_offer("old", expires_ms=NOW_MS), an_offer("x", agent_id="x")
    for offer in (short, long, taken, expired, other, short):
        await storage.add_offer(offer)
    assert await storage.take_offer(taken.offer_digest, taken_by=PLANNER, now_ms=NOW_MS) == taken
    assert list(await storage.offers(READER, now_ms=NOW_MS)) == [long, short]


async def test_live_offers_are_all_that_have_not_expired_taken_ones_too(storage):
    free, taken, expired = (
        an_offer("free", expires_ms=NOW_MS + 90_000),
        an_offer("taken"),
        an_offer("old", expires_ms=NOW_MS),
    )
    for offer in (free, taken, expired):
        await storage.add_offer(offer)
    await storage.take_offer(taken.offer_digest, taken_by=PLANNER, now_ms=NOW_MS)
    assert list(await storage.live_offers(now_ms=NOW_MS)) == [free, replace(taken, taken_by=PLANNER)]


@pytest.mark.spec("T-9")
async def test_of_many_takers_one_gets_an_offer(storage):
    offer = an_offer("wanted")
    await storage.add_offer(offer)
    results = await asyncio.gather(
        *(storage.take_offer(offer.offer_digest, taken_by=f"taker {number}", now_ms=NOW_MS) for number in range(10)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, OfferRecord) for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 9


async def test_a_taker_may_ask_again(storage):
    await storage.add_offer(an_offer("o"))
    for _ in range(2):
        await storage.take_offer(digest("o"), taken_by=PLANNER, now_ms=NOW_MS)


async def test_an_expired_or_unknown_offer_cannot_be_taken(storage):
    await storage.add_offer(an_offer("old", expires_ms=NOW_MS))
    for name in ("old", "unknown"):
        with pytest.raises(NotRecordedError):
            await storage.take_offer(digest(name), taken_by=PLANNER, now_ms=NOW_MS)


async def test_documents_are_kept_by_version(storage):
    first, second = (DocumentRecord("catalogue", version, b"%d" % version, NOW_MS) for version in (1, 2))
    assert await storage.document("catalogue") is None
    await storage.put_document(first)
    await storage.put_document(second)
    await storage.put_document(second)  # again
    assert await storage.document("catalogue") == second
    assert await storage.document("catalogue", 1) == first
    assert await storage.document("catalogue", 3) is None
    assert await storage.document("trust_bundle") is None


async def test_a_document_never_goes_back(storage):
    second = DocumentRecord("catalogue", 2, b"2", NOW_MS)
    await storage.put_document(second)
    for other in (replace(second, content=b"other"), replace(second, version=1)):
        with pytest.raises(Conflict):
            await storage.put_document(other)
    assert await storage.document("catalogue") == second


async def test_what_expired_is_forgotten_and_nothing_else(storage):
    task, call = a_task(), a_call()
    day_ms = 86_400_000
    await storage.add_grant(task, a_link(task), idempotency=an_idempotency("k"))
    await storage.decide(call, proof=proof_of(call))
    await storage.revoke([a_revocation()])
    await storage.add_offer(an_offer("o"))
    assert await storage.purge_expired(NOW_MS) == 0
    assert await storage.purge_expired(NOW_MS + day_ms) == 4
    assert await storage.purge_expired(NOW_MS + day_ms) == 0
    assert await storage.earlier_response(an_idempotency("k").key) is None
    assert await storage.call(call.call_id) == call
    assert await storage.task(task.task_id) == task


async def test_a_proof_is_remembered_until_no_verifier_accepts_it(storage):
    call = a_call()
    proof = proof_of(call)
    await storage.consume_proof(proof)
    assert await storage.purge_expired(proof.issued_ms + PROOF_KEPT_MS - 1) == 0
    assert await storage.purge_expired(proof.issued_ms + PROOF_KEPT_MS) == 1


async def test_forgetting_is_done_in_parts(storage):
    await storage.revoke([a_revocation() for _ in range(5)])
    forgotten = [await storage.purge_expired(NOW_MS * 2, limit=2) for _ in range(4)]
    assert forgotten == [2, 2, 1, 0]
