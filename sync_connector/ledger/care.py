"""Whether a ledger is whole and adds up: the database's own checks, then ours, each by its name.

Law: it only reads, and it looks at the tables themselves where an index could hide what is wrong. What is wrong is a sentence
that says what to do.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_connector.ledger import leases
from sync_connector.ledger.opening import HEAD
from sync_connector.ledger.schema import leases as lease_table
from sync_connector.ledger.schema import metadata
from sync_connector.ledger.store import Ledger
from sync_connector.ledger.sums import SUMS, Sum

RESTORE = "restore the last backup (README, Care of the ledger)"
SHOWN = 5


class Check(NamedTuple):
    """One look at the ledger. `of`: how many things; `wrong`: sentences, none where all is well."""

    name: str
    of: int
    wrong: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """As one object."""
        return {"check": self.name, "count": self.of, "wrong": list(self.wrong)}


def verify(ledger: Ledger) -> list[Check]:
    """Look at everything, all accounts alike, in one moment of the database. Where the database itself is damaged, what it would
    say of our sums is not asked."""
    with ledger.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        checks = [_pages(connection)] if connection.dialect.name == "sqlite" else []
        if any(check.wrong for check in checks):
            return checks
        checks += [_schema(connection), _version(connection), _references(connection)]
        checks += [_summed(connection, each) for each in SUMS]
        checks.append(_leases(connection))
        connection.rollback()
    return checks


def damage(connection: Connection, most: int = SHOWN) -> list[str]:
    """What SQLite's own check finds, in its words."""
    try:
        found = connection.exec_driver_sql(f"PRAGMA integrity_check({most})").scalars().all()
    except sa.exc.DatabaseError as fault:  # so damaged that not even this can be asked
        return [str(fault.orig)]
    return [line for text in found for line in str(text).splitlines() if line != "ok"]


def _pages(connection: Connection) -> Check:
    wrong = [f"the file is damaged: {words}; {RESTORE}" for words in damage(connection)]
    return Check("integrity", 0 if wrong else int(connection.exec_driver_sql("PRAGMA page_count").scalar_one()), tuple(wrong))


def _schema(connection: Connection) -> Check:
    """Every table, column, key, constraint and index is there, and of PostgreSQL's the server says that they hold."""
    from alembic.autogenerate import compare_metadata  # it takes longer to import than most commands run
    from alembic.migration import MigrationContext

    ours = set(metadata.tables)
    options = {"include_name": lambda name, kind, _: kind != "table" or name in ours}
    wrong = []
    for difference in compare_metadata(MigrationContext.configure(connection, opts=options), metadata):
        words = difference[0] if isinstance(difference[0], tuple) else difference
        what = next((str(name) for word in words[1:] if (name := getattr(word, "name", None))), "")
        wrong.append(f"the tables are not those of version {HEAD}: {words[0]} {what}".rstrip() + f"; {RESTORE}")
    looked_at, known = sa.inspect(connection), set(sa.inspect(connection).get_table_names())
    count = 0
    for table in metadata.sorted_tables:
        count += 1 + len(table.indexes) + len(table.constraints)
        key = looked_at.get_pk_constraint(table.name)["constrained_columns"] if table.name in known else None
        if key is not None and set(key) != set(table.primary_key.columns.keys()):
            wrong.append(f"the table {table.name} has not its primary key; {RESTORE}")
    if connection.dialect.name == "postgresql":
        wrong += [f"the server calls {name} invalid; run REINDEX or VALIDATE CONSTRAINT on it" for name in _invalid(connection)]
    return Check("schema", count, tuple(wrong))


_INVALID = """
SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
WHERE NOT (i.indisvalid AND i.indisready AND i.indislive) AND t.relname = ANY(:tables) AND pg_table_is_visible(t.oid)
UNION ALL
SELECT k.conname FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid
WHERE NOT k.convalidated AND t.relname = ANY(:tables) AND pg_table_is_visible(t.oid)
"""


def _invalid(connection: Connection) -> list[str]:
    return sorted(connection.execute(sa.text(_INVALID), {"tables": list(metadata.tables)}).scalars())


def _version(connection: Connection) -> Check:
    found = list(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars())
    if found == [HEAD]:
        return Check("version", 1)
    return Check("version", len(found), (f"the ledger says that it is of version {', '.join(found)}, not {HEAD}; {RESTORE}",))


def _references(connection: Connection) -> Check:
    """Rows that name a row of another table, by the tables' own rules."""
    rows = sum(int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0) for table in metadata.sorted_tables)
    if connection.dialect.name == "postgresql":  # it sees to that itself, and `schema` sees that it does
        return Check("references", rows)
    broken: dict[tuple[str, str], int] = {}
    for table, _, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        broken[table, parent] = broken.get((table, parent), 0) + 1
    wrong = [
        f"{count:,} rows of {table} name {parent} that are not there; {RESTORE}" for (table, parent), count in broken.items()
    ]
    return Check("references", rows, tuple(wrong))


def _summed(connection: Connection, each: Sum) -> Check:
    count = int(connection.exec_driver_sql(each.counted).scalar_one() or 0)
    found = [str(value) for value in connection.exec_driver_sql(each.wrong).scalars()]
    if not found:
        return Check(each.name, count)
    shown = ", ".join(found[:SHOWN]) + (", …" if len(found) > SHOWN else "")
    return Check(each.name, count, (f"{len(found):,} {each.sentence}: {shown}; {each.advice}",))


def _leases(connection: Connection) -> Check:
    rows = connection.execute(sa.select(lease_table)).all()
    return Check("leases", len(rows), tuple(_of_dead(rows)))


def _of_dead(rows: object) -> Iterator[str]:
    now = time.time()
    for row in rows:  # type: ignore[attr-defined]
        if leases.is_free(row.holder, row.expires_at, now):
            yield (
                f"the lease of the last {row.purpose} of account {row.account_id} was never given back: it was killed; the next "
                f"{row.purpose} takes it over by itself, so run it again"
            )
