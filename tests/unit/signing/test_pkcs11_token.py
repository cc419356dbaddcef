"""Keys in a real PKCS#11 token: made there, used there, and never given out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from delegation.core import keys
from delegation.errors import ConfigError, ServiceUnavailable
from delegation.signing.pkcs11_token import PIN_VARIABLE, Pkcs11Token, find_pin
from delegation.signing.port import SignerPurpose
from support.softhsm import PIN, softhsm  # noqa: F401 - a fixture

pkcs11 = pytest.importorskip("pkcs11")
GRANT, STATEMENT = SignerPurpose.GRANT, SignerPurpose.STATEMENT


@pytest.fixture
def token(softhsm) -> Pkcs11Token:  # noqa: F811
    return Pkcs11Token(softhsm.module, softhsm.token(), PIN)


def test_a_key_is_made_in_the_token_and_its_signatures_verify(token):
    made = token.create(GRANT)
    keys.verify(made.public, b"message", made.sign(b"message"))
    assert made.key_id == keys.key_id(made.public)
    opened = token.open(GRANT, made.public)
    keys.verify(made.public, b"another", opened.sign(b"another"))


def test_several_keys_of_a_purpose_are_told_apart(token):
    made = [token.create(purpose) for purpose in (GRANT, GRANT, STATEMENT)]
    assert set(token.public_keys(GRANT)) == {made[0].public, made[1].public}
    assert token.public_keys(STATEMENT) == (made[2].public,)
    assert token.public_keys(SignerPurpose.CHECKPOINT) == ()
    for key in made[:2]:
        keys.verify(key.public, b"m", token.open(GRANT, key.public).sign(b"m"))


def test_a_private_key_cannot_be_read_out(token):
    made = token.create(GRANT)

    def read_out(session):
        return token.private(session, made.public)[pkcs11.Attribute.VALUE]

    with pytest.raises(ConfigError, match="AttributeSensitive"):
        token.do(read_out)
    secret = token.do(lambda session: token.private(session, made.public))
    assert secret[pkcs11.Attribute.NEVER_EXTRACTABLE]
    assert secret[pkcs11.Attribute.ALWAYS_SENSITIVE]


def test_a_key_that_could_be_read_out_is_not_used(token):
    made = token.create(GRANT)
    curve = {pkcs11.Attribute.EC_PARAMS: b"\x06\x03\x2b\x65\x70"}

    def generate(session):
        parameters = session.create_domain_parameters(pkcs11.KeyType.EC_EDWARDS, curve, local=True)
        public, secret = parameters.generate_keypair(
            mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
            store=True,
            label="delegation-grant",
            private_template={pkcs11.Attribute.EXTRACTABLE: True},
        )
        raw = bytes(public[pkcs11.Attribute.EC_POINT])[-32:]
        public[pkcs11.Attribute.ID] = secret[pkcs11.Attribute.ID] = keys.key_id(raw)
        return raw

    loose = token.do(generate)
    assert loose != made.public
    with pytest.raises(ConfigError, match="can be read out"):
        token.open(GRANT, loose)


def test_a_key_is_not_opened_for_another_purpose_nor_one_that_is_not_there(token):
    made = token.create(GRANT)
    with pytest.raises(ConfigError, match="another purpose"):
        token.open(STATEMENT, made.public)
    with pytest.raises(ConfigError, match="does not hold"):
        token.open(GRANT, keys.SigningKey(bytes(32)).public)


def test_a_key_under_another_ones_id_is_found_out(token):
    one, two = token.create(GRANT), token.create(GRANT)
    third = keys.SigningKey(bytes(32)).public

    def rename(session):
        token.private(session, one.public)[pkcs11.Attribute.ID] = keys.key_id(third)

    token.do(rename)
    with pytest.raises(ConfigError, match="not what it says"):
        token.open(GRANT, third)
    token.open(GRANT, two.public)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the library's, of the lost session
def test_a_session_that_was_lost_is_opened_again(token):
    made = token.create(GRANT)
    token.do(lambda session: session.close())
    keys.verify(made.public, b"message", made.sign(b"message"))


def test_a_key_that_is_gone_signs_nothing(token):
    made = token.create(GRANT)
    token.do(lambda session: token.private(session, made.public).destroy())
    with pytest.raises(ServiceUnavailable):
        made.sign(b"message")


def test_what_is_not_there_is_named_and_the_pin_never(softhsm, tmp_path):  # noqa: F811
    with pytest.raises(ConfigError, match="no token 'nobody'"):
        Pkcs11Token(softhsm.module, "nobody", PIN)
    with pytest.raises(ConfigError, match=r"nothing\.so"):
        Pkcs11Token(tmp_path / "nothing.so", "token", PIN)
    program = "import sys; from pathlib import Path; from delegation.signing.pkcs11_token import Pkcs11Token\n"
    program += "Pkcs11Token(Path(sys.argv[1]), sys.argv[2], 'not-the-pin')"
    line = [sys.executable, "-c", program, os.fspath(softhsm.module), softhsm.token()]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    assert "the PIN of the token" in done.stderr.splitlines()[-1]
    assert PIN not in done.stderr


def test_a_token_does_not_show_its_pin(token):
    assert PIN not in repr(token)
    assert PIN not in repr(token.create(GRANT))


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_the_pin_is_in_the_environment_or_in_a_private_file(tmp_path, ending):
    file = tmp_path / "pin"
    file.write_text("1234" + ending)
    with pytest.raises(ConfigError, match="chmod 600"):
        find_pin({}, _mode(file, 0o644))
    assert find_pin({}, _mode(file, 0o600)) == "1234"
    assert find_pin({PIN_VARIABLE: "5678"}, file) == "5678"
    for environment, given in (({}, None), ({PIN_VARIABLE: ""}, file)):
        with pytest.raises(ConfigError, match="PIN"):
            find_pin(environment, given)


def _mode(file: Path, mode: int) -> Path:
    file.chmod(mode)
    return file
