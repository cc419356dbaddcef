"""Signing a trust bundle with the root key, offline: the `delegation keys` commands and `--dev`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from delegation.core.attest import catalogue_digest, sign_bundle
from delegation.core.keys import Signer
from delegation.core.statement import SignedStatement
from delegation.core.trust import Catalogue, FederatedDomain, KeyPurpose, TrustBundle, TrustedKey

BUNDLE_LIFETIME_MS: Final = 90 * 24 * 60 * 60 * 1000
"""An operator signs a new one every quarter; rotation of a key signs one in between."""


def trusted_key(purpose: KeyPurpose, public_key: bytes, *, now_ms: int) -> TrustedKey:
    """List a key as active from now on."""
    return TrustedKey(purpose, public_key, now_ms)


def sign_trust_bundle(
    root: Signer,
    keys: Sequence[TrustedKey],
    *,
    trust_domain: str,
    version: int,
    now_ms: int,
    catalogue: Catalogue | None = None,
    federated: tuple[FederatedDomain, ...] = (),
    lifetime_ms: int = BUNDLE_LIFETIME_MS,
) -> SignedStatement:
    """Sign a trust bundle that continues no other.

    Args:
        root: the root key, which is used for nothing else.
        keys: the service's keys: those in use, those about to be, and for ever those that were.
        trust_domain: the service's trust domain.
        version: higher than that of every bundle before it.
        now_ms: the time.
        catalogue: what is said about tools; None or empty: no tool is local.
        federated: other trust domains, within limits.
        lifetime_ms: how long verifiers trust it.
    """
    digest = digest_of_catalogue(catalogue)
    bundle = TrustBundle(trust_domain, version, now_ms, now_ms + lifetime_ms, _sorted(keys), digest, federated)
    return sign_bundle(bundle, root)


def next_bundle(
    former: TrustBundle,
    keys: Iterable[TrustedKey],
    *,
    now_ms: int,
    catalogue: Catalogue | None = None,
    federated: tuple[FederatedDomain, ...] | None = None,
    lifetime_ms: int = BUNDLE_LIFETIME_MS,
) -> TrustBundle:
    """Make the bundle that follows another: of the next version, and all that is not said stays as it was.

    Args:
        former: the bundle before it, checked.
        keys: what it lists.
        now_ms: the time.
        catalogue: another catalogue; None: the former one's digest stays.
        federated: other federated domains; None: the former ones stay.
        lifetime_ms: how long verifiers trust it.
    """
    digest = former.catalogue_digest if catalogue is None else digest_of_catalogue(catalogue)
    return TrustBundle(
        former.trust_domain,
        former.version + 1,
        now_ms,
        now_ms + lifetime_ms,
        _sorted(keys),
        digest,
        former.federated if federated is None else federated,
    )


def digest_of_catalogue(catalogue: Catalogue | None) -> bytes:
    """Give the digest that a bundle names a catalogue by; empty for one that lists nothing."""
    return catalogue_digest(catalogue) if catalogue is not None and catalogue.tools else b""


def _sorted(keys: Iterable[TrustedKey]) -> tuple[TrustedKey, ...]:
    return tuple(sorted(keys, key=lambda key: key.key_id))
