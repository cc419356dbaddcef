"""Proofs of another call: tool, audience, arguments, chain; or of another time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from attacks.suite import writer as w
from attacks.suite.calls import USUAL, AttackClass, Attempt, Call, Moment, Recipe, Twin
from attacks.suite.recipes import honest_twins, path_of
from attacks.suite.worlds import READ, World, id_of
from delegation.core import limits
from delegation.errors import Reason
from support.chains import NOW_MS, READ_CALL, some_bytes

OTHER = Reason.PROOF_OTHER_CALL


FILES = w.scope(
    READ, w.capability("files", "write", any_arguments=True), w.capability("web", "read", any_arguments=True)
)


def proof_says(changes: dict[int, w.Content | None], of: int = 2) -> Recipe:
    return lambda world: world.call(world.chain(path_of(of), scope=FILES), changes=changes)


def made_for(audience: str, tool: str, arguments: Any, of: int = 2) -> Recipe:
    """A proof of one call, with another."""

    def recipe(world: World) -> Call:
        made = world.chain(path_of(of), scope=FILES)
        return replace(world.call(made), proof=world.proof(made, audience, tool, arguments))

    return recipe


def another_tool() -> Iterator[Attempt]:
    tools = ("write", "Read", "read ", "rea", "readx", "files.read", "r\u0435ad", "*", "re\u0301ad")
    for tool in tools:
        for of in (1, 2):
            yield Attempt(f"a proof for {tool!a}, {of} links", OTHER, made_for("files", tool, READ_CALL, of))
    yield Attempt("a proof for no tool", Reason.PROOF_INVALID, proof_says({4: None}))
    yield Attempt("a proof for a tool with a line feed", Reason.PROOF_INVALID, proof_says({4: "read\n"}))
    yield Attempt("a proof for a tool with a NUL", Reason.PROOF_INVALID, proof_says({4: "read\0"}))


def another_audience() -> Iterator[Attempt]:
    for audience in ("web", "Files", "files ", "file", "filesx", "https://files", "f\u0456les", "*"):
        for of in (1, 2):
            yield Attempt(f"a proof for {audience!a}, {of} links", OTHER, made_for(audience, "read", READ_CALL, of))
    yield Attempt("a proof for no audience", Reason.PROOF_INVALID, proof_says({3: None}))
    yield Attempt("audience and tool exchanged", OTHER, made_for("read", "files", READ_CALL))
    service = made_for("urn:delegation:service", "complete_task", {"task_id": some_bytes("task").hex()})
    yield Attempt("a proof that ends the task", OTHER, service)


ARGUMENTS: dict[str, Any] = {
    "another path": {"path": "/srv/docs/b.txt"},
    "no arguments": {},
    "an argument more": {**READ_CALL, "limit": 1},
    "the same under another name": {"Path": READ_CALL["path"]},
    "the path in a list": {"path": [READ_CALL["path"]]},
    "null": {"path": None},
}


DIGESTS: dict[str, bytes] = {
    "zeros": bytes(32),
    "the digest of nothing": hashlib.sha256(b"").digest(),
    "the digest with spaces in its JSON": hashlib.sha256(b'{"path": "/srv/docs/a.txt"}').digest(),
    "the digest of the path alone": hashlib.sha256(READ_CALL["path"].encode()).digest(),
    "a digest of the digest": hashlib.sha256(hashlib.sha256(b'{"path":"/srv/docs/a.txt"}').digest()).digest(),
}


def other_arguments() -> Iterator[Attempt]:
    for name, arguments in ARGUMENTS.items():
        for of in (1, 2):
            yield Attempt(f"a proof of {name}, {of} links", OTHER, made_for("files", "read", arguments, of))
    for name, digest in DIGESTS.items():
        yield Attempt(f"a proof of {name}", OTHER, proof_says({5: digest}))
    for size in (0, 16, 31, 33, 64):
        digest = hashlib.sha512(b"x").digest()[:size]
        yield Attempt(f"a digest of {size} bytes", Reason.PROOF_INVALID, proof_says({5: digest or None}))
    for name, arguments in {"1 for true": {"x": 1}, "text for a number": {"x": "1"}, "a list": {"x": [1]}}.items():

        def recipe(world: World, arguments: Any = arguments) -> Call:
            made = world.chain(scope=FILES)
            call = world.call(made, "files", "write", {"x": True} if arguments == {"x": 1} else {"x": 1.5})
            return replace(call, arguments=arguments)

        yield Attempt(f"other arguments than were signed, {name}", OTHER, recipe)


def other_chain() -> Iterator[Attempt]:
    for of, at in ((2, 0), (3, 0), (3, 1), (4, 2)):

        def ancestors(world: World, of: int = of, at: int = at) -> Call:
            made = world.chain(path_of(of))
            return world.call(made, changes={2: id_of(made, at)})

        yield Attempt(f"a proof that names link {at} of {of}", OTHER, ancestors)
    for of in (1, 2, 3):
        others: dict[str, dict[str, Any]] = {
            "of the same holder": {"purpose": "something else"},
            "with more depth": {"depth": 9},
            "with a wider scope": {"scope": w.scope(READ, w.capability("files", "write", any_arguments=True))},
        }
        for name, other in others.items():

            def recipe(world: World, of: int = of, other: dict[str, Any] = other) -> Call:
                return replace(
                    world.call(world.chain(path_of(of))), proof=world.proof(world.chain(path_of(of), **other))
                )

            yield Attempt(f"the proof of another chain of {of} links, {name}", OTHER, recipe)
    for name, digest in {"zeros": bytes(32), "the task": some_bytes("task", 32)}.items():
        yield Attempt(f"a proof that names {name}", OTHER, proof_says({2: digest}))
    for size in (0, 16, 31, 33):
        yield Attempt(f"a chain digest of {size} bytes", Reason.PROOF_INVALID, proof_says({2: bytes(size) or None}))


def dated(issued_ms: int, of: int = 2, moment: Moment = USUAL) -> Recipe:
    return lambda world: world.call(world.chain(path_of(of)), changes={6: issued_ms}, moment=moment)


def from_future() -> Iterator[Attempt]:
    ahead = {
        "a moment past the leeway": limits.PROOF_FUTURE_MS + 1,
        "half a minute": 30_000,
        "an hour": 3_600_000,
        "a year": 365 * 86_400_000,
    }
    for name, ms in ahead.items():
        for of in (1, 2, 3):
            yield Attempt(f"a proof {name} ahead, {of} links", Reason.PROOF_FROM_FUTURE, dated(NOW_MS + ms, of))
    for name, issued in {"the end of time": limits.SAFE_INTEGER}.items():
        yield Attempt(f"a proof from {name}", Reason.PROOF_FROM_FUTURE, dated(issued))
    for name, issued in {"past the end of time": limits.SAFE_INTEGER + 1, "2^63": 2**63 - 1}.items():
        yield Attempt(f"a proof from {name}", Reason.PROOF_INVALID, dated(issued))


def from_past() -> Iterator[Attempt]:
    back = {"a moment past its time": limits.PROOF_PAST_MS + 1, "a minute": 60_000, "an hour": 3_600_000}
    for name, ms in back.items():
        for of in (1, 2, 3):
            yield Attempt(f"a proof {name} old, {of} links", Reason.PROOF_STALE, dated(NOW_MS - ms, of))
    yield Attempt("a proof from the beginning of time", Reason.PROOF_STALE, dated(1))
    for name, issued in {"no time": 0, "before all time": -1, "long before all time": -(2**63)}.items():
        yield Attempt(f"a proof from {name}", Reason.PROOF_INVALID, proof_says({6: issued or None}))


def in_time() -> Iterator[Twin]:
    for name, ms in {"as far ahead as may be": 5_000, "just now": 0, "as old as may be": -30_000}.items():
        for of in (1, 2):
            yield Twin(f"a proof from {name}, {of} links", dated(NOW_MS + ms, of))


CLASSES = (
    AttackClass("proof for another tool", another_tool, honest_twins),
    AttackClass("proof for another audience", another_audience, honest_twins),
    AttackClass("proof for other arguments", other_arguments, honest_twins),
    AttackClass("proof for another chain", other_chain, honest_twins),
    AttackClass("proof from the future", from_future, in_time),
    AttackClass("proof from the past", from_past, in_time),
)
