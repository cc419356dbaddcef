"""What is revoked: SPEC section 6, step 14, and section 9.1."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from conformance.make.keys import ALICE, BOB, CAROL, ISSUER, MALLORY, STATEMENTS, fixed, sha256
from conformance.make.messages import Grant, agent
from conformance.make.tokens import chain, line
from conformance.make.vector import Area, Vector, accepted
from conformance.make.verifying import Asking

ASK = Asking("revoked")
LINKS = line("alice", "bob", "carol")
CHAIN = chain(*LINKS)


def principal_id(issuer: str, subject: str) -> bytes:
    """Give the id of a principal (R-1)."""
    name = issuer.encode()
    return sha256(len(name).to_bytes(4, "big") + name + subject.encode())


def revoked(kind: str, what: bytes) -> dict[str, str]:
    """Give one revoked thing."""
    return {"kind": kind, "id": what.hex()}


PRINCIPAL = principal_id("example.org", agent("alice"))
ORDER = {
    "task": ("task_ended", Grant().task_id),
    "issuer_key": ("issuer_key_revoked", ISSUER.key_id),
    "principal": ("principal_revoked", PRINCIPAL),
    "agent": ("agent_revoked", agent("bob").encode()),
    "holder_key": ("holder_key_revoked", BOB.public),
    "link": ("link_revoked", CHAIN.ids[1]),
}


def each() -> Iterator[Vector]:
    """One thing of each kind, at each place."""
    for index, owner in enumerate((ALICE, BOB, CAROL)):
        name = ("alice", "bob", "carol")[index]
        for kind, reason, what in (
            ("link", "link_revoked", CHAIN.ids[index]),
            ("holder_key", "holder_key_revoked", owner.public),
            ("agent", "agent_revoked", agent(name).encode()),
        ):
            yield ASK.bad(
                f"{kind}-{index}",
                f"The {kind.replace('_', ' ')} of link {index}.",
                "V-14 V-16 R-2",
                CHAIN,
                reason,
                link=index,
                revocations=[revoked(kind, what)],
            )
    for kind in ("task", "principal", "issuer_key"):
        reason, what = ORDER[kind]
        says = f"The {kind.replace('_', ' ')}: it comes in with the grant."
        yield ASK.bad(kind, says, "V-14 V-16 R-2 R-3", CHAIN, reason, link=0, revocations=[revoked(kind, what)])
    again = [*LINKS[:2], line("alice", "bob", "alice")[2]]
    named = [revoked("agent", agent("alice").encode())]
    yield ASK.bad(
        "agent-twice",
        "An agent that stands in two links.",
        "V-16",
        chain(*again),
        "agent_revoked",
        link=0,
        revocations=named,
    )


def order() -> Iterator[Vector]:
    """Of several, the reason is that of the first kind (V-17)."""
    for first, second in combinations(ORDER, 2):
        things = [revoked(second, ORDER[second][1]), revoked(first, ORDER[first][1])]
        link = 0 if first in ("task", "issuer_key", "principal") else 1
        says = f"Both {first} and {second} are revoked.".replace("_", " ")
        yield ASK.bad(f"{first}-before-{second}", says, "V-17", CHAIN, ORDER[first][0], link=link, revocations=things)
    both = [revoked("link", CHAIN.ids[2]), revoked("link", CHAIN.ids[1])]
    yield ASK.bad(
        "two-links", "Two links: the first is named.", "V-16", CHAIN, "link_revoked", link=1, revocations=both
    )


def others() -> Iterator[Vector]:
    """What is revoked, but not of this chain; and knowing nothing."""
    for name, kind, what in (
        ("another-link", "link", fixed("another link", 32)),
        ("another-key", "holder_key", MALLORY.public),
        ("another-agent", "agent", agent("mallory").encode()),
        ("agent-as-prefix", "agent", agent("bo").encode()),
        ("agent-in-upper-case", "agent", agent("BOB").encode()),
        ("another-task", "task", fixed("another task")),
        ("another-principal", "principal", principal_id("example.org", agent("bob"))),
        ("principal-with-the-border-moved", "principal", principal_id("example.or", "g" + agent("alice"))),
        ("another-issuer-key", "issuer_key", STATEMENTS.key_id),
        ("link-id-as-holder-key", "holder_key", CHAIN.ids[1]),
        ("holder-key-as-link", "link", BOB.public),
        ("link-id-as-principal", "principal", CHAIN.ids[0]),
        ("task-as-issuer-key", "issuer_key", Grant().task_id),
        ("issuer-key-as-task", "task", ISSUER.key_id),
    ):
        things = [revoked(kind, what)]
        yield ASK.good(
            name, "Something of another chain, or of another kind.", "V-14", CHAIN, LINKS[2], revocations=things
        )
    child = chain(*LINKS, *line("alice", "bob", "carol", "dave")[3:])
    things = [revoked("link", child.ids[3])]
    yield ASK.good("link-below", "A link below this chain's leaf.", "V-14 R-2", CHAIN, LINKS[2], revocations=things)
    things = [revoked("link", CHAIN.ids[1])]
    yield ASK.bad(
        "subtree", "A link falls with the one above it.", "V-14 R-2", child, "link_revoked", link=1, revocations=things
    )
    yield ASK.bad(
        "no-snapshot",
        "Nothing is known of revocations.",
        "V-14 V-19 G-2",
        CHAIN,
        "feed_stale",
        link=None,
        revocations=None,
    )
    late = LINKS[2].expires_at_ms
    things = [revoked("task", Grant().task_id)]
    yield ASK.bad(
        "expired-and-revoked",
        "Time comes first.",
        "V-13 V-14",
        CHAIN,
        "expired",
        link=1,
        revocations=things,
        now_ms=late,
    )


def principals() -> Iterator[Vector]:
    """The id of a principal (R-1)."""
    for name, issuer, subject in (
        ("asserted", "example.org", agent("alice")),
        ("oidc", "https://login.example.org", "ada"),
        ("border", "https://login.example.orga", "da"),
        ("not-ascii", "https://bücher.example", "zoë"),
        ("longest", "i" * 512, "s" * 512),
    ):
        given = {"issuer": issuer, "subject": subject}
        expect = accepted(id=principal_id(issuer, subject))
        yield Vector(f"principal-{name}", "principal", "The id of a principal.", ("R-1",), given, expect)


AREA = Area("revocations", "What a chain rests on, revoked.", [*each(), *order(), *others(), *principals()])
