"""Tools as their guards have told the service, to be taken into the catalogue like those of a live server."""

from __future__ import annotations

from collections.abc import Iterable

from delegation.core.declaration import Declaration
from delegation.core.tool_hints import Hints
from delegation.server.catalogue_import import LiveTool
from delegation.wire.tool_reports import ToolReport


def tools_in(reports: Iterable[ToolReport]) -> tuple[LiveTool, ...]:
    """Give the tools of reports about one audience.

    What several say of a tool that they serve is united. Of different manifests the one that was told last counts.
    """
    tools: dict[str, Declaration] = {}
    for report in sorted(reports, key=lambda each: each.last_seen_at_ms):
        tools[report.tool] = _both(tools.get(report.tool, Declaration()), report.declared)
    return tuple(LiveTool(name, Hints(), said.manifest_digest, said) for name, said in sorted(tools.items()))


def _both(before: Declaration, after: Declaration) -> Declaration:
    return Declaration(
        before.effects | after.effects, before.labels | after.labels, after.manifest_digest or before.manifest_digest
    )
