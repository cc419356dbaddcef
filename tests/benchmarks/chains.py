"""Chains to measure with: three argument constraints (sub-path, range, one-of), and every hop narrows all three."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from delegation.core.arguments import Arguments
from delegation.core.chain import Principal, PrincipalBasis, SignedLink, TraceIds
from delegation.core.codec import join_token
from delegation.core.conditions import Condition
from delegation.core.constraints import between, one_of, under
from delegation.core.keys import Signer, SigningKey
from delegation.core.mint import sign_grant, sign_handoff
from delegation.core.proof import sign_proof
from delegation.core.scope import Scope, tool

AUDIENCE: Final = "files"
TOOL: Final = "read_file"
AGENT: Final = "spiffe://acme.example/agent/planner"  # 35 bytes, as the bar has it
MINUTE_MS: Final = 60_000

_DIRECTORIES: Final = ("srv", "docs", "team", "a", "2026", "q4", "plan", "v2", "new", "b")
_MODES: Final = ("text", "raw", "head", "tail", "json", "hex", "size", "date", "hash", "type")


def scope_at(hop: int, *, audience: str = AUDIENCE, conditions: Sequence[Condition] = ()) -> Scope:
    """Give the scope of the hop-th link, 0 the grant's: each narrower in all three constraints than the one before."""
    return Scope(
        tool(
            audience,
            TOOL,
            *conditions,
            path=under("/" + "/".join(_DIRECTORIES[: hop + 2])),
            limit=between(1, 1000 - hop),
            mode=one_of(*_MODES[: len(_MODES) - hop]),
        )
    )


def arguments(number: int, *, limit: int | None = None) -> dict[str, Any]:
    """Give arguments that every hop permits, different for each number; with a given limit perhaps not."""
    path = f"/{'/'.join(_DIRECTORIES)}/{number % 1000}.txt"
    return {"path": path, "limit": 1 + number % 900 if limit is None else limit, "mode": "text"}


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain with the holder key of each of its links.

    Attributes:
        links: grant first.
        keys: the holder keys, in the same order.
        audience: who serves the tool that is handed on.
        conditions: what every link hands on with it.
    """

    links: tuple[SignedLink, ...]
    keys: tuple[SigningKey, ...]
    audience: str = AUDIENCE
    conditions: tuple[Condition, ...] = ()

    @property
    def token(self) -> bytes:
        """The chain as it travels, without statements."""
        return join_token(self.links, ())

    def first(self, depth: int) -> Chain:
        """Give the chain that ends with the depth-th link."""
        return replace(self, links=self.links[:depth], keys=self.keys[:depth])

    def child(self, now_ms: int) -> Chain:
        """Hand on once more, to a fresh key."""
        key = SigningKey.generate(secrets.token_bytes)
        scope = scope_at(len(self.links), audience=self.audience, conditions=self.conditions)
        link = hand_off(self, key.public, now_ms, scope, trace_ids())
        return replace(self, links=(*self.links, link), keys=(*self.keys, key))

    def proof(self, arguments: Arguments, now_ms: int, *, key: Signer | None = None) -> bytes:
        """Sign a call by the leaf's holder, or by another's key."""
        return sign_proof(
            key or self.keys[-1],
            chain_digest=self.links[-1].link_id,
            audience=self.audience,
            tool=TOOL,
            arguments_digest=arguments.digest,
            now_ms=now_ms,
            nonce=secrets.token_bytes(16),
            trace=trace_ids(),
        )


def granted(issuer: Signer, now_ms: int, *, depth: int) -> Chain:
    """Make a chain of so many links, the grant included."""
    key = SigningKey.generate(secrets.token_bytes)
    grant = sign_grant(
        issuer,
        task_id=secrets.token_bytes(16),
        principal=Principal("alice@acme.example", "https://login.acme.example", PrincipalBasis.ASSERTED),
        holder_key=key.public,
        holder_agent=AGENT,
        scope=scope_at(0),
        purpose="Summarise the plans of the fourth quarter",
        now_ms=now_ms,
        lifetime_ms=15 * MINUTE_MS,
        max_depth=16,
        unrecorded_handoffs=True,
        nonce=secrets.token_bytes(16),
        trace=trace_ids(),
    )
    chain = Chain((grant,), (key,))
    for _ in range(1, depth):
        chain = chain.child(now_ms)
    return chain


def hand_off(chain: Chain, holder_key: bytes, now_ms: int, scope: Scope, trace: TraceIds) -> SignedLink:
    """Sign the next link of a chain, which ends a little earlier."""
    return sign_handoff(
        chain.links[-1],
        chain.keys[-1],
        holder_key=holder_key,
        holder_agent=AGENT,
        scope=scope,
        now_ms=now_ms,
        expires_at_ms=chain.links[-1].link.expires_at_ms - 1,
        nonce=secrets.token_bytes(16),
        trace=trace,
    )


def trace_ids() -> TraceIds:
    """Give the ids of a span that is as good as any."""
    return TraceIds(secrets.token_bytes(16), secrets.token_bytes(8))


def in_turn(items: Sequence[Any], number: int) -> Any:
    """Give the items one after another, over and over."""
    return items[number % len(items)]
