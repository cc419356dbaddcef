"""Does this verified chain permit this call? Every link must (SPEC section 8).

An error in `covers` alone therefore cannot widen anything: the grant's own words are asked again.
"""

from __future__ import annotations

from dataclasses import dataclass

from delegation.core.arguments import Arguments
from delegation.core.chain import VerifiedChain
from delegation.core.constraints import Steps
from delegation.core.scope import Capability, Scope
from delegation.errors import Reason, Refused, refusal


def authorize(chain: VerifiedChain, *, audience: str, tool: str, arguments: Arguments) -> None:
    """Require that every link of the chain permits the call.

    Args:
        chain: a verified chain, whose proof for this call was checked.
        audience: who serves the tool.
        tool: its name.
        arguments: the arguments that the tool is about to run with.

    Raises:
        NotPermitted: with reason, link and argument at fault.
        ConditionUnmet: CONDITION_UNMET for a condition, which needs state that is not here.
    """
    steps = Steps()
    for index, signed in enumerate(chain.links):
        try:
            _permitted_by(signed.link.scope, audience, tool, arguments, steps)
        except Refused as error:
            raise error.at(index) from None


def _permitted_by(scope: Scope, audience: str, tool: str, arguments: Arguments, steps: Steps) -> None:
    capability = scope.find(audience, tool)
    if capability is None:
        raise refusal(Reason.TOOL_NOT_PERMITTED, field=f"{audience}.{tool}", parent=_tools(scope), child=tool)
    if capability.conditions:
        raise refusal(Reason.CONDITION_UNMET, field=f"{audience}.{tool}")
    _arguments_permitted(capability, arguments, steps)


def _tools(scope: Scope) -> str:
    return ", ".join(f"{c.audience}.{c.tool}" for c in scope.capabilities)


def _arguments_permitted(capability: Capability, arguments: Arguments, steps: Steps) -> None:
    permitted = capability.arguments
    if permitted is None:
        return
    values = arguments.values
    steps.take(len(permitted) + len(values))
    given = 0
    for name, (constraint, optional) in permitted.items():
        if name in values:
            given += 1
            if not constraint.allows(values[name], steps):
                raise refusal(
                    Reason.ARGUMENT_REFUSED,
                    field=f"{capability.tool}.{name}",
                    parent=constraint.describe(),
                    child="another value",
                )
        elif not optional:
            raise refusal(
                Reason.ARGUMENT_MISSING,
                field=f"{capability.tool}.{name}",
                parent=constraint.describe(),
                child="no value",
            )
    if given != len(values):
        unexpected = min(values.keys() - permitted.keys())
        raise refusal(
            Reason.ARGUMENT_UNEXPECTED, field=f"{capability.tool}.{unexpected}", child="an argument that is not listed"
        )


@dataclass(frozen=True, slots=True)
class HopVerdict:
    """What one link says to a call.

    Attributes:
        index: the link.
        agent: its holder.
        permitted: whether it permits the call.
        why: in words.
    """

    index: int
    agent: str
    permitted: bool
    why: str


def explain(chain: VerifiedChain, *, audience: str, tool: str, arguments: Arguments) -> list[HopVerdict]:
    """Ask every link by itself, for people who want to know why."""
    verdicts = []
    for index, signed in enumerate(chain.links):
        scope = signed.link.scope
        try:
            _permitted_by(scope, audience, tool, arguments, Steps())
        except Refused as error:
            verdicts.append(HopVerdict(index, signed.link.holder_agent, permitted=False, why=str(error)))
        else:
            capability = scope.find(audience, tool)
            why = capability.describe() if capability else ""
            verdicts.append(HopVerdict(index, signed.link.holder_agent, permitted=True, why=why))
    return verdicts
