"""What is told when somebody looks back: tasks, links and calls as they were recorded.

Values only. They were judged when they were recorded; nothing is decided from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from delegation.core.chain import Principal, TraceIds
from delegation.core.kept_arguments import KeptArguments
from delegation.core.named_tuple import NamedTuple
from delegation.core.observation import Observation
from delegation.core.usage import remaining
from delegation.errors import Refused


@dataclass(frozen=True, slots=True)
class RecordedTask:
    """A task.

    Attributes:
        task_id: 16 bytes.
        purpose: why the work is done.
        principal: on whose behalf.
        holder_agent: who holds the grant.
        created_at_ms, expires_at_ms: the grant's window.
        completed_at_ms: when it was completed, or None.
        completed_by: by whom; empty if nobody has.
    """

    task_id: bytes
    purpose: str
    principal: Principal
    holder_agent: str
    created_at_ms: int
    expires_at_ms: int
    completed_at_ms: int | None = None
    completed_by: str = ""


class ConditionUse(NamedTuple):
    """What was used of one condition of a link, by its holder and all below it.

    Attributes:
        audience, tool: what is called.
        argument: whose values are summed; empty where calls are counted.
        used, maximum: exact, in decimal normal form.
    """

    audience: str
    tool: str
    argument: str
    used: str
    maximum: str

    @property
    def remaining(self) -> str:
        """What may still be used, in decimal normal form; a link above may have less. Raises `Malformed`."""
        return remaining(self.used, self.maximum)


@dataclass(frozen=True, slots=True)
class RecordedLink:
    """A link as it was recorded.

    Attributes:
        link_id: 32 bytes.
        parent_link_id: the link before it; None for a grant.
        index: its place in its chain, 0 for the grant.
        payload, signature: as it was signed.
        recorded_at_ms: when the service recorded it.
        revoked: whether it, or a link before it, is revoked.
        owner: the person or team that answers for its holder; empty if that is not known.
        uses: of its counts and budgets, while its task goes on; of what is not in here, nothing was used.
    """

    link_id: bytes
    parent_link_id: bytes | None
    index: int
    payload: bytes
    signature: bytes
    recorded_at_ms: int
    revoked: bool
    owner: str = ""
    uses: tuple[ConditionUse, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A decided call.

    Attributes:
        call_id: 16 bytes.
        task_id: 16 bytes; None if no chain could be read.
        leaf_link_id: 32 bytes; None if no chain could be read.
        agent: who called; empty if it could not be established.
        principal_subject: on whose behalf.
        audience, tool: what was called.
        refusal: why not; None if it was permitted.
        arguments_digest: 32 bytes.
        decided_at_ms: when.
        decided_by: "service", or the key id of the guard, in hexadecimal.
        feed_position: the position of the revocation feed that was known.
        trace: the decision's span.
        outcome: "ok", "failed", "unknown"; empty if none was reported.
        policy_digest: of the policy that was asked, 32 bytes; empty if none was.
        catalogue_digest: of the catalogue in use, 32 bytes; empty if there was none.
        rules: the ids of the policy's rules that decided.
        kept: what was kept of its arguments; None if nothing was.
        impacts: what it did downstream, as its tool declares it, (name, amount), sorted by name.
        observed: of one that was refused and ran all the same, who says that its tool was under observation; else None.
        inputs: what the policy was told of it and its task, as JSON, for auditors and operators; empty if nothing is
            kept, or not for this caller.
    """

    call_id: bytes
    task_id: bytes | None
    leaf_link_id: bytes | None
    agent: str
    principal_subject: str
    audience: str
    tool: str
    refusal: Refused | None
    arguments_digest: bytes
    decided_at_ms: int
    decided_by: str
    feed_position: int
    trace: TraceIds | None = None
    outcome: str = ""
    policy_digest: bytes = b""
    catalogue_digest: bytes = b""
    rules: tuple[str, ...] = ()
    kept: KeptArguments | None = field(default=None, repr=False)
    impacts: tuple[tuple[str, str], ...] = ()
    inputs: str = field(default="", repr=False)
    observed: Observation | None = None

    @property
    def allowed(self) -> bool:
        """Whether it was permitted."""
        return self.refusal is None

    @property
    def ran(self) -> bool:
        """Whether its tool was let run: permitted, or under observation."""
        return self.refusal is None or self.observed is not None


@dataclass(frozen=True, slots=True)
class CallExplanation:
    """A call with its task and the links of its chain, grant first."""

    call: RecordedCall
    task: RecordedTask | None
    links: tuple[RecordedLink, ...]
