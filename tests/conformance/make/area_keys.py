"""Keys, signatures and link ids: SPEC section 4."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.make import ed25519 as ed
from conformance.make.keys import ALICE, BOB, TAGS, Key, fixed, sha256, signing_input
from conformance.make.vector import Area, Vector, accepted, refused

PAYLOAD = b"a payload that is not looked at"
MASK = 1 << 255


def _key(name: str, says: str, spec: tuple[str, ...], public: bytes, expect: dict) -> Vector:
    return Vector(f"key-{name}", "key", says, spec, {"public_key": public.hex()}, expect)


def _little(number: int) -> bytes:
    return number.to_bytes(32, "little")


def keys() -> Iterator[Vector]:
    """Public keys (K-1, K-2, K-5)."""
    invalid = refused("key_invalid")
    for owner in (ALICE, BOB):
        yield _key(
            f"valid-{owner.key_id.hex()[:4]}",
            "An ordinary public key, and its key id.",
            ("K-1", "K-5"),
            owner.public,
            accepted(key_id=owner.key_id),
        )
    mixed = ed.encode(ed.add(ed.multiply(7, ed.BASE), ed.with_y(ed.ORDER_8_Y)))
    yield _key(
        "mixed-order",
        "A point with a component of order 8 is not of small order.",
        ("K-2",),
        mixed,
        accepted(key_id=sha256(mixed)[:16]),
    )
    for size in (0, 31, 33, 64):
        yield _key(f"{size}-bytes", f"A public key of {size} bytes.", ("K-1",), fixed("odd key", size), invalid)
    for name, y in (("p", ed.P), ("p-plus-1", ed.P + 1), ("p-plus-3", ed.P + 3), ("largest", 2**255 - 1)):
        for sign in (0, 1):
            yield _key(
                f"y-{name}-sign-{sign}",
                f"A y-coordinate that is not less than p, with the sign bit {sign}.",
                ("K-1",),
                _little(y | sign * MASK),
                invalid,
            )
    small = {"0": 0, "1": 1, "p-minus-1": ed.P - 1, "order-8": ed.ORDER_8_Y, "order-8-negated": ed.P - ed.ORDER_8_Y}
    for name, y in small.items():
        for sign in (0, 1):
            yield _key(
                f"small-order-y-{name}-sign-{sign}",
                f"A point of small order, with the sign bit {sign}.",
                ("K-2",),
                _little(y | sign * MASK),
                invalid,
            )


def _signature(name: str, says: str, spec: tuple[str, ...], expect: dict, **given: object) -> Vector:
    fields = {"public_key": ALICE.public, "purpose": "grant", "parent": b"", "payload": PAYLOAD, **given}
    plain = {key: value.hex() if isinstance(value, bytes) else value for key, value in fields.items()}
    return Vector(f"signature-{name}", "signature", says, spec, plain, expect)


def _input(purpose: str, parent: bytes = b"") -> bytes:
    return signing_input(purpose, PAYLOAD, parent)


def signatures() -> Iterator[Vector]:
    """One signature for each purpose, and for none another (K-6 to K-8)."""
    parent = sha256(b"the link before")
    for purpose in TAGS:
        over = parent if purpose == "handoff" else b""
        message = _input(purpose, over)
        ids = {"link_id": sha256(message)} if purpose in ("grant", "handoff") else {}
        yield _signature(
            f"{purpose}-valid",
            f"A signature for the purpose {purpose}, its signing input, and the link id where it is a link's.",
            ("K-6", "K-7", "K-8") if ids else ("K-6", "K-7"),
            accepted(signing_input=message, **ids),
            purpose=purpose,
            parent=over,
            signature=ALICE.sign(message),
        )
        other = "proof" if purpose == "grant" else "grant"
        yield _signature(
            f"{purpose}-for-{other}",
            f"A signature for the purpose {other} does not serve as one for {purpose}.",
            ("K-7",),
            refused("signature_invalid"),
            purpose=purpose,
            parent=over,
            signature=ALICE.sign(_input(other, over)),
        )
    yield from _wrong_inputs(parent)


def _wrong_inputs(parent: bytes) -> Iterator[Vector]:
    untagged = {
        "no-tag": PAYLOAD,
        "no-length": TAGS["grant"] + PAYLOAD,
        "two-byte-length": b"\x00" + signing_input("grant", PAYLOAD),
        "upper-case-tag": b"\x13DELEGATION/V1/GRANT" + PAYLOAD,
        "version-2-tag": b"\x13delegation/v2/grant" + PAYLOAD,
        "prehashed": sha256(signing_input("grant", PAYLOAD)),
        "payload-with-a-byte-more": signing_input("grant", PAYLOAD + b"\0"),
    }
    for name, message in untagged.items():
        yield _signature(
            name,
            f"A signature over another input ({name.replace('-', ' ')}).",
            ("K-6", "K-7"),
            refused("signature_invalid"),
            signature=ALICE.sign(message),
        )
    handoff = {"purpose": "handoff", "parent": parent}
    wrong = {
        "handoff-without-parent": signing_input("handoff", PAYLOAD),
        "handoff-of-another-parent": signing_input("handoff", PAYLOAD, sha256(b"another link")),
        "handoff-parent-after-payload": signing_input("handoff", PAYLOAD + parent),
    }
    for name, message in wrong.items():
        yield _signature(
            name,
            "The parent's link id is part of what a handoff's signature is over.",
            ("K-6",),
            refused("signature_invalid"),
            **handoff,
            signature=ALICE.sign(message),
        )


def strictness() -> Iterator[Vector]:
    """What a lax verifier would accept (K-4)."""
    invalid = refused("signature_invalid")
    message = _input("grant")
    good = ALICE.sign(message)
    yield _signature("by-another-key", "Signed by another key.", ("K-4",), invalid, signature=BOB.sign(message))
    for name, bad in {
        "empty": b"",
        "63-bytes": good[:63],
        "65-bytes": good + b"\0",
        "zeros": bytes(64),
        "r-changed": bytes((good[0] ^ 1, *good[1:])),
        "s-changed": bytes((*good[:32], good[32] ^ 1, *good[33:])),
        "halves-exchanged": good[32:] + good[:32],
    }.items():
        yield _signature(name, f"A signature that is wrong ({name}).", ("K-4",), invalid, signature=bad)
    scalar = int.from_bytes(good[32:], "little")
    for times in (1, 2, 7):
        if scalar + times * ed.L < 2**256:
            yield _signature(
                f"s-plus-{times}-l",
                f"S is S + {times}L: the same point, but S is not less than L.",
                ("K-4",),
                invalid,
                signature=good[:32] + (scalar + times * ed.L).to_bytes(32, "little"),
            )
    yield from _small_order_commitments(message)
    yield from _mixed_order_key()
    yield _signature(
        "second-of-the-same",
        "The holder signs the same bytes another way: it is as good, and the link id is the same.",
        ("K-4", "K-8", "K-10"),
        accepted(link_id=sha256(message)),
        signature=_with_other_nonce(ALICE, message),
    )


def _with_other_nonce(signer: Key, message: bytes) -> bytes:
    commitment = ed.encode(ed.multiply(123456789, ed.BASE))
    k = ed.challenge(commitment, signer.public, message)
    return ed.signature(commitment, (123456789 + k * ed.secret_scalar(signer.seed)) % ed.L)


def _small_order_commitments(message: bytes) -> Iterator[Vector]:
    secret = ed.secret_scalar(ALICE.seed)
    commitments = {
        "identity": ed.encode(ed.IDENTITY),
        "order-2": ed.encode(ed.Point(0, ed.P - 1)),
        "order-4": ed.encode(ed.with_y(0)),
        "order-8": ed.encode(ed.with_y(ed.ORDER_8_Y)),
        "identity-non-canonical": (ed.P + 1).to_bytes(32, "little"),
        "identity-with-sign": (1 | MASK).to_bytes(32, "little"),
    }
    for name, commitment in commitments.items():
        k = ed.challenge(commitment, ALICE.public, message)
        yield _signature(
            f"r-{name}",
            "R is of small order and S = ka, so that the equation holds, at least multiplied by the cofactor.",
            ("K-4",),
            refused("signature_invalid"),
            signature=ed.signature(commitment, k * secret % ed.L),
        )


def _mixed_order_key() -> Iterator[Vector]:
    secret = ed.secret_scalar(ALICE.seed)
    twist = ed.with_y(ed.ORDER_8_Y)
    public = ed.encode(ed.add(ed.multiply(secret, ed.BASE), twist))
    message = _input("grant")
    seen: set[bool] = set()
    for nonce in range(1, 1000):
        commitment = ed.encode(ed.multiply(nonce, ed.BASE))
        k, unreduced = ed.challenge(commitment, public, message), ed.challenge_512(commitment, public, message)
        holds = k % 8 == 0
        if holds in seen or (unreduced % 8 == 0) != holds:  # whether k is reduced modulo L first makes no difference
            continue
        seen.add(holds)
        yield _signature(
            "mixed-order-key-valid" if holds else "mixed-order-key-cofactor",
            "A key with a component of order 8: the equation holds as it stands."
            if holds
            else "A key with a component of order 8: the equation holds only multiplied by the cofactor.",
            ("K-4",),
            accepted(link_id=sha256(message)) if holds else refused("signature_invalid"),
            public_key=public,
            signature=ed.signature(commitment, (nonce + k * secret) % ed.L),
        )


AREA = Area(
    "keys",
    "Public keys, key ids, signing inputs, link ids, signatures.",
    [*keys(), *signatures(), *strictness()],
)
