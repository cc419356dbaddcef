"""Proofs are accepted once: the nonces that a guard has seen, in process and bounded.

For tools that only read and are decided in process. All other proofs are used up in the service's shared store.
"""

from __future__ import annotations

import threading
from typing import Final

from delegation.core import limits
from delegation.errors import Reason, refusal

_SLICE_MS: Final = 1_000

MAX_NONCES: Final = 262_144
"""7,000 proofs a second for as long as one must be remembered; about 40 MiB."""


class ReplayStore:
    """The nonces of proofs that were accepted and could be shown again.

    What is forgotten moves the horizon, and a proof from before the horizon is refused: not even a clock that is set
    back makes a forgotten nonce good again. The horizon begins where the guard does, because what was accepted before
    is not known here.

    Args:
        start_ms: When the guard started, ms since the Unix epoch.
        max_nonces: How many to remember at most.
    """

    def __init__(self, start_ms: int, *, max_nonces: int = MAX_NONCES) -> None:
        self._lock = threading.Lock()
        self._slices: dict[int, set[bytes]] = {}
        self._count = 0
        self._max_nonces = max_nonces
        self._horizon_ms = start_ms
        self._swept_ms = start_ms

    @property
    def horizon_ms(self) -> int:
        """Proofs signed before this are refused, ms since the Unix epoch."""
        return self._horizon_ms

    def forget_before(self, horizon_ms: int) -> None:
        """Refuse proofs that were signed before: what was accepted until then is not known here."""
        with self._lock:
            self._horizon_ms = max(self._horizon_ms, horizon_ms)

    def require_unused(self, nonce: bytes, issued_at_ms: int) -> None:
        """Refuse a proof that was used, without using it up. Raises `BadProof`, PROOF_REPLAYED."""
        with self._lock:
            if nonce in self._slices.get(issued_at_ms // _SLICE_MS, ()):
                raise refusal(Reason.PROOF_REPLAYED)

    def use(self, nonce: bytes, issued_at_ms: int, now_ms: int) -> None:
        """Use up a proof whose signature has been checked: look and remember, in one step.

        Raises:
            BadProof: PROOF_REPLAYED if it was used, PROOF_STALE if that is not known any more.
            Undecided: INTERNAL if no more can be remembered.
        """
        with self._lock:
            if now_ms - self._swept_ms >= _SLICE_MS:
                self._sweep(now_ms)
            if issued_at_ms < self._horizon_ms:
                raise refusal(Reason.PROOF_STALE)
            seen = self._slices.setdefault(issued_at_ms // _SLICE_MS, set())
            if nonce in seen:
                raise refusal(Reason.PROOF_REPLAYED)
            if self._count >= self._max_nonces:
                raise refusal(Reason.INTERNAL, detail="this guard remembers as many proofs as it may")
            seen.add(nonce)
            self._count += 1

    def _sweep(self, now_ms: int) -> None:
        self._swept_ms = now_ms
        keep_from = (now_ms - limits.PROOF_MEMORY_MS) // _SLICE_MS
        for old in [each for each in self._slices if each < keep_from]:
            self._count -= len(self._slices.pop(old))
            self._horizon_ms = max(self._horizon_ms, (old + 1) * _SLICE_MS)
