"""What the conditions of a chain demand of a call (SPEC section 8.4).

Pure. What they ask is found once for a chain and a tool; what a call brings to that is looked at with each call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal

from delegation.core.arguments import Value
from delegation.core.chain import SignedLink, VerifiedChain
from delegation.core.conditions import ApprovalRequirement, Budget, CallCount, Condition
from delegation.core.constraints.decimals import Number, format_decimal, number_of_text
from delegation.core.named_tuple import NamedTuple, made
from delegation.errors import Malformed, Reason, refusal

CALLS: Final = ""
"""In place of an argument's name, where calls are counted: no argument has it."""

_TOOLS: Final = 16
"""Of each chain, whose conditions are found once; for further ones they are found with each call."""

_KEYS: Final = 4096
"""Keys of sums that are remembered."""


class Demand(NamedTuple):
    """What one condition of one link demands of one call.

    Attributes:
        account: under which its uses are summed: the link's id; for a grant the task's, so that a renewed one goes on.
        link_index: the link's place, 0 for the grant.
        audience, tool: what is called.
        argument: whose values are summed; empty where calls are counted.
        amount: what the call uses, in decimal normal form.
        maximum: what may be used in all, in decimal normal form.
        key: 32 bytes that no other sum has.
    """

    account: bytes
    link_index: int
    audience: str
    tool: str
    argument: str
    amount: str
    maximum: str
    key: bytes

    @classmethod
    def of(cls, account: bytes, link_index: int, of: tuple[str, str, str], *, amount: str, maximum: str) -> Demand:
        """Make the demand of audience, tool and argument, with its key."""
        return made(cls, (account, link_index, *of, amount, maximum, _key(account, *of)))

    @property
    def is_of_calls(self) -> bool:
        """Whether calls are counted, and not an argument's values summed."""
        return self.argument == CALLS


class Asked(NamedTuple):
    """What one condition of one link asks of every call of a tool.

    Attributes:
        link_index: the link's place, 0 for the grant.
        condition: the condition.
        demand: what it demands of a call that uses nothing; None for an approval, which is no sum.
    """

    link_index: int
    condition: Condition
    demand: Demand | None


@lru_cache(maxsize=_KEYS)
def _key(account: bytes, *names: str) -> bytes:
    words = (account, *(name.encode("utf-8", "surrogatepass") for name in names))
    return hashlib.sha256(b"".join(len(word).to_bytes(4, "big") + word for word in words)).digest()


def asked_by(chain: VerifiedChain, audience: str, tool: str) -> tuple[Asked, ...]:
    """Give what all links' conditions ask of calls of a tool, grant first."""
    pair = audience, tool
    asked = chain.asked.get(pair)
    if asked is None:
        asked = tuple(
            each for index, signed in enumerate(chain.links) for each in _asked(signed, index, audience, tool)
        )
        # What is not permitted leaves no trace: there is no end of it.
        if len(chain.asked) < _TOOLS and pair in chain.leaf.scope.by_pair:
            chain.asked[pair] = asked
    return asked


def _asked(signed: SignedLink, index: int, audience: str, tool: str) -> Iterator[Asked]:
    capability = signed.link.scope.by_pair.get((audience, tool))
    claims = signed.link.grant
    account = claims.task_id if index == 0 and claims is not None else signed.link_id
    for condition in () if capability is None else capability.conditions:
        demand = None
        match condition:
            case CallCount(maximum):
                of, most = (audience, tool, CALLS), format_decimal(maximum)
                demand = Demand.of(account, index, of, amount="1", maximum=most)
            case Budget(argument, most):
                demand = Demand.of(account, index, (audience, tool, argument), amount="0", maximum=most)
            case ApprovalRequirement():
                pass
        yield Asked(index, condition, demand)


def has_conditions(chain: VerifiedChain, audience: str, tool: str) -> bool:
    """Tell whether any link of a chain has a condition for a tool. Guards ask this of every chain, and nothing more."""
    pair = audience, tool
    for signed in chain.links:
        capability = signed.link.scope.by_pair.get(pair)
        if capability is not None and capability.conditions:
            return True
    return False


def demands_of(
    chain: VerifiedChain,
    *,
    audience: str,
    tool: str,
    arguments: Mapping[str, Value],
    approvals: Literal["refuse", "elsewhere"] = "refuse",
) -> tuple[Demand, ...]:
    """Give what all links' conditions demand of a call that they permit otherwise, grant first.

    Args:
        chain: a verified chain.
        audience: who serves the tool.
        tool: its name.
        arguments: the values that were sent; a default is not known to whoever sums.
        approvals: "elsewhere" if the caller decides by itself whether the approvals are there.

    Raises:
        NotPermitted: ARGUMENT_MISSING, or ARGUMENT_REFUSED for what is no exact number, or below zero.
        ConditionUnmet: CONDITION_UNMET for a demand for approval.
    """
    found: list[Demand] = []
    amounts: dict[str, str] = {}
    for index, condition, demand in asked_by(chain, audience, tool):
        if demand is None:
            if approvals != "elsewhere":
                raise refusal(Reason.CONDITION_UNMET, link_index=index, field=f"{audience}.{tool}")
        elif type(condition) is Budget:
            account, _, _, _, argument, _, maximum, key = demand
            amount = amounts.get(argument)
            if amount is None:
                amount = amounts[argument] = _amount(condition, tool, index, arguments)
            found.append(made(Demand, (account, index, audience, tool, argument, amount, maximum, key)))
        else:
            found.append(demand)
    return tuple(found)


def _amount(condition: Budget, tool: str, index: int, arguments: Mapping[str, Value]) -> str:
    field = f"{tool}.{condition.argument}"
    if condition.argument not in arguments:
        raise refusal(
            Reason.ARGUMENT_MISSING, link_index=index, field=field, parent=condition.describe(), child="no value"
        )
    number = _number(arguments[condition.argument])
    try:
        amount = None if number is None or number < 0 else format_decimal(number)
    except Malformed:  # longer than any amount may be
        amount = None
    if amount is None:
        raise refusal(
            Reason.ARGUMENT_REFUSED,
            link_index=index,
            field=field,
            parent=condition.describe(),
            child="what is no exact number from 0 on",
        )
    return amount


def _number(value: Value) -> Number | None:
    if type(value) is int or type(value) is Decimal:
        return value
    return number_of_text(value) if type(value) is str else None
