"""Proofs of calls: SPEC section 7."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from conformance.make.keys import ALICE, BOB, ISSUER, MALLORY, PURPOSES, STATEMENTS, fixed, sha256, signing_input
from conformance.make.messages import MINUTE_MS, SAFE
from conformance.make.tokens import NOW_MS, chain, line
from conformance.make.vector import Area, Vector, accepted, packed, refused, text
from conformance.make.wire import delimited, nonzero, number, some

DIGEST = chain(*line("alice", "bob")).ids[-1]
ARGUMENTS = '{"path":"/srv/a.txt"}'
LIMIT = 2_048


@dataclass(frozen=True)
class Proof:
    """A `Proof`; by default Bob's, for reading a file now."""

    version: int = 1
    chain_digest: bytes = DIGEST
    audience: str | bytes = "files"
    tool: str | bytes = "read"
    arguments_digest: bytes = sha256(ARGUMENTS.encode())
    issued_at_ms: int = NOW_MS
    nonce: bytes = fixed("proof nonce")
    trace_id: bytes = b""
    span_id: bytes = b""

    def fields(self) -> list[bytes]:
        """Give each field's bytes."""
        return [
            nonzero(1, self.version),
            some(2, self.chain_digest),
            some(3, self.audience),
            some(4, self.tool),
            some(5, self.arguments_digest),
            nonzero(6, self.issued_at_ms),
            some(7, self.nonce),
            some(8, self.trace_id),
            some(9, self.span_id),
        ]

    def encoded(self) -> bytes:
        """Give the canonical form."""
        return b"".join(self.fields())


def signed(
    payload: Proof | bytes = Proof(), signer: Any = BOB, *, purpose: str = "proof", parent: bytes = b""
) -> bytes:
    """Sign a proof."""
    data = payload if isinstance(payload, bytes) else payload.encoded()
    return some(1, data) + delimited(2, signer.sign(signing_input(purpose, data, parent)))


CALL = {
    "holder_key": BOB.public.hex(),
    "chain_digest": DIGEST.hex(),
    "audience": "files",
    "tool": "read",
    "arguments": text(ARGUMENTS),
    "remembers_from_ms": NOW_MS - 10 * MINUTE_MS,
}


def _vector(name: str, says: str, spec: str, proof: bytes, reason: str = "", **given: Any) -> Vector:
    asked = {"proof": packed(proof), "now_ms": NOW_MS, **CALL, **given}
    expect = refused(reason) if reason else accepted()
    return Vector(f"proof-{name}", "proof", says, tuple(spec.split()), asked, expect)


def good() -> Iterator[Vector]:
    """Proofs that are taken."""
    yield _vector("plain", "A proof of the call, by the leaf's holder, now.", "P-3 P-4 P-7", signed())
    traced = Proof(trace_id=fixed("trace"), span_id=fixed("span", 8))
    yield _vector("traced", "With the ids of a trace.", "P-3 F-8", signed(traced))
    empty = Proof(arguments_digest=sha256(b"{}"))
    yield _vector("no-arguments", "A call without arguments.", "P-1", signed(empty), arguments=text("{}"))
    own = Proof(audience="urn:delegation:service", tool="complete_task")
    given = {"audience": "urn:delegation:service", "tool": "complete_task"}
    yield _vector("for-the-service", "An act at the service.", "P-11", signed(own), **given)
    long = Proof(audience="a" * 512, tool="t" * 512)
    given = {"audience": "a" * 512, "tool": "t" * 512}
    yield _vector("long-names", "Names of 512 bytes.", "P-3 V-21", signed(long), **given)


def absent_or_unreadable() -> Iterator[Vector]:
    """P-3."""
    yield _vector("missing", "No proof.", "P-3 H-3", b"", "proof_missing")
    whole = signed()
    fields = Proof().fields()
    key = signed()[-64:]
    for name, says, proof in (
        ("garbage", "Something else.", b"hello"),
        ("cut-short", "A byte is missing.", whole[:-1]),
        ("trailing", "A byte too many.", whole + b"\0"),
        ("unknown-field", "An unknown field beside the signature.", whole + number(3, 1)),
        ("signature-twice", "The signature twice.", whole + whole[-66:]),
        ("signature-first", "Signature before payload.", whole[-66:] + whole[:-66]),
        ("no-signature", "Without a signature.", whole[:-66]),
        ("no-payload", "Without a payload.", whole[-66:]),
        ("63-byte-signature", "A signature of 63 bytes.", some(1, Proof().encoded()) + delimited(2, key[:63])),
        ("65-byte-signature", "A signature of 65 bytes.", some(1, Proof().encoded()) + delimited(2, key + b"\0")),
        ("too-large", "More bytes than a proof may have.", signed(Proof(audience="a" * LIMIT))),
        ("payload-unknown-field", "An unknown field in the payload.", signed(Proof().encoded() + number(10, 1))),
        (
            "payload-reordered",
            "Tool before audience.",
            signed(b"".join((*fields[:2], fields[3], fields[2], *fields[4:]))),
        ),
        ("payload-field-twice", "The tool twice.", signed(b"".join((*fields[:4], fields[3], *fields[4:])))),
        ("payload-overlong", "The version in two bytes.", signed(b"\x08\x81\x00" + b"".join(fields[1:]))),
        ("payload-empty", "An empty payload.", signed(b"")),
    ):
        yield _vector(f"format-{name}", says, "P-3", proof, "proof_invalid")
    for name, proof in (
        ("version-0", Proof(version=0)),
        ("version-2", Proof(version=2)),
        ("digest-31-bytes", Proof(chain_digest=DIGEST[:31])),
        ("no-digest", Proof(chain_digest=b"")),
        ("no-audience", Proof(audience="")),
        ("audience-newline", Proof(audience="files\n")),
        ("audience-513-bytes", Proof(audience="a" * 513)),
        ("no-tool", Proof(tool="")),
        ("tool-not-utf8", Proof(tool=b"\xff")),
        ("arguments-31-bytes", Proof(arguments_digest=bytes(31))),
        ("no-time", Proof(issued_at_ms=0)),
        ("time-too-large", Proof(issued_at_ms=SAFE + 1)),
        ("time-negative", Proof(issued_at_ms=-1)),
        ("nonce-15-bytes", Proof(nonce=fixed("n", 15))),
        ("nonce-17-bytes", Proof(nonce=fixed("n", 17))),
        ("no-nonce", Proof(nonce=b"")),
        ("only-trace", Proof(trace_id=fixed("trace"))),
        ("span-of-zeros", Proof(trace_id=fixed("trace"), span_id=bytes(8))),
    ):
        yield _vector(
            f"field-{name}",
            f"A field that must not be so: {name.replace('-', ' ')}.",
            "P-3",
            signed(proof),
            "proof_invalid",
        )


def other_calls() -> Iterator[Vector]:
    """P-4."""
    for name, says, proof in (
        ("chain", "A proof under another chain.", Proof(chain_digest=fixed("another chain", 32))),
        ("parent", "Under the link before the leaf.", Proof(chain_digest=chain(*line("alice", "bob")).ids[0])),
        ("audience", "For another audience.", Proof(audience="disks")),
        ("audience-case", "For the audience in another spelling.", Proof(audience="Files")),
        ("tool", "For another tool.", Proof(tool="write")),
        ("arguments", "With other arguments.", Proof(arguments_digest=sha256(b'{"path":"/srv/b.txt"}'))),
        (
            "spelling",
            "Over other JSON of the same arguments.",
            Proof(arguments_digest=sha256(b'{"path": "/srv/a.txt"}')),
        ),
        ("exchanged", "Audience and tool exchanged.", Proof(audience="read", tool="files")),
    ):
        yield _vector(f"other-{name}", says, "P-4", signed(proof), "proof_other_call")


def times() -> Iterator[Vector]:
    """P-5 and P-6."""
    for name, by, reason in (
        ("last-future", 5_000, ""),
        ("future", 5_001, "proof_from_future"),
        ("far-future", 10**9, "proof_from_future"),
        ("last-past", -30_000, ""),
        ("past", -30_001, "proof_stale"),
        ("far-past", -(10**9), "proof_stale"),
    ):
        proof = signed(Proof(issued_at_ms=NOW_MS + by))
        yield _vector(f"time-{name}", f"Signed {by} ms from now.", "P-5 P-6", proof, reason, remembers_from_ms=0)
    for name, by, reason in (("at-start", 0, ""), ("before-start", 1, "proof_stale"), ("after-start", -1, "")):
        given = {"remembers_from_ms": NOW_MS + by}
        yield _vector(f"time-{name}", f"The guard remembers from {by} ms later on.", "P-6", signed(), reason, **given)


def signatures() -> Iterator[Vector]:
    """P-7."""
    for name, signer in (
        ("the-holder-before", ALICE),
        ("the-issuer", ISSUER),
        ("the-service", STATEMENTS),
        ("mallory", MALLORY),
    ):
        yield _vector(
            f"signed-by-{name}", f"Signed by {name.replace('-', ' ')}.", "P-7", signed(signer=signer), "proof_invalid"
        )
    for purpose in PURPOSES:
        if purpose != "proof":
            proof = signed(purpose=purpose)
            yield _vector(
                f"signed-as-{purpose}", f"Signed for the purpose {purpose}.", "P-7 K-7", proof, "proof_invalid"
            )
    proof = signed(parent=DIGEST)
    yield _vector("signed-over-parent", "Signed as if it had a parent.", "P-7 K-6", proof, "proof_invalid")
    whole = signed()
    for offset in (5, 50, len(whole) - 40):
        changed = bytes((*whole[:offset], whole[offset] ^ 1, *whole[offset + 1 :]))
        if offset == len(whole) - 40:
            yield _vector("signature-changed", "A bit of the signature is another.", "P-7", changed, "proof_invalid")
    other = replace(Proof(), nonce=fixed("another"))
    moved = some(1, other.encoded()) + whole[-66:]
    yield _vector("nonce-exchanged", "Another nonce under the same signature.", "P-7", moved, "proof_invalid")
    fresh = replace(Proof(), issued_at_ms=NOW_MS + 1)
    moved = some(1, fresh.encoded()) + whole[-66:]
    yield _vector("time-exchanged", "Another time under the same signature.", "P-7", moved, "proof_invalid")
    given = {"holder_key": ALICE.public.hex()}
    yield _vector(
        "truncated-chain", "Bob's proof does not serve for Alice's chain.", "P-7", signed(), "proof_invalid", **given
    )


def precedence() -> Iterator[Vector]:
    """The order of the checks."""
    stale = Proof(issued_at_ms=NOW_MS - 60_000)
    for name, says, proof, reason in (
        ("call-before-time", "For another tool, and stale.", signed(replace(stale, tool="write")), "proof_other_call"),
        ("time-before-signature", "Stale, and by another key.", signed(stale, MALLORY), "proof_stale"),
        (
            "call-before-signature",
            "For another tool, by another key.",
            signed(Proof(tool="write"), MALLORY),
            "proof_other_call",
        ),
        (
            "format-before-call",
            "For another tool, without a nonce.",
            signed(Proof(tool="write", nonce=b"")),
            "proof_invalid",
        ),
    ):
        yield _vector(name, says, "P-3 P-4 P-6 P-7", proof, reason)


def replays() -> Iterator[Vector]:
    """P-8: once."""
    first, second = signed(), signed(replace(Proof(), nonce=fixed("second nonce")))
    taken, again = accepted(), refused("proof_replayed")
    stale = refused("proof_stale")
    forged = signed(signer=MALLORY)
    for name, says, calls, answers in (
        ("at-once", "The same proof twice.", ((first, 0), (first, 0)), (taken, again)),
        ("later", "Once more, as late as it is fresh.", ((first, 0), (first, 30_000)), (taken, again)),
        ("too-late", "Later it is stale.", ((first, 0), (first, 30_001)), (taken, stale)),
        ("two", "Two nonces.", ((first, 0), (second, 0), (first, 1), (second, 2)), (taken, taken, again, again)),
        ("three-times", "However often.", ((first, 0), (first, 1), (first, 2)), (taken, again, again)),
        ("early", "Taken before its time, shown again.", ((first, -5_000), (first, 30_000)), (taken, again)),
        (
            "forged-first",
            "A forgery with the same nonce does not use it up.",
            ((forged, 0), (first, 0), (first, 0)),
            (refused("proof_invalid"), taken, again),
        ),
        (
            "clock-set-back",
            "The clock is set back: what was accepted stays known.",
            ((first, 20_000), (first, 0)),
            (taken, again),
        ),
    ):
        asked = {**CALL, "calls": [{"proof": proof.hex(), "now_ms": NOW_MS + by} for proof, by in calls]}
        yield Vector(f"replay-{name}", "replay", says, ("P-8",), asked, {"each": list(answers)})
    other = fixed("another chain", 32)
    theirs = signed(Proof(chain_digest=other), MALLORY)
    calls = [
        {"proof": theirs.hex(), "now_ms": NOW_MS, "holder_key": MALLORY.public.hex(), "chain_digest": other.hex()},
        {"proof": first.hex(), "now_ms": NOW_MS},
        {"proof": first.hex(), "now_ms": NOW_MS},
    ]
    says = "The same nonce under another chain, by its own holder, uses up nothing."
    yield Vector(
        "replay-another-chain", "replay", says, ("P-8",), {**CALL, "calls": calls}, {"each": [taken, taken, again]}
    )


AREA = Area(
    "proofs",
    "Proofs of calls.",
    [
        *good(),
        *absent_or_unreadable(),
        *other_calls(),
        *times(),
        *signatures(),
        *precedence(),
        *replays(),
    ],
)
