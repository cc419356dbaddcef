"""Another trust domain, as far as the own one trusts it: its keys, and the limits of what they may say (SPEC 9.11).

What its keys sign about the own domain's chains, or about another domain's, counts for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NoReturn

from delegation.core.chain import VerifiedChain
from delegation.core.constraints import Steps
from delegation.core.narrowing import scope_within
from delegation.core.revocation import RevocationState
from delegation.core.scope import Scope
from delegation.core.trusted_keys import TrustedKey, TrustedKeys
from delegation.errors import Reason, ScopeGrew, refusal

FollowedFeeds = Callable[[str], RevocationState | None]
"""Gives what is known to be revoked by another trust domain, fresh; None if its feed is not followed."""


def not_followed(trust_domain: str) -> RevocationState | None:
    """Follow no feed but the own one: chains of other trust domains are refused."""
    del trust_domain
    return None


class FederatedDomain:
    """One other trust domain.

    Attributes:
        trust_domain: its name.
        keys: its keys for grants and for statements.
        agent_domains: the trust domains whose agents its chains may name.
        principal_issuers: whose principals its grants may name.
        ceiling: what its chains may permit at most.
    """

    __slots__ = ("_keys", "agent_domains", "ceiling", "keys", "principal_issuers", "trust_domain")

    def __init__(
        self,
        trust_domain: str,
        keys: tuple[TrustedKey, ...],
        agent_domains: Iterable[str],
        principal_issuers: Iterable[str],
        ceiling: Scope,
    ) -> None:
        self.trust_domain = trust_domain
        self.keys = keys
        self.agent_domains = frozenset(agent_domains)
        self.principal_issuers = frozenset(principal_issuers)
        self.ceiling = ceiling
        self._keys = TrustedKeys(keys)

    def _said(self) -> tuple[object, ...]:
        return self.trust_domain, self.keys, self.agent_domains, self.principal_issuers, self.ceiling

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FederatedDomain) and self._said() == other._said()

    def __hash__(self) -> int:
        return hash((self.trust_domain, self.keys))

    def __repr__(self) -> str:
        return f"FederatedDomain({self.trust_domain}, {len(self.keys)} keys)"

    def find(self, key_id: bytes) -> TrustedKey | None:
        """Give a key by its id, whatever it is for and whether it is in use."""
        return self._keys.find(key_id)

    def statement_key(self, key_id: bytes, now_ms: int) -> bytes:
        """Give the public statement key of this id. Raises as `TrustBundle.statement_key`."""
        return self._keys.statement_key(key_id, now_ms)

    def vouches_for(self, agent: str) -> bool:
        """Tell whether an agent is one that this domain's service can have authenticated: its own."""
        return _domain_of(agent) == self.trust_domain

    def require_within(self, chain: VerifiedChain) -> None:
        """Require that a chain whose grant this domain has signed keeps within its limits (step 15).

        Raises:
            PolicyDenied: FEDERATION_EXCEEDED, with the link and the field that goes too far.
            NotPermitted: EVALUATION_EXHAUSTED.
        """
        if not self.vouches_for(chain.agents[0]):
            _exceeds("holder_agent", f"of {self.trust_domain}", chain.agents[0], 0)
        for index, agent in enumerate(chain.agents):
            if _domain_of(agent) not in self.agent_domains:
                _exceeds("holder_agent", "of a listed trust domain", agent, index)
        issuer = chain.principal.issuer
        if issuer not in self.principal_issuers:
            _exceeds("grant.principal.issuer", "a listed issuer", issuer, 0)
        try:
            scope_within(chain.links[0].link.scope, self.ceiling, Steps())  # and every further link is narrower still
        except ScopeGrew as grew:
            _exceeds(grew.field, grew.parent, grew.child, 0)


def _domain_of(agent: str) -> str | None:
    """Give the trust domain of a SPIFFE ID; None for any other agent id, which is of no domain that could be listed."""
    scheme, _, rest = agent.partition("://")
    domain, slash, path = rest.partition("/")
    return domain if scheme == "spiffe" and slash and path else None


def _exceeds(field: str, limit: str, found: str, link_index: int) -> NoReturn:
    raise refusal(Reason.FEDERATION_EXCEEDED, link_index=link_index, field=field, parent=limit, child=found)
