"""The manifest of a tool as the MCP SDK has it, in a server or from one (SPEC T-37). The SDK itself is not needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from delegation.core.tool_hints import Hints
from delegation.core.tool_manifest import manifest_digest


class Annotations(Protocol):
    """`mcp_types.ToolAnnotations`."""

    @property
    def read_only_hint(self) -> bool | None:
        """Whether it changes nothing."""

    @property
    def destructive_hint(self) -> bool | None:
        """Whether it may destroy something."""

    @property
    def open_world_hint(self) -> bool | None:
        """Whether it reaches the outside world."""

    def model_dump(self, *, mode: str, by_alias: bool, exclude_none: bool) -> dict[str, Any]:
        """Give MCP's own names and values."""


class ListedTool(Protocol):
    """`mcp_types.Tool`, as far as it is looked at."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def title(self) -> str | None:
        """Its name for people."""

    @property
    def description(self) -> str | None:
        """What models are told of it."""

    @property
    def input_schema(self) -> Mapping[str, Any]:
        """JSON Schema of its arguments."""

    @property
    def output_schema(self) -> Mapping[str, Any] | None:
        """JSON Schema of its results."""

    @property
    def annotations(self) -> Annotations | None:
        """Hints."""


def hints_of_listed(tool: ListedTool) -> Hints:
    """Give what the annotations of a tool that a server lists hint at."""
    said = tool.annotations
    return Hints() if said is None else Hints(said.read_only_hint, said.destructive_hint, said.open_world_hint)


def digest_of_listed(tool: ListedTool) -> bytes:
    """Give the digest of the manifest of a tool that a server lists, 32 bytes.

    Raises:
        NotPermitted: ARGUMENTS_INVALID, ARGUMENTS_TOO_LARGE: there is no digest of what is no plain JSON, or too large.
    """
    hints: dict[str, Any] | None = None
    if tool.annotations is not None:
        hints = tool.annotations.model_dump(mode="json", by_alias=True, exclude_none=True)
    return manifest_digest(
        {
            "name": tool.name,
            "title": tool.title,
            "description": tool.description,
            "inputSchema": tool.input_schema,
            "outputSchema": tool.output_schema,
            "annotations": hints,
        }
    )
