"""Decision records and outcomes over gRPC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import grpc

from delegation.core.statement import SignedStatement
from delegation.errors import DelegationError, Overloaded, ServiceUnavailable, StorageError
from delegation.v1.authorization_service_pb2_grpc import AuthorizationServiceStub
from delegation.wire.authorization import record_decisions_request_message, report_outcome_request_message
from delegation_sdk.channel import DEADLINE_S, error_of
from delegation_sdk.log import warn

_IN_FLIGHT: Final = 64


class GrpcRecords:
    """Hands records and outcomes to the service.

    Args:
        channel: The channel.
    """

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = AuthorizationServiceStub(channel)

    def record(self, batch: SignedStatement, tokens: Sequence[bytes]) -> int:
        """Record a batch durably; give the number that the next record must have. Raises a `DelegationError`."""
        # One batch a stream: what is not acknowledged is sent again, and a stream would not tell which that was.
        requests = iter((record_decisions_request_message(batch, tokens),))
        try:
            for answer in self._stub.RecordDecisions(requests, timeout=DEADLINE_S):
                return answer.next_sequence
        except grpc.RpcError as error:
            raise error_of(error) from None
        raise ServiceUnavailable("the service ended the stream without an acknowledgement")

    def report(self, outcomes: Sequence[SignedStatement], guard_key: bytes) -> None:
        """Record what came of calls. Raises a `DelegationError` if it should be tried again."""
        for start in range(0, len(outcomes), _IN_FLIGHT):
            calls = [
                self._stub.ReportOutcome.future(report_outcome_request_message(outcome, guard_key), timeout=DEADLINE_S)
                for outcome in outcomes[start : start + _IN_FLIGHT]
            ]
            for call in calls:
                _settle(call)


def _settle(call: Any) -> None:
    """Wait for one outcome's answer. One that the service will never take must not hold up the others."""
    try:
        call.result()
    except grpc.RpcError as error:
        failed: DelegationError = error_of(error)
        if isinstance(failed, (ServiceUnavailable, Overloaded, StorageError)):
            raise failed from None
        warn("the service did not take an outcome: %s", failed)
