"""The billing agent: receives its work by offer, and refunds through the billing server, over HTTP.

python -m demo.agents.billing URL

Works on cue, as a model would have it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

from mcp import Client

from delegation_sdk import AsyncClient
from delegation_sdk.aio import AsyncConnectedDelegation
from delegation_sdk.tracing import configure_from_environment
from demo.agents import forgery
from demo.agents.calling import Tools
from demo.cues import Cues


class Billing:
    """What the billing agent does by its delegation, `self.mine`; and what it tries without."""

    def __init__(self, work: asyncio.Task[AsyncConnectedDelegation], url: str, stack: AsyncExitStack) -> None:
        self._work = work
        self._url = url
        self._stack = stack

    async def receive(self) -> dict[str, Any]:
        """Take the work that is handed off to this agent, and connect to what it needs for it."""
        self.mine = await self._work
        self._stack.enter_context(self.mine.work())
        self._billing = Tools(await self._stack.enter_async_context(Client(self._url)), "billing")
        return {"chain": self.mine.export(), "has_key": self.mine.holds_key}

    async def refund(self, order: str, amount: float) -> Any:
        """Refund an amount for an order."""
        return await self._billing.call(self.mine, "refund", {"order": order, "amount": amount})

    async def refund_without_own_link(self, order: str, amount: float) -> Any:
        """Cut one's own link off the chain, and with it what that took away; sign with one's own key."""
        arguments = {"order": order, "amount": amount}
        token = forgery.without_last_link(self.mine.token)
        carriage = forgery.carriage(token, self.mine.require_key(), "billing", "refund", arguments)
        return await self._billing.send("refund", arguments, carriage)


async def main(url: str) -> None:
    """Work on cue."""
    cues = Cues()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(AsyncClient.connect())
        listener = await stack.enter_async_context(client.listen())
        work = asyncio.create_task(_next(listener))  # offers are made while one waits for work
        cues.answer("ready")
        await cues.follow(Billing(work, url, stack))


async def _next(listener: AsyncIterator[AsyncConnectedDelegation]) -> AsyncConnectedDelegation:
    return await anext(listener)


if __name__ == "__main__":
    configure_from_environment()
    asyncio.run(main(*sys.argv[1:]))
