"""Signing and opening every kind of statement: the value on one side, a signed statement on the other.

`open_…` checks kind, key and signature before it reads; what it returns may be relied on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from delegation.core import codec
from delegation.core.approval import Approval
from delegation.core.break_glass import BreakGlass
from delegation.core.keys import Signer, key_id
from delegation.core.records import DecisionBatch, DecisionRecord, Outcome
from delegation.core.revocation import FeedEntry
from delegation.core.statement import (
    Binding,
    Offer,
    Receipt,
    SignedStatement,
    StatementKind,
    open_statement,
    sign_statement,
)
from delegation.core.trust import Catalogue, TrustBundle
from delegation.core.trusted_keys import StatementKeys
from delegation.errors import Malformed, Reason, Refused, refusal


def sign_receipt(receipt: Receipt, statement_key: Signer) -> SignedStatement:
    """Sign a receipt with the service's statement key."""
    return sign_statement(StatementKind.RECEIPT, codec.encode_receipt(receipt), statement_key)


def open_receipt(statement: SignedStatement, public: bytes) -> Receipt:
    """Check a receipt. Raises BadStatement or Malformed."""
    return codec.decode_receipt(open_statement(statement, StatementKind.RECEIPT, public))


def sign_binding(binding: Binding, statement_key: Signer) -> SignedStatement:
    """Sign a binding with the service's statement key."""
    return sign_statement(StatementKind.BINDING, codec.encode_binding(binding), statement_key)


def open_binding(statement: SignedStatement, public: bytes) -> Binding:
    """Check a binding. Raises BadStatement or Malformed."""
    return codec.decode_binding(open_statement(statement, StatementKind.BINDING, public))


def sign_offer(offer: Offer, offered_key: Signer) -> SignedStatement:
    """Sign an offer with the very key that it offers."""
    return sign_statement(StatementKind.OFFER, codec.encode_offer(offer), offered_key)


def open_offer(statement: SignedStatement, *, now_ms: int, delegator: str) -> Offer:
    """Check that an offer is signed by the key it offers, is for this delegator, and is not void.

    Raises:
        BadStatement: OFFER_INVALID.
    """
    try:
        offer = codec.decode_offer(statement.payload)
        open_statement(statement, StatementKind.OFFER, offer.holder_key)
    except Refused as error:
        raise refusal(Reason.OFFER_INVALID, detail=str(error)) from None
    if now_ms >= offer.expires_at_ms:
        raise refusal(Reason.OFFER_INVALID, detail="it has expired")
    if offer.audience not in ("", delegator):
        raise refusal(Reason.OFFER_INVALID, detail="it is for another delegator")
    return offer


def sign_approval(approval: Approval, statement_key: Signer) -> SignedStatement:
    """Sign an approval with the service's statement key."""
    return sign_statement(StatementKind.APPROVAL, codec.encode_approval(approval), statement_key)


def open_approval(statement: SignedStatement, trust: TrustBundle, *, now_ms: int) -> Approval:
    """Check an approval; whether it is one of the call at hand, `require_approval_of` says.

    Raises:
        BadStatement: STATEMENT_INVALID.
        Malformed: what is wrong with it.
    """
    public = trust.statement_key(statement.key_id, now_ms)
    return codec.decode_approval(open_statement(statement, StatementKind.APPROVAL, public))


def sign_own_approval(approval: Approval, key: Signer) -> SignedStatement:
    """Sign an approval as the approver, with a key of one's own.

    Raises:
        Malformed: it says more than an approver says: who vouches for them.
    """
    payload = codec.encode_approval(approval)
    codec.decode_signed_approval(payload)
    return sign_statement(StatementKind.SIGNED_APPROVAL, payload, key)


def open_own_approval(statement: SignedStatement, keys: Iterable[bytes]) -> Approval:
    """Check an approval that its approver has signed with one of their keys; whose these are, the caller knows.

    Raises:
        BadStatement: STATEMENT_INVALID.
        Malformed: what is wrong with it.
    """
    public = next((each for each in keys if key_id(each) == statement.key_id), None)
    if public is None:
        raise refusal(Reason.STATEMENT_INVALID, detail="not signed by a key of the approver's")
    return codec.decode_signed_approval(open_statement(statement, StatementKind.SIGNED_APPROVAL, public))


def sign_bundle(bundle: TrustBundle, root: Signer) -> SignedStatement:
    """Sign a trust bundle with the root key."""
    return sign_statement(StatementKind.TRUST_BUNDLE, codec.encode_bundle(bundle), root)


def open_bundle(statement: SignedStatement, root: bytes, *, now_ms: int, known_version: int = 0) -> TrustBundle:
    """Check a trust bundle.

    Args:
        statement: as it was received.
        root: the root's public key, known beforehand.
        now_ms: the time.
        known_version: the version already known; an older one is refused.

    Raises:
        BadStatement: BUNDLE_INVALID, BUNDLE_ROLLBACK or BUNDLE_EXPIRED.
    """
    try:
        bundle = codec.decode_bundle(open_statement(statement, StatementKind.TRUST_BUNDLE, root))
    except Refused as error:
        raise refusal(Reason.BUNDLE_INVALID, detail=str(error)) from None
    if bundle.version < known_version:
        raise refusal(Reason.BUNDLE_ROLLBACK)
    bundle.require_current(now_ms)
    return bundle


def catalogue_digest(catalogue: Catalogue) -> bytes:
    """Give the SHA-256 of a catalogue's canonical bytes, 32 bytes."""
    return hashlib.sha256(codec.encode_catalogue(catalogue)).digest()


def open_catalogue(data: bytes, bundle: TrustBundle) -> Catalogue:
    """Check that a catalogue is the one that the trust bundle names.

    Raises:
        BadStatement: BUNDLE_INVALID.
        Malformed: what is wrong with it.
    """
    if not bundle.catalogue_digest and not data:
        return Catalogue()
    if hashlib.sha256(data).digest() != bundle.catalogue_digest:
        raise refusal(Reason.BUNDLE_INVALID, detail="the catalogue is not the one that the bundle names")
    return codec.decode_catalogue(data)


def sign_feed_entry(entry: FeedEntry, statement_key: Signer, revocations: bytes = b"") -> SignedStatement:
    """Sign a piece of the revocation feed with the service's statement key.

    Args:
        entry: the piece.
        statement_key: the service's.
        revocations: more of them, as `codec.encode_revocations` gave them.
    """
    return sign_statement(StatementKind.REVOCATION_FEED, codec.encode_feed_entry(entry, revocations), statement_key)


def open_feed_entry(statement: SignedStatement, trust: StatementKeys, *, now_ms: int) -> FeedEntry:
    """Check a piece of the revocation feed. Raises BadStatement or Malformed."""
    public = trust.statement_key(statement.key_id, now_ms)
    return codec.decode_feed_entry(open_statement(statement, StatementKind.REVOCATION_FEED, public))


def sign_break_glass(order: BreakGlass, key: Signer) -> SignedStatement:
    """Sign a break-glass statement with the root key, or with a key that the trust bundle lists for them."""
    return sign_statement(StatementKind.BREAK_GLASS, codec.encode_break_glass(order), key)


def open_break_glass(statement: SignedStatement, trust: TrustBundle, root: bytes, *, now_ms: int) -> BreakGlass:
    """Check a break-glass statement; whether it concerns the call at hand, `require_covers` says.

    Args:
        statement: as it was received.
        trust: the current trust bundle.
        root: the root's public key, known beforehand.
        now_ms: the time.

    Raises:
        BadStatement: STATEMENT_INVALID.
        Malformed: what is wrong with it.
    """
    public = root if statement.key_id == key_id(root) else trust.break_glass_key(statement.key_id, now_ms)
    return codec.decode_break_glass(open_statement(statement, StatementKind.BREAK_GLASS, public))


def sign_batch(
    records: Iterable[DecisionRecord | bytes], *, first_sequence: int, previous_hash: bytes, guard_key: Signer
) -> tuple[DecisionBatch, SignedStatement]:
    """Number, chain and sign records with the guard's key."""
    encoded = tuple(record if isinstance(record, bytes) else codec.encode_record(record) for record in records)
    batch = DecisionBatch(guard_key.public, first_sequence, previous_hash, encoded)
    return batch, sign_statement(StatementKind.DECISION_BATCH, codec.encode_batch(batch), guard_key)


def open_batch(statement: SignedStatement) -> DecisionBatch:
    """Check that a batch is signed by the guard key that it names; whose key that is, the caller decides.

    Raises:
        BadStatement: RECORDS_INVALID.
    """
    try:
        batch = codec.decode_batch(statement.payload)
        open_statement(statement, StatementKind.DECISION_BATCH, batch.guard_key)
    except Refused as error:
        raise refusal(Reason.RECORDS_INVALID, detail=str(error)) from None
    return batch


def open_records(batch: DecisionBatch) -> tuple[DecisionRecord, ...]:
    """Read the records of a batch that was checked.

    Raises:
        BadStatement: RECORDS_INVALID.
    """
    try:
        return tuple(map(codec.decode_record, batch.records))
    except Malformed as error:
        raise refusal(Reason.RECORDS_INVALID, detail=str(error)) from None


def sign_outcome(outcome: Outcome, guard_key: Signer) -> SignedStatement:
    """Sign an outcome with the guard's key."""
    return sign_statement(StatementKind.OUTCOME, codec.encode_outcome(outcome), guard_key)


def open_outcome(statement: SignedStatement, guard_key: bytes) -> Outcome:
    """Check an outcome. Raises BadStatement or Malformed."""
    return codec.decode_outcome(open_statement(statement, StatementKind.OUTCOME, guard_key))
