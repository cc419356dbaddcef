"""The reasons of refusals: SPEC section 12."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.make.vector import Area, Vector, accepted

REASONS = {
    "decode": (
        *("token_too_large", "malformed", "not_canonical", "version_unsupported", "field_invalid", "key_invalid"),
        *("no_links", "too_many_links", "too_many_capabilities", "too_many_arguments", "too_many_values"),
        *("nesting_too_deep", "constraint_unsupported", "condition_unsupported", "statement_unsupported"),
    ),
    "signature": ("issuer_unknown", "issuer_not_trusted", "signature_invalid"),
    "linkage": ("grant_missing", "grant_repeated", "depth_exceeded"),
    "narrowing": ("scope_grew",),
    "time": ("not_yet_valid", "expired", "lifetime_too_long"),
    "statement": (
        *("receipt_missing", "statement_invalid", "bundle_invalid", "bundle_rollback", "bundle_expired"),
        *("offer_invalid", "records_invalid"),
    ),
    "revocation": (
        *("link_revoked", "holder_key_revoked", "agent_revoked", "task_ended", "principal_revoked"),
        *("issuer_key_revoked", "feed_stale", "feed_gap", "feed_rollback"),
    ),
    "proof": (
        *("chain_missing", "proof_missing", "proof_invalid", "proof_other_call", "proof_stale"),
        *("proof_from_future", "proof_replayed"),
    ),
    "scope": (
        *("tool_not_permitted", "argument_unexpected", "argument_missing", "argument_refused", "arguments_invalid"),
        *("arguments_too_large", "evaluation_exhausted"),
    ),
    "condition": ("condition_unmet",),
    "policy": ("ceiling_exceeded", "policy_denied", "not_your_audience"),
    "availability": ("service_unavailable", "record_backlog", "chain_unknown", "internal"),
}
LATER = (
    ("federation_exceeded", "policy"),
    *((reason, "condition") for reason in ("calls_exhausted", "budget_exceeded", "session_full", "approval_required")),
    ("authentication_required", "policy"),
)  # numbered when they came, whatever their layer
CODES = {"decode": "INVALID_ARGUMENT", "availability": "FAILED_PRECONDITION"}


def reasons() -> Iterator[Vector]:
    """One vector for each number."""
    named = [(reason, layer) for layer, members in REASONS.items() for reason in members]
    named += LATER
    for number, (reason, layer) in enumerate(named, 1):
        expect = accepted(reason=reason, layer=layer, grpc_code=CODES.get(layer, "PERMISSION_DENIED"))
        says = f"The reason with the number {number}."
        yield Vector(f"reason-{number}", "reason", says, ("X-1", "X-3", "X-6"), {"number": number}, expect)


AREA = Area("reasons", "Reasons, their numbers, layers and gRPC codes.", [*reasons()])
