"""Links and calls as a service gives them when somebody looks back."""

from __future__ import annotations

import os

from delegation.core.lineage import RecordedCall, RecordedLink
from delegation.errors import Reason, refusal


def recorded(*delegations):
    """Give the links of delegations of one task, parents first."""
    links = {}
    for delegation in delegations:
        before = None
        for index, link in enumerate(delegation.links):
            links.setdefault(
                link.link_id,
                RecordedLink(link.link_id, before, index, link.payload, link.signature, 1, False),
            )
            before = link.link_id
    return tuple(links.values())


def called(delegation, audience, tool, *, refused=None, task_id=None, leaf=None, **more):
    """Give a call on a delegation."""
    return RecordedCall(
        call_id=os.urandom(16),
        task_id=task_id or delegation.task_id,
        leaf_link_id=leaf or delegation.links[-1].link_id,
        agent="agent",
        principal_subject="ada",
        audience=audience,
        tool=tool,
        refusal=None if refused is None else refusal(Reason(refused)),
        arguments_digest=bytes(32),
        decided_by="service",
        feed_position=0,
        **{"decided_at_ms": 1, **more},
    )
