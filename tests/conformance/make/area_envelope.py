"""The envelope: SPEC section 2.1."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.make import messages as m
from conformance.make.keys import ALICE, STATEMENTS, fixed
from conformance.make.tokens import binding, chain, line, receipt, statement
from conformance.make.vector import NOT_CANONICAL, Area, Data, Vector, accepted, packed, refused, repeated
from conformance.make.wire import delimited, number, varint

PAYLOAD = b"any bytes"
SIGNATURE = bytes(range(64))
FRAME = delimited(1, delimited(1, PAYLOAD) + delimited(2, SIGNATURE))
RECEIPT = delimited(2, receipt(fixed("a link", 32)))
LIMIT = 65_536


def _vector(name: str, says: str, spec: tuple[str, ...], token: bytes | Data, expect: dict) -> Vector:
    data = packed(token) if isinstance(token, bytes) else token
    return Vector(f"envelope-{name}", "decode", says, spec, {"message": "Chain", "bytes": data}, expect)


def _accepted(links: int, statements: int = 0) -> dict:
    return accepted(links=links, statements=statements)


def good() -> Iterator[Vector]:
    """Envelopes that are taken, whatever their payloads say."""
    yield _vector("one-link", "One link; nothing is said about what it says.", ("E-3",), FRAME, _accepted(1))
    yield _vector("two-links", "Two links.", ("E-3",), FRAME * 2, _accepted(2))
    yield _vector("32-links", "As many links as there may be.", ("E-2", "V-21"), FRAME * 32, _accepted(32))
    yield _vector("link-and-receipt", "A link and a receipt.", ("E-4",), FRAME + RECEIPT, _accepted(1, 1))
    bound = delimited(2, binding("alice"))
    yield _vector("receipt-and-binding", "Statements.", ("E-4", "E-5"), FRAME + RECEIPT + bound, _accepted(1, 2))
    yield _vector("binding-and-receipt", "In any order.", ("E-4", "E-5"), FRAME + bound + RECEIPT, _accepted(1, 2))
    yield _vector("receipt-twice", "A statement may stand twice.", ("E-4", "E-5"), FRAME + RECEIPT * 2, _accepted(1, 2))
    many = FRAME + RECEIPT * 64
    yield _vector("64-statements", "As many statements as there may be.", ("E-4", "V-21"), many, _accepted(1, 64))
    made = chain(*line("alice", "bob"))
    yield _vector("real", "A token that could be verified.", ("E-3",), made.token, _accepted(2))


def sizes() -> Iterator[Vector]:
    """Sizes at their limits (E-1, E-2, E-4)."""
    large = refused("token_too_large")
    yield _vector(
        "largest", "A token of as many bytes as there may be.", ("E-1", "V-21"), _of_size(LIMIT), _accepted(1)
    )
    yield _vector("too-large", "A token with a byte too many.", ("E-1", "V-1"), _of_size(LIMIT + 1), large)
    huge = [repeated("0a", 3_000_000)]
    yield _vector(
        "huge", "Three million bytes that are no token: refused before they are looked at.", ("E-1",), huge, large
    )
    yield _vector("33-links", "A link too many.", ("E-2", "V-2"), FRAME * 33, refused("too_many_links"))
    yield _vector("100-links", "Many links too many.", ("E-2",), FRAME * 100, refused("too_many_links"))
    unsupported = refused("statement_unsupported")
    yield _vector("65-statements", "A statement too many.", ("E-4",), FRAME + RECEIPT * 65, unsupported)
    cap = 8_192
    yield _vector(
        "largest-statement",
        "A statement of as many bytes as there may be.",
        ("E-4", "V-21"),
        FRAME + delimited(2, _statement_of_size(cap)),
        _accepted(1, 1),
    )
    yield _vector(
        "too-large-statement",
        "A statement with a byte too many.",
        ("E-4",),
        FRAME + delimited(2, _statement_of_size(cap + 1)),
        large,
    )


def _of_size(size: int) -> bytes:
    def frame(payload: int) -> bytes:
        return delimited(1, delimited(1, bytes(payload)) + delimited(2, SIGNATURE))

    return frame(size - len(frame(size)) + size)


def _statement_of_size(size: int) -> bytes:
    def made(payload: int) -> bytes:
        return m.signed_statement(m.KINDS["receipt"], STATEMENTS.key_id, bytes(payload), SIGNATURE)

    return made(size - len(made(size)) + size)


def _malformed() -> dict[str, tuple[str, bytes]]:
    inner = delimited(1, PAYLOAD) + delimited(2, SIGNATURE)
    short = delimited(1, delimited(1, PAYLOAD) + delimited(2, SIGNATURE[:63]))
    long = delimited(1, delimited(1, PAYLOAD) + delimited(2, SIGNATURE + b"\0"))
    return {
        "trailing-byte": ("A byte after the last link.", FRAME + b"\0"),
        "trailing-byte-after-statement": ("A byte after the last statement.", FRAME + RECEIPT + b"\0"),
        "cut-short": ("The last byte is missing.", FRAME[:-1]),
        "cut-in-length": ("Nothing after the key of a second link.", FRAME + b"\x0a"),
        "length-past-the-end": ("A length that leads past the end.", b"\x0a\x7f" + inner),
        "length-too-short": ("A length that ends inside the signature.", b"\x0a" + varint(len(inner) - 1) + inner),
        "length-overlong": ("A length in two bytes where one does.", b"\x0a" + bytes((len(inner) | 0x80, 0)) + inner),
        "length-overlong-inside": (
            "The payload's length in two bytes where one does.",
            delimited(1, b"\x0a\x89\x00" + PAYLOAD + delimited(2, SIGNATURE)),
        ),
        "length-of-ten-bytes": ("A length of 2^63.", b"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01" + inner),
        "length-without-end": ("A length whose varint does not end.", b"\x0a" + b"\xff" * 20),
        "no-payload": ("A link without a payload.", delimited(1, delimited(2, SIGNATURE))),
        "empty-payload": ("A link whose payload is empty.", delimited(1, b"\x0a\x00" + delimited(2, SIGNATURE))),
        "no-signature": ("A link without a signature.", delimited(1, delimited(1, PAYLOAD))),
        "63-byte-signature": ("A signature of 63 bytes.", short),
        "65-byte-signature": ("A signature of 65 bytes.", long),
        "signature-first": ("Signature before payload.", delimited(1, delimited(2, SIGNATURE) + delimited(1, PAYLOAD))),
        "payload-twice": ("A second payload, before the signature.", delimited(1, delimited(1, PAYLOAD) + inner)),
        "signature-twice": ("A second signature.", delimited(1, inner + delimited(2, SIGNATURE))),
        "unknown-field-in-link": ("A field in the link that nobody knows.", delimited(1, inner + number(3, 1))),
        "empty-link": ("A link with nothing in it.", FRAME + b"\x0a\x00"),
        "unknown-field": ("A field after the links that nobody knows.", FRAME + delimited(3, b"x")),
        "link-after-statement": ("A link after a statement.", FRAME + RECEIPT + FRAME),
        "varint-field": ("Field 2 as a varint.", FRAME + number(2, 1)),
        "overlong-key": ("The key of the second link in two bytes.", FRAME + b"\x8a\x00" + FRAME[1:]),
        "group": ("A group in place of a field.", FRAME + b"\x1b\x1c"),
    }


def bad() -> Iterator[Vector]:
    """Envelopes that are not the grammar (E-2, E-3)."""
    for name, (says, token) in _malformed().items():
        yield _vector(name, says, ("E-3", "V-2"), token, refused("malformed"))
    none = refused("no_links")
    yield _vector("empty", "No bytes.", ("E-2",), b"", none)
    yield _vector("only-statement", "A statement and no link.", ("E-2",), RECEIPT, none)
    yield _vector("other-first-byte", "Something that is no token.", ("E-2",), b"hello", none)
    yield _vector("json", "A token of another kind.", ("E-2",), b'{"alg":"none"}', none)


def statements() -> Iterator[Vector]:
    """Statements in a token (E-4)."""
    unsupported = refused("statement_unsupported")
    for kind in m.KINDS:
        if kind not in ("receipt", "binding"):
            other = statement(kind, b"\x08\x01", ALICE)
            yield _vector(
                f"statement-{kind}",
                f"A statement of the kind {kind} has no place in a token.",
                ("E-4",),
                FRAME + delimited(2, other),
                unsupported,
            )
    unknown = m.signed_statement(11, STATEMENTS.key_id, b"\x08\x01", SIGNATURE)
    yield _vector(
        "statement-kind-11", "A kind that nobody knows.", ("E-4",), FRAME + delimited(2, unknown), unsupported
    )
    none = m.signed_statement(0, STATEMENTS.key_id, b"\x08\x01", SIGNATURE)
    yield _vector("statement-kind-0", "A statement without a kind.", ("E-4",), FRAME + delimited(2, none), unsupported)
    ours = receipt(fixed("a link", 32))
    for name, says, data in (
        ("unknown-field", "A statement with a field that nobody knows.", ours + number(5, 1)),
        ("field-twice", "A statement with its kind twice.", ours[:2] + ours),
        ("overlong", "A statement whose kind is an overlong varint.", b"\x08\x81\x00" + ours[2:]),
        ("cut-short", "A statement that is cut short.", ours[:-1]),
        ("reordered", "A statement with its fields in another order.", ours[2:] + ours[:2]),
    ):
        yield _vector(f"statement-{name}", says, ("E-4", "C-10"), FRAME + delimited(2, data), refused(NOT_CANONICAL))
    for name, key_id, signature in (
        ("15-byte-key-id", STATEMENTS.key_id[:15], SIGNATURE),
        ("17-byte-key-id", STATEMENTS.key_id + b"\0", SIGNATURE),
        ("no-key-id", b"", SIGNATURE),
        ("63-byte-signature", STATEMENTS.key_id, SIGNATURE[:63]),
        ("65-byte-signature", STATEMENTS.key_id, SIGNATURE + b"\0"),
        ("no-signature", STATEMENTS.key_id, b""),
    ):
        data = m.signed_statement(1, key_id, m.receipt(fixed("a link", 32)), signature)
        yield _vector(
            f"statement-{name}",
            f"A statement with a field of a wrong size ({name}).",
            ("F-9",),
            FRAME + delimited(2, data),
            refused("field_invalid"),
        )


AREA = Area("envelope", "The envelope of a token.", [*good(), *sizes(), *bad(), *statements()])
