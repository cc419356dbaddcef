"""Approvals beside a call. No part of this version takes them, so none is taken twice, or for another call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt, Call, Recipe, Twin
from attacks.suite.recipes import HONEST, honest_twins, path_of, under
from attacks.suite.worlds import World, id_of
from delegation.core.keys import Purpose, SigningKey
from delegation.errors import Reason
from support.chains import MALLORY, MINUTE_MS, NOW_MS, STATEMENTS, MadeChain, key, some_bytes


def approval(link: bytes, **changes: Any) -> bytes:
    """Write an approval's payload."""
    fields = {
        1: link,
        2: "files",
        3: "read",
        4: some_bytes("arguments", 32),
        5: some_bytes("policy", 32),
        6: "ann",
        7: "https://login.example.test",
        9: NOW_MS,
        10: NOW_MS + MINUTE_MS,
        11: some_bytes("approval"),
    }
    fields |= {int(number.removeprefix("f")): content for number, content in changes.items()}
    return w.fields(*sorted(fields.items()))


def approved(
    *payloads: Callable[[MadeChain], bytes],
    scope: bytes | None = None,
    signer: SigningKey = STATEMENTS,
    kind: int = 4,
    call: tuple[str, str, Any] = HONEST,
    of: int = 2,
) -> Recipe:
    """Present a call together with approvals."""
    from attacks.suite.signatures import receipt_bytes

    def recipe(world: World) -> Call:
        options = {} if scope is None else {"scope": scope}
        made = world.chain(path_of(of), **options)
        purpose = {4: Purpose.APPROVAL, 7: Purpose.CHECKPOINT, 10: Purpose.BREAK_GLASS, 3: Purpose.OFFER}[kind]
        said = b"".join(receipt_bytes(signer, payload(made), purpose, kind) for payload in payloads)
        found = world.call(made, *call)
        return replace(found, token=found.token + said)

    return recipe


NEEDS_ANN = w.scope(
    w.capability("files", "read", any_arguments=True, conditions=[w.approval(1, "ann")]),
    w.capability("web", "search", any_arguments=True),
)


def approval_reuse() -> Iterator[Attempt]:
    unsupported = Reason.STATEMENT_UNSUPPORTED
    this: Callable[[MadeChain], bytes] = lambda made: approval(id_of(made, -1))  # noqa: E731
    signers = {"the service": STATEMENTS, "a stranger": MALLORY, "the holder": key("task planner")}
    for name, signer in signers.items():
        for of in (1, 2, 3):
            yield Attempt(
                f"an approval signed by {name}, {of} links", unsupported, approved(this, signer=signer, of=of)
            )
        twice = approved(this, this, signer=signer)
        yield Attempt(f"an approval signed by {name}, twice", unsupported, twice)
    for name, kind in {"an offer": 3, "a checkpoint": 7, "a break-glass order": 10}.items():
        yield Attempt(f"{name} beside a call", unsupported, approved(this, kind=kind))
    needs = approved(this, scope=NEEDS_ANN)
    yield Attempt("an approval where one is needed", unsupported, needs)
    used = approved(this, this, scope=NEEDS_ANN)
    yield Attempt("an approval where one is needed, used before", unsupported, used)
    for of in (1, 2, 3):
        call = under(NEEDS_ANN, of)
        yield Attempt(f"a call that needs an approval, without one, {of} links", Reason.CONDITION_UNMET, call, 0)


def approval_of_another() -> Iterator[Attempt]:
    unsupported = Reason.STATEMENT_UNSUPPORTED
    others: dict[str, dict[str, Any]] = {
        "other arguments": {"f4": some_bytes("other arguments", 32)},
        "another tool": {"f3": "write"},
        "another audience": {"f2": "web"},
        "another policy": {"f5": some_bytes("another policy", 32)},
        "another chain": {"f1": some_bytes("another chain", 32)},
        "another approver": {"f6": "mallory"},
        "an hour ago": {"f9": NOW_MS - 3_600_000, "f10": NOW_MS - 1},
    }
    for name, changes in others.items():
        for scope, how in ((None, ""), (NEEDS_ANN, ", where one is needed")):

            def payload(made: MadeChain, changes: dict[str, Any] = changes) -> bytes:
                return approval(id_of(made, -1), **changes)

            yield Attempt(f"an approval of {name}{how}", unsupported, approved(payload, scope=scope))


def unapproved() -> Iterator[Twin]:
    yield from honest_twins()
    search = ("web", "search", {"q": "x"})
    for of in (1, 2, 3):
        yield Twin(f"a call that needs no approval beside one that does, {of} links", under(NEEDS_ANN, of, call=search))


CLASSES = (
    AttackClass("approval reuse", approval_reuse, unapproved),
    AttackClass("approval for other arguments", approval_of_another, unapproved),
)
