"""Asking another policy about calls that were decided: what it would have decided differently."""

from __future__ import annotations

from delegation.service.authorize import DECIDED_BY_SERVICE
from delegation.service.policy_replay.calls_then import ChainThen
from delegation.service.policy_replay.outcome import Kind, Records, Replay, Replayed
from delegation.service.policy_replay.report import Change, Differing, Report
from delegation.service.policy_replay.task_past import TaskPast

__all__ = [
    "DECIDED_BY_SERVICE",
    "ChainThen",
    "Change",
    "Differing",
    "Kind",
    "Records",
    "Replay",
    "Replayed",
    "Report",
    "TaskPast",
]
