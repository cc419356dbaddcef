"""Channels to the service: mutual TLS from a profile, dead peers noticed, repeatable calls repeated by gRPC itself."""

from __future__ import annotations

import json
from typing import Any, Final

import grpc
import grpc.aio

from delegation.errors import DelegationError
from delegation.wire.errors import error_of_call
from delegation_sdk.addresses import grpc_target
from delegation_sdk.credentials import file_credentials, svid_credentials
from delegation_sdk.profile import Profile

DEADLINE_S: Final = 10.0
"""No unary call waits longer."""

# Together longer than the wait between two attempts to connect, so that a restart of the service goes unnoticed.
_REPEATED: Final = {
    "maxAttempts": 5,
    "initialBackoff": "0.2s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
# What flows ask for is idempotent. Guards ask AuthorizationService, and are denied at once when it is down.
_SERVICE_CONFIG: Final = {
    "loadBalancingConfig": [{"round_robin": {}}],  # replicas take turns; one that is gone is left out
    "healthCheckConfig": {"serviceName": ""},  # and so is one that says of itself that it is not well
    "methodConfig": [
        {
            "name": [
                {"service": "delegation.v1.DelegationService"},
                {"service": "delegation.v1.TrustService", "method": "GetTrustBundle"},
                {"service": "delegation.v1.TrustService", "method": "RegisterAgent"},
            ],
            "retryPolicy": _REPEATED,
        }
    ],
}
_OPTIONS: Final = (
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.keepalive_time_ms", 5_000),  # no more often than the service permits
    ("grpc.keepalive_timeout_ms", 2_000),
    ("grpc.http2.ping_timeout_ms", 2_000),  # without it a dead peer is noticed after a minute
    ("grpc.initial_reconnect_backoff_ms", 100),
    # Despite its name, how long one attempt may take, TLS included: too little and a busy machine never connects.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)


def open_channel(profile: Profile) -> grpc.Channel:
    """Open a channel; it connects when first used. With the Workload API, it waits for the first SVID, and follows it.

    Raises:
        ConfigError: A file of the profile cannot be read, or the Workload API gives nothing.
    """
    if profile.workload_api is None:
        return grpc.secure_channel(_target(profile), file_credentials(profile), options=_options(profile))
    from delegation_sdk.rotating_channel import RotatingChannel
    from delegation_sdk.workload_api import Svid, SvidSource

    def connect(svid: Svid) -> grpc.Channel:
        return grpc.secure_channel(_target(profile), svid_credentials(profile, svid), options=_options(profile))

    return RotatingChannel(SvidSource(profile.workload_api), connect)


def open_aio_channel(profile: Profile) -> grpc.aio.Channel:
    """Open a channel for asyncio; otherwise as `open_channel`."""
    if profile.workload_api is None:
        return grpc.aio.secure_channel(_target(profile), file_credentials(profile), options=_options(profile))
    from delegation_sdk.rotating_aio_channel import RotatingAioChannel
    from delegation_sdk.workload_api import Svid, SvidSource

    def connect(svid: Svid) -> grpc.aio.Channel:
        return grpc.aio.secure_channel(_target(profile), svid_credentials(profile, svid), options=_options(profile))

    return RotatingAioChannel(SvidSource(profile.workload_api), connect)


def error_of(failure: Any) -> DelegationError:
    """Make the exception of the tree out of one of gRPC's."""
    return error_of_call(failure)


def _target(profile: Profile) -> str:
    return grpc_target(profile.target, server_name=profile.server_name)


def _options(profile: Profile) -> list[tuple[str, Any]]:
    if profile.server_name is None:
        return list(_OPTIONS)
    return [*_OPTIONS, ("grpc.ssl_target_name_override", profile.server_name)]
