"""Inputs for the search of the worst one: a token, a call's arguments, a proof, and what the verifier knows already."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import worst_tokens
from kernel_paths import NOW_MS
from worst_recipes import Part, Recipe, Whole, Word
from worst_scopes import AUDIENCE, CALLED
from worst_tokens import Token, TokenMaker
from worst_values import NAMES, Room, value

from delegation.core import limits
from delegation.core.arguments import Arguments
from delegation.core.proof import sign_proof
from delegation.errors import Refused

_UNITS: Final = ("1,", "0.5,", "1e-7,", "[],", "{},", '"",', '"\\\\",', "null,", " ", "[", '"\\u0000",')
_GIVEN: Final = (Whole(0, limits.ARGUMENTS), Part("value"), Part("value"), Word(tuple(NAMES)))
_READ: Final = Word(("values", "bytes"))
_ARGUMENTS: Final = {
    "named": (*_GIVEN, _READ),
    "and another": (*_GIVEN, _READ, Part("value")),
    "text": (Word(_UNITS), Whole(1, limits.ARGUMENT_BYTES)),
}
"""A guard is given values, the service bytes."""

_CALL: Final = {
    "token": Part("token"),
    "arguments": Part("arguments"),
    "tool": Word((CALLED, CALLED, "t001", "zzz")),
    "proof": Word((*["right"] * 5, "another's", "forged", "none")),
    "known": Word(("nothing", "nothing", "beginning", "all")),
}
"""`known` is what of the chain the verifier has verified before, and has decided calls by."""

_NO_LINKS: Final = ["links", 0, ["nothing"], 0]
_NO_STATEMENTS: Final = ["statements", 0, "receipts", 0]
_ONE_PATH: Final = (["beginning", "sub_path", "path", 9, "hit"], ["text", "path", 9])
_ONE_LIST: Final = (["each", ["anything"]], ["list", 9, ["text", "word", 9]])
_BY_A_STRANGER: Final = {"proof": Word(("forged", "none")), "known": Word(("nothing",))}
_NO_DIGEST: Final = bytes(32)
_REMEMBERED: Final = 64


def grammar(power: str) -> dict[str, Any]:
    """Give the grammar of cases that an attacker of this power can bring about."""
    call = {**_CALL, **(_BY_A_STRANGER if power == "stranger" else {})}
    return {**worst_tokens.grammar(power), "arguments": _ARGUMENTS, "case": {"call": tuple(call.values())}}


def beginnings(power: str) -> list[Recipe]:
    """Give innocent cases to begin with: calls with a path or a list, permitted unless the attacker holds nothing."""
    cases = []
    for constraint, given in (_ONE_PATH, _ONE_LIST):
        handed_on = ["links", 1, ["tools", 1, 1, constraint, ["anything"], "required", "plain", "same"], 0]
        token = ["chain", handed_on, handed_on, _NO_LINKS, _NO_STATEMENTS, "none"]
        proof = "right"
        if power == "stranger":
            token, proof = ["forged", "grant", *token[2:]], "forged"
        cases.append(["call", token, ["named", 1, given, ["null"], "plain", "values"], CALLED, proof, "nothing"])
    return cases


@dataclass(frozen=True, slots=True)
class Case:
    """An input, and what is known when it arrives."""

    token: Token
    arguments: Mapping[str, Any] | bytes
    tool: str
    proof: bytes
    known: str

    def read(self) -> Arguments:
        """Read the arguments as who is given them does. Raises `Refused`."""
        return Arguments.parse(self.arguments) if isinstance(self.arguments, bytes) else Arguments.of(self.arguments)


class CaseMaker:
    """Makes cases of recipes; of what varies one part at a time, the other parts are made once."""

    def __init__(self, power: str, tokens: TokenMaker) -> None:
        self._power = power
        self._tokens = tokens
        self._made: OrderedDict[str, Any] = OrderedDict()

    def make(self, recipe: Recipe) -> Case:
        """Make a case.

        Raises:
            MeasurementFailedError: no token within the limits can be made of the recipe.
        """
        _, token, arguments, tool, proof, known = recipe
        made = self._once(token, lambda: self._tokens.make(token, self._power))
        given, digest = self._once(arguments, lambda: _arguments(arguments))
        return Case(made, given, tool, _proof(proof, made, tool, digest), known)

    def _once(self, recipe: Recipe, make: Callable[[], Any]) -> Any:
        key = json.dumps(recipe)
        if key not in self._made:
            self._made[key] = make()
            if len(self._made) > _REMEMBERED:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key]


def _arguments(recipe: Recipe) -> tuple[Mapping[str, Any] | bytes, bytes]:
    """Make arguments, and give their digest, if they are any."""
    if recipe[0] == "text":
        _, unit, size = recipe
        count = min(size, limits.ARGUMENT_BYTES - 16) // len(unit)
        return b'{"a":[%b]}' % (unit.encode() * count).rstrip(b","), _NO_DIGEST
    _, count, one, other, names, read, *another = recipe
    room = Room(limits.ARGUMENT_BYTES - 64, limits.ARGUMENT_VALUES - 2)
    given = {}
    for index in range(count):
        if room.is_left:
            room.take(12)
            given[NAMES[names](index)] = value(other if index % 2 else one, index, room)
    if another:
        given["zz"] = value(another[0], 0, room)
    try:
        arguments = Arguments.of(given)
    except Refused:
        return given, _NO_DIGEST
    return (arguments.canonical if read == "bytes" else given), arguments.digest


def _proof(kind: str, token: Token, tool: str, digest: bytes) -> bytes:
    if kind == "none":
        return b""
    proof = sign_proof(
        token.holder,
        chain_digest=_NO_DIGEST if kind == "another's" else token.digest,
        audience=AUDIENCE,
        tool=tool,
        arguments_digest=digest,
        now_ms=NOW_MS,
        nonce=bytes(limits.NONCE_BYTES),
    )
    return proof[:-1] + bytes((proof[-1] ^ 1,)) if kind == "forged" else proof
