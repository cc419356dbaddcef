"""The state of tasks: what has happened, what was used of conditions, and the labels that stick to agents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Begin with nothing used: before this revision no call with a condition was permitted."""
    _create_sessions()
    _create_usage()
    _create_reservations()
    _create_agent_labels()
    op.add_column("calls", sa.Column("rules", _TEXT, nullable=True))
    op.add_column("calls", sa.Column("obligations", _TEXT, nullable=True))


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("task_id", sa.LargeBinary, autoincrement=False, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("task_id", name="pk_sessions"),
    )
    op.create_index("ix_sessions__expires_ms", "sessions", ["expires_ms"])


def _create_usage() -> None:
    op.create_table(
        "usage",
        sa.Column("task_id", sa.LargeBinary, autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary, autoincrement=False, nullable=False),
        sa.Column("account", sa.LargeBinary, nullable=False),
        sa.Column("audience", _TEXT, nullable=False),
        sa.Column("tool", _TEXT, nullable=False),
        sa.Column("argument", _TEXT, nullable=False),
        sa.Column("used", _TEXT, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("task_id", "key", name="pk_usage"),
    )
    op.create_index("ix_usage__expires_ms", "usage", ["expires_ms"])


def _create_reservations() -> None:
    op.create_table(
        "reservations",
        sa.Column("call_id", sa.LargeBinary, autoincrement=False, nullable=False),
        sa.Column("task_id", sa.LargeBinary, nullable=False),
        sa.Column("entries", _TEXT, nullable=False),
        sa.Column("released", sa.Boolean, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("call_id", name="pk_reservations"),
    )
    op.create_index("ix_reservations__expires_ms", "reservations", ["expires_ms"])


def _create_agent_labels() -> None:
    op.create_table(
        "agent_labels",
        sa.Column("agent", _TEXT, autoincrement=False, nullable=False),
        sa.Column("label", _TEXT, autoincrement=False, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("agent", "label", name="pk_agent_labels"),
    )
    op.create_index("ix_agent_labels__until_ms", "agent_labels", ["until_ms"])
