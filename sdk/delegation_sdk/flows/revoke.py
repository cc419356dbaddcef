"""Revoking: anything by its id as an operator, a link also as one of the holders above it."""

from __future__ import annotations

from typing import Final

from delegation.core.revocation import RevocationKind
from delegation.v1 import delegation_service_pb2 as pb
from delegation.wire.delegation import RevokeRequest, revoke_request_message
from delegation_sdk.delegation import Delegation
from delegation_sdk.flows.holder_proof import holder_proof
from delegation_sdk.flows.rpc import Flow, Rpc
from delegation_sdk.sources import Sources

_REVOKE: Final = "delegation.v1.DelegationService/Revoke"


def revoke_id(
    kind: RevocationKind,
    id: bytes,
    sources: Sources,
    *,
    holder: Delegation | None = None,
    justification: str = "",
) -> Flow[int]:
    """Revoke what an id names.

    Args:
        kind: What kind of thing it is.
        id: As `core.revocation.Revocation` says for the kind.
        sources: Clock and randomness.
        holder: For a link: the delegation that it was handed on from, or one before that; None: as an operator.
        justification: Why, for the record.

    Returns:
        The position of the revocation feed at which that is known.

    Raises:
        InvalidRequest: The holder key is not here.
        RequestFailed: The service did not do it.
    """
    said = {"kind": str(kind), "id": id.hex()}
    proof = b"" if holder is None else holder_proof(holder, "revoke", id, said, sources)
    message = revoke_request_message(RevokeRequest(kind, id, proof, justification))
    answer: pb.RevokeResponse = yield Rpc(_REVOKE, message, pb.RevokeResponse)
    return answer.feed_position


def revoke_link(holder: Delegation, handed_on: Delegation, sources: Sources, *, justification: str = "") -> Flow[int]:
    """Revoke a handoff below one's own link, and its subtree.

    Args:
        holder: One's own delegation: the one that `handed_on` came from, or one before that.
        handed_on: What to revoke.
        sources: Clock and randomness.
        justification: Why, for the record.

    Returns:
        The position of the revocation feed at which that is known.

    Raises:
        RequestFailed: The service did not do it.
    """
    return revoke_id(RevocationKind.LINK, handed_on.digest, sources, holder=holder, justification=justification)
