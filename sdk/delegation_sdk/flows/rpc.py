"""The one thing a flow can ask for: an RPC."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from google.protobuf.message import Message

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rpc:
    """A unary RPC. Every one that a flow asks for may be repeated with the same request.

    Attributes:
        method: `delegation.v1.DelegationService/Grant`.
        request: What to send.
        answer: The class of the answer.
    """

    method: str
    request: Message = field(repr=False)
    answer: type[Message]


@dataclass(frozen=True, slots=True)
class Duplex:
    """An RPC in which both sides stream.

    Attributes:
        method: `delegation.v1.TrustService/AnswerOffer`.
        request: The class of what is sent.
        answer: The class of what comes back.
    """

    method: str
    request: type[Message]
    answer: type[Message]


# A flow yields RPCs, is sent their answers (or thrown their `DelegationError`), and returns a T.
Flow = Generator[Rpc, Any, T]
