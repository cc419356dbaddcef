"""Certificate files that rotate under clients and guards that go on: nothing is restarted, no call fails."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from pathlib import Path

import pytest

from certificates import now
from delegation.app.development import development_ca
from delegation.errors import Reason, ServiceUnavailable, Undecided
from delegation_sdk import AsyncClient, Client, Guard, Scope, tool, under
from support.load import Load, until
from support.server import running_server, spiffe_id

SCOPE = Scope(tool("files", "read", path=under("/srv")))
SHORT = dt.timedelta(seconds=8)
"""So long does the first certificate live: whoever does not follow is refused before the test has ended."""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("certificates")) as running:
        yield running


class Files:
    """The certificate files of one client."""

    def __init__(self, server, path: str) -> None:
        self.profile: Path = server.profile(path)
        self._id = spiffe_id(path)
        self._ca = development_ca(server.application.config)

    def rotate(self, lifetime: dt.timedelta = dt.timedelta(hours=1)) -> None:
        """Put a new key and certificate in the place of the former, one after the other."""
        self._ca.issue(self._id, now=now(), lifetime=lifetime).write(self.profile.parent, "client")


def read(guard, task) -> None:
    with task.call("files", "read", {"path": "/srv/a"}) as call:
        guard.authorize(call.carriage, "read", {"path": "/srv/a"})


def test_no_call_of_a_client_or_a_guard_fails_while_their_files_rotate(server):
    planner, files = Files(server, "agent/planner"), Files(server, "tool/files")
    for each in (planner, files):
        each.rotate(SHORT)
    began = time.monotonic()
    with (
        Client.connect(planner.profile) as client,
        Guard.connect("files", files.profile) as guard,
        client.task("look things up", scope=SCOPE) as task,
    ):
        generations = client._transport.channel.generations

        def journey() -> None:
            client.begin_task("look things up", scope=SCOPE).complete()

        with Load(journey, journey, lambda: read(guard, task)) as load:
            for _ in range(3):
                used = generations.newest
                for each in (planner, files):
                    each.rotate()
                until(lambda used=used: generations.newest is not used or load.failed)
                load.goes_on()
            until(lambda: time.monotonic() - began > SHORT.total_seconds() + 2 or load.failed)
            load.goes_on(20)
        assert load.failed == []
        until(lambda: len(generations._in_use) == 1)


async def test_no_call_of_asyncio_fails_either(server):
    files = Files(server, "agent/asyncio")
    files.rotate(SHORT)
    began = time.monotonic()
    async with AsyncClient.connect(files.profile) as client:
        made = 0
        while time.monotonic() - began < SHORT.total_seconds() + 2:
            task = await client.begin_task("look things up", scope=SCOPE)
            await task.complete()
            made += 1
            if made in {1, 20, 40}:
                await asyncio.to_thread(files.rotate)
        assert made > 40


def test_who_calls_after_closing_is_told_so_by_an_error_of_the_tree(server):
    client = Client.connect(server.profile("agent/planner"))
    client.close()
    with pytest.raises(ServiceUnavailable, match="closed in this program"):
        client.begin_task("look things up", scope=SCOPE)


async def test_so_it_is_for_asyncio(server):
    client = AsyncClient.connect(server.profile("agent/planner"))
    await client.close()
    with pytest.raises(ServiceUnavailable, match="closed in this program"):
        await client.begin_task("look things up", scope=SCOPE)


def test_a_guard_that_was_closed_denies_and_takes_it_for_no_defect(server, caplog):
    with Client.connect(server.profile("agent/planner")) as client:
        task = client.begin_task("look things up", scope=SCOPE)
        guard = Guard.connect("files", server.profile("tool/files"))
        guard.close()
        with pytest.raises(Undecided) as denied:
            read(guard, task)
    assert denied.value.reason is Reason.SERVICE_UNAVAILABLE
    assert "a defect" not in caplog.text
