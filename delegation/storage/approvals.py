"""Requests for approval and the answers to them, as storage and service say them to each other.

Whether what was answered suffices is the service's to judge: storage brings it, asks, and writes what comes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from delegation.core.approval import ApprovalDemand
from delegation.errors import Refused

PENDING: Final = "pending"
APPROVED: Final = "approved"
REFUSED: Final = "refused"
WITHDRAWN: Final = "withdrawn"
USED: Final = "used"

LIVE: Final = (PENDING, APPROVED)
"""The states in which a request stands until it expires."""

OPEN_UNDER_A_LINK: Final = 16
OPEN_IN_A_TASK: Final = 32
"""Requests of one task, and under one of its links, that may be open at a time: an agent does not drown its approvers,
and leaves room for the others of its task."""

OPEN_OF_A_HOLDER: Final = 128
OPEN_OF_A_PRINCIPAL: Final = 256
"""Requests that may be open at a time in all tasks of one grant holder, and of one principal: tasks cost nothing."""

REQUESTS_OF_A_TASK: Final = 1_024
"""Requests that one task may open in all: each is kept, also when it was withdrawn."""


class CallKey(NamedTuple):
    """The call that an approval is about.

    Attributes:
        link_id: the chain digest, 32 bytes.
        audience, tool: what is called.
        arguments_digest: of its arguments, 32 bytes.
    """

    link_id: bytes
    audience: str
    tool: str
    arguments_digest: bytes


class ApprovalNeeds(NamedTuple):
    """What a call lacks.

    Attributes:
        demands: what it takes, all of it.
        policy_digest: of the policy in force, 32 bytes; empty if there is none.
    """

    demands: tuple[ApprovalDemand, ...]
    policy_digest: bytes


@dataclass(frozen=True, slots=True)
class ApprovalRequestRecord:
    """A request for approval of one call."""

    request_id: bytes
    """16 bytes, time-ordered."""
    task_id: bytes
    link_id: bytes
    audience: str
    tool: str
    arguments_digest: bytes
    policy_digest: bytes
    arguments_json: bytes | None = field(repr=False)
    """None once nobody can answer any more."""
    purpose: str
    principal_subject: str
    principal_issuer: str
    principal_basis: str
    agents: str
    """JSON: pairs of agent id and whether it is bound, the grant's holder first."""
    demands: str
    """JSON, as the service writes it."""
    requester: str
    requested_ms: int
    expires_ms: int
    task_expires_ms: int
    state: str = PENDING
    """Of a live one that has expired it is not changed."""
    withdrawn_by: str = ""
    call_id: bytes | None = None
    """The call that has used it up."""
    holder: str | None = None
    """Of the chain's grant, whom the service has authenticated; None: not noted by a program of the version before."""
    token: bytes | None = field(default=None, repr=False)
    """The chain; None once nobody can answer any more, and of a program of the version before."""


@dataclass(frozen=True, slots=True)
class ApprovalAnswerRecord:
    """One approver's answer to a request."""

    request_id: bytes
    approver: str
    approver_issuer: str
    authentication_strength: str
    is_principal: bool
    """Whether the approver is the task's principal."""
    approve: bool
    justification: str
    answered_ms: int
    key_id: bytes
    """Of the key that has signed the approval; empty in a refusal."""
    payload: bytes
    signature: bytes
    level: str | None = None
    """An `ApprovalLevel`: who has signed it; None: the service."""


class OpenedApproval(NamedTuple):
    """What came of asking for an approval.

    Attributes:
        request: that is open now, approved, or refused; None if the call needs none, or is refused whoever approves.
        refusal: why it is refused whoever approves.
    """

    request: ApprovalRequestRecord | None
    refusal: Refused | None = None


StateAfter = Callable[[ApprovalRequestRecord, tuple[ApprovalAnswerRecord, ...]], str]
"""Judges where a request stands after an answer, the last of those given. Waits for nothing."""


AsksAgain = Callable[[str, str], bool]
"""Tells whether the demands of a request, as they are kept, are asked about again by others. Waits for nothing."""


StillCounts = Callable[[ApprovalRequestRecord, tuple[ApprovalAnswerRecord, ...]], bool]
"""Tells whether what was approved would let the call pass, now or in a moment. Waits for nothing."""


def always_counts(request: ApprovalRequestRecord, consents: tuple[ApprovalAnswerRecord, ...]) -> bool:  # noqa: ARG001
    """Tell that what was approved stands."""
    return True


@dataclass(frozen=True, slots=True)
class ApprovalFilter:
    """Which requests to list; None does not restrict."""

    task_id: bytes | None = None
    requester: str | None = None
    pending_at_ms: int | None = None
    """Requests that can be answered at that time."""
