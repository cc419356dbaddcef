"""HandOff: record links that delegating agents have signed, and give receipts for them.

The service signs nothing for an agent. It verifies the new chain, refuses what is wider, revoked or
built on something unknown, and says that it has recorded it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from delegation.core import limits
from delegation.core.attest import sign_binding
from delegation.core.chain import VerifiedChain
from delegation.core.codec import add_statements, decode_statement, encode_statement
from delegation.core.statement import Binding, SignedStatement
from delegation.core.verify import Verifier
from delegation.errors import InvalidRequest, Overloaded, Reason, Refused, refusal
from delegation.identity.port import Caller, Role
from delegation.service.feed import RevocationFeed
from delegation.service.fencing import fence_of_all, refusal_of
from delegation.service.given_scopes import GivenScopes, HandedOn
from delegation.service.ids import Clock
from delegation.service.offers import Offers
from delegation.service.owners import Owners
from delegation.service.packing import digest_of, pack, unpack
from delegation.service.recorded_links import RecordedLinks, link_record
from delegation.signing.port import ServiceKeys
from delegation.storage.port import Storage
from delegation.storage.preconditions import Fence, Idempotency, IdempotencyKey
from delegation.storage.records import LinkRecord, OfferRecord
from delegation.storage.refused_writes import OfferedError, RevokedMeanwhileError

ANSWERS_KEPT_MS: Final = 24 * 60 * 60 * 1000
_METHOD: Final = "HandOff"
_LEAST_LINKS: Final = 2


class RecordedHandOff(NamedTuple):
    """A recorded handoff, and what the service says of it.

    Attributes:
        link_id: the new leaf.
        receipt: that it is recorded, with all links before it.
        binding: whose the new holder key is, if the service knows.
    """

    link_id: bytes
    receipt: SignedStatement
    binding: SignedStatement | None


_NewLinks = dict[bytes, tuple[LinkRecord, SignedStatement]]


class HandOff:
    """Records handoffs, all of a request or none."""

    def __init__(
        self,
        storage: Storage,
        *,
        keys: ServiceKeys,
        feed: RevocationFeed,
        verifier: Verifier,
        recorded: RecordedLinks,
        offers: Offers,
        owners: Owners,
        given: GivenScopes,
        now_ms: Clock,
    ) -> None:
        self._storage = storage
        self._keys = keys
        self._feed = feed
        self._verifier = verifier
        self._recorded = recorded
        self._offers = offers
        self._owners = owners
        self._given = given
        self._now_ms = now_ms

    async def __call__(
        self, caller: Caller, tokens: Sequence[bytes], *, idempotency_key: str = ""
    ) -> tuple[RecordedHandOff, ...]:
        """Record the last link of each token.

        Args:
            caller: who submits them; any agent or orchestrator may, since the links are signed.
            tokens: each with one new link at its end; more, where the grant needs no receipts.
            idempotency_key: the same request with the same key gets the same answer for 24 h.

        Raises:
            PermissionDenied: the caller has no part in handing off.
            Refused: the subclass of the layer that refused, with the link at fault.
            InvalidRequest: too many tokens, or one without a handoff.
            Conflict: the idempotency key was used for another request.
        """
        caller.require_role(Role.AGENT, Role.ORCHESTRATOR)
        if not 0 < len(tokens) <= limits.BATCH_TOKENS:
            raise InvalidRequest(f"between 1 and {limits.BATCH_TOKENS} handoffs at a time, these are {len(tokens)}")
        key = IdempotencyKey(caller.id, _METHOD, idempotency_key, digest_of(*tokens)) if idempotency_key else None
        try:
            try:
                return await self._hand_off(caller, tokens, key, ask_others=False)
            except OfferedError:  # by an instance at another replica: asked about in the write, so nobody waits for it
                return await self._hand_off(caller, tokens, key, ask_others=True)
        except Refused:
            # What would be refused by now may have been answered when it was asked first. A link is recorded once
            # whatever the key, so the key costs a look only here, and where a link turns out to be recorded before.
            if key and (earlier := await self._storage.earlier_response(key)) is not None:
                return _kept(earlier)
            raise

    async def _hand_off(
        self, caller: Caller, tokens: Sequence[bytes], key: IdempotencyKey | None, *, ask_others: bool
    ) -> tuple[RecordedHandOff, ...]:
        now_ms = self._now_ms()
        position = self._feed.position
        chains: list[VerifiedChain] = []
        for token in tokens:
            chains.append(self._verified(token, now_ms))
            if len(tokens) > 1:
                await asyncio.sleep(0)  # a batch of long chains takes a while: others get their turn
        new = await self._new_links(caller, chains, now_ms)
        not_offered = [] if ask_others else self._offers.not_made_here(chain.leaf.holder_key for chain in chains)
        taken = [await self._offer(caller, chain, now_ms, ask_others=ask_others) for chain in chains]
        handed_on: list[HandedOn] = []
        for chain, offer in zip(chains, taken, strict=True):
            is_known = offer is not None and await self._owners.somebody_answers(chain.leaf.holder_agent)
            if is_known:
                record, receipt = new[chain.digest]
                new[chain.digest] = replace(record, vouched=True), receipt
            links = [index for index, link in enumerate(chain.links) if link.link_id in new]
            handed_on.append(HandedOn(chain, links, {len(chain.links) - 1} if is_known else ()))
        await self._given.require_all_handed_on(handed_on, now_ms)
        # An offer is used up by what nothing refuses any more.
        bindings = [
            await self._binding(chain, offer, now_ms, is_known=new[chain.digest][0].vouched)
            for chain, offer in zip(chains, taken, strict=True)
        ]
        handoffs = [
            RecordedHandOff(chain.digest, new[chain.digest][1], binding)
            for chain, binding in zip(chains, bindings, strict=True)
        ]
        keep = Idempotency(key, _answer(handoffs), now_ms + ANSWERS_KEPT_MS) if key else None
        records = [record for record, _ in new.values()]
        recorded = await self._record(chains, records, fence_of_all(chains, position), keep, not_offered)
        before = {link_id for link_id, record in recorded.items() if record is not new[link_id][0]}
        if key and keep and before:  # a repetition, it seems: then the answer is the one that was given
            earlier = await self._storage.earlier_response(key)
            if earlier not in (None, keep.response):
                return _kept(earlier)
        # A link that was recorded before keeps its first receipt, and is not delivered again.
        handoffs = [
            handoff._replace(receipt=decode_statement(recorded[handoff.link_id].receipt))
            if handoff.link_id in before
            else handoff
            for handoff in handoffs
        ]
        fresh = [pair for pair in zip(chains, handoffs, strict=True) if pair[1].link_id not in before]
        self._deliver(fresh)
        return tuple(handoffs)

    def _verified(self, token: bytes, now_ms: int) -> VerifiedChain:
        chain = self._verifier.verify(token, now_ms=now_ms, revocations=self._feed.state, require_receipt=False)
        if len(chain.links) < _LEAST_LINKS:
            raise InvalidRequest("a token holds a grant and no handoff: the service has recorded it already")
        return chain

    async def _new_links(self, caller: Caller, chains: Sequence[VerifiedChain], now_ms: int) -> _NewLinks:
        """Make records, with receipts, of each chain's last link and of earlier ones not recorded yet."""
        new: _NewLinks = {}
        for chain in chains:
            first = len(chain.links) - 1
            while first > 0 and not await self._is_recorded(chain.links[first - 1].link_id, new):
                first -= 1
            _check_gap(chain, first)
            for index in range(first, len(chain.links)):
                signed = chain.links[index]
                new[signed.link_id] = new.get(signed.link_id) or link_record(
                    signed,
                    task_id=chain.task_id,
                    parent_link_id=chain.links[index - 1].link_id,
                    index=index,
                    recorded_ms=now_ms,
                    caller_id=caller.id,
                    statement_key=self._keys.statement,
                )
            await self._note_unjudged(chain, first, new)
        return new

    async def _note_unjudged(self, chain: VerifiedChain, first: int, new: _NewLinks) -> None:
        """Note of new links that one before them was recorded without being judged: their calls are judged with all."""
        before = chain.links[first - 1].link_id
        known = await self._recorded.find(before)
        judged = known.judged if known is not None else not new[before][0].unjudged
        for signed in () if judged else chain.links[first:]:
            record, receipt = new[signed.link_id]
            new[signed.link_id] = replace(record, unjudged=True), receipt

    async def _is_recorded(self, link_id: bytes, new: _NewLinks) -> bool:
        return link_id in new or await self._recorded.find(link_id) is not None

    async def _offer(
        self, caller: Caller, chain: VerifiedChain, now_ms: int, *, ask_others: bool
    ) -> OfferRecord | None:
        """Find the offer that a handoff takes; None if it takes none."""
        delegator = chain.links[-2].link.holder_agent
        # An offer is for somebody the service knows: whoever merely calls itself so does not take it.
        if delegator != caller.id and not chain.bound(len(chain.links) - 2, now_ms):
            delegator = ""
        return await self._offers.fitting(chain.digest, chain.leaf, delegator=delegator, ask_others=ask_others)

    async def _binding(
        self, chain: VerifiedChain, offer: OfferRecord | None, now_ms: int, *, is_known: bool
    ) -> SignedStatement | None:
        """Use the offer up, and say whose key it is."""
        if offer is None:
            return None
        await self._offers.take(offer, chain.digest)
        if not is_known:
            return None  # the handoff stands; the service vouches for nobody whom nobody answers for
        leaf = chain.leaf
        binding = Binding(leaf.holder_key, leaf.holder_agent, now_ms, leaf.expires_at_ms)
        return sign_binding(binding, self._keys.statement)

    async def _record(
        self,
        chains: Sequence[VerifiedChain],
        records: Sequence[LinkRecord],
        fence: Fence,
        keep: Idempotency | None,
        not_offered: Sequence[bytes],
    ) -> dict[bytes, LinkRecord]:
        try:
            recorded = await self._storage.add_handoffs(records, fence=fence, idempotency=keep, not_offered=not_offered)
        except RevokedMeanwhileError as error:
            raise refusal_of(error) from None
        subjects = {chain.task_id: chain.principal.subject for chain in chains}
        for record in recorded:
            self._recorded.note(record, subjects[record.task_id])
        return {record.link_id: record for record in recorded}

    def _deliver(self, fresh: Sequence[tuple[VerifiedChain, RecordedHandOff]]) -> None:
        for chain, handoff in fresh:
            if handoff.binding is None:
                continue
            token = add_statements(chain.token, [handoff.receipt, handoff.binding])
            try:
                self._offers.deliver(chain.digest, chain.leaf.holder_key, token)
            except Overloaded:
                continue  # the handoff stands; the delegator has the token, too


def _check_gap(chain: VerifiedChain, first_new: int) -> None:
    """Refuse what is built on handoffs that were kept from the service, unless the grant waives receipts."""
    if first_new == 0:
        raise refusal(Reason.CHAIN_UNKNOWN, link_index=0, detail="the grant is not recorded here")
    if first_new < len(chain.links) - 1 and not chain.grant.unrecorded_handoffs:
        raise refusal(Reason.RECEIPT_MISSING, link_index=first_new, detail="the handoff before was not recorded")


def _answer(handoffs: Sequence[RecordedHandOff]) -> bytes:
    parts: list[bytes] = []
    for handoff in handoffs:
        binding = encode_statement(handoff.binding) if handoff.binding else b""
        parts += handoff.link_id, encode_statement(handoff.receipt), binding
    return pack(*parts)


def _kept(response: bytes) -> tuple[RecordedHandOff, ...]:
    parts = iter(unpack(response))
    return tuple(
        RecordedHandOff(link_id, decode_statement(receipt), decode_statement(binding) if binding else None)
        for link_id, receipt, binding in zip(parts, parts, parts, strict=True)
    )
