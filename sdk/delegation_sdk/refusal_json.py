"""A refusal as a JSON object, as MCP results and HTTP problems carry it (SPEC section 11), and back.

Over gRPC a refusal travels as a message: see `delegation.wire.errors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

from delegation.core import limits
from delegation.errors import Reason, Refused, refusal
from delegation_sdk.advice import advice

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"
PROBLEM_TYPE: Final = "urn:delegation:refusal"
_WORDS: Final = ("field", "parent", "child", "detail")


def to_json(refused: Refused) -> dict[str, Any]:
    """Give the members of a refusal: `reason`, `layer`, `link_index`, words, the id of the refused call.

    Where a request for approval waits for an answer, its id, too.
    """
    members = {
        "reason": str(refused.reason),
        "layer": str(refused.layer),
        "link_index": refused.link_index,
        "field": refused.field,
        "parent": refused.parent,
        "child": refused.child,
        "detail": refused.detail,
        "call_id": refused.call_id.hex(),
    }
    if refused.approval_request_id:
        members["approval_request_id"] = refused.approval_request_id.hex()
    return members


def from_json(value: object) -> Refused | None:
    """Read a refusal, or a problem that is one; None if the value is neither."""
    if not isinstance(value, Mapping) or "reason" not in value or "layer" not in value:
        return None
    try:
        reason = Reason(_text(value["reason"]))
    except ValueError:
        reason = Reason.INTERNAL
    link_index = value.get("link_index")
    if type(link_index) is not int or not 0 <= link_index < limits.LINKS:
        link_index = None
    refused = refusal(reason, link_index=link_index, **{name: _text(value.get(name)) for name in _WORDS})
    with suppress(ValueError):
        refused.call_id = bytes.fromhex(_text(value.get("call_id")))
    with suppress(ValueError):
        refused.approval_request_id = bytes.fromhex(_text(value.get("approval_request_id")))
    return refused


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def to_problem(refused: Refused) -> dict[str, Any]:
    """Give the HTTP problem (RFC 9457) of a refusal; send it with its own `status`, as `PROBLEM_MEDIA_TYPE`."""
    again = refused.reason is Reason.CHAIN_UNKNOWN
    status = HTTPStatus.CONFLICT if again else HTTPStatus.FORBIDDEN
    return {"type": PROBLEM_TYPE, "title": advice(refused), "status": status.value, **to_json(refused)}
