"""What a service says that it has recorded, asked as an auditor asks: over its own RPCs, nothing from the inside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from delegation.core.codec import decode_feed_entry
from delegation.core.revocation import Revocation, RevocationKind
from delegation.wire.lineage import PageRequest
from delegation.wire.trust import read_feed_entry
from faults.book import Kind, Write
from support.caller import Caller

_PAGE = 500
_REVOKED = {RevocationKind.TASK: Kind.COMPLETE, RevocationKind.LINK: Kind.REVOKE}


def found(caller: Caller, *, while_it_is_remembered: bool = True) -> Counter[Write]:
    """Count every write that is there, each as often as it is there.

    Args:
        caller: who may see everything.
        while_it_is_remembered: whether what was revoked cannot have expired yet. Otherwise the feed may have forgotten
            it: revocations are then not looked for, and a task has ended if it says so itself.
    """
    seen: Counter[Write] = Counter()
    completed: set[bytes] = set()
    for task in _tasks(caller):
        seen[Write(Kind.GRANT, task.purpose.encode())] += 1
        if task.completed_at_ms is not None:
            completed.add(task.task_id)
        seen.update(Write(Kind.HAND_OFF, link.link_id) for link in caller.task(task.task_id)[1] if link.parent_link_id)
    seen.update(map(_write_of_call, recorded_calls(caller)))
    if not while_it_is_remembered:
        return seen + Counter(Write(Kind.COMPLETE, task_id) for task_id in completed)
    revoked = Counter(Write(_REVOKED[each.kind], each.id) for each in _revocations(caller))
    for write in list(revoked):
        if write.kind is Kind.COMPLETE and write.name not in completed:
            del revoked[write]  # an end that the task does not know of is none
    return seen + revoked


def _write_of_call(call: Any) -> Write:
    if call.decided_by == "service":
        return Write(Kind.AUTHORIZE, call.arguments_digest)
    return Write(Kind.RECORD, call.call_id)


def _tasks(caller: Caller) -> Iterator[Any]:
    cursor = None
    while True:
        tasks, cursor = caller.tasks(page=PageRequest(_PAGE, cursor))
        yield from tasks
        if cursor is None:
            return


def recorded_calls(caller: Caller) -> Iterator[Any]:
    """Give every decision that is recorded."""
    cursor = None
    while True:
        calls, cursor = caller.calls(page=PageRequest(_PAGE, cursor))
        yield from calls
        if cursor is None:
            return


def _revocations(caller: Caller) -> Iterator[Revocation]:
    """Read the feed's snapshot to its end."""
    watching = caller.watch()
    try:
        for message in watching:
            entry = decode_feed_entry(read_feed_entry(message).payload)
            yield from entry.revocations
            if not entry.more:
                return
    finally:
        watching.cancel()
