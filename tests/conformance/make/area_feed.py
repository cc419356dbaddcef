"""The revocation feed: SPEC section 9.2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from conformance.make.area_revocations import revoked
from conformance.make.keys import ALICE, BOB, ISSUER, MALLORY, STATEMENTS, fixed
from conformance.make.messages import DAY_MS, SAFE, agent
from conformance.make.tokens import NOW_MS, TRUST, statement, trust, trusted
from conformance.make.vector import NOT_CANONICAL, Area, Vector, accepted, packed, refused
from conformance.make.wire import delimited, nonzero, number, some

KINDS = {"link": 1, "holder_key": 2, "agent": 3, "task": 4, "principal": 5, "issuer_key": 6}
FORGET_MS = NOW_MS + DAY_MS
LINK, TASK = ("link", fixed("a link", 32)), ("task", fixed("a task"))
KEY, AGENT = ("holder_key", BOB.public), ("agent", agent("bob").encode())
PRINCIPAL, ISSUER_KEY = ("principal", fixed("a principal", 32)), ("issuer_key", ISSUER.key_id)
Thing = tuple[str, bytes]


def revocation(kind: int, what: bytes, forget_at_ms: int = FORGET_MS) -> bytes:
    """Give a `Revocation`."""
    return nonzero(1, kind) + some(2, what) + nonzero(3, forget_at_ms)


def entry(begin: int, end: int, *things: Thing, at: int = 0, snapshot: bool = False, more: bool = False) -> bytes:
    """Give a `RevocationFeedEntry`, issued so many milliseconds from now."""
    parts = (delimited(6, revocation(KINDS[kind], what)) for kind, what in things)
    head = nonzero(1, begin) + nonzero(2, end) + number(3, NOW_MS + at) + nonzero(4, snapshot) + nonzero(5, more)
    return head + b"".join(parts)


def delta(begin: int, end: int, *things: Thing, at: int = 0) -> bytes:
    """Give a delta."""
    return entry(begin, end, *things, at=at)


def snapshot(end: int, *things: Thing, begin: int = 0, at: int = 0, more: bool = False) -> bytes:
    """Give a piece of a snapshot."""
    return entry(begin, end, *things, at=at, snapshot=True, more=more)


def known(position: int | None, *things: Thing) -> dict[str, Any]:
    """Expect a piece to be taken, and so much to be known."""
    plain = [revoked(*thing) for thing in things]
    return accepted(position=position, revoked=sorted(plain, key=lambda each: (each["kind"], each["id"])))


GAP, BACK, STALE = refused("feed_gap"), refused("feed_rollback"), refused("feed_stale")


def _vector(name: str, says: str, spec: str, pieces: Sequence[bytes], each: Sequence[Any], **given: Any) -> Vector:
    signed = [statement("revocation_feed", piece) for piece in pieces]
    return _signed(name, says, spec, signed, each, **given)


def _signed(name: str, says: str, spec: str, pieces: Sequence[bytes], each: Sequence[Any], **given: Any) -> Vector:
    at = given.pop("at", [0] * len(pieces))
    taken = [
        {"statement": packed(piece), "now_ms": NOW_MS + when, "monotonic_ms": 1_000 + when}
        for piece, when in zip(pieces, at, strict=True)
    ]
    asked = {"trust": TRUST, "pieces": taken, **given}
    return Vector(f"feed-{name}", "feed", says, tuple(spec.split()), asked, {"each": list(each)})


def sequences() -> Iterator[Vector]:
    """What is taken in order (R-6)."""
    all_kinds = (LINK, KEY, AGENT, TASK, PRINCIPAL, ISSUER_KEY)
    for name, says, pieces, each in (
        ("empty", "A snapshot of nothing.", [snapshot(0)], [known(0)]),
        ("every-kind", "Every kind of revocation.", [snapshot(6, *all_kinds)], [known(6, *all_kinds)]),
        ("delta", "A delta adds.", [snapshot(1, LINK), delta(1, 2, TASK)], [known(1, LINK), known(2, LINK, TASK)]),
        (
            "heartbeat",
            "A delta that adds nothing.",
            [snapshot(1, LINK), delta(1, 1, at=5)],
            [known(1, LINK), known(1, LINK)],
        ),
        (
            "pieces",
            "A snapshot in three pieces counts when it is whole.",
            [snapshot(2, LINK, more=True), snapshot(4, TASK, begin=2, more=True), snapshot(5, KEY, begin=4)],
            [known(None), known(None), known(5, LINK, TASK, KEY)],
        ),
        (
            "replaced",
            "A new snapshot replaces all that was known.",
            [snapshot(1, LINK), snapshot(3, TASK)],
            [known(1, LINK), known(3, TASK)],
        ),
        (
            "replaced-when-whole",
            "Until a new snapshot is whole, what was known counts.",
            [snapshot(1, LINK), snapshot(2, TASK, more=True), snapshot(3, begin=2)],
            [known(1, LINK), known(1, LINK), known(3, TASK)],
        ),
        (
            "begun-anew",
            "A snapshot that is begun once more drops the one that was begun.",
            [snapshot(2, LINK, more=True), snapshot(1, TASK)],
            [known(None), known(1, TASK)],
        ),
        (
            "overlap",
            "A delta that begins before the position.",
            [snapshot(3, LINK), delta(1, 4, TASK)],
            [known(3, LINK), known(4, LINK, TASK)],
        ),
        (
            "same-again",
            "The same delta again.",
            [snapshot(1), delta(1, 2, TASK), delta(1, 2, TASK)],
            [known(1), known(2, TASK), known(2, TASK)],
        ),
        (
            "same-thing",
            "A thing that is revoked twice.",
            [snapshot(1, LINK), delta(1, 2, LINK)],
            [known(1, LINK), known(2, LINK)],
        ),
        (
            "same-position",
            "A snapshot that leads to the known position.",
            [snapshot(3, LINK), snapshot(3, LINK)],
            [known(3, LINK)] * 2,
        ),
    ):
        yield _vector(name, says, "R-6", pieces, each)


def gaps() -> Iterator[Vector]:
    """What is refused (R-6, R-8)."""
    for name, says, pieces, each in (
        ("delta-first", "A delta before any snapshot.", [delta(0, 1, LINK)], [GAP]),
        ("heartbeat-first", "A heartbeat before any snapshot.", [delta(0, 0)], [GAP]),
        ("gap", "A delta is missing.", [snapshot(1, LINK), delta(2, 3, TASK)], [known(1, LINK), GAP]),
        (
            "delta-in-snapshot",
            "A delta inside a snapshot.",
            [snapshot(2, LINK, more=True), delta(2, 3)],
            [known(None), GAP],
        ),
        (
            "piece-missing",
            "A piece of the snapshot is missing.",
            [snapshot(2, more=True), snapshot(5, begin=3)],
            [known(None), GAP],
        ),
        (
            "piece-repeated",
            "A piece that begins too early.",
            [snapshot(2, more=True), snapshot(5, begin=1)],
            [known(None), GAP],
        ),
        ("piece-first", "A snapshot without its beginning.", [snapshot(5, begin=2)], [GAP]),
        ("piece-after-whole", "A further piece after the last.", [snapshot(2), snapshot(5, begin=2)], [known(2), GAP]),
        ("position-back", "A delta that leads back.", [snapshot(5), delta(1, 4)], [known(5), BACK]),
        ("to-before-from", "It ends before it begins.", [snapshot(5), delta(5, 4)], [known(5), BACK]),
        (
            "snapshot-to-before-from",
            "So does a piece.",
            [snapshot(4, more=True), snapshot(3, begin=4)],
            [known(None), BACK],
        ),
        ("snapshot-back", "A snapshot that leads back.", [snapshot(5, LINK), snapshot(4)], [known(5, LINK), BACK]),
        ("time-back", "Signed before the piece before.", [snapshot(1, at=10), delta(1, 2, at=9)], [known(1), BACK]),
        (
            "snapshot-time-back",
            "A snapshot that was signed before.",
            [snapshot(1, at=10), snapshot(2, at=9)],
            [known(1), BACK],
        ),
        (
            "smaller-pieces",
            "Only the last piece of a snapshot must not lead back.",
            [snapshot(5, LINK), snapshot(2, more=True), snapshot(4, begin=2)],
            [known(5, LINK), known(5, LINK), BACK],
        ),
    ):
        yield _vector(name, says, "R-6 R-8", pieces, each)


def ahead() -> Iterator[Vector]:
    """Pieces by a clock that is ahead (R-14)."""
    most = [snapshot(1, LINK, at=60_000)]
    yield _vector("ahead", "As far ahead of the reader's clock as may be.", "R-14", most, [known(1, LINK)])
    more = [snapshot(1, LINK, at=60_001)]
    yield _vector("too-far-ahead", "A millisecond farther.", "R-14", more, [STALE])


def opening() -> Iterator[Vector]:
    """Whose the pieces are (R-5, T-1, T-2)."""
    invalid = refused("statement_invalid")
    plain = snapshot(1, LINK)
    for name, says, piece in (
        ("by-issuer", "Signed by the issuer key.", statement("revocation_feed", plain, ISSUER)),
        ("by-mallory", "Signed by somebody.", statement("revocation_feed", plain, MALLORY)),
        ("by-impostor", "Signed by somebody under the service's name.", _impostor(plain)),
        ("as-receipt", "Signed for the purpose receipt.", statement("revocation_feed", plain, purpose="receipt")),
        ("kind-receipt", "Called a receipt.", statement("receipt", plain, purpose="revocation_feed")),
    ):
        yield _signed(name, says, "R-5 T-1 T-2", [piece], [invalid])
    signed = [statement("revocation_feed", plain)]
    for name, tweaks in (
        ("retired", {"state": "retired"}),
        ("ended", {"not_after_ms": NOW_MS}),
        ("early", {"not_before_ms": NOW_MS + 1}),
    ):
        given = {"trust": trust(trusted("statement", STATEMENTS, **tweaks))}
        yield _signed(f"key-{name}", f"The statement key: {name}.", "R-5 T-2 T-16", signed, [invalid], **given)
    field = refused("field_invalid")
    for name, says, payload in (
        ("more-in-delta", "Only a snapshot has further pieces.", entry(0, 1, more=True)),
        ("no-time", "Without a time.", number(2, 1) + number(4, 1)),
        ("position-too-large", "A position past 2^53 - 1.", snapshot(SAFE + 1)),
        ("kind-0", "A revocation of no kind.", _with(revocation(0, LINK[1]))),
        ("kind-7", "A revocation of an unknown kind.", _with(revocation(7, LINK[1]))),
        ("link-31-bytes", "A link id of 31 bytes.", _with(revocation(1, LINK[1][:31]))),
        ("key-33-bytes", "A holder key of 33 bytes.", _with(revocation(2, ALICE.public + b"\0"))),
        ("no-agent", "An empty agent id.", _with(revocation(3, b""))),
        ("agent-513-bytes", "An agent id of 513 bytes.", _with(revocation(3, b"a:" + b"b" * 511))),
        ("task-17-bytes", "A task id of 17 bytes.", _with(revocation(4, fixed("t", 17)))),
        ("principal-16-bytes", "A principal's id of 16 bytes.", _with(revocation(5, fixed("p", 16)))),
        ("issuer-key-32-bytes", "A key where a key id should be.", _with(revocation(6, ISSUER.public))),
        ("never-forgotten", "A revocation that says not when it may be forgotten.", _with(revocation(1, LINK[1], 0))),
    ):
        yield _vector(name, says, "R-5 F-7 F-10", [payload], [field])
    largest = snapshot(SAFE, ("agent", b"a:" + b"b" * 510))
    yield _vector(
        "largest",
        "The largest position and the longest agent id.",
        "R-5 F-10",
        [largest],
        [known(SAFE, ("agent", b"a:" + b"b" * 510))],
    )
    yield _vector(
        "unknown-field", "A field that nobody knows.", "C-7 T-1", [plain + number(7, 1)], [refused(NOT_CANONICAL)]
    )


def _impostor(payload: bytes) -> bytes:
    return statement("revocation_feed", payload, MALLORY, key_id=STATEMENTS.key_id)


def _with(thing: bytes) -> bytes:
    return number(2, 1) + number(3, NOW_MS) + number(4, 1) + delimited(6, thing)


def ages() -> Iterator[Vector]:
    """How old a feed may be (R-7)."""
    whole, begun = snapshot(1, LINK), snapshot(1, LINK, more=True)
    fresh = accepted()
    for name, says, pieces, wall, monotonic, answer in (
        ("fresh", "As old as it may be.", [whole], 30_000, 30_000, fresh),
        ("too-old", "A millisecond older by both clocks.", [whole], 30_001, 30_001, STALE),
        ("too-old-by-signature", "By its signed time; it has just arrived.", [whole], 30_001, 0, STALE),
        ("too-old-by-arrival", "By the monotonic clock; the wall clock was set back.", [whole], 0, 30_001, STALE),
        ("wall-clock-behind", "The wall clock is behind the service's.", [whole], -60_000, 0, fresh),
        ("unfinished", "A snapshot that is not whole.", [begun], 0, 0, STALE),
        ("refreshed", "A heartbeat makes it fresh.", [whole, delta(1, 1, at=20_000)], 50_000, 50_000, fresh),
        ("unfinished-again", "While a new snapshot is not whole.", [whole, snapshot(2, more=True)], 0, 0, STALE),
    ):
        at = [0, 20_000][: len(pieces)] if name == "refreshed" else [0] * len(pieces)
        taken = [known(None if index == 0 and name == "unfinished" else 1, LINK) for index in range(len(pieces))]
        taken = [known(None)] if name == "unfinished" else taken
        asked = {"now_ms": NOW_MS + wall, "monotonic_ms": 1_000 + monotonic, "maximum_age_ms": 30_000}
        yield _vector(f"age-{name}", says, "R-7", pieces, [*taken, answer], at=at, asked=asked)
    now = {"now_ms": NOW_MS, "monotonic_ms": 1_000, "maximum_age_ms": 30_000}
    gap = [snapshot(1, LINK), delta(2, 3, TASK)]
    says = "A piece was refused: what is known is not relied on, young as it is."
    yield _vector("age-interrupted", says, "R-8 R-7", gap, [known(1, LINK), GAP, STALE], asked=now)
    asked = {"now_ms": NOW_MS, "monotonic_ms": 0, "maximum_age_ms": 60_000}
    yield _vector("age-nothing", "Nothing has arrived.", "R-7 G-2", [], [STALE], asked=asked)


AREA = Area("feed", "The revocation feed.", [*sequences(), *gaps(), *ahead(), *opening(), *ages()])
