"""What an attacker presents, what must come of it, and the classes of attack.

An attempt is a recipe: given a world (keys, a clock, a way to get grants) it gives what is presented there. So one
attempt is shown at several doors: to the kernel, to a guard, to the running service.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from delegation.core.arguments import Arguments
from delegation.core.codec import encode_scope
from delegation.core.keys import SigningKey
from delegation.core.revocation import Revocation
from delegation.core.trust import TrustBundle
from delegation.errors import DelegationError, Reason
from support.chains import BUNDLE, NOW_MS, READ_CALL

if TYPE_CHECKING:
    from attacks.suite.worlds import World

RawArguments = Mapping[str, Any] | bytes
"""The arguments of a call: JSON-like values, or bytes as they came in."""


@dataclass(frozen=True)
class Moment:
    """What the verifier knows, and what time it is.

    Attributes:
        now_ms: its clock.
        trust: its trust bundle.
        revoked: what it knows to be revoked.
        started_ms: from when on it remembers proofs.
        feed_ms: when its revocation feed was signed; None: now.
        followed: the feeds of federated domains that it follows: each domain, its statement key, what it revoked.
    """

    now_ms: int = NOW_MS
    trust: TrustBundle = BUNDLE
    revoked: tuple[Revocation, ...] = ()
    started_ms: int = NOW_MS - 3_600_000
    feed_ms: int | None = None
    followed: tuple[tuple[str, SigningKey, tuple[Revocation, ...]], ...] = ()


USUAL = Moment()


@dataclass(frozen=True)
class Call:
    """A call of a guarded tool, as it arrives.

    Attributes:
        token, proof: as carried.
        audience: of the guard that it reaches.
        tool: that is called.
        arguments: that it is called with.
        moment: when, and what is known then.
        earlier: calls that were made before, all of them permitted.
        tried: calls that were tried before, all of them refused.
        defaults: what the tool would use for arguments that were not sent.
    """

    token: bytes
    proof: bytes
    audience: str = "files"
    tool: str = "read"
    arguments: RawArguments = field(default_factory=lambda: READ_CALL)
    moment: Moment = USUAL
    earlier: tuple[Call, ...] = ()
    tried: tuple[Call, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """Everything that is presented, in one piece."""
        when = self.moment
        moment = (when.now_ms, when.started_ms, when.feed_ms, when.revoked, when.trust.expires_at_ms, when.trust.keys)
        foreign = (_limits(when.trust), tuple((name, revoked) for name, _, revoked in when.followed))
        parts = (self.token, self.proof, self.audience, self.tool, arguments_text(self.arguments), moment)
        before = b"".join(call.digest for call in (*self.earlier, *self.tried))
        parts += (foreign,) if when.trust.federated else ()
        return repr((parts, dict(self.defaults))).encode(errors="surrogatepass") + before

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.content).digest()


def _limits(trust: TrustBundle) -> tuple[Any, ...]:
    return tuple(
        (
            each.trust_domain,
            each.keys,
            sorted(each.agent_domains),
            sorted(each.principal_issuers),
            encode_scope(each.ceiling),
        )
        for each in trust.federated
    )


def arguments_text(arguments: RawArguments) -> bytes:
    """Give arguments as bytes: those of RFC 8785 where there are such, else what identifies them."""
    if isinstance(arguments, bytes):
        return arguments
    try:
        return Arguments.of(arguments).canonical
    except DelegationError:
        return repr(arguments).encode(errors="surrogatepass")


@dataclass(frozen=True)
class Request:
    """Anything else that is presented: a document, a piece of the feed, a request to the service.

    Attributes:
        door: where.
        content: everything that is presented.
        send: presents it; raises what refuses it.
    """

    door: str
    content: bytes
    send: Callable[[], object]

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.door.encode() + self.content).digest()


Presented = Call | Request
Recipe = Callable[["World"], Presented]


class NotHere(Exception):
    """An attempt cannot be made in this world: it takes a key that only the makers of the world have."""


class Attempt(NamedTuple):
    """One attempt.

    Attributes:
        name: what is tried; no two of a class have the same.
        reason: with which it must be refused; for what is no decision, the exception.
        recipe: makes it.
        link_index: the link that must be blamed; None: not looked at.
        online: True if it can be made only in the world of the running service, False if it must not be sampled there.
    """

    name: str
    reason: Reason | type[DelegationError]
    recipe: Recipe
    link_index: int | None = None
    online: bool | None = None


class Twin(NamedTuple):
    """A benign twin: the same path and tooling, without what makes it an attack. It must be permitted."""

    name: str
    recipe: Recipe
    online: bool | None = None


class AttackClass(NamedTuple):
    """One class of attack.

    Attributes:
        name: as the field calls it.
        attempts: all attempts.
        twins: their benign twins, at least one.
    """

    name: str
    attempts: Callable[[], Iterable[Attempt]]
    twins: Callable[[], Iterable[Twin]]
