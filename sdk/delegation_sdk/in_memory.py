"""The service's promises in memory, for tests: grants, receipts, revocations, decisions. Behind `testing.Authority`.

It keeps them with the kernel, as the real service does, and with nothing else: no policy, no ledger, no durability.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from delegation.core import limits
from delegation.core.arguments import Arguments
from delegation.core.attest import (
    open_batch,
    open_outcome,
    open_records,
    sign_binding,
    sign_bundle,
    sign_feed_entry,
    sign_receipt,
)
from delegation.core.authorize import authorize
from delegation.core.chain import Principal, PrincipalBasis, SignedLink, VerifiedChain
from delegation.core.codec import decode_feed_entry, encode_catalogue, join_token
from delegation.core.demands import Demand, demands_of
from delegation.core.keys import SigningKey
from delegation.core.mint import sign_grant
from delegation.core.observation import is_observed
from delegation.core.proof import check_holder_proof, check_proof, proof_id
from delegation.core.records import DecisionRecord, Outcome, OutcomeStatus
from delegation.core.renewal import require_renews
from delegation.core.revocation import FeedEntry, Revocation, RevocationKind, RevocationState
from delegation.core.scope import SERVICE_AUDIENCE
from delegation.core.statement import Binding, Receipt, SignedStatement
from delegation.core.trust import Catalogue, CatalogueTool, KeyPurpose, TrustBundle, TrustedKey
from delegation.core.usage import NOTHING_USED, charged, released
from delegation.core.verify import Verifier
from delegation.errors import InvalidRequest, NotFound, Refused, ServiceUnavailable
from delegation.v1 import delegation_service_pb2 as delegation_pb
from delegation.wire import delegation as wire
from delegation.wire import renewals
from delegation.wire.authorization import CallToDecide, Decision
from delegation.wire.trust import TrustDocuments
from delegation_sdk.replay import ReplayStore
from delegation_sdk.sources import Sources

_BUNDLE_LIFETIME_MS: Final = 24 * 60 * 60 * 1000
_HEARTBEAT_S: Final = 0.2


@dataclass(slots=True)
class InMemoryService:
    """The state of one trust domain and what may be asked of it.

    Attributes:
        trust_domain: Its name.
        sources: Clock and randomness.
        tools: The catalogue.
        reachable: False: everything fails as if the service were down.
        decisions: The decisions that were recorded, by guards and by this.
        outcomes: The outcomes that were reported.
    """

    trust_domain: str
    sources: Sources
    tools: tuple[CatalogueTool, ...]
    reachable: bool = True
    decisions: list[DecisionRecord] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    root: SigningKey = field(init=False)
    _grant_key: SigningKey = field(init=False)
    _statement_key: SigningKey = field(init=False)
    _verifier: Verifier = field(init=False)
    _replay: ReplayStore = field(init=False)
    _revoked: RevocationState = field(default_factory=RevocationState.nothing_revoked)
    _feed: list[Revocation] = field(default_factory=list)
    _grants: dict[bytes, SignedLink] = field(default_factory=dict)
    _chains: dict[bytes, VerifiedChain] = field(default_factory=dict)
    _sequences: dict[bytes, int] = field(default_factory=dict)
    _used: dict[bytes, str] = field(default_factory=dict)
    _reserved: dict[bytes, tuple[Demand, ...]] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=lambda: threading.Condition(threading.RLock()))

    def __post_init__(self) -> None:
        self.root, self._grant_key, self._statement_key = (SigningKey.generate(self.sources.random) for _ in range(3))
        self._verifier = Verifier(self._bundle())
        self._replay = ReplayStore(0)

    # -- what clients ask

    def answer(self, method: str, message: Any, agent: str) -> Any:
        """Answer a unary RPC of an authenticated caller. Raises a `DelegationError`."""
        self.require_reachable()
        handlers: dict[str, Callable[[Any, str], Any]] = {
            "delegation.v1.DelegationService/Grant": self._grant,
            "delegation.v1.DelegationService/HandOff": self._hand_off,
            "delegation.v1.DelegationService/Renew": self._renew,
            "delegation.v1.DelegationService/Reissue": self._reissue,
            "delegation.v1.DelegationService/CompleteTask": self._complete_task,
            "delegation.v1.DelegationService/Revoke": self._revoke,
        }
        if method not in handlers:
            raise InvalidRequest(f"an authority in memory does not answer {method}")
        with self._changed:
            return handlers[method](message, agent)

    def require_reachable(self) -> None:
        """Raise `ServiceUnavailable` while this plays dead."""
        if not self.reachable:
            raise ServiceUnavailable("the authority in memory plays dead")

    def _grant(self, message: delegation_pb.GrantRequest, agent: str) -> delegation_pb.GrantResponse:
        request = wire.read_grant_request(message)
        task_id = self.sources.new_id()
        signed = sign_grant(
            self._grant_key,
            task_id=task_id,
            principal=Principal(agent, self.trust_domain, PrincipalBasis.ASSERTED),
            holder_key=request.holder_key,
            holder_agent=agent,
            scope=request.scope,
            purpose=request.purpose,
            now_ms=self.sources.now_ms(),
            lifetime_ms=request.lifetime_ms or limits.DEFAULT_GRANT_LIFETIME_MS,
            max_depth=limits.DEFAULT_DEPTH if request.max_depth is None else request.max_depth,
            unrecorded_handoffs=request.unrecorded_handoffs,
            nonce=self.sources.random(limits.NONCE_BYTES),
            trace=request.trace,
        )
        self._grants[task_id] = signed
        token = join_token([signed], [self._receipt(signed.link_id)])
        return wire.grant_response_message(wire.Granted(token, task_id))

    def _hand_off(self, message: delegation_pb.HandOffRequest, _: str) -> delegation_pb.HandOffResponse:
        request = wire.read_hand_off_request(message)
        return wire.hand_off_response_message([self._record_hand_off(token) for token in request.tokens])

    def _record_hand_off(self, token: bytes) -> wire.RecordedHandOff:
        chain = self.verify(token, require_receipt=False)
        for index in range(len(chain.links)):
            self._chains.setdefault(chain.links[index].link_id, chain)
        now_ms = self.sources.now_ms()
        binding = Binding(chain.leaf.holder_key, chain.leaf.holder_agent, now_ms, chain.expires_at_ms)
        return wire.RecordedHandOff(
            chain.digest, self._receipt(chain.digest), sign_binding(binding, self._statement_key)
        )

    def _renew(self, message: delegation_pb.RenewRequest, agent: str) -> delegation_pb.RenewResponse:
        request = renewals.read_renew_request(message)
        former = self._grant_of(request.task_id, agent)
        arguments = {"task_id": request.task_id.hex()}
        self._check_holder(request.proof, former.link.holder_key, former.link_id, "renew", arguments)
        return renewals.renew_response_message(self._replace(former, request, former.link.holder_key))

    def _reissue(self, message: delegation_pb.ReissueRequest, agent: str) -> delegation_pb.ReissueResponse:
        request = renewals.read_reissue_request(message)
        former = self._grant_of(request.task_id, agent)
        return renewals.reissue_response_message(self._replace(former, request, request.holder_key))

    def _grant_of(self, task_id: bytes, agent: str) -> SignedLink:
        grant = self._grants.get(task_id)
        if grant is None or grant.link.holder_agent != agent:
            raise NotFound("no such task, or its grant is not the caller's")
        self.verify(join_token([grant], [self._receipt(grant.link_id)]))
        return grant

    def _replace(
        self, former: SignedLink, request: renewals.RenewRequest | renewals.ReissueRequest, holder_key: bytes
    ) -> renewals.Replaced:
        link, claims = former.link, former.link.grant
        assert claims is not None  # noqa: S101 - it is a grant
        signed = sign_grant(
            self._grant_key,
            task_id=claims.task_id,
            principal=claims.principal,
            holder_key=holder_key,
            holder_agent=link.holder_agent,
            scope=link.scope if request.scope is None else request.scope,
            purpose=link.purpose,
            now_ms=self.sources.now_ms(),
            lifetime_ms=request.lifetime_ms or limits.DEFAULT_GRANT_LIFETIME_MS,
            max_depth=link.remaining_depth,
            unrecorded_handoffs=claims.unrecorded_handoffs,
            nonce=self.sources.random(limits.NONCE_BYTES),
            trace=request.trace,
        )
        require_renews(signed.link, link)
        self._grants[claims.task_id] = signed
        position = self.revoke(RevocationKind.LINK, former.link_id)
        return renewals.Replaced(join_token([signed], [self._receipt(signed.link_id)]), position)

    def _complete_task(self, message: delegation_pb.CompleteTaskRequest, _: str) -> delegation_pb.CompleteTaskResponse:
        request = wire.read_complete_task_request(message)
        grant = self._grants.get(request.task_id)
        if grant is None:
            raise NotFound("no such task")
        arguments = {"task_id": request.task_id.hex()}
        self._check_holder(request.proof, grant.link.holder_key, grant.link_id, "complete_task", arguments)
        position = self.revoke(RevocationKind.TASK, request.task_id)
        return wire.complete_task_response_message(wire.Completed(self.sources.now_ms(), position))

    def _revoke(self, message: delegation_pb.RevokeRequest, _: str) -> delegation_pb.RevokeResponse:
        request = wire.read_revoke_request(message)
        chain = self._chains.get(request.id)
        if request.kind is not RevocationKind.LINK or chain is None:
            raise NotFound("no such link")
        arguments = {"kind": str(request.kind), "id": request.id.hex()}
        index = [signed.link_id for signed in chain.links].index(request.id)
        self._check_any_holder(request.proof, chain.links[:index], request.id, arguments)
        return wire.revoke_response_message(self.revoke(request.kind, request.id))

    def _check_any_holder(
        self, proof: bytes, links: Sequence[SignedLink], link_id: bytes, arguments: dict[str, str]
    ) -> None:
        *others, last = links
        for signed in others:
            try:
                return self._check_holder(proof, signed.link.holder_key, link_id, "revoke", arguments)
            except Refused:
                continue
        return self._check_holder(proof, last.link.holder_key, link_id, "revoke", arguments)

    def _check_holder(
        self, proof: bytes, holder_key: bytes, link_id: bytes, act: str, arguments: dict[str, str]
    ) -> None:
        check_holder_proof(
            proof,
            holder_key,
            chain_digest=link_id,
            audience=SERVICE_AUDIENCE,
            tool=act,
            arguments_digest=Arguments.of(arguments).digest,
            now_ms=self.sources.now_ms(),
        )

    # -- what guards ask

    def fetch(self) -> TrustDocuments:
        """Give the signed trust bundle and the catalogue."""
        self.require_reachable()
        return TrustDocuments(sign_bundle(self._bundle(), self.root), self._catalogue())

    def open(self, after_position: int) -> InMemoryFeedStream:
        """Open a stream of the feed."""
        self.require_reachable()
        return InMemoryFeedStream(self, after_position)

    def record(self, batch: SignedStatement, tokens: Sequence[bytes]) -> int:
        """Take a batch of decision records."""
        self.require_reachable()
        for token in tokens:
            Verifier(self._bundle()).verify(
                token,
                now_ms=self.sources.now_ms(),
                revocations=RevocationState.nothing_revoked(),
                require_receipt=False,
            )
        opened = open_batch(batch)
        with self._changed:
            expected = self._sequences.get(opened.guard_key, 1)
            if opened.first_sequence == expected:  # else it came before, and is only acknowledged again
                self.decisions.extend(open_records(opened))
                self._sequences[opened.guard_key] = opened.next_sequence
            return self._sequences[opened.guard_key]

    def report(self, outcomes: Sequence[SignedStatement], guard_key: bytes) -> None:
        """Take outcomes."""
        self.require_reachable()
        with self._changed:
            for outcome in (open_outcome(outcome, guard_key) for outcome in outcomes):
                self.outcomes.append(outcome)
                if outcome.status is OutcomeStatus.FAILED:
                    self._give_back(outcome.call_id)

    def authorize(self, call: CallToDecide) -> Decision:
        """Decide a call and record the decision."""
        self.require_reachable()
        with self._changed:
            now_ms, call_id = self.sources.now_ms(), self.sources.new_id()
            arguments = Arguments.parse(call.arguments_json)
            refused: Refused | None = None
            chain: VerifiedChain | None = None
            try:
                chain = self.verify(call.token)
                demands = self._permit(call, chain, arguments, now_ms)
                self._used.update({demand.key: charged(self._uses(demand), demand) for demand in demands})
                self._reserved[call_id] = demands
            except Refused as error:
                refused = error
            observed = refused is not None and self._observes(call.audience, call.tool, now_ms)
            self.decisions.append(
                DecisionRecord(
                    call_id,
                    chain.digest if chain else b"",
                    call.audience,
                    call.tool,
                    arguments.digest,
                    now_ms,
                    refused is None,
                    refused.reason if refused else "",
                    refused.link_index if refused else None,
                    len(self._feed),
                    call.proof,
                    call.trace,
                    observed=observed,
                )
            )
            return Decision(call_id, now_ms, refused, observed=observed)

    def _observes(self, audience: str, tool: str, now_ms: int) -> bool:
        return is_observed(Catalogue(_sorted(self.tools)).find(audience, tool), self._bundle(), now_ms)

    async def authorize_async(self, call: CallToDecide) -> Decision:
        """Decide a call; nothing here waits."""
        return self.authorize(call)

    def _permit(
        self, call: CallToDecide, chain: VerifiedChain, arguments: Arguments, now_ms: int
    ) -> tuple[Demand, ...]:
        proof = check_proof(
            call.proof,
            chain,
            audience=call.audience,
            tool=call.tool,
            arguments_digest=arguments.digest,
            now_ms=now_ms,
        )
        self._replay.use(proof_id(proof.chain_digest, proof.audience, proof.nonce), proof.issued_at_ms, now_ms)
        authorize(chain, audience=call.audience, tool=call.tool, arguments=arguments, conditions="elsewhere")
        return demands_of(chain, audience=call.audience, tool=call.tool, arguments=arguments.values)

    def _uses(self, demand: Demand) -> str:
        return self._used.get(demand.key, NOTHING_USED)

    def _give_back(self, call_id: bytes) -> None:
        for demand in self._reserved.pop(call_id, ()):
            if not demand.is_of_calls:
                self._used[demand.key] = released(self._uses(demand), demand.amount)

    # -- what both rest on

    def revoke(self, kind: RevocationKind, id: bytes) -> int:
        """Revoke something, tell everyone, and give the feed's position."""
        with self._changed:
            self._feed.append(Revocation(kind, id, self.sources.now_ms() + limits.GRANT_LIFETIME_MS))
            self._revoked.add(self._feed[-1:], len(self._feed))
            self._changed.notify_all()
            return len(self._feed)

    def wake(self) -> None:
        """Let streams that wait look again."""
        with self._changed:
            self._changed.notify_all()

    def verify(self, token: bytes, *, require_receipt: bool = True) -> VerifiedChain:
        """Verify a token."""
        return self._verifier.verify(
            token, now_ms=self.sources.now_ms(), revocations=self._revoked, require_receipt=require_receipt
        )

    def next_entry(self, after_position: int, *, snapshot: bool, timeout_s: float) -> SignedStatement:
        """Wait a moment for something new in the feed; a heartbeat if there is nothing."""
        with self._changed:
            if not snapshot and len(self._feed) <= after_position:
                self._changed.wait(min(timeout_s, _HEARTBEAT_S))
            news = tuple(self._feed if snapshot else self._feed[after_position:])
            entry = FeedEntry(
                0 if snapshot else after_position,
                len(self._feed),
                self.sources.now_ms(),
                snapshot,
                more=False,
                revocations=news,
            )
        return sign_feed_entry(entry, self._statement_key)

    def _receipt(self, link_id: bytes) -> SignedStatement:
        return sign_receipt(Receipt(link_id, self.sources.now_ms()), self._statement_key)

    def _bundle(self) -> TrustBundle:
        # One version, one bundle: a new one every half of its life.
        period = self.sources.now_ms() // (_BUNDLE_LIFETIME_MS // 2)
        issued_at_ms = period * (_BUNDLE_LIFETIME_MS // 2)
        keys = (
            TrustedKey(KeyPurpose.GRANT, self._grant_key.public, 1),
            TrustedKey(KeyPurpose.STATEMENT, self._statement_key.public, 1),
        )
        return TrustBundle(
            trust_domain=self.trust_domain,
            version=period + 1,
            issued_at_ms=issued_at_ms,
            expires_at_ms=issued_at_ms + _BUNDLE_LIFETIME_MS,
            keys=tuple(sorted(keys, key=lambda key: key.key_id)),
            catalogue_digest=hashlib.sha256(self._catalogue()).digest(),
        )

    def _catalogue(self) -> bytes:
        return encode_catalogue(Catalogue(_sorted(self.tools)))


class InMemoryFeedStream:
    """One open stream of the feed."""

    def __init__(self, service: InMemoryService, after_position: int) -> None:
        self._service = service
        self._position = after_position
        self._snapshot = after_position == 0
        self._cancelled = threading.Event()

    def next(self, timeout_s: float) -> SignedStatement | None:
        """Give what is new, or a heartbeat."""
        self._service.require_reachable()
        if self._cancelled.is_set():
            raise ServiceUnavailable("the stream was closed")
        statement = self._service.next_entry(self._position, snapshot=self._snapshot, timeout_s=timeout_s)
        self._service.require_reachable()  # it may have died while this waited
        self._position = decode_feed_entry(statement.payload).to_position
        self._snapshot = False
        return statement

    def cancel(self) -> None:
        """Close the stream."""
        self._cancelled.set()
        self._service.wake()


def _sorted(tools: Iterable[CatalogueTool]) -> tuple[CatalogueTool, ...]:
    return tuple(sorted(tools, key=lambda tool: (tool.audience, tool.tool)))
