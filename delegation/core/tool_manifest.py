"""What a tool says of itself, and its digest: by which the operator pins the tool that was looked at (SPEC T-37)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from delegation.core.arguments import Arguments

MANIFEST_FIELDS: Final = ("annotations", "description", "inputSchema", "name", "outputSchema", "title")
"""The fields of MCP's `tools/list` that clients and models go by. Icons and `_meta` change without the tool."""


def manifest_digest(listed: Mapping[str, Any]) -> bytes:
    """Give the digest of a tool's manifest, 32 bytes.

    Args:
        listed: the tool as its MCP server lists it, in MCP's own names; other fields are ignored, and null ones.

    Raises:
        NotPermitted: ARGUMENTS_INVALID for what is not JSON, ARGUMENTS_TOO_LARGE past 1 MiB or 4,096 values.
    """
    return Arguments.of({name: listed[name] for name in MANIFEST_FIELDS if listed.get(name) is not None}).digest
