"""The root key that a database has been served under: kept at the first start, and another one refused.

`root.pub` lies beside the trust bundle, where a service reads both. Whoever can write there, and no more, must not
become the service's root with the next start. What a database has seen of another root's bundles counts for nothing
under a new one, so each root has bundles of its own.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from typing import Final

from delegation.app.database import lock_of, storage_of
from delegation.app.key_files import ROOT_PUBLIC_FILE, read_root_public, root_text, system_ms
from delegation.core import limits
from delegation.core.attest import open_bundle
from delegation.core.codec import decode_statement
from delegation.errors import ConfigError, Conflict, Refused
from delegation.server.config import ServerConfig
from delegation.storage.port import Storage
from delegation.storage.records import DocumentRecord

BUNDLE_DOCUMENT: Final = "trust_bundle"
ROOT_DOCUMENT: Final = "trust_root"
ACCEPTED_DOCUMENT: Final = "trust_root_accepted"
"""Why another root was accepted; its versions are those of the roots."""

_ANOTHER: Final = (
    f"{ROOT_PUBLIC_FILE} is another root key than the one that this database was served under: put the former one"
    " back; if you have made a new root, say so with `delegation db accept-root`"
)


async def require_root(storage: Storage, root: bytes, *, now_ms: int) -> int:
    """Require that a database is served under its own root key; give which one that is, counted from 1.

    Raises:
        ConfigError: it is another one, and no operator has accepted it.
        StorageError: the database cannot be used.
    """
    pinned = await storage.document(ROOT_DOCUMENT)
    if pinned is None:
        served = await storage.document(BUNDLE_DOCUMENT)
        if served is not None and not _has_signed(root, served.content):  # by a program that did not keep the root
            raise ConfigError(_ANOTHER)
        pinned = DocumentRecord(ROOT_DOCUMENT, 1, root, now_ms)
        try:
            await storage.put_document(pinned)
        except Conflict:  # another replica was first
            pinned = await storage.document(ROOT_DOCUMENT)
    if pinned is None or not hmac.compare_digest(pinned.content, root):
        raise ConfigError(_ANOTHER)
    return pinned.version


def _has_signed(root: bytes, bundle: bytes) -> bool:
    try:
        open_bundle(decode_statement(bundle, limits.DOCUMENT_BYTES), root, now_ms=0)
    except Refused:
        return False
    return True


def accept_root(
    config: ServerConfig, root: str, because: str, *, now_ms: Callable[[], int] = system_ms
) -> tuple[bytes | None, bytes]:
    """Go on under another root key; return the one before, if there was one, and the one that counts from now on.

    Args:
        config: whose database, and where `root.pub` is.
        root: the root's public key as its operator knows it: the text of `root/root.pub`.
        because: what the operator says, for the record.
        now_ms: the clock.

    Raises:
        ConfigError: `root.pub` is another one, or the database is being served.
        StorageError: the database cannot be used.
    """
    public = read_root_public(config.keys_directory)
    if root.strip() != root_text(public):
        raise ConfigError(f"{config.keys_directory / ROOT_PUBLIC_FILE} is not that root key: copy it from your own")
    lock = lock_of(config)
    lock.take()
    try:
        return asyncio.run(_accept(config, public, because, now_ms())), public
    finally:
        lock.release()


async def _accept(config: ServerConfig, root: bytes, because: str, now_ms: int) -> bytes | None:
    storage = storage_of(config)
    await storage.open()
    try:
        former = await storage.document(ROOT_DOCUMENT)
        if former is not None and former.content == root:
            return former.content
        # A database of before roots were kept has bundles of its first one, which is not known any more.
        version = 2 if former is None else former.version + 1
        await storage.put_document(DocumentRecord(ACCEPTED_DOCUMENT, version, because.encode(), now_ms))
        await storage.put_document(DocumentRecord(ROOT_DOCUMENT, version, root, now_ms))
        return None if former is None else former.content
    finally:
        await storage.close()
