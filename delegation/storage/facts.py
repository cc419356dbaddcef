"""What `delegation doctor` and the backup want to know of a database, whichever it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """A look at a database.

    Attributes:
        schema: the revision of its schema; empty if it has none yet.
        feed_position: the revocation feed's last position.
        bundle_version: the newest trust bundle that was served from it; 0 if none was.
        newest_record_ms: when the newest of its records was made, by the clock of who made it; 0 if there is none.
        clock_ms: the database server's own clock; None if it has none.
    """

    schema: str
    feed_position: int
    bundle_version: int
    newest_record_ms: int
    clock_ms: int | None
