"""What recorded calls tell of what was needed: tools, arguments as far as they were kept, and what was granted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from delegation.core.codec import decode_link, parse_link
from delegation.core.kept_arguments import KeptArguments
from delegation.core.lineage import RecordedCall, RecordedLink
from delegation.core.scope import Capability, Scope

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ObservedCall:
    """One permitted call.

    Attributes:
        task_id: 16 bytes.
        pair: its audience and tool.
        kept: what was kept of its arguments; None if nothing was.
        held: what the link that it was made on permits of its tool; None if that is not recorded.
        granted: what the task's grant permits of it; None if that is not recorded.
    """

    task_id: bytes
    pair: Pair
    kept: KeptArguments | None
    held: Capability | None
    granted: Capability | None

    @property
    def is_whole(self) -> bool:
        """Whether all its arguments are known, as they were sent."""
        return self.kept is not None and self.kept.is_whole


class Observations:
    """The permitted calls of some tasks."""

    def __init__(self) -> None:
        self.calls: list[ObservedCall] = []
        self.tasks = 0
        self._scopes: dict[bytes, tuple[Scope, Scope]] = {}
        self._task_id = b""

    def begin_task(self, task_id: bytes, links: Iterable[RecordedLink]) -> None:
        """Go on with another task.

        Args:
            task_id: 16 bytes.
            links: all its links, parents before children.

        Raises:
            Malformed: a link cannot be read.
        """
        self._task_id, self._scopes = task_id, {}
        self.tasks += 1
        for record in links:
            scope = decode_link(parse_link(record.payload), record.payload).scope
            _, granted = self._scopes.get(record.parent_link_id or b"", (scope, scope))
            self._scopes[record.link_id] = scope, granted

    def take(self, calls: Iterable[RecordedCall]) -> None:
        """Take calls of the task."""
        for call in calls:
            if not call.allowed:
                continue
            pair = call.audience, call.tool
            held, granted = self._scopes.get(call.leaf_link_id or b"", (Scope.EMPTY, Scope.EMPTY))
            self.calls.append(ObservedCall(self._task_id, pair, call.kept, held.find(*pair), granted.find(*pair)))
