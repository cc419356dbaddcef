"""How a token and a proof travel with a call: gRPC metadata, HTTP headers, MCP `_meta` (SPEC section 11).

Reading is strict: what is repeated, of the wrong type or not exactly base64url is refused, never repaired. Nothing here
looks inside a token or a proof.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, NoReturn

from delegation.core import limits
from delegation.errors import InvalidRequest, Reason, refusal

CHAIN_METADATA: Final = "delegation-chain-bin"
PROOF_METADATA: Final = "delegation-proof-bin"
CHAIN_HEADER: Final = "Delegation-Chain"
PROOF_HEADER: Final = "Delegation-Proof"
META_KEY: Final = "io.github.delegation-chain/delegation"

MAX_METADATA_BYTES: Final = 5632
"""gRPC servers take 8 KiB of metadata and refuse at random above; 5.5 KiB leaves room for base64 and for others."""
MAX_HEADER_BYTES: Final = 6144
"""HTTP servers cap their headers at 8 KiB."""

_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]*")
_MAX_ENCODED_CHARACTERS: Final = limits.TOKEN_BYTES * 4 // 3 + 4


class Carriage(NamedTuple):
    """What came with a call, or goes with one.

    Attributes:
        token: The chain's token; empty if there was none.
        proof: The call's SignedProof; empty if there was none.
    """

    token: bytes
    proof: bytes

    def __repr__(self) -> str:
        return f"Carriage(token of {len(self.token)} bytes, proof of {len(self.proof)} bytes)"


NOTHING: Final = Carriage(b"", b"")
"""What a call without a delegation carries."""


def to_metadata(carriage: Carriage, *, max_bytes: int = MAX_METADATA_BYTES) -> tuple[tuple[str, bytes], ...]:
    """Give the gRPC metadata of a call.

    Args:
        carriage: What to send.
        max_bytes: Raise it only with `grpc.max_metadata_size` raised on the server.

    Raises:
        InvalidRequest: It would not surely arrive.
    """
    size = len(carriage.token) + len(carriage.proof)
    if size > max_bytes:
        raise InvalidRequest(
            f"chain and proof have {size} bytes and gRPC servers take {max_bytes} for sure: raise"
            " grpc.max_metadata_size and grpc.absolute_max_metadata_size on both sides and pass max_bytes"
        )
    return ((CHAIN_METADATA, carriage.token), (PROOF_METADATA, carriage.proof))


def from_metadata(metadata: Iterable[tuple[str, str | bytes]]) -> Carriage:
    """Read the gRPC metadata of a call.

    Raises:
        Malformed: MALFORMED for a repeated key or a text value.
    """
    pairs = list(metadata)
    return Carriage(*(_metadata_value(pairs, key) for key in (CHAIN_METADATA, PROOF_METADATA)))


def to_headers(carriage: Carriage) -> dict[str, str]:
    """Give the HTTP headers of a call. Never `Authorization`: that is somebody else's.

    Raises:
        InvalidRequest: They are too large for an HTTP server.
    """
    headers = {CHAIN_HEADER: _encode(carriage.token), PROOF_HEADER: _encode(carriage.proof)}
    size = sum(map(len, headers.values()))
    if size > MAX_HEADER_BYTES:
        raise InvalidRequest(f"chain and proof have {size} bytes and HTTP servers take {MAX_HEADER_BYTES} for sure")
    return headers


def from_headers(headers: Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]) -> Carriage:
    """Read the HTTP headers of a call; names in any case, as text or as ASGI's bytes.

    Raises:
        Malformed: MALFORMED for a repeated header or one that is not unpadded base64url.
    """
    items = headers.items() if isinstance(headers, Mapping) else headers
    pairs = [(_ascii(name).lower(), value) for name, value in items]
    return Carriage(*(_header_value(pairs, name.lower()) for name in (CHAIN_HEADER, PROOF_HEADER)))


def to_mcp_meta(carriage: Carriage) -> dict[str, Any]:
    """Give the `_meta` of an MCP request."""
    return {META_KEY: {"chain": _encode(carriage.token), "proof": _encode(carriage.proof)}}


def from_mcp_meta(meta: Mapping[str, Any] | None) -> Carriage:
    """Read the `_meta` of an MCP request.

    Raises:
        Malformed: MALFORMED unless it is an object of just `chain` and `proof` in unpadded base64url.
    """
    if meta is None or META_KEY not in meta:
        return NOTHING
    value = meta[META_KEY]
    if not isinstance(value, Mapping) or not set(value) <= {"chain", "proof"}:
        _malformed(f"_meta[{META_KEY!r}] has other members than chain and proof")
    return Carriage(_decode(value.get("chain", ""), "chain"), _decode(value.get("proof", ""), "proof"))


def without_mcp_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Give a `_meta` without what is ours: a tool needs neither chain nor proof."""
    return {key: value for key, value in meta.items() if key != META_KEY}


def _metadata_value(pairs: list[tuple[str, str | bytes]], key: str) -> bytes:
    values = [value for name, value in pairs if name == key]
    if not values:
        return b""
    if len(values) > 1:
        _malformed(f"{key} is repeated")
    if not isinstance(values[0], bytes):
        _malformed(f"{key} is not binary")
    return values[0]


def _header_value(pairs: list[tuple[str, str | bytes]], name: str) -> bytes:
    values = [value for found, value in pairs if found == name]
    if not values:
        return b""
    if len(values) > 1:
        _malformed(f"{name} is repeated")
    return _decode(_ascii(values[0]), name)


def _ascii(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode("latin-1")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: object, name: str) -> bytes:
    if not isinstance(text, str) or len(text) > _MAX_ENCODED_CHARACTERS or not _BASE64URL.fullmatch(text):
        _malformed(f"{name} is not unpadded base64url")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        _malformed(f"{name} is not unpadded base64url")
    if _encode(data) != text:  # bits left over: two spellings of one value
        _malformed(f"{name} is not unpadded base64url")
    return data


def _malformed(detail: str) -> NoReturn:
    raise refusal(Reason.MALFORMED, detail=detail)
