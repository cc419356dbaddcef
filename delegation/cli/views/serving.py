"""What a service that has just begun to listen says to the person who started it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from delegation.cli.untrusted_text import visible
from delegation.cli.views.chain_tree import print_fields
from delegation.cli.views.times import moment
from delegation.core.tool_id import tool_id
from delegation.core.trust import CatalogueTool
from delegation_sdk.profile import DEFAULT_PATH, PROFILE_VARIABLE


def print_serving(
    console: Console, *, target: str, trust_domain: str, profile: str | None, observed: Sequence[CatalogueTool] = ()
) -> None:
    """Say where the service listens and, in development, what to type next.

    Args:
        console: Where.
        target: As a gRPC client writes it.
        trust_domain: Whose agents it serves.
        profile: The developer's profile; None outside development.
        observed: The tools under observation.
    """
    console.print(Text.assemble(("Serving ", "allowed"), (trust_domain, "agent"), f" at {target}"), soft_wrap=True)
    for tool in observed:
        name = visible(tool_id(tool.audience, tool.tool))
        line = Text.assemble(
            ("Under observation ", "warning"), (name, "agent"), f" until {moment(tool.observe_until_ms)}"
        )
        console.print(Text.assemble(line, ": what would be refused runs"), soft_wrap=True)
    if profile is not None:
        console.print(Text("For development, on this machine only.", "quiet"))
        print_fields(
            console,
            [
                ("profile", Text.assemble(profile, (f"  yours; {_how_found(profile)}", "quiet"))),
                ("agents", Text(f"delegation keys issue spiffe://{trust_domain}/agent/NAME --out DIR")),
                ("look", Text("delegation trace")),
            ],
        )
    console.file.flush()


def _how_found(profile: str) -> str:
    if Path(profile).resolve() == DEFAULT_PATH.resolve():
        return "found by itself from here"
    return f"set {PROFILE_VARIABLE} to it"
