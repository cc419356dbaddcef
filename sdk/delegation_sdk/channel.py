"""Channels to the service: mutual TLS from a profile, dead peers noticed, repeatable calls repeated by gRPC itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio

from delegation.errors import ConfigError, DelegationError
from delegation.wire.errors import error_of_call
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
    "methodConfig": [
        {
            "name": [
                {"service": "delegation.v1.DelegationService"},
                {"service": "delegation.v1.TrustService", "method": "GetTrustBundle"},
                {"service": "delegation.v1.TrustService", "method": "RegisterAgent"},
            ],
            "retryPolicy": _REPEATED,
        }
    ]
}
_OPTIONS: Final = (
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 2_000),
    ("grpc.http2.ping_timeout_ms", 2_000),  # without it a dead peer is noticed after a minute
    ("grpc.initial_reconnect_backoff_ms", 100),
    # Despite its name, how long one attempt may take, TLS included: too little and a busy machine never connects.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)


def open_channel(profile: Profile) -> grpc.Channel:
    """Open a channel; it connects when first used.

    Raises:
        ConfigError: A file of the profile cannot be read.
    """
    return grpc.secure_channel(profile.target, _credentials(profile), options=_options(profile))


def open_aio_channel(profile: Profile) -> grpc.aio.Channel:
    """Open a channel for asyncio; otherwise as `open_channel`."""
    return grpc.aio.secure_channel(profile.target, _credentials(profile), options=_options(profile))


def error_of(failure: Any) -> DelegationError:
    """Make the exception of the tree out of one of gRPC's."""
    return error_of_call(failure)


def _credentials(profile: Profile) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(_read(profile.ca), _read(profile.key), _read(profile.certificate))


def _options(profile: Profile) -> list[tuple[str, Any]]:
    if profile.server_name is None:
        return list(_OPTIONS)
    return [*_OPTIONS, ("grpc.ssl_target_name_override", profile.server_name)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}, which the profile names: {error.strerror}") from None
