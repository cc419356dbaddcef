"""Each numbered step of verification: an attack that it alone stops.

Every attack runs twice: the verifier refuses it, and a verifier without that step lets it through. The
tokens are made by hand, since minting would refuse to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import delegation.core.codec.links as links_codec
import delegation.core.codec.scopes as scopes_codec
import delegation.core.verify as verification
from delegation.core import limits
from delegation.core.attest import sign_binding
from delegation.core.codec import join_token
from delegation.core.keys import Purpose
from delegation.core.revocation import Revocation, RevocationKind, RevocationState, principal_id
from delegation.core.scope import Scope
from delegation.core.statement import Binding, StatementKind
from delegation.core.trust import FederatedDomain, KeyPurpose, KeyState
from delegation.core.verify import Verifier
from delegation.errors import Reason
from delegation.v1 import chain_pb2 as pb
from support.attacks import Attack, Whatever, first, nothing
from support.chains import (
    BUNDLE,
    CHECKPOINTS,
    ISSUER,
    MALLORY,
    MINUTE_MS,
    NOTHING_REVOKED,
    NOW_MS,
    SCOPE,
    STATEMENTS,
    MadeChain,
    agent,
    bundle,
    chain,
    key,
    receipt,
    revoked,
    some_bytes,
    trusted,
    verify,
)
from support.taken_out import TAKEN_OUT

ROOT, PLANNED, MADE = chain("root"), chain("root -> planner"), chain("root -> planner -> tool")
OTHER = chain("root -> planner -> tool", task="another task")
BARE = chain("root -> planner -> tool", unrecorded=True).with_statements()
SMALL_ORDER_KEY = bytes(32)


def presenting(token: bytes, **options: Any) -> Callable[[], object]:
    return lambda: verify(token, **options)


def against(step: int, name: str, reason: Reason, token: bytes, *, link_index: int | None = None, **options: Any):
    """An attack on one of the steps that are a function."""
    taken = (verification, *TAKEN_OUT[step])
    return Attack(name, step, reason, presenting(token, **options), (taken,), link_index=link_index)


def in_payload(name: str, made: MadeChain, *without: tuple[object, str, object], reason: Reason = Reason.FIELD_INVALID):
    """An attack on step 5: a payload, rightfully signed, that says something invalid; link 1 is at fault."""
    return Attack(name, 5, reason, presenting(made.token), without, link_index=1)


def setting(**fields: Any) -> MadeChain:
    """The chain with fields of its second link changed."""

    def change(message: pb.Link) -> None:
        for name, value in fields.items():
            setattr(message, name, value)

    return BARE.edit(1, change)


def oversized() -> Iterator[Attack]:
    token = MADE.token + bytes(limits.TOKEN_BYTES)

    class GotThrough(Exception):
        pass

    def run() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(verification, "step_2_envelope", lambda _: (_ for _ in ()).throw(GotThrough()))
            try:
                verify(token)
            except GotThrough:
                return

    taken = (verification, *TAKEN_OUT[1])
    yield Attack("an oversized token costs more than its size", 1, Reason.TOKEN_TOO_LARGE, run, (taken,))
    # The decoder of the envelope, which others use alone, has the same cap behind it.
    next_reason = Reason.TOKEN_TOO_LARGE
    yield Attack("an oversized token", 1, next_reason, presenting(token), (taken,), next_reason=next_reason)


def envelopes() -> Iterator[Attack]:
    token = MADE.token
    links_end = len(MADE.with_statements().token)
    yield against(2, "an unknown field after the links", Reason.MALFORMED, token + b"\x1a\x01x")
    last = join_token(MADE.frames[2:])
    token_of_two = join_token(MADE.frames[:2])
    yield against(2, "a link after the statements", Reason.MALFORMED, token_of_two + token[links_end:] + last)
    long_length = bytes((token[0], token[1], token[2] | 0x80, 0)) + token[3:]
    yield against(2, "a length with a needless byte", Reason.MALFORMED, long_length)
    link = pb.SignedLink(payload=b"first " + MADE.payloads[0], signature=bytes(64)).SerializeToString()
    twice = link + pb.SignedLink(payload=MADE.payloads[0], signature=MADE.frames[0].signature).SerializeToString()
    grant = pb.Chain(links=[pb.SignedLink.FromString(twice)]).SerializeToString()
    assert pb.Chain.FromString(grant).links[0].payload == MADE.payloads[0]
    doubled = b"\x0a" + bytes((len(twice) & 0x7F | 0x80, len(twice) >> 7)) + twice
    yield against(2, "a payload hidden before the payload", Reason.MALFORMED, doubled, link_index=0)


def issuers() -> Iterator[Attack]:
    def by(signer, **options):
        return chain("root", issuer=signer).token, options

    day = 1440 * MINUTE_MS
    unknown, _ = by(MALLORY)
    yield against(3, "a grant by a key that nobody trusts", Reason.ISSUER_UNKNOWN, unknown, link_index=0)
    for purpose, signer in (("statements", STATEMENTS), ("checkpoints", CHECKPOINTS)):
        token, _ = by(signer)
        yield against(3, f"a grant by the key for {purpose}", Reason.ISSUER_NOT_TRUSTED, token, link_index=0)
    for name, tweaks in {
        "a retired key": {"state": KeyState.RETIRED},
        "a compromised key": {"state": KeyState.COMPROMISED, "compromised_at_ms": NOW_MS + day},
        "a key from tomorrow": {"not_before_ms": NOW_MS + 1},
        "a key whose window has just ended": {"not_after_ms": NOW_MS},
    }.items():
        trust = bundle(trusted(KeyPurpose.GRANT, ISSUER, **tweaks), *BUNDLE.keys[1:])
        yield against(3, f"a grant by {name}", Reason.ISSUER_NOT_TRUSTED, ROOT.token, trust=trust, link_index=0)
    expired = bundle(expires_at_ms=NOW_MS)
    yield against(3, "an expired trust bundle", Reason.BUNDLE_EXPIRED, ROOT.token, trust=expired, link_index=0)
    yield remembered_grant()
    yield remembered_prefix()


def ending_soon() -> Verifier:
    return Verifier(bundle(trusted(KeyPurpose.GRANT, ISSUER, not_after_ms=NOW_MS + 1), *BUNDLE.keys[1:]))


def remembered_grant() -> Attack:
    def run() -> None:
        verifier = ending_soon()
        for now_ms in (NOW_MS, NOW_MS + 1):
            verifier.verify(ROOT.token, now_ms=now_ms, revocations=NOTHING_REVOKED)

    taken = (verification, *TAKEN_OUT[3])
    return Attack("a remembered grant of a key that ended", 3, Reason.ISSUER_NOT_TRUSTED, run, (taken,), link_index=0)


def remembered_prefix() -> Attack:
    def run() -> None:
        verifier = ending_soon()
        verifier.verify(ROOT.token, now_ms=NOW_MS, revocations=NOTHING_REVOKED)
        verifier.verify(MADE.token, now_ms=NOW_MS + 1, revocations=NOTHING_REVOKED)

    taken = (verification, *TAKEN_OUT[3])
    name = "a new handoff under a remembered grant of a key that ended"
    return Attack(name, 3, Reason.ISSUER_NOT_TRUSTED, run, (taken,), link_index=0)


def signatures() -> Iterator[Attack]:
    for index, who in ((0, "issuer"), (1, "previous holder"), (2, "previous holder")):
        token = MADE.signed_by(index, MALLORY).token
        yield against(4, f"link {index} not signed by the {who}", Reason.SIGNATURE_INVALID, token, link_index=index)
    themselves = BARE.signed_by(1, BARE.holders[1]).token
    yield against(4, "a link signed by its own holder", Reason.SIGNATURE_INVALID, themselves, link_index=1)
    for index, purpose in ((0, Purpose.HANDOFF), (1, Purpose.GRANT), (1, Purpose.PROOF), (2, Purpose.RECEIPT)):
        token = BARE.signed_by(index, BARE.signers[index], purpose).token
        name = f"link {index} with a signature for a {purpose.name}"
        yield against(4, name, Reason.SIGNATURE_INVALID, token, link_index=index)
    rehung = chain("root -> planner", unrecorded=True).frames[1]
    stranger = chain("root", unrecorded=True, purpose="something else")
    moved = join_token([stranger.frames[0], rehung])
    name = "a handoff moved under another grant of its holder"
    yield against(4, name, Reason.SIGNATURE_INVALID, moved, link_index=1)


def payloads() -> Iterator[Attack]:
    honest = BARE.payloads[1]
    canonical = (links_codec, "require_canonical", nothing)
    not_canonical = {
        "an unknown field": honest + b"\xf8\x07\x01",
        "a field that is there twice": honest + b"\x52\x01a\x52\x01a",
        "fields out of order": honest[2:] + honest[:2],
        "a number with a needless byte": b"\x08\x81\x00" + honest[2:],
        "a default written out": honest + b"\x52\x00",
    }
    for name, payload in not_canonical.items():
        yield in_payload(name, BARE.with_payload(1, payload), canonical, reason=Reason.NOT_CANONICAL)
    any_value, any_bytes = (links_codec, "invalid", nothing), (links_codec, "check_bytes", first)
    yield in_payload("a nonce of 15 bytes", setting(nonce=bytes(15)), any_value)
    yield in_payload("a time of 0", setting(issued_at_ms=0), any_value)
    yield in_payload("a negative time", setting(issued_at_ms=-1), any_value)
    yield in_payload("a time past 2^53", setting(issued_at_ms=2**53), any_value)
    yield in_payload(
        "a key that everybody can sign for",
        setting(holder_key=SMALL_ORDER_KEY).cut(2),
        (links_codec, "check_public_key", nothing),
        reason=Reason.KEY_INVALID,
    )
    yield in_payload("an agent that is no URI", setting(holder_agent="planner"), (links_codec, "check_agent", first))
    yield in_payload("a purpose of two lines", setting(purpose="a\nb"), (links_codec, "check_text", first))
    traced = setting(trace_id=bytes(16), span_id=bytes(8))
    yield in_payload("a trace id of zeros", traced, (links_codec, "trace_of", nothing))
    any_scope = (scopes_codec, "invalid", nothing)
    yield in_payload("two capabilities for one tool", BARE.edit(1, double_capability), any_scope)
    yield in_payload("any arguments beside some", BARE.edit(1, any_arguments), any_scope)
    yield in_payload(
        "a condition of no kind",
        MADE.edit(1, lambda m: m.scope.capabilities[0].conditions.add()),
        (scopes_codec, "conditions_from_messages", lambda _: ()),
        reason=Reason.CONDITION_UNSUPPORTED,
    )
    yield from grant_claims(any_bytes)


def grant_claims(any_bytes) -> Iterator[Attack]:
    def change(message: pb.Link) -> None:
        message.grant.principal.basis = pb.PRINCIPAL_BASIS_ASSERTED

    asserted = MADE.edit(0, change)
    name = "an asserted principal with the digest of a token"
    yield Attack(name, 5, Reason.FIELD_INVALID, presenting(asserted.token), (any_bytes,), link_index=0)


def double_capability(message: pb.Link) -> None:
    message.scope.capabilities.append(message.scope.capabilities[-1])


def any_arguments(message: pb.Link) -> None:
    message.scope.capabilities[-1].any_arguments = True
    message.scope.capabilities[-1].arguments.add(name="q", constraint=pb.Constraint(anything=True))


def versions() -> Iterator[Attack]:
    whatever = (limits, "FORMAT_VERSION", Whatever())
    for version in (0, 2, 2**32 - 1):
        token = setting(version=version).token
        yield Attack(
            f"format version {version}", 6, Reason.VERSION_UNSUPPORTED, presenting(token), (whatever,), link_index=1
        )


def grants_inside() -> Iterator[Attack]:
    claims = pb.Link.FromString(MADE.payloads[0]).grant
    for index in (1, 2):
        token = MADE.edit(index, lambda message: message.grant.CopyFrom(claims)).token
        yield against(7, f"claims of a grant in link {index}", Reason.GRANT_REPEATED, token, link_index=index)


def deeper() -> Iterator[Attack]:
    last = MADE.edit(1, lambda m: setattr(m, "remaining_depth", 0)).edit(2, lambda m: setattr(m, "remaining_depth", 0))
    step_8, step_10 = ((verification, *TAKEN_OUT[step]) for step in (8, 10))
    name = "a handoff where none is permitted"
    # Narrowing stands behind step 8, which says it in words that help.
    run = presenting(last.token)
    yield Attack(name, 8, Reason.DEPTH_EXCEEDED, run, (step_8,), next_reason=Reason.SCOPE_GREW, link_index=2)
    yield Attack(f"{name}, past narrowing", 8, Reason.DEPTH_EXCEEDED, run, (step_8, step_10), link_index=2)


def lifetimes() -> Iterator[Attack]:
    day = limits.GRANT_LIFETIME_MS
    endless = ROOT.edit(0, lambda m: setattr(m, "expires_at_ms", m.not_before_ms + day + 1)).token
    yield against(9, "a grant of a day and a millisecond", Reason.LIFETIME_TOO_LONG, endless, link_index=0)
    moment = setting(not_before_ms=NOW_MS + 1, expires_at_ms=NOW_MS + 1)
    moment = moment.edit(2, lambda m: [setattr(m, f, NOW_MS + 1) for f in ("not_before_ms", "expires_at_ms")])
    yield against(9, "a link that ends when it begins", Reason.LIFETIME_TOO_LONG, moment.token, link_index=1)


def wider() -> Iterator[Attack]:
    parent = pb.Link.FromString(MADE.payloads[0])
    for name, change in {
        "a later end": lambda m: setattr(m, "expires_at_ms", parent.expires_at_ms + 1),
        "an earlier beginning": lambda m: setattr(m, "not_before_ms", parent.not_before_ms - 1),
        "as many handoffs": lambda m: setattr(m, "remaining_depth", parent.remaining_depth),
        "another tool": lambda m: setattr(m.scope.capabilities[-1], "tool", "searches"),
        "any arguments": lambda m: (
            m.scope.capabilities[0].ClearField("arguments"),
            setattr(m.scope.capabilities[0], "any_arguments", True),
        ),
    }.items():
        token = PLANNED.edit(1, change).token
        yield against(10, f"a link with {name}", Reason.SCOPE_GREW, token, link_index=1)


def statements() -> Iterator[Attack]:
    leaf, holder = MADE.link_ids[-1], MADE.holders[1].public
    honest = receipt(leaf)

    def binding(key: bytes, name: str, signer=STATEMENTS):
        return sign_binding(Binding(key, agent(name), NOW_MS, NOW_MS + MINUTE_MS), signer)

    for name, said in {
        "a receipt by a stranger": (receipt(leaf, signer=MALLORY),),
        "a receipt by the grant key": (receipt(leaf, signer=ISSUER),),
        "a receipt by the leaf's holder": (receipt(leaf, signer=MADE.leaf_key),),
        "a receipt by a stranger who claims to be the service": (
            receipt(leaf, signer=MALLORY)._replace(key_id=STATEMENTS.key_id),
        ),
        "a receipt of another chain": (receipt(OTHER.link_ids[-1]),),
        "a receipt passed off as a binding": (honest, honest._replace(kind=StatementKind.BINDING)),
        "a binding by a stranger": (honest, binding(holder, "planner", MALLORY)),
        "a binding of a key to another name": (honest, binding(holder, "boss")),
        "a binding of another key to the name": (honest, binding(MALLORY.public, "planner")),
    }.items():
        without = [(verification, *TAKEN_OUT[11])]
        if "passed off" in name:
            without = [(verification, "step_11_statements_fit", lambda *_: (NOW_MS, {}))]
        token = MADE.with_statements(*said).token
        yield Attack(name, 11, Reason.STATEMENT_INVALID, presenting(token), tuple(without))
    retired = bundle(BUNDLE.keys[0], trusted(KeyPurpose.STATEMENT, STATEMENTS, state=KeyState.RETIRED))
    yield against(11, "a receipt by a retired key", Reason.STATEMENT_INVALID, MADE.token, trust=retired)
    yield remembered_receipt()


def remembered_receipt() -> Attack:
    def run() -> None:
        soon = trusted(KeyPurpose.STATEMENT, STATEMENTS, not_after_ms=NOW_MS + 1)
        verifier = Verifier(bundle(BUNDLE.keys[0], soon))
        for now_ms in (NOW_MS, NOW_MS + 1):
            verifier.verify(MADE.token, now_ms=now_ms, revocations=NOTHING_REVOKED)

    taken = (verification, *TAKEN_OUT[11])
    return Attack("a remembered receipt of a key that ended", 11, Reason.STATEMENT_INVALID, run, (taken,))


def receipts() -> Iterator[Attack]:
    bare = MADE.with_statements().token
    yield against(12, "a handoff that nobody recorded", Reason.RECEIPT_MISSING, bare, link_index=2)
    early = MADE.with_statements(receipt(MADE.link_ids[1])).token
    yield against(12, "a receipt for the link before the last", Reason.RECEIPT_MISSING, early, link_index=2)


def times() -> Iterator[Attack]:
    end = NOW_MS + 5 * MINUTE_MS
    made = chain("root -> planner -> tool", lifetimes_ms=(15 * MINUTE_MS, 5 * MINUTE_MS, 5 * MINUTE_MS))
    yield against(13, "a link at the moment it ends", Reason.EXPIRED, made.token, now_ms=end, link_index=1)
    begin = NOW_MS - limits.NOT_BEFORE_LEEWAY_MS - 1
    yield against(13, "a link before it begins", Reason.NOT_YET_VALID, made.token, now_ms=begin, link_index=0)


def revocations() -> Iterator[Attack]:
    far = NOW_MS + 1440 * MINUTE_MS
    ended = {
        "a task that has ended": (RevocationKind.TASK, some_bytes("task"), Reason.TASK_ENDED, 0),
        "a principal who is revoked": (
            RevocationKind.PRINCIPAL,
            principal_id("https://login.example.test", "ada"),
            Reason.PRINCIPAL_REVOKED,
            0,
        ),
        "an issuer key that is revoked": (RevocationKind.ISSUER_KEY, ISSUER.key_id, Reason.ISSUER_KEY_REVOKED, 0),
    }
    for index, name in enumerate(MADE.names):
        held = MADE.holders[index].public
        ended |= {
            f"link {index} revoked": (RevocationKind.LINK, MADE.link_ids[index], Reason.LINK_REVOKED, index),
            f"the key of {name} revoked": (RevocationKind.HOLDER_KEY, held, Reason.HOLDER_KEY_REVOKED, index),
            f"the agent {name} revoked": (RevocationKind.AGENT, agent(name).encode(), Reason.AGENT_REVOKED, index),
        }
    for name, (kind, identity, reason, index) in ended.items():
        known = revoked(Revocation(kind, identity, far))
        yield against(14, name, reason, MADE.token, revocations=known, link_index=index)


def federations() -> Iterator[Attack]:
    partner = key("partner issuer")
    theirs = (trusted(KeyPurpose.GRANT, partner),)

    def granted(message: pb.Link) -> None:
        message.grant.issuer_key_id = partner.key_id

    made = chain("root -> planner", unrecorded=True).with_statements().edit(0, granted).signed_by(0, partner)
    issuer = "https://login.example.test"
    for name, agents, issuers, permitted, index in (
        ("an agent of a domain that is not listed", (), (issuer,), SCOPE, 0),
        ("a principal who is not listed", ("example.test",), (), SCOPE, 0),
        ("a grant wider than the ceiling", ("example.test",), (issuer,), Scope.EMPTY, 0),
    ):
        domain = FederatedDomain("example.test", theirs, agents, issuers, permitted)
        known = {"trust": bundle(federated=(domain,)), "federated": lambda _: RevocationState.nothing_revoked()}
        yield against(15, name, Reason.FEDERATION_EXCEEDED, made.token, link_index=index, **known)


FAMILIES = (oversized, envelopes, issuers, signatures, payloads, versions, grants_inside, deeper, lifetimes, wider)
ATTACKS = [
    attack for family in (*FAMILIES, statements, receipts, times, revocations, federations) for attack in family()
]


@pytest.mark.spec("V-1", "V-2", "V-3", "V-4", "V-5", "V-6", "V-7", "V-8", "V-9", "V-10", "V-11")
@pytest.mark.spec("V-12", "V-13", "V-14", "V-16", "V-22")
@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_the_verifier_refuses(attack: Attack):
    attack.assert_refused()


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_a_verifier_without_the_step_does_not_refuse(attack: Attack, monkeypatch: pytest.MonkeyPatch):
    attack.assert_gets_through(monkeypatch)


def test_every_numbered_step_has_an_attack():
    numbered = {int(number) for number in re.findall(r"^ {4}(\d+) +", verification.__doc__ or "", re.MULTILINE)}
    assert numbered == set(range(1, 16))
    assert {attack.step for attack in ATTACKS} == numbered


def test_the_chains_that_were_attacked_are_valid():
    for made in (ROOT, PLANNED, MADE, OTHER):
        verify(made.token)
