"""How far back used proofs may have been forgotten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Begin with nothing forgotten after what the table of proofs still knows."""
    op.create_table(
        "horizons",
        sa.Column("of", _TEXT, autoincrement=False, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("of", name="pk_horizons"),
    )
    op.execute("INSERT INTO horizons (\"of\", until_ms) VALUES ('proofs', 0)")
