"""The chains that a guard has been sent and can find again by their digest (SPEC section 11).

Finding one gives bytes and nothing else: whoever is let in by them is verified and proven as if they had just arrived.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from delegation.core import limits
from delegation.core.chain import VerifiedChain
from delegation.core.named_tuple import NamedTuple

Bindings = Mapping[tuple[bytes, str], int]
_SWEPT_EVERY_MS: Final = 60_000


class _Kept(NamedTuple):
    token: bytes
    expires_at_ms: int
    recorded: bool
    bindings: Bindings

    def lacks(self, other: _Kept, now_ms: int) -> bool:
        """Tell whether the statements of another token of these links say something that those of this one do not."""
        mine, theirs = self.bindings, other.bindings
        return other.recorded > self.recorded or any(
            mine.get(pair, 0) < until for pair, until in theirs.items() if until > now_ms
        )


class KnownChains:
    """A bounded memory of tokens by chain digest, of one guard alone. Thread-safe.

    Args:
        entries: How many to keep at most; what was not used for longest goes first.
        size_bytes: How large they may be together, bytes.
    """

    def __init__(self, *, entries: int = limits.KNOWN_CHAINS, size_bytes: int = limits.KNOWN_CHAINS_BYTES) -> None:
        self._entries = entries
        self._size_bytes = size_bytes
        self._held_bytes = 0
        self._swept_ms = 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()

    def keep(self, chain: VerifiedChain, now_ms: int) -> None:
        """Keep a chain. Only for one that was verified, and only after its leaf's holder has proven a call with it.

        Tokens of one digest have the same links and may have other statements. One that says less does not replace
        one that says more, and of two that say the same the shorter stays: statements can be cut off and repeated on
        the way, without the holder.
        """
        digest, token = chain.digest, chain.token
        with self._lock:
            kept = self._kept.get(digest)
            new = _Kept(token, chain.expires_at_ms, chain.receipt is not None, chain.bindings)
            if kept is not None:
                longer = len(kept.token) <= len(token)
                if kept.token is token or new.lacks(kept, now_ms) or (longer and not kept.lacks(new, now_ms)):
                    self._kept.move_to_end(digest)
                    return
                self._drop(digest)
            elif not 0 <= now_ms - self._swept_ms < _SWEPT_EVERY_MS:
                self._sweep(now_ms)
            self._kept[digest] = new
            self._held_bytes += len(token)
            while len(self._kept) > self._entries or self._held_bytes > self._size_bytes:
                self._drop(next(iter(self._kept)))

    def find(self, digest: bytes, now_ms: int) -> bytes | None:
        """Give the token of a digest, unless there is none or it has expired."""
        if digest not in self._kept:  # without waiting for anybody: what is not known may come in floods
            return None
        with self._lock:
            kept = self._kept.get(digest)
            if kept is None:
                return None
            if now_ms >= kept.expires_at_ms:
                self._drop(digest)
                return None
            self._kept.move_to_end(digest)
            return kept.token

    def forget(self, digest: bytes) -> None:
        """Keep a chain no longer."""
        with self._lock:
            if digest in self._kept:
                self._drop(digest)

    def _sweep(self, now_ms: int) -> None:
        """Drop what has expired: nobody asks for it again, and what is in use would be pushed out before it."""
        self._swept_ms = now_ms
        for digest in [digest for digest, kept in self._kept.items() if kept.expires_at_ms <= now_ms]:
            self._drop(digest)

    def _drop(self, digest: bytes) -> None:
        self._held_bytes -= len(self._kept.pop(digest).token)

    def __len__(self) -> int:
        return len(self._kept)

    def __repr__(self) -> str:
        return f"KnownChains({len(self._kept)} of {self._entries})"
