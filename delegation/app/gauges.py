"""What a running service is like now, for whoever collects metrics."""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509

from delegation.server.tls import TlsMaterial
from delegation.service.feed import RevocationFeed
from delegation.service.readiness import Readiness
from delegation.service.trust import TrustInUse
from delegation.storage.port import Storage
from delegation.telemetry import Gauges, names


def service_gauges(
    storage: Storage,
    feed: RevocationFeed,
    readiness: Readiness,
    trust: TrustInUse,
    tls: Callable[[], TlsMaterial],
    *,
    now_ms: Callable[[], int],
) -> Gauges:
    """Have these values read when metrics are collected, until they are closed."""
    certificates = _Certificates(tls)
    return Gauges(
        {
            names.WRITE_QUEUE: storage.queue_depth,
            names.FEED_POSITION: lambda: feed.position,
            names.FEED_AGE: readiness.feed_age_s,
            names.CERTIFICATE_LEFT: lambda: certificates.expires_s() - now_ms() / 1000,
            names.BUNDLE_LEFT: lambda: (trust.trust.bundle.expires_at_ms - now_ms()) / 1000,
            names.BUNDLE_VERSION: lambda: trust.trust.bundle.version,
            names.KEYS_MISSING: lambda: len(trust.lacking),
        }
    )


class _Certificates:
    """When the certificate in use expires; read anew only when it is another."""

    def __init__(self, tls: Callable[[], TlsMaterial]) -> None:
        self._tls = tls
        self._read: tuple[bytes, float] = (b"", 0.0)

    def expires_s(self) -> float:
        """Give its last second, since the Unix epoch."""
        pem = self._tls().certificate
        if pem != self._read[0]:
            leaf = x509.load_pem_x509_certificates(pem)[0]
            self._read = (pem, leaf.not_valid_after_utc.timestamp())
        return self._read[1]
