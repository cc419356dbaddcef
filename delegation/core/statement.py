"""The signed-statement envelope, and the small statements that travel with chains.

A statement is what the service, a guard or an agent signs about others. Its kind fixes the domain
tag of its signature, so that none passes for another.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from delegation.core.keys import Purpose, Signer, key_id, signing_input, verify
from delegation.core.named_tuple import NamedTuple
from delegation.errors import BadSignature, Reason, refusal


class StatementKind(StrEnum):
    """The kinds of statements, named as in chain.proto."""

    RECEIPT = "receipt"
    BINDING = "binding"
    OFFER = "offer"
    APPROVAL = "approval"
    SIGNED_APPROVAL = "signed_approval"
    REVOCATION_FEED = "revocation_feed"
    TRUST_BUNDLE = "trust_bundle"
    CHECKPOINT = "checkpoint"
    DECISION_BATCH = "decision_batch"
    OUTCOME = "outcome"
    BREAK_GLASS = "break_glass"


_PURPOSE: Final = {kind: Purpose[kind.name] for kind in StatementKind}


class SignedStatement(NamedTuple):
    """A statement as it was signed; unchecked until `open_statement`.

    Attributes:
        kind: what it is about.
        key_id: the signing key, 16 bytes.
        payload: the exact bytes that were signed.
        signature: 64 bytes.
    """

    kind: StatementKind
    key_id: bytes
    payload: bytes
    signature: bytes

    def __repr__(self) -> str:
        return f"SignedStatement({self.kind}, {len(self.payload)} bytes)"


def sign_statement(kind: StatementKind, payload: bytes, signer: Signer) -> SignedStatement:
    """Sign the canonical bytes of a statement."""
    signature = signer.sign(signing_input(_PURPOSE[kind], payload))
    return SignedStatement(kind, signer.key_id, payload, signature)


def open_statement(statement: SignedStatement, kind: StatementKind, public: bytes) -> bytes:
    """Check that a statement is of this kind and signed by this key, and give its payload.

    Raises:
        BadStatement: STATEMENT_INVALID.
    """
    if statement.kind is not kind or statement.key_id != key_id(public):
        raise refusal(Reason.STATEMENT_INVALID, detail=f"not a {kind} of this key")
    try:
        verify(public, signing_input(_PURPOSE[kind], statement.payload), statement.signature)
    except BadSignature:
        raise refusal(Reason.STATEMENT_INVALID, detail=f"the signature of a {kind} does not verify") from None
    return statement.payload


class Receipt(NamedTuple):
    """The service recorded a link, and thereby all before it.

    Attributes:
        link_id: the recorded link, 32 bytes.
        recorded_at_ms: when.
    """

    link_id: bytes
    recorded_at_ms: int


class Binding(NamedTuple):
    """A holder key belongs to an agent whose identity the service has authenticated.

    Attributes:
        holder_key: the public key, 32 bytes.
        agent: the agent id.
        issued_at_ms, expires_at_ms: from when until when the service says so.
    """

    holder_key: bytes
    agent: str
    issued_at_ms: int
    expires_at_ms: int


class Offer(NamedTuple):
    """An agent is ready to receive work; signed by the offered key itself.

    Attributes:
        agent: who offers.
        holder_key: the fresh public key for one handoff, 32 bytes.
        audience: who may use it; empty for anyone who was given it.
        expires_at_ms: from when on it is void.
        nonce: 16 random bytes.
    """

    agent: str
    holder_key: bytes
    audience: str
    expires_at_ms: int
    nonce: bytes
