"""What each sink still waits for: events on their way out of the ledger, delivery by delivery.

Law: nothing leaves an outbox before its sink has written it or refused it. A delivery of which nobody knows how it ended comes
again, under its number and with its events, before any new one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_connector.ledger.events import EventBook, event_of
from sync_connector.ledger.nouns import Delivery
from sync_connector.ledger.schema import bindings, contacts, events, messages, outbox, sinks, sources
from sync_connector.ledger.statements import ask, put, utc
from sync_connector.model import Event, Kind, Record

MANY = 10_000
"""Events at once, from which on PostgreSQL is told how large an outbox has become."""

# The plus keeps SQLite from reading all of the account by an index, where few are newer.
_NEWEST = "SELECT MAX(id) FROM events WHERE +account_id = :account_id AND id > :up_to"

# What has a record of its own, and is to be written.
_FILL = """
INSERT INTO outbox (sink_id, event_id, tries)
SELECT CAST(:sink_id AS BIGINT), id, 0 FROM events
WHERE account_id = :account_id AND id > :up_to AND same_as IS NULL AND status_of IS NULL AND kind <> 'unknown'
ON CONFLICT DO NOTHING
"""

_DELIVERED = "DELETE FROM outbox WHERE sink_id = :sink_id AND delivery = :delivery"

_SEND = "UPDATE outbox SET delivery = :delivery WHERE sink_id = :sink_id AND event_id AMONG :ids"

_PARK = """
UPDATE outbox SET delivery = NULL, reason = :reason, tries = tries + 1, tried_by = :pull
WHERE sink_id = :sink_id AND event_id = :event_id
"""


class _Ours(NamedTuple):
    campaign: str
    text: str
    id_sms_api: str


@dataclass(frozen=True, slots=True)
class Outbox:
    """The outboxes of an account's sinks, as a pull holds them."""

    book: EventBook

    def fill(self, name: str) -> int:
        """All events that the sink has not been handed yet, a new sink's whole history too, wait for it now. The sink's id."""
        with self.book.writing("outbox.fill") as connection:
            row = (self.book.account_id, name, 0, 0)
            put(connection, sinks, ("account_id", "name", "deliveries", "up_to"), [row], over=("account_id", "name"))
            mine = (sinks.c.account_id == self.book.account_id) & (sinks.c.name == name)
            sink_id, up_to = connection.execute(sa.select(sinks.c.id, sinks.c.up_to).where(mine)).one()
            newest = ask(connection, _NEWEST, {"account_id": self.book.account_id, "up_to": up_to}).scalar_one()
            if newest is not None:
                filled = ask(connection, _FILL, {"sink_id": sink_id, "account_id": self.book.account_id, "up_to": up_to}).rowcount
                if filled > MANY and connection.dialect.name == "postgresql":
                    # A whole history at once: until its statistics are renewed, the server reads all of it for each delivery.
                    connection.execute(sa.text("ANALYZE outbox"))
                connection.execute(sa.update(sinks).where(sinks.c.id == sink_id).values(up_to=newest))
        return int(sink_id)

    def begin(self, sink_id: int, pull: str, limit: int) -> Delivery | None:
        """What the sink is to be handed next; `None` when nothing waits. A delivery of which nobody knows how it ended comes
        first, under its old number; what is parked comes once in each `pull`."""
        mine = outbox.c.sink_id == sink_id
        with self.book.writing("outbox.begin") as connection:
            left = connection.scalar(sa.select(sa.func.min(outbox.c.delivery)).where(mine))
            if left is not None:
                ids = connection.scalars(
                    sa.select(outbox.c.event_id).where(mine, outbox.c.delivery == left).order_by(outbox.c.event_id)
                )
                return Delivery(int(left), list(ids))
            untried = outbox.c.tried_by.is_(None) | (outbox.c.tried_by != pull)
            waiting = sa.select(outbox.c.event_id).where(mine, untried).order_by(outbox.c.event_id).limit(limit)
            event_ids = list(connection.scalars(waiting))
            if not event_ids:
                return None
            next_one = sa.update(sinks).where(sinks.c.id == sink_id).values(deliveries=sinks.c.deliveries + 1)
            number = connection.scalar(next_one.returning(sinks.c.deliveries))
            ask(connection, _SEND, {"sink_id": sink_id, "delivery": number, "ids": event_ids})
        return Delivery(int(number or 0), event_ids)

    def settle(self, sink_id: int, delivery: Delivery, pull: str, refused: dict[int, str]) -> None:
        """The sink has written a delivery, but for those it refused: event id → reason. They are parked."""
        with self.book.writing("outbox.settle") as connection:
            for event_id, reason in refused.items():
                values = {"sink_id": sink_id, "event_id": event_id, "reason": reason, "pull": pull}
                ask(connection, _PARK, values)
            ask(connection, _DELIVERED, {"sink_id": sink_id, "delivery": delivery.number})

    def records(self, event_ids: Sequence[int], fold: Callable[[Sequence[Event]], Event]) -> list[tuple[int, Record]]:
        """The records of events, by their ids: one for each contact an event is bound to, one if there is none. `fold` makes
        one status of all that were received for an SMS. Which message an event is about was known when it was taken in, so that
        a delivery that comes again says the same."""
        with self.book.ledger.engine.connect() as connection:
            found = connection.execute(sa.select(events).where(_among(events.c.id, event_ids)).order_by(events.c.id)).all()
            keys = [row.event_key for row in found if row.kind == Kind.SMS_STATUS]
            later: dict[str, list[Event]] = defaultdict(list)
            about = {row.event_key: row.message_id for row in found if row.message_id is not None}
            if keys:
                of_these = (events.c.account_id == self.book.account_id) & _among(events.c.status_of, keys)
                for row in connection.execute(sa.select(events).where(of_these).order_by(events.c.id)):
                    later[row.status_of].append(event_of(row))
                    if row.message_id is not None:
                        about.setdefault(row.status_of, row.message_id)
            ours = _messages(connection, list(about.values()))
            query = (
                sa.select(bindings.c.event_id, bindings.c.ordinal, contacts.c.key, sources.c.name)
                .join(contacts, contacts.c.id == bindings.c.contact_id)
                .join(sources, sources.c.id == contacts.c.source_id)
                .where(_among(bindings.c.event_id, event_ids))
                .order_by(bindings.c.event_id, bindings.c.ordinal)
            )
            bound: dict[int, list[tuple[int, str | None, str | None]]] = defaultdict(list)
            for event_id, ordinal, key, source in connection.execute(query):
                bound[event_id].append((ordinal, key, source))
        made = []
        for row in found:
            event = event_of(row)
            if row.event_key in later:
                event = fold([event, *later[row.event_key]])
            received_at = utc(row.received_at)
            for ordinal, key, source in bound.get(row.id) or [(1, None, None)]:
                event_key = row.event_key if ordinal == 1 else f"{row.event_key}/{ordinal}"
                of_message = _of_message(event.kind, ours.get(about.get(row.event_key)))
                made.append((row.id, Record(event_key, received_at, key, source, event, **of_message)))
        return made

    def waiting(self, sink_id: int) -> tuple[int, int]:
        """How many events wait for a sink, and how many of them are parked."""
        parked = sa.func.count(outbox.c.reason)
        with self.book.ledger.engine.connect() as connection:
            row = connection.execute(sa.select(sa.func.count(), parked).where(outbox.c.sink_id == sink_id)).one()
        return row[0] - row[1], row[1]


def _among(column: sa.ColumnElement[object], values: Sequence[object]) -> sa.ColumnElement[bool]:
    return column.in_(list(values))


def _messages(connection: Connection, message_ids: Sequence[int]) -> dict[int | None, _Ours]:
    query = sa.select(messages.c.id, messages.c.campaign, messages.c.text, messages.c.id_sms_api)
    found = connection.execute(query.where(_among(messages.c.id, message_ids)))
    return {id_: _Ours(campaign, text, id_sms_api) for id_, campaign, text, id_sms_api in found}


def _of_message(kind: Kind, ours: _Ours | None) -> dict[str, str]:
    """What a record tells of our message that its event is about."""
    if ours is None:
        return {}
    answers = ours.id_sms_api if kind is Kind.INCOMING_SMS else ""  # the others name it themselves
    return {"campaign": ours.campaign, "message": ours.text, "answers": answers}
