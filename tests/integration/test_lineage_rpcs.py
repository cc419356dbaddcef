"""LineageService: what is recorded, for those whose business it is; for others it does not exist."""

from __future__ import annotations

import pytest

from delegation.core.scope import SERVICE_AUDIENCE, any_call
from delegation.errors import InvalidRequest, NotFound, PermissionDenied, Reason
from delegation.v1 import lineage_service_pb2 as pb
from delegation.wire.lineage import PageRequest
from support.caller import links_of, nonce, now_ms, parse_token
from support.server import spiffe_id

READ, REFUND = any_call("files", "read"), any_call("billing", "refund")


@pytest.fixture(scope="module")
def story(as_):
    """A task with a handoff to `agent/plain`, a permitted and a refused call, and an unrelated task."""
    planner = as_("agent/planner")
    task = planner.grant(READ, REFUND)
    child = planner.hand_off(task, "agent/plain")
    permitted = as_("tool/files").decide(child, "files", "read", {})
    refused = as_("tool/files").decide(child, "files", "write", {})
    paid = as_("tool/billing").decide(child, "billing", "refund", {})
    other = as_("agent/elsewhere").grant(READ)
    return {"task": task, "child": child, "permitted": permitted, "refused": refused, "paid": paid, "other": other}


@pytest.mark.parametrize("who", ["agent/planner", "agent/plain", "auditor/ada", "developer"])
def test_a_task_is_seen_by_those_who_have_a_part_in_it_and_by_auditors(as_, story, who):
    task, links = as_(who).task(story["task"].task_id)
    assert task.purpose == "look things up"
    assert task.holder_agent == spiffe_id("agent/planner")
    assert [link.link_id for link in links] == [link.link_id for link in links_of(story["child"].token)]
    assert links[1].parent_link_id == links[0].link_id
    assert (links[1].payload, links[1].signature) == parse_token(story["child"].token).frames[1][:2]
    assert not any(link.revoked for link in links)


@pytest.mark.parametrize("who", ["agent/other", "agent/elsewhere"])
def test_to_everybody_else_there_is_no_such_task_nor_chain(as_, story, who):
    with pytest.raises(NotFound):
        as_(who).task(story["task"].task_id)
    with pytest.raises(NotFound):
        as_(who).chain(story["child"].leaf.link_id)


def test_a_tool_asks_for_calls_and_not_for_tasks(as_, story):
    with pytest.raises(PermissionDenied):
        as_("tool/files").task(story["task"].task_id)
    with pytest.raises(PermissionDenied):
        as_("tool/files").chain(story["child"].leaf.link_id)


def test_a_chain_is_given_with_its_receipt(as_, story):
    token = as_("agent/plain").chain(story["child"].leaf.link_id)
    assert token == story["child"].token


def test_an_agent_lists_the_tasks_in_which_it_has_a_part(as_, story):
    tasks, _ = as_("agent/plain").tasks(page=PageRequest(500))
    ids = {task.task_id for task in tasks}
    assert story["task"].task_id in ids
    assert story["other"].task_id not in ids


def test_an_auditor_lists_all_tasks(as_, story):
    ids = set()
    cursor = None
    while True:
        tasks, cursor = as_("auditor/ada").tasks(page=PageRequest(100, cursor))
        ids |= {task.task_id for task in tasks}
        if cursor is None:
            break
    assert {story["task"].task_id, story["other"].task_id} <= ids


def test_tasks_are_listed_newest_first_page_by_page_without_repetition(as_):
    agent = as_(f"agent/pages-{now_ms()}")
    made = [agent.grant(READ).task_id for _ in range(5)]
    first, cursor = agent.tasks(page=PageRequest(2))
    second, cursor = agent.tasks(page=PageRequest(2, cursor))
    third, end = agent.tasks(page=PageRequest(2, cursor))
    listed = [task.task_id for task in (*first, *second, *third)]
    assert sorted(listed) == sorted(made)
    assert [identity[:6] for identity in listed] == sorted((identity[:6] for identity in listed), reverse=True)
    assert end is None


def test_only_active_tasks_are_listed_if_that_is_asked(as_):
    agent = as_(f"agent/active-{now_ms()}")
    over, active = agent.grant(READ), agent.grant(READ)
    agent.complete(over, proof=over.proof(SERVICE_AUDIENCE, "complete_task", {"task_id": over.task_id.hex()}))
    assert [task.task_id for task in agent.tasks(active_only=True)[0]] == [active.task_id]


def test_a_tool_sees_the_calls_of_its_own_audiences(as_, story):
    calls, _ = as_("tool/files").calls(page=PageRequest(500))
    assert {call.audience for call in calls} == {"files"}
    ids = {call.call_id for call in calls}
    assert {story["permitted"].call_id, story["refused"].call_id} <= ids
    assert as_("tool/files").calls(audience="billing")[0] == ()
    with pytest.raises(NotFound):
        as_("tool/files").explain(story["paid"].call_id)


def test_an_agent_sees_its_own_calls_and_all_of_a_task_that_it_has_a_part_in(as_, story):
    own, _ = as_("agent/plain").calls(page=PageRequest(500))
    assert {call.agent for call in own} == {spiffe_id("agent/plain")}
    whole, _ = as_("agent/plain").calls(task_id=story["task"].task_id)
    assert {call.call_id for call in whole} == {story[name].call_id for name in ("permitted", "refused", "paid")}


def test_an_agent_sees_no_call_of_others(as_, story):
    assert as_("agent/other").calls()[0] == ()
    assert as_("agent/other").calls(task_id=story["task"].task_id)[0] == ()
    with pytest.raises(NotFound):
        as_("agent/other").calls(agent=spiffe_id("agent/plain"))
    with pytest.raises(NotFound):
        as_("agent/other").explain(story["permitted"].call_id)


def test_calls_are_filtered_by_what_was_decided(as_, story):
    auditor = as_("auditor/ada")
    (refused,), _ = auditor.calls(task_id=story["task"].task_id, allowed=False)
    assert refused.call_id == story["refused"].call_id
    assert refused.refusal.reason is Reason.TOOL_NOT_PERMITTED
    permitted, _ = auditor.calls(task_id=story["task"].task_id, allowed=True, tool="read")
    assert [call.call_id for call in permitted] == [story["permitted"].call_id]


def test_a_call_is_explained_with_task_and_chain(as_, story):
    explained = as_("agent/planner").explain(story["refused"].call_id)
    assert explained.call.refusal.link_index == 0
    assert explained.task.task_id == story["task"].task_id
    assert [link.index for link in explained.links] == [0, 1]


def test_ids_that_are_none_are_refused(operator):
    with pytest.raises(InvalidRequest):
        operator.task(b"short")
    with pytest.raises(InvalidRequest):
        operator.chain(b"short")
    with pytest.raises(NotFound):
        operator.explain(nonce())


@pytest.mark.parametrize("token", ["not base64!", "a", "A" * 300, "ä"], ids=["text", "cut", "long", "not ASCII"])
def test_a_page_token_that_was_never_given_out_is_refused(operator, token):
    with pytest.raises(InvalidRequest):
        operator.ask(operator.lineage.ListTasks, pb.ListTasksRequest(page_token=token))
    with pytest.raises(InvalidRequest):
        operator.ask(operator.lineage.SearchCalls, pb.SearchCallsRequest(page_token=token))


def test_a_page_of_more_than_500_is_refused(operator):
    with pytest.raises(InvalidRequest):
        operator.calls(page=PageRequest(501))


def test_an_approver_alone_sees_no_calls(tmp_path):
    from support.caller import Caller
    from support.server import identity, running_server

    with (
        running_server(tmp_path, identities=[identity("person/eve", "approver")]) as server,
        Caller.of(server, "person/eve") as eve,
        pytest.raises(PermissionDenied),
    ):
        eve.calls()
