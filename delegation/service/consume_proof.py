"""ConsumeProof: use up a proof for a guard that decides in process but shares its replay store."""

from __future__ import annotations

from delegation.core import limits
from delegation.core.proof import proof_id
from delegation.errors import Reason, refusal
from delegation.identity.port import Caller
from delegation.service.ids import Clock
from delegation.storage.port import Storage
from delegation.storage.preconditions import ProofUse
from delegation.storage.refused_writes import ReplayedProofError


class ConsumeProof:
    """Makes one guard the only one to accept a proof."""

    def __init__(self, storage: Storage, *, now_ms: Clock) -> None:
        self._storage = storage
        self._now_ms = now_ms

    async def __call__(
        self, caller: Caller, *, audience: str, chain_digest: bytes, nonce: bytes, issued_at_ms: int
    ) -> None:
        """Use up a proof that the guard has checked.

        Args:
            caller: who asks.
            audience: for whom it speaks, and for which the proof was.
            chain_digest: of the chain that the proof is about, 32 bytes.
            nonce: the proof's, 16 bytes.
            issued_at_ms: when the proof says that it was signed.

        Raises:
            PermissionDenied, PolicyDenied: the caller does not speak for the audience.
            BadProof: PROOF_REPLAYED; PROOF_STALE or PROOF_FROM_FUTURE by the service's clock, since what is
                outside the window is not remembered.
        """
        caller.require_audience(audience)
        now_ms = self._now_ms()
        if issued_at_ms < now_ms - limits.PROOF_PAST_MS:
            raise refusal(Reason.PROOF_STALE)
        if issued_at_ms > now_ms + limits.PROOF_FUTURE_MS:
            raise refusal(Reason.PROOF_FROM_FUTURE)
        try:
            used = proof_id(chain_digest, audience, nonce)
            await self._storage.consume_proof(ProofUse(used, issued_at_ms, audience, caller.id))
        except ReplayedProofError:
            raise refusal(Reason.PROOF_REPLAYED) from None
