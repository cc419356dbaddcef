"""`delegation policy explain`: the rules that decided a call, as they are written, and no others."""

from __future__ import annotations

import json

from delegation.cli import exit_codes, main
from delegation.core.scope import any_call
from integration.policy.conftest import PERMIT

SEND, DOCS = any_call("mail", "send"), any_call("docs", "read")
NO_MAIL = (
    PERMIT
    + "// Nothing leaves.\n"
    + '@id("no-mail")\nforbid (principal, action == Action::"call", resource == Tool::"mail.send");\n'
)


def explained(ruled, capsys, call_id, *further):
    policy = str(ruled.directory / "policy.cedar")
    profile = str(ruled.server.profile("developer"))
    capsys.readouterr()
    code = main(["policy", "explain", call_id.hex(), "--policy", policy, "--profile", profile, *further])
    return code, capsys.readouterr()


def test_the_rule_that_refused_is_shown_with_its_place(start, capsys):
    ruled = start(NO_MAIL)
    task, tool = ruled.as_("agent/planner").grant(SEND, DOCS), ruled.as_("tool/all")
    refused, permitted = tool.decide(task, "mail", "send", {}), tool.decide(task, "docs", "read", {})
    code, said = explained(ruled, capsys, refused.call_id)
    assert code == exit_codes.OK
    lines = said.out.splitlines()
    assert lines[0] == "✗ mail.send refused: policy_denied by no-mail"
    assert lines[1] == f"no-mail  {ruled.directory / 'policy.cedar'}:3"
    assert lines[2:] == ['    @id("no-mail")', f"    {NO_MAIL.splitlines()[3]}"]
    code, said = explained(ruled, capsys, permitted.call_id)
    assert (code, said.out.splitlines()[1]) == (
        exit_codes.OK,
        "no rule forbade it, and none that permitted it demands anything",
    )
    code, said = explained(ruled, capsys, refused.call_id, "--json")
    plain = json.loads(said.out)
    assert (plain["reason"], [rule["line"] for rule in plain["rules"]]) == ("policy_denied", [3])


def test_what_the_rules_were_told_is_shown(start, capsys):
    leak = PERMIT + '@id("leak") forbid (principal, action == Action::"call", resource == Tool::"mail.send")'
    leak += ' when { context.taskLabels.contains("personal") && context.taskCalls > 0 };'
    ruled = start(leak)
    task, tool = ruled.as_("agent/planner").grant(SEND, any_call("crm", "read")), ruled.as_("tool/all")
    assert tool.decide(task, "crm", "read", {}).refusal is None
    refused = tool.decide(task, "mail", "send", {})
    code, said = explained(ruled, capsys, refused.call_id)
    told = "told: taskLabels personal; taskEffects read; taskTools crm.read; taskCalls 1; taskDenials 0"
    assert (code, said.out.splitlines()[-1]) == (exit_codes.OK, told)
    _, said = explained(ruled, capsys, refused.call_id, "--json")
    assert json.loads(said.out)["inputs"]["task_labels"] == ["personal"]


def test_another_policy_explains_nothing(start, capsys):
    ruled = start(NO_MAIL)
    task = ruled.as_("agent/planner").grant(SEND)
    refused = ruled.as_("tool/all").decide(task, "mail", "send", {})
    ruled.write(NO_MAIL + "// changed")
    code, said = explained(ruled, capsys, refused.call_id)
    assert code == exit_codes.CONFIG
    assert "give the files of then with --policy" in said.err
