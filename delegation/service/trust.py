"""The trust bundle: what the service serves to verifiers, and what it must itself live up to."""

from __future__ import annotations

from dataclasses import dataclass, field

from delegation.core.attest import open_bundle, open_catalogue
from delegation.core.keys import Signer
from delegation.core.statement import SignedStatement
from delegation.core.trust import Catalogue, KeyPurpose, TrustBundle
from delegation.errors import ConfigError, Reason, Refused
from delegation.signing.port import ServiceKeys


@dataclass(frozen=True, slots=True)
class Trust:
    """A trust bundle as the root key signed it, checked, with its catalogue.

    Attributes:
        statement: as verifiers get it.
        catalogue_bytes: the canonical catalogue whose digest stands in the bundle; empty if there is none.
        bundle: what the statement says.
        catalogue: what the bytes say.
    """

    statement: SignedStatement
    catalogue_bytes: bytes = field(repr=False)
    bundle: TrustBundle
    catalogue: Catalogue


def check_trust(
    statement: SignedStatement,
    catalogue_bytes: bytes,
    *,
    root_key: bytes,
    keys: ServiceKeys,
    trust_domain: str,
    now_ms: int,
) -> Trust:
    """Check that a service with these keys may go to work under this bundle.

    Raises:
        ConfigError: one line: the bundle is another root's, expired, of another trust domain, does not list
            the service's keys, or names another catalogue.
    """
    try:
        bundle = open_bundle(statement, root_key, now_ms=now_ms)
    except Refused as error:
        why = "has expired" if error.reason is Reason.BUNDLE_EXPIRED else "is not signed by the root key"
        raise ConfigError(f"the trust bundle {why}: sign a new one with `delegation keys sign-bundle`") from None
    if bundle.trust_domain != trust_domain:
        raise ConfigError(f"the trust bundle is for {bundle.trust_domain}, the configuration says {trust_domain}")
    _require_listed(bundle, keys.grant, KeyPurpose.GRANT, now_ms)
    _require_listed(bundle, keys.statement, KeyPurpose.STATEMENT, now_ms)
    try:
        catalogue = open_catalogue(catalogue_bytes, bundle)
    except Refused:
        raise ConfigError(
            "the catalogue is not the one that the trust bundle names: sign a bundle for it with"
            " `delegation keys sign-bundle`, or restore the former catalogue"
        ) from None
    return Trust(statement, catalogue_bytes, bundle, catalogue)


def _require_listed(bundle: TrustBundle, key: Signer, purpose: KeyPurpose, now_ms: int) -> None:
    listed = bundle.find(key.key_id)
    if listed is None or listed.purpose is not purpose or not listed.usable(now_ms):
        raise ConfigError(
            f"the trust bundle does not list the service's {purpose} key {key.key_id.hex()} as active:"
            " sign a bundle that does with `delegation keys sign-bundle`"
        )
