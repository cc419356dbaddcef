"""Ed25519 keys, strict acceptance of public keys, and what exactly is signed (SPEC section 4).

PyNaCl (libsodium) does the arithmetic. Keys never show in `repr`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import Enum
from typing import Final, Protocol

from nacl._sodium import ffi, lib
from nacl.bindings import crypto_sign, crypto_sign_seed_keypair

from delegation.core import limits
from delegation.errors import Reason, refusal

_SHA256 = hashlib.sha256

# libsodium's function itself: what `nacl.bindings.crypto_sign_open` puts around it allocates room for a copy of the
# message, which nobody here reads, and takes 1.2 µs of the 55 that a verification has.
_open = lib.crypto_sign_open
_NULL = ffi.NULL
_FIELD: Final = 2**255 - 19
_ORDER_8_Y: Final = 55188659117513257062467267217118295137698188065244968500265048394206261417927

# The y of every point of order 1, 2, 4 or 8 (RFC 8032 section 5.1). With such a holder key anyone could
# sign for it. Each is encoded twice, once for either sign of x.
_SMALL_ORDER_Y: Final = frozenset((0, 1, _FIELD - 1, _ORDER_8_Y, _FIELD - _ORDER_8_Y))
_SMALL_ORDER: Final = frozenset((y | sign << 255).to_bytes(32, "little") for y in _SMALL_ORDER_Y for sign in (0, 1))
_TOP: Final = 0x7F  # all bits of the last byte but the sign of x: without one of them, y is less than p


class Purpose(Enum):
    """What a signature is for. The value is its domain tag, so that none passes for another."""

    GRANT = b"delegation/v1/grant"
    HANDOFF = b"delegation/v1/handoff"
    PROOF = b"delegation/v1/proof"
    OFFER = b"delegation/v1/offer"
    APPROVAL = b"delegation/v1/approval"
    SIGNED_APPROVAL = b"delegation/v1/signed-approval"
    RECEIPT = b"delegation/v1/receipt"
    BINDING = b"delegation/v1/binding"
    REVOCATION_FEED = b"delegation/v1/revocation-feed"
    TRUST_BUNDLE = b"delegation/v1/trust-bundle"
    CHECKPOINT = b"delegation/v1/checkpoint"
    DECISION_BATCH = b"delegation/v1/decision-batch"
    OUTCOME = b"delegation/v1/outcome"
    BREAK_GLASS = b"delegation/v1/break-glass"

    def __init__(self, tag: bytes) -> None:
        self.prefix = bytes((len(tag),)) + tag


class Signer(Protocol):
    """Something that signs: a key in memory, a sealed file, an HSM."""

    @property
    def public(self) -> bytes:
        """The Ed25519 public key, 32 bytes."""

    @property
    def key_id(self) -> bytes:
        """The key's id, 16 bytes."""

    def sign(self, message: bytes) -> bytes:
        """Give the Ed25519 signature of a message, 64 bytes."""


class SigningKey:
    """An Ed25519 signing key held in memory.

    Args:
        seed: 32 secret bytes (RFC 8032 section 5.1.5).

    Raises:
        Malformed: KEY_INVALID for any other number of bytes.
    """

    __slots__ = ("_secret", "key_id", "public")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != limits.KEY_BYTES:
            raise refusal(Reason.KEY_INVALID)
        self.public, self._secret = crypto_sign_seed_keypair(seed)
        self.key_id = key_id(self.public)

    @classmethod
    def generate(cls, random: Callable[[int], bytes]) -> SigningKey:
        """Make a fresh key; `random(n)` gives n unpredictable bytes (`secrets.token_bytes`)."""
        return cls(random(limits.KEY_BYTES))

    @property
    def seed(self) -> bytes:
        """The 32 secret bytes. For sealing and export only."""
        return self._secret[: limits.KEY_BYTES]

    def sign(self, message: bytes) -> bytes:
        """Give the 64-byte signature of a message."""
        return crypto_sign(message, self._secret)[: limits.SIGNATURE_BYTES]

    def __repr__(self) -> str:
        return f"SigningKey(key_id={self.key_id.hex()})"


def key_id(public: bytes) -> bytes:
    """Give a key's id: the first 16 bytes of the SHA-256 of the public key."""
    return _SHA256(public).digest()[: limits.KEY_ID_BYTES]


def check_public_key(public: bytes) -> None:
    """Accept only a canonical Ed25519 public key that is not of small order.

    Raises:
        Malformed: KEY_INVALID.
    """
    if len(public) != limits.KEY_BYTES or public in _SMALL_ORDER or not _below_p(public):
        raise refusal(Reason.KEY_INVALID)


def _below_p(public: bytes) -> bool:
    # Without one of the 7 top bits y is surely less than p, and the number need not be made.
    return public[-1] & _TOP != _TOP or int.from_bytes(public, "little") & ((1 << 255) - 1) < _FIELD


def verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Check a signature.

    Raises:
        BadSignature: SIGNATURE_INVALID.
    """
    # The library takes signature and message in one piece: a longer signature would eat into the message. Of the
    # key it reads 32 bytes, however many there are.
    if len(signature) != limits.SIGNATURE_BYTES or len(public) != limits.KEY_BYTES:
        raise refusal(Reason.SIGNATURE_INVALID)
    signed = signature + message
    try:
        forged = _open(_NULL, _NULL, signed, len(signed), public)
    except TypeError:
        raise refusal(Reason.SIGNATURE_INVALID) from None
    if forged != 0:
        raise refusal(Reason.SIGNATURE_INVALID)


def signing_input(purpose: Purpose, payload: bytes, parent_id: bytes = b"") -> bytes:
    """Give the bytes that are signed: length-prefixed domain tag, parent's link id, payload."""
    return purpose.prefix + parent_id + payload


def link_id(signed: bytes) -> bytes:
    """Give a link's id, the SHA-256 of its signing input, 32 bytes."""
    return _SHA256(signed).digest()
