"""A call's proof as a value."""

from __future__ import annotations

from delegation.core.chain import TraceIds
from delegation.core.named_tuple import NamedTuple


class Proof(NamedTuple):
    """What the leaf's holder signed about one call.

    Attributes:
        chain_digest: link id of the leaf, 32 bytes.
        audience, tool: what is called.
        arguments_digest: SHA-256 of the arguments, 32 bytes.
        issued_at_ms: when it was signed.
        nonce: 16 random bytes; accepted once.
        trace: of the call.
    """

    chain_digest: bytes
    audience: str
    tool: str
    arguments_digest: bytes
    issued_at_ms: int
    nonce: bytes
    trace: TraceIds | None
