"""A call that waits for approval, as MCP clients can show it to a person: `input_required`, and what comes back.

The person is told what waits for whom. Whatever they enter is no consent: that is the service's alone to take, from
approvers. A client that sends its call again does so with the same proof, which is used up; it is told to sign anew.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from delegation.errors import Layer, Reason, Refused, refusal
from delegation_sdk import refusal_json

FIRST_VERSION: Final = "2026-07-28"
"""Of MCP, with this kind of answer; versions are dates, and ordered like their text."""

_STATE: Final = "io.github.delegation-chain/approval:"
_STATES: Final = re.compile(re.escape(_STATE) + "([0-9a-f]{32})", re.ASCII)


def waits(refused: Refused) -> bool:
    """Tell whether a request for approval waits for an answer."""
    return refused.reason is Reason.APPROVAL_REQUIRED and bool(refused.approval_request_id)


def can_be_asked(version: str | None, capabilities: Any, meta: Mapping[str, Any] | None) -> bool:
    """Tell whether a client can show a person what waits, and has not said that it takes refusals as they are.

    Args:
        version: MCP's, of the connection.
        capabilities: the client's `ClientCapabilities`; None: it has told none.
        meta: the call's `_meta`.
    """
    if version is None or version < FIRST_VERSION:
        return False
    if (meta or {}).get(refusal_json.REFUSALS_KEY) == refusal_json.AS_RESULT:
        return False
    elicitation = getattr(capabilities, "elicitation", None)
    # `elicitation: {}` is the form alone, from before there were modes.
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def words(refused: Refused, tool: str) -> str:
    """Say what waits for whom. No argument of the call is in it: whoever reads it is not the approver."""
    return (
        f"The call of {tool} waits for approval ({refused.detail or refused.field}). Approvers answer the request "
        f"{refused.approval_request_id.hex()}, with `delegation approvals`, say. "
        "Nothing that is entered here approves it: go on when they have answered."
    )


def state_of(refused: Refused) -> str:
    """Give what the client sends back, by which the request is known."""
    return _STATE + refused.approval_request_id.hex()


def request_in(state: str | None) -> bytes:
    """Give the id of the request that a client was told of before it sent its call again; empty: of none."""
    found = _STATES.fullmatch(state or "")
    return bytes.fromhex(found[1]) if found is not None else b""


def sent_again(refused: Refused, request_id: bytes) -> Refused:
    """Say what to do, where a call was sent again with a proof that does not count any more."""
    if not request_id or refused.layer is not Layer.PROOF:
        return refused
    detail = (
        f"approvers answer the request {request_id.hex()} at the service, not here: "
        "when they have, sign the call anew, for a proof is for one attempt"
    )
    told = refusal(refused.reason, link_index=refused.link_index, field=refused.field, detail=detail)
    told.call_id, told.approval_request_id = refused.call_id, request_id
    return told
