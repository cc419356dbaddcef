"""Valid tokens, flipped, cut, re-ordered and spliced: no mutant is ever accepted.

A mutant is accepted if the whole decision passes: verification, the original's proof, authorization. A
holder may leave out statements of the service, or send them in another order: such tokens say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

import pytest

from delegation.core.arguments import Arguments
from delegation.core.authorize import authorize
from delegation.core.codec import join_token
from delegation.core.proof import check_proof
from delegation.core.verify import Verifier
from delegation.errors import Refused
from support.chains import BUNDLE, NOTHING_REVOKED, NOW_MS, READ_CALL, MadeChain, chain
from support.mutations import (
    cuts,
    flips,
    frame_swaps,
    insertions,
    reorderings,
    says_the_same,
    splices,
    statement_swaps,
)

PATHS = ["root", "root -> planner", "root -> planner -> tool", "root -> planner -> tool -> helper"]
LEAST_MUTANTS = 8_000
CALL = Arguments.of(READ_CALL)


def decide(verifier: Verifier, token: bytes, proof: bytes) -> None:
    verified = verifier.verify(token, now_ms=NOW_MS, revocations=NOTHING_REVOKED)
    check_proof(proof, verified, audience="files", tool="read", arguments_digest=CALL.digest, now_ms=NOW_MS)
    authorize(verified, audience="files", tool="read", arguments=CALL)


def count_refused(verifier: Verifier, made: MadeChain, mutants: Iterable[bytes]) -> int:
    """Demand that every mutant is refused, as the exception tree says."""
    proof, refused = made.proof("files", "read", READ_CALL), 0
    for mutant in mutants:
        if says_the_same(mutant, made):
            continue
        with pytest.raises(Refused) as caught:
            decide(verifier, mutant, proof)
        assert type(caught.value).__mro__[1] is Refused
        refused += 1
    return refused


def all_mutants(made: MadeChain, other: MadeChain, random: Random) -> Iterator[bytes]:
    token, stranger = made.token, other.token
    yield from flips(token, random)
    yield from cuts(token, random, 100)
    yield from insertions(token, random, 150)
    yield from reorderings(token, random, 200)
    yield from splices(token, stranger, random, 150)
    yield from frame_swaps(made, other)
    yield from statement_swaps(made, other)


def pairs() -> list[tuple[MadeChain, MadeChain]]:
    return [(chain(path), chain(path, task="another task")) for path in PATHS]


@pytest.mark.spec("E-3", "V-4")
@pytest.mark.parametrize("warm", [False, True], ids=["a fresh verifier", "a verifier that knows the original"])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_no_mutant_of_a_valid_token_is_accepted(depth: int, warm: bool):
    made, other = pairs()[depth - 1]
    verifier = Verifier(BUNDLE, cache_entries=64 if warm else 0)
    proof = made.proof("files", "read", READ_CALL)
    if warm:
        decide(verifier, made.token, proof)
        decide(verifier, other.token, other.proof("files", "read", READ_CALL))

    mutants = dict.fromkeys(all_mutants(made, other, Random(depth + 10 * warm)))
    mutants.pop(other.token, None)  # valid, but not with this proof: the next test's business
    refused = count_refused(verifier, made, mutants)

    decide(verifier, made.token, proof)  # the benign twin, after all that
    assert refused > 1_000


def test_those_were_thousands_of_different_mutants():
    different = {mutant for made, other in pairs() for mutant in all_mutants(made, other, Random(1))}
    assert len(different) > LEAST_MUTANTS, len(different)


@pytest.mark.spec("P-4")
@pytest.mark.parametrize("depth", [2, 3, 4])
def test_one_chain_is_worth_nothing_with_the_proof_of_another(depth: int):
    made, other = pairs()[depth - 1]
    verifier = Verifier(BUNDLE)
    foreign = other.proof("files", "read", READ_CALL)
    with pytest.raises(Refused) as caught:
        decide(verifier, made.token, foreign)
    assert caught.value.reason == "proof_other_call"


@pytest.mark.spec("P-4", "P-7")
@pytest.mark.parametrize("depth", [2, 3, 4])
def test_a_truncated_chain_is_refused_though_its_links_are_valid(depth: int):
    made = chain(PATHS[depth - 1], unrecorded=True)
    shorter = made.cut(depth - 1)
    proof = made.proof("files", "read", READ_CALL)
    with pytest.raises(Refused) as caught:
        decide(Verifier(BUNDLE), shorter.token, proof)
    assert caught.value.reason == "proof_other_call"
    relabelled = made.proof("files", "read", READ_CALL, chain_digest=shorter.link_ids[-1])
    with pytest.raises(Refused) as caught:
        decide(Verifier(BUNDLE), shorter.token, relabelled)
    assert caught.value.reason == "proof_invalid"


@pytest.mark.spec("E-5")
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_statements_may_come_in_any_order_twice_or_be_left_out_but_the_receipt(depth: int):
    made = chain(PATHS[depth - 1])
    proof = made.proof("files", "read", READ_CALL)
    receipt, *bindings = made.service_statements
    for statements in [(receipt,), (*bindings, receipt), (receipt, receipt, *bindings)]:
        decide(Verifier(BUNDLE), join_token(made.frames, statements), proof)
