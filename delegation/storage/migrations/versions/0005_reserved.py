"""What a call took from budgets stands in its record."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Add to what is there; a program of the version before goes on beside.

    What that one notes in `reservations` is read there: nothing is copied while everybody waits for the table of calls.
    """
    op.add_column("calls", sa.Column("reserved", _TEXT, nullable=True))
