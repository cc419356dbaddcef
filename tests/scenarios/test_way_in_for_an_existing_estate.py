"""Agents that know nothing of delegations call tools that are put behind guards: first observed, then enforced."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re

import pytest
from mcp import Client as McpClient

from delegation.app.development import development_keys
from delegation.cli import exit_codes, main
from delegation.core.observation import Observation
from delegation.errors import Reason
from delegation.server.catalogue_file import load_catalogue
from delegation_sdk import Client, Scope, any_call
from delegation_sdk.integrations.mcp_client import observed_in, refusal_in
from support.office import TOOLS, entry, running_office

OBSERVED = ("docs.read", "docs.search", "mail.send")
READ_AND_SEND = Scope(any_call("docs", "read"), any_call("mail", "send"))


def catalogue(*observed: str) -> str:
    """Write the office's catalogue with some tools under observation for an hour."""
    until = (dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    entries = (
        entry(name, **says) + (f"observe_until = {until}\n" if name in observed else "") for name, says in TOOLS.items()
    )
    return "\n".join(entries)


@pytest.fixture(scope="module")
def estate(tmp_path_factory):
    """An office some of whose tools are under observation."""
    directory = tmp_path_factory.mktemp("estate")
    with (
        running_office(directory, catalogue=catalogue(*OBSERVED)) as office,
        office.tools("docs", "mail", "payments") as office.urls,
    ):
        yield office


async def called(url, tool, **arguments):
    """Call a tool as a client does that has never heard of delegations."""
    async with McpClient(url) as client:
        return await client.call_tool(tool, arguments)


def ran(office, tool):
    """With what a tool has run without anybody's authority."""
    lines = map(json.loads, office.ledger.read_text().splitlines())
    return [line for line in lines if line["tool"] == tool and not line["task"]]


def counted(office, capfd):
    """What `delegation calls --observed --summary` counts: how many calls, by tool and reason."""
    capfd.readouterr()
    profile = str(office.server.profile())
    assert main(["calls", "--observed", "--summary", "--json", "--profile", profile]) == exit_codes.OK
    said = json.loads(capfd.readouterr().out)
    return {(each["tool"], each["reason"]): each["calls"] for each in said["counts"]}


async def until(done):
    """Wait for what happens in the background: guards deliver records, a service takes another bundle."""
    async with asyncio.timeout(30):
        while not (found := await asyncio.to_thread(done)):  # noqa: ASYNC110 - it is another process that goes on
            await asyncio.sleep(0.05)
        return found


async def recorded(office, tool, count, *, ended=False):
    """Wait for the records of a tool's observed calls, and for the outcome of the last."""

    def there():
        calls = observed_calls(office, tool)
        return calls if len(calls) >= count and (calls[0].outcome or not ended) else None

    return await until(there)


def observed_calls(office, tool):
    audience, _, name = tool.partition(".")
    with Client.connect(office.server.profile()) as client:
        return client.lineage.search_calls(audience=audience, tool=name, observed=True).items


@pytest.mark.spec("A-28", "A-29", "T-41", "T-42")
async def test_an_existing_client_works_while_its_tools_are_observed_and_is_recorded(estate):
    result = await called(estate.urls["docs"], "read", name="ann")
    assert result.content[0].text == "ann lives in Elm Street"
    assert observed_in(result) is Reason.CHAIN_MISSING
    assert ran(estate, "docs.read")[-1]["name"] == "ann"
    (call, *_) = await recorded(estate, "docs.read", 1, ended=True)
    assert (call.refusal.reason, call.observed, call.task_id) == (Reason.CHAIN_MISSING, Observation.LISTED, None)
    assert (call.outcome, call.ran, call.allowed) == ("ok", True, False)


async def test_the_tool_beside_that_is_enforced_refuses_it(estate):
    result = await called(estate.urls["payments"], "refund", order="o-1", amount=5)
    assert refusal_in(result).reason is Reason.CHAIN_MISSING
    assert observed_in(result) is None
    assert ran(estate, "payments.refund") == []


async def test_benign_what_is_permitted_is_as_ever_where_tools_are_observed(estate):
    async with estate.visit() as visit:
        clerk = await visit.agent()
        async with clerk.task("Look a customer up", scope=READ_AND_SEND) as task:
            result = await visit.call(task, "docs.read", name="ben")
            assert observed_in(result) is None
            assert estate.done(task, "docs.read") == [{"name": "ben"}]
            assert [call.allowed for call in (await clerk.lineage.search_calls(task_id=task.task_id)).items] == [True]


@pytest.mark.spec("A-30")
async def test_what_was_read_under_observation_is_known_where_tools_are_enforced(tmp_path):
    """Reading is not in the scope, but runs; sending would be, and is refused for what was read."""
    with running_office(tmp_path, catalogue=catalogue("docs.read")) as office, office.tools("docs", "mail") as urls:
        async with office.visit(urls) as visit:
            clerk = await visit.agent()
            async with clerk.task("Write to a customer", scope=Scope(any_call("mail", "send"))) as task:
                await visit.run(task, "mail.send", to="ann@acme.example", text="hello")
                result = await visit.call(task, "docs.read", name="ann")
                assert observed_in(result) is Reason.TOOL_NOT_PERMITTED
                refused = await visit.refusal(task, "mail.send", to="eve@elsewhere.example", text="Elm Street")
                assert refused.reason is Reason.APPROVAL_REQUIRED
                (_, read, _) = (await clerk.lineage.search_calls(task_id=task.task_id)).items
                assert (read.observed, read.agent) == (Observation.LISTED, task.agent)


@pytest.mark.spec("A-30")
async def test_benign_what_nobody_in_the_task_has_read_taints_nothing(tmp_path):
    with running_office(tmp_path, catalogue=catalogue("docs.read")) as office, office.tools("docs", "mail") as urls:
        async with office.visit(urls) as visit:
            clerk = await visit.agent()
            async with clerk.task("Write to a customer", scope=Scope(any_call("mail", "send"))) as task:
                assert observed_in(await called(urls["docs"], "read", name="ann")) is Reason.CHAIN_MISSING
                await recorded(office, "docs.read", 1)
                await visit.run(task, "mail.send", to="ann@acme.example", text="hello")


async def test_the_operator_looks_gives_delegations_and_enforces(tmp_path, capfd):
    with running_office(tmp_path, catalogue=catalogue(*OBSERVED)) as office:
        with office.tools("docs") as urls:
            for name in ("ann", "ben"):
                await called(urls["docs"], "read", name=name)
            await recorded(office, "docs.read", 2)
        # What would be refused, and why:
        counts = await asyncio.to_thread(counted, office, capfd)
        assert counts == {("docs.read", "chain_missing"): 2}
        # The operator enforces, and signs the catalogue anew.
        office.catalogue.write_text(catalogue())
        await asyncio.to_thread(development_keys, office.server.application.config, load_catalogue(office.catalogue))
        office.server.application.look_at_keys()
        trust = office.server.application._parts.trust
        await until(lambda: not trust.in_use.trust.catalogue.find("docs", "read").observe_until_ms)
        with office.tools("docs") as urls:
            # The client without a delegation is refused, …
            result = await called(urls["docs"], "read", name="eve")
            assert refusal_in(result).reason is Reason.CHAIN_MISSING
            assert [each["name"] for each in ran(office, "docs.read")] == ["ann", "ben"]
            # … and the one that was given one works.
            async with office.visit(urls) as visit:
                clerk = await visit.agent()
                async with clerk.task("Look a customer up", scope=READ_AND_SEND) as task:
                    await visit.run(task, "docs.read", name="ann")
        assert await asyncio.to_thread(counted, office, capfd) == counts


async def test_people_read_the_same_from_calls_and_why(estate, capfd):
    await called(estate.urls["docs"], "search", words="hours")
    (call, *_) = await recorded(estate, "docs.search", 1)
    profile = ["--profile", str(estate.server.profile())]

    def shown(*command):
        capfd.readouterr()
        assert main([*command, *profile]) == exit_codes.OK
        return capfd.readouterr().out

    listed = await asyncio.to_thread(shown, "calls", "--observed", "--tool", "search")
    assert re.search(rf"^~ .*{call.call_id.hex()}  docs\.search .*chain_missing", listed, re.MULTILINE)
    why = await asyncio.to_thread(shown, "why", call.call_id.hex())
    assert "ran under observation, is refused: chain_missing" in why
    assert "by the operator's catalogue" in why
    summed = await asyncio.to_thread(shown, "calls", "--observed", "--summary", "--tool", "search")
    assert re.search(r"^~ +1  docs\.search  would be refused: chain_missing, ran$", summed, re.MULTILINE)
    assert "by nobody known" in summed
