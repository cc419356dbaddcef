"""The trust bundle: what the service serves to verifiers, and what it must itself live up to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from delegation.core.attest import open_bundle, open_catalogue
from delegation.core.keys import Signer
from delegation.core.statement import SignedStatement
from delegation.core.trust import Catalogue, KeyPurpose, TrustBundle, TrustedKey
from delegation.core.verify import Verifier
from delegation.errors import ConfigError, Reason, Refused
from delegation.service.key_rotation import SERVICE_KEY_PURPOSES, key_to_sign_with
from delegation.signing.port import ServiceKeys, SignerInUse


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


Signers = Mapping[bytes, Signer]
"""The keys that a service has opened, by their public keys."""


class TrustInUse:
    """The trust bundle and the keys by which a running service works; a rotation puts others in their place.

    Attributes:
        keys: what the service signs with; the same objects for good.
        verifier: goes by the bundle in use; the same object for good.
    """

    def __init__(self, trust: Trust, signers: Signers, *, now_ms: int, publish_ahead_ms: int) -> None:
        chosen = signing_keys(trust.bundle, signers.keys(), now_ms=now_ms, publish_ahead_ms=publish_ahead_ms)
        self._trust = trust
        self._signers = signers
        self._publish_ahead_ms = publish_ahead_ms
        self._in_use = {purpose: SignerInUse(signers[key.public_key]) for purpose, key in chosen.items()}
        self.keys = ServiceKeys(
            grant=self._in_use[KeyPurpose.GRANT],
            statement=self._in_use[KeyPurpose.STATEMENT],
            checkpoint=self._in_use[KeyPurpose.CHECKPOINT],
        )
        self.verifier = Verifier(trust.bundle)

    @property
    def trust(self) -> Trust:
        """The bundle in use, with its catalogue."""
        return self._trust

    def use(self, trust: Trust, signers: Signers, *, now_ms: int) -> None:
        """Work by another bundle and other keys from now on, all at once.

        Raises:
            ConfigError: there is no key for some purpose. Then nothing changes.
        """
        chosen = self._chosen(trust, signers, now_ms)
        if trust.bundle != self._trust.bundle:
            self.verifier.update_trust(trust.bundle)
        self._trust, self._signers = trust, signers
        self._sign_with(chosen)

    def keep_up(self, now_ms: int) -> tuple[TrustedKey, ...]:
        """Change over to keys that have been published for long enough; give those that sign from now on.

        Raises:
            ConfigError: no key counts any more for some purpose.
        """
        return self._sign_with(self._chosen(self._trust, self._signers, now_ms))

    def _chosen(self, trust: Trust, signers: Signers, now_ms: int) -> dict[KeyPurpose, TrustedKey]:
        return signing_keys(trust.bundle, signers.keys(), now_ms=now_ms, publish_ahead_ms=self._publish_ahead_ms)

    def _sign_with(self, chosen: Mapping[KeyPurpose, TrustedKey]) -> tuple[TrustedKey, ...]:
        fresh = tuple(key for purpose, key in chosen.items() if self._in_use[purpose].public != key.public_key)
        for key in fresh:
            self._in_use[key.purpose].use(self._signers[key.public_key])
        return fresh


def check_trust(
    statement: SignedStatement, catalogue_bytes: bytes, *, root_key: bytes, trust_domain: str, now_ms: int
) -> Trust:
    """Check that a service may go to work under this bundle.

    Raises:
        ConfigError: one line: the bundle is another root's, expired, of another trust domain, or names another
            catalogue.
    """
    try:
        bundle = open_bundle(statement, root_key, now_ms=now_ms)
    except Refused as error:
        why = "has expired" if error.reason is Reason.BUNDLE_EXPIRED else "is not signed by the root key"
        raise ConfigError(f"the trust bundle {why}: sign a new one with `delegation keys sign-bundle`") from None
    if bundle.trust_domain != trust_domain:
        raise ConfigError(f"the trust bundle is for {bundle.trust_domain}, the configuration says {trust_domain}")
    try:
        catalogue = open_catalogue(catalogue_bytes, bundle)
    except Refused:
        raise ConfigError(
            "the catalogue is not the one that the trust bundle names: sign a bundle for it with"
            " `delegation keys sign-bundle`, or restore the former catalogue"
        ) from None
    return Trust(statement, catalogue_bytes, bundle, catalogue)


def signing_keys(
    bundle: TrustBundle, held: Collection[bytes], *, now_ms: int, publish_ahead_ms: int
) -> dict[KeyPurpose, TrustedKey]:
    """Choose the key that signs now, for each purpose.

    Raises:
        ConfigError: one line: the bundle lists no active key for some purpose that is held here.
    """
    chosen: dict[KeyPurpose, TrustedKey] = {}
    for purpose in SERVICE_KEY_PURPOSES:
        key = key_to_sign_with(bundle, purpose, held, now_ms=now_ms, publish_ahead_ms=publish_ahead_ms)
        if key is None:
            raise ConfigError(
                f"no {purpose} key that the trust bundle lists as active is kept here: put {purpose}.key back, or"
                f" publish a new one with `delegation keys rotate {purpose}`"
            )
        chosen[purpose] = key
    return chosen
