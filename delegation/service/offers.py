"""Offers: live instances of agents, asked for fresh keys, and told when work was handed to one.

An instance is reachable for as long as it keeps its stream open. An offer is good for one handoff;
the database remembers which one took it.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from delegation.core.attest import open_offer
from delegation.core.chain import Link
from delegation.core.codec import encode_statement
from delegation.core.statement import Offer, SignedStatement
from delegation.errors import Conflict, NotFound, Overloaded, PermissionDenied, Reason, refusal
from delegation.identity.port import Caller, Role
from delegation.service.ids import Clock
from delegation.service.offers_elsewhere import OffersElsewhere
from delegation.storage.port import Storage
from delegation.storage.records import OfferRecord
from delegation.storage.refused_writes import NotRecordedError

ANSWER_SECONDS: Final = 5.0
"""How long an instance has to answer."""

MAX_OFFER_LIFETIME_MS: Final = 10 * 60 * 1000
"""An offer waits for one handoff that is about to be made."""

WAITING_MESSAGES: Final = 256
"""Messages for one instance that it has not taken yet."""

REMEMBERED_OFFERS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Somebody wants an offer."""

    request: int
    delegator: str


@dataclass(frozen=True, slots=True)
class Work:
    """Work was handed off to a key that the instance offered."""

    token: bytes = field(repr=False)


class Instance:
    """One live instance of an agent, for as long as its stream is open."""

    def __init__(self, agent: str) -> None:
        self.agent = agent
        self._messages: asyncio.Queue[Wanted | Work] = asyncio.Queue(WAITING_MESSAGES)
        self._asked: dict[int, tuple[str, asyncio.Future[SignedStatement]]] = {}

    async def next_message(self) -> Wanted | Work:
        """Wait for the next thing to tell the instance."""
        return await self._messages.get()

    def ask(self, request: int, delegator: str) -> asyncio.Future[SignedStatement]:
        """Ask for an offer. Raises `Overloaded` if the instance does not keep up."""
        self.tell(Wanted(request, delegator))
        answer: asyncio.Future[SignedStatement] = asyncio.get_running_loop().create_future()
        self._asked[request] = (delegator, answer)
        return answer

    def tell(self, message: Wanted | Work) -> None:
        """Queue a message. Raises `Overloaded` if the instance does not keep up."""
        try:
            self._messages.put_nowait(message)
        except asyncio.QueueFull:
            raise Overloaded(f"{self.agent} does not keep up with its requests", retry_after_ms=1_000) from None

    def pending(self, request: int) -> tuple[str, asyncio.Future[SignedStatement]] | None:
        """Return who asked and who waits; None if nobody does any more."""
        return self._asked.get(request)

    def forget(self, request: int) -> None:
        """Wait for an answer no longer."""
        self._asked.pop(request, None)

    def gone(self) -> None:
        """Fail everybody who still waits."""
        for _, answer in self._asked.values():
            if not answer.done():
                answer.set_exception(NotFound(f"{self.agent} went away before it answered"))
                answer.exception()  # a waiter that has gone, too, leaves nobody to retrieve it


@dataclass(slots=True)
class _Kept:
    """An offer, and the instance that made it, if that was since this process began."""

    record: OfferRecord
    instance: Instance | None
    taken_by: str | None = None


class Offers:
    """Brings those who hand off together with the live instances of agents."""

    def __init__(
        self,
        storage: Storage,
        *,
        now_ms: Clock,
        answer_seconds: float = ANSWER_SECONDS,
        elsewhere: OffersElsewhere | None = None,
    ) -> None:
        self._elsewhere = elsewhere
        self._storage = storage
        self._now_ms = now_ms
        self._answer_seconds = answer_seconds
        self._instances: dict[str, list[Instance]] = defaultdict(list)
        self._numbers = itertools.count(1)
        self._kept: dict[bytes, _Kept] = {}

    async def start(self) -> None:
        """Learn of the offers that were made before this process began. Raises `StorageError`."""
        for record in reversed(await self._storage.live_offers(now_ms=self._now_ms())):
            self._kept[record.offer_digest] = _Kept(record, None, record.taken_by)
        if self._elsewhere is not None:
            self._elsewhere.serve(self)

    @contextmanager
    def listening(self, caller: Caller, agent: str) -> Iterator[Instance]:
        """Make an instance reachable while the context lasts. Raises `PermissionDenied`."""
        caller.require_role(Role.AGENT)
        if agent != caller.id:
            raise PermissionDenied(f"{caller.id} may not answer for another agent")
        instance = Instance(agent)
        self._instances[agent].append(instance)
        try:
            yield instance
        finally:
            self._instances[agent].remove(instance)
            if not self._instances[agent]:
                del self._instances[agent]
            instance.gone()

    async def request(self, caller: Caller, agent: str) -> SignedStatement:
        """Get an offer from a live instance of an agent.

        Raises:
            PermissionDenied: the caller hands nothing off.
            NotFound: no instance of the agent is connected, or none answered in time.
            BadStatement: OFFER_INVALID; the instance answered with something that is no offer for the caller.
            Overloaded: the instance does not keep up.
        """
        caller.require_role(Role.AGENT, Role.ORCHESTRATOR)
        if self._elsewhere is not None and not self.is_listening(agent):
            return await self._elsewhere.request(agent, caller.id, answer_seconds=self._answer_seconds)
        return await self._ask(agent, caller.id)

    async def _ask(self, agent: str, delegator: str) -> SignedStatement:
        instances = self._instances.get(agent)
        if not instances:
            raise NotFound(f"no instance of {agent} is connected: start one that listens for work")
        instances.append(instances.pop(0))  # the next request is for the next instance
        instance, request = instances[-1], next(self._numbers)
        answer = instance.ask(request, delegator)
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await answer
        except TimeoutError:
            raise NotFound(f"no instance of {agent} answered in time") from None
        finally:
            instance.forget(request)

    async def answered(self, instance: Instance, request: int, statement: SignedStatement) -> None:
        """Take an instance's answer; whoever asked gets it once it is kept. Too late, it is dropped."""
        pending = instance.pending(request)
        if pending is None:
            return
        delegator, answer = pending
        try:
            await self._keep(instance, statement, delegator)
        except Exception as error:
            if not answer.done():
                answer.set_exception(error)
                return
            raise
        if not answer.done():
            answer.set_result(statement)

    async def _keep(self, instance: Instance, statement: SignedStatement, delegator: str) -> None:
        now_ms = self._now_ms()
        offer = open_offer(statement, now_ms=now_ms, delegator=delegator)
        if offer.agent != instance.agent:
            raise refusal(Reason.OFFER_INVALID, detail="it is of another agent than the one that answered")
        if offer.expires_at_ms > now_ms + MAX_OFFER_LIFETIME_MS:
            raise refusal(Reason.OFFER_INVALID, detail=f"it lives longer than {MAX_OFFER_LIFETIME_MS} ms")
        record = _record(offer, statement)
        if record.offer_digest in self._kept or await self._find_elsewhere(record.offer_digest) is not None:
            raise refusal(Reason.OFFER_INVALID, detail="its key was offered before")
        await self._storage.add_offer(record)
        self._kept[record.offer_digest] = _Kept(record, instance)
        self._forget_oldest(now_ms)

    def _forget_oldest(self, now_ms: int) -> None:
        # Kept in the order in which they came, which is nearly the order in which they expire.
        while self._kept:
            digest, oldest = next(iter(self._kept.items()))
            over = oldest.record.expires_ms + MAX_OFFER_LIFETIME_MS < now_ms
            if not over and len(self._kept) <= REMEMBERED_OFFERS:
                return
            del self._kept[digest]

    def not_made_here(self, holder_keys: Iterable[bytes]) -> list[bytes]:
        """Give the ids of such offers of keys as this process has not seen being made, and another may have."""
        if self._elsewhere is None:
            return []
        return [digest for digest in map(offer_digest, holder_keys) if digest not in self._kept]

    async def fitting(
        self, link_id: bytes, link: Link, *, delegator: str, ask_others: bool = True
    ) -> OfferRecord | None:
        """Give the offer of a link's holder key, if its key was offered. It is not used up by that; `take` does it.

        Args:
            link_id: the link that takes it.
            link: what the link says.
            delegator: the agent that handed off.
            ask_others: whether to look for an offer that this process has not seen being made.

        Returns:
            The offer, so that the service knows whose key it is; None if it is a key that the delegator made or heard
            of elsewhere.

        Raises:
            BadStatement: OFFER_INVALID if the offer is void, or for somebody else.
        """
        digest = offer_digest(link.holder_key)
        kept = self._kept.get(digest)
        offer = kept.record if kept else await self._find_elsewhere(digest) if ask_others else None
        if offer is not None and (offer if kept is None else kept).taken_by != link_id.hex():
            _check_fits(offer, link, delegator)
        return offer

    async def take(self, offer: OfferRecord, link_id: bytes) -> None:
        """Use up an offer for a link; again for the same link changes nothing.

        Raises:
            BadStatement: OFFER_INVALID if it is used for another, or has expired.
        """
        kept = self._kept.get(offer.offer_digest)
        if (offer if kept is None else kept).taken_by == link_id.hex():
            return
        try:
            await self._storage.take_offer(offer.offer_digest, taken_by=link_id.hex(), now_ms=self._now_ms())
        except NotRecordedError:
            raise refusal(Reason.OFFER_INVALID, detail="it has expired") from None
        except Conflict:
            raise refusal(Reason.OFFER_INVALID, detail="it was used for another handoff") from None
        if kept is not None:
            kept.taken_by = link_id.hex()

    async def _find_elsewhere(self, digest: bytes) -> OfferRecord | None:
        """Find an offer that this process has not seen being made. With one process there is none."""
        return None if self._elsewhere is None else await self._elsewhere.find(digest)

    def deliver(self, link_id: bytes, holder_key: bytes, token: bytes) -> None:
        """Tell the instance that offered a key of the work that was handed to it, if it is still there."""
        digest = offer_digest(holder_key)
        if self.offered_by(digest) is not None:
            if self._kept[digest].taken_by == link_id.hex():
                self.hand_over(digest, token)
        elif self._elsewhere is not None:
            self._elsewhere.deliver(link_id, digest)

    # -- for other replicas ------------------------------------------------------------------------------

    def is_listening(self, agent: str) -> bool:
        """Tell whether an instance of an agent is connected to this replica."""
        return agent in self._instances

    async def ask(self, agent: str, delegator: str) -> bytes:
        """Get an offer from an instance that is connected here; return the id under which it is kept."""
        statement = await self._ask(agent, delegator)
        return offer_digest(open_offer(statement, now_ms=self._now_ms(), delegator=delegator).holder_key)

    def offered_by(self, digest: bytes) -> str | None:
        """Tell the agent of whom an instance that is connected here made an offer; None if none did."""
        kept = self._kept.get(digest)
        if kept is None or kept.instance is None or kept.instance not in self._instances.get(kept.instance.agent, ()):
            return None
        return kept.instance.agent

    def hand_over(self, digest: bytes, token: bytes) -> None:
        """Tell the instance that made an offer of its work. Raises `Overloaded` if it does not keep up."""
        kept = self._kept.get(digest)
        if kept is not None and kept.instance is not None:
            kept.instance.tell(Work(token))


def offer_digest(holder_key: bytes) -> bytes:
    """Give the id under which an offer is kept: its key's SHA-256, since a key is offered once."""
    return hashlib.sha256(holder_key).digest()


def _record(offer: Offer, statement: SignedStatement) -> OfferRecord:
    return OfferRecord(
        offer_digest=offer_digest(offer.holder_key),
        agent_id=offer.agent,
        holder_key=offer.holder_key,
        audience=offer.audience,
        expires_ms=offer.expires_at_ms,
        signed=encode_statement(statement),
    )


def _check_fits(offer: OfferRecord, link: Link, delegator: str) -> None:
    if offer.agent_id != link.holder_agent:
        raise refusal(Reason.OFFER_INVALID, detail="it is of another agent than the link names")
    if offer.audience not in ("", delegator):
        raise refusal(Reason.OFFER_INVALID, detail="it is for another delegator")
