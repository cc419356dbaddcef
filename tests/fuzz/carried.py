"""Targets: what comes with a call as text or bytes: carriage, arguments, scopes in plain notation."""

from __future__ import annotations

import json
from typing import Any, Final

import rfc8785

from delegation.core import codec
from delegation.core.arguments import Arguments
from delegation.core.notation import scope_from_plain, scope_to_plain
from delegation.errors import InvalidRequest, Malformed
from delegation_sdk import carriage
from fuzz import seeds
from fuzz.target import AmbiguousError, NoInputError, Target


def _metadata(data: bytes) -> None:
    parts = seeds.pieces(data)
    pairs: list[tuple[str, str | bytes]] = []
    for name, value in zip(parts[::2], parts[1::2], strict=False):
        text = name.decode("latin-1")
        pairs.append((text.lower(), value.decode("latin-1") if text != text.lower() else value))
    read = carriage.from_metadata(pairs)
    _require_round_trip(read, lambda: carriage.from_metadata(carriage.to_metadata(read, max_bytes=1 << 20)))


def _headers(data: bytes) -> None:
    lines = [line.partition(b": ")[::2] for line in data.split(b"\n")]
    read = carriage.from_headers(lines)
    text = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in lines]
    if carriage.from_headers(text) != read:
        raise AmbiguousError("bytes and text of one header are read differently")
    _require_round_trip(read, lambda: carriage.from_headers(carriage.to_headers(read)))


def _mcp_meta(data: bytes) -> None:
    meta = _json(data)
    if not isinstance(meta, dict):
        raise NoInputError
    read = carriage.from_mcp_meta(meta)
    _require_round_trip(read, lambda: carriage.from_mcp_meta(carriage.to_mcp_meta(read)))
    if carriage.from_mcp_meta(carriage.without_mcp_meta(meta)) != carriage.NOTHING:
        raise AssertionError("a tool would see the chain")


def _require_round_trip(read: Any, again: Any) -> None:
    try:
        same = again()
    except InvalidRequest:  # more than would surely arrive
        return
    if same != read:
        raise AmbiguousError("what was read is not read back")


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise NoInputError from None


def _arguments(data: bytes) -> None:
    arguments = Arguments.parse(data)
    values = json.loads(data)
    if arguments.canonical != data or rfc8785.dumps(values) != data:
        raise AmbiguousError("not the canonical JSON of what it says")
    if Arguments.of(values) != arguments:
        raise AmbiguousError("taken from Python they are other arguments")


def _notation(data: bytes) -> None:
    scope = scope_from_plain(_json(data))
    scope.describe()
    try:
        written = codec.encode_scope(scope)
    except Malformed:  # past a limit of the format
        return
    if codec.decode_scope(written) != scope:
        raise AmbiguousError("a scope is not what is signed of it")
    if scope_from_plain(scope_to_plain(scope)) != scope:
        raise AmbiguousError("a scope is not what is shown of it")


TARGETS: Final = (
    Target("metadata", _metadata, seeds.metadata, max_bytes=1024),
    Target("headers", _headers, seeds.headers, max_bytes=512),
    Target("mcp-meta", _mcp_meta, seeds.mcp_metas, json=True, max_bytes=1024),
    Target("arguments", _arguments, seeds.json_arguments, json=True),
    Target("notation", _notation, seeds.plain_scopes, json=True, max_bytes=8192),
)
