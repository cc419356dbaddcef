"""PostgreSQL is restarted, killed, cut off: nothing acknowledged is lost or made twice, and work goes on by itself."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from delegation.errors import StorageError
from delegation.storage.listing import CallFilter
from delegation.storage.postgres import PostgresServer, PostgresStorage
from delegation.storage.refused_writes import ReplayedProofError, RevokedMeanwhileError
from storage.made import a_call, a_fence, a_revocation, proof_of
from support.cut import proxy_to
from support.postgres import running_postgres

DEADLINE_SECONDS = 90


@pytest.fixture(scope="module")
def cluster():
    """A PostgreSQL of this file's own, which may be stopped."""
    with running_postgres() as cluster:
        yield cluster


@pytest.fixture
async def replicas(cluster):
    server = PostgresServer(cluster.new_database())
    opened = [PostgresStorage(server) for _ in range(2)]
    await asyncio.gather(*(storage.open() for storage in opened))
    yield opened
    await asyncio.gather(*(storage.close() for storage in opened))


class Load:
    """Decisions and revocations by several writers, until they are told to stop."""

    def __init__(self, replicas):
        self.calls, self.positions = [], []
        self.failed = 0
        self._stopping = False
        self._writers = [asyncio.create_task(self._decide(storage)) for storage in replicas for _ in range(4)]
        self._writers += [asyncio.create_task(self._revoke(storage)) for storage in replicas]

    async def _decide(self, storage):
        while not self._stopping:
            call = a_call()
            while True:  # a caller that gets no answer asks the same again
                try:
                    decided = await storage.decide(call, proof=proof_of(call))
                except StorageError as error:
                    assert error.reason == "storage_unavailable"  # noqa: PT017
                    self.failed += 1
                    await asyncio.sleep(0.02)
                else:
                    self.calls.append(decided.call_id)
                    break

    async def _revoke(self, storage):
        while not self._stopping:
            try:
                self.positions.append(await storage.revoke([a_revocation()]))
            except StorageError:
                await asyncio.sleep(0.02)

    async def more(self, writes):
        """Wait until so many more writes were acknowledged."""
        enough = len(self.calls) + writes
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(self.calls) < enough:  # noqa: ASYNC110 - whoever writes it does not wait for us
                await asyncio.sleep(0.02)

    async def stop(self):
        self._stopping = True
        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.gather(*self._writers)


async def all_calls(storage):
    found, cursor = [], None
    while True:
        page = await storage.calls(CallFilter(), cursor=cursor, limit=1000)
        found += [call.call_id for call in page.items]
        if (cursor := page.next_cursor) is None:
            return found


@pytest.mark.spec("A-6", "T-4")
@pytest.mark.parametrize("how", ["fast", "immediate", "kill -9"])
async def test_under_load_a_restart_of_the_database_loses_nothing_and_service_recovers_by_itself(
    cluster, replicas, how
):
    load = Load(replicas)
    await load.more(50)
    await asyncio.to_thread(cluster.kill if how == "kill -9" else lambda: cluster.stop(how))
    with pytest.raises(StorageError) as refused:
        await replicas[0].decide(a_call())
    assert refused.value.reason == "storage_unavailable"
    with pytest.raises(StorageError):
        await replicas[0].check()
    await asyncio.to_thread(cluster.start)
    await load.more(50)
    await load.stop()
    assert load.failed

    for storage in replicas:
        await storage.check()
        entered = await all_calls(storage)
        assert len(set(entered)) == len(entered)
        assert set(load.calls) <= set(entered)
        feed = await storage.feed(0, 100_000)
        assert [entry.position for entry in feed.entries] == list(range(1, feed.head_position + 1))
        assert set(load.positions) <= {entry.position for entry in feed.entries}
    # Those who listen are told again of what comes.
    watching = asyncio.create_task(replicas[1].feed_beyond(feed.head_position))
    await replicas[0].revoke([a_revocation()])
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert await watching == feed.head_position + 1


@pytest.fixture
def patience_ms():
    """How long the storage behind the proxy waits for the database."""
    return DEADLINE_SECONDS * 1000 // 2


@pytest.fixture
async def proxied(cluster, patience_ms):
    """A proxy and a storage that reaches the database through it, and one that does not need it."""
    direct = cluster.new_database()
    async with proxy_to(cluster.port) as proxy:
        server = PostgresServer(
            direct.replace(str(cluster.port), str(proxy.port)),
            statement_timeout_ms=patience_ms,
            connect_timeout_ms=patience_ms,
        )
        storage, other = PostgresStorage(server), PostgresStorage(PostgresServer(direct))
        await asyncio.gather(storage.open(), other.open())
        yield proxy, storage, other
        proxy.resume()
        await asyncio.gather(storage.close(), other.close())


async def answered(ask):
    """Ask until there is an answer, as callers do."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                return await ask()
            except StorageError:
                await asyncio.sleep(0.05)


@pytest.mark.spec("A-6", "T-4")
@pytest.mark.parametrize("patience_ms", [500])
@pytest.mark.parametrize(("what", "is_entered"), [("cut", True), ("drop", False)])
async def test_a_commit_that_nobody_answered_is_an_error_and_asked_for_again_it_is_made_once(proxied, what, is_entered):
    proxy, storage, other = proxied
    for _ in range(5):
        call = a_call()
        proxy.judge = lambda piece: what if b"COMMIT\0" in piece else "pass"
        with pytest.raises(StorageError) as unknown:
            await storage.decide(call, proof=proof_of(call))
        assert unknown.value.reason == "storage_unavailable"
        proxy.judge = lambda _: "pass"
        # The server still has to find out that nobody is there, and keeps what was written locked until then.
        again, use = a_call(), proof_of(call)
        decided = await answered(lambda again=again, use=use: storage.decide(again, proof=use))
        assert decided.call_id == (call if is_entered else again).call_id
        assert (await other.call(call.call_id) is not None) is is_entered
        assert decided == await other.call(decided.call_id)


async def test_a_connection_lost_before_the_commit_is_replaced_and_nobody_notices(proxied):
    proxy, storage, other = proxied
    for piece in (b"BEGIN", b"INSERT"):
        cuts = itertools.count()
        first = a_call()
        proxy.judge = lambda said, piece=piece, cuts=cuts: "drop" if piece in said and not next(cuts) else "pass"
        proxy.cut()  # new connections say everything in full again
        assert await storage.decide(first, proof=proof_of(first)) == first
        assert await other.call(first.call_id) == first
        proxy.judge = lambda _: "pass"


@pytest.mark.parametrize("patience_ms", [500])
async def test_a_network_that_swallows_everything_is_an_error_in_time_and_is_forgotten_when_it_is_back(proxied):
    proxy, storage, other = proxied
    proxy.hold()
    async with asyncio.timeout(DEADLINE_SECONDS):
        with pytest.raises(StorageError):
            await storage.decide(a_call())
        with pytest.raises(StorageError):
            await storage.check()
        with pytest.raises(StorageError):
            await storage.head_position()
    # Meanwhile the other replica goes on, though the first was cut off in the middle of a transaction.
    async with asyncio.timeout(DEADLINE_SECONDS):
        await other.revoke([a_revocation()])
    proxy.resume()
    call = a_call()
    await answered(lambda: storage.decide(call, proof=proof_of(call)))
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert await storage.feed_beyond(0) == 1
    assert await other.call(call.call_id) == call


@pytest.mark.spec("R-3", "R-4")
async def test_a_revocation_is_acknowledged_after_the_decisions_that_did_not_know_of_it(proxied):
    proxy, storage, other = proxied
    link = ("link", b"l" * 32)
    proxy.judge = lambda piece: (b"INSERT INTO calls" in piece and proxy.hold()) or "pass"
    deciding = asyncio.create_task(storage.decide(call := a_call(), fence=a_fence(0, link)))
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not proxy.is_silent:  # noqa: ASYNC110 - until it stands between its fence and its commit
            await asyncio.sleep(0.005)
    revoking = asyncio.create_task(other.revoke([a_revocation(*link)]))
    await asyncio.wait([revoking], timeout=0.2)
    assert not revoking.done()  # it waits, and for no other reason
    proxy.judge = lambda _: "pass"
    proxy.resume()
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert await deciding == call
        assert await revoking == 1
    with pytest.raises(RevokedMeanwhileError):
        await storage.decide(a_call(), fence=a_fence(0, link))


async def test_a_replica_that_is_frozen_while_it_holds_the_lock_does_not_stop_the_others(cluster):
    url = cluster.new_database()
    async with proxy_to(cluster.port) as proxy:
        frozen = PostgresStorage(PostgresServer(url.replace(str(cluster.port), str(proxy.port))))
        other = PostgresStorage(PostgresServer(url, statement_timeout_ms=300))
        await asyncio.gather(frozen.open(), other.open())
        proxy.judge = lambda piece: (b"INSERT INTO revocations" in piece and proxy.hold()) or "pass"
        held = asyncio.create_task(frozen.revoke([a_revocation()]))
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not proxy.is_silent:  # noqa: ASYNC110 - until it has the lock
                await asyncio.sleep(0.005)
            refused = 0
            while True:
                try:
                    position = await other.revoke([a_revocation()])
                    break
                except StorageError:
                    refused += 1
            assert refused
            assert position == 1
            proxy.judge = lambda _: "pass"
            proxy.resume()
            assert await held == 2  # it was ended before its commit, so it was made again
        await asyncio.gather(frozen.close(), other.close())


async def test_what_may_have_been_committed_is_not_made_again(proxied):
    proxy, storage, _ = proxied
    call = a_call()
    cuts = itertools.count()
    proxy.judge = lambda piece: "cut" if b"COMMIT\0" in piece and not next(cuts) else "pass"
    with pytest.raises(StorageError):
        await storage.consume_proof(proof_of(call, request_digest=b""))
    with pytest.raises(ReplayedProofError):
        await storage.consume_proof(proof_of(call, request_digest=b""))
