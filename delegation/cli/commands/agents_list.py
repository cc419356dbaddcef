"""`delegation agents list`: who is registered, and who answers for whom."""

from __future__ import annotations

from dataclasses import asdict

from delegation.cli.options import Json, ProfileFile


def list_agents(*, json: Json = False, profile: ProfileFile = None) -> None:
    """List the registered agents with their owners. For operators and auditors."""
    from delegation.cli.connection import connected
    from delegation.cli.terminal import console, print_json

    with connected(profile) as client:
        agents = client.agents()
    if json:
        print_json({"agents": [asdict(agent) for agent in agents]})
        return
    from delegation.cli.views.agent_table import print_agents
    from delegation_sdk.sources import Sources

    out = console()
    if agents:
        print_agents(out, agents, Sources.system().now_ms())
    else:
        out.print("No agents are registered.", style="quiet")
