"""Decisions on the state of a task, asked for and judged as the service does: for the storage tests."""

from __future__ import annotations

from decimal import Decimal

from delegation.core.constraints.decimals import format_decimal
from delegation.core.demands import CALLS, Demand
from delegation.core.session import TaskSession
from delegation.core.trust import CatalogueTool, Effect
from delegation.core.usage import charged
from delegation.storage.sessions import CallsThatRan, SessionStep, Verdict
from storage.made import NOW_MS, PLANNER, READER, a_call

DEADLINE_SECONDS = 120
REFUND = CatalogueTool("billing", "refund", frozenset({Effect.SPENDS}))
READ = CatalogueTool("files", "read", frozenset({Effect.READ}), labels=frozenset({"personal"}))
STICK_MS = 60_000


def judging(demands, tool, seen=None):
    """Judge as the service does: charge every demand, then add what the tool does."""

    def judge(view):
        if seen is not None:
            seen.append(view)
        used = {demand.key: charged(view.used[demand.key], demand) for demand in demands}
        return Verdict(None, view.session.after(tool), used, tool.labels)

    return judge


def a_step(task, *demands, tool=REFUND, seen=None, **fields):
    made = {
        "task_id": task.task_id,
        "expires_ms": task.expires_ms,
        "agents": (PLANNER, READER),
        "demands": demands,
        "judge": judging(demands, tool, seen),
        "now_ms": NOW_MS,
        "labels_until_ms": NOW_MS + STICK_MS,
    }
    return SessionStep(**made | fields)


def spends(task, amount, maximum="100", **fields):
    used = format_decimal(Decimal(str(amount)))
    account, argument = fields.get("account", task.task_id), fields.get("argument", "amount")
    return Demand.of(account, 0, ("billing", "refund", argument), amount=used, maximum=maximum)


def counts(task, maximum, **fields):
    return spends(task, 1, str(maximum), argument=CALLS, **fields)


async def used(storage, task):
    return {(row.account, row.argument): row.used for row in await storage.usage(task.task_id)}


def that_ran(task, *tools, **fields):
    made = {"agents": (PLANNER, READER), "tools": tools, "labels_until_ms": NOW_MS + STICK_MS}
    return CallsThatRan(task.task_id, task.expires_ms, **made | fields)


class Unreadable(TaskSession):
    """The state of a task as no version writes it."""

    def text(self):
        return "{}"


async def spoil(backend, task):
    """Have somebody else write the state of a task as no version reads it."""
    other = backend()
    await other.open()
    await other.decide_in_session(a_call(task), a_step(task, judge=lambda view: Verdict(None, Unreadable())))
    await other.close()
