"""A suggested scope with what it rests on, tried on every call that it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from delegation.core.scope import Scope
from delegation.errors import Malformed
from delegation_sdk.least_privilege.generalise import Generaliser
from delegation_sdk.least_privilege.observed import Observations
from delegation_sdk.least_privilege.suggest import SuggestedTool, suggested_tools
from delegation_sdk.least_privilege.trial import Trial, granted_for_trial, tried
from delegation_sdk.sources import Sources

_FEW: Final = (12, 4, 1)
"""How many strings are listed one by one; fewer, where otherwise the scope would not fit into a token."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The tightest scope that would have served.

    Attributes:
        scope: the suggestion; empty if nothing was called.
        tools: each of its tools, with what it rests on.
        tasks: how many tasks it was made from.
        trial: what came of trying it.
        more_tasks: whether there are older tasks of this kind that were not looked at.
        more_calls: whether there are calls of these tasks that were not looked at.
    """

    scope: Scope
    tools: tuple[SuggestedTool, ...]
    tasks: int
    trial: Trial
    more_tasks: bool = False
    more_calls: bool = False


def suggestion_from(
    observed: Observations, sources: Sources, *, more_tasks: bool = False, more_calls: bool = False
) -> Suggestion:
    """Suggest the tightest scope that would have served all observed calls, and try it on them.

    Args:
        observed: the calls.
        sources: clock and randomness of the trial.
        more_tasks: whether there are tasks that were not looked at.
        more_calls: whether there are calls that were not looked at.

    Raises:
        Malformed: TOO_MANY_CAPABILITIES for more tools than a scope may have; TOKEN_TOO_LARGE and others for what does
            not fit into a token however coarse.
    """
    error: Malformed | None = None
    for few in _FEW:
        tools = suggested_tools(observed.calls, Generaliser(few))
        scope = Scope(*(tool.capability for tool in tools))
        try:
            chain = granted_for_trial(scope, sources)
        except Malformed as too_much:
            error = too_much
            continue
        trial = tried(chain, observed.calls)
        return Suggestion(scope, tools, observed.tasks, trial, more_tasks, more_calls)
    assert error is not None  # noqa: S101 - the loop runs at least once
    raise error
