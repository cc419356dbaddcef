"""Owners: the person or team that answers for an agent, as the operator lists it or as it was registered."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from delegation.storage.port import Storage


class Owners:
    """Finds who answers for whom. What the operator has listed goes before what was registered.

    Args:
        storage: where registrations are.
        listed: owners by id, from the configuration.
        others: the owner of those that are neither listed nor registered, where anybody may call (development).
    """

    def __init__(
        self, storage: Storage, listed: Mapping[str, str], *, others: Callable[[str], str] = lambda _: ""
    ) -> None:
        self._storage = storage
        self._listed = listed
        self._others = others

    async def owner(self, agent: str) -> str:
        """Tell who answers for an agent; empty if nobody is known to. Raises `StorageError`."""
        if owner := self._listed.get(agent):
            return owner
        registered = await self._storage.agent(agent)
        return registered.owner if registered else ""

    async def somebody_answers(self, agent: str) -> bool:
        """Tell whether an agent is known here with an owner: the service vouches for the keys of such agents only."""
        return bool(self._listed.get(agent) or self._others(agent) or await self.owner(agent))
