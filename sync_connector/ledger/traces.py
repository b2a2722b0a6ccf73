"""Where a number stands in a database of ours: in which columns, and in which bytes of its files.

Law: every column of text is searched, whatever it is for; what is said to be gone is looked for, not believed.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from sync_connector.fault_points import around
from sync_connector.fields.spelling import Spellings
from sync_connector.ledger.soundness import led_to

CHUNK = 1 << 20


def hits(connection: Connection, table: sa.Table, spellings: Spellings) -> Iterator[tuple[sa.Row[Any], list[str]]]:
    """The rows of a table that hold the number: their primary key, and the names of the columns in which it stands."""
    texts = [column for column in table.columns if isinstance(column.type, sa.Text | sa.JSON)]
    if not texts:
        return
    asked = [*table.primary_key.columns, *(sa.cast(column, sa.Text).label(f"text_{place}") for place, column in enumerate(texts))]
    keys = len(table.primary_key.columns)
    with connection.execute(sa.select(*asked).execution_options(yield_per=5_000)) as rows:
        for row in rows:
            if spellings.found_in("\x1f".join(value for value in row[keys:] if value)):  # one look at most rows
                yield row, [c.name for c, value in zip(texts, row[keys:], strict=True) if value and spellings.found_in(value)]


def in_columns(engine: Engine, tables: Sequence[sa.Table], spellings: Spellings) -> Counter[str]:
    """`table.column` → in how many rows of it the number stands."""
    found: Counter[str] = Counter()
    with engine.connect() as connection:
        for table in tables:
            for _, columns in hits(connection, table, spellings):
                found.update(f"{table.name}.{column}" for column in columns)
    return found


def in_bytes(engine: Engine, spellings: Spellings, kept: int = 0) -> Counter[str]:
    """File → how often one of the number's plain spellings stands in its bytes, of an SQLite database; a server's are its own.

    `kept`: rows that hold the number, as E.164 and as a part of their key, and may: each stands in the table and in its index.
    """
    found: Counter[str] = Counter()
    if engine.dialect.name != "sqlite" or not engine.url.database or engine.url.database == ":memory:":
        return found
    path = str(led_to(engine.url.database))
    wanted = [spelling.encode() for spelling in spellings.plain]
    may = {path: 2 * kept * sum(spellings.e164.count(one) for one in spellings.plain)}
    for name in (path, f"{path}-wal", f"{path}-journal"):
        if os.path.exists(name) and (count := _count(name, wanted)) > may.get(name, 0):
            found[name] = count
    return found


def _count(path: str, wanted: Sequence[bytes]) -> int:
    longest, count, kept = max(map(len, wanted)), 0, b""
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            piece = kept + chunk
            count += sum(piece.count(one) for one in wanted)
            kept = piece[-(longest - 1) :]
            count -= sum(kept.count(one) for one in wanted)  # they are counted with the next piece
        count += sum(kept.count(one) for one in wanted)
    return count


def rewrite(engine: Engine, tables: Sequence[sa.Table], point: str) -> None:
    """Write the database anew, so that what was deleted is not in its files any more. PostgreSQL: the room is given back and its
    statistics, which hold samples of the columns, are made anew; of its files the server has the say. `point`: what its fault
    points are called."""
    with around(point):
        _rewrite(engine, tables)


def _rewrite(engine: Engine, tables: Sequence[sa.Table]) -> None:
    if engine.dialect.name == "sqlite":
        connection = engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            cursor.close()
        finally:
            connection.close()
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as server:
        for table in tables:
            server.exec_driver_sql(f"VACUUM (ANALYZE) {table.name}")
