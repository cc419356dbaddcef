"""What to do about a refusal, in one sentence for people."""

from __future__ import annotations

from typing import Final

from delegation.errors import Layer, Reason, Refused

_BY_LAYER: Final = {
    Layer.DECODE: "Send the token and the proof exactly as the SDK gives them.",
    Layer.SIGNATURE: "Use a delegation of the trust domain that this tool belongs to.",
    Layer.LINKAGE: "Send the whole chain, and no more handoffs than were permitted.",
    Layer.NARROWING: "Hand off no more than you hold.",
    Layer.TIME: "Ask the delegator for a new delegation.",
    Layer.STATEMENT: "Have the handoff recorded by the service.",
    Layer.REVOCATION: "Ask the delegator for a new delegation.",
    Layer.PROOF: "Sign each call anew, with the holder key of the delegation, for just the arguments that are sent.",
    Layer.SCOPE: "Stay within the scope, or ask the delegator for more.",
    Layer.CONDITION: "Fulfil the condition, or ask the delegator for more.",
    Layer.POLICY: "Ask the operator.",
    Layer.AVAILABILITY: "Try again later.",
}
_BY_REASON: Final = {
    Reason.FEED_STALE: "Try again when the tool has reached the delegation service again.",
    Reason.CHAIN_UNKNOWN: "Send the same call again with its chain, and the same proof.",
    Reason.APPROVAL_REQUIRED: (
        "Ask for the approval, and sign the call when it is there: `delegation.call(…, wait_for_approval=…)`."
    ),
    Reason.AUTHENTICATION_REQUIRED: (
        "Have whoever the task is for sign in again, as demanded, and renew the task with that: "
        "`task.renew(on_behalf_of=id_token)`."
    ),
    Reason.CHAIN_MISSING: "Call this tool under a delegation: `delegation.call(…)`.",
}


def advice(refused: Refused) -> str:
    """Give one sentence on what to do about a refusal."""
    return _BY_REASON.get(refused.reason) or _BY_LAYER[refused.layer]
