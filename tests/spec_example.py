"""The worked example of proto/SPEC.md section 15, from fixed keys, times and nonces.

`python tests/spec_example.py` writes it into the page; tests/unit/test_spec.py compares the two. The bytes
are taken apart here by hand, so that the annotations do not come from the library that wrote the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from delegation.core.arguments import Arguments
from delegation.core.attest import sign_receipt
from delegation.core.chain import Principal, PrincipalBasis, SignedLink
from delegation.core.codec import encode_statement, join_token
from delegation.core.constraints import under
from delegation.core.keys import Purpose, SigningKey
from delegation.core.mint import sign_grant, sign_handoff
from delegation.core.proof import sign_proof
from delegation.core.scope import Scope, tool
from delegation.core.statement import Receipt, SignedStatement
from delegation.core.trust import KeyPurpose, TrustBundle, TrustedKey

T0_MS: Final = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""
ALICE: Final = "spiffe://example.org/alice"
BOB: Final = "spiffe://example.org/bob"
AUDIENCE: Final = "files"
TOOL: Final = "read"
ARGUMENTS: Final = {"path": "/srv/docs/a.txt"}

GRANT_KEY, STATEMENT_KEY, ALICE_KEY, BOB_KEY = (SigningKey(bytes((number,)) * 32) for number in range(1, 5))
TRUST: Final = TrustBundle(
    "example.org",
    1,
    T0_MS,
    T0_MS + 86_400_000,
    (
        TrustedKey(KeyPurpose.GRANT, GRANT_KEY.public, T0_MS),
        TrustedKey(KeyPurpose.STATEMENT, STATEMENT_KEY.public, T0_MS),
    ),
)


class Example(NamedTuple):
    """The values of the example."""

    grant: SignedLink
    handoff: SignedLink
    receipt: SignedStatement
    token: bytes
    arguments: Arguments
    proof: bytes


def make() -> Example:
    """Make the example: a grant to Alice, handed on to Bob, who calls `files.read`."""
    grant = sign_grant(
        GRANT_KEY,
        task_id=bytes.fromhex("10" * 16),
        principal=Principal(ALICE, "example.org", PrincipalBasis.ASSERTED),
        holder_key=ALICE_KEY.public,
        holder_agent=ALICE,
        scope=Scope(tool(AUDIENCE, TOOL, path=under("/srv"))),
        purpose="Summarise the docs",
        now_ms=T0_MS,
        lifetime_ms=900_000,
        max_depth=2,
        unrecorded_handoffs=False,
        nonce=bytes.fromhex("a0" * 16),
    )
    handoff = sign_handoff(
        grant,
        ALICE_KEY,
        holder_key=BOB_KEY.public,
        holder_agent=BOB,
        scope=Scope(tool(AUDIENCE, TOOL, path=under("/srv/docs"))),
        now_ms=T0_MS + 1_000,
        expires_at_ms=T0_MS + 301_000,
        nonce=bytes.fromhex("b0" * 16),
    )
    receipt = sign_receipt(Receipt(handoff.link_id, T0_MS + 1_005), STATEMENT_KEY)
    arguments = Arguments.of(ARGUMENTS)
    proof = sign_proof(
        BOB_KEY,
        chain_digest=handoff.link_id,
        audience=AUDIENCE,
        tool=TOOL,
        arguments_digest=arguments.digest,
        now_ms=T0_MS + 2_000,
        nonce=bytes.fromhex("c0" * 16),
    )
    return Example(grant, handoff, receipt, join_token([grant, handoff], [receipt]), arguments, proof)


# -- taking bytes apart --------------------------------------------------------------------------------------

_CONSTRAINT = {16: ("sub_path", str)}
_ARGUMENT = {1: ("name", str), 3: ("constraint", _CONSTRAINT)}
_CAPABILITY = {1: ("audience", str), 2: ("tool", str), 4: ("arguments", _ARGUMENT)}
_PRINCIPAL = {1: ("subject", str), 2: ("issuer", str), 3: ("basis", int)}
_GRANT = {1: ("issuer_key_id", bytes), 2: ("task_id", bytes), 3: ("principal", _PRINCIPAL)}
_LINK = {
    1: ("version", int),
    2: ("nonce", bytes),
    3: ("issued_at_ms", int),
    4: ("not_before_ms", int),
    5: ("expires_at_ms", int),
    6: ("holder_key", bytes),
    7: ("holder_agent", str),
    8: ("remaining_depth", int),
    9: ("scope", {1: ("capabilities", _CAPABILITY)}),
    10: ("purpose", str),
    13: ("grant", _GRANT),
}
_RECEIPT = {1: ("link_id", bytes), 2: ("recorded_at_ms", int)}
_STATEMENT = {1: ("kind", int), 2: ("key_id", bytes), 3: ("payload", _RECEIPT), 4: ("signature", bytes)}
_SIGNED_LINK = {1: ("payload", bytes), 2: ("signature", bytes)}
_CHAIN = {1: ("links", _SIGNED_LINK), 2: ("statements", bytes)}
_PROOF = {
    1: ("version", int),
    2: ("chain_digest", bytes),
    3: ("audience", str),
    4: ("tool", str),
    5: ("arguments_digest", bytes),
    6: ("issued_at_ms", int),
    7: ("nonce", bytes),
}
_SIGNED_PROOF = {1: ("payload", _PROOF), 2: ("signature", bytes)}


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


def dissect(data: bytes, schema: dict, indent: str = "  ") -> Iterator[str]:
    """Give one line a field: its key and length, its bytes, its name and meaning."""
    position = 0
    while position < len(data):
        start = position
        key, position = _varint(data, position)
        name, kind = schema[key >> 3]
        if kind is int:
            value, position = _varint(data, position)
            yield f"{indent}{data[start:position].hex():<16}  {name} = {value}"
            continue
        size, position = _varint(data, position)
        head, body = data[start:position].hex(), data[position : position + size]
        position += size
        if isinstance(kind, dict):
            yield f"{indent}{head:<16}  {name}, {size} bytes:"
            yield from dissect(body, kind, indent + "  ")
        elif kind is str:
            yield f'{indent}{head} {body.hex()}  {name} = "{body.decode()}"'
        else:
            yield f"{indent}{head} {_short(body)}  {name}"


def _short(data: bytes) -> str:
    return data.hex() if len(data) <= 32 else f"{data[:8].hex()}..{data[-8:].hex()} ({len(data)} bytes)"


def _wrapped(data: bytes, indent: str = "  ") -> Iterator[str]:
    for start in range(0, len(data), 48):
        yield indent + data[start : start + 48].hex()


# -- the page ------------------------------------------------------------------------------------------------


def _signing_input(purpose: Purpose, *parts: str) -> str:
    tag = purpose.value
    return "  signing input: " + ", ".join((f"0x{len(tag):02x}", f'"{tag.decode()}"', *parts, "payload"))


def _link(title: str, link: SignedLink, purpose: Purpose) -> Iterator[str]:
    yield f"{title}: payload, {len(link.payload)} bytes"
    yield from dissect(link.payload, _LINK)
    yield _signing_input(purpose, *(["the grant's link id"] if purpose is Purpose.HANDOFF else []))
    yield f"  link id: {link.link_id.hex()}"
    yield "  signature:"
    yield from _wrapped(link.signature, "    ")
    yield ""


def page() -> str:
    """Give the example as it stands in SPEC section 15."""
    example = make()
    keys = [("grant key", GRANT_KEY), ("statement key", STATEMENT_KEY), ("alice", ALICE_KEY), ("bob", BOB_KEY)]
    lines = ["keys: seed (32 times one byte), public key, key id"]
    lines += [f"  {name:<13} {key.seed[:1].hex()}  {key.public.hex()}  {key.key_id.hex()}" for name, key in keys]
    lines += ["", *_link("grant", example.grant, Purpose.GRANT), *_link("handoff", example.handoff, Purpose.HANDOFF)]
    receipt = encode_statement(example.receipt)
    lines += [f"receipt: SignedStatement, {len(receipt)} bytes", *dissect(receipt, _STATEMENT)]
    lines += [_signing_input(Purpose.RECEIPT), ""]
    lines += [f"token: Chain, {len(example.token)} bytes", *dissect(example.token, _CHAIN), "  all of it:"]
    lines += [*_wrapped(example.token, "    "), ""]
    lines += [f"arguments: {example.arguments.canonical.decode()}", f"  digest: {example.arguments.digest.hex()}", ""]
    lines += [f"proof: SignedProof, {len(example.proof)} bytes", *dissect(example.proof, _SIGNED_PROOF)]
    lines += [_signing_input(Purpose.PROOF), "  all of it:", *_wrapped(example.proof, "    ")]
    return "\n".join(lines) + "\n"


SPEC: Final = Path(__file__).parent.parent / "proto" / "SPEC.md"
_BEGIN: Final = "<!-- example: begin -->\n```text\n"
_END: Final = "```\n<!-- example: end -->"


def shown(spec: str) -> str:
    """Give the example that stands in the page."""
    return spec.split(_BEGIN)[1].split(_END, maxsplit=1)[0]


if __name__ == "__main__":
    text = SPEC.read_text()
    before, after = text.split(_BEGIN)[0], text.split(_END)[1]
    SPEC.write_text(before + _BEGIN + page() + _END + after)
