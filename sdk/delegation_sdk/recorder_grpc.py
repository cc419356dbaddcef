"""Decision records and outcomes over gRPC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import grpc

from delegation.core.statement import SignedStatement
from delegation.errors import DelegationError, Overloaded, ServiceUnavailable, StorageError
from delegation.v1.authorization_service_pb2 import (
    RecordDecisionsRequest,
    RecordDecisionsResponse,
    ReportOutcomeRequest,
)
from delegation.v1.authorization_service_pb2_grpc import AuthorizationServiceStub
from delegation.wire.authorization import record_decisions_request_message, report_outcome_request_message
from delegation_sdk.channel import DEADLINE_S, error_of
from delegation_sdk.log import warn

_IN_FLIGHT: Final = 64
_RECORD_DECISIONS: Final = "/delegation.v1.AuthorizationService/RecordDecisions"


class GrpcRecords:
    """Hands records and outcomes to the service.

    Args:
        channel: The channel.
    """

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = AuthorizationServiceStub(channel)
        # One batch a stream: what is not acknowledged is sent again, and a stream would not tell which that was. A
        # stream of one message each way is a unary call on the wire; made as one it needs no thread of its own, and
        # from Python 3.12 on no thread can be started when the program ends, which is when the last batch leaves.
        self._record = channel.unary_unary(
            _RECORD_DECISIONS,
            request_serializer=RecordDecisionsRequest.SerializeToString,
            response_deserializer=RecordDecisionsResponse.FromString,
        )

    def record(self, batch: SignedStatement, tokens: Sequence[bytes]) -> int:
        """Record a batch durably; give the number that the next record must have. Raises a `DelegationError`."""
        try:
            answer = self._record(record_decisions_request_message(batch, tokens), timeout=DEADLINE_S)
        except grpc.RpcError as error:
            raise error_of(error) from None
        return int(answer.next_sequence)

    def report(self, outcomes: Sequence[SignedStatement], guard_key: bytes) -> None:
        """Record what came of calls. Raises a `DelegationError` if it should be tried again."""
        for start in range(0, len(outcomes), _IN_FLIGHT):
            requests = [
                report_outcome_request_message(outcome, guard_key) for outcome in outcomes[start : start + _IN_FLIGHT]
            ]
            for answer in self._begin(requests):
                _settle(answer)

    def _begin(self, requests: list[ReportOutcomeRequest]) -> list[Callable[[], object]]:
        """Send outcomes side by side; or one after another when the program ends, as that may need a thread."""
        report = self._stub.ReportOutcome
        try:
            return [report.future(request, timeout=DEADLINE_S).result for request in requests]
        except RuntimeError:
            return [partial(report, request, timeout=DEADLINE_S) for request in requests]


def _settle(answer: Callable[[], object]) -> None:
    """Wait for one outcome's answer. One that the service will never take must not hold up the others."""
    try:
        answer()
    except grpc.RpcError as error:
        failed: DelegationError = error_of(error)
        if isinstance(failed, (ServiceUnavailable, Overloaded, StorageError)):
            raise failed from None
        warn("the service did not take an outcome: %s", failed)
