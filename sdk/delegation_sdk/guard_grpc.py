"""The ports of a guard over one gRPC channel. Loaded when a guard is connected, not before."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

import grpc

from delegation.v1 import trust_service_pb2 as pb
from delegation.v1.trust_service_pb2_grpc import TrustServiceStub
from delegation.wire.trust import TrustDocuments, read_trust_bundle
from delegation_sdk.authority_grpc import GrpcAuthority
from delegation_sdk.channel import DEADLINE_S, error_of, open_channel
from delegation_sdk.feed_grpc import GrpcFeed
from delegation_sdk.guard_ports import GuardPorts
from delegation_sdk.profile import Profile
from delegation_sdk.recorder_grpc import GrpcRecords
from delegation_sdk.replay_grpc import GrpcProofs
from delegation_sdk.tool_reports_grpc import GrpcToolReports


class GrpcTrust:
    """Trust bundle and catalogue from the service.

    Args:
        channel: The channel.
    """

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = TrustServiceStub(channel)

    def fetch(self) -> TrustDocuments:
        """Fetch both, unverified. Raises a `DelegationError`."""
        try:
            return read_trust_bundle(self._stub.GetTrustBundle(pb.GetTrustBundleRequest(), timeout=DEADLINE_S))
        except grpc.RpcError as error:
            raise error_of(error) from None


def connect_ports(profile: Profile, federated: Mapping[str, Profile] | None = None) -> GuardPorts:
    """Connect as profiles say: to the own service, and for the feeds of other trust domains to theirs.

    Raises:
        ConfigError: A profile cannot be used.
    """
    with ExitStack() as opened:
        channel = opened.enter_context(open_channel(profile))
        others = {name: opened.enter_context(open_channel(theirs)) for name, theirs in (federated or {}).items()}
        return GuardPorts(
            trust=GrpcTrust(channel),
            feed=GrpcFeed(channel),
            records=GrpcRecords(channel),
            online=GrpcAuthority(channel),
            close=opened.pop_all().close,
            proofs=GrpcProofs(channel),
            tools=GrpcToolReports(channel),
            federated={name: GrpcFeed(other) for name, other in others.items()},
        )
