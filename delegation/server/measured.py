"""RPCs as metrics: how long each took, how it ended, and how many are under way. Nothing of this if nobody listens."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import grpc

from delegation import telemetry
from delegation.telemetry import names

A = TypeVar("A")
_OK: Final = grpc.StatusCode.OK.name
_CODE: Final = {code.value[0]: code.name for code in grpc.StatusCode}


def measured(method: str, handler: Callable[[Any, Any], Awaitable[A]]) -> Callable[[Any, Any], Awaitable[A]]:
    """Measure a gRPC handler, request and context in, if anything in this process listens now."""
    if not telemetry.listened():
        return handler

    async def call(request: Any, context: Any) -> A:
        began = time.perf_counter()
        telemetry.change_active_rpcs(1, method)
        try:
            return await handler(request, context)
        finally:
            telemetry.change_active_rpcs(-1, method)
            attributes = {names.RPC_SYSTEM: "grpc", names.RPC_METHOD: method, names.RPC_STATUS_CODE: _code(context)}
            telemetry.measure(names.RPC_DURATION, time.perf_counter() - began, attributes)

    return call


def _code(context: Any) -> str:
    """Name the status that an RPC ends with; the context has a number, or the enumeration's member."""
    code = context.code()
    if isinstance(code, grpc.StatusCode):
        return code.name
    if not code:
        return grpc.StatusCode.CANCELLED.name if context.cancelled() else _OK
    return _CODE.get(code, grpc.StatusCode.UNKNOWN.name)
