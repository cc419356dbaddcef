"""Signing a trust bundle with the root key, offline: `delegation keys sign-bundle` and `--dev`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from delegation.core.attest import catalogue_digest, sign_bundle
from delegation.core.keys import Signer
from delegation.core.statement import SignedStatement
from delegation.core.trust import Catalogue, KeyPurpose, TrustBundle, TrustedKey

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
    lifetime_ms: int = BUNDLE_LIFETIME_MS,
) -> SignedStatement:
    """Sign a trust bundle.

    Args:
        root: the root key, which is used for nothing else.
        keys: the service's keys: those in use, those about to be, and for ever those that were.
        trust_domain: the service's trust domain.
        version: higher than that of every bundle before it.
        now_ms: the time.
        catalogue: what is said about tools; None or empty: no tool is local.
        lifetime_ms: how long verifiers trust it.
    """
    digest = catalogue_digest(catalogue) if catalogue is not None and catalogue.tools else b""
    bundle = TrustBundle(
        trust_domain, version, now_ms, now_ms + lifetime_ms, tuple(sorted(keys, key=lambda key: key.key_id)), digest
    )
    return sign_bundle(bundle, root)
