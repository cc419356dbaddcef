"""What a permission demands of a tool: told to tools that promise it, and a refusal for all others."""

from __future__ import annotations

import pytest

from delegation.core.scope import any_call
from delegation.errors import ConfigError, InvalidRequest, PolicyDenied, Reason
from delegation.wire.authorization import Decision
from delegation_sdk import Guard
from delegation_sdk.carriage import Carriage
from integration.policy.conftest import PERMIT

READ, DOCS = any_call("crm", "read"), any_call("docs", "read")
REDACTED = (
    '@id("others") permit (principal, action, resource) unless { context.labels.contains("personal") };\n'
    '@id("given") permit (principal, action in [Action::"grant", Action::"handOff"], resource);\n'
    '@id("redacted") @obligation("redact") permit (principal, action == Action::"call", resource)'
    ' when { context.labels.contains("personal") };\n'
)


@pytest.mark.spec("A-27")
def test_only_a_tool_that_redacts_is_permitted_what_has_to_be_redacted(start):
    ruled = start(REDACTED)
    task, tool = ruled.as_("agent/planner").grant(READ, DOCS), ruled.as_("tool/all")
    refused = tool.decide(task, "crm", "read", {}, fulfils=("notify",)).refusal
    assert (refused.reason, refused.field) == (Reason.POLICY_DENIED, "redacted")
    assert refused.detail == "the tool does not promise what the permission demands: redact"
    question = task.question("crm", "read", {}, fulfils=("notify", "redact"))
    decision = tool.decide_question(question)
    assert (decision.refusal, decision.obligations) == (None, ("redact",))
    assert tool.decide_question(question) == decision  # and again, as it was
    assert ruled.as_("developer").explain(decision.call_id).call.rules == ("redacted",)
    assert tool.decide(task, "docs", "read", {}).obligations == ()


def test_nonsense_is_no_promise(start):
    ruled = start(REDACTED)
    task, tool = ruled.as_("agent/planner").grant(READ), ruled.as_("tool/all")
    for nonsense in (("",), ("re\0dact",), ("redact",) * 17):
        with pytest.raises(InvalidRequest):
            tool.decide(task, "crm", "read", {}, fulfils=nonsense)


def carried(task):
    return Carriage(task.token, task.proof("crm", "read", {}))


def test_a_guard_tells_its_tool_what_is_demanded(start):
    ruled = start(REDACTED)
    task = ruled.as_("agent/planner").grant(READ)
    with_promise = Guard.connect("crm", ruled.server.profile("tool/crm"), fulfils=["redact"])
    without = Guard.connect("crm", ruled.server.profile("tool/crm"))
    try:
        assert with_promise.authorize(carried(task), "read", {}).obligations == ("redact",)
        with pytest.raises(PolicyDenied):
            without.authorize(carried(task), "read", {})
    finally:
        with_promise.close()
        without.close()
    with pytest.raises(ConfigError, match="shred is no obligation: it is one of notify, redact"):
        Guard.connect("crm", ruled.server.profile("tool/crm"), fulfils=["shred"])


@pytest.mark.spec("A-27")
def test_a_guard_refuses_a_permission_that_demands_what_it_has_not_promised(start, monkeypatch):
    ruled = start(PERMIT)
    task = ruled.as_("agent/planner").grant(READ)
    guard = Guard.connect("crm", ruled.server.profile("tool/crm"), fulfils=["notify"])
    asked = type(guard._ports.online).authorize

    def demanding(self, call):
        decision = asked(self, call)
        return Decision(decision.call_id, decision.decided_at_ms, None, ("redact",))

    monkeypatch.setattr(type(guard._ports.online), "authorize", demanding)
    try:
        with pytest.raises(PolicyDenied, match="does not promise"):
            guard.authorize(carried(task), "read", {})
    finally:
        guard.close()
