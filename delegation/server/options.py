"""The channel options of the server, each with its reason."""

from __future__ import annotations

from typing import Any

from delegation.server.config_sections import LimitsConfig

_CONNECTION_GRACE_MS = 30_000
_PING_AFTER_MS = 20_000
_PING_TIMEOUT_MS = 5_000
_LEAST_PING_INTERVAL_MS = 5_000


def channel_options(limits: LimitsConfig) -> list[tuple[str, Any]]:
    """Return gRPC's options for a server with these limits."""
    return [
        ("grpc.max_receive_message_length", limits.max_message_bytes),
        ("grpc.max_send_message_length", limits.max_message_bytes),
        # As much is read ahead as one window of HTTP/2 holds, 64 KiB. gRPC would guess a larger one from how fast data
        # comes: tens of megabytes for each stream that a client fills while nobody takes its messages.
        ("grpc.http2.bdp_probe", 0),
        # gRPC's own default refuses at random between 8 and 16 KiB; a token may have 64.
        ("grpc.max_metadata_size", limits.max_metadata_bytes),
        ("grpc.absolute_max_metadata_size", limits.max_metadata_bytes),
        # A connection outlives the certificate it was made with: it ends, and the peer shows a valid one.
        ("grpc.max_connection_age_ms", limits.max_connection_age_ms),
        ("grpc.max_connection_age_grace_ms", _CONNECTION_GRACE_MS),
        # A peer that died without a word is noticed in seconds, not in a minute.
        ("grpc.keepalive_time_ms", _PING_AFTER_MS),
        ("grpc.keepalive_timeout_ms", _PING_TIMEOUT_MS),
        ("grpc.http2.ping_timeout_ms", _PING_TIMEOUT_MS),
        # Guards ping every 10 s while they wait for the feed; that is no abuse.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", _LEAST_PING_INTERVAL_MS),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", _LEAST_PING_INTERVAL_MS),
        ("grpc.http2.max_ping_strikes", 0),
        # Two servers on one port would each get some of the calls; the second is to be told.
        ("grpc.so_reuseport", 0),
    ]
