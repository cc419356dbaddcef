"""ReportOutcome: take what a tool says came of a call that it was let run."""

from __future__ import annotations

import json

from delegation.core.attest import open_outcome
from delegation.core.codec import encode_statement
from delegation.core.statement import SignedStatement
from delegation.errors import Conflict, NotFound
from delegation.identity.port import Caller, Role
from delegation.service.call_ids import call_of
from delegation.service.guard_keys import GuardKeys
from delegation.service.ids import Clock
from delegation.storage.port import Storage
from delegation.storage.records import OutcomeRecord
from delegation.storage.refused_writes import NotRecordedError

_NO_SUCH_CALL = "no such call is recorded, or it is another tool's"


class ReportOutcome:
    """Records outcomes, one for each call."""

    def __init__(self, storage: Storage, *, guard_keys: GuardKeys, now_ms: Clock) -> None:
        self._storage = storage
        self._guard_keys = guard_keys
        self._now_ms = now_ms

    async def __call__(self, caller: Caller, statement: SignedStatement, guard_key: bytes) -> None:
        """Record an outcome. The same one again changes nothing.

        Args:
            caller: the tool that was authorized; nobody else knows what came of it.
            statement: the outcome, signed with the guard's key.
            guard_key: the guard's public key, 32 bytes.

        Raises:
            PermissionDenied: the caller is no tool, or the guard key belongs to another.
            BadStatement, Malformed: it is not signed by that key, or says nothing valid.
            NotFound: no such call of this tool.
            Conflict: the call was refused, or has another outcome.
        """
        caller.require_role(Role.TOOL)
        outcome = open_outcome(statement, guard_key)
        call = await call_of(self._storage, caller, guard_key, outcome.call_id)
        if call is None:
            raise NotFound(_NO_SUCH_CALL)
        if not call.allowed and call.observed is None:
            raise Conflict("the call was refused: nothing can have come of it")
        await self._guard_keys.require(caller, guard_key)  # last: it remembers whose key it is
        record = OutcomeRecord(
            call_id=call.call_id,
            status=str(outcome.status),
            impact=json.dumps(dict(outcome.impacts), sort_keys=True),
            reported_ms=self._now_ms(),
            caller=caller.id,
            signed=encode_statement(statement),
        )
        try:
            await self._storage.report_outcome(record)
        except NotRecordedError:
            raise NotFound(_NO_SUCH_CALL) from None
