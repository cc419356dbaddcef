"""Keeping arguments of calls with their decisions, as the catalogue in use says."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from delegation.core.arguments import Value
from delegation.core.kept_arguments import KeptArguments
from delegation.core.trust import Catalogue


class KeepArguments:
    """Says what is kept of a call's arguments.

    Args:
        catalogue: gives the catalogue in use.
    """

    def __init__(self, catalogue: Callable[[], Catalogue]) -> None:
        self._catalogue = catalogue

    def __call__(self, audience: str, tool: str, values: Mapping[str, Value], call_id: bytes) -> str | None:
        """Give what is kept, as storage has it; None where the catalogue has nothing kept of this tool's calls."""
        entry = self._catalogue().find(audience, tool)
        if entry is None or not entry.recorded:
            return None
        return KeptArguments.of(values, entry.recorded, call_id).text()
