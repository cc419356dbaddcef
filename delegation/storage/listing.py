"""Which records to list, and a part of such a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from delegation.storage.records import RevocationRecord

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks to list; None does not restrict."""

    holder_agent: str | None = None
    """Tasks whose grant this agent holds."""
    member: str | None = None
    """Tasks in which this agent holds any link."""
    caller: str | None = None
    active_at_ms: int | None = None
    """Tasks neither completed nor expired at that time."""


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls to list; None does not restrict."""

    task_id: bytes | None = None
    audiences: tuple[str, ...] | None = None
    """Calls at any of these audiences; none, if it is empty."""
    tool: str | None = None
    agent: str | None = None
    """Calls made by this agent (the chain's leaf)."""
    allowed: bool | None = None
    observed: bool | None = None
    """Calls that were refused and ran all the same, or others."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a list, newest first."""

    items: tuple[T, ...]
    next_cursor: bytes | None
    """Where the next page begins; None at the end."""


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Part of the revocation feed, oldest first, and where the feed stood when it was read."""

    head_position: int
    entries: tuple[RevocationRecord, ...]
