"""Tokens for the search of the worst input, by what an attacker holds.

`stranger`  no key: links that nobody signed, perhaps after a chain that was seen in passing
`modest`    the key of a grant with three constraints: every further link is the attacker's
`generous`  the key of a grant of whatever the attacker asked for
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import worst_scopes
from kernel_paths import NOW_MS, Kernel
from measure import MeasurementFailedError
from worst_recipes import Part, Recipe, Whole, Word
from worst_values import Room

from delegation.core import limits
from delegation.core.attest import sign_binding, sign_receipt
from delegation.core.chain import Frame
from delegation.core.codec import encode_scope, join_token, parse_token
from delegation.core.constraints import between, one_of, optional, under
from delegation.core.keys import Purpose, SigningKey, link_id, signing_input
from delegation.core.scope import Scope, tool
from delegation.core.statement import Binding, Receipt, SignedStatement, StatementKind
from delegation.errors import Malformed
from delegation.v1 import chain_pb2 as pb

POWERS: Final = ("stranger", "modest", "generous")
_AGENT: Final = "a:a"
_MINUTE_MS: Final = 60_000
_LINK_BYTES: Final = 250
"""Of a link, at most, besides its scope."""

_SCOPE: Final = 9  # field of Link
_UNSIGNED: Final = bytes(limits.SIGNATURE_BYTES)
_IN_FIELDS: Final[dict[str, dict[str, Any]]] = {
    "expired": {"expires_at_ms": NOW_MS - 1, "not_before_ms": NOW_MS - _MINUTE_MS},
    "deeper": {"remaining_depth": 99},
    "key": {"holder_key": bytes(32)},
    "nonce": {"nonce": b""},
    "version": {"version": 2},
}
_APPENDED: Final = {"repeated field": b"\x08\x01", "unknown field": b"\xf8\x07\x01", "cut": b"\x0a"}
_DAMAGE: Final = (*["none"] * 9, *_IN_FIELDS, *_APPENDED, "signature")
"""What may be wrong with the last link."""

_LINKS: Final = {"links": (Whole(0, limits.LINKS), Part("scope"), Whole(0, 20))}
_STATEMENTS: Final = {
    "statements": (
        Whole(0, limits.STATEMENTS),
        Word(("receipts", "bindings", "both", "forged", "forged last")),
        Whole(0, limits.STATEMENT_BYTES - 100),
    )
}
_SIGNED: Final = {"chain": (Part("links"), Part("links"), Part("links"), Part("statements"), Word(_DAMAGE))}
_UNSIGNED_LINKS: Final = {
    "forged": (
        Word(("nothing", "grant", "chain")),
        Part("links"),
        Part("links"),
        Part("statements"),
        Word(("none", *_APPENDED)),
    )
}


def grammar(power: str) -> dict[str, Any]:
    """Give the grammar of what an attacker of this power can send as a token."""
    token = _UNSIGNED_LINKS if power == "stranger" else _SIGNED
    return {**worst_scopes.GRAMMAR, "links": _LINKS, "statements": _STATEMENTS, "token": token}


def modest_scope() -> Scope:
    """Give what a careful service grants: three arguments, each constrained."""
    listed = {"n0000": under("/srv"), "n0001": optional(between(1, 1000)), "n0002": optional(one_of("raw", "text"))}
    return Scope(tool(worst_scopes.AUDIENCE, worst_scopes.CALLED, **listed))


@dataclass(frozen=True, slots=True)
class Token:
    """A token, with its chain digest and the key that its last link names."""

    token: bytes
    digest: bytes
    holder: SigningKey

    def without_last(self) -> bytes:
        """Give the token of the links before the last; empty if there are none, or it is not to be cut."""
        try:
            frames = parse_token(self.token).frames
        except Malformed:
            return b""
        return join_token(frames[:-1]) if len(frames) > 1 else b""


class TokenMaker:
    """Makes tokens of recipes.

    Args:
        kernel: whose service signs grants and statements.
        seen: a token that others have signed, and that a stranger may begin with.
    """

    def __init__(self, kernel: Kernel, seen: bytes) -> None:
        self._kernel = kernel
        self._seen = seen
        self._keys = [SigningKey(hashlib.sha256(b"worst %d" % number).digest()) for number in range(limits.LINKS)]

    def make(self, recipe: Recipe, power: str) -> Token:
        """Make a token of at most `TOKEN_BYTES`, whatever has to be clipped for that."""
        size = limits.TOKEN_BYTES
        for _ in range(5):
            try:
                return self._made(recipe, power, size)
            except Malformed:  # too large: the room was reckoned too generously
                size = size * 95 // 100
        raise MeasurementFailedError(f"no token within the limits can be made of {recipe}")

    def _made(self, recipe: Recipe, power: str, size: int) -> Token:
        *_, statements, damage = recipe
        frames = self._beginning(recipe, power)
        room = size - sum(len(frame.payload) + 80 for frame in frames) - _reserved(statements, size)
        stretches = [part for part in recipe[1:-2] if isinstance(part, list)]
        scopes = list(_scopes(stretches, limits.LINKS - len(frames), room))
        if not frames and not scopes:
            scopes = [b""]
        for index, scope in enumerate(scopes):
            payload = self._payload(len(frames), scope, damage if index == len(scopes) - 1 else "none")
            frames.append(self._signed(payload, frames, forged=power == "stranger"))
        if damage == "signature":
            frames[-1] = frames[-1]._replace(signature=_UNSIGNED)
        token = join_token(frames, self._statements(frames, *statements[1:]))
        return Token(token, link_id(_signing_inputs(frames)[-1]), self._keys[len(frames) - 1])

    def _beginning(self, recipe: Recipe, power: str) -> list[Frame]:
        """Give the links that the attacker has not signed."""
        if power == "generous" or recipe[1] == "nothing":
            return []
        if recipe[1] == "chain":
            return list(parse_token(self._seen).frames)
        return [self._signed(self._payload(0, encode_scope(modest_scope()), "none"), [], forged=False)]

    def _payload(self, index: int, scope: bytes, damage: str) -> bytes:
        fields = {
            "version": 1,
            "nonce": bytes(16),
            "issued_at_ms": NOW_MS,
            "not_before_ms": NOW_MS,
            "expires_at_ms": NOW_MS + _MINUTE_MS,
            "holder_key": self._keys[index].public,
            "holder_agent": _AGENT,
            "remaining_depth": limits.LINKS - index,
            **_IN_FIELDS.get(damage, {}),
        }
        after = pb.Link(purpose="p", grant=None if index else self._claims())
        framed = worst_scopes.framed(_SCOPE, scope)
        return pb.Link(**fields).SerializeToString() + framed + after.SerializeToString() + _APPENDED.get(damage, b"")

    def _claims(self) -> pb.GrantClaims:
        principal = pb.Principal(subject="p", issuer="i", basis=pb.PRINCIPAL_BASIS_ASSERTED)
        key_id = self._kernel.issuer.key_id
        return pb.GrantClaims(issuer_key_id=key_id, task_id=bytes(16), principal=principal, unrecorded_handoffs=True)

    def _signed(self, payload: bytes, before: Sequence[Frame], *, forged: bool) -> Frame:
        if forged:
            return Frame(payload, _UNSIGNED, 0)
        signer = self._keys[len(before) - 1] if before else self._kernel.issuer
        return Frame(payload, signer.sign(_signing_inputs([*before, Frame(payload, b"", 0)])[-1]), 0)

    def _statements(self, frames: Sequence[Frame], count: int, kind: str, junk: int) -> Iterator[SignedStatement]:
        key, ids = self._kernel.statement_key, list(map(link_id, _signing_inputs(frames)))
        forged = SignedStatement(StatementKind.RECEIPT, key.key_id, bytes(junk), _UNSIGNED)
        signed: list[Callable[[int], SignedStatement]] = []
        if kind in ("receipts", "both", "forged last"):
            signed.append(lambda at: sign_receipt(Receipt(ids[at], NOW_MS), key))
        if kind in ("bindings", "both"):
            signed.append(lambda at: sign_binding(self._binding(at), key))
        for number in range(count):
            last = kind == "forged last" and number == count - 1
            yield forged if last or not signed else signed[number % len(signed)](number % len(frames))

    def _binding(self, at: int) -> Binding:
        return Binding(self._keys[at].public, _AGENT, NOW_MS, NOW_MS + _MINUTE_MS)


def _signing_inputs(frames: Sequence[Frame]) -> list[bytes]:
    inputs: list[bytes] = []
    for index, frame in enumerate(frames):
        parent = link_id(inputs[-1]) if inputs else b""
        inputs.append(signing_input(Purpose.HANDOFF if index else Purpose.GRANT, frame.payload, parent))
    return inputs


def _reserved(statements: Recipe, size: int) -> int:
    _, count, kind, junk = statements
    each, last = (junk + 100, 0) if kind == "forged" else (200, junk if kind == "forged last" else 0)
    return min(count * each + last, size * 3 // 4)


def _scopes(stretches: Sequence[Recipe], most: int, size: int) -> Iterator[bytes]:
    """Make the scopes of stretches of links, which share the room as their weights say; a stretch is of one scope."""
    counts = []
    for _, count, *_ in stretches:
        counts.append(min(count, most - sum(counts)))
    size -= sum(counts) * _LINK_BYTES
    weights = [count * 2**weight for count, (_, _, _, weight) in zip(counts, stretches, strict=True)]
    for count, weight, (_, _, recipe, _) in zip(counts, weights, stretches, strict=True):
        if count:
            yield from [worst_scopes.scope(recipe, Room(max(size, 0) * weight // sum(weights) // count))] * count
