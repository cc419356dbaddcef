"""What was seen of agents, tools and calls beyond what decides."""

from __future__ import annotations

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add to what is there; a program of the version before goes on beside."""
