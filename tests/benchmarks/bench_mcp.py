"""What guarding adds to an MCP tool call over stdio: two servers, one guarded, called in turns by one client.

The guarded call includes all of it: signing the proof, carrying chain and proof, and deciding in process. The chain
has three links and its receipt, from a real service.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Final

from chains import AUDIENCE, TOOL, arguments, scope_at
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from measure import MeasurementFailedError, Samples
from processes import HERE, Service, running_service
from report import Row

from delegation.errors import Reason
from delegation_sdk.client import Client
from delegation_sdk.delegation import Delegation
from delegation_sdk.integrations.mcp_client import call_tool, refusal_in

_CALLS: Final = 1000
_AGENT: Final = "spiffe://dev.internal/agent/reader"
_BAR_MS: Final = 0.25
_NOISE_MS: Final = 5
"""A difference of two noisy times can come out below nothing."""


def rows(*, quick: bool = False) -> list[Row]:
    """Measure both."""
    with (
        running_service() as service,
        Client.connect(service.profile) as client,
        client.task("Summarise the plans", scope=scope_at(0)) as task,
    ):
        leaf = task.hand_off(_AGENT, scope=scope_at(1), ttl="9m").hand_off(_AGENT, scope=scope_at(2), ttl="8m")
        samples = asyncio.run(_measured(service, leaf, 20 if quick else _CALLS))
    pairs = zip(samples.by_name["guarded"], samples.by_name["bare"], strict=True)
    added = statistics.median(guarded - bare for guarded, bare in pairs)
    return [
        Row("MCP tool call over stdio, added by guarding, p50", added, "ms", _BAR_MS, possible_from=-_NOISE_MS),
        Row("MCP tool call over stdio, unguarded, p50", samples.median("bare"), "ms"),
        Row("MCP tool call over stdio, guarded, p50", samples.median("guarded"), "ms"),
    ]


async def _measured(service: Service, leaf: Delegation, calls: int) -> Samples:
    async with AsyncExitStack() as stack:
        bare, guarded = await _session(stack, service, "bare"), await _session(stack, service, "guarded")
        denied = await guarded.call_tool(TOOL, arguments(0))
        refused = refusal_in(denied)
        if refused is None or refused.reason is not Reason.CHAIN_MISSING:
            raise MeasurementFailedError("the guarded server did not refuse a call without a chain")
        lanes: dict[str, Callable[[int], Awaitable[Any]]] = {
            "bare": lambda number: bare.call_tool(TOOL, arguments(number)),
            "guarded": lambda number: call_tool(guarded, leaf, AUDIENCE, TOOL, arguments(number)),
        }
        samples: dict[str, list[float]] = {name: [] for name in lanes}
        for number in range(-10, calls):
            for name in lanes if number % 2 else reversed(lanes):
                began = time.perf_counter()
                result = await lanes[name](abs(number))
                elapsed_ms = (time.perf_counter() - began) * 1000
                if result.is_error:
                    raise MeasurementFailedError(f"the {name} tool failed: {result.content}")
                if number >= 0:
                    samples[name].append(elapsed_ms)
    return Samples(samples)


async def _session(stack: AsyncExitStack, service: Service, kind: str) -> ClientSession:
    parameters = StdioServerParameters(
        command=sys.executable,
        args=[str(HERE / "mcp_server.py"), kind],
        env={"DELEGATION_PROFILE": str(service.profile)},
    )
    stderr = stack.enter_context((service.state / "stderr.txt").open("a"))
    streams = await stack.enter_async_context(stdio_client(parameters, errlog=stderr))
    session = await stack.enter_async_context(ClientSession(*streams))
    await session.initialize()
    return session
