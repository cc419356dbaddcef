"""The service's configuration: a TOML file, over it the environment, over it the command line.

It holds no secret: keys and passphrases are files, or a variable that is read elsewhere. What it does
not know it refuses, and without `dev` it refuses to describe a server that would let anybody in.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, InstanceOf, PlainSerializer, ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, SettingsConfigDict, SettingsError

from delegation.errors import ConfigError, DelegationError
from delegation.identity.spiffe import check_trust_domain, parse_spiffe_id
from delegation.server.config_errors import config_error, read_toml
from delegation.server.config_origins import ENVIRONMENT_DELIMITER, ENVIRONMENT_PREFIX, Origins
from delegation.server.config_sections import (
    ApprovalsConfig,
    DatabaseConfig,
    FeedConfig,
    GrantsConfig,
    KeysConfig,
    LimitsConfig,
    PolicyConfig,
    SessionsConfig,
    TlsFiles,
)
from delegation.server.identity_config import IdentityConfig
from delegation.server.issuers_check import check_tokens
from delegation.server.issuers_config import (
    BearerConfig,
    IssuerConfig,
    PrincipalRuleConfig,
    SpiffeConfig,
    TokenHolderConfig,
)
from delegation.server.listen import ListenAddress, parse_listen_address
from delegation.server.telemetry_config import LogsConfig, TelemetryConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic_settings import PydanticBaseSettingsSource

    from delegation.identity.port import Caller

CONFIG_VARIABLE: Final = "DELEGATION_CONFIG"
DEVELOPMENT_TRUST_DOMAIN: Final = "dev.internal"

# Keys that hold paths: in a file, they are relative to it.
_PATHS: Final = (
    ("state_dir",),
    ("catalogue",),
    ("tls", "certificate"),
    ("tls", "key"),
    ("tls", "client_ca"),
    ("database", "path"),
    ("database", "password_file"),
    ("keys", "directory"),
    ("keys", "passphrase_file"),
    ("keys", "pkcs11", "module"),
    ("keys", "pkcs11", "pin_file"),
    ("policy", "file"),
    ("policy", "decision_point_ca"),
    ("policy", "decision_point_token_file"),
)
_SECTIONS: Final = (
    IdentityConfig,
    SpiffeConfig,
    BearerConfig,
    IssuerConfig,
    TokenHolderConfig,
    PrincipalRuleConfig,
    TlsFiles,
    DatabaseConfig,
    KeysConfig,
    LimitsConfig,
    GrantsConfig,
    FeedConfig,
    SessionsConfig,
    ApprovalsConfig,
    PolicyConfig,
)


def _parsed(parse: Callable[[str], object]) -> BeforeValidator:
    """Validate with a parser of ours: its refusal becomes pydantic's, so that it gets its place."""

    def validate(value: object) -> object:
        try:
            return parse(value) if isinstance(value, str) else value
        except DelegationError as error:
            raise ValueError(str(error)) from None

    return BeforeValidator(validate)


def _default_trust_domain(earlier: dict[str, Any]) -> str:
    return DEVELOPMENT_TRUST_DOMAIN if earlier.get("dev") else ""


def _default_state_dir(earlier: dict[str, Any]) -> Path:
    """Development keeps its state where it is run, which is where the SDK looks for a profile."""
    if earlier.get("dev"):
        return Path.cwd() / ".delegation"
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "delegation"


class ServerConfig(BaseSettings):
    """Everything the operator decides about one server. Made by `load_config`."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter=ENVIRONMENT_DELIMITER,
        validate_default=False,  # pydantic-settings would; ours are right, or empty and named as missing
    )

    dev: bool = False
    listen: Annotated[
        InstanceOf[ListenAddress], NoDecode, _parsed(parse_listen_address), PlainSerializer(str, return_type=str)
    ] = ListenAddress("127.0.0.1", 7443)
    trust_domain: Annotated[str, _parsed(check_trust_domain)] = Field(default_factory=_default_trust_domain)
    state_dir: Path = Field(default_factory=_default_state_dir)
    tls: TlsFiles | None = None
    spiffe: SpiffeConfig | None = None
    bearer: BearerConfig | None = None
    issuers: tuple[IssuerConfig, ...] = ()
    identities: tuple[IdentityConfig, ...] = ()
    catalogue: Path | None = None
    database: DatabaseConfig = DatabaseConfig()
    keys: KeysConfig = KeysConfig()
    limits: LimitsConfig = LimitsConfig()
    grants: GrantsConfig = GrantsConfig()
    feed: FeedConfig = FeedConfig()
    sessions: SessionsConfig = SessionsConfig()
    approvals: ApprovalsConfig = ApprovalsConfig()
    policy: PolicyConfig = PolicyConfig()
    logs: LogsConfig = LogsConfig()
    telemetry: TelemetryConfig = TelemetryConfig()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from `load_config` alone: it knows where each came from, for its errors."""
        return (init_settings,)

    @property
    def trust_domains(self) -> frozenset[str]:
        """The trust domains that callers may be of."""
        return frozenset({self.trust_domain}) | (self.spiffe.trust_domains if self.spiffe is not None else frozenset())

    @property
    def database_path(self) -> Path:
        """The SQLite file, if no `database.url` is set."""
        return self.database.path or self.state_dir / "delegation.sqlite3"

    @property
    def keys_directory(self) -> Path:
        """The directory of the sealed keys."""
        return self.keys.directory or self.state_dir / "keys"

    def callers(self) -> tuple[Caller, ...]:
        """Return the callers that are listed."""
        return tuple(entry.caller() for entry in self.identities)

    def shown(self) -> dict[str, Any]:
        """Return all settings with their defaults as plain values, for `config show`. None is secret."""
        plain: dict[str, Any] = self.model_dump(mode="json", exclude_none=True)
        plain["database"] = self.database.shown(self.database_path)
        plain["keys"] = {**plain["keys"], "directory": str(self.keys_directory)}
        return plain

    @model_validator(mode="after")
    def _lets_in_nobody_unknown(self) -> Self:
        if self.dev:
            if not self.listen.is_local:
                raise ValueError(
                    f"--dev listens on this machine only, not on {self.listen}: listen on 127.0.0.1, [::1],"
                    " localhost or unix:/path, or leave --dev"
                )
        elif self.tls is None and self.spiffe is None:
            raise ValueError(
                "tls is missing: set tls.certificate, tls.key and tls.client_ca, or spiffe.workload_api, or use --dev"
            )
        elif not self.trust_domain:
            raise ValueError("trust_domain is missing: set it, as in acme.example")
        elif not self.identities:
            raise ValueError("identities is missing: list who may call, or use --dev")
        return self

    @model_validator(mode="after")
    def _identities_are_its_own(self) -> Self:
        ids = [entry.id for entry in self.identities]
        for index, caller_id in enumerate(ids):
            if caller_id in ids[:index]:
                raise ValueError(f"identities lists {caller_id} twice: remove one of them")
            if parse_spiffe_id(caller_id).trust_domain not in self.trust_domains:
                raise ValueError(f"identities lists {caller_id}, which is not of {self.trust_domain}: remove it")
        keys = [key.lower() for entry in self.identities for key in entry.approval_keys]
        if len(set(keys)) < len(keys):
            raise ValueError("identities lists a key of approval_keys twice: who has it would be two approvers")
        return self

    @model_validator(mode="after")
    def _tokens_have_issuers(self) -> Self:
        check_tokens(self.bearer, self.spiffe, self.issuers, self.identities)
        if self.dev and self.bearer is not None and not self.bearer.listen.is_local:
            raise ValueError("--dev listens on this machine only: let bearer.listen be one of its own addresses")
        return self


def load_config(file: Path | None = None, **given: object) -> ServerConfig:
    """Read the configuration.

    Args:
        file: The TOML file; else the one that `DELEGATION_CONFIG` names; else none, which means defaults.
        **given: What the command line says; None means it says nothing.

    Raises:
        ConfigError: One line: where it is wrong and what to do.
    """
    return load_config_with_origins(file, **given)[0]


def load_config_with_origins(file: Path | None = None, **given: object) -> tuple[ServerConfig, Origins]:
    """Read the configuration as `load_config` does; tell, too, where each value came from."""
    if file is None and os.environ.get(CONFIG_VARIABLE):
        file = Path(os.environ[CONFIG_VARIABLE])
    try:
        from_environment = EnvSettingsSource(ServerConfig)()
    except SettingsError as error:
        raise ConfigError(f"environment: {error}; write lists and tables as JSON") from None
    origins = Origins(
        file,
        _relative_to(file.parent, read_toml(file)) if file is not None else {},
        from_environment,
        {name: value for name, value in given.items() if value is not None},
    )
    try:
        return ServerConfig(**origins.values()), origins
    except ValidationError as error:
        raise config_error(error, origins.blamed, _known_names()) from None


def _relative_to(directory: Path, values: dict[str, Any]) -> dict[str, Any]:
    """Resolve the file's relative paths; values of a wrong type are left for validation to refuse."""
    for *tables, name in _PATHS:
        table: Any = values
        for key in tables:
            table = table.get(key) if isinstance(table, dict) else None
        if isinstance(table, dict) and isinstance(table.get(name), str):
            table[name] = directory / Path(table[name]).expanduser()
    issuers = values.get("issuers")
    for issuer in issuers if isinstance(issuers, list) else ():
        if isinstance(issuer, dict) and isinstance(issuer.get("ca"), str):
            issuer["ca"] = directory / Path(issuer["ca"]).expanduser()
    return values


def _known_names() -> set[str]:
    return {name for model in (ServerConfig, *_SECTIONS) for name in model.model_fields}
