"""Each check of a call's proof: an attack that it alone stops, and the moment just before it would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import delegation.core.codec.proofs as proofs_codec
from delegation.core import limits, proof
from delegation.core.arguments import Arguments
from delegation.core.chain import TraceIds
from delegation.core.codec import join_proof
from delegation.core.keys import Purpose, SigningKey, signing_input
from delegation.core.proof import check_holder_proof, check_proof, sign_proof
from delegation.core.scope import SERVICE_AUDIENCE
from delegation.errors import BadProof, Reason, Refused
from delegation.v1 import statement_pb2 as pb
from support.attacks import Whatever, first, nothing
from support.chains import MALLORY, NOW_MS, READ_CALL, chain, some_bytes, verify
from support.mutants import reasons_of, without

MADE = chain("root -> planner -> tool")
VERIFIED = verify(MADE.token)
CALL = Arguments.of(READ_CALL)
EXPECTED = {"audience": "files", "tool": "read", "arguments_digest": CALL.digest, "now_ms": NOW_MS}
HONEST = MADE.proof("files", "read", READ_CALL)


def check(signed: bytes, names: dict[str, Any] | None = None, **expected: Any) -> object:
    how = (names or vars(proof))["check_proof"]
    return how(signed, VERIFIED, **{**EXPECTED, **expected})


def made_by_hand(signer: SigningKey = MADE.leaf_key, purpose: Purpose = Purpose.PROOF, **fields: Any) -> bytes:
    """Sign a proof that `sign_proof` might refuse to make."""
    message = pb.Proof.FromString(pb.SignedProof.FromString(HONEST).payload)
    for name, value in fields.items():
        setattr(message, name, value)
    payload = message.SerializeToString(deterministic=True)
    return join_proof(payload, signer.sign(signing_input(purpose, payload)))


def resigned(payload: bytes) -> bytes:
    return join_proof(payload, MADE.leaf_key.sign(signing_input(Purpose.PROOF, payload)))


class Forgery(NamedTuple):
    """A proof that is refused, and the names of a check that does not look there."""

    signed: bytes
    reason: Reason
    blind: Callable[[], dict[str, Any]]


def blind_to(reason: Reason) -> Callable[[], dict[str, Any]]:
    return lambda: without(proof, reason)


def blind_by(**names: Any) -> Callable[[], dict[str, Any]]:
    """A copy of the check in which these names mean something else."""

    def build() -> dict[str, Any]:
        copy = without(proof, Reason.PROOF_MISSING)
        copy.update(names)
        return copy

    return build


other_call, invalid = blind_to(Reason.PROOF_OTHER_CALL), Reason.PROOF_INVALID
unsigned = blind_by(verify=nothing)
FORGERIES = {
    "for another tool": Forgery(MADE.proof("files", "write", READ_CALL), Reason.PROOF_OTHER_CALL, other_call),
    "for another audience": Forgery(MADE.proof("fines", "read", READ_CALL), Reason.PROOF_OTHER_CALL, other_call),
    "for other arguments": Forgery(MADE.proof("files", "read", {"path": "/"}), Reason.PROOF_OTHER_CALL, other_call),
    "for another chain": Forgery(made_by_hand(chain_digest=bytes(32)), Reason.PROOF_OTHER_CALL, other_call),
    "for the link before": Forgery(made_by_hand(chain_digest=MADE.link_ids[1]), Reason.PROOF_OTHER_CALL, other_call),
    "signed by a stranger": Forgery(made_by_hand(MALLORY), invalid, unsigned),
    "signed by the holder before": Forgery(made_by_hand(MADE.holders[1]), invalid, unsigned),
    "signed for another purpose": Forgery(made_by_hand(purpose=Purpose.APPROVAL), invalid, unsigned),
    "signed as a handoff": Forgery(made_by_hand(purpose=Purpose.HANDOFF), invalid, unsigned),
    "too old": Forgery(
        made_by_hand(issued_at_ms=NOW_MS - limits.PROOF_PAST_MS - 1),
        Reason.PROOF_STALE,
        blind_to(Reason.PROOF_STALE),
    ),
    "from the future": Forgery(
        made_by_hand(issued_at_ms=NOW_MS + limits.PROOF_FUTURE_MS + 1),
        Reason.PROOF_FROM_FUTURE,
        blind_to(Reason.PROOF_FROM_FUTURE),
    ),
}


@pytest.mark.spec("K-7", "P-4", "P-5", "P-6", "P-7")
@pytest.mark.parametrize("name", FORGERIES)
def test_a_proof_is_refused_that_is(name: str):
    forgery = FORGERIES[name]
    with pytest.raises(BadProof) as caught:
        check(forgery.signed)
    assert caught.value.reason is forgery.reason


@pytest.mark.parametrize("name", FORGERIES)
def test_without_its_check_a_proof_is_accepted_that_is(name: str):
    forgery = FORGERIES[name]
    check(forgery.signed, forgery.blind())


def test_every_reason_of_the_module_has_an_attack():
    tested = {forgery.reason for forgery in FORGERIES.values()} | {Reason.PROOF_MISSING}
    assert reasons_of(proof) == tested


HONEST_PAYLOAD = pb.SignedProof.FromString(HONEST).payload
MALFORMED = {
    "a nonce of 15 bytes": (made_by_hand(nonce=bytes(15)), "check_bytes", first),
    "a time of 0": (made_by_hand(issued_at_ms=0), "check_time", first),
    "a trace id without a span id": (made_by_hand(trace_id=b"t" * 16), "trace_of", nothing),
    "an unknown field": (resigned(HONEST_PAYLOAD + b"\xf8\x07\x01"), "require_canonical", nothing),
    "a field twice": (resigned(HONEST_PAYLOAD + HONEST_PAYLOAD), "require_canonical", nothing),
}


@pytest.mark.spec("P-3")
@pytest.mark.parametrize("name", MALFORMED)
def test_a_proof_is_invalid_with(name: str, monkeypatch: pytest.MonkeyPatch):
    signed, check_name, instead = MALFORMED[name]
    at_any_time = {"now_ms": 1} if name == "a time of 0" else {}
    with pytest.raises(BadProof) as caught:
        check(signed, **at_any_time)
    assert caught.value.reason is invalid
    monkeypatch.setattr(proofs_codec, check_name, instead)
    check(signed, **at_any_time)


@pytest.mark.spec("P-3")
@pytest.mark.parametrize("version", [0, 2, 2**32 - 1])
def test_a_proof_of_another_version_is_invalid(version: int, monkeypatch: pytest.MonkeyPatch):
    signed = made_by_hand(version=version)
    with pytest.raises(BadProof, match="version_unsupported"):
        check(signed)
    monkeypatch.setattr(limits, "FORMAT_VERSION", Whatever())
    check(signed)


@pytest.mark.spec("P-3")
def test_no_proof_is_told_from_a_bad_one():
    with pytest.raises(BadProof) as caught:
        check(b"")
    assert caught.value.reason is Reason.PROOF_MISSING
    with pytest.raises(BadProof) as caught:
        check(b"", without(proof, Reason.PROOF_MISSING))
    assert caught.value.reason is invalid


@pytest.mark.spec("P-3")
@pytest.mark.parametrize("garbage", [b"\0", b"\xff" * 64, HONEST[:-1], HONEST + b"\0", bytes(limits.PROOF_BYTES + 1)])
def test_bytes_that_are_no_proof_are_invalid(garbage: bytes):
    with pytest.raises(BadProof) as caught:
        check(garbage)
    assert caught.value.reason is invalid


@pytest.mark.spec("P-7")
def test_a_proof_with_any_bit_flipped_is_refused():
    for position in range(len(HONEST)):
        for bit in range(8):
            mutant = bytearray(HONEST)
            mutant[position] ^= 1 << bit
            with pytest.raises(BadProof):
                check(bytes(mutant))


@pytest.mark.spec("P-5", "P-6")
@pytest.mark.parametrize("issued_at_ms", [NOW_MS - limits.PROOF_PAST_MS, NOW_MS, NOW_MS + limits.PROOF_FUTURE_MS])
def test_a_proof_is_accepted_to_the_millisecond(issued_at_ms: int):
    claim = check(made_by_hand(issued_at_ms=issued_at_ms))
    assert claim.issued_at_ms == issued_at_ms


@pytest.mark.spec("P-6")
def test_a_proof_from_before_the_verifier_remembered_nonces_is_stale():
    check(HONEST, accept_from_ms=NOW_MS)
    with pytest.raises(BadProof) as caught:
        check(HONEST, accept_from_ms=NOW_MS + 1)
    assert caught.value.reason is Reason.PROOF_STALE


@pytest.mark.spec("P-8")
def test_a_nonce_is_remembered_for_as_long_as_its_proof_can_be_shown_again():
    last_moment = NOW_MS + limits.PROOF_PAST_MS
    check(HONEST, now_ms=last_moment)
    with pytest.raises(BadProof):
        check(HONEST, now_ms=last_moment + 1)
    assert last_moment < NOW_MS + limits.PROOF_MEMORY_MS


def test_a_proof_says_which_call_and_when_it_was_made():
    trace = TraceIds(some_bytes("trace"), some_bytes("span", 8))
    claim = check(MADE.proof("files", "read", READ_CALL, trace=trace))
    assert (claim.chain_digest, claim.nonce, claim.trace) == (VERIFIED.digest, some_bytes("proof"), trace)


def test_a_proof_to_the_service_is_no_proof_of_a_call_and_the_other_way_round():
    grant_id = MADE.link_ids[0]
    service = {"chain_digest": grant_id, "audience": SERVICE_AUDIENCE, "tool": "complete_task"}
    digest = Arguments.of({}).digest
    signed = sign_proof(MADE.holders[0], **service, arguments_digest=digest, now_ms=NOW_MS, nonce=bytes(16))
    expected = {**service, "arguments_digest": digest, "now_ms": NOW_MS}
    check_holder_proof(signed, MADE.holders[0].public, **expected)
    for changed in ({"audience": "files"}, {"tool": "revoke"}, {"chain_digest": MADE.link_ids[1]}):
        with pytest.raises(Refused):
            check_holder_proof(signed, MADE.holders[0].public, **{**expected, **changed})


@pytest.mark.spec("P-4")
def test_check_proof_asks_for_the_key_of_the_leaf():
    assert check_proof(HONEST, VERIFIED, **EXPECTED).tool == "read"
    with pytest.raises(BadProof):
        check_proof(
            HONEST, verify(MADE.cut(2).with_statements(*chain("root -> planner").service_statements).token), **EXPECTED
        )
