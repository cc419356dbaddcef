"""Keys with names, signing inputs and link ids (SPEC section 4), with the `cryptography` library's Ed25519."""

from __future__ import annotations

import hashlib
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PURPOSES = (
    *("grant", "handoff", "proof", "offer", "approval", "receipt", "binding", "revocation_feed", "trust_bundle"),
    *("checkpoint", "decision_batch", "outcome", "break_glass", "signed_approval"),
)
TAGS = {purpose: f"delegation/v1/{purpose.replace('_', '-')}".encode() for purpose in PURPOSES}


class Key:
    """A signing key that is the same in every run: its seed is SHA-256 of "vector key " and its name."""

    def __init__(self, name: str) -> None:
        self.seed = hashlib.sha256(b"vector key " + name.encode()).digest()
        self._secret = Ed25519PrivateKey.from_private_bytes(self.seed)
        self.public = self._secret.public_key().public_bytes_raw()
        self.key_id = hashlib.sha256(self.public).digest()[:16]

    def sign(self, message: bytes) -> bytes:
        """Sign a message."""
        return self._secret.sign(message)


@cache
def named(name: str) -> Key:
    """Give the key of a name."""
    return Key(name)


def fixed(name: str, size: int = 16) -> bytes:
    """Give bytes that look random and are the same in every run."""
    return hashlib.shake_256(b"vector bytes " + name.encode()).digest(size)


def signing_input(purpose: str, payload: bytes, parent: bytes = b"") -> bytes:
    """Give what is signed."""
    tag = TAGS[purpose]
    return bytes((len(tag),)) + tag + parent + payload


def sha256(data: bytes) -> bytes:
    """Give the SHA-256 of bytes."""
    return hashlib.sha256(data).digest()


ROOT, ISSUER, STATEMENTS, CHECKPOINTS = map(named, ("root", "issuer", "statements", "checkpoints"))
ALICE, BOB, CAROL, MALLORY, GUARD = map(named, ("alice", "bob", "carol", "mallory", "guard"))
