"""Packing: what was packed comes back, and no two lists look alike."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from delegation.service.packing import digest_of, pack, unpack

PARTS = st.lists(st.binary(max_size=40), max_size=8)


@given(PARTS)
def test_what_was_packed_comes_back(parts):
    assert unpack(pack(*parts)) == parts


@given(PARTS, PARTS)
def test_different_lists_have_different_digests(one, other):
    assert (digest_of(*one) == digest_of(*other)) is (one == other)
