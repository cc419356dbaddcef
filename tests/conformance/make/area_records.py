"""Decision records and outcomes: SPEC section 9.5."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.make import messages as m
from conformance.make.keys import (
    GUARD,
    ISSUER,
    MALLORY,
    fixed,
    sha256,
    signing_input,
)
from conformance.make.messages import SAFE
from conformance.make.stating import vector as stated
from conformance.make.tokens import NOW_MS, statement
from conformance.make.vector import Area, Vector, accepted, refused
from conformance.make.wire import delimited, nonzero, number, some


def record(**tweaks: Any) -> bytes:
    """Give a `DecisionRecord`."""
    fields = {
        "call_id": fixed("call"),
        "chain_digest": LINK_ID,
        "audience": "files",
        "tool": "read",
        "arguments_digest": fixed("arguments", 32),
        "decided_at_ms": NOW_MS,
        "allowed": True,
        "reason": "",
        "link_number": 0,
        "feed_position": 3,
        "proof": b"",
        "trace_id": b"",
        "span_id": b"",
        "break_glass": b"",
        "observed": False,
        **tweaks,
    }
    encoded = (
        nonzero(index, value) if isinstance(value, int) else some(index, value)
        for index, value in enumerate(fields.values(), 1)
    )
    return b"".join(encoded)


def batch(*records: bytes, guard: bytes = GUARD.public, first: int = 1, previous: bytes = bytes(32)) -> bytes:
    """Give a `DecisionBatch`."""
    return some(1, guard) + nonzero(2, first) + some(3, previous) + b"".join(delimited(4, each) for each in records)


def chain_hash(previous: bytes, *records: bytes) -> bytes:
    """Give the chain hash after records."""
    for each in records:
        previous = sha256(previous + each)
    return previous


LINK_ID = fixed("a link", 32)
GOOD = record()
DENIED = record(allowed=False, reason="argument_refused", link_number=2, feed_position=0)


def batches() -> Iterator[Vector]:
    """T-10 and T-12."""

    def vector(name: str, says: str, spec: str, payload: bytes, expect: dict[str, Any], *, data: bytes = b"") -> Vector:
        return stated("batch", name, says, spec, expect, statement=data or statement("decision_batch", payload, GUARD))

    invalid = refused("records_invalid")
    values = [
        {
            "call_id": fixed("call"),
            "chain_digest": LINK_ID,
            "audience": "files",
            "tool": "read",
            "arguments_digest": fixed("arguments", 32),
            "decided_at_ms": NOW_MS,
            "allowed": True,
            "feed_position": 3,
        }
    ]
    first = {"guard_key": GUARD.public, "first_sequence": 1, "next_sequence": 2, "head": chain_hash(bytes(32), GOOD)}
    yield vector("first", "A guard's first record.", "T-10 T-12", batch(GOOD), accepted(**first, records=values))
    before = fixed("hash before", 32)
    later = {"first_sequence": 41, "next_sequence": 43, "head": chain_hash(before, GOOD, DENIED)}
    yield vector("later", "Later ones.", "T-10 T-12", batch(GOOD, DENIED, first=41, previous=before), accepted(**later))
    last = batch(GOOD, first=SAFE - 1)
    yield vector("last-number", "The last numbers that there may be.", "F-10", last, accepted(next_sequence=SAFE))
    for name, signer, says in (("issuer", ISSUER, "the issuer"), ("mallory", MALLORY, "somebody")):
        data = statement("decision_batch", batch(GOOD), signer)
        yield vector(f"by-{name}", f"Signed by {says}, not by the key that it names.", "T-10", b"", invalid, data=data)
    data = statement("decision_batch", batch(GOOD), MALLORY, key_id=GUARD.key_id)
    yield vector("by-impostor", "Signed by somebody under the guard's key id.", "T-10", b"", invalid, data=data)
    data = statement("decision_batch", batch(GOOD), GUARD, purpose="outcome")
    yield vector("signed-as-outcome", "Signed for another purpose.", "T-10 K-7", b"", invalid, data=data)
    data = statement("outcome", batch(GOOD), GUARD, purpose="decision_batch")
    yield vector("kind", "Called an outcome.", "T-10 T-1", b"", invalid, data=data)
    for name, says, payload in (
        ("empty", "Without records.", batch()),
        ("number-0", "A first number of 0.", batch(GOOD, first=0)),
        ("number-too-large", "Numbers past 2^53 - 1.", batch(GOOD, first=SAFE + 1)),
        ("hash-31-bytes", "A chain hash of 31 bytes.", batch(GOOD, previous=bytes(31))),
        ("no-hash", "Without a chain hash.", batch(GOOD, previous=b"")),
        ("no-key", "Without the guard's key.", batch(GOOD, guard=b"")),
        ("weak-key", "A guard's key of small order.", batch(GOOD, guard=bytes(32))),
        ("unknown-field", "A field that nobody knows.", batch(GOOD) + number(5, 1)),
        ("second-record-broken", "A record that cannot be read.", batch(GOOD, b"\xff")),
        ("empty-record", "A record of no bytes.", batch(b"")),
    ):
        yield vector(name, says, "T-10", payload, invalid)
    yield from (
        vector(f"record-{name}", says, "T-12 T-40" if "observed" in name else "T-12", batch(each), expect)
        for name, says, each, expect in _records()
    )


def _records() -> Iterator[tuple[str, str, bytes, dict[str, Any]]]:
    invalid = refused("records_invalid")
    for name, good, tweaks in (
        ("denied", True, {"allowed": False, "reason": "expired", "link_number": 1}),
        ("denied-without-chain", True, {"allowed": False, "reason": "malformed", "chain_digest": b""}),
        ("link-32", True, {"allowed": False, "reason": "expired", "link_number": 32}),
        ("traced", True, {"trace_id": fixed("trace"), "span_id": fixed("span", 8)}),
        ("with-proof", True, {"proof": b"any bytes"}),
        ("break-glass", True, {"break_glass": fixed("break-glass nonce")}),
        ("break-glass-15-bytes", False, {"break_glass": fixed("break-glass nonce")[:15]}),
        ("denied-with-break-glass", False, {"allowed": False, "reason": "expired", "break_glass": fixed("nonce")}),
        ("observed", True, {"allowed": False, "reason": "chain_missing", "chain_digest": b"", "observed": True}),
        ("observed-with-chain", True, {"allowed": False, "reason": "expired", "link_number": 1, "observed": True}),
        ("allowed-and-observed", False, {"observed": True}),
        ("observed-without-reason", False, {"allowed": False, "observed": True}),
        ("allowed-with-reason", False, {"reason": "expired"}),
        ("denied-without-reason", False, {"allowed": False}),
        ("unknown-reason", False, {"allowed": False, "reason": "because"}),
        ("reason-in-upper-case", False, {"allowed": False, "reason": "EXPIRED"}),
        ("link-33", False, {"allowed": False, "reason": "expired", "link_number": 33}),
        ("call-id-15-bytes", False, {"call_id": fixed("call", 15)}),
        ("digest-31-bytes", False, {"chain_digest": fixed("d", 31)}),
        ("arguments-31-bytes", False, {"arguments_digest": fixed("d", 31)}),
        ("no-audience", False, {"audience": ""}),
        ("no-tool", False, {"tool": ""}),
        ("no-time", False, {"decided_at_ms": 0}),
        ("position-too-large", False, {"feed_position": SAFE + 1}),
        ("only-trace", False, {"trace_id": fixed("trace")}),
    ):
        yield name, f"A record: {name.replace('-', ' ')}.", record(**tweaks), accepted() if good else invalid
    room = 8_192 - len(record(proof=bytes(1_000))) + 1_000
    yield "largest", "A record of as many bytes as there may be.", record(proof=bytes(room)), accepted()
    yield "too-large", "A record with a byte too many.", record(proof=bytes(room + 1)), invalid


def outcome(*impacts: tuple[str, str], call_id: bytes = fixed("call"), status: int = 1, at: int = NOW_MS) -> bytes:
    """Give an `Outcome`."""
    parts = (delimited(4, some(1, name) + some(2, amount)) for name, amount in impacts)
    return some(1, call_id) + nonzero(2, status) + nonzero(3, at) + b"".join(parts)


def outcomes() -> Iterator[Vector]:
    """T-13."""

    def vector(name: str, says: str, data: bytes, expect: dict[str, Any]) -> Vector:
        key = GUARD.public.hex()
        return stated(
            "statement", f"outcome-{name}", says, "T-13 T-1", expect, statement=data, kind="outcome", public_key=key
        )

    full = outcome(("bytes_sent", "1024"), ("rows_changed", "3"))
    impacts = [{"name": "bytes_sent", "amount": "1024"}, {"name": "rows_changed", "amount": "3"}]
    value = {"call_id": fixed("call"), "status": 1, "ended_at_ms": NOW_MS, "impacts": impacts}
    yield vector("good", "An outcome with what it did.", statement("outcome", full, GUARD), accepted(value=value))
    for status, good in ((1, True), (2, True), (3, True), (0, False), (4, False)):
        expect = accepted() if good else refused("field_invalid")
        says = f"The status {status}."
        yield vector(f"status-{status}", says, statement("outcome", outcome(status=status), GUARD), expect)
    for name, payload in (
        ("impacts-unsorted", outcome(("b", "1"), ("a", "1"))),
        ("impact-twice", outcome(("a", "1"), ("a", "2"))),
        ("impact-unnamed", outcome(("", "1"))),
        ("call-id-15-bytes", outcome(call_id=fixed("call", 15))),
        ("no-time", outcome(at=0)),
    ):
        says = f"A field that must not be so: {name.replace('-', ' ')}."
        yield vector(name, says, statement("outcome", payload, GUARD), refused("field_invalid"))
    invalid = refused("statement_invalid")
    yield vector("by-another-guard", "Signed by another key.", statement("outcome", full, MALLORY), invalid)
    yield vector(
        "signed-as-batch",
        "Signed for another purpose.",
        statement("outcome", full, GUARD, purpose="decision_batch"),
        invalid,
    )
    changed = m.signed_statement(9, GUARD.key_id, full, GUARD.sign(signing_input("outcome", outcome())))
    yield vector("payload-changed", "The impacts were added after signing.", changed, invalid)


AREA = Area("records", "Decision records and outcomes.", [*batches(), *outcomes()])
