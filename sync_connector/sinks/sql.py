"""Sink `sql`: events into tables of our own, in the CRM's database or another (PostgreSQL, MySQL and MariaDB, SQLite).

Law: a delivery is a transaction, and each event one row by its unique key: what comes again overwrites our columns of that row
and nothing else. What the database refuses for what it contains is found by halving, and alone stays out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sync_connector.config import Sink as SinkSettings
from sync_connector.model import Record
from sync_connector.sinks import Refusal
from sync_connector.sinks._activities import Activities
from sync_connector.sinks._database import Database
from sync_connector.sinks._rows import Row, sort_out
from sync_connector.sinks._tables import ACTIVITY, make_tables, tables_in

ROWS = 500  # of a statement
ROWS_WITH_ACTIVITIES = 100  # of a transaction then: the CRM's users wait no longer than these take
SIGNS = 250_000  # of a statement's texts: at most a megabyte, which every server takes


def make(settings: SinkSettings) -> SqlSink:
    """A sink into the database that the settings name; its tables are made. Raises `FixSetup`, `TryLater`."""
    return SqlSink(settings)


class SqlSink:
    """Events into a database."""

    def __init__(self, settings: SinkSettings) -> None:
        self._database = Database(settings)
        try:
            with self._database.transaction("sink.sql.tables") as connection, self._database.alone(connection):
                self._tables = tables_in(connection, settings.prefix)
                make_tables(connection, self._tables, self._database.shown)
                self._activities = Activities(settings, self._database, connection) if settings.activities else None
        except BaseException:
            self._database.close()
            raise
        self._upserts = {name: _upsert(table, self._database.name) for name, table in self._tables.items()}

    def write(self, _delivery: int, records: Sequence[Record]) -> list[Refusal]:
        """Write the records in one transaction; see `Sink.write`. Raises `TryLater`, `FixSetup`; then nothing is written.

        With activities it is a transaction for each hundred records, since their tables are the CRM's, and its users wait
        for what is locked there; what was committed before an error stays, and is not written again.
        """
        found, refused = sort_out(records)
        limit = ROWS if self._activities is None else ROWS_WITH_ACTIVITIES
        batches = [(table.name, batch) for table, rows in found.items() for batch in _batches(rows, limit)]
        for together in [batches] if self._activities is None else [[batch] for batch in batches]:
            with self._database.transaction("sink.sql.write") as connection:
                for name, batch in together:
                    refused += self._write(connection, name, batch)
        return refused

    def _write(self, connection: sa.Connection, name: str, rows: Sequence[Row]) -> list[Refusal]:
        """Write a batch, or of its halves what can be written."""
        savepoint = connection.begin_nested()
        try:
            connection.execute(self._upserts[name], rows)
            if self._activities is not None:
                self._activities.write(connection, self._tables[name], name, rows)
        except Exception as fault:
            if not self._database.refuses(fault):
                raise
            savepoint.rollback()
            if len(rows) == 1:
                return [Refusal(str(rows[0]["event_key"]), self._database.reason(fault, rows[0]))]
        else:
            savepoint.commit()
            return []
        half = len(rows) // 2
        return self._write(connection, name, rows[:half]) + self._write(connection, name, rows[half:])

    def close(self) -> None:
        """Let go of the connection."""
        self._database.close()


def _batches(rows: Sequence[Row], limit: int) -> Iterator[list[Row]]:
    batch: list[Row] = []
    signs = 0
    for row in rows:
        size = sum(len(value) for value in row.values() if isinstance(value, str))
        if batch and (len(batch) >= limit or signs + size > SIGNS):
            yield batch
            batch, signs = [], 0
        batch.append(row)
        signs += size
    if batch:
        yield batch


def _upsert(table: sa.Table, database: str) -> sa.Executable:
    """The statement that inserts a row, or overwrites our columns of the one that has its key. Drivers make one statement, or one
    round trip, of many."""
    columns = [column for column in table.columns if column.name != ACTIVITY]
    ours = [column.name for column in columns if not column.primary_key]
    if database == "mysql":
        return _mysql_upsert(table, columns, ours)
    insert: Any = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}[database](table)
    return insert.on_conflict_do_update(index_elements=["event_key"], set_={name: insert.excluded[name] for name in ours})  # type: ignore[no-any-return]


def _mysql_upsert(table: sa.Table, columns: Sequence[sa.Column[Any]], ours: Sequence[str]) -> sa.TextClause:
    # Written out: PyMySQL sends many rows as one statement only where it ends so, and MySQL 8's newer way, which SQLAlchemy
    # would write there, MariaDB has not.
    names = ", ".join(f'"{column.name}"' for column in columns)
    values = ", ".join(f":{column.name}" for column in columns)
    updates = ", ".join(f'"{name}" = VALUES("{name}")' for name in ours)
    text = f'INSERT INTO "{table.name}" ({names}) VALUES ({values}) ON DUPLICATE KEY UPDATE {updates}'  # noqa: S608
    return sa.text(text).bindparams(*(sa.bindparam(column.name, type_=column.type) for column in columns))
