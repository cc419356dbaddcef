"""What a call took from budgets stands in its record."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
_RESERVATIONS = sa.table(
    "reservations",
    sa.column("call_id", sa.LargeBinary),
    sa.column("entries", sa.Text),
    sa.column("released", sa.Boolean),
)
_CALLS = sa.table("calls", sa.column("call_id", sa.LargeBinary), sa.column("reserved", sa.Text))


def upgrade() -> None:
    """Add to what is there; a program of the version before goes on beside.

    What that one notes in `reservations` from now on is not given back by this version: it stays spent.
    """
    op.add_column("calls", sa.Column("reserved", _TEXT, nullable=True))
    bind = op.get_bind()
    held = sa.select(_RESERVATIONS.c.call_id, _RESERVATIONS.c.entries).where(_RESERVATIONS.c.released.is_(False))
    for call_id, entries in bind.execute(held).all():
        reserved = ",".join(f"{key}={amount}" for key, amount in json.loads(entries))
        bind.execute(sa.update(_CALLS).where(_CALLS.c.call_id == call_id).values(reserved=reserved))
