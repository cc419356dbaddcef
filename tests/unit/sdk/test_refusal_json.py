from __future__ import annotations

import json

import pytest

from delegation.errors import Reason, refusal
from delegation_sdk.refusal_json import PROBLEM_TYPE, from_json, problem_headers, to_json, to_problem

DATA = ("reason", "layer", "link_index", "field", "parent", "child", "detail", "call_id", "approval_request_id",
        "acr_values", "max_age_s")  # fmt: skip

STATUS = {Reason.CHAIN_UNKNOWN: 409, Reason.AUTHENTICATION_REQUIRED: 401}


@pytest.mark.spec("H-14", "H-15")
@pytest.mark.parametrize("reason", Reason)
def test_a_refusal_comes_back_as_it_was(reason):
    refused = refusal(reason, link_index=2, field="read.path", parent="under /srv", child="another", detail="so")
    refused.call_id, refused.approval_request_id = bytes(range(16)), bytes(range(16, 32))
    if reason is Reason.AUTHENTICATION_REQUIRED:
        refused.acr_values, refused.max_age_s = ("phr", "urn:example:hardware"), 300
    for carried in (to_json(refused), to_problem(refused)):
        came = from_json(json.loads(json.dumps(carried)))
        assert type(came) is type(refused)
        assert [getattr(came, name) for name in DATA] == [getattr(refused, name) for name in DATA]


def test_a_refusal_that_blames_no_link_and_is_not_recorded_comes_back_so():
    came = from_json(to_json(refusal(Reason.CHAIN_UNKNOWN)))
    assert (came.link_index, came.call_id, came.field) == (None, b"", "")


@pytest.mark.spec("H-15")
@pytest.mark.parametrize("reason", Reason)
def test_a_problem_has_the_status_by_which_to_act(reason):
    problem = to_problem(refusal(reason))
    assert problem["type"] == PROBLEM_TYPE
    assert problem["status"] == STATUS.get(reason, 403)
    assert problem["title"].endswith(".")
    assert ("WWW-Authenticate" in problem_headers(refusal(reason))) is (problem["status"] == 401)


def challenge(acr_values=(), max_age_s=None):
    refused = refusal(Reason.AUTHENTICATION_REQUIRED)
    refused.acr_values, refused.max_age_s = acr_values, max_age_s
    return problem_headers(refused)["WWW-Authenticate"]


@pytest.mark.spec("A-33", "H-15")
def test_who_has_to_sign_in_is_challenged_as_rfc_9470_has_it():
    error = 'Delegation error="insufficient_user_authentication"'
    assert challenge(("phr", "phrh"), 300) == f'{error}, acr_values="phr phrh", max_age=300'
    assert challenge(("phr",)) == f'{error}, acr_values="phr"'
    assert challenge(max_age_s=60) == f"{error}, max_age=60"
    # What another service says ends no quotation and begins no header.
    assert challenge(('a"b', "a\r\nb", "a b", "\\", "ä", "phr")) == f'{error}, acr_values="phr"'


def test_how_to_sign_in_is_read_strictly_and_only_where_it_is_asked_for():
    wanted = {"acr_values": ["phr", 5, 'a"', "x" * 300, "p" * 8], "max_age": True}
    read = from_json({"reason": "authentication_required", "layer": "policy", **wanted})
    assert read is not None
    assert (read.acr_values, read.max_age_s) == (("phr", "pppppppp"), None)
    for max_age in (0, -1, 1.5, "300", 2**60):
        assert from_json({"reason": "authentication_required", "layer": "policy", "max_age": max_age}).max_age_s is None
    other = from_json({"reason": "expired", "layer": "time", "acr_values": ["phr"], "max_age": 300})
    assert (other.acr_values, other.max_age_s) == ((), None)
    many = from_json({"reason": "authentication_required", "layer": "policy", "acr_values": ["phr"] * 5000})
    assert len(many.acr_values) == 16


@pytest.mark.parametrize(
    "value", [None, 5, "chain_unknown", [], {}, {"reason": "chain_unknown"}, {"layer": "proof"}, {"type": PROBLEM_TYPE}]
)
def test_what_is_no_refusal_is_none(value):
    assert from_json(value) is None


@pytest.mark.spec("X-1")
def test_a_reason_of_a_newer_version_is_still_a_refusal():
    came = from_json({"reason": "too_clever", "layer": "wit", "link_index": "1", "call_id": "xyz", "field": None})
    assert (came.reason, came.link_index, came.call_id, came.field) == (Reason.INTERNAL, None, b"", "")


def test_what_is_no_text_or_no_index_is_not_taken():
    deep = []
    for _ in range(5_000):
        deep = [deep]
    read = from_json({"reason": "expired", "layer": "time", "detail": deep, "field": 1, "link_index": True})
    assert read is not None
    assert (read.reason, read.detail, read.field, read.link_index) == (Reason.EXPIRED, "", "", None)
    for index in (-1, 32, 10**30, 1.0, "1"):
        other = from_json({"reason": "expired", "layer": "time", "link_index": index})
        assert other is not None
        assert other.link_index is None
