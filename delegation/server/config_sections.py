"""The tables of the configuration file, one class each; `config` puts them together."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from delegation.core.limits import DEFAULT_GRANT_LIFETIME_MS, GRANT_LIFETIME_MS
from delegation.errors import ConfigError
from delegation.policy.evaluation_url import check_evaluation_url

_MIB: Final = 1024 * 1024


class Section(BaseModel):
    """A table: nothing unknown in it, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TlsFiles(Section):
    """The server's certificate and key, and the CA certificates that clients' must come from. All PEM."""

    certificate: Path
    key: Path
    client_ca: Path


class DatabaseConfig(Section):
    """A SQLite file, by default `delegation.sqlite3` in the state directory; or a PostgreSQL database.

    The password is best kept out of the URL: in `password_file`, read again for each connection, in the variable
    `PGPASSWORD`, or in libpq's password file (`PGPASSFILE`, `~/.pgpass`).
    """

    path: Path | None = None
    url: SecretStr | None = None
    password_file: Path | None = None
    pool_size: Annotated[int, Field(ge=1, le=100)] = 4
    statement_timeout_ms: Annotated[int, Field(ge=100, le=600_000)] = 5_000
    connect_timeout_ms: Annotated[int, Field(ge=100, le=60_000)] = 3_000

    def shown(self, path: Path) -> dict[str, Any]:
        """Return what `config show` may show; `path` is the file if there is no URL."""
        if self.url is None:
            return {"path": str(path)}
        plain = self.model_dump(mode="json", exclude_none=True)
        return plain | {"url": without_password(self.url.get_secret_value())}

    @field_validator("url")
    @classmethod
    def _is_a_postgresql_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            _check_url(url.get_secret_value())
        return url

    @model_validator(mode="after")
    def _is_one_database(self) -> Self:
        if self.url is not None and self.path is not None:
            raise ValueError("path and url are two databases: remove one of them")
        if self.url is None and self.password_file is not None:
            raise ValueError("password_file is for a database.url, which is missing")
        return self


def without_password(url: str) -> str:
    """Write a database's URL without its password."""
    if "@" in url.removeprefix(_beginning(url)):  # it cannot be read, so anything may be in it
        return "***"
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    query = [(key, "***" if key.endswith("password") else value) for key, value in parse_qsl(parts.query)]
    hidden = f"{user.partition(':')[0]}:***" if ":" in user else user
    asked = "?" + urlencode(query, safe="*/:") if query else ""
    return f"{parts.scheme}://{hidden}{at}{host}{parts.path}{asked}"


def _beginning(url: str) -> str:
    """Give a URL up to where its hosts end."""
    scheme, separator, rest = url.partition("://")
    return scheme + separator + re.split("[/?#]", rest, maxsplit=1)[0]


def _check_url(url: str) -> None:
    """Refuse what is no PostgreSQL URL. The words of the refusal hold nothing of it: it may hold a password."""
    try:
        parts = urlsplit(url)
        readable = parts.port is None or parts.port > 0
    except ValueError:
        readable = "," in url  # several hosts, each with its port, are libpq's to read
        parts = urlsplit("")
    if parts.scheme and parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("it is no postgresql:// URL; for SQLite, set database.path")
    if not readable or not url.startswith("postgres") or "@" in url.removeprefix(_beginning(url)):
        raise ValueError(
            "it cannot be read: write postgresql://user@host:port/name, and @ : / in a name as %40 %3A %2F"
        )


class Pkcs11Config(Section):
    """A PKCS#11 token that holds the service's keys, instead of sealed files.

    The PIN is taken from `DELEGATION_PKCS11_PIN`, else from `pin_file`.
    """

    module: Path
    token: str
    pin_file: Path | None = None


class KeysConfig(Section):
    """The sealed key files, with the trust bundle beside them; by default in `keys` in the state directory.

    With `pkcs11` the keys are in a token, and only the bundle is here. The passphrase is taken from
    `DELEGATION_KEY_PASSPHRASE`, from the file that `DELEGATION_KEY_PASSPHRASE_FILE` names, or from `passphrase_file`.
    """

    directory: Path | None = None
    passphrase_file: Path | None = None
    # A new key signs only when it has been published for so long: guards fetch the bundle every minute.
    publish_ahead_ms: Annotated[int, Field(ge=0, le=3_600_000)] = 300_000
    pkcs11: Pkcs11Config | None = None


class LimitsConfig(Section):
    """What one caller can make the server hold or wait for."""

    max_message_bytes: Annotated[int, Field(ge=64 * 1024, le=64 * _MIB)] = 4 * _MIB
    # A token of 64 KiB is 88 KiB in base64, which is how gRPC counts binary metadata.
    max_metadata_bytes: Annotated[int, Field(ge=8 * 1024, le=_MIB)] = 128 * 1024
    default_deadline_ms: Annotated[int, Field(ge=100, le=600_000)] = 10_000
    max_deadline_ms: Annotated[int, Field(ge=100, le=600_000)] = 60_000
    # All callers together: calls under way or waiting. What goes beyond is refused, with advice to try again.
    queue_capacity: Annotated[int, Field(ge=1, le=1_000_000)] = 1024
    # One caller: a quarter of that unless said otherwise, so that one alone cannot take up the room of all.
    calls_per_caller: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    streams_per_caller: Annotated[int, Field(ge=1, le=1_000_000)] = 1024
    rate_per_caller: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    # A connection outlives its certificate: after this time the peer has to show a valid one again.
    max_connection_age_ms: Annotated[int, Field(ge=1_000, le=86_400_000)] = 600_000
    drain_ms: Annotated[int, Field(ge=0, le=600_000)] = 10_000


class GrantsConfig(Section):
    """How long grants live, unless asked otherwise and at most; and how long a task, however often that is renewed."""

    default_lifetime_ms: Annotated[int, Field(ge=1_000, le=GRANT_LIFETIME_MS)] = DEFAULT_GRANT_LIFETIME_MS
    max_lifetime_ms: Annotated[int, Field(ge=1_000, le=GRANT_LIFETIME_MS)] = GRANT_LIFETIME_MS
    max_task_lifetime_ms: Annotated[int, Field(ge=1_000, le=30 * GRANT_LIFETIME_MS)] = GRANT_LIFETIME_MS

    @model_validator(mode="after")
    def _default_is_permitted(self) -> Self:
        if self.default_lifetime_ms > self.max_lifetime_ms:
            raise ValueError("default_lifetime_ms is more than max_lifetime_ms: lower it")
        return self


class FeedConfig(Section):
    """The revocation feed. A heartbeat must come well within the 30 s a guard may be behind."""

    heartbeat_ms: Annotated[int, Field(ge=100, le=10_000)] = 2_000


class SessionsConfig(Section):
    """What is kept in mind beyond one task: labels stick to whoever has read; calls of agents, where rules ask."""

    labels_stick_ms: Annotated[int, Field(ge=0, le=30 * GRANT_LIFETIME_MS)] = 3_600_000
    agents_remembered_ms: Annotated[int, Field(ge=0, le=30 * GRANT_LIFETIME_MS)] = 3_600_000


class ApprovalsConfig(Section):
    """Whether a refused call that lacks nothing but approval is put before its approvers without its agent's asking."""

    open_on_refusal: bool = True


class PolicyConfig(Section):
    """The rules beyond what chains permit, written in Cedar; without a file, those that are shipped.

    Or a decision point that is asked instead (OpenID AuthZEN), by its Access Evaluation endpoint.
    """

    file: Path | None = None
    decision_point: str | None = None
    decision_point_ca: Path | None = None
    decision_point_token_file: Path | None = None
    decision_point_timeout_ms: Annotated[int, Field(ge=10, le=10_000)] = 500

    @field_validator("decision_point")
    @classmethod
    def _can_be_asked(cls, url: str | None) -> str | None:
        try:
            return None if url is None else check_evaluation_url(url)
        except ConfigError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _one_decides(self) -> Self:
        if self.decision_point is not None and self.file is not None:
            raise ValueError("file and decision_point both say who decides: remove one of them")
        if self.decision_point is None and (self.decision_point_ca or self.decision_point_token_file):
            raise ValueError("decision_point_ca and decision_point_token_file are for a decision_point: set it")
        return self
