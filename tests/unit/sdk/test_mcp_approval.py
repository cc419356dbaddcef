"""Who is shown that a call waits for approval, and what a client may send back."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from delegation.errors import Layer, Reason, refusal
from delegation_sdk import mcp_approval, refusal_json

ID = bytes(range(16))
FORM = SimpleNamespace(elicitation=SimpleNamespace(form={}, url=None))
BEFORE_MODES = SimpleNamespace(elicitation=SimpleNamespace(form=None, url=None))
URL_ALONE = SimpleNamespace(elicitation=SimpleNamespace(form=None, url={}))
NOTHING = SimpleNamespace(elicitation=None)


def waiting():
    refused = refusal(Reason.APPROVAL_REQUIRED, field="files.write", detail="approval by 1 of ann (link 0)")
    refused.approval_request_id = ID
    return refused


@pytest.mark.spec("H-14")
@pytest.mark.parametrize(
    ("version", "capabilities", "meta", "asked"),
    [
        ("2026-07-28", FORM, None, True),
        ("2026-07-28", BEFORE_MODES, {}, True),
        ("2027-01-01", FORM, {"other": "result"}, True),
        ("2025-11-25", FORM, None, False),
        (None, FORM, None, False),
        ("2026-07-28", URL_ALONE, None, False),
        ("2026-07-28", NOTHING, None, False),
        ("2026-07-28", None, None, False),
        ("2026-07-28", FORM, {refusal_json.REFUSALS_KEY: "result"}, False),
        ("2026-07-28", FORM, {refusal_json.REFUSALS_KEY: "whatever"}, True),
    ],
)
def test_a_person_is_asked_only_where_the_client_can_and_wants_to(version, capabilities, meta, asked):
    assert mcp_approval.can_be_asked(version, capabilities, meta) is asked


def test_only_what_waits_for_an_answer_is_shown():
    assert mcp_approval.waits(waiting())
    assert not mcp_approval.waits(refusal(Reason.APPROVAL_REQUIRED))  # nobody was asked
    other = refusal(Reason.POLICY_DENIED)
    other.approval_request_id = ID
    assert not mcp_approval.waits(other)


@pytest.mark.spec("A-33")
def test_a_state_names_its_request_and_nothing_else_is_one():
    state = mcp_approval.state_of(waiting())
    assert mcp_approval.request_in(state) == ID
    for other in (None, "", "a tool's own", state[:-1], state + "0", state.upper(), state + "\n", ID.hex()):
        assert mcp_approval.request_in(other) == b""


@pytest.mark.spec("A-33", "X-2")
@pytest.mark.parametrize("reason", Reason)
def test_a_proof_that_counts_no_more_is_told_with_what_to_do_and_other_refusals_stay(reason):
    refused = refusal(reason, link_index=1, detail="as it was")
    refused.call_id = bytes(16)
    told = mcp_approval.sent_again(refused, ID)
    if refused.layer is not Layer.PROOF:
        assert told is refused
        return
    assert (told.reason, told.link_index, told.call_id, told.approval_request_id) == (reason, 1, bytes(16), ID)
    assert ID.hex() in told.detail
    assert "sign the call anew" in told.detail
    assert mcp_approval.sent_again(refused, b"") is refused
