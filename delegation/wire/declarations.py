"""What tools say of themselves, in messages of their guards."""

from __future__ import annotations

from collections.abc import Sequence

from delegation.core import limits
from delegation.core.codec import effect_numbers, effects_from_numbers
from delegation.core.declaration import NOTHING_DECLARED, Declaration, checked_labels
from delegation.core.trust import Effect
from delegation.errors import InvalidRequest, Malformed
from delegation.v1 import statement_pb2 as pb
from delegation.wire.fields import sized


def effect_numbers_of(declared: Declaration) -> list[pb.Effect.ValueType]:
    """Give the numbers of declared effects, in order."""
    return effect_numbers(declared.effects) if declared.effects else []


def read_declaration(effects: Sequence[int], labels: Sequence[str], manifest_digest: bytes) -> Declaration:
    """Read what a tool says of itself. Raises `InvalidRequest`: what is not understood may be what is dangerous."""
    if not (effects or labels or manifest_digest):
        return NOTHING_DECLARED
    try:
        known = effects_from_numbers(effects) if effects else frozenset[Effect]()
        named = checked_labels(labels)
    except Malformed as error:
        raise InvalidRequest(f"a declaration: {error.detail}") from None
    if list(labels) != sorted(named):
        raise InvalidRequest("a declaration: labels are not sorted and unique")
    digest = sized(manifest_digest, limits.LINK_ID_BYTES, "manifest_digest") if manifest_digest else b""
    return Declaration(known, named, digest)
