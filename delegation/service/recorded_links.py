"""What is known of recorded links: kept in memory for the busy ones, else asked of the database."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

from delegation.core.attest import sign_receipt
from delegation.core.chain import SignedLink
from delegation.core.codec import encode_statement, join_token, parse_token
from delegation.core.keys import Signer
from delegation.core.statement import Receipt, SignedStatement
from delegation.storage.port import Storage
from delegation.storage.records import LinkRecord

REMEMBERED_LINKS: Final = 32_768
"""Some 10 MB."""


class KnownLink(NamedTuple):
    """The few facts of a recorded link that calls are recorded with."""

    task_id: bytes
    agent: str
    principal_subject: str
    holder_key: bytes
    vouched: bool
    """Whether the service knows that the holder is who the link says."""
    judged: bool
    """Whether the policy was asked about it, and all before it, as they were recorded."""


class RecordedLinks:
    """Finds recorded links by their id. Only what is recorded is ever in here."""

    def __init__(self, storage: Storage, *, remember: int = REMEMBERED_LINKS) -> None:
        self._storage = storage
        self._remember = remember
        self._known: OrderedDict[bytes, KnownLink] = OrderedDict()

    def note(self, record: LinkRecord, principal_subject: str) -> None:
        """Remember a link that was just recorded."""
        self._put(record.link_id, _known(record, principal_subject))

    def remembered(self, link_id: bytes) -> KnownLink | None:
        """Return a recorded link if it is kept in memory; None says nothing."""
        known = self._known.get(link_id)
        if known is not None:
            self._known.move_to_end(link_id)
        return known

    async def find(self, link_id: bytes) -> KnownLink | None:
        """Return a recorded link, or None. Raises `StorageError`."""
        known = self.remembered(link_id)
        if known is not None:
            return known
        chain = await self._storage.chain(link_id)
        if not chain:
            return None
        leaf = chain[-1]
        task = await self._storage.task(leaf.task_id)
        known = _known(leaf, task.principal_subject if task else "")
        self._put(link_id, known)
        return known

    def _put(self, link_id: bytes, known: KnownLink) -> None:
        self._known[link_id] = known
        if len(self._known) > self._remember:
            self._known.popitem(last=False)


def is_vouched(record: LinkRecord) -> bool:
    """Tell whether the service knows that a link's holder is who it says: it saw the grant's holder itself."""
    return record.index == 0 or record.vouched


def _known(record: LinkRecord, principal_subject: str) -> KnownLink:
    return KnownLink(
        record.task_id,
        record.holder_agent,
        principal_subject,
        record.holder_key,
        is_vouched(record),
        not record.unjudged,
    )


def link_record(  # one place where a signed link becomes a row
    signed: SignedLink,
    *,
    task_id: bytes,
    parent_link_id: bytes | None,
    index: int,
    recorded_ms: int,
    caller_id: str,
    statement_key: Signer,
) -> tuple[LinkRecord, SignedStatement]:
    """Make the record of a link, with the service's receipt for it."""
    link = signed.link
    receipt = sign_receipt(Receipt(signed.link_id, recorded_ms), statement_key)
    record = LinkRecord(
        link_id=signed.link_id,
        task_id=task_id,
        parent_link_id=parent_link_id,
        index=index,
        holder_agent=link.holder_agent,
        holder_key=link.holder_key,
        signed=join_token([signed]),
        expires_ms=link.expires_at_ms,
        recorded_ms=recorded_ms,
        receipt=encode_statement(receipt),
        caller=caller_id,
        trace_id=link.trace.trace_id if link.trace else None,
        span_id=link.trace.span_id if link.trace else None,
    )
    return record, receipt


def payload_and_signature(record: LinkRecord) -> tuple[bytes, bytes]:
    """Give back what was signed, and the signature."""
    frame = parse_token(record.signed).frames[0]
    return frame.payload, frame.signature
