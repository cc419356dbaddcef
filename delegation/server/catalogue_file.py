"""The catalogue file, `tools.toml`: what the operator says each tool does.

    [[tool]]
    audience = "files"
    name = "read"
    owner = "team-storage"
    effects = ["read"]
    labels = ["public"]     # how sensitive results are
    local = true            # may be decided inside the tool; only for reading
    maximum_feed_age_ms = 5000  # how old the revocation feed may be when it runs; else 60 s for reading, 30 s else
    record = { path = "plain", reader = "digest" }  # what is kept of arguments; nothing of others
    manifest_digest = "9f2c…"   # of the tool as it was looked at, 64 hexadecimal digits; `delegation tools import`
    manifest_required = true    # a tool that is another one is not run, where its guard serves it over MCP
    observe_until = 2026-12-24T00:00:00Z  # calls that would be refused run until then, and are recorded so

A tool that is not listed is never local. `delegation tools import` writes entries of a live server's tools.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, Strict, ValidationError, model_validator

from delegation.core.declaration import LABEL
from delegation.core.labels import PUBLIC
from delegation.core.limits import ARGUMENTS, FEED_AGE_MS, NAME_BYTES
from delegation.core.trust import Catalogue, CatalogueTool, Effect, Recording
from delegation.errors import ConfigError
from delegation.server.config_errors import config_error, read_toml

if TYPE_CHECKING:
    from pathlib import Path

_LOCAL_EFFECTS: Final = frozenset({Effect.READ})

# In characters, of four bytes at most: a name that a scope could not carry would never match a call.
_Name = Annotated[str, Field(min_length=1, max_length=NAME_BYTES // 4)]
_Label = Annotated[str, Field(pattern=f"^{LABEL}$")]


class _Tool(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    audience: _Name
    name: _Name
    owner: _Name
    effects: Annotated[frozenset[Effect], Field(min_length=1)]
    labels: frozenset[_Label] = frozenset()
    local: bool = False
    maximum_feed_age_ms: Annotated[int, Field(ge=0, le=FEED_AGE_MS)] = 0
    record: Annotated[dict[_Name, Recording], Field(max_length=ARGUMENTS)] = {}
    manifest_digest: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    manifest_required: bool = False
    observe_until: Annotated[AwareDatetime, Strict()] | None = None

    @model_validator(mode="after")
    def _says_what_can_be(self) -> Self:
        # Nobody but the tool sees a local decision before the call, so it must not be able to do harm.
        if self.local and self.effects != _LOCAL_EFFECTS:
            raise ValueError('only a tool with effects = ["read"] may be local: remove local')
        if self.local and not self.labels <= {PUBLIC}:
            raise ValueError("only a tool with public results may be local: remove local, or the labels")
        if self.manifest_required and not self.manifest_digest:
            raise ValueError("manifest_required needs a manifest_digest: `delegation tools import` pins one")
        return self


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    tool: tuple[_Tool, ...] = ()

    @model_validator(mode="after")
    def _lists_each_once(self) -> Self:
        seen: set[tuple[str, str]] = set()
        for tool in self.tool:
            if (tool.audience, tool.name) in seen:
                raise ValueError(f"lists {tool.name} of {tool.audience} twice: remove one of them")
            seen.add((tool.audience, tool.name))
        return self


def load_catalogue(path: Path) -> Catalogue:
    """Read the catalogue file.

    Raises:
        ConfigError: One line: where it is wrong and what to do.
    """
    return _catalogue(read_toml(path), str(path))


def catalogue_of_text(text: str, where: str) -> Catalogue:
    """Read a catalogue file's text; `where` names it in errors.

    Raises:
        ConfigError: One line: where it is wrong and what to do.
    """
    try:
        return _catalogue(tomllib.loads(text), where)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is not TOML: {error}; correct it") from None


def _catalogue(values: dict[str, Any], where: str) -> Catalogue:
    try:
        file = _File.model_validate(values)
    except ValidationError as error:
        raise config_error(error, lambda _: where, {*_File.model_fields, *_Tool.model_fields}) from None
    return Catalogue(
        tuple(
            CatalogueTool(
                audience=tool.audience,
                tool=tool.name,
                effects=tool.effects,
                local=tool.local,
                labels=tool.labels,
                owner=tool.owner,
                maximum_feed_age_ms=tool.maximum_feed_age_ms,
                recorded=tuple(sorted(tool.record.items())),
                manifest_digest=bytes.fromhex(tool.manifest_digest),
                manifest_required=tool.manifest_required,
                observe_until_ms=int(tool.observe_until.timestamp() * 1000) if tool.observe_until else 0,
            )
            for tool in file.tool
        )
    )
