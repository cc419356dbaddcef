"""Tokens, statements and proofs that are rightly signed, whatever they say; and the trust that they are verified by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from conformance.make import messages as m
from conformance.make.keys import CHECKPOINTS, ISSUER, STATEMENTS, Key, fixed, named, sha256, signing_input
from conformance.make.messages import DAY_MS, MINUTE_MS, T0_MS, Grant, Link, agent

NOW_MS: Final = T0_MS + MINUTE_MS


# -- trust ---------------------------------------------------------------------------------------------------


def trusted(purpose: str, signer: Key | bytes, **tweaks: Any) -> dict[str, Any]:
    """Give a key of a trust bundle as verify vectors have it."""
    public = signer if isinstance(signer, bytes) else signer.public
    window = {"not_before_ms": T0_MS - DAY_MS, "not_after_ms": T0_MS + 30 * DAY_MS}
    return {"purpose": purpose, "public_key": public.hex(), **window, "state": "active", **tweaks}


SERVICE_KEYS: Final = (
    trusted("grant", ISSUER),
    trusted("statement", STATEMENTS),
    trusted("checkpoint", CHECKPOINTS),
)


def trust(*keys: dict[str, Any], expires_at_ms: int = T0_MS + 30 * DAY_MS) -> dict[str, Any]:
    """Give a trust bundle as verify vectors have it; without keys, the service's."""
    return {"expires_at_ms": expires_at_ms, "keys": list(keys or SERVICE_KEYS)}


TRUST: Final = trust()


# -- chains --------------------------------------------------------------------------------------------------


def handoff(name: str, **tweaks: Any) -> Link:
    """Give a handoff to an agent; by default it permits what `Link` says, for five minutes."""
    fields = {
        "nonce": fixed(f"handoff nonce {name}"),
        "expires_at_ms": T0_MS + 5 * MINUTE_MS,
        "holder_key": named(name).public,
        "holder_agent": agent(name),
        "grant": None,
        **tweaks,
    }
    return Link(**fields)


@dataclass(frozen=True)
class Hop:
    """One link and who signs it for what.

    Attributes:
        payload: what is signed.
        signer: by whom.
        purpose: the domain tag; None: grant for the first link, handoff for others.
        over: signed with this parent id instead of the link id before; None: that one.
    """

    payload: bytes
    signer: Key
    purpose: str | None = None
    over: bytes | None = None


@dataclass(frozen=True)
class Chain:
    """Hops and statements. Statements may be functions of the chain, since they name link ids."""

    hops: tuple[Hop, ...]
    statements: tuple[bytes, ...] = ()

    def signed(self) -> list[tuple[bytes, bytes, bytes]]:
        """Give payload, signature and link id of each link."""
        made: list[tuple[bytes, bytes, bytes]] = []
        before = b""
        for index, hop in enumerate(self.hops):
            purpose = hop.purpose or ("handoff" if index else "grant")
            message = signing_input(purpose, hop.payload, before if hop.over is None else hop.over)
            rightful = signing_input("handoff" if index else "grant", hop.payload, before)
            before = sha256(rightful)
            made.append((hop.payload, hop.signer.sign(message), before))
        return made

    @property
    def ids(self) -> list[bytes]:
        """Give the link ids."""
        return [identity for _, _, identity in self.signed()]

    @property
    def token(self) -> bytes:
        """Give the token."""
        return m.chain([link[:2] for link in self.signed()], self.statements)

    def hop(self, index: int, **tweaks: Any) -> Chain:
        """Give the chain with one hop changed; what follows is signed again."""
        hops = list(self.hops)
        hops[index] = replace(hops[index], **tweaks)
        return replace(self, hops=tuple(hops))

    def stating(self, *statements: bytes) -> Chain:
        """Give the chain with these statements."""
        return replace(self, statements=statements)


def chain(*links: Link | bytes, signers: Sequence[Key] | None = None, issuer: Key = ISSUER) -> Chain:
    """Give a chain: the first link signed by the issuer, each other one by the holder before it.

    Args:
        links: as messages or payloads.
        signers: of the handoffs, if they are not to be found by the names of the holders before.
        issuer: of the grant.
    """
    rightful = [issuer, *(signers or [_holder(link) for link in links[:-1]])]
    payloads = [link if isinstance(link, bytes) else link.encoded() for link in links]
    return Chain(tuple(Hop(payload, signer) for payload, signer in zip(payloads, rightful, strict=True)))


def _holder(link: Link | bytes) -> Key:
    assert isinstance(link, Link), "name the signers of links that are given as bytes"
    name = link.holder_agent if isinstance(link.holder_agent, str) else link.holder_agent.decode()
    return named(name.rsplit("/", maxsplit=1)[-1])


FILES: Final = m.scope(m.capability("files", "read", m.listed("path", m.under("/srv"))))
"""A scope: `read` of `files`, below /srv."""


def line(*names: str, scope: bytes = FILES, **grant: Any) -> list[Link]:
    """Give the links of a chain of agents, each permitting the same and one handoff less."""
    claims = Grant(**{"unrecorded_handoffs": True, **grant})
    first = Link(
        holder_key=named(names[0]).public, holder_agent=agent(names[0]), scope=scope, grant=claims, remaining_depth=8
    )
    rest = (handoff(name, scope=scope, remaining_depth=8 - index) for index, name in enumerate(names[1:], 1))
    return [first, *rest]


# -- statements and proofs -----------------------------------------------------------------------------------


def statement(kind: str, payload: bytes, signer: Key = STATEMENTS, *, purpose: str = "", key_id: bytes = b"") -> bytes:
    """Give a signed statement; `purpose` and `key_id` are wrong ones, where given."""
    signature = signer.sign(signing_input(purpose or kind, payload))
    return m.signed_statement(m.KINDS[kind], key_id or signer.key_id, payload, signature)


def receipt(link_id: bytes, signer: Key = STATEMENTS, recorded_at_ms: int = T0_MS + 1_000) -> bytes:
    """Give a signed receipt."""
    return statement("receipt", m.receipt(link_id, recorded_at_ms), signer)


def binding(name: str, signer: Key = STATEMENTS, **tweaks: Any) -> bytes:
    """Give a signed binding of an agent's key to the agent."""
    fields = {"holder_key": named(name).public, "holder": agent(name), **tweaks}
    return statement("binding", m.binding(**fields), signer)


# -- what is expected ----------------------------------------------------------------------------------------


def verified(made: Chain, leaf: Link, **further: Any) -> dict[str, Any]:
    """Give the outputs of an accepted token."""
    ids = made.ids
    return {
        "link_ids": ids,
        "chain_digest": ids[-1],
        "holder_key": leaf.holder_key,
        "holder_agent": leaf.holder_agent,
        **further,
    }
