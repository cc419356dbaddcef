"""Attacks by way of references: who knows a chain's digest, cuts a token, floods a guard, or answers in its place."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier

import pytest

from delegation.core.arguments import Arguments
from delegation.core.attest import sign_bundle
from delegation.core.codec import join_token
from delegation.core.keys import SigningKey
from delegation.core.proof import sign_proof
from delegation.core.revocation import RevocationKind
from delegation.core.trust import CatalogueTool, Effect, KeyPurpose, KeyState, TrustBundle, TrustedKey
from delegation.errors import NotPermitted, Reason, Refused, refusal
from delegation.wire.authorization import Decision
from delegation.wire.trust import TrustDocuments
from delegation_sdk import AuthorizedCall, Delegation, Guard, Peer, Scope, tool, under
from delegation_sdk.carriage import Carriage
from delegation_sdk.guard_ports import GuardPorts
from delegation_sdk.testing import Authority

PLANNER = "spiffe://test.example/agent/planner"
HELPER = "spiffe://test.example/agent/helper"
PATH = {"path": "/srv/a"}
SCOPE = Scope(
    *(tool(audience, name, path=under("/srv")) for audience in ("files", "mail") for name in ("read", "write"))
)


@pytest.fixture
def authority():
    writes = CatalogueTool("files", "write", frozenset({Effect.WRITE}))
    with Authority(local={("files", "read"), ("mail", "read")}, tools=[writes]) as authority:
        yield authority
        authority.reachable = True


@pytest.fixture
def guard(authority):
    return authority.guard_for("files")


@pytest.fixture
def task(authority):
    return authority.client(PLANNER).begin_task("Tidy up", scope=SCOPE)


@pytest.fixture
def helper(task):
    return task.hand_off(HELPER)


def decide(guard, carriage, name="read", arguments=PATH):
    """Decide a call; the call if it is permitted, else why not."""
    try:
        return guard.authorize(carriage, name, arguments)
    except Refused as refused:
        return refused.reason


def calling(delegation, name="read", arguments=PATH, audience="files"):
    return delegation.call(audience, name, arguments)


def make_known(guard, delegation):
    assert isinstance(decide(guard, calling(delegation).carriage), AuthorizedCall)


def refers(guard, delegation):
    return decide(guard, calling(delegation).reference)


def proof_by(key, digest, **tweaks):
    given = {"audience": "files", "tool": "read", "arguments": PATH} | tweaks
    return sign_proof(
        key,
        chain_digest=digest,
        audience=given["audience"],
        tool=given["tool"],
        arguments_digest=Arguments.of(given["arguments"]).digest,
        now_ms=time.time_ns() // 1_000_000,
        nonce=os.urandom(16),
    )


# -- a digest without the key


@pytest.mark.spec("P-3", "P-4", "P-7", "P-8", "H-7")
def test_a_thief_with_a_digest_and_no_key_gets_what_a_thief_with_the_token_gets(guard, helper):
    overheard = calling(helper)
    assert isinstance(decide(guard, overheard.carriage), AuthorizedCall)
    thief = SigningKey.generate(os.urandom)
    attempts = {
        "no proof": (b"", Reason.PROOF_MISSING),
        "junk": (b"\x0a\x00", Reason.PROOF_INVALID),
        "a key of its own": (proof_by(thief, helper.digest), Reason.PROOF_INVALID),
        "a proof that was used": (overheard.carriage.proof, Reason.PROOF_REPLAYED),
        "a proof of other arguments": (
            calling(helper, arguments={"path": "/srv/b"}).carriage.proof,
            Reason.PROOF_OTHER_CALL,
        ),
        "a proof of another tool": (calling(helper, "write").carriage.proof, Reason.PROOF_OTHER_CALL),
        "a proof for another audience": (calling(helper, audience="mail").carriage.proof, Reason.PROOF_OTHER_CALL),
    }
    for proof, expected in attempts.values():
        by_value, by_reference = Carriage(helper.token, proof), Carriage(b"", proof, helper.digest)
        assert decide(guard, by_value) is decide(guard, by_reference) is expected
    assert isinstance(refers(guard, helper), AuthorizedCall), "benign twin"


@pytest.mark.spec("P-4", "P-7", "H-7")
@pytest.mark.parametrize("name", ["read", "write"])
def test_a_digest_of_anothers_chain_with_ones_own_proof_is_refused(guard, authority, helper, name):
    mallory = authority.client("spiffe://test.example/agent/mallory").begin_task("x", scope=SCOPE)
    for delegation in (helper, mallory):
        make_known(guard, delegation)
    own = calling(mallory, name)
    relabelled = proof_by(mallory.require_key(), helper.digest, tool=name)
    assert decide(guard, Carriage(b"", own.carriage.proof, helper.digest), name) is Reason.PROOF_OTHER_CALL
    assert decide(guard, Carriage(b"", relabelled, helper.digest), name) is Reason.PROOF_INVALID
    assert isinstance(decide(guard, own.reference, name), AuthorizedCall), "benign twin"


@pytest.mark.spec("P-7", "H-7")
def test_ones_own_narrowing_link_is_not_cut_off_by_referring_to_the_parent(guard, authority, task):
    narrow = task.hand_off(HELPER, scope=Scope(tool("files", "read", path=under("/srv/a"))))
    make_known(guard, task)
    make_known(guard, narrow)
    wider = {"path": "/srv/b"}
    relabelled = proof_by(narrow.require_key(), task.digest, arguments=wider)
    assert decide(guard, Carriage(b"", relabelled, task.digest), arguments=wider) is Reason.PROOF_INVALID
    assert decide(guard, calling(narrow, arguments=wider).reference, arguments=wider) is Reason.ARGUMENT_REFUSED
    assert isinstance(decide(guard, calling(task, arguments=wider).reference, arguments=wider), AuthorizedCall)


@pytest.mark.spec("H-10")
def test_a_chain_that_one_guard_knows_is_not_known_to_the_next(guard, authority, helper):
    make_known(guard, helper)
    mail = authority.guard_for("mail")
    assert decide(mail, calling(helper, audience="mail").reference) is Reason.CHAIN_UNKNOWN
    assert decide(authority.guard_for("files"), calling(helper).reference) is Reason.CHAIN_UNKNOWN


@pytest.mark.spec("P-8", "H-7")
def test_one_proof_is_accepted_once_however_it_comes(guard, helper):
    make_known(guard, helper)
    for name in ("read", "write"):
        call, starting = calling(helper, name), Barrier(16)
        carriages = [call.carriage, call.reference] * 8

        def attempt(carriage, name=name, starting=starting):
            starting.wait()
            return decide(guard, carriage, name)

        with ThreadPoolExecutor(16) as pool:
            outcomes = list(pool.map(attempt, carriages))
        assert sum(isinstance(each, AuthorizedCall) for each in outcomes) == 1
        assert {each for each in outcomes if isinstance(each, Reason)} == {Reason.PROOF_REPLAYED}


# -- what gets in


@pytest.mark.spec("H-8")
def test_nothing_gets_in_that_was_not_proven_by_its_holder(guard, authority, helper, task):
    """Else a thief could make a guard ready for what only the holder may begin; and fill it."""
    stolen = [
        Carriage(helper.token, b""),
        Carriage(helper.token, b"\x0a\x00"),
        Carriage(helper.token, calling(task).carriage.proof),
        Carriage(helper.token, proof_by(SigningKey.generate(os.urandom), helper.digest)),
        Carriage(helper.token, calling(helper, audience="mail").carriage.proof),
        Carriage(helper.token[:-1], calling(helper).carriage.proof),
        Carriage(os.urandom(600), calling(helper).carriage.proof),
    ]
    for carriage in stolen:
        for name in ("read", "write"):
            assert isinstance(decide(guard, carriage, name), Reason)
    authority.revoke(RevocationKind.LINK, helper.digest)
    while decide(guard, calling(helper).carriage) is not Reason.LINK_REVOKED:
        guard._chains.forget(helper.digest)  # what was permitted before the news arrived
    assert len(guard._chains) == 0


@pytest.mark.spec("H-7")
def test_a_service_that_permits_without_looking_opens_no_way_in_process(authority, helper):
    """Of a call that the service decided, it is the service that has checked the proof."""

    class Careless:
        def authorize(self, call):
            return Decision(os.urandom(16), 1)

        authorize_async = None

    service = authority._service
    guard = Guard("files", GuardPorts(service, service, service, Careless()), trust_root=authority.trust_root)
    guard.open()
    authority._guards.append(guard)
    assert isinstance(decide(guard, Carriage(helper.token, b"anything"), "write"), AuthorizedCall)
    forged = proof_by(SigningKey.generate(os.urandom), helper.digest)
    assert decide(guard, Carriage(b"", forged, helper.digest)) is Reason.PROOF_INVALID
    assert isinstance(refers(guard, helper), AuthorizedCall)


# -- what changed since


@pytest.mark.spec("V-14", "V-19", "R-2", "H-7")
@pytest.mark.parametrize(
    ("revoked", "expected"),
    [
        (lambda helper: (RevocationKind.LINK, helper.links[0].link_id), Reason.LINK_REVOKED),
        (lambda helper: (RevocationKind.HOLDER_KEY, helper.leaf.holder_key), Reason.HOLDER_KEY_REVOKED),
        (lambda helper: (RevocationKind.AGENT, helper.agent.encode()), Reason.AGENT_REVOKED),
        (lambda helper: (RevocationKind.TASK, helper.task_id), Reason.TASK_ENDED),
        (lambda helper: (RevocationKind.ISSUER_KEY, helper.grant.issuer_key_id), Reason.ISSUER_KEY_REVOKED),
    ],
    ids=["link", "holder key", "agent", "task", "issuer key"],
)
def test_being_known_protects_from_no_revocation(guard, authority, helper, revoked, expected):
    make_known(guard, helper)
    authority.revoke(*revoked(helper))
    while isinstance(refused := refers(guard, helper), AuthorizedCall):
        """The feed is quick, but it is another thread."""
    assert refused is expected
    assert decide(guard, calling(helper, "write").reference, "write") is expected, "online, too"


@dataclass
class Trust:
    """Serves the authority's bundle with other keys, one version higher with each change."""

    authority: Authority
    change: Callable[[TrustedKey], TrustedKey] = lambda key: key
    more: list[TrustedKey] = field(default_factory=list)
    changes: int = 0

    def fetch(self):
        service = self.authority._service
        known = service._bundle()
        keys = sorted([*map(self.change, known.keys), *self.more], key=lambda key: key.key_id)
        bundle = TrustBundle(
            known.trust_domain,
            known.version + self.changes,
            known.issued_at_ms,
            known.expires_at_ms,
            tuple(keys),
            known.catalogue_digest,
        )
        return TrustDocuments(sign_bundle(bundle, service.root), service._catalogue())


@pytest.fixture
def trust(authority):
    return Trust(authority)


@pytest.fixture
def trusting(authority, trust):
    """A guard that trusts what `trust` serves."""
    service = authority._service
    guard = Guard("files", GuardPorts(trust, service, service, service), trust_root=authority.trust_root)
    guard.open()
    authority._guards.append(guard)
    return guard


def settled(guard, attempt):
    """Give the outcome of an attempt once the feed, signed by one of the keys that change, is there again."""
    while (outcome := attempt()) is Reason.FEED_STALE:
        pass
    return outcome


@pytest.mark.spec("V-3", "T-16", "H-7")
@pytest.mark.parametrize(
    "fall",
    [
        lambda key: key._replace(state=KeyState.RETIRED),
        lambda key: key._replace(state=KeyState.COMPROMISED, compromised_at_ms=1),
        lambda key: key._replace(not_after_ms=2),
        lambda key: key._replace(purpose=KeyPurpose.CHECKPOINT),
    ],
    ids=["retired", "compromised", "out of its window", "for something else"],
)
def test_a_known_chain_falls_with_the_key_that_signed_its_grant(trusting, trust, helper, fall):
    make_known(trusting, helper)
    trust.change, trust.changes = lambda key: fall(key) if key.purpose is KeyPurpose.GRANT else key, 1
    trusting._trust.refresh()
    by_reference, by_value = calling(helper), calling(helper)
    assert decide(trusting, by_reference.reference) is Reason.ISSUER_NOT_TRUSTED
    assert decide(trusting, by_value.carriage) is Reason.ISSUER_NOT_TRUSTED
    assert decide(trusting, calling(helper, "write").carriage, "write") is Reason.ISSUER_NOT_TRUSTED
    trust.change, trust.changes = lambda key: key, 2
    trusting._trust.refresh()
    assert isinstance(refers(trusting, helper), AuthorizedCall), "benign twin"


@pytest.mark.spec("T-16", "H-7", "H-9")
def test_a_known_chain_falls_with_the_key_that_signed_its_receipt_and_is_asked_for_again(
    trusting, trust, authority, helper
):
    """The caller may have a newer receipt by now: what fails for a statement is not kept."""
    make_known(trusting, helper)
    while not authority.decisions:
        """Let it be delivered while the service still knows its old key."""
    service, old = authority._service, authority._service._statement_key
    service._statement_key = SigningKey.generate(os.urandom)
    trust.change = lambda key: key
    trust.more = [TrustedKey(KeyPurpose.STATEMENT, old.public, 1, state=KeyState.RETIRED)]
    trust.changes = 1
    trusting._trust.refresh()
    assert settled(trusting, lambda: refers(trusting, helper)) is Reason.STATEMENT_INVALID
    assert settled(trusting, lambda: refers(trusting, helper)) is Reason.CHAIN_UNKNOWN
    renewed = Delegation(join_token(helper.chain.frames, [service._receipt(helper.digest)]), helper.require_key())
    assert isinstance(settled(trusting, lambda: decide(trusting, calling(renewed).carriage)), AuthorizedCall)
    assert isinstance(settled(trusting, lambda: refers(trusting, helper)), AuthorizedCall), "it is the same chain"


# -- the same digest with other statements


def without_statements(delegation):
    return join_token(delegation.chain.frames, ())


@pytest.mark.spec("V-12", "H-8")
def test_a_token_whose_receipt_was_cut_off_on_the_way_gets_nowhere(guard, helper):
    call = calling(helper)
    cut = Carriage(without_statements(helper), call.carriage.proof)
    assert decide(guard, cut) is Reason.RECEIPT_MISSING
    assert len(guard._chains) == 0
    assert isinstance(decide(guard, call.carriage), AuthorizedCall), "and the holder's call is not spent"
    assert decide(guard, Carriage(without_statements(helper), calling(helper).carriage.proof)) is Reason.RECEIPT_MISSING
    assert isinstance(refers(guard, helper), AuthorizedCall), "nor is what was known"


@pytest.mark.spec("H-9")
def test_where_no_receipt_is_needed_a_cut_token_takes_nobodys_place(guard, authority):
    """Somebody on the way can cut a binding off and deliver the rest with the holder's proof."""
    task = authority.client(PLANNER).begin_task("x", scope=SCOPE, unrecorded_handoffs=True)
    helper = task.hand_off(HELPER)
    cut = without_statements(helper)
    assert len(cut) < len(helper.token)

    permitted = decide(guard, Carriage(cut, calling(helper).carriage.proof))
    assert permitted.chain.token == cut
    assert refers(guard, helper).chain.bound(1, 1) is False, "what a token does not say is not known"

    make_known(guard, helper)
    assert refers(guard, helper).chain.token == helper.token
    assert isinstance(decide(guard, Carriage(cut, calling(helper).carriage.proof)), AuthorizedCall)
    assert refers(guard, helper).chain.token == helper.token


@pytest.mark.spec("V-11", "H-8")
def test_statements_of_anothers_chain_get_in_with_nothing(guard, authority, task, helper):
    other = task.hand_off("spiffe://test.example/agent/other")
    mixed = join_token(helper.chain.frames, [*helper.chain.statements, *other.chain.statements])
    assert decide(guard, Carriage(mixed, calling(helper).carriage.proof)) is Reason.STATEMENT_INVALID
    assert len(guard._chains) == 0


# -- floods, and what they push out


@pytest.mark.spec("H-9", "H-11")
def test_a_flood_of_unknown_digests_costs_no_record_no_memory_and_no_other_caller(guard, authority, helper):
    make_known(guard, helper)
    while not authority.decisions:
        """Let the one decision be delivered."""
    proof = calling(helper).carriage.proof
    for number in range(20_000):
        with pytest.raises(Refused):
            guard.authorize(Carriage(b"", proof, number.to_bytes(32, "big")), "read", PATH)
    assert (guard.pending_records, len(guard._chains)) == (0, 1)
    assert isinstance(refers(guard, helper), AuthorizedCall)
    authority.close()
    assert len(authority.decisions) == 2


@pytest.mark.spec("H-9")
def test_a_holder_who_fills_the_memory_costs_others_one_sending_and_no_call(guard, authority, task, helper):
    guard._chains._entries = 8
    peer, came = Peer(), []

    def send(carriage):
        came.append(bool(carriage.chain_digest))
        return guard.authorize(carriage, "read", PATH)

    for _ in range(3):
        peer.send(calling(helper), send)
        for _ in range(8):
            make_known(guard, task.hand_off("spiffe://test.example/agent/mallory"))
        assert len(guard._chains) == 8
    assert came == [False, True, False, True, False]


# -- who answers in the guard's place


@pytest.mark.spec("H-12")
@pytest.mark.parametrize("honest_first", [True, False])
def test_whoever_answers_that_it_knows_nothing_is_sent_a_call_twice_and_no_more(guard, helper, honest_first):
    peer, came = Peer(), []

    def honest(carriage):
        return guard.authorize(carriage, "read", PATH)

    def malicious(carriage):
        came.append(carriage)
        raise refusal(Reason.CHAIN_UNKNOWN)

    if honest_first:
        peer.send(calling(helper), honest)
    with pytest.raises(Refused, match="chain_unknown"):
        peer.send(calling(helper), malicious)
    assert len(came) == (2 if honest_first else 1)


@pytest.mark.spec("P-8", "H-13")
@pytest.mark.parametrize("name", ["read", "write"])
def test_a_false_answer_buys_no_second_run(guard, helper, name):
    """Somebody on the way lets the call through, says that the chain is unknown, and lets the next sending through."""
    peer, ran = Peer(), []

    def lets_through(carriage):
        ran.append(guard.authorize(carriage, name, PATH))

    def answers_falsely(carriage):
        lets_through(carriage)
        if carriage.chain_digest:
            raise refusal(Reason.CHAIN_UNKNOWN)

    peer.send(calling(helper, name), lets_through)
    with pytest.raises(Refused, match="proof_replayed"):
        peer.send(calling(helper, name), answers_falsely)
    assert len(ran) == 2, "once for each of the two calls"


@pytest.mark.spec("H-6")
def test_both_members_are_one_too_many(guard, helper, task):
    make_known(guard, helper)
    for token in (helper.token, task.token, b"x"):
        both = Carriage(token, calling(helper).carriage.proof, helper.digest)
        assert decide(guard, both) is Reason.MALFORMED


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_finds_nothing_in_its_parents_memory(guard, helper):
    make_known(guard, helper)
    carriage = calling(helper).reference
    with guard._chains._lock:  # as another thread might hold it: the child's copy is never released
        child = os.fork()
        if child == 0:  # pragma: no cover - in the child
            os._exit(0 if decide(guard, carriage) is Reason.INTERNAL else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.spec("H-7")
def test_a_refusal_by_reference_tells_no_more_than_one_by_value(guard, helper, task):
    narrow = task.hand_off(HELPER, scope=Scope(tool("files", "read", path=under("/srv/a"))))
    make_known(guard, narrow)
    told = []
    for carriage in (
        calling(narrow, arguments={"path": "/x"}).carriage,
        calling(narrow, arguments={"path": "/x"}).reference,
    ):
        with pytest.raises(NotPermitted) as caught:
            guard.authorize(carriage, "read", {"path": "/x"})
        told.append((str(caught.value), caught.value.link_index, caught.value.parent))
    assert told[0] == told[1]
