"""The federation file: other trust domains, by bundles that their own roots have signed, within written limits."""

from __future__ import annotations

import base64

import pytest

from delegation.app.federation_file import load_federation
from delegation.app.key_files import create_root_key, create_service_keys
from delegation.app.next_bundle import rotate_key, sign_bundle_file
from delegation.core.attest import sign_bundle
from delegation.core.codec import decode_bundle, encode_bundle, encode_statement
from delegation.core.constraints import under
from delegation.core.scope import Scope, tool
from delegation.core.trust import FederatedDomain, KeyPurpose, KeyState
from delegation.errors import ConfigError
from delegation.signing.sealed_file import SealedFiles
from delegation.signing.sealed_format import ScryptCost
from support.chains import BUNDLE, MALLORY, NOW_MS, ROOT

THEIRS = "example.test"  # as the bundle of `support.chains` says
TEXT = """
[[domain]]
bundle = "theirs.bin"
trust_root = "{root}"
agents = ["example.test"]
principals = ["https://login.example.test"]

[[domain.ceiling]]
audience = "files"
tool = "read"
arguments = {{ path = {{ under = "/srv/shared" }} }}
"""
CHEAP = ScryptCost(log2_n=10)


@pytest.fixture
def file(tmp_path):
    (tmp_path / "theirs.bin").write_bytes(encode_statement(sign_bundle(BUNDLE, ROOT)))
    path = tmp_path / "federation.toml"
    path.write_text(TEXT.format(root=base64.urlsafe_b64encode(ROOT.public).decode().rstrip("=")))
    return path


def load(file, *, own="acme.example", now_ms=NOW_MS):
    return load_federation(file, own_domain=own, now_ms=lambda: now_ms)


def test_keys_come_from_their_bundle_and_limits_from_the_file(file):
    (domain,) = load(file)
    assert domain.trust_domain == THEIRS
    assert {key.purpose for key in domain.keys} == {KeyPurpose.GRANT, KeyPurpose.STATEMENT}
    assert domain.agent_domains == {"example.test"}
    assert domain.principal_issuers == {"https://login.example.test"}
    assert domain.ceiling == Scope(tool("files", "read", path=under("/srv/shared")))


def test_a_bundle_with_it_is_signed_read_and_kept_by_a_rotation(file, tmp_path):
    keys, root, secret = tmp_path / "keys", tmp_path / "root", b"secret"
    create_root_key(root, secret, cost=CHEAP)
    create_service_keys(keys, secret, cost=CHEAP)
    store = SealedFiles(keys, lambda: secret, cost=CHEAP)
    given = {"store": store, "root_directory": root, "root_passphrase": secret, "now_ms": lambda: NOW_MS}
    signed = sign_bundle_file(keys, trust_domain="acme.example", federated=load(file), **given)
    assert signed.federated == load(file)
    assert decode_bundle(encode_bundle(signed)) == signed
    assert rotate_key(keys, KeyPurpose.GRANT, **given).federated == signed.federated
    assert sign_bundle_file(keys, trust_domain="acme.example", federated=(), **given).federated == ()


@pytest.mark.parametrize(
    "over",
    [
        {"state": KeyState.COMPROMISED, "compromised_at_ms": NOW_MS - 1},
        {"state": KeyState.RETIRED, "not_after_ms": NOW_MS - 1},
        {"not_after_ms": NOW_MS - 1},
    ],
    ids=["compromised", "retired", "ended"],
)
def test_a_key_that_they_have_given_up_does_not_come_back_with_an_older_bundle_of_theirs(file, tmp_path, over):
    keys, root, secret = tmp_path / "keys", tmp_path / "root", b"secret"
    create_root_key(root, secret, cost=CHEAP)
    create_service_keys(keys, secret, cost=CHEAP)
    store = SealedFiles(keys, lambda: secret, cost=CHEAP)
    given = {"store": store, "root_directory": root, "root_passphrase": secret, "now_ms": lambda: NOW_MS}
    (older,) = load(file)
    newer = FederatedDomain(
        older.trust_domain,
        (older.keys[0]._replace(**over), *older.keys[1:]),
        older.agent_domains,
        older.principal_issuers,
        older.ceiling,
    )
    for version in (1, 2):
        assert sign_bundle_file(keys, trust_domain="acme.example", federated=(newer,), **given).version == version
    with pytest.raises(ConfigError, match="get their newest one"):
        sign_bundle_file(keys, trust_domain="acme.example", federated=(older,), **given)
    assert rotate_key(keys, KeyPurpose.GRANT, **given).federated == (newer,)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace("agents", "agent"), "agent"),
        (lambda text: text.replace('principals = ["https://login.example.test"]', ""), "principals"),
        (lambda text: text.replace("[[domain.ceiling]]", "[[domain.roof]]"), "roof"),
        (lambda text: text.replace("under", "beneath"), "ceiling"),
        (lambda text: text.replace("theirs.bin", "nothing.bin"), "nothing.bin"),
        (lambda text: text.replace('trust_root = "', 'trust_root = "AA'), "no trust bundle signed by that root"),
        (lambda text: text + text, "listed twice"),
        (lambda _: "not TOML", "federation.toml"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(file, change, says):
    file.write_text(change(file.read_text()))
    with pytest.raises(ConfigError, match=says) as caught:
        load(file)
    assert "\n" not in str(caught.value)


def test_nobody_else_signs_for_them_and_an_expired_bundle_is_none(file):
    with pytest.raises(ConfigError, match="expired"):
        load(file, now_ms=BUNDLE.expires_at_ms)
    with pytest.raises(ConfigError, match="own one"):
        load(file, own=THEIRS)
    (file.parent / "theirs.bin").write_bytes(encode_statement(sign_bundle(BUNDLE, MALLORY)))
    with pytest.raises(ConfigError, match="no trust bundle signed by that root"):
        load(file)
