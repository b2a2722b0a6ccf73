"""Erasing a person from the ledger.

Law: whoever has the number, waits for it, or has it in a row or a correction that the ledger keeps, is erased whole, and with him
what was written to him and what came of it; of others only what names the number. All in one transaction, under every lease.
Who said that he wants no messages gets none afterwards either, unless that is to be forgotten as well: his number alone is kept.
Nothing that is left names what is erased.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_connector.fields.spelling import Spellings
from sync_connector.ledger import schema as t
from sync_connector.ledger.leases import Purpose, renew
from sync_connector.ledger.schema import metadata
from sync_connector.ledger.store import Ledger
from sync_connector.ledger.traces import hits

PURPOSES: tuple[Purpose, ...] = ("sync", "pull", "sms")
AT_ONCE = 500
KEPT = (t.runs, t.in_flight, t.accounts, t.sources, t.sinks, t.cursors, t.leases, t.positions, t.opt_outs)
"""Tables whose rows are not of a person, or are seen to by themselves."""

Key = tuple[int, str]
"""A source's id and a contact's key in it."""


@dataclass(slots=True)
class Person:
    """What the ledger has of a number: rows by table (their primary keys), the contacts (id → source and key), and the keys of
    the events. `numbers`: others that these contacts have or had; `opted_out`: the number gets no messages."""

    ids: dict[str, set[Any]] = field(default_factory=dict)
    contacts: dict[int, Key] = field(default_factory=dict)
    event_keys: set[str] = field(default_factory=set)
    numbers: list[str] = field(default_factory=list)
    opted_out: bool = False

    @property
    def keys(self) -> list[str]:
        """The contacts' keys."""
        return sorted(key for _, key in self.contacts.values())

    @property
    def counts(self) -> Counter[str]:
        """Table → rows that go, or are rid of the person's name."""
        return Counter({str(name): len(ids) for name, ids in sorted(self.ids.items()) if ids})


def find(ledger: Ledger, spellings: Spellings, *, opt_out: bool) -> Person:
    """All that would be erased. `opt_out`: the opt-out as well."""
    with ledger.engine.connect() as connection:
        return _find(connection, spellings, opt_out=opt_out)


def _find(connection: Connection, spellings: Spellings, *, opt_out: bool) -> Person:
    found: dict[str, set[Any]] = {}
    for table in metadata.sorted_tables:
        keys = len(table.primary_key.columns)
        found[table.name] = {row[0] if keys == 1 else tuple(row[:keys]) for row, _ in hits(connection, table, spellings)}
    person = Person(found)
    _contacts(connection, person)
    _written(connection, person)
    _events(connection, person)
    _opt_outs(connection, person, spellings, opt_out=opt_out)
    _numbers(connection, person, spellings)
    return person


def _select(connection: Connection, columns: list[Any], column: Any, values: Any) -> list[Any]:
    """Rows whose column is one of these, in parts."""
    wanted = sorted(values)
    rows: list[Any] = []
    for start in range(0, len(wanted), AT_ONCE):
        rows += connection.execute(sa.select(*columns).where(column.in_(wanted[start : start + AT_ONCE]))).all()
    return rows


def _contacts(connection: Connection, person: Person) -> None:
    """The contacts, and what hangs on them."""
    ids, c, f, r = person.ids, t.contacts.c, t.findings.c, t.rejects.c
    ids["contacts"] |= {row[0] for row in _select(connection, [f.contact_id], f.id, ids["findings"]) if row[0] is not None}
    ids["rejects"] |= {row[0] for row in _select(connection, [f.reject_id], f.id, ids["findings"]) if row[0] is not None}
    ids["contacts"] |= {row[0] for row in _select(connection, [r.contact_id], r.id, ids["rejects"]) if row[0] is not None}
    for key in ids["overlays"]:
        at = (c.source_id == key[0]) & (c.key == key[1])
        ids["contacts"] |= set(connection.scalars(sa.select(c.id).where(at)))
    found = _select(connection, [c.id, c.source_id, c.key], c.id, ids["contacts"])
    person.contacts = {row.id: (row.source_id, row.key) for row in found}
    mine = set(person.contacts.values())
    ids["rejects"] |= {row[0] for row in _select(connection, [r.id], r.contact_id, person.contacts)}
    ids["findings"] |= {row[0] for row in _select(connection, [f.id], f.contact_id, person.contacts)}
    ids["findings"] |= {row[0] for row in _select(connection, [f.id], f.reject_id, ids["rejects"])}
    ids["verdicts"] |= {row[0] for row in _select(connection, [t.verdicts.c.id], t.verdicts.c.contact_id, person.contacts)}
    ids["overlays"] |= mine & {tuple(row) for row in connection.execute(sa.select(t.overlays.c.source_id, t.overlays.c.key))}
    s = t.stale_numbers.c
    ids["stale_numbers"] |= {
        (row.account_id, row.phone_number)
        for row in _select(connection, [s.account_id, s.phone_number, s.source_id, s.key], s.key, {key for _, key in mine})
        if (row.source_id, row.key) in mine
    }
    names = {key for _, key in mine}
    likely = sa.select(f.id, f.value).where(f.code == "likely_duplicate")  # they name the other one
    ids["findings"] |= {row.id for row in connection.execute(likely) if names & set(row.value.split(", "))}


def _written(connection: Connection, person: Person) -> None:
    """Messages to them; batches and runs that name them."""
    mine = set(person.contacts.values())
    m, sources = t.messages.c, {row.id: row.name for row in connection.execute(sa.select(t.sources.c.id, t.sources.c.name))}
    of_them = {(sources[source], key) for source, key in mine}
    found = _select(connection, [m.id, m.contact_source, m.contact_key], m.contact_key, {key for _, key in mine})
    person.ids["messages"] |= {row.id for row in found if (row.contact_source, row.contact_key) in of_them}
    batches = connection.execute(sa.select(t.in_flight.c.id, t.in_flight.c.source_id, t.in_flight.c.contacts))
    person.ids["in_flight"] |= {id_ for id_, source, pairs in batches if mine & {(source, key) for key, *_ in pairs}}
    told = connection.execute(sa.select(t.runs.c.id, t.runs.c.source_id, t.runs.c.result).where(t.runs.c.result.is_not(None)))
    person.ids["runs"] |= {id_ for id_, source, result in told if mine & {(source, key) for key in _wrong(result)}}


def _wrong(result: Any) -> dict[str, str]:
    """Of a run that took a sheet back: key → what is still wrong."""
    return dict(((result or {}).get("resubmitted") or {}).get("wrong") or {})


def _events(connection: Connection, person: Person) -> None:
    """Events of the number or about its messages, those that are bound to nobody else, and whatever repeats or continues them."""
    e, b, ids = t.events.c, t.bindings.c, person.ids["events"]
    bound = {row[0] for row in _select(connection, [b.event_id], b.contact_id, person.contacts)}
    others = {
        row.event_id for row in _select(connection, [b.event_id, b.contact_id], b.event_id, bound)
        if row.contact_id not in person.contacts
    }  # fmt: skip
    ids |= bound - others
    ids |= {row[0] for row in _select(connection, [e.id], e.message_id, person.ids["messages"])}
    while True:
        person.event_keys = {row[0] for row in _select(connection, [e.event_key], e.id, ids)}
        more = {row[0] for column in (e.same_as, e.status_of) for row in _select(connection, [e.id], column, person.event_keys)}
        if more <= ids:
            break
        ids |= more
    pairs = [b.event_id, b.ordinal]
    person.ids["bindings"] |= {tuple(row) for row in _select(connection, pairs, b.event_id, ids)}
    person.ids["bindings"] |= {tuple(row) for row in _select(connection, pairs, b.contact_id, person.contacts)}
    o = t.outbox.c
    person.ids["outbox"] |= {tuple(row) for row in _select(connection, [o.sink_id, o.event_id], o.event_id, ids)}


def _opt_outs(connection: Connection, person: Person, spellings: Spellings, *, opt_out: bool) -> None:
    """The number's own, and words in which others said no that name it or stand in an event that goes."""
    o, found = t.opt_outs.c, person.ids["opt_outs"]
    mine = set(connection.execute(sa.select(o.account_id, o.phone_number).where(o.phone_number == spellings.e164)).all())
    person.opted_out = bool(mine)
    found |= {tuple(row) for row in _select(connection, [o.account_id, o.phone_number], o.event_key, person.event_keys)}
    found -= {tuple(row) for row in connection.execute(sa.select(o.account_id, o.phone_number).where(_bare()))}
    if opt_out:
        found |= {tuple(row) for row in mine}


def _bare() -> sa.ColumnElement[bool]:
    """An opt-out of which only the number is kept."""
    return t.opt_outs.c.event_key.is_(None) & (t.opt_outs.c.text == "")


def _numbers(connection: Connection, person: Person, spellings: Spellings) -> None:
    c, v, s, m, ids = t.contacts.c, t.verdicts.c, t.stale_numbers.c, t.messages.c, person.ids
    found = {number for row in _select(connection, [c.phone_number, c.wanted_number], c.id, person.contacts) for number in row}
    found |= {row[0] for row in _select(connection, [v.phone_number], v.contact_id, person.contacts)}
    found |= {row[0] for row in _select(connection, [m.phone_number], m.id, ids["messages"])}
    stale = {number for _, number in ids["stale_numbers"]}
    found |= {row[0] for row in _select(connection, [s.phone_number], s.phone_number, stale)}
    person.numbers = sorted(found - {None, spellings.e164})


def erase(ledger: Ledger, spellings: Spellings, accounts: list[int], *, opt_out: bool) -> Person:
    """Erase the person, and the opt-out if that is wanted; what that was. The caller has all leases of these accounts.

    Raises `LeaseLost`: then nothing is.
    """
    with ledger.durable("ledger.forget") as connection:
        for account in accounts:
            for purpose in PURPOSES:
                renew(connection, account, ledger.holder, purpose)
        person = _find(connection, spellings, opt_out=opt_out)
        _rewritten(connection, person, spellings)
        gone = sorted(person.ids["messages"])
        for start in range(0, len(gone), AT_ONCE):
            of_them = t.events.c.message_id.in_(gone[start : start + AT_ONCE])
            connection.execute(sa.update(t.events).where(of_them).values(message_id=None))
        for account, number in sorted(person.ids["opt_outs"]):  # of others only their words: they still want no messages
            this = (t.opt_outs.c.account_id == account) & (t.opt_outs.c.phone_number == number)
            goes = opt_out and number == spellings.e164
            connection.execute(
                sa.delete(t.opt_outs).where(this) if goes else sa.update(t.opt_outs).where(this).values(event_key=None, text="")
            )
        for table in reversed(metadata.sorted_tables):
            if table not in KEPT:
                _delete(connection, table, person.ids[table.name])
        _lowered(connection)
    return person


def _delete(connection: Connection, table: sa.Table, ids: set[Any]) -> None:
    key, wanted = list(table.primary_key.columns), sorted(ids)
    for start in range(0, len(wanted), AT_ONCE):
        part = wanted[start : start + AT_ONCE]
        these = key[0].in_(part) if len(key) == 1 else sa.tuple_(*key).in_(part)
        connection.execute(sa.delete(table).where(these))


def _rewritten(connection: Connection, person: Person, spellings: Spellings) -> None:
    """Batches that a dead run left, and what a run said of a sheet: without the person."""
    mine = set(person.contacts.values())
    for row in connection.execute(sa.select(t.in_flight).where(t.in_flight.c.id.in_(sorted(person.ids["in_flight"])))).all():
        left = [one for one in row.contacts if (row.source_id, one[0]) not in mine and one[1] != spellings.e164]
        this = t.in_flight.c.id == row.id
        change = sa.update(t.in_flight).where(this).values(contacts=left) if left else sa.delete(t.in_flight).where(this)
        connection.execute(change)
    for row in connection.execute(sa.select(t.runs).where(t.runs.c.id.in_(sorted(person.ids["runs"])))).all():
        result = dict(row.result)
        if wrong := _wrong(result):
            kept = {k: why for k, why in wrong.items() if (row.source_id, k) not in mine and not spellings.found_in(k)}
            result["resubmitted"] = {**result["resubmitted"], "wrong": kept}
            connection.execute(sa.update(t.runs).where(t.runs.c.id == row.id).values(result=result))


def _lowered(connection: Connection) -> None:
    """A sink has all events up to a number. SQLite hands the numbers of the last rows out again once they are gone: an event that
    got one would be taken for written."""
    newest = sa.select(sa.func.coalesce(sa.func.max(t.events.c.id), 0)).where(t.events.c.account_id == t.sinks.c.account_id)
    connection.execute(
        sa.update(t.sinks).where(t.sinks.c.up_to > newest.scalar_subquery()).values(up_to=newest.scalar_subquery())
    )
