"""The revocation feeds of other trust domains, beside the own one: without its own feed no foreign chain is let in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from delegation.core.federation import FederatedDomain, FollowedFeeds
from delegation.core.revocation import RevocationState
from delegation.errors import Reason, refusal
from delegation_sdk.feed import FeedSource, FeedWatcher
from delegation_sdk.sources import Sources
from delegation_sdk.trust import TrustKeeper


class FederatedFeeds:
    """Follows a feed for each federated domain, by the keys that the own trust bundle lists for it.

    Args:
        sources_by_domain: Where the feeds come from, by the names of the trust domains.
        trust: The own trust bundle.
        sources: Clock and randomness.
    """

    def __init__(self, sources_by_domain: Mapping[str, FeedSource], trust: TrustKeeper, *, sources: Sources) -> None:
        self._sources = sources
        self._watchers = {
            name: FeedWatcher(source, partial(_domain, trust, name), refresh_trust=trust.refresh, sources=sources)
            for name, source in sources_by_domain.items()
        }

    def start(self) -> None:
        """Begin to follow. Nobody waits for another domain's feed: until it is known its chains are refused."""
        for watcher in self._watchers.values():
            watcher.start()

    def close(self) -> None:
        """Stop following."""
        for watcher in self._watchers.values():
            watcher.close()

    def no_older_than(self, maximum_ms: int) -> FollowedFeeds:
        """Give what the verifier asks: what another domain has revoked, by a feed that is fresh enough.

        It raises `Revoked`, FEED_STALE, for a feed that is not; and gives None for one that is not followed.
        """
        return partial(self._revoked_by, maximum_ms)

    def _revoked_by(self, maximum_ms: int, trust_domain: str) -> RevocationState | None:
        watcher = self._watchers.get(trust_domain)
        if watcher is None:
            return None
        state = watcher.state
        state.require_fresh(maximum_ms, now_ms=self._sources.now_ms(), monotonic_ms=self._sources.monotonic_ms())
        return state


def _domain(trust: TrustKeeper, name: str) -> FederatedDomain:
    domain = trust.bundle.federated_domain(name)
    if domain is None:
        raise refusal(Reason.BUNDLE_INVALID, detail=f"the trust bundle does not list the trust domain {name}")
    return domain
