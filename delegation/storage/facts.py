"""What `delegation doctor` and the backup want to know of a database, whichever it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BUNDLE_VERSION: Final = """
    SELECT max(version) FROM documents WHERE kind = (
        SELECT CASE WHEN coalesce(max(version), 1) = 1 THEN 'trust_bundle' ELSE 'trust_bundle.' || max(version) END
        FROM documents WHERE kind = 'trust_root')
"""
"""Of the root key in use: each root has bundles of its own."""

ROOT: Final = "SELECT content FROM documents WHERE kind = 'trust_root' ORDER BY version DESC LIMIT 1"


POLICY: Final = "SELECT version, content FROM documents WHERE kind = 'policy' ORDER BY version DESC LIMIT 1"
TOOLS: Final = "SELECT DISTINCT audience, tool FROM tool_reports ORDER BY audience, tool LIMIT 10000"


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """A look at a database.

    Attributes:
        schema: the revision of its schema; empty if it has none yet.
        feed_position: the revocation feed's last position.
        bundle_version: the newest trust bundle that was served from it; 0 if none was.
        root: the root key that it is served under; empty if none is known.
        policy_version: of the policy in force; 0 if none was yet.
        policy: its content, as the service keeps it; empty if there is none.
        tools: audience and name of those that guards have told of.
        newest_record_ms: when the newest of its records was made, by the clock of who made it; 0 if there is none.
        clock_ms: the database server's own clock; None if it has none.
    """

    schema: str
    feed_position: int
    bundle_version: int
    root: bytes
    policy_version: int
    policy: bytes
    tools: tuple[tuple[str, str], ...]
    newest_record_ms: int
    clock_ms: int | None
