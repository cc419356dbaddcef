"""Every exception of the tree crosses gRPC and comes out as it went in; nothing else crosses."""

from __future__ import annotations

import pytest
from google.rpc.code_pb2 import Code
from google.rpc.status_pb2 import Status

from delegation import errors
from delegation.errors import Overloaded, Reason, Refused, RequestFailed, StorageError, refusal
from delegation.wire.errors import error_of, status_of
from delegation.wire.refusals import MAX_WORDS_CHARACTERS, read_refusal, refusal_message

REQUESTS = [
    errors.Unauthenticated,
    errors.PermissionDenied,
    errors.InvalidRequest,
    errors.NotFound,
    errors.Conflict,
    errors.ServiceUnavailable,
]


def across(error):
    status = status_of(error)
    return error_of(status.code, status.message, status.SerializeToString())


def data(refused: Refused):
    names = ("reason", "link_index", "field", "parent", "child", "detail")
    return {name: getattr(refused, name) for name in names}


@pytest.mark.spec("X-3")
@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("link_index", [None, 0, 3])
def test_a_refusal_arrives_as_the_same_exception_with_the_same_data(reason, link_index):
    sent = refusal(reason, link_index=link_index, field="scope[a.b].c", parent="at most 3", child="4", detail="why")
    arrived = across(sent)
    assert type(arrived) is type(sent)
    assert data(arrived) == data(sent)


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_failed_request_arrives_as_the_same_exception_with_its_sentence(kind):
    arrived = across(kind("one sentence"))
    assert type(arrived) is kind
    assert str(arrived) == "one sentence"


def test_every_kind_of_failed_request_is_tried_here():
    assert set(RequestFailed.__subclasses__()) == {*REQUESTS, Overloaded}


def test_overload_arrives_with_its_advice_when_to_come_back():
    arrived = across(Overloaded("too much to do", retry_after_ms=1_250))
    assert type(arrived) is Overloaded
    assert arrived.retry_after_ms == 1_250


@pytest.mark.parametrize("reason", ["storage_unavailable", "overloaded", "schema_newer"])
def test_a_storage_failure_arrives_with_its_reason_and_without_its_words(reason):
    arrived = across(StorageError(reason, "/var/lib/secret.sqlite3 is full"))
    assert type(arrived) is StorageError
    assert arrived.reason == reason
    assert "secret" not in str(arrived)


@pytest.mark.spec("G-3", "X-2")
@pytest.mark.parametrize("error", [ValueError("hunter2"), KeyError("hunter2"), errors.ConfigError("hunter2")])
def test_anything_else_crosses_as_internal_without_a_word_of_what_it_was(error):
    status = status_of(error)
    assert status.code == Code.INTERNAL
    assert b"hunter2" not in status.SerializeToString()
    assert type(across(error)) is RequestFailed


@pytest.mark.spec("X-1")
def test_a_reason_of_a_newer_version_is_still_a_refusal():
    message = refusal_message(refusal(Reason.EXPIRED))
    message.reason = 999
    assert read_refusal(message).reason is Reason.INTERNAL


def test_long_words_are_cut_so_that_a_refusal_fits_into_metadata():
    sent = refusal(Reason.SCOPE_GREW, field="scope", parent="p" * 100_000, child="c" * 100_000)
    status = status_of(sent)
    assert status.ByteSize() < 4 * 1024
    assert len(across(sent).parent) == MAX_WORDS_CHARACTERS


@pytest.mark.parametrize("details", [b"\xff\xff", Status(code=3).SerializeToString(), b"", None])
def test_details_that_cannot_be_read_leave_the_status_code_to_decide(details):
    assert type(error_of(Code.NOT_FOUND, "gone", details)) is errors.NotFound


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (Code.DEADLINE_EXCEEDED, errors.ServiceUnavailable),
        (Code.CANCELLED, errors.ServiceUnavailable),
        (Code.UNIMPLEMENTED, RequestFailed),
        (Code.UNKNOWN, RequestFailed),
        (4711, RequestFailed),
    ],
)
def test_what_grpc_itself_says_becomes_an_exception_of_the_tree(code, kind):
    assert type(error_of(code, "")) is kind


REFUSED = "Failed to connect to remote host: Connection refused"


@pytest.mark.parametrize(
    ("code", "said", "sentence"),
    [
        (
            Code.UNAVAILABLE,
            f"failed to connect to all addresses; last error: UNKNOWN: {address}: {REFUSED}",
            f"the service cannot be reached ({REFUSED}): is it running, and is this its address?",
        )
        for address in ("ipv4:127.0.0.1:7443", "ipv6:%5B::1%5D:7443", "unix:/run/d.sock")
    ]
    + [
        (
            Code.UNAVAILABLE,
            "",
            "the service cannot be reached (no answer): is it running, and is this its address?",
        ),
        (Code.DEADLINE_EXCEEDED, "Deadline Exceeded", "the service did not answer in time"),
        (Code.CANCELLED, "Locally cancelled by application!", "the call was cancelled"),
    ],
)
def test_a_service_that_does_not_answer_is_a_sentence_that_stays_the_same(code, said, sentence):
    assert str(error_of(code, said)) == sentence


def test_a_message_too_large_for_grpc_is_not_taken_for_overload():
    error = error_of(Code.RESOURCE_EXHAUSTED, "Received message larger than max (5000000 vs. 4194304)")
    assert type(error) is errors.InvalidRequest
