"""Proofs and their one use, for every operation that has one."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from delegation.storage.preconditions import ProofUse
from delegation.storage.refused_writes import ReplayedProofError
from delegation.storage.schema import proofs
from delegation.storage.statements import Statement, insert_or_leave

if TYPE_CHECKING:
    from delegation.storage.operations.operation import Row, Transaction

ADD_PROOF: Final = Statement(sa.insert(proofs))
MARK_PROOF: Final = insert_or_leave(proofs)
_PROOF: Final = Statement(
    sa.select(proofs.c.audience, proofs.c.caller, proofs.c.request_digest, proofs.c.call_id).where(
        proofs.c.issued_ms == sa.bindparam("issued_ms"), proofs.c.nonce == sa.bindparam("nonce")
    )
)


def proof_row(proof: ProofUse, call_id: bytes | None) -> Row:
    """Give the row of a proof's use."""
    return (proof.issued_ms, proof.proof_id, proof.audience, proof.caller, proof.request_digest, call_id)


def check_remembered(transaction: Transaction, proof: ProofUse) -> None:
    """Raise `ReplayedProofError` for a proof whose earlier use may have been forgotten.

    Who judges by a clock that is behind would otherwise take it for fresh.
    """
    if proof.issued_ms <= transaction.horizon():
        raise ReplayedProofError


def earlier_use(transaction: Transaction, proof: ProofUse) -> Row | None:
    """Return the row of the same request's earlier use, if there is one.

    Raises:
        ReplayedProofError: The nonce was used, and not for this request.
    """
    row = transaction.one(_PROOF, issued_ms=proof.issued_ms, nonce=proof.proof_id)
    if row is None:
        check_remembered(transaction, proof)
        return None
    audience, caller, request_digest, _ = row
    same = proof.request_digest and hmac.compare_digest(request_digest, proof.request_digest)
    if not same or (audience, caller) != (proof.audience, proof.caller):
        raise ReplayedProofError
    return row
