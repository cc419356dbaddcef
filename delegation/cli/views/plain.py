"""Values as plain data, for `--json`: ids in hexadecimal, times in milliseconds, scopes in their notation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from delegation.cli.hops import Hop
from delegation.core.chain import GrantClaims, Principal, TraceIds
from delegation.core.kept_arguments import KeptArguments
from delegation.core.lineage import RecordedCall, RecordedTask
from delegation.core.notation import scope_to_plain
from delegation.errors import Refused


def plain_refusal(error: Refused) -> dict[str, Any]:
    """Write a refusal."""
    return {
        "reason": str(error.reason),
        "layer": str(error.layer),
        "link_index": error.link_index,
        "field": error.field,
        "parent": error.parent,
        "child": error.child,
        "detail": error.detail,
    }


def plain_principal(principal: Principal) -> dict[str, Any]:
    """Write a principal."""
    return {
        "subject": principal.subject,
        "issuer": principal.issuer,
        "basis": str(principal.basis),
        "token_digest": principal.token_digest.hex(),
        "authenticated_at_ms": principal.authenticated_at_ms or None,
        "authentication_strength": principal.authentication_strength,
    }


def plain_hop(hop: Hop) -> dict[str, Any]:
    """Write a hop with what it took away."""
    link = hop.link
    return {
        "index": hop.index,
        "link_id": hop.link_id.hex(),
        "parent_link_id": hop.parent_id.hex() if hop.parent_id else None,
        "holder_agent": link.holder_agent,
        "holder_key": link.holder_key.hex(),
        "agent_is": str(hop.standing),
        "owner": hop.owner or None,
        "purpose": link.purpose,
        "issued_at_ms": link.issued_at_ms,
        "not_before_ms": link.not_before_ms,
        "expires_at_ms": link.expires_at_ms,
        "remaining_depth": link.remaining_depth,
        "scope": scope_to_plain(link.scope),
        "taken_away": list(hop.taken),
        "uses": [use._asdict() for use in hop.uses],
        "grew": plain_refusal(hop.grew) if hop.grew else None,
        "recorded_at_ms": hop.recorded_at_ms,
        "revoked": hop.revoked,
        **_plain_trace(link.trace),
    }


def plain_chain(hops: Sequence[Hop]) -> dict[str, Any]:
    """Write a chain: what its grant says of the task, and its hops."""
    grant = hops[0].link if hops else None
    claims = grant.grant if grant else None
    return {
        "purpose": grant.purpose if grant else None,
        **(_plain_claims(claims) if claims else {}),
        "links": [plain_hop(hop) for hop in hops],
    }


def plain_task(task: RecordedTask) -> dict[str, Any]:
    """Write a task."""
    return {
        "task_id": task.task_id.hex(),
        "purpose": task.purpose,
        "principal": plain_principal(task.principal),
        "holder_agent": task.holder_agent,
        "created_at_ms": task.created_at_ms,
        "expires_at_ms": task.expires_at_ms,
        "completed_at_ms": task.completed_at_ms,
        "completed_by": task.completed_by,
    }


def plain_call(call: RecordedCall) -> dict[str, Any]:
    """Write a call."""
    return {
        "call_id": call.call_id.hex(),
        "task_id": call.task_id.hex() if call.task_id else None,
        "link_id": call.leaf_link_id.hex() if call.leaf_link_id else None,
        "agent": call.agent,
        "principal_subject": call.principal_subject,
        "audience": call.audience,
        "tool": call.tool,
        "allowed": call.allowed,
        "refusal": plain_refusal(call.refusal) if call.refusal else None,
        "observed": str(call.observed) if call.observed else None,
        "arguments_digest": call.arguments_digest.hex(),
        "decided_at_ms": call.decided_at_ms,
        "decided_by": call.decided_by,
        "feed_position": call.feed_position,
        "outcome": call.outcome or None,
        "policy_digest": call.policy_digest.hex() or None,
        "catalogue_digest": call.catalogue_digest.hex() or None,
        "rules": list(call.rules),
        "kept_arguments": _plain_kept(call.kept) if call.kept else None,
        "impacts": dict(call.impacts),
        **_plain_trace(call.trace),
    }


def _plain_kept(kept: KeptArguments) -> dict[str, Any]:
    return {
        "plain": json.loads(kept.plain_json),
        "digests": {name: digest.hex() for name, digest in sorted(kept.digests.items())},
        "dropped": kept.dropped,
    }


def _plain_claims(claims: GrantClaims) -> dict[str, Any]:
    return {
        "task_id": claims.task_id.hex(),
        "principal": plain_principal(claims.principal),
        "issuer_key_id": claims.issuer_key_id.hex(),
        "unrecorded_handoffs": claims.unrecorded_handoffs,
    }


def _plain_trace(trace: TraceIds | None) -> dict[str, Any]:
    return {"trace_id": trace.trace_id.hex() if trace else None, "span_id": trace.span_id.hex() if trace else None}
