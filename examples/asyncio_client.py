"""The asyncio client: an agent that listens for work, and an orchestrator that hands it some, side by side."""

from __future__ import annotations

import asyncio
from pathlib import Path

from delegation_sdk import AsyncClient, Guard, Scope, one_of, tool
from local_service import local_service

CITIES = ("Oslo", "Turin", "Porto")
SCOPE = Scope(tool("weather", "forecast", city=one_of(*CITIES)))


async def forecaster(profile: Path, guard: Guard, listening: asyncio.Event) -> list[str]:
    """An agent: waits for work, then makes its calls all at once."""
    async with AsyncClient.connect(profile) as client, client.listen() as work:
        listening.set()
        delegation = await anext(work)

    async def ask(city: str) -> str:
        async with delegation.call("weather", "forecast", {"city": city}) as call:
            decided = await guard.aio.authorize(call.carriage, "forecast", call.arguments)
        return str(decided.arguments["city"])

    with delegation.work():  # a span, linked to the handoff
        return await asyncio.gather(*map(ask, CITIES))


async def run(guard: Guard, orchestrators: Path, forecasters: Path) -> None:
    listening = asyncio.Event()
    async with asyncio.TaskGroup() as side_by_side, AsyncClient.connect(orchestrators) as client:
        working = side_by_side.create_task(forecaster(forecasters, guard, listening))
        await listening.wait()
        async with client.task("Where shall we go?", scope=SCOPE, ttl="1m") as task:
            offer = await client.request_offer("spiffe://example.org/agent/forecaster")
            handed = await task.hand_off(offer.agent, offer=offer)
            assert not handed.holds_key, "the key never left the agent that offered it"
            answers = await working
    print("forecasts:", ", ".join(answers))
    assert answers == list(CITIES)


def main() -> None:
    with local_service() as service, Guard.connect("weather", service.profile("tool/weather")) as guard:
        asyncio.run(run(guard, service.profile("agent/orchestrator"), service.profile("agent/forecaster")))


if __name__ == "__main__":
    main()
