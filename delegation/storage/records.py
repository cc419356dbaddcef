"""The values that storage keeps: plain facts, already decided elsewhere.

Identifiers are bytes, times are Unix time in milliseconds, signed things are the exact
bytes that were signed. Nothing here parses, verifies or judges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """One task and what its grant says of it."""

    task_id: bytes
    """16 bytes, time-ordered: later tasks sort after earlier ones."""
    grant_link_id: bytes
    """32 bytes."""
    holder_agent: str
    principal_subject: str
    principal_issuer: str
    principal_basis: str
    """What the principal rests on, for example `oidc` or `asserted`."""
    purpose: str
    created_ms: int
    expires_ms: int
    caller: str
    """The authenticated identity that asked for the grant."""
    trace_id: bytes | None = None
    completed_ms: int | None = None
    completed_by: str | None = None


@dataclass(frozen=True, slots=True)
class LinkRecord:
    """One recorded link: a grant (index 0) or a handoff."""

    link_id: bytes
    """32 bytes."""
    task_id: bytes
    parent_link_id: bytes | None
    """None for a grant."""
    index: int
    holder_agent: str
    holder_key: bytes
    """32 bytes."""
    signed: bytes
    """The serialized SignedLink, exactly as received."""
    expires_ms: int
    recorded_ms: int
    receipt: bytes
    """The service's signed statement that it recorded this link."""
    caller: str
    trace_id: bytes | None = None
    span_id: bytes | None = None
    vouched: bool = False
    """Of a handoff: whether the service vouched, as it recorded it, that the key is the holder's."""
    unjudged: bool = False
    """Of a handoff that was told late: whether nobody could say, as it was recorded, if the policy permits it, or one
    before it: then calls are judged with it."""


class CallRecord(NamedTuple):
    """One decision about one call, permitted or denied. A named tuple: busy services make thousands a second.

    What a refused chain could not establish is None or empty: a denial is recorded with
    whatever was known when it was taken.
    """

    call_id: bytes
    """16 bytes, time-ordered."""
    task_id: bytes | None
    leaf_link_id: bytes | None
    leaf_agent: str
    principal_subject: str
    audience: str
    tool: str
    allowed: bool
    reason: str
    """Empty if allowed, else the stable reason of the denial."""
    layer: str
    """Empty if allowed, else the layer that refused."""
    link_index: int | None
    """The link at fault, where there is one."""
    arguments_digest: bytes
    """32 bytes."""
    proof_nonce: bytes
    """16 bytes; empty if there was no readable proof."""
    decided_ms: int
    decided_by: str
    """`service`, or the key id (hex) of the guard that decided."""
    recorded_ms: int
    feed_position: int
    """The revocation feed's position that the decision had seen."""
    caller: str
    """The authenticated tool that asked for, or reported, the decision."""
    proof: bytes = b""
    """The serialized proof, exactly as received; empty where `record` holds it, or there was none."""
    guard_key: bytes | None = None
    guard_sequence: int | None = None
    record: bytes | None = None
    """Of a guard's own decision: the encoded decision record, as it was hash-chained."""
    catalogue_digest: bytes | None = None
    policy_digest: bytes | None = None
    trace_id: bytes | None = None
    span_id: bytes | None = None
    rules: str | None = None
    """The ids of the policy's rules that decided, with commas between them; None if none did."""
    obligations: str | None = None
    """What the permission demands of the tool, with commas; None if nothing."""
    arguments: str | None = None
    """What the catalogue has kept of the arguments, as `KeptArguments` writes it; None if nothing."""
    inputs: str | None = None
    """What the policy was told of the call and its task, as `RiskInputs` reads it; None if nothing is kept."""
    observed: str | None = None
    """Of a denial whose call ran all the same: who says that its tool was under observation (`Observation`)."""
    reserved: str | None = None
    """What the call took from budgets, as `task_usage` writes it: given back if it fails. None if it took nothing."""

    def denied(
        self, reason: str, layer: str, link_index: int | None = None, *, observed: str | None = None
    ) -> CallRecord:
        """Return this call as a denial with `reason`."""
        return self._replace(allowed=False, reason=reason, layer=layer, link_index=link_index, observed=observed)


@dataclass(frozen=True, slots=True)
class OutcomeRecord:
    """What came of a permitted call, as its tool declares it."""

    call_id: bytes
    status: str
    """`ok`, `failed` or `unknown`."""
    impact: str
    """JSON text: rows changed, resources, amounts, bytes sent out."""
    reported_ms: int
    caller: str
    signed: bytes = b""
    """The serialized signed outcome, exactly as received."""


@dataclass(frozen=True, slots=True)
class RevocationRecord:
    """One entry of the revocation feed."""

    kind: str
    """What is revoked: link, holder_key, agent, task, principal or issuer_key."""
    id: bytes
    """Which one, as the kernel names it."""
    revoked_ms: int
    expires_ms: int
    """From then on nothing can rest on it any more, and the entry may be forgotten."""
    revoked_by: str
    why: str
    position: int = 0
    """Given when the entry is committed, 1 and up without gaps; 0 before."""


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """A registered agent and who answers for it."""

    agent_id: str
    owner: str
    registered_ms: int
    caller: str


@dataclass(frozen=True, slots=True)
class OfferRecord:
    """An agent's signed offer to take work under a fresh holder key; good for one handoff."""

    offer_digest: bytes
    """32 bytes."""
    agent_id: str
    holder_key: bytes
    audience: str
    expires_ms: int
    signed: bytes
    taken_by: str | None = None


@dataclass(frozen=True, slots=True)
class DecisionBatch:
    """One signed, hash-chained batch of a guard's decisions, apart from the decisions."""

    guard_key: bytes
    """32 bytes: whose numbering this is."""
    first_sequence: int
    """The number of its first decision; a guard's first decision ever is 1."""
    previous_hash: bytes
    """The chain hash at which the batch before ended; 32 zero bytes for a guard's first."""
    last_hash: bytes
    signed: bytes
    """The serialized signed batch statement, exactly as received."""
    caller: str
    recorded_ms: int


@dataclass(frozen=True, slots=True)
class RecorderState:
    """Where a guard's numbered decisions stand; by default, before the first."""

    guard_key: bytes
    next_sequence: int = 1
    last_hash: bytes = bytes(32)


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """One version of an operator's document."""

    kind: str
    """Whose versions these are: trust_bundle, catalogue."""
    version: int
    content: bytes
    stored_ms: int
