"""A rule that a sign-in of the principal lifts: what is enough, what is demanded, and what comes first."""

from __future__ import annotations

import pytest

from delegation.core.chain import PrincipalBasis
from delegation.policy.port import Action, Consent, Denial, Permit, SignIn, StepUp
from delegation.service.both_ways import stricter
from delegation.service.rulings import authentication_required
from support.policies import ADA, NOW_S, PERMIT, faults_of, policy_of, question, word

AUTHENTICATE = '@id("{id}") @obligation("authenticate") {how} forbid (principal, {action}, resource) {when};'


def rule(
    how: str = '@acr("phr phrh") @max_age("300")', *, id: str = "signed-in", action: str = "action", when=""
) -> str:
    return AUTHENTICATE.format(id=id, how=how, action=action, when=when)


def signed_in(acr: str = "phr", ago_s: float = 0, basis: PrincipalBasis = PrincipalBasis.OIDC_ID_TOKEN):
    """Ada, who has signed in so."""
    at_ms = int((NOW_S - ago_s) * 1000)
    return ADA._replace(authentication_strength=acr, authenticated_at_ms=at_ms, basis=basis)


UNKNOWN_TIME = ADA._replace(authentication_strength="phr")


def decide(text: str, principal=ADA, **known):
    return policy_of(PERMIT + text).decide(question("mail.send", principal=principal, **known))


@pytest.mark.spec("A-31")
@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        (signed_in(), "permit"),
        (signed_in("phrh", 300), "permit"),
        (signed_in("phr", 301), "sign-in"),
        (signed_in("phr", -30), "permit"),  # by a clock that is a little ahead
        (signed_in("phr", -31), "sign-in"),
        (signed_in("pwd"), "sign-in"),
        (signed_in("PHR"), "sign-in"),
        (signed_in("phr phrh"), "sign-in"),
        (signed_in("ph"), "sign-in"),
        (signed_in(""), "sign-in"),
        (UNKNOWN_TIME, "sign-in"),
        (signed_in(basis=PrincipalBasis.ASSERTED), "sign-in"),
    ],
)
def test_it_is_lifted_by_a_named_acr_no_longer_ago_and_by_nothing_that_is_not_known(principal, expected):
    for action in Action:
        assert word(decide(rule(), principal, action=action)) == expected


@pytest.mark.spec("A-31")
def test_a_rule_that_names_no_time_takes_any_and_one_that_names_no_acr_any():
    assert decide(rule('@acr("phr")'), UNKNOWN_TIME) == Permit()
    assert decide(rule('@acr("phr")'), signed_in(ago_s=10**7)) == Permit()
    assert decide(rule('@max_age("60")'), signed_in("", 60)) == Permit()
    assert decide(rule('@max_age("60")'), signed_in("phr", 61)) == SignIn(("signed-in",), (), 60)


@pytest.mark.spec("A-31")
def test_it_forbids_only_where_its_condition_holds():
    text = rule(when='when { context.taskLabels.contains("personal") }')
    assert decide(text) == Permit()
    assert word(decide(text, task_labels=frozenset({"personal"}))) == "sign-in"


@pytest.mark.spec("A-32")
def test_one_sign_in_is_told_that_fulfils_every_demand_those_too_that_are_fulfilled():
    text = rule('@acr("phr phrh") @max_age("300")', id="a") + rule('@acr("mfa phrh") @max_age("60")', id="b")
    assert decide(text, signed_in("phr")) == SignIn(("a", "b"), ("phrh",), 60)
    assert decide(text, signed_in("phrh")) == Permit()


@pytest.mark.spec("A-32")
def test_where_no_acr_is_enough_for_every_rule_it_is_denied():
    text = rule('@acr("phr")', id="a") + rule('@acr("mfa")', id="b")
    assert decide(text) == Denial(("a", "b"), "no one acr is enough for every rule that demands a sign-in")


@pytest.mark.spec("A-32")
def test_a_plain_prohibition_wins_over_all():
    plain = '@id("plain") forbid (principal, action, resource);'
    assert decide(rule() + plain) == Denial(("plain", "signed-in"), "forbidden by plain, signed-in")
    assert decide(rule() + plain, signed_in()) == Denial(("plain",), "forbidden by plain")


@pytest.mark.spec("A-32")
def test_nobody_is_asked_to_sign_in_for_what_no_rule_would_permit_then():
    verdict = policy_of(rule()).decide(question("mail.send"))
    assert verdict == Denial((), "no rule permits it")


@pytest.mark.spec("A-32")
def test_first_somebody_signs_in_and_then_people_consent():
    text = rule() + '@id("ask") @obligation("approve") forbid (principal, action == Action::"call", resource);'
    assert decide(text) == SignIn(("signed-in",), ("phr", "phrh"), 300)
    assert decide(text, approved=True) == SignIn(("signed-in",), ("phr", "phrh"), 300)
    assert decide(text, signed_in()) == StepUp((Consent("ask"),))
    assert decide(text, signed_in(), approved=True) == Permit()


def test_a_rule_that_cannot_be_evaluated_denies_whoever_has_signed_in():
    text = rule(when="when { context.taskCalls * 9223372036854775807 > 1 }")
    assert decide(text, signed_in(), task_calls=3).detail == "could not be evaluated: signed-in"


def test_a_policy_with_such_a_rule_gives_no_scope_unasked():
    policy = policy_of(PERMIT + rule())
    assert not any(policy.permits_all(action) for action in Action)
    reads = policy.reads(Action.CALL, question("mail.send").tool, listed=True)
    assert {"principalAcr", "principalAuthTime", "principalBasis", "time"} <= reads.words


@pytest.mark.parametrize(
    ("annotations", "reason"),
    [
        ('@obligation("authenticate")', '@obligation("authenticate") says how'),
        ('@obligation("authenticate") @acr("")', "@acr names 1 to 8 values"),
        ('@obligation("authenticate") @acr("a b c d e f g h i")', "@acr names 1 to 8 values"),
        ('@obligation("authenticate") @acr("ph\\"r")', "@acr names 1 to 8 values"),
        ('@obligation("authenticate") @acr("phré")', "@acr names 1 to 8 values"),
        (f'@obligation("authenticate") @acr("{"x" * 129}")', "@acr names 1 to 8 values"),
        ('@obligation("authenticate") @max_age("0")', "@max_age is a number of seconds"),
        ('@obligation("authenticate") @max_age("-1")', "@max_age is a number of seconds"),
        ('@obligation("authenticate") @max_age("5m")', "@max_age is a number of seconds"),
        ('@obligation("authenticate") @max_age("999999999")', "@max_age is a number of seconds"),
        ('@obligation("approve") @acr("phr")', '@acr belongs to @obligation("authenticate")'),
        ('@max_age("300")', '@max_age belongs to @obligation("authenticate")'),
        ('@obligation("authenticate") @acr("phr") @threshold("2")', '@threshold belongs to @obligation("approve")'),
    ],
)
def test_what_demands_nothing_clear_is_refused(annotations, reason):
    (fault,) = faults_of(f'{PERMIT}@id("r") {annotations} forbid (principal, action == Action::"call", resource);')
    assert f"r: {reason}" in fault


def test_only_a_prohibition_is_lifted_by_a_sign_in():
    (fault,) = faults_of('@id("r") @obligation("authenticate") @acr("phr") permit (principal, action, resource);')
    assert fault.endswith('@obligation("authenticate") belongs to a forbid, which signing in lifts')


def test_the_time_of_the_sign_in_can_be_read_by_rules():
    text = '@id("r") forbid (principal, action, resource) when { context.time - context.principalAuthTime > 60 };'
    assert [word(decide(text, signed_in(ago_s=ago_s))) for ago_s in (60, 61)] == ["permit", "deny"]
    assert (
        word(decide('@id("r") forbid (principal, action, resource) when { context.principalAuthTime == 0 };')) == "deny"
    )


@pytest.mark.spec("A-32")
def test_of_two_answers_about_one_call_the_stricter_counts():
    asked, wanted = StepUp((Consent("ask"),)), SignIn(("a",), ("phr", "phrh"), 300)
    assert stricter(Permit(), wanted) == stricter(wanted, asked) == stricter(asked, wanted) == wanted
    assert stricter(wanted, Denial((), "no")) == Denial((), "no")
    assert stricter(wanted, SignIn(("b",), ("phrh",), None)) == SignIn(("a", "b"), ("phrh",), 300)


@pytest.mark.spec("A-32")
def test_the_refusal_says_what_to_do_as_data_and_in_words():
    refused = authentication_required(SignIn(("a", "b"), ("phr", "phrh"), 300))
    assert (refused.acr_values, refused.max_age_s, refused.field) == (("phr", "phrh"), 300, "a,b")
    assert refused.detail == "whoever the task is for has to sign in with acr phr or phrh, at most 300 s before"
