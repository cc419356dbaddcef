"""What a tool learns about a call that was refused, and runs all the same: the tool is under observation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from delegation.errors import Refused
from delegation_sdk.served_call import Report, ServedCall


class ObservedCall(ServedCall):
    """A call that nobody authorized. It has no chain, agent, principal or task: nobody may be taken for its caller.

    Attributes:
        call_id: Names the call in the ledger, 16 bytes.
        observed: Why it would have been refused.
        audience: Who serves the tool.
        tool: What is called.
        arguments: As they were sent.
        obligations: All that the guard has promised: nobody has said that this call needs none of it.
    """

    __slots__ = ("observed",)

    def __init__(
        self,
        call_id: bytes,
        observed: Refused,
        *,
        audience: str,
        tool: str,
        arguments: Mapping[str, Any],
        report: Report,
        obligations: tuple[str, ...] = (),
    ) -> None:
        super().__init__(
            call_id, audience=audience, tool=tool, arguments=arguments, report=report, obligations=obligations
        )
        self.observed = observed

    if not TYPE_CHECKING:  # type checkers say it themselves

        def __getattr__(self, name: str) -> NoReturn:
            raise AttributeError(
                f"an observed call has no {name}: it was refused ({self.observed.reason}), and runs because its tool is"
                " under observation; see `caller.observed`",
                name=name,
                obj=self,
            )

    def __repr__(self) -> str:
        return f"ObservedCall({self.audience}.{self.tool}, {self.observed.reason}, call {self.call_id.hex()})"
