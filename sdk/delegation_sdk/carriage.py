"""How a token and a proof travel with a call: gRPC metadata, HTTP headers, MCP `_meta` (SPEC section 11).

In place of the token its chain's digest can go, for a guard that knows the chain. Reading is strict: what is repeated,
of the wrong type or not exactly base64url is refused, never repaired. Nothing here looks inside a token or a proof.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn

from delegation.core import limits
from delegation.core.named_tuple import NamedTuple
from delegation.errors import InvalidRequest, Reason, refusal

CHAIN_METADATA: Final = "delegation-chain-bin"
PROOF_METADATA: Final = "delegation-proof-bin"
DIGEST_METADATA: Final = "delegation-chain-digest-bin"
CHAIN_HEADER: Final = "Delegation-Chain"
PROOF_HEADER: Final = "Delegation-Proof"
DIGEST_HEADER: Final = "Delegation-Chain-Digest"
META_KEY: Final = "io.github.delegation-chain/delegation"
CHAIN_MEMBER: Final = "chain"
PROOF_MEMBER: Final = "proof"
DIGEST_MEMBER: Final = "chain_digest"

MAX_METADATA_BYTES: Final = 5632
"""gRPC servers take 8 KiB of metadata and refuse at random above; 5.5 KiB leaves room for base64 and for others."""
MAX_HEADER_BYTES: Final = 6144
"""HTTP servers cap their headers at 8 KiB."""

_METADATA: Final = (CHAIN_METADATA, PROOF_METADATA, DIGEST_METADATA)
_HEADERS: Final = (CHAIN_HEADER, PROOF_HEADER, DIGEST_HEADER)
_MEMBERS: Final = (CHAIN_MEMBER, PROOF_MEMBER, DIGEST_MEMBER)
_MAX_ENCODED_CHARACTERS: Final = limits.TOKEN_BYTES * 4 // 3 + 4


class Carriage(NamedTuple):
    """What came with a call, or goes with one.

    Attributes:
        token: The chain's token; empty if there was none.
        proof: The call's SignedProof; empty if there was none.
        chain_digest: By reference: the chain's digest, 32 bytes, and no token. Else empty.
    """

    token: bytes
    proof: bytes
    chain_digest: bytes = b""

    def __repr__(self) -> str:
        if self.chain_digest:
            return f"Carriage(chain {self.chain_digest.hex()}, proof of {len(self.proof)} bytes)"
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
    metadata = tuple(_written(carriage, _METADATA).items())
    size = sum(len(value) for _, value in metadata)
    if size > max_bytes:
        raise InvalidRequest(
            f"chain and proof have {size} bytes and gRPC servers take {max_bytes} for sure: raise"
            " grpc.max_metadata_size and grpc.absolute_max_metadata_size on both sides and pass max_bytes"
        )
    return metadata


def from_metadata(metadata: Iterable[tuple[str, str | bytes]]) -> Carriage:
    """Read the gRPC metadata of a call.

    Raises:
        Malformed: MALFORMED for a repeated key, a text value, chain and digest together, or a digest of another size.
    """
    pairs = list(metadata)
    return _read(*(_metadata_value(pairs, key) for key in _METADATA))


def to_headers(carriage: Carriage) -> dict[str, str]:
    """Give the HTTP headers of a call. Never `Authorization`: that is somebody else's.

    Raises:
        InvalidRequest: They are too large for an HTTP server.
    """
    headers = {name: _encode(value) for name, value in _written(carriage, _HEADERS).items()}
    size = sum(map(len, headers.values()))
    if size > MAX_HEADER_BYTES:
        raise InvalidRequest(f"chain and proof have {size} bytes and HTTP servers take {MAX_HEADER_BYTES} for sure")
    return headers


def from_headers(headers: Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]) -> Carriage:
    """Read the HTTP headers of a call; names in any case, as text or as ASGI's bytes.

    Raises:
        Malformed: MALFORMED for a repeated header, one that is not unpadded base64url, chain and digest together, or a
            digest of another size.
    """
    items = headers.items() if isinstance(headers, Mapping) else headers
    pairs = [(_ascii(name).lower(), value) for name, value in items]
    return _read(*(_header_value(pairs, name.lower()) for name in _HEADERS))


def to_mcp_meta(carriage: Carriage) -> dict[str, Any]:
    """Give the `_meta` of an MCP request."""
    return {META_KEY: {name: _encode(value) for name, value in _written(carriage, _MEMBERS).items()}}


def from_mcp_meta(meta: Mapping[str, Any] | None) -> Carriage:
    """Read the `_meta` of an MCP request.

    Raises:
        Malformed: MALFORMED unless it is an object of just `chain` or `chain_digest`, and `proof`, in unpadded
            base64url, the digest of 32 bytes.
    """
    if meta is None or META_KEY not in meta:
        return NOTHING
    value = meta[META_KEY]
    if not isinstance(value, Mapping) or not value.keys() <= {*_MEMBERS}:
        _malformed(f"_meta[{META_KEY!r}] has other members than chain, proof and chain_digest")
    return _read(*(_decode(value[name], name) if name in value else None for name in _MEMBERS))


def without_mcp_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Give a `_meta` without what is ours: a tool needs neither chain nor proof."""
    return {key: value for key, value in meta.items() if key != META_KEY}


def _written(carriage: Carriage, names: tuple[str, str, str]) -> dict[str, bytes]:
    """Give what is sent of a carriage, under the names of a transport."""
    chain, proof, digest = names
    if not carriage.chain_digest:
        return {chain: carriage.token, proof: carriage.proof}
    if carriage.token or len(carriage.chain_digest) != limits.LINK_ID_BYTES:
        raise InvalidRequest("a call carries a chain or the chain's digest of 32 bytes, not both")
    return {digest: carriage.chain_digest, proof: carriage.proof}


def _read(token: bytes | None, proof: bytes | None, digest: bytes | None) -> Carriage:
    """Make a carriage of what came; None is what did not. An empty value is there, and stands in the way of another."""
    if digest is None:
        return Carriage(token or b"", proof or b"")
    if token is not None:
        _malformed("chain and chain digest came together")
    if len(digest) != limits.LINK_ID_BYTES:
        _malformed("a chain digest has 32 bytes")
    return Carriage(b"", proof or b"", digest)


def _metadata_value(pairs: list[tuple[str, str | bytes]], key: str) -> bytes | None:
    values = [value for name, value in pairs if name == key]
    if not values:
        return None
    if len(values) > 1:
        _malformed(f"{key} is repeated")
    if not isinstance(values[0], bytes):
        _malformed(f"{key} is not binary")
    return values[0]


def _header_value(pairs: list[tuple[str, str | bytes]], name: str) -> bytes | None:
    values = [value for found, value in pairs if found == name]
    if not values:
        return None
    if len(values) > 1:
        _malformed(f"{name} is repeated")
    return _decode(_ascii(values[0]), name)


def _ascii(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode("latin-1")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: object, name: str) -> bytes:
    if not isinstance(text, str) or len(text) > _MAX_ENCODED_CHARACTERS:
        _malformed(f"{name} is not unpadded base64url")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        _malformed(f"{name} is not unpadded base64url")
    if _encode(data) != text:  # other characters, padding, bits left over: another spelling of the same bytes
        _malformed(f"{name} is not unpadded base64url")
    return data


def _malformed(detail: str) -> NoReturn:
    raise refusal(Reason.MALFORMED, detail=detail)
