"""The service's own store of used proofs (`ConsumeProof`), for guards that decide in process."""

from __future__ import annotations

import grpc

from delegation.core.break_glass import BreakGlass
from delegation.errors import DelegationError, Reason, Refused, refusal
from delegation.v1.authorization_service_pb2_grpc import AuthorizationServiceStub
from delegation.wire.authorization import ProofToConsume, consume_proof_request_message
from delegation_sdk.channel import error_of
from delegation_sdk.shared_replay import ProofUse

DEADLINE_S = 2.0
"""A tool's caller waits for it."""


class GrpcProofs:
    """Uses up proofs at the service.

    Args:
        channel: The channel.
        deadline_s: How long that may take, seconds.
    """

    def __init__(self, channel: grpc.Channel, *, deadline_s: float = DEADLINE_S) -> None:
        self._stub = AuthorizationServiceStub(channel)
        self._deadline_s = deadline_s

    def use(self, proof: ProofUse) -> None:
        """Look and remember, in one atomic step.

        Raises:
            BadProof: PROOF_REPLAYED, PROOF_STALE or PROOF_FROM_FUTURE.
            Undecided: SERVICE_UNAVAILABLE if the service cannot be asked.
        """
        if proof.issued_at_ms < proof.accept_from_ms:
            raise refusal(Reason.PROOF_STALE)
        message = consume_proof_request_message(
            ProofToConsume(proof.audience, proof.nonce, proof.issued_at_ms, proof.chain_digest)
        )
        try:
            self._stub.ConsumeProof(message, timeout=self._deadline_s)
        except grpc.RpcError as error:
            raise _denial(error_of(error)) from None

    def use_order(self, order: BreakGlass, *, now_ms: int) -> None:
        """Use up no break-glass statement: where one is needed, the service is away. Raises `Undecided`."""
        del order, now_ms
        raise refusal(Reason.SERVICE_UNAVAILABLE, detail="the service keeps no break-glass statements of single use")

    def close(self) -> None:
        """Leave the channel open: others use it."""


def _denial(error: DelegationError) -> Refused:
    return error if isinstance(error, Refused) else refusal(Reason.SERVICE_UNAVAILABLE)
