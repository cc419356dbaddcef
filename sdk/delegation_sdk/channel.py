"""Channels to the service: mutual TLS from a profile, dead peers noticed, repeatable calls repeated by gRPC itself."""

from __future__ import annotations

import json
from typing import Any, Final

import grpc
import grpc.aio

from delegation.errors import DelegationError
from delegation.wire.errors import error_of_call
from delegation_sdk.addresses import grpc_target
from delegation_sdk.certificate_files import CertificateFiles, Certificates
from delegation_sdk.credentials import file_credentials, svid_credentials
from delegation_sdk.profile import Profile
from delegation_sdk.rotating_aio_channel import RotatingAioChannel
from delegation_sdk.rotating_channel import Material, RotatingChannel
from delegation_sdk.workload_api import Svid, SvidSource

DEADLINE_S: Final = 10.0
"""No unary call waits longer."""

# Together longer than the wait between two attempts to connect, so that a restart of the service goes unnoticed.
_REPEATED: Final = {
    "maxAttempts": 5,
    "initialBackoff": "0.2s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    # CANCELLED is what gRPC's server says of calls that reached it and were not begun when it went away. What a client
    # itself has cancelled is not repeated.
    "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
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
    """Open a channel; it connects when first used, and follows certificates as they rotate.

    With the Workload API, it waits for the first SVID. Once it is closed, calls raise `ServiceUnavailable`.

    Raises:
        ConfigError: A file of the profile cannot be read, or the Workload API gives nothing.
    """

    def connect(material: Certificates | Svid) -> grpc.Channel:
        return grpc.secure_channel(_target(profile), _credentials(profile, material), options=_options(profile))

    return RotatingChannel(_material(profile), connect)


def open_aio_channel(profile: Profile) -> grpc.aio.Channel:
    """Open a channel for asyncio; otherwise as `open_channel`."""

    def connect(material: Certificates | Svid) -> grpc.aio.Channel:
        return grpc.aio.secure_channel(_target(profile), _credentials(profile, material), options=_options(profile))

    return RotatingAioChannel(_material(profile), connect)


def _material(profile: Profile) -> Material[Certificates | Svid]:
    """Begin to follow what the client shows of itself."""
    if profile.workload_api is not None:
        return SvidSource(profile.workload_api)
    with_certificate = profile.token is None
    return CertificateFiles(
        profile.ca, profile.certificate if with_certificate else None, profile.key if with_certificate else None
    )


def _credentials(profile: Profile, material: Certificates | Svid) -> grpc.ChannelCredentials:
    if isinstance(material, Svid):
        return svid_credentials(profile, material)
    return file_credentials(profile, material)


def error_of(failure: Any) -> DelegationError:
    """Make the exception of the tree out of one of gRPC's."""
    return error_of_call(failure)


def _target(profile: Profile) -> str:
    return grpc_target(profile.target, server_name=profile.server_name)


def _options(profile: Profile) -> list[tuple[str, Any]]:
    if profile.server_name is None:
        return list(_OPTIONS)
    return [*_OPTIONS, ("grpc.ssl_target_name_override", profile.server_name)]
