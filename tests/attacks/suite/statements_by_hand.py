"""Receipts and bindings as a hostile holder would add them to a token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from attacks.suite import writer as w
from attacks.suite.calls import Call, NotHere, Recipe
from attacks.suite.recipes import path_of
from attacks.suite.signatures import receipt_bytes
from attacks.suite.worlds import World, token_of
from delegation.core.keys import Purpose, SigningKey
from delegation.errors import Reason
from support.chains import (
    MINUTE_MS,
    NOW_MS,
    STATEMENTS,
    MadeChain,
)

LATER = NOW_MS + 60 * MINUTE_MS


INVALID = Reason.STATEMENT_INVALID


def binding(holder: bytes, name: str, *, until: int = LATER) -> bytes:
    """Write a binding's payload."""
    return w.fields((1, holder), (2, name), (3, NOW_MS), (4, until))


def with_statements(*frames: Callable[[MadeChain], bytes], of: int = 3, unrecorded: bool = True) -> Recipe:
    """Call under a chain that carries these statements."""

    def recipe(world: World) -> Call:
        if world.statement_key is not STATEMENTS:
            raise NotHere
        made = world.chain(path_of(of), unrecorded=unrecorded)
        return replace(world.call(made), token=token_of(made) + b"".join(frame(made) for frame in frames))

    return recipe


def bound(
    holder: Callable[[MadeChain], bytes], name: str, signer: SigningKey = STATEMENTS, **how: Any
) -> Callable[[MadeChain], bytes]:
    return lambda made: receipt_bytes(signer, binding(holder(made), name), how.get("purpose", Purpose.BINDING), 2)


def leaf(made: MadeChain) -> bytes:
    return made.leaf_key.public
