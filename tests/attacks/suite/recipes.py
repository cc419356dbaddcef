"""The few shapes that most attempts have: one link of an honest chain that says something else, and a call under it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from attacks.suite import writer as w
from attacks.suite.calls import USUAL, Attempt, Call, Moment, Recipe, Twin
from attacks.suite.worlds import SCOPE, World
from attacks.suite.writer import Content, Of
from delegation.errors import Reason
from support.chains import READ_CALL, MadeChain

Change = Mapping[int, Content | None] | Callable[[bytes], bytes]
"""What becomes of a link's payload: fields in place of others, or other bytes."""

TIMES = frozenset({Of.ISSUED_AT_MS, Of.NOT_BEFORE_MS, Of.EXPIRES_AT_MS})

PLACES = ((1, 2), (2, 3), (3, 4))
"""Which link of how many is the hostile one."""

_NAMES = ("root", "planner", "tool", "helper")
HONEST = ("files", "read", READ_CALL)


def path_of(links: int) -> str:
    """Name so many agents."""
    return " -> ".join([*_NAMES, *(f"agent-{n}" for n in range(4, 40))][:links])


def hostile(world: World, made: MadeChain, change: Change, at: int) -> MadeChain:
    """Change one link; it and all after it are signed by their rightful signers."""
    if callable(change):
        return made.with_payload(at, change(made.payloads[at]))
    said = {number: world.time(content) if number in TIMES else content for number, content in change.items()}
    return made.with_payload(at, w.changed(made.payloads[at], said))


def link_says(
    change: Change,
    at: int = 1,
    of: int = 2,
    *,
    scope: bytes | list[bytes] = SCOPE,
    call: tuple[str, str, Any] = HONEST,
    moment: Moment = USUAL,
    **options: Any,
) -> Recipe:
    """Give the recipe of a call under a chain of which one link says something else."""

    def recipe(world: World) -> Call:
        made = world.chain(path_of(of), scope=scope, **options)
        return world.call(hostile(world, made, change, at), *call, moment=moment)

    return recipe


def under(
    scope: bytes | list[bytes] = SCOPE, of: int = 2, *, call: tuple[str, str, Any] = HONEST, **options: Any
) -> Recipe:
    """Give the recipe of a call under an honest chain."""
    return lambda world: world.call(world.chain(path_of(of), scope=scope, **options), *call)


def everywhere(
    changes: Mapping[str, tuple[Change, tuple[str, str, Any]]],
    reason: Reason,
    *,
    places: Iterable[tuple[int, int]] = PLACES,
    **options: Any,
) -> Iterator[Attempt]:
    """Try each change at each place; each comes with the call that it would gain."""
    for name, (change, call) in changes.items():
        for at, of in places:
            yield Attempt(
                f"{name}, by link {at} of {of}", reason, link_says(change, at, of, call=call, **options), link_index=at
            )


def honest_twins(*, links: Iterable[int] = (2, 3, 4), **options: Any) -> Iterator[Twin]:
    """Make the same call under chains of which no link was changed."""
    for of in links:
        yield Twin(f"an honest chain of {of} links", under(of=of, **options))


def one_argument(constraint: bytes, *, optional: bool = False) -> bytes:
    """Give the scope of a tool with one argument `x`."""
    return w.scope(w.capability("t", "t", w.argument("x", constraint, optional=optional)))


def scope_is(scope: bytes) -> dict[int, Content | None]:
    """Put another scope in place."""
    return {Of.SCOPE: scope}
