"""Scopes for the search of the worst input: tools with constraints, or bytes that only look like a scope."""

from __future__ import annotations

from typing import Final

import worst_constraints
from worst_recipes import Part, Recipe, Whole, Word
from worst_values import NAMES, Room

from delegation.core import limits
from delegation.v1 import chain_pb2 as pb

AUDIENCE: Final = "a"
CALLED: Final = "t000"

_CONSTRAINT: Final = 3  # field of Argument
_INSIDE: Final = {
    "capabilities": (1,),
    "arguments": (1, 4),
    "conditions": (1, 5),
    "approvers": (1, 5, 3, 1),
    "constraints": (1, 4, _CONSTRAINT, 26, 1),
    "fields": (1, 4, _CONSTRAINT, 22, 1),
    "strings": (1, 4, _CONSTRAINT, 8, 1),
    "integers": (1, 4, _CONSTRAINT, 8, 2),
    "decimals": (1, 4, _CONSTRAINT, 8, 3),
    "values": (1, 4, _CONSTRAINT, 7, 6, 1),
    "members": (1, 4, _CONSTRAINT, 7, 7, 1),
    "nested": (1, 4, _CONSTRAINT, *[21] * 60),
}
"""Field numbers from Scope to something that may stand often."""

_UNITS: Final = {
    "empty": lambda tag: tag + b"\x00",
    "one byte": lambda tag: tag + b"\x01a",
    "empty inside": lambda tag: tag + b"\x02\x0a\x00",
    "overlong": lambda tag: tag + b"\x80\x00",
    "unknown": lambda _: b"\xf8\x07\x01",
    "unknown group": lambda _: b"\xfb\x07\xfc\x07",
}

SCOPES: Final = {
    "tools": (
        Whole(1, limits.CAPABILITIES),
        Whole(0, limits.ARGUMENTS),
        Part("constraint"),
        Part("constraint"),
        Word(("required", "optional")),
        Word(tuple(NAMES)),
        Word(("same", "other")),
    ),
    "any call": (),
    "nothing": (),
    "conditions": (Whole(1, limits.CAPABILITIES), Whole(1, limits.CONDITIONS), Whole(1, limits.APPROVERS)),
    "bytes": (Word(tuple(_INSIDE)), Word(tuple(_UNITS))),
}

GRAMMAR: Final = {**worst_constraints.GRAMMAR, "scope": SCOPES}


def scope(recipe: Recipe, room: Room) -> bytes:
    """Make the bytes of a scope."""
    match recipe:
        case "tools", count, *listed, tools:
            capabilities = []
            for index in range(count):
                if not room.is_left:
                    break
                name = CALLED if index == 0 and tools == "same" else f"{'t' if tools == 'same' else 'u'}{index:03}"
                capabilities.append(_tool(name, listed, room))
            return pb.Scope(capabilities=capabilities).SerializeToString()
        case ["any call"]:
            return _one(pb.Capability(audience=AUDIENCE, tool=CALLED, any_arguments=True))
        case "conditions", count, conditions, approvers:
            capabilities = []
            for index in range(count):
                if not room.is_left:
                    break
                capabilities.append(_conditioned(f"t{index:03}", conditions, approvers, room))
            return pb.Scope(capabilities=capabilities).SerializeToString()
        case "bytes", where, unit:
            return _repeated(_INSIDE[where], unit, room)
        case _:
            return b""


def _one(capability: pb.Capability) -> bytes:
    return pb.Scope(capabilities=[capability]).SerializeToString()


def _tool(name: str, listed: Recipe, room: Room) -> pb.Capability:
    count, one, other, presence, names = listed
    room.take(14)
    arguments = worst_constraints.arguments(count, (one, other), room, presence=presence, names=names)
    return pb.Capability(audience=AUDIENCE, tool=name, arguments=arguments)


def _conditioned(name: str, conditions: int, approvers: int, room: Room) -> pb.Capability:
    several = []
    for threshold in range(1, min(conditions, approvers) + 1):
        named = [f"a{index:02}" for index in range(approvers)]
        several.append(pb.Condition(approval=pb.ApprovalRequirement(approvers=named, threshold=threshold)))
        room.take(several[-1].ByteSize() + 3)
    return pb.Capability(audience=AUDIENCE, tool=name, any_arguments=True, conditions=several)


def _repeated(numbers: tuple[int, ...], unit: str, room: Room) -> bytes:
    """Fill the room with one field, over and over, inside the fields before it."""
    *outer, last = numbers
    size = max(room.bytes_left - 5 * len(numbers), 0)
    if unit == "one byte" and last == 2:
        filled = framed(last, bytes(min(size, limits.TOKEN_BYTES)))
    else:
        one = _UNITS[unit](_varint(last << 3 | 2))
        filled = one * (size // len(one))
    for number in reversed(outer):
        filled = framed(number, filled)
    room.take(len(filled))
    return filled


def framed(number: int, inside: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(inside)) + inside


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*written, number))
