"""A decision point in the place of rules: it is asked about grants, handoffs and calls, and what it says counts."""

from __future__ import annotations

import hashlib

import pytest

from delegation.core.conditions import approved_by, at_most_calls
from delegation.core.declaration import NOTHING_DECLARED, Declaration
from delegation.core.scope import SERVICE_AUDIENCE, Scope, any_call
from delegation.core.trust import Effect
from delegation.errors import PolicyDenied, Reason
from delegation.policy.vocabulary import OF_THE_AGENT
from delegation.service.rules_elsewhere import RulesElsewhere
from delegation.wire.renewals import RenewRequest, read_replaced, renew_request_message
from integration.decision_point.conftest import DOCS, READ, SEND, no_leak, said_no
from support.caller import GuardRecords, decided, new_key
from support.decision_point import told
from support.server import spiffe_id

EXTERNAL = Declaration(frozenset({Effect.EXTERNAL}))


@pytest.mark.spec("A-39")
def test_a_call_is_permitted_or_refused_as_it_says(start, database):
    asking = start(**database)
    asking.point.decide = lambda asked: told(asked).get("arguments", {}).get("to") != "mallory"
    task = asking.planner.grant(SEND)
    assert asking.refusal(task, "mail.send", to="ann") is None
    refused = asking.refusal(task, "mail.send", to="mallory")
    assert (refused.reason, refused.field, refused.detail) == (
        Reason.POLICY_DENIED,
        "authzen",
        "the decision point forbids it",
    )


@pytest.mark.spec("A-39")
def test_what_it_is_told_is_the_state_that_the_call_is_decided_on(start, database):
    asking = start(**database)
    task = asking.planner.grant(READ, SEND)
    assert asking.refusal(task, "crm.read") is None
    assert asking.refusal(task, "mail.send", to="ann") is None
    assert [asked.tool for asked in asking.point.asked[2:]] == ["crm.read", "mail.send"]  # after those of the grant
    before, after = (asked.told for asked in asking.point.asked[2:])
    assert (before["taskLabels"], before["taskCalls"], before["agentCalls"]) == ([], 0, 0)
    assert (after["taskLabels"], after["taskCalls"], after["agentCalls"]) == (["personal"], 1, 1)
    assert (after["taskTools"], after["arguments"]) == (["crm.read"], {"to": "ann"})


@pytest.mark.spec("A-38")
def test_of_agents_it_is_told_nothing_where_nothing_is_kept(start, database):
    asking = start(sessions={"agents_remembered_ms": 0}, **database)
    task = asking.planner.grant(DOCS)
    asking.planner.hand_off(task, "agent/worker")
    assert asking.refusal(task, "docs.read") is None
    assert len(asking.point.asked) == 3
    assert not [word for asked in asking.point.asked for word in asked.told if word in OF_THE_AGENT]


def test_each_call_is_asked_about_once(start, database):
    asking = start(**database)
    task = asking.planner.grant(SEND)
    for _ in range(3):
        assert asking.refusal(task, "mail.send") is None
    assert asking.point.tools() == ["mail.send"] * 3


def test_the_shipped_rules_do_not_count_any_more(start):
    asking = start()
    task = asking.planner.grant(READ, SEND)
    assert asking.refusal(task, "crm.read") is None
    assert asking.refusal(task, "mail.send") is None  # a leak, and theirs to forbid
    asking.point.decide = no_leak
    said_no(asking.refusal(task, "mail.send"))


def test_every_record_names_it_by_the_digest_of_its_address(start):
    asking = start()
    task = asking.planner.grant(SEND)
    assert asking.refusal(task, "mail.send") is None
    asking.point.decide = lambda _: False
    assert asking.refusal(task, "mail.send")
    denied, permitted = asking.records(task)
    digest = hashlib.sha256(asking.point.url.encode()).digest()
    assert {denied.policy_digest, permitted.policy_digest} == {digest}
    assert (denied.rules, permitted.rules) == (("authzen",), ())


def test_what_is_refused_anyway_nobody_is_asked_about(start):
    asking = start()
    task = asking.planner.grant(any_call("mail", "send", at_most_calls(1)))
    assert asking.refusal(task, "mail.send") is None
    assert asking.refusal(task, "mail.send").reason is Reason.CALLS_EXHAUSTED
    assert asking.refusal(task, "docs.read").reason is Reason.TOOL_NOT_PERMITTED
    assert asking.point.tools() == ["mail.send"]


def test_the_same_question_again_gets_the_same_decision(start, database):
    asking = start(**database)
    task = asking.planner.grant(SEND)
    question = task.question("mail", "send", {})
    first = asking.as_("tool/all").decide_question(question)
    asking.point.decide = lambda _: False
    assert asking.as_("tool/all").decide_question(question).call_id == first.call_id
    replayed = asking.as_("tool/other").decide_question(question)
    assert replayed.refusal.reason in (Reason.PROOF_REPLAYED, Reason.POLICY_DENIED)


# -- obligations


def obliges(*names):
    return lambda _: {"decision": True, "context": {"obligations": list(names)}}


def test_an_obligation_is_told_to_the_tool_that_promises_it(start):
    asking = start()
    task = asking.planner.grant(SEND)
    asking.point.decide = obliges("redact", "notify")
    tool = asking.as_("tool/all")
    permitted = tool.decide(task, "mail", "send", {}, fulfils=("notify", "redact"))
    assert (permitted.refusal, set(permitted.obligations)) == (None, {"notify", "redact"})
    assert "does not promise" in said_no(tool.decide(task, "mail", "send", {}, fulfils=("notify",)).refusal)


def test_an_obligation_that_nobody_knows_is_a_denial(start):
    asking = start()
    task = asking.planner.grant(SEND)
    asking.point.decide = obliges("encrypt")
    assert said_no(asking.refusal(task, "mail.send")).endswith("demands something that is not known here")


# -- conditions of the chain


def test_an_approval_that_the_chain_demands_it_does_not_replace(start):
    asking = start()
    ann = spiffe_id("person/ann")
    task = asking.planner.grant(any_call("mail", "send", approved_by(ann)))
    refused = asking.refusal(task, "mail.send")
    assert (refused.reason, bool(refused.approval_request_id)) == (Reason.APPROVAL_REQUIRED, True)  # ann is asked
    asking.point.decide = lambda _: False
    said_no(asking.refusal(task, "mail.send"))


@pytest.mark.spec("T-43")
@pytest.mark.parametrize(("declared", "permitted"), [(EXTERNAL, False), (NOTHING_DECLARED, True)])
def test_what_a_tool_declares_is_asked_about_too_and_the_stricter_answer_counts(start, declared, permitted):
    asking = start()
    task = asking.planner.grant(READ, DOCS)
    tool = asking.as_("tool/all")
    assert tool.decide(task, "crm", "read", {}).refusal is None
    asking.point.decide = no_leak
    asking.point.asked.clear()
    assert (tool.decide(task, "docs", "read", {}, declared=declared).refusal is None) == permitted
    effects = [asked.told["effects"] for asked in asking.point.asked]
    assert effects == ([["read"]] if permitted else [["external", "read"], ["read"]])


def test_a_tool_that_declares_what_is_known_anyway_stops_nothing(start):
    asking = start()
    task = asking.planner.grant(READ, DOCS)
    tool = asking.as_("tool/all")
    assert tool.decide(task, "crm", "read", {}).refusal is None
    personal = Declaration(labels=frozenset({"personal"}))
    for _ in range(2):
        assert tool.decide(task, "docs", "read", {}, declared=personal).refusal is None


# -- scopes


def test_a_grant_is_asked_about_tool_by_tool(start):
    asking = start()
    asking.point.decide = lambda asked: asked["resource"]["id"] != "mail.send"
    with pytest.raises(PolicyDenied) as refused:
        asking.planner.grant(READ, SEND, DOCS)
    assert refused.value.detail == "mail.send: the decision point forbids it"
    assert asking.planner.grant(READ, DOCS)
    asked = [each for each in asking.point.asked if each.request["action"]["name"] == "grant"]
    assert sorted(asked[-1].told["scope"]) == ["crm.read", "docs.read"]


def test_a_handoff_is_asked_about_on_what_the_task_has_read(start, database):
    asking = start(**database)
    task = asking.planner.grant(READ, SEND, DOCS)
    asking.point.decide = no_leak
    assert asking.planner.hand_off(task, "agent/early")
    assert asking.refusal(task, "crm.read") is None
    with pytest.raises(PolicyDenied) as refused:
        asking.planner.hand_off(task, "agent/late")
    assert (refused.value.link_index, refused.value.detail) == (1, "mail.send: the decision point forbids it")
    assert asking.planner.hand_off(task, "agent/late", scope=Scope(READ, DOCS))


def test_a_batch_of_handoffs_is_recorded_whole_or_not_at_all(start):
    asking = start()
    task = asking.planner.grant(SEND, DOCS)
    children = [task.child(f"agent/worker-{number}") for number in range(8)]
    asking.point.decide = lambda asked: asked["subject"]["id"] != spiffe_id("agent/worker-7")
    with pytest.raises(PolicyDenied):
        asking.planner.record(*children)
    assert len(asking.planner.record(*children[:7])) == 7
    assert sorted({asked.request["subject"]["id"] for asked in asking.point.asked}) == sorted(
        {spiffe_id("agent/planner"), *(spiffe_id(f"agent/worker-{number}") for number in range(8))}
    )


def test_the_tools_of_one_scope_are_asked_about_side_by_side(start):
    asking = start()
    with asking.point.holding() as questions:
        granting = asking.workers.submit(asking.planner.grant, READ, SEND, DOCS)
        held = [questions.next() for _ in range(3)]  # all of them, though none was answered yet
        assert sorted(each.asked.tool for each in held) == ["crm.read", "docs.read", "mail.send"]
    assert granting.result(30)


def test_the_handoffs_of_one_request_are_asked_about_side_by_side(start):
    asking = start()
    task = asking.planner.grant(SEND)
    children = [task.child(f"agent/worker-{number}") for number in range(4)]
    with asking.point.holding() as questions:
        handing_on = asking.workers.submit(asking.planner.record, *children)
        for _ in children:
            questions.next()  # all of them, though none was answered yet
    assert len(handing_on.result(30)) == 4


def test_more_questions_than_a_request_may_cause_are_a_refusal(start, monkeypatch):
    asking = start()
    monkeypatch.setattr(RulesElsewhere, "scope_questions", 2)
    with pytest.raises(PolicyDenied, match="more than 2 tools"):
        asking.planner.grant(READ, SEND, DOCS)
    assert asking.planner.grant(READ, SEND)


def test_a_grant_that_would_be_refused_by_now_is_not_renewed(start):
    asking = start()
    task = asking.planner.grant(SEND)
    proof = task.proof(SERVICE_AUDIENCE, "renew", {"task_id": task.task_id.hex()})
    message = renew_request_message(RenewRequest(task.task_id, proof))
    asking.point.decide = lambda _: False
    with pytest.raises(PolicyDenied):
        asking.planner.ask(asking.planner.delegation.Renew, message)
    asking.point.decide = lambda _: True
    assert read_replaced(asking.planner.ask(asking.planner.delegation.Renew, message)).token


def test_a_handoff_that_nobody_told_is_asked_about_with_the_call(start):
    asking = start()
    task = asking.planner.grant(SEND, unrecorded_handoffs=True)
    child = task.child("agent/worker")
    asking.point.decide = lambda asked: asked["action"]["name"] != "handOff"
    said_no(asking.refusal(child, "mail.send"))
    asking.point.decide = lambda _: True
    assert asking.refusal(child, "mail.send") is None


def test_a_handoff_that_is_told_late_is_revoked_where_it_says_no(start):
    asking = start()
    task = asking.planner.grant(SEND, DOCS, unrecorded_handoffs=True)
    child = task.child("agent/worker")
    asking.point.decide = lambda asked: asked["action"]["name"] != "handOff"
    batch = GuardRecords(new_key()).batch(decided(child, "docs", "read", {}))
    assert asking.as_("tool/all").record_decisions(batch, [child.token]) == 2
    asking.point.decide = lambda _: True
    assert asking.refusal(child, "docs.read").reason is Reason.LINK_REVOKED
    assert asking.refusal(task, "docs.read") is None


def test_a_tool_that_development_meets_is_told_as_listed(start):
    asking = start()
    asking.point.decide = lambda asked: asked["resource"]["type"] == "tool"
    task = asking.planner.grant(any_call("web", "fetch"))
    assert asking.refusal(task, "web.fetch") is None
