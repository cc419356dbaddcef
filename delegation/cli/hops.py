"""A chain as it is looked at: hop by hop, with what each took away. From a token, or from the service's records.

For looking only. What comes from a token is what the token says; nothing here is verified.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from delegation.core.chain import Link, UnverifiedChain, VerifiedChain
from delegation.core.codec import decode_binding, decode_link, decode_receipt, parse_link
from delegation.core.keys import Purpose, link_id, signing_input
from delegation.core.lineage import ConditionUse, RecordedLink
from delegation.core.narrowing import narrower, taken_away
from delegation.core.statement import SignedStatement, StatementKind
from delegation.errors import Refused


class Standing(StrEnum):
    """What a holder's agent id rests on."""

    AUTHENTICATED = "authenticated"
    """The service saw the caller itself: the grant's holder."""
    BOUND = "bound"
    """The service vouches that the key is the agent's."""
    ASSERTED = "asserted"
    """The delegator says so."""
    UNKNOWN = "unknown"
    """It is not known here."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One link, beside the one before it.

    Attributes:
        index: Its place in its chain, 0 for the grant.
        link_id: 32 bytes.
        parent_id: The link before it, or None.
        link: What it says.
        standing: What its holder's agent id rests on.
        taken: What it took away, in words.
        annotates: Whether its purpose is another than that of the link before it; policy sees the grant's.
        grew: How it permits more than the link before it; None if it does not.
        recorded_at_ms: When the service recorded it, or None.
        revoked: Whether it, or a link before it, is known to be revoked.
        owner: The person or team that answers for its holder; empty if that is not known here.
        uses: What was used of its counts and budgets, where that is known and not nothing.
    """

    index: int
    link_id: bytes
    parent_id: bytes | None
    link: Link
    standing: Standing
    taken: tuple[str, ...] = ()
    annotates: bool = False
    grew: Refused | None = None
    recorded_at_ms: int | None = None
    revoked: bool = False
    owner: str = ""
    uses: tuple[ConditionUse, ...] = ()


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says, as far as it can be read.

    Attributes:
        hops: The links that can be read, grant first.
        fault: Why the next one cannot; None if all can.
    """

    hops: tuple[Hop, ...]
    fault: Refused | None = None


def claims_of(chain: UnverifiedChain, now_ms: int) -> Claims:
    """Read what a token says, up to the first link that cannot be read."""
    hops: list[Hop] = []
    for index, frame in enumerate(chain.frames):
        before = hops[-1] if hops else None
        signed = signing_input(Purpose.HANDOFF if before else Purpose.GRANT, frame.payload, _id_of(before))
        try:
            link = decode_link(parse_link(frame.payload), frame.payload)
        except Refused as error:
            return Claims(tuple(hops), error.at(index))
        standing = _standing(index, link, chain.statements, now_ms)
        hops.append(_hop(index, link_id(signed), link, before, standing=standing))
    return Claims(_with_receipts(hops, chain.statements))


def hops_of(chain: VerifiedChain, now_ms: int) -> tuple[Hop, ...]:
    """Give the hops of a verified chain; standing and receipt are the ones that were verified."""
    hops: list[Hop] = []
    last = len(chain.links) - 1
    for index, signed in enumerate(chain.links):
        bound = Standing.BOUND if chain.bound(index, now_ms) else Standing.ASSERTED
        standing = bound if index else Standing.AUTHENTICATED
        recorded = chain.receipt if index == last else None
        before = hops[-1] if hops else None
        hops.append(_hop(index, signed.link_id, signed.link, before, standing=standing, recorded_at_ms=recorded))
    return tuple(hops)


def hops_of_records(links: Iterable[RecordedLink]) -> tuple[Hop, ...]:
    """Give the hops of recorded links, parents before children.

    Raises:
        Malformed: A link cannot be read.
    """
    hops: dict[bytes, Hop] = {}
    for record in links:
        link = decode_link(parse_link(record.payload), record.payload)
        parent = hops.get(record.parent_link_id or b"")
        standing = Standing.UNKNOWN if record.index else Standing.AUTHENTICATED
        hop = _hop(
            record.index,
            record.link_id,
            link,
            parent,
            standing=standing,
            recorded_at_ms=record.recorded_at_ms,
            revoked=record.revoked,
            owner=record.owner,
        )
        hops[record.link_id] = replace(hop, uses=record.uses)
    return tuple(hops.values())


def _hop(
    index: int,
    link_id: bytes,
    link: Link,
    before: Hop | None,
    *,
    standing: Standing,
    recorded_at_ms: int | None = None,
    revoked: bool = False,
    owner: str = "",
) -> Hop:
    taken = () if before is None else tuple(taken_away(link, before.link))
    return Hop(
        index=index,
        link_id=link_id,
        parent_id=before.link_id if before else None,
        link=link,
        standing=standing,
        taken=taken,
        annotates=before is not None and link.purpose not in {"", before.link.purpose},
        grew=None if before is None else _growth(link, before.link),
        recorded_at_ms=recorded_at_ms,
        revoked=revoked,
        owner=owner,
    )


def _growth(child: Link, parent: Link) -> Refused | None:
    try:
        narrower(child, parent)
    except Refused as error:
        return error
    return None


def _id_of(hop: Hop | None) -> bytes:
    return hop.link_id if hop else b""


def _standing(index: int, link: Link, statements: Iterable[SignedStatement], now_ms: int) -> Standing:
    if index == 0:
        return Standing.AUTHENTICATED
    for statement in statements:
        if statement.kind is StatementKind.BINDING:
            try:
                binding = decode_binding(statement.payload)
            except Refused:
                continue
            if (binding.holder_key, binding.agent) == (link.holder_key, link.holder_agent):
                return Standing.BOUND if binding.expires_at_ms > now_ms else Standing.ASSERTED
    return Standing.ASSERTED


def _with_receipts(hops: list[Hop], statements: Iterable[SignedStatement]) -> tuple[Hop, ...]:
    recorded: dict[bytes, int] = {}
    for statement in statements:
        if statement.kind is StatementKind.RECEIPT:
            try:
                receipt = decode_receipt(statement.payload)
            except Refused:
                continue
            recorded[receipt.link_id] = receipt.recorded_at_ms
    return tuple(_recorded(hop, recorded.get(hop.link_id)) for hop in hops)


def _recorded(hop: Hop, recorded_at_ms: int | None) -> Hop:
    return hop if recorded_at_ms is None else replace(hop, recorded_at_ms=recorded_at_ms)
