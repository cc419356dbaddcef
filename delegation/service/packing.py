"""Lists of byte strings in one: what a request's digest is taken of, and how an answer is kept."""

from __future__ import annotations

import hashlib
from typing import Final

_LENGTH_BYTES: Final = 4


def pack(*parts: bytes) -> bytes:
    """Put parts in a row, each with its length before it, so that no two lists look alike."""
    return b"".join(len(part).to_bytes(_LENGTH_BYTES, "big") + part for part in parts)


def unpack(packed: bytes) -> list[bytes]:
    """Give the parts back. Only for what `pack` made."""
    parts: list[bytes] = []
    position = 0
    while position < len(packed):
        start = position + _LENGTH_BYTES
        position = start + int.from_bytes(packed[position:start], "big")
        parts.append(packed[start:position])
    return parts


def digest_of(*parts: bytes) -> bytes:
    """Give the SHA-256 (32 bytes) of a list of parts."""
    return hashlib.sha256(pack(*parts)).digest()
