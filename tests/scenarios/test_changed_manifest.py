"""A tool that won trust tells models something else later: it is noticed, and does not run until somebody looks."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from delegation.cli import exit_codes, main
from delegation_sdk import Client, Reason, Scope, any_call
from support.office import OLGA, running_office

SCOPE = Scope(any_call("docs", "read"), any_call("docs", "search"))


def tools_import(url, catalogue, *options):
    """Run `delegation tools import`; give its exit code."""
    return main(["tools", "import", "--audience", "docs", "--catalogue", str(catalogue), *options, "--", url])


@pytest.fixture(scope="module")
def pinned(office, tmp_path_factory):
    """The catalogue with the tools as they were looked at; `docs.read` does not run as another one."""
    file = tmp_path_factory.mktemp("pinned") / "tools.toml"
    text = office.catalogue.read_text()
    assert tools_import(office.urls["docs"], _written(file, text)) == exit_codes.OK
    personal = 'labels = ["personal"]\n'
    return _written(file, file.read_text().replace(personal, f"{personal}manifest_required = true\n"))


@pytest.fixture(scope="module")
def careful(pinned, tmp_path_factory):
    """An office with that catalogue."""
    with running_office(tmp_path_factory.mktemp("careful"), catalogue=pinned.read_text()) as office:
        yield office


@pytest.fixture(scope="module")
def changed(careful):
    """Where its changed tools are."""
    with careful.tools("docs", options=("--changed",)) as urls:
        yield urls


def _written(file, text):
    file.write_text(text)
    return file


async def test_a_tool_that_has_changed_does_not_run(careful, changed):
    async with careful.visit(changed) as visit:
        planner = await visit.agent()
        async with planner.task("Look a customer up", scope=SCOPE) as task:
            refused = await visit.refusal(task, "docs.read", name="ann")
            assert refused.reason is Reason.POLICY_DENIED
            assert careful.done(task, "docs.read") == []
            await visit.run(task, "docs.search", words="hours")  # the same server's other tool is as it was


async def test_benign_the_tool_that_was_looked_at_runs(careful):
    with careful.tools("docs") as urls:
        async with careful.visit(urls) as visit:
            planner = await visit.agent()
            async with planner.task("Look a customer up", scope=SCOPE) as task:
                await visit.run(task, "docs.read", name="ann")
                assert careful.done(task, "docs.read") == [{"name": "ann"}]


def test_the_check_tells_of_the_changed_tool_alone(office, changed, pinned, capfd):
    assert tools_import(office.urls["docs"], pinned, "--check") == exit_codes.OK
    before = pinned.read_text()
    capfd.readouterr()
    assert tools_import(changed["docs"], pinned, "--check") == exit_codes.REFUSED
    told = capfd.readouterr().out
    assert "changed read" in told
    assert "changed search" not in told
    assert pinned.read_text() == before


async def test_benign_the_changed_tool_runs_when_somebody_has_accepted_it(changed, pinned, tmp_path):
    accepted = _written(tmp_path / "accepted.toml", pinned.read_text())
    assert await asyncio.to_thread(tools_import, changed["docs"], accepted, "--accept-changes") == exit_codes.OK
    with (
        running_office(tmp_path, catalogue=accepted.read_text()) as office,
        office.tools("docs", options=("--changed",)) as urls,
    ):
        async with office.visit(urls) as visit:
            planner = await visit.agent()
            async with planner.task("Look a customer up", scope=SCOPE) as task:
                await visit.run(task, "docs.read", name="ann")
                assert office.done(task, "docs.read") == [{"name": "ann"}]


def differences(office, tool):
    """Tell how a tool of the office is not as the catalogue has it, as `delegation tools reported` does."""
    with Client.connect(office.server.profile(OLGA)) as operator:
        reports = [each for each in operator.tool_reports() if (each.audience, each.tool) == ("docs", tool)]
    return [list(map(str, each.differences)) for each in reports]


async def until_differing(office, tool, expected):
    """The tool's guard tells the service in the background."""
    with anyio.fail_after(60):
        while (found := await asyncio.to_thread(differences, office, tool)) != [expected]:
            assert len(found) <= 1
            await anyio.sleep(0.1)


def reported(office):
    """Run `delegation tools reported`; give its exit code."""
    return main(["tools", "reported", "--audience", "docs", "--profile", str(office.server.profile(OLGA))])


async def test_the_service_is_told_of_a_tool_that_comes_back_as_another_one(careful, capfd):
    for options, expected, code in [
        ((), [], exit_codes.OK),
        (("--changed",), ["changed"], exit_codes.REFUSED),
        ((), [], exit_codes.OK),
    ]:
        with careful.tools("docs", options=options) as urls:
            async with careful.visit(urls) as visit:
                planner = await visit.agent()
                async with planner.task("Look a customer up", scope=SCOPE) as task:
                    await visit.run(task, "docs.search", words="hours")  # with the first call the tools are read
                await until_differing(careful, "read", expected)
        capfd.readouterr()
        assert await asyncio.to_thread(reported, careful) == code
        assert ("changed  docs.read" in capfd.readouterr().out) is bool(expected)
