"""What a token has to claim, at each border."""

from __future__ import annotations

import pytest

from delegation.errors import Reason
from delegation.identity.claims import Expected, check_claims, name_of, seconds_of
from delegation.identity.jws import BadToken, UnverifiedToken

NOW_S = 1_800_000_000
ISSUER, AUDIENCE = "https://issuer.example/", "https://delegation.example"
RIGHT = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ci", "iat": NOW_S - 10, "exp": NOW_S + 60}
EXPECTED = Expected(AUDIENCE, "at+jwt", ISSUER, clock_skew_ms=30_000, max_lifetime_ms=3_600_000)


def check(expected: Expected = EXPECTED, kind: str = "at+jwt", now_ms: int = NOW_S * 1000, **changed: object) -> None:
    claims = {name: value for name, value in {**RIGHT, **changed}.items() if value is not None}
    check_claims(UnverifiedToken(b"", "ES256", "k", kind, claims), expected, now_ms=now_ms)


def reason(*args: object, **changed: object) -> Reason:
    with pytest.raises(BadToken) as caught:
        check(*args, **changed)
    return caught.value.reason


def test_right_claims_are_taken():
    check()
    check(aud=[AUDIENCE, "https://other.example"])
    check(nbf=NOW_S, jti="x", whatever={"a": 1})


@pytest.mark.parametrize(
    "issuer", ["https://issuer.example", "https://ISSUER.example/", "", 5, None, [ISSUER]], ids=repr
)
def test_the_issuer_is_compared_to_the_letter(issuer):
    assert reason(iss=issuer) is Reason.ISSUER_UNKNOWN


@pytest.mark.parametrize(
    "audience",
    [None, "", "https://delegation.example/", "https://other.example", [], ["x"], [[AUDIENCE]], {AUDIENCE: 1}],
)
def test_the_audience_is_this_service_to_the_letter(audience):
    assert reason(aud=audience) is Reason.NOT_YOUR_AUDIENCE


def test_an_id_token_may_have_no_other_audience():
    sole = Expected(AUDIENCE, "at+jwt", ISSUER, sole_audience=True)
    check(sole, aud=[AUDIENCE])
    assert reason(sole, aud=[AUDIENCE, "https://other.example"]) is Reason.NOT_YOUR_AUDIENCE


@pytest.mark.parametrize("kind", ["", "jwt", "id_token+jwt", "at+jwt2"])
def test_an_access_token_says_that_it_is_one(kind):
    assert reason(EXPECTED, kind) is Reason.FIELD_INVALID


def test_a_type_of_jwt_may_be_left_out_and_nothing_else_stands_for_it():
    plain = Expected(AUDIENCE, "jwt", ISSUER)
    check(plain, "")
    check(plain, "jwt")
    assert reason(plain, "at+jwt") is Reason.FIELD_INVALID


def test_it_expires_when_it_says_and_as_much_later_as_clocks_may_differ():
    check(now_ms=(NOW_S + 90) * 1000 - 1)
    assert reason(now_ms=(NOW_S + 90) * 1000) is Reason.EXPIRED
    strict = Expected(AUDIENCE, "at+jwt", ISSUER, clock_skew_ms=0)
    check(strict, now_ms=(NOW_S + 60) * 1000 - 1)
    assert reason(strict, now_ms=(NOW_S + 60) * 1000) is Reason.EXPIRED


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_one_of_the_future_is_refused(claim):
    check(**{claim: NOW_S + 30})
    assert reason(**{claim: NOW_S + 31}) is Reason.NOT_YET_VALID


def test_one_that_lives_too_long_is_refused():
    check(exp=NOW_S + 3_600 + 30)
    assert reason(exp=NOW_S + 3_600 + 31) is Reason.LIFETIME_TOO_LONG


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
@pytest.mark.parametrize(
    "value", ["1800000060", True, -1, 0, float("nan"), float("inf"), 1e30, [], NOW_S * 1000], ids=repr
)
def test_a_time_is_a_number_of_seconds(claim, value):
    assert reason(**{claim: value}) is Reason.FIELD_INVALID


@pytest.mark.parametrize("claim", ["exp", "iat"])
def test_times_that_are_needed_are_there(claim):
    assert reason(**{claim: None}) is Reason.FIELD_INVALID


def test_a_jwt_svid_need_not_say_when_it_was_issued_nor_by_whom():
    check(Expected(AUDIENCE, "jwt", issuer=None, issued_at=False), "jwt", iat=None, iss=None)


@pytest.mark.parametrize("value", [None, "", 5, "a\nb", "x" * 513, "\u202ealice"], ids=range(6))
def test_a_subject_that_is_no_name_is_refused(value):
    with pytest.raises(BadToken):
        name_of({"sub": value}, "sub")


def test_a_time_that_is_not_there_is_none():
    assert seconds_of({}, "auth_time") is None
