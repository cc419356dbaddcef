"""Scenes of looking back: the chain as a tree, the trace as a collector has it, and why a call was refused."""

from __future__ import annotations

from delegation.core.chain import TraceIds
from delegation_sdk import Delegation
from demo.narration import SurpriseError
from demo.otlp_receiver import Span
from demo.stage import Stage


def tree(stage: Stage, task: Delegation) -> None:
    """The service's record of the task, drawn by the command line."""
    told = stage.narration
    with told.step("The chain as a tree, with what each hop took away"):
        drawn = _shown(stage, "trace", task.task_id.hex())
        agents = [f"/agent/{name}" for name in ("orchestrator", "auditor", "reader", "billing")]
        told.holds("all four agents are in it", all(agent in drawn for agent in agents))
        with stage.service.operator() as operator:
            permitted = operator.lineage.search_calls(task_id=task.task_id, allowed=True).items
        inside = {call.tool for call in permitted if call.decided_by != "service"}
        online = {call.tool for call in permitted if call.decided_by == "service"}
        told.holds(
            "reads were decided inside the tool, under its guard's signature; all else by the service",
            (inside, online) == ({"list_directory", "read_file"}, {"write_file", "refund"}),
            found=(inside, online),
        )


def received_trace(stage: Stage, reader: Delegation) -> None:
    """The trace as it was exported by all processes, compared with what was signed."""
    told, receiver = stage.narration, stage.receiver
    with told.step("The trace, as an OTLP collector has received it", "How the reader's call came to its decision:"):
        decision = receiver.wait_for(
            "decision about the reader's call",
            lambda span: (
                span.name == "authorize read_file"
                and span.attributes["delegation.decision"] == "allowed"
                and span.attributes["delegation.link.id"] == reader.digest.hex()
            ),
        )
        hops = [receiver.wait_for("span of a hop", lambda span, ids=ids: span.ids == ids) for ids in decision.links]
        path = _ancestry(receiver.spans, decision)
        for depth, span in enumerate(path):
            told.show(f"{'└─ ' if depth else ''}{span.name}  by {span.process}", further=3 * depth)
        for index, hop in enumerate(hops):
            told.show(f"⇢ {index}  {_short(hop.name)}  by {hop.process}", style="answer", further=3 * len(path))
        told.holds("the decision has one span link for each hop of the chain", len(hops) == len(reader.links))
        told.holds(
            "their ids are the ones that the delegators signed into the chain",
            decision.links == tuple(_signed_ids(each.link.trace) for each in reader.links),
        )
        told.holds(
            "each is a span that its delegator's process sent",
            [hop.process for hop in hops] == ["orchestrator", "orchestrator", "auditor"],
            found=[hop.process for hop in hops],
        )
        senders = {"auditor", "billing", "billing-server", "files", "orchestrator", "service"}
        for sender in senders:
            receiver.wait_for(f"span of {sender}", lambda span, sender=sender: span.process == sender)
        told.holds("all six processes sent spans", {span.process for span in receiver.spans} == senders)


def why(stage: Stage, task: Delegation) -> None:
    """Why one call was refused, by the service's record."""
    told = stage.narration
    with told.step("Why billing's 35.00 were refused, by the service's record"):
        with stage.service.operator() as operator:
            refused = operator.lineage.search_calls(task_id=task.task_id, tool="refund", allowed=False).items
        found = [call for call in refused if call.refusal and call.refusal.reason == "argument_refused"]
        told.holds("it is recorded once", len(found) == 1, found=len(found))
        said = _shown(stage, "why", found[0].call_id.hex())
        told.holds("billing's own link did not permit it", found[0].refusal.link_index == 1 and "at most 20" in said)


def _shown(stage: Stage, *arguments: str) -> str:
    told = stage.narration
    with told.waiting("asking the service"):
        output = stage.service.command(*arguments, columns=told.columns, colours=told.colours)
    told.command(f"delegation {' '.join(arguments)}", output)
    return output


def _signed_ids(trace: TraceIds | None) -> tuple[bytes, bytes]:
    if trace is None:
        raise SurpriseError("a link was signed without the ids of a span")
    return trace.trace_id, trace.span_id


def _ancestry(spans: list[Span], leaf: Span) -> list[Span]:
    """The spans from the root to this one."""
    by_id = {span.ids: span for span in spans}
    found = [leaf]
    while parent := by_id.get((found[-1].ids[0], found[-1].parent)):
        found.append(parent)
    return found[::-1]


def _short(name: str) -> str:
    operation, _, agent = name.partition(" ")
    return f"{operation} {agent.rpartition('/')[2]}"
