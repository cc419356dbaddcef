"""Taking tools of a live server into the catalogue: what the operator wrote stays; hints raise, and never lower, risk.

A hint is the server's own word. One that says of danger is believed; one that says of harmlessness is believed only of
tools that are new, and only if the operator says that this server's hints are to be trusted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from delegation.core.declaration import NOTHING_DECLARED, Declaration
from delegation.core.tool_hints import Hints
from delegation.core.trust import Catalogue, CatalogueTool
from delegation.core.unlisted import entry_of


class LiveTool(NamedTuple):
    """A tool as its server lists it.

    Attributes:
        name: its name.
        hints: what its annotations hint at.
        manifest_digest: 32 bytes; empty if it is not known.
        declared: what its author says of it besides.
    """

    name: str
    hints: Hints
    manifest_digest: bytes
    declared: Declaration = NOTHING_DECLARED


@dataclass(frozen=True, slots=True)
class Import:
    """What taking a server's tools into a catalogue comes to. Names are of tools of one audience, sorted.

    Attributes:
        entries: the catalogue's entries of these tools, as they are to be.
        new: tools that it did not list.
        pinned: listed ones whose manifest was not pinned.
        raised: listed ones that hints or their authors say do more, or give more sensitive results, than is written.
        changed: listed ones whose manifest is not the pinned one.
        gone: listed ones that the server does not list.
    """

    entries: Mapping[str, CatalogueTool]
    new: list[str] = field(default_factory=list)
    pinned: list[str] = field(default_factory=list)
    raised: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


def imported(
    catalogue: Catalogue,
    audience: str,
    live: Iterable[LiveTool],
    *,
    owner: str = "",
    trust_hints: bool = False,
    accept_changes: bool = False,
) -> Import:
    """Take a server's tools into a catalogue.

    Args:
        catalogue: what the operator has written.
        audience: under which the server's tools are served.
        live: its tools.
        owner: who answers for tools that are new.
        trust_hints: whether a new tool is what its hints say; else it is what an unlisted one is taken for.
        accept_changes: whether a changed manifest is pinned from now on; else the pinned one stays.
    """
    entries: dict[str, CatalogueTool] = {}
    found = Import(entries)
    for tool in sorted(live):
        listed = catalogue.find(audience, tool.name)
        if listed is None:
            found.new.append(tool.name)
            entries[tool.name] = _new(audience, tool, owner, trust_hints=trust_hints)
            continue
        entries[tool.name] = _raised(listed, tool, accept_changes=accept_changes)
        if (entries[tool.name].effects, entries[tool.name].labels) != (listed.effects, listed.labels):
            found.raised.append(tool.name)
        if not tool.manifest_digest:
            continue
        if not listed.manifest_digest:
            found.pinned.append(tool.name)
        elif listed.manifest_digest != tool.manifest_digest:
            found.changed.append(tool.name)
    listed_names = {entry.tool for entry in catalogue.tools if entry.audience == audience}
    found.gone.extend(sorted(listed_names - entries.keys()))
    return found


def _new(audience: str, tool: LiveTool, owner: str, *, trust_hints: bool) -> CatalogueTool:
    entry = entry_of(Catalogue(), audience, tool.name)
    effects = tool.hints.all_told() if trust_hints else entry.effects
    return tool.declared.united(entry._replace(effects=effects, owner=owner, manifest_digest=tool.manifest_digest))


def _raised(listed: CatalogueTool, tool: LiveTool, *, accept_changes: bool) -> CatalogueTool:
    declared = tool.declared._replace(effects=tool.declared.effects | tool.hints.raises())
    accepted = tool.manifest_digest and (accept_changes or not listed.manifest_digest)
    return declared.united(listed)._replace(
        manifest_digest=tool.manifest_digest if accepted else listed.manifest_digest
    )
