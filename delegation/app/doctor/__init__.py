"""`delegation doctor`: looks at all that a service needs, with or without one running, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from delegation.app.doctor.database import check_database, judge_skew
from delegation.app.doctor.extras import check_extras
from delegation.app.doctor.files import check_database_file, check_directories, check_room
from delegation.app.doctor.finding import Finding, Level, from_error, ok, problem, warning
from delegation.app.doctor.listening import check_listening
from delegation.app.doctor.trust import check_keys, check_tls, lasting
from delegation.app.key_files import system_ms
from delegation.errors import StorageError
from delegation.server.config import ServerConfig
from delegation.storage.facts import DatabaseFacts
from delegation.storage.migrations import revisions
from delegation.storage.sqlite.facts import read_facts

__all__ = [
    "Finding",
    "Level",
    "examine",
    "from_error",
    "judge_skew",
    "lasting",
    "ok",
    "problem",
    "warning",
]


def examine(config: ServerConfig, *, now_ms: Callable[[], int] = system_ms) -> Iterator[Finding]:
    """Look at everything, one thing after another; yield what was found as it is found."""
    yield from check_extras(config.shown())
    yield from check_directories(config)
    yield from check_database_file(config)
    yield from check_room(config)
    facts: DatabaseFacts | None = None
    if config.database_path.exists():
        try:
            facts = read_facts(config.database_path)
        except StorageError as error:
            yield from_error("database", error)
        else:
            yield from check_database(facts, known=frozenset(revisions()), now_ms=now_ms())
    else:
        yield ok("database", f"{config.database_path} will be made")
    if config.dev:
        yield ok("keys", "made by itself in development")
    else:
        yield from check_keys(config, facts, now_ms)
        yield from check_tls(config, now_ms)
    yield from check_listening(config)
