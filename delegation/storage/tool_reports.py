"""What tools have said of themselves, as it is kept: one row for each tool and whoever serves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

TOOLS_OF_A_CALLER: Final = 2048
"""Reports that are kept of one caller: no server has more tools, and nobody fills the database with names."""


@dataclass(frozen=True, slots=True)
class ToolReportRecord:
    """What somebody who serves a tool has said of it last.

    Attributes:
        report_id: of audience, tool and caller, 32 bytes.
        audience, tool: which.
        caller: who serves it.
        manifest_digest: of the tool as it is served, 32 bytes; empty if that was not said.
        effects, labels: what it declares, sorted, with commas between them.
        state: how it differs from the catalogue, in words with commas between them; empty: in nothing.
        state_since_ms: since when.
        first_seen_ms, last_seen_ms: when it was said for the first and for the last time.
        expires_ms: when the report is forgotten.
    """

    report_id: bytes
    audience: str
    tool: str
    caller: str
    manifest_digest: bytes
    effects: str
    labels: str
    state: str
    state_since_ms: int
    first_seen_ms: int
    last_seen_ms: int
    expires_ms: int


class JudgedReport(NamedTuple):
    """A report that differs from the catalogue in another way than before.

    Attributes:
        report_id: which, 32 bytes.
        before, after: how it differed, and differs.
    """

    report_id: bytes
    before: str
    after: str
