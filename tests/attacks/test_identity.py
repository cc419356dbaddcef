"""Who a link says it is held by, and when that is more than its delegator's word."""

from __future__ import annotations

import pytest

from delegation.core.attest import open_offer, sign_binding, sign_offer
from delegation.core.keys import SigningKey
from delegation.core.statement import Binding, Offer, SignedStatement, StatementKind
from delegation.errors import BadStatement, Reason, Refused
from support.chains import (
    MALLORY,
    MINUTE_MS,
    NOW_MS,
    STATEMENTS,
    MadeChain,
    agent,
    chain,
    key,
    receipt,
    some_bytes,
    verify,
)

LATER = NOW_MS + 60 * MINUTE_MS


def binding(holder: SigningKey, name: str, *, until_ms: int = LATER) -> SignedStatement:
    return sign_binding(Binding(holder.public, agent(name), NOW_MS - 1, until_ms), STATEMENTS)


def vouched(made: MadeChain, *bindings: SignedStatement, now_ms: int = NOW_MS) -> list[bool]:
    verified = verify(made.with_statements(receipt(made.link_ids[-1]), *bindings).token)
    return [verified.bound(index, now_ms) for index in range(verified.depth)]


@pytest.mark.spec("T-7")
def test_an_agent_id_is_the_delegators_word_until_the_service_vouches_for_it():
    made = chain("root -> planner -> tool")
    assert vouched(made) == [True, False, False]  # the service authenticated the grant's holder itself
    assert vouched(made, binding(made.holders[2], "tool")) == [True, False, True]
    assert vouched(made, *(binding(h, n) for h, n in zip(made.holders, made.names, strict=True))) == [True] * 3


def same_key_twice(first: str, second: str) -> MadeChain:
    """A chain whose two last links name one key under two agent ids."""
    made = chain(f"root -> {first} -> {second}")
    shared = made.holders[1]
    made = made.edit(2, lambda link: setattr(link, "holder_key", shared.public))
    return MadeChain(made.names, made.payloads, made.signers, (*made.holders[:2], shared), made.purposes)


@pytest.mark.spec("T-7")
@pytest.mark.parametrize("names", [("boss", "mallory"), ("mallory", "boss")])
def test_a_key_bound_to_one_name_does_not_vouch_for_another_name_in_the_chain(names: tuple[str, str]):
    made = same_key_twice(*names)
    mine = binding(made.leaf_key, "mallory")
    assert vouched(made, mine) == [True, *(name == "mallory" for name in names)]


def test_a_key_that_hands_on_to_itself_under_the_same_name_stays_vouched_for():
    made = same_key_twice("worker", "worker")
    assert vouched(made, binding(made.leaf_key, "worker")) == [True, True, True]


@pytest.mark.spec("T-7", "T-23")
def test_a_binding_counts_until_it_expires_and_the_longest_counts():
    made = chain("root -> planner")
    short, long = (binding(made.leaf_key, "planner", until_ms=NOW_MS + ms) for ms in (5, 9))
    assert vouched(made, short, now_ms=NOW_MS + 4) == [True, True]
    assert vouched(made, short, now_ms=NOW_MS + 5) == [True, False]
    for order in ((short, long), (long, short)):
        assert vouched(made, *order, now_ms=NOW_MS + 8) == [True, True]


@pytest.mark.spec("V-11")
def test_a_binding_that_no_link_bears_out_is_refused():
    made = chain("root -> planner")
    for wrong in (
        binding(made.leaf_key, "boss"),
        binding(MALLORY, "planner"),
        binding(key("of somebody else"), "somebody-else"),
        binding(made.holders[0], "planner"),
    ):
        with pytest.raises(BadStatement) as caught:
            vouched(made, wrong)
        assert caught.value.reason is Reason.STATEMENT_INVALID


# -- offers --------------------------------------------------------------------------------------------------

FRESH = key("fresh")
OFFER = Offer(agent("worker"), FRESH.public, agent("planner"), LATER, some_bytes("offer"))


def reason_of(statement: SignedStatement, *, now_ms: int = NOW_MS, delegator: str = OFFER.audience) -> Reason:
    with pytest.raises(Refused) as caught:
        open_offer(statement, now_ms=now_ms, delegator=delegator)
    return caught.value.reason


@pytest.mark.spec("T-8")
def test_an_offer_is_for_its_audience_and_until_it_expires():
    statement = sign_offer(OFFER, FRESH)
    assert open_offer(statement, now_ms=LATER - 1, delegator=agent("planner")) == OFFER
    assert reason_of(statement, now_ms=LATER) is Reason.OFFER_INVALID
    assert reason_of(statement, delegator=agent("mallory")) is Reason.OFFER_INVALID
    for_anyone = sign_offer(OFFER._replace(audience=""), FRESH)
    assert open_offer(for_anyone, now_ms=NOW_MS, delegator=agent("mallory")).agent == OFFER.agent


@pytest.mark.spec("T-1", "T-8")
def test_an_offer_of_a_key_is_signed_by_that_key():
    stolen = sign_offer(OFFER, MALLORY)
    for statement in (
        stolen,
        stolen._replace(key_id=FRESH.key_id),
        sign_offer(OFFER, FRESH)._replace(key_id=MALLORY.key_id),
        sign_offer(OFFER._replace(agent=agent("boss")), FRESH)._replace(payload=sign_offer(OFFER, FRESH).payload),
        sign_offer(OFFER, FRESH)._replace(kind=StatementKind.APPROVAL),
    ):
        assert reason_of(statement) is Reason.OFFER_INVALID
