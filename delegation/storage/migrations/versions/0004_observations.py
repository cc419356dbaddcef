"""What was seen of agents, tools and calls beyond what decides."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Add to what is there; a program of the version before goes on beside."""
    _create_agent_history()
    op.add_column("calls", sa.Column("inputs", _TEXT, nullable=True))


def _create_agent_history() -> None:
    op.create_table(
        "agent_history",
        sa.Column("agent", _TEXT, autoincrement=False, nullable=False),
        sa.Column("history", _TEXT, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("agent", name="pk_agent_history"),
    )
    op.create_index("ix_agent_history__until_ms", "agent_history", ["until_ms"])
