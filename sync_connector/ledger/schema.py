"""The tables. `migrations/` makes them; a test compares the two.

An *account* is a login at a vendor's host: a ledger that was filled against a sandbox says nothing of the real vendor.
"""

from __future__ import annotations

import sqlalchemy as sa

from sync_connector.ledger.message_schema import messages as messages  # as here, they are known wherever the others are
from sync_connector.ledger.message_schema import opt_outs as opt_outs
from sync_connector.ledger.naming import BigId
from sync_connector.ledger.naming import metadata as metadata

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("login", sa.Text, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.UniqueConstraint("login", "host"),
)

sources = sa.Table(
    "sources",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("account_id", sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.UniqueConstraint("account_id", "name"),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("source_id", sa.ForeignKey("sources.id"), nullable=False),
    sa.Column("status", sa.Text, nullable=False),  # running, finished, failed, stopped
    sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("ended_at", sa.DateTime(timezone=True)),
    sa.Column("identity", sa.Text, nullable=False),  # of mapping, rules and libraries, for people
    sa.Column("rows_read", BigId, nullable=False, default=0),
    sa.Column("filled", sa.JSON, nullable=False),  # column → rows in which it is filled
    sa.Column("result", sa.JSON),  # what `sync --json` printed
    sa.Column("read_in_full", sa.Boolean, nullable=False, server_default=sa.true()),  # or only what changed
    sa.Index("ix_runs_source_id", "source_id"),
)

positions = sa.Table(
    "positions",
    metadata,
    sa.Column("source_id", sa.ForeignKey("sources.id"), primary_key=True),
    sa.Column("position", sa.Text, nullable=False),  # all that changed in the source until then is settled
    sa.Column("signature", sa.Text, nullable=False),  # of the rules and the question that it was read with
    sa.Column("partial_runs", sa.Integer, nullable=False),  # since the last full read
)

contacts = sa.Table(
    "contacts",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("account_id", sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("source_id", sa.ForeignKey("sources.id"), nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    # Of the row as it was settled; NULL: look at the row again. Of one in state unknown: of the CRM's own row as it was sent,
    # whatever the rules are, and the row is looked at again.
    sa.Column("row_fp", sa.LargeBinary(16)),
    sa.Column("payload_fp", sa.LargeBinary(16)),  # of what the vendor accepted; NULL: nothing, or not certain
    sa.Column("phone_number", sa.Text),  # under which the vendor has it
    # Which another contact has, and this one waits for; or under which it was sent in vain: the vendor may have it there.
    sa.Column("wanted_number", sa.Text),
    sa.Column("recency", BigId),  # seconds since 1970, when the row last changed in the CRM, if it says
    sa.Column("codes", sa.Text),  # of the last verdict or rejection, separated by blanks
    sa.Column("country", sa.Text),  # ISO alpha-2, as the row was understood; NULL: not known
    sa.Column("run_id", BigId, nullable=False),  # the run that last moved it
    sa.UniqueConstraint("source_id", "key"),
    # One number, one owner: NULLs are distinct.
    sa.UniqueConstraint("account_id", "phone_number"),
    sa.Index(
        "ix_contacts_account_id_wanted_number",
        "account_id",
        "wanted_number",
        sqlite_where=sa.text("wanted_number IS NOT NULL"),
        postgresql_where=sa.text("wanted_number IS NOT NULL"),
    ),
)

verdicts = sa.Table(
    "verdicts",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("contact_id", BigId, nullable=False),
    sa.Column("run_id", BigId, nullable=False),
    sa.Column("change", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("phone_number", sa.Text, nullable=False),
    sa.Column("codes", sa.Text),
    sa.Index("ix_verdicts_contact_id", "contact_id"),
)

rejects = sa.Table(
    "rejects",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("source_id", sa.ForeignKey("sources.id"), nullable=False),
    sa.Column("contact_id", BigId),  # NULL: the row has no key of its own, and is told of again by every run
    sa.Column("run_id", BigId, nullable=False),
    sa.Column("key", sa.Text),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("line", BigId, nullable=False),
    sa.Column("cells", sa.JSON(none_as_null=True)),  # header → text, as the source gave it; NULL: it was no row
    sa.UniqueConstraint("contact_id"),
    sa.Index("ix_rejects_source_id", "source_id"),
)

findings = sa.Table(
    "findings",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("source_id", sa.ForeignKey("sources.id"), nullable=False),
    sa.Column("contact_id", BigId),  # whose row it is about, or
    sa.Column("reject_id", sa.ForeignKey("rejects.id")),  # the row that has no key of its own
    sa.Column("run_id", BigId, nullable=False),  # the first run that found it
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("field", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("header", sa.Text, nullable=False),  # the source's column
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("advice", sa.Text, nullable=False),
    sa.Column("suggestion", sa.Text, nullable=False),
    sa.Index("ix_findings_source_id_code", "source_id", "code"),
    sa.Index("ix_findings_contact_id", "contact_id"),
    sa.Index(
        "ix_findings_reject_id",
        "reject_id",
        sqlite_where=sa.text("reject_id IS NOT NULL"),
        postgresql_where=sa.text("reject_id IS NOT NULL"),
    ),
)

overlays = sa.Table(
    "overlays",
    metadata,
    sa.Column("source_id", sa.ForeignKey("sources.id"), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.LargeBinary(16), nullable=False),  # of the CRM's own row: on another one it does not lie
    sa.Column(
        "cells", sa.JSON, nullable=False
    ),  # header → what stands there instead; of a one-off that was taken only the headers
    sa.Column("kept", sa.Boolean, nullable=False),  # applied again whenever the row is looked at, or a one-off
    sa.Column("run_id", BigId, nullable=False),
)

stale_numbers = sa.Table(
    "stale_numbers",
    metadata,
    sa.Column("account_id", sa.ForeignKey("accounts.id"), primary_key=True),
    sa.Column("phone_number", sa.Text, primary_key=True),
    sa.Column("source_id", BigId, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("run_id", BigId, nullable=False),
)

in_flight = sa.Table(
    "in_flight",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("account_id", sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("source_id", BigId, nullable=False),
    sa.Column("run_id", BigId, nullable=False),
    # Of a batch that was begun: [[key, phone_number, own fingerprint of the row in hexadecimal], …], the last null where the row
    # is not at hand, and missing in notes of earlier versions.
    sa.Column("contacts", sa.JSON, nullable=False),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("account_id", sa.ForeignKey("accounts.id"), primary_key=True),
    sa.Column("purpose", sa.Text, primary_key=True),  # sync, pull or sms: they do not wait for each other
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),  # seconds since 1970
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("account_id", sa.ForeignKey("accounts.id"), primary_key=True),
    sa.Column("inbox", sa.Text, primary_key=True),
    sa.Column("sequence", BigId, nullable=False),  # the last callback of that inbox that became an event
    sa.Column("event_key", sa.Text, nullable=False),  # of that event: it tells whether the inbox went back in time
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("account_id", sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("event_key", sa.Text, nullable=False),  # the inbox and the callback's number in it
    sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("query", sa.Text, nullable=False),  # as it came
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("phone_number", sa.Text),
    sa.Column("number_text", sa.Text, nullable=False),
    sa.Column("occurred_at", sa.DateTime(timezone=True)),
    sa.Column("occurred_on", sa.Date),
    sa.Column("occurred_text", sa.Text, nullable=False),
    sa.Column("clock", sa.Text, nullable=False),
    sa.Column("direction", sa.Text, nullable=False),
    sa.Column("answered", sa.Boolean),
    sa.Column("duration", BigId),  # seconds
    sa.Column("duration_text", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("link", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("id_sms_api", sa.Text, nullable=False),
    sa.Column("login", sa.Text, nullable=False),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),  # a fingerprint of what was said: repeats have the same
    sa.Column("same_as", sa.Text),  # the event that this one is suspected to repeat
    sa.Column("status_of", sa.Text),  # the first event about the same SMS, whose record tells the status that stands
    sa.Column("matched", sa.Text, nullable=False),  # see Matched
    sa.Column("message_id", BigId),  # our message that it is about, or that it answers
    sa.UniqueConstraint("account_id", "event_key"),
    sa.Index(
        "ix_events_account_id_content",
        "account_id",
        "content",
        sqlite_where=sa.text("same_as IS NULL"),
        postgresql_where=sa.text("same_as IS NULL"),
    ),
    sa.Index("ix_events_account_id_received_at", "account_id", "received_at"),
    sa.Index("ix_events_account_id_phone_number", "account_id", "phone_number"),
    sa.Index(
        "ix_events_account_id_unmatched",
        "account_id",
        "phone_number",
        sqlite_where=sa.text("matched = 'none'"),
        postgresql_where=sa.text("matched = 'none'"),
    ),
    sa.Index(
        "ix_events_account_id_id_sms_api",
        "account_id",
        "id_sms_api",
        sqlite_where=sa.text("id_sms_api <> '' AND length(id_sms_api) <= 200"),  # PostgreSQL indexes no long text
        postgresql_where=sa.text("id_sms_api <> '' AND length(id_sms_api) <= 200"),
    ),
    sa.Index(
        "ix_events_account_id_status_of",
        "account_id",
        "status_of",
        sqlite_where=sa.text("status_of IS NOT NULL"),
        postgresql_where=sa.text("status_of IS NOT NULL"),
    ),
    sa.Index(
        "ix_events_message_id",
        "message_id",
        sqlite_where=sa.text("message_id IS NOT NULL"),
        postgresql_where=sa.text("message_id IS NOT NULL"),
    ),
)

bindings = sa.Table(
    "bindings",
    metadata,
    sa.Column("event_id", sa.ForeignKey("events.id"), primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),  # 1 is the first; more only with match = "all"
    sa.Column("contact_id", BigId, nullable=False),
    sa.Index("ix_bindings_contact_id", "contact_id"),
)

sinks = sa.Table(
    "sinks",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("account_id", sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("deliveries", BigId, nullable=False),  # the number of the last one
    sa.Column("up_to", BigId, nullable=False),  # the last event that was put into its outbox
    sa.UniqueConstraint("account_id", "name"),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("sink_id", sa.ForeignKey("sinks.id"), primary_key=True),
    sa.Column("event_id", sa.ForeignKey("events.id"), primary_key=True),
    sa.Column("delivery", BigId),  # under way, or nobody knows how it ended
    sa.Column("reason", sa.Text),  # parked: why the sink refused it
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("tried_by", sa.Text),  # the pull that tried last: each tries what is parked once
    sa.Index(
        "ix_outbox_sink_id_delivery",
        "sink_id",
        "delivery",
        sqlite_where=sa.text("delivery IS NOT NULL"),
        postgresql_where=sa.text("delivery IS NOT NULL"),
    ),
)
