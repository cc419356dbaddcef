from __future__ import annotations

import json

import pytest

from delegation.errors import Reason, refusal
from delegation_sdk.refusal_json import PROBLEM_TYPE, from_json, to_json, to_problem

DATA = ("reason", "layer", "link_index", "field", "parent", "child", "detail", "call_id", "approval_request_id")


@pytest.mark.spec("H-14", "H-15")
@pytest.mark.parametrize("reason", Reason)
def test_a_refusal_comes_back_as_it_was(reason):
    refused = refusal(reason, link_index=2, field="read.path", parent="under /srv", child="another", detail="so")
    refused.call_id, refused.approval_request_id = bytes(range(16)), bytes(range(16, 32))
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
    assert problem["status"] == (409 if reason is Reason.CHAIN_UNKNOWN else 403)
    assert problem["title"].endswith(".")


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
