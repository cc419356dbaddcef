"""What a write rests on, and how it is known when it is repeated."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Fence:
    """What a prepared write rests on, and the feed position at which it was found unrevoked.

    The write looks again inside its own transaction, so that nothing that rests on a
    revoked thing is entered after the revocation was acknowledged.
    """

    position: int
    rests_on: Container[tuple[str, bytes]]
    """(kind, id) of each thing, as in `RevocationRecord`."""


PROOF_KEPT_MS: Final = 120_000
"""How long after its signing a proof's use is remembered; must exceed the time for which any
verifier must remember a proof (SPEC: 35 s)."""


REVOCATION_KEPT_MS: Final = 60_000
"""How long after its expiry what was revoked may still be taken for valid: by a clock that is behind."""


@dataclass(frozen=True, slots=True)
class ProofUse:
    """The one use of a proof.

    A proof is known by its id and the time that it was signed at: a time-ordered key, under
    which a replay is found as surely, since a replay is the same signed bytes.

    Where `request_digest` is not empty, the same caller may repeat the same request and gets
    the earlier answer. A tool's instances may share one caller identity, so the digest must
    also cover something that the asking instance chose for this attempt; otherwise a proof
    replayed to a second instance looks like a retry of the first.
    """

    proof_id: bytes
    """16 bytes, made of the proof's nonce, its audience and the chain that it is about."""
    issued_ms: int
    """When the proof says that it was signed; never the time of its arrival."""
    audience: str
    caller: str
    request_digest: bytes = b""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A caller's own key for one write: repeated with the same request, it is not made again."""

    caller: str
    method: str
    key: str
    request_digest: bytes
    """32 bytes: same key with another request is a `Conflict`."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """An idempotency key with the response to keep for it."""

    key: IdempotencyKey
    response: bytes
    expires_ms: int
