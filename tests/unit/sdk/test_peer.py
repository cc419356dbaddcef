from __future__ import annotations

import gc

import pytest

from delegation.errors import BadProof, NotPermitted, Reason, refusal
from delegation_sdk import Delegation, Peer
from delegation_sdk.integrations import mcp_client
from delegation_sdk.peer import MAX_CHAINS, MAX_MISSES

PATH = {"path": "/srv/a"}


class Server:
    """Answers calls as the test says: each of `answers` in turn, None for a permission, and then permits."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.came = []

    def __call__(self, carriage):
        self.came.append(carriage)
        reason = self.answers.pop(0) if self.answers else None
        if reason is not None:
            raise refusal(reason) if isinstance(reason, Reason) else reason
        return f"answer {len(self.came)}"

    async def send_async(self, carriage):
        return self(carriage)

    @property
    def by_reference(self):
        return [bool(carriage.chain_digest) for carriage in self.came]


@pytest.fixture
def peer():
    return Peer()


@pytest.fixture(params=["blocking", "asyncio"])
def send(request, peer):
    """Send a call through the peer by either driver."""

    async def sent(call, server):
        if request.param == "blocking":
            return peer.send(call, server)
        return await peer.send_async(call, server.send_async)

    return sent


def calling(delegation, audience="files"):
    return delegation.call(audience, "read", PATH)


async def test_the_chain_goes_once_and_its_digest_from_then_on(send, task):
    server = Server()
    for number in (1, 2, 3):
        assert await send(calling(task), server) == f"answer {number}"
    assert server.by_reference == [False, True, True]
    first, *others = server.came
    assert first.token == task.token
    assert {other.chain_digest for other in others} == {task.digest}
    assert not any(other.token for other in others)
    assert len({each.proof for each in server.came}) == 3


@pytest.mark.spec("H-13")
async def test_a_chain_that_is_not_found_is_sent_once_with_the_same_proof(send, task):
    server = Server(None, Reason.CHAIN_UNKNOWN)
    await send(calling(task), server)
    call = calling(task)
    assert await send(call, server) == "answer 3"
    assert server.by_reference == [False, True, False]
    assert server.came[1].proof == server.came[2].proof == call.carriage.proof
    await send(calling(task), server)
    assert server.by_reference[-1] is True


@pytest.mark.spec("H-12")
async def test_a_server_that_never_knows_is_asked_twice_and_no_more(send, task):
    server = Server(None, *[Reason.CHAIN_UNKNOWN] * 10)
    await send(calling(task), server)
    with pytest.raises(Exception, match="chain_unknown"):
        await send(calling(task), server)
    assert server.by_reference == [False, True, False]


@pytest.mark.spec("H-12")
async def test_a_call_by_value_is_not_sent_again(send, task):
    server = Server(Reason.CHAIN_UNKNOWN)
    with pytest.raises(Exception, match="chain_unknown"):
        await send(calling(task), server)
    assert server.by_reference == [False]


@pytest.mark.spec("H-12")
@pytest.mark.parametrize("reason", [Reason.CHAIN_MISSING, Reason.PROOF_REPLAYED, Reason.TASK_ENDED, Reason.INTERNAL])
async def test_no_other_refusal_sends_a_call_again(send, task, reason):
    server = Server(None, reason)
    await send(calling(task), server)
    with pytest.raises(Exception, match=str(reason)):
        await send(calling(task), server)
    assert server.by_reference == [False, True]


async def test_a_refused_call_does_not_tell_that_the_chain_is_kept(send, task):
    server = Server(Reason.ARGUMENT_REFUSED, ConnectionResetError(), None)
    for kind in (NotPermitted, ConnectionResetError):
        with pytest.raises(kind):
            await send(calling(task), server)
    await send(calling(task), server)
    assert server.by_reference == [False, False, False]


async def test_the_refusal_of_the_second_sending_is_the_one_that_comes_out(send, task):
    server = Server(None, Reason.CHAIN_UNKNOWN, Reason.PROOF_STALE)
    await send(calling(task), server)
    with pytest.raises(BadProof) as caught:
        await send(calling(task), server)
    assert caught.value.reason is Reason.PROOF_STALE
    assert caught.value.__context__ is None


async def test_a_server_that_keeps_nothing_is_soon_sent_every_chain(send, task):
    server = Server(None, *[Reason.CHAIN_UNKNOWN, None] * MAX_MISSES)
    for _ in range(MAX_MISSES + 4):
        await send(calling(task), server)
    assert server.by_reference == [False, *[True, False] * MAX_MISSES, *[False] * 3]


async def test_misses_count_in_a_row(send, task):
    answers = [None, *[Reason.CHAIN_UNKNOWN, None, None] * (MAX_MISSES + 2)]
    server = Server(*answers)
    while server.answers:
        await send(calling(task), server)
    assert server.by_reference == [False, *[True, False, True] * (MAX_MISSES + 2)]


async def test_each_chain_and_each_audience_is_sent_by_itself(send, task, helper):
    server = Server()
    for delegation, audience in ((task, "files"), (helper, "files"), (task, "mail")):
        await send(calling(delegation, audience), server)
    assert server.by_reference == [False, False, False]
    for delegation, audience in ((task, "files"), (helper, "files"), (task, "mail")):
        await send(calling(delegation, audience), server)
    assert server.by_reference[3:] == [True, True, True]


async def test_a_token_with_other_statements_is_sent(send, task, helper):
    from delegation.core.codec import join_token

    bare = Delegation(join_token(helper.chain.frames, ()), helper.require_key())
    assert bare.digest == helper.digest
    server = Server()
    for delegation in (bare, bare, helper, helper):
        await send(calling(delegation), server)
    assert server.by_reference == [False, True, False, True]


def test_what_is_remembered_of_a_peer_is_bounded(peer):
    class Call:
        def __init__(self, number):
            self.audience = "files"
            self.carriage = self.reference = type("C", (), {"token": b"", "chain_digest": number.to_bytes(32, "big")})

    for number in range(MAX_CHAINS + 10):
        peer.was_sent(Call(number))
    assert [peer.knows(Call(number)) for number in (0, 9, 10, MAX_CHAINS)] == [False, False, True, True]
    assert repr(peer) == f"Peer({MAX_CHAINS} chains sent)"


def test_a_session_that_ended_is_forgotten():
    class Session:
        __hash__ = None  # as mcp.Client

    session = Session()
    peer = mcp_client._peer_of(session)
    assert mcp_client._peer_of(session) is peer
    key = id(session)
    del session
    gc.collect()
    assert key not in mcp_client._peers


def test_a_session_that_cannot_be_watched_is_not_remembered():
    class Session:
        __slots__ = ()

    session = Session()
    assert mcp_client._peer_of(session) is not mcp_client._peer_of(session)
    assert id(session) not in mcp_client._peers
