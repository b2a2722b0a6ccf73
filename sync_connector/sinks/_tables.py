"""Our tables in a database: made where they are missing, completed where they are older, and never taken from another.

Not a sink itself: `sql` writes to them. Law: a table is ours if its primary key is `event_key`; of such a table only our
columns are touched, and any other stays as its owner made it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.engine.reflection import ObjectKind

from sync_connector.errors import FixSetup
from sync_connector.sinks._rows import TABLES, Column, Type, iso

ACTIVITY = "activity_key"
"""The column that says which row of the CRM's own an event has become."""


class Instant(sa.types.TypeDecorator[datetime]):
    """A time in UTC to the millisecond, in each database's own way; SQLite, which has none, gets ISO text with a Z."""

    impl = sa.TIMESTAMP
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """The database's type."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(sa.Text() if dialect.name == "sqlite" else mysql.DATETIME(fsp=3))

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        """As the driver takes it."""
        if value is None or dialect.name == "postgresql":
            return value
        if dialect.name == "sqlite":
            return iso(value)
        return value.replace(tzinfo=None)

    def process_result_value(self, value: Any, _dialect: sa.Dialect) -> datetime | None:
        """In UTC."""
        if value is None:
            return None
        time = datetime.fromisoformat(value) if isinstance(value, str) else value
        return time.astimezone(UTC) if time.tzinfo is not None else time.replace(tzinfo=UTC)


_TYPES: Mapping[Type, sa.types.TypeEngine[Any]] = {
    # Keys that differ in case are two keys, whatever the database's collation says.
    Type.KEY: sa.String(80).with_variant(mysql.VARCHAR(80, charset="ascii", collation="ascii_bin"), "mysql", "mariadb"),
    Type.NAME: sa.String(255),
    Type.WORD: sa.String(32),
    Type.TEXT: sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"),
    Type.TIME: Instant(),
    Type.DATE: sa.Date(),
    Type.FLAG: sa.Boolean(),
    Type.NUMBER: sa.Integer(),
}


def tables_in(connection: sa.Connection, prefix: str) -> dict[str, sa.Table]:
    """Our tables, by the names that they have without the prefix, as this database is to have them."""
    options: dict[str, Any] = {}
    if connection.dialect.name in ("mysql", "mariadb"):
        # The database's own collation, so that keys can be compared with the CRM's; one that holds every sign.
        collation = str(connection.scalar(sa.text("SELECT @@collation_database")))
        if not collation.startswith("utf8mb4_"):
            collation = "utf8mb4_bin"
        options = {f"{name}_{option}": value for name in ("mysql", "mariadb") for option, value in _options(collation)}
    metadata = sa.MetaData()
    return {
        table.name: sa.Table(prefix + table.name, metadata, *map(_column, table.columns), _activity(), **options)
        for table in TABLES.values()
    }


def _options(collation: str) -> list[tuple[str, str]]:
    return [("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", collation)]


def _column(column: Column) -> sa.Column[Any]:
    first = column.type is Type.KEY
    return sa.Column(column.name, _TYPES[column.type], primary_key=first, nullable=not column.needed, index=column.indexed)


def _activity() -> sa.Column[Any]:
    return sa.Column(ACTIVITY, sa.String(64))


def make_tables(connection: sa.Connection, tables: Mapping[str, sa.Table], shown: str) -> None:
    """Make what is missing: tables, and columns of tables that an older version made.

    Raises `FixSetup` where a name is taken by a table that is not ours, and what the driver raises.
    """
    inspector = sa.inspect(connection)
    names = [table.name for table in tables.values()]
    found = inspector.get_multi_pk_constraint(kind=ObjectKind.ANY, filter_names=names)
    keys = {
        name: [column.casefold() for column in (key or {}).get("constrained_columns", [])] for (_, name), key in found.items()
    }
    taken = [name for name, key in keys.items() if key != ["event_key"]]
    if taken:
        raise FixSetup(
            f"{shown}: has already {' and '.join(sorted(taken))}, which another program uses; choose a prefix for our "
            'tables, as in prefix = "insim_", under [[sinks]]'
        )
    _no_other_key(inspector, names, shown)
    columns = inspector.get_multi_columns(filter_names=names)
    there = {name: {str(column["name"]).casefold() for column in told} for (_, name), told in columns.items()}
    for table in tables.values():
        if table.name not in keys:
            _create(connection, table)
            continue
        for column in table.columns:
            if column.name not in there[table.name]:
                _add(connection, table, column)


def _no_other_key(inspector: sa.Inspector, names: list[str], shown: str) -> None:
    """MySQL overwrites a row that is alike by any unique index, and another event would be gone: there may be none but ours."""
    if inspector.dialect.name not in ("mysql", "mariadb"):
        return
    for (_, name), indexes in inspector.get_multi_indexes(filter_names=names).items():
        if wrong := [str(index["name"]) for index in indexes if index["unique"]]:
            raise FixSetup(
                f"{shown}: {name} has a unique index that is not ours ({', '.join(wrong)}), by which MySQL would take two events "
                "for one; drop it, or make it an index that is not unique"
            )


def _create(connection: sa.Connection, table: sa.Table) -> None:
    """Make a table with its indexes, in MySQL by one statement: without transactions it might be left without them."""
    if connection.dialect.name not in ("mysql", "mariadb"):
        table.create(connection)
        return
    preparer = connection.dialect.identifier_preparer
    indexes = [
        f"INDEX {preparer.format_index(index)} ({', '.join(preparer.quote(column.name) for column in index.columns)})"
        for index in sorted(table.indexes, key=lambda index: str(index.name))
    ]
    key = "PRIMARY KEY (event_key)"
    made = str(sa.schema.CreateTable(table).compile(dialect=connection.dialect))
    connection.exec_driver_sql(made.replace(key, ", ".join([key, *indexes])))


def _add(connection: sa.Connection, table: sa.Table, column: sa.Column[Any]) -> None:
    """Add a column; the rows that are there have none of it, so that it may be null."""
    preparer = connection.dialect.identifier_preparer
    kind = column.type.compile(dialect=connection.dialect)
    statement = f"ALTER TABLE {preparer.format_table(table)} ADD COLUMN {preparer.quote(column.name)} {kind}"
    connection.exec_driver_sql(statement)
    for index in table.indexes:
        if column.name in index.columns:
            index.create(connection)
