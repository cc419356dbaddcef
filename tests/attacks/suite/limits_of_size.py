"""Tokens, scopes, proofs and arguments one past each limit; the twin is at the limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt, Call, Recipe, Twin
from attacks.suite.recipes import link_says, one_argument, under
from attacks.suite.worlds import World
from attacks.suite.writer import Of
from delegation.core import limits
from delegation.errors import Reason

ANY = one_argument(w.anything())
CALL = ("t", "t", {"x": "x"})


@cache
def capabilities(count: int) -> bytes:
    return w.scope(
        *(w.capability("a", f"tool-{n:04}", any_arguments=True) for n in range(count - 1)),
        w.capability("t", "t", any_arguments=True),
    )


@cache
def arguments(count: int) -> bytes:
    given = (w.argument(f"{n:04}", w.anything(), optional=True) for n in range(count - 1))
    return w.scope(w.capability("t", "t", *given, w.argument("x", w.anything())))


@cache
def members(count: int) -> bytes:
    return one_argument(w.one_of(*sorted(f"{n:04}" for n in range(count - 1)), "x"))


@cache
def fields_of(count: int) -> bytes:
    given = (w.argument(f"{n:04}", w.anything(), optional=True) for n in range(count))
    return one_argument(w.any_of(w.string("x"), w.object_of(*given)))


@cache
def branches(count: int) -> bytes:
    return one_argument(w.any_of(w.string("x"), *(w.string(f"{n}") for n in range(count - 1))))


@cache
def approvers(count: int) -> bytes:
    demand = w.approval(1, *(f"approver-{n:04}" for n in range(count)))
    return w.scope(w.capability("a", "a", conditions=[demand]), w.capability("t", "t", any_arguments=True))


@cache
def conditions(count: int) -> bytes:
    budgets = [w.budget(f"b{n}", "1") for n in range(count)]
    return w.scope(w.capability("a", "a", conditions=budgets), w.capability("t", "t", any_arguments=True))


def schemes(count: int) -> bytes:
    return one_argument(w.any_of(w.string("x"), w.url(*(f"s{n}" for n in range(count)), host="a.example")))


def nested(depth: int) -> bytes:
    """So many constraints in one another, the innermost included."""
    inner = w.anything()
    for _ in range(depth - 2):
        inner = w.each(inner)
    return one_argument(w.any_of(w.string("x"), inner))


def nested_fields(depth: int) -> bytes:
    inner = w.anything()
    for _ in range(depth - 2):
        inner = w.object_of(w.argument("f", inner))
    return one_argument(w.any_of(w.string("x"), inner))


def nested_choices(depth: int) -> bytes:
    inner = w.string("x")
    for _ in range(depth - 1):
        inner = w.any_of(inner)
    return one_argument(inner)


def nested_value(depth: int) -> bytes:
    """An `exact_composite` of so many values in one another."""
    value = w.field(1, 1)
    for _ in range(depth - 1):
        value = w.field(6, w.field(1, value))
    return one_argument(w.any_of(w.string("x"), w.field(7, value)))


def text(size: int) -> bytes:
    return one_argument(w.one_of("t" * size, "x"))


def name(size: int) -> bytes:
    return w.scope(w.capability("a" * size, "a"), w.capability("t", "t", any_arguments=True))


def digits(size: int) -> bytes:
    return one_argument(w.any_of(w.string("x"), w.decimals(maximum="9" * size)))


def expression(size: int) -> bytes:
    odd = "(a)" if size % 2 and size > 1 else "a" * (size % 2)  # a group is longer than it weighs
    return one_argument(w.any_of(w.string("x"), w.regex(r"\." * ((size - len(odd)) // 2) + odd)))


def weight(size: int) -> bytes:
    repeated = f"(abcd){{{size // 4}}}" if size > 3 else ""
    return one_argument(w.any_of(w.string("x"), w.regex(repeated + "a" * (size % 4))))


CAPS: dict[str, tuple[Any, int, Reason]] = {
    "capabilities": (capabilities, limits.CAPABILITIES, Reason.TOO_MANY_CAPABILITIES),
    "arguments": (arguments, limits.ARGUMENTS, Reason.TOO_MANY_ARGUMENTS),
    "fields": (fields_of, limits.ARGUMENTS, Reason.TOO_MANY_ARGUMENTS),
    "members of a set": (members, limits.SET_VALUES, Reason.TOO_MANY_VALUES),
    "alternatives": (branches, 64, Reason.TOO_MANY_VALUES),
    "approvers": (approvers, 64, Reason.TOO_MANY_VALUES),
    "conditions": (conditions, limits.CONDITIONS, Reason.TOO_MANY_VALUES),
    "schemes": (schemes, 8, Reason.FIELD_INVALID),
    "bytes of a text": (text, limits.TEXT_BYTES, Reason.FIELD_INVALID),
    "bytes of a name": (name, limits.NAME_BYTES, Reason.FIELD_INVALID),
    "digits of a number": (digits, limits.DECIMAL_CHARACTERS, Reason.FIELD_INVALID),
    "bytes of an expression": (expression, 512, Reason.FIELD_INVALID),
    "weight of an expression": (weight, 256, Reason.FIELD_INVALID),
}
NESTED: dict[str, Any] = {
    "lists of constraints": nested,
    "objects of constraints": nested_fields,
    "alternatives": nested_choices,
    "values": nested_value,
}


def padded(size: int) -> Recipe:
    """A token of just so many bytes, all of them in a last receipt that nobody has asked for."""

    def recipe(world: World) -> Call:
        call = world.call(world.chain())
        rest = size - len(call.token)
        return replace(call, token=call.token + w.field(2, bytes(rest - len(w.varint(rest)) - 1)))

    return recipe


def oversized() -> Iterator[Attempt]:
    yield from too_much_in_a_link()
    yield from too_much_around()


def too_much_in_a_link() -> Iterator[Attempt]:
    for what, (scope, most, reason) in CAPS.items():
        for at, of in ((0, 1), (1, 2)):
            recipe = link_says({Of.SCOPE: scope(most + 1)}, at, of, scope=scope(1) if at else ANY, call=CALL)
            yield Attempt(f"{most + 1} {what}, link {at} of {of}", reason, recipe, at)
    for size in (limits.PURPOSE_BYTES + 1, 30_000):
        purpose = {Of.PURPOSE: "p" * size}
        for at, of in ((0, 1), (1, 2)):
            yield Attempt(
                f"a purpose of {size} bytes, link {at} of {of}", Reason.FIELD_INVALID, link_says(purpose, at, of), at
            )
    agent_id = {Of.HOLDER_AGENT: "spiffe://" + "a" * limits.NAME_BYTES}
    yield Attempt("an agent id that is too long", Reason.FIELD_INVALID, link_says(agent_id), 1)


@cache
def bulky(tools: int) -> bytes:
    """A scope of nearly a kibibyte for each tool."""
    long = "a" * 460
    listed = (w.capability(long, f"{n:04}" + long, any_arguments=True) for n in range(tools))
    return w.scope(*listed, w.capability("t", "t", any_arguments=True))


def too_much_around() -> Iterator[Attempt]:
    for tools, of in ((72, 1), (36, 2), (24, 3)):
        yield Attempt(
            f"{of} links with {tools} long names each", Reason.TOKEN_TOO_LARGE, under(bulky(tools), of, call=CALL)
        )
    for size in (limits.TOKEN_BYTES + 1, 2 * limits.TOKEN_BYTES, 16 * limits.TOKEN_BYTES):
        yield Attempt(f"a token of {size} bytes", Reason.TOKEN_TOO_LARGE, padded(size))
    for size in (limits.PROOF_BYTES + 1, 100_000):

        def proof(world: World, size: int = size) -> Call:
            call = world.call(world.chain())
            return replace(call, proof=call.proof + bytes(size - len(call.proof)))

        yield Attempt(f"a proof of {size} bytes", Reason.PROOF_INVALID, proof)
    big = {
        "a text of a mebibyte": {"x": "x" * limits.ARGUMENT_BYTES},
        "a list of too many": {"x": [0] * limits.ARGUMENT_VALUES},
        "too many arguments": {f"a{n}": 0 for n in range(limits.ARGUMENT_VALUES + 1)},
        "many lists": {"x": [[]] * limits.ARGUMENT_VALUES},
    }
    for what, sent in big.items():
        recipe = under(w.scope(w.capability("t", "t", any_arguments=True)), 1, call=("t", "t", sent))
        yield Attempt(what, Reason.ARGUMENTS_TOO_LARGE, recipe, online=False)
    for count in (limits.STATEMENTS + 1, limits.STATEMENTS + 9):

        def many(world: World, count: int = count) -> Call:
            call = world.call(world.chain())
            return replace(call, token=call.token + w.field(2, statement()) * count)

        yield Attempt(f"{count} statements", Reason.STATEMENT_UNSUPPORTED, many)


def statement() -> bytes:
    """A statement of the right shape."""
    return w.fields((1, 1), (2, bytes(range(16))), (3, b"x" * 8), (4, b"y" * 64))


def at_the_limits() -> Iterator[Twin]:
    for what, (scope, most, _) in CAPS.items():
        yield Twin(f"{most} {what}", under(scope(most), 1, call=CALL))
        yield Twin(f"1 {what} of {most}", under([scope(most), scope(most)], 2, call=CALL))
    yield Twin("64 long names", under(bulky(64), 1, call=CALL))
    yield Twin("a purpose of as many bytes", link_says({Of.PURPOSE: "p" * limits.PURPOSE_BYTES}))


def over_deep() -> Iterator[Attempt]:
    for of in (limits.LINKS + 1, limits.LINKS + 2, 36):
        recipe = under(one_argument(w.string("x")), of, call=CALL, depth=of)
        yield Attempt(f"{of} links", Reason.TOO_MANY_LINKS, recipe)
    for at in (0, 1, 3, 7):
        recipe = under(one_argument(w.string("x")), limits.LINKS + 1, call=CALL, depth=40 + at)
        yield Attempt(f"{limits.LINKS + 1} links where {40 + at} are permitted", Reason.TOO_MANY_LINKS, recipe)
    for count in (limits.LINKS + 1, 2 * limits.LINKS):

        def repeated(world: World, count: int = count) -> Call:
            call = world.call(world.chain("root", scope=one_argument(w.string("x"))), *CALL)
            return replace(call, token=call.token * count)

        yield Attempt(f"one link {count} times", Reason.TOO_MANY_LINKS, repeated)


def as_many_links() -> Iterator[Twin]:
    for of in (1, 16, limits.LINKS):
        yield Twin(f"{of} links", under(one_argument(w.string("x")), of, call=CALL, depth=40))


def over_nested() -> Iterator[Attempt]:
    for what, scope in NESTED.items():
        for depth in (limits.NESTING + 1, limits.NESTING + 2, 30):
            for at, of in ((0, 1), (1, 2)):
                recipe = link_says({Of.SCOPE: scope(depth)}, at, of, scope=ANY, call=CALL)
                name = f"{depth} {what} in one another, link {at} of {of}"
                yield Attempt(name, Reason.NESTING_TOO_DEEP, recipe, at)
    for depth in (500, 2_000):  # by the hundred, a reader's parser gives up by itself (V-15)
        for what, scope in NESTED.items():
            recipe = link_says({Of.SCOPE: scope(depth)}, scope=ANY, call=CALL)
            yield Attempt(f"{depth} {what} in one another", Reason.MALFORMED, recipe)
    for depth in (limits.VALUE_NESTING + 1, 100):
        for what, opening, closing in (("lists", "[", "]"), ("objects", '{"a":', "}")):
            inner = opening * depth + ("1" if what == "objects" else "") + closing * depth
            sent = f'{{"x":{inner}}}'.encode()
            recipe = under(w.scope(w.capability("t", "t", any_arguments=True)), 1, call=("t", "t", sent))
            yield Attempt(f"{depth} {what} in one another, sent", Reason.ARGUMENTS_INVALID, recipe)


def as_nested() -> Iterator[Twin]:
    for what, scope in NESTED.items():
        yield Twin(f"{limits.NESTING} {what} in one another", under(scope(limits.NESTING), 2, call=CALL))
    inner = "[" * (limits.VALUE_NESTING - 1) + "]" * (limits.VALUE_NESTING - 1)
    deep = under(w.scope(w.capability("t", "t", any_arguments=True)), 1, call=("t", "t", f'{{"x":{inner}}}'.encode()))
    yield Twin("as many lists in one another, sent", deep)


CLASSES = (
    AttackClass("oversized", oversized, at_the_limits),
    AttackClass("over-deep", over_deep, as_many_links),
    AttackClass("over-nested", over_nested, as_nested),
)
