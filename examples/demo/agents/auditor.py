"""The auditor: receives its work by offer, has a sub-agent read the invoice, and writes a report of what it finds.

    python -m demo.agents.auditor COMMAND...

COMMAND starts the MCP server for files; this speaks to it over stdio, as any MCP host does.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

from mcp import Client, StdioServerParameters

from delegation_sdk import AsyncClient, Scope, tool, under
from delegation_sdk.aio import AsyncConnectedDelegation
from delegation_sdk.tracing import configure_from_environment
from demo.agents import forgery
from demo.agents.calling import Tools
from demo.agents.price_check import overcharge
from demo.cues import Cues

READER = "spiffe://acme.example/agent/reader"
SUPPLIER = "/suppliers/brightline"
INVOICES = f"{SUPPLIER}/invoices"
REPORT = "/reports/o-17.md"

FOR_THE_READER = Scope(
    tool("files", "list_directory", path=under(INVOICES)),
    tool("files", "read_file", path=under(INVOICES)),
)
MORE_THAN_IT_HAS = Scope(tool("files", "write_file", path=under("/reports"), text="paid"))


class Auditor:
    """What the auditor does: by its own delegation, `self.mine`, or by its sub-agent's, `self.readers`."""

    def __init__(
        self, client: AsyncClient, work: asyncio.Task[AsyncConnectedDelegation], files: Tools, stack: AsyncExitStack
    ) -> None:
        self._client = client
        self._work = work
        self._files = files
        self._stack = stack

    async def receive(self) -> dict[str, Any]:
        """Take the work that is handed off to this agent."""
        self.mine = await self._work
        self._stack.enter_context(self.mine.work())
        return {"chain": self.mine.export(), "has_key": self.mine.holds_key}

    async def engage_reader(self) -> str:
        """Hand part of it to a sub-agent in this process."""
        self.readers = await self.mine.hand_off(READER, scope=FOR_THE_READER, max_depth=0)
        return self.readers.export()

    async def review(self) -> dict[str, Any]:
        """Compare invoice and contract, each read under the delegation of the agent that reads it."""
        listed = await self._files.call(self.readers, "list_directory", {"path": INVOICES})
        invoice = await self.reader_reads(f"{INVOICES}/o-17.csv")
        contract = await self.read(f"{SUPPLIER}/contract.md")
        return {"listed": listed, "invoice": invoice, "contract": contract, "found": str(overcharge(invoice, contract))}

    async def read(self, path: str) -> Any:
        """Read a file oneself."""
        return await self._files.call(self.mine, "read_file", {"path": path})

    async def reader_reads(self, path: str) -> Any:
        """Have the sub-agent read a file."""
        return await self._files.call(self.readers, "read_file", {"path": path})

    async def report(self, text: str) -> Any:
        """Write the report."""
        return await self._files.call(self.mine, "write_file", {"path": REPORT, "text": text})

    async def reader_reads_without_own_link(self, path: str) -> Any:
        """Have the sub-agent cut its own link off the chain, and with it what that took away."""
        return await self._reader_reads_under(forgery.without_last_link(self.readers.token), path)

    async def reader_reads_by_delegators_chain(self, path: str) -> Any:
        """The same with the delegator's whole chain, receipt included, as the service shows it to all in the task."""
        return await self._reader_reads_under(await self._client.lineage.get_chain(self.mine.digest), path)

    async def hand_off_more(self) -> None:
        """Try to hand off more than one has, by the SDK."""
        await self.mine.hand_off(READER, scope=MORE_THAN_IT_HAS)

    async def record_forged_handoff(self) -> None:
        """Try the same with a link signed by hand, and have the service record it."""
        await self._client.record(forgery.wider_handoff(self.mine, READER, MORE_THAN_IT_HAS))

    async def use_forged_handoff(self) -> Any:
        """Try the same with the tool."""
        forged = forgery.wider_handoff(self.mine, READER, MORE_THAN_IT_HAS)
        return await self._files.call(forged, "write_file", {"path": "/reports/o-18.md", "text": "paid"})

    async def _reader_reads_under(self, token: bytes, path: str) -> Any:
        arguments = {"path": path}
        carriage = forgery.carriage(token, self.readers.require_key(), "files", "read_file", arguments)
        return await self._files.send("read_file", arguments, carriage)


async def main(command: str, *arguments: str) -> None:
    """Work on cue."""
    cues = Cues()
    tools_own = {"DELEGATION_PROFILE": os.environ["FILES_PROFILE"], "OTEL_SERVICE_NAME": "files"}
    server = StdioServerParameters(command=command, args=list(arguments), env={**os.environ, **tools_own})
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(Client(server))
        client = await stack.enter_async_context(AsyncClient.connect())
        listener = await stack.enter_async_context(client.listen())
        work = asyncio.create_task(_next(listener))  # offers are made while one waits for work
        cues.answer("ready")
        await cues.follow(Auditor(client, work, Tools(session, "files"), stack))


async def _next(listener: AsyncIterator[AsyncConnectedDelegation]) -> AsyncConnectedDelegation:
    return await anext(listener)


if __name__ == "__main__":
    configure_from_environment()
    asyncio.run(main(*sys.argv[1:]))
