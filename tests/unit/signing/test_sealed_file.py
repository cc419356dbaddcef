from __future__ import annotations

import base64
import hashlib
import json
import secrets
import stat

import pytest

from delegation.core import keys
from delegation.errors import ConfigError
from delegation.signing.port import SignerPurpose
from delegation.signing.sealed_file import (
    RANDOM_PASSPHRASE_COST,
    SealedFiles,
    create_key,
    find_or_create_random_passphrase,
    find_passphrase,
    key_path,
    open_key,
)
from delegation.signing.sealed_format import MAX_SEALED_BYTES, ScryptCost, seal, unseal

GRANT, STATEMENT = SignerPurpose.GRANT, SignerPurpose.STATEMENT
PASSPHRASE = b"correct horse battery staple"
CHEAP = RANDOM_PASSPHRASE_COST
SEED = bytes(range(32))


def create(directory, purpose=GRANT):
    return create_key(directory, purpose, PASSPHRASE, random=secrets.token_bytes, cost=CHEAP)


def sealed(purpose=GRANT):
    return seal(SEED, purpose, PASSPHRASE, random=secrets.token_bytes, cost=CHEAP)


def test_a_key_opens_again_as_the_same_key(tmp_path):
    made = create(tmp_path)
    opened = open_key(tmp_path, GRANT, PASSPHRASE)
    assert opened.public == made.public
    keys.verify(made.public, b"message", opened.sign(b"message"))


def test_a_key_id_is_the_beginning_of_the_hash_of_the_public_key(tmp_path):
    made = create(tmp_path)
    assert made.key_id == hashlib.sha256(made.public).digest()[:16]


def test_the_file_is_its_owners_alone_and_says_nothing_of_seed_or_passphrase(tmp_path):
    create(tmp_path / "keys")
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert stat.S_IMODE(key_path(tmp_path / "keys", GRANT).stat().st_mode) == 0o600
    content = sealed()
    assert json.loads(content)["purpose"] == "grant"
    for secret in (SEED, SEED.hex().encode(), base64.urlsafe_b64encode(SEED)[:43], PASSPHRASE):
        assert secret not in content
    assert len(content) < MAX_SEALED_BYTES


def test_salt_and_nonce_are_fresh_each_time():
    one, two = json.loads(sealed()), json.loads(sealed())
    assert one["salt"] != two["salt"]
    assert one["nonce"] != two["nonce"]
    assert one["sealed_seed"] != two["sealed_seed"]


def test_a_key_file_is_never_overwritten(tmp_path):
    made = create(tmp_path)
    with pytest.raises(ConfigError, match="never overwritten"):
        create(tmp_path)
    assert open_key(tmp_path, GRANT, PASSPHRASE).public == made.public


def store(directory, passphrase=PASSPHRASE):
    return SealedFiles(directory, lambda: passphrase, cost=CHEAP)


def test_a_store_makes_several_keys_of_a_purpose_and_opens_each(tmp_path):
    made = [store(tmp_path).create(purpose) for purpose in (GRANT, GRANT, STATEMENT, GRANT)]
    grants = {made[0].public, made[1].public, made[3].public}
    assert set(store(tmp_path).public_keys(GRANT)) == grants
    assert store(tmp_path).public_keys(STATEMENT) == (made[2].public,)
    for public in grants:
        opened = store(tmp_path).open(GRANT, public)
        keys.verify(public, b"message", opened.sign(b"message"))
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in tmp_path.iterdir())


def test_keys_are_listed_without_a_passphrase_and_opened_with_the_right_one_only(tmp_path):
    made = store(tmp_path).create(GRANT)

    def ask():
        raise AssertionError("no passphrase is needed")

    assert SealedFiles(tmp_path, ask).public_keys(GRANT) == (made.public,)
    with pytest.raises(ConfigError, match="passphrase is wrong"):
        store(tmp_path, b"wrong").open(GRANT, made.public)


def test_a_file_that_claims_another_public_key_is_not_opened_as_that_one(tmp_path):
    one, two = store(tmp_path).create(GRANT), store(tmp_path).create(GRANT)
    path = key_path(tmp_path, GRANT)
    claims = base64.urlsafe_b64encode(one.public).rstrip(b"="), base64.urlsafe_b64encode(two.public).rstrip(b"=")
    path.write_bytes(path.read_bytes().replace(*claims))
    with pytest.raises(ConfigError, match="has no file"):
        store(tmp_path).open(GRANT, one.public)
    (tmp_path / f"grant-{two.key_id.hex()[:16]}.key").unlink()
    with pytest.raises(ConfigError, match="damaged"):
        store(tmp_path).open(GRANT, two.public)


def test_a_key_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="has no file of the grant key"):
        store(tmp_path).open(GRANT, bytes(32))


@pytest.mark.parametrize("wrong", [b"", b"wrong", PASSPHRASE + b"\n", PASSPHRASE[:-1]])
def test_a_wrong_passphrase_is_one_line_without_either_passphrase(tmp_path, wrong):
    create(tmp_path)
    with pytest.raises(ConfigError, match="passphrase is wrong") as refused:
        open_key(tmp_path, GRANT, wrong)
    message = str(refused.value)
    assert "grant.key" in message
    assert "\n" not in message
    assert "horse" not in message


def test_a_missing_key_is_one_line_with_its_path(tmp_path):
    with pytest.raises(ConfigError, match=r"grant\.key does not exist"):
        open_key(tmp_path, GRANT, PASSPHRASE)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_a_key_file_open_to_others_is_refused(tmp_path, mode):
    create(tmp_path)
    key_path(tmp_path, GRANT).chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        open_key(tmp_path, GRANT, PASSPHRASE)


def test_a_key_does_not_pass_for_one_of_another_purpose(tmp_path):
    create(tmp_path, GRANT)
    key_path(tmp_path, GRANT).rename(key_path(tmp_path, STATEMENT))
    with pytest.raises(ConfigError, match="another purpose"):
        open_key(tmp_path, STATEMENT, PASSPHRASE)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("purpose", "statement"),
        ("public_key", json.loads(sealed())["public_key"][::-1]),
        ("scrypt", {"log2_n": 11, "p": 1, "r": 8}),
        ("salt", json.loads(sealed())["salt"]),
        ("nonce", json.loads(sealed())["nonce"]),
        ("sealed_seed", json.loads(sealed())["sealed_seed"]),
    ],
    ids=["purpose", "public_key", "scrypt", "salt", "nonce", "sealed_seed"],
)
def test_no_field_can_be_exchanged(field, value):
    fields = {**json.loads(sealed()), field: value}
    content = json.dumps(fields, indent=1, sort_keys=True).encode() + b"\n"
    purpose = SignerPurpose(fields["purpose"])
    with pytest.raises(ConfigError):
        unseal(content, purpose, PASSPHRASE)


def test_every_changed_byte_is_refused():
    content = sealed()
    for at in range(len(content)):
        for flipped in (content[at] ^ 1, content[at] ^ 0x20, content[at] ^ 0x80):
            mutant = content[:at] + bytes([flipped]) + content[at + 1 :]
            with pytest.raises(ConfigError):
                unseal(mutant, GRANT, PASSPHRASE)


def test_every_cut_and_every_addition_is_refused():
    content = sealed()
    for mutant in [content[:end] for end in range(len(content))] + [content + b"\n", content * 2, b" " + content]:
        with pytest.raises(ConfigError):
            unseal(mutant, GRANT, PASSPHRASE)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null\n",
        b"[]\n",
        b"1\n",
        b"{}\n",
        b"\xff\xfe",
        b"[" * 4000,
        b'{"format": NaN}',
        b"1" * 4000,
        json.dumps({**json.loads(sealed()), "extra": 1}, indent=1, sort_keys=True).encode() + b"\n",
        json.dumps({**json.loads(sealed()), "scrypt": 3}, indent=1, sort_keys=True).encode() + b"\n",
        json.dumps({**json.loads(sealed()), "scrypt": {"log2_n": "10"}}, indent=1, sort_keys=True).encode() + b"\n",
        json.dumps({**json.loads(sealed()), "salt": 3}, indent=1, sort_keys=True).encode() + b"\n",
        json.dumps({**json.loads(sealed()), "salt": "ä" * 43}, indent=1, sort_keys=True).encode() + b"\n",
        json.dumps({**json.loads(sealed()), "purpose": ["grant"]}, indent=1, sort_keys=True).encode() + b"\n",
    ],
)
def test_what_is_no_sealed_key_is_refused_without_a_traceback(content):
    with pytest.raises(ConfigError, match="damaged or no sealed key"):
        unseal(content, GRANT, PASSPHRASE)


@pytest.mark.parametrize(
    ("log2_n", "r", "p"),
    [(9, 8, 1), (21, 8, 1), (17, 0, 1), (17, 33, 1), (17, 8, 0), (17, 8, 5), (20, 8, 1), (63, 8, 1)],
)
def test_a_file_cannot_impose_a_cost_outside_the_limits(log2_n, r, p):
    fields = {**json.loads(sealed()), "scrypt": {"log2_n": log2_n, "p": p, "r": r}}
    content = json.dumps(fields, indent=1, sort_keys=True).encode() + b"\n"
    with pytest.raises(ConfigError, match="out of limits"):
        unseal(content, GRANT, PASSPHRASE)


def test_the_dearest_permitted_cost_stays_within_its_memory():
    assert ScryptCost(log2_n=18, r=8) is not None
    with pytest.raises(ConfigError):
        ScryptCost(log2_n=18, r=9)


def test_a_file_larger_than_a_sealed_key_is_not_read(tmp_path):
    create(tmp_path)
    key_path(tmp_path, GRANT).write_bytes(bytes(MAX_SEALED_BYTES + 1))
    with pytest.raises(ConfigError, match="larger than"):
        open_key(tmp_path, GRANT, PASSPHRASE)


def private(path, content):
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def test_the_passphrase_comes_from_the_environment_or_a_file(tmp_path):
    one, two = private(tmp_path / "one", b"from one\n"), private(tmp_path / "two", b"from two\r\n")
    assert find_passphrase({"DELEGATION_KEY_PASSPHRASE": "here"}, one) == b"here"
    assert find_passphrase({"DELEGATION_KEY_PASSPHRASE_FILE": str(two)}, one) == b"from two"
    assert find_passphrase({}, one) == b"from one"


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "no passphrase"),
        ({"DELEGATION_KEY_PASSPHRASE": ""}, "is empty"),
        ({"DELEGATION_KEY_PASSPHRASE": "a", "DELEGATION_KEY_PASSPHRASE_FILE": "b"}, "unset one"),
        ({"DELEGATION_KEY_PASSPHRASE_FILE": "/does/not/exist"}, "does not exist"),
    ],
)
def test_no_passphrase_or_two_is_one_line(environment, says):
    with pytest.raises(ConfigError, match=says):
        find_passphrase(environment)


def test_a_passphrase_file_open_to_others_or_empty_is_refused(tmp_path):
    file = private(tmp_path / "file", b"\n")
    with pytest.raises(ConfigError, match="is empty"):
        find_passphrase({}, file)
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        find_passphrase({}, file)


def test_a_random_passphrase_is_made_once(tmp_path):
    file = tmp_path / "state" / "passphrase"
    made = find_or_create_random_passphrase(file, random=secrets.token_bytes)
    assert len(made) == 64
    assert find_or_create_random_passphrase(file, random=secrets.token_bytes) == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
