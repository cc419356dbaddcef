"""`delegation agents remove`: strikes an agent off."""

from __future__ import annotations

from typing import Annotated

import typer

from delegation.cli.options import ProfileFile


def remove(
    agent: Annotated[str, typer.Argument(metavar="AGENT", show_default=False, help="The agent's id.")],
    *,
    profile: ProfileFile = None,
) -> None:
    """Take an agent's registration back: the service vouches for no more keys of it. What it holds is not revoked."""
    from delegation.cli.connection import connected
    from delegation.cli.terminal import console
    from delegation.cli.untrusted_text import visible

    with connected(profile) as client:
        client.unregister(agent)
    console().print(f"{visible(agent)} is not registered any more.", markup=False, soft_wrap=True)
