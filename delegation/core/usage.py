"""What the conditions of a chain demand of a call, and what was used of them: exact sums, as text (SPEC section 8.4).

Pure: who keeps what was used, and charges it in one step with the decision, is whoever decides.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import cache, lru_cache
from typing import Final, Literal

from delegation.core import limits
from delegation.core.arguments import Value
from delegation.core.chain import SignedLink, VerifiedChain
from delegation.core.conditions import ApprovalRequirement, Budget, CallCount
from delegation.core.constraints.decimals import Number, format_decimal, number_of_text
from delegation.core.named_tuple import NamedTuple, made
from delegation.core.scope import Capability
from delegation.errors import Malformed, Reason, refusal

CALLS: Final = ""
"""In place of an argument's name, where calls are counted: no argument has it."""

NOTHING_USED: Final = "0"

_KEYS: Final = 4096
"""Keys and sums that are remembered: one call asks for each several times."""

_SUM_CHARACTERS: Final = 2 * limits.DECIMAL_CHARACTERS
"""A sum has no more digits before the point than its maximum, and no more after it than one of its amounts."""
_EXACT: Final = Context(prec=2 * _SUM_CHARACTERS, traps=[Inexact, InvalidOperation])


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


@lru_cache(maxsize=_KEYS)
def _key(account: bytes, *names: str) -> bytes:
    words = (account, *(name.encode("utf-8", "surrogatepass") for name in names))
    return hashlib.sha256(b"".join(len(word).to_bytes(4, "big") + word for word in words)).digest()


def has_conditions(chain: VerifiedChain, audience: str, tool: str) -> bool:
    """Tell whether any link of a chain has a condition for a tool."""
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
    for index, signed in enumerate(chain.links):
        capability = signed.link.scope.by_pair.get((audience, tool))
        if capability is not None and capability.conditions:
            account = _account(signed, index)
            found.extend(_demands(capability, account, index, arguments, approvals))
    return tuple(found)


def _account(signed: SignedLink, index: int) -> bytes:
    claims = signed.link.grant
    return claims.task_id if index == 0 and claims is not None else signed.link_id


def _demands(
    capability: Capability, account: bytes, index: int, arguments: Mapping[str, Value], approvals: str
) -> Iterator[Demand]:
    audience, tool = capability.audience, capability.tool
    for condition in capability.conditions:
        match condition:
            case CallCount(maximum):
                yield Demand.of(account, index, (audience, tool, CALLS), amount="1", maximum=format_decimal(maximum))
            case Budget(argument, most):
                amount = _amount(capability, condition, index, arguments)
                yield Demand.of(account, index, (audience, tool, argument), amount=amount, maximum=most)
            case ApprovalRequirement() if approvals != "elsewhere":
                raise refusal(Reason.CONDITION_UNMET, link_index=index, field=f"{audience}.{tool}")


def _amount(capability: Capability, condition: Budget, index: int, arguments: Mapping[str, Value]) -> str:
    field = f"{capability.tool}.{condition.argument}"
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


def charged(used: str, demand: Demand) -> str:
    """Give what is used once a call is permitted.

    Args:
        used: what was used before it, as this has written it; `NOTHING_USED` at first.
        demand: what the call demands.

    Raises:
        ConditionUnmet: CALLS_EXHAUSTED or BUDGET_EXCEEDED; says what remains, never what was asked for.
        Malformed: FIELD_INVALID for a sum that this has not written, or a demand that `demands_of` has not made.
    """
    before, maximum = _sum(used), _sum(demand.maximum)
    after = _EXACT.add(before, _sum(demand.amount))
    if after > maximum:
        reason = Reason.CALLS_EXHAUSTED if demand.is_of_calls else Reason.BUDGET_EXCEEDED
        raise refusal(
            reason, link_index=demand.link_index, field=_field(demand), parent=_left(used, demand), child="more"
        )
    return _written(after)


def released(used: str, amount: str) -> str:
    """Give what is used once an amount was given back.

    Raises:
        Malformed: FIELD_INVALID for sums that this has not written, or more than was used.
    """
    left = _EXACT.subtract(_sum(used), _sum(amount))
    if left < 0:
        raise refusal(Reason.FIELD_INVALID, detail="more is given back than was used")
    return _written(left)


def remaining(used: str, maximum: str) -> str:
    """Give what may still be used, in decimal normal form; never less than 0.

    Raises:
        Malformed: FIELD_INVALID.
    """
    left = _EXACT.subtract(_sum(maximum), _sum(used))
    return _written(max(left, Decimal(0)))


def _field(demand: Demand) -> str:
    pair = f"{demand.audience}.{demand.tool}"
    return pair if demand.is_of_calls else f"{pair}.{demand.argument}"


def _left(used: str, demand: Demand) -> str:
    what = "calls" if demand.is_of_calls else "in sum"
    return f"{remaining(used, demand.maximum)} of {demand.maximum} {what}"


@cache
def _of_sums() -> re.Pattern[str]:
    """Compile when the first sum is met: guards import this, and meet none."""
    return re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?", re.ASCII)


@lru_cache(maxsize=_KEYS)
def _sum(text: str) -> Decimal:
    if len(text) > _SUM_CHARACTERS or not _of_sums().fullmatch(text):
        raise refusal(Reason.FIELD_INVALID, detail="a sum is not in decimal normal form")
    return Decimal(text)


def _written(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
