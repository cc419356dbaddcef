"""Trust bundle and keys that change under a running service: it follows a rotation without a restart.

The bundle comes from its file or, where another replica has seen a newer one first, from the database. What cannot be
used is reported and passed over; what worked before goes on working.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from delegation.app.key_files import BUNDLE_FILE, read_bundle
from delegation.core import limits
from delegation.core.codec import decode_bundle, decode_statement, encode_catalogue, encode_statement
from delegation.core.keys import Signer
from delegation.core.statement import SignedStatement
from delegation.core.trust import TrustBundle
from delegation.errors import ConfigError, Conflict, Refused, StorageError
from delegation.server.catalogue_file import load_catalogue
from delegation.server.config import ServerConfig
from delegation.service.key_rotation import SERVICE_KEY_PURPOSES
from delegation.service.trust import Signers, Trust, TrustInUse, check_trust
from delegation.service.unexpected import log_unexpected
from delegation.signing.port import KeyStore, SignerPurpose
from delegation.storage.port import Storage
from delegation.storage.records import DocumentRecord

LOOK_EVERY_SECONDS: Final = 2.0
_BUNDLE: Final = "trust_bundle"
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
    """

    def __init__(self, config: ServerConfig, store: KeyStore, *, root_key: bytes, now_ms: Callable[[], int]) -> None:
        self._config = config
        self._store = store
        self._root_key = root_key
        self._now_ms = now_ms
        self._signers: dict[bytes, Signer] = {}
        self._look_now = asyncio.Event()
        self._stamp = self._stamp_now()
        self._said = ""
        trust = self._checked(self.document())
        self.in_use = TrustInUse(
            trust,
            self._opened(trust.bundle),
            now_ms=now_ms(),
            publish_ahead_ms=config.keys.publish_ahead_ms,
        )

    def document(self) -> TrustDocument:
        """Read the bundle and the catalogue from their files, unverified. Raises `ConfigError`."""
        file = self._config.catalogue
        catalogue = load_catalogue(file) if file is not None else None
        encoded = encode_catalogue(catalogue) if catalogue is not None and catalogue.tools else b""
        return TrustDocument(read_bundle(self._config.keys_directory), encoded)

    async def start(self, storage: Storage) -> None:
        """Take the newest bundle that this database has seen, and keep there what is in use.

        Raises:
            ConfigError: the database has another bundle of this version, or a newer one that cannot be used here.
            StorageError: the database cannot be used.
        """
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
        if wrong and wrong != self._said:  # once for as long as the same is wrong
            _LOG.warning("trust bundle or keys cannot be used; the former ones stay in use", why=wrong)
        self._said = wrong

    async def _look_at_files(self, storage: Storage) -> None:
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return
        found, trust = self.document(), self.in_use.trust
        if _version(found.statement) < trust.bundle.version:
            # Another replica was told first, and the database has what is in use; but a key may have come.
            found = TrustDocument(trust.statement, trust.catalogue_bytes)
        await self._use(found)
        await self._keep(storage)
        self._stamp = stamp

    async def _look_at_database(self, storage: Storage) -> None:
        newer = await self._newer_kept(storage)
        if newer is not None:
            await self._use(newer)

    async def _keep_up(self, storage: Storage) -> None:
        del storage
        for key in self.in_use.keep_up(self._now_ms()):
            _LOG.info("signing with another key from now on", purpose=str(key.purpose), key_id=key.key_id.hex())

    async def _newer_kept(self, storage: Storage) -> TrustDocument | None:
        """Give the bundle of the database if it is newer than the one in use."""
        kept = await storage.document(_BUNDLE)
        if kept is None or kept.version <= self.in_use.trust.bundle.version:
            return None
        catalogue = await storage.document(_CATALOGUE, kept.version)
        try:
            statement = decode_statement(kept.content, limits.DOCUMENT_BYTES)
        except Refused:
            raise ConfigError("the database holds a damaged trust bundle: restore the database") from None
        return TrustDocument(statement, catalogue.content if catalogue else b"")

    async def _use(self, found: TrustDocument) -> None:
        trust = self._checked(found)
        # Opening a key may take a while: a passphrase is stretched on purpose, an HSM is a network away.
        signers = await asyncio.to_thread(self._opened, trust.bundle)
        before = self.in_use.trust.bundle.version
        self.in_use.use(trust, signers, now_ms=self._now_ms())
        if trust.bundle.version != before:
            _LOG.info("trust bundle in use", version=trust.bundle.version)

    def _checked(self, found: TrustDocument) -> Trust:
        return check_trust(
            found.statement,
            found.catalogue_bytes,
            root_key=self._root_key,
            trust_domain=self._config.trust_domain,
            now_ms=self._now_ms(),
        )

    def _opened(self, bundle: TrustBundle) -> Signers:
        """Open the keys that the bundle lists as active and that are kept here; each one once. Raises `ConfigError`."""
        opened: dict[bytes, Signer] = {}
        for purpose in SERVICE_KEY_PURPOSES:
            signing = SignerPurpose(str(purpose))
            held = frozenset(self._store.public_keys(signing))
            for key in bundle.keys:
                if key.purpose is purpose and key.usable(self._now_ms()) and key.public_key in held:
                    if key.public_key not in self._signers:
                        self._signers[key.public_key] = self._store.open(signing, key.public_key)
                    opened[key.public_key] = self._signers[key.public_key]
        return opened

    async def _keep(self, storage: Storage) -> None:
        """Keep what is served, so that an older bundle is never served again, and other replicas find it."""
        trust, now_ms = self.in_use.trust, self._now_ms()
        version = trust.bundle.version
        try:
            await storage.put_document(DocumentRecord(_CATALOGUE, version, trust.catalogue_bytes, now_ms))
            await storage.put_document(DocumentRecord(_BUNDLE, version, encode_statement(trust.statement), now_ms))
        except Conflict:
            raise ConfigError(
                f"the trust bundle, version {version}, is not newer than one that this database has seen:"
                " sign a new one with `delegation keys sign-bundle`, or use the database that belongs to it"
            ) from None

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


def _version(statement: SignedStatement) -> int:
    """Tell the version that a bundle claims. Raises `ConfigError`."""
    try:
        return decode_bundle(statement.payload).version
    except Refused:
        raise ConfigError(f"{BUNDLE_FILE} is no trust bundle: sign one with `delegation keys sign-bundle`") from None
