"""Trust bundle and keys that change under a running service: it follows a rotation without a restart.

The bundle comes from its file or, where another replica has seen a newer one first, from the database. What cannot be
used is reported and passed over; what worked before goes on working. But a newer bundle of the root's counts at once,
even if its keys or its catalogue are not here: it may be the one that says which key was stolen.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from delegation.app.key_files import BUNDLE_FILE, read_bundle
from delegation.app.met_tools import MetTools
from delegation.app.opened_keys import OpenedKeys
from delegation.app.pinned_root import BUNDLE_DOCUMENT, require_root
from delegation.core import limits
from delegation.core.codec import decode_bundle, decode_statement, encode_catalogue, encode_statement
from delegation.core.statement import SignedStatement
from delegation.core.trust import Catalogue, TrustBundle, TrustedKey
from delegation.errors import ConfigError, Conflict, DelegationError, Refused, StorageError
from delegation.server.catalogue_file import load_catalogue
from delegation.server.config import ServerConfig
from delegation.service.observations import Replaced
from delegation.service.trust import OTHER_CATALOGUE, Signers, TrustInUse, check_trust, trust_of, without_key
from delegation.service.unexpected import log_unexpected
from delegation.signing.port import KeyStore
from delegation.storage.port import Storage
from delegation.storage.records import DocumentRecord

LOOK_EVERY_SECONDS: Final = 2.0
OPEN_WITHIN_SECONDS: Final = 5.0
MOST_REPLACED: Final = 4
"""Bundles that are looked back at: nobody signs more in the minutes that a guard may be behind."""
_CATALOGUE: Final = "catalogue"
_LOG: Final = structlog.get_logger("delegation")
_Stamp = tuple[tuple[int, int, int], ...]


class TrustDocument(NamedTuple):
    """A signed bundle and the bytes of its catalogue, as they were found."""

    statement: SignedStatement
    catalogue_bytes: bytes


class ReloadingTrust:
    """The bundle and the keys that a service works by; they follow their files, the database, and the clock.

    Args:
        config: where the files are.
        store: the service's keys.
        root_key: the root's public key.
        now_ms: the clock.
        met: tools that development lists beside its file; None: the file is all there is.
    """

    def __init__(
        self,
        config: ServerConfig,
        store: KeyStore,
        *,
        root_key: bytes,
        now_ms: Callable[[], int],
        met: MetTools | None = None,
    ) -> None:
        self._config = config
        self._met = met
        self._keys = OpenedKeys(store, now_ms=now_ms)
        self._root_key = root_key
        self._now_ms = now_ms
        self._opening: asyncio.Task[tuple[Signers, str]] | None = None
        self._look_now = asyncio.Event()
        self._stamp = self._stamp_now()
        self._said = ""
        self._root_number = 1
        found = self.document()
        trust = check_trust(
            found.statement,
            found.catalogue_bytes,
            root_key=root_key,
            trust_domain=config.trust_domain,
            now_ms=now_ms(),
        )
        signers, wrong = self._keys.open(trust.bundle)
        _require(not wrong, wrong)
        self.in_use = TrustInUse(trust, signers, now_ms=now_ms(), publish_ahead_ms=config.keys.publish_ahead_ms)

    def document(self) -> TrustDocument:
        """Read the bundle and the catalogue from their files, unverified. Raises `ConfigError`."""
        statement = read_bundle(self._config.keys_directory)
        return TrustDocument(statement, self._read_catalogue(statement))

    def _read_catalogue(self, statement: SignedStatement) -> bytes:
        file = self._config.catalogue
        catalogue = load_catalogue(file) if file is not None else Catalogue()
        if self._met is not None:
            catalogue = self._met.named(catalogue, decode_bundle(statement.payload).catalogue_digest)
        return encode_catalogue(catalogue) if catalogue.tools else b""

    async def start(self, storage: Storage) -> None:
        """Take the newest bundle that this database has seen, and keep there what is in use.

        Raises:
            ConfigError: the database has another bundle of this version, or a newer one that cannot be used here; or
                it was served under another root.
            StorageError: the database cannot be used.
        """
        self._root_number = await require_root(storage, self._root_key, now_ms=self._now_ms())
        await self._look_at_database(storage)
        await self._keep(storage)

    async def follow(self, storage: Storage, *, every_seconds: float = LOOK_EVERY_SECONDS) -> None:
        """Look for something new now and then, and at once when told to, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look_now.wait(), every_seconds)
            self._look_now.clear()
            try:
                await self.look(storage)
            except Exception as error:  # noqa: BLE001 - following must go on, whatever happens
                log_unexpected("following the trust bundle", error)

    def look_now(self) -> None:
        """Have `follow` look at once, whether files seem to have changed or not: SIGHUP."""
        self._stamp = ()
        self._look_now.set()

    async def look(self, storage: Storage) -> None:
        """Take what is new: in the files, in the database; and change over to keys that are due."""
        wrong = ""
        for step in (self._look_at_files, self._look_at_database, self._keep_up):
            try:
                await step(storage)
            except (ConfigError, StorageError) as error:
                wrong = wrong or str(error)
            except Exception as error:  # noqa: BLE001 - the other steps may have the bundle that matters
                log_unexpected("following the trust bundle", error)
        if wrong and wrong != self._said:  # once for as long as the same is wrong
            _LOG.warning("trust bundle, keys or catalogue cannot be used as they are", why=wrong)
        self._said = wrong

    async def _look_at_files(self, storage: Storage) -> None:
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return
        trust = self.in_use.trust
        statement = read_bundle(self._config.keys_directory)
        catalogue, unread = self._catalogue_at_hand(statement)
        found = TrustDocument(statement, catalogue)
        if _version(found.statement) < trust.bundle.version:
            # Another replica was told first, and the database has what is in use; but a key may have come.
            found = TrustDocument(trust.statement, trust.catalogue_bytes)
        wrong = f"{unread} {await self._use(found)}".strip()
        await self._keep(storage)
        _require(not wrong, wrong)
        self._stamp = stamp

    def _catalogue_at_hand(self, statement: SignedStatement) -> tuple[bytes, str]:
        """Read the catalogue, and say what is wrong with its file: then it is the one in use, and the bundle counts."""
        try:
            return self._read_catalogue(statement), ""
        except DelegationError as error:
            return self.in_use.trust.catalogue_bytes, str(error)
        except Exception as error:  # noqa: BLE001 - no catalogue may keep a compromise from counting
            log_unexpected("reading the catalogue", error)
            return self.in_use.trust.catalogue_bytes, "the catalogue cannot be read"

    async def _look_at_database(self, storage: Storage) -> None:
        newer = await self._newer_kept(storage)
        if newer is not None:
            wrong = await self._use(newer)
            _require(not wrong, wrong)

    async def _keep_up(self, storage: Storage) -> None:
        del storage
        trust, wrong = self.in_use.trust, ""
        if self._keys.lack(trust.bundle):  # one may have come since
            signers, wrong = await self._opened(trust.bundle)
            if self.in_use.trust is trust:
                self._begin_to_sign(self.in_use.use(trust, signers, now_ms=self._now_ms()))
        self._begin_to_sign(self.in_use.keep_up(self._now_ms()))
        _require(not self.in_use.lacking, " ".join([*map(without_key, self.in_use.lacking), wrong]))

    async def replaced(self, storage: Storage) -> list[Replaced]:
        """Give the last bundles that this database has seen before the one in use, newest first. Raises `StorageError`.

        Nobody decides by them any more: whether they have expired is not asked.
        """
        found: list[Replaced] = []
        version = self.in_use.trust.bundle.version
        successor = await storage.document(self._kept_as(BUNDLE_DOCUMENT), version)
        while successor is not None and version > 1 and len(found) < MOST_REPLACED:
            version -= 1
            kept = await storage.document(self._kept_as(BUNDLE_DOCUMENT), version)
            catalogue = await storage.document(self._kept_as(_CATALOGUE), version)
            if kept is not None:
                with contextlib.suppress(Refused, ConfigError):
                    statement = decode_statement(kept.content, limits.DOCUMENT_BYTES)
                    content = [catalogue.content] if catalogue else []
                    trust = trust_of(
                        statement, content, root_key=self._root_key, trust_domain=self._config.trust_domain, now_ms=0
                    )
                    found.append(Replaced(trust, successor.stored_ms))
            successor = kept
        return found

    async def _newer_kept(self, storage: Storage) -> TrustDocument | None:
        """Give the bundle of the database if it is newer than the one in use."""
        kept = await storage.document(self._kept_as(BUNDLE_DOCUMENT))
        if kept is None or kept.version <= self.in_use.trust.bundle.version:
            return None
        catalogue = await storage.document(self._kept_as(_CATALOGUE), kept.version)
        try:
            statement = decode_statement(kept.content, limits.DOCUMENT_BYTES)
        except Refused:
            raise ConfigError("the database holds a damaged trust bundle: restore the database") from None
        return TrustDocument(statement, catalogue.content if catalogue else b"")

    async def _use(self, found: TrustDocument) -> str:
        """Work by another bundle: at once, whatever becomes of keys and catalogue. Give what is wrong with these.

        Raises:
            ConfigError: the bundle cannot be used; nothing changes.
        """
        former = self.in_use.trust
        trust = trust_of(
            found.statement,
            [found.catalogue_bytes, former.catalogue_bytes],
            root_key=self._root_key,
            trust_domain=self._config.trust_domain,
            now_ms=self._now_ms(),
        )
        version = trust.bundle.version
        _require(
            version != former.bundle.version or trust.bundle == former.bundle,
            f"another trust bundle of version {version} is in use: sign one more with `delegation keys sign-bundle`",
        )
        signers, wrong = await self._opened(trust.bundle)
        fresh = self.in_use.use(trust, signers, now_ms=self._now_ms())
        if version != former.bundle.version:
            _LOG.info("trust bundle in use", version=version)
        self._begin_to_sign(fresh)
        if not trust.is_whole or trust.catalogue_bytes != found.catalogue_bytes:
            wrong = f"{OTHER_CATALOGUE} {wrong}"
        return " ".join([*map(without_key, self.in_use.lacking), wrong]).strip()

    async def _opened(self, bundle: TrustBundle) -> tuple[Signers, str]:
        """Open keys: a stretched passphrase takes its time, an HSM may be away. The bundle waits for them, not long."""
        if self._opening is None or self._opening.done():  # one at a time: threads that hang must not pile up
            self._opening = asyncio.create_task(asyncio.to_thread(self._keys.open, bundle))
        await asyncio.wait({self._opening}, timeout=OPEN_WITHIN_SECONDS)
        if not self._opening.done():
            return self._keys.opened(bundle), "keys take too long to open"
        _, wrong = self._opening.result()
        return self._keys.opened(bundle), wrong

    @staticmethod
    def _begin_to_sign(keys: Iterable[TrustedKey]) -> None:
        for key in keys:
            _LOG.info("signing with another key from now on", purpose=str(key.purpose), key_id=key.key_id.hex())

    async def _keep(self, storage: Storage) -> None:
        """Keep what is served, so that an older bundle is never served again, and other replicas find it."""
        trust, now_ms = self.in_use.trust, self._now_ms()
        version = trust.bundle.version
        try:
            if trust.is_whole:
                await storage.put_document(
                    DocumentRecord(self._kept_as(_CATALOGUE), version, trust.catalogue_bytes, now_ms)
                )
            await storage.put_document(
                DocumentRecord(self._kept_as(BUNDLE_DOCUMENT), version, encode_statement(trust.statement), now_ms)
            )
        except Conflict:
            raise ConfigError(
                f"the trust bundle, version {version}, is not newer than one that this database has seen:"
                " sign a new one with `delegation keys sign-bundle`, or use the database that belongs to it"
            ) from None

    def _kept_as(self, kind: str) -> str:
        """Name what is kept of one root's bundles; versions begin anew with another root."""
        return kind if self._root_number == 1 else f"{kind}.{self._root_number}"

    def _stamp_now(self) -> _Stamp:
        """Tell one state of the files from another."""
        directory = self._config.keys_directory
        paths: list[Path] = [directory, directory / BUNDLE_FILE]
        if self._config.catalogue is not None:
            paths.append(self._config.catalogue)
        stamps = []
        for path in paths:
            with contextlib.suppress(OSError):
                status = path.stat()
                stamps.append((status.st_ino, status.st_mtime_ns, status.st_size))
        return tuple(stamps)


def _require(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - what holds reads best first
    if not holds:
        raise ConfigError(otherwise)


def _version(statement: SignedStatement) -> int:
    """Tell the version that a bundle claims. Raises `ConfigError`."""
    try:
        return decode_bundle(statement.payload).version
    except Refused:
        raise ConfigError(f"{BUNDLE_FILE} is no trust bundle: sign one with `delegation keys sign-bundle`") from None
