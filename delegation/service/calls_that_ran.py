"""What calls leave in the state of their tasks that guards have let run by themselves, and only recorded.

Nobody was asked, so nothing is judged: during an outage, by an operator's order; in process, by an older catalogue;
refused, under observation. What they read and did is known afterwards all the same, and the next call is decided on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from delegation.core.codec import decode_record
from delegation.core.proof import check_holder_proof
from delegation.core.session import PUBLIC
from delegation.core.trust import CatalogueTool
from delegation.errors import Refused
from delegation.service.policy_rules import PolicyInUse, PolicyRules
from delegation.service.recorded_links import is_vouched
from delegation.service.session_steps import SessionSteps
from delegation.storage.port import Storage
from delegation.storage.records import CallRecord, LinkRecord
from delegation.storage.sessions import ActingAgent, CallsThatRan

_UNKNOWN_KEPT_MS: Final = 24 * 60 * 60 * 1000
"""Of a task whose grant is not recorded here: whoever calls in it again says how long it lives."""
_Ran = tuple[CallRecord, CatalogueTool]


class WhatRan:
    """Finds what recorded calls leave.

    Args:
        storage: where their chains are.
        policy: says, with its catalogue, what matters of a tool.
        sessions: says how long labels stick.
    """

    def __init__(self, storage: Storage, *, policy: PolicyInUse, sessions: SessionSteps) -> None:
        self._storage = storage
        self._policy = policy
        self._sessions = sessions

    async def __call__(self, calls: Sequence[CallRecord], now_ms: int) -> list[CallsThatRan]:
        """Give what those of a guard's calls leave that ran, by chain; nothing of most, which nobody asks about.

        Raises:
            StorageError: a chain cannot be read.
        """
        found = [
            await self._of_chain(task_id, leaf, ran, now_ms)
            for (task_id, leaf), ran in _tools_by_chain(calls, self._policy()).items()
        ]
        return [each for each in found if each.tools]

    async def _of_chain(self, task_id: bytes, leaf: bytes, ran: list[_Ran], now_ms: int) -> CallsThatRan:
        chain = await self._storage.chain(leaf)
        tools = [tool for call, tool in ran if call.allowed or _is_shown_its_own(call, chain)]
        return CallsThatRan(
            task_id=task_id,
            expires_ms=chain[0].expires_ms if chain else now_ms + _UNKNOWN_KEPT_MS,
            agents=tuple(dict.fromkeys(link.holder_agent for link in chain if is_vouched(link))),
            tools=tuple(tools),
            labels_until_ms=self._sessions.labels_until_ms(now_ms),
            acting=self._acting(chain, now_ms),
        )

    def _acting(self, chain: Sequence[LinkRecord], now_ms: int) -> ActingAgent | None:
        """Tell whose acts they are, as `KnownAgents.acting`; of a chain that is not recorded, nobody's."""
        known = next((link.holder_agent for link in reversed(chain) if is_vouched(link)), None)
        if known is None or not self._policy().notes_agents:
            return None
        return self._sessions.remembering(known, now_ms)


def _is_shown_its_own(call: CallRecord, chain: Sequence[LinkRecord]) -> bool:
    """Tell whether a refused call's proof is that of its chain's holder: a token alone makes it nobody's (A-30).

    Who has seen a token could else fill its task with labels.
    """
    if not chain or call.record is None or call.leaf_link_id is None:
        return False
    try:
        record = decode_record(call.record)
        check_holder_proof(
            record.proof,
            chain[-1].holder_key,
            chain_digest=call.leaf_link_id,
            audience=call.audience,
            tool=call.tool,
            arguments_digest=call.arguments_digest,
            now_ms=call.decided_ms,
        )
    except Refused:
        return False
    return True


def _tools_by_chain(calls: Sequence[CallRecord], rules: PolicyRules) -> dict[tuple[bytes, bytes], list[_Ran]]:
    entries: dict[tuple[str, str], CatalogueTool | None] = {}
    tools: dict[tuple[bytes, bytes], list[_Ran]] = {}
    for call in calls:
        if not (call.allowed or call.observed) or call.task_id is None or call.leaf_link_id is None:
            continue
        pair = call.audience, call.tool
        if pair not in entries:
            entries[pair] = _noted(rules, *pair)
        if (tool := entries[pair]) is not None:
            tools.setdefault((call.task_id, call.leaf_link_id), []).append((call, tool))
    return tools


def _noted(rules: PolicyRules, audience: str, tool: str) -> CatalogueTool | None:
    """Give what the catalogue says of a tool if its calls leave anything that somebody asks about."""
    entry = rules.entry(audience, tool).tool
    return entry if rules.notes_every_call or entry.labels - {PUBLIC} else None
