"""The load where the state of the task counts: labels, the policy that is shipped, and one budget, at every call.

The called tool returns what is *internal* and has an *external* effect, so that `no-leak` is evaluated on the labels of
the task; every link carries the budget, so that a call is charged to each of three links.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from chains import TOOL, arguments
from load import Load
from measure import MeasurementFailedError
from processes import LABELLED_AUDIENCE, PERSONAL_TOOL, Service

from delegation.core.conditions import budget
from delegation.core.scope import any_call
from delegation.errors import Reason
from delegation.wire.authorization import CallToDecide
from support.caller import Caller

_SUMMED: Final = "limit"
_BUDGET: Final = 10**12
_RULE: Final = "no-leak"


class SessionLoad(Load):
    """Requests of agents under one task whose budget is charged by each of them.

    Args:
        service: who has granted and recorded the chains.
    """

    def __init__(self, service: Service) -> None:
        super().__init__(
            service,
            audience=LABELLED_AUDIENCE,
            conditions=(budget(_SUMMED, _BUDGET),),
            besides=(any_call(LABELLED_AUDIENCE, PERSONAL_TOOL),),
        )
        self._service = service
        self._asked, self._summed = 0, 0

    def calls(self, count: int) -> list[CallToDecide]:
        """Make calls, and note what they will be charged: all of them have to be permitted."""
        self._asked += count
        self._summed += sum(arguments(number)[_SUMMED] for number in range(count))
        return super().calls(count)

    def require_judged(self) -> None:
        """Require that each call was charged and noted, and that the policy judged on what was noted.

        Raises:
            MeasurementFailedError: it was not so.
        """
        with self._service.channel() as channel:
            caller = Caller(channel)
            self._require_charged(caller)
            self._require_policy(caller)

    def _require_charged(self, caller: Caller) -> None:
        _, links = caller.task(self.grant.task_id)
        (left,) = (use.remaining for use in links[0].uses)
        if Decimal(left) != _BUDGET - self._summed:
            raise MeasurementFailedError(f"{left} is left of the budget after {self._asked} calls of {self._summed}")

    def _require_policy(self, caller: Caller) -> None:
        """Have somebody in the task read what is personal: the call that was permitted so far needs consent now."""
        before = caller.decide(self.grant, LABELLED_AUDIENCE, TOOL, arguments(0)).refusal
        read = caller.decide(self.grant, LABELLED_AUDIENCE, PERSONAL_TOOL, {}).refusal
        after = caller.decide(self.grant, LABELLED_AUDIENCE, TOOL, arguments(1)).refusal
        if before or read or after is None or (after.reason, after.field) != (Reason.APPROVAL_REQUIRED, _RULE):
            raise MeasurementFailedError(f"the policy was not asked: {before}, {read}, {after}")
