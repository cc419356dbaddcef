"""The orchestrator: gets one task, and hands two agents what each needs for its part of it.

python -m demo.agents.orchestrator

Works on cue, as a model would have it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from delegation_sdk import AsyncClient, Scope, anything, at_most, one_of, tool, under
from delegation_sdk.aio import AsyncTask
from delegation_sdk.tracing import configure_from_environment
from demo.cues import Cues

AUDITOR = "spiffe://acme.example/agent/auditor"
BILLING = "spiffe://acme.example/agent/billing"

TASK = Scope(
    tool("files", "list_directory", path=under("/suppliers")),
    tool("files", "read_file", path=under("/suppliers")),
    tool("files", "write_file", path=under("/reports"), text=anything()),
    tool("billing", "refund", order=one_of("o-17", "o-18"), amount=at_most("50.00")),
)
FOR_THE_AUDITOR = Scope(
    tool("files", "list_directory", path=under("/suppliers/brightline")),
    tool("files", "read_file", path=under("/suppliers/brightline")),
    tool("files", "write_file", path="/reports/o-17.md", text=anything()),
)


class Orchestrator:
    """What the orchestrator does with its task."""

    def __init__(self, client: AsyncClient, task: AsyncTask) -> None:
        self._client = client
        self._task = task

    async def engage_auditor(self) -> dict[str, Any]:
        """Hand the files to a live instance of the auditor, for the key that it offers."""
        offer = await self._client.request_offer(AUDITOR)
        handed = await self._task.hand_off(AUDITOR, scope=FOR_THE_AUDITOR, offer=offer, ttl="5m")
        return {"chain": handed.export(), "has_key": handed.holds_key}

    async def engage_billing(self) -> dict[str, Any]:
        """Hand a part of the refunds to a live instance of billing; it may hand on nothing."""
        offer = await self._client.request_offer(BILLING)
        refund = self._task.scope.only("billing", "refund").where(order="o-17", amount=at_most("20.00"))
        handed = await self._task.hand_off(BILLING, scope=refund, offer=offer, ttl="2m", max_depth=0)
        return {"chain": handed.export(), "has_key": handed.holds_key}


async def main() -> None:
    """Work on cue."""
    cues = Cues()
    async with AsyncClient.connect() as client:
        cues.answer("ready")
        await cues.wait_for("begin")
        async with client.task("Refund what order o-17 was overcharged", scope=TASK, ttl="10m") as task:
            cues.answer(task.export())
            await cues.follow(Orchestrator(client, task), until="complete")
        # The block is left: the task is completed, and all that was handed on in it is revoked.
        cues.answer("completed")
        await cues.wait_for("")


if __name__ == "__main__":
    configure_from_environment()
    asyncio.run(main())
