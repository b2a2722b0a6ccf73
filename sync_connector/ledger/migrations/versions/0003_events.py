"""The way back: callbacks that became events, what they are bound to, and what each sink still waits for.

Leases get a purpose. They are made anew: they say who is at work now, and a run that finds its lease gone stops.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.drop_table("leases")
    op.create_table(
        "leases",
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_leases_account_id")),
        sa.PrimaryKeyConstraint("account_id", "purpose", name=op.f("pk_leases")),
    )
    op.create_table(
        "cursors",
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("inbox", sa.Text(), nullable=False),
        sa.Column("sequence", BigId, nullable=False),
        sa.Column("event_key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_cursors_account_id")),
        sa.PrimaryKeyConstraint("account_id", "inbox", name=op.f("pk_cursors")),
    )
    op.create_table(
        "events",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("event_key", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("phone_number", sa.Text(), nullable=True),
        sa.Column("number_text", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("occurred_on", sa.Date(), nullable=True),
        sa.Column("occurred_text", sa.Text(), nullable=False),
        sa.Column("clock", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=True),
        sa.Column("duration", BigId, nullable=True),
        sa.Column("duration_text", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("id_sms_api", sa.Text(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("same_as", sa.Text(), nullable=True),
        sa.Column("status_of", sa.Text(), nullable=True),
        sa.Column("matched", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_events_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("account_id", "event_key", name=op.f("uq_events_account_id_event_key")),
    )
    op.create_index(
        "ix_events_account_id_content",
        "events",
        ["account_id", "content"],
        unique=False,
        sqlite_where=sa.text("same_as IS NULL"),
        postgresql_where=sa.text("same_as IS NULL"),
    )
    op.create_index(
        "ix_events_account_id_id_sms_api",
        "events",
        ["account_id", "id_sms_api"],
        unique=False,
        sqlite_where=sa.text("id_sms_api <> '' AND length(id_sms_api) <= 200"),
        postgresql_where=sa.text("id_sms_api <> '' AND length(id_sms_api) <= 200"),
    )
    op.create_index("ix_events_account_id_phone_number", "events", ["account_id", "phone_number"], unique=False)
    op.create_index("ix_events_account_id_received_at", "events", ["account_id", "received_at"], unique=False)
    op.create_index(
        "ix_events_account_id_status_of",
        "events",
        ["account_id", "status_of"],
        unique=False,
        sqlite_where=sa.text("status_of IS NOT NULL"),
        postgresql_where=sa.text("status_of IS NOT NULL"),
    )
    op.create_index(
        "ix_events_account_id_unmatched",
        "events",
        ["account_id", "phone_number"],
        unique=False,
        sqlite_where=sa.text("matched = 'none'"),
        postgresql_where=sa.text("matched = 'none'"),
    )
    op.create_table(
        "sinks",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("deliveries", BigId, nullable=False),
        sa.Column("up_to", BigId, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_sinks_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sinks")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_sinks_account_id_name")),
    )
    op.create_table(
        "bindings",
        sa.Column("event_id", BigId, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("contact_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_bindings_event_id")),
        sa.PrimaryKeyConstraint("event_id", "ordinal", name=op.f("pk_bindings")),
    )
    op.create_index("ix_bindings_contact_id", "bindings", ["contact_id"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("sink_id", BigId, nullable=False),
        sa.Column("event_id", BigId, nullable=False),
        sa.Column("delivery", BigId, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("tried_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_outbox_event_id")),
        sa.ForeignKeyConstraint(["sink_id"], ["sinks.id"], name=op.f("fk_outbox_sink_id")),
        sa.PrimaryKeyConstraint("sink_id", "event_id", name=op.f("pk_outbox")),
    )
    op.create_index(
        "ix_outbox_sink_id_delivery",
        "outbox",
        ["sink_id", "delivery"],
        unique=False,
        sqlite_where=sa.text("delivery IS NOT NULL"),
        postgresql_where=sa.text("delivery IS NOT NULL"),
    )
