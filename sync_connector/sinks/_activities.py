"""Events as activities of the CRM's own, by the statements of a mapping's `[activities]`.

Not a sink itself: `sql` writes with it. Law: an activity is inserted in the transaction in which our row of its event is
written, once, while that row has no `activity_key`; it is never changed or deleted afterwards, since it is the CRM's from then
on. Only an event whose contact is in the CRM becomes one.
"""

from __future__ import annotations

import hashlib
import re
import uuid
import zoneinfo
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

import sqlalchemy as sa

from sync_connector import mapping
from sync_connector.config import Sink as SinkSettings
from sync_connector.crm_sql import PARAMETER, PLACEHOLDER
from sync_connector.database import Tables, fill
from sync_connector.errors import FixSetup
from sync_connector.model import Kind
from sync_connector.sinks._database import Database
from sync_connector.sinks._rows import TABLES, Row
from sync_connector.sinks._tables import ACTIVITY
from sync_connector.sinks._wording import own_text, whole_minutes, worded

OURS = uuid.UUID("6f0e1b0a-5c1d-5e0b-9a52-1f0f6c1b9d3e")
"""The namespace of the keys that we make of events' keys; never to be changed, or activities would be written again."""

TIMES = {"started", "ended", "received"}

Values = dict[str, Any]


class Activities:
    """The statements of a mapping, as this database can run them."""

    def __init__(self, settings: SinkSettings, database: Database, connection: sa.Connection) -> None:
        crm = mapping.load(settings.activities)
        if crm.activities is None:
            raise FixSetup(f"sinks.activities: the mapping for {crm.crm} does not say how events become activities")
        self._how = crm.activities
        self._name = f"sink {settings.name}: activities of {crm.crm}"
        if database.name not in self._how.databases:
            raise FixSetup(f"{self._name} are written in {' or '.join(self._how.databases)}, and this is {database.name}")
        if not settings.user:
            raise FixSetup(f"{self._name}: sinks.user is missing: the key of the user under whom they stand there")
        if settings.zone is None:
            raise FixSetup(f"{self._name}: the account's time zone is missing; write zone under [events]")
        self._source = settings.source
        self._account = zoneinfo.ZoneInfo(settings.zone)
        self._zone: tzinfo = self._account if self._how.zone == "account" else zoneinfo.ZoneInfo(self._how.zone)
        self._filled = self._fitted(Tables(connection), connection)
        self._returning = f" RETURNING {self._how.id_column}" if self._how.id == "database" and database.name != "mysql" else ""
        self._statements = {
            TABLES[Kind(kind)].name: [text for raw in texts if (text := self._text(raw).strip())]
            for kind, texts in self._how.statements.items()
        }
        self._user = self._one(connection, self._how.user, {"user": settings.user})
        if self._user is None:
            raise FixSetup(f"{self._name}: sinks.user: there is no user {settings.user!r} in it")
        self._user = {"user": settings.user} | self._user

    def _fitted(self, tables: Tables, connection: sa.Connection) -> dict[str, str]:
        prefixes = tables.prefixes(self._how.tables)
        wanted = ", ".join(self._how.tables).replace("{prefix}", "…")
        if not prefixes:
            raise FixSetup(f"{self._name}: these are not its tables: it has {wanted}")
        if len(prefixes) > 1:
            listed = ", ".join(repr(prefix) for prefix in prefixes)
            raise FixSetup(
                f"{self._name}: several are here, with the prefixes {listed}; copy the mapping and write yours into it"
            )
        names = [tables.names[pattern.replace("{prefix}", prefixes[0]).casefold()] for pattern in self._how.tables]
        self._in_transactions(connection, names)
        first = names[0][: len(prefixes[0])] if self._how.tables[0].startswith("{prefix}") else prefixes[0]
        filled, missing = fill(self._how.pick, tables, first, "activities.pick")
        if missing:
            raise FixSetup(*missing, f"{self._name}: this version has another schema")
        return filled

    def _in_transactions(self, connection: sa.Connection, names: Sequence[str]) -> None:
        """MySQL has tables that know no transactions: an activity in one would stay where our row is taken back."""
        if connection.dialect.name not in ("mysql", "mariadb"):
            return
        query = sa.text(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN :names "
            "AND ENGINE <> 'InnoDB'"
        ).bindparams(sa.bindparam("names", expanding=True))
        if wrong := sorted(connection.scalars(query, {"names": list(names)})):
            raise FixSetup(
                f"{self._name}: {', '.join(wrong)} know no transactions, so that nothing could be written exactly once; convert "
                "them: ALTER TABLE … ENGINE=InnoDB"
            )

    def _text(self, raw: str) -> str:
        return PLACEHOLDER.sub(lambda match: self._filled[match[1]], raw)

    def _one(self, connection: sa.Connection, raw: str, values: Values) -> Values | None:
        """What a SELECT gives of one row, or `None`."""
        row = connection.execute(_statement(self._text(raw)), values).first()
        return None if row is None else dict(row._mapping)

    def write(self, connection: sa.Connection, table: sa.Table, name: str, rows: Sequence[Row]) -> None:
        """Write activities for those of these rows, which stand in their table and are locked by having been written, that
        have a contact and no activity. `name`: of the table without prefix. Raises what the driver raises."""
        statements = self._statements.get(name)
        # Another source's contact may have the key of somebody else here.
        mine = [row for row in rows if row["contact_source"] == self._source] if self._source else rows
        known = {str(row["event_key"]): row for row in mine if row["contact_key"] is not None}
        if not statements or not known:
            return
        without = sa.select(table.c.event_key).where(table.c.event_key.in_(known), table.c[ACTIVITY].is_(None)).with_for_update()
        waiting = sorted(connection.scalars(without))
        found: dict[str, Values | None] = {}
        due = []
        for key in waiting:
            contact_key = str(known[key]["contact_key"])
            if contact_key not in found:
                found[contact_key] = self._one(connection, self._how.contact, {"contact_key": contact_key})
            if (contact := found[contact_key]) is not None:
                due.append(self._values(_kind(name), known[key], contact))
        self._insert(connection, statements, due)
        if due:
            made = sa.update(table).where(table.c.event_key == sa.bindparam("of")).values({ACTIVITY: sa.bindparam("made")})
            connection.execute(made, [{"of": values["event_key"], "made": str(values["id"])} for values in due])

    def _insert(self, connection: sa.Connection, statements: Sequence[str], due: Sequence[Values]) -> None:
        """Run the statements for each activity, the keys of which are then in `due`."""
        if not due:
            return
        if self._how.id == "database":
            self._insert_and_ask(connection, statements, due)
            return
        if self._how.id == "sequence":
            last = self._last_of(connection, len(due))
            for position, values in enumerate(due, start=1):
                values["id"] = values["id_text"] = str(last - len(due) + position)
        for statement in statements:
            connection.execute(_statement(statement), [_used(statement, values) for values in due])

    def _insert_and_ask(self, connection: sa.Connection, statements: Sequence[str], due: Sequence[Values]) -> None:
        first, *others = statements
        for values in due:
            result = connection.execute(_statement(first + self._returning), _used(first, values))
            key = result.scalar_one() if self._returning else result.lastrowid
            values["id"] = values["id_text"] = str(key)
            for statement in others:
                connection.execute(_statement(statement), _used(statement, values))

    def _last_of(self, connection: sa.Connection, count: int) -> int:
        """The last of so many new keys, which nobody else will get."""
        last = None
        for raw in self._how.next_id:
            result = connection.execute(_statement(self._text(raw)), _used(raw, {"count": count}))
            last = result.scalar() if result.returns_rows else last
        if last is None:
            raise FixSetup(f"{self._name}: next_id gives no key")
        return int(last)

    def _values(self, kind: Kind, row: Row, contact: Values) -> Values:
        """The parameters of an activity's statements."""
        words = worded(kind, row, self._account)
        seconds = row.get("duration")
        length = seconds if isinstance(seconds, int) else 0
        hours, minutes = whole_minutes(length)
        event_key = str(row["event_key"])
        key = str(uuid.uuid5(OURS, event_key))
        if self._how.id == "hex17":
            key = hashlib.sha256(f"{OURS} {event_key}".encode()).hexdigest()[:17]
        return (self._user or {}) | contact | {
            "id": key,
            "id_text": key,
            "link_id": str(uuid.uuid5(OURS, f"{event_key} link")),
            "event_key": event_key,
            "contact_key": row["contact_key"],
            "started": self._local(words.started),
            "ended": self._local(words.ended),
            "received": self._local(row["received_at"]),
            "seconds": length,
            "hours": hours,
            "minutes": minutes,
            "direction": row.get("direction") or "",
            "answered": 0 if row.get("answered") is False else 1,
            "title": words.title,
            "description": words.description,
            "html": words.html,
            "text": own_text(row),
            "phone_number": row["phone_number"] or "",
        }  # fmt: skip

    def _local(self, time: object) -> datetime:
        """A time as the CRM keeps it: in its zone, to the second, without saying which zone that is."""
        if not isinstance(time, datetime):
            raise TypeError("every activity has its times")
        return time.astimezone(UTC).astimezone(self._zone).replace(microsecond=0, tzinfo=None)


def _kind(name: str) -> Kind:
    return next(kind for kind, table in TABLES.items() if table.name == name)


def _used(statement: str, values: Mapping[str, Any]) -> Values:
    return {name: values[name] for name in set(PARAMETER.findall(statement))}


def _statement(text: str) -> sa.TextClause:
    """A statement whose parameters are ours, and in which any other colon is a colon."""
    times = [sa.bindparam(name, type_=sa.DateTime()) for name in sorted(TIMES & set(PARAMETER.findall(text)))]
    return sa.text(re.sub(r"::", r"\\:\\:", text)).bindparams(*times)
