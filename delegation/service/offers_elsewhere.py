"""Offers of instances that are connected to other replicas, asked for and told of work through the database.

Replicas tell one another three things: that somebody wants an offer, that one is on its way or made, and that work
was handed to an offered key. These are hints: offers, links and receipts are read from the database. What is lost on
the way costs the asker a second try, and an instance nothing, since the delegator has the token, too.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from delegation.core.attest import open_offer, sign_binding
from delegation.core.codec import add_statements, decode_statement
from delegation.core.keys import Signer
from delegation.core.statement import Binding, SignedStatement
from delegation.core.verify import Verifier
from delegation.errors import DelegationError, NotFound, Reason, refusal
from delegation.service.feed import RevocationFeed
from delegation.service.ids import Clock
from delegation.service.owners import Owners
from delegation.service.unexpected import log_unexpected
from delegation.storage.port import Storage
from delegation.storage.records import OfferRecord
from delegation.storage.relay import Relay

T = TypeVar("T")

CLAIM_SECONDS: Final = 1.0
"""How long another replica has to say that an instance of the agent is connected to it."""

_AT_ONCE: Final = 256
"""Asked by others at the same time; beyond that they ask in vain, and their callers ask again."""


class Here(Protocol):
    """What a replica does for the others."""

    def is_listening(self, agent: str) -> bool:
        """Tell whether an instance of an agent is connected to this replica."""

    async def ask(self, agent: str, delegator: str) -> bytes:
        """Get an offer from an instance that is connected here; return the id under which it is kept."""

    def hand_over(self, digest: bytes, token: bytes) -> None:
        """Tell the instance that made an offer of its work, if it is still connected here."""

    def offered_by(self, digest: bytes) -> str | None:
        """Tell the agent of whom an instance that is connected here made an offer; None if none did."""


@dataclass(slots=True)
class _Asked:
    """A question to the others, and what has come back."""

    claimed: asyncio.Event = field(default_factory=asyncio.Event)
    answer: asyncio.Future[bytes] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class OffersElsewhere:
    """Reaches the instances that are connected to other replicas.

    Args:
        storage: where offers and links are.
        relay: how replicas reach one another.
        replica: this one's name among them; no other has it.
        statement_key: what bindings are signed with.
        verifier: checks a chain before the service says anything of its leaf.
        feed: what is revoked.
        owners: who is known here.
        now_ms: the time.
    """

    def __init__(
        self,
        storage: Storage,
        relay: Relay,
        *,
        replica: str,
        statement_key: Callable[[], Signer],
        verifier: Verifier,
        feed: RevocationFeed,
        owners: Owners,
        now_ms: Clock,
    ) -> None:
        self._storage = storage
        self._relay = relay
        self._replica = replica
        self._statement_key = statement_key
        self._verifier = verifier
        self._feed = feed
        self._owners = owners
        self._now_ms = now_ms
        self._numbers = itertools.count(1)
        self._asked: dict[int, _Asked] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._here: Here

    def serve(self, here: Here) -> None:
        """Begin to answer the others for the instances that are connected here."""
        self._here = here
        self._relay.listen(self._hear)

    async def request(self, agent: str, delegator: str, *, answer_seconds: float) -> SignedStatement:
        """Get an offer from an instance that is connected to another replica.

        Raises:
            NotFound: none is, or none answered in time.
            BadStatement: OFFER_INVALID.
            StorageError: the others cannot be reached.
        """
        number = next(self._numbers)
        asked = self._asked[number] = _Asked()
        try:
            await self._tell(ask=number, agent=agent, delegator=delegator)
            await _in_time(asked.claimed.wait(), CLAIM_SECONDS, f"no instance of {agent} is connected")
            digest = await _in_time(asked.answer, answer_seconds, f"no instance of {agent} answered in time")
        finally:
            del self._asked[number]
        return await self._offered(agent, delegator, digest)

    async def find(self, offer_digest: bytes) -> OfferRecord | None:
        """Find an offer that was made through whichever replica. Raises `StorageError`."""
        return await self._storage.offer(offer_digest)

    def deliver(self, link_id: bytes, offer_digest: bytes) -> None:
        """Have the replica told that the instance which made an offer is connected to."""
        self._start(self._tell(work=link_id.hex(), offer=offer_digest.hex()))

    async def _offered(self, agent: str, delegator: str, digest: bytes) -> SignedStatement:
        record = await self._storage.offer(digest)
        if record is None:
            raise NotFound(f"no instance of {agent} answered in time")
        statement = decode_statement(record.signed)
        offer = open_offer(statement, now_ms=self._now_ms(), delegator=delegator)
        if offer.agent != agent:
            raise refusal(Reason.OFFER_INVALID, detail="it is of another agent than the one that was asked for")
        return statement

    async def _tell(self, **words: object) -> None:
        await self._relay.tell(json.dumps({"from": self._replica, **words}, separators=(",", ":")))

    # -- hearing -----------------------------------------------------------------------------------------

    def _hear(self, words: str) -> None:
        match _parsed(words):
            case {"from": str(replica), "ask": int(number), "agent": str(agent), "delegator": str(delegator)}:
                if replica != self._replica and self._here.is_listening(agent):
                    self._start(self._answer(replica, number, agent, delegator))
            case {"to": self._replica, "claimed": int(number)}:
                if (asked := self._asked.get(number)) is not None:
                    asked.claimed.set()
            case {"to": self._replica, "answered": int(number), "offer": str(digest)}:
                asked = self._asked.get(number)
                if asked is not None and not asked.answer.done():
                    asked.answer.set_result(_from_hex(digest))
            case {"from": str(replica), "work": str(link_id), "offer": str(digest)}:
                offerer = self._here.offered_by(_from_hex(digest))
                if replica != self._replica and offerer is not None:
                    self._start(self._hand_over(_from_hex(link_id), _from_hex(digest), offerer))
            case _:
                pass  # this replica's own words, words for another, or a later version's

    async def _answer(self, replica: str, number: int, agent: str, delegator: str) -> None:
        await self._tell(to=replica, claimed=number)
        digest = await self._here.ask(agent, delegator)
        await self._tell(to=replica, answered=number, offer=digest.hex())

    async def _hand_over(self, link_id: bytes, digest: bytes, agent: str) -> None:
        """Put the token together from what is recorded, for the instance whose offer the link has taken.

        A column says nothing here that a signature does not: whoever could write to the database would otherwise
        have the service vouch for a key of his own.
        """
        offer, chain = await self._storage.offer(digest), await self._storage.chain(link_id)
        if offer is None or not chain or offer.taken_by != link_id.hex():
            return
        receipt = decode_statement(chain[-1].receipt)
        now_ms = self._now_ms()
        verified = self._verifier.verify(
            add_statements(b"".join(link.signed for link in chain), [receipt]),
            now_ms=now_ms,
            revocations=self._feed.state,
        )
        leaf = verified.leaf
        if hashlib.sha256(leaf.holder_key).digest() != digest or leaf.holder_agent != agent:
            return
        if not await self._owners.somebody_answers(agent):
            return
        binding = Binding(leaf.holder_key, agent, now_ms, leaf.expires_at_ms)
        self._here.hand_over(digest, add_statements(verified.token, [sign_binding(binding, self._statement_key())]))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        if len(self._tasks) >= _AT_ONCE:
            work.close()
            return
        task = asyncio.create_task(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _quietly(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except DelegationError:
        pass  # whoever asked asks again
    except Exception as error:  # noqa: BLE001 - nobody waits for it
        log_unexpected("reaching an instance at another replica", error)


async def _in_time(waited_for: Awaitable[T], seconds: float, otherwise: str) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await waited_for
    except TimeoutError:
        raise NotFound(f"{otherwise}: start one that listens for work") from None


def _parsed(words: str) -> object:
    try:
        return json.loads(words)
    except (ValueError, RecursionError):
        return None


def _from_hex(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return b""
