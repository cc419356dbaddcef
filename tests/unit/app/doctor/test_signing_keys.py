"""`delegation doctor` looks ahead: is there a key to sign with tomorrow, for each purpose, and what to do if not?"""

from __future__ import annotations

import shutil

import pytest

from delegation.app.doctor.finding import Level
from delegation.app.doctor.signing_keys import SOON_MS, check_signing_keys
from delegation.app.key_files import create_root_key, create_service_keys
from delegation.app.next_bundle import rotate_key, sign_bundle_file
from delegation.core.trust import KeyPurpose
from delegation.service.key_rotation import OVERLAP_MS
from delegation.signing.sealed_file import SealedFiles
from delegation.signing.sealed_format import ScryptCost
from support.chains import NOW_MS

CHEAP = ScryptCost(log2_n=10)
SECRET = b"secret"
END_MS = NOW_MS + OVERLAP_MS
"""When the key that is rotated at `NOW_MS` signs no more."""


@pytest.fixture
def place(tmp_path):
    """Directories of keys and root, and what the commands of `delegation keys` take."""
    keys, root = tmp_path / "keys", tmp_path / "root"
    create_root_key(root, SECRET, cost=CHEAP)
    create_service_keys(keys, SECRET, cost=CHEAP)
    store = SealedFiles(keys, lambda: SECRET, cost=CHEAP)
    return keys, store, {"store": store, "root_directory": root, "root_passphrase": SECRET, "now_ms": lambda: NOW_MS}


@pytest.fixture
def signed(place):
    keys, _, given = place
    return sign_bundle_file(keys, trust_domain="test.example", **given)


def test_keys_without_an_end_are_well(place, signed):
    (finding,) = check_signing_keys(signed, place[1], now_ms=NOW_MS)
    assert finding.level is Level.OK


def test_a_key_that_has_its_successor_is_well_to_its_end_and_beyond(place, signed):
    keys, store, given = place
    bundle = rotate_key(keys, KeyPurpose.GRANT, **given)
    for now_ms in (NOW_MS, END_MS - 1, END_MS):
        (finding,) = check_signing_keys(bundle, store, now_ms=now_ms)
        assert finding.level is Level.OK


@pytest.mark.parametrize("purpose", [KeyPurpose.GRANT, KeyPurpose.STATEMENT, KeyPurpose.CHECKPOINT])
def test_a_key_that_ends_within_a_day_while_its_successor_lies_elsewhere_is_found(place, signed, tmp_path, purpose):
    """Every replica with a disk of its own is so, until somebody brings it the new key."""
    keys, _, given = place
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(keys, elsewhere)
    bundle = rotate_key(keys, purpose, **given)
    store = SealedFiles(elsewhere, lambda: SECRET, cost=CHEAP)
    successor = next(key for key in bundle.keys if key.purpose is purpose and not key.not_after_ms)

    def found(now_ms):
        (finding,) = check_signing_keys(bundle, store, now_ms=now_ms)
        return finding

    assert found(END_MS - SOON_MS).level is Level.OK
    assert found(END_MS - SOON_MS + 1).level is Level.WARNING
    assert found(END_MS).level is Level.PROBLEM
    assert f"the {purpose} key" in found(END_MS - 1).found
    assert successor.key_id.hex() in found(END_MS - 1).advice


def test_a_key_that_ends_without_any_successor_is_to_be_rotated(place, signed):
    keys, store, given = place
    bundle = rotate_key(keys, KeyPurpose.STATEMENT, **given)
    left = tuple(key for key in bundle.keys if key.purpose is not KeyPurpose.STATEMENT or key.not_after_ms)
    alone = type(bundle)(bundle.trust_domain, bundle.version, bundle.issued_at_ms, bundle.expires_at_ms, left)
    (finding,) = check_signing_keys(alone, store, now_ms=END_MS - 1)
    assert (finding.level, "keys rotate statement" in finding.advice) == (Level.WARNING, True)
