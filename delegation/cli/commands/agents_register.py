"""`delegation agents register`: says who answers for an agent."""

from __future__ import annotations

from typing import Annotated

import typer

from delegation.cli.options import ProfileFile


def register(
    agent: Annotated[str, typer.Argument(metavar="AGENT", show_default=False, help="The agent's id.")],
    *,
    owner: Annotated[str, typer.Option(show_default=False, help="The person or team that answers for it.")],
    profile: ProfileFile = None,
) -> None:
    """Register an agent with its owner; again, it replaces the owner. Others than oneself only as an operator."""
    from delegation.cli.connection import connected
    from delegation.cli.terminal import console
    from delegation.cli.untrusted_text import visible

    with connected(profile) as client:
        client.register(owner, agent)
    console().print(f"{visible(owner)} answers for {visible(agent)}.", markup=False, soft_wrap=True)
