"""Attacks on how chain and proof travel: repeated, folded, renamed, re-encoded headers and metadata."""

from __future__ import annotations

import base64

import pytest

from delegation.errors import Malformed
from delegation_sdk.carriage import META_KEY, NOTHING, Carriage, from_headers, from_mcp_meta, from_metadata, to_headers

SENT = Carriage(b"\xfb\xef\xbe chain", b"proof")
CHAIN, PROOF = to_headers(SENT)["Delegation-Chain"], to_headers(SENT)["Delegation-Proof"]


@pytest.mark.spec("H-2")
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


@pytest.mark.spec("H-1")
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


@pytest.mark.spec("H-2")
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


DIGEST = to_headers(Carriage(b"", b"", bytes(range(224, 256))))["Delegation-Chain-Digest"]


@pytest.mark.spec("H-2", "H-6")
@pytest.mark.parametrize(
    "headers",
    [
        [("Delegation-Chain", CHAIN), ("Delegation-Chain-Digest", DIGEST)],
        [("Delegation-Chain", ""), ("Delegation-Chain-Digest", DIGEST)],
        [("Delegation-Chain", CHAIN), ("Delegation-Chain-Digest", "")],
        [("Delegation-Chain-Digest", DIGEST), ("delegation-chain-digest", DIGEST)],
        [("Delegation-Chain-Digest", f"{DIGEST}, {DIGEST}")],
        [("Delegation-Chain-Digest", DIGEST + "=")],
        [("Delegation-Chain-Digest", DIGEST[:-1] + chr(ord(DIGEST[-1]) + 1))],
        [("Delegation-Chain-Digest", DIGEST[:-1])],
        [("Delegation-Chain-Digest", DIGEST + "A")],
        [("Delegation-Chain-Digest", DIGEST * 2)],
        [("Delegation-Chain-Digest", "")],
        [("Delegation-Chain-Digest", bytes(range(224, 256)).hex())],
        [("Delegation-Chain-Digest", CHAIN)],
    ],
    ids=range(13),
)
def test_a_reference_that_could_be_read_in_two_ways_is_read_in_none(headers):
    with pytest.raises(Malformed):
        from_headers(headers)
    members = {name.lower().removeprefix("delegation-").replace("-", "_"): value for name, value in headers}
    if len(members) == len(headers):  # an object has no member twice
        with pytest.raises(Malformed):
            from_mcp_meta({META_KEY: members})


@pytest.mark.spec("H-2")
@pytest.mark.parametrize(
    "member", ["chain-digest", "chainDigest", "digest", "CHAIN_DIGEST", "link_id", "chain_digest "]
)
def test_a_digest_has_one_name(member):
    with pytest.raises(Malformed):
        from_mcp_meta({META_KEY: {member: DIGEST, "proof": PROOF}})
    assert from_headers({f"Delegation-{member}": DIGEST}).chain_digest == (
        b"" if member != "chain-digest" else bytes(range(224, 256))
    )


def test_benign_twin_headers_in_any_case_and_metadata_are_read():
    assert from_headers({"delegation-chain": CHAIN, "DELEGATION-PROOF": PROOF}) == SENT
    assert from_metadata([("delegation-chain-bin", SENT.token), ("delegation-proof-bin", SENT.proof)]) == SENT
