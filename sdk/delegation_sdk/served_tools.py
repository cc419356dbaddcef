"""What a guard's tools say of themselves: what their author declares, and how an MCP server lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from delegation.core.declaration import NOTHING_DECLARED, Declaration


def _nobody() -> None:
    pass


class ServedTools:
    """The tools that a guard knows of. Changes are told; what is found is always whole, from any thread.

    Attributes:
        changed: Called after each change.
    """

    def __init__(self) -> None:
        self.changed: Callable[[], None] = _nobody
        self._declared: dict[str, Declaration] = {}
        self._listed: dict[str, Declaration] = {}
        self._all: Mapping[str, Declaration] = {}

    def find(self, tool: str) -> Declaration:
        """Give what a tool says of itself: nothing, if it is not known."""
        return self._all.get(tool, NOTHING_DECLARED)

    def all(self) -> Mapping[str, Declaration]:
        """Give what each tool says of itself, by its name."""
        return self._all

    def declare(self, tool: str, declaration: Declaration) -> None:
        """Take what a tool's author declares."""
        self._declared = {**self._declared, tool: declaration}
        self._unite()

    def list(self, tools: Mapping[str, Declaration]) -> None:
        """Take how a server lists its tools: hints of what they do, and their manifests."""
        self._listed = {**self._listed, **tools}
        self._unite()

    def _unite(self) -> None:
        tools = {**self._declared, **self._listed}
        for name, declared in self._declared.items():
            if (listed := self._listed.get(name)) is not None:
                tools[name] = listed._replace(
                    effects=listed.effects | declared.effects, labels=listed.labels | declared.labels
                )
        if tools != self._all:
            self._all = tools
            self.changed()
