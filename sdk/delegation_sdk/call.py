"""One call of a tool under a delegation: its proof, and how it travels."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from delegation.core.arguments import Arguments
from delegation.core.limits import NONCE_BYTES
from delegation.core.proof import sign_proof
from delegation.telemetry import Span
from delegation_sdk import context, tracing
from delegation_sdk.context import Carriage
from delegation_sdk.sources import Sources

if TYPE_CHECKING:
    from delegation_sdk.delegation import Delegation


class Call:
    """One call under a delegation, signed when it is first asked for. A guard accepts it once.

    Attributes:
        audience: Who serves the tool.
        tool: What is called.
        arguments: What the call was signed for: send exactly these.
    """

    def __init__(
        self, delegation: Delegation, audience: str, tool: str, arguments: Mapping[str, Any], *, sources: Sources
    ) -> None:
        self.audience = audience
        self.tool = tool
        self.arguments = dict(arguments)
        self._delegation = delegation
        self._sources = sources
        self._digest = Arguments.of(self.arguments).digest
        self._span: AbstractContextManager[Span] | None = None

    @property
    def arguments_json(self) -> bytes:
        """The arguments as RFC 8785 JSON."""
        return Arguments.of(self.arguments).canonical

    @cached_property
    def carriage(self) -> Carriage:
        """Chain and proof, to be carried in any way that `context` does not know."""
        return self._signed()

    def _signed(self) -> Carriage:
        proof = sign_proof(
            self._delegation.require_key(),
            chain_digest=self._delegation.digest,
            audience=self.audience,
            tool=self.tool,
            arguments_digest=self._digest,
            now_ms=self._sources.now_ms(),
            nonce=self._sources.random(NONCE_BYTES),
            trace=tracing.current_trace(),
        )
        return Carriage(self._delegation.token, proof)

    @cached_property
    def reference(self) -> Carriage:
        """The same proof with the chain's digest instead of the chain, for a guard that knows it. See `Peer`."""
        return Carriage(b"", self.carriage.proof, self._delegation.digest)

    def headers(self) -> dict[str, str]:
        """Give the HTTP headers to send with the call.

        Raises:
            InvalidRequest: They are too large for an HTTP server.
        """
        return context.to_headers(self.carriage)

    def metadata(self, *, max_bytes: int = context.MAX_METADATA_BYTES) -> tuple[tuple[str, bytes], ...]:
        """Give the gRPC metadata to send with the call.

        Args:
            max_bytes: Raise it only where the server's limits are raised, too.

        Raises:
            InvalidRequest: It would not surely arrive.
        """
        return context.to_metadata(self.carriage, max_bytes=max_bytes)

    def mcp_meta(self) -> dict[str, Any]:
        """Give the `_meta` to send with an MCP request."""
        return context.to_mcp_meta(self.carriage)

    def __enter__(self) -> Self:
        self._span = tracing.executing(self.audience, self.tool, self._delegation)
        self._span.__enter__()
        _ = self.carriage  # signed now, so that it names this span
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._span is not None:
            self._span.__exit__(kind, error, traceback)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __repr__(self) -> str:
        return f"Call({self.audience}.{self.tool} by {self._delegation.agent})"
