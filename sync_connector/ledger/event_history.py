"""What the ledger can tell of events: lists for people, and counts for the report.

Law: it only reads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_connector.ledger.schema import bindings, contacts, events, messages, outbox, sinks, sources
from sync_connector.ledger.statements import utc
from sync_connector.ledger.store import Ledger
from sync_connector.model import OTHER_STATUS, STATUSES, Event, Kind, Matched

ABOUT = ("about", "campaign")
"""What is told of the message that an event is about."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are asked for. `contact`: its key, in any source; `contact_ids`: the ledger's own; `since` and `until`: when
    they happened, or were received where that is not known. Nothing set: all."""

    kinds: tuple[str, ...] = ()
    phone_number: str | None = None
    contact: str | None = None
    contact_ids: tuple[int, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    unmatched: bool = False
    repeats: bool = False
    parked: bool = False


def listed(ledger: Ledger, account_id: int, wanted: Wanted, count: int | None) -> list[dict[str, Any]]:
    """Events, those that were received last first: `model.Event`'s fields by name, times in ISO 8601 (UTC), and
    `event_key`, `received_at`, `number` (E.164), `contacts` (keys), `source`, `same_as`, `match`, `sinks` (name → written,
    waiting, parked), `reasons` (name → why it is parked), `query` (as it came), `about` (`id_sms_api` of our message that it is
    about or answers) and `campaign` (of that; `""`: a message of its own), both `None` where there is none."""
    last_first = (events.c.received_at.desc(), events.c.id.desc())  # as an index has them
    query = sa.select(events).where(_these(account_id, wanted)).order_by(*last_first).limit(count)
    with ledger.engine.connect() as connection:
        found = connection.execute(query).all()
        bound = _bound(connection, [row.id for row in found])
        states = _states(connection, account_id, found)
        about = _about(connection, [row.message_id for row in found if row.message_id is not None])
    nothing = (None, None)
    return [
        _told(row, bound.get(row.id, []), states.get(row.id, {}))
        | dict(zip(ABOUT, about.get(row.message_id, nothing), strict=True))
        for row in found
    ]


def _these(account_id: int, wanted: Wanted) -> sa.ColumnElement[bool]:
    these = [events.c.account_id == account_id]
    if wanted.kinds:
        these.append(events.c.kind.in_(wanted.kinds))
    if wanted.phone_number is not None:
        these.append(events.c.phone_number == wanted.phone_number)
    if wanted.contact is not None:
        of_account = sa.select(sources.c.id).where(sources.c.account_id == account_id)
        of_key = sa.select(contacts.c.id).where(contacts.c.source_id.in_(of_account), contacts.c.key == wanted.contact)
        these.append(events.c.id.in_(sa.select(bindings.c.event_id).where(bindings.c.contact_id.in_(of_key))))
    if wanted.contact_ids is not None:
        these.append(events.c.id.in_(sa.select(bindings.c.event_id).where(bindings.c.contact_id.in_(wanted.contact_ids))))
    when = sa.func.coalesce(events.c.occurred_at, events.c.received_at)
    if wanted.since is not None:
        these.append(when >= wanted.since)
    if wanted.until is not None:
        these.append(when < wanted.until)
    if wanted.unmatched:
        these.append(events.c.matched == Matched.NONE.value)
    if wanted.repeats:
        these.append(events.c.same_as.is_not(None))
    if wanted.parked:
        these.append(events.c.id.in_(sa.select(outbox.c.event_id).where(outbox.c.reason.is_not(None))))
    return sa.and_(*these)


def _bound(connection: Connection, event_ids: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    query = (
        sa.select(bindings.c.event_id, contacts.c.key, sources.c.name)
        .join(contacts, contacts.c.id == bindings.c.contact_id)
        .join(sources, sources.c.id == contacts.c.source_id)
        .where(bindings.c.event_id.in_(list(event_ids)))
        .order_by(bindings.c.event_id, bindings.c.ordinal)
    )
    bound: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for event_id, key, source in connection.execute(query):
        bound[event_id].append((key, source))
    return bound


def _about(connection: Connection, message_ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Message id → its `id_sms_api` and its campaign."""
    query = sa.select(messages.c.id, messages.c.id_sms_api, messages.c.campaign).where(messages.c.id.in_(list(set(message_ids))))
    return {id_: (id_sms_api, campaign) for id_, id_sms_api, campaign in connection.execute(query)}


def _states(connection: Connection, account_id: int, rows: Iterable[Any]) -> dict[int, dict[str, tuple[str, str | None]]]:
    """Event id → sink → where its record is, why it is parked. A repeat has none, a later status of an SMS the first one's."""
    recorded = {row.id: row.status_of or row.event_key for row in rows if row.same_as is None and row.kind != Kind.UNKNOWN}
    keys = list(set(recorded.values()))
    ids = sa.select(events.c.event_key, events.c.id).where(events.c.account_id == account_id, events.c.event_key.in_(keys))
    records = {row.event_key: row.id for row in connection.execute(ids)}
    known = connection.execute(sa.select(sinks.c.id, sinks.c.name, sinks.c.up_to).where(sinks.c.account_id == account_id)).all()
    waits = sa.select(outbox.c.sink_id, outbox.c.event_id, outbox.c.reason).where(outbox.c.event_id.in_(list(records.values())))
    waiting = {(sink, event): reason for sink, event, reason in connection.execute(waits)}
    states: dict[int, dict[str, tuple[str, str | None]]] = {}
    for id_, key in recorded.items():
        states[id_] = {}
        for sink_id, name, up_to in known:
            record = records[key]
            if (sink_id, record) in waiting:
                reason = waiting[sink_id, record]
                states[id_][name] = ("waiting" if reason is None else "parked", reason)
            else:
                states[id_][name] = ("written" if record <= up_to else "waiting", None)
    return states


def _told(row: Any, bound: Sequence[tuple[str, str]], states: dict[str, tuple[str, str | None]]) -> dict[str, Any]:
    told = {name: getattr(row, name) for name in Event._fields if name != "phone_number"}
    told |= {"occurred_at": iso(row.occurred_at), "occurred_on": row.occurred_on.isoformat() if row.occurred_on else None}
    return {
        "event_key": row.event_key,
        "received_at": iso(row.received_at),
        "number": row.phone_number,
        **told,
        "contacts": [key for key, _ in bound],
        "source": bound[0][1] if bound else None,
        "same_as": row.same_as,
        "match": row.matched,
        "sinks": {name: state for name, (state, _) in states.items()},
        "reasons": {name: reason for name, (_, reason) in states.items() if reason is not None},
        "query": row.query,
    }


def iso(moment: datetime | None) -> str | None:
    """A time of the ledger in ISO 8601, UTC."""
    return None if moment is None else utc(moment).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Counts:
    """What the report is made of. Repeats are counted in `repeats` and nowhere else. Times are UTC.

    `calls`: one row a call (occurred_at, occurred_on, direction, answered, duration). `last`: kind → when one was last received.
    `received`: when callbacks came in the span, whatever day they tell of, and `before` it the last one.
    """

    totals: dict[str, int]
    repeats: int
    calls: list[tuple[datetime | None, date | None, str, bool | None, int | None]]
    qualifications: list[tuple[str, int]]
    statuses: dict[str, int]
    matched: dict[str, int]
    unmatched_numbers: list[tuple[str, int, datetime]]
    received: list[datetime]
    before: datetime | None
    last: dict[str, datetime]
    waiting: list[tuple[str, int, list[tuple[str, int]]]]


def counts(
    ledger: Ledger, account_id: int, days: tuple[date, date], received: tuple[datetime, datetime], top: int = 20
) -> Counts:
    """What happened in a span of days of the account's calendar, the last included. Events whose day is not known count by
    their receipt: `received`, the same span in UTC, its end excluded."""
    dated = events.c.occurred_on.between(*days)
    undated = events.c.occurred_on.is_(None) & (events.c.received_at >= received[0]) & (events.c.received_at < received[1])
    mine = events.c.account_id == account_id
    here = mine & (dated | undated)
    real = here & events.c.same_as.is_(None)
    number = sa.func.count()

    def pairs(column: sa.ColumnElement[Any], which: sa.ColumnElement[bool]) -> list[tuple[Any, int]]:
        query = sa.select(column, number).where(which).group_by(column).order_by(number.desc(), column)
        return [(value, count) for value, count in connection.execute(query)]

    with ledger.engine.connect() as connection:
        of_calls = (events.c.occurred_at, events.c.occurred_on, events.c.direction, events.c.answered, events.c.duration)
        calls = connection.execute(sa.select(*of_calls).where(real, events.c.kind == Kind.CALL.value))
        known = events.c.kind != Kind.UNKNOWN.value
        newest = sa.func.max(events.c.received_at)
        last = sa.select(events.c.kind, newest).where(mine).group_by(events.c.kind)
        strangers = (
            sa.select(events.c.phone_number, number, newest)
            .where(real, events.c.matched == Matched.NONE.value)
            .group_by(events.c.phone_number)
            .order_by(number.desc(), events.c.phone_number)
            .limit(top)
        )
        came = (
            sa.select(events.c.received_at)
            .where(mine, events.c.received_at >= received[0], events.c.received_at < received[1])
            .order_by(events.c.received_at)
        )
        before = connection.scalar(sa.select(newest).where(mine, events.c.received_at < received[0]))
        standing = real & (events.c.kind == Kind.SMS_STATUS.value)
        return Counts(
            totals=dict(pairs(events.c.kind, real)),
            repeats=connection.scalar(sa.select(number).where(here, events.c.same_as.is_not(None))) or 0,
            calls=[(None if at is None else utc(at), *rest) for at, *rest in calls],
            qualifications=pairs(events.c.text, real & (events.c.kind == Kind.CALL_QUALIFICATION.value)),
            statuses=_standing(connection, standing),
            matched=dict(pairs(events.c.matched, real & known)),
            unmatched_numbers=[(value, count, utc(at)) for value, count, at in connection.execute(strangers)],
            received=[utc(at) for at in connection.scalars(came)],
            before=None if before is None else utc(before),
            last={kind: utc(at) for kind, at in connection.execute(last)},
            waiting=_waiting(connection, account_id),
        )


def _standing(connection: Connection, these: sa.ColumnElement[bool]) -> dict[str, int]:
    """How many SMS stand at which status: each SMS once, at the highest of its statuses."""
    sms = sa.func.coalesce(events.c.status_of, events.c.event_key).label("sms")
    rank = sa.case(STATUSES, value=events.c.status, else_=OTHER_STATUS)
    ranked = sa.select(sms, sa.func.max(rank).label("rank")).where(these).group_by(sms).subquery()
    query = sa.select(ranked.c.rank, sa.func.count()).group_by(ranked.c.rank)
    words = {rank: status for status, rank in STATUSES.items()}
    return {words.get(rank, "other"): count for rank, count in connection.execute(query)}


def _waiting(connection: Connection, account_id: int) -> list[tuple[str, int, list[tuple[str, int]]]]:
    """Sink, how many events wait for it, and the reasons of those that it refused."""
    query = (
        sa.select(sinks.c.name, outbox.c.reason, sa.func.count(outbox.c.event_id))
        .join(outbox, outbox.c.sink_id == sinks.c.id, isouter=True)
        .where(sinks.c.account_id == account_id)
        .group_by(sinks.c.name, outbox.c.reason)
        .order_by(sinks.c.name, outbox.c.reason)
    )
    found: dict[str, tuple[int, list[tuple[str, int]]]] = {}
    for name, reason, count in connection.execute(query):
        waiting, reasons = found.get(name, (0, []))
        if reason is None:
            found[name] = (waiting + count, reasons)
        else:
            found[name] = (waiting, [*reasons, (reason, count)])
    return [(name, waiting, reasons) for name, (waiting, reasons) in found.items()]
