"""SQL that is sent once for every batch: its text is made once, a list is one parameter, many rows are one call.

SQLAlchemy builds its statements anew each time, and longer than SQLite takes to carry them out. Here is only how they
are put to each database; what they say stands where it is needed.

    :name            a parameter
    key AMONG :keys  the key is one of a list

Law: no text from outside becomes SQL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection, CursorResult

_PARAMETER = re.compile(r":([a-z_]+)")
_AMONG = re.compile(r"\bAMONG :([a-z_]+)")


def ask(connection: Connection, text: str, values: Mapping[str, object]) -> CursorResult[*tuple[Any, ...]]:
    """Carry out one statement. A value behind `AMONG` is a list of texts or of whole numbers, as long as you like."""
    if connection.dialect.name == "postgresql":
        return connection.exec_driver_sql(_for_postgresql(text), dict(values))
    bound: dict[str, object] = {}
    for name, value in values.items():
        if not isinstance(value, list):
            bound[name] = value
            continue
        listed = orjson.dumps(value).decode()
        if "\\u0000" in listed:  # there SQLite's JSON ends a text: each of those is a parameter of its own
            apart = {f"{name}_{place}": one for place, one in enumerate(value) if "\0" in str(one)}
            listed = orjson.dumps([one for one in value if "\0" not in str(one)]).decode()
            each = ", ".join(f"(:{one})" for one in apart)
            text = text.replace(f"AMONG :{name}", f"IN (SELECT value FROM json_each(:{name}) UNION ALL VALUES {each})")  # noqa: S608
            bound |= apart
        bound[name] = listed
    return connection.exec_driver_sql(_for_sqlite(text), bound)


@cache
def _for_sqlite(text: str) -> str:
    return _AMONG.sub(r"IN (SELECT value FROM json_each(:\1))", text)


@cache
def _for_postgresql(text: str) -> str:
    return _PARAMETER.sub(r"%(\1)s", _AMONG.sub(r"= ANY(:\1)", text))


def put(
    connection: Connection,
    table: sa.Table,
    columns: tuple[str, ...],
    rows: Sequence[tuple[object, ...]],
    *,
    over: tuple[str, ...] = (),
    moved: tuple[str, ...] = (),
) -> None:
    """Insert rows, their values in the order of the columns. Where one with the same `over` is there, its `moved`
    columns are overwritten; if none are named, it stays as it is."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        if over:  # one statement cannot move a row twice: of two the last one counts, as it does row by row
            at = [columns.index(name) for name in over]
            rows = list({tuple(row[place] for place in at): row for row in rows}.values())
        connection.exec_driver_sql(_insert_columns(table, columns, over, moved), tuple(map(list, zip(*rows, strict=True))))
    else:
        connection.exec_driver_sql(_insert_row(table, columns, over, moved), list(rows))


@cache
def _insert_row(table: sa.Table, columns: tuple[str, ...], over: tuple[str, ...], moved: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks}){_conflict(over, moved)}"  # noqa: S608  # our own words


@cache
def _insert_columns(table: sa.Table, columns: tuple[str, ...], over: tuple[str, ...], moved: tuple[str, ...]) -> str:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    marks = ", ".join(f"%s::{table.c[name].type.compile(dialect)}[]" for name in columns)
    return f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT * FROM unnest({marks}){_conflict(over, moved)}"  # noqa: S608


def _conflict(over: tuple[str, ...], moved: tuple[str, ...]) -> str:
    if not over:
        return ""
    does = f"UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in moved)}" if moved else "NOTHING"
    return f" ON CONFLICT ({', '.join(over)}) DO {does}"


def utc(moment: datetime) -> datetime:
    """A time as the ledger has it, with its zone: SQLite keeps none, and all are UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
