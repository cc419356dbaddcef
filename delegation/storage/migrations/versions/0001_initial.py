"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Create every table and its indexes."""
    _create_tasks()
    _create_links()
    _create_calls()
    _create_outcomes()
    _create_proofs()
    _create_recorders()
    _create_decision_batches()
    _create_revocations()
    _create_feed_head()
    _create_responses()
    _create_agents()
    _create_offers()
    _create_documents()


def _create_tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("task_id", sa.LargeBinary, autoincrement=False, nullable=False),
        sa.Column("grant_link_id", sa.LargeBinary, nullable=False),
        sa.Column("holder_agent", _TEXT, nullable=False),
        sa.Column("principal_subject", _TEXT, nullable=False),
        sa.Column("principal_issuer", _TEXT, nullable=False),
        sa.Column("principal_basis", _TEXT, nullable=False),
        sa.Column("purpose", _TEXT, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("caller", _TEXT, nullable=False),
        sa.Column("trace_id", sa.LargeBinary, nullable=True),
        sa.Column("completed_ms", sa.BigInteger, nullable=True),
        sa.Column("completed_by", _TEXT, nullable=True),
        sa.PrimaryKeyConstraint("task_id", name="pk_tasks"),
    )
    op.create_index("ix_tasks__caller_task_id", "tasks", ["caller", "task_id"])
    op.create_index("ix_tasks__holder_agent_task_id", "tasks", ["holder_agent", "task_id"])


def _create_links() -> None:
    op.create_table(
        "links",
        sa.Column("link_id", sa.LargeBinary, autoincrement=False, nullable=False),
        sa.Column("task_id", sa.LargeBinary, nullable=False),
        sa.Column("parent_link_id", sa.LargeBinary, nullable=True),
        sa.Column("index", sa.Integer, nullable=False),
        sa.Column("holder_agent", _TEXT, nullable=False),
        sa.Column("holder_key", sa.LargeBinary, nullable=False),
        sa.Column("signed", sa.LargeBinary, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("recorded_ms", sa.BigInteger, nullable=False),
        sa.Column("receipt", sa.LargeBinary, nullable=False),
        sa.Column("caller", _TEXT, nullable=False),
        sa.Column("trace_id", sa.LargeBinary, nullable=True),
        sa.Column("span_id", sa.LargeBinary, nullable=True),
        sa.PrimaryKeyConstraint("link_id", name="pk_links"),
    )
    op.create_index("ix_links__holder_agent_task_id", "links", ["holder_agent", "task_id"])
    op.create_index("ix_links__task_id_index", "links", ["task_id", "index"])


def _create_calls() -> None:
    op.create_table(
        "calls",
        sa.Column("call_id", sa.LargeBinary, autoincrement=False, nullable=False),
        sa.Column("task_id", sa.LargeBinary, nullable=True),
        sa.Column("leaf_link_id", sa.LargeBinary, nullable=True),
        sa.Column("leaf_agent", _TEXT, nullable=False),
        sa.Column("principal_subject", _TEXT, nullable=False),
        sa.Column("audience", _TEXT, nullable=False),
        sa.Column("tool", _TEXT, nullable=False),
        sa.Column("allowed", sa.Boolean, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("layer", _TEXT, nullable=False),
        sa.Column("link_index", sa.Integer, nullable=True),
        sa.Column("arguments_digest", sa.LargeBinary, nullable=False),
        sa.Column("proof_nonce", sa.LargeBinary, nullable=False),
        sa.Column("decided_ms", sa.BigInteger, nullable=False),
        sa.Column("decided_by", _TEXT, nullable=False),
        sa.Column("recorded_ms", sa.BigInteger, nullable=False),
        sa.Column("feed_position", sa.BigInteger, nullable=False),
        sa.Column("caller", _TEXT, nullable=False),
        sa.Column("proof", sa.LargeBinary, nullable=False),
        sa.Column("guard_key", sa.LargeBinary, nullable=True),
        sa.Column("guard_sequence", sa.BigInteger, nullable=True),
        sa.Column("record", sa.LargeBinary, nullable=True),
        sa.Column("catalogue_digest", sa.LargeBinary, nullable=True),
        sa.Column("policy_digest", sa.LargeBinary, nullable=True),
        sa.Column("trace_id", sa.LargeBinary, nullable=True),
        sa.Column("span_id", sa.LargeBinary, nullable=True),
        sa.PrimaryKeyConstraint("call_id", name="pk_calls"),
    )
    op.create_index("ix_calls__audience_call_id", "calls", ["audience", "call_id"])
    denied = sa.column("allowed", sa.Boolean).is_(False)
    op.create_index("ix_calls__denied", "calls", ["call_id"], sqlite_where=denied, postgresql_where=denied)
    op.create_index("ix_calls__leaf_agent_call_id", "calls", ["leaf_agent", "call_id"])
    op.create_index("ix_calls__task_id_call_id", "calls", ["task_id", "call_id"])
    op.create_index("ix_calls__tool_call_id", "calls", ["tool", "call_id"])


def _create_outcomes() -> None:
    op.create_table(
        "outcomes",
        sa.Column("call_id", sa.LargeBinary, autoincrement=False, nullable=False),
        sa.Column("status", _TEXT, nullable=False),
        sa.Column("impact", _TEXT, nullable=False),
        sa.Column("reported_ms", sa.BigInteger, nullable=False),
        sa.Column("caller", _TEXT, nullable=False),
        sa.Column("signed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("call_id", name="pk_outcomes"),
    )


def _create_proofs() -> None:
    op.create_table(
        "proofs",
        sa.Column("issued_ms", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("nonce", sa.LargeBinary, autoincrement=False, nullable=False),
        sa.Column("audience", _TEXT, nullable=False),
        sa.Column("caller", _TEXT, nullable=False),
        sa.Column("request_digest", sa.LargeBinary, nullable=False),
        sa.Column("call_id", sa.LargeBinary, nullable=True),
        sa.PrimaryKeyConstraint("issued_ms", "nonce", name="pk_proofs"),
        sqlite_with_rowid=False,
    )


def _create_recorders() -> None:
    op.create_table(
        "recorders",
        sa.Column("guard_key", sa.LargeBinary, autoincrement=False, nullable=False),
        sa.Column("next_sequence", sa.BigInteger, nullable=False),
        sa.Column("last_hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("guard_key", name="pk_recorders"),
        sqlite_with_rowid=False,
    )


def _create_decision_batches() -> None:
    op.create_table(
        "decision_batches",
        sa.Column("guard_key", sa.LargeBinary, autoincrement=False, nullable=False),
        sa.Column("first_sequence", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("previous_hash", sa.LargeBinary, nullable=False),
        sa.Column("last_hash", sa.LargeBinary, nullable=False),
        sa.Column("signed", sa.LargeBinary, nullable=False),
        sa.Column("caller", _TEXT, nullable=False),
        sa.Column("recorded_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("guard_key", "first_sequence", name="pk_decision_batches"),
    )


def _create_revocations() -> None:
    op.create_table(
        "revocations",
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("id", sa.LargeBinary, nullable=False),
        sa.Column("revoked_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("revoked_by", _TEXT, nullable=False),
        sa.Column("why", _TEXT, nullable=False),
        sa.Column(
            "position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.PrimaryKeyConstraint("position", name="pk_revocations"),
    )
    op.create_index("ix_revocations__expires_ms", "revocations", ["expires_ms"])
    op.create_index("ix_revocations__kind_id", "revocations", ["kind", "id"])


def _create_feed_head() -> None:
    op.create_table(
        "feed_head",
        sa.Column("feed", _TEXT, autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("feed", name="pk_feed_head"),
    )
    op.execute("INSERT INTO feed_head (feed, position) VALUES ('revocations', 0)")


def _create_responses() -> None:
    op.create_table(
        "responses",
        sa.Column("caller", _TEXT, autoincrement=False, nullable=False),
        sa.Column("method", _TEXT, autoincrement=False, nullable=False),
        sa.Column("key", _TEXT, autoincrement=False, nullable=False),
        sa.Column("request_digest", sa.LargeBinary, nullable=False),
        sa.Column("response", sa.LargeBinary, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("caller", "method", "key", name="pk_responses"),
    )
    op.create_index("ix_responses__expires_ms", "responses", ["expires_ms"])


def _create_agents() -> None:
    op.create_table(
        "agents",
        sa.Column("agent_id", _TEXT, autoincrement=False, nullable=False),
        sa.Column("owner", _TEXT, nullable=False),
        sa.Column("registered_ms", sa.BigInteger, nullable=False),
        sa.Column("caller", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("agent_id", name="pk_agents"),
    )


def _create_offers() -> None:
    op.create_table(
        "offers",
        sa.Column("offer_digest", sa.LargeBinary, autoincrement=False, nullable=False),
        sa.Column("agent_id", _TEXT, nullable=False),
        sa.Column("holder_key", sa.LargeBinary, nullable=False),
        sa.Column("audience", _TEXT, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("signed", sa.LargeBinary, nullable=False),
        sa.Column("taken_by", _TEXT, nullable=True),
        sa.PrimaryKeyConstraint("offer_digest", name="pk_offers"),
    )
    op.create_index("ix_offers__agent_id_expires_ms", "offers", ["agent_id", "expires_ms"])
    op.create_index("ix_offers__expires_ms", "offers", ["expires_ms"])


def _create_documents() -> None:
    op.create_table(
        "documents",
        sa.Column("kind", _TEXT, autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("stored_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("kind", "version", name="pk_documents"),
    )
