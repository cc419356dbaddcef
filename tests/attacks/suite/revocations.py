"""What was revoked, at every place of a chain; and feeds that are old, rolled back, cut or somebody else's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any

from attacks.suite.calls import AttackClass, Attempt, Call, Moment, NotHere, Recipe, Request, Twin
from attacks.suite.recipes import path_of, under
from attacks.suite.tasks import agent_of, holder_of, revoked_by_operator
from attacks.suite.worlds import KernelWorld, World, id_of
from delegation.core.attest import sign_feed_entry
from delegation.core.codec import encode_statement
from delegation.core.keys import SigningKey
from delegation.core.revocation import (
    FeedEntry,
    Revocation,
    RevocationKind,
    principal_id,
)
from delegation.core.statement import SignedStatement
from delegation.errors import Reason, Refused
from delegation_sdk.feed import FeedWatcher
from delegation_sdk.sources import Sources
from support.chains import BUNDLE, ISSUER, MALLORY, MINUTE_MS, NOW_MS, ROOT, STATEMENTS, agent, key, some_bytes

LATER = NOW_MS + 1440 * MINUTE_MS
Revoked = tuple[RevocationKind, bytes]
CHAINS = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3), (0, 5), (2, 5), (4, 5))
"""Which link of how many."""


def with_revoked(of: int, *revoked: Revoked) -> Recipe:
    def recipe(world: World) -> Call:
        known = tuple(Revocation(kind, identity, LATER) for kind, identity in revoked)
        return world.call(world.chain(path_of(of)), moment=Moment(revoked=known))

    return recipe


def name_of(index: int) -> str:
    return path_of(index + 1).split(" -> ")[-1]


def ancestor() -> Iterator[Attempt]:
    for at, of in CHAINS:

        def recipe(world: World, at: int = at, of: int = of) -> Call:
            link = id_of(world.chain(path_of(of)), at)
            return with_revoked(of, (RevocationKind.LINK, link))(world)  # type: ignore[return-value]

        yield Attempt(f"link {at} of {of}", Reason.LINK_REVOKED, recipe, at)
    for at, of in ((1, 2), (1, 3), (2, 3)):
        recipe = revoked_by_operator(1, id_of, at, of)
        yield Attempt(f"link {at} of {of}, at the service", Reason.LINK_REVOKED, recipe, at, online=True)


def holder() -> Iterator[Attempt]:
    for at, of in CHAINS:
        recipe = with_revoked(of, (RevocationKind.HOLDER_KEY, key(f"task {name_of(at)}").public))
        yield Attempt(f"the holder of link {at} of {of}", Reason.HOLDER_KEY_REVOKED, recipe, at)
    for at, of in ((0, 2), (1, 2), (1, 3)):
        recipe = revoked_by_operator(2, holder_of, at, of)
        name = f"the holder of link {at} of {of}, at the service"
        yield Attempt(name, Reason.HOLDER_KEY_REVOKED, recipe, at, online=True)


def agents() -> Iterator[Attempt]:
    for at, of in CHAINS:
        recipe = with_revoked(of, (RevocationKind.AGENT, agent(name_of(at)).encode()))
        yield Attempt(f"the agent of link {at} of {of}", Reason.AGENT_REVOKED, recipe, at)
    for at, of in ((1, 2), (1, 3), (2, 3)):
        recipe = revoked_by_operator(3, agent_of, at, of)
        yield Attempt(f"the agent of link {at} of {of}, at the service", Reason.AGENT_REVOKED, recipe, at, online=True)


ADA = principal_id("https://login.example.test", "ada")


def task() -> Iterator[Attempt]:
    whole = {
        "the task": (RevocationKind.TASK, some_bytes("task"), Reason.TASK_ENDED),
        "the principal": (RevocationKind.PRINCIPAL, ADA, Reason.PRINCIPAL_REVOKED),
        "the issuer key": (RevocationKind.ISSUER_KEY, ISSUER.key_id, Reason.ISSUER_KEY_REVOKED),
    }
    for name, (kind, identity, reason) in whole.items():
        for of in (1, 2, 3, 5):
            yield Attempt(f"{name}, {of} links", reason, with_revoked(of, (kind, identity)), 0)
    everything = [(kind, identity) for kind, identity, _ in whole.values()]
    yield Attempt("all of these", Reason.TASK_ENDED, with_revoked(2, *everything), 0)
    yield Attempt("principal and issuer key", Reason.ISSUER_KEY_REVOKED, with_revoked(2, *everything[1:]), 0)
    agent_too = (RevocationKind.AGENT, agent("planner").encode())
    yield Attempt("principal and an agent", Reason.PRINCIPAL_REVOKED, with_revoked(2, everything[1], agent_too), 0)
    key_too = (RevocationKind.HOLDER_KEY, key("task root").public)
    yield Attempt("an agent and a key before it", Reason.AGENT_REVOKED, with_revoked(2, agent_too, key_too), 1)


def something_else() -> Iterator[Twin]:
    """The same kinds of revocation, of what the chain does not rest on."""
    others: dict[str, Revoked] = {
        "another link": (RevocationKind.LINK, some_bytes("another link", 32)),
        "another key": (RevocationKind.HOLDER_KEY, MALLORY.public),
        "another agent": (RevocationKind.AGENT, agent("mallory").encode()),
        "an agent whose name begins the same": (RevocationKind.AGENT, agent("root2").encode()),
        "another task": (RevocationKind.TASK, some_bytes("another task")),
        "another principal": (RevocationKind.PRINCIPAL, principal_id("https://login.example.test", "bob")),
        "the principal of another issuer": (RevocationKind.PRINCIPAL, principal_id("https://other.test", "ada")),
        "another issuer key": (RevocationKind.ISSUER_KEY, MALLORY.key_id),
        "the bytes of a key as a link": (RevocationKind.LINK, key("task root").public),
    }
    for name, revoked in others.items():
        yield Twin(f"{name} is revoked", with_revoked(3, revoked))
    others_at_the_service: dict[str, tuple[int, bytes]] = {
        "another key": (2, MALLORY.public),
        "another agent": (3, agent("mallory").encode()),
        "another principal": (5, principal_id("https://login.example.test", "bob")),
    }
    for name, (kind, identity) in others_at_the_service.items():
        recipe = revoked_by_operator(kind, lambda made, at, identity=identity: identity, 0, 2)
        yield Twin(f"{name} is revoked at the service", recipe, online=True)


# -- feeds


def piece(
    start: int,
    end: int,
    *revocations: Revocation,
    at_ms: int = NOW_MS,
    snapshot: bool = False,
    more: bool = False,
    signer: SigningKey = STATEMENTS,
) -> SignedStatement:
    return sign_feed_entry(FeedEntry(start, end, at_ms, snapshot, more, revocations), signer)


TASK = Revocation(RevocationKind.TASK, some_bytes("task"), LATER)
OTHER = Revocation(RevocationKind.TASK, some_bytes("another"), LATER)
WHOLE = (piece(0, 5, TASK, snapshot=True),)
IN_PIECES = (
    piece(0, 3, TASK, snapshot=True, more=True),
    piece(3, 5, OTHER, snapshot=True, more=True),
    piece(5, 7, snapshot=True),
)


class _Nowhere:
    """A feed that is never opened: its pieces are handed over by hand."""

    def open(self, after_position: int) -> Any:
        raise AssertionError("nobody opens it")


NOWHERE = _Nowhere()


def some_bytes_of(size: int) -> bytes:
    return bytes(size)


def fed(*pieces: SignedStatement, asks: int | None = None, monotonic_ms: int = 0, goes_on: bool = False) -> Recipe:
    """Feed a guard with pieces in the attacker's order; then, if it takes them, ask whether it would decide.

    Args:
        pieces: as they arrive.
        asks: the time at which it is asked; None: it is not.
        monotonic_ms: what has passed by then on the clock that nobody sets.
        goes_on: True if it is asked although it has refused a piece.
    """

    def take() -> None:
        sources = Sources(lambda: NOW_MS, lambda: 0, some_bytes_of)
        watcher = FeedWatcher(NOWHERE, lambda: BUNDLE, refresh_trust=lambda: None, sources=sources)
        for statement in pieces:
            with suppress(Refused) if goes_on else nullcontext():
                watcher._take(statement)
        if asks is not None:
            watcher.state.require_fresh(60_000, now_ms=asks, monotonic_ms=monotonic_ms)

    def recipe(world: World) -> Request:
        if not isinstance(world, KernelWorld):
            raise NotHere
        content = b"".join(map(encode_statement, pieces)) + repr((asks, monotonic_ms, goes_on)).encode()
        return Request("feed", content, take)

    return recipe


BROKEN: dict[str, tuple[Sequence[SignedStatement], Reason]] = {
    "a delta before anything": ([piece(0, 5, TASK)], Reason.FEED_GAP),
    "a heartbeat before anything": ([piece(0, 0)], Reason.FEED_GAP),
    "a snapshot that begins late": ([piece(1, 5, snapshot=True)], Reason.FEED_GAP),
    "a snapshot without its first piece": (IN_PIECES[1:], Reason.FEED_GAP),
    "a snapshot without its second piece": ([IN_PIECES[0], IN_PIECES[2]], Reason.FEED_GAP),
    "pieces the other way round": (IN_PIECES[::-1], Reason.FEED_GAP),
    "a heartbeat amid a snapshot": ([IN_PIECES[0], piece(3, 3)], Reason.FEED_GAP),
    "a delta amid a snapshot": ([*IN_PIECES[:2], piece(5, 7)], Reason.FEED_GAP),
    "a delta with a gap": ([*WHOLE, piece(6, 7)], Reason.FEED_GAP),
    "a delta after a lost one": ([*WHOLE, piece(5, 6), piece(8, 9)], Reason.FEED_GAP),
    "a delta that leads back": ([*WHOLE, piece(3, 4)], Reason.FEED_ROLLBACK),
    "a delta that ends before it begins": ([*WHOLE, piece(5, 4)], Reason.FEED_ROLLBACK),
    "an older delta": ([*WHOLE, piece(5, 6, at_ms=NOW_MS - 1)], Reason.FEED_ROLLBACK),
    "an older snapshot by its time": ([*WHOLE, piece(0, 5, snapshot=True, at_ms=NOW_MS - 1)], Reason.FEED_ROLLBACK),
    "an older snapshot by its position": ([*WHOLE, piece(0, 4, snapshot=True)], Reason.FEED_ROLLBACK),
    "an empty snapshot": ([*WHOLE, piece(0, 0, snapshot=True)], Reason.FEED_ROLLBACK),
    "a snapshot by a stranger": ([piece(0, 5, snapshot=True, signer=MALLORY)], Reason.STATEMENT_INVALID),
    "a snapshot by the grant key": ([piece(0, 5, snapshot=True, signer=ISSUER)], Reason.STATEMENT_INVALID),
    "a snapshot by the root key": ([piece(0, 5, snapshot=True, signer=ROOT)], Reason.STATEMENT_INVALID),
    "a heartbeat by a stranger": ([*WHOLE, piece(5, 5, signer=MALLORY)], Reason.STATEMENT_INVALID),
    "a snapshot with another payload": (
        [WHOLE[0]._replace(payload=piece(0, 5, snapshot=True).payload)],
        Reason.STATEMENT_INVALID,
    ),
}
OLD: dict[str, tuple[Sequence[SignedStatement], int, int]] = {
    "a minute and a moment old by its time": (WHOLE, NOW_MS + 60_001, 0),
    "silent for a minute and a moment": (WHOLE, NOW_MS, 60_001),
    "silent, with the clock set back": (WHOLE, NOW_MS - 3_600_000, 60_001),
    "an hour old": (WHOLE, NOW_MS + 3_600_000, 3_600_000),
    "kept young by the same heartbeat": ([*WHOLE, piece(5, 5), piece(5, 5)], NOW_MS + 60_001, 0),
    "unfinished": (IN_PIECES[:1], NOW_MS, 0),
    "unfinished, though there was a whole one": ([*WHOLE, piece(0, 6, snapshot=True, more=True)], NOW_MS, 0),
    "none at all": ((), NOW_MS, 0),
}


def old_feed() -> Iterator[Attempt]:
    for name, (pieces, reason) in BROKEN.items():
        yield Attempt(name, reason, fed(*pieces), online=False)
        if pieces[0] in WHOLE or reason is Reason.STATEMENT_INVALID:
            known = () if pieces[0] in WHOLE else WHOLE
            relied_on = fed(*known, *pieces, asks=NOW_MS, goes_on=True)
            yield Attempt(f"{name}, and then relied on", Reason.FEED_STALE, relied_on, online=False)
    for name, (pieces, asks, monotonic_ms) in OLD.items():
        recipe = fed(*pieces, asks=asks, monotonic_ms=monotonic_ms)
        yield Attempt(f"a feed that is {name}", Reason.FEED_STALE, recipe, online=False)
    for of in (1, 2, 3):

        def stale(world: World, of: int = of) -> Call:
            return replace(under(of=of)(world), moment=Moment(feed_ms=NOW_MS - 60_001))  # type: ignore[type-var]

        yield Attempt(f"a call under {of} links with a feed a minute old", Reason.FEED_STALE, stale)


def young_feed() -> Iterator[Twin]:
    yield Twin("a snapshot", fed(*WHOLE, asks=NOW_MS), online=False)
    yield Twin("a snapshot in pieces", fed(*IN_PIECES, asks=NOW_MS), online=False)
    yield Twin("a delta and a heartbeat", fed(*WHOLE, piece(5, 6, OTHER), piece(6, 6), asks=NOW_MS), online=False)
    again = fed(*WHOLE, piece(6, 7), WHOLE[0], asks=NOW_MS, goes_on=True)
    yield Twin("a whole snapshot after a gap", again, online=False)
    yield Twin("a feed just a minute old", fed(*WHOLE, asks=NOW_MS + 60_000, monotonic_ms=60_000), online=False)
    for of in (1, 2):

        def recent(world: World, of: int = of) -> Call:
            return replace(under(of=of)(world), moment=Moment(feed_ms=NOW_MS - 60_000))  # type: ignore[type-var]

        yield Twin(f"a call under {of} links with a feed of just now", recent)


CLASSES = (
    AttackClass("revoked ancestor", ancestor, something_else),
    AttackClass("revoked holder", holder, something_else),
    AttackClass("revoked agent", agents, something_else),
    AttackClass("revoked task, principal or issuer key", task, something_else),
    AttackClass("stale or rolled-back feed", old_feed, young_feed),
)
