"""Opening any signed statement, and offers: SPEC sections 9.3 and 9.4."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.make import messages as m
from conformance.make.keys import (
    ALICE,
    BOB,
    ISSUER,
    MALLORY,
    STATEMENTS,
    Key,
    fixed,
)
from conformance.make.messages import DAY_MS, T0_MS, agent
from conformance.make.stating import vector as stated
from conformance.make.tokens import NOW_MS, statement
from conformance.make.vector import NOT_CANONICAL, Area, Vector, accepted, refused
from conformance.make.wire import nonzero, number, some


def _opened(name: str, says: str, spec: str, data: bytes, expect: dict[str, Any], **given: Any) -> Vector:
    asked = {"kind": "receipt", "public_key": STATEMENTS.public.hex(), "statement": data, **given}
    return stated("statement", name, says, spec, expect, **asked)


LINK_ID = fixed("a link", 32)
RECEIPT = m.receipt(LINK_ID)


def openings() -> Iterator[Vector]:
    """T-1, on a receipt."""
    signed = statement("receipt", RECEIPT)
    value = {"link_id": LINK_ID, "recorded_at_ms": T0_MS}
    yield _opened("receipt", "A receipt.", "T-1", signed, accepted(value=value))
    bound = {"holder_key": BOB.public, "agent": agent("bob"), "issued_at_ms": T0_MS, "expires_at_ms": T0_MS + DAY_MS}
    binding = statement("binding", m.binding(BOB.public, agent("bob")))
    yield _opened("binding", "A binding.", "T-1", binding, accepted(value=bound), kind="binding")
    beat = number(3, T0_MS)
    entry = statement("revocation_feed", beat)
    yield _opened(
        "feed", "A heartbeat.", "T-1 R-5", entry, accepted(value={"issued_at_ms": T0_MS}), kind="revocation_feed"
    )
    invalid = refused("statement_invalid")
    other_key = {"public_key": ISSUER.public.hex()}
    yield _opened("another-key", "Of another key than expected.", "T-1", signed, invalid, **other_key)
    wrong_id = statement("receipt", RECEIPT, key_id=ISSUER.key_id)
    yield _opened("key-id", "Another key id stands in it.", "T-1", wrong_id, invalid)
    yield _opened(
        "forged",
        "Signed by another key.",
        "T-1",
        statement("receipt", RECEIPT, MALLORY, key_id=STATEMENTS.key_id),
        invalid,
    )
    for kind in m.KINDS:
        if kind != "receipt":
            other = statement(kind, RECEIPT)
            yield _opened(f"kind-{kind}", f"A statement of the kind {kind}.", "T-1", other, invalid)
            renamed = statement("receipt", RECEIPT, purpose=kind)
            yield _opened(f"signed-as-{kind}", f"Signed for the purpose {kind}.", "T-1 K-7", renamed, invalid)
    unread = statement("receipt", b"\xff\xff", MALLORY, key_id=STATEMENTS.key_id)
    yield _opened("signature-before-payload", "A forged statement is not read.", "T-1", unread, invalid)
    for name, payload in (
        ("unreadable", b"\xff\xff"),
        ("unknown-field", RECEIPT + number(3, 1)),
        ("reordered", RECEIPT[34:] + RECEIPT[:34]),
    ):
        says = f"Rightly signed, but not canonical: {name.replace('-', ' ')}."
        yield _opened(f"payload-{name}", says, "T-1 C-10", statement("receipt", payload), refused(NOT_CANONICAL))
    yield _opened("trailing", "A byte after the statement.", "C-9", signed + b"\0", refused(NOT_CANONICAL))


def offer(holder: Key = BOB, **tweaks: Any) -> bytes:
    """Give an `Offer`."""
    fields = {
        "agent": agent("bob"),
        "holder_key": holder.public,
        "audience": agent("alice"),
        "expires_at_ms": NOW_MS + 60_000,
        "nonce": fixed("offer nonce"),
        **tweaks,
    }
    return b"".join(
        (
            some(1, fields["agent"]),
            some(2, fields["holder_key"]),
            some(3, fields["audience"]),
            nonzero(4, fields["expires_at_ms"]),
            some(5, fields["nonce"]),
        )
    )


def offers() -> Iterator[Vector]:
    """T-8."""
    invalid = refused("offer_invalid")
    plain = {"now_ms": NOW_MS, "delegator": agent("alice"), "agent": agent("bob")}
    value = {
        "agent": agent("bob"),
        "holder_key": BOB.public,
        "audience": agent("alice"),
        "expires_at_ms": NOW_MS + 60_000,
        "nonce": fixed("offer nonce"),
    }

    def vector(name: str, says: str, data: bytes, expect: dict[str, Any] = invalid, **given: Any) -> Vector:
        return stated("offer", name, says, "T-8", expect, statement=data, **{**plain, **given})

    signed = statement("offer", offer(), BOB)
    yield vector("good", "Signed by the key it offers, for Alice, by Bob.", signed, accepted(value=value))
    anybody = {key: content for key, content in value.items() if key != "audience"}
    free = statement("offer", offer(audience=""), BOB)
    yield vector("for-anybody", "For whoever was given it.", free, accepted(value=anybody), delegator=agent("carol"))
    yield vector("last-moment", "Its last millisecond.", signed, accepted(), now_ms=NOW_MS + 59_999)
    yield vector("expired", "It has just expired.", signed, now_ms=NOW_MS + 60_000)
    yield vector("for-another", "For another delegator.", signed, delegator=agent("carol"))
    yield vector("of-another", "Of another agent than meant.", signed, agent=agent("carol"))
    for name, signer in (("alice", ALICE), ("service", STATEMENTS), ("mallory", MALLORY)):
        yield vector(f"by-{name}", f"Signed by {name}.", statement("offer", offer(), signer))
    impostor = statement("offer", offer(), MALLORY, key_id=BOB.key_id)
    yield vector("by-impostor", "Signed by somebody under Bob's key id.", impostor)
    yield vector(
        "key-id", "Bob's signature under another key id.", statement("offer", offer(), BOB, key_id=ALICE.key_id)
    )
    for purpose in ("handoff", "proof", "binding"):
        yield vector(
            f"signed-as-{purpose}",
            f"Signed for the purpose {purpose}.",
            statement("offer", offer(), BOB, purpose=purpose),
        )
    yield vector("kind", "Called a binding.", statement("binding", offer(), BOB, purpose="offer"))
    for name, tweaks in (
        ("no-agent", {"agent": ""}),
        ("agent-without-colon", {"agent": "bob"}),
        ("no-key", {"holder_key": b""}),
        ("weak-key", {"holder_key": bytes(32)}),
        ("no-end", {"expires_at_ms": 0}),
        ("nonce-15-bytes", {"nonce": fixed("n", 15)}),
        ("audience-newline", {"audience": "a:b\n"}),
    ):
        says = f"A field that must not be so: {name.replace('-', ' ')}."
        yield vector(f"field-{name}", says, statement("offer", offer(**tweaks), BOB))
    yield vector("unknown-field", "A field that nobody knows.", statement("offer", offer() + number(6, 1), BOB))


AREA = Area("statements", "Signed statements, and offers.", [*openings(), *offers()])
