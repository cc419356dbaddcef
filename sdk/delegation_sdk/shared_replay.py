"""Proofs that all instances of a tool accept once between them: the port, and what it is asked.

One guard remembers in its own process (`replay`). Several instances of one audience share a store: the service's
(`guard_grpc`), or one of their own (`replay_redis`).
"""

from __future__ import annotations

from typing import Protocol

from delegation.core.break_glass import BreakGlass
from delegation.core.call import Proof
from delegation.core.named_tuple import NamedTuple
from delegation.core.proof import proof_id


class ProofUse(NamedTuple):
    """A proof whose signature has been checked, about to be used up.

    Attributes:
        chain_digest: Of the chain that it is about, 32 bytes.
        audience: For whom it is.
        nonce: Its nonce, 16 bytes.
        issued_at_ms: When it says that it was signed.
        accept_from_ms: A proof that was signed before is refused.
        now_ms: The time.
    """

    chain_digest: bytes
    audience: str
    nonce: bytes
    issued_at_ms: int
    accept_from_ms: int
    now_ms: int

    @classmethod
    def of(cls, proof: Proof, *, accept_from_ms: int, now_ms: int) -> ProofUse:
        """Make the question about a proof that was checked."""
        return cls(proof.chain_digest, proof.audience, proof.nonce, proof.issued_at_ms, accept_from_ms, now_ms)

    @property
    def id(self) -> bytes:
        """What a store knows the proof by, 16 bytes; a digest."""
        return proof_id(self.chain_digest, self.audience, self.nonce)


class SharedReplay(Protocol):
    """A store of used proofs that several guards ask. Called from several threads; it may block."""

    def use(self, proof: ProofUse) -> None:
        """Look and remember, in one atomic step.

        Raises:
            BadProof: PROOF_REPLAYED if it was used, PROOF_STALE if that cannot be known any more.
            Undecided: SERVICE_UNAVAILABLE if the store cannot be asked. Any other failure is a denial, too.
        """

    def use_order(self, order: BreakGlass, *, now_ms: int) -> None:
        """Use up a break-glass statement of single use, by its nonce, in one atomic step; remember it until it ends.

        Raises:
            DelegationError: It was used before, or the store cannot tell.
        """

    def close(self) -> None:
        """Let go of connections."""
