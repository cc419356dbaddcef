"""Why a call was decided as it was: who asked for what, what every hop says to it, who decided, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from delegation.cli.hops import Hop
from delegation.cli.untrusted_text import visible
from delegation.cli.views.approval import state_words
from delegation.cli.views.call_lines import mark, mark_of, refused_words, tool_name
from delegation.cli.views.chain_tree import print_fields
from delegation.cli.views.reasons import meaning
from delegation.cli.views.times import moment, relative
from delegation.cli.views.tree import Line, wrapped
from delegation.core.approval import ApprovalLevel
from delegation.core.approval_request import ApprovalRequest
from delegation.core.kept_arguments import KeptArguments
from delegation.core.lineage import RecordedCall
from delegation.core.observation import Observation
from delegation.errors import Layer, Refused

_MOST_CHARACTERS: Final = 320
_DIGITS: Final = 16
"""Of a digest, for people; `--json` has all of it."""


class Verdict(StrEnum):
    """What a hop has to do with the decision."""

    PERMITS = "permits"
    REFUSES = "refuses"
    NOT_ASKED = "not_asked"


@dataclass(frozen=True, slots=True)
class HopVerdict:
    """What one hop says to a call, in words."""

    hop: Hop
    verdict: Verdict
    words: str


_MARK: Final = {
    Verdict.PERMITS: mark(allowed=True),
    Verdict.REFUSES: mark(allowed=False),
    Verdict.NOT_ASKED: ("·", "quiet"),
}


def verdicts(call: RecordedCall, hops: Sequence[Hop]) -> list[HopVerdict]:
    """Tell hop by hop what led to the decision.

    Hops are asked from the grant on, and the first that refuses ends it: those before it permitted the call,
    those behind it were not asked.
    """
    return [_verdict(call, hop) for hop in hops]


def print_explanation(
    console: Console, call: RecordedCall, hops: Sequence[Hop], now_ms: int, request: ApprovalRequest | None = None
) -> None:
    """Print why a call was decided as it was; with the request for approval behind it, if there is one."""
    symbol, style = mark_of(call)
    words = "allowed" if call.refusal is None else f"refused: {refused_words(call, call.refusal)}"
    if call.observed:
        words = f"ran under observation, is {words}"
    console.print(Text.assemble((f"{symbol} {tool_name(call)} ", style), (words, style)), soft_wrap=True)
    for each in verdicts(call, hops):
        holder = (visible(each.hop.link.holder_agent), "agent")
        text = Text.assemble("  ", _MARK[each.verdict], f" {each.hop.index} ", holder)
        text.append(f"  {visible(each.words, limit=_MOST_CHARACTERS)}", "quiet")
        for part in wrapped(console, Line(text, hang=6), console.width):
            console.print(part, soft_wrap=True)
    print_fields(console, _facts(call, now_ms) + (_consent(request) if request else []))


def plain_verdicts(found: Sequence[HopVerdict]) -> list[dict[str, Any]]:
    """Write verdicts as plain data."""
    return [
        {
            "index": each.hop.index,
            "link_id": each.hop.link_id.hex(),
            "agent": each.hop.link.holder_agent,
            "verdict": str(each.verdict),
            "why": each.words,
        }
        for each in found
    ]


def _verdict(call: RecordedCall, hop: Hop) -> HopVerdict:
    refused = call.refusal
    if refused is None:
        return HopVerdict(hop, Verdict.PERMITS, _permits(call, hop))
    if hop.index == refused.link_index:
        return HopVerdict(hop, Verdict.REFUSES, _refuses(call, hop, refused))
    if refused.layer is Layer.SCOPE and refused.link_index is not None and hop.index < refused.link_index:
        return HopVerdict(hop, Verdict.PERMITS, _permits(call, hop))
    return HopVerdict(hop, Verdict.NOT_ASKED, "was not asked")


def _permits(call: RecordedCall, hop: Hop) -> str:
    capability = hop.link.scope.find(call.audience, call.tool)
    return f"permits {capability.describe()}" if capability else "permits it"


def _refuses(call: RecordedCall, hop: Hop, refused: Refused) -> str:
    if refused.layer is not Layer.SCOPE:
        return str(refused.reason)
    capability = hop.link.scope.find(call.audience, call.tool)
    if capability is None:
        return f"does not permit this tool, only {_tools(hop)}"
    field = f" ({refused.field})" if refused.field else ""
    return f"permits only {capability.describe()}{field}"


def _tools(hop: Hop) -> str:
    return ", ".join(f"{each.audience}.{each.tool}" for each in hop.link.scope.capabilities) or "nothing"


def _facts(call: RecordedCall, now_ms: int) -> list[tuple[str, Text]]:
    who = Text(visible(call.agent) or "somebody unknown", "agent")
    if call.principal_subject and call.principal_subject != call.agent:
        who.append(f" for {visible(call.principal_subject)}", "")
    decided = Text(f"{moment(call.decided_at_ms)}, {relative(call.decided_at_ms, now_ms)}, by {_decider(call)}")
    decided.append(f" at feed position {call.feed_position}", "quiet")
    facts = [("asked", who), ("decided", decided)]
    if call.policy_digest:
        facts.append(("policy", _policy(call)))
    if call.kept is not None:
        facts.append(("with", _arguments(call.kept)))
    if call.trace is not None:
        facts.append(("trace", Text(call.trace.trace_id.hex(), "quiet")))
    if call.refusal is not None:
        facts.append(("means", Text(meaning(call.refusal))))
    if call.observed is not None:
        facts.append(("observed", _observed(call.observed)))
    if call.ran:
        facts.append(("outcome", Text(visible(call.outcome) or "none reported yet")))
    if call.impacts:
        said = ", ".join(f"{name} {amount}" for name, amount in call.impacts)
        facts.append(("declared", Text(visible(said, limit=_MOST_CHARACTERS))))
    return facts


def _consent(request: ApprovalRequest) -> list[tuple[str, Text]]:
    """Say who has answered the request behind a call, and when."""
    facts = [("consent", Text(f"request {request.request_id.hex()}, {state_words(request)}"))]
    for answer in request.answers:
        who = Text(visible(answer.approver), "agent")
        how = " with a key of their own" if answer.level is ApprovalLevel.SIGNED else ""
        why = f": {visible(answer.justification, limit=_MOST_CHARACTERS)}" if answer.justification else ""
        who.append(f"{how}, {moment(answer.answered_at_ms)}{why}", "")
        facts.append(("approved" if answer.approve else "refused", Text.assemble("by ", who)))
    return facts


def _observed(by: Observation) -> Text:
    """Say who had the tool under observation."""
    if by is Observation.LISTED:
        return Text("by the operator's catalogue: once the tool is enforced, such a call does not run")
    return Text("so says only the tool's guard: no catalogue of this service had it under observation then", "refused")


def _arguments(kept: KeptArguments) -> Text:
    """Show what was kept of the arguments."""
    text = Text(visible(kept.plain_json.decode(), limit=_MOST_CHARACTERS))
    if kept.digests:
        text.append(f" and digests of {visible(', '.join(sorted(kept.digests)), limit=_MOST_CHARACTERS)}", "quiet")
    if kept.dropped:
        text.append(f", {kept.dropped} not recorded", "quiet")
    return text


def _policy(call: RecordedCall) -> Text:
    text = Text(call.policy_digest.hex()[:_DIGITS])
    if call.catalogue_digest:
        text.append(f" with catalogue {call.catalogue_digest.hex()[:_DIGITS]}", "quiet")
    if call.rules:
        text.append(f", decided by {visible(', '.join(call.rules))}")
    return text


def _decider(call: RecordedCall) -> str:
    return "the service" if call.decided_by == "service" else f"the tool's guard {visible(call.decided_by)}"
