"""An upgrade without a pause, as docs/operations.md describes it: the schema first, then one process after another.

Agents and a tool of the SDK work all the while, and none of their calls fails. Beside them a load writes that is
compared with the database in the end: nothing that was acknowledged is lost, or there twice.
"""

from __future__ import annotations

import io
import os
import secrets
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from delegation.cli import exit_codes, main
from delegation.errors import ServiceUnavailable
from delegation.storage.migrations import HEAD, revisions
from delegation_sdk import Client, Guard, Scope, any_call
from faults import load as writing
from faults.estate import Estate, Replica, estate
from faults.scenario import judged
from support.load import Load

ROOT = Path(__file__).parents[3]
VERSIONS = "delegation/storage/migrations/versions"
SCOPE = Scope(any_call("files", "read"), any_call("files", "write"))
OF_THE_FORMER = ("Undecided: service_unavailable",)
"""The program before refuses what reaches it while it drains; this one still answers."""
MIN_READY_S = 5
"""Clients try an address that was gone once a second, and nothing tells a supervisor that all are back."""
PAUSE_S = 0.01
"""Between calls: a guard keeps 10,000 records while the service is away, and no more."""

CATALOGUE = """
[[tool]]
audience = "files"
name = "read"
owner = "tests"
effects = ["read"]
local = true

[[tool]]
audience = "files"
name = "write"
owner = "tests"
effects = ["write"]
"""


@contextmanager
def work(
    made: Estate, *, names: Sequence[str] = ("read", "write"), patience_s: float = 0, forgiven: Sequence[str] = ()
) -> Iterator[Load]:
    """Have agents and a tool of the SDK work at all replicas; fail if one of their calls has failed.

    Args:
        made: the service.
        names: of the tools that are called.
        patience_s: for how long agents ask again themselves, beyond what the SDK does.
        forgiven: what may come of a call all the same.
    """
    profile = made.profile()
    with ExitStack() as stack:
        client = stack.enter_context(Client.connect(profile))
        guard = stack.enter_context(Guard.connect("files", profile))
        lasting = stack.enter_context(client.task("a task that lasts", scope=SCOPE))

        def insisting() -> None:
            until_s = time.monotonic() + patience_s
            while True:
                try:
                    return journey()
                except ServiceUnavailable:
                    if time.monotonic() > until_s:
                        raise

        def journey() -> None:
            with client.task(f"look up {secrets.token_hex(8)}", scope=SCOPE) as task:  # no two alike: they are counted
                task.hand_off("spiffe://test.example/agent/reader")

        def calls() -> None:
            for name in names:
                asked = {"path": secrets.token_hex(16)}
                guard.authorize(lasting.call("files", name, asked).carriage, name, asked)
            time.sleep(PAUSE_S)

        with Load(insisting, calls) as load:
            load.goes_on()
            yield load
            load.goes_on(20)
        failed = [f"{type(error).__name__}: {error}" for error in load.failed]
        assert [each for each in failed if each not in forgiven][:3] == []


@contextmanager
def writes(made: Estate) -> Iterator[None]:
    """Have others write; compare in the end what they were told with what is there."""
    with writing.Load(made.connecting(), each=1) as load:
        load.book.more_than(20, timeout_s=60)
        yield
        load.book.more_than(len(load.book) + 20, timeout_s=60)
        result = judged(made, load)
    assert (result.tally.lost, result.tally.twice) == (0, 0), result.notes


def replace(made: Estate, replica: Replica) -> None:
    """Stop one process as a supervisor does, and start the next program in its place; wait as operations.md says."""
    assert replica.stop() == exit_codes.OK
    replica._environment.pop("PYTHONPATH", None)
    replica.start()
    while not made.ready(replica):
        assert replica.alive
    threading.Event().wait(MIN_READY_S)


def upgrade(made: Estate) -> None:
    assert main(["db", "upgrade", "--config", str(made.directory / "replica-0.toml")]) == exit_codes.OK


def schema(cluster, url: str) -> str:
    (row,) = cluster.sql(url.rpartition("/")[2], "SELECT version_num FROM alembic_version")
    return row[0]


def test_replicas_are_replaced_one_by_one_and_no_call_fails(postgres, tmp_path):
    url = postgres.new_database(empty=True)
    with estate(tmp_path, database=f'url = "{url}"', catalogue=CATALOGUE) as made:
        for _ in range(2):
            made.replica().start()
        with writes(made), work(made) as load:
            upgrade(made)
            for replica in made.replicas:
                replace(made, replica)
                load.goes_on()


def test_one_process_over_sqlite_is_replaced_and_what_does_not_need_it_goes_on(tmp_path):
    """It is away for a moment: tools that are decided in process go on, and agents ask again."""
    with estate(tmp_path, catalogue=CATALOGUE) as made:
        made.replica().start()
        with writes(made), work(made, names=["read"], patience_s=60) as load:
            for _ in range(2):
                replace(made, made.replicas[0])
                load.goes_on()


@pytest.fixture(scope="module")
def former(tmp_path_factory) -> dict[str, str]:
    """The environment of the last program that used the schema before this one, out of the history of this project."""
    newest = min((ROOT / VERSIONS).glob(f"{HEAD}_*.py")).relative_to(ROOT)

    def git(*arguments: str) -> bytes:
        return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout

    try:
        (added,) = git("log", "--diff-filter=A", "--format=%H", "--", str(newest)).decode().split()
        archive = git("archive", f"{added}^", "delegation", "sdk/delegation_sdk")
    except (OSError, subprocess.CalledProcessError, ValueError):
        pytest.skip("the program of the schema before is in this project's history, and there is none here")
    directory = tmp_path_factory.mktemp("former")
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(directory, filter="data")
    return {"PYTHONPATH": f"{directory}{os.pathsep}{directory / 'sdk'}"}


def test_the_former_program_goes_on_over_the_newer_schema_until_it_is_replaced(postgres, tmp_path, former):
    url = postgres.new_database(empty=True)
    with estate(tmp_path, database=f'url = "{url}"', catalogue=CATALOGUE) as made:
        for _ in range(2):
            made.replica(environment=former).start()
        assert schema(postgres, url) == revisions()[-2]
        with writes(made), work(made, forgiven=OF_THE_FORMER) as load:
            upgrade(made)
            assert schema(postgres, url) == HEAD
            load.goes_on()
            for replica in made.replicas:
                replace(made, replica)
                load.goes_on()
        last = made.replicas[0]
        assert last.stop() == exit_codes.OK
        last._environment.update(former)
        with pytest.raises(AssertionError, match="newer"):  # there is no way back
            last.start()
