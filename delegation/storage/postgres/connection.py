"""Connections to a PostgreSQL server, and what its errors mean here."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

from delegation.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

Connection = Any  # asyncpg's is generic over a row type that nothing here uses

_MARGIN_S: Final = 2.0
"""The server gives a statement up by itself; this much later it is the network that does not answer."""
_DEAD_PEER_MS: Final = 15_000
_LOCAL: Final = ("", "localhost", "127.0.0.1", "::1")

CLOCK_MS: Final = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
"""The server's own time, in SQL."""

DRIVER_ERRORS: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""All that asyncpg raises; an error of the connection itself comes as it is."""

_LOST: Final = ("08", "57P")
"""Classes of SQLSTATE after which a connection is of no use any more: exceptions of the connection, shutdowns."""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """Which database, and how patient to be with it.

    Attributes:
        url: as libpq has it: `postgresql://user@host:port/database?sslmode=…`. May hold a password.
        password: gives the password, each time that a connection is made; None: that of the URL, of `PGPASSWORD`
            or of the password file.
        pool_size: connections for questions; one more writes and one more listens.
        statement_timeout_ms: how long a statement may take, waiting for locks included.
        connect_timeout_ms: how long making a connection may take.
    """

    url: str = field(repr=False)
    password: Callable[[], str] | None = None
    pool_size: int = 4
    statement_timeout_ms: int = 5_000
    connect_timeout_ms: int = 3_000

    def arguments(self) -> dict[str, Any]:
        """Give what `asyncpg.connect` and `asyncpg.create_pool` take."""
        given: dict[str, Any] = {
            "dsn": self.url,
            "timeout": self.connect_timeout_ms / 1000,
            "command_timeout": self.statement_timeout_ms / 1000 + _MARGIN_S,
            "server_settings": self._settings(),
        }
        if self.password is not None:
            given["password"] = self.password
        if "target_session_attrs" not in parse_qs(urlsplit(self.url).query):
            given["target_session_attrs"] = "read-write"  # a standby knows less than what was acknowledged
        if not self._says_how_to_encrypt() and not self._is_local():
            given["ssl"] = "verify-full"
        return given

    def _settings(self) -> dict[str, str]:
        """Say what the server is to do when this process is slow, away, or gone while it holds a lock."""
        return {
            "application_name": "delegation",
            "statement_timeout": str(self.statement_timeout_ms),
            "idle_in_transaction_session_timeout": str(self.statement_timeout_ms),
            "tcp_user_timeout": str(_DEAD_PEER_MS),
            "tcp_keepalives_idle": str(_DEAD_PEER_MS // 3000),
            "tcp_keepalives_interval": str(_DEAD_PEER_MS // 3000),
            "tcp_keepalives_count": "2",
        }

    def _says_how_to_encrypt(self) -> bool:
        return "sslmode" in parse_qs(urlsplit(self.url).query) or "PGSSLMODE" in os.environ

    def _is_local(self) -> bool:
        parts = urlsplit(self.url)
        named = parts.netloc.rpartition("@")[2] or os.environ.get("PGHOST", "")
        hosts = [_without_port(host) for host in named.split(",")]
        hosts += [host for given in parse_qs(parts.query).get("host", []) for host in given.split(",")]
        return all(host in _LOCAL or unquote(host).startswith("/") for host in hosts)


async def connect(server: PostgresServer) -> Connection:
    """Make a connection. Raises what `lost` knows, `asyncpg.PostgresError`, `ConfigError`."""
    try:
        connection = await asyncpg.connect(**server.arguments())
    except (asyncpg.ClientConfigurationError, ValueError) as error:
        raise ConfigError(f"database.url cannot be used: {_what_to_do(error)}") from None
    try:
        await prepare(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def prepare(connection: Connection) -> None:
    """Make commits durable where the server's configuration would answer before they are."""
    await connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false)"
        " WHERE current_setting('synchronous_commit') IN ('off', 'local')"
    )


def lost(error: BaseException) -> bool:
    """Tell whether a connection is of no use after an error."""
    if isinstance(error, OSError):
        return True
    if isinstance(error, asyncpg.InternalClientError):
        return True
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate or "").startswith(_LOST)
    return isinstance(error, asyncpg.InterfaceError) and not isinstance(error, asyncpg.DataError)


def of_the_database(error: BaseException) -> bool:
    """Tell an error of the database, or on the way to it, from one that a single write brought upon itself."""
    if isinstance(error, (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)):
        return False
    return lost(error) or isinstance(error, asyncpg.PostgresError)


def unavailable(error: BaseException) -> StorageError:
    """Make the error for a database that failed. PostgreSQL's own messages may hold values, so they stay out."""
    if isinstance(error, ConfigError):  # ours, and without a value: the password's file was away for a moment
        failure = StorageError("storage_unavailable", str(error))
        failure.__cause__ = error
        return failure
    state = getattr(error, "sqlstate", None)
    what = type(error).__name__ + (f", SQLSTATE {state}" if state else "")
    failure = StorageError("storage_unavailable", f"the database failed: {what}")
    failure.__cause__ = error
    return failure


def cannot_connect(server: PostgresServer, error: BaseException) -> StorageError:
    """Make the error for a database that cannot be reached when the service starts."""
    parts = urlsplit(server.url)
    place = f"{parts.netloc.rpartition('@')[2] or 'the local socket'}{parts.path}"
    failure = StorageError(
        "storage_unavailable",
        f"cannot use the database at {place}: {_first_line(error)};"
        " check database.url, its password, and that the server runs",
    )
    failure.__cause__ = error
    return failure


@contextlib.contextmanager
def storage_errors() -> Iterator[None]:
    """Turn the driver's errors into `StorageError`, and those of settings that were right when the service started."""
    try:
        yield
    except (*DRIVER_ERRORS, ConfigError) as error:
        raise unavailable(error) from error


def _what_to_do(error: Exception) -> str:
    """Say what may be wrong with a URL, or with what it names. The driver's own words may quote a password."""
    if "sslrootcert" in str(error) or "certificate" in str(error):
        return "to check the server's certificate, name the CA's by ?sslmode=verify-full&sslrootcert=FILE"
    return "check its hosts, ports and settings, and write / : @ # ? in a name or password as %2F %3A %40 %23 %3F"


def _without_port(host: str) -> str:
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
