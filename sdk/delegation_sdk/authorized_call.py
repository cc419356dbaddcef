"""What a tool learns about a call that was authorized."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from delegation.core.chain import Principal, VerifiedChain
from delegation_sdk.served_call import Report, ServedCall


class AuthorizedCall(ServedCall):
    """A call that was authorized. Its outcome is reported once.

    Attributes:
        call_id: Names the call in the ledger, 16 bytes.
        chain: From whom to whom the authority went.
        audience: Who serves the tool.
        tool: What is called.
        arguments: The arguments that were decided on: typed values, the tool's defaults included.
        obligations: What the operator's policy demands with the permission, of what the guard has promised:
            "redact", "notify".
    """

    __slots__ = ("chain",)

    observed: ClassVar[None] = None
    """Of an `ObservedCall`, why it would have been refused; of this, nothing."""

    def __init__(
        self,
        call_id: bytes,
        chain: VerifiedChain,
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
        self.chain = chain

    @property
    def agent(self) -> str:
        """The agent that calls."""
        return self.chain.leaf.holder_agent

    @property
    def principal(self) -> Principal:
        """On whose behalf."""
        return self.chain.principal

    @property
    def task_id(self) -> bytes:
        """The task, 16 bytes."""
        return self.chain.task_id

    def __repr__(self) -> str:
        return f"AuthorizedCall({self.audience}.{self.tool} by {self.agent}, call {self.call_id.hex()})"
