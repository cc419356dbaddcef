"""Narrowing of conditions: they may be tightened and added, never dropped or loosened (N-9)."""

from __future__ import annotations

import pytest

from delegation.core.conditions import ApprovalRequirement, Budget, CallCount, Condition
from delegation.core.narrowing import scope_within
from delegation.core.scope import Capability, Scope
from delegation.errors import ScopeGrew

ADA_OR_BEN = ApprovalRequirement(("ada", "ben"), 1)


def scope(*conditions: Condition) -> Scope:
    return Scope(Capability("billing", "refund", None, conditions))


@pytest.mark.spec("N-9")
@pytest.mark.parametrize(
    ("parent", "child"),
    [
        ((), (CallCount(5),)),
        ((CallCount(5),), (CallCount(5),)),
        ((CallCount(5),), (CallCount(4),)),
        ((CallCount(5),), (CallCount(9), CallCount(3))),
        ((CallCount(5),), (Budget("amount", "50"), CallCount(5))),
        ((Budget("amount", "50"),), (Budget("amount", "50"),)),
        ((Budget("amount", "50"),), (Budget("amount", "9.5"),)),
        ((Budget("amount", "50"),), (Budget("amount", "0"), Budget("fee", "99"))),
        ((ADA_OR_BEN,), (ADA_OR_BEN,)),
        ((ADA_OR_BEN,), (ApprovalRequirement(("ada",), 1),)),
        ((ADA_OR_BEN,), (ApprovalRequirement(("ben", "ada"), 2),)),
    ],
)
def test_conditions_may_be_tightened_and_added(parent: tuple[Condition, ...], child: tuple[Condition, ...]):
    scope_within(scope(*child), scope(*parent))


@pytest.mark.spec("N-9")
@pytest.mark.parametrize(
    ("parent", "child"),
    [
        (CallCount(5), ()),
        (CallCount(5), (CallCount(6),)),
        (CallCount(5), (Budget("amount", "5"),)),
        (Budget("amount", "50"), ()),
        (Budget("amount", "50"), (Budget("amount", "51"),)),
        (Budget("amount", "50"), (Budget("amount", "50.01"),)),
        (Budget("amount", "9"), (Budget("amount", "10"),)),
        (Budget("amount", "50"), (Budget("fee", "50"),)),
        (Budget("amount", "50"), (CallCount(1),)),
        (ADA_OR_BEN, ()),
        (ADA_OR_BEN, (ApprovalRequirement(("ada", "ben"), 0),)),
        (ADA_OR_BEN, (ApprovalRequirement(("ada", "mallory"), 1),)),
        (ADA_OR_BEN, (ApprovalRequirement(("mallory",), 2),)),
        (ADA_OR_BEN, (CallCount(1),)),
    ],
)
def test_a_condition_is_never_dropped_or_loosened(parent: Condition, child: tuple[Condition, ...]):
    with pytest.raises(ScopeGrew) as caught:
        scope_within(scope(*child), scope(parent))
    assert caught.value.field == "scope[billing.refund].conditions"
    assert caught.value.parent == parent.describe()
    asked = [
        each for each in child if type(each) is type(parent) and (type(each) is not Budget or each[0] == parent[0])
    ]
    assert caught.value.child == (asked[0].describe() if asked else "no such condition")


@pytest.mark.spec("N-9")
def test_any_arguments_do_not_hide_a_dropped_condition():
    with pytest.raises(ScopeGrew):
        scope_within(scope(), scope(CallCount(5)))
