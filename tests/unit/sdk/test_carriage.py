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
REFERENCE = Carriage(b"", b"\x02proof\xfe", bytes(range(32)))


@given(st.binary(max_size=2000), st.binary(max_size=2000))
def test_what_is_put_into_a_call_is_read_from_it(token, proof):
    carriage = Carriage(token, proof)

    assert from_metadata(to_metadata(carriage)) == carriage
    assert from_headers(to_headers(carriage)) == carriage
    assert from_mcp_meta(to_mcp_meta(carriage)) == carriage


def read_digest(digest, *, chain=None, proof=b"p"):
    """Read a call that has this digest, and perhaps a chain, on each transport; give what each makes of it."""
    raw = {"chain": chain, "proof": proof, "chain_digest": digest}
    text = {
        name: base64.urlsafe_b64encode(value).rstrip(b"=").decode() for name, value in raw.items() if value is not None
    }
    headers = {f"delegation-{name.replace('_', '-')}": value for name, value in text.items()}
    headers = {name.replace("chain-chain", "chain"): value for name, value in headers.items()}
    metadata = [(f"delegation-{name.replace('_', '-')}-bin", value) for name, value in raw.items() if value is not None]
    return [
        lambda: from_metadata(metadata),
        lambda: from_headers(headers),
        lambda: from_mcp_meta({META_KEY: text}),
    ]


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=2000))
def test_a_reference_is_put_into_a_call_and_read_from_it(digest, proof):
    carriage = Carriage(b"", proof, digest)

    assert from_metadata(to_metadata(carriage)) == carriage
    assert from_headers(to_headers(carriage)) == carriage
    assert from_mcp_meta(to_mcp_meta(carriage)) == carriage
    assert [read() for read in read_digest(digest, proof=proof)] == [carriage] * 3


def test_a_reference_is_carried_without_a_chain():
    assert [key for key, _ in to_metadata(REFERENCE)] == ["delegation-chain-digest-bin", "delegation-proof-bin"]
    assert list(to_headers(REFERENCE)) == ["Delegation-Chain-Digest", "Delegation-Proof"]
    assert list(to_mcp_meta(REFERENCE)[META_KEY]) == ["chain_digest", "proof"]


@pytest.mark.spec("H-6")
@pytest.mark.parametrize("chain", [b"a chain", b""], ids=["a chain", "an empty chain"])
def test_chain_and_digest_together_are_malformed(chain):
    for read in read_digest(bytes(32), chain=chain):
        with pytest.raises(Malformed, match="together"):
            read()


@pytest.mark.spec("H-6")
@pytest.mark.parametrize("size", [0, 1, 16, 31, 33, 64])
def test_a_digest_of_another_size_is_malformed(size):
    for read in read_digest(bytes(size)):
        with pytest.raises(Malformed, match="32 bytes"):
            read()


@pytest.mark.parametrize("write", [to_metadata, to_headers, to_mcp_meta])
@pytest.mark.parametrize(
    "carriage", [Carriage(b"chain", b"p", bytes(32)), Carriage(b"", b"p", bytes(31))], ids=["both", "another size"]
)
def test_what_no_guard_would_read_is_not_sent(write, carriage):
    with pytest.raises(InvalidRequest, match="not both"):
        write(carriage)


@pytest.mark.spec("H-2")
def test_a_repeated_or_textual_digest_is_malformed():
    digest = ("delegation-chain-digest-bin", bytes(32))
    for metadata in ([digest, digest], [("delegation-chain-digest-bin", "A" * 43)]):
        with pytest.raises(Malformed):
            from_metadata(metadata)
    with pytest.raises(Malformed, match="repeated"):
        from_headers([("Delegation-Chain-Digest", "A" * 43), ("delegation-chain-digest", "A" * 43)])


@pytest.mark.spec("H-2")
@pytest.mark.parametrize("value", [None, 5, b"A" * 43, "A" * 42 + "=", "A" * 42 + "B", "A" * 44, " " + "A" * 42])
def test_a_digest_that_is_not_exact_is_malformed(value):
    with pytest.raises(Malformed):
        from_mcp_meta({META_KEY: {"chain_digest": value, "proof": "AA"}})


@pytest.mark.spec("H-3")
@pytest.mark.parametrize("read", [from_metadata, from_headers, from_mcp_meta])
def test_a_call_without_a_delegation_carries_nothing(read):
    assert read({} if read is from_mcp_meta else []) == NOTHING


@pytest.mark.spec("H-3")
def test_an_mcp_request_without_meta_carries_nothing():
    assert from_mcp_meta(None) == NOTHING


def test_headers_are_read_in_any_case_and_as_bytes():
    headers = [(name.lower().encode(), value.encode()) for name, value in to_headers(CARRIAGE).items()]

    assert from_headers(headers) == CARRIAGE


@pytest.mark.spec("H-1")
def test_authorization_is_left_alone():
    assert {name.lower() for name in to_headers(CARRIAGE)} == {"delegation-chain", "delegation-proof"}


@pytest.mark.spec("H-5")
def test_metadata_that_would_not_surely_arrive_is_not_sent():
    to_metadata(Carriage(bytes(MAX_METADATA_BYTES - 8), bytes(8)))
    with pytest.raises(InvalidRequest, match=r"grpc\.max_metadata_size"):
        to_metadata(Carriage(bytes(MAX_METADATA_BYTES), bytes(1)))


def test_metadata_may_be_larger_where_the_limits_were_raised():
    large = Carriage(bytes(20_000), bytes(100))

    assert from_metadata(to_metadata(large, max_bytes=64 * 1024)) == large


@pytest.mark.spec("H-5")
def test_headers_that_would_not_surely_arrive_are_not_sent():
    raw = MAX_HEADER_BYTES * 3 // 4
    to_headers(Carriage(bytes(raw), b""))
    with pytest.raises(InvalidRequest, match="HTTP servers take"):
        to_headers(Carriage(bytes(raw), bytes(1)))


@pytest.mark.spec("H-2")
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


@pytest.mark.spec("H-2")
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


@pytest.mark.spec("H-2")
def test_a_repeated_header_is_malformed():
    with pytest.raises(Malformed, match="repeated"):
        from_headers([("Delegation-Proof", "AA"), ("delegation-proof", "AA")])


@pytest.mark.spec("H-2")
@pytest.mark.parametrize(
    "value",
    [None, "AA", [], {"chain": 5}, {"chain": None}, {"chain": "AA", "proof": "A="}, {"chain": "AA", "extra": "AA"}],
)
def test_meta_that_is_not_exact_is_malformed(value):
    with pytest.raises(Malformed):
        from_mcp_meta({META_KEY: value})


@given(
    st.dictionaries(
        st.sampled_from(["Delegation-Chain", "delegation-proof", "delegation-chain-digest", "x"]), st.text()
    )
)
def test_no_headers_raise_anything_but_a_refusal(headers):
    with contextlib.suppress(Refused):
        from_headers(headers)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["chain", "proof", "chain_digest", "x"]), inner)
        ),
    )
)
def test_no_meta_raises_anything_but_a_refusal(value):
    with contextlib.suppress(Refused):
        from_mcp_meta({META_KEY: value})


@pytest.mark.spec("H-4")
def test_others_meta_stays_when_ours_is_taken_out():
    assert without_mcp_meta({"progressToken": 1, **to_mcp_meta(CARRIAGE)}) == {"progressToken": 1}


@pytest.mark.spec("G-3")
def test_a_carriage_does_not_show_what_it_carries():
    assert repr(Carriage(b"secret-token", b"secret-proof")) == "Carriage(token of 12 bytes, proof of 12 bytes)"
    assert repr(REFERENCE) == f"Carriage(chain {bytes(range(32)).hex()}, proof of 7 bytes)"
