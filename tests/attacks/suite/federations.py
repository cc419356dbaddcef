"""Another trust domain that goes beyond what is accepted of it, and others that pose as it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt, Call, Moment, Recipe, Twin
from attacks.suite.recipes import path_of
from attacks.suite.signatures import receipt_bytes
from attacks.suite.worlds import READ, SCOPE, World, id_of, token_of
from attacks.suite.writer import Of
from delegation.core.codec import decode_scope
from delegation.core.federation import FederatedDomain
from delegation.core.keys import SigningKey
from delegation.core.revocation import Revocation, RevocationKind
from delegation.core.trust import KeyPurpose, KeyState, TrustedKey
from delegation.errors import Reason
from support.chains import ISSUER, MALLORY, NOW_MS, STATEMENTS, MadeChain, bundle, key, trusted

PARTNER, OTHER = "partner.test", "other.test"
THEIRS, THEIR_STATEMENTS = key("partner issuer"), key("partner statements")
OTHERS, OTHER_STATEMENTS = key("other issuer"), key("other statements")
IDP = "https://login.partner.test"


def domain(
    name: str = PARTNER,
    grants: TrustedKey | None = None,
    statements: SigningKey = THEIR_STATEMENTS,
    *,
    agents: tuple[str, ...] = (PARTNER,),
    principals: tuple[str, ...] = (IDP,),
    ceiling: bytes = SCOPE,
) -> FederatedDomain:
    keys = (grants or trusted(KeyPurpose.GRANT, THEIRS), trusted(KeyPurpose.STATEMENT, statements))
    return FederatedDomain(name, keys, agents, principals, decode_scope(ceiling))


OTHER_DOMAIN = domain(OTHER, trusted(KeyPurpose.GRANT, OTHERS), OTHER_STATEMENTS, agents=(OTHER,))


def moment(*domains: FederatedDomain, revoked: tuple[Revocation, ...] = (), **tweaks: object) -> Moment:
    """A verifier that lets in the partner, and follows its feed."""
    listed = domains or (domain(), OTHER_DOMAIN)
    trust = bundle(federated=listed)
    feeds = ((PARTNER, THEIR_STATEMENTS, revoked), (OTHER, OTHER_STATEMENTS, ()))
    followed = tuple(feed for feed in feeds if any(feed[0] == each.trust_domain for each in listed))
    return Moment(**{"trust": trust, "followed": followed, **tweaks})  # type: ignore[arg-type]


LET_IN = moment()


def foreign(
    world: World,
    links: int = 2,
    *,
    signer: SigningKey = THEIRS,
    names: SigningKey | None = None,
    principal: str = IDP,
    scope: bytes | list[bytes] = SCOPE,
    agents: Mapping[int, str] | None = None,
    unrecorded: bool = True,
) -> MadeChain:
    """Make a chain as the partner's service and agents would; any of it can differ."""
    assert world.issuer is ISSUER
    made = world.chain(path_of(links), scope=scope, unrecorded=unrecorded)
    said = w.fields((1, "ada"), (2, principal), (3, 1))
    claims = w.content_of(made.payloads[0], Of.GRANT)
    assert isinstance(claims, bytes)
    claims = w.changed(claims, {1: (names or signer).key_id, 3: said})
    made = made.with_payload(0, w.changed(made.payloads[0], {Of.GRANT: claims}))
    for index in range(links):
        agent = (agents or {}).get(index, f"spiffe://{PARTNER}/agent-{index}")
        made = made.with_payload(index, w.changed(made.payloads[index], {Of.HOLDER_AGENT: agent}))
    return made.signed_by(0, signer)


def calling(when: Moment = LET_IN, links: int = 2, **differs: object) -> Recipe:
    return lambda world: replace(world.call(foreign(world, links, **differs)), moment=when)  # type: ignore[arg-type]


AGENTS = {
    "of a domain that is not listed": "spiffe://elsewhere.test/agent",
    "of another federated domain": f"spiffe://{OTHER}/agent",
    "of the own domain": "spiffe://example.test/planner",
    "whose domain begins alike": f"spiffe://{PARTNER}.evil.test/agent",
    "whose domain ends alike": f"spiffe://evil-{PARTNER}/agent",
    "below a path that ends alike": f"spiffe://evil.test/{PARTNER}/agent",
    "in other letters": f"spiffe://{PARTNER.upper()}/agent",
    "of another scheme": f"https://{PARTNER}/agent",
    "of a scheme in other letters": f"Spiffe://{PARTNER}/agent",
    "without a path": f"spiffe://{PARTNER}",
    "with an empty path": f"spiffe://{PARTNER}/",
    "behind a user": f"spiffe://{PARTNER}@evil.test/agent",
    "at a port": f"spiffe://{PARTNER}:443/agent",
    "that is a name": "urn:partner.test:agent",
}
WIDER = {
    "a path above": w.scope(w.capability("files", "read", w.argument("path", w.sub_path("/")))),
    "a tool more": w.scope(w.capability("files", "delete", any_arguments=True), READ),
    "an audience more": w.scope(READ, w.capability("mail", "send", any_arguments=True)),
    "any arguments": w.scope(w.capability("files", "read", any_arguments=True)),
}


def beyond() -> Iterator[Attempt]:
    exceeded = Reason.FEDERATION_EXCEEDED
    for name, agent in AGENTS.items():
        for at, of in ((0, 1), (1, 2), (2, 3)):
            yield Attempt(
                f"link {at} of {of} to an agent {name}", exceeded, calling(links=of, agents={at: agent}), at, False
            )
    named = moment(domain(agents=(OTHER, PARTNER)))
    recipe = calling(named, agents={0: f"spiffe://{OTHER}/agent"})
    yield Attempt("a grant to a listed domain's agent, whom it cannot have authenticated", exceeded, recipe, 0, False)
    for issuer in (
        "example.test",
        "https://login.example.test",
        IDP + "/",
        "partner.test",
        "https://LOGIN.partner.test",
    ):
        yield Attempt(f"a principal of {issuer}", exceeded, calling(principal=issuer), 0, False)
    for name, scope in WIDER.items():
        yield Attempt(f"a grant of {name}", exceeded, calling(links=1, scope=scope), 0, False)
    for name, limits in {
        "agents": domain(agents=()),
        "principals": domain(principals=()),
        "tools": domain(ceiling=b""),
    }.items():
        yield Attempt(f"a domain that is let in with no {name}", exceeded, calling(moment(limits)), 0, False)
    wider = calling(scope=[w.scope(READ), SCOPE])
    yield Attempt("a handoff wider than its grant, within the ceiling", Reason.SCOPE_GREW, wider, 1, False)


def within() -> Iterator[Twin]:
    for of in (1, 2, 3):
        yield Twin(f"a chain of {of} links within all limits", calling(links=of), False)
    yield Twin("a chain narrower than the ceiling", calling(scope=w.scope(READ)), False)
    both = moment(domain(agents=(OTHER, PARTNER)))
    yield Twin("a handoff to a listed domain's agent", calling(both, agents={1: f"spiffe://{OTHER}/agent"}), False)


# -- keys and feeds


def gone(kind: RevocationKind, what: bytes) -> tuple[Revocation, ...]:
    return (Revocation(kind, what, NOW_MS + 3_600_000),)


def with_receipt(signer: SigningKey, *, own: bool = False) -> Recipe:
    def recipe(world: World) -> Call:
        made = world.chain(path_of(2), unrecorded=False) if own else foreign(world, unrecorded=False)
        frame = receipt_bytes(signer, w.fields((1, id_of(made, -1)), (2, NOW_MS)))
        return replace(world.call(made), token=token_of(made) + frame, moment=LET_IN)

    return recipe


def posing() -> Iterator[Attempt]:
    for state, tweaks in {
        "retired": {"state": KeyState.RETIRED},
        "compromised": {"state": KeyState.COMPROMISED, "compromised_at_ms": NOW_MS},
        "over": {"not_after_ms": NOW_MS},
        "to come": {"not_before_ms": NOW_MS + 1},
    }.items():
        when = moment(domain(grants=trusted(KeyPurpose.GRANT, THEIRS, **tweaks)))
        yield Attempt(f"its key is {state}", Reason.ISSUER_NOT_TRUSTED, calling(when), 0, False)
    yield Attempt("its statement key", Reason.ISSUER_NOT_TRUSTED, calling(signer=THEIR_STATEMENTS), 0, False)
    yield Attempt("a stranger's key", Reason.ISSUER_UNKNOWN, calling(signer=MALLORY), 0, False)
    for name, signer in {"a stranger": MALLORY, "another federated domain": OTHERS, "the own service": ISSUER}.items():
        recipe = calling(signer=signer, names=THEIRS)
        yield Attempt(f"{name} under its key id", Reason.SIGNATURE_INVALID, recipe, 0, False)
    recipe = calling(names=ISSUER)
    yield Attempt("it signs under the own service's key id", Reason.SIGNATURE_INVALID, recipe, 0, False)
    yield Attempt(
        "another federated domain says the same", Reason.FEDERATION_EXCEEDED, calling(signer=OTHERS), 0, False
    )
    for name, signer in {
        "the own service": STATEMENTS,
        "another domain": OTHER_STATEMENTS,
        "its grant key": THEIRS,
    }.items():
        yield Attempt(f"a receipt by {name}", Reason.STATEMENT_INVALID, with_receipt(signer), None, False)
    recipe = with_receipt(THEIR_STATEMENTS, own=True)
    yield Attempt("its receipt for a chain of the own domain", Reason.STATEMENT_INVALID, recipe, None, False)
    unfollowed = moment(followed=((OTHER, OTHER_STATEMENTS, ()),))
    yield Attempt("its feed is not followed", Reason.FEED_STALE, calling(unfollowed), None, False)
    for name, revoked in {
        "the agent": gone(RevocationKind.AGENT, f"spiffe://{PARTNER}/agent-1".encode()),
        "its own key": gone(RevocationKind.ISSUER_KEY, THEIRS.key_id),
    }.items():
        reason = Reason.AGENT_REVOKED if name == "the agent" else Reason.ISSUER_KEY_REVOKED
        yield Attempt(f"it has revoked {name}", reason, calling(moment(revoked=revoked)), None, False)
        here = calling(replace(LET_IN, revoked=revoked))
        yield Attempt(f"the own service has revoked {name}", reason, here, None, False)


def honest() -> Iterator[Twin]:
    yield Twin("a chain with its own service's receipt", with_receipt(THEIR_STATEMENTS), False)
    yield Twin("an own chain with the own service's receipt", with_receipt(STATEMENTS, own=True), False)
    ours = moment(revoked=gone(RevocationKind.ISSUER_KEY, ISSUER.key_id))
    yield Twin(
        "an own chain, whose key the partner revokes",
        lambda world: replace(world.call(world.chain()), moment=ours),
        False,
    )
    ends = moment(domain(grants=trusted(KeyPurpose.GRANT, THEIRS, not_after_ms=NOW_MS + 1)))
    yield Twin("its key ends in a moment", calling(ends), False)


CLASSES = (
    AttackClass("federated domain beyond its limits", beyond, within),
    AttackClass("posing as a federated domain", posing, honest),
)
