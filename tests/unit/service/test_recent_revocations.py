"""What is remembered of the feed: exactly what came between two positions, however much was let go of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegation.core.codec import encode_revocations
from delegation.core.revocation import Revocation, RevocationKind
from delegation.service import recent_revocations
from delegation.service.recent_revocations import RecentRevocations
from support.chains import NOW_MS, some_bytes


def revocation(position: int) -> Revocation:
    return Revocation(RevocationKind.TASK, some_bytes(f"task {position}"), NOW_MS)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(recent_revocations, "KEPT", 6)
    monkeypatch.setattr(recent_revocations, "PIECE_POSITIONS", 4)


@given(gaps=st.lists(st.integers(1, 9), max_size=40), after=st.integers(0, 100), further=st.integers(0, 5))
def test_pieces_say_exactly_what_was_added_after_a_position(gaps, after, further):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recent_revocations, "KEPT", 6)
        patch.setattr(recent_revocations, "PIECE_POSITIONS", 4)
        recent, positions, at = RecentRevocations(), [], 0
        for gap in gaps:
            at += gap
            positions.append(at)
            recent.add(at, revocation(at))
        published = at + further
        if recent.reach(after):
            for _ in range(2):  # again, with what was encoded
                given, position = b"", after
                while position < published:
                    ends = recent.piece_ends(position, published)
                    assert position < ends <= published
                    assert ends == published or recent.begins_piece(ends)
                    piece = recent.piece(position, ends)
                    assert (piece.from_position, piece.to_position, piece.more) == (position, ends, False)
                    given, position = given + piece.revocations, ends
                assert given == encode_revocations(revocation(each) for each in positions if each > after)
        else:
            assert len(positions) > 6


def test_what_is_kept_is_bounded_and_the_youngest(small):
    recent = RecentRevocations()
    for position in range(1, 1_000):
        recent.add(position, revocation(position))
        assert not recent.reach(position - 13)
        assert recent.reach(max(0, position - 6))


def test_a_piece_holds_few_however_far_apart_they_are(small):
    recent = RecentRevocations()
    for position in (1, 1_001, 1_002, 2_000_001):
        recent.add(position, revocation(position))
    ends, position = [], 0
    while position < 2_000_010:
        position = recent.piece_ends(position, 2_000_010)
        ends.append(position)
    assert ends == [4, 1_004, 2_000_004, 2_000_010]
