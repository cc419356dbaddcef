"""What an MCP tool's annotations hint at: the server's own word, which raises a risk and never lowers one."""

from __future__ import annotations

from delegation.core.named_tuple import NamedTuple
from delegation.core.trust import Effect


class Hints(NamedTuple):
    """What a tool's annotations hint at; None where they do not say."""

    read_only: bool | None = None
    destructive: bool | None = None
    open_world: bool | None = None

    def raises(self) -> frozenset[Effect]:
        """Give the effects that the hints say the tool has."""
        said = set()
        if self.read_only is False:
            said.add(Effect.WRITE)
        if self.destructive:  # also of one that is called read-only: of two that contradict each other, the worse
            said |= {Effect.WRITE, Effect.DESTRUCTIVE}
        if self.open_world:
            said.add(Effect.EXTERNAL)
        return frozenset(said)

    def all_told(self) -> frozenset[Effect]:
        """Give the effects of a tool of which nothing else is known: what is not said is the worse, as MCP has it."""
        effects = {Effect.READ}
        if not self.read_only or self.destructive:
            effects.add(Effect.WRITE)
            if self.destructive is not False:
                effects.add(Effect.DESTRUCTIVE)
        if self.open_world is not False:
            effects.add(Effect.EXTERNAL)
        return frozenset(effects)
