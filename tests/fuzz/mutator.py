"""What is tried next: bytes changed by libFuzzer, or what they say changed field by field."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from google.protobuf.message import Message

from fuzz import seeds
from fuzz.json_mutations import change_json
from fuzz.message_mutations import change_message
from fuzz.target import Target
from fuzz.wire_mutations import change_wire

Mutator = Callable[[bytes, int, int], bytes]
_BY_BYTES: Final = 0.6
"""The share of inputs that libFuzzer changes by bytes, not knowing what they say."""


def mutator(target: Target, mutate_bytes: Callable[[bytes, int], bytes], random: Random) -> Mutator:
    """Give the mutator of a target: a function of input, largest size, and libFuzzer's randomness (not used).

    Args:
        target: the target.
        mutate_bytes: libFuzzer's own mutation of an input, up to a size.
        random: makes the choices.
    """
    donors: Final = target.seeds()

    def mutate(data: bytes, max_bytes: int, _: int) -> bytes:
        if random.random() < _BY_BYTES or not target.structured:
            return mutate_bytes(data, max_bytes)
        other = random.choice(donors)
        changed = _change_piece(target, data, other, random) if target.framed else _change(target, data, other, random)
        return changed[:max_bytes] if changed else mutate_bytes(data, max_bytes)

    return mutate


def _change(target: Target, data: bytes, other: bytes, random: Random) -> bytes | None:
    if target.kinds:
        return _change_one_of(target.kinds, data, random)
    if target.kind is None:
        return change_json(data, other, random)
    return _change_as(target.kind, data, other, random)


def _change_one_of(kinds: tuple[type[Message], ...], data: bytes, random: Random) -> bytes | None:
    """Change a message of the kind that the first byte names."""
    if not data:
        return None
    changed = _change_as(kinds[data[0] % len(kinds)], data[1:], data[1:], random)
    return None if changed is None else data[:1] + changed


def _change_as(kind: type[Message], data: bytes, other: bytes, random: Random) -> bytes | None:
    if random.random() < 0.75:
        return change_message(kind, data, other, random)
    return change_wire(data, random)


def _change_piece(target: Target, data: bytes, other: bytes, random: Random) -> bytes:
    """Change one piece of a sequence, or the sequence."""
    pieces, others = seeds.pieces(data), seeds.pieces(other)
    if not pieces or random.random() < 0.2:
        pieces.insert(random.randint(0, len(pieces)), random.choice(others))
    elif random.random() < 0.2:
        random.shuffle(pieces)
    else:
        index = random.randrange(len(pieces))
        pieces[index] = _change(target, pieces[index], random.choice(others), random) or b""
    return b"".join(map(seeds.framed, pieces))
