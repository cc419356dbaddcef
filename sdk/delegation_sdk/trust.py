"""Keeping the trust bundle and the catalogue: fetched from the service, believed for the root key's signature."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Protocol, Self

from delegation.core.attest import open_bundle, open_catalogue
from delegation.core.chain import VerifiedChain
from delegation.core.codec import parse_token
from delegation.core.federation import FollowedFeeds, not_followed
from delegation.core.named_tuple import NamedTuple
from delegation.core.observation import is_observed
from delegation.core.revocation import RevocationState
from delegation.core.statement import SignedStatement
from delegation.core.trust import Catalogue, TrustBundle
from delegation.core.verify import Verifier
from delegation.errors import DelegationError, Reason, Refused, ServiceUnavailable, refusal
from delegation_sdk.log import defect, warn
from delegation_sdk.sources import Sources
from delegation_sdk.trust_cache import CachedTrust, TrustCache
from delegation_sdk.unknown_catalogue import UnknownCatalogue

if TYPE_CHECKING:
    from concurrent.futures import Future

CATCH_UP_EVERY_MS: Final = 2_000
"""How often tokens of unknown keys make a guard fetch the bundle, at most; besides, it does so every minute."""


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
    """What always changes together.

    Attributes:
        bundle: The trust bundle.
        catalogue: Its catalogue; one by which no tool is local and nothing gets looser, if it is not known.
        verifier: Goes by the bundle.
        is_whole: Whether the catalogue is known.
        came_with: What came in its place, if it is not.
    """

    bundle: TrustBundle
    catalogue: Catalogue
    verifier: Verifier
    is_whole: bool
    came_with: bytes = b""

    @classmethod
    def of(cls, bundle: TrustBundle, catalogue: bytes, former: Catalogue) -> Self:
        """Take a bundle with the catalogue that came with it. Its keys count even if that is another one.

        The former catalogue then still tells which tools want a young feed: that must not be loosened so.
        """
        try:
            return cls(bundle, open_catalogue(catalogue, bundle), Verifier(bundle), is_whole=True)
        except Refused as error:
            warn("the catalogue that came with the trust bundle is not its own, no tool counts as local: %s", error)
            unknown = UnknownCatalogue.after(former, catalogue)
            return cls(bundle, unknown, Verifier(bundle), is_whole=False, came_with=catalogue)


class TrustKeeper:
    """The current trust bundle, its catalogue, and the verifier that goes by it. Thread-safe.

    A bundle is followed by newer ones only: also by those of an earlier process, where there is a cache.

    Args:
        source: Where they come from.
        root: The root public key, known beforehand, 32 bytes.
        sources: Clock and randomness.
        cache: Keeps the bundle over restarts; None: nothing is kept.
    """

    def __init__(self, source: TrustSource, root: bytes, *, sources: Sources, cache: TrustCache | None = None) -> None:
        self._source = source
        self._root = root
        self._sources = sources
        self._cache = cache
        self._trusted: _Trusted | None = None
        self._unwritten: CachedTrust | None = None
        self._taking = threading.Lock()
        self._asking = threading.Lock()
        self._asked: Future[bool] | None = None
        self._ask_from_ms = 0

    @property
    def bundle(self) -> TrustBundle:
        """The current bundle. Raises `BadStatement`, BUNDLE_INVALID, before there is one."""
        return self._known().bundle

    @property
    def catalogue(self) -> Catalogue:
        """Its catalogue. Raises as `bundle`."""
        return self._known().catalogue

    def observed_until_ms(self, audience: str, tool: str, now_ms: int) -> int:
        """Tell until when a tool is under observation; 0: it is not, and no tool is before there is a bundle."""
        known = self._trusted
        if known is None:
            return 0
        entry = known.catalogue.find(audience, tool)
        return entry.observe_until_ms if entry is not None and is_observed(entry, known.bundle, now_ms) else 0

    def open(self) -> None:
        """Take the bundle of the cache, if there is one, and the service's. A current one of the cache will do.

        Raises:
            ConfigError: The cache cannot be read, or is damaged.
            BadStatement: As `refresh`; also if the cache's bundle is not the root's.
            ServiceUnavailable: There is no bundle to be had.
        """
        cached = self._cache.load() if self._cache else None
        if cached is not None:
            bundle = open_bundle(cached.bundle, self._root, now_ms=0)  # an expired one, too, is never gone back behind
            self._trusted = _Trusted.of(bundle, cached.catalogue, Catalogue())
        try:
            self.refresh()
        except ServiceUnavailable:
            if self._trusted is None:
                raise
            self._trusted.bundle.require_current(self._sources.now_ms())

    def refresh(self) -> None:
        """Fetch the bundle again. What was known stays if this fails.

        Raises:
            BadStatement: BUNDLE_INVALID, BUNDLE_ROLLBACK or BUNDLE_EXPIRED.
            RequestFailed: It cannot be had.
            ConfigError: The cache cannot be written. A newer bundle counts all the same: it may say that a key was
                stolen. It is written again at the next refresh.
        """
        documents = self._source.fetch()
        with self._taking:
            self._take(documents)
            if self._unwritten is not None and self._cache is not None:
                self._cache.store(self._unwritten)
                self._unwritten = None

    def verify(
        self, token: bytes, *, now_ms: int, revocations: RevocationState, federated: FollowedFeeds = not_followed
    ) -> VerifiedChain:
        """Verify a token by the current bundle. Raises `Refused`."""
        return self._known().verifier.verify(token, now_ms=now_ms, revocations=revocations, federated=federated)

    def may_lack(self, refused: Refused, token: bytes) -> bool:
        """Tell whether a newer bundle may have what a token was refused for: a key that is not known here."""
        match refused.reason:
            case Reason.ISSUER_UNKNOWN | Reason.BUNDLE_EXPIRED:
                return True
            case Reason.STATEMENT_INVALID:
                find = self._known().bundle.find
                return any(find(statement.key_id) is None for statement in parse_token(token).statements)
            case _:
                return False

    def catch_up(self) -> Future[bool]:
        """Fetch the bundle at once, in the background; the result tells whether a newer one was taken.

        Whoever asks while a fetch is under way gets that one; whoever asks again too soon is told False: anybody can
        send tokens of unknown keys, and must not make the guard ask the service for each.
        """
        from concurrent.futures import Future  # loads logging, which no tool needs before this happens

        with self._asking:
            now_ms = self._sources.monotonic_ms()
            if self._asked is not None and not self._asked.done():
                return self._asked
            asked: Future[bool] = Future()
            self._asked = asked
            asked.set_running_or_notify_cancel()  # it is shared: nobody who stops waiting may cancel it
            if now_ms < self._ask_from_ms:
                asked.set_result(False)
                return asked
            self._ask_from_ms = now_ms + CATCH_UP_EVERY_MS
        threading.Thread(target=self._catch_up, args=(asked,), name="delegation-trust", daemon=True).start()
        return asked

    def _catch_up(self, asked: Future[bool]) -> None:
        before = self._trusted
        try:
            self.refresh()
        except DelegationError as error:
            warn("trust bundle not refreshed: %s", error)
        except Exception as error:  # noqa: BLE001 - whoever waits has to be told
            warn("trust bundle not refreshed: %s", defect(error))
        asked.set_result(self._trusted is not before)

    def _take(self, documents: TrustDocuments) -> None:
        known = self._trusted
        version = known.bundle.version if known else 0
        bundle = open_bundle(documents.bundle, self._root, now_ms=self._sources.now_ms(), known_version=version)
        if known is not None and bundle == known.bundle:
            if known.is_whole or known.came_with == documents.catalogue:
                return
        elif bundle.version == version:  # of two that the root has signed, neither is the newer one
            raise refusal(Reason.BUNDLE_ROLLBACK, detail="another bundle of this version is known")
        self._trusted = _Trusted.of(bundle, documents.catalogue, known.catalogue if known else Catalogue())
        self._unwritten = CachedTrust(documents.bundle, documents.catalogue)

    def _known(self) -> _Trusted:
        if self._trusted is None:
            raise refusal(Reason.BUNDLE_INVALID, detail="there is no trust bundle yet")
        return self._trusted
