"""Attacks on how chain and proof travel: repeated, folded, renamed, re-encoded headers and metadata."""

from __future__ import annotations

import base64

import pytest

from delegation.errors import Malformed
from delegation_sdk.carriage import NOTHING, Carriage, from_headers, from_metadata, to_headers

SENT = Carriage(b"\xfb\xef\xbe chain", b"proof")
CHAIN, PROOF = to_headers(SENT)["Delegation-Chain"], to_headers(SENT)["Delegation-Proof"]


@pytest.mark.parametrize(
    "headers",
    [
        [("Delegation-Chain", CHAIN), ("Delegation-Chain", CHAIN)],
        [("Delegation-Chain", CHAIN), ("delegation-chain", CHAIN)],
        [(b"delegation-chain", CHAIN.encode()), ("DELEGATION-CHAIN", CHAIN)],
        {"Delegation-Chain": CHAIN, "delegation-chain": "AAAA"},
        {"Delegation-Chain": f"{CHAIN}, {CHAIN}"},
        {"Delegation-Chain": f"{CHAIN},"},
        {"Delegation-Chain": f" {CHAIN}"},
        {"Delegation-Chain": f"{CHAIN}\r\nX: y"},
        {"Delegation-Chain": f"{CHAIN}\x00"},
        {"Delegation-Chain": f"{CHAIN}="},
        {"Delegation-Chain": base64.b64encode(SENT.token).decode()},
        {"Delegation-Proof": PROOF[:-1] + chr(ord(PROOF[-1]) + 1)},
        {"Delegation-Chain": "A"},
        {"Delegation-Chain": "\uff21" * 8},
        {"Delegation-Chain": "A" * 100_000},
        [(b"delegation-chain", b"\xff\xfe")],
    ],
    ids=range(16),
)
def test_a_header_that_could_be_read_in_two_ways_is_read_in_none(headers):
    with pytest.raises(Malformed):
        from_headers(headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"Delegation_Chain": CHAIN, "Delegation_Proof": PROOF},
        {"X-Delegation-Chain": CHAIN},
        {"Delegation-Chain ": CHAIN},
        {"Delegation-Cha\u0131n": CHAIN},
        {"Authorization": f"Bearer {CHAIN}"},
        {"Cookie": f"Delegation-Chain={CHAIN}"},
    ],
    ids=lambda headers: ascii(next(iter(headers))),
)
def test_no_other_header_passes_for_one_of_ours(headers):
    assert from_headers(headers) == NOTHING


@pytest.mark.parametrize(
    "metadata",
    [
        [("delegation-chain-bin", b"x"), ("delegation-chain-bin", b"x")],
        [("delegation-proof-bin", b"x"), ("delegation-chain-bin", b"x"), ("delegation-proof-bin", b"y")],
        [("delegation-chain-bin", "text")],
        [("delegation-chain-bin", None)],
    ],
    ids=["repeated", "proof repeated", "text", "none"],
)
def test_metadata_that_could_be_read_in_two_ways_is_read_in_none(metadata):
    with pytest.raises(Malformed):
        from_metadata(metadata)


def test_benign_twin_headers_in_any_case_and_metadata_are_read():
    assert from_headers({"delegation-chain": CHAIN, "DELEGATION-PROOF": PROOF}) == SENT
    assert from_metadata([("delegation-chain-bin", SENT.token), ("delegation-proof-bin", SENT.proof)]) == SENT
