"""The canonical form of SPEC section 3, written by hand: what vectors are made of comes from no library under test."""

from __future__ import annotations

SIXTY_FOUR_BITS = 2**64


def varint(number: int) -> bytes:
    """Give the shortest varint of a number modulo 2^64."""
    number %= SIXTY_FOUR_BITS
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*groups, number))


def zigzag(number: int) -> bytes:
    """Give the varint of a `sint64`."""
    return varint(2 * number if number >= 0 else -2 * number - 1)


def key(field: int, wire_type: int) -> bytes:
    """Give the key of a field."""
    return varint(field << 3 | wire_type)


def delimited(field: int, data: bytes | str) -> bytes:
    """Give a field of wire type 2, even if it is empty."""
    data = data.encode() if isinstance(data, str) else data
    return key(field, 2) + varint(len(data)) + data


def some(field: int, data: bytes | str) -> bytes:
    """Give a `string` or `bytes` field without presence: nothing if it is empty."""
    return delimited(field, data) if data else b""


def number(field: int, value: int) -> bytes:
    """Give a varint field, even if it is 0."""
    return key(field, 0) + varint(value)


def nonzero(field: int, value: int) -> bytes:
    """Give a varint field without presence: nothing if it is 0 or false."""
    return number(field, value) if value else b""


def signed(field: int, value: int) -> bytes:
    """Give a `sint64` field, even if it is 0."""
    return key(field, 0) + zigzag(value)
