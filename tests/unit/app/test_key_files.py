"""The operator's key files: made once, listed in a signed bundle, rotated with an overlap, given up."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from delegation.app.key_files import (
    create_root_key,
    create_service_keys,
    read_bundle,
    read_root_public,
    write_bundle,
)
from delegation.app.next_bundle import give_up_key, rotate_key, sign_bundle_file
from delegation.core import limits
from delegation.core.attest import open_bundle
from delegation.core.codec import decode_statement, encode_statement
from delegation.core.keys import SigningKey
from delegation.core.trust import Catalogue, CatalogueTool, Effect, KeyPurpose, KeyState
from delegation.errors import ConfigError, InvalidRequest
from delegation.service.bundle_signing import sign_trust_bundle
from delegation.service.key_rotation import OVERLAP_MS
from delegation.signing.port import SignerPurpose
from delegation.signing.sealed_file import SealedFiles
from delegation.signing.sealed_format import ScryptCost
from support.chains import NOW_MS

PASSPHRASE = b"correct horse"
CHEAP = ScryptCost(log2_n=10)
DAY_MS = 24 * 60 * 60 * 1000
GRANT = KeyPurpose.GRANT


@pytest.fixture
def root(tmp_path):
    create_root_key(tmp_path / "root", PASSPHRASE, cost=CHEAP)
    return tmp_path / "root"


@pytest.fixture
def keys(tmp_path):
    create_service_keys(tmp_path / "keys", PASSPHRASE, cost=CHEAP)
    return tmp_path / "keys"


def given(keys, root, now_ms):
    store = SealedFiles(keys, lambda: PASSPHRASE, cost=CHEAP)
    return {"store": store, "root_directory": root, "root_passphrase": PASSPHRASE, "now_ms": lambda: now_ms}


def sign(keys, root, now_ms=NOW_MS, **further):
    return sign_bundle_file(keys, trust_domain="test.example", **given(keys, root, now_ms), **further)


def of(bundle, purpose, *, state=KeyState.ACTIVE):
    return [key for key in bundle.keys if key.purpose is purpose and key.state is state]


def test_a_signed_bundle_lists_every_key_and_is_found_with_the_roots_public_key(keys, root):
    signed = sign(keys, root)
    bundle = open_bundle(read_bundle(keys), read_root_public(keys), now_ms=NOW_MS)
    assert bundle == signed
    assert bundle.version == 1
    assert {key.purpose for key in bundle.keys} == {GRANT, KeyPurpose.STATEMENT, KeyPurpose.CHECKPOINT}
    assert read_root_public(keys) == read_root_public(root)


def test_nothing_is_made_twice(keys, root):
    with pytest.raises(ConfigError):
        create_root_key(root, PASSPHRASE, cost=CHEAP)
    with pytest.raises(ConfigError):
        create_service_keys(keys, PASSPHRASE, cost=CHEAP)


def test_a_renewed_bundle_keeps_keys_and_catalogue_and_needs_no_passphrase_of_the_service(keys, root):
    catalogue = Catalogue((CatalogueTool("files", "read", frozenset({Effect.READ}), local=True),))
    first = sign(keys, root, catalogue=catalogue)

    def ask():
        raise AssertionError("no passphrase is needed")

    further = {**given(keys, root, NOW_MS + DAY_MS), "store": SealedFiles(keys, ask)}
    second = sign_bundle_file(keys, trust_domain="test.example", **further)
    assert (second.version, second.keys, second.catalogue_digest) == (2, first.keys, first.catalogue_digest)
    assert second.expires_at_ms == first.expires_at_ms + DAY_MS


@pytest.mark.parametrize("purpose", [GRANT, KeyPurpose.STATEMENT, KeyPurpose.CHECKPOINT])
def test_a_rotated_key_is_published_and_the_former_one_counts_until_all_it_signed_has_expired(keys, root, purpose):
    (former,) = of(sign(keys, root), purpose)
    bundle = rotate_key(keys, purpose, **given(keys, root, NOW_MS + DAY_MS))
    assert bundle == open_bundle(read_bundle(keys), read_root_public(keys), now_ms=NOW_MS)
    both = {key.key_id: key for key in of(bundle, purpose)}
    assert len(both) == 2
    assert both.pop(former.key_id).not_after_ms == NOW_MS + DAY_MS + OVERLAP_MS
    (new,) = both.values()
    assert new.not_after_ms == 0
    assert new.usable(NOW_MS + DAY_MS), "for clocks that are behind, it counts already"
    assert OVERLAP_MS > limits.GRANT_LIFETIME_MS
    held = SealedFiles(keys, lambda: PASSPHRASE).public_keys(SignerPurpose(str(purpose)))
    assert set(held) == {former.public_key, new.public_key}


def test_a_key_whose_window_is_over_is_listed_as_retired_for_ever(keys, root):
    (former,) = of(sign(keys, root), GRANT)
    rotate_key(keys, GRANT, **given(keys, root, NOW_MS))
    assert not of(sign(keys, root, NOW_MS + OVERLAP_MS - 1), GRANT, state=KeyState.RETIRED)
    for version in range(3):
        (retired,) = of(sign(keys, root, NOW_MS + OVERLAP_MS + version), GRANT, state=KeyState.RETIRED)
        assert retired.key_id == former.key_id


@pytest.mark.parametrize("purpose", [GRANT, KeyPurpose.STATEMENT, KeyPurpose.CHECKPOINT])
def test_giving_up_the_only_key_makes_another_in_the_same_bundle(keys, root, purpose):
    (former,) = of(sign(keys, root), purpose)
    at_ms = NOW_MS + DAY_MS
    bundle = give_up_key(keys, former.key_id, since_ms=NOW_MS + 1, **given(keys, root, at_ms))
    (lost,) = of(bundle, purpose, state=KeyState.COMPROMISED)
    assert (lost.key_id, lost.compromised_at_ms) == (former.key_id, NOW_MS + 1)
    (new,) = of(bundle, purpose)
    assert new.usable(at_ms)
    assert new.not_after_ms == 0


def test_giving_up_the_former_of_two_keys_makes_no_third(keys, root):
    (former,) = of(sign(keys, root), GRANT)
    both = of(rotate_key(keys, GRANT, **given(keys, root, NOW_MS)), GRANT)
    bundle = give_up_key(keys, former.key_id, **given(keys, root, NOW_MS + 1))
    assert of(bundle, GRANT) == [key for key in both if key.key_id != former.key_id]


def test_in_place_of_the_newer_of_two_keys_another_without_an_end_is_made(keys, root):
    (former,) = of(sign(keys, root), GRANT)
    both = of(rotate_key(keys, GRANT, **given(keys, root, NOW_MS)), GRANT)
    (newer,) = {key.key_id for key in both} - {former.key_id}
    bundle = give_up_key(keys, newer, **given(keys, root, NOW_MS + 1))
    ends = {key.key_id: key.not_after_ms for key in of(bundle, GRANT)}
    assert ends.pop(former.key_id) == NOW_MS + OVERLAP_MS
    assert list(ends.values()) == [0]


@pytest.mark.parametrize(
    ("unmade", "told"),
    [(ConfigError("the token is away"), ConfigError), (OSError("full"), ConfigError), (KeyboardInterrupt(), None)],
    ids=["says why", "a defect", "given up on"],
)
def test_a_key_is_given_up_though_none_can_be_made_in_its_place(keys, root, unmade, told):
    class Away(SealedFiles):
        def create(self, purpose):
            raise unmade

    (former,) = of(sign(keys, root), GRANT)
    away = {**given(keys, root, NOW_MS + 1), "store": Away(keys, lambda: PASSPHRASE)}
    with pytest.raises(told or type(unmade), match="delegation keys rotate grant" if told else None):
        give_up_key(keys, former.key_id, **away)
    bundle = open_bundle(read_bundle(keys), read_root_public(keys), now_ms=NOW_MS)
    assert bundle.version == 2
    assert [key.key_id for key in of(bundle, GRANT, state=KeyState.COMPROMISED)] == [former.key_id]
    assert not of(bundle, GRANT)
    (new,) = of(rotate_key(keys, GRANT, **given(keys, root, NOW_MS + 2)), GRANT)
    assert new.not_after_ms == 0


def test_a_key_that_is_not_listed_cannot_be_given_up(keys, root):
    sign(keys, root)
    with pytest.raises(InvalidRequest, match="no key"):
        give_up_key(keys, bytes(16), **given(keys, root, NOW_MS))
    assert sign(keys, root).version == 2


def test_a_file_that_was_put_beside_the_keys_is_not_listed_by_a_renewal(keys, root):
    """Its public key stands in it in clear: whoever writes there must not get a key of their own signed by the root."""
    first = sign(keys, root)
    SealedFiles(keys, lambda: b"mallory's", cost=CHEAP).create(SignerPurpose.GRANT)
    assert sign(keys, root).keys == first.keys


def test_a_file_that_was_put_beside_the_keys_is_opened_before_it_is_listed(keys, root):
    SealedFiles(keys, lambda: b"mallory's", cost=CHEAP).create(SignerPurpose.GRANT)
    with pytest.raises(ConfigError, match="passphrase"):
        sign(keys, root)
    assert not (keys / "trust-bundle.bin").exists()


class Meanwhile(SealedFiles):
    """A store beside which somebody does something while a key is made."""

    def __init__(self, directory, do):
        super().__init__(directory, lambda: PASSPHRASE, cost=CHEAP)
        self._do = do

    def create(self, purpose):
        self._do()
        return super().create(purpose)


def test_two_bundles_never_continue_the_same_one(keys, root):
    first = sign(keys, root)
    refused = []

    def others():
        for other in (
            lambda: rotate_key(keys, GRANT, **given(keys, root, NOW_MS)),
            lambda: give_up_key(keys, first.keys[0].key_id, **given(keys, root, NOW_MS)),
            lambda: sign(keys, root),
        ):
            with pytest.raises(ConfigError, match="another command is signing"):
                other()
            refused.append(other)

    bundle = rotate_key(keys, GRANT, **{**given(keys, root, NOW_MS), "store": Meanwhile(keys, others)})
    assert len(refused) == 3
    assert (bundle.version, len(of(bundle, GRANT))) == (2, 2)
    assert len(of(rotate_key(keys, GRANT, **given(keys, root, NOW_MS)), GRANT)) == 3


def test_a_command_that_was_killed_leaves_nothing_locked(keys, root):
    sign(keys, root)
    program = "import sys, time; from pathlib import Path; from delegation.app.bundle_lock import bundle_lock\n"
    program += "with bundle_lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", program, keys], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match="another command is signing"):
            rotate_key(keys, GRANT, **given(keys, root, NOW_MS))
        holder.kill()
    assert rotate_key(keys, GRANT, **given(keys, root, NOW_MS)).version == 2


def test_a_directory_that_is_not_there_is_not_made_by_a_rotation(tmp_path, keys, root):
    with pytest.raises(ConfigError, match="is missing"):
        rotate_key(tmp_path / "mistyped", GRANT, **given(keys, root, NOW_MS))
    assert not (tmp_path / "mistyped").exists()


def test_a_bundle_of_another_root_or_a_changed_one_is_not_continued(keys, root, tmp_path):
    bundle = sign(keys, root)
    create_root_key(tmp_path / "other", PASSPHRASE, cost=CHEAP)
    with pytest.raises(ConfigError, match="another root"):
        sign(keys, tmp_path / "other")
    forged = sign_trust_bundle(
        SigningKey(bytes(32)), bundle.keys, trust_domain="test.example", version=7, now_ms=NOW_MS
    )
    (keys / "trust-bundle.bin").write_bytes(encode_statement(forged))
    with pytest.raises(ConfigError, match="was changed"):
        rotate_key(keys, GRANT, **given(keys, root, NOW_MS))


def test_a_bundle_of_another_trust_domain_is_not_continued(keys, root):
    sign(keys, root)
    with pytest.raises(ConfigError, match=r"test\.example"):
        sign_bundle_file(keys, trust_domain="elsewhere.example", **given(keys, root, NOW_MS))


def test_without_a_bundle_there_is_nothing_to_rotate(keys, root):
    with pytest.raises(ConfigError, match="keys init"):
        rotate_key(keys, GRANT, **given(keys, root, NOW_MS))


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


def test_a_key_of_one_purpose_is_not_listed_as_another(keys, root):
    shutil.copy(keys / "statement.key", keys / "grant.key")
    with pytest.raises(ConfigError, match="grant"):
        sign(keys, root)


def test_a_bundle_that_verifiers_would_refuse_is_not_written(keys, root, monkeypatch):
    sign(keys, root)
    before = (keys / "trust-bundle.bin").read_bytes()
    monkeypatch.setattr(limits, "DOCUMENT_BYTES", len(before) - 1)
    with pytest.raises(ConfigError, match="was not written"):
        write_bundle(keys, decode_statement(before, len(before)), read_root_public(keys))
    stranger = SigningKey(bytes(32))
    with pytest.raises(ConfigError, match="was not written"):
        write_bundle(keys, decode_statement(before, len(before)), stranger.public)
    monkeypatch.undo()
    assert (keys / "trust-bundle.bin").read_bytes() == before
    assert rotate_key(keys, GRANT, **given(keys, root, NOW_MS)).version == 2
