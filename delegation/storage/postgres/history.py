"""Notices a database that has gone back under a running replica: a standby that lacked the last commits, a restore.

What was committed is a prefix of what a replica has seen, or it is another history. Where the entry that the replica
saw last is as it was, so is all before it. Where it is not, or the feed's head is behind, revocations may be missing
that this replica would never read again: it has to begin anew, and an operator to say so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from delegation.errors import StorageError
from delegation.storage import queries
from delegation.storage.rows import REVOCATIONS
from delegation.storage.schema import revocations
from delegation.storage.statements import Statement

if TYPE_CHECKING:
    from delegation.storage.reads import Readers, Snapshot
    from delegation.storage.records import RevocationRecord

GONE_BACK: Final = (
    "the database has gone back behind what this replica has seen: see `delegation db acknowledge-rollback`,"
    " then start the service again"
)

_HEAD: Final = Statement(queries.HEAD)
_AT: Final = Statement(REVOCATIONS.select().where(revocations.c.position == sa.bindparam("position")))
_NEWEST: Final = Statement(REVOCATIONS.select().order_by(revocations.c.position.desc()).limit(1))


class History:
    """What a replica has last seen of the revocation feed."""

    def __init__(self) -> None:
        self._head = 0
        self._newest: RevocationRecord | None = None

    async def look(self, readers: Readers, *, seen: int) -> int:
        """Return the feed's head.

        Args:
            readers: ask the database.
            seen: a position that was read, or given out, by this replica.

        Raises:
            StorageError: the database cannot be read.
            GoneBackError: it has gone back.
        """
        self._head = max(self._head, seen)
        before = self._newest

        def question(snapshot: Snapshot) -> tuple[int, RevocationRecord | None, RevocationRecord | None]:
            row = snapshot.one(_HEAD)
            same = None if before is None else snapshot.one(_AT, position=before.position)
            newest = snapshot.one(_NEWEST)
            return (
                0 if row is None else int(row[0]),
                None if same is None else REVOCATIONS.from_row(same),
                None if newest is None else REVOCATIONS.from_row(newest),
            )

        head, same, newest = await readers.read(question, of_one_moment=True)
        # An entry that has expired may be gone by right; then the head alone has to do.
        if head < self._head or (same is not None and same != before):
            raise GoneBackError
        self._head, self._newest = head, newest
        return head


class GoneBackError(StorageError):
    """The database has gone back."""

    def __init__(self) -> None:
        super().__init__("storage_unavailable", GONE_BACK)
