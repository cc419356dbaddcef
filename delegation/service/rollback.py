"""A database that is older than what was given out from it: noticed, and gone on with only when an operator says so.

After a restore from a backup, whatever was revoked since is missing, and with it everybody's protection from it. That
cannot be mended here; somebody has to know.
"""

from __future__ import annotations

from typing import Final

from delegation.errors import ConfigError
from delegation.service.ids import Clock
from delegation.storage.port import Storage
from delegation.storage.records import DocumentRecord

RESTORED: Final = "restored"
"""The document that a restored database is marked with; its versions count the restores."""

ACKNOWLEDGED: Final = "restore_acknowledged"
_WHAT_TO_DO: Final = (
    "revocations since may be missing: read docs/operations.md, *After a restore*, then run"
    " `delegation db acknowledge-rollback --because …`"
)


async def require_no_rollback(storage: Storage, *, known_position: int) -> None:
    """Require that the database is no older than what was given out from it, or that an operator knows.

    Args:
        storage: the database.
        known_position: a position of the revocation feed that was given out by this machine.

    Raises:
        ConfigError: it is older, or was restored from a backup, and nobody has acknowledged it.
        StorageError: the database cannot be used.
    """
    head = await storage.head_position()
    if head < known_position:
        raise ConfigError(
            f"the database's revocation feed is at {head}, and was at {known_position} before: {_WHAT_TO_DO}"
        )
    restored = await storage.document(RESTORED)
    if restored is None:
        return
    acknowledged = await storage.document(ACKNOWLEDGED)
    if acknowledged is None or _restore_of(acknowledged) < restored.version:
        raise ConfigError(f"the database was restored from a backup: {_WHAT_TO_DO}")


async def acknowledge_rollback(storage: Storage, *, known_position: int, because: str, now_ms: Clock) -> int:
    """Go on with an older database; return the position at which the revocation feed goes on.

    Args:
        storage: the database.
        known_position: a position of the feed that was given out by this machine.
        because: what the operator says, for the record.
        now_ms: the clock.

    Raises:
        StorageError: the database cannot be used.
    """
    at_ms = now_ms()
    restored = await storage.document(RESTORED)
    former = await storage.document(ACKNOWLEDGED)
    position = await storage.rejoin(ahead_of=known_position, proofs_until_ms=at_ms)
    version = 1 if former is None else former.version + 1
    content = f"{restored.version if restored else 0} {because}".encode()
    await storage.put_document(DocumentRecord(ACKNOWLEDGED, version, content, at_ms))
    return position


def _restore_of(acknowledged: DocumentRecord) -> int:
    """Tell which restore somebody has acknowledged: the number before what they said."""
    number = acknowledged.content.partition(b" ")[0]
    return int(number) if number.isdigit() else 0
