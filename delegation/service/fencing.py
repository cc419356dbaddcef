"""Fences: what a write rests on, so that the database refuses it if that was revoked meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from delegation.core.chain import VerifiedChain
from delegation.core.revocation import RevocationKind, refuse_revoked, split_revocation_key
from delegation.errors import Refused
from delegation.storage.port import Fence, RevokedMeanwhileError

_REMEMBERED_CHAINS: Final = 4096


def fence_of(chain: VerifiedChain, position: int) -> Fence:
    """Make the fence of a write that rests on a chain found unrevoked at a position of the feed."""
    return Fence(position, _rests_on(chain.revocation_keys))


def fence_of_all(chains: Iterable[VerifiedChain], position: int) -> Fence:
    """Make the fence of a write that rests on several chains."""
    return Fence(position, _rests_on(frozenset().union(*(chain.revocation_keys for chain in chains))))


def fence_of_keys(keys: frozenset[bytes], position: int) -> Fence:
    """Make the fence of a write that rests on things named by their `revocation_key`s."""
    return Fence(position, _rests_on(keys))


def refusal_of(error: RevokedMeanwhileError) -> Refused:
    """Make the refusal that a revocation would have led to, had it come a moment earlier."""
    refused = refuse_revoked(RevocationKind(error.kind))
    assert isinstance(refused, Refused)  # noqa: S101 - it is made by `refusal`
    return refused


@lru_cache(maxsize=_REMEMBERED_CHAINS)
def _rests_on(keys: frozenset[bytes]) -> frozenset[tuple[str, bytes]]:
    return frozenset((str(kind), id_) for kind, id_ in map(split_revocation_key, keys))
