"""The operator's key files: made once, listed in a signed bundle, rotated with an overlap."""

from __future__ import annotations

import shutil

import pytest

from delegation.app.key_files import (
    create_root_key,
    create_service_keys,
    read_bundle,
    read_root_public,
    service_keys,
    sign_bundle_file,
)
from delegation.core.attest import open_bundle
from delegation.core.trust import KeyPurpose, KeyState
from delegation.errors import ConfigError
from delegation.signing.port import SERVICE_PURPOSES
from delegation.signing.sealed_format import ScryptCost
from support.chains import NOW_MS

PASSPHRASE = b"correct horse"
CHEAP = ScryptCost(log2_n=10)


@pytest.fixture
def root(tmp_path):
    create_root_key(tmp_path / "root", PASSPHRASE, cost=CHEAP)
    return tmp_path / "root"


@pytest.fixture
def keys(tmp_path):
    create_service_keys(tmp_path / "keys", PASSPHRASE, cost=CHEAP)
    return tmp_path / "keys"


def sign(keys, root, now_ms=NOW_MS):
    return sign_bundle_file(
        keys,
        root_directory=root,
        root_passphrase=PASSPHRASE,
        keys=service_keys(keys, PASSPHRASE),
        trust_domain="test.example",
        now_ms=lambda: now_ms,
    )


def test_a_signed_bundle_lists_every_key_and_is_found_with_the_roots_public_key(keys, root):
    signed = sign(keys, root)
    bundle = open_bundle(read_bundle(keys), read_root_public(keys), now_ms=NOW_MS)
    assert bundle == signed
    assert bundle.version == 1
    assert {key.purpose for key in bundle.keys} == set(KeyPurpose)
    assert read_root_public(keys) == read_root_public(root)


def test_nothing_is_made_twice(keys, root):
    with pytest.raises(ConfigError):
        create_root_key(root, PASSPHRASE, cost=CHEAP)
    with pytest.raises(ConfigError):
        create_service_keys(keys, PASSPHRASE, cost=CHEAP)


def test_a_rotated_key_is_active_and_the_former_one_stays_listed_as_retired(keys, root):
    sign(keys, root)
    former = service_keys(keys, PASSPHRASE).grant
    (keys / "grant.key").unlink()
    create_service_keys(keys, PASSPHRASE, purposes=SERVICE_PURPOSES[:1], cost=CHEAP)
    bundle = sign(keys, root, NOW_MS + 1)
    assert bundle.version == 2
    assert bundle.find(former.key_id).state is KeyState.RETIRED
    assert bundle.find(service_keys(keys, PASSPHRASE).grant.key_id).state is KeyState.ACTIVE
    assert sign(keys, root, NOW_MS + 2).find(former.key_id).not_after_ms == NOW_MS + 1


def test_a_bundle_of_another_root_is_not_continued(keys, root, tmp_path):
    sign(keys, root)
    create_root_key(tmp_path / "other", PASSPHRASE, cost=CHEAP)
    with pytest.raises(ConfigError, match="another root"):
        sign(keys, tmp_path / "other")


@pytest.mark.parametrize(
    ("name", "content"),
    [("root.pub", None), ("root.pub", b"nonsense"), ("trust-bundle.bin", None), ("trust-bundle.bin", b"nonsense")],
    ids=["no root key", "no valid root key", "no bundle", "no valid bundle"],
)
def test_files_that_are_missing_or_damaged_are_named(keys, root, name, content):
    sign(keys, root)
    if content is None:
        (keys / name).unlink()
    else:
        (keys / name).write_bytes(content)
    read = read_root_public if name == "root.pub" else read_bundle
    with pytest.raises(ConfigError, match=name):
        read(keys)


def test_a_key_of_one_purpose_is_not_opened_as_another(keys):
    shutil.copy(keys / "statement.key", keys / "grant.key")
    with pytest.raises(ConfigError, match="grant"):
        service_keys(keys, PASSPHRASE)
