"""A channel whose certificate rotates: a new connection for each one, and no call fails for it.

gRPC cannot change the certificate of a channel. So there is one channel for each certificate behind this one: a call
that begins takes the newest, and an older one is closed when the last call on it has ended.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, Self, TypeVar

import grpc

from delegation.errors import DelegationError, ServiceUnavailable

M = TypeVar("M")
M_co = TypeVar("M_co", covariant=True)
C = TypeVar("C")


class Material(Protocol[M_co]):
    """Where certificates and their keys come from."""

    @property
    def latest(self) -> M_co:
        """What came last; another object for each."""

    def close(self) -> None:
        """Follow no longer."""


class Generation(Generic[C]):
    """The channel of one certificate, and how many calls are on it.

    Args:
        made_of: The certificate with its key.
        channel: Its channel.
    """

    def __init__(self, made_of: object, channel: C) -> None:
        self.made_of = made_of
        self.channel = channel
        self.calls = 0


class Generations(Generic[C]):
    """The channels of all certificates that are in use, the newest last.

    Args:
        material: Where certificates come from; closed with this.
        connect: Opens the channel of one.
        let_go: Closes a channel that nobody calls on any more.
    """

    def __init__(self, material: Material[M], connect: Callable[[M], C], let_go: Callable[[C], None]) -> None:
        self._material = material
        self._connect: Callable[[Any], C] = connect
        self._let_go = let_go
        self._lock = threading.Lock()
        self._closed = False
        first = material.latest
        self._in_use = [Generation(first, connect(first))]

    def enter(self) -> Generation[C]:
        """Begin a call on the newest channel; `leave` ends it. Raises `ServiceUnavailable` after `close`."""
        idle: list[Generation[C]] = []
        with self._lock:
            self.require_open()
            latest, newest = self._material.latest, self._in_use[-1]
            if latest is not newest.made_of and (made := self._make(latest)) is not None:
                newest = made
                idle = [old for old in self._in_use if not old.calls]
                self._in_use = [*(old for old in self._in_use if old.calls), newest]
            newest.calls += 1
        for old in idle:
            self._let_go(old.channel)
        return newest

    def _make(self, latest: object) -> Generation[C] | None:
        """Open the channel of a certificate; None if it cannot be used: the one before it still can."""
        try:
            return Generation(latest, self._connect(latest))
        except DelegationError:
            return None

    def leave(self, generation: Generation[C]) -> None:
        """End a call."""
        with self._lock:
            generation.calls -= 1
            idle = not generation.calls and generation in self._in_use[:-1]
            if idle:
                self._in_use.remove(generation)
        if idle:
            self._let_go(generation.channel)

    def close(self) -> list[C]:
        """Follow certificates no longer; give the channels, for closing."""
        self._material.close()
        with self._lock:
            self._closed = True
            return [generation.channel for generation in self._in_use]

    def require_open(self) -> None:
        """Require that this was not closed. Raises `ServiceUnavailable`."""
        if self._closed:
            raise ServiceUnavailable("the connection to the service was closed in this program")

    @property
    def newest(self) -> C:
        """The channel that the next call takes, unless another certificate comes first."""
        return self._in_use[-1].channel


class RotatingChannel(grpc.Channel):
    """A blocking channel over the channels of certificates.

    Args:
        material: Where certificates come from; closed with this.
        connect: Opens the channel of one.
    """

    def __init__(self, material: Material[M], connect: Callable[[M], grpc.Channel]) -> None:
        self.generations: Generations[grpc.Channel] = Generations(material, connect, _close_later)

    def subscribe(self, callback: Any, try_to_connect: bool | None = False) -> None:  # noqa: FBT001, FBT002, D102
        self.generations.newest.subscribe(callback, try_to_connect=bool(try_to_connect))

    def unsubscribe(self, callback: Any) -> None:  # noqa: D102
        self.generations.newest.unsubscribe(callback)

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return _Method(self.generations, "unary_unary", args, kwargs)

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return _StreamMethod(self.generations, "unary_stream", args, kwargs)

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return _Method(self.generations, "stream_unary", args, kwargs)

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return _StreamMethod(self.generations, "stream_stream", args, kwargs)

    def close(self) -> None:
        """Close every channel, and with it the calls on it."""
        for channel in self.generations.close():
            channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Method:
    """An RPC with one answer."""

    def __init__(self, generations: Generations[grpc.Channel], kind: str, args: Any, kwargs: Any) -> None:
        self._generations = generations
        self._kind = kind
        self._args = args
        self._kwargs = kwargs
        self._made: tuple[Generation[grpc.Channel], Any] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        generation = self._generations.enter()
        try:
            return self._on(generation)(*args, **kwargs)
        except ValueError:  # of gRPC, if it was closed meanwhile
            self._generations.require_open()
            raise
        finally:
            self._generations.leave(generation)

    def with_call(self, *args: Any, **kwargs: Any) -> Any:
        generation = self._generations.enter()
        try:
            return self._on(generation).with_call(*args, **kwargs)
        except ValueError:
            self._generations.require_open()
            raise
        finally:
            self._generations.leave(generation)

    def future(self, *args: Any, **kwargs: Any) -> Any:
        generation = self._generations.enter()
        return self._until_ended(generation, lambda: self._on(generation).future(*args, **kwargs))

    def _on(self, generation: Generation[grpc.Channel]) -> Any:
        """Return the method on one channel."""
        made = self._made
        if made is None or made[0] is not generation:
            made = self._made = generation, getattr(generation.channel, self._kind)(*self._args, **self._kwargs)
        return made[1]

    def _until_ended(self, generation: Generation[grpc.Channel], begin: Callable[[], Any]) -> Any:
        """Begin a call that goes on, and leave its channel when it has ended."""

        def leave() -> None:
            self._generations.leave(generation)

        try:
            call = begin()
        except BaseException as error:
            leave()
            if isinstance(error, ValueError):
                self._generations.require_open()
            raise
        if not call.add_callback(leave):  # it has ended already
            leave()
        return call


class _StreamMethod(_Method):
    """An RPC with a stream of answers."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        generation = self._generations.enter()
        return self._until_ended(generation, lambda: self._on(generation)(*args, **kwargs))


def _close_later(channel: grpc.Channel) -> None:
    """Close a channel from a thread of its own: the last call on it may have ended in one of gRPC's."""
    try:
        threading.Thread(target=channel.close, name="delegation-close", daemon=True).start()
    except RuntimeError:  # the program ends, and the channel with it
        return
