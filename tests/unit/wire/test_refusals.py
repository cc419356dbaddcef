"""What a refusal tells a client to do crosses gRPC, bounded."""

from __future__ import annotations

import pytest

from delegation.errors import PolicyDenied, Reason, refusal
from delegation.wire.errors import error_of, status_of
from delegation.wire.refusals import MAX_ACR_VALUES, MAX_WORDS_CHARACTERS, read_refusal, refusal_message


@pytest.mark.spec("A-33")
@pytest.mark.parametrize(
    ("acr_values", "max_age_s"), [(("phr", "phrh"), 300), (("urn:example:hardware",), None), ((), 1)]
)
def test_how_to_sign_in_crosses_in_the_details_of_the_status(acr_values, max_age_s):
    refused = refusal(Reason.AUTHENTICATION_REQUIRED, field="money")
    refused.acr_values, refused.max_age_s = acr_values, max_age_s
    status = status_of(refused)
    came = error_of(status.code, status.message, status.SerializeToString())
    assert isinstance(came, PolicyDenied)
    assert (came.reason, came.field) == (Reason.AUTHENTICATION_REQUIRED, "money")
    assert (came.acr_values, came.max_age_s) == (acr_values, max_age_s)


@pytest.mark.spec("X-2")
def test_what_a_service_says_of_signing_in_is_bounded_on_both_sides():
    refused = refusal(Reason.AUTHENTICATION_REQUIRED)
    refused.acr_values = ("a" * 5000,) * 50  # no rule can say so
    message = refusal_message(refused)
    assert [len(value) for value in message.acr_values] == [MAX_WORDS_CHARACTERS] * MAX_ACR_VALUES
    message.acr_values.extend(["more"] * 50)
    assert len(read_refusal(message).acr_values) == MAX_ACR_VALUES
