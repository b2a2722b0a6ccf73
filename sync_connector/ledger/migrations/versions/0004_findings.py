"""Each finding is a row of its own, of contacts that were sent as well; and what a person corrected lies over the CRM's rows."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("contacts", sa.Column("country", sa.Text(), nullable=True))
    op.add_column("rejects", sa.Column("cells", sa.JSON(), nullable=True))
    op.create_table(
        "findings",
        sa.Column("id", BigId, nullable=False),
        sa.Column("source_id", BigId, nullable=False),
        sa.Column("contact_id", BigId, nullable=True),
        sa.Column("reject_id", BigId, nullable=True),
        sa.Column("run_id", BigId, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("header", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("advice", sa.Text(), nullable=False),
        sa.Column("suggestion", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["reject_id"], ["rejects.id"], name=op.f("fk_findings_reject_id")),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_findings_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
    )
    op.create_index("ix_findings_source_id_code", "findings", ["source_id", "code"])
    op.create_index("ix_findings_contact_id", "findings", ["contact_id"])
    only = sa.text("reject_id IS NOT NULL")
    op.create_index("ix_findings_reject_id", "findings", ["reject_id"], sqlite_where=only, postgresql_where=only)
    op.create_table(
        "overlays",
        sa.Column("source_id", BigId, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(16), nullable=False),
        sa.Column("cells", sa.JSON(), nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("run_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_overlays_source_id")),
        sa.PrimaryKeyConstraint("source_id", "key", name=op.f("pk_overlays")),
    )
    _each_a_row()
    op.drop_column("rejects", "findings")


def _each_a_row() -> None:
    connection = op.get_bind()
    into = sa.table("findings", *(sa.column(name) for name in (
        "source_id", "contact_id", "reject_id", "run_id", "code", "field", "severity", "header", "value", "advice", "suggestion"
    )))  # fmt: skip
    listed = connection.execute(sa.text("SELECT id, source_id, contact_id, run_id, findings FROM rejects ORDER BY id")).all()
    rows = [
        {
            "source_id": source_id,
            "contact_id": contact_id,
            "reject_id": id_ if contact_id is None else None,
            "run_id": run_id,
            **dict(zip(("code", "field", "severity", "value", "advice"), finding, strict=True)),
            "header": "",
            "suggestion": "",
        }
        for id_, source_id, contact_id, run_id, found in listed
        for finding in (json.loads(found) if isinstance(found, str) else found)
    ]
    if rows:
        connection.execute(sa.insert(into), rows)
