from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegation.errors import InvalidRequest, Malformed, Refused
from delegation_sdk.carriage import (
    MAX_HEADER_BYTES,
    MAX_METADATA_BYTES,
    META_KEY,
    NOTHING,
    Carriage,
    from_headers,
    from_mcp_meta,
    from_metadata,
    to_headers,
    to_mcp_meta,
    to_metadata,
    without_mcp_meta,
)

CARRIAGE = Carriage(b"\x01token\xff", b"\x02proof\xfe")


@given(st.binary(max_size=2000), st.binary(max_size=2000))
def test_what_is_put_into_a_call_is_read_from_it(token, proof):
    carriage = Carriage(token, proof)

    assert from_metadata(to_metadata(carriage)) == carriage
    assert from_headers(to_headers(carriage)) == carriage
    assert from_mcp_meta(to_mcp_meta(carriage)) == carriage


@pytest.mark.parametrize("read", [from_metadata, from_headers, from_mcp_meta])
def test_a_call_without_a_delegation_carries_nothing(read):
    assert read({} if read is from_mcp_meta else []) == NOTHING


def test_an_mcp_request_without_meta_carries_nothing():
    assert from_mcp_meta(None) == NOTHING


def test_headers_are_read_in_any_case_and_as_bytes():
    headers = [(name.lower().encode(), value.encode()) for name, value in to_headers(CARRIAGE).items()]

    assert from_headers(headers) == CARRIAGE


def test_authorization_is_left_alone():
    assert {name.lower() for name in to_headers(CARRIAGE)} == {"delegation-chain", "delegation-proof"}


def test_metadata_that_would_not_surely_arrive_is_not_sent():
    to_metadata(Carriage(bytes(MAX_METADATA_BYTES - 8), bytes(8)))
    with pytest.raises(InvalidRequest, match=r"grpc\.max_metadata_size"):
        to_metadata(Carriage(bytes(MAX_METADATA_BYTES), bytes(1)))


def test_metadata_may_be_larger_where_the_limits_were_raised():
    large = Carriage(bytes(20_000), bytes(100))

    assert from_metadata(to_metadata(large, max_bytes=64 * 1024)) == large


def test_headers_that_would_not_surely_arrive_are_not_sent():
    raw = MAX_HEADER_BYTES * 3 // 4
    to_headers(Carriage(bytes(raw), b""))
    with pytest.raises(InvalidRequest, match="HTTP servers take"):
        to_headers(Carriage(bytes(raw), bytes(1)))


@pytest.mark.parametrize(
    "metadata",
    [
        [*to_metadata(CARRIAGE), to_metadata(CARRIAGE)[0]],
        [("delegation-chain-bin", "text")],
    ],
    ids=["repeated", "text"],
)
def test_metadata_that_is_not_exact_is_malformed(metadata):
    with pytest.raises(Malformed):
        from_metadata(metadata)


@pytest.mark.parametrize(
    "value",
    [
        base64.urlsafe_b64encode(b"ab").decode(),  # padded
        "ab+/",
        "ab cd",
        "abcde",
        "YR",  # bits left over
        "é",
    ],
)
def test_headers_that_are_not_unpadded_base64url_are_malformed(value):
    with pytest.raises(Malformed):
        from_headers({"Delegation-Chain": value})


def test_a_repeated_header_is_malformed():
    with pytest.raises(Malformed, match="repeated"):
        from_headers([("Delegation-Proof", "AA"), ("delegation-proof", "AA")])


@pytest.mark.parametrize(
    "value",
    [None, "AA", [], {"chain": 5}, {"chain": None}, {"chain": "AA", "proof": "A="}, {"chain": "AA", "extra": "AA"}],
)
def test_meta_that_is_not_exact_is_malformed(value):
    with pytest.raises(Malformed):
        from_mcp_meta({META_KEY: value})


@given(st.dictionaries(st.sampled_from(["Delegation-Chain", "delegation-proof", "x"]), st.text()))
def test_no_headers_raise_anything_but_a_refusal(headers):
    with contextlib.suppress(Refused):
        from_headers(headers)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["chain", "proof", "x"]), inner),
    )
)
def test_no_meta_raises_anything_but_a_refusal(value):
    with contextlib.suppress(Refused):
        from_mcp_meta({META_KEY: value})


def test_others_meta_stays_when_ours_is_taken_out():
    assert without_mcp_meta({"progressToken": 1, **to_mcp_meta(CARRIAGE)}) == {"progressToken": 1}


def test_a_carriage_does_not_show_what_it_carries():
    assert repr(Carriage(b"secret-token", b"secret-proof")) == "Carriage(token of 12 bytes, proof of 12 bytes)"
