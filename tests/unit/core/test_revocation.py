"""The revocation feed: what is known to be revoked, and when nothing may be decided."""

from __future__ import annotations

import threading
from itertools import combinations
from typing import Any

import pytest

from delegation.core.attest import open_feed_entry, sign_feed_entry
from delegation.core.codec.feed import check_revocation_id, kind_from_number
from delegation.core.revocation import (
    FeedEntry,
    Revocation,
    RevocationKind,
    RevocationState,
    principal_id,
    revocation_key,
    split_revocation_key,
)
from delegation.core.trust import KeyPurpose, KeyState
from delegation.errors import BadStatement, Malformed, Reason, Revoked
from support.chains import BUNDLE, ISSUER, MALLORY, NOW_MS, STATEMENTS, bundle, chain, some_bytes, trusted, verify

LATER = NOW_MS + 60_000


def task(number: int, forget_at_ms: int = LATER) -> Revocation:
    return Revocation(RevocationKind.TASK, some_bytes(f"task {number}"), forget_at_ms)


def keys(*revocations: Revocation) -> frozenset[bytes]:
    return frozenset(revocation_key(each.kind, each.id) for each in revocations)


def delta(before: int, after: int, *what: Revocation, at_ms: int = NOW_MS) -> FeedEntry:
    return FeedEntry(before, after, at_ms, snapshot=False, more=False, revocations=what)


def snapshot(before: int, after: int, *what: Revocation, more: bool = False, at_ms: int = NOW_MS) -> FeedEntry:
    return FeedEntry(before, after, at_ms, snapshot=True, more=more, revocations=what)


def state_of(*entries: FeedEntry) -> RevocationState:
    state = RevocationState()
    for entry in entries:
        state.apply(entry, monotonic_ms=0)
    return state


def refused(state: RevocationState, entry: FeedEntry) -> Reason:
    before = (state.position, state.issued_at_ms, state.revocations())
    with pytest.raises(Revoked) as caught:
        state.apply(entry, monotonic_ms=0)
    assert (state.position, state.issued_at_ms, state.revocations()) == before
    return caught.value.reason


def fresh(state: RevocationState, **clocks: int) -> None:
    state.require_fresh(60_000, **{"now_ms": NOW_MS, "monotonic_ms": 0, **clocks})


# -- what is revoked -----------------------------------------------------------------------------------------


@pytest.mark.spec("R-2")
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (RevocationKind.LINK, Reason.LINK_REVOKED),
        (RevocationKind.HOLDER_KEY, Reason.HOLDER_KEY_REVOKED),
        (RevocationKind.AGENT, Reason.AGENT_REVOKED),
        (RevocationKind.TASK, Reason.TASK_ENDED),
        (RevocationKind.PRINCIPAL, Reason.PRINCIPAL_REVOKED),
        (RevocationKind.ISSUER_KEY, Reason.ISSUER_KEY_REVOKED),
    ],
)
def test_each_kind_has_its_reason_and_touches_no_other(kind: RevocationKind, reason: Reason):
    identity = bytes(32)
    state = state_of(snapshot(0, 1, Revocation(kind, identity, LATER)))
    with pytest.raises(Revoked) as caught:
        state.check(keys(Revocation(kind, identity, 0)))
    assert caught.value.reason is reason
    state.check(keys(*(Revocation(other, identity, 0) for other in RevocationKind if other is not kind)))


@pytest.mark.spec("R-2")
def test_the_same_bytes_of_two_kinds_are_two_things():
    """An agent may be named with the very bytes of a key or link id, or of another kind's key."""
    for one, other in combinations(RevocationKind, 2):
        for identity in (b"", b"x", bytes(16), bytes(32), revocation_key(one, b"x")):
            assert revocation_key(one, identity) != revocation_key(other, identity)
            assert split_revocation_key(revocation_key(one, identity)) == (one, identity)


@pytest.mark.spec("V-17")
def test_what_matters_most_is_said_first():
    both = (task(1), Revocation(RevocationKind.LINK, bytes(32), LATER))
    state = state_of(snapshot(0, 2, *both))
    with pytest.raises(Revoked) as caught:
        state.check(keys(*both))
    assert caught.value.reason is Reason.TASK_ENDED


@pytest.mark.spec("R-1")
def test_issuer_and_subject_of_a_principal_cannot_flow_into_one_another():
    assert (
        len({principal_id("a", "bc"), principal_id("ab", "c"), principal_id("", "abc"), principal_id("abc", "")}) == 4
    )


@pytest.mark.spec("R-5")
@pytest.mark.parametrize(
    ("kind", "size"),
    [(RevocationKind.LINK, 32), (RevocationKind.TASK, 16), (RevocationKind.HOLDER_KEY, 32), (RevocationKind.AGENT, 1)],
)
def test_an_id_has_the_size_of_its_kind(kind: RevocationKind, size: int):
    check_revocation_id(kind, bytes(size))
    for wrong in (0, size - 1, 513):
        with pytest.raises(Malformed):
            check_revocation_id(kind, bytes(wrong))


@pytest.mark.parametrize("number", [0, 7, -1, 2**31 - 1])
def test_a_kind_from_the_future_is_refused(number: int):
    with pytest.raises(Malformed):
        kind_from_number(number)


# -- the feed ------------------------------------------------------------------------------------------------


@pytest.mark.spec("R-6", "R-7")
def test_before_the_first_whole_snapshot_nothing_may_be_decided():
    state = RevocationState()
    with pytest.raises(Revoked, match="feed_stale"):
        fresh(state)
    assert refused(state, delta(0, 1, task(1))) is Reason.FEED_GAP
    state.apply(snapshot(0, 0), monotonic_ms=0)
    fresh(state)


@pytest.mark.spec("R-6")
def test_deltas_follow_one_another():
    state = state_of(snapshot(0, 1, task(1)), delta(1, 3, task(2), task(3)), delta(3, 3))
    assert state.position == 3
    assert len(state) == 3


@pytest.mark.spec("R-6")
def test_a_delta_that_leaves_something_out_is_a_gap():
    state = state_of(snapshot(0, 1, task(1)))
    assert refused(state, delta(2, 3, task(3))) is Reason.FEED_GAP


def test_a_delta_that_overlaps_adds_what_is_new():
    state = state_of(snapshot(0, 2, task(1), task(2)), delta(1, 3, task(2), task(3)))
    assert state.position == 3
    with pytest.raises(Revoked):
        state.check(keys(task(3)))


@pytest.mark.spec("R-6")
@pytest.mark.parametrize(
    "entry",
    [
        delta(0, 1),
        delta(1, 1),
        delta(2, 1),
        delta(2, 3, at_ms=NOW_MS - 1),
        snapshot(0, 1),
        snapshot(0, 3, at_ms=NOW_MS - 1),
        snapshot(0, 1, more=True, at_ms=NOW_MS - 1),
    ],
    ids=["older delta", "older heartbeat", "backward delta", "older time", "shorter snapshot", "older", "older piece"],
)
def test_an_entry_that_leads_back_is_refused(entry: FeedEntry):
    state = state_of(snapshot(0, 2, task(1), task(2)))
    assert refused(state, entry) is Reason.FEED_ROLLBACK
    with pytest.raises(Revoked):
        state.check(keys(task(1)))


def test_entries_of_the_same_millisecond_follow_one_another():
    state = state_of(snapshot(0, 1, task(1)), delta(1, 2, task(2)), delta(2, 2))
    assert state.position == 2


@pytest.mark.spec("R-6")
def test_a_snapshot_replaces_all_that_was_known():
    state = state_of(snapshot(0, 2, task(1), task(2)), snapshot(0, 3, task(2), task(3)))
    state.check(keys(task(1)))
    with pytest.raises(Revoked):
        state.check(keys(task(3)))


@pytest.mark.spec("R-6", "R-7")
def test_a_snapshot_in_pieces_counts_when_it_is_whole():
    state = state_of(snapshot(0, 1, task(1)))
    state.apply(snapshot(0, 2, task(1), task(2), more=True), monotonic_ms=0)
    with pytest.raises(Revoked, match="feed_stale"):
        fresh(state)
    state.check(keys(task(2)))  # not yet; but nothing may be decided now
    assert refused(state, delta(1, 2, task(2))) is Reason.FEED_GAP
    state.apply(snapshot(2, 4, task(3)), monotonic_ms=0)
    fresh(state)
    assert (state.position, len(state)) == (4, 3)


@pytest.mark.spec("R-6")
@pytest.mark.parametrize("after", [0, 1, 3, 4])
def test_a_piece_that_does_not_follow_is_a_gap(after: int):
    state = state_of(snapshot(0, 2, task(1), more=True))
    if after == 0:  # begins again
        state.apply(snapshot(0, 3, task(3)), monotonic_ms=0)
        state.check(keys(task(1)))
        return
    assert refused(state, snapshot(after, 4, task(3))) is Reason.FEED_GAP


@pytest.mark.spec("R-6")
def test_a_later_piece_without_the_first_is_a_gap():
    assert refused(RevocationState(), snapshot(2, 4, task(3))) is Reason.FEED_GAP
    assert refused(state_of(snapshot(0, 2, task(1))), snapshot(2, 4, task(3))) is Reason.FEED_GAP


@pytest.mark.spec("R-6")
def test_a_snapshot_in_pieces_cannot_lead_back():
    state = state_of(snapshot(0, 5, task(1)))
    state.apply(snapshot(0, 2, task(1), more=True), monotonic_ms=0)
    assert refused(state, snapshot(2, 4, task(2))) is Reason.FEED_ROLLBACK


@pytest.mark.spec("R-8")
@pytest.mark.parametrize(
    "wrong",
    [delta(3, 4, task(2)), delta(0, 1), delta(2, 1), snapshot(1, 3), snapshot(0, 1), delta(2, 2, at_ms=NOW_MS - 1)],
    ids=["a gap", "a step back", "a delta that ends before it begins", "a later piece", "a shorter snapshot", "older"],
)
def test_after_a_refused_piece_nothing_passes_before_a_whole_snapshot(wrong: FeedEntry):
    state = state_of(snapshot(0, 2, task(1)))
    fresh(state)
    refused(state, wrong)
    for further in (delta(2, 2), snapshot(0, 1, task(1), more=True)):
        with pytest.raises(Revoked, match="feed_stale"):
            fresh(state)
        state.apply(further, monotonic_ms=0)
    with pytest.raises(Revoked, match="feed_stale"):
        fresh(state)
    state.apply(snapshot(1, 3), monotonic_ms=0)
    fresh(state)


def test_the_longer_of_two_times_to_forget_counts():
    state = state_of(snapshot(0, 1, task(1, LATER)), delta(1, 2, task(1, NOW_MS + 1)))
    assert state.forget(NOW_MS + 1) == 0
    with pytest.raises(Revoked):
        state.check(keys(task(1)))


@pytest.mark.spec("R-9")
def test_what_nothing_can_depend_on_any_more_is_forgotten_and_not_a_moment_before():
    state = state_of(snapshot(0, 2, task(1, LATER), task(2, LATER + 1)))
    assert state.forget(LATER - 1) == 0
    assert state.forget(LATER) == 1
    state.check(keys(task(1)))
    with pytest.raises(Revoked):
        state.check(keys(task(2)))


# -- age -----------------------------------------------------------------------------------------------------


@pytest.mark.spec("R-7")
@pytest.mark.parametrize(
    ("clocks", "age_ms"),
    [
        ({"now_ms": NOW_MS, "monotonic_ms": 0}, 0),
        ({"now_ms": NOW_MS + 60_000, "monotonic_ms": 0}, 60_000),
        ({"now_ms": NOW_MS, "monotonic_ms": 60_000}, 60_000),
        ({"now_ms": NOW_MS - 90_000, "monotonic_ms": 60_000}, 60_000),
        ({"now_ms": NOW_MS - 90_000, "monotonic_ms": 0}, 0),
    ],
)
def test_age_is_by_the_worse_of_two_clocks(clocks: dict[str, int], age_ms: int):
    state = state_of(snapshot(0, 0))
    assert state.age_ms(**clocks) == age_ms
    fresh(state, **clocks)
    with pytest.raises(Revoked) as caught:
        state.require_fresh(age_ms - 1, **clocks)
    assert caught.value.reason is Reason.FEED_STALE


def test_a_heartbeat_makes_it_young_again():
    state = state_of(snapshot(0, 1, task(1)))
    state.apply(delta(1, 1, at_ms=NOW_MS + 90_000), monotonic_ms=90_000)
    fresh(state, now_ms=NOW_MS + 90_000, monotonic_ms=90_000)


# -- signatures ----------------------------------------------------------------------------------------------


@pytest.mark.spec("R-5", "T-2")
@pytest.mark.parametrize("signer", [ISSUER, MALLORY], ids=["the grant key", "a stranger"])
def test_an_entry_that_the_statement_key_did_not_sign_is_refused(signer: Any):
    entry = snapshot(0, 0)
    assert open_feed_entry(sign_feed_entry(entry, STATEMENTS), BUNDLE, now_ms=NOW_MS) == entry
    with pytest.raises(BadStatement):
        open_feed_entry(sign_feed_entry(entry, signer), BUNDLE, now_ms=NOW_MS)


@pytest.mark.spec("T-2", "T-16")
@pytest.mark.parametrize("state", [KeyState.RETIRED, KeyState.COMPROMISED])
def test_an_entry_of_a_key_out_of_use_is_refused(state: KeyState):
    trust = bundle(trusted(KeyPurpose.STATEMENT, STATEMENTS, state=state))
    with pytest.raises(BadStatement):
        open_feed_entry(sign_feed_entry(snapshot(0, 0), STATEMENTS), trust, now_ms=NOW_MS)


@pytest.mark.spec("R-5")
def test_only_a_snapshot_has_more_pieces():
    entry = FeedEntry(0, 1, NOW_MS, snapshot=False, more=True, revocations=())
    with pytest.raises(Malformed):
        open_feed_entry(sign_feed_entry(entry, STATEMENTS), BUNDLE, now_ms=NOW_MS)


def test_threads_may_ask_while_another_applies():
    state = state_of(snapshot(0, 0))
    failures: list[BaseException] = []
    done = threading.Event()

    def ask() -> None:
        try:
            while not done.is_set():
                state.forget(NOW_MS)
                state.revocations()
                state.check(keys(task(-1)))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the finding
            failures.append(error)

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    for number in range(2_000):
        state.apply(delta(number, number + 1, task(number)), monotonic_ms=0)
    done.set()
    for asker in askers:
        asker.join()
    assert not failures
    assert len(state) == 2_000


@pytest.mark.spec("V-14")
def test_without_a_whole_snapshot_nothing_is_known_and_nothing_passes():
    token = chain("root -> planner").token
    for state in (RevocationState(), state_of(snapshot(0, 3, task(1), more=True))):
        with pytest.raises(Revoked) as caught:
            verify(token, revocations=state)
        assert caught.value.reason is Reason.FEED_STALE
    assert verify(token, revocations=state_of(snapshot(0, 0))).depth == 2
