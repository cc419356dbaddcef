"""Conditions that a child loosens or leaves out; and calls that overrun one, by siblings and at once.

The call under which a loosened condition is presented is one of another tool, which has none: so narrowing alone can
refuse it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt, Recipe, Request, Twin
from attacks.suite.recipes import link_says, scope_is, under
from attacks.suite.tasks import decide, service, together
from attacks.suite.worlds import READ, World
from delegation.errors import Reason

GREW = Reason.SCOPE_GREW
PLACES = ((1, 2), (2, 3))


def refunds(*conditions: bytes) -> bytes:
    """A scope with a tool that has conditions, and one that has none."""
    amount = w.argument("amount", w.decimals(maximum="50"))
    return w.scope(w.capability("billing", "refund", amount, conditions=conditions), READ)


def loosened(pairs: dict[str, tuple[Sequence[bytes], Sequence[bytes]]]) -> Iterator[Attempt]:
    for name, (parent, child) in pairs.items():
        for at, of in PLACES:
            recipe = link_says(scope_is(refunds(*child)), at, of, scope=refunds(*parent))
            yield Attempt(f"{name}, by link {at} of {of}", GREW, recipe, at)


def tightened(pairs: dict[str, tuple[Sequence[bytes], Sequence[bytes]]]) -> Iterator[Twin]:
    for name, (parent, child) in pairs.items():
        yield Twin(name, under([refunds(*parent), refunds(*child)], 3))


TWO_OF_THREE = w.approval(2, "ann", "ben", "cem")

LOWERED = {
    "one of three in place of two": ([TWO_OF_THREE], [w.approval(1, "ann", "ben", "cem")]),
    "one of two in place of two of three": ([TWO_OF_THREE], [w.approval(1, "ann", "ben")]),
    "one of one in place of two of three": ([TWO_OF_THREE], [w.approval(1, "ann")]),
    "two of three in place of all": ([w.approval(3, "ann", "ben", "cem")], [TWO_OF_THREE]),
    "the lower of two demands": (
        [w.approval(1, "ann", "ben"), w.approval(2, "cem", "dora")],
        [w.approval(1, "ann", "ben"), w.approval(1, "cem", "dora")],
    ),
}
RAISED_THRESHOLDS = {
    "the same threshold": ([TWO_OF_THREE], [TWO_OF_THREE]),
    "a higher threshold": ([TWO_OF_THREE], [w.approval(3, "ann", "ben", "cem")]),
    "another demand besides": ([TWO_OF_THREE], [w.approval(1, "ann"), TWO_OF_THREE]),
}

SWAPPED = {
    "another approver": ([w.approval(1, "ann")], [w.approval(1, "mallory")]),
    "one of them another": ([TWO_OF_THREE], [w.approval(2, "ann", "ben", "mallory")]),
    "an approver more": ([TWO_OF_THREE], [w.approval(2, "ann", "ben", "cem", "mallory")]),
    "an approver more and a higher threshold": ([TWO_OF_THREE], [w.approval(3, "ann", "ben", "cem", "mallory")]),
    "the approver in capitals": ([w.approval(1, "ann")], [w.approval(1, "ANN")]),
    "the approver in Cyrillic": ([w.approval(1, "ann")], [w.approval(1, "\u0430nn")]),
    "the approvers of another demand": (
        [w.approval(1, "ann"), w.approval(1, "ben")],
        [w.approval(1, "ann"), w.approval(1, "cem")],
    ),
}
SAME_APPROVERS = {
    "the same approvers": ([TWO_OF_THREE], [TWO_OF_THREE]),
    "fewer approvers": ([TWO_OF_THREE], [w.approval(2, "ann", "ben")]),
}

BUDGET = w.budget("amount", "100")
RAISED = {
    "a greater budget": ([BUDGET], [w.budget("amount", "100.01")]),
    "a budget of another length": ([BUDGET], [w.budget("amount", "1000")]),
    "a budget that looks smaller as text": ([w.budget("amount", "9")], [w.budget("amount", "10")]),
    "a budget of another argument": ([BUDGET], [w.budget("currency", "100")]),
    "one more call": ([w.call_count(5)], [w.call_count(6)]),
    "as many calls as there are": ([w.call_count(5)], [w.call_count(2**53 - 1)]),
    "one of two budgets": (
        [w.budget("amount", "5"), w.budget("fee", "5")],
        [w.budget("amount", "5"), w.budget("fee", "6")],
    ),
    "fewer calls and a greater budget": ([w.call_count(5), BUDGET], [w.call_count(1), w.budget("amount", "101")]),
}
LOWERED_BUDGETS = {
    "the same budget": ([BUDGET], [BUDGET]),
    "a smaller budget": ([BUDGET], [w.budget("amount", "99.99")]),
    "no budget left": ([BUDGET], [w.budget("amount", "0")]),
    "fewer calls": ([w.call_count(5)], [w.call_count(4)]),
    "a budget besides": ([w.call_count(5)], [w.call_count(5), BUDGET]),
}

ALL = (w.call_count(5), BUDGET, TWO_OF_THREE)
REMOVED = {
    "a call count": ([w.call_count(5)], []),
    "a budget": ([BUDGET], []),
    "an approval": ([TWO_OF_THREE], []),
    "all of three": (ALL, []),
    "the first of three": (ALL, ALL[1:]),
    "the second of three": (ALL, (ALL[0], ALL[2])),
    "the last of three": (ALL, ALL[:2]),
    "an approval, for a budget": ([TWO_OF_THREE], [BUDGET]),
    "a budget, for a call count": ([BUDGET], [w.call_count(1)]),
}
KEPT = {
    "all of three": (ALL, ALL),
    "a condition where there was none": ([], [BUDGET]),
    "two more": ([BUDGET], ALL),
}

UNKNOWN = {
    "no kind": (b"", Reason.CONDITION_UNSUPPORTED),
    "the kind after the last": (w.field(4, b"x"), Reason.NOT_CANONICAL),
    "a kind that is a number": (w.field(9, 1), Reason.NOT_CANONICAL),
    "two kinds at once": (w.call_count(5) + BUDGET, Reason.NOT_CANONICAL),
    "no calls at all": (w.field(1, b""), Reason.FIELD_INVALID),
    "more calls than can be counted": (w.call_count(2**53), Reason.FIELD_INVALID),
    "a budget of nothing named": (w.field(2, w.field(2, "5")), Reason.FIELD_INVALID),
    "a negative budget": (w.budget("amount", "-1"), Reason.FIELD_INVALID),
    "a budget with an exponent": (w.budget("amount", "1e9"), Reason.FIELD_INVALID),
    "a budget without a number": (w.budget("amount", ""), Reason.NOT_CANONICAL),
    "no threshold": (w.field(3, w.field(1, "ann")), Reason.FIELD_INVALID),
    "a threshold that nobody reaches": (w.approval(2, "ann"), Reason.FIELD_INVALID),
    "no approvers": (w.approval(1), Reason.FIELD_INVALID),
    "one approver twice": (w.approval(2, "ann", "ann"), Reason.FIELD_INVALID),
    "approvers out of order": (w.approval(1, "ben", "ann"), Reason.FIELD_INVALID),
}


def unknown() -> Iterator[Attempt]:
    for name, (condition, reason) in UNKNOWN.items():
        for at, of in ((0, 1), (1, 2)):
            recipe = link_says(scope_is(refunds(condition)), at, of, scope=refunds())
            yield Attempt(f"{name}, in link {at} of {of}", reason, recipe, at)


def known() -> Iterator[Twin]:
    for name, condition in {"a call count": ALL[0], "a budget": BUDGET, "an approval": TWO_OF_THREE}.items():
        yield Twin(f"{name} on a tool that is not called", under(refunds(condition), 1))


# -- what needs state: a verifier that has none permits nothing; the service counts, over siblings and at once


def overrun() -> Iterator[Attempt]:
    spends = {
        "what two siblings would overspend": 30,
        "all of the budget": 50,
        "part of the budget": 1,
        "nothing": 0,
    }
    for name, amount in spends.items():
        for links in (1, 2, 3):
            recipe = under(refunds(w.budget("amount", "50")), links, call=("billing", "refund", {"amount": amount}))
            yield stateless(f"{name}, {links} links", recipe)
    for name, condition in {"a sixth call": w.call_count(5), "a second call": w.call_count(1)}.items():
        for sibling in ("one", "other"):
            call = ("billing", "refund", {"amount": 5})
            yield stateless(f"{name} by the {sibling} sibling", under(refunds(condition), 2, call=call, task=sibling))
    added_by_leaf = under([refunds(), refunds(), refunds(BUDGET)], 3, call=("billing", "refund", {"amount": 5}))
    yield stateless("a budget that only the leaf has", added_by_leaf, 2)
    yield from overrun_at_the_service()


def stateless(name: str, recipe: Recipe, link_index: int = 0) -> Attempt:
    """A call that nobody without state may permit; the service may, once."""
    return Attempt(name, Reason.CONDITION_UNMET, recipe, link_index, online=False)


FIFTY, ONCE = w.budget("amount", "50"), w.call_count(1)


def overrun_at_the_service() -> Iterator[Attempt]:
    spent, counted = Reason.BUDGET_EXCEEDED, Reason.CALLS_EXHAUSTED
    attempts = {
        "two siblings": (spent, spending(FIFTY, siblings=2, each=[30], fit=1)),
        "eight siblings": (spent, spending(FIFTY, siblings=8, each=[40], fit=1)),
        "many small calls of siblings": (spent, spending(FIFTY, siblings=10, each=[0.6] * 10, fit=83)),
        "a hundred calls of one agent": (spent, spending(FIFTY, siblings=1, each=[0.51] * 100, fit=98)),
        "a cent too much": (spent, spending(FIFTY, siblings=2, each=[25, 0.01], fit=3)),
        "siblings of a single call": (counted, spending(ONCE, siblings=8, each=[1], fit=1)),
        "a single call, repeated": (counted, spending(ONCE, siblings=1, each=[1] * 8, fit=1)),
        "agents below one another": (spent, spending(FIFTY, siblings=3, each=[20], fit=2, below=True)),
    }
    for name, (reason, recipe) in attempts.items():
        yield Attempt(f"{name}, at once", reason, recipe, 0, online=True)


def spending(
    condition: bytes,
    *,
    siblings: int,
    each: Sequence[float],
    fit: int | None,
    below: bool = False,
) -> Recipe:
    """Let siblings, or agents one below another, call all at once at the running service.

    Args:
        condition: of the grant, and of each link.
        siblings: how many agents.
        each: what each of them spends, call by call.
        fit: how many calls may be permitted: if they are no more, a refusal is raised; None: all must be.
        below: whether each agent is below the one before.
    """

    def recipe(world: World) -> Request:
        task = f"a task that spends {next(_spending)}"
        root = service(world).chain("root", scope=refunds(condition), task=task)
        names = [
            " -> ".join(["root", *(f"agent-{n}" for n in range(number + 1))]) if below else f"root -> sibling-{number}"
            for number in range(siblings)
        ]
        chains = [world.chain(name, scope=refunds(condition), task=task) for name in names]
        calls = [world.call(made, "billing", "refund", {"amount": amount}) for made in chains for amount in each]

        def send() -> None:
            together(
                [lambda call=call: decide(world, call) for call in calls],
                permitted=len(calls) - 1 if fit is None else fit,
            )

        return Request("service", root.payloads[0], send)

    return recipe


_spending = itertools.count()


def within() -> Iterator[Twin]:
    for links in (1, 2, 3):
        call = ("billing", "refund", {"amount": 50})
        yield Twin(f"the same refund without a budget, {links} links", under(refunds(), links, call=call))
    everything = {
        "two siblings that share a budget": spending(FIFTY, siblings=2, each=[25], fit=None),
        "many small calls of siblings": spending(FIFTY, siblings=10, each=[0.5] * 10, fit=None),
        "a single call": spending(ONCE, siblings=1, each=[50], fit=None),
        "agents below one another": spending(FIFTY, siblings=3, each=[16.66], fit=None, below=True),
    }
    for name, recipe in everything.items():
        yield Twin(f"{name}, within it", recipe, online=True)


CLASSES = (
    AttackClass("lowered approval threshold", lambda: loosened(LOWERED), lambda: tightened(RAISED_THRESHOLDS)),
    AttackClass("swapped approver", lambda: loosened(SWAPPED), lambda: tightened(SAME_APPROVERS)),
    AttackClass("raised budget", lambda: loosened(RAISED), lambda: tightened(LOWERED_BUDGETS)),
    AttackClass("removed condition", lambda: loosened(REMOVED), lambda: tightened(KEPT)),
    AttackClass("unknown or senseless condition", unknown, known),
    AttackClass("budget overrun by siblings and by concurrency", overrun, within),
)
