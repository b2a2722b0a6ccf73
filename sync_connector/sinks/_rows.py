"""Events as rows: which table each kind goes to, its columns, their types. Every sink writes these, so that a table, a file and
a web service tell the same.

Pure. Law: a row tells what was understood beside what the vendor wrote; what is not known is null, never a guess. `message` is
the SMS that a row is about, incoming or ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import NamedTuple

from sync_connector.model import Kind, Record
from sync_connector.sinks import Refusal

Value = str | int | bool | date | datetime | None
Row = dict[str, Value]
Plain = str | int | bool | None
GREATEST = (1 << 31) - 1


class Type(StrEnum):
    """What a column holds."""

    KEY = "key"  # at most 80 ASCII signs
    NAME = "name"  # at most 255 signs, looked up
    WORD = "word"  # at most 32 signs: one of few words, or a number
    TEXT = "text"
    TIME = "time"  # UTC, to the millisecond
    DATE = "date"
    FLAG = "flag"
    NUMBER = "number"  # 32 bits with sign


class Column(NamedTuple):
    """One column. `needed`: it is never null. `indexed`: rows are looked up by it."""

    name: str
    type: Type
    needed: bool = False
    indexed: bool = False


class Table(NamedTuple):
    """The table of one kind of events; its first column is `event_key`, which is unique."""

    name: str
    kind: Kind
    columns: tuple[Column, ...]


_OF_EVERY_EVENT = (
    Column("event_key", Type.KEY, needed=True),
    Column("contact_key", Type.NAME, indexed=True),
    Column("contact_source", Type.NAME),
    Column("phone_number", Type.WORD, indexed=True),
    Column("number_text", Type.TEXT),
    Column("occurred_at", Type.TIME, indexed=True),
    Column("occurred_on", Type.DATE),
    Column("occurred_text", Type.TEXT),
    Column("clock", Type.WORD, needed=True),
    Column("received_at", Type.TIME, needed=True),
    Column("device", Type.TEXT),
)
_OF_ITS_KIND: dict[Kind, tuple[str, tuple[Column, ...]]] = {
    Kind.CALL: (
        "calls",
        (
            Column("direction", Type.WORD),
            Column("answered", Type.FLAG),
            Column("duration", Type.NUMBER),
            Column("duration_text", Type.TEXT),
            Column("title", Type.TEXT),
        ),
    ),
    Kind.CALL_QUALIFICATION: ("call_qualifications", (Column("qualification", Type.TEXT), Column("made_on", Type.WORD))),
    Kind.SMS_STATUS: (
        "sms_statuses",
        (
            Column("id_sms_api", Type.TEXT),
            Column("status", Type.TEXT),
            Column("login", Type.TEXT),
            Column("campaign", Type.NAME),
            Column("message", Type.TEXT),
        ),
    ),
    Kind.INCOMING_SMS: (
        "incoming_sms",
        (Column("message", Type.TEXT), Column("answers", Type.TEXT), Column("campaign", Type.NAME)),
    ),
    Kind.LINK_CLICK: (
        "link_clicks",
        (Column("link", Type.TEXT), Column("id_sms_api", Type.TEXT), Column("campaign", Type.NAME)),
    ),
}
TABLES = {kind: Table(name, kind, _OF_EVERY_EVENT + columns) for kind, (name, columns) in _OF_ITS_KIND.items()}
"""The table of each kind that is written; what was not understood has none."""


def sort_out(records: Sequence[Record]) -> tuple[dict[Table, list[Row]], list[Refusal]]:
    """The rows of each table that has any, and the records that no sink can write: those that nobody understood, or that hold
    what is no text.

    Both tables and rows come in a fixed order, the rows by their keys: two processes that write at once then meet in the same
    order, and neither holds what the other waits for.
    """
    found: dict[Table, list[Row]] = {table: [] for table in TABLES.values()}
    refused = []
    for record in sorted(records, key=lambda record: record.event_key):
        if (table := TABLES.get(record.event.kind)) is None:
            refused.append(Refusal(record.event_key, "it was not understood, so there is no table for it"))
            continue
        row = row_of(record)
        if wrong := _unwritable(row):
            refused.append(Refusal(record.event_key, wrong))
        else:
            found[table].append(row)
    return {table: rows for table, rows in found.items() if rows}, refused


def _unwritable(row: Row) -> str:
    """What no place can hold, as a sentence; blank where there is nothing of the kind."""
    for name, value in row.items():
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                return f"{name} has half of a sign in it, which is no text"
        elif isinstance(value, int) and not -GREATEST <= value <= GREATEST:
            return f"{name} is too great a number"
    return ""


def row_of(record: Record) -> Row:
    """A record as its table's row: every column, in order. Times are UTC, to the millisecond."""
    event = record.event
    told: Row = {
        "event_key": record.event_key,
        "contact_key": record.contact_key,
        "contact_source": record.contact_source,
        "phone_number": event.phone_number,
        "number_text": event.number_text,
        "occurred_at": _instant(event.occurred_at),
        "occurred_on": event.occurred_on,
        "occurred_text": event.occurred_text,
        "clock": str(event.clock),
        "received_at": _instant(record.received_at),
        "device": event.device,
        "direction": event.direction,
        "answered": event.answered,
        "duration": event.duration,
        "duration_text": event.duration_text,
        "title": event.title,
        "qualification": event.text,
        "made_on": event.direction,
        "id_sms_api": event.id_sms_api,
        "status": event.status,
        "login": event.login,
        "message": event.text if event.kind is Kind.INCOMING_SMS else record.message or None,
        "link": event.link,
        "answers": record.answers or None,
        "campaign": record.campaign or None,
    }
    return {column.name: told[column.name] for column in TABLES[event.kind].columns}


def plain(row: Row) -> dict[str, Plain]:
    """A row as text, numbers, truth and null: times as `2026-03-02T09:14:05.250Z`, dates as `2026-03-02`."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Value) -> Plain:
    if isinstance(value, datetime):
        return iso(value)
    return value.isoformat() if isinstance(value, date) else value


def iso(time: datetime) -> str:
    """A time in UTC as text, to the millisecond."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _instant(time: datetime | None) -> datetime | None:
    if time is None:
        return None
    return time.astimezone(UTC).replace(microsecond=time.microsecond // 1000 * 1000)
