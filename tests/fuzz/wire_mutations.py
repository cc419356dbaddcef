"""Mutations of how a message is written: overlong varints, repeated, unknown and exchanged fields.

What is said stays as it is, or nearly; the canonical form forbids all of these.
"""

from __future__ import annotations

from random import Random

_VARINT, _FIXED_64, _LENGTH, _FIXED_32 = 0, 1, 2, 5
_Field = tuple[int, bytes]  # key, and what follows it without its length


def change_wire(data: bytes, random: Random) -> bytes | None:
    """Give the same message, or one inside it, written as the canonical form forbids; None if `data` is none."""
    fields = _fields(data)
    if not fields:
        return None
    deeper = [index for index, (key, value) in enumerate(fields) if key & 7 == _LENGTH and _fields(value)]
    if deeper and random.random() < 0.7:
        index = random.choice(deeper)
        key, value = fields[index]
        fields[index] = (key, change_wire(value, random) or value)
        return b"".join(_written(field) for field in fields)
    return _disordered(fields, random)


def _disordered(fields: list[_Field], random: Random) -> bytes:
    a, b = random.randrange(len(fields)), random.randrange(len(fields))
    overlong: tuple[int, int, int] = (0, 0, 0)  # extra bytes of key, length and value of field a
    match random.randrange(6):
        case 0:
            fields.append(fields[a])
        case 1:
            fields[a], fields[b] = fields[b], fields[a]
        case 2:
            fields.insert(a, (random.randint(1, 40) << 3 | _VARINT, _varint(random.randrange(300))))
        case 3:
            fields.insert(a, (random.randint(1, 40) << 3 | _LENGTH, random.randbytes(random.randrange(4))))
        case 4:
            overlong = random.choice(((1, 0, 0), (0, 1, 0), (0, 0, 1)))
        case _:
            fields[a] = (fields[a][0] ^ random.choice((1, 2, 3, 5, 8)), fields[a][1])
    return b"".join(_written(field, *(overlong if index == a else ())) for index, field in enumerate(fields))


def _fields(data: bytes) -> list[_Field] | None:
    """Split a message into its fields; None if it is none."""
    fields, position = [], 0
    while position < len(data):
        key, position = _read_varint(data, position)
        if not key >> 3 or position > len(data):
            return None
        match key & 7:
            case 0:
                value, end = _read_varint(data, position)
                fields.append((key, _varint(value)))
            case 1:
                end = position + 8
                fields.append((key, data[position:end]))
            case 2:
                length, position = _read_varint(data, position)
                end = position + length
                fields.append((key, data[position:end]))
            case 5:
                end = position + 4
                fields.append((key, data[position:end]))
            case _:
                return None
        if end > len(data):
            return None
        position = end
    return fields


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(data) and shift < 70:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7
    return 0, len(data) + 1


def _varint(value: int, extra: int = 0) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value | (0x80 if extra else 0))
    return bytes(written) + (b"\x80" * (extra - 1) + b"\0" if extra else b"")


def _written(field: _Field, key_extra: int = 0, length_extra: int = 0, value_extra: int = 0) -> bytes:
    key, value = field
    written = _varint(key, key_extra)
    if key & 7 == _LENGTH:
        written += _varint(len(value), length_extra)
    if key & 7 == _VARINT and value_extra:
        value = value[:-1] + bytes((value[-1] | 0x80, 0))
    return written + value
