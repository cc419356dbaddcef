"""What a verifier trusts, as values: the service's keys by purpose, and the catalogue of tools."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from delegation.core import limits
from delegation.core.federation import FederatedDomain
from delegation.core.named_tuple import NamedTuple
from delegation.core.trusted_keys import KeyPurpose, KeyState, TrustedKey, TrustedKeys
from delegation.errors import Reason, refusal

__all__ = [
    "Catalogue",
    "CatalogueTool",
    "Effect",
    "FederatedDomain",
    "KeyPurpose",
    "KeyState",
    "Recording",
    "TrustBundle",
    "TrustedKey",
]


class TrustBundle:
    """The keys of a trust domain at one version; signed by its root key.

    Attributes:
        trust_domain: a host name, as in a SPIFFE ID.
        version: grows with every bundle.
        issued_at_ms, expires_at_ms: when it was signed, and until when it is trusted.
        keys: the service's keys.
        catalogue_digest: SHA-256 of the catalogue; empty: no tool is local.
        federated: other trust domains, within limits.
    """

    __slots__ = (
        "_domains",
        "_issuers",
        "_keys",
        "catalogue_digest",
        "expires_at_ms",
        "federated",
        "issued_at_ms",
        "keys",
        "trust_domain",
        "version",
    )

    def __init__(  # noqa: PLR0917 - the fields, in their order
        self,
        trust_domain: str,
        version: int,
        issued_at_ms: int,
        expires_at_ms: int,
        keys: tuple[TrustedKey, ...],
        catalogue_digest: bytes = b"",
        federated: tuple[FederatedDomain, ...] = (),
    ) -> None:
        self.trust_domain = trust_domain
        self.version = version
        self.issued_at_ms = issued_at_ms
        self.expires_at_ms = expires_at_ms
        self.keys = keys
        self.catalogue_digest = catalogue_digest
        self.federated = federated
        self._keys = TrustedKeys(keys)
        foreign = [key for domain in federated for key in domain.keys]
        self._issuers = TrustedKeys((*foreign, *keys)) if foreign else self._keys
        # A key that is listed as the own domain's is nobody else's.
        self._domains = {
            key.key_id: domain for domain in federated for key in domain.keys if self._keys.find(key.key_id) is None
        }

    def _said(self) -> tuple[object, ...]:
        return (
            self.trust_domain,
            self.version,
            self.issued_at_ms,
            self.expires_at_ms,
            self.keys,
            self.catalogue_digest,
            self.federated,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TrustBundle) and self._said() == other._said()

    def __hash__(self) -> int:
        return hash(self._said())

    def __repr__(self) -> str:
        return f"TrustBundle({self.trust_domain}, version {self.version}, {len(self.keys)} keys)"

    def find(self, key_id: bytes) -> TrustedKey | None:
        """Give a key by its id, whatever it is for and whether it is in use; a federated domain's, too."""
        return self._issuers.find(key_id)

    def domain_of(self, key_id: bytes) -> FederatedDomain | None:
        """Give the federated domain whose key this is; None for an own key, and for one that is unknown."""
        return self._domains.get(key_id)

    def federated_domain(self, trust_domain: str) -> FederatedDomain | None:
        """Give a federated domain by its name."""
        return next((domain for domain in self.federated if domain.trust_domain == trust_domain), None)

    def require_current(self, now_ms: int) -> None:
        """Require that the bundle has not expired.

        Raises:
            BadStatement: BUNDLE_EXPIRED.
        """
        if now_ms >= self.expires_at_ms:
            raise refusal(Reason.BUNDLE_EXPIRED)

    def settled_from_ms(self, now_ms: int) -> int:
        """Tell from when on the keys that count now have counted."""
        return max([0, *[key.not_before_ms for key in self._all_keys() if key.not_before_ms <= now_ms]])

    def settled_until_ms(self, now_ms: int) -> int:
        """Tell until when the keys that count now go on counting."""
        ends = [key.not_after_ms for key in self._all_keys() if key.not_after_ms > now_ms]
        return min([self.expires_at_ms, *ends])

    def _all_keys(self) -> tuple[TrustedKey, ...]:
        return sum((domain.keys for domain in self.federated), self.keys) if self.federated else self.keys

    def grant_key(self, key_id: bytes, now_ms: int) -> TrustedKey:
        """Give the grant key of this id, the own domain's or a federated one's.

        Raises:
            BadSignature: ISSUER_UNKNOWN; ISSUER_NOT_TRUSTED if it is for another purpose, retired, compromised
                or outside its window.
        """
        return self._issuers.grant_key(key_id, now_ms)

    def statement_key(self, key_id: bytes, now_ms: int) -> bytes:
        """Give the own domain's public statement key of this id. A federated one's is asked of `domain_of`.

        Raises:
            BadStatement: STATEMENT_INVALID if there is none that may sign statements now.
        """
        return self._keys.statement_key(key_id, now_ms)

    def break_glass_key(self, key_id: bytes, now_ms: int) -> bytes:
        """Give the public key of this id that may sign break-glass statements.

        Raises:
            BadStatement: STATEMENT_INVALID if there is none that may sign them now.
        """
        key = self._keys.find(key_id)
        if key is None or key.purpose is not KeyPurpose.BREAK_GLASS or not key.usable(now_ms):
            raise refusal(Reason.STATEMENT_INVALID, detail="not signed by a break-glass key of the trust bundle")
        return key.public_key


class Effect(StrEnum):
    """What a tool does to the world."""

    READ = "read"
    WRITE = "write"
    EXTERNAL = "external"
    DESTRUCTIVE = "destructive"
    SPENDS = "spends"
    PRIVILEGE = "privilege"


class Recording(StrEnum):
    """How the value of an argument is kept with a decision."""

    PLAIN = "plain"
    DIGEST = "digest"


class CatalogueTool(NamedTuple):
    """One tool as the operator describes it.

    Attributes:
        audience, tool: which one.
        effects: what it does; not empty.
        local: True if a guard may decide its calls in process.
        labels: of its results.
        owner: the person or team that answers for it.
        maximum_feed_age_ms: how old a revocation feed may be when the tool runs; 0: as its effects have it.
        recorded: how the values of arguments are kept, (name, how), sorted by name; nothing is kept of others.
        manifest_digest: SHA-256 of its manifest, 32 bytes; empty: it is not pinned.
        manifest_required: True if a tool with another manifest must not run; only with a digest.
        observe_until_ms: until when calls that would be refused run all the same (see `observation`); 0: they never do.
    """

    audience: str
    tool: str
    effects: frozenset[Effect]
    local: bool = False
    labels: frozenset[str] = frozenset()
    owner: str = ""
    maximum_feed_age_ms: int = 0
    recorded: tuple[tuple[str, Recording], ...] = ()
    manifest_digest: bytes = b""
    manifest_required: bool = False
    observe_until_ms: int = 0


_ONLY_READS: Final = frozenset({Effect.READ})


class Catalogue:
    """What the operator says about tools; a tool that is not listed is the most dangerous kind."""

    __slots__ = ("_by_pair", "tools")

    def __init__(self, tools: tuple[CatalogueTool, ...] = ()) -> None:
        self.tools = tools
        self._by_pair = {(tool.audience, tool.tool): tool for tool in tools}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Catalogue) and self.tools == other.tools

    def __hash__(self) -> int:
        return hash(self.tools)

    def __repr__(self) -> str:
        return f"Catalogue({len(self.tools)} tools)"

    def find(self, audience: str, tool: str) -> CatalogueTool | None:
        """Give what is said about a tool, or None."""
        return self._by_pair.get((audience, tool))

    def maximum_feed_age_ms(
        self,
        audience: str,
        tool: str,
        *,
        read_ms: int = limits.FEED_AGE_READ_MS,
        other_ms: int = limits.FEED_AGE_OTHER_MS,
    ) -> int:
        """Tell how old a revocation feed may be when a tool runs (R-10).

        Args:
            audience: who serves it.
            tool: its name.
            read_ms: for a tool that only reads, where the catalogue does not say.
            other_ms: for every other tool, where the catalogue does not say.
        """
        entry = self.find(audience, tool)
        if entry is None:
            return min(read_ms, other_ms)
        if entry.maximum_feed_age_ms:
            return entry.maximum_feed_age_ms
        return read_ms if entry.effects == {Effect.READ} else other_ms

    def is_local(self, audience: str, tool: str) -> bool:
        """Tell whether a guard may decide calls of a tool in process."""
        return is_local(self.find(audience, tool))


def is_local(entry: CatalogueTool | None) -> bool:
    """Tell whether a guard may decide calls of a tool in process, by its entry; None: it is not listed."""
    return entry is not None and entry.local and entry.effects == _ONLY_READS
