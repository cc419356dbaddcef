"""A refusal as a JSON object, as MCP results and HTTP problems carry it (SPEC section 11), and back.

Over gRPC a refusal travels as a message: see `delegation.wire.errors`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

from delegation.core import limits
from delegation.errors import Reason, Refused, refusal
from delegation_sdk.advice import advice

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"
PROBLEM_TYPE: Final = "urn:delegation:refusal"
META_KEY: Final = "io.github.delegation-chain/refusal"
"""Of an MCP result that is no tool error: there the refusal stands that it is because of."""

REFUSALS_KEY: Final = "io.github.delegation-chain/refusals"
"""Of an MCP call: how its client wants to be told of a refusal."""

AS_RESULT: Final = "result"
"""As a tool error, always: the client waits for approvals by itself, and asks nobody."""

AUTHENTICATION_SCHEME: Final = "Delegation"
"""Of the challenge to sign in: what a call carries is a chain and a proof, no bearer token."""

_WORDS: Final = ("field", "parent", "child", "detail")
_STATUS: Final = {
    Reason.CHAIN_UNKNOWN: HTTPStatus.CONFLICT,
    Reason.AUTHENTICATION_REQUIRED: HTTPStatus.UNAUTHORIZED,
}
_ACR: Final = re.compile(r"[!#-\[\]-~]{1,256}", re.ASCII)
"""As OAuth has the parts of a list that are parted by spaces (RFC 6749, NQCHAR)."""

_MAX_ACR_VALUES: Final = 16


def to_json(refused: Refused) -> dict[str, Any]:
    """Give the members of a refusal: `reason`, `layer`, `link_index`, words, the id of the refused call.

    Where a request for approval waits for an answer, its id, too; where the principal has to sign in, how.
    """
    members: dict[str, Any] = {
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
    if refused.reason is Reason.AUTHENTICATION_REQUIRED:
        members["acr_values"] = list(refused.acr_values)
        members["max_age"] = refused.max_age_s
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
    if reason is Reason.AUTHENTICATION_REQUIRED:
        refused.acr_values = _acr_values(value.get("acr_values"))
        refused.max_age_s = _seconds(value.get("max_age"))
    return refused


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _acr_values(value: object) -> tuple[str, ...]:
    named = [each for each in value if _ACR.fullmatch(_text(each))] if isinstance(value, list) else []
    return tuple(named[:_MAX_ACR_VALUES])


def _seconds(value: object) -> int | None:
    return value if type(value) is int and 0 < value <= limits.SAFE_INTEGER else None


def to_problem(refused: Refused) -> dict[str, Any]:
    """Give the HTTP problem (RFC 9457) of a refusal.

    Send it with its own `status`, as `PROBLEM_MEDIA_TYPE`, and with `problem_headers`.
    """
    status = _STATUS.get(refused.reason, HTTPStatus.FORBIDDEN)
    return {"type": PROBLEM_TYPE, "title": advice(refused), "status": status.value, **to_json(refused)}


def problem_headers(refused: Refused) -> dict[str, str]:
    """Give the HTTP headers that go with a problem; none for most reasons.

    Where the principal has to sign in, it is the challenge of RFC 9470, under the name of this scheme.
    """
    if refused.reason is not Reason.AUTHENTICATION_REQUIRED:
        return {}
    challenge = f'{AUTHENTICATION_SCHEME} error="insufficient_user_authentication"'
    # Of what another service named, only what cannot end the quotation.
    if values := " ".join(value for value in refused.acr_values if _ACR.fullmatch(value)):
        challenge += f', acr_values="{values}"'
    if refused.max_age_s is not None:
        challenge += f", max_age={refused.max_age_s}"
    return {"WWW-Authenticate": challenge}
