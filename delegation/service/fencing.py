"""Fences: what a write rests on, so that the database refuses it if that was revoked meanwhile."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import cast

from delegation.core.chain import VerifiedChain
from delegation.core.revocation import RevocationKind, refuse_revoked, revocation_key
from delegation.errors import Refused
from delegation.storage.preconditions import Fence
from delegation.storage.refused_writes import RevokedMeanwhileError


@dataclass(frozen=True, slots=True)
class _Things(Container[tuple[str, bytes]]):
    """Things by their `revocation_key`s: the database hardly ever asks about one, so nothing is made of them before."""

    keys: frozenset[bytes]

    def __contains__(self, thing: object) -> bool:
        """Tell whether (kind, id) is one of them. Raises `ValueError` for a kind that this version does not know."""
        kind, id_ = cast("tuple[str, bytes]", thing)
        return revocation_key(RevocationKind(kind), id_) in self.keys


def fence_of(chain: VerifiedChain, position: int) -> Fence:
    """Make the fence of a write that rests on a chain found unrevoked at a position of the feed."""
    return Fence(position, _Things(chain.revocation_keys))


def fence_of_all(chains: Iterable[VerifiedChain], position: int) -> Fence:
    """Make the fence of a write that rests on several chains."""
    return Fence(position, _Things(frozenset().union(*[chain.revocation_keys for chain in chains])))


def fence_of_keys(keys: frozenset[bytes], position: int) -> Fence:
    """Make the fence of a write that rests on things named by their `revocation_key`s."""
    return Fence(position, _Things(keys))


def refusal_of(error: RevokedMeanwhileError) -> Refused:
    """Make the refusal that a revocation would have led to, had it come a moment earlier."""
    refused = refuse_revoked(RevocationKind(error.kind))
    assert isinstance(refused, Refused)  # noqa: S101 - it is made by `refusal`
    return refused
