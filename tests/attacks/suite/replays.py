"""Proofs that were used before, and nonces that somebody would like to use up for others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt, Call, Moment, Recipe, Request, Twin
from attacks.suite.proofs import FILES, OTHER, proof_says
from attacks.suite.recipes import path_of
from attacks.suite.signatures import with_signature
from attacks.suite.tasks import decide, service, together
from attacks.suite.worlds import World, id_of
from delegation.core import limits
from delegation.errors import Reason
from support.chains import NOW_MS, key, some_bytes


def replayed(of: int, **later: Any) -> Recipe:
    """Present a call that was permitted before; in what is unsigned it may differ."""

    def recipe(world: World) -> Call:
        call = world.call(world.chain(path_of(of)))
        return replace(call, earlier=(call,), **later)

    return recipe


def with_nonce(of: int, **other: Any) -> Recipe:
    """Sign another call with the nonce of one that was permitted before."""

    def recipe(world: World) -> Call:
        made = world.chain(path_of(of), scope=FILES)
        nonce = world.nonce()
        first = world.call(made, changes={7: nonce})
        again = world.call(made, **{"changes": {7: nonce}, **other})
        return replace(again, earlier=(first,))

    return recipe


def replays() -> Iterator[Attempt]:
    used = Reason.PROOF_REPLAYED
    for of in (1, 2, 3, 4, 6):
        yield Attempt(f"the same call again, {of} links", used, replayed(of))
    for of in (1, 2, 3):

        def third(world: World, of: int = of) -> Call:
            call = world.call(world.chain(path_of(of)))
            between = world.call(
                world.chain(path_of(of)), arguments={"path": "/srv/docs/b"}, changes={7: world.nonce()[::-1]}
            )
            return replace(call, earlier=(call, between))

        yield Attempt(f"the same call after another, {of} links", used, third)
    for of in (2, 3):

        def statements(world: World, of: int = of) -> Call:
            call = world.call(world.chain(path_of(of)))
            return replace(call, token=call.token + w.field(2, _receipt(world, of)), earlier=(call,))

        yield Attempt(f"the same call with a statement more, {of} links", used, statements)
    calls: dict[str, tuple[str, Any]] = {
        "other arguments": ("read", {"path": "/srv/docs/b"}),
        "another tool": ("write", {}),
    }
    for name, (tool, arguments) in calls.items():
        for of in (1, 2):
            recipe = with_nonce(of, tool=tool, arguments=arguments)
            yield Attempt(f"the nonce again, for {name}, {of} links", used, recipe)
    for late_ms in (1, 15_000, 29_999):
        later = Moment(now_ms=NOW_MS + late_ms)
        yield Attempt(f"the same call {late_ms} ms later", used, replayed(2, moment=later))
    for times in (2, 8):
        recipe = all_at_once(times)
        yield Attempt(f"one proof, {times} times at once, at the service", used, recipe, online=True)
    earlier = Moment(now_ms=NOW_MS - 1_000)
    yield Attempt("the same call with the clock set back", used, replayed(2, moment=earlier))
    past = Moment(now_ms=NOW_MS + limits.PROOF_PAST_MS + 1)
    yield Attempt("the same call when its nonce may be forgotten", Reason.PROOF_STALE, replayed(2, moment=past))


def all_at_once(times: int) -> Recipe:
    """Show one proof to the running service from several tools at the same time: one may be permitted."""

    def recipe(world: World) -> Request:
        call = world.call(service(world).chain(path_of(2)))
        acts = [lambda: decide(world, call)] * times
        return Request("service", call.content, lambda: together(acts, permitted=1))

    return recipe


def _receipt(world: World, of: int) -> bytes:
    from attacks.suite.signatures import receipt_bytes

    made = world.chain(path_of(of))
    ((_, statement),) = w.split(receipt_bytes(world.statement_key, w.fields((1, id_of(made, -1)), (2, NOW_MS))))
    assert isinstance(statement, bytes)
    return statement


def fresh() -> Iterator[Twin]:
    for of in (1, 2, 3):

        def again(world: World, of: int = of) -> Call:
            made = world.chain(path_of(of))
            first = world.call(made)
            second = world.call(
                made, changes={7: hashlib.sha256(w.content_of(w.content_of(first.proof, 1), 7)).digest()[:16]}
            )  # type: ignore[arg-type]
            return replace(second, earlier=(first,))

        yield Twin(f"the same call with a proof of its own, {of} links", again)


SPOILED: dict[str, tuple[str, dict[int, w.Content | None]]] = {
    "a stranger's signature": ("mallory", {}),
    "a sibling's signature": ("task sibling", {}),
    "the delegator's signature": ("task root", {}),
    "a proof for another tool": ("task planner", {4: "write"}),
    "a proof for another chain": ("task planner", {2: bytes(32)}),
    "a stale proof": ("task planner", {6: NOW_MS - 60_000}),
}


def after_spoiling(*how: str) -> Recipe:
    """The victim's call, after its nonce was shown in proofs that are worth nothing."""

    def recipe(world: World) -> Call:
        made = world.chain(scope=FILES)
        nonce = world.nonce()
        tried = (
            world.call(made, signer=key(who), changes={**changes, 7: nonce})
            for who, changes in (SPOILED[name] for name in how)
        )
        return replace(world.call(made, changes={7: nonce}), tried=tuple(tried))

    return recipe


def burning() -> Iterator[Attempt]:
    """Proofs that bear somebody's nonce without a right to it: refused before the nonce is touched."""
    signers = {"a stranger": "mallory", "a sibling": "task sibling", "the delegator": "task root"}
    for name, who in signers.items():
        for of in (2, 3):

            def recipe(world: World, who: str = who, of: int = of) -> Call:
                return world.call(world.chain(path_of(of)), signer=key(who), changes={7: some_bytes("victim's nonce")})

            yield Attempt(f"the victim's nonce in a proof by {name}, {of} links", Reason.PROOF_INVALID, recipe)
    for size in (0, 8, 15, 17, 32):
        nonce = some_bytes("x", 32)[:size] or None
        yield Attempt(f"a nonce of {size} bytes", Reason.PROOF_INVALID, proof_says({7: nonce}))
    nonces: dict[str, dict[int, w.Content | None]] = {
        "for another tool": {4: "write"},
        "for another chain": {2: bytes(32)},
        "for other arguments": {5: bytes(32)},
    }
    for name, changes in nonces.items():
        both = {**changes, 7: some_bytes("victim's nonce")}
        yield Attempt(f"the victim's nonce in a proof {name}", OTHER, proof_says(both))
    stale = proof_says({6: NOW_MS - 60_000, 7: some_bytes("victim's nonce")})
    yield Attempt("the victim's nonce in a stale proof", Reason.PROOF_STALE, stale)
    ahead = proof_says({6: NOW_MS + 60_000, 7: some_bytes("victim's nonce")})
    yield Attempt("the victim's nonce in a proof of the future", Reason.PROOF_FROM_FUTURE, ahead)
    flipped = with_signature(1, 2, lambda s: s[:-1] + bytes([s[-1] ^ 1]))
    yield Attempt("the victim's call with a broken chain", Reason.SIGNATURE_INVALID, flipped, 1)


def not_burned() -> Iterator[Twin]:
    """The victim's own call goes through after each of these."""
    for name in SPOILED:
        yield Twin(f"the victim's call after {name}", after_spoiling(name))
    yield Twin("the victim's call after all of these", after_spoiling(*SPOILED))


CLASSES = (
    AttackClass("replayed proof", replays, fresh),
    AttackClass("nonce burning", burning, not_burned),
)
