"""A chain drawn as a tree."""

from __future__ import annotations

from delegation.cli.hops import Standing, claims_of, hops_of
from delegation.cli.views.chain_tree import print_chain, print_verified
from delegation.core.attest import sign_binding
from delegation.core.codec import parse_token
from delegation.core.constraints import exactly, under
from delegation.core.scope import Scope, tool
from delegation.core.statement import Binding
from delegation.errors import Reason
from support.chains import (
    NOW_MS,
    READ,
    SCOPE,
    STATEMENTS,
    agent,
    chain,
    verify,
)

MINUTE_MS = 60_000
NARROW = Scope(tool("files", "read", path=under("/srv/docs/public")))
CHAIN = chain(
    "root -> planner -> reader", scopes=(SCOPE, Scope(READ), NARROW), lifetimes_ms=(15 * MINUTE_MS, 5 * MINUTE_MS)
)


def claims(made, now_ms=NOW_MS):
    return claims_of(parse_token(made.token), now_ms)


def drawn(screen, made, now_ms=NOW_MS, **options):
    read = claims(made, now_ms)
    return screen(print_chain, read.hops, now_ms, fault=read.fault, **options)


def test_who_hands_to_whom_is_a_tree(screen):
    lines = drawn(screen, CHAIN).splitlines()
    holders = [next(line for line in lines if agent(name) in line) for name in CHAIN.names]
    assert [line.index("spiffe://") for line in holders] == [0, 3, 6]
    assert holders[1].startswith("└─ ")


def test_each_hop_shows_what_it_took_away(screen):
    text = drawn(screen, CHAIN)
    assert "- billing.refund" in text
    assert "- web.search" in text
    assert "- files.read.path: a path under /srv/docs → a path under" in text
    assert "- files.read.limit" in text
    assert "- the last 10 min" in text


def test_the_grant_shows_what_it_permits_and_the_leaf_what_is_left(screen):
    text = drawn(screen, CHAIN)
    assert "may billing.refund(amount: at most 50" in text
    assert text.rindex("may files.read(path: a path under /srv/docs/public)") > text.index("reader")
    assert "up to 8 handoffs may follow" in text


def test_the_time_is_absolute_and_relative(screen):
    assert "until 2027-01-15 08:15:00 UTC, in 15 min" in drawn(screen, CHAIN)
    assert "expired 2027-01-15 08:05:00 UTC, 1 min ago" in drawn(screen, CHAIN, NOW_MS + 6 * MINUTE_MS)


def test_the_principal_stands_with_what_it_rests_on(screen):
    assert "ada at https://login.example.test, shown by an OIDC ID token" in drawn(screen, CHAIN)


def test_the_purpose_of_the_grant_is_marked_as_the_one_that_counts(screen):
    text = drawn(screen, CHAIN.edit(1, lambda link: setattr(link, "purpose", "something else")))
    assert "answer the customer  ← the one that counts" in text
    assert "purpose something else  an annotation" in text


def test_an_agent_is_bound_by_a_binding_and_otherwise_asserted(screen):
    assert [hop.standing for hop in claims(CHAIN).hops] == [Standing.AUTHENTICATED, Standing.BOUND, Standing.BOUND]
    assert drawn(screen, CHAIN).count("bound by the service") == 2
    assert drawn(screen, CHAIN.with_statements()).count("asserted by its delegator") == 2


def test_a_binding_counts_for_just_its_agent_and_time():
    held = CHAIN.holders[1].public
    for binding in (
        Binding(held, agent("somebody"), NOW_MS, NOW_MS + 1),
        Binding(CHAIN.holders[0].public, agent("planner"), NOW_MS, NOW_MS + 1),
        Binding(held, agent("planner"), NOW_MS - 2, NOW_MS),
    ):
        made = CHAIN.with_statements(sign_binding(binding, STATEMENTS))
        assert claims(made).hops[1].standing is Standing.ASSERTED


def test_the_receipt_of_the_leaf_is_shown_and_so_is_its_absence(screen):
    assert "recorded  2027-01-15 08:00:00 UTC, as its receipt says" in drawn(screen, CHAIN)
    assert "no receipt for the last hop" in drawn(screen, CHAIN.with_statements())


def test_a_grant_alone_is_recorded_by_itself(screen):
    assert "by the grant itself" in drawn(screen, chain("root").with_statements())


def test_a_hop_that_asks_for_more_is_shown_as_growth(screen):
    wider = CHAIN.edit(2, lambda link: setattr(link, "expires_at_ms", NOW_MS + 60 * MINUTE_MS))
    text = drawn(screen, wider)
    assert "+ scope_grew in expires_at_ms" in text
    assert claims(wider).hops[2].grew.reason is Reason.SCOPE_GREW


def test_a_chain_is_drawn_up_to_the_link_that_cannot_be_read(screen):
    broken = CHAIN.with_payload(2, b"\xff\xff")
    assert len(claims(broken).hops) == 2
    assert "✗ malformed at link 2" in drawn(screen, broken)


def test_a_link_that_takes_nothing_says_so(screen):
    assert "takes nothing away" in drawn(screen, chain("root -> planner"))


def test_ids_are_shown_when_asked_for(screen):
    assert CHAIN.link_ids[1].hex() not in drawn(screen, CHAIN)
    assert CHAIN.link_ids[0].hex() in drawn(screen, CHAIN, whole_ids=True)


def test_the_longest_chain_stays_on_the_screen(screen):
    made = chain(" -> ".join(f"agent-{number}" for number in range(32)), depth=31)
    text = drawn(screen, made, whole_ids=True)
    assert agent("agent-31") in text


def test_many_capabilities_are_counted_not_listed(screen):
    scope = Scope(*(tool("files", f"tool-{number:03}") for number in range(100)))
    assert "… and 88 more; --json lists all" in drawn(screen, chain("root -> planner", scopes=(scope,)))


def test_nothing_in_a_token_does_anything_to_a_terminal(screen):
    hostile = "/srv/\x1b]0;owned\x07\u202e\x9b2J[bold]\n✓ Verified"
    scope = Scope(tool("files", "read", path=exactly(hostile)))
    text = drawn(screen, chain("root -> planner", scopes=(scope,)))
    assert "[bold]" in text  # no markup either
    assert not any(line.lstrip().startswith("✓") for line in text.splitlines())


def test_a_verified_chain_has_the_standing_that_was_verified():
    hops = hops_of(verify(CHAIN.token), NOW_MS)
    assert [hop.standing for hop in hops] == [Standing.AUTHENTICATED, Standing.BOUND, Standing.BOUND]
    assert hops[-1].recorded_at_ms == NOW_MS


def test_what_was_not_checked_offline_is_said(screen):
    assert "revocations are NOT known offline" in screen(print_verified, "example.test", None)
    assert "nothing in it is revoked, as of position 7" in screen(print_verified, "example.test", 7)
