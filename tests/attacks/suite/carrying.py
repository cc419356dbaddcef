"""Headers and metadata that two readers read in two ways: repeated, folded, padded, in another alphabet."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

from attacks.suite.calls import AttackClass, Attempt, NotHere, Recipe, Request, Twin
from attacks.suite.worlds import KernelWorld, World
from delegation.errors import Reason
from delegation_sdk.carriage import Carriage, from_headers, from_mcp_meta, from_metadata, to_headers
from delegation_sdk.context import META_KEY

SENT = Carriage(b"\xfb\xef\xbe chain", b"proof")
CHAIN, PROOF = (to_headers(SENT)[name] for name in ("Delegation-Chain", "Delegation-Proof"))
HEADERS: dict[str, Any] = {
    "a header twice": [("Delegation-Chain", CHAIN), ("Delegation-Chain", CHAIN)],
    "a header twice in other letters": [("Delegation-Chain", CHAIN), ("delegation-chain", CHAIN)],
    "a header twice, as bytes and text": [(b"delegation-chain", CHAIN.encode()), ("DELEGATION-CHAIN", CHAIN)],
    "two values in other letters": {"Delegation-Chain": CHAIN, "delegation-chain": "AAAA"},
    "two values folded": {"Delegation-Chain": f"{CHAIN}, {CHAIN}"},
    "a comma": {"Delegation-Chain": f"{CHAIN},"},
    "a space": {"Delegation-Chain": f" {CHAIN}"},
    "a header inside a header": {"Delegation-Chain": f"{CHAIN}\r\nX: y"},
    "a NUL": {"Delegation-Chain": f"{CHAIN}\0"},
    "padding": {"Delegation-Chain": f"{CHAIN}="},
    "the other alphabet": {"Delegation-Chain": base64.b64encode(SENT.token).decode()},
    "stray bits": {"Delegation-Proof": PROOF[:-1] + chr(ord(PROOF[-1]) + 1)},
    "one character": {"Delegation-Chain": "A"},
    "full-width letters": {"Delegation-Chain": "\uff21" * 8},
    "a hundred thousand characters": {"Delegation-Chain": "A" * 100_000},
    "bytes that are no text": [(b"delegation-chain", b"\xff\xfe")],
    "the proof twice": [("Delegation-Proof", PROOF), ("delegation-proof", PROOF)],
}
METADATA: dict[str, Any] = {
    "metadata twice": [("delegation-chain-bin", b"x"), ("delegation-chain-bin", b"x")],
    "metadata with the proof twice": [("delegation-proof-bin", b"x"), ("delegation-proof-bin", b"y")],
    "metadata as text": [("delegation-chain-bin", "text")],
    "metadata without a value": [("delegation-chain-bin", None)],
}
META: dict[str, Any] = {
    "a list": [],
    "a text": "chain",
    "a number": 5,
    "a chain that is a number": {"chain": 5, "proof": PROOF},
    "a chain that is null": {"chain": None, "proof": PROOF},
    "a proof in a list": {"chain": CHAIN, "proof": [PROOF]},
    "a member more": {"chain": CHAIN, "proof": PROOF, "more": "x"},
    "padding in a member": {"chain": CHAIN + "=", "proof": PROOF},
    "a line feed in a member": {"chain": CHAIN + "\n", "proof": PROOF},
}


def read_by(reader: Callable[[Any], Carriage], given: Any) -> Recipe:
    def recipe(world: World) -> Request:
        if not isinstance(world, KernelWorld):
            raise NotHere
        return Request("carriage", repr(given).encode(errors="surrogatepass"), lambda: reader(given))

    return recipe


def carried() -> Iterator[Attempt]:
    malformed = Reason.MALFORMED
    for name, given in HEADERS.items():
        yield Attempt(name, malformed, read_by(from_headers, given), online=False)
    for name, given in METADATA.items():
        yield Attempt(name, malformed, read_by(from_metadata, given), online=False)
    for name, given in META.items():
        yield Attempt(f"{name}, in _meta", malformed, read_by(from_mcp_meta, {META_KEY: given}), online=False)


def carried_well() -> Iterator[Twin]:
    yield Twin("headers", read_by(from_headers, {"Delegation-Chain": CHAIN, "Delegation-Proof": PROOF}), online=False)
    yield Twin(
        "headers in other letters",
        read_by(from_headers, {"delegation-chain": CHAIN, "DELEGATION-PROOF": PROOF}),
        online=False,
    )
    metadata = [("delegation-chain-bin", SENT.token), ("delegation-proof-bin", SENT.proof)]
    yield Twin("metadata", read_by(from_metadata, metadata), online=False)
    yield Twin("_meta", read_by(from_mcp_meta, {META_KEY: {"chain": CHAIN, "proof": PROOF}}), online=False)


CLASSES = (AttackClass("ambiguous carriage", carried, carried_well),)
