"""The trust bundle: what the service serves to verifiers, and what it must itself live up to."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from delegation.core.attest import open_bundle, open_catalogue
from delegation.core.keys import Signer
from delegation.core.statement import SignedStatement
from delegation.core.trust import Catalogue, KeyPurpose, TrustBundle, TrustedKey
from delegation.core.verify import Verifier
from delegation.errors import ConfigError, Reason, Refused
from delegation.service.key_rotation import SERVICE_KEY_PURPOSES, key_to_sign_with
from delegation.signing.port import ServiceKeys, SignerInUse

OTHER_CATALOGUE: Final = (
    "the catalogue is not the one that the trust bundle names: sign a bundle for it with"
    " `delegation keys sign-bundle`, or restore the former catalogue"
)


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

    @property
    def is_whole(self) -> bool:
        """Whether the catalogue is the bundle's. Else it is empty, and no tool counts as local."""
        return bool(self.catalogue_bytes) == bool(self.bundle.catalogue_digest)


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
        self._publish_ahead_ms = publish_ahead_ms
        self._signers = signers
        self._in_use = {purpose: SignerInUse(signers[key.public_key]) for purpose, key in chosen.items()}
        self._signing: dict[KeyPurpose, bytes | None] = {purpose: key.public_key for purpose, key in chosen.items()}
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

    def use(self, trust: Trust, signers: Signers, *, now_ms: int) -> tuple[TrustedKey, ...]:
        """Work by another bundle and other keys from now on, all at once; give the keys that begin to sign.

        The bundle counts whatever keys there are: it may say that one was stolen. For a purpose that is left without a
        key nothing is signed (`ServiceUnavailable`): see `lacking`.
        """
        if trust.bundle != self._trust.bundle:
            self.verifier.update_trust(trust.bundle)
        self._trust, self._signers = trust, signers
        return self.keep_up(now_ms)

    def keep_up(self, now_ms: int) -> tuple[TrustedKey, ...]:
        """Sign with what counts by now, and with nothing else; give the keys that begin to sign."""
        fresh = []
        for purpose, key in self._chosen(now_ms).items():
            public = key.public_key if key else None
            if public != self._signing[purpose]:
                self._in_use[purpose].use(self._signers[public] if public else None)
                self._signing[purpose] = public
                fresh += [key] if key else []
        return tuple(fresh)

    @property
    def lacking(self) -> tuple[KeyPurpose, ...]:
        """The purposes for which there is no key that may sign."""
        return tuple(purpose for purpose, public in self._signing.items() if public is None)

    def _chosen(self, now_ms: int) -> dict[KeyPurpose, TrustedKey | None]:
        ahead_ms = self._publish_ahead_ms
        return chosen_keys(self._trust.bundle, self._signers.keys(), now_ms=now_ms, publish_ahead_ms=ahead_ms)


def check_trust(
    statement: SignedStatement, catalogue_bytes: bytes, *, root_key: bytes, trust_domain: str, now_ms: int
) -> Trust:
    """Check that a service may go to work under this bundle.

    Raises:
        ConfigError: one line: the bundle is another root's, expired, of another trust domain, or names another
            catalogue.
    """
    trust = trust_of(statement, [catalogue_bytes], root_key=root_key, trust_domain=trust_domain, now_ms=now_ms)
    if not trust.is_whole or trust.catalogue_bytes != catalogue_bytes:
        raise ConfigError(OTHER_CATALOGUE)
    return trust


def trust_of(
    statement: SignedStatement, catalogues: Iterable[bytes], *, root_key: bytes, trust_domain: str, now_ms: int
) -> Trust:
    """Take a bundle with the first catalogue that it names; with an empty one if it names none of them.

    Raises:
        ConfigError: one line: the bundle is another root's, expired, or of another trust domain.
    """
    try:
        bundle = open_bundle(statement, root_key, now_ms=now_ms)
    except Refused as error:
        why = "has expired" if error.reason is Reason.BUNDLE_EXPIRED else "is not signed by the root key"
        raise ConfigError(f"the trust bundle {why}: sign a new one with `delegation keys sign-bundle`") from None
    if bundle.trust_domain != trust_domain:
        raise ConfigError(f"the trust bundle is for {bundle.trust_domain}, the configuration says {trust_domain}")
    for content in catalogues:
        with contextlib.suppress(Refused):
            return Trust(statement, content, bundle, open_catalogue(content, bundle))
    return Trust(statement, b"", bundle, Catalogue())


def signing_keys(
    bundle: TrustBundle, held: Collection[bytes], *, now_ms: int, publish_ahead_ms: int
) -> dict[KeyPurpose, TrustedKey]:
    """Choose the key that signs now, for each purpose.

    Raises:
        ConfigError: one line: the bundle lists no active key for some purpose that is held here.
    """
    signing: dict[KeyPurpose, TrustedKey] = {}
    for purpose, key in chosen_keys(bundle, held, now_ms=now_ms, publish_ahead_ms=publish_ahead_ms).items():
        if key is None:
            raise ConfigError(without_key(purpose))
        signing[purpose] = key
    return signing


def without_key(purpose: KeyPurpose) -> str:
    """Say that there is no key for a purpose, and what to do."""
    return (
        f"no {purpose} key that the trust bundle lists as active is kept here: put {purpose}.key back, or publish a"
        f" new one with `delegation keys rotate {purpose}`"
    )


def chosen_keys(
    bundle: TrustBundle, held: Collection[bytes], *, now_ms: int, publish_ahead_ms: int
) -> dict[KeyPurpose, TrustedKey | None]:
    """Choose the key that signs now, for each purpose; None where there is none."""
    return {
        purpose: key_to_sign_with(bundle, purpose, held, now_ms=now_ms, publish_ahead_ms=publish_ahead_ms)
        for purpose in SERVICE_KEY_PURPOSES
    }
