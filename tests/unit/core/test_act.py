"""A verified chain as nested `act` claims."""

from __future__ import annotations

import json

from delegation.core.act import act_claims
from delegation.core.attest import sign_binding
from delegation.core.chain import Principal, PrincipalBasis
from delegation.core.codec.links import principal_to_message
from delegation.core.statement import Binding
from support.chains import MINUTE_MS, NOW_MS, STATEMENTS, agent, chain, receipt, verify

ALICE = Principal("alice", "https://login.acme.example", PrincipalBasis.OIDC_ID_TOKEN, b"d" * 32)


def claims(made, *statements) -> dict:
    verified = verify(made.with_statements(receipt(made.link_ids[-1]), *statements).token)
    return act_claims(verified, now_ms=NOW_MS)


def on_behalf_of(principal: Principal, drawn: str):
    return chain(drawn).edit(0, lambda link: link.grant.principal.CopyFrom(principal_to_message(principal)))


def for_alice(drawn: str):
    return on_behalf_of(ALICE, drawn)


def test_the_last_actor_is_outermost_and_each_is_within_the_one_it_handed_on_to():
    assert claims(for_alice("root -> planner -> reader")) == {
        "sub": "alice",
        "iss": "https://login.acme.example",
        "exp": claims(for_alice("root -> planner -> reader"))["exp"],
        "act": {
            "sub": agent("reader"),
            "asserted": True,
            "act": {"sub": agent("planner"), "asserted": True, "act": {"sub": agent("root")}},
        },
    }


def test_whom_the_service_vouches_for_is_not_merely_asserted():
    made = for_alice("root -> planner")
    binding = sign_binding(Binding(made.leaf_key.public, agent("planner"), NOW_MS, NOW_MS + MINUTE_MS), STATEMENTS)
    assert claims(made, binding)["act"] == {"sub": agent("planner"), "act": {"sub": agent("root")}}


def test_who_works_on_its_own_behalf_is_no_actor_for_another():
    itself = Principal(agent("root"), "acme.example", PrincipalBasis.ASSERTED)
    alone = claims(on_behalf_of(itself, "root"))
    assert (alone["sub"], alone["asserted"]) == (agent("root"), True)
    assert "act" not in alone
    assert claims(on_behalf_of(itself, "root -> planner"))["act"] == {"sub": agent("planner"), "asserted": True}


def test_it_expires_with_the_chain_in_whole_seconds():
    made = for_alice("root -> planner")
    verified = verify(made.with_statements(receipt(made.link_ids[-1])).token)
    assert claims(made)["exp"] == verified.expires_at_ms // 1000


def test_there_is_nothing_in_it_but_names_and_a_time():
    written = json.dumps(claims(for_alice("root -> planner")))
    assert set(json.loads(written)) == {"sub", "iss", "exp", "act"}
