"""`Refused` to its message and back: a refusal crosses with its reason, link and words."""

from __future__ import annotations

from typing import Final

from delegation.errors import Reason, Refused, refusal
from delegation.v1 import errors_pb2

MAX_WORDS_CHARACTERS: Final = 400
"""A refusal must fit into trailing metadata; a constraint's description can be as long as it."""

MAX_ACR_VALUES: Final = 16
"""More than a rule may name."""

_REQUEST_ID_BYTES: Final = 16

_PREFIX: Final = "ERROR_REASON_"
_NUMBER: Final = {reason: errors_pb2.ErrorReason.Value(_PREFIX + reason.name) for reason in Reason}
_REASON: Final = {number: reason for reason, number in _NUMBER.items()}


def refusal_message(refused: Refused) -> errors_pb2.Refusal:
    """Make the message of a refusal; long words are cut."""
    return errors_pb2.Refusal(
        reason=_NUMBER[refused.reason],
        link_index=refused.link_index,
        field=_cut(refused.field),
        parent=_cut(refused.parent),
        child=_cut(refused.child),
        detail=_cut(refused.detail),
        approval_request_id=refused.approval_request_id,
        acr_values=[_cut(value) for value in refused.acr_values[:MAX_ACR_VALUES]],
        max_age_s=refused.max_age_s or 0,
    )


def read_refusal(message: errors_pb2.Refusal) -> Refused:
    """Read a refusal. A reason of a newer version is still a refusal: `internal`."""
    reason = _REASON.get(message.reason)
    if reason is None:
        return refusal(Reason.INTERNAL, detail=f"refused for a reason unknown here, number {message.reason}")
    refused = refusal(
        reason,
        link_index=message.link_index if message.HasField("link_index") else None,
        field=message.field,
        parent=message.parent,
        child=message.child,
        detail=message.detail,
    )
    if len(message.approval_request_id) == _REQUEST_ID_BYTES:
        refused.approval_request_id = message.approval_request_id
    refused.acr_values = tuple(message.acr_values[:MAX_ACR_VALUES])
    refused.max_age_s = message.max_age_s or None
    return refused


def _cut(words: str) -> str:
    return words if len(words) <= MAX_WORDS_CHARACTERS else words[: MAX_WORDS_CHARACTERS - 1] + "…"
