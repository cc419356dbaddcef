"""Salami over tasks: mails of which every task sends a single one, so that no task sees how many there are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from delegation_sdk import Reason, Scope, any_call
from delegation_sdk.integrations.mcp_client import refusal_in
from support.office import AUDIENCES, Office, Visit, running_office

SEND, SEARCH = any_call("mail", "send"), any_call("docs", "search")
LETTER = {"to": "pat@elsewhere.example", "text": "Page 7 of 200"}
FIVE_MAILS = """
@id("five-mails")
forbid (principal, action == Action::"call", resource == Tool::"mail.send")
when { context.agentEffects.contains("external") && context.agentCalls >= 5 };
"""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    directory = tmp_path_factory.mktemp("office")
    with running_office(directory, rules=FIVE_MAILS) as office, office.tools(*AUDIENCES) as urls:
        office.urls = urls
        yield office


@pytest.fixture
async def visit(office: Office) -> AsyncIterator[Visit]:
    async with office.visit() as visit:
        yield visit


async def mail_in_a_task_of_its_own(visit, agent, *, by=None):
    """Mail; give the refusal, or None, and how many mails went out in this task."""
    async with agent.task("Send a letter", scope=Scope(SEND)) as task:
        holding = task if by is None else await task.hand_off(f"spiffe://test.example/{by}")
        refused = refusal_in(await visit.call(holding, "mail.send", **LETTER))
        return refused, len(visit.office.done(task, "mail.send"))


async def test_the_mails_of_one_agent_come_together_whatever_the_task(visit):
    clerk = await visit.agent()
    for _ in range(5):
        assert await mail_in_a_task_of_its_own(visit, clerk) == (None, 1)

    refused, sent = await mail_in_a_task_of_its_own(visit, clerk)
    assert (refused.reason, refused.field, sent) == (Reason.POLICY_DENIED, "five-mails", 0)


async def test_nor_does_it_help_to_send_each_through_another_name(visit, office):
    clerk = await visit.agent()
    for _ in range(5):
        assert await mail_in_a_task_of_its_own(visit, clerk, by=office.new_agent()) == (None, 1)

    refused, sent = await mail_in_a_task_of_its_own(visit, clerk, by=office.new_agent())
    assert (refused.reason, refused.field, sent) == (Reason.POLICY_DENIED, "five-mails", 0)


async def test_nor_to_send_them_all_at_once(visit):
    clerk = await visit.agent()
    results = await asyncio.gather(*(mail_in_a_task_of_its_own(visit, clerk) for _ in range(20)))
    assert sum(sent for _, sent in results) == sum(refused is None for refused, _ in results) == 5
    assert {refused.field for refused, _ in results if refused is not None} == {"five-mails"}


async def test_benign_five_mails_go_out_and_searching_goes_on(visit):
    clerk = await visit.agent()
    for _ in range(5):
        assert await mail_in_a_task_of_its_own(visit, clerk) == (None, 1)
    async with clerk.task("Look the hours up", scope=Scope(SEARCH)) as task:
        await visit.run(task, "docs.search", words="hours")


async def test_benign_who_has_searched_a_lot_mails(visit):
    clerk = await visit.agent()
    async with clerk.task("Look the hours up", scope=Scope(SEARCH)) as task:
        for _ in range(6):
            await visit.run(task, "docs.search", words="hours")
    assert await mail_in_a_task_of_its_own(visit, clerk) == (None, 1)


async def test_benign_another_agent_mails_meanwhile(visit):
    clerk, other = await visit.agent(), await visit.agent()
    for _ in range(5):
        assert await mail_in_a_task_of_its_own(visit, clerk) == (None, 1)
    assert await mail_in_a_task_of_its_own(visit, other) == (None, 1)
