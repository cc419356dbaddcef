"""Holder keys with which anybody could sign, and keys that are written in two ways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt, Call, Recipe, Twin
from attacks.suite.recipes import link_says, path_of
from attacks.suite.worlds import World
from attacks.suite.writer import Of
from delegation.errors import Reason
from support.chains import key

P = 2**255 - 19
ORDER_8_Y = 55188659117513257062467267217118295137698188065244968500265048394206261417927


def encoded(y: int, *, sign: int = 0) -> bytes:
    """Encode a point by its y and the sign of its x."""
    return (y + (sign << 255)).to_bytes(32, "little")


WEAK = {
    "the neutral element": encoded(1),
    "the neutral element with a sign": encoded(1, sign=1),
    "the point of order two": encoded(P - 1),
    "the point of order two with a sign": encoded(P - 1, sign=1),
    "a point of order four": encoded(0),
    "the other point of order four": encoded(0, sign=1),
    "a point of order eight": encoded(ORDER_8_Y),
    "another point of order eight": encoded(ORDER_8_Y, sign=1),
    "a third point of order eight": encoded(P - ORDER_8_Y),
    "the fourth point of order eight": encoded(P - ORDER_8_Y, sign=1),
}
NOT_CANONICAL = {
    "the order-four point as p": encoded(P),
    "the order-four point as p with a sign": encoded(P, sign=1),
    "the neutral element as p + 1": encoded(P + 1),
    "a point as p + 2": encoded(P + 2),
    "the greatest number there is": b"\xff" * 32,
    "the greatest number without a sign": encoded(2**255 - 1),
    "p + 9": encoded(P + 9),
}
WRONG_SIZES = {
    "no key": None,
    "a byte less": key("holder").public[:31],
    "a byte more": key("holder").public + b"\0",
    "two keys": key("holder").public * 2,
    "a key in text": key("holder").public.hex(),
}
FORGED = (b"\x01" + bytes(31) + bytes(32), encoded(1, sign=1) + bytes(32))
"""R of order one, S = 0: it verifies for every message under the neutral element, where that is let in."""


def weak() -> Iterator[Attempt]:
    for name, public in {**WEAK, **NOT_CANONICAL}.items():
        for at, of in ((0, 1), (1, 2), (2, 3)):
            recipe = unsigned_proof(link_says({Of.HOLDER_KEY: public}, at, of), public)
            yield Attempt(f"{name}, in link {at} of {of}", Reason.KEY_INVALID, recipe, at)
    for name, public in WRONG_SIZES.items():
        for at, of in ((0, 1), (1, 2)):
            recipe = link_says({Of.HOLDER_KEY: public}, at, of)
            yield Attempt(f"{name}, in link {at} of {of}", Reason.KEY_INVALID, recipe, at)
    for name, public in WEAK.items():
        yield Attempt(f"{name}, with a link that anybody signed", Reason.KEY_INVALID, anybody_signs(public), 1)


def unsigned_proof(recipe: Recipe, public: bytes) -> Recipe:
    """Replace the signature of the proof by one that a weak key accepts for (nearly) everything."""

    def weakly(world: World) -> Call:
        call = recipe(world)
        assert isinstance(call, Call)
        payload = w.content_of(call.proof, 1)
        return replace(call, proof=w.fields((1, payload), (2, public + bytes(32))))

    return weakly


def anybody_signs(public: bytes) -> Recipe:
    """Hand on from a weak key without having any: R = A, S = 0."""

    def recipe(world: World) -> Call:
        made = world.chain(path_of(3))
        made = made.with_payload(1, w.changed(made.payloads[1], {Of.HOLDER_KEY: public}))
        token = b""
        for number, (payload, signature, _) in enumerate(made.signed):
            token += w.field(1, w.fields((1, payload), (2, public + bytes(32) if number == 2 else signature)))
        return replace(world.call(made), token=token)

    return recipe


def strong() -> Iterator[Twin]:
    for number in range(6):
        for of in (1, 2):
            holder = key(f"holder {number}")

            def recipe(world: World, of: int = of, holder: object = holder) -> Call:
                made = world.chain(path_of(of))
                changed = w.changed(made.payloads[of - 1], {Of.HOLDER_KEY: holder.public})  # type: ignore[attr-defined]
                return world.call(made.with_payload(of - 1, changed), signer=holder)  # type: ignore[arg-type]

            yield Twin(f"ordinary key {number} in the last of {of} links", recipe, online=None if of > 1 else False)


CLASSES = (AttackClass("small-order or non-canonical holder key", weak, strong),)
