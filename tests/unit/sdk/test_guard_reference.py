"""A guard's answer to a digest in place of a chain: the same as to the chain, or that it does not know it."""

from __future__ import annotations

import pytest

from delegation.core.revocation import RevocationKind
from delegation.errors import NotPermitted, Reason, Refused, Undecided
from delegation_sdk import Guard, Scope, at_most, optional, tool, under
from delegation_sdk.carriage import Carriage

PATH = {"path": "/srv/a"}
WRITE = {"path": "/srv/a", "size": 5}


def decide(guard, delegation, name="read", arguments=PATH, *, by_reference=False, **options):
    call = delegation.call("files", name, arguments)
    carriage = call.reference if by_reference else call.carriage
    return guard.authorize(carriage, name, call.arguments, **options)


def refer(guard, delegation, name="read", arguments=PATH, **options):
    return decide(guard, delegation, name, arguments, by_reference=True, **options)


def refer_until_refused(guard, delegation):
    """The feed is quick, but it is another thread."""
    while True:
        refer(guard, delegation)


def reason_of(attempt, *args, **options):
    with pytest.raises(Refused) as caught:
        attempt(*args, **options)
    return caught.value.reason


# -- what is known


@pytest.mark.spec("H-10")
@pytest.mark.parametrize(("name", "arguments"), [("read", PATH), ("write", WRITE)], ids=["in process", "online"])
def test_a_chain_is_known_once_a_call_of_its_holder_was_permitted(guard, task, name, arguments):
    assert reason_of(refer, guard, task, name, arguments) is Reason.CHAIN_UNKNOWN
    by_value = decide(guard, task, name, arguments)
    by_reference = refer(guard, task, name, arguments)
    assert by_reference.chain.token == by_value.chain.token == task.token
    assert by_reference.arguments == by_value.arguments
    assert by_reference.call_id != by_value.call_id


async def test_asyncio_decides_the_same(guard, task):
    for name, arguments in (("read", PATH), ("write", WRITE)):
        assert decide(guard, task, name, arguments)
        call = task.call("files", name, arguments)
        assert (await guard.aio.authorize(call.reference, name, arguments)).agent == task.agent
        with pytest.raises(Refused, match="proof_replayed"):
            await guard.aio.authorize(call.reference, name, arguments)


def test_what_is_known_through_one_tool_is_known_to_all_of_the_guard(guard, task):
    decide(guard, task)
    assert refer(guard, task, "write", WRITE).agent == task.agent
    assert refer(guard, task, "search", {}).agent == task.agent


def test_a_guarded_function_takes_a_reference(guard, task):
    from delegation_sdk.context import received

    @guard.tool("read")
    def read(path: str) -> str:
        return path

    for carriage in (task.call("files", "read", PATH).carriage, task.call("files", "read", PATH).reference):
        with received(carriage):
            assert read(path="/srv/a") == "/srv/a"


@pytest.mark.spec("H-10")
def test_every_guard_knows_by_itself(guard, authority, task):
    decide(guard, task)
    assert reason_of(refer, authority.guard_for("files"), task) is Reason.CHAIN_UNKNOWN
    assert refer(guard, task)


def test_a_call_that_its_holder_proved_makes_known_even_if_the_scope_forbids_it(guard, helper):
    assert reason_of(decide, guard, helper, arguments={"path": "/etc"}) is Reason.ARGUMENT_REFUSED
    assert refer(guard, helper)


@pytest.mark.spec("H-8")
@pytest.mark.parametrize("name", ["write", "unheard_of"])
def test_a_call_that_the_service_refused_makes_nothing_known(guard, helper, name):
    with pytest.raises(NotPermitted):
        decide(guard, helper, name, {})
    assert reason_of(refer, guard, helper) is Reason.CHAIN_UNKNOWN


def test_a_permission_that_the_tools_defaults_spoil_makes_known_all_the_same(guard, client):
    scope = Scope(tool("files", "write", path=under("/srv"), size=optional(at_most(50))))
    task = client.begin_task("x", scope=scope)
    assert reason_of(decide, guard, task, "write", PATH, defaults={"size": 100}) is Reason.ARGUMENT_REFUSED
    assert refer(guard, task, "write", PATH, defaults={"size": 10}).arguments["size"] == 10


# -- what is not known


@pytest.mark.spec("H-11")
@pytest.mark.parametrize(("name", "arguments"), [("read", PATH), ("write", WRITE), ("unheard_of", {})])
def test_a_reference_to_nothing_is_no_decision(guard, task, authority, name, arguments):
    with pytest.raises(Undecided) as caught:
        refer(guard, task, name, arguments)
    assert (caught.value.reason, caught.value.call_id) == (Reason.CHAIN_UNKNOWN, b"")
    assert guard.pending_records == 0
    authority.close()
    assert authority.decisions == []


@pytest.mark.spec("H-11")
@pytest.mark.parametrize(("name", "arguments"), [("read", PATH), ("write", WRITE)], ids=["in process", "online"])
def test_the_proof_of_a_call_that_found_nothing_is_good_for_its_chain(guard, task, name, arguments):
    call = task.call("files", name, arguments)
    for _ in range(2):
        assert reason_of(guard.authorize, call.reference, name, arguments) is Reason.CHAIN_UNKNOWN
    assert guard.authorize(call.carriage, name, arguments).agent == task.agent
    for carriage in (call.carriage, call.reference):
        assert reason_of(guard.authorize, carriage, name, arguments) is Reason.PROOF_REPLAYED


@pytest.mark.spec("H-10")
def test_a_reference_to_nothing_is_answered_before_anything_else_is_looked_at(guard, task):
    class Untouched(dict):
        def __iter__(self):
            raise AssertionError

        items = keys = __iter__

    for proof in (b"", b"junk", task.call("files", "read", PATH).carriage.proof):
        attempt = Carriage(b"", proof, bytes(32))
        assert reason_of(guard.authorize, attempt, "read", Untouched()) is Reason.CHAIN_UNKNOWN


@pytest.mark.spec("H-10")
@pytest.mark.parametrize("digest", [b"x", bytes(31), bytes(33), bytes(1_000_000)], ids=len)
def test_what_is_no_digest_finds_nothing(guard, task, digest):
    decide(guard, task)
    assert reason_of(guard.authorize, Carriage(b"", b"x", digest), "read", PATH) is Reason.CHAIN_UNKNOWN


@pytest.mark.spec("H-6")
def test_chain_and_digest_together_are_refused_whatever_made_them(guard, task):
    decide(guard, task)
    both = Carriage(task.token, task.call("files", "read", PATH).carriage.proof, task.digest)
    assert reason_of(guard.authorize, both, "read", PATH) is Reason.MALFORMED


# -- by reference as by value


@pytest.mark.spec("H-7")
def test_a_reference_needs_a_proof(guard, task):
    decide(guard, task)
    assert reason_of(guard.authorize, Carriage(b"", b"", task.digest), "read", PATH) is Reason.PROOF_MISSING


@pytest.mark.spec("H-7")
def test_a_decision_by_reference_is_recorded_like_any(guard, helper, authority):
    decide(guard, helper)
    allowed = refer(guard, helper)
    with pytest.raises(NotPermitted) as caught:
        refer(guard, helper, arguments={"path": "/etc"})
    authority.close()
    _, first, second = authority.decisions
    assert (first.call_id, second.call_id) == (allowed.call_id, caught.value.call_id)
    assert (first.chain_digest, second.chain_digest) == (helper.digest, helper.digest)
    assert (first.allowed, second.reason, second.link_index) == (True, "argument_refused", 0)
    assert first.proof
    assert second.proof


@pytest.mark.spec("H-7")
def test_what_was_revoked_since_is_refused_as_revoked(guard, helper, authority):
    decide(guard, helper)
    authority.revoke(RevocationKind.LINK, helper.digest)
    with pytest.raises(Refused) as caught:
        refer_until_refused(guard, helper)
    assert (caught.value.reason, caught.value.link_index) == (Reason.LINK_REVOKED, 1)


@pytest.mark.spec("H-9")
def test_what_has_expired_since_is_known_no_longer_and_refused_when_it_comes(guard, authority, task, helper, clock):
    decide(guard, task)
    decide(guard, helper)
    while len(authority.decisions) < 2:
        """What was decided is delivered while the chains are valid."""
    clock.pass_ms(5 * 60_000)
    assert reason_of(refer, guard, helper) is Reason.CHAIN_UNKNOWN
    assert len(guard._chains) == 1
    while (reason := reason_of(decide, guard, helper)) is Reason.FEED_STALE:
        """The feed catches up with the clock in a thread of its own."""
    assert reason is Reason.EXPIRED
    assert refer(guard, task)


@pytest.mark.spec("H-7")
def test_a_stale_feed_denies_references_too_and_forgets_none(guard, task, authority, clock):
    decide(guard, task)
    authority.reachable = False
    clock.pass_ms(60_001)
    assert reason_of(refer, guard, task) is Reason.FEED_STALE
    assert len(guard._chains) == 1


def test_what_was_pushed_out_is_asked_for_again(guard, task, helper):
    guard._chains._entries = 1
    decide(guard, task)
    decide(guard, helper)
    assert reason_of(refer, guard, task) is Reason.CHAIN_UNKNOWN
    decide(guard, task)
    assert refer(guard, task)


def test_a_new_guard_knows_nothing(guard, authority, task):
    decide(guard, task)
    guard.close()
    restarted: Guard = authority.guard_for("files")
    assert reason_of(refer, restarted, task) is Reason.CHAIN_UNKNOWN
