"""The state of tasks: what has happened, what was used of conditions, labels that stick to agents, approvals."""

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
    _create_approval_requests()
    _create_approval_answers()
    op.add_column("calls", sa.Column("rules", _TEXT, nullable=True))
    op.add_column("calls", sa.Column("obligations", _TEXT, nullable=True))
    op.add_column("calls", sa.Column("arguments", _TEXT, nullable=True))
    op.add_column("links", sa.Column("vouched", sa.Boolean, nullable=True))


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


def _create_approval_requests() -> None:
    op.create_table(
        "approval_requests",
        sa.Column("request_id", sa.LargeBinary, autoincrement=False, nullable=False),
        sa.Column("task_id", sa.LargeBinary, nullable=False),
        sa.Column("link_id", sa.LargeBinary, nullable=False),
        sa.Column("audience", _TEXT, nullable=False),
        sa.Column("tool", _TEXT, nullable=False),
        sa.Column("arguments_digest", sa.LargeBinary, nullable=False),
        sa.Column("policy_digest", sa.LargeBinary, nullable=False),
        sa.Column("arguments_json", sa.LargeBinary, nullable=True),
        sa.Column("purpose", _TEXT, nullable=False),
        sa.Column("principal_subject", _TEXT, nullable=False),
        sa.Column("principal_issuer", _TEXT, nullable=False),
        sa.Column("principal_basis", _TEXT, nullable=False),
        sa.Column("agents", _TEXT, nullable=False),
        sa.Column("demands", _TEXT, nullable=False),
        sa.Column("requester", _TEXT, nullable=False),
        sa.Column("requested_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("task_expires_ms", sa.BigInteger, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("withdrawn_by", _TEXT, nullable=False),
        sa.Column("call_id", sa.LargeBinary, nullable=True),
        sa.PrimaryKeyConstraint("request_id", name="pk_approval_requests"),
    )
    op.create_index("ix_approval_requests__task_id_request_id", "approval_requests", ["task_id", "request_id"])
    op.create_index("ix_approval_requests__requester_request_id", "approval_requests", ["requester", "request_id"])
    stands = sa.text("state IN ('pending', 'approved')")
    op.create_index(
        "ix_approval_requests__live",
        "approval_requests",
        ["link_id", "arguments_digest"],
        sqlite_where=stands,
        postgresql_where=stands,
    )
    refused = sa.text("state = 'refused'")
    op.create_index(
        "ix_approval_requests__refused",
        "approval_requests",
        ["task_id", "arguments_digest"],
        sqlite_where=refused,
        postgresql_where=refused,
    )
    kept = sa.text("arguments_json IS NOT NULL")
    op.create_index(
        "ix_approval_requests__arguments",
        "approval_requests",
        ["expires_ms"],
        sqlite_where=kept,
        postgresql_where=kept,
    )


def _create_approval_answers() -> None:
    op.create_table(
        "approval_answers",
        sa.Column("request_id", sa.LargeBinary, autoincrement=False, nullable=False),
        sa.Column("approver", _TEXT, autoincrement=False, nullable=False),
        sa.Column("approver_issuer", _TEXT, nullable=False),
        sa.Column("authentication_strength", _TEXT, nullable=False),
        sa.Column("is_principal", sa.Boolean, nullable=False),
        sa.Column("approve", sa.Boolean, nullable=False),
        sa.Column("justification", _TEXT, nullable=False),
        sa.Column("answered_ms", sa.BigInteger, nullable=False),
        sa.Column("key_id", sa.LargeBinary, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("request_id", "approver", name="pk_approval_answers"),
    )
