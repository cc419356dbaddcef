"""Keeping the trust bundle and the catalogue: fetched from the service, believed for the root key's signature."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from delegation.core.attest import open_bundle, open_catalogue
from delegation.core.chain import VerifiedChain
from delegation.core.revocation import RevocationState
from delegation.core.statement import SignedStatement
from delegation.core.trust import Catalogue, TrustBundle
from delegation.core.verify import Verifier
from delegation.errors import Reason, refusal
from delegation_sdk.sources import Sources


class TrustDocuments(Protocol):
    """A signed trust bundle and the bytes of its catalogue, unverified."""

    @property
    def bundle(self) -> SignedStatement:
        """The signed bundle."""

    @property
    def catalogue(self) -> bytes:
        """The canonical catalogue; empty if the bundle names none."""


class TrustSource(Protocol):
    """Where they come from."""

    def fetch(self) -> TrustDocuments:
        """Fetch them. Raises a `DelegationError`."""


class _Trusted(NamedTuple):
    """What always changes together."""

    bundle: TrustBundle
    catalogue: Catalogue
    verifier: Verifier


class TrustKeeper:
    """The current trust bundle, its catalogue, and the verifier that goes by it. Thread-safe.

    Args:
        source: Where they come from.
        root: The root public key, known beforehand, 32 bytes.
        sources: Clock and randomness.
    """

    def __init__(self, source: TrustSource, root: bytes, *, sources: Sources) -> None:
        self._source = source
        self._root = root
        self._sources = sources
        self._trusted: _Trusted | None = None

    @property
    def bundle(self) -> TrustBundle:
        """The current bundle. Raises `BadStatement`, BUNDLE_INVALID, before there is one."""
        return self._known().bundle

    @property
    def catalogue(self) -> Catalogue:
        """Its catalogue. Raises as `bundle`."""
        return self._known().catalogue

    def refresh(self) -> None:
        """Fetch the bundle again. What was known stays if this fails.

        Raises:
            BadStatement: BUNDLE_INVALID, BUNDLE_ROLLBACK or BUNDLE_EXPIRED.
            RequestFailed: It cannot be had.
        """
        documents = self._source.fetch()
        known = self._trusted
        version = known.bundle.version if known else 0
        bundle = open_bundle(documents.bundle, self._root, now_ms=self._sources.now_ms(), known_version=version)
        if known is not None and bundle == known.bundle:
            return
        if bundle.version == version:  # of two that the root has signed, neither is the newer one
            raise refusal(Reason.BUNDLE_ROLLBACK, detail="another bundle of this version is known")
        self._trusted = _Trusted(bundle, open_catalogue(documents.catalogue, bundle), Verifier(bundle))

    def verify(self, token: bytes, *, now_ms: int, revocations: RevocationState) -> VerifiedChain:
        """Verify a token by the current bundle. Raises `Refused`."""
        return self._known().verifier.verify(token, now_ms=now_ms, revocations=revocations)

    def _known(self) -> _Trusted:
        if self._trusted is None:
            raise refusal(Reason.BUNDLE_INVALID, detail="there is no trust bundle yet")
        return self._trusted
