"""What was granted in a task and never used: of the grant, and of each handoff.

A link's permission is used by a permitted call on it, or on any link below it. Pure; nothing is decided from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from delegation.core.codec import decode_link, parse_link
from delegation.core.lineage import RecordedCall, RecordedLink
from delegation.core.scope import Scope

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class LinkUse:
    """One link's scope, and how often each of its tools was called with it.

    Attributes:
        link_id: 32 bytes.
        parent_link_id: the link before it; None for a grant.
        index: its place in its chain, 0 for the grant.
        holder_agent: who holds it.
        revoked: whether it, or a link before it, is revoked; a grant that another took the place of is.
        scope: what it permits.
        calls: how many permitted calls its holder and all below it made, by (audience, tool).
    """

    link_id: bytes
    parent_link_id: bytes | None
    index: int
    holder_agent: str
    revoked: bool
    scope: Scope
    calls: Mapping[Pair, int]

    @property
    def unused(self) -> Scope:
        """What of its scope no permitted call has used."""
        return Scope.of_sorted({pair: each for pair, each in self.scope.by_pair.items() if not self.calls.get(pair)})


@dataclass(frozen=True, slots=True)
class TaskUse:
    """What was used of a task's links.

    Attributes:
        links: all of them, parents before children.
        calls: how many permitted calls were counted.
        elsewhere: of these, how many were made on a link that is not recorded.
        more: whether there are older calls that were not counted: what seems unused may have been used by these.
    """

    links: tuple[LinkUse, ...]
    calls: int
    elsewhere: int
    more: bool = False


class CallCounts:
    """Counts permitted calls by link and tool, so that no call has to be kept."""

    def __init__(self) -> None:
        self.by_leaf: dict[bytes, Counter[Pair]] = {}

    def take(self, calls: Iterable[RecordedCall]) -> None:
        """Count what of these was permitted."""
        for call in calls:
            if call.allowed:
                counter = self.by_leaf.setdefault(call.leaf_link_id or b"", Counter())
                counter[call.audience, call.tool] += 1


def use_of(links: Iterable[RecordedLink], counts: CallCounts, *, more: bool = False) -> TaskUse:
    """Tell what was used of a task's links.

    Args:
        links: all links of the task, parents before children.
        counts: its permitted calls.
        more: whether there are calls that were not counted.

    Raises:
        Malformed: a link cannot be read.
    """
    recorded = tuple(links)
    used = {link.link_id: Counter(counts.by_leaf.get(link.link_id, {})) for link in recorded}
    total = sum(count.total() for count in counts.by_leaf.values())
    on_links = sum(count.total() for count in used.values())
    for link in reversed(recorded):  # children first: what they used, their parents' holders have handed on
        if link.parent_link_id in used:
            used[link.parent_link_id].update(used[link.link_id])
    return TaskUse(tuple(_use(link, used[link.link_id]) for link in recorded), total, total - on_links, more)


def _use(record: RecordedLink, calls: Counter[Pair]) -> LinkUse:
    link = decode_link(parse_link(record.payload), record.payload)
    return LinkUse(
        record.link_id, record.parent_link_id, record.index, link.holder_agent, record.revoked, link.scope, calls
    )
