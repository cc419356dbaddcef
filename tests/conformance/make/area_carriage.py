"""How chain and proof travel: SPEC section 11."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any

from conformance.make.keys import fixed
from conformance.make.vector import Area, Data, Vector, accepted, packed, refused, repeated, text

CHAIN, PROOF, DIGEST = fixed("chain", 100), fixed("proof", 70), fixed("digest", 32)
META_KEY = "io.github.delegation-chain/delegation"
MALFORMED = refused("malformed")


def base64url(data: bytes) -> str:
    """Encode without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


C, P, D = base64url(CHAIN), base64url(PROOF), base64url(DIGEST)


def came(chain: bytes = b"", proof: bytes = b"", digest: bytes = b"") -> dict[str, Any]:
    """Expect this to have come."""
    return accepted(chain=chain, proof=proof, chain_digest=digest)


# -- gRPC ----------------------------------------------------------------------------------------------------

CHAIN_KEY, PROOF_KEY, DIGEST_KEY = "delegation-chain-bin", "delegation-proof-bin", "delegation-chain-digest-bin"


def metadata() -> Iterator[Vector]:
    """gRPC metadata."""
    chain, proof, digest = (CHAIN_KEY, CHAIN), (PROOF_KEY, PROOF), (DIGEST_KEY, DIGEST)
    for name, says, spec, pairs, expect in (
        ("both", "Chain and proof.", "H-2", [chain, proof], came(CHAIN, PROOF)),
        ("backwards", "In any order, among others.", "H-2", [("user-agent", "x"), proof, chain], came(CHAIN, PROOF)),
        ("nothing", "Neither.", "H-3", [("user-agent", "x")], came()),
        ("only-chain", "A chain without a proof.", "H-3", [chain], came(CHAIN)),
        ("only-proof", "A proof without a chain.", "H-3", [proof], came(proof=PROOF)),
        ("by-reference", "A chain digest and a proof.", "H-6", [digest, proof], came(proof=PROOF, digest=DIGEST)),
        ("empty-chain", "An empty chain is none.", "H-3", [(CHAIN_KEY, b""), proof], came(proof=PROOF)),
        (
            "other-repeated",
            "What is not ours may stand twice.",
            "H-2",
            [("x", "1"), ("x", "2"), chain, proof],
            came(CHAIN, PROOF),
        ),
        ("chain-twice", "A chain twice.", "H-2", [chain, chain, proof], MALFORMED),
        ("proof-twice", "Two proofs.", "H-2", [chain, proof, (PROOF_KEY, b"other")], MALFORMED),
        ("digest-twice", "A digest twice.", "H-2", [digest, digest, proof], MALFORMED),
        ("chain-as-text", "A chain that is text.", "H-2", [(CHAIN_KEY, C), proof], MALFORMED),
        ("proof-as-text", "A proof that is text.", "H-2", [chain, (PROOF_KEY, P)], MALFORMED),
        ("chain-and-digest", "A chain and a digest.", "H-6", [chain, digest, proof], MALFORMED),
        ("empty-chain-and-digest", "Even if the chain is empty.", "H-6", [(CHAIN_KEY, b""), digest, proof], MALFORMED),
        ("chain-and-empty-digest", "Even if the digest is empty.", "H-6", [chain, (DIGEST_KEY, b""), proof], MALFORMED),
        ("empty-digest", "An empty digest.", "H-6", [(DIGEST_KEY, b""), proof], MALFORMED),
        ("digest-31-bytes", "A digest of 31 bytes.", "H-6", [(DIGEST_KEY, DIGEST[:31]), proof], MALFORMED),
        ("digest-33-bytes", "A digest of 33 bytes.", "H-6", [(DIGEST_KEY, DIGEST + b"\0"), proof], MALFORMED),
    ):
        given = [
            {"key": key, **({"string": value} if isinstance(value, str) else {"bytes": value.hex()})}
            for key, value in pairs
        ]
        yield Vector(f"metadata-{name}", "receive", says, (spec,), {"metadata": given}, expect)


# -- HTTP ----------------------------------------------------------------------------------------------------

CHAIN_HEADER, PROOF_HEADER, DIGEST_HEADER = "Delegation-Chain", "Delegation-Proof", "Delegation-Chain-Digest"


def _headers(
    name: str, says: str, spec: str, pairs: Sequence[tuple[str, str | bytes]], expect: dict[str, Any]
) -> Vector:
    given = [{"name": each, "value": value.hex() if isinstance(value, bytes) else text(value)} for each, value in pairs]
    return Vector(f"headers-{name}", "receive", says, (spec,), {"headers": given}, expect)


def headers() -> Iterator[Vector]:
    """HTTP headers."""
    chain, proof, digest = (CHAIN_HEADER, C), (PROOF_HEADER, P), (DIGEST_HEADER, D)
    lower, upper = (
        [(name.lower(), value) for name, value in (chain, proof)],
        [(name.upper(), value) for name, value in (chain, proof)],
    )
    for name, says, spec, pairs, expect in (
        ("both", "Chain and proof.", "H-2", [chain, proof], came(CHAIN, PROOF)),
        ("lower-case", "Names in lower case.", "H-2", lower, came(CHAIN, PROOF)),
        ("upper-case", "Names in upper case.", "H-2", upper, came(CHAIN, PROOF)),
        ("nothing", "Neither.", "H-3", [("Host", "example.org")], came()),
        ("only-chain", "A chain without a proof.", "H-3", [chain], came(CHAIN)),
        ("by-reference", "A digest and a proof.", "H-6", [digest, proof], came(proof=PROOF, digest=DIGEST)),
        (
            "authorization",
            "A chain in Authorization is none.",
            "H-1",
            [("Authorization", f"Bearer {C}"), proof],
            came(proof=PROOF),
        ),
        ("chain-twice", "A chain twice.", "H-2", [chain, chain, proof], MALFORMED),
        (
            "twice-in-another-case",
            "A chain twice, once in lower case.",
            "H-2",
            [chain, (CHAIN_HEADER.lower(), C), proof],
            MALFORMED,
        ),
        ("joined", "Two chains in one header.", "H-2", [(CHAIN_HEADER, f"{C}, {C}"), proof], MALFORMED),
        ("chain-and-digest", "A chain and a digest.", "H-6", [chain, digest, proof], MALFORMED),
        (
            "empty-chain-and-digest",
            "Even if the chain is empty.",
            "H-6",
            [(CHAIN_HEADER, ""), digest, proof],
            MALFORMED,
        ),
        ("empty-digest", "An empty digest.", "H-6", [(DIGEST_HEADER, ""), proof], MALFORMED),
        ("short-digest", "A digest of 31 bytes.", "H-6", [(DIGEST_HEADER, base64url(DIGEST[:31])), proof], MALFORMED),
    ):
        yield _headers(name, says, spec, pairs, expect)
    yield from _spellings()


def _spellings() -> Iterator[Vector]:
    proof = (PROOF_HEADER, P)
    for value in (b"", b"\x00", b"\xfb\xff", b"\xfb\xff\xfe"):
        encoded = base64url(value)
        says = f"base64url of {len(value)} bytes: {encoded!r}."
        yield _headers(f"base64-{len(value)}-bytes", says, "H-2", [(CHAIN_HEADER, encoded), proof], came(value, PROOF))
    for name, value in (
        ("padding", "AA=="),
        ("padding-one", "-_8="),
        ("plus", "+/8"),
        ("one-character", "A"),
        ("five-characters", "AAAAA"),
        ("stray-bits", "AB"),
        ("stray-bits-two-bytes", "-_9"),
        ("space", "AA AA"),
        ("space-after", "AA "),
        ("newline", "AA\n"),
        ("comma", "AA,AA"),
        ("quotes", '"AA"'),
        ("hash", "AA#"),
        ("full-width", b"\xef\xbc\xa1A"),
        ("latin-1", b"\xe9\xe9"),
        ("nul", b"AA\0"),
    ):
        says = f"Not base64url without padding: {name.replace('-', ' ')}."
        yield _headers(f"base64-{name}", says, "H-2", [(CHAIN_HEADER, value), proof], MALFORMED)


# -- MCP -----------------------------------------------------------------------------------------------------


def _meta(name: str, says: str, spec: str, meta: Any, expect: dict[str, Any]) -> Vector:
    given: Data = text(meta if isinstance(meta, str) else json.dumps(meta))
    return Vector(f"meta-{name}", "receive", says, (spec,), {"meta": given}, expect)


def metas() -> Iterator[Vector]:
    """MCP `params._meta`."""
    both = {"chain": C, "proof": P}
    for name, says, spec, ours, expect in (
        ("both", "Chain and proof.", "H-2", both, came(CHAIN, PROOF)),
        ("only-chain", "A chain without a proof.", "H-3", {"chain": C}, came(CHAIN)),
        ("empty-object", "Neither.", "H-3", {}, came()),
        (
            "by-reference",
            "A digest and a proof.",
            "H-6",
            {"chain_digest": D, "proof": P},
            came(proof=PROOF, digest=DIGEST),
        ),
        ("another-member", "A member that nobody knows.", "H-2", {**both, "scope": "*"}, MALFORMED),
        ("chain-null", "A chain that is null.", "H-2", {"chain": None, "proof": P}, MALFORMED),
        ("chain-number", "A chain that is a number.", "H-2", {"chain": 1, "proof": P}, MALFORMED),
        ("chain-list", "A chain that is a list.", "H-2", {"chain": [C], "proof": P}, MALFORMED),
        ("padding", "With padding.", "H-2", {"chain": "AA==", "proof": P}, MALFORMED),
        ("stray-bits", "With stray bits.", "H-2", {"chain": "AB", "proof": P}, MALFORMED),
        ("a-string", "A string in place of the object.", "H-2", C, MALFORMED),
        ("a-list", "A list in place of the object.", "H-2", [C, P], MALFORMED),
        ("null", "Null in place of the object.", "H-2", None, MALFORMED),
        ("chain-and-digest", "A chain and a digest.", "H-6", {**both, "chain_digest": D}, MALFORMED),
        (
            "empty-chain-and-digest",
            "Even if the chain is empty.",
            "H-6",
            {"chain": "", "chain_digest": D, "proof": P},
            MALFORMED,
        ),
        ("empty-digest", "An empty digest.", "H-6", {"chain_digest": "", "proof": P}, MALFORMED),
        ("digest-null", "A digest that is null.", "H-6", {"chain_digest": None, "proof": P}, MALFORMED),
    ):
        yield _meta(name, says, spec, {META_KEY: ours}, expect)
    yield _meta("absent", "No `_meta`.", "H-3", "", came())
    yield _meta("of-others", "What others put there.", "H-3", {"traceparent": "00-"}, came())
    yield _meta(
        "beside-others",
        "Among what others put there.",
        "H-2",
        {"traceparent": "00-", META_KEY: both},
        came(CHAIN, PROOF),
    )
    yield _meta(
        "key-in-upper-case", "Our key in another spelling is not ours.", "H-3", {META_KEY.upper(): both}, came()
    )


# -- sending -------------------------------------------------------------------------------------------------


def sending() -> Iterator[Vector]:
    """What is sent, and what is not (H-5)."""
    for over, carried in (
        ("grpc", {"metadata": {CHAIN_KEY: CHAIN.hex(), PROOF_KEY: PROOF.hex()}}),
        ("http", {"headers": {CHAIN_HEADER: C, PROOF_HEADER: P}}),
        ("mcp", {"meta": {META_KEY: {"chain": C, "proof": P}}}),
    ):
        given = {"over": over, "chain": CHAIN.hex(), "proof": PROOF.hex()}
        yield Vector(
            f"send-{over}",
            "send",
            f"A chain and a proof over {over}.",
            ("H-1", "H-5"),
            given,
            accepted(sent=True, **carried),
        )
    for over, carried in (
        ("grpc", {"metadata": {DIGEST_KEY: DIGEST.hex(), PROOF_KEY: PROOF.hex()}}),
        ("http", {"headers": {DIGEST_HEADER: D, PROOF_HEADER: P}}),
        ("mcp", {"meta": {META_KEY: {"chain_digest": D, "proof": P}}}),
    ):
        given = {"over": over, "chain": "", "proof": PROOF.hex(), "chain_digest": DIGEST.hex()}
        says = f"A digest and a proof over {over}."
        yield Vector(f"send-{over}-by-reference", "send", says, ("H-6",), given, accepted(sent=True, **carried))
    for over, size, sent in (
        ("grpc", 5_632 - 70, True),
        ("grpc", 5_633 - 70, False),
        ("grpc", 60_000, False),
        # 70 bytes of proof are 94 characters; 4 of the other 6,050 stand for 3 bytes of the chain, the last two for 1.
        ("http", 4_537, True),
        ("http", 4_538, False),
        ("mcp", 60_000, True),
    ):
        chain: Data = [repeated("0a", size)]
        given = {"over": over, "chain": chain, "proof": packed(PROOF)}
        says = f"A chain of {size} bytes over {over}: {'it will arrive' if sent else 'it might not arrive'}."
        yield Vector(f"send-{over}-{size}", "send", says, ("H-5",), given, accepted(sent=sent))


AREA = Area("carriage", "How chain and proof travel.", [*metadata(), *headers(), *metas(), *sending()])
