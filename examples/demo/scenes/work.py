"""Scenes in which all is well: a grant, handoffs, and calls that every link of the chain permits."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from delegation.core.codec import decode_binding
from delegation.core.statement import StatementKind
from delegation_sdk import Delegation
from demo.stage import Stage

REPORT = "reports/o-17.md"
OVERCHARGE = "12.50"
AUDITOR = "spiffe://acme.example/agent/auditor"
BILLING = "spiffe://acme.example/agent/billing"


@dataclass(frozen=True, slots=True)
class Chains:
    """What each agent holds, without its key: chains are no secret."""

    auditor: Delegation
    reader: Delegation
    billing: Delegation


def grant(stage: Stage) -> Delegation:
    """The orchestrator gets a task."""
    told = stage.narration
    with told.step(
        "The orchestrator gets a grant",
        "For one task, ten minutes, and no more than the operator's ceiling for it:",
    ):
        task = Delegation.load(stage.orchestrator.act("begin"))
        _show_scope(stage, task)
        told.holds(
            "the service signed it for the agent that its certificate names",
            task.agent == task.grant.principal.subject == "spiffe://acme.example/agent/orchestrator",
            found=task,
        )
    return task


def hand_offs(stage: Stage, task: Delegation) -> Chains:
    """The authority goes on to two agents in other processes, and to a sub-agent in one of them."""
    told = stage.narration
    with told.step("It hands on to two agents what each needs, and one of them to a sub-agent"):
        sent = [stage.orchestrator.act("engage_auditor"), stage.orchestrator.act("engage_billing")]
        received = [stage.auditor.act("receive"), stage.billing.act("receive")]
        auditor, billing = (Delegation.load(each["chain"]) for each in received)
        reader = Delegation.load(stage.auditor.act("engage_reader"))
        for chain in (auditor, reader, billing):
            told.show(" → ".join(_short(each.link.holder_agent) for each in chain.links))
            _show_scope(stage, chain)
        told.holds(
            "agents got chains for keys that they had offered; the orchestrator never had them",
            [each["chain"] for each in sent] == [each["chain"] for each in received]
            and [each["has_key"] for each in (*sent, *received)] == [False, False, True, True],
            found=[each["has_key"] for each in (*sent, *received)],
        )
        told.holds(
            "the service vouches for auditor and billing; for the reader, the auditor does",
            [_vouched_for(chain) for chain in (auditor, reader, billing)] == [[AUDITOR], [AUDITOR], [BILLING]],
            found=[_vouched_for(chain) for chain in (auditor, reader, billing)],
        )
        told.holds("all of it is one task", {each.task_id for each in (auditor, reader, billing)} == {task.task_id})
    return Chains(auditor, reader, billing)


def permitted_calls(stage: Stage) -> None:
    """The agents do the work, on real files."""
    told = stage.narration
    with told.step("They work: calls of real tools, on real files"):
        found = stage.auditor.act("review")
        told.holds(
            "the reader listed and read the invoices: decided inside the files server",
            found["listed"] == ["o-17.csv", "o-18.csv"]
            and found["invoice"] == _content(stage, "suppliers/brightline/invoices/o-17.csv"),
            found=found["listed"],
        )
        told.holds(
            f"the auditor read the contract and found {OVERCHARGE} too much",
            found["contract"] == _content(stage, "suppliers/brightline/contract.md") and found["found"] == OVERCHARGE,
            found=found["found"],
        )
        report = f"# Order o-17\n\nOvercharged by {found['found']}.\n"
        stage.auditor.act("report", text=report)
        told.holds(
            f"the auditor wrote /{REPORT}: decided by the service",
            _content(stage, REPORT) == report,
        )
        stage.billing.act("refund", order="o-17", amount=float(found["found"]))
        told.holds(f"billing refunded {OVERCHARGE}: one row in the ledger", refunds(stage) == [("o-17", OVERCHARGE)])


def refunds(stage: Stage) -> list[tuple[str, str]]:
    """What the ledger says."""
    with closing(sqlite3.connect(stage.ledger)) as ledger:
        return ledger.execute("SELECT ordered, amount FROM refund ORDER BY id").fetchall()


def _show_scope(stage: Stage, delegation: Delegation) -> None:
    for capability in delegation.scope.capabilities:
        stage.narration.show(capability.describe(), style="quiet", further=3)


def _vouched_for(delegation: Delegation) -> list[str]:
    """The agents whose keys the service binds to their authenticated ids."""
    statements = delegation.chain.statements
    return [decode_binding(each.payload).agent for each in statements if each.kind is StatementKind.BINDING]


def _content(stage: Stage, path: str) -> str:
    return Path(stage.files, path).read_text(encoding="utf-8")


def _short(agent: str) -> str:
    return agent.rpartition("/")[2]
