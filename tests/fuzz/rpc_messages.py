"""Targets: what the service is asked, and what it answers, as `delegation.wire` reads it.

An input's first byte names the reader, the rest is its message.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any, Final

from google.protobuf.message import DecodeError, Message

import delegation.wire
from delegation.core.named_tuple import NamedTuple
from fuzz.rpc_seeds import filled
from fuzz.target import AmbiguousError, NoInputError, Target

CONTRADICTIONS: Final = frozenset({"Call.allowed", "AuthorizeResponse.allowed", "AuthorizeResponse.obligations"})
"""Fields that are left unset in seeds: there is a refusal."""


class Reader(NamedTuple):
    """A function that reads messages, and the one that writes what it has read; None if nobody does."""

    name: str
    kind: type[Message]
    read: Callable[[Any], Any]
    write: Callable[[Any], Any] | None

    def attempt(self, data: bytes) -> None:
        """Read a message; what is written of it reads as the same again."""
        try:
            message = self.kind.FromString(data)
        except (DecodeError, RecursionError):
            raise NoInputError from None
        said = self.read(message)
        if self.write is not None:
            written = self.write(said)
            if self.write(self.read(written)) != written:
                raise AmbiguousError(f"{self.name}: what is written of it says something else")


def _readers() -> Iterator[Reader]:
    for each in pkgutil.iter_modules(delegation.wire.__path__):
        module = importlib.import_module(f"delegation.wire.{each.name}")
        for name, read in inspect.getmembers(module, inspect.isfunction):
            if read.__module__ == module.__name__ and name.startswith("read_"):
                writer = getattr(module, f"{name.removeprefix('read_')}_message", None)
                yield from (Reader(f"{each.name}.{name}", kind, read, _of_one(writer)) for kind in _kinds(read))


def _kinds(read: Callable[..., Any]) -> list[type[Message]]:
    """Give the kinds of messages that a function reads: none if it reads anything else."""
    hints = typing.get_type_hints(read)
    named = [hints[name] for name in inspect.signature(read).parameters]
    if len(named) != 1:
        return []
    either = typing.get_args(named[0]) if isinstance(named[0], types.UnionType) else (named[0],)
    return [kind for kind in either if isinstance(kind, type) and issubclass(kind, Message)]


def _of_one(write: Callable[..., Any] | None) -> Callable[[Any], Any] | None:
    return write if write is not None and len(inspect.signature(write).parameters) == 1 else None


READERS: Final = tuple(_readers())


def _of_requests(reader: Reader) -> bool:
    return reader.kind.DESCRIPTOR.name.endswith("Request")


REQUESTS: Final = tuple(reader for reader in READERS if _of_requests(reader))
ANSWERS: Final = tuple(reader for reader in READERS if not _of_requests(reader))


def _target(name: str, readers: tuple[Reader, ...]) -> Target:
    def attempt(data: bytes) -> None:
        if not data:
            raise NoInputError
        readers[data[0] % len(readers)].attempt(data[1:])

    def made() -> tuple[bytes, ...]:
        return tuple(bytes([index]) + filled(each.kind, CONTRADICTIONS) for index, each in enumerate(readers))

    return Target(name, attempt, made, kinds=tuple(reader.kind for reader in readers), max_bytes=8192)


TARGETS: Final = (_target("request", REQUESTS), _target("answer", ANSWERS))
