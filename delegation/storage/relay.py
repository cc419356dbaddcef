"""What the replicas over one database tell one another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Hears = Callable[[str], None]
"""Is called, on the event loop, with what a replica tells the others."""


class Relay(Protocol):
    """What replicas over one database tell one another. Best effort: whoever does not listen just now misses it."""

    async def tell(self, words: str) -> None:
        """Tell all replicas something of at most 7,000 bytes, this one included. Raises `StorageError`."""

    def listen(self, hears: Hears) -> None:
        """Have somebody called with everything that is told from now on."""
