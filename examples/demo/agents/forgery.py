"""What an agent that has gone bad can do with what it holds: real keys, and links and proofs that it signs by hand.

The SDK would refuse to make any of this, so it is not asked. Nothing here is needed by an honest program.
"""

from __future__ import annotations

import os
import time
from typing import Any

from delegation.core.arguments import Arguments
from delegation.core.chain import Frame, Link
from delegation.core.codec import encode_link, join_token, parse_token
from delegation.core.keys import Purpose, SigningKey, signing_input
from delegation.core.limits import NONCE_BYTES
from delegation.core.proof import sign_proof
from delegation_sdk import Delegation, Scope
from delegation_sdk.context import Carriage


def wider_handoff(parent: Delegation, agent: str, scope: Scope) -> Delegation:
    """Sign a handoff of any scope with one's own key, well formed and without asking what one has."""
    key = SigningKey.generate(os.urandom)
    above = parent.leaf
    link = Link(
        version=above.version,
        nonce=os.urandom(NONCE_BYTES),
        issued_at_ms=_now_ms(),
        not_before_ms=above.not_before_ms,
        expires_at_ms=above.expires_at_ms,
        holder_key=key.public,
        holder_agent=agent,
        remaining_depth=above.remaining_depth - 1,
        scope=scope,
        purpose=above.purpose,
        trace=None,
        grant=None,
    )
    payload = encode_link(link)
    signature = parent.require_key().sign(signing_input(Purpose.HANDOFF, payload, parent.digest))
    links = [*parent.chain.frames, Frame(payload, signature, end=0)]
    return Delegation(join_token(links, parent.chain.statements), key)


def without_last_link(token: bytes) -> bytes:
    """Cut the last link off, with what it took away, and the statements that name it."""
    return join_token(parse_token(token).frames[:-1], [])


def carriage(token: bytes, key: SigningKey, audience: str, tool: str, arguments: dict[str, Any]) -> Carriage:
    """Sign a call under a chain with any key whatsoever."""
    proof = sign_proof(
        key,
        chain_digest=Delegation(token).digest,
        audience=audience,
        tool=tool,
        arguments_digest=Arguments.of(arguments).digest,
        now_ms=_now_ms(),
        nonce=os.urandom(NONCE_BYTES),
    )
    return Carriage(token, proof)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
