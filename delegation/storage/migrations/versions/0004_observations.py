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
    op.add_column("calls", sa.Column("observed", _TEXT, nullable=True))
    op.add_column("links", sa.Column("unjudged", sa.Boolean, nullable=True))
    _approvals()
    _create_tool_reports()


def _create_agent_history() -> None:
    op.create_table(
        "agent_history",
        sa.Column("agent", _TEXT, autoincrement=False, nullable=False),
        sa.Column("history", _TEXT, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("agent", name="pk_agent_history"),
    )
    op.create_index("ix_agent_history__until_ms", "agent_history", ["until_ms"])
    op.create_table(
        "agent_acts",
        sa.Column("proof_id", sa.LargeBinary, autoincrement=False, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("proof_id", name="pk_agent_acts"),
    )
    op.create_index("ix_agent_acts__until_ms", "agent_acts", ["until_ms"])


def _approvals() -> None:
    op.add_column("approval_answers", sa.Column("level", _TEXT, nullable=True))
    op.add_column("approval_requests", sa.Column("holder", _TEXT, nullable=True))
    op.add_column("approval_requests", sa.Column("token", sa.LargeBinary, nullable=True))
    kept = sa.text("arguments_json IS NOT NULL")
    for name, columns in (("holder", ["holder"]), ("principal", ["principal_subject", "principal_issuer"])):
        op.create_index(
            f"ix_approval_requests__{name}", "approval_requests", columns, sqlite_where=kept, postgresql_where=kept
        )
    op.create_table(
        "approval_uses",
        sa.Column("approval_digest", sa.LargeBinary, autoincrement=False, nullable=False),
        sa.Column("call_id", sa.LargeBinary, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("approval_digest", name="pk_approval_uses"),
    )
    op.create_index("ix_approval_uses__expires_ms", "approval_uses", ["expires_ms"])


def _create_tool_reports() -> None:
    op.create_table(
        "tool_reports",
        sa.Column("report_id", sa.LargeBinary, autoincrement=False, nullable=False),
        sa.Column("audience", _TEXT, nullable=False),
        sa.Column("tool", _TEXT, nullable=False),
        sa.Column("caller", _TEXT, nullable=False),
        sa.Column("manifest_digest", sa.LargeBinary, nullable=False),
        sa.Column("effects", _TEXT, nullable=False),
        sa.Column("labels", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("state_since_ms", sa.BigInteger, nullable=False),
        sa.Column("first_seen_ms", sa.BigInteger, nullable=False),
        sa.Column("last_seen_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("report_id", name="pk_tool_reports"),
    )
    op.create_index("ix_tool_reports__caller", "tool_reports", ["caller"])
    op.create_index("ix_tool_reports__audience_tool", "tool_reports", ["audience", "tool"])
    op.create_index("ix_tool_reports__expires_ms", "tool_reports", ["expires_ms"])
