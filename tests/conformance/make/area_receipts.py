"""Statements in a token: SPEC section 6, steps 11 and 12, and section 9.4."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.make import messages as m
from conformance.make.keys import ALICE, BOB, CHECKPOINTS, ISSUER, MALLORY, STATEMENTS, fixed, named, signing_input
from conformance.make.messages import DAY_MS, SAFE, T0_MS, agent
from conformance.make.tokens import NOW_MS, TRUST, binding, chain, line, receipt, statement, trusted
from conformance.make.vector import Area, Vector
from conformance.make.verifying import Asking

ASK = Asking("receipt")
LINKS = line("alice", "bob", "carol", unrecorded_handoffs=False)
CHAIN = chain(*LINKS)
IDS = CHAIN.ids
RECEIPT = receipt(IDS[2])
RECORDED = {"recorded_at_ms": T0_MS + 1_000}


def receipts() -> Iterator[Vector]:
    """Whether the handoffs are recorded (V-12)."""
    with_receipt = CHAIN.stating(RECEIPT)
    yield ASK.good("there", "A receipt for the last link.", "V-11 V-12", with_receipt, LINKS[2], outputs=RECORDED)
    yield ASK.bad("missing", "No receipt, and the grant demands one.", "V-12 V-16", CHAIN, "receipt_missing", link=2)
    early = CHAIN.stating(receipt(IDS[0]), receipt(IDS[1]))
    yield ASK.bad(
        "of-the-links-before", "Receipts for the links before the last.", "V-12", early, "receipt_missing", link=2
    )
    none = {"recorded_at_ms": None}
    yield ASK.good(
        "not-asked", "The service itself asks for none.", "V-20", CHAIN, LINKS[2], require_receipt=False, outputs=none
    )
    grant = chain(LINKS[0])
    yield ASK.good("of-a-grant", "A grant alone needs none.", "V-12", grant, LINKS[0], outputs=none)
    recorded = grant.stating(receipt(grant.ids[0]))
    yield ASK.good("of-a-grant-there", "It may have one.", "V-11", recorded, LINKS[0], outputs=RECORDED)
    free = line("alice", "bob", unrecorded_handoffs=True)
    yield ASK.good("waived", "The grant permits unrecorded handoffs.", "V-12", chain(*free), free[1], outputs=none)
    all_of_them = CHAIN.stating(*(receipt(each) for each in IDS))
    yield ASK.good("for-every-link", "A receipt for every link.", "V-11", all_of_them, LINKS[2], outputs=RECORDED)
    yield ASK.good(
        "backwards", "In any order.", "E-5", CHAIN.stating(RECEIPT, receipt(IDS[0])), LINKS[2], outputs=RECORDED
    )
    yield ASK.good(
        "after-binding", "After a binding.", "E-5", CHAIN.stating(binding("bob"), RECEIPT), LINKS[2], outputs=RECORDED
    )
    twice = CHAIN.stating(
        receipt(IDS[2], recorded_at_ms=T0_MS + 9_000), RECEIPT, receipt(IDS[2], recorded_at_ms=NOW_MS)
    )
    yield ASK.good("several", "Of several the earliest counts.", "T-23 E-5", twice, LINKS[2], outputs=RECORDED)
    future = CHAIN.stating(receipt(IDS[2], recorded_at_ms=NOW_MS + DAY_MS))
    outputs = {"recorded_at_ms": NOW_MS + DAY_MS}
    yield ASK.good(
        "of-the-future", "When it was recorded decides nothing.", "V-11 V-21", future, LINKS[2], outputs=outputs
    )


def signed() -> Iterator[Vector]:
    """By whom a statement is signed (V-11, T-1, T-2)."""
    for name, signer in (("issuer", ISSUER), ("checkpoint", CHECKPOINTS), ("mallory", MALLORY), ("holder", ALICE)):
        token = CHAIN.stating(receipt(IDS[2], signer))
        yield ASK.bad(f"by-{name}", f"A receipt by the key of {name}.", "V-11 T-2", token, "statement_invalid")
    impostor = statement("receipt", m.receipt(IDS[2]), MALLORY, key_id=STATEMENTS.key_id)
    yield ASK.bad(
        "by-impostor",
        "The statement key is named, another signed.",
        "T-1",
        CHAIN.stating(impostor),
        "statement_invalid",
    )
    for purpose in ("binding", "grant", "revocation_feed", "proof"):
        wrong = statement("receipt", m.receipt(IDS[2]), purpose=purpose)
        says = f"The signature is one for the purpose {purpose}."
        yield ASK.bad(f"signed-as-{purpose}", says, "T-1 K-7", CHAIN.stating(wrong), "statement_invalid")
    payload = m.receipt(IDS[2])
    message = signing_input("receipt", m.receipt(IDS[2], T0_MS + 1))
    other = m.signed_statement(1, STATEMENTS.key_id, payload, STATEMENTS.sign(message))
    yield ASK.bad(
        "payload-changed",
        "The time was changed after signing.",
        "T-1",
        CHAIN.stating(other),
        "statement_invalid",
    )
    for name, tweaks, good in (
        ("retired", {"state": "retired"}, False),
        ("compromised", {"state": "compromised", "compromised_at_ms": NOW_MS - 1}, False),
        ("too-early", {"not_before_ms": NOW_MS + 1}, False),
        ("too-late", {"not_after_ms": NOW_MS}, False),
        ("last-moment", {"not_after_ms": NOW_MS + 1}, True),
    ):
        keys = [trusted("grant", ISSUER), trusted("statement", STATEMENTS, **tweaks)]
        given = {"trust": {**TRUST, "keys": keys}}
        says = f"The statement key is {name.replace('-', ' ')}."
        token = CHAIN.stating(RECEIPT)
        if good:
            yield ASK.good(f"key-{name}", says, "T-2 T-16", token, LINKS[2], outputs=RECORDED, **given)
        else:
            yield ASK.bad(f"key-{name}", says, "T-2 T-16", token, "statement_invalid", **given)


def fitting() -> Iterator[Vector]:
    """What statements are about (V-11)."""
    for name, what in (("another-link", fixed("another", 32)), ("another-chain", chain(*line("alice", "bob")).ids[1])):
        token = CHAIN.stating(RECEIPT, receipt(what))
        says = "A receipt for a link that is not of this chain, beside one that is."
        yield ASK.bad(f"for-{name}", says, "V-11", token, "statement_invalid")
    for name, payload, reason in (
        ("short-id", m.receipt(IDS[2][:31]), "field_invalid"),
        ("no-id", m.receipt(b""), "field_invalid"),
        ("no-time", m.receipt(IDS[2], 0), "field_invalid"),
        ("time-too-large", m.receipt(IDS[2], SAFE + 1), "field_invalid"),
        ("unknown-field", m.receipt(IDS[2]) + b"\x18\x01", ("not_canonical", "malformed")),
        ("empty", b"", "field_invalid"),
    ):
        token = CHAIN.stating(statement("receipt", payload))
        says = f"A receipt that is rightly signed and wrong: {name.replace('-', ' ')}."
        yield ASK.bad(f"payload-{name}", says, "V-11 F-7 F-9 C-10", token, reason)
    yield from _kinds()


def _kinds() -> Iterator[Vector]:
    payload = m.receipt(IDS[2])
    as_binding = m.signed_statement(2, STATEMENTS.key_id, payload, STATEMENTS.sign(signing_input("receipt", payload)))
    yield ASK.bad(
        "as-binding",
        "A receipt that is called a binding.",
        "T-1",
        CHAIN.stating(as_binding),
        "statement_invalid",
    )


BINDING = Asking("binding")
FREE = line("alice", "bob", "carol")
PLAIN = chain(*FREE)


def bindings() -> Iterator[Vector]:
    """Whose key it is (V-11, T-7)."""
    for name, says, given, bound in (
        ("none", "Without a binding only the grant's holder is known.", (), (True, False, False)),
        ("of-the-leaf", "A binding of the leaf.", (binding("carol"),), (True, False, True)),
        ("of-all", "Bindings of all.", tuple(map(binding, ("alice", "bob", "carol"))), (True, True, True)),
        ("expired", "It has just expired.", (binding("bob", expires_at_ms=NOW_MS),), (True, False, False)),
        (
            "last-moment",
            "It expires in a millisecond.",
            (binding("bob", expires_at_ms=NOW_MS + 1),),
            (True, True, False),
        ),
        ("two", "Of two, the one that has not expired counts.", _two(), (True, True, False)),
    ):
        outputs = {"bound": list(bound)}
        yield BINDING.good(name, says, "V-11 T-7 T-23", PLAIN.stating(*given), FREE[2], outputs=outputs)
    for name, wrong in (
        ("of-another-key", binding("bob", holder_key=MALLORY.public)),
        ("of-another-agent", binding("bob", holder=agent("mallory"))),
        ("crossed", binding("bob", holder=agent("carol"))),
        ("of-nobody-here", binding("dave")),
        ("by-the-issuer", binding("bob", ISSUER)),
        ("by-the-holder", binding("bob", ALICE)),
        ("by-itself", binding("bob", named("bob"))),
    ):
        says = f"A binding that does not fit the chain ({name.replace('-', ' ')})."
        yield BINDING.bad(name, says, "V-11 T-2", PLAIN.stating(wrong), "statement_invalid")
    for name, payload, reason in (
        ("no-agent", m.binding(BOB.public, ""), "field_invalid"),
        ("agent-without-colon", m.binding(BOB.public, "bob"), "field_invalid"),
        ("short-key", m.binding(BOB.public[:31], agent("bob")), "key_invalid"),
        ("weak-key", m.binding(bytes(32), agent("bob")), "key_invalid"),
        ("no-time", m.binding(BOB.public, agent("bob"), 0), "field_invalid"),
        ("no-end", m.binding(BOB.public, agent("bob"), T0_MS, 0), "field_invalid"),
    ):
        token = PLAIN.stating(statement("binding", payload))
        says = f"A binding that is rightly signed and wrong: {name.replace('-', ' ')}."
        yield BINDING.bad(f"payload-{name}", says, "V-11 F-6 F-7 K-3", token, reason)
    as_receipt = statement("receipt", m.binding(BOB.public, agent("bob")), purpose="binding")
    yield BINDING.bad(
        "as-receipt",
        "A binding that is called a receipt.",
        "T-1",
        PLAIN.stating(as_receipt),
        "statement_invalid",
    )


def _two() -> tuple[bytes, bytes]:
    return binding("bob"), binding("bob", expires_at_ms=NOW_MS - 1)


AREA = Area("receipts", "Receipts and bindings in a token.", [*receipts(), *signed(), *fitting(), *bindings()])
