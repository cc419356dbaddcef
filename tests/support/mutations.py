"""Thousands of wrong tokens out of right ones: by the byte, and by the frame.

All choices come from a `random.Random` with a fixed seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from delegation.core.chain import Frame
from delegation.core.codec import join_token, parse_token
from delegation.errors import Refused
from support.chains import MadeChain


def flips(token: bytes, random: Random) -> Iterator[bytes]:
    """One bit of every byte."""
    for position in range(len(token)):
        mutant = bytearray(token)
        mutant[position] ^= 1 << random.randrange(8)
        yield bytes(mutant)


def cuts(token: bytes, random: Random, count: int) -> Iterator[bytes]:
    """Beginnings, ends, and tokens with a piece missing."""
    for _ in range(count):
        a, b = sorted(random.sample(range(len(token) + 1), 2))
        yield from (token[:a], token[b:], token[:a] + token[b:])


def insertions(token: bytes, random: Random, count: int) -> Iterator[bytes]:
    """Bytes that were not there, and pieces that were there once."""
    for _ in range(count):
        at = random.randrange(len(token) + 1)
        a, b = sorted(random.sample(range(len(token) + 1), 2))
        yield token[:at] + random.randbytes(random.randint(1, 8)) + token[at:]
        yield token[:at] + token[a:b] + token[at:]


def reorderings(token: bytes, random: Random, count: int) -> Iterator[bytes]:
    """Two neighbouring pieces changed places."""
    for _ in range(count):
        a, b, c = sorted(random.sample(range(len(token) + 1), 3))
        yield token[:a] + token[b:c] + token[a:b] + token[c:]


def splices(token: bytes, other: bytes, random: Random, count: int) -> Iterator[bytes]:
    """The beginning of one and the end of another; a piece of one written over the other."""
    for _ in range(count):
        a, b = random.randrange(1, len(token)), random.randrange(1, len(other))
        yield token[:a] + other[b:]
        size = random.randint(1, min(64, len(other) - b, len(token) - a))
        yield token[:a] + other[b : b + size] + token[a + size :]


def frame_swaps(made: MadeChain, other: MadeChain) -> Iterator[bytes]:
    """Links dropped, repeated, exchanged, re-ordered, and their signatures exchanged."""
    mine, theirs = made.frames, other.frames
    statements = made.service_statements
    for i in range(len(mine)):
        yield join_token(mine[:i] + mine[i + 1 :], statements)
        yield join_token(mine[: i + 1] + mine[i:], statements)
        for foreign in theirs:
            yield join_token([*mine[:i], foreign, *mine[i + 1 :]], statements)
            yield join_token([*mine[:i], foreign, *mine[i:]], statements)
            yield join_token([*mine[:i], Frame(mine[i].payload, foreign.signature, 0), *mine[i + 1 :]], statements)
        for j in range(i):
            swapped = [*mine]
            swapped[i], swapped[j] = swapped[j], swapped[i]
            yield join_token(swapped, statements)
            yield join_token([*mine, mine[j]], statements)


def statement_swaps(made: MadeChain, other: MadeChain) -> Iterator[bytes]:
    """Statements of another chain in place of, and beside, one's own."""
    mine, theirs = made.service_statements, other.service_statements
    for foreign in theirs:
        yield join_token(made.frames, (*mine, foreign))
        for i in range(len(mine)):
            yield join_token(made.frames, (*mine[:i], foreign, *mine[i + 1 :]))
            yield join_token(made.frames, (*mine, mine[i]._replace(signature=foreign.signature)))
            yield join_token(made.frames, (*mine, mine[i]._replace(payload=foreign.payload)))
            yield join_token(made.frames, (*mine, mine[i]._replace(kind=theirs[0].kind if i else theirs[1].kind)))


def says_the_same(mutant: bytes, made: MadeChain) -> bool:
    """Tell whether a mutant is no mutant: the same links, and no statement that was not there before."""
    try:
        chain = parse_token(mutant)
    except Refused:
        return False
    same_links = [frame[:2] for frame in chain.frames] == [frame[:2] for frame in made.frames]
    return same_links and set(chain.statements) <= set(made.service_statements)
