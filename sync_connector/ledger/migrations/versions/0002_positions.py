"""Up to where a source is settled, so that it can be read incrementally."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "positions",
        sa.Column("source_id", BigId, nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("partial_runs", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_positions_source_id")),
        sa.PrimaryKeyConstraint("source_id", name=op.f("pk_positions")),
    )
    op.add_column("runs", sa.Column("read_in_full", sa.Boolean(), nullable=False, server_default=sa.true()))
