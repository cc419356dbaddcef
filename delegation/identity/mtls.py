"""Adapter: identity from the X.509-SVID that a peer proved in a TLS handshake.

TLS has shown that the peer holds the certificate's key. That is not enough here, because TLS
libraries take the roots of all trust domains as one flat set, so that the CA of one domain could
name workloads of another, and because a connection may outlive its certificate. So the leaf is
checked again, against the roots of the domain that it names, and its time on every call.
Source: X509-SVID specification, sections 2 to 5.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from delegation.errors import ConfigError, Unauthenticated
from delegation.identity.port import Lasting
from delegation.identity.spiffe import check_trust_domain, parse_spiffe_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from delegation.identity.port import Caller, KnownCallers, Peer

# Each entry is about 4 KiB; one per certificate in use, so this is plenty for a rotating fleet.
_MAX_CACHED_CERTIFICATES: Final = 4096
# A P-256 leaf is 0.6 KiB, an RSA-4096 chain with intermediates some 8 KiB.
_MAX_CERTIFICATE_BYTES: Final = 16 * 1024
_PEM_MARK: Final = b"-----BEGIN"
# What `cryptography` raises for certificates that are well-formed DER and bad X.509.
_UNREADABLE: Final = (
    ValueError,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    x509.InvalidVersion,
)


@dataclass(frozen=True, slots=True)
class _Proved:
    """What a verified certificate says: whose it is, and from when until when that may be believed."""

    caller_id: str
    not_before_ms: int
    not_after_ms: int


class MtlsAuthenticator:
    """Says who a peer is by the one SPIFFE ID in its certificate."""

    def __init__(
        self,
        roots: Mapping[str, bytes],
        identities: KnownCallers,
        *,
        now_ms: Callable[[], int],
    ) -> None:
        """Make an authenticator.

        Args:
            roots: For each trust domain that is accepted, its own CA certificates, PEM.
            identities: The callers that are known.
            now_ms: The wall clock, milliseconds since 1970.

        Raises:
            ConfigError: The roots cannot be read, or there are none.
        """
        self._verifiers = {check_trust_domain(domain): _store(domain, pem) for domain, pem in roots.items()}
        self._identities = identities
        self._now_ms = now_ms
        # Only what was proved is remembered: a refusal is an exception, which lru_cache keeps out.
        self._prove = lru_cache(maxsize=_MAX_CACHED_CERTIFICATES)(self._verify)

    def authenticate(self, peer: Peer) -> Caller:
        """Return the caller whose certificate the peer has shown.

        Raises:
            Unauthenticated: No certificate, one of another domain's CA, more or fewer than one
                URI in it, outside its time, or of an id that is not known.
        """
        if peer.certificate is None:
            raise Unauthenticated("no client certificate: connect with mutual TLS")
        proved = self._prove(peer.certificate, peer.intermediates)
        if not proved.not_before_ms <= self._now_ms() <= proved.not_after_ms:
            raise Unauthenticated(
                f"the certificate of {proved.caller_id} is outside its time: reconnect with a new one"
            )
        return self._identities.find(proved.caller_id)

    def lasting(self, peer: Peer) -> Lasting:
        """Return the caller, and for how long its certificate and its issuers' are valid. Raises as `authenticate`."""
        caller = self.authenticate(peer)
        proved = self._prove(peer.certificate or b"", peer.intermediates)
        return Lasting(caller, max(0, proved.not_after_ms - self._now_ms()) / 1000)

    def _verify(self, certificate: bytes, intermediates: bytes) -> _Proved:
        if len(certificate) + len(intermediates) > _MAX_CERTIFICATE_BYTES:
            raise Unauthenticated("the client certificate is too large")
        leaf, others = _parse(certificate, intermediates)
        caller_id, domain = _only_spiffe_id(leaf)
        store = self._verifiers.get(domain)
        if store is None:
            raise Unauthenticated(f"trust domain {domain} is not accepted here")
        now = dt.datetime.fromtimestamp(self._now_ms() / 1000, tz=dt.UTC)
        try:
            verified = PolicyBuilder().store(store).time(now).build_client_verifier().verify(leaf, others)
        except (VerificationError, *_UNREADABLE):
            raise Unauthenticated(
                f"the certificate of {caller_id} is not valid now or was not issued by a CA of {domain}"
            ) from None
        return _Proved(
            caller_id,
            not_before_ms=max(_ms(one.not_valid_before_utc) for one in verified.chain),
            not_after_ms=min(_ms(one.not_valid_after_utc) for one in verified.chain),
        )


def _store(domain: str, pem: bytes) -> Store:
    try:
        return Store(x509.load_pem_x509_certificates(pem))
    except ValueError:
        raise ConfigError(f"the CA certificates of trust domain {domain} cannot be read: give them as PEM") from None


def _parse(certificate: bytes, intermediates: bytes) -> tuple[x509.Certificate, list[x509.Certificate]]:
    try:
        if certificate.startswith(_PEM_MARK):
            leaf = x509.load_pem_x509_certificate(certificate)
        else:
            leaf = x509.load_der_x509_certificate(certificate)
        return leaf, x509.load_pem_x509_certificates(intermediates) if intermediates else []
    except _UNREADABLE:
        raise Unauthenticated("the client certificate cannot be read") from None


def _only_spiffe_id(leaf: x509.Certificate) -> tuple[str, str]:
    """Return the id and its trust domain. X509-SVID 2: exactly one URI, and it is a SPIFFE ID."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, *_UNREADABLE):
        raise Unauthenticated("the client certificate names no SPIFFE ID") from None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise Unauthenticated(f"the client certificate must name exactly one URI, a SPIFFE ID; it names {len(uris)}")
    try:
        parsed = parse_spiffe_id(uris[0])
    except ConfigError as error:
        raise Unauthenticated(f"the URI of the client certificate is {error}") from None
    return str(parsed), parsed.trust_domain


def _ms(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)
