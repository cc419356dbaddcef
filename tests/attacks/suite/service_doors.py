"""The running service over mTLS, and a real MCP server whose guard asks it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from attacks.suite.calls import USUAL, Call, Presented, arguments_text
from attacks.suite.doors import in_order
from attacks.suite.worlds import ALICE, ServiceWorld
from delegation.app.key_files import system_ms
from delegation.core import limits
from delegation.core.codec import parse_token
from delegation.errors import Layer, Reason, refusal
from delegation.wire.authorization import CallToDecide
from delegation_sdk.context import META_KEY
from delegation_sdk.guard import Guard
from delegation_sdk.sources import Sources
from support.caller import Caller, nonce
from support.server import RunningServer, identity, running_server

IN_A_LINK = frozenset(
    {Layer.DECODE, Layer.SIGNATURE, Layer.LINKAGE, Layer.NARROWING, Layer.TIME, Layer.STATEMENT, Layer.REVOCATION}
)
"""The layers of verification: what they refuse, is refused at a handoff, too."""


def _arrives(presented: Presented) -> bool:
    """The service's clock stands, and what it knows is what it knows."""
    return isinstance(presented, Call) and presented.moment == USUAL and not presented.defaults


class AuthorizeDoor:
    """`Authorize` of the running service, asked by a tool over mTLS."""

    name = "Authorize"

    def __init__(self, world: ServiceWorld) -> None:
        self.world = world

    def takes(self, presented: Presented, reason: object) -> bool:
        return _arrives(presented)

    def show(self, call: Call) -> None:
        in_order(call, self._ask)

    def _ask(self, call: Call) -> None:
        arguments = arguments_text(call.arguments)
        asked = CallToDecide(call.token, call.proof, call.audience, call.tool, arguments, nonce())
        decision = self.world.as_("tool/any").decide_question(asked)
        if decision.refusal is not None:
            raise decision.refusal


class HandOffDoor:
    """`HandOff` of the running service: the attacker wants its link recorded, and a receipt for it."""

    name = "HandOff"

    def __init__(self, world: ServiceWorld) -> None:
        self.world = world

    def takes(self, presented: Presented, reason: object) -> bool:
        """What only a call shows (a proof, arguments) is nothing that a handoff could be refused for."""
        if not _arrives(presented) or presented.earlier or presented.tried:  # type: ignore[union-attr]
            return False
        if reason is None:
            return len(parse_token(presented.token).frames) > 1  # type: ignore[union-attr]
        return isinstance(reason, Reason) and refusal(reason).layer in IN_A_LINK and reason != Reason.RECEIPT_MISSING

    def show(self, call: Call) -> None:
        caller = self.world.as_(ALICE)
        request = caller.delegation.HandOff
        from delegation.v1 import delegation_service_pb2 as pb

        answer = caller.ask(request, pb.HandOffRequest(tokens=[call.token]))
        assert answer.handoffs[0].receipt.payload


class McpDoor:
    """A real MCP session with a guarded server, whose guard asks the running service."""

    name = "MCP"

    def __init__(self, world: ServiceWorld, server: RunningServer, stack: ExitStack) -> None:
        from anyio.from_thread import start_blocking_portal
        from mcp import Client as McpClient

        from delegation_sdk.guard_grpc import connect_ports
        from delegation_sdk.integrations.mcp import guarded_server
        from delegation_sdk.profile import Profile

        self.world = world
        sources = Sources(lambda: world.now_ms, lambda: 0, Sources.system().random)
        profile = Profile.find(server.profile("tool/files"))
        guard = Guard("files", connect_ports(profile), trust_root=server.trust_root, sources=sources)
        guard.open()
        stack.callback(guard.close)
        served = guarded_server(guard, "files", log_level="CRITICAL")
        self.ran: list[str] = []

        @served.tool()
        def read(path: str, limit: int = 1) -> str:
            self.ran.append(path)
            return f"{limit} of {path}"

        self._portal = stack.enter_context(start_blocking_portal())
        self._session = stack.enter_context(self._portal.wrap_async_context_manager(McpClient(served)))

    def takes(self, presented: Presented, reason: object) -> bool:
        if not _arrives(presented) or isinstance(presented.arguments, bytes):  # type: ignore[union-attr]
            return False
        call: Any = presented
        types = {"path": str, "limit": int}
        fits = all(type(value) is types.get(name) for name, value in call.arguments.items())
        readable = len(call.token) <= limits.TOKEN_BYTES + 1  # what is longer is not even decoded from base64
        return (call.audience, call.tool) == ("files", "read") and fits and "path" in call.arguments and readable

    def show(self, call: Call) -> None:
        in_order(call, self._call)

    def _call(self, call: Call) -> None:
        from delegation_sdk.integrations.mcp_client import refusal_in

        chain, proof = (base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in (call.token, call.proof))
        meta = {META_KEY: {"chain": chain, "proof": proof}}
        ran = len(self.ran)

        async def ask() -> Any:
            return await self._session.call_tool(call.tool, dict(call.arguments), meta=meta)  # type: ignore[arg-type]

        result = self._portal.call(ask)
        if (refused := refusal_in(result)) is not None:
            assert len(self.ran) == ran, "the tool ran before it was refused"
            raise refused
        assert not result.is_error, result
        assert len(self.ran) == ran + 1


IDENTITIES = (
    identity(ALICE, "orchestrator", "agent", ceiling="any"),
    identity("orchestrator/limited", "orchestrator", ceiling=[{"audience": "files", "tool": "read"}]),
    identity("operator/olga", "operator"),
    identity("tool/mallory", "tool", audiences=["mallory"]),
    identity("agent/eve", "agent"),
)


@contextmanager
def running_doors(directory: Path) -> Iterator[list[Any]]:
    """Start a service whose clock stands, and give its doors."""
    connected: dict[str, Caller] = {}
    with ExitStack() as stack:
        stopped: list[int] = []
        clock = lambda: stopped[0] if stopped else system_ms()  # noqa: E731
        server = stack.enter_context(running_server(directory, identities=IDENTITIES, now_ms=clock))
        stopped.append(system_ms())

        def as_(path: str) -> Caller:
            if path not in connected:
                connected[path] = stack.enter_context(Caller.of(server, path))
            return connected[path]

        world = ServiceWorld(as_, stopped[0])
        yield [AuthorizeDoor(world), HandOffDoor(world), McpDoor(world, server, stack)]
