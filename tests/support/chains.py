"""Chains for tests in one line: `chain("root -> planner -> tool")`.

Every key, nonce and time is fixed, so every token is the same in every run. A chain keeps what it was
made of: a hostile holder can `edit` a link and everything after it is signed again by its rightful
signer, so that the edit is all that is wrong. Tests sign by hand here, where minting would refuse.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from delegation.core import limits
from delegation.core.arguments import Arguments
from delegation.core.attest import sign_binding, sign_receipt
from delegation.core.chain import Frame, Principal, PrincipalBasis, VerifiedChain
from delegation.core.codec import join_token
from delegation.core.constraints import at_most, one_of, optional, under
from delegation.core.keys import Purpose, SigningKey, link_id, signing_input
from delegation.core.mint import sign_grant, sign_handoff
from delegation.core.proof import sign_proof
from delegation.core.revocation import FeedEntry, Revocation, RevocationState
from delegation.core.scope import Scope, any_call, tool
from delegation.core.statement import Binding, Receipt, SignedStatement
from delegation.core.trust import KeyPurpose, TrustBundle, TrustedKey
from delegation.core.verify import Verifier
from delegation.v1 import chain_pb2 as pb

NOW_MS = 1_800_000_000_000
MINUTE_MS = 60_000
NOTHING_REVOKED = RevocationState.nothing_revoked()


@cache
def key(name: str) -> SigningKey:
    """Give the signing key of a name: always the same."""
    return SigningKey(hashlib.sha256(b"test key " + name.encode()).digest())


def some_bytes(name: str, size: int = 16) -> bytes:
    """Give fixed bytes that look random."""
    return hashlib.sha256(b"test bytes " + name.encode()).digest()[:size]


def agent(name: str) -> str:
    """Give the agent id of a name."""
    return f"spiffe://example.test/{name}"


ROOT, ISSUER, STATEMENTS, CHECKPOINTS = map(key, ("bundle root", "issuer", "statements", "checkpoints"))
MALLORY = key("mallory")
READ = tool("files", "read", path=under("/srv/docs"), limit=optional(at_most(100)))
REFUND = tool("billing", "refund", amount=at_most("50.00"), currency=one_of("EUR", "USD"))
SEARCH = any_call("web", "search")
SCOPE = Scope(READ, REFUND, SEARCH)
READ_CALL = {"path": "/srv/docs/a.txt"}


def trusted(purpose: KeyPurpose, signer: SigningKey, **tweaks: Any) -> TrustedKey:
    """List a key of the service, good for a day around now unless tweaked."""
    window = {"not_before_ms": NOW_MS - 1440 * MINUTE_MS, "not_after_ms": NOW_MS + 1440 * MINUTE_MS}
    return TrustedKey(purpose, signer.public, **{**window, **tweaks})


SERVICE_KEYS = (
    trusted(KeyPurpose.GRANT, ISSUER),
    trusted(KeyPurpose.STATEMENT, STATEMENTS),
    trusted(KeyPurpose.CHECKPOINT, CHECKPOINTS),
)


def bundle(*keys: TrustedKey, **tweaks: Any) -> TrustBundle:
    """Give a trust bundle; without keys, that of the service that made the chains here."""
    fields = {"version": 7, "issued_at_ms": NOW_MS - 1, "expires_at_ms": NOW_MS + 1440 * MINUTE_MS, **tweaks}
    return TrustBundle("example.test", keys=keys or SERVICE_KEYS, **fields)


BUNDLE = bundle()


def revoked(*what: Revocation) -> RevocationState:
    """Give the state of a verifier that knows this to be revoked."""
    state = RevocationState()
    state.apply(FeedEntry(0, len(what), NOW_MS, snapshot=True, more=False, revocations=what), monotonic_ms=0)
    return state


def verify(token: bytes, *, trust: TrustBundle = BUNDLE, now_ms: int = NOW_MS, **options: Any) -> VerifiedChain:
    """Verify a token with a fresh verifier."""
    options = {"revocations": NOTHING_REVOKED, **options}
    return Verifier(trust).verify(token, now_ms=now_ms, **options)


@dataclass(frozen=True)
class MadeChain:
    """A chain and what it was made of.

    Attributes:
        names: of the holders, the grant's first.
        payloads: of the links.
        signers: of the links; the first is the issuer.
        holders: the holders' keys.
        purposes: the signing purposes of the links.
        statements: what comes after the links; None: a receipt for the leaf and a binding for each holder.
    """

    names: tuple[str, ...]
    payloads: tuple[bytes, ...]
    signers: tuple[SigningKey, ...]
    holders: tuple[SigningKey, ...]
    purposes: tuple[Purpose, ...]
    statements: tuple[SignedStatement, ...] | None = None

    @property
    def signed(self) -> list[tuple[bytes, bytes, bytes]]:
        """Payload, signature and link id of every link."""
        made: list[tuple[bytes, bytes, bytes]] = []
        parent = b""
        for payload, signer, purpose in zip(self.payloads, self.signers, self.purposes, strict=True):
            message = signing_input(purpose, payload, parent)
            parent = link_id(message)
            made.append((payload, signer.sign(message), parent))
        return made

    @property
    def frames(self) -> list[Frame]:
        """The links as a token carries them."""
        return [Frame(payload, signature, 0) for payload, signature, _ in self.signed]

    @property
    def link_ids(self) -> list[bytes]:
        """The links' ids."""
        return [identity for _, _, identity in self.signed]

    @property
    def service_statements(self) -> tuple[SignedStatement, ...]:
        """What the service would have said about the chain."""
        bindings = [
            sign_binding(Binding(held.public, agent(name), NOW_MS, NOW_MS + 60 * MINUTE_MS), STATEMENTS)
            for name, held in zip(self.names, self.holders, strict=True)
        ]
        return (receipt(self.link_ids[-1]), *bindings)

    @property
    def token(self) -> bytes:
        """The token."""
        statements = self.service_statements if self.statements is None else self.statements
        return join_token(self.frames, statements)

    @property
    def leaf_key(self) -> SigningKey:
        """The key of the holder that acts."""
        return self.holders[-1]

    def with_statements(self, *statements: SignedStatement) -> MadeChain:
        """Give the chain with just these statements."""
        return replace(self, statements=statements)

    def edit(self, index: int, change: Callable[[pb.Link], object]) -> MadeChain:
        """Give the chain with one link changed by a hostile signer, and all from there on signed again."""
        message = pb.Link.FromString(self.payloads[index])
        change(message)
        return self.with_payload(index, message.SerializeToString(deterministic=True))

    def with_payload(self, index: int, payload: bytes) -> MadeChain:
        """Give the chain with one link's payload replaced, and all from there on signed again."""
        return replace(self, payloads=(*self.payloads[:index], payload, *self.payloads[index + 1 :]))

    def signed_by(self, index: int, signer: SigningKey, purpose: Purpose | None = None) -> MadeChain:
        """Give the chain with one link signed by another key, or for another purpose."""
        signers = (*self.signers[:index], signer, *self.signers[index + 1 :])
        purposes = (*self.purposes[:index], purpose or self.purposes[index], *self.purposes[index + 1 :])
        return replace(self, signers=signers, purposes=purposes)

    def cut(self, length: int) -> MadeChain:
        """Give the chain without the links after the first `length`."""
        parts = (self.names, self.payloads, self.signers, self.holders, self.purposes)
        return MadeChain(*(part[:length] for part in parts), statements=self.statements)

    def proof(self, audience: str, name: str, arguments: Mapping[str, Any], **tweaks: Any) -> bytes:
        """Sign a call with the leaf's key; `key` and every field can be tweaked."""
        fields = {
            "chain_digest": self.link_ids[-1],
            "arguments_digest": Arguments.of(arguments).digest,
            "now_ms": NOW_MS,
            "nonce": some_bytes("proof"),
            **tweaks,
        }
        return sign_proof(fields.pop("key", self.leaf_key), audience=audience, tool=name, **fields)


def receipt(identity: bytes, *, signer: SigningKey = STATEMENTS, recorded_at_ms: int = NOW_MS) -> SignedStatement:
    """Sign a receipt."""
    return sign_receipt(Receipt(identity, recorded_at_ms), signer)


def chain(
    path: str,
    *,
    scopes: Sequence[Scope] = (SCOPE,),
    depth: int = limits.DEFAULT_DEPTH,
    lifetimes_ms: Sequence[int] = (15 * MINUTE_MS,),
    unrecorded: bool = False,
    task: str = "task",
    issuer: SigningKey = ISSUER,
    purpose: str = "answer the customer",
    now_ms: int = NOW_MS,
) -> MadeChain:
    """Make a chain of agents: `chain("root -> planner -> tool")` has three links.

    Args:
        path: the agents' names, grant first.
        scopes: of the links; the last one serves all further links.
        depth: how many handoffs the grant permits.
        lifetimes_ms: of the links; the last one serves all further links.
        unrecorded: True if handoffs need no receipt.
        task: names the task, and makes every nonce another one.
        issuer: the grant key.
        purpose: of the grant.
        now_ms: when everything was signed.
    """
    names = tuple(name.strip() for name in path.split("->"))
    holders = tuple(key(f"{task} {name}") for name in names)
    signed = sign_grant(
        issuer,
        task_id=some_bytes(task),
        principal=Principal("ada", "https://login.example.test", PrincipalBasis.OIDC_ID_TOKEN, some_bytes("token", 32)),
        holder_key=holders[0].public,
        holder_agent=agent(names[0]),
        scope=scopes[0],
        purpose=purpose,
        now_ms=now_ms,
        lifetime_ms=lifetimes_ms[0],
        max_depth=depth,
        unrecorded_handoffs=unrecorded,
        nonce=some_bytes(f"{task} nonce 0"),
    )
    links = [signed]
    for index in range(1, len(names)):
        signed = sign_handoff(
            signed,
            holders[index - 1],
            holder_key=holders[index].public,
            holder_agent=agent(names[index]),
            scope=scopes[min(index, len(scopes) - 1)],
            now_ms=now_ms,
            expires_at_ms=now_ms + lifetimes_ms[min(index, len(lifetimes_ms) - 1)],
            nonce=some_bytes(f"{task} nonce {index}"),
        )
        links.append(signed)
    return MadeChain(
        names,
        tuple(link.payload for link in links),
        (issuer, *holders[:-1]),
        holders,
        (Purpose.GRANT, *[Purpose.HANDOFF] * (len(names) - 1)),
    )
