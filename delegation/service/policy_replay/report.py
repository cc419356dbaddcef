"""What came of asking a policy about many calls: counts by tool and rule, and the calls that differ."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple, TypeVar

from delegation.core.lineage import RecordedCall
from delegation.core.tool_id import tool_id
from delegation.errors import Reason
from delegation.policy.port import Action
from delegation.service.policy_replay.outcome import Kind, Replayed
from delegation.service.policy_replay.scopes import AskedScope, GivenThen

T = TypeVar("T")

DIFFERING: Final = 1_000
"""Calls that differ, of which each is told; others are counted."""

GROUPS: Final = 4_096
"""Groups that are counted apart: callers choose the names of tools that no catalogue lists."""

OTHERS: Final = "…"


class Change(NamedTuple):
    """Calls of one tool that are decided differently by the same rules."""

    tool: str
    then: Kind
    now: Kind
    rules: tuple[str, ...]


class Untold(NamedTuple):
    """Calls of one tool of which it cannot be told, and why."""

    tool: str
    why: str


class Differing(NamedTuple):
    """One call that is decided differently."""

    call: RecordedCall
    replayed: Replayed


class Report:
    """What came of it. Holds no more, however many calls there are.

    Attributes:
        calls: how many were looked at.
        asked: of these, how many the policy was asked about.
        same: of these, how many it decides as before.
        rebuilt: of these, of how many rules read what was made from other records.
        apart: how many were not for rules to decide, by why.
        changes: how many are decided differently, by tool and rules.
        untold: of how many it cannot be told.
        differing: the newest that are decided differently.
        more: whether there are older calls that were not looked at.
    """

    def __init__(self) -> None:
        self.calls = self.asked = self.same = self.rebuilt = 0
        self.apart: Counter[str] = Counter()
        self.changes: Counter[Change] = Counter()
        self.untold: Counter[Untold] = Counter()
        self.differing: list[Differing] = []
        self.more = False

    @property
    def differs(self) -> int:
        """How many are decided differently."""
        return self.changes.total()

    def take(self, call: RecordedCall, replayed: Replayed | None) -> None:
        """Take what came of one call, newest first."""
        self.calls += 1
        if replayed is None:
            self.apart["decided in process" if call.allowed else _apart(call)] += 1
            return
        self.asked += 1
        self.rebuilt += bool(replayed.rebuilt)
        tool = tool_id(call.audience, call.tool)
        if replayed.now is None:
            key = Untold(tool, replayed.why_not)
            self.untold[key if _has_room(self.untold, key) else Untold(OTHERS, "")] += 1
        elif not replayed.differs:
            self.same += 1
        else:
            change = Change(tool, replayed.then, replayed.now, replayed.rules)
            self.changes[change if _has_room(self.changes, change) else change._replace(tool=OTHERS, rules=())] += 1
            if len(self.differing) < DIFFERING:
                self.differing.append(Differing(call, replayed))


class GivenChange(NamedTuple):
    """Scopes that are given no more, by the tool and the rules that decide."""

    action: Action
    tool: str
    now: Kind
    rules: tuple[str, ...]


class DifferingScope(NamedTuple):
    """One scope that is given no more."""

    then: GivenThen
    asked: AskedScope


class ScopesReport:
    """What came of asking about scopes. Holds no more, however many there are.

    Attributes:
        given: how many the policy was asked about.
        same: of these, how many it permits.
        changes: how many it does not, by tool and rules.
        untold: of how many it cannot be told.
        differing: the first that it does not permit.
        more: whether there are older tasks that were not looked at.
    """

    def __init__(self) -> None:
        self.given = self.same = 0
        self.changes: Counter[GivenChange] = Counter()
        self.untold: Counter[Untold] = Counter()
        self.differing: list[DifferingScope] = []
        self.more = False

    @property
    def differs(self) -> int:
        """How many are given no more."""
        return self.changes.total()

    def take(self, then: GivenThen, asked: AskedScope) -> None:
        """Take what came of one."""
        self.given += 1
        replayed = asked.replayed
        if replayed.now is None:
            self.cannot_tell(asked.tool, replayed.why_not)
        elif not replayed.differs:
            self.same += 1
        else:
            change = GivenChange(then.scope.action, asked.tool, replayed.now, replayed.rules)
            self.changes[change if _has_room(self.changes, change) else change._replace(tool=OTHERS, rules=())] += 1
            if len(self.differing) < DIFFERING:
                self.differing.append(DifferingScope(then, asked))

    def cannot_tell(self, tool: str, why: str) -> None:
        """Take that of one it cannot be told."""
        key = Untold(tool, why)
        self.untold[key if _has_room(self.untold, key) else Untold(OTHERS, "")] += 1


def _has_room(counter: Counter[T], key: T) -> bool:
    return key in counter or len(counter) < GROUPS


def _apart(call: RecordedCall) -> str:
    reason = call.refusal.reason if call.refusal is not None else Reason.INTERNAL
    return f"refused: {reason}"
