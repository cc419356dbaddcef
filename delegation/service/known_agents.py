"""Which agents of a chain the service knows to be the holders of its links: of them alone something is kept.

All other names are their delegator's word. Were anything kept by them, whoever hands on to a name could burden its
bearer. A binding that was left out of the token is remembered.
"""

from __future__ import annotations

from collections.abc import Collection

from delegation.core.chain import VerifiedChain
from delegation.service.recorded_links import RecordedLinks


class KnownAgents:
    """Tells whom the service knows.

    Args:
        recorded: tells which holders the service vouched for as it recorded their links.
    """

    def __init__(self, recorded: RecordedLinks) -> None:
        self._recorded = recorded

    async def of(self, chain: VerifiedChain, now_ms: int) -> tuple[str, ...]:
        """Give the agents of a chain that are known, each once. Raises `StorageError`."""
        agents: dict[str, None] = {}
        for index, agent in enumerate(chain.agents):
            if chain.bound(index, now_ms) or await self._vouched(chain, index):
                agents[agent] = None
        return tuple(agents)

    async def acting(
        self, chain: VerifiedChain, now_ms: int, *, up_to: int | None = None, vouched: Collection[int] = ()
    ) -> str:
        """Give the agent whose act it is: the holder of a link if it is known, else the nearest before it that is.

        So nobody sheds what it did by handing on to a name that nobody knows. The grant's holder is always known.

        Args:
            chain: the chain.
            now_ms: when.
            up_to: the link; None: the leaf.
            vouched: the links whose holders somebody vouches for beyond what the chain shows.

        Raises:
            StorageError: it cannot be read whom the service vouched for.
        """
        for index in range(len(chain.links) - 1 if up_to is None else up_to, 0, -1):
            if index in vouched or chain.bound(index, now_ms) or await self._vouched(chain, index):
                return chain.agents[index]
        return chain.agents[0]

    async def _vouched(self, chain: VerifiedChain, index: int) -> bool:
        link_id = chain.links[index].link_id
        known = self._recorded.remembered(link_id) or await self._recorded.find(link_id)
        return known is not None and known.vouched
