"""The operator's break-glass key is listed in the bundle, and what it signs is taken by who trusts the root."""

from __future__ import annotations

import pytest

from delegation.app.break_glass import make_break_glass_key, sign_order
from delegation.app.key_files import create_root_key, read_bundle, read_root_public
from delegation.app.key_store import sealed_store
from delegation.app.next_bundle import sign_bundle_file
from delegation.core.attest import open_break_glass, open_bundle
from delegation.core.break_glass import BreakGlass
from delegation.core.trust import Effect, KeyPurpose
from delegation.errors import ConfigError, Malformed
from delegation.signing.port import SERVICE_PURPOSES
from delegation.signing.sealed_file import RANDOM_PASSPHRASE_COST as CHEAP

PASSPHRASE = b"a passphrase of tests"
NOW_MS = 1_790_000_000_000


@pytest.fixture
def made(tmp_path):
    root, keys, glass = (tmp_path / name for name in ("root", "keys", "glass"))
    create_root_key(root, PASSPHRASE, cost=CHEAP)
    store = sealed_store(keys, lambda: PASSPHRASE)
    for purpose in SERVICE_PURPOSES:
        store.create(purpose)
    given = {"root_directory": root, "root_passphrase": PASSPHRASE}
    sign_bundle_file(keys, store=store, trust_domain="test.example", now_ms=lambda: NOW_MS, **given)
    make_break_glass_key(glass, PASSPHRASE, bundle_directory=keys, cost=CHEAP, now_ms=lambda: NOW_MS, **given)
    return tmp_path


def order(**tweaks):
    fields = {"justification": "INC-7", "nonce": bytes(16), "maximum_feed_age_ms": 600_000, **tweaks}
    return BreakGlass(
        audiences=("files",),
        not_before_ms=NOW_MS,
        expires_at_ms=NOW_MS + 60_000,
        operator="ann",
        effects=frozenset({Effect.READ}),
        **fields,
    )


def trust_of(directory):
    return open_bundle(read_bundle(directory / "keys"), read_root_public(directory / "keys"), now_ms=NOW_MS)


@pytest.mark.spec("B-1")
@pytest.mark.parametrize("place", ["glass", "root"])
def test_guards_take_what_the_break_glass_key_or_the_root_key_signs(made, place):
    signed = sign_order(made / place, lambda: PASSPHRASE, order())
    root = read_root_public(made / "keys")
    assert open_break_glass(signed, trust_of(made), root, now_ms=NOW_MS) == order()


def test_the_next_bundle_lists_the_key_and_all_others(made):
    bundle = trust_of(made)
    assert bundle.version == 2
    assert sorted(key.purpose for key in bundle.keys) == sorted(KeyPurpose)


def test_a_directory_of_other_keys_signs_none(made):
    with pytest.raises(ConfigError, match="make-key"):
        sign_order(made / "keys", lambda: PASSPHRASE, order())


@pytest.mark.parametrize("tweaks", [{"justification": ""}, {"maximum_feed_age_ms": 0}, {"nonce": b""}])
def test_what_no_guard_would_take_is_not_signed(made, tweaks):
    with pytest.raises(Malformed):
        sign_order(made / "glass", lambda: PASSPHRASE, order(**tweaks))


def test_the_key_is_not_made_beside_the_services_keys(made):
    with pytest.raises(ConfigError, match="belongs to a person"):
        make_break_glass_key(
            made / "keys",
            PASSPHRASE,
            bundle_directory=made / "keys",
            root_directory=made / "root",
            root_passphrase=PASSPHRASE,
            cost=CHEAP,
        )
