"""Keys for which anybody could sign, and signatures that another library might accept."""

from __future__ import annotations

import hashlib
from itertools import product

import pytest
from nacl.bindings import crypto_core_ed25519_is_valid_point, crypto_sign_open
from nacl.exceptions import BadSignatureError

from delegation.core.keys import (
    Purpose,
    SigningKey,
    check_public_key,
    key_id,
    link_id,
    signing_input,
    verify,
)
from delegation.errors import BadSignature, Malformed, Reason
from support.chains import MALLORY, chain, key, receipt
from support.chains import verify as verify_token

P = 2**255 - 19
ORDER_8_Y = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
L = 2**252 + 27742317777372353535851937790883648493


def encoded(y: int, sign: int) -> bytes:
    return (y | sign << 255).to_bytes(32, "little")


SMALL_ORDER_Y = [0, 1, P - 1, ORDER_8_Y, P - ORDER_8_Y]
SMALL_ORDER = [encoded(y, sign) for y, sign in product(SMALL_ORDER_Y, (0, 1))]
NOT_CANONICAL = [encoded(y, sign) for y, sign in product(range(P, 2**255), (0, 1))]
# The list of small-order encodings that libsodium carries (ref10 ed25519, has_small_order).
LIBSODIUM = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


@pytest.mark.spec("K-1", "K-2")
@pytest.mark.parametrize("public", [*SMALL_ORDER, *NOT_CANONICAL], ids=bytes.hex)
def test_a_weak_key_is_refused_and_libsodium_agrees(public: bytes):
    with pytest.raises(Malformed) as caught:
        check_public_key(public)
    assert caught.value.reason is Reason.KEY_INVALID
    assert not crypto_core_ed25519_is_valid_point(public)


def added(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    """Add two points of the curve (RFC 8032 section 5.1.4, affine)."""
    d = -121665 * pow(121666, -1, P)
    (x1, y1), (x2, y2) = a, b
    cross = d * x1 * x2 * y1 * y2
    return (x1 * y2 + x2 * y1) * pow(1 + cross, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - cross, -1, P) % P


@pytest.mark.spec("K-2")
def test_the_list_of_small_order_points_is_complete():
    """The points whose order divides 8 are a cyclic group: the multiples of one of order 8, where x² = -y²."""
    generator = (ORDER_8_Y * pow(2, (P - 1) // 4, P) % P, ORDER_8_Y)
    points, point = set(), (0, 1)
    for _ in range(8):
        points.add(point)
        point = added(point, generator)
    assert point == (0, 1)
    assert len(points) == 8
    assert {y for _, y in points} == set(SMALL_ORDER_Y)


def test_libsodium_lists_the_same_points():
    known = {int.from_bytes(bytes.fromhex(text), "little") for text in LIBSODIUM}
    assert {y % P for y in known} == set(SMALL_ORDER_Y)


@pytest.mark.spec("K-1")
@pytest.mark.parametrize("length", [0, 1, 31, 33, 64])
def test_a_key_has_32_bytes(length: int):
    with pytest.raises(Malformed):
        check_public_key(MALLORY.public[:length].ljust(length, b"\x07"))


def test_an_honest_key_is_accepted_and_libsodium_agrees():
    for number in range(50):
        public = key(f"honest {number}").public
        check_public_key(public)
        assert crypto_core_ed25519_is_valid_point(public)


@pytest.mark.spec("K-3")
@pytest.mark.parametrize("public", SMALL_ORDER, ids=bytes.hex)
def test_nobody_holds_a_link_with_a_weak_key(public: bytes):
    made = chain("root").edit(0, lambda link: setattr(link, "holder_key", public)).with_statements()
    with pytest.raises(Malformed) as caught:
        verify_token(made.token)
    assert caught.value.reason is Reason.KEY_INVALID


@pytest.mark.spec("K-4")
@pytest.mark.parametrize("public", SMALL_ORDER, ids=bytes.hex)
def test_a_signature_that_fits_every_message_under_a_weak_key_is_refused(public: bytes):
    forged = public + bytes(32)  # R = A, S = 0: [S]B = R + [h]A for one message in eight, or all of them
    for number in range(16):
        with pytest.raises(BadSignature):
            verify(public, b"message %d" % number, forged)
        with pytest.raises(BadSignatureError):
            crypto_sign_open(forged + b"message %d" % number, public)


@pytest.mark.spec("K-4")
def test_a_signature_with_another_s_is_refused():
    signature = MALLORY.sign(b"message")
    other = int.from_bytes(signature[32:], "little") + L
    verify(MALLORY.public, b"message", signature)
    with pytest.raises(BadSignature):
        verify(MALLORY.public, b"message", signature[:32] + other.to_bytes(32, "little"))


@pytest.mark.spec("K-4")
@pytest.mark.parametrize("length", [0, 1, 63, 65, 66, 71])
def test_a_signature_has_64_bytes(length: int):
    """One byte more would be taken for the beginning of the message."""
    message = b"message"
    everything = MALLORY.sign(message) + message
    with pytest.raises(BadSignature):
        verify(MALLORY.public, everything[length:], everything[:length])
    verify(MALLORY.public, everything[64:], everything[:64])


def test_a_receipt_whose_payload_begins_in_the_signature_is_refused():
    statement = receipt(bytes(32))
    shifted = statement._replace(signature=statement.signature + statement.payload[:1], payload=statement.payload[1:])
    with pytest.raises(BadSignature):
        verify(key("statements").public, shifted.payload, shifted.signature)


@pytest.mark.spec("K-6", "K-7", "K-8")
def test_a_signature_is_for_one_purpose_and_one_parent():
    inputs = [signing_input(purpose, b"payload", parent) for purpose in Purpose for parent in (b"", bytes(32))]
    assert len({link_id(each) for each in inputs}) == 2 * len(Purpose)
    signature = MALLORY.sign(inputs[0])
    for other in inputs[1:]:
        with pytest.raises(BadSignature):
            verify(MALLORY.public, other, signature)


@pytest.mark.spec("G-3", "K-5")
def test_a_key_id_is_a_digest_and_a_key_never_shows_its_secret():
    signer = SigningKey(bytes(range(32)))
    assert signer.key_id == key_id(signer.public) == hashlib.sha256(signer.public).digest()[:16]
    assert signer.seed.hex() not in repr(signer)
    assert SigningKey.generate(lambda size: bytes(range(size))).public == signer.public


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_seed_has_32_bytes(length: int):
    with pytest.raises(Malformed):
        SigningKey(bytes(length))
