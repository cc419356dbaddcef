"""Who may call what: the one table of RPCs and roles, and which rows each role acts on or sees.

The door lets nobody through to a handler who has none of an RPC's roles; which rows are a caller's is decided by the
use case behind it. A method of the contract that has no line here keeps the service from starting. `docs/roles.md`
shows the table; tests compare both, and call every RPC as every role.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from delegation.errors import ConfigError
from delegation.identity.port import Role


class Rows(StrEnum):
    """Which rows a role acts on or sees by an RPC, in words."""

    ALL = "all"
    CEILING = "within its ceiling"
    HELD = "tasks whose grant it holds"
    PROVED = "with a proof by the holder key"
    SIGNED = "handoffs, since they are signed"
    OWN_TASKS = "tasks it has a part in"
    OWN_CALLS = "its own calls, and those of tasks it has a part in"
    OWN_AUDIENCES = "its audiences"
    OWN_REQUESTS = "requests that it has made"
    MAY_ANSWER = "requests that it may answer"
    ITSELF = "itself"
    SIGNED_BY_ROOT = "what is signed for everybody"


_EVERYBODY: Final = dict.fromkeys(Role, Rows.SIGNED_BY_ROOT)
_TOOLS: Final = {Role.TOOL: Rows.OWN_AUDIENCES}
_HOLDERS: Final = {Role.AGENT: Rows.PROVED, Role.ORCHESTRATOR: Rows.PROVED, Role.OPERATOR: Rows.ALL}
_TASKS: Final = {
    Role.AGENT: Rows.OWN_TASKS,
    Role.ORCHESTRATOR: Rows.OWN_TASKS,
    Role.AUDITOR: Rows.ALL,
    Role.OPERATOR: Rows.ALL,
}
_CALLS: Final = {
    Role.AGENT: Rows.OWN_CALLS,
    Role.ORCHESTRATOR: Rows.OWN_CALLS,
    Role.TOOL: Rows.OWN_AUDIENCES,
    Role.AUDITOR: Rows.ALL,
    Role.OPERATOR: Rows.ALL,
}
_REQUESTS: Final = {
    Role.AGENT: Rows.OWN_REQUESTS,
    Role.ORCHESTRATOR: Rows.OWN_REQUESTS,
    Role.APPROVER: Rows.MAY_ANSWER,
    Role.AUDITOR: Rows.ALL,
    Role.OPERATOR: Rows.ALL,
}

ACCESS: Final[Mapping[str, Mapping[Role, Rows]]] = {
    "DelegationService/Grant": {Role.ORCHESTRATOR: Rows.CEILING},
    "DelegationService/HandOff": {Role.AGENT: Rows.SIGNED, Role.ORCHESTRATOR: Rows.SIGNED},
    "DelegationService/Renew": {Role.ORCHESTRATOR: Rows.HELD},
    "DelegationService/Reissue": {Role.ORCHESTRATOR: Rows.HELD},
    "DelegationService/CompleteTask": _HOLDERS,
    "DelegationService/Revoke": _HOLDERS,
    "AuthorizationService/Authorize": _TOOLS,
    "AuthorizationService/AuthorizeStream": _TOOLS,
    "AuthorizationService/ConsumeProof": _TOOLS,
    "AuthorizationService/RecordDecisions": _TOOLS,
    "AuthorizationService/ReportOutcome": _TOOLS,
    "TrustService/GetTrustBundle": _EVERYBODY,
    "TrustService/WatchRevocations": _EVERYBODY,
    "TrustService/RegisterAgent": {Role.AGENT: Rows.ITSELF, Role.OPERATOR: Rows.ALL},
    "TrustService/UnregisterAgent": {Role.OPERATOR: Rows.ALL},
    "TrustService/ListAgents": {Role.AUDITOR: Rows.ALL, Role.OPERATOR: Rows.ALL},
    "TrustService/RequestOffer": {Role.AGENT: Rows.ALL, Role.ORCHESTRATOR: Rows.ALL},
    "TrustService/AnswerOffer": {Role.AGENT: Rows.ITSELF},
    "TrustService/ReportTools": _TOOLS,
    "TrustService/ListToolReports": {Role.AUDITOR: Rows.ALL, Role.OPERATOR: Rows.ALL},
    "ApprovalService/RequestApproval": {Role.AGENT: Rows.PROVED, Role.ORCHESTRATOR: Rows.PROVED},
    "ApprovalService/GetApproval": _REQUESTS,
    "ApprovalService/ListApprovals": _REQUESTS,
    "ApprovalService/WatchApprovals": _REQUESTS,
    "ApprovalService/AnswerApproval": {Role.APPROVER: Rows.MAY_ANSWER},
    "ApprovalService/WithdrawApproval": {
        Role.AGENT: Rows.OWN_REQUESTS,
        Role.ORCHESTRATOR: Rows.OWN_REQUESTS,
        Role.OPERATOR: Rows.ALL,
    },
    "LineageService/GetTask": _TASKS,
    "LineageService/ListTasks": _TASKS,
    "LineageService/GetChain": _TASKS,
    "LineageService/SearchCalls": _CALLS,
    "LineageService/ExplainCall": _CALLS,
}
"""For each RPC the roles that may call it, and which rows each then acts on or sees."""


def roles_of(service: str, method: str) -> frozenset[Role]:
    """Give the roles that may call an RPC, of which a caller needs one.

    Args:
        service: `DelegationService`.
        method: `Grant`.

    Raises:
        ConfigError: The RPC is not in the table: nobody has decided who may call it.
    """
    rows = ACCESS.get(f"{service}/{method}")
    if rows is None:
        raise ConfigError(f"nobody may call {service}/{method} yet: give it a line in delegation.server.access")
    return frozenset(rows)
