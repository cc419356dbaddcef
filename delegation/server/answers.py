"""Writing a stream's answers: what becomes of them when their client goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

import grpc.aio

Context = grpc.aio.ServicerContext[Any, Any]


async def write_answers(
    answers: AsyncIterator[Any], context: Context, *, written: Callable[[], None] | None = None
) -> None:
    """Write answers until there are no more, or nobody wants them: what made them ends then, too.

    A stream's handler yields to here and not to gRPC, which leaves the end of a generator to the garbage collector: in
    another context, where a span cannot be closed, and at any time.
    """
    try:
        async for answer in answers:
            await send(answer, context)
            if written is not None:
                written()
    finally:
        if isinstance(answers, AsyncGenerator):
            await answers.aclose()


async def send(answer: Any, context: Context) -> None:
    """Write one answer; raises `asyncio.CancelledError` if nobody is there to take it."""
    try:
        await context.write(answer)
    except grpc.aio.InternalError:
        # gRPC could not: the client went away, and its call's end is not noticed yet. That is no defect of ours.
        raise asyncio.CancelledError from None
