"""Ed25519 arithmetic from RFC 8032 section 5.1, for signatures that no honest library makes. Slow; for vectors only."""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

P: Final = 2**255 - 19
L: Final = 2**252 + 27742317777372353535851937790883648493
D: Final = -121665 * pow(121666, -1, P) % P
ORDER_8_Y: Final = 55188659117513257062467267217118295137698188065244968500265048394206261417927


class Point(NamedTuple):
    """A point in affine coordinates."""

    x: int
    y: int


IDENTITY: Final = Point(0, 1)


def add(first: Point, second: Point) -> Point:
    """Add two points."""
    product = D * first.x * second.x * first.y * second.y % P
    x = (first.x * second.y + second.x * first.y) * pow(1 + product, -1, P)
    y = (first.y * second.y + first.x * second.x) * pow(1 - product, -1, P)
    return Point(x % P, y % P)


def multiply(scalar: int, point: Point) -> Point:
    """Multiply a point."""
    total = IDENTITY
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point, scalar = add(point, point), scalar >> 1
    return total


def encode(point: Point) -> bytes:
    """Encode a point."""
    return (point.y | (point.x & 1) << 255).to_bytes(32, "little")


def with_y(y: int, sign: int = 0) -> Point:
    """Give the point with this y and sign of x."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert x * x % P == square, "no point has this y"
    return Point(P - x if x & 1 != sign and x else x, y)


BASE: Final = with_y(4 * pow(5, -1, P) % P)


def secret_scalar(seed: bytes) -> int:
    """Give the secret scalar of a seed."""
    low = bytearray(hashlib.sha512(seed).digest()[:32])
    low[0] &= 248
    low[31] = low[31] & 127 | 64
    return int.from_bytes(low, "little")


def challenge_512(commitment: bytes, public: bytes, message: bytes) -> int:
    """Give k before it is reduced."""
    return int.from_bytes(hashlib.sha512(commitment + public + message).digest(), "little")


def challenge(commitment: bytes, public: bytes, message: bytes) -> int:
    """Give k modulo L."""
    return challenge_512(commitment, public, message) % L


def signature(commitment: bytes, scalar: int) -> bytes:
    """Give R and S as a signature."""
    return commitment + scalar.to_bytes(32, "little")
