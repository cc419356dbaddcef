"""The twin of `rotating_channel` for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Self

import grpc
import grpc.aio

from delegation_sdk.rotating_channel import Generation, Generations, M, Material


class RotatingAioChannel(grpc.aio.Channel):
    """A channel for asyncio over the channels of certificates.

    Args:
        material: Where certificates come from; closed with this.
        connect: Opens the channel of one.
    """

    def __init__(self, material: Material[M], connect: Callable[[M], grpc.aio.Channel]) -> None:
        self._closing: set[asyncio.Task[None]] = set()
        self.generations: Generations[grpc.aio.Channel] = Generations(material, connect, self._close_later)

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return _Method(self.generations, "unary_unary", args, kwargs)

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return _Method(self.generations, "unary_stream", args, kwargs)

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return _Method(self.generations, "stream_unary", args, kwargs)

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return _Method(self.generations, "stream_stream", args, kwargs)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: FBT001, FBT002, D102
        return self.generations.newest.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:  # noqa: D102
        await self.generations.newest.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:  # noqa: D102
        await self.generations.newest.channel_ready()

    async def close(self, grace: float | None = None) -> None:
        """Close every channel, and with it the calls on it."""
        await asyncio.gather(*(channel.close(grace) for channel in self.generations.close()), *self._closing)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _close_later(self, channel: grpc.aio.Channel) -> None:
        closing = asyncio.ensure_future(channel.close(None))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


class _Method:
    """An RPC of any kind: with asyncio each of them gives a call that tells when it has ended."""

    def __init__(self, generations: Generations[grpc.aio.Channel], kind: str, args: Any, kwargs: Any) -> None:
        self._generations = generations
        self._kind = kind
        self._args = args
        self._kwargs = kwargs
        self._made: tuple[Generation[grpc.aio.Channel], Any] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        generation = self._generations.enter()
        try:
            if self._made is None or self._made[0] is not generation:
                self._made = generation, getattr(generation.channel, self._kind)(*self._args, **self._kwargs)
            call = self._made[1](*args, **kwargs)
        except BaseException:
            self._generations.leave(generation)
            raise
        call.add_done_callback(lambda _: self._generations.leave(generation))
        return call
