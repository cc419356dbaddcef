"""Fields that nobody knows, and fields that are there twice: one reader takes the first, another the last."""

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
from attacks.suite.writer import Of
from delegation.errors import Reason
from support.chains import NOW_MS, agent


def everywhere_in_links(mangles: dict[str, Mangle]) -> Iterator[Attempt]:
    reason = Reason.NOT_CANONICAL
    for name, mangle in mangles.items():
        for place, path in PLACES.items():
            assert isinstance(path, tuple)
            for at, of in ((1, 2), (2, 3)):
                recipe = in_link(mangle, path, at, of)
                yield Attempt(f"{name} in {place}, link {at} of {of}", reason, recipe, at)
        for place, path in {**GRANT_PLACES, "the link": ()}.items():
            yield Attempt(f"{name} in {place}, the grant", reason, in_link(mangle, path, 0, 1), 0)


def elsewhere(mangles: dict[str, Mangle]) -> Iterator[Attempt]:
    """The same in the messages around links, in proofs and in statements."""
    for name, mangle in mangles.items():
        yield Attempt(f"{name} in a proof", Reason.PROOF_INVALID, proof_says(mangle))
        yield Attempt(f"{name} around a proof", Reason.PROOF_INVALID, around_proof(mangle))
        yield Attempt(f"{name} in the token", Reason.MALFORMED, token_says(mangle))
        yield Attempt(f"{name} around a signed link", Reason.MALFORMED, token_says(inside(1)(mangle)))
        yield Attempt(f"{name} in a receipt", Reason.NOT_CANONICAL, receipt_says(mangle))
        yield Attempt(f"{name} around a receipt", Reason.NOT_CANONICAL, receipt_says(lambda p: p, mangle))


UNKNOWN: dict[str, Mangle] = {
    "an unknown number": lambda m: m + w.field(99, 1),
    "unknown bytes": lambda m: m + w.field(100, b"hidden"),
    "an unknown field with the greatest number": lambda m: m + w.field(2**29 - 1, b""),
}


UNKNOWN_IN_LINKS: dict[str, Mangle] = {
    "an unknown fixed number of 64 bits": lambda m: m + w.key(99, 1) + bytes(8),
    "an unknown fixed number of 32 bits": lambda m: m + w.key(99, 5) + bytes(4),
    "an unknown group": lambda m: m + w.key(99, 3) + w.key(99, 4),
}


def unknown_field() -> Iterator[Attempt]:
    yield from everywhere_in_links(UNKNOWN)
    yield from elsewhere(UNKNOWN)
    for name, mangle in UNKNOWN_IN_LINKS.items():
        for place, path in PLACES.items():
            assert isinstance(path, tuple)
            yield Attempt(f"{name} in {place}", Reason.NOT_CANONICAL, in_link(mangle, path), 1)


def first_again(message: bytes) -> bytes:
    """Repeat the first field before itself."""
    number, content = w.split(message)[0]
    return w.field(number, content) + message


def last_again(message: bytes) -> bytes:
    number, content = w.split(message)[-1]
    return message + w.field(number, content)


def hidden(message: bytes) -> bytes:
    """Put another value before the first field, which a parser overwrites with the right one."""
    number, content = w.split(message)[0]
    other: int | bytes = content + 1 if isinstance(content, int) else content[:-1] + b"x" if content else b"x"
    return w.field(number, other) + message


TWICE: dict[str, Mangle] = {"a field twice": first_again, "another value before the right one": hidden}


SINGULAR = {
    "the version": (Of.VERSION, 2),
    "the nonce": (Of.NONCE, b"n" * 16),
    "the end": (Of.EXPIRES_AT_MS, NOW_MS + 10**9),
    "the beginning": (Of.NOT_BEFORE_MS, 1),
    "the holder key": (Of.HOLDER_KEY, b"k" * 32),
    "the agent": (Of.HOLDER_AGENT, agent("somebody")),
    "the depth": (Of.REMAINING_DEPTH, 99),
    "the scope": (Of.SCOPE, w.scope(w.capability("t", "all", any_arguments=True))),
}


def duplicate_field() -> Iterator[Attempt]:
    yield from said_twice()
    yield from twice_elsewhere()


def said_twice() -> Iterator[Attempt]:
    """A field of a link again, with another value."""
    reason = Reason.NOT_CANONICAL
    for name, (number, content) in SINGULAR.items():
        for how, mangle in {
            "before": lambda m, n=number, c=content: _insert(m, n, c, before=True),
            "after": lambda m, n=number, c=content: _insert(m, n, c, before=False),
            "at the end": lambda m, n=number, c=content: m + w.field(n, c),
        }.items():
            if (number == Of.VERSION and how != "before") or (number == Of.SCOPE and how == "at the end"):
                continue  # the last version wins, and then it is a later one; after the scope there is nothing
            for at, of in ((1, 2), (2, 3)):
                recipe = in_link(mangle, (), at, of)
                yield Attempt(f"{name} again, {how} the right one, link {at} of {of}", reason, recipe, at)


def twice_elsewhere() -> Iterator[Attempt]:
    reason = Reason.NOT_CANONICAL
    places: dict[str, tuple[int, ...]] = {"a capability": (Of.SCOPE, 1), "an argument": (Of.SCOPE, 1, 4)}
    for name, mangle in TWICE.items():
        for place, path in places.items():
            yield Attempt(f"{name} in {place}", reason, in_link(mangle, path), 1)
    yield Attempt("two kinds in a constraint", reason, in_link(lambda m: m + w.anything(), (Of.SCOPE, 1, 4, 3)), 1)
    yield Attempt("two scopes, merged by a parser", reason, in_link(last_again, (), 1, 2), 1)
    for name, mangle in TWICE.items():
        yield Attempt(f"{name} around a signed link", Reason.MALFORMED, token_says(inside(1)(mangle)))
        yield Attempt(f"{name} around a proof", Reason.PROOF_INVALID, around_proof(mangle))
        yield Attempt(f"{name} in a receipt", reason, receipt_says(mangle))
        yield Attempt(f"{name} around a receipt", reason, receipt_says(lambda p: p, mangle))
    for number in range(2, 8):

        def again(payload: bytes, number: int = number) -> bytes:
            return _insert(payload, number, w.content_of(payload, number), before=True)

        yield Attempt(f"field {number} of a proof twice", Reason.PROOF_INVALID, proof_says(again))


def _insert(message: bytes, number: int, content: w.Content, *, before: bool) -> bytes:
    written = b""
    for each, found in w.split(message):
        one, other = w.field(each, found), w.field(number, content)
        written += (other + one if before else one + other) if each == number else one
    return written


CLASSES = (
    AttackClass("unknown field", unknown_field, written_by_hand),
    AttackClass("duplicate field", duplicate_field, written_by_hand),
)
