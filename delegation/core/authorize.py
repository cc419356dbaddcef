"""Does this verified chain permit this call? Every link must (SPEC section 8).

An error in `covers` alone therefore cannot widen anything: the grant's own words are asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from delegation.core.arguments import Arguments, Value
from delegation.core.chain import VerifiedChain
from delegation.core.constraints import Steps
from delegation.core.constraints.words import ROOM, clipped, joined
from delegation.core.names import is_name
from delegation.core.scope import Capability, Scope
from delegation.errors import Reason, Refused, refusal

_NO_DEFAULTS: Final[Mapping[str, Value]] = MappingProxyType({})


def authorize(
    chain: VerifiedChain,
    *,
    audience: str,
    tool: str,
    arguments: Arguments,
    defaults: Mapping[str, Value] = _NO_DEFAULTS,
    conditions: Literal["refuse", "elsewhere"] = "refuse",
) -> None:
    """Require that every link of the chain permits the call.

    Args:
        chain: a verified chain, whose proof for this call was checked.
        audience: who serves the tool.
        tool: its name.
        arguments: the arguments that were sent, and that the proof is about.
        defaults: what the tool will use for arguments that were not sent. Every link that speaks of such an
            argument must permit its default; of what no link mentions, the tool is the master.
        conditions: "elsewhere" if whoever holds the state has decided them, or does so before the call is permitted
            (SPEC section 8.4); otherwise a link that has one permits nothing.

    Raises:
        NotPermitted: with reason, link and argument at fault.
        ConditionUnmet: CONDITION_UNMET for a condition, which needs state that is not here.
    """
    pair, values, links = (audience, tool), arguments.values, chain.links
    steps = Steps()
    index = 0
    if not defaults:
        plan, speaks_for = chain.plans.find(pair)
        if plan is not None and (conditions == "elsewhere" or not plan.conditional):
            if plan.permits(values, steps):
                index = speaks_for
            else:
                steps = Steps()
    try:
        for index in range(index, len(links)):  # noqa: B020 - it goes on where the plan ends
            _require_permitted(links[index].link.scope, pair, values, defaults, steps, conditions=conditions)
    except Refused as error:
        raise error.at(index) from None


def _require_permitted(
    scope: Scope,
    pair: tuple[str, str],
    values: Mapping[str, Value],
    defaults: Mapping[str, Value],
    steps: Steps,
    *,
    conditions: str = "refuse",
) -> None:
    capability = scope.by_pair.get(pair)
    if capability is None:
        name = ".".join(pair)
        raise refusal(Reason.TOOL_NOT_PERMITTED, field=name, parent=_tools(scope), child=name)
    if capability.conditions and conditions != "elsewhere":
        raise refusal(Reason.CONDITION_UNMET, field=".".join(pair))
    permitted = capability.arguments
    if permitted is None:
        return
    steps.take(len(permitted) + len(values))
    given = 0
    for name, (constraint, optional) in permitted.items():
        if name in values:
            given += 1
            value = values[name]
        elif name in defaults:
            value = defaults[name]
        elif optional:
            continue
        else:
            raise _refused(Reason.ARGUMENT_MISSING, capability, name, constraint.describe(), "no value")
        if not constraint.allows(value, steps):
            asked = "another value" if name in values else "the tool's default, which is another value"
            raise _refused(Reason.ARGUMENT_REFUSED, capability, name, constraint.describe(), asked)
    if given != len(values):
        unexpected = min(values.keys() - permitted.keys())
        # What is no name is not shown: it may be long, or meant for nobody.
        shown = unexpected if is_name(unexpected) else "(no name)"
        raise _refused(Reason.ARGUMENT_UNEXPECTED, capability, shown, "", "an argument that is not listed")


def _tools(scope: Scope) -> str:
    return joined(scope.capabilities, lambda capability, _: f"{capability.audience}.{capability.tool}", ", ", ROOM)


def _refused(reason: Reason, capability: Capability, name: str, permitted: str, asked: str) -> Refused:
    return refusal(reason, field=f"{capability.tool}.{name}", parent=clipped(permitted, ROOM), child=asked)
