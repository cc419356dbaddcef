"""The question that the service is asked, and what it means that it does not answer. Loaded when it is asked first."""

from __future__ import annotations

from delegation.core.arguments import Arguments
from delegation.core.declaration import Declaration
from delegation.errors import (
    DelegationError,
    Overloaded,
    PermissionDenied,
    Reason,
    Refused,
    ServiceUnavailable,
    StorageError,
    Unauthenticated,
    refusal,
)
from delegation.wire.authorization import CallToDecide
from delegation_sdk.question import Question


def call_to_decide(
    question: Question,
    sent: Arguments,
    *,
    audience: str,
    attempt: bytes,
    fulfils: tuple[str, ...],
    declared: Declaration,
) -> CallToDecide:
    """Put a call as a question to the service.

    Args:
        question: The call.
        sent: Its arguments.
        audience: Whom the tool speaks for.
        attempt: Names the attempt, `limits.NONCE_BYTES` of chance; the same one if the question is asked again.
        fulfils: The obligations that the tools fulfil.
        declared: What the tool says of itself.
    """
    return CallToDecide(
        token=question.carriage.token,
        proof=question.carriage.proof,
        audience=audience,
        tool=question.tool,
        arguments_json=sent.canonical,
        attempt=attempt,
        trace=question.trace,
        fulfils=fulfils,
        declared=declared,
    )


def undecided(question: Question, error: DelegationError) -> Refused:
    """Turn a failure to get a decision into the denial that it is, and note what it says of the service."""
    refused = _denial(error)
    # A record for an audience that is not ours would never be taken, and hold up all others.
    question.decided_by_service = refused.reason is Reason.NOT_YOUR_AUDIENCE
    question.turned_away = isinstance(error, (PermissionDenied, Unauthenticated))
    return refused


def is_away(error: DelegationError) -> bool:
    """Tell whether the service cannot decide anything, so that a break-glass statement may count (B-4).

    That it has too much to do is an answer: who keeps it busy must not gain a decision without it.
    """
    return isinstance(error, (ServiceUnavailable, StorageError))


def _denial(error: DelegationError) -> Refused:
    if isinstance(error, Refused):
        return error
    if isinstance(error, (ServiceUnavailable, Overloaded, StorageError)):
        return refusal(Reason.SERVICE_UNAVAILABLE)
    return refusal(Reason.INTERNAL, detail="the service did not answer the question")
