"""The revocation feed over gRPC."""

from __future__ import annotations

import grpc

from delegation.core.statement import SignedStatement
from delegation.v1 import trust_service_pb2 as pb
from delegation.v1.trust_service_pb2_grpc import TrustServiceStub
from delegation.wire.trust import read_feed_entry
from delegation_sdk.transport_grpc import Pump


class GrpcFeed:
    """Opens streams of the feed.

    Args:
        channel: The channel.
    """

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = TrustServiceStub(channel)

    def open(self, after_position: int) -> GrpcFeedStream:
        """Open a stream that goes on after a position; 0 begins with a snapshot."""
        # No deadline: it lives until it breaks, which the watcher notices.
        call = self._stub.WatchRevocations(pb.WatchRevocationsRequest(after_position=after_position))
        return GrpcFeedStream(Pump(call))


class GrpcFeedStream:
    """One open stream of the feed."""

    def __init__(self, pump: Pump) -> None:
        self._pump = pump

    def next(self, timeout_s: float) -> SignedStatement | None:
        """Give the next entry, or None if none came in time. Raises a `DelegationError` when the stream ends."""
        message = self._pump.receive(timeout_s)
        return None if message is None else read_feed_entry(message)

    def cancel(self) -> None:
        """Close the stream, from any thread."""
        self._pump.cancel()
