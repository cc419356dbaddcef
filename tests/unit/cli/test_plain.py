"""Values as plain data."""

from __future__ import annotations

import json

from delegation.cli.hops import claims_of
from delegation.cli.views.plain import plain_chain
from delegation.core.codec import parse_token
from delegation.core.notation import scope_from_plain
from delegation.core.scope import Scope
from support.chains import NOW_MS, READ, SCOPE, chain

MADE = chain("root -> planner", scopes=(SCOPE, Scope(READ)))


def plain():
    # Through JSON, as programs get it.
    return json.loads(json.dumps(plain_chain(claims_of(parse_token(MADE.token), NOW_MS).hops)))


def test_a_chain_is_plain_data():
    chain_data = plain()
    assert chain_data["purpose"] == "answer the customer"
    assert chain_data["principal"]["subject"] == "ada"
    assert [link["link_id"] for link in chain_data["links"]] == [identity.hex() for identity in MADE.link_ids]
    assert chain_data["links"][1]["parent_link_id"] == MADE.link_ids[0].hex()
    assert chain_data["links"][1]["taken_away"] == ["billing.refund", "web.search"]
    assert chain_data["links"][1]["agent_is"] == "bound"


def test_a_scope_can_be_read_back_from_its_notation():
    first, second = plain()["links"]
    assert scope_from_plain(first["scope"]) == SCOPE
    assert scope_from_plain(second["scope"]) == Scope(READ)
