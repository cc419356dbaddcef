"""Whose signature, in which order, by which key: SPEC section 6, steps 2 to 8."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from conformance.make import messages as m
from conformance.make.keys import ALICE, CAROL, CHECKPOINTS, ISSUER, MALLORY, PURPOSES, STATEMENTS, sha256
from conformance.make.messages import DAY_MS, T0_MS, Grant, agent
from conformance.make.tokens import FILES, NOW_MS, Chain, Hop, chain, handoff, line, trust, trusted
from conformance.make.vector import Area, Vector
from conformance.make.verifying import Asking

ASK = Asking("chain")
LINES = line("alice", "bob", "carol")
CHAIN = chain(*LINES)
GRANT = chain(LINES[0])


def good() -> Iterator[Vector]:
    """Chains that are taken."""
    task = {"task_id": Grant().task_id}
    yield ASK.good("grant", "A grant alone.", "V-3 V-4 K-8 K-9", GRANT, LINES[0], outputs=task)
    two = chain(*LINES[:2])
    yield ASK.good("one-handoff", "A grant and a handoff.", "V-4 V-7 K-8 K-9", two, LINES[1], outputs=task)
    yield ASK.good("two-handoffs", "Two handoffs.", "V-4 V-7 K-8 K-9", CHAIN, LINES[2], outputs=task)
    names = [f"agent-{number}" for number in range(32)]
    for count in (8, 32):
        links = [replace(link, remaining_depth=100 - index) for index, link in enumerate(line(*names[:count]))]
        yield ASK.good(f"{count}-links", f"{count} links.", "E-2 V-21", chain(*links), links[-1])
    same = [LINES[0], replace(LINES[1], holder_key=ALICE.public, holder_agent=agent("alice"))]
    yield ASK.good(
        "handed-to-itself",
        "A holder may hand on to its own key: that it is fresh is not checked.",
        "V-10 V-21",
        chain(*same, signers=[ALICE]),
        same[1],
    )
    back = [*LINES[:2], replace(handoff("alice", scope=FILES, remaining_depth=6))]
    yield ASK.good("handed-back", "An agent may stand in a chain twice.", "V-10 V-21", chain(*back), back[2])
    again = replace(LINES[1], nonce=LINES[0].nonce)
    yield ASK.good("nonce-of-the-parent", "Nonces are not compared.", "V-10", chain(LINES[0], again), again)


def issuers() -> Iterator[Vector]:
    """Whether the issuer is trusted (step 3)."""
    end = T0_MS + 30 * DAY_MS
    yield ASK.bad(
        "bundle-just-expired",
        "Now is the first moment at which the bundle is trusted no more.",
        "V-3 V-16 T-14",
        GRANT,
        "bundle_expired",
        link=0,
        trust=trust(expires_at_ms=NOW_MS),
    )
    yield ASK.good(
        "bundle-not-yet-expired",
        "Now is its last moment.",
        "V-3",
        GRANT,
        LINES[0],
        trust=trust(expires_at_ms=NOW_MS + 1),
    )
    yield ASK.bad(
        "issuer-unknown",
        "The grant names a key that the bundle does not list.",
        "V-3 V-16",
        chain(replace(LINES[0], grant=replace(LINES[0].grant, issuer_key_id=MALLORY.key_id)), issuer=MALLORY),
        "issuer_unknown",
        link=0,
    )
    yield ASK.bad(
        "no-keys",
        "A bundle without keys.",
        "V-3",
        GRANT,
        "issuer_unknown",
        link=0,
        trust={"expires_at_ms": end, "keys": []},
    )
    for name, key in (("statement", STATEMENTS), ("checkpoint", CHECKPOINTS)):
        grant = replace(LINES[0], grant=replace(LINES[0].grant, issuer_key_id=key.key_id))
        yield ASK.bad(
            f"issuer-is-a-{name}-key",
            f"The grant is rightly signed, but by a {name} key.",
            "V-3 T-16",
            chain(grant, issuer=key),
            "issuer_not_trusted",
            link=0,
        )
    for name, says, tweaks, good in (
        ("retired", "The issuer key is retired.", {"state": "retired"}, False),
        ("compromised", "It is compromised.", {"state": "compromised", "compromised_at_ms": NOW_MS - 1}, False),
        (
            "compromised-later",
            "It is to be compromised later.",
            {"state": "compromised", "compromised_at_ms": end},
            False,
        ),
        ("too-early", "Its window begins a millisecond later.", {"not_before_ms": NOW_MS + 1}, False),
        ("first-moment", "Its window begins now.", {"not_before_ms": NOW_MS}, True),
        ("too-late", "Its window has just ended.", {"not_after_ms": NOW_MS}, False),
        ("last-moment", "Its window ends a millisecond later.", {"not_after_ms": NOW_MS + 1}, True),
        ("no-end", "Its window has no end.", {"not_after_ms": 0}, True),
    ):
        given = {"trust": trust(trusted("grant", ISSUER, **tweaks))}
        if good:
            yield ASK.good(f"issuer-{name}", says, "V-3 T-16", GRANT, LINES[0], **given)
        else:
            yield ASK.bad(f"issuer-{name}", says, "V-3 T-16", GRANT, "issuer_not_trusted", link=0, **given)
    yield ASK.bad(
        "first-link-no-grant",
        "The first link has no claims of a grant, hence names no issuer.",
        "V-3 V-7",
        Chain((Hop(replace(LINES[0], grant=None).encoded(), ISSUER),)),
        "grant_missing",
        link=0,
    )


def signers() -> Iterator[Vector]:
    """Signatures by the wrong key or for the wrong purpose (step 4)."""
    for name, key in (("mallory", MALLORY), ("statement-key", STATEMENTS), ("its-holder", ALICE)):
        yield ASK.bad(
            f"grant-by-{name}",
            "A grant that its issuer did not sign.",
            "V-4",
            GRANT.hop(0, signer=key),
            "signature_invalid",
            link=0,
        )
    for name, key in (("issuer", ISSUER), ("alice", ALICE), ("carol", CAROL), ("mallory", MALLORY)):
        yield ASK.bad(
            f"handoff-2-by-{name}",
            "The second handoff is not signed by the holder of the first.",
            "V-4",
            CHAIN.hop(2, signer=key),
            "signature_invalid",
            link=2,
        )
    for purpose in PURPOSES:
        if purpose != "grant":
            yield ASK.bad(
                f"grant-signed-as-{purpose}",
                f"The issuer signed the grant's bytes for the purpose {purpose}.",
                "V-4 K-7",
                GRANT.hop(0, purpose=purpose),
                "signature_invalid",
                link=0,
            )
        if purpose != "handoff":
            yield ASK.bad(
                f"handoff-signed-as-{purpose}",
                f"Alice signed the handoff's bytes for the purpose {purpose}.",
                "V-4 K-7",
                chain(*LINES[:2]).hop(1, purpose=purpose),
                "signature_invalid",
                link=1,
            )
    for name, parent in (
        ("no-parent", b""),
        ("another-parent", sha256(b"another")),
        ("the-payload-as-parent", sha256(LINES[1].encoded())),
        ("the-grandparent", CHAIN.ids[0]),
    ):
        yield ASK.bad(
            f"signed-over-{name}",
            f"A handoff signed over {name.replace('-', ' ')}.",
            "V-4 K-6",
            CHAIN.hop(2, over=parent),
            "signature_invalid",
            link=2,
        )


def flipped() -> Iterator[Vector]:
    """One bit is another."""
    token = CHAIN.token
    offsets = {}
    position = 0
    for index, (payload, signature, _) in enumerate(CHAIN.signed()):
        payload_at = token.index(payload, position)
        signature_at = token.index(signature, payload_at)
        offsets[f"nonce-{index}"] = (index, payload_at + 5)
        offsets[f"r-{index}"] = (index, signature_at + 3)
        offsets[f"s-{index}"] = (index, signature_at + 40)
        position = signature_at + 64
    for name, (index, offset) in offsets.items():
        changed = bytes((*token[:offset], token[offset] ^ 4, *token[offset + 1 :]))
        yield ASK.bad(
            f"flipped-{name}", f"A bit of link {index} is another.", "V-4", changed, "signature_invalid", link=index
        )


def arrangement() -> Iterator[Vector]:
    """Links are missing, exchanged, or another chain's (K-8, V-4, V-7)."""
    links = [link[:2] for link in CHAIN.signed()]
    for name, says, chosen, index in (
        ("middle-missing", "The middle link is missing.", (0, 2), 1),
        ("exchanged", "Two links are exchanged.", (0, 2, 1), 1),
        ("handoff-twice", "A handoff stands twice.", (0, 1, 1), 2),
        ("grant-at-the-end", "The grant stands once more at the end.", (0, 1, 0), 2),
        ("grant-twice", "The grant stands twice.", (0, 0), 1),
    ):
        token = m.chain([links[each] for each in chosen])
        yield ASK.bad(name, says, "V-4 K-6", token, "signature_invalid", link=index)
    for name, chosen in (("grant-missing", (1, 2)), ("only-the-leaf", (2,))):
        token = m.chain([links[each] for each in chosen])
        yield ASK.bad(name, "The first link is a handoff.", "V-3 V-7", token, "grant_missing", link=0)
    cut = Chain(CHAIN.hops[:2])
    yield ASK.good(
        "cut",
        "Without its last link, it is Bob's chain: only a proof shows that Carol has no right to it.",
        "V-4",
        cut,
        LINES[1],
    )
    other = line("alice", "bob", "carol", task_id=b"another task, no")
    spliced = m.chain([*(link[:2] for link in chain(*other).signed()[:2]), links[2]])
    yield ASK.bad(
        "spliced", "A link that Bob signed under another task.", "V-4 K-8", spliced, "signature_invalid", link=2
    )
    second = replace(LINES[1], grant=LINES[0].grant)
    yield ASK.bad(
        "second-grant", "A handoff that claims to be a grant.", "V-7", chain(LINES[0], second), "grant_repeated", link=1
    )
    real = replace(LINES[1], grant=Grant(task_id=b"another task, no"))
    late = Chain((*GRANT.hops, Hop(real.encoded(), ISSUER, purpose="grant", over=b"")))
    yield ASK.bad(
        "second-grant-by-issuer",
        "The issuer's own grant in second place.",
        "V-4 V-7",
        late,
        "signature_invalid",
        link=1,
    )


def depths() -> Iterator[Vector]:
    """How many handoffs may follow (steps 8 and 10)."""
    for name, depths_, index in (
        ("none-left", (0, 0), 1),
        ("none-left-later", (1, 0, 0), 2),
        ("none-left-and-more-asked", (0, 5), 1),
    ):
        links = [replace(link, remaining_depth=depth) for link, depth in zip(LINES, depths_, strict=False)]
        yield ASK.bad(
            f"depth-{name}",
            "A handoff under a link that permits none.",
            "V-8",
            chain(*links),
            "depth_exceeded",
            link=index,
        )
    last = [replace(link, remaining_depth=depth) for link, depth in zip(LINES, (2, 1, 0), strict=True)]
    yield ASK.good("depth-used-up", "The last link may not be handed on.", "V-8", chain(*last), last[2])
    skipped = [replace(link, remaining_depth=depth) for link, depth in zip(LINES, (2**32 - 1, 7, 0), strict=True)]
    yield ASK.good(
        "depth-lowered", "A holder permits fewer handoffs than it might.", "V-8 V-10", chain(*skipped), skipped[2]
    )


def precedence() -> Iterator[Vector]:
    """Which of several faults is named (V-15)."""
    wide = replace(LINES[1], scope=m.scope(m.capability("mail", "send", m.ANY_ARGUMENTS)))
    bad = chain(LINES[0], wide, LINES[2]).hop(2, signer=MALLORY)
    yield ASK.bad(
        "first-fault-narrowing",
        "Link 1 grew, link 2 is badly signed.",
        "V-15",
        bad,
        "scope_grew",
        link=1,
        field="scope",
    )
    bad = chain(*LINES[:2], replace(LINES[2], version=2)).hop(1, signer=MALLORY)
    yield ASK.bad(
        "first-fault-signature",
        "Link 1 is badly signed, link 2 of a later version.",
        "V-15",
        bad,
        "signature_invalid",
        link=1,
    )
    wrong = replace(LINES[1], nonce=b"", remaining_depth=9, expires_at_ms=1)
    yield ASK.bad(
        "field-before-growth",
        "Link 1 has a bad nonce, ends before it begins, and grew.",
        "V-15",
        chain(LINES[0], wrong),
        "field_invalid",
        link=1,
    )
    ended = replace(LINES[1], remaining_depth=9, expires_at_ms=T0_MS)
    yield ASK.bad(
        "lifetime-before-growth",
        "Link 1 ends when it begins, and has grown.",
        "V-15",
        chain(LINES[0], ended),
        "lifetime_too_long",
        link=1,
    )
    last = replace(LINES[0], remaining_depth=0)
    yield ASK.bad(
        "depth-before-lifetime",
        "Link 1 must not be, and ends when it begins.",
        "V-15",
        chain(last, ended),
        "depth_exceeded",
        link=1,
    )
    both = replace(LINES[1], grant=LINES[0].grant)
    yield ASK.bad(
        "grant-before-depth",
        "Link 1 claims to be a grant and must not be.",
        "V-15",
        chain(last, both),
        "grant_repeated",
        link=1,
    )
    signed = chain(LINES[0], replace(LINES[1], nonce=b"")).hop(1, signer=MALLORY)
    yield ASK.bad(
        "signature-before-field",
        "Link 1 is badly signed and has a bad nonce.",
        "V-15",
        signed,
        "signature_invalid",
        link=1,
    )
    later = replace(LINES[1], version=2, nonce=b"")
    yield ASK.bad(
        "version-before-field",
        "Link 1 is of version 2 and has a bad nonce.",
        "V-15",
        chain(LINES[0], later),
        "version_unsupported",
        link=1,
    )
    expired = NOW_MS + DAY_MS
    yield ASK.bad(
        "growth-before-time",
        "Link 1 grew, and everything has expired.",
        "V-15",
        chain(LINES[0], wide),
        "scope_grew",
        link=1,
        field="scope",
        now_ms=expired,
    )
    cut = Chain((Hop(LINES[0].encoded()[:-1], ISSUER),))
    yield ASK.bad(
        "unreadable",
        "A grant that is cut short, whoever signed it so.",
        "V-5 C-9",
        cut,
        ("malformed", "not_canonical"),
        link=0,
    )


def later_links() -> Iterator[Vector]:
    """Steps 5 and 6 on a link that is not the first."""
    for name, says, link, reason in (
        ("key", "A holder key of small order.", replace(LINES[1], holder_key=bytes(32)), "key_invalid"),
        ("version", "A later version (V-6).", replace(LINES[1], version=2), "version_unsupported"),
        ("agent", "An agent id without a colon.", replace(LINES[1], holder_agent="bob"), "field_invalid"),
        ("scope", "A capability twice.", replace(LINES[1], scope=FILES * 2), "field_invalid"),
    ):
        yield ASK.bad(
            f"later-{name}",
            f"In link 1: {says}",
            "V-5 V-6 V-16",
            chain(LINES[0], link, signers=[ALICE]),
            reason,
            link=1,
        )
    unknown = LINES[1].encoded() + b"\x72\x00"
    yield ASK.bad(
        "later-unknown-field",
        "In link 1: a field that nobody knows.",
        "V-5 C-7",
        chain(LINES[0], unknown),
        ("not_canonical", "malformed"),
        link=1,
    )
    unknown = LINES[0].encoded() + b"\x72\x00"
    yield ASK.bad(
        "grant-unknown-field",
        "In a grant that is rightly signed: a field that nobody knows.",
        "V-5 C-7",
        chain(unknown),
        ("not_canonical", "malformed"),
        link=0,
    )
    weak = replace(LINES[0], holder_key=(1).to_bytes(32, "little"))
    yield ASK.bad(
        "grant-weak-key", "A grant whose holder anybody could be.", "V-5 K-2 K-3", chain(weak), "key_invalid", link=0
    )


AREA = Area(
    "chains",
    "Signatures, their keys, and the order of links.",
    [*good(), *issuers(), *signers(), *flipped(), *arrangement(), *depths(), *precedence(), *later_links()],
)
