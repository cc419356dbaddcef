"""Asking another policy about what was decided: what it would have decided differently."""

from __future__ import annotations

from delegation.service.decision_record import DECIDED_BY_SERVICE
from delegation.service.policy_replay.calls_then import ChainThen
from delegation.service.policy_replay.outcome import Kind, Records, Replay, Replayed
from delegation.service.policy_replay.report import Change, Differing, DifferingScope, Report, ScopesReport
from delegation.service.policy_replay.scopes import ScopeReplay, given_in
from delegation.service.policy_replay.task_past import TaskPast

__all__ = [
    "DECIDED_BY_SERVICE",
    "ChainThen",
    "Change",
    "Differing",
    "DifferingScope",
    "Kind",
    "Records",
    "Replay",
    "Replayed",
    "Report",
    "ScopeReplay",
    "ScopesReport",
    "TaskPast",
    "given_in",
]
