"""A real guard that decides in process, with a feed, a bundle and somebody who takes its records."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from attacks.suite.calls import Call, Moment, Presented
from attacks.suite.doors import feed_of, in_order
from attacks.suite.worlds import KernelWorld
from delegation.core.arguments import Arguments
from delegation.core.attest import catalogue_digest, open_batch, sign_bundle, sign_feed_entry
from delegation.core.authorize import authorize
from delegation.core.codec import decode_proof, encode_catalogue, split_proof
from delegation.core.codec.canonical import check_name
from delegation.core.keys import SigningKey
from delegation.core.revocation import RevocationState
from delegation.core.trust import Catalogue, CatalogueTool, Effect, KeyState, TrustBundle
from delegation.core.verify import Verifier
from delegation.errors import Malformed, Refused, ServiceUnavailable
from delegation.wire.authorization import CallToDecide, Decision
from delegation.wire.trust import TrustDocuments
from delegation_sdk.carriage import Carriage
from delegation_sdk.guard import Guard
from delegation_sdk.guard_ports import GuardPorts
from delegation_sdk.sources import Sources
from support.chains import ROOT, STATEMENTS, bundle


class _Stream:
    """The feed: one snapshot, then silence."""

    def __init__(self, moment: Moment, signer: SigningKey = STATEMENTS) -> None:
        self._pieces = [sign_feed_entry(feed_of(moment), signer)]
        self._cancelled = threading.Event()

    def open(self, after_position: int) -> _Stream:
        return self

    def next(self, timeout_s: float) -> Any:
        if self._pieces:
            return self._pieces.pop()
        if self._cancelled.wait(timeout_s):
            raise ServiceUnavailable("over")
        return None

    def cancel(self) -> None:
        self._cancelled.set()


class _Service:
    """All that a guard needs that decides by itself: documents, and somebody who takes its records.

    Asked about a condition it has no state, and refuses as whoever has none (A-2).
    """

    def __init__(self, documents: TrustDocuments, trust: TrustBundle, clock: list[int]) -> None:
        self._documents = documents
        self._verifier = Verifier(trust)
        self._clock = clock

    def fetch(self) -> TrustDocuments:
        return self._documents

    def record(self, batch: Any, tokens: Any) -> int:
        return open_batch(batch).next_sequence

    def report(self, outcomes: Any, guard_key: bytes) -> None:
        pass

    def authorize(self, call: CallToDecide) -> Any:
        now_ms, nothing = self._clock[0], RevocationState.nothing_revoked()
        chain = self._verifier.verify(call.token, now_ms=now_ms, revocations=nothing, require_receipt=False)
        try:
            arguments = Arguments.parse(call.arguments_json)
            authorize(chain, audience=call.audience, tool=call.tool, arguments=arguments)
        except Refused as refused:
            return Decision(bytes(16), now_ms, refused)
        raise ServiceUnavailable("this guard has everything that it needs to decide by itself")

    async def authorize_async(self, call: CallToDecide) -> Any:
        return self.authorize(call)


class GuardDoor:
    """A real guard for each audience and moment; every tool is local.

    Args:
        tools: the tools that will be called, as (audience, tool).
    """

    name = "guard"

    def __init__(self, tools: Iterable[tuple[str, str]]) -> None:
        self.world = KernelWorld(fresh_nonces=True)
        read = frozenset({Effect.READ})
        listed = sorted({pair for pair in tools if all(map(_is_name, pair))})
        self._catalogue = Catalogue(tuple(CatalogueTool(*pair, read, local=True, owner="tests") for pair in listed))
        self._guards: dict[Any, tuple[Guard, list[int]]] = {}

    def takes(self, presented: Presented, reason: object) -> bool:
        """A guard cannot be opened without a feed, takes values, no bytes, and no proof before its time."""
        if not isinstance(presented, Call) or isinstance(presented.arguments, bytes):
            return False
        moment = presented.moment
        if reason is None and _is_ahead(presented):
            return False
        speaking = (each for each in moment.trust.keys if each.public_key == STATEMENTS.public)
        return moment.trust.expires_at_ms > moment.now_ms and any(
            each.state is KeyState.ACTIVE
            and each.not_before_ms <= moment.now_ms
            and (not each.not_after_ms or moment.now_ms < each.not_after_ms)
            for each in speaking
        )

    def show(self, call: Call) -> None:
        in_order(call, lambda one: self._authorize(one, call.moment))

    def _authorize(self, call: Call, moment: Moment) -> None:
        guard, clock = self._guard(call.audience, moment)
        clock[0] = call.moment.now_ms
        carriage = Carriage(call.token, call.proof)
        guard.authorize(carriage, call.tool, call.arguments, defaults=call.defaults)  # type: ignore[arg-type]

    def _guard(self, audience: str, moment: Moment) -> tuple[Guard, list[int]]:
        known = (audience, moment)
        if known not in self._guards:
            self._guards[known] = self._open(audience, moment)
        return self._guards[known]

    def _open(self, audience: str, moment: Moment) -> tuple[Guard, list[int]]:
        clock = [moment.started_ms]
        sources = Sources(lambda: clock[0], lambda: 0, Sources.system().random)
        keys = tuple(sorted(moment.trust.keys, key=lambda each: each.key_id))
        said = moment.trust
        named = {"issued_at_ms": said.issued_at_ms, "expires_at_ms": said.expires_at_ms, "federated": said.federated}
        trust = bundle(*keys, catalogue_digest=catalogue_digest(self._catalogue), **named)
        service = _Service(TrustDocuments(sign_bundle(trust, ROOT), encode_catalogue(self._catalogue)), trust, clock)
        feeds = {name: _Stream(replace(moment, revoked=gone), signer) for name, signer, gone in moment.followed}
        ports = GuardPorts(service, _Stream(moment), service, service, federated=feeds)
        guard = Guard(audience, ports, trust_root=ROOT.public, sources=sources, max_waiting=100_000)
        clock[0] = moment.now_ms
        guard.open()
        for watcher in guard._federated._watchers.values():
            assert watcher.wait_until_known(30)
        return guard, clock

    def close(self) -> None:
        while self._guards:
            self._guards.popitem()[1][0].close()


def _is_ahead(call: Call) -> bool:
    """Tell whether a proof's time has not come: for a guard it has to, whatever the window of a proof (P-13)."""
    try:
        return decode_proof(split_proof(call.proof)[0]).issued_at_ms > call.moment.now_ms
    except Malformed:
        return False


def _is_name(text: str) -> bool:
    try:
        check_name(text, "a name")
    except Malformed:
        return False
    return True
