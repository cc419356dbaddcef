"""What calls leave in the state of their tasks that guards have let run by themselves, and only recorded.

Nobody was asked, so nothing is judged: during an outage, by an operator's order; in process, by an older catalogue;
refused, under observation. What they read and did is known afterwards all the same, and the next call is decided on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from delegation.core.codec import decode_record
from delegation.core.declaration import Declaration
from delegation.core.hearsay import noted_unpermitted
from delegation.core.labels import PUBLIC
from delegation.core.proof import check_holder_proof, proof_id
from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import Refused
from delegation.service.policy_in_use import PolicyInUse
from delegation.service.policy_rules import PolicyRules
from delegation.service.recorded_links import is_vouched
from delegation.service.session_steps import SessionSteps
from delegation.storage.port import Storage
from delegation.storage.records import CallRecord, LinkRecord
from delegation.storage.sessions import Act, ActingAgent, CallsThatRan

_UNKNOWN_KEPT_MS: Final = 24 * 60 * 60 * 1000
"""Of a task whose grant is not recorded here: whoever calls in it again says how long it lives."""
_CHECKED_AT_A_TIME: Final = 64
"""Proofs whose signatures are checked in one go: those of a whole batch would make others wait."""
_Ran = tuple[CallRecord, CatalogueTool]
SaidOf = Callable[[str, str], Awaitable[Declaration]]


class WhatRan:
    """Finds what recorded calls leave.

    Args:
        storage: where their chains are.
        policy: says, with its catalogue, what matters of a tool.
        sessions: says how long labels stick.
        said_of: gives what is reported of a tool by those who serve it: a guard's record does not say it.
    """

    def __init__(self, storage: Storage, *, policy: PolicyInUse, sessions: SessionSteps, said_of: SaidOf) -> None:
        self._storage = storage
        self._policy = policy
        self._sessions = sessions
        self._said_of = said_of

    async def __call__(
        self, calls: Sequence[CallRecord], now_ms: int, *, by_order: frozenset[bytes] = frozenset()
    ) -> list[CallsThatRan]:
        """Give what those of a guard's calls leave that ran, by chain; nothing of most, which nobody asks about.

        Args:
            calls: what the guard has recorded.
            now_ms: the time.
            by_order: the ids of those that a break-glass statement let pass.

        Raises:
            StorageError: a chain cannot be read.
        """
        found = [
            await self._of_chain(task_id, leaf, ran, now_ms)
            for (task_id, leaf), ran in (await self._by_chain(calls, by_order)).items()
        ]
        return [each for each in found if each.tools or each.observed]

    async def _by_chain(
        self, calls: Sequence[CallRecord], by_order: frozenset[bytes]
    ) -> dict[tuple[bytes, bytes], list[_Ran]]:
        rules = self._policy()
        entries: dict[tuple[str, str, bool], CatalogueTool | None] = {}
        tools: dict[tuple[bytes, bytes], list[_Ran]] = {}
        for call in calls:
            if not (call.allowed or call.observed) or call.task_id is None or call.leaf_link_id is None:
                continue
            asked = call.audience, call.tool, call.allowed and call.call_id not in by_order
            if asked not in entries:
                entries[asked] = await self._noted(rules, *asked)
            if (tool := entries[asked]) is not None:
                tools.setdefault((call.task_id, call.leaf_link_id), []).append((call, tool))
        return tools

    async def _noted(self, rules: PolicyRules, audience: str, tool: str, in_process: bool) -> CatalogueTool | None:  # noqa: FBT001 - a part of a key
        """Give what the catalogue says of a tool, and the tool itself, if its calls leave what somebody asks about."""
        entry = rules.entry(audience, tool).noted
        # What a guard permits of a local tool by itself says nothing more than the catalogue (T-43).
        if not (in_process and entry.local):
            entry = rules.entry(audience, tool, await self._said_of(audience, tool)).noted
        return entry if rules.notes_every_call or entry.labels - {PUBLIC} else None

    async def _of_chain(self, task_id: bytes, leaf: bytes, ran: list[_Ran], now_ms: int) -> CallsThatRan:
        chain = await self._storage.chain(leaf)
        acting = self._acting(chain, now_ms)
        own = await _own(ran, chain, allowed_too=acting is not None)
        # A proof is for one call.
        acts = {call.proof_nonce: _act(call, tool) for call, tool in own if acting and _is_of_its_period(call, acting)}
        return CallsThatRan(
            task_id=task_id,
            expires_ms=chain[0].expires_ms if chain else now_ms + _UNKNOWN_KEPT_MS,
            agents=tuple(dict.fromkeys(link.holder_agent for link in chain if is_vouched(link))),
            tools=tuple(tool for call, tool in ran if call.allowed),
            labels_until_ms=self._sessions.labels_until_ms(now_ms),
            acting=acting if acts else None,
            acts=tuple(acts.values()),
            observed=tuple(noted_unpermitted(tool) for call, tool in own if not call.allowed),
        )

    def _acting(self, chain: Sequence[LinkRecord], now_ms: int) -> ActingAgent | None:
        """Tell whose acts they are, as `KnownAgents.acting`; of a chain that is not recorded, nobody's."""
        known = next((link.holder_agent for link in reversed(chain) if is_vouched(link)), None)
        if known is None or not self._policy().notes_agents:
            return None
        return self._sessions.remembering(known, now_ms)


async def _own(ran: Sequence[_Ran], chain: Sequence[LinkRecord], *, allowed_too: bool) -> list[_Ran]:
    """Give the calls that are shown to be the holder's, of the refused ones, and of the others if that matters."""
    own: list[_Ran] = []
    for number, (call, tool) in enumerate(ran):
        if (allowed_too or not call.allowed) and _is_shown_its_own(call, chain):
            own.append((call, tool))
        if number % _CHECKED_AT_A_TIME == 0:
            await asyncio.sleep(0)
    return own


def _act(call: CallRecord, tool: CatalogueTool) -> Act:
    effects = tool.effects or frozenset(Effect)  # of one that nobody lists nothing is noted as having happened
    return Act(proof_id(call.leaf_link_id or b"", call.audience, call.proof_nonce), effects)


def _is_of_its_period(call: CallRecord, acting: ActingAgent) -> bool:
    """Tell whether a call that is recorded now would still be remembered: no old proof makes it new."""
    return acting.now_ms - call.decided_ms < acting.until_ms - acting.now_ms


def _is_shown_its_own(call: CallRecord, chain: Sequence[LinkRecord]) -> bool:
    """Tell whether a recorded call's proof is that of its chain's holder: a token alone makes it nobody's (A-30, A-37).

    Who has seen a token could else fill its task with labels, and its agent's history with calls.
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
