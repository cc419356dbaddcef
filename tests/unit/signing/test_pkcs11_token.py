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


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_pin_that_was_refused_is_not_tried_again(softhsm):  # noqa: F811
    """A token locks its user after a few wrong ones: for every replica, and just because calls go on coming."""
    clock, label, other = Clock(), softhsm.token(), "another-pin"
    token = Pkcs11Token(softhsm.module, label, PIN, now_s=clock)
    made = token.create(GRANT)
    token.do(lambda session: session.set_pin(PIN, other))
    token.do(lambda session: session.close())
    with pytest.raises(ServiceUnavailable, match="the PIN of the token"):
        made.sign(b"message")
    with pkcs11.lib(os.fspath(softhsm.module)).get_token(token_label=label).open(rw=True, user_pin=other) as session:
        session.set_pin(other, PIN)
    for _ in range(3):
        clock.now_s += 3600
        with pytest.raises(ServiceUnavailable, match="not asked again"):
            made.sign(b"message")
        with pytest.raises(ConfigError, match="not asked again"):
            token.open(GRANT, made.public)
    made_anew = Pkcs11Token(softhsm.module, label, PIN).open(GRANT, made.public)
    keys.verify(made.public, b"message", made_anew.sign(b"message"))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_token_that_fails_in_a_new_session_is_left_alone_for_longer_and_longer(softhsm):  # noqa: F811
    clock, tries = Clock(), []
    token = Pkcs11Token(softhsm.module, softhsm.token(), PIN, now_s=clock)
    made = token.create(GRANT)

    def lose(session):
        tries.append(session)
        session.close()
        session.get_key(label="delegation-grant")

    for pause_s, tried in ((1, 2), (2, 4), (4, 6), (8, 8)):
        with pytest.raises(ConfigError, match="failed"):
            token.do(lose)
        for _ in range(3):
            with pytest.raises(ServiceUnavailable, match="a moment ago"):
                made.sign(b"message")
        assert len(tries) <= tried
        clock.now_s += pause_s - 0.1
        with pytest.raises(ServiceUnavailable, match="a moment ago"):
            made.sign(b"message")
        clock.now_s += 0.1
    keys.verify(made.public, b"message", made.sign(b"message"))
    token.do(lambda session: session.close())
    keys.verify(made.public, b"message", made.sign(b"message"))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_making_of_a_key_is_not_repeated(token):
    token.do(lambda session: session.close())
    with pytest.raises(ConfigError, match="failed"):
        token.create(GRANT)
    assert token.public_keys(GRANT) == ()
    made = token.create(GRANT)
    assert token.public_keys(GRANT) == (made.public,)


def test_a_key_that_was_known_outside_is_not_used(token):
    """Whoever imported it may still have it, whatever the token says of it now."""
    outside = keys.SigningKey(bytes(range(32)))
    attribute = pkcs11.Attribute

    def bring_in(session):
        session.create_object(
            {
                attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY,
                attribute.KEY_TYPE: pkcs11.KeyType.EC_EDWARDS,
                attribute.TOKEN: True,
                attribute.PRIVATE: True,
                attribute.SENSITIVE: True,
                attribute.EXTRACTABLE: False,
                attribute.SIGN: True,
                attribute.LABEL: "delegation-grant",
                attribute.ID: outside.key_id,
                attribute.EC_PARAMS: b"\x06\x03\x2b\x65\x70",
                attribute.VALUE: bytes(range(32)),
            }
        )

    token.do(bring_in)
    with pytest.raises(ConfigError, match="was not made there"):
        token.open(GRANT, outside.public)


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
