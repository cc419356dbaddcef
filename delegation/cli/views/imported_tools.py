"""What taking a server's tools into the catalogue came to: new, pinned, raised, changed, gone."""

from __future__ import annotations

from typing import Any, Final

from rich.console import Console
from rich.text import Text

from delegation.cli.untrusted_text import visible
from delegation.server.catalogue_import import Import

_MOST_CHARACTERS: Final = 100

_KINDS: Final = (
    ("changed", "refused", "the manifest is not the one that is pinned: look at the tool, then --accept-changes"),
    ("raised", "warning", "hints say that it does more than is written"),
    ("new", "warning", "not listed before"),
    ("pinned", "quiet", "the manifest was not pinned"),
    ("gone", "quiet", "listed, and not there any more"),
)


def print_import(console: Console, found: Import) -> None:
    """Print what was found, the worst first."""
    lines = 0
    for kind, style, why in _KINDS:
        for name in getattr(found, kind):
            lines += 1
            said = visible(name, limit=_MOST_CHARACTERS)
            console.print(Text.assemble((f"{kind:8}", style), said, (f"  {why}", "quiet")))
    same = len(found.entries) - len({*found.changed, *found.raised, *found.new, *found.pinned})
    words = "1 tool is as the catalogue has it." if same == 1 else f"{same:,} tools are as the catalogue has them."
    console.print(Text(words, "quiet" if lines else "allowed"))


def plain_import(found: Import) -> dict[str, Any]:
    """Write it as plain data, for `--json`."""
    return {
        **{kind: list(getattr(found, kind)) for kind, _, _ in _KINDS},
        "tools": [
            {
                "audience": entry.audience,
                "name": entry.tool,
                "owner": entry.owner,
                "effects": sorted(entry.effects),
                "labels": sorted(entry.labels),
                "local": entry.local,
                "manifest_digest": entry.manifest_digest.hex(),
            }
            for entry in found.entries.values()
        ],
    }
