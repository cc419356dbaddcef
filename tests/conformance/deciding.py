"""Answers: verification, covering, authorization, proofs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.answering import Answer, Given, accepted, json_of, refused, refusing, trust_of
from conformance.reading import constraint
from conformance.vectors import data
from delegation.core.arguments import Arguments
from delegation.core.authorize import authorize
from delegation.core.chain import VerifiedChain
from delegation.core.constraints import Steps, covers
from delegation.core.proof import check_holder_proof, proof_id
from delegation.core.revocation import FeedEntry, Revocation, RevocationKind, RevocationState
from delegation.core.verify import Verifier
from delegation.errors import Refused
from delegation_sdk.replay import ReplayStore


def _revocations(given: list[Given] | None) -> RevocationState:
    state = RevocationState()
    if given is not None:
        revoked = tuple(Revocation(RevocationKind(each["kind"]), bytes.fromhex(each["id"]), 2**50) for each in given)
        state.apply(FeedEntry(0, len(given), 1, snapshot=True, more=False, revocations=revoked), monotonic_ms=0)
    return state


@refusing
def verify_token(given: Given) -> Answer:
    now_ms, token = given["now_ms"], data(given["token"])
    verifier = Verifier(trust_of(given["trust"]))
    asked = {"revocations": _revocations(given["revocations"]), "require_receipt": given["require_receipt"]}
    followed = {name: _revocations(each) for name, each in given.get("federated_revocations", {}).items()}
    asked["federated"] = followed.get
    first = _refusal(lambda: verifier.verify(token, now_ms=now_ms, **asked))
    again = _refusal(lambda: verifier.verify(token, now_ms=now_ms, **asked))
    assert first == again, "what is remembered (V-18) makes a difference"
    chain = verifier.verify(token, now_ms=now_ms, **asked)
    return accepted(
        link_ids=[link.link_id.hex() for link in chain.links],
        chain_digest=chain.digest.hex(),
        holder_key=chain.leaf.holder_key.hex(),
        holder_agent=chain.leaf.holder_agent,
        task_id=chain.task_id.hex(),
        recorded_at_ms=chain.receipt,
        bound=[chain.bound(index, now_ms) for index in range(len(chain.links))],
    )


def _refusal(ask: Callable[[], object]) -> Answer | None:
    try:
        ask()
    except Refused as error:
        return refused(error)
    return None


@refusing
def covered(given: Given) -> Answer:
    return accepted(covers=covers(constraint(data(given["parent"])), constraint(data(given["child"]))) is None)


@refusing
def allowed(given: Given) -> Answer:
    value = Arguments.of({"value": json_of(data(given["value"]))}).values["value"]
    return accepted(allows=constraint(data(given["constraint"])).allows(value, Steps()))


def verified(given: Given) -> VerifiedChain:
    verifier = Verifier(trust_of(given["trust"]))
    token, revocations = data(given["token"]), RevocationState.nothing_revoked()
    return verifier.verify(token, now_ms=given["now_ms"], revocations=revocations, require_receipt=False)


def authorized(given: Given) -> Answer:
    chain = verified(given)
    # Thrice: what all links say may be merged once a tool has been called, and makes no difference.
    first, *others = (_decided(chain, given) for _ in range(3))
    assert others == [first, first], "a repeated call is decided otherwise"
    return first


def _decided(chain: Any, given: Given) -> Answer:
    try:
        authorize(
            chain,
            audience=given["audience"],
            tool=given["tool"],
            arguments=Arguments.parse(data(given["arguments"])),
            defaults=Arguments.parse(data(given["defaults"])).values,
        )
    except Refused as error:
        return refused(error)
    return accepted()


def _check(given: Given, proof: bytes, now_ms: int) -> Any:
    return check_holder_proof(
        proof,
        bytes.fromhex(given["holder_key"]),
        chain_digest=bytes.fromhex(given["chain_digest"]),
        audience=given["audience"],
        tool=given["tool"],
        arguments_digest=Arguments.parse(data(given["arguments"])).digest,
        now_ms=now_ms,
        accept_from_ms=given["remembers_from_ms"],
    )


@refusing
def proof(given: Given) -> Answer:
    _check(given, data(given["proof"]), given["now_ms"])
    return accepted()


def replay(given: Given) -> Answer:
    store = ReplayStore(given["remembers_from_ms"])

    @refusing
    def call(each: Given) -> Answer:
        claim = _check({**given, **each}, data(each["proof"]), each["now_ms"])
        store.use(proof_id(claim.chain_digest, claim.audience, claim.nonce), claim.issued_at_ms, each["now_ms"])
        return accepted()

    return {"each": [call(each) for each in given["calls"]]}
