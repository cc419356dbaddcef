"""What holds of a tool that the operator's catalogue does not list: it is the most dangerous kind."""

from __future__ import annotations

from delegation.core.labels import MOST_SENSITIVE
from delegation.core.trust import Catalogue, CatalogueTool, Effect


def entry_of(catalogue: Catalogue, audience: str, tool: str) -> CatalogueTool:
    """Give what the catalogue says about a tool; of one that it does not list, that it may do and return anything."""
    return catalogue.find(audience, tool) or CatalogueTool(
        audience, tool, frozenset(Effect), labels=frozenset({MOST_SENSITIVE})
    )
