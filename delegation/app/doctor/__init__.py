"""`delegation doctor`: looks at all that a service needs, with or without one running, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from delegation.app.database import facts_of
from delegation.app.doctor.database import check_database, judge_skew
from delegation.app.doctor.extras import check_extras
from delegation.app.doctor.files import check_database_file, check_directories, check_room
from delegation.app.doctor.finding import Finding, Level, from_error, ok, problem, warning
from delegation.app.doctor.issuers import check_issuers
from delegation.app.doctor.listening import check_listening
from delegation.app.doctor.policy import check_policy
from delegation.app.doctor.trust import check_keys, check_tls, lasting
from delegation.app.doctor.workload_api import check_workload_api
from delegation.app.key_files import system_ms
from delegation.errors import ConfigError, StorageError
from delegation.server.config import ServerConfig
from delegation.storage.facts import DatabaseFacts
from delegation.storage.migrations import revisions

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
    if config.database.url is None:
        yield from check_database_file(config)
    yield from check_room(config)
    facts: DatabaseFacts | None = None
    try:
        facts = facts_of(config)
    except (StorageError, ConfigError) as error:
        yield from_error("database", error)
    except ModuleNotFoundError:
        pass  # an extra that is missing, which was said
    else:
        if facts is None:
            yield ok("database", f"{config.database_path} will be made")
        else:
            yield from check_database(facts, known=frozenset(revisions()), now_ms=now_ms())
    if config.dev:
        yield ok("keys", "made by itself in development")
    else:
        yield from check_keys(config, facts, now_ms)
        yield from check_tls(config, now_ms)
    yield from check_policy(config, facts)
    yield from check_workload_api(config, now_ms)
    yield from check_issuers(config)
    yield from check_listening(config)
