"""A call to be decided, and the record of what was decided about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from delegation import telemetry
from delegation.core import limits
from delegation.core.arguments import Arguments
from delegation.core.chain import TraceIds, VerifiedChain
from delegation.core.codec import parse_token
from delegation.core.keys import Purpose, link_id, signing_input
from delegation.core.names import check_name
from delegation.core.records import DecisionRecord
from delegation.errors import Malformed, Reason, Refused, refusal
from delegation_sdk.carriage import Carriage
from delegation_sdk.log import warn

if TYPE_CHECKING:
    from delegation_sdk.break_glass import Order

_NO_DIGEST: Final = bytes(32)
_UNNAMEABLE: Final = "(invalid name)"


class Question:
    """A call to be decided, and what has become known of it.

    Attributes:
        carriage: What came with the call.
        tool: What is called.
        call_id: Names the call, 16 bytes.
        trace: The decision's span.
        sent: The arguments as they were sent, once they are known to be arguments.
        chain: The chain, once it is verified.
        decided_by_service: Whether the service has recorded the decision.
        observed_by_service: Whether it has recorded a refusal as one that runs all the same.
        turned_away: Whether the service does not take this guard for what it is; nor would it take its records.
        permitted_as: The id of the permission that the service has recorded, and that is refused here; or empty.
        order: The break-glass statement that the call rests on, if it does.
        without_order: What would be its refusal without.
    """

    __slots__ = (
        "call_id",
        "carriage",
        "chain",
        "decided_by_service",
        "observed_by_service",
        "order",
        "permitted_as",
        "sent",
        "tool",
        "trace",
        "turned_away",
        "without_order",
    )

    def __init__(self, carriage: Carriage, tool: str, call_id: bytes, trace: TraceIds | None) -> None:
        self.carriage = carriage
        self.tool = tool
        self.call_id = call_id
        self.trace = trace
        self.sent: Arguments | None = None
        self.chain: VerifiedChain | None = None
        self.decided_by_service = False
        self.observed_by_service = False
        self.turned_away = False
        self.permitted_as = b""
        self.order: Order | None = None
        self.without_order: Refused | None = None

    def require_name(self) -> None:
        """Refuse what no tool can be called; nothing would take a record of it.

        Raises:
            NotPermitted: TOOL_NOT_PERMITTED.
        """
        try:
            check_name(self.tool, "a tool")
        except Malformed:
            self.tool = _UNNAMEABLE
            raise refusal(Reason.TOOL_NOT_PERMITTED, detail="that is no name of a tool") from None

    def rely_on(self, order: Order, without: Refused) -> None:
        """Note that the call rests on a break-glass statement, and what would be its refusal without."""
        self.order, self.without_order = order, without

    def tell_of_order(self, audience: str) -> None:
        """Tell the operators that a break-glass statement lets this call pass (B-6)."""
        if self.order is None or self.without_order is None:
            return
        statement = self.order.statement
        telemetry.count_break_glass(audience=audience)
        warn(
            "BREAK-GLASS: %s %s runs in spite of %s, by the order of %s (%s): call %s",
            *(audience, self.tool, self.without_order.reason, statement.operator, statement.nonce.hex()),
            self.call_id.hex(),
        )

    def record(
        self, audience: str, refused: Refused | None, *, now_ms: int, feed_position: int, observed: bool = False
    ) -> DecisionRecord:
        """Make the record of a decision.

        Args:
            audience: Whom the tool speaks for.
            refused: Why not; None if it is permitted.
            now_ms: When.
            feed_position: What was known of the revocation feed.
            observed: Whether it is refused, and runs all the same.
        """
        proof = self.carriage.proof
        return DecisionRecord(
            call_id=self.call_id,
            chain_digest=self.chain.digest if self.chain else _claimed_digest(self.carriage.token),
            audience=audience,
            tool=self.tool,
            arguments_digest=self.sent.digest if self.sent else _NO_DIGEST,
            decided_at_ms=now_ms,
            allowed=refused is None,
            reason=refused.reason if refused else "",
            link_index=_link_index(refused),
            feed_position=feed_position,
            proof=proof if len(proof) <= limits.PROOF_BYTES else b"",
            trace=self.trace,
            break_glass=self.order.statement.nonce if self.order and refused is None else b"",
            observed=observed,
        )


def _claimed_digest(token: bytes) -> bytes:
    """Name the chain that a refused call claims, so that its task shows the attempt; empty if it cannot be read."""
    if not token:
        return b""
    try:
        frames = parse_token(token).frames
    except Refused:
        return b""
    digest = b""
    for frame in frames:
        digest = link_id(signing_input(Purpose.HANDOFF if digest else Purpose.GRANT, frame.payload, digest))
    return digest


def _link_index(refused: Refused | None) -> int | None:
    """The link at fault, unless it is one past those that a record can name."""
    if refused is None or refused.link_index is None or refused.link_index >= limits.LINKS:
        return None
    return refused.link_index
