"""The tables of messages: what was sent to whom and what became of it, and who wants no more of it.

Law: the ledger itself keeps a message from being there twice, whether by its id at the vendor or by what makes it the same
message within its campaign.
"""

from __future__ import annotations

import sqlalchemy as sa

from sync_connector.ledger.naming import BigId, metadata

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("account_id", sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("campaign", sa.Text, nullable=False),  # '': a message of its own
    sa.Column("identity", sa.Text, nullable=False),  # what makes it the same message within its campaign
    sa.Column("id_sms_api", sa.Text, nullable=False),  # ours, by which callbacks tell of it
    sa.Column("phone_number", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("send_at", sa.DateTime(timezone=True)),  # when it may leave; NULL: at once
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),  # see Mode
    sa.Column("sender_name", sa.Text, nullable=False),
    sa.Column("sender_mode", sa.Text, nullable=False),
    sa.Column("segments", sa.Integer, nullable=False),  # as we counted them
    sa.Column("contact_key", sa.Text),
    sa.Column("contact_source", sa.Text),
    sa.Column("state", sa.Text, nullable=False),  # see MessageState
    sa.Column("reason", sa.Text),  # of a state that is not good news, for people
    sa.Column("parts", sa.Integer),  # as the vendor counted them
    sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("settled_at", sa.DateTime(timezone=True)),  # since when it is in its state; NULL while it is begun
    sa.Column("settled_by", sa.Text),  # the callback's event_key, 'answer' (the vendor's) or 'person'
    sa.UniqueConstraint("account_id", "id_sms_api"),
    sa.UniqueConstraint("account_id", "campaign", "mode", "identity"),
    sa.Index("ix_messages_account_id_phone_number", "account_id", "phone_number"),
    sa.Index("ix_messages_account_id_begun_at", "account_id", "begun_at"),
    sa.Index(
        "ix_messages_account_id_unsettled",
        "account_id",
        "state",
        sqlite_where=sa.text("state IN ('unknown', 'begun')"),
        postgresql_where=sa.text("state IN ('unknown', 'begun')"),
    ),
)

opt_outs = sa.Table(
    "opt_outs",
    metadata,
    sa.Column("account_id", sa.ForeignKey("accounts.id"), primary_key=True),
    sa.Column("phone_number", sa.Text, primary_key=True),
    sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    sa.Column("event_key", sa.Text),  # of the answer that says so; NULL: a person said so
    sa.Column("text", sa.Text, nullable=False),  # in which words
)
