"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", BigId, nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("login", "host", name=op.f("uq_accounts_login_host")),
    )
    op.create_table(
        "verdicts",
        sa.Column("id", BigId, nullable=False),
        sa.Column("contact_id", BigId, nullable=False),
        sa.Column("run_id", BigId, nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("phone_number", sa.Text(), nullable=False),
        sa.Column("codes", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdicts")),
    )
    op.create_index("ix_verdicts_contact_id", "verdicts", ["contact_id"], unique=False)
    op.create_table(
        "in_flight",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("source_id", BigId, nullable=False),
        sa.Column("run_id", BigId, nullable=False),
        sa.Column("contacts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_in_flight_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_in_flight")),
    )
    op.create_table(
        "leases",
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_leases_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_leases")),
    )
    op.create_table(
        "sources",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_sources_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sources")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_sources_account_id_name")),
    )
    op.create_table(
        "stale_numbers",
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("phone_number", sa.Text(), nullable=False),
        sa.Column("source_id", BigId, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("run_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_stale_numbers_account_id")),
        sa.PrimaryKeyConstraint("account_id", "phone_number", name=op.f("pk_stale_numbers")),
    )
    op.create_table(
        "contacts",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("source_id", BigId, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("row_fp", sa.LargeBinary(length=16), nullable=True),
        sa.Column("payload_fp", sa.LargeBinary(length=16), nullable=True),
        sa.Column("phone_number", sa.Text(), nullable=True),
        sa.Column("wanted_number", sa.Text(), nullable=True),
        sa.Column("recency", BigId, nullable=True),
        sa.Column("codes", sa.Text(), nullable=True),
        sa.Column("run_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_contacts_account_id")),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_contacts_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
        sa.UniqueConstraint("account_id", "phone_number", name=op.f("uq_contacts_account_id_phone_number")),
        sa.UniqueConstraint("source_id", "key", name=op.f("uq_contacts_source_id_key")),
    )
    op.create_index(
        "ix_contacts_account_id_wanted_number",
        "contacts",
        ["account_id", "wanted_number"],
        unique=False,
        sqlite_where=sa.text("wanted_number IS NOT NULL"),
        postgresql_where=sa.text("wanted_number IS NOT NULL"),
    )
    op.create_table(
        "rejects",
        sa.Column("id", BigId, nullable=False),
        sa.Column("source_id", BigId, nullable=False),
        sa.Column("contact_id", BigId, nullable=True),
        sa.Column("run_id", BigId, nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("line", BigId, nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_rejects_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejects")),
        sa.UniqueConstraint("contact_id", name=op.f("uq_rejects_contact_id")),
    )
    op.create_index("ix_rejects_source_id", "rejects", ["source_id"], unique=False)
    op.create_table(
        "runs",
        sa.Column("id", BigId, nullable=False),
        sa.Column("source_id", BigId, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("rows_read", BigId, nullable=False),
        sa.Column("filled", sa.JSON(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_runs_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index("ix_runs_source_id", "runs", ["source_id"], unique=False)
    # ### end Alembic commands ###
