"""The ports of a guard to the service: `guard_grpc` has the real ones, `testing` some without a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from delegation.core.named_tuple import NamedTuple
from delegation_sdk.feed import FeedSource
from delegation_sdk.recorder import RecordSink
from delegation_sdk.shared_replay import SharedReplay
from delegation_sdk.trust import TrustSource

if TYPE_CHECKING:
    from delegation.wire.authorization import CallToDecide, Decision
    from delegation_sdk.tool_reporter import ToolReportSink


class OnlineAuthority(Protocol):
    """The service, deciding calls. Raises `DelegationError`s only."""

    def authorize(self, call: CallToDecide) -> Decision:
        """Decide and record."""

    async def authorize_async(self, call: CallToDecide) -> Decision:
        """Decide and record, without blocking the event loop."""


class GuardPorts(NamedTuple):
    """What a guard needs of the service.

    Attributes:
        trust: Trust bundle and catalogue.
        feed: The revocation feed.
        records: Takes decisions and outcomes.
        online: Decides what is not decided in process.
        close: Lets go of the connection.
        proofs: The service's store of used proofs; None: it has none for guards.
        federated: The revocation feeds of other trust domains, by their names.
        tools: Is told what the tools say of themselves; None: nobody is.
    """

    trust: TrustSource
    feed: FeedSource
    records: RecordSink
    online: OnlineAuthority
    close: Callable[[], None] = lambda: None
    proofs: SharedReplay | None = None
    federated: Mapping[str, FeedSource] = MappingProxyType({})
    tools: ToolReportSink | None = None
