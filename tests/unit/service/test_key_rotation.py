"""Which key signs when: from publication to the end of the overlap, on every replica alike."""

from __future__ import annotations

import pytest

from delegation.core import limits
from delegation.core.keys import SigningKey
from delegation.core.trust import KeyPurpose, KeyState, TrustBundle, TrustedKey
from delegation.errors import ConfigError
from delegation.service.key_rotation import OVERLAP_MS, compromised, key_to_sign_with, lacking, retired, rotated
from delegation.service.trust import signing_keys
from support.chains import NOW_MS

GRANT = KeyPurpose.GRANT
OLD, NEW, NEWEST = (SigningKey(bytes([number]) * 32) for number in range(1, 4))
ALL = (OLD.public, NEW.public, NEWEST.public)
AHEAD_MS = 300_000


def chosen(keys, at_ms, held=ALL):
    bundle = TrustBundle("test", 1, 1, 2**50, tuple(keys))
    key = key_to_sign_with(bundle, GRANT, held, now_ms=at_ms, publish_ahead_ms=AHEAD_MS)
    return key and key.public_key


def test_a_published_key_signs_when_it_was_published_for_long_enough():
    keys = rotated([TrustedKey(GRANT, OLD.public, 1)], GRANT, NEW.public, now_ms=NOW_MS)
    assert chosen(keys, NOW_MS) == OLD.public
    assert chosen(keys, NOW_MS + AHEAD_MS - 1) == OLD.public
    assert chosen(keys, NOW_MS + AHEAD_MS) == NEW.public
    assert chosen(keys, NOW_MS + 10 * OVERLAP_MS) == NEW.public


def test_the_former_key_counts_until_its_last_grant_has_expired():
    keys = rotated([TrustedKey(GRANT, OLD.public, 1)], GRANT, NEW.public, now_ms=NOW_MS)
    last_signed_ms = NOW_MS + AHEAD_MS
    assert keys[0].usable(last_signed_ms + limits.GRANT_LIFETIME_MS)
    assert not keys[0].usable(NOW_MS + OVERLAP_MS)


def test_a_replica_without_the_new_key_goes_on_with_the_old_one_as_long_as_that_counts():
    keys = rotated([TrustedKey(GRANT, OLD.public, 1)], GRANT, NEW.public, now_ms=NOW_MS)
    assert chosen(keys, NOW_MS + 2 * AHEAD_MS, held=[OLD.public]) == OLD.public
    assert chosen(keys, NOW_MS + OVERLAP_MS, held=[OLD.public]) is None


def test_the_first_key_of_all_signs_at_once():
    assert chosen([TrustedKey(GRANT, OLD.public, NOW_MS)], NOW_MS) == OLD.public


def test_two_rotations_in_a_row_lead_to_the_newest():
    keys = rotated([TrustedKey(GRANT, OLD.public, 1)], GRANT, NEW.public, now_ms=NOW_MS)
    keys = rotated(keys, GRANT, NEWEST.public, now_ms=NOW_MS + 1000)
    assert chosen(keys, NOW_MS + AHEAD_MS) == NEW.public
    assert chosen(keys, NOW_MS + AHEAD_MS + 1000) == NEWEST.public


def test_in_place_of_a_compromised_key_another_signs_at_once():
    keys = compromised([TrustedKey(GRANT, OLD.public, 1)], OLD.key_id, since_ms=NOW_MS, now_ms=NOW_MS)
    assert GRANT in lacking(keys, now_ms=NOW_MS)
    keys = rotated(keys, GRANT, NEW.public, now_ms=NOW_MS)
    assert chosen(keys, NOW_MS) == NEW.public
    assert keys[0].state is KeyState.COMPROMISED


def test_a_key_that_ends_before_what_it_signs_does_not_take_a_compromised_ones_place():
    keys = rotated([TrustedKey(GRANT, OLD.public, 1)], GRANT, NEW.public, now_ms=NOW_MS)
    later_ms = NOW_MS + OVERLAP_MS - limits.GRANT_LIFETIME_MS + 1
    keys = compromised(keys, NEW.key_id, since_ms=later_ms, now_ms=later_ms)
    assert GRANT in lacking(keys, now_ms=later_ms)
    assert chosen(rotated(keys, GRANT, NEWEST.public, now_ms=later_ms), later_ms) == NEWEST.public


def test_a_key_that_was_replaced_does_not_take_the_place_of_its_successor_for_good():
    keys = rotated([TrustedKey(GRANT, OLD.public, 1)], GRANT, NEW.public, now_ms=NOW_MS)
    assert GRANT not in lacking(keys, now_ms=NOW_MS)
    assert GRANT not in lacking(compromised(keys, OLD.key_id, since_ms=NOW_MS, now_ms=NOW_MS), now_ms=NOW_MS)
    hour_ms = 3_600_000
    keys = compromised(keys, NEW.key_id, since_ms=NOW_MS, now_ms=NOW_MS + hour_ms)
    assert GRANT in lacking(keys, now_ms=NOW_MS + hour_ms)
    keys = rotated(keys, GRANT, NEWEST.public, now_ms=NOW_MS + hour_ms)
    assert chosen(keys, NOW_MS + hour_ms) == OLD.public
    assert chosen(keys, NOW_MS + hour_ms + AHEAD_MS) == NEWEST.public
    assert chosen(keys, NOW_MS + 10 * OVERLAP_MS) == NEWEST.public


def test_a_compromised_key_stays_so_from_the_earliest_time_that_was_named():
    keys = [TrustedKey(GRANT, OLD.public, 1)]
    for since_ms in (NOW_MS, NOW_MS + 5, NOW_MS - 5):
        keys = compromised(keys, OLD.key_id, since_ms=since_ms, now_ms=NOW_MS + 10)
    assert keys[0].compromised_at_ms == NOW_MS - 5
    assert retired(keys, now_ms=2**50) == keys


@pytest.mark.parametrize("held", [(), ALL[1:]])
def test_without_a_key_that_is_held_here_nothing_is_signed(held):
    bundle = TrustBundle("test", 1, 1, 2**50, (TrustedKey(GRANT, OLD.public, 1),))
    with pytest.raises(ConfigError, match="delegation keys rotate grant"):
        signing_keys(bundle, held, now_ms=NOW_MS, publish_ahead_ms=0)
