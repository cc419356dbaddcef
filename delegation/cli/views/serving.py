"""What a service that has just begun to listen says to the person who started it."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from delegation.cli.views.chain_tree import print_fields


def print_serving(console: Console, *, target: str, trust_domain: str, profile: str | None) -> None:
    """Say where the service listens and, in development, what to type next.

    Args:
        console: Where.
        target: As a gRPC client writes it.
        trust_domain: Whose agents it serves.
        profile: The developer's profile; None outside development.
    """
    console.print(Text.assemble(("Serving ", "allowed"), (trust_domain, "agent"), f" at {target}"), soft_wrap=True)
    if profile is not None:
        console.print(Text("For development, on this machine only.", "quiet"))
        print_fields(
            console,
            [
                ("profile", Text.assemble(profile, ("  yours; found by itself from here", "quiet"))),
                ("agents", Text(f"delegation keys issue spiffe://{trust_domain}/agent/NAME --out DIR")),
                ("look", Text("delegation trace")),
            ],
        )
    console.file.flush()
