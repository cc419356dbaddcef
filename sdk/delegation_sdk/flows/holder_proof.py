"""The proof by which a holder renews or ends a task, or takes a link back: as of a call, at the service (SPEC 7.3)."""

from __future__ import annotations

from collections.abc import Mapping

from delegation.core.arguments import Arguments
from delegation.core.limits import NONCE_BYTES
from delegation.core.proof import sign_proof
from delegation.core.scope import SERVICE_AUDIENCE
from delegation_sdk.delegation import Delegation
from delegation_sdk.sources import Sources


def holder_proof(holder: Delegation, act: str, about: bytes, arguments: Mapping[str, str], sources: Sources) -> bytes:
    """Sign one act.

    Args:
        holder: Whose key signs.
        act: "complete_task", "renew" or "revoke".
        about: The link id of what it is done to, or the id that is revoked.
        arguments: What is said of it.
        sources: Clock and randomness.

    Raises:
        InvalidRequest: The holder key is not here.
    """
    return sign_proof(
        holder.require_key(),
        chain_digest=about,
        audience=SERVICE_AUDIENCE,
        tool=act,
        arguments_digest=Arguments.of(arguments).digest,
        now_ms=sources.now_ms(),
        nonce=sources.random(NONCE_BYTES),
    )
