"""Where a call arrives: here the kernel; others have modules of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import delegation.core.authorize as authorization
import delegation.core.proof as proofs
import delegation.core.verify as verification
from attacks.suite.calls import Call, Moment, Presented
from attacks.suite.worlds import KernelWorld, World
from delegation.core.arguments import Arguments
from delegation.core.revocation import FeedEntry, RevocationState
from delegation.core.trust import TrustBundle
from delegation.errors import Refused
from delegation_sdk.replay import ReplayStore

MAX_STALENESS_MS = 60_000


class Door(Protocol):
    """One place where calls are decided.

    Attributes:
        name: of the column.
        world: in which attempts for it are made.
    """

    name: str
    world: World

    def takes(self, presented: Presented, reason: object) -> bool:
        """Tell whether such a thing can arrive here."""

    def show(self, presented: Any) -> None:
        """Present it; raises what refuses it."""


def feed_of(moment: Moment) -> FeedEntry:
    """Give the snapshot that a verifier got last."""
    issued_ms = moment.now_ms if moment.feed_ms is None else moment.feed_ms
    return FeedEntry(0, len(moment.revoked), issued_ms, snapshot=True, more=False, revocations=moment.revoked)


class Kernel:
    """Verify, check the proof, use it up, authorize: by a verifier that knows nothing, and by one that knows much."""

    name = "kernel"

    def __init__(self) -> None:
        self.world = KernelWorld()
        self._warm: dict[TrustBundle, verification.Verifier] = {}

    def takes(self, presented: Presented, reason: object) -> bool:
        """That something comes along at all is for whoever stands before the kernel to see."""
        return isinstance(presented, Call) and bool(presented.token)

    def show(self, call: Call) -> None:
        trust = call.moment.trust
        warm = self._warm.setdefault(trust, verification.Verifier(trust))
        verdicts = []
        for verifier in (verification.Verifier(trust), warm):
            try:
                self._all(verifier, call)
            except Refused as refused:
                verdicts.append(refused)
            else:
                verdicts.append(None)
        cold, known = ((each.reason, each.link_index) if each else None for each in verdicts)
        assert cold == known, f"a verifier that knows nothing says {cold}, one that knows much says {known}"
        if verdicts[0] is not None:
            raise verdicts[0]

    def _all(self, verifier: verification.Verifier, call: Call) -> None:
        replay = ReplayStore(call.moment.started_ms)
        in_order(call, lambda one: self._one(verifier, replay, one))

    def _one(self, verifier: verification.Verifier, replay: ReplayStore, call: Call) -> None:
        now_ms, state = call.moment.now_ms, RevocationState()
        state.apply(feed_of(call.moment), monotonic_ms=0)
        arguments = Arguments.parse if isinstance(call.arguments, bytes) else Arguments.of
        sent = arguments(call.arguments)  # type: ignore[arg-type]
        state.require_fresh(MAX_STALENESS_MS, now_ms=now_ms, monotonic_ms=0)
        chain = verifier.verify(call.token, now_ms=now_ms, revocations=state, federated=_followed(call.moment).get)
        asked = {"audience": call.audience, "tool": call.tool}
        checked = proofs.check_proof(
            call.proof,
            chain,
            **asked,
            arguments_digest=sent.digest,
            now_ms=now_ms,
            accept_from_ms=replay.horizon_ms,
        )
        replay.use(checked.nonce, checked.issued_at_ms, now_ms)
        authorization.authorize(chain, **asked, arguments=sent, defaults=Arguments.of(call.defaults).values)


def _followed(moment: Moment) -> dict[str, RevocationState]:
    states = {}
    for name, _, revoked in moment.followed:
        states[name] = RevocationState()
        states[name].apply(feed_of(replace(moment, revoked=revoked)), monotonic_ms=0)
    return states


def in_order(call: Call, show: Callable[[Call], object]) -> None:
    """Present what comes before a call, of which all must come to what it is said to; then the call."""
    for earlier in call.earlier:
        try:
            show(earlier)
        except Refused as refused:
            raise AssertionError(f"what came before was refused: {refused}") from refused
    for tried in call.tried:
        try:
            show(tried)
        except Refused:
            continue
        raise AssertionError("what was tried before was permitted")
    show(call)
