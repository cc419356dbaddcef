"""Ways to write a message otherwise, at every message of token, proof and statement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from attacks.suite import writer as w
from attacks.suite.calls import Call, Recipe, Twin
from attacks.suite.recipes import link_says, one_argument, path_of, under
from attacks.suite.signatures import receipt_bytes
from attacks.suite.worlds import World, id_of, sign_proof_payload, token_of
from attacks.suite.writer import Of
from support.chains import NOW_MS

Mangle = Callable[[bytes], bytes]


def inside(*path: int) -> Callable[[Mangle], Mangle]:
    """Give what mangles a message inside a message: the first field of each number on the way."""

    def deeper(mangle: Mangle) -> Mangle:
        for number in reversed(path):
            mangle = _at(number, mangle)
        return mangle

    return deeper


def _at(number: int, mangle: Mangle) -> Mangle:
    def at(message: bytes) -> bytes:
        written, done = b"", False
        for each, content in w.split(message):
            hit = each == number and not done
            done = done or hit
            written += w.field(each, mangle(content) if hit and isinstance(content, bytes) else content)
        assert done, f"there is no field {number}"
        return written

    return at


RICH = w.scope(
    w.capability(
        "t",
        "t",
        w.argument("a", w.one_of("x", integers=[1, 2])),
        w.argument("b", w.integers(0, 5), optional=True),
        w.argument("c", w.object_of(w.argument("f", w.anything())), optional=True),
        w.argument("d", w.list_of(w.field(4, 2)), optional=True),
        conditions=(),
    )
)


RICH_CALL = ("t", "t", {"a": "x"})


PLACES: dict[str, Mangle | tuple[int, ...]] = {
    "the link": (),
    "the scope": (Of.SCOPE,),
    "a capability": (Of.SCOPE, 1),
    "an argument": (Of.SCOPE, 1, 4),
    "a constraint": (Of.SCOPE, 1, 4, 3),
    "a set of scalars": (Of.SCOPE, 1, 4, 3, 8),
}


GRANT_PLACES: dict[str, tuple[int, ...]] = {
    "the claims of the grant": (Of.GRANT,),
    "the principal": (Of.GRANT, 3),
}


def in_link(mangle: Mangle, path: tuple[int, ...], at: int = 1, of: int = 2) -> Recipe:
    return link_says(inside(*path)(mangle), at, of, scope=RICH, call=RICH_CALL)


def proof_says(mangle: Mangle) -> Recipe:
    """Sign a proof's payload as it is after it was mangled."""

    def recipe(world: World) -> Call:
        made = world.chain(scope=RICH)
        call = world.call(made, *RICH_CALL)
        payload = w.content_of(call.proof, 1)
        assert isinstance(payload, bytes)
        return replace(call, proof=sign_proof_payload(mangle(payload), made.leaf_key))

    return recipe


def around_proof(mangle: Mangle) -> Recipe:
    def recipe(world: World) -> Call:
        call = world.call(world.chain(scope=RICH), *RICH_CALL)
        return replace(call, proof=mangle(call.proof))

    return recipe


def token_says(mangle: Mangle, of: int = 2) -> Recipe:
    def recipe(world: World) -> Call:
        call = world.call(world.chain(path_of(of), scope=RICH), *RICH_CALL)
        return replace(call, token=mangle(call.token))

    return recipe


def receipt_says(mangle: Mangle, around: Mangle = lambda whole: whole) -> Recipe:
    """Sign a receipt's payload after it was mangled; or mangle the statement around it."""

    def recipe(world: World) -> Call:
        made = world.chain(scope=RICH, unrecorded=False)
        payload = mangle(w.fields((1, id_of(made, -1)), (2, NOW_MS)))
        ((_, statement),) = w.split(receipt_bytes(world.statement_key, payload))
        assert isinstance(statement, bytes)
        return replace(world.call(made, *RICH_CALL), token=token_of(made) + w.field(2, around(statement)))

    return recipe


def written_by_hand() -> Iterator[Twin]:
    """Everything written by the same hand, without the fault."""
    same: Mangle = lambda message: message  # noqa: E731
    for place, path in PLACES.items():
        assert isinstance(path, tuple)
        yield Twin(f"{place}, written anew", in_link(same, path))
    for place, path in GRANT_PLACES.items():
        yield Twin(f"{place}, written anew", in_link(same, path, 0, 1))
    yield Twin("a proof, written anew", proof_says(same))
    yield Twin("the token, written anew", token_says(inside(1)(same)))
    yield Twin("a receipt, written anew", receipt_says(same))
    yield Twin("a purpose, written by hand", in_link(lambda m: w.changed(m, {Of.PURPOSE: "caf\u00e9"}), ()))
    numbers = one_argument(w.one_of("x", integers=[1, 2]))
    yield Twin("numbers, packed as they must be", under(numbers, call=("t", "t", {"x": 2})))
