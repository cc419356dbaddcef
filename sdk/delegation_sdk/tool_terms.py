"""On what terms a tool's calls are decided: in process or by the service, and how young the feeds must be. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delegation.core.declaration import NOTHING_DECLARED
from delegation.core.federation import FollowedFeeds, not_followed
from delegation.core.trust import CatalogueTool, is_local
from delegation.errors import Refused
from delegation_sdk.federated_feeds import FederatedFeeds
from delegation_sdk.feed import FeedAges, FeedWatcher
from delegation_sdk.question import Question
from delegation_sdk.served_tools import ServedTools
from delegation_sdk.sources import Sources
from delegation_sdk.trust import TrustKeeper

if TYPE_CHECKING:
    from delegation_sdk.break_glass import BreakGlassFile, Order


class ToolTerms:
    """Finds them in the operator's catalogue, in what the tools say of themselves, and in break-glass statements.

    Args:
        audience: Whom the tools speak for.
        trust: The catalogue.
        feed: The revocation feed.
        federated: The feeds of other trust domains.
        feed_ages: How old the feed may be, where the catalogue does not say.
        served: What the tools say of themselves.
        break_glass: The operator's break-glass statements; None if none are taken.
        sources: The clocks.
    """

    def __init__(
        self,
        audience: str,
        *,
        trust: TrustKeeper,
        feed: FeedWatcher,
        federated: FederatedFeeds,
        feed_ages: FeedAges,
        served: ServedTools,
        break_glass: BreakGlassFile | None,
        sources: Sources,
    ) -> None:
        self._audience = audience
        self._trust = trust
        self._feed = feed
        self._federated = federated
        self._feed_ages = feed_ages
        self._served = served
        self._break_glass = break_glass
        self._sources = sources

    def is_local(self, tool: str) -> bool:
        """Tell whether calls of a tool are decided in process.

        Not if it declares more than is listed (T-43), nor if it has to be another one: the service refuses that (T-45).
        """
        entry = self._trust.catalogue.find(self._audience, tool)
        if entry is None or not is_local(entry):
            return False
        declared = self._served.find(tool)
        return declared.may_be_served(entry) and not declared.adds_to(entry)

    def require_fresh(self, question: Question) -> None:
        """Require a feed that is young enough for the tool, or for the break-glass statement that covers it (B-4).

        Raises:
            Revoked: FEED_STALE.
        """
        now_ms, monotonic_ms = self._sources.now_ms(), self._sources.monotonic_ms()
        maximum_ms = self._maximum_feed_age_ms(question.tool)
        try:
            self._feed.state.require_fresh(maximum_ms, now_ms=now_ms, monotonic_ms=monotonic_ms)
        except Refused as stale:
            order = question.order or self.order_for(question, now_ms)
            if order is None:
                raise
            maximum_ms = max(maximum_ms, order.statement.maximum_feed_age_ms)
            self._feed.state.require_fresh(maximum_ms, now_ms=now_ms, monotonic_ms=monotonic_ms)
            question.rely_on(order, stale)

    def order_for(self, question: Question, now_ms: int) -> Order | None:
        """Find the break-glass statement that covers a call's tool."""
        if self._break_glass is None:
            return None
        return self._break_glass.find(self._entry(question.tool), now_ms)

    def followed(self, tool: str) -> FollowedFeeds:
        """Give the feeds of other trust domains: only for what is decided in process (SPEC 9.11)."""
        if not self.is_local(tool):
            return not_followed
        return self._federated.no_older_than(self._maximum_feed_age_ms(tool))

    def _entry(self, tool: str) -> CatalogueTool | None:
        """Give what the catalogue says of a tool, with what that declares; None if it is not listed."""
        entry = self._trust.catalogue.find(self._audience, tool)
        return None if entry is None else self._served.find(tool).united(entry)

    def _maximum_feed_age_ms(self, tool: str) -> int:
        """Tell how old the revocation feed may be; a tool that declares more than is listed wants it younger."""
        age_ms = self._feed_ages.of(self._trust.catalogue, self._audience, tool)
        return min(age_ms, self._feed_ages.other_ms) if self._declares_more(tool) else age_ms

    def _declares_more(self, tool: str) -> bool:
        declared = self._served.find(tool)
        if declared is NOTHING_DECLARED:
            return False
        entry = self._trust.catalogue.find(self._audience, tool)
        return entry is not None and declared.adds_to(entry)
