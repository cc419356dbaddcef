"""What else is recorded of calls, read from the service where it is needed, and kept for the next call of the task."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from delegation.core.lineage import RecordedCall
from delegation.core.trust import Catalogue
from delegation.service.policy_replay import ChainThen, TaskPast

if TYPE_CHECKING:
    from delegation_sdk.lineage import Lineage

PAST_CALLS: Final = 50_000
"""Calls of one task from which its past is rebuilt; of one with more, it is not known."""

_HELD_CALLS: Final = 4 * PAST_CALLS
_HELD_CHAINS: Final = 4_096


class ReadRecords:
    """Reads chains of calls and pasts of tasks; as `Records`.

    Args:
        lineage: where from.
        catalogue: says which effects and labels the tools have.
    """

    def __init__(self, lineage: Lineage, catalogue: Catalogue) -> None:
        self._lineage = lineage
        self._catalogue = catalogue
        self._chains: OrderedDict[bytes, ChainThen | None] = OrderedDict()
        self._pasts: OrderedDict[bytes, TaskPast] = OrderedDict()
        self._held = 0

    def chain(self, call: RecordedCall) -> ChainThen | None:
        """Give what the links of a call's chain say; None if they are not recorded.

        Raises:
            RequestFailed: the service did not tell.
            Malformed: a link cannot be read.
        """
        link_id = call.leaf_link_id
        if link_id is None:
            return None
        if link_id not in self._chains:
            self._chains[link_id] = ChainThen.of(self._lineage.explain_call(call.call_id).links)
            if len(self._chains) > _HELD_CHAINS:
                self._chains.popitem(last=False)
        return self._chains[link_id]

    def past(self, call: RecordedCall) -> Mapping[str, Any] | None:
        """Give what the task of a call had done before it; None if that is not known.

        Raises:
            RequestFailed: the service did not tell.
            Malformed: what is recorded of a call cannot be read.
        """
        if call.task_id is None:
            return None
        found = self._pasts.get(call.task_id)
        if found is None:
            found = self._pasts[call.task_id] = self._read(call.task_id)
            self._held += len(found)
            while self._held > _HELD_CALLS and len(self._pasts) > 1:
                self._held -= len(self._pasts.popitem(last=False)[1])
        self._pasts.move_to_end(call.task_id)
        return found.before(call.call_id)

    def _read(self, task_id: bytes) -> TaskPast:
        past = TaskPast(self._catalogue)
        for call in self._lineage.each_call(task_id=task_id):
            if len(past) == PAST_CALLS:
                return TaskPast(self._catalogue)  # which knows of no call
            past.take(call)
        return past
