"""Which rules decided a call, with their text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from delegation.app.policy_files import Written
from delegation.cli.untrusted_text import visible
from delegation.cli.views.call_lines import mark, refused_words, tool_name
from delegation.core.lineage import RecordedCall
from delegation.errors import Reason
from delegation.service.question_fields import RECORDED
from delegation.service.risk_inputs import RiskInputs


def print_rules(console: Console, call: RecordedCall, rules: Mapping[str, Written]) -> None:
    """Print the decision, and each rule that decided it: where it stands, and its text."""
    symbol, style = mark(allowed=call.allowed)
    words = "allowed" if call.refusal is None else f"refused: {refused_words(call, call.refusal)}"
    console.print(Text(f"{symbol} {tool_name(call)} {words}", style), soft_wrap=True)
    for name in call.rules:
        rule = rules.get(name)
        place = f"  {rule.file}:{rule.line}" if rule else "  not in these files"
        console.print(Text.assemble((visible(name), "agent"), (visible(place), "quiet")), soft_wrap=True)
        for line in rule.text.splitlines() if rule else ():
            console.print(Text(f"    {visible(line)}"), soft_wrap=True)
    if not call.rules:
        console.print(Text(_without_rules(call), "quiet"), soft_wrap=True)
    if told := _told(call):
        console.print(Text(f"told: {told}", "quiet"), soft_wrap=True)


def plain_rules(call: RecordedCall, rules: Mapping[str, Written]) -> dict[str, Any]:
    """Write the same as plain data."""
    found = {name: rules.get(name) for name in call.rules}
    return {
        "call_id": call.call_id.hex(),
        "allowed": call.allowed,
        "reason": str(call.refusal.reason) if call.refusal else None,
        "policy_digest": call.policy_digest.hex() or None,
        "rules": [
            {"id": name, "file": rule.file, "line": rule.line, "text": rule.text} if rule else {"id": name}
            for name, rule in found.items()
        ],
        "inputs": json.loads(call.inputs) if call.inputs else None,
    }


def _told(call: RecordedCall) -> str:
    """Say what the rules were told that no other record says; empty if nothing was kept, or is to be said."""
    fields = RiskInputs.of_text(call.inputs).fields if call.inputs else {}
    said = [(RECORDED[name].word, RECORDED[name].write(value)) for name, value in fields.items() if value is not None]
    return "; ".join(f"{word} {visible(_words(value))}" for word, value in said if value or type(value) is int)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {amount}" for name, amount in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)


def _without_rules(call: RecordedCall) -> str:
    """Say why no rule is named."""
    if not call.policy_digest:
        return "no policy was asked: the tool's guard decided in process, or the service had none"
    if call.refusal is None:
        return "no rule forbade it, and none that permitted it demands anything"
    if call.refusal.reason is Reason.POLICY_DENIED:
        return "no rule permits it, or the policy could not be evaluated"
    return "rules did not decide it"
