"""What a tool declares of itself makes a service stricter, and never looser."""

from __future__ import annotations

import pytest

from delegation.core.declaration import NOTHING_DECLARED, Declaration
from delegation.core.scope import any_call
from delegation.core.trust import Effect
from delegation.errors import InvalidRequest, Reason
from delegation.wire.approvals import ApprovalWanted, request_approval_message
from delegation.wire.authorization import authorize_request_message
from delegation.wire.tool_reports import ToolsToReport, report_tools_request_message
from integration.policy.conftest import PERMIT, TOOLS

READ, SEND, DOCS = any_call("crm", "read"), any_call("mail", "send"), any_call("docs", "read")
EXTERNAL = Declaration(frozenset({Effect.EXTERNAL}))
PERSONAL = Declaration(labels=frozenset({"personal"}))
PINNED = TOOLS.replace('owner = "team-docs"\n', f'owner = "team-docs"\nmanifest_digest = "{"01" * 32}"\n')


def reason(ruled, task, audience, tool, declared=NOTHING_DECLARED):
    refused = ruled.as_("tool/all").decide(task, audience, tool, {}, declared=declared).refusal
    return None if refused is None else refused.reason


@pytest.mark.spec("T-43")
@pytest.mark.parametrize(("declared", "expected"), [(EXTERNAL, Reason.APPROVAL_REQUIRED), (NOTHING_DECLARED, None)])
def test_a_tool_that_says_that_it_reaches_outside_gets_no_call_after_personal_data_was_read(start, declared, expected):
    ruled = start()
    task = ruled.as_("agent/planner").grant(READ, DOCS)
    assert reason(ruled, task, "docs", "read", declared) is None
    assert reason(ruled, task, "crm", "read") is None
    assert reason(ruled, task, "docs", "read", declared) is expected


@pytest.mark.spec("T-43")
@pytest.mark.parametrize(("declared", "expected"), [(PERSONAL, Reason.APPROVAL_REQUIRED), (NOTHING_DECLARED, None)])
def test_what_a_tool_says_of_its_results_stays_with_the_task(start, declared, expected):
    ruled = start()
    task = ruled.as_("agent/planner").grant(DOCS, SEND)
    assert reason(ruled, task, "docs", "read", declared) is None
    assert reason(ruled, task, "mail", "send") is expected


@pytest.mark.spec("T-43")
def test_labels_that_a_tool_makes_up_fill_neither_task_nor_agents(start):
    """Each counts as the most sensitive one: no rule could name it."""
    ruled = start()
    planner = ruled.as_("agent/planner")
    task = planner.grant(DOCS, READ, SEND)
    for call in range(6):
        made_up = Declaration(labels=frozenset(f"label-{call}-{n}" for n in range(16)))
        assert reason(ruled, task, "docs", "read", made_up) is None
    assert reason(ruled, task, "crm", "read") is None
    assert reason(ruled, planner.grant(READ), "crm", "read") is None
    assert reason(ruled, task, "mail", "send") is Reason.APPROVAL_REQUIRED


@pytest.mark.spec("T-43")
def test_no_declaration_is_a_way_to_what_a_rule_permits_of_others(start):
    ruled = start(
        '@id("read-only") permit (principal, action, resource) when { context.effects.contains("read") };\n'
        '@id("given") permit (principal, action in [Action::"grant", Action::"handOff"], resource);\n'
        '@id("reviewed") forbid (principal, action == Action::"call", resource == Tool::"docs.read")'
        ' unless { context.labels.contains("personal") };'
    )
    task = ruled.as_("agent/planner").grant(SEND, DOCS, READ)
    reads = Declaration(frozenset({Effect.READ}))
    assert reason(ruled, task, "mail", "send", reads) is Reason.POLICY_DENIED
    assert reason(ruled, task, "docs", "read", PERSONAL) is Reason.POLICY_DENIED
    assert reason(ruled, task, "crm", "read", reads) is None


BEFORE = """
@id("first") forbid (principal, action == Action::"call", resource == Tool::"ci.deploy")
unless { context.taskLabels.contains("personal") || context.taskEffects.contains("privilege") };
@id("never-after") forbid (principal, action == Action::"call", resource == Tool::"ci.test")
when { context.taskLabels.contains("secret") || context.taskEffects.contains("spends") };
"""


@pytest.mark.spec("T-43")
def test_what_a_tool_has_declared_is_no_way_to_what_is_permitted_only_after_it(start):
    ruled = start(PERMIT + BEFORE)
    ci, iam = (any_call("ci", name) for name in ("deploy", "test")), any_call("iam", "add_role")
    task = ruled.as_("agent/planner").grant(*ci, DOCS, READ, iam)
    privilege = PERSONAL._replace(effects=frozenset({Effect.PRIVILEGE}))
    assert reason(ruled, task, "docs", "read", privilege) is None
    assert reason(ruled, task, "ci", "deploy") is Reason.POLICY_DENIED
    assert (
        reason(ruled, ruled.as_("agent/planner").grant(any_call("ci", "deploy")), "ci", "deploy")
        is Reason.POLICY_DENIED
    )
    assert reason(ruled, task, "iam", "add_role") is None  # the catalogue says so of it
    assert reason(ruled, task, "ci", "deploy") is None


@pytest.mark.spec("T-43")
@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (Declaration(labels=frozenset({"secret"})), Reason.POLICY_DENIED),
        (Declaration(frozenset({Effect.SPENDS})), Reason.POLICY_DENIED),
        (PERSONAL, None),
    ],
    ids=["label", "effect", "benign"],
)
def test_what_a_tool_has_declared_counts_where_a_rule_forbids_what_comes_after_it(start, declared, expected):
    ruled = start(PERMIT + BEFORE)
    planner, test = ruled.as_("agent/planner"), any_call("ci", "test")
    task = planner.grant(test, DOCS)
    assert reason(ruled, task, "ci", "test") is None
    assert reason(ruled, task, "docs", "read", declared) is None
    assert reason(ruled, task, "ci", "test") is expected
    other = planner.grant(test)  # labels stick to the agent; what a task did is its own
    assert reason(ruled, other, "ci", "test") is (expected if declared.labels else None)


@pytest.mark.parametrize(("served", "expected"), [(b"\1" * 32, None), (b"\2" * 32, True), (b"", True)])
def test_a_rule_reads_whether_the_tool_is_the_pinned_one(start, served, expected):
    rule = '@id("looked-at") forbid (principal, action == Action::"call", resource) when { context.manifestChanged };'
    ruled = start(PERMIT + rule, tools=PINNED)
    task = ruled.as_("agent/planner").grant(DOCS, READ)
    refused = reason(ruled, task, "docs", "read", Declaration(manifest_digest=served))
    assert refused is (Reason.POLICY_DENIED if expected else None)
    assert reason(ruled, task, "crm", "read") is None  # nothing is pinned


@pytest.mark.spec("T-45")
@pytest.mark.parametrize(("served", "runs"), [(b"\1" * 32, True), (b"\2" * 32, False), (b"", False)])
def test_where_the_catalogue_requires_it_no_other_tool_gets_a_call_whoever_guards_it(start, served, runs):
    ruled = start(tools=PINNED.replace("manifest_digest", "manifest_required = true\nmanifest_digest"))
    task = ruled.as_("agent/planner").grant(DOCS, READ)
    refused = reason(ruled, task, "docs", "read", Declaration(manifest_digest=served))
    assert refused is (None if runs else Reason.POLICY_DENIED)
    assert reason(ruled, task, "crm", "read") is None


@pytest.mark.spec("T-43", "T-45")
def test_approval_is_asked_for_before_a_tool_is_called_that_only_declares_what_needs_it(start):
    ruled = start(tools=PINNED.replace("manifest_digest", "manifest_required = true\nmanifest_digest"))
    planner, tool = ruled.as_("agent/planner"), ruled.as_("tool/all")
    declared = EXTERNAL._replace(manifest_digest=b"\1" * 32)
    told = report_tools_request_message(ToolsToReport("docs", {"read": declared}))
    tool.ask(tool.trust.ReportTools, told)
    task = planner.grant(READ, DOCS)
    assert reason(ruled, task, "crm", "read") is None
    question = task.question("docs", "read", {})
    message = request_approval_message(
        ApprovalWanted(question.token, question.proof, "docs", "read", question.arguments_json)
    )
    assert planner.ask(planner.approvals.RequestApproval, message).HasField("request")


@pytest.mark.spec("T-43")
@pytest.mark.parametrize(
    "fields",
    [
        {"declared_effects": [7]},
        {"declared_effects": [2, 1]},
        {"declared_effects": [1, 1]},
        {"declared_labels": ["Personal"]},
        {"declared_labels": ["secret", "personal"]},
        {"declared_labels": [f"label-{n:02}" for n in range(17)]},
        {"manifest_digest": b"\1" * 31},
    ],
)
def test_what_a_service_does_not_understand_of_a_declaration_is_no_question(start, fields):
    ruled = start()
    task = ruled.as_("agent/planner").grant(DOCS)
    message = authorize_request_message(task.question("docs", "read", {}))
    for name, value in fields.items():
        if isinstance(value, bytes):
            setattr(message, name, value)
        else:
            getattr(message, name).extend(value)
    tool = ruled.as_("tool/all")
    with pytest.raises(InvalidRequest):
        tool.ask(tool.authorization.Authorize, message)
