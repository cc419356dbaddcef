"""Which links of a task are revoked, as far as that is still known.

A revocation is forgotten when nothing unexpired can rest on it; a completed task stays completed.
"""

from __future__ import annotations

from collections.abc import Sequence

from delegation.core.codec import issuer_of, parse_link
from delegation.core.revocation import RevocationKind, RevocationState, principal_id, revocation_key
from delegation.errors import Revoked
from delegation.service.recorded_links import payload_and_signature
from delegation.storage.records import LinkRecord, TaskRecord


def revoked_links(task: TaskRecord, links: Sequence[LinkRecord], state: RevocationState) -> set[bytes]:
    """Give the ids of the links that are revoked, by themselves or with a link before them.

    Args:
        task: the task.
        links: its links, each after its parent.
        state: what is known to be revoked.
    """
    if task.completed_ms is not None or _any(state, _task_keys(task)):
        return {link.link_id for link in links}
    revoked: set[bytes] = set()
    for link in links:
        if link.parent_link_id in revoked or _any(state, _link_keys(link)):
            revoked.add(link.link_id)
    return revoked


def _any(state: RevocationState, keys: frozenset[bytes]) -> bool:
    try:
        state.check(keys)
    except Revoked:
        return True
    return False


def _task_keys(task: TaskRecord) -> frozenset[bytes]:
    return frozenset(
        {
            revocation_key(RevocationKind.TASK, task.task_id),
            revocation_key(RevocationKind.PRINCIPAL, principal_id(task.principal_issuer, task.principal_subject)),
        }
    )


def _link_keys(link: LinkRecord) -> frozenset[bytes]:
    keys = {
        revocation_key(RevocationKind.LINK, link.link_id),
        revocation_key(RevocationKind.HOLDER_KEY, link.holder_key),
        revocation_key(RevocationKind.AGENT, link.holder_agent.encode()),
    }
    if link.parent_link_id is None:
        issuer = issuer_of(parse_link(payload_and_signature(link)[0]))
        if issuer is not None:
            keys.add(revocation_key(RevocationKind.ISSUER_KEY, issuer))
    return frozenset(keys)
