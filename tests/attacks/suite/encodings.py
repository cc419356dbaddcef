"""Other encodings of the same: long numbers, defaults written out, other orders, ends that are none."""

from __future__ import annotations

from collections.abc import Iterator

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt
from attacks.suite.mangling import (
    GRANT_PLACES,
    PLACES,
    Mangle,
    around_proof,
    in_link,
    inside,
    proof_says,
    receipt_says,
    token_says,
    written_by_hand,
)
from attacks.suite.recipes import link_says, one_argument
from attacks.suite.writer import Of
from delegation.errors import Reason
from support.chains import agent


def long_key(message: bytes) -> bytes:
    """Write the key of the first field with a needless byte."""
    (number, content), *_ = w.split(message)
    rest = message[len(w.field(number, content)) :]
    wire = 0 if isinstance(content, int) else 2
    body = w.field(number, content)[len(w.key(number, wire)) :]
    return w.long_varint(number << 3 | wire) + body + rest


def long_value(message: bytes) -> bytes:
    """Write the first number, or the first length, with a needless byte."""
    (number, content), *_ = w.split(message)
    rest = message[len(w.field(number, content)) :]
    if isinstance(content, int):
        return w.key(number, 0) + w.long_varint(content) + rest
    return w.key(number, 2) + w.long_varint(len(content)) + content + rest


def longest_value(message: bytes) -> bytes:
    """The same with as many needless bytes as a varint can have."""
    (number, content), *_ = w.split(message)
    rest = message[len(w.field(number, content)) :]
    size = content if isinstance(content, int) else len(content)
    more = 10 - len(w.varint(size))
    wire, body = (0, b"") if isinstance(content, int) else (2, content)
    return w.key(number, wire) + w.long_varint(size, more) + body + rest


def backwards(message: bytes) -> bytes:
    return w.fields(*reversed(w.split(message)))


LAX: dict[str, Mangle] = {
    "a long key": long_key,
    "a long length or number": long_value,
    "the longest length or number": longest_value,
    "fields backwards": backwards,
}


DEFAULTS = {
    "an empty purpose": ((), Of.PURPOSE, b""),
    "an empty trace id": ((), Of.TRACE_ID, b""),
    "a depth of 0": ((), Of.REMAINING_DEPTH, 0),
    "any arguments: false": ((Of.SCOPE, 1), 3, 0),
    "optional: false": ((Of.SCOPE, 1, 4), 2, 0),
    "has null: false": ((Of.SCOPE, 1, 4, 3, 8), 6, 0),
}


def non_canonical() -> Iterator[Attempt]:
    yield from laxly_written()
    yield from defaults_and_ends()
    yield from texts()
    yield from packing()


def laxly_written() -> Iterator[Attempt]:
    reason = Reason.NOT_CANONICAL
    skipped = {("fields backwards", "the scope"), ("fields backwards", "a constraint")}
    for name, mangle in LAX.items():
        for place, path in PLACES.items():
            if (name, place) in skipped:
                continue
            assert isinstance(path, tuple)
            yield Attempt(f"{name} in {place}", reason, in_link(mangle, path), 1)
        for place, path in GRANT_PLACES.items():
            yield Attempt(f"{name} in {place}", reason, in_link(mangle, path, 0, 1), 0)
        yield Attempt(f"{name} in a proof", Reason.PROOF_INVALID, proof_says(mangle))
        yield Attempt(f"{name} around a proof", Reason.PROOF_INVALID, around_proof(mangle))
        yield Attempt(f"{name} around a signed link", Reason.MALFORMED, token_says(inside(1)(mangle)))
        yield Attempt(f"{name} in a receipt", reason, receipt_says(mangle))
        yield Attempt(f"{name} around a receipt", reason, receipt_says(lambda p: p, mangle))
        if name != "fields backwards":
            reason_of_token = Reason.NO_LINKS if name == "a long key" else Reason.MALFORMED
            yield Attempt(f"{name} in the token", reason_of_token, token_says(mangle))


def defaults_and_ends() -> Iterator[Attempt]:
    reason = Reason.NOT_CANONICAL
    for name, (path, number, content) in DEFAULTS.items():

        def written(message: bytes, number: int = number, content: w.Content = content) -> bytes:
            return w.changed(message, {number: content})

        for at, of in ((1, 2), (2, 3)):
            recipe = in_link(written, path, at, of)
            yield Attempt(f"{name}, written out, link {at} of {of}", reason, recipe, at)
    ends: dict[str, Mangle] = {
        "a byte too few": lambda m: m[:-1],
        "a zero byte too many": lambda m: m + b"\0",
        "the beginning of a field": lambda m: m + w.key(10, 2),
        "a length that leads out": lambda m: m + w.key(10, 2) + b"\x05a",
        "an endless number": lambda m: m + w.key(10, 0) + b"\xff" * 11,
    }
    for name, mangle in ends.items():
        yield Attempt(f"{name} at the end of a link", reason, in_link(mangle, ()))
        yield Attempt(f"{name} at the end of a proof", Reason.PROOF_INVALID, proof_says(mangle))
        yield Attempt(f"{name} at the end of the token", Reason.MALFORMED, token_says(mangle))


def texts() -> Iterator[Attempt]:
    """Bytes that are no text, where text has to be."""
    reason = Reason.NOT_CANONICAL
    no_texts = {
        "a surrogate": b"\xed\xa0\x80",
        "an overlong slash": b"\xc0\xaf",
        "half a character": b"\xe2\x82",
        "a byte that is none": b"\xff",
    }
    for name, text in no_texts.items():
        yield Attempt(f"{name} in a purpose", reason, in_link(lambda m, t=text: w.changed(m, {Of.PURPOSE: t}), ()))
        agent_id = agent("a").encode() + text
        yield Attempt(
            f"{name} in an agent id", reason, in_link(lambda m, t=agent_id: w.changed(m, {Of.HOLDER_AGENT: t}), ())
        )


def packing() -> Iterator[Attempt]:
    """The numbers of a set, packed in another way than the one."""
    ones = (w.varint(w.zigzag(1)), w.varint(w.zigzag(2)))
    sets = {
        "numbers that are not packed": w.field(1, "x") + w.field(2, w.zigzag(1)) + w.field(2, w.zigzag(2)),
        "numbers packed in two pieces": w.field(1, "x") + w.field(2, ones[0]) + w.field(2, ones[1]),
        "no numbers, packed": w.field(1, "x") + w.field(2, b""),
        "a packed number with a needless byte": w.field(1, "x") + w.field(2, w.long_varint(2) + ones[1]),
        "a packed number cut short": w.field(1, "x") + w.field(2, ones[0] + b"\x80"),
    }
    for name, scalars in sets.items():
        for at, of in ((0, 1), (1, 2)):
            scope = one_argument(w.field(8, scalars))
            recipe = link_says({Of.SCOPE: scope}, at, of, scope=one_argument(w.anything()), call=("t", "t", {"x": "x"}))
            yield Attempt(f"{name}, link {at} of {of}", Reason.NOT_CANONICAL, recipe)


CLASSES = (AttackClass("non-canonical encoding", non_canonical, written_by_hand),)
