"""Messages out: each is here before its request leaves; which of them an event is about; and who wants no more of them.

Whoever wrote STOP before there were opt-outs meant it: the answers that are in the ledger already become opt-outs. What a STOP
is stands here a second time, as `events/stop.py` had it then, since a migration must not depend on code that changes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
PAGE = 1_000

LONGEST = 200
_KEYWORDS = (
    "stop stopp stopsms stoppub stopall arret arrete arreter arretez "
    "unsubscribe desabonner desabonnement desinscrire desinscription"
)
KEYWORDS = frozenset(_KEYWORDS.split())
_ADDED = (
    "a all au aux bonjour ces d de des envoi envois il it l la le les me merci message messages moi mes now maintenant "
    "plait please pub publicite publicites pubs s sms svp texto textos thank thanks the these to tous tout toute toutes "
    "vos vous you your"
)
ADD_NOTHING = KEYWORDS | frozenset(_ADDED.split())
SHORT_NUMBER = re.compile(r"\d{3,6}", re.ASCII)
WORD = re.compile(r"[^\W_]+")
QUOTE = re.compile(r"\s*>")

_events = sa.table(
    "events",
    sa.column("id", sa.Integer()),
    sa.column("account_id", sa.Integer()),
    sa.column("phone_number", sa.Text()),
    sa.column("received_at", sa.DateTime(timezone=True)),
    sa.column("event_key", sa.Text()),
    sa.column("kind", sa.Text()),
    sa.column("text", sa.Text()),
)
_opt_outs = sa.table(
    "opt_outs",
    sa.column("account_id", sa.Integer()),
    sa.column("phone_number", sa.Text()),
    sa.column("since", sa.DateTime(timezone=True)),
    sa.column("event_key", sa.Text()),
    sa.column("text", sa.Text()),
)


def upgrade() -> None:
    op.create_table(
        "messages",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("id_sms_api", sa.Text(), nullable=False),
        sa.Column("phone_number", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("send_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("sender_name", sa.Text(), nullable=False),
        sa.Column("sender_mode", sa.Text(), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.Column("contact_key", sa.Text(), nullable=True),
        sa.Column("contact_source", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("parts", sa.Integer(), nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_messages_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("account_id", "id_sms_api", name=op.f("uq_messages_account_id_id_sms_api")),
        sa.UniqueConstraint(
            "account_id", "campaign", "mode", "identity", name=op.f("uq_messages_account_id_campaign_mode_identity")
        ),
    )
    op.create_index("ix_messages_account_id_phone_number", "messages", ["account_id", "phone_number"])
    op.create_index("ix_messages_account_id_begun_at", "messages", ["account_id", "begun_at"])
    only = sa.text("state IN ('unknown', 'begun')")
    op.create_index(
        "ix_messages_account_id_unsettled", "messages", ["account_id", "state"], sqlite_where=only, postgresql_where=only
    )
    op.create_table(
        "opt_outs",
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("phone_number", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event_key", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_opt_outs_account_id")),
        sa.PrimaryKeyConstraint("account_id", "phone_number", name=op.f("pk_opt_outs")),
    )
    op.add_column("events", sa.Column("message_id", BigId, nullable=True))
    only = sa.text("message_id IS NOT NULL")
    op.create_index("ix_events_message_id", "events", ["message_id"], sqlite_where=only, postgresql_where=only)
    _opt_out_of_old()


def _opt_out_of_old() -> None:
    connection = op.get_bind()
    known: set[tuple[int, str]] = set()
    for page in _answers(connection):
        rows = []
        for row in page:
            if _is_stop(row.text) and (row.account_id, row.phone_number) not in known:
                known.add((row.account_id, row.phone_number))
                rows.append(
                    {
                        "account_id": row.account_id,
                        "phone_number": row.phone_number,
                        "since": row.received_at,
                        "event_key": row.event_key,
                        "text": row.text,
                    }
                )
        if rows:
            connection.execute(sa.insert(_opt_outs), rows)


def _answers(connection: sa.Connection) -> Iterator[Sequence[sa.Row[*tuple[object, ...]]]]:
    """Incoming SMS with a number, in the order in which they were taken in, a page at a time."""
    last = 0
    query = sa.select(_events).where(_events.c.kind == "incoming_sms", _events.c.phone_number.is_not(None))
    while page := connection.execute(query.where(_events.c.id > last).order_by(_events.c.id).limit(PAGE)).all():
        yield page
        last = page[-1].id


def _is_stop(text: str) -> bool:
    first, *further = text.strip()[: LONGEST + 1].splitlines() or [""]
    own = "\n".join([first, *(line for line in further if not QUOTE.match(line))])
    words = WORD.findall(_folded(own)) if len(own) <= LONGEST else []
    return bool(words) and words[0] in KEYWORDS and all(one in ADD_NOTHING or SHORT_NUMBER.fullmatch(one) for one in words)


def _folded(text: str) -> str:
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(sign for sign in apart if unicodedata.category(sign) not in ("Mn", "Me", "Cf"))
