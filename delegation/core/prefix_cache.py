"""What a verifier remembers: prefixes of chains that it has verified.

Keyed by the exact bytes, signatures included; only successes; bounded in entries and bytes, oldest
use out first; what has expired goes within a minute of use. Time and revocation are never remembered:
they are checked on every call.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Final, Generic, TypeVar

from delegation.core import limits

V = TypeVar("V")

_SWEPT_EVERY_MS: Final = 60_000


class PrefixCache(Generic[V]):
    """A bounded map from exact bytes to what they were verified to be. Threads may share it.

    Attributes:
        remembers: False if it holds nothing, ever.
    """

    def __init__(self, entries: int = limits.CACHE_ENTRIES, size_bytes: int = limits.CACHE_BYTES) -> None:
        self.remembers = entries > 0
        self._entries = entries
        self._size_bytes = size_bytes
        self._held_bytes = 0
        self._swept_ms = 0
        self._lock = Lock()
        self._values: OrderedDict[bytes, tuple[V, int, int]] = OrderedDict()

    def get(self, key: bytes, now_ms: int) -> V | None:
        """Give what was verified, unless it has expired, or the clock went back to before it counted."""
        found = self._values.get(key)
        if found is None:
            if not 0 <= now_ms - self._swept_ms < _SWEPT_EVERY_MS:
                self._sweep(now_ms)
            return None
        value, from_ms, expires_at_ms = found
        with self._lock:
            if from_ms <= now_ms < expires_at_ms:
                if key in self._values:
                    self._values.move_to_end(key)
                return value
            self._drop(key)
        return None

    def put(self, key: bytes, value: V, expires_at_ms: int, *, from_ms: int = 0) -> None:
        """Remember what was verified: it counts from one moment to before another."""
        if not self.remembers or len(key) > self._size_bytes:
            return
        with self._lock:
            if key not in self._values:
                self._held_bytes += len(key)
            self._values[key] = (value, from_ms, expires_at_ms)
            while len(self._values) > self._entries or self._held_bytes > self._size_bytes:
                self._drop(next(iter(self._values)))

    def _sweep(self, now_ms: int) -> None:
        """Drop what has expired: nobody asks for it again, and what is in use would be pushed out before it."""
        with self._lock:
            self._swept_ms = now_ms
            for key in [key for key, (_, _, expires_at_ms) in self._values.items() if expires_at_ms <= now_ms]:
                self._drop(key)

    def _drop(self, key: bytes) -> None:
        if self._values.pop(key, None) is not None:
            self._held_bytes -= len(key)

    def __len__(self) -> int:
        return len(self._values)
