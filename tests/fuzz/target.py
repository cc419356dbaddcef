"""What fuzzing asks of a decoder, and what counts as a defect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from google.protobuf.message import Message

from delegation.errors import DelegationError, Refused

ACCEPTED: Final = "accepted"


class ForgedError(AssertionError):
    """Something was accepted that nobody signed."""


class AmbiguousError(AssertionError):
    """Something was accepted that is not the only way to write what it says."""


class NoInputError(DelegationError):
    """An input from which nothing can be made to ask about."""


class Target(NamedTuple):
    """One decoder, or more that belong together, under attack.

    Attributes:
        name: of the target, and of its directory below `build/fuzz`.
        attempt: takes an input; raises `DelegationError` to refuse it, anything else is a defect.
        seeds: valid inputs to start from.
        kind: the message that inputs hold, if they hold one: then mutations know its fields.
        kinds: the messages that inputs hold, if they hold one of several: the first byte of an input says which.
        json: True if inputs are JSON.
        framed: True if inputs are pieces of that kind, each with its length before it.
        max_bytes: the largest input.
    """

    name: str
    attempt: Callable[[bytes], object]
    seeds: Callable[[], tuple[bytes, ...]]
    kind: type[Message] | None = None
    kinds: tuple[type[Message], ...] = ()
    json: bool = False
    framed: bool = False
    max_bytes: int = 4096

    @property
    def structured(self) -> bool:
        """Whether mutations can know what an input says."""
        return self.json or self.kind is not None or bool(self.kinds)

    def came_of(self, data: bytes) -> str:
        """Try an input; give `ACCEPTED` or the reason why it was refused. Whatever else is raised is a defect."""
        try:
            self.attempt(data)
        except Refused as refused:
            return str(refused.reason)
        except DelegationError as error:
            return type(error).__name__
        return ACCEPTED


def require_only_encoding(written: bytes, data: bytes) -> None:
    """Require that what was read is written as it was read.

    Raises:
        AmbiguousError: it is not.
    """
    if written != data:
        raise AmbiguousError(f"reads as what is written as {written.hex()}")


def codec_target(
    name: str,
    decode: Callable[[bytes], Any],
    encode: Callable[[Any], bytes],
    seeds: Callable[[], tuple[bytes, ...]],
    kind: type[Message],
) -> Target:
    """Make the target of a decoder that accepts the canonical form alone."""

    def attempt(data: bytes) -> None:
        require_only_encoding(encode(decode(data)), data)

    return Target(name, attempt, seeds, kind)
