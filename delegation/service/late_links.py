"""Handoffs made offline, as a guard reports them: recorded late, where the grant allows that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import structlog

from delegation.core.chain import VerifiedChain
from delegation.core.records import DecisionRecord
from delegation.core.revocation import RevocationKind, RevocationState
from delegation.core.verify import Verifier
from delegation.errors import Overloaded, Refused, Undecided
from delegation.identity.port import Caller
from delegation.service.attribution import NOBODY, Attribution, attributed, leaf_of
from delegation.service.feed import RevocationFeed
from delegation.service.given_scopes import GivenScopes
from delegation.service.ids import Clock
from delegation.service.met_chains import MetChains
from delegation.service.recorded_links import RecordedLinks, link_record
from delegation.service.revoke import remembered_until_ms
from delegation.signing.port import ServiceKeys
from delegation.storage.port import Storage
from delegation.storage.records import LinkRecord, RevocationRecord

_LOG: Final = structlog.get_logger("delegation")
JUDGING_SECONDS: Final = 2.0
"""So long, at most, one request of a guard's waits for the policy."""

BY_POLICY: Final = "policy"
"""Who has revoked a handoff that was told late, as it is recorded."""


class LateLinks:
    """Tells whose calls a guard decided, from what is recorded and from tokens that it sends along."""

    def __init__(
        self,
        storage: Storage,
        *,
        keys: ServiceKeys,
        verifier: Verifier,
        recorded: RecordedLinks,
        given: GivenScopes,
        feed: RevocationFeed,
        now_ms: Clock,
    ) -> None:
        self._storage = storage
        self._keys = keys
        self._verifier = verifier
        self._recorded = recorded
        self._given = given
        self._feed = feed
        self._now_ms = now_ms
        self._met = MetChains()

    async def attribute(
        self, caller: Caller, records: Sequence[DecisionRecord], tokens: Sequence[bytes]
    ) -> dict[bytes, Attribution]:
        """Attribute each chain digest among the records; record what the tokens show and may be late.

        A token that does not verify, at the time of the calls made with it, says nothing. A chain that the caller
        only names, without ever having met it, is attributed to nobody.
        """
        about: dict[bytes, list[DecisionRecord]] = {}
        for record in records:
            about.setdefault(record.chain_digest, []).append(record)
        shown: dict[bytes, VerifiedChain] = {}
        for token in tokens:
            digest = leaf_of(token)
            chain = self._verified(token, about[digest][0].decided_at_ms) if digest in about else None
            if chain is not None:
                shown[chain.digest] = chain
                self._met.note(caller.id, chain.digest)
            await asyncio.sleep(0)  # many tokens take a while: others get their turn
        until = asyncio.get_running_loop().time() + JUDGING_SECONDS
        for digest in about.keys() & shown.keys():
            await self._record(caller, shown[digest], until)
        return {digest: await self._attribution(caller, digest, about[digest], shown) for digest in about}

    def _verified(self, token: bytes, at_ms: int) -> VerifiedChain | None:
        # What was revoked when is not known for times gone by, and is not asked: this is history, and a
        # link that is recorded here is no less revoked for it.
        try:
            return self._verifier.verify(
                token, now_ms=at_ms, revocations=RevocationState.nothing_revoked(), require_receipt=False
            )
        except Refused:
            return None

    async def _attribution(
        self, caller: Caller, digest: bytes, records: Sequence[DecisionRecord], shown: dict[bytes, VerifiedChain]
    ) -> Attribution:
        if not digest:
            return NOBODY
        if (chain := shown.get(digest)) is not None:
            return attributed(chain)
        known = await self._recorded.find(digest)
        if known is None or not await self._met.has_met(caller.id, known.holder_key, records):
            return NOBODY._replace(leaf_link_id=digest)
        return Attribution(known.task_id, digest, known.agent, known.principal_subject)

    async def _record(self, caller: Caller, chain: VerifiedChain, until: float) -> None:
        first = len(chain.links)
        while first > 0 and await self._recorded.find(chain.links[first - 1].link_id) is None:
            first -= 1
        if first == 0 or not chain.grant.unrecorded_handoffs:
            return
        before = await self._recorded.find(chain.links[first - 1].link_id)
        judged = before is not None and before.judged
        judged &= await self._judge(chain, range(first, len(chain.links)), until)
        late: list[LinkRecord] = []
        for index in range(first, len(chain.links)):
            record, _ = link_record(
                chain.links[index],
                task_id=chain.task_id,
                parent_link_id=chain.links[index - 1].link_id,
                index=index,
                recorded_ms=self._now_ms(),
                caller_id=caller.id,
                statement_key=self._keys.statement,
            )
            late.append(replace(record, unjudged=not judged))
        if late:
            for record in await self._storage.add_handoffs(late):
                self._recorded.note(record, chain.principal.subject)

    async def _judge(self, chain: VerifiedChain, late: Sequence[int], until: float) -> bool:
        """Ask the policy about handoffs that are told late. What it refuses is recorded all the same, and revoked.

        That comes first: were the service to end in between, nothing of it would be recorded yet.

        Returns whether that was decided. If nobody does in time, they are neither permitted nor ended for good, which
        nobody has said: calls by them are judged with them. What a guard records does not wait for somebody slow.
        """
        now_ms = self._now_ms()
        try:
            async with asyncio.timeout_at(until):
                await self._given.require_handed_on(chain, late, now_ms)
        except (Undecided, Overloaded, TimeoutError) as undecided:
            why = str(undecided) or f"not within {JUDGING_SECONDS:g} s"
            _LOG.warning("a handoff that is told late could not be judged: its calls will be, with it", why=why)
            return False
        except Refused as refused:
            place = late[0] if refused.link_index is None else refused.link_index
            link = chain.links[place]
            _LOG.warning("a handoff that was recorded late is refused, and revoked", link=link.link_id.hex())
            position = await self._storage.revoke(
                [
                    RevocationRecord(
                        kind=str(RevocationKind.LINK),
                        id=link.link_id,
                        revoked_ms=now_ms,
                        expires_ms=remembered_until_ms(link.link.expires_at_ms, now_ms),
                        revoked_by=BY_POLICY,
                        why=str(refused),
                    )
                ]
            )
            await self._feed.catch_up(position)
        return True
