"""On whose behalf: claims of a grant that were changed, by whoever could not sign them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt, Call, Recipe, Twin
from attacks.suite.identities import granted_to
from attacks.suite.recipes import path_of
from attacks.suite.worlds import READ, World
from attacks.suite.writer import Of
from delegation.core.keys import SigningKey
from delegation.errors import InvalidRequest, Reason
from support.chains import (
    ISSUER,
    MALLORY,
    NOW_MS,
    MadeChain,
    some_bytes,
)

CLAIMS = {
    "another subject": {1: "the boss"},
    "the subject in Cyrillic": {1: "\u0430da"},
    "another issuer": {2: "https://other.example.test"},
    "an asserted principal": {3: 1, 4: None},
    "another basis": {3: 3},
    "another token": {4: some_bytes("another token", 32)},
    "an authentication just now": {5: NOW_MS},
    "a stronger authentication": {6: "phishing-resistant"},
}


CLAIMS_OF_GRANT: dict[str, dict[int, Any]] = {
    "another task": {2: some_bytes("another task")},
    "handoffs without receipts": {4: None},
}


SENSELESS: dict[str, dict[int, Any]] = {
    "no basis": {3: None},
    "a basis that nobody knows": {3: 5},
    "a negative basis": {3: -1},
    "no subject": {1: None},
    "no issuer": {2: None},
    "an asserted principal with a token": {3: 1},
    "a principal with a basis and no token": {4: None},
    "a token's digest cut": {4: some_bytes("token", 31)},
    "a subject with a line feed": {1: "ada\nboss"},
    "a subject with an override": {1: "\u202eada"},
    "a negative authentication": {5: -1},
    "a strength with a NUL": {6: "a\0"},
}


def regranted(change: Callable[[bytes], bytes], of: int, signer: Callable[[MadeChain], SigningKey | None]) -> Recipe:
    """Change the claims of a grant; who signs it anew, if anybody."""

    def recipe(world: World) -> Call:
        made = world.chain(path_of(of))
        claims = w.content_of(made.payloads[0], Of.GRANT)
        assert isinstance(claims, bytes)
        other = made.with_payload(0, w.changed(made.payloads[0], {Of.GRANT: change(claims)}))
        by = signer(made)
        if by is not None:
            assert by is not ISSUER or world.issuer
            return world.call(other.signed_by(0, by))
        # Nobody: the issuer's signature stays what it was, and all handoffs are signed under the changed grant.
        signed = other.signed_by(0, MALLORY).signed
        token = b"".join(
            w.field(1, w.fields((1, payload), (2, made.signed[0][1] if not number else signature)))
            for number, (payload, signature, _) in enumerate(signed)
        )
        return replace(world.call(other.signed_by(0, MALLORY)), token=token)

    return recipe


def principal(changes: dict[int, Any]) -> Callable[[bytes], bytes]:
    def change(claims: bytes) -> bytes:
        found = w.content_of(claims, 3)
        assert isinstance(found, bytes)
        return w.changed(claims, {3: w.changed(found, changes)})

    return change


def swapped() -> Iterator[Attempt]:
    swaps = {name: principal(changes) for name, changes in CLAIMS.items()}
    swaps |= {name: lambda claims, c=changes: w.changed(claims, c) for name, changes in CLAIMS_OF_GRANT.items()}
    invalid = Reason.SIGNATURE_INVALID
    for name, change in swaps.items():
        for of in (1, 2):
            yield Attempt(f"{name}, unsigned, {of} links", invalid, regranted(change, of, lambda _: None), 0)
        yield Attempt(f"{name}, signed by the holder", invalid, regranted(change, 2, lambda made: made.holders[0]), 0)
    for name, changes in SENSELESS.items():
        recipe = regranted(principal(changes), 2, lambda _: ISSUER)
        yield Attempt(f"{name}, signed by the issuer", Reason.FIELD_INVALID, recipe, 0)
    gone = regranted(lambda claims: w.changed(claims, {3: None}), 1, lambda _: ISSUER)
    yield Attempt("no principal at all", Reason.FIELD_INVALID, gone, 0)
    for name, token in {"a JWT": b"eyJhbGciOiJub25lIn0.e30.", "nonsense": b"\xff", "a text": b"boss"}.items():
        recipe = granted_to("orchestrator/alice", w.scope(READ), principal_token=token)
        yield Attempt(f"a principal by {name}", InvalidRequest, recipe, online=True)


def rightful() -> Iterator[Twin]:
    same: Callable[[bytes], bytes] = lambda claims: claims  # noqa: E731
    for of in (1, 2):
        yield Twin(f"the claims as they were, {of} links", regranted(same, of, lambda _: None))
    for name, changes in CLAIMS.items():
        yield Twin(f"{name}, signed by the issuer", regranted(principal(changes), 2, lambda _: ISSUER), online=False)


CLASSES = (AttackClass("principal swapped", swapped, rightful),)
