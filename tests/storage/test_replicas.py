"""Two replicas over one PostgreSQL: what one of them acknowledged holds for the other."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import asyncpg
import pytest

from delegation.errors import ConfigError, Conflict, StorageError
from delegation.storage import reads
from delegation.storage.listing import CallFilter
from delegation.storage.postgres import PostgresServer, PostgresStorage, watcher
from delegation.storage.postgres.session import FEED_LOCK
from delegation.storage.postgres.snapshot import wait_for
from delegation.storage.preconditions import REVOCATION_KEPT_MS
from delegation.storage.records import AgentRecord, OfferRecord, RecorderState
from delegation.storage.refused_writes import OutOfSequenceError, ReplayedProofError, RevokedMeanwhileError
from storage.made import (
    NOW_MS,
    READER,
    a_batch,
    a_call,
    a_fence,
    a_link,
    a_revocation,
    a_task,
    an_idempotency,
    digest,
    proof_of,
)

DEADLINE_SECONDS = 60


@pytest.fixture
def url(postgres) -> str:
    return postgres.new_database()


@pytest.fixture
async def replicas(url):
    opened = [PostgresStorage(PostgresServer(url)) for _ in range(2)]
    await asyncio.gather(*(storage.open() for storage in opened))
    yield opened
    await asyncio.gather(*(storage.close() for storage in opened))


@pytest.mark.spec("P-8")
async def test_of_uses_of_a_proof_at_both_exactly_one_enters(replicas):
    for _ in range(20):
        call = a_call()
        uses = [
            replicas[number % 2].decide(a_call(), proof=proof_of(call, request_digest=digest(number)))
            for number in range(8)
        ]
        results = await asyncio.gather(*uses, return_exceptions=True)
        entered = [result for result in results if not isinstance(result, Exception)]
        assert len(entered) == 1
        assert {type(result) for result in results if isinstance(result, Exception)} == {ReplayedProofError}


@pytest.mark.spec("A-11")
async def test_the_same_request_at_both_gets_one_decision(replicas):
    for _ in range(20):
        call = a_call()
        asked = [replicas[number % 2].decide(a_call(), proof=proof_of(call)) for number in range(8)]
        assert len(set(await asyncio.gather(*asked))) == 1
    assert len((await replicas[0].calls(CallFilter(), limit=1000)).items) == 20


async def test_crosswise_uses_of_the_same_proofs_end_without_a_deadlock(replicas):
    calls = [a_call() for _ in range(60)]
    uses = [replicas[0].decide(a_call(), proof=proof_of(call, request_digest=b"")) for call in calls]
    uses += [replicas[1].decide(a_call(), proof=proof_of(call, request_digest=b"")) for call in reversed(calls)]
    async with asyncio.timeout(DEADLINE_SECONDS):
        results = await asyncio.gather(*uses, return_exceptions=True)
    assert sum(isinstance(result, ReplayedProofError) for result in results) == len(calls)
    assert sum(not isinstance(result, Exception) for result in results) == len(calls)


async def test_of_repetitions_of_a_request_at_both_one_is_recorded(replicas):
    tasks = [a_task() for _ in range(12)]
    writes = [
        replicas[number % 2].add_grant(task, a_link(task), idempotency=an_idempotency("k", response=task.task_id))
        for number, task in enumerate(tasks)
    ]
    responses = await asyncio.gather(*writes)
    (recorded,) = [task for task in tasks if await replicas[0].task(task.task_id)]
    assert sorted(filter(None, responses)) == [recorded.task_id] * 11


async def test_an_idempotency_key_serves_one_request_whichever_replica_is_asked(replicas):
    first, second = a_task(), a_task()
    await replicas[0].add_grant(first, a_link(first), idempotency=an_idempotency("k"))
    with pytest.raises(Conflict):
        await replicas[1].add_grant(second, a_link(second), idempotency=an_idempotency("k", "another request"))


async def test_the_same_handoff_at_both_keeps_one_receipt(replicas):
    task = a_task()
    grant = a_link(task)
    await replicas[0].add_grant(task, grant)
    for number in range(10):
        child = a_link(task, grant, link_id=digest(("child", number)))
        writes = [replicas[place].add_handoffs([replace(child, receipt=b"%d" % place)]) for place in (0, 1)]
        (one,), (other,) = await asyncio.gather(*writes)
        assert one == other


async def _entered_late(storage, fence, acknowledged):
    """Decide until that is refused; return how many decisions were entered that began too late."""
    late = 0
    while True:
        too_late = acknowledged.is_set()
        try:
            await storage.decide(a_call(), fence=fence)
        except RevokedMeanwhileError:
            return late
        late += too_late


@pytest.mark.spec("R-3", "R-4")
async def test_nothing_is_decided_at_one_after_a_revocation_was_acknowledged_at_the_other(replicas):
    """Decisions run all the while; none that is entered has begun after the acknowledgement."""
    for number in range(8):
        revoked = ("task", b"%016d" % number)
        position = await replicas[1].head_position()
        acknowledged = asyncio.Event()
        fence = a_fence(position, revoked)
        deciding = [asyncio.create_task(_entered_late(replicas[1], fence, acknowledged)) for _ in range(4)]
        await replicas[0].revoke([a_revocation(*revoked)])
        acknowledged.set()
        async with asyncio.timeout(DEADLINE_SECONDS):
            assert await asyncio.gather(*deciding) == [0] * 4


@pytest.mark.parametrize("others", [0, 7])
async def test_what_a_replica_saw_last_permits_nothing_after_a_revocation_at_the_other(replicas, others):
    """A replica that goes on deciding does not ask first how far the feed is: it finds out when it inserts."""
    key = ("task", b"t" * 16)
    await replicas[1].decide(a_call(), proof=proof_of(a_call()), fence=a_fence(0, key))
    assert await replicas[0].revoke([a_revocation(*key)]) == 1
    call, beside = a_call(), [a_call() for _ in range(others)]
    deciding = [replicas[1].decide(each, proof=proof_of(each), fence=a_fence(0)) for each in beside]
    deciding.append(replicas[1].decide(call, proof=proof_of(call), fence=a_fence(0, key)))
    *entered, refused = await asyncio.gather(*deciding, return_exceptions=True)
    assert isinstance(refused, RevokedMeanwhileError)
    assert entered == beside
    assert await replicas[1].call(call.call_id) is None
    assert await replicas[1].decide(call, proof=proof_of(call), fence=a_fence(1, key)) == call


async def test_who_has_seen_more_of_the_feed_than_the_replica_wrote_last_is_not_refused(replicas):
    await replicas[1].decide(a_call(), fence=a_fence(0))
    await replicas[0].revoke([a_revocation()])
    call, late = a_call(), a_call()
    fences = [a_fence(1), a_fence(0)]
    decided = [
        replicas[1].decide(each, proof=proof_of(each), fence=fence)
        for each, fence in zip((call, late), fences, strict=True)
    ]
    assert await asyncio.gather(*decided) == [call, late]
    with pytest.raises(StorageError, match="behind"):
        await replicas[1].decide(a_call(), fence=a_fence(2))


@pytest.mark.spec("P-8")
async def test_a_proof_that_one_replica_has_forgotten_is_not_taken_by_the_other(replicas):
    old, new = a_call(decided_ms=NOW_MS), a_call(decided_ms=NOW_MS + 600_000)
    for call in (old, new):
        await replicas[1].decide(call, proof=proof_of(call))
    assert await replicas[0].purge_expired(NOW_MS + 300_000) == 1
    again = a_call(decided_ms=NOW_MS)
    with pytest.raises(ReplayedProofError):
        await replicas[1].decide(again, proof=proof_of(again, proof_id=old.proof_nonce))
    assert await replicas[1].decide(again) == again


async def test_a_revocation_waits_for_decisions_that_rest_on_what_it_revokes(url, replicas):
    """Otherwise a permission could be entered, and answered, after the revocation had been acknowledged."""
    slow = await asyncpg.connect(url)
    begin = f"BEGIN; SELECT pg_advisory_xact_lock_shared({FEED_LOCK})"
    await slow.execute(begin)
    revoking = asyncio.create_task(replicas[0].revoke([a_revocation()]))
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await slow.fetchval(waiting):  # noqa: ASYNC110 - only the database knows
            await asyncio.sleep(0.01)
    assert not revoking.done()
    await slow.execute("COMMIT")
    assert await revoking == 1
    await slow.close()


async def test_positions_have_no_gaps_whoever_gives_them(replicas):
    revoked = [replicas[number % 2].revoke([a_revocation(), a_revocation()]) for number in range(60)]
    await asyncio.gather(*revoked)
    for storage in replicas:
        page = await storage.feed(0, 1000)
        assert [entry.position for entry in page.entries] == list(range(1, 121))
        assert page.head_position == 120


async def test_a_replica_that_dies_while_it_gives_positions_leaves_no_gap_and_no_lock(url, replicas):
    await replicas[0].revoke([a_revocation()])
    dying = await asyncpg.connect(url)
    await dying.execute(f"BEGIN; SELECT pg_advisory_xact_lock({FEED_LOCK})")
    await dying.execute("UPDATE feed_head SET position = position + 1")
    waiting = asyncio.create_task(replicas[1].revoke([a_revocation()]))
    dying.terminate()
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert await waiting == 2


async def test_a_task_is_completed_once_by_whichever_replica(replicas):
    task = a_task()
    await replicas[0].add_grant(task, a_link(task))
    ends = [
        replicas[number % 2].complete_task(
            task.task_id,
            completed_ms=NOW_MS + number,
            completed_by=READER,
            revocation=a_revocation("task", task.task_id),
        )
        for number in range(10)
    ]
    assert set(await asyncio.gather(*ends)) == {1}
    assert await replicas[0].head_position() == 1


async def test_a_guards_batches_are_numbered_without_gaps_whichever_replica_takes_them(replicas):
    state = RecorderState(digest("guard"))
    for number in range(10):
        batch, calls = a_batch(state, 3)
        rival, rival_calls = a_batch(state, 2)
        results = await asyncio.gather(
            replicas[number % 2].record_decisions(batch, calls),
            replicas[1 - number % 2].record_decisions(batch, calls),
            replicas[number % 2].record_decisions(rival, rival_calls),
            return_exceptions=True,
        )
        taken = {result for result in results if isinstance(result, RecorderState)}
        assert len(taken) == 1, results
        assert {type(result) for result in results} <= {RecorderState, OutOfSequenceError}
        (state,) = taken
    assert await replicas[0].recorder(state.guard_key) == state


async def test_an_offer_is_taken_at_one_replica_only(replicas):
    for number in range(10):
        offer = OfferRecord(digest(("offer", number)), READER, digest("key"), "", NOW_MS + 60_000, b"offer")
        await replicas[0].add_offer(offer)
        takes = [
            replicas[place % 2].take_offer(offer.offer_digest, taken_by=f"{place}", now_ms=NOW_MS) for place in range(6)
        ]
        results = await asyncio.gather(*takes, return_exceptions=True)
        assert sum(isinstance(result, OfferRecord) for result in results) == 1
        assert sum(isinstance(result, Conflict) for result in results) == 5


async def test_a_revocation_at_one_wakes_those_who_watch_at_the_other(replicas):
    watching = asyncio.create_task(replicas[1].feed_beyond(0))
    await replicas[0].revoke([a_revocation()])
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert await watching == 1


async def test_a_revocation_is_known_elsewhere_without_a_notification_too(url, replicas):
    watching = asyncio.create_task(replicas[1].feed_beyond(0))
    connection = await asyncpg.connect(url)
    await connection.execute(
        "INSERT INTO revocations VALUES ('task', 'x', 1, 2, 'somebody', 'why', 1); UPDATE feed_head SET position = 1"
    )
    await connection.close()
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert await watching == 1


async def test_what_one_tells_all_hear(replicas):
    heard = [asyncio.Queue(), asyncio.Queue()]
    for storage, queue in zip(replicas, heard, strict=True):
        storage.listen(queue.put_nowait)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while heard[0].empty() or heard[1].empty():  # until both listen
            await replicas[0].tell("hello")
            await asyncio.sleep(0.02)
    assert {await queue.get() for queue in heard} == {"hello"}


async def test_a_revocation_at_one_is_told_to_the_other_at_once(url, monkeypatch):
    monkeypatch.setattr(watcher, "POLL_SECONDS", 3600)  # so that nothing but a notification can tell
    here, there = [PostgresStorage(PostgresServer(url)) for _ in range(2)]
    await asyncio.gather(here.open(), there.open())
    heard = asyncio.Event()
    there.listen(lambda _: heard.set())
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not heard.is_set():  # until it listens
            await here.tell("hello")
            await asyncio.sleep(0.02)
        for position in (1, 2, 3):
            watching = asyncio.create_task(there.feed_beyond(position - 1))
            await here.revoke([a_revocation()])
            assert await watching == position
    await asyncio.gather(here.close(), there.close())


async def test_upkeep_by_both_at_once_forgets_each_thing_once(replicas):
    await replicas[0].revoke([a_revocation(expires_ms=NOW_MS) for _ in range(50)])
    assert sum(await asyncio.gather(*(storage.purge_expired(NOW_MS) for storage in replicas))) == 50


async def test_a_statement_that_takes_too_long_is_given_up_with_an_error(url):
    storage = PostgresStorage(PostgresServer(url, statement_timeout_ms=1_000))
    await storage.open()
    blocking = await asyncpg.connect(url)
    await blocking.execute("BEGIN; LOCK TABLE calls")
    with pytest.raises(StorageError, match="57014") as failed:
        await storage.decide(a_call())
    assert failed.value.reason == "storage_unavailable"
    await blocking.execute("ROLLBACK")
    await blocking.close()
    await storage.decide(a_call())
    await storage.close()


# -- clocks, and databases that go back --------------------------------------------------------------------------------


async def test_what_a_replica_forgets_or_leaves_out_has_expired_by_the_databases_clock_too(replicas):
    now_ms = time.time_ns() // 1_000_000
    await replicas[0].revoke([a_revocation(expires_ms=now_ms + 120_000), a_revocation(expires_ms=now_ms - 1)])
    ahead_ms = now_ms + 300_000
    page = await replicas[1].feed(0, 10, live_at_ms=ahead_ms)
    assert [entry.position for entry in page.entries] == [1]
    assert await replicas[1].purge_expired(ahead_ms) == 1
    assert [entry.position for entry in (await replicas[0].feed(0, 10)).entries] == [1]
    behind_ms = now_ms - 300_000
    assert await replicas[1].purge_expired(behind_ms) == 0


GO_BACK = "DELETE FROM revocations WHERE position > 5; UPDATE feed_head SET position = 5;"
GO_ON = (
    "INSERT INTO revocations SELECT 'task', decode(md5(n::text), 'hex'), 1, 9999999999999, 'x', 'x', n"
    " FROM generate_series(6, 11) AS n; UPDATE feed_head SET position = 11;"
)


@pytest.mark.parametrize("rewind", [GO_BACK, GO_BACK + GO_ON], ids=["behind", "caught up meanwhile"])
async def test_a_replica_under_which_the_database_has_gone_back_does_nothing_more(url, replicas, rewind):
    for _ in range(10):
        await replicas[0].revoke([a_revocation(expires_ms=9_999_999_999_999)])
    async with asyncio.timeout(DEADLINE_SECONDS):
        await asyncio.gather(*(storage.feed_beyond(9) for storage in replicas))
        await asyncio.gather(*(storage._look() for storage in replicas))
    connection = await asyncpg.connect(url)
    await connection.execute(f"BEGIN; {rewind} COMMIT")
    await connection.close()
    for storage in replicas:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                try:
                    await storage.check()
                    await asyncio.sleep(0.05)
                except StorageError as error:
                    assert "acknowledge-rollback" in str(error)  # noqa: PT017
                    break
        for refused in (storage.decide(a_call()), storage.feed(0, 10), storage.revoke([a_revocation()])):
            with pytest.raises(StorageError, match="gone back"):
                await refused
    anew = PostgresStorage(PostgresServer(url))
    await anew.open()
    await anew.decide(a_call())
    await anew.close()


async def test_a_password_that_is_away_for_a_moment_stops_nothing_for_good(url):
    away = False

    def password() -> str:
        if away:
            raise ConfigError("cannot read database.password_file")
        return "any"

    storage = PostgresStorage(PostgresServer(url, password=password))
    other = PostgresStorage(PostgresServer(url))
    await asyncio.gather(storage.open(), other.open())
    away = True
    connection = await asyncpg.connect(url)
    cut_all = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await connection.execute(cut_all)
    for refused in (storage.decide(a_call()), storage.head_position(), storage.check()):
        with pytest.raises(StorageError):
            await refused
    async with asyncio.timeout(DEADLINE_SECONDS):
        while len(storage._watcher._said) < 2:
            await asyncio.sleep(0.05)
            await connection.execute(cut_all)  # also what was about to connect the first time
    away = False
    await other.revoke([a_revocation()])
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert await storage.feed_beyond(0) == 1
    await storage.decide(a_call())
    await connection.close()
    await asyncio.gather(storage.close(), other.close())


async def test_a_tasks_revocation_lasts_as_long_as_a_renewal_that_came_between(replicas):
    task = a_task(expires_ms=NOW_MS + 86_400_000)
    await replicas[0].add_grant(task, a_link(task))
    await replicas[1].revoke([a_revocation("task", task.task_id, expires_ms=NOW_MS + 60_000)])
    (entry,) = (await replicas[0].feed(0, 10)).entries
    assert entry.expires_ms == task.expires_ms + REVOCATION_KEPT_MS


async def test_what_an_operator_says_of_an_agent_stands_against_what_it_says_of_itself_at_the_same_time(replicas):
    for number in range(30):
        agent_id = f"spiffe://example.org/agent/{number}"
        said = AgentRecord(agent_id, "team-a", NOW_MS, "spiffe://example.org/operator")
        own = AgentRecord(agent_id, "mallory", NOW_MS, agent_id)
        operators, _ = await asyncio.gather(
            replicas[0].put_agent(said), replicas[1].put_agent(own), return_exceptions=True
        )
        assert operators is None
        assert await replicas[0].agent(agent_id) == said


async def test_a_page_of_the_feed_and_its_head_are_of_one_moment(replicas, monkeypatch):
    """A page that claimed a head whose entries it lacks would lose a revocation for good."""
    head = reads._head

    def later(snapshot):
        wait_for(replicas[1].revoke([a_revocation()]))
        return head(snapshot)

    monkeypatch.setattr(reads, "_head", later)
    for _ in range(3):
        page = await replicas[0].feed(0, 10)
        assert len(page.entries) == page.head_position


@pytest.mark.spec("A-6", "T-4")
@pytest.mark.parametrize(("configured", "used"), [("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")])
async def test_a_commit_is_durable_whatever_the_database_was_configured_to(postgres, url, configured, used):
    database = url.rpartition("/")[2]
    await asyncio.to_thread(
        postgres.sql, "postgres", f"ALTER DATABASE {database} SET synchronous_commit = {configured}"
    )
    storage = PostgresStorage(PostgresServer(url))
    await storage.open()
    assert await storage._writer._session._connection.fetchval("SHOW synchronous_commit") == used
    await storage.close()
