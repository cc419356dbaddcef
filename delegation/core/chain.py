"""Links and chains as values. Only `verify` makes a `VerifiedChain`.

`UnverifiedChain` holds what somebody claims; nothing may be decided from it.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from delegation.core.call_plan import CallPlans
from delegation.core.named_tuple import NamedTuple
from delegation.core.scope import Scope
from delegation.core.statement import SignedStatement

if TYPE_CHECKING:
    from delegation.core.demands import Asked


class PrincipalBasis(StrEnum):
    """What a principal's name rests on."""

    ASSERTED = "asserted"
    OIDC_ID_TOKEN = "oidc_id_token"
    ID_JAG = "id_jag"
    SUBJECT_TOKEN = "subject_token"


class Principal(NamedTuple):
    """The human or workload on whose behalf work is done.

    Attributes:
        subject: the name at the issuer.
        issuer: who vouches for it; the trust domain, if it is asserted.
        basis: what the claim rests on.
        token_digest: SHA-256 of the token it rests on, or empty.
        authenticated_at_ms: when the principal authenticated; 0 if not known.
        authentication_strength: OIDC acr, or empty.
    """

    subject: str
    issuer: str
    basis: PrincipalBasis
    token_digest: bytes = b""
    authenticated_at_ms: int = 0
    authentication_strength: str = ""


class GrantClaims(NamedTuple):
    """What only the first link says.

    Attributes:
        issuer_key_id: the grant key that signed it, 16 bytes.
        task_id: the task, 16 bytes.
        principal: on whose behalf.
        unrecorded_handoffs: True if handoffs need no receipt.
    """

    issuer_key_id: bytes
    task_id: bytes
    principal: Principal
    unrecorded_handoffs: bool = False


class TraceIds(NamedTuple):
    """W3C trace id (16 bytes) and span id (8 bytes) of the span in which something was signed."""

    trace_id: bytes
    span_id: bytes


class Link(NamedTuple):
    """What one hop says; fields as in chain.proto. Times in ms since the Unix epoch."""

    version: int
    nonce: bytes
    issued_at_ms: int
    not_before_ms: int
    expires_at_ms: int
    holder_key: bytes
    holder_agent: str
    remaining_depth: int
    scope: Scope
    purpose: str
    trace: TraceIds | None
    grant: GrantClaims | None


class SignedLink(NamedTuple):
    """One hop as it was signed.

    Attributes:
        payload: the exact bytes that were signed.
        signature: 64 bytes.
        link_id: SHA-256 of the signing input, 32 bytes: binds payload and every link before it.
        link: what the payload says, parsed once.
    """

    payload: bytes
    signature: bytes
    link_id: bytes
    link: Link

    def __repr__(self) -> str:
        return f"SignedLink({self.link_id.hex()})"


class Frame(NamedTuple):
    """One link of a token as it came in: neither verified nor parsed.

    Attributes:
        payload: what was signed.
        signature: 64 bytes.
        end: offset in the token just past this link.
    """

    payload: bytes
    signature: bytes
    end: int

    def __repr__(self) -> str:
        return f"Frame({len(self.payload)} bytes)"


class UnverifiedChain(NamedTuple):
    """A well-formed envelope, and nothing more.

    Attributes:
        token: the bytes it was read from.
        frames: the links, grant first, unparsed.
        statements: what came with them, unchecked.
    """

    token: bytes
    frames: tuple[Frame, ...]
    statements: tuple[SignedStatement, ...]

    def __repr__(self) -> str:
        return f"UnverifiedChain({len(self.frames)} links)"


class VerifiedLinks(NamedTuple):
    """Links that hold by themselves and one after another: what chains that begin with them have in common.

    Attributes:
        links: the links, grant first.
        revocation_keys: everything they rest on that can be revoked.
        not_before_ms: the first moment at which all of them permit something.
        steps: what comparing their scopes took (SPEC N-8).
        plans: what all of them say about tools that were called; kept by `authorize`.
    """

    links: tuple[SignedLink, ...]
    revocation_keys: frozenset[bytes]
    not_before_ms: int
    steps: int
    plans: CallPlans

    def __repr__(self) -> str:
        return f"VerifiedLinks({len(self.links)} links)"


class VerifiedChain:
    """A chain whose signatures, linkage, narrowing and receipt hold. Only `verify` makes one.

    Time and revocation are checked on every call, not here.

    Attributes:
        token: the exact bytes.
        links: the links, grant first.
        not_before_ms, expires_at_ms: the window in which every link is valid.
        revocation_keys: everything the chain rests on that can be revoked.
        plans: for tools that were called under it, what all links say, merged; kept by `authorize`.
        receipt: when the service recorded the leaf, ms, or None.
        bindings: until when, ms, the service vouches for which holder key and agent id together.
    """

    __slots__ = (
        "__dict__",
        "bindings",
        "expires_at_ms",
        "links",
        "not_before_ms",
        "plans",
        "receipt",
        "revocation_keys",
        "token",
    )

    def __init__(
        self, token: bytes, verified: VerifiedLinks, receipt: int | None, bindings: dict[tuple[bytes, str], int]
    ) -> None:
        self.token = token
        self.links, self.revocation_keys, self.not_before_ms, _, self.plans = verified
        self.expires_at_ms = self.links[-1].link.expires_at_ms
        self.receipt = receipt
        self.bindings = bindings

    @property
    def leaf(self) -> Link:
        """The last link: who acts."""
        return self.links[-1].link

    @property
    def grant(self) -> GrantClaims:
        """What the grant says."""
        claims = self.links[0].link.grant
        assert claims is not None  # noqa: S101 - verification step 7 made sure
        return claims

    @property
    def digest(self) -> bytes:
        """The chain digest: the leaf's link id, 32 bytes."""
        return self.links[-1].link_id

    @property
    def task_id(self) -> bytes:
        """The task, 16 bytes."""
        return self.grant.task_id

    @property
    def principal(self) -> Principal:
        """On whose behalf."""
        return self.grant.principal

    @property
    def purpose(self) -> str:
        """The grant's purpose: the one that policy and approvers see."""
        return self.links[0].link.purpose

    @property
    def depth(self) -> int:
        """How many links there are; with the proof, depth + 1 signatures."""
        return len(self.links)

    @cached_property
    def asked(self) -> dict[tuple[str, str], tuple[Asked, ...]]:
        """What conditions ask of calls of a tool, by audience and tool; kept by `demands`."""
        return {}

    @cached_property
    def agents(self) -> tuple[str, ...]:
        """The agent ids, the grant's holder first."""
        return tuple(signed.link.holder_agent for signed in self.links)

    def bound(self, index: int, now_ms: int) -> bool:
        """Tell whether the service vouches that a link's holder key is its agent's.

        A grant's holder was authenticated by the service that signed it. A binding speaks of key and agent
        together: two links may name one key under two names, and only one of them is vouched for.
        """
        link = self.links[index].link
        return index == 0 or self.bindings.get((link.holder_key, link.holder_agent), 0) > now_ms

    def __repr__(self) -> str:
        return f"VerifiedChain({' -> '.join(self.agents)})"
