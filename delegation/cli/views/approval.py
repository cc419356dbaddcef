"""Requests for approval: a line or two each in a list, and one with everything that an approver has to know."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from delegation.cli.untrusted_text import visible
from delegation.cli.views.plain import plain_principal
from delegation.cli.views.times import moment, relative
from delegation.cli.views.tree import Line, wrapped
from delegation.core.approval import ApprovalDemand, ApprovalLevel
from delegation.core.approval_request import ApprovalAnswer, ApprovalRequest, ApprovalState
from delegation.core.tool_id import tool_id

_LABEL_WIDTH: Final = 10
_DEEPER: Final = 6
_BLANKS: Final = re.compile(r"(?<= ) ")
_STATES: Final = {
    ApprovalState.PENDING: "open",
    ApprovalState.APPROVED: "approved, and not used yet",
    ApprovalState.REFUSED: "refused",
    ApprovalState.WITHDRAWN: "withdrawn",
    ApprovalState.EXPIRED: "expired",
    ApprovalState.USED: "approved, and used",
}
_STYLES: Final = {
    ApprovalState.PENDING: "warning",
    ApprovalState.APPROVED: "allowed",
    ApprovalState.USED: "allowed",
    ApprovalState.REFUSED: "refused",
}


def state_words(request: ApprovalRequest) -> str:
    """Say where a request stands."""
    return _STATES[request.state]


def print_requests(console: Console, requests: Sequence[ApprovalRequest], now_ms: int) -> None:
    """Print requests, each whole whatever the width."""
    for request in requests:
        head = Text.assemble(
            request.request_id.hex(), "  ", (_words(tool_id(request.audience, request.tool)), "agent"), "  "
        )
        head.append(state_words(request), _STYLES.get(request.state, "quiet"))
        what = Text(f"  by {_acting(request)} for {_words(request.principal.subject)}: {_words(request.purpose)}")
        when = Text(f"  {_when(request, now_ms)}", "quiet")
        _print(console, head, what, when)


def print_request(console: Console, request: ApprovalRequest, now_ms: int) -> None:
    """Print one request. What others have written is escaped, so that nothing of it looks like ours."""
    _print(console, *(Text(f"{label:<{_LABEL_WIDTH}}{words}", style) for label, words, style in _rows(request, now_ms)))


def plain_request(request: ApprovalRequest) -> dict[str, Any]:
    """Write a request as plain data."""
    return {
        "request_id": request.request_id.hex(),
        "state": str(request.state),
        "task_id": request.task_id.hex(),
        "link_id": request.link_id.hex(),
        "audience": request.audience,
        "tool": request.tool,
        "arguments_digest": request.arguments_digest.hex(),
        "arguments_json": request.arguments_json.decode(errors="replace") or None,
        "policy_digest": request.policy_digest.hex() or None,
        "purpose": request.purpose,
        "principal": plain_principal(request.principal),
        "agents": [agent._asdict() for agent in request.agents],
        "demands": [demand._asdict() for demand in request.demands],
        "requester": request.requester,
        "requested_at_ms": request.requested_at_ms,
        "expires_at_ms": request.expires_at_ms,
        "answers": [_plain_answer(answer) for answer in request.answers],
        "withdrawn_by": request.withdrawn_by or None,
        "call_id": request.call_id.hex() or None,
    }


def _plain_answer(answer: ApprovalAnswer) -> dict[str, Any]:
    return {
        "approver": answer.approver,
        "approver_issuer": answer.approver_issuer,
        "authentication_strength": answer.authentication_strength or None,
        "approve": answer.approve,
        "justification": answer.justification,
        "answered_at_ms": answer.answered_at_ms,
        "level": answer.level,
    }


def _rows(request: ApprovalRequest, now_ms: int) -> Iterator[tuple[str, str, str]]:
    yield "request", f"{request.request_id.hex()}, {state_words(request)}", _STYLES.get(request.state, "quiet")
    yield "call", _words(tool_id(request.audience, request.tool)), "agent"
    for label, words in _labelled("with", _arguments(request)):
        yield label, words, ""
    for index, agent in enumerate(request.agents):
        standing = "" if agent.bound else "  (only its delegator says so)"
        yield "by" if index == 0 else "  then", f"{_words(agent.agent)}{standing}", ""
    yield "for", f"{_words(request.principal.subject)} ({_words(request.principal.issuer)})", ""
    yield "says", _words(request.purpose), ""
    for label, words in _labelled("needs", [_demand(demand) for demand in request.demands]):
        yield label, words, ""
    yield "asked", _when(request, now_ms), "quiet"
    for answer in request.answers:
        said = "approved" if answer.approve else "refused"
        why = f": {_words(answer.justification)}" if answer.justification else ""
        how = " with a key of their own" if answer.level is ApprovalLevel.SIGNED else ""
        yield said, f"by {_words(answer.approver)}{how} {relative(answer.answered_at_ms, now_ms)}{why}", ""
    if request.withdrawn_by:
        yield "withdrawn", f"by {_words(request.withdrawn_by)}", ""
    if request.call_id:
        yield "used by", f"call {request.call_id.hex()}", ""


def _labelled(label: str, lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for index, line in enumerate(lines):
        yield ("" if index else label), line


def _arguments(request: ApprovalRequest) -> list[str]:
    """Write each argument on a line, as JSON; only the digest is left when nobody can answer any more."""
    if not request.arguments_json:
        return [f"arguments of digest {request.arguments_digest.hex()}"]
    try:
        values = json.loads(request.arguments_json)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        return [_words(request.arguments_json.decode(errors="backslashreplace"))]
    total = len(values)
    return [
        f"{number} of {total}: {_blanks(json.dumps(name))} = {_blanks(json.dumps(value))}"
        for number, (name, value) in enumerate(values.items(), 1)
    ] or ["no arguments"]


def _blanks(text: str) -> str:
    """Show blanks that are more than one: a long row of them could end a line, and begin one that means something."""
    return _BLANKS.sub(r"\\u0020", text)


def _words(text: str) -> str:
    return _blanks(visible(text))


def _demand(demand: ApprovalDemand) -> str:
    whose = f"rule {_words(demand.rule)}" if demand.link_index is None else f"link {demand.link_index}"
    principal = ", the principal too" if demand.principal_may_approve else ""
    return f"{_words(demand.describe())}{principal} ({whose})"


def _acting(request: ApprovalRequest) -> str:
    return _words(request.agents[-1].agent) if request.agents else "somebody unknown"


def _when(request: ApprovalRequest, now_ms: int) -> str:
    asked = f"{moment(request.requested_at_ms)} by {_words(request.requester)}"
    verb = "expires" if request.expires_at_ms > now_ms else "expired"
    return f"{asked}, {verb} {relative(request.expires_at_ms, now_ms)}"


def _print(console: Console, *texts: Text) -> None:
    for text in texts:
        # Deeper than any line begins that is not the rest of another: what was written cannot look like one of its own.
        for part in wrapped(console, Line(text, hang=_LABEL_WIDTH + _DEEPER), console.width):
            console.print(part, soft_wrap=True)
