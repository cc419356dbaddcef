"""Who is calling and what the operator lets them do: the values, and the port that finds out.

An adapter answers one question, "who is this?". What a caller may do with one request is decided
by the use case that serves it, with the `require_*` methods here and the ceiling.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from delegation.errors import PermissionDenied, Reason, refusal

if TYPE_CHECKING:
    from delegation.core.chain import Principal
    from delegation.core.scope import Scope

_SPIFFE: Final = "spiffe://"


class Role(StrEnum):
    """What a caller is to the service. A caller may have several roles, and has none by default."""

    AGENT = "agent"
    """Receives handoffs, hands off further, calls tools."""
    ORCHESTRATOR = "orchestrator"
    """Asks for grants, within its ceiling."""
    TOOL = "tool"
    """Asks for decisions and records them, for its own audiences only."""
    APPROVER = "approver"
    """Answers requests for approval."""
    AUDITOR = "auditor"
    """Reads every task."""
    OPERATOR = "operator"
    """Registers agents, revokes anything."""


@dataclass(frozen=True, slots=True)
class Peer:
    """What a transport learned about the other end, before anybody decided who that is.

    Attributes:
        certificate: The leaf certificate that proved its key in the handshake, PEM or DER.
        intermediates: The certificates the peer sent with it, PEM, leaf and root left out.
    """

    certificate: bytes | None = None
    intermediates: bytes = b""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most an orchestrator may ask a grant for. Permits nothing unless it says otherwise.

    Attributes:
        scope: Capabilities that cover what is asked for.
        audiences: Audiences of which anything may be asked for.
        unlimited: Whether anything may be asked for at all.
    """

    scope: Scope | None = None
    audiences: frozenset[str] = frozenset()
    unlimited: bool = False

    NOTHING: ClassVar[Ceiling]
    UNLIMITED: ClassVar[Ceiling]

    def __post_init__(self) -> None:
        if (self.scope is not None) + bool(self.audiences) + self.unlimited > 1:
            raise ValueError("a ceiling is a scope, or audiences, or unlimited")


Ceiling.NOTHING = Ceiling()
Ceiling.UNLIMITED = Ceiling(unlimited=True)


@dataclass(frozen=True, slots=True)
class PrincipalRule:
    """Whose principals an orchestrator may ask grants for.

    Attributes:
        issuer: The issuer of their ID tokens.
        subjects: Their subjects; None: all of the issuer's.
    """

    issuer: str
    subjects: frozenset[str] | None = None

    def covers(self, principal: Principal) -> bool:
        """Tell whether a principal is one of them."""
        return principal.issuer == self.issuer and (self.subjects is None or principal.subject in self.subjects)


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """Whose tokens an identity has: a subject of an issuer, or a client that acts for itself.

    Attributes:
        issuer: The issuer.
        subject: The subject; for a client its id.
        is_client: Whether the token must be one that the client got for itself (RFC 9068 section 2.2).
    """

    issuer: str
    subject: str
    is_client: bool = False


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody the service knows, and what the operator lets them do. By default: nothing.

    Attributes:
        id: The authenticated id, a SPIFFE ID.
        roles: What the caller may be.
        audiences: The audiences a tool speaks for.
        any_audience: Speaks for every audience (development only).
        ceiling: The most its grants may permit.
        principals: On whose behalf its grants may be, besides its own.
        owner: The person or team that answers for it, shown wherever it is shown.
        token_holders: Whose tokens stand for it: who a person is to other issuers, by whatever means it came here.
        approval_keys: Public keys, 32 bytes each, of which one has to have signed whatever it approves.
        vouched_by: The issuer of the token that this call came with; empty for a certificate.
        authentication_strength: OIDC acr of that token; may be empty.
    """

    id: str
    roles: frozenset[Role] = frozenset()
    audiences: frozenset[str] = frozenset()
    any_audience: bool = False
    ceiling: Ceiling = Ceiling.NOTHING
    principals: tuple[PrincipalRule, ...] = ()
    owner: str = ""
    token_holders: tuple[TokenHolder, ...] = ()
    approval_keys: tuple[bytes, ...] = ()
    vouched_by: str = ""
    authentication_strength: str = ""

    @property
    def voucher(self) -> str:
        """Who vouches for the caller: the issuer of its token, else its trust domain as a SPIFFE ID."""
        return self.vouched_by or f"{_SPIFFE}{self.trust_domain}"

    @property
    def trust_domain(self) -> str:
        """The trust domain that vouches for the id; empty if it is no SPIFFE ID."""
        return self.id[len(_SPIFFE) :].partition("/")[0] if self.id.startswith(_SPIFFE) else ""

    def has_role(self, role: Role) -> bool:
        """Tell whether the caller has a role; to refuse without it, use `require_role`."""
        return role in self.roles

    def require_role(self, *roles: Role) -> None:
        """Refuse unless the caller has at least one of the roles.

        Raises:
            PermissionDenied: It has none of them.
        """
        if self.roles.isdisjoint(roles):
            wanted = " or ".join(roles)
            raise PermissionDenied(f"{self.id} lacks the role {wanted}: its operator can give it")

    def require_audience(self, audience: str) -> None:
        """Refuse unless the caller is a tool that speaks for the audience.

        Raises:
            PermissionDenied: It is not a tool.
            PolicyDenied: `not_your_audience`, it is a tool for others.
        """
        self.require_role(Role.TOOL)
        if not self.any_audience and audience not in self.audiences:
            raise refusal(
                Reason.NOT_YOUR_AUDIENCE,
                detail=f"{self.id} does not speak for this audience: its operator can list it",
            )

    def require_principal(self, principal: Principal) -> None:
        """Refuse unless the caller may ask for grants on this principal's behalf.

        Raises:
            PolicyDenied: `ceiling_exceeded`.
        """
        if not any(rule.covers(principal) for rule in self.principals):
            raise refusal(
                Reason.CEILING_EXCEEDED,
                field="principal",
                detail="the operator can list the issuer and the subject under the caller's principals",
            )


class KnownCallers(Protocol):
    """Whom the operator knows."""

    def find(self, caller_id: str) -> Caller:
        """Return the caller of an id that was proved already.

        Raises:
            Unauthenticated: It is not known.
        """
        ...


@dataclass(frozen=True, slots=True)
class Lasting:
    """Who a caller is, and for how long that may be believed.

    Attributes:
        caller: Who it is.
        seconds: Until its certificate or its token ends.
    """

    caller: Caller
    seconds: float


class Authenticator(Protocol):
    """Finds out who a peer with a certificate is. Called for every RPC, so it is quick and does no I/O."""

    def authenticate(self, peer: Peer) -> Caller:
        """Return the caller that the peer has proved to be.

        Raises:
            Unauthenticated: It proved nothing, not enough, or to be somebody unknown here.
        """
        ...

    def lasting(self, peer: Peer) -> Lasting:
        """Return the caller with the time for which that holds: for a stream, which is asked once. Raises the same."""
        ...


class TokenAuthenticator(Protocol):
    """Finds out who a peer is by the token that it sends with each call. It may have to fetch its issuer's keys."""

    async def authenticate(self, authorization: str | None) -> Caller:
        """Return the caller that an `authorization` header stands for.

        Raises:
            Unauthenticated: It stands for nobody, or for somebody unknown here.
            ServiceUnavailable: That cannot be found out now.
        """
        ...

    async def lasting(self, authorization: str | None) -> Lasting:
        """Return the caller with the time for which that holds: for a stream, which is asked once. Raises the same."""
        ...


class PrincipalReader(Protocol):
    """Finds out on whose behalf a grant is asked for."""

    async def principal(self, token: bytes) -> Principal:
        """Return the principal that a token shows.

        Raises:
            Refused: It shows none; `field` is `principal_token`.
        """
        ...
