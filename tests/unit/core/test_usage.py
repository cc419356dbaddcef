"""What conditions demand of a call, and what is left of them."""

from __future__ import annotations

import pytest

from delegation.core.arguments import Arguments
from delegation.core.authorize import authorize
from delegation.core.conditions import approved_by, at_most_calls, budget
from delegation.core.demands import demands_of, has_conditions
from delegation.core.scope import Scope, any_call
from delegation.core.usage import NOTHING_USED, charged, least_remaining, released, remaining
from delegation.errors import Malformed, Reason, Refused
from support.chains import REFUND, chain, some_bytes, verify

PATH = "root -> planner -> tool"


def refunds(*conditions):
    return Scope(any_call("billing", "refund", *conditions))


def demands(*scopes, arguments=None, **options):
    made = verify(chain(PATH, scopes=scopes).token)
    values = Arguments.of({"amount": 20} if arguments is None else arguments).values
    return demands_of(made, audience="billing", tool="refund", arguments=values, **options)


def refused(action):
    with pytest.raises(Refused) as caught:
        action()
    return caught.value


@pytest.mark.spec("A-12", "A-13", "A-14")
def test_every_link_demands_by_itself_grant_first():
    at = chain(PATH, scopes=[refunds(budget("amount", 100)), refunds(at_most_calls(3), budget("amount", "50.00"))])
    found = demands(
        refunds(budget("amount", 100)),
        refunds(at_most_calls(3), budget("amount", "50.00")),
        refunds(at_most_calls(2), budget("amount", 10)),
    )
    assert [(demand.link_index, demand.argument, demand.amount, demand.maximum) for demand in found] == [
        (0, "amount", "20", "100"),
        (1, "", "1", "3"),
        (1, "amount", "20", "50"),
        (2, "", "1", "2"),
        (2, "amount", "20", "10"),
    ]
    assert found[1].account == at.link_ids[1]
    assert len({demand.key for demand in found}) == 5


@pytest.mark.spec("A-15")
def test_what_a_grant_permits_is_kept_by_the_task_so_that_a_renewed_one_goes_on():
    (demand,) = demands(refunds(budget("amount", 100)), refunds(budget("amount", 100)))[:1]
    assert demand.account == some_bytes("task")


@pytest.mark.spec("A-14")
@pytest.mark.parametrize(
    ("given", "amount"),
    [
        (20, "20"),
        (0, "0"),
        (0.1, "0.1"),
        ("20.00", "20"),
        ("0.10", "0.1"),
        ("0", "0"),
        (19.99, "19.99"),
        (2**53 - 1, "9007199254740991"),
    ],
    ids=repr,
)
def test_an_amount_is_the_exact_number_that_was_sent(given, amount):
    (demand, *_) = demands(refunds(budget("amount", 100)), arguments={"amount": given})
    assert demand.amount == amount


@pytest.mark.spec("A-14", "A-19")
@pytest.mark.parametrize(
    "given",
    [
        -1,
        -0.01,
        "-5",
        "-0",
        "",
        "1e3",
        "1,50",
        " 5",
        "+5",
        "0x10",
        "\N{ARABIC-INDIC DIGIT FIVE}",
        "NaN",
        None,
        True,
        [5],
        {"v": 5},
        1e-70,
    ],
    ids=repr,
)
def test_what_is_no_exact_amount_is_refused_without_being_told(given):
    limits = refunds(), refunds(budget("amount", 100))
    failure = refused(lambda: demands(*limits, arguments={"amount": given}))
    assert (failure.reason, failure.link_index) == (Reason.ARGUMENT_REFUSED, 1)
    assert failure.field == "refund.amount"
    assert failure.child == "what is no exact number from 0 on"


@pytest.mark.spec("A-14")
def test_an_argument_that_a_budget_sums_must_be_sent():
    failure = refused(lambda: demands(refunds(), refunds(), refunds(budget("amount", 5)), arguments={}))
    assert (failure.reason, failure.link_index) == (Reason.ARGUMENT_MISSING, 2)


@pytest.mark.spec("A-12")
def test_an_approval_is_refused_unless_somebody_else_decides_it():
    needs = refunds(approved_by("ada"))
    failure = refused(lambda: demands(refunds(), needs))
    assert (failure.reason, failure.link_index) == (Reason.CONDITION_UNMET, 1)
    assert demands(refunds(), needs, approvals="elsewhere") == ()


@pytest.mark.spec("A-13", "A-19")
def test_the_last_call_is_permitted_and_one_more_is_not():
    demand = demands(refunds(at_most_calls(2)))[0]
    used = charged(charged(NOTHING_USED, demand), demand)
    failure = refused(lambda: charged(used, demand))
    assert (failure.reason, failure.link_index, failure.field) == (Reason.CALLS_EXHAUSTED, 0, "billing.refund")
    assert (failure.parent, failure.child) == ("0 of 2 calls", "more")


@pytest.mark.spec("A-14", "A-19")
def test_a_budget_is_spent_to_the_last_cent_and_the_refusal_says_only_what_remains():
    spends = {
        amount: demands(refunds(budget("amount", 50)), arguments={"amount": amount})[0] for amount in (49.99, 0.02)
    }
    used = charged(NOTHING_USED, spends[49.99])
    failure = refused(lambda: charged(used, spends[0.02]))
    assert (failure.reason, failure.link_index, failure.field) == (Reason.BUDGET_EXCEEDED, 0, "billing.refund.amount")
    assert (failure.parent, failure.child) == ("0.01 of 50 in sum", "more")
    assert "0.02" not in str(failure)
    assert charged(used, spends[0.02]._replace(amount="0.01")) == "50"


@pytest.mark.spec("A-16")
def test_what_is_given_back_is_there_again_but_never_more():
    assert released("70.5", "20.5") == "50"
    assert remaining("70.5", "100") == "29.5"
    assert remaining("100", "50") == "0"
    with pytest.raises(Malformed):
        released("1", "1.01")


@pytest.mark.parametrize("text", ["", "01", "-1", "1.0", "1e3", "NaN", " 1", "1\n", "٣", "9" * 129])
def test_a_sum_that_was_not_written_here_is_refused(text):
    demand = demands(refunds(at_most_calls(2)))[0]
    for action in (lambda: charged(text, demand), lambda: released(text, "0"), lambda: remaining(text, "5")):
        assert refused(action).reason is Reason.FIELD_INVALID


@pytest.mark.spec("A-2")
def test_conditions_that_are_decided_elsewhere_leave_everything_else_to_be_asked():
    limited = Scope(REFUND._replace(conditions=(budget("amount", 100),)))
    made = verify(chain("root -> planner", scopes=[Scope(REFUND), limited]).token)
    assert has_conditions(made, "billing", "refund")
    assert not has_conditions(made, "files", "read")

    def ask(arguments, **options):
        authorize(made, audience="billing", tool="refund", arguments=Arguments.of(arguments), **options)

    good = {"amount": 20, "currency": "EUR"}
    assert refused(lambda: ask(good)).reason is Reason.CONDITION_UNMET
    ask(good, conditions="elsewhere")
    failure = refused(lambda: ask({**good, "amount": 51}, conditions="elsewhere"))
    assert (failure.reason, failure.link_index) == (Reason.ARGUMENT_REFUSED, 0)


def test_of_several_that_count_the_same_the_strictest_says_what_is_left():
    assert least_remaining([("3", "10"), ("0.5", "2"), ("0", "50")]) == "1.5"
    assert least_remaining([("11", "10"), ("0", "50")]) == "0"
    with pytest.raises(Malformed):
        least_remaining([])


def test_a_sum_that_is_too_long_to_be_read_is_not_remembered_either():
    left = remaining("0." + "0" * 125 + "1", "9" * 64)
    assert len(left) > 128
    for _ in range(2):
        with pytest.raises(Malformed):
            remaining(left, "1")


def test_more_sums_than_are_remembered_are_summed_as_exactly():
    scopes = refunds(budget("amount", 10**9)), refunds(budget("amount", 10**9))
    (demand, *_) = demands(*scopes, arguments={"amount": 0.25})
    used = NOTHING_USED
    for number in range(1, 9_000):
        used = charged(used, demand)
        if number % 1000 == 0:
            assert used == str(number // 4)
            assert remaining(used, demand.maximum) == str(10**9 - number // 4)


@pytest.mark.spec("A-12", "A-13")
def test_what_a_chain_asks_is_asked_of_every_call_and_each_brings_its_own_amount():
    made = verify(chain(PATH, scopes=[refunds(at_most_calls(9), budget("amount", 100), approved_by("ada"))]).token)
    for amount in (20, 7, 20, 0):
        found = demands_of(made, audience="billing", tool="refund", arguments={"amount": amount}, approvals="elsewhere")
        assert [(demand.argument, demand.amount) for demand in found if demand.link_index == 0] == [
            ("", "1"),
            ("amount", str(amount)),
        ]
    for _ in range(2):
        assert refused(
            lambda: demands_of(made, audience="billing", tool="refund", arguments={}, approvals="elsewhere")
        ).reason is (Reason.ARGUMENT_MISSING)
        assert refused(lambda: demands_of(made, audience="billing", tool="refund", arguments={"amount": 1})).reason is (
            Reason.CONDITION_UNMET
        )


def test_a_tool_that_is_not_permitted_leaves_nothing_behind():
    made = verify(chain(PATH, scopes=[refunds(budget("amount", 100))]).token)
    for number in range(50):
        assert demands_of(made, audience="billing", tool=f"no such tool {number}", arguments={}) == ()
    assert not made.asked


def test_of_many_tools_some_are_remembered_and_all_are_asked():
    scope = Scope(*(any_call("billing", f"refund{number:02}", budget("amount", 100)) for number in range(40)))
    made = verify(chain("root -> planner", scopes=[scope]).token)
    for _ in range(2):
        for number in range(40):
            found = demands_of(made, audience="billing", tool=f"refund{number:02}", arguments={"amount": number})
            assert [demand.amount for demand in found] == [str(number)] * len(found)
            assert found
    assert len(made.asked) == 16
