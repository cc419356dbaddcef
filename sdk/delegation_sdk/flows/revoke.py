"""Revoking anything by its id: as an operator, or a link as one of the holders above it."""

from __future__ import annotations

from typing import Final

from delegation.core.arguments import Arguments
from delegation.core.limits import NONCE_BYTES
from delegation.core.proof import SERVICE_AUDIENCE, sign_proof
from delegation.core.revocation import RevocationKind
from delegation.v1 import delegation_service_pb2 as pb
from delegation.wire.delegation import RevokeRequest, revoke_request_message
from delegation_sdk.delegation import Delegation
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
    proof = b"" if holder is None else _proof(holder, kind, id, sources)
    message = revoke_request_message(RevokeRequest(kind, id, proof, justification))
    answer: pb.RevokeResponse = yield Rpc(_REVOKE, message, pb.RevokeResponse)
    return answer.feed_position


def _proof(holder: Delegation, kind: RevocationKind, id: bytes, sources: Sources) -> bytes:
    return sign_proof(
        holder.require_key(),
        chain_digest=id,
        audience=SERVICE_AUDIENCE,
        tool="revoke",
        arguments_digest=Arguments.of({"kind": str(kind), "id": id.hex()}).digest,
        now_ms=sources.now_ms(),
        nonce=sources.random(NONCE_BYTES),
    )
