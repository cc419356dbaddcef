"""The story, in order. Each scene plays, shows and asserts; what one scene learns, later ones use."""

from __future__ import annotations

from demo.scenes import after, refusals, traces, work
from demo.stage import Stage


def tell(stage: Stage) -> None:
    """Tell it from beginning to end.

    Raises:
        SurpriseError: Something went otherwise than told.
    """
    _introduce(stage)
    task = work.grant(stage)
    chains = work.hand_offs(stage, task)
    work.permitted_calls(stage)
    refusals.wider_handoff(stage)
    refusals.wider_arguments(stage)
    refusals.stolen_token(stage)
    refusals.truncated_chain(stage)
    refusals.replayed_proof(stage)
    after.completion(stage)
    traces.tree(stage, task)
    traces.received_trace(stage, chains.reader)
    traces.why(stage, task)
    after.crash(stage, task)


def _introduce(stage: Stage) -> None:
    told = stage.narration
    told.opening(
        "Delegation, from end to end",
        "An order was overcharged. An orchestrator has it looked into and refunded, by agents that get no more"
        " authority than their part of the work needs. Each is a process of its own with a certificate of its own;"
        " files, ledger, messages and attacks are real.",
    )
    told.introduce("service", f"gRPC with mutual TLS at {stage.service.target}, on SQLite")
    told.introduce("files", "a tool server, MCP over stdio: lists, reads, writes files")
    told.introduce("billing", "a tool server, MCP over HTTP: books refunds in a ledger")
    told.introduce("orchestrator", "has the task")
    told.introduce("auditor", "an agent with a sub-agent, the reader: checks invoices")
    told.introduce("billing agent", "an agent: refunds")
    told.introduce("collector", "an OTLP receiver of everybody's traces")
