"""Scenes after the work: the task is completed, and the service survives what services die of."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from delegation_sdk import Delegation
from demo.cues import Actor, Refusal
from demo.scenes.work import OVERCHARGE, refunds
from demo.stage import Stage

_INVOICE = "/suppliers/brightline/invoices/o-17.csv"
_SOON_S = 10.0


def completion(stage: Stage) -> None:
    """The orchestrator leaves its block: nothing that was handed on is good for anything any more."""
    told, auditor, billing = stage.narration, stage.auditor, stage.billing
    with told.step("The task is completed: everything is refused"):
        told.holds("the orchestrator leaves its block", stage.orchestrator.act("complete") == "completed")
        refund = billing.fails("refund", order="o-17", amount=12.5)
        _ended(stage, "billing asks for the refund that was permitted", refund)
        _ended(stage, "the auditor writes its report", auditor.fails("report", text="too late"))
        began = time.monotonic()
        invoice = _soon_refused(auditor, "reader_reads", until="task_ended", path=_INVOICE)
        _ended(stage, "the reader reads its invoice", invoice)
        heard_ms = (time.monotonic() - began) * 1000
        _ended(stage, "the auditor reads its contract", auditor.fails("read", path="/suppliers/brightline/contract.md"))
        told.say(f"Reads are decided inside the files server: its revocation feed told it within {heard_ms:.0f} ms.")
        told.holds("the ledger still has its one row", refunds(stage) == [("o-17", OVERCHARGE)])


def crash(stage: Stage, task: Delegation) -> None:
    """The service is killed and comes back."""
    told, service, billing = stage.narration, stage.service, stage.billing
    with told.step("The service is killed as by a power cut, and started again"):
        before = _record(stage, task)
        service.kill()
        denied = billing.fails("refund", order="o-17", amount=12.5)
        told.holds("kill -9; without it, no refund", denied.reason == "service_unavailable", answer=str(denied))
        with told.waiting("starting it again"):
            service.start()
        links, calls = after = _record(stage, task)
        told.holds(f"all {len(links)} links and {len(calls)} calls are there, each as it was", after == before)
        refusal = _soon_refused(billing, "refund", until="task_ended", order="o-17", amount=12.5)
        _ended(stage, "and it knows that the task is over", refusal)


def _record(stage: Stage, task: Delegation) -> tuple[list[object], list[object]]:
    """What the service has recorded of a task: its links and its calls."""
    with stage.service.operator() as operator:
        _, links = operator.lineage.get_task(task.task_id)
        calls = operator.lineage.search_calls(task_id=task.task_id).items
    # A refusal is an exception, equal to itself only; its text says all of it.
    return list(links), [(replace(call, refusal=None), str(call.refusal)) for call in calls]


def _ended(stage: Stage, said: str, refusal: Refusal) -> None:
    stage.narration.holds(said, refusal.reason == "task_ended", answer=str(refusal))


def _soon_refused(actor: Actor, act: str, *, until: str, **given: Any) -> Refusal:
    """Have an actor try until it is refused for a reason: a feed or a connection takes its moment."""
    end = time.monotonic() + _SOON_S
    while time.monotonic() < end:
        refusal = actor.tries(act, **given)
        if refusal and refusal.reason == until:
            return refusal
    return actor.fails(act, **given)
