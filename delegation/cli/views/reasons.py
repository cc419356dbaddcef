"""What the reasons of refusals mean to people: one sentence each, with what to do where something can be done."""

from __future__ import annotations

from typing import Final

from delegation.errors import Reason, Refused

MEANING: Final[dict[Reason, str]] = {
    Reason.TOKEN_TOO_LARGE: "the token is larger than any token may be; hand on a smaller scope",
    Reason.MALFORMED: "the bytes are no token; send the token as it was given out",
    Reason.NOT_CANONICAL: "the bytes were written in another form than the one that is signed; send them unchanged",
    Reason.VERSION_UNSUPPORTED: "it is of a format that this version does not know; update",
    Reason.FIELD_INVALID: "a field has a value that none may have",
    Reason.KEY_INVALID: "a key is not one that may sign",
    Reason.NO_LINKS: "there is no link in it; a token begins with a grant",
    Reason.TOO_MANY_LINKS: "the chain is longer than any chain may be",
    Reason.TOO_MANY_CAPABILITIES: "a scope lists more tools than one link may",
    Reason.TOO_MANY_ARGUMENTS: "a capability lists more arguments than it may",
    Reason.TOO_MANY_VALUES: "a constraint lists more values than it may",
    Reason.NESTING_TOO_DEEP: "constraints are nested deeper than they may be",
    Reason.CONSTRAINT_UNSUPPORTED: "a constraint is of a kind that this version does not know; update",
    Reason.CONDITION_UNSUPPORTED: "a condition is of a kind that this version does not know; update",
    Reason.STATEMENT_UNSUPPORTED: "a statement has no place in a chain",
    Reason.ISSUER_UNKNOWN: "the grant is signed by a key that the trust bundle does not list; check the trust domain",
    Reason.ISSUER_NOT_TRUSTED: "the grant's key may not sign grants any more; get a new grant",
    Reason.SIGNATURE_INVALID: "a link is not signed by the holder of the link before it; the chain was altered",
    Reason.GRANT_MISSING: "the first link is no grant; send the whole chain",
    Reason.GRANT_REPEATED: "a link after the first is a grant; the chain was put together from two",
    Reason.DEPTH_EXCEEDED: "more handoffs than the grant allows; ask for a deeper grant",
    Reason.SCOPE_GREW: "a handoff asks for more than its delegator has; ask for less",
    Reason.NOT_YET_VALID: "it is too early, or a clock is wrong",
    Reason.EXPIRED: "it is over; get a new grant or handoff",
    Reason.LIFETIME_TOO_LONG: "a link lives longer than it may",
    Reason.RECEIPT_MISSING: "the service has not recorded the last handoff; have it recorded first",
    Reason.STATEMENT_INVALID: "a receipt or binding is not the service's, or not about this chain",
    Reason.BUNDLE_INVALID: "the trust bundle is not signed by the root key; check trust_root of the profile",
    Reason.BUNDLE_ROLLBACK: "the trust bundle is older than one already known; somebody may be replaying it",
    Reason.BUNDLE_EXPIRED: "the trust bundle is over; its operator signs a new one",
    Reason.OFFER_INVALID: "the offer is void, used, or for somebody else; request a new one",
    Reason.RECORDS_INVALID: "decision records are not the guard's, or not in their order",
    Reason.LINK_REVOKED: "the handoff was revoked",
    Reason.HOLDER_KEY_REVOKED: "the holder's key was revoked",
    Reason.AGENT_REVOKED: "the agent was revoked; its operator knows why",
    Reason.TASK_ENDED: "the task is over: everything handed on in it ended with it",
    Reason.PRINCIPAL_REVOKED: "the principal was revoked; its operator knows why",
    Reason.ISSUER_KEY_REVOKED: "the key that signed the grant was revoked; get a new grant",
    Reason.FEED_STALE: "the guard did not know what is revoked by now; check its connection to the service",
    Reason.FEED_GAP: "the guard missed a part of the revocation feed; it begins anew by itself",
    Reason.FEED_ROLLBACK: "the revocation feed led back; somebody may be replaying it",
    Reason.CHAIN_MISSING: "the call came without a chain; call with a delegation",
    Reason.PROOF_MISSING: "the call came without a proof; call with the holder key",
    Reason.PROOF_INVALID: "the proof is not by the key of the last link: whoever called does not hold it",
    Reason.PROOF_OTHER_CALL: "the proof is for another call; sign the very arguments that are sent",
    Reason.PROOF_STALE: "the proof was too old; sign each call when it is made, and check the clocks",
    Reason.PROOF_FROM_FUTURE: "the proof is from the future; check the clocks",
    Reason.PROOF_REPLAYED: "the proof was used before; sign each call anew",
    Reason.TOOL_NOT_PERMITTED: "the scope of that hop does not list the tool; ask its delegator for it",
    Reason.ARGUMENT_UNEXPECTED: "an argument was given that the scope of that hop does not list; leave it out",
    Reason.ARGUMENT_MISSING: "an argument that the scope of that hop demands was not given",
    Reason.ARGUMENT_REFUSED: "an argument is outside what that hop permits; ask its delegator for more, or use less",
    Reason.ARGUMENTS_INVALID: "the arguments are not JSON as RFC 8785 has it",
    Reason.ARGUMENTS_TOO_LARGE: "the arguments are larger than any may be; pass large things by name",
    Reason.EVALUATION_EXHAUSTED: "the constraints take more steps than one call may; write them simpler",
    Reason.CONDITION_UNMET: "a condition of the scope does not hold",
    Reason.CEILING_EXCEEDED: "the orchestrator may not be granted this much; its operator sets the ceiling",
    Reason.POLICY_DENIED: "the operator's policy forbids it",
    Reason.NOT_YOUR_AUDIENCE: "the tool does not speak for this audience; its operator lists audiences",
    Reason.FEDERATION_EXCEEDED: "another trust domain may not say this here; the trust bundle sets its limits",
    Reason.SERVICE_UNAVAILABLE: "the service that decides could not be reached; start it, or try again",
    Reason.RECORD_BACKLOG: "the guard could not deliver its records; check its connection to the service",
    Reason.CHAIN_UNKNOWN: "the service has not recorded this chain; have the handoff recorded first",
    Reason.INTERNAL: "no decision could be had, which is a denial; the service's log says more",
}


def meaning(error: Refused) -> str:
    """Say what a refusal means, and what to do."""
    return MEANING[error.reason]
