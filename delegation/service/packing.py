"""Lists of byte strings in one: what a request's digest is taken of, and how an answer is kept."""

from __future__ import annotations

import hashlib
import struct
from typing import Final

_LENGTH_BYTES: Final = 4


def pack(*parts: bytes) -> bytes:
    """Put parts in a row, all their lengths before them, so that no two lists look alike."""
    return struct.pack(f">{len(parts) + 1}I", len(parts), *map(len, parts)) + b"".join(parts)


def unpack(packed: bytes) -> list[bytes]:
    """Give the parts back. Only for what `pack` made."""
    (count,) = struct.unpack_from(">I", packed)
    lengths = struct.unpack_from(f">{count}I", packed, _LENGTH_BYTES)
    parts: list[bytes] = []
    position = _LENGTH_BYTES * (count + 1)
    for length in lengths:
        parts.append(packed[position : position + length])
        position += length
    return parts


def digest_of(*parts: bytes) -> bytes:
    """Give the SHA-256 (32 bytes) of a list of parts."""
    return hashlib.sha256(pack(*parts)).digest()
