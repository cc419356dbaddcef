"""Chains of federated trust domains: SPEC section 9.11."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from conformance.make import messages as m
from conformance.make.keys import ISSUER, STATEMENTS, named
from conformance.make.messages import MINUTE_MS, T0_MS, Grant, Link
from conformance.make.tokens import FILES, NOW_MS, SERVICE_KEYS, Chain, binding, chain, handoff, line, receipt, trusted
from conformance.make.vector import Area, Vector
from conformance.make.verifying import Asking

PARTNER = "partner.example"
THEIR_GRANTS, THEIR_STATEMENTS, OTHERS_GRANTS = map(named, ("partner issuer", "partner statements", "other issuer"))
ask = Asking("federation")


def domain(name: str = PARTNER, *keys: dict[str, Any], **tweaks: Any) -> dict[str, Any]:
    """Give a federated domain as verify vectors have it."""
    said = {
        "trust_domain": name,
        "keys": list(keys) or [trusted("grant", THEIR_GRANTS), trusted("statement", THEIR_STATEMENTS)],
        "agent_domains": [PARTNER],
        "principal_issuers": ["idp.partner.example"],
        "ceiling": FILES.hex(),
    }
    return {**said, **tweaks}


def trusting(*domains: dict[str, Any]) -> dict[str, Any]:
    """Give a trust bundle with federated domains."""
    return {
        "expires_at_ms": T0_MS + 30 * 24 * 60 * MINUTE_MS,
        "keys": list(SERVICE_KEYS),
        "federated": list(domains or [domain()]),
    }


GIVEN = {"trust": trusting(), "federated_revocations": {PARTNER: []}}


def agent(name: str, of: str = PARTNER) -> str:
    """Give the agent id of an agent of a trust domain."""
    return f"spiffe://{of}/{name}"


def links(*names: str, scope: bytes = FILES, **grant: Any) -> list[Link]:
    """Give the links of a chain of the partner's agents."""
    claims = {"issuer_key_id": THEIR_GRANTS.key_id, "principal": m.Principal(issuer="idp.partner.example"), **grant}
    return [
        replace(link, holder_agent=agent(name))
        for link, name in zip(line(*names, scope=scope, **claims), names, strict=True)
    ]


def made(*rest: Link, issuer: Any = THEIR_GRANTS) -> Chain:
    """Sign a chain as the partner's service and agents do."""
    return chain(*rest, issuer=issuer)


def within() -> Iterator[Vector]:
    """What is within the limits."""
    one, two = links("alice"), links("alice", "bob")
    yield ask.good("grant", "A grant of a federated domain.", "V-22 T-29", made(*one), one[-1], **GIVEN)
    yield ask.good("chain", "A chain of it.", "V-22 T-29", made(*two), two[-1], **GIVEN)
    recorded = links("alice", "bob", unrecorded_handoffs=False)
    signed = made(*recorded)
    stated = signed.stating(receipt(signed.ids[-1], THEIR_STATEMENTS))
    outputs = {"recorded_at_ms": T0_MS + 1_000, "bound": [True, False]}
    yield ask.good("receipt", "With its own service's receipt.", "T-27", stated, recorded[-1], outputs=outputs, **GIVEN)
    theirs = binding("bob", THEIR_STATEMENTS, holder=agent("bob"))
    outputs = {"bound": [True, True]}
    yield ask.good(
        "bound", "Its service binds its agent.", "T-27", made(*two).stating(theirs), two[-1], outputs=outputs, **GIVEN
    )
    ours = [*one, handoff("bob", scope=FILES, remaining_depth=7)]
    both = {**GIVEN, "trust": trusting(domain(agent_domains=["example.org", PARTNER]))}
    statement = binding("bob", THEIR_STATEMENTS)
    yield ask.good(
        "binds-anothers-agent",
        "Its service binds an agent of the own domain, which does not count.",
        "T-27",
        chain(*ours, signers=[named("alice")], issuer=THEIR_GRANTS).stating(statement),
        ours[-1],
        outputs={"bound": [True, False]},
        **both,
    )
    own = line("alice", "bob")
    yield ask.good(
        "own", "A chain of the own domain, with federated ones listed.", "T-26", chain(*own), own[-1], **GIVEN
    )
    yield ask.good("own-not-followed", "And without their feed.", "T-26", chain(*own), own[-1], trust=trusting())
    narrower = links("alice", scope=m.scope(m.capability("files", "read", m.listed("path", m.under("/srv/a")))))
    yield ask.good("narrower", "Less than the ceiling.", "T-29", made(*narrower), narrower[-1], **GIVEN)


def beyond() -> Iterator[Vector]:
    """What goes beyond them."""
    reason = "federation_exceeded"

    def bad(name: str, says: str, token: Chain, link: int, field: str, **given: Any) -> Vector:
        return ask.bad(name, says, "T-29", token, reason, link=link, field=field, **{**GIVEN, **given})

    foreign = agent("alice", "elsewhere.example")
    first = [replace(links("alice")[0], holder_agent=foreign)]
    listing = {"trust": trusting(domain(agent_domains=["elsewhere.example", PARTNER]))}
    yield bad("grants-another", "A grant to an agent that is not its own.", made(*first), 0, "holder_agent", **listing)
    two = links("alice", "bob")
    for name, says, other in (
        ("unlisted-agent", "A handoff to an agent of a domain that is not listed.", agent("bob", "elsewhere.example")),
        ("own-agent", "One to an agent of the own domain, which is not listed.", agent("bob", "example.org")),
        ("longer-domain", "A domain that begins like a listed one.", agent("bob", PARTNER + ".evil.example")),
        ("other-case", "A domain in other letters.", agent("bob", "Partner.example")),
        ("no-path", "A domain without an agent.", f"spiffe://{PARTNER}"),
        ("empty-path", "A domain with an agent without a name.", f"spiffe://{PARTNER}/"),
        ("not-spiffe", "An agent id that is no SPIFFE ID.", f"https://{PARTNER}/bob"),
        ("scheme-case", "A scheme in other letters.", f"SPIFFE://{PARTNER}/bob"),
        ("port", "A domain with a port.", f"spiffe://{PARTNER}:1/bob"),
        ("user", "A domain after a user.", f"spiffe://me@{PARTNER}/bob"),
    ):
        token = made(two[0], replace(two[1], holder_agent=other))
        yield bad(name, says, token, 1, "holder_agent")
    none = {"trust": trusting(domain(agent_domains=[]))}
    yield bad("no-agents", "No agent domain is listed.", made(*links("alice")), 0, "holder_agent", **none)
    for name, says, issuer in (
        ("principal", "A principal of another issuer.", "idp.elsewhere.example"),
        ("own-principal", "A principal whom the own domain vouches for.", "example.org"),
    ):
        token = made(*links("alice", principal=m.Principal(issuer=issuer)))
        yield bad(name, says, token, 0, "grant.principal.issuer")
    below, root = m.listed("path", m.under("/srv")), m.listed("path", m.under("/"))
    for name, says, capability in (
        ("path", "A path above the ceiling's.", ("files", "read", root)),
        ("tool", "A tool that the ceiling does not name.", ("files", "write", below)),
        ("audience", "An audience that it does not name.", ("mail", "read", below)),
        ("any-arguments", "Any arguments.", ("files", "read", m.ANY_ARGUMENTS)),
    ):
        token = made(*links("alice", scope=m.scope(m.capability(*capability))))
        yield bad(f"scope-{name}", says, token, 0, "scope")
    nothing = {"trust": trusting(domain(ceiling=""))}
    yield bad("empty-ceiling", "A ceiling that permits nothing.", made(*links("alice")), 0, "scope", **nothing)


def keys_and_feeds() -> Iterator[Vector]:
    """Whose signatures count for what."""
    token = made(*links("alice"))
    stale = {**GIVEN, "federated_revocations": {}}
    yield ask.bad("not-followed", "Its feed is not followed.", "T-28", token, "feed_stale", **stale)
    unknown = {**GIVEN, "federated_revocations": {PARTNER: None}}
    yield ask.bad("feed-unknown", "Of its feed no snapshot is known.", "T-28", token, "feed_stale", **unknown)
    others = {**GIVEN, "federated_revocations": {"elsewhere.example": []}}
    yield ask.bad("others-feed", "Only another domain's feed is followed.", "T-28", token, "feed_stale", **others)
    gone = [{"kind": "agent", "id": agent("alice").encode().hex()}]
    revoked = {**GIVEN, "federated_revocations": {PARTNER: gone}}
    yield ask.bad("revoked-there", "It has revoked the agent.", "T-28", token, "agent_revoked", link=0, **revoked)
    here = {**GIVEN, "revocations": [{"kind": "issuer_key", "id": THEIR_GRANTS.key_id.hex()}]}
    yield ask.bad(
        "revoked-here", "The own domain has revoked its key.", "T-28", token, "issuer_key_revoked", link=0, **here
    )
    own = line("alice")
    elsewhere = {**GIVEN, "federated_revocations": {PARTNER: [{"kind": "link", "id": chain(*own).ids[0].hex()}]}}
    yield ask.good(
        "revokes-ours", "It revokes a link of the own domain, in vain.", "T-27 T-28", chain(*own), own[0], **elsewhere
    )
    for name, tweaks in (
        ("retired", {"state": "retired"}),
        ("compromised", {"state": "compromised", "compromised_at_ms": NOW_MS}),
        ("ended", {"not_after_ms": NOW_MS}),
        ("not-yet", {"not_before_ms": NOW_MS + 1}),
    ):
        listing = trusting(domain(PARTNER, trusted("grant", THEIR_GRANTS, **tweaks)))
        says = f"Its grant key does not count: {name}."
        yield ask.bad(f"key-{name}", says, "T-26", token, "issuer_not_trusted", link=0, **{**GIVEN, "trust": listing})
    grants = made(*links("alice", issuer_key_id=THEIR_STATEMENTS.key_id), issuer=THEIR_STATEMENTS)
    yield ask.bad(
        "statement-key", "A grant by its statement key.", "T-26", grants, "issuer_not_trusted", link=0, **GIVEN
    )
    others = made(*links("alice", issuer_key_id=OTHERS_GRANTS.key_id), issuer=OTHERS_GRANTS)
    yield ask.bad("unlisted", "A domain that is not listed.", "V-3", others, "issuer_unknown", link=0, **GIVEN)
    recorded = made(*links("alice", "bob", unrecorded_handoffs=False))
    yield ask.bad("no-receipt", "Without a receipt.", "V-12", recorded, "receipt_missing", link=1, **GIVEN)
    invalid = "statement_invalid"
    ours = recorded.stating(receipt(recorded.ids[-1], STATEMENTS))
    yield ask.bad("own-receipt", "With a receipt of the own service.", "T-27", ours, invalid, **GIVEN)
    plain = line("alice", "bob", unrecorded_handoffs=False)
    theirs = chain(*plain).stating(receipt(chain(*plain).ids[-1], THEIR_STATEMENTS))
    yield ask.bad("receipt-for-ours", "Its receipt for a chain of the own domain.", "T-27", theirs, invalid, **GIVEN)
    claims = Grant(issuer_key_id=ISSUER.key_id, unrecorded_handoffs=True)
    posing = chain(replace(line("alice")[0], grant=claims), issuer=THEIR_GRANTS)
    yield ask.bad(
        "posing",
        "Signed by it under the own issuer's key id.",
        "V-4 T-26",
        posing,
        "signature_invalid",
        link=0,
        **GIVEN,
    )


AREA = Area("federation", "Chains of federated trust domains.", [*within(), *beyond(), *keys_and_feeds()])
