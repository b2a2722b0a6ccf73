"""Source `sql`: what is read of a database, how little is kept of it at once, and what goes wrong with one."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from pydantic import SecretStr

from sync_connector import mapping as mappings
from sync_connector import sources
from sync_connector.cli import cli
from sync_connector.config import Source
from sync_connector.errors import FixSetup, SyncError, TryLater
from sync_connector.sources import ResumableSource, sql
from sync_connector.sources._database import Database
from tests.conftest import LOGIN, PASSWORD, crm_engine

MAPPING = """
crm = "test"
title = "test"
[columns]
key = ["id"]
phone = ["phone"]
modified = ["modified"]
[sql]
tables = ["{prefix}people"]
query = 'SELECT id, phone, modified FROM {prefix}people'
modified = "modified"
"""


@contextmanager
def crm(url: str) -> Iterator[sa.Connection]:
    """The CRM's own connection, which may write."""
    with crm_engine(url).begin() as connection:
        yield connection


def optional(url: str, **options: str) -> str:
    """The URL with options."""
    return sa.make_url(url).update_query_dict(options).render_as_string(hide_password=False)


def people(url: str, *rows: tuple[int, str, str | None], table: str = "people") -> None:
    """A table of contacts: id, phone, when it changed."""
    with crm(url) as connection:
        kind = {"mysql": "DATETIME", "postgresql": "TIMESTAMP", "sqlite": "TEXT"}[sa.make_url(url).drivername]
        connection.exec_driver_sql(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, phone VARCHAR(40), modified {kind} NULL)")
        names = ("id", "phone", "modified")
        if rows:
            insert = sa.text(f"INSERT INTO {table} VALUES (:id, :phone, :modified)")
            connection.execute(insert, [dict(zip(names, row, strict=True)) for row in rows])


def opened(url: str, folder: Path, mapping: str = MAPPING, **settings: Any) -> ResumableSource:
    """The source, by a mapping of the test's own."""
    path = folder / "own.toml"
    path.write_text(mapping + f"# {settings}\n")
    settings = {"mapping": str(path), "overlap": 0} | settings
    mappings.load.cache_clear()
    source = sources.open_source(Source(type="sql", url=SecretStr(url), **settings))
    assert isinstance(source, ResumableSource)
    return source


def ids(source: ResumableSource) -> list[str]:
    """The keys that a read gives, in their order."""
    return [key for chunk in source.chunks() for key in chunk.rows["id"]]


def test_what_a_database_holds_comes_as_it_writes_it(crm_url: str, tmp_path: Path) -> None:
    """Numbers, decimals, dates, nothing, percent signs and colons: every cell is text, as a person would see it."""
    with crm(crm_url) as connection:
        connection.exec_driver_sql("CREATE TABLE odd (id BIGINT, amount DECIMAL(20, 3), day DATE, note VARCHAR(80))")
        insert = sa.text("INSERT INTO odd VALUES (9007199254740993, '12345.600', '0999-12-31', :note)")
        connection.execute(insert, {"note": "100 % :a :: it's Zoé"})
        connection.execute(sa.text("INSERT INTO odd VALUES (2, NULL, NULL, NULL)"))
    query = tmp_path / "own.sql"
    query.write_text("SELECT id, amount AS phone, day, note, 'a:b ::c' AS \"x:y\", 5 % 3 AS m FROM odd;\n")
    source = sources.open_source(Source(type="sql", url=SecretStr(crm_url), query=str(query)))
    (chunk,) = source.chunks()
    assert list(chunk.rows.columns) == ["id", "phone", "day", "note", "x:y", "m"]
    first, second = sorted(chunk.rows.itertuples(index=False, name=None), reverse=True)
    amount = first[1] if "sqlite" in crm_url else first[1].removesuffix("0")
    assert (first[0], amount.removesuffix("0"), *first[2:]) == (
        "9007199254740993",
        "12345.6",
        "0999-12-31",
        "100 % :a :: it's Zoé",
        "a:b ::c",
        "2",
    )
    assert second[:4] == ("2", "", "", "")


def cells(url: str, folder: Path, query: str) -> list[list[str]]:
    """The columns of one's own query, each with its cells."""
    (folder / "own.sql").write_text(query)
    source = sources.open_source(Source(type="sql", url=SecretStr(url), query=str(folder / "own.sql")))
    (chunk,) = source.chunks()
    return [list(chunk.rows[header]) for header in chunk.rows.columns]


def test_bits_are_numbers_and_bytes_that_are_no_text_are_keys(mariadb_database: str, tmp_path: Path) -> None:
    """A mark of deletion kept as BIT(1) is 1 or 0; two binary identifiers never become one."""
    with crm(mariadb_database) as connection:
        connection.exec_driver_sql("CREATE TABLE odd (id BINARY(4), phone VARCHAR(40), deleted BIT(1), flags BIT(12))")
        connection.exec_driver_sql(
            "INSERT INTO odd VALUES (x'00018D81', '1', b'1', b'100000000001'), (x'00019D8D', '2', b'0', NULL)"
        )
        connection.exec_driver_sql("INSERT INTO odd VALUES ('abcd', '3', NULL, NULL)")
    found = cells(mariadb_database, tmp_path, "SELECT * FROM odd")
    assert found == [["0x00018d81", "0x00019d8d", "abcd"], ["1", "2", "3"], ["1", "0", ""], ["2049", "", ""]]
    assert cells(mariadb_database, tmp_path, "SELECT x'00014142' AS id, '1' AS phone") == [["0x00014142"], ["1"]]


def test_text_in_no_encoding_costs_no_run(postgres_server: str, sqlite_database: str, tmp_path: Path) -> None:
    """SQLite and a PostgreSQL without an encoding keep any bytes: what is not UTF-8 is taken for Windows' letters."""
    with crm(sqlite_database) as connection:
        connection.exec_driver_sql("CREATE TABLE odd (id, phone, name)")
        connection.exec_driver_sql("INSERT INTO odd VALUES (1, '1', CAST(x'5A6FE9' AS TEXT)), (2, '2', 'Zoé')")
    assert cells(sqlite_database, tmp_path, "SELECT * FROM odd") == [["1", "2"], ["1", "2"], ["Zoé", "Zoé"]]
    name = f"ascii_{secrets.token_hex(6)}"
    server = sa.make_url(postgres_server).set(drivername="postgresql+psycopg")
    url = server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    try:
        with crm(optional(url, client_encoding="utf8")) as connection:
            connection.exec_driver_sql("CREATE TABLE odd (id integer, phone text, name text)")
            connection.exec_driver_sql(r"INSERT INTO odd VALUES (1, '1', E'Zo\351'), (2, '2', E'Zo\303\251')")
        assert cells(url, tmp_path, "SELECT * FROM odd") == [["1", "2"], ["1", "2"], ["Zoé", "Zoé"]]
        with pytest.raises(FixSetup, match="the query has 'é' in it"):
            cells(url, tmp_path, "SELECT id, phone, name AS prénom FROM odd")
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        engine.dispose()


def test_nothing_can_be_written(crm_url: str) -> None:
    """The session is read-only: the database itself refuses what would write, and says so."""
    people(crm_url)
    database = Database(Source(type="sql", url=SecretStr(crm_url)))
    with pytest.raises(SyncError, match=r"(?i)read.?only"), database.connection() as connection:
        connection.exec_driver_sql("INSERT INTO people VALUES (1, '', NULL)")


def test_a_read_sees_one_moment(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """What is written while a read goes on is not seen by it, on the servers where that may happen."""
    for fixture in ("postgres_database", "mariadb_database"):
        url = request.getfixturevalue(fixture)
        people(url, *((n, "1", "2026-01-01") for n in range(sql.ROWS + 10)))
        chunks = opened(url, tmp_path).chunks()
        first = next(chunks)
        with crm(url) as connection:
            connection.execute(sa.text("INSERT INTO people VALUES (100000, '2', NULL)"))
            connection.execute(sa.text("UPDATE people SET phone = 'late'"))
        rest = [cell for chunk in chunks for cell in chunk.rows["phone"]]
        assert len(first.rows) + len(rest) == sql.ROWS + 10
        assert set(rest) == {"1"}


def test_postgresql_hands_over_a_chunk_at_a_time(postgres_database: str, tmp_path: Path) -> None:
    """In the middle of a read the server holds an open cursor, and has been asked for no more than the next chunk."""
    people(postgres_database)
    with crm(postgres_database) as connection:
        connection.execute(sa.text("INSERT INTO people SELECT n, repeat('1', 40), NULL FROM generate_series(1, 100000) AS n"))
    chunks = opened(postgres_database, tmp_path).chunks()
    assert len(next(chunks).rows) == sql.ROWS
    with crm(postgres_database) as connection:
        asked = connection.execute(
            sa.text("SELECT query, state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        ).all()
    ((query, state),) = asked
    assert state == "idle in transaction"
    fetched = re.fullmatch(r"FETCH FORWARD (\d+) FROM .*", query)
    assert fetched is not None
    assert 0 < int(fetched[1]) <= sql.ROWS
    assert sum(len(chunk.rows) for chunk in chunks) == 100_000 - sql.ROWS


def test_mariadb_is_still_sending_while_the_first_chunk_is_used(mariadb_database: str, tmp_path: Path) -> None:
    """In the middle of a read of some 20 MB the server waits to write the rest: nobody has buffered it."""
    people(mariadb_database)
    with crm(mariadb_database) as connection:
        connection.execute(sa.text("INSERT INTO people SELECT seq, repeat('1', 40), NULL FROM seq_1_to_400000"))
    chunks = opened(mariadb_database, tmp_path).chunks()
    assert len(next(chunks).rows) == sql.ROWS
    with crm(mariadb_database) as connection:
        states = [
            row for row in connection.execute(sa.text("SHOW FULL PROCESSLIST")).all() if row.db == connection.engine.url.database
        ]
    assert any("FROM people" in str(row.Info) and row.State == "Writing to net" for row in states)
    assert sum(len(chunk.rows) for chunk in chunks) == 400_000 - sql.ROWS


def test_what_changed_is_read_and_a_tie_at_the_boundary_is_not_lost(crm_url: str, tmp_path: Path) -> None:
    """The next read begins with the last second of the one before; rows without a date are always read."""
    rows = [(1, "a", "2026-01-01 10:00:00"), (2, "b", "2026-01-01 10:00:01"), (10, "c", None)]
    people(crm_url, *rows)
    source = opened(crm_url, tmp_path)
    assert source.full
    assert ids(source) == ["1", "2", "10"]
    assert source.position == "2026-01-01T10:00:01+00:00"
    with crm(crm_url) as connection:
        connection.execute(sa.text("INSERT INTO people VALUES (3, 'd', '2026-01-01 10:00:01')"))
    again = opened(crm_url, tmp_path)
    assert again.resume(source.position)
    assert not again.full
    assert ids(again) == ["2", "3", "10"]
    assert [key for chunk in again.chunks_for(["1", "10", "77"]) for key in chunk.rows["id"]] == ["1", "10"]


def test_the_overlap_looks_back(crm_url: str, tmp_path: Path) -> None:
    """What was written late with an earlier date is read, as far back as the setting says."""
    people(crm_url, (1, "a", "2026-01-01 09:44:59"), (2, "b", "2026-01-01 09:45:00"), (3, "c", "2026-01-01 10:00:00"))
    source = opened(crm_url, tmp_path, overlap=900)
    assert source.resume("2026-01-01T10:00:00+00:00")
    assert ids(source) == ["2", "3"]


def test_a_date_in_the_future_hides_nothing(crm_url: str, tmp_path: Path) -> None:
    """The position never passes the database's own clock, whatever a row says of itself."""
    people(crm_url, (1, "a", "2098-01-01 00:00:00"), (2, "b", "2026-01-01 00:00:00"))
    source = opened(crm_url, tmp_path)
    assert len(ids(source)) == 2
    assert source.position is not None
    assert datetime.fromisoformat(source.position) <= datetime.now(UTC)


def test_a_zone_that_puts_its_clock_back_loses_nothing(crm_url: str, tmp_path: Path) -> None:
    """Times of Paris become UTC; of an hour that comes twice both are read again."""
    people(crm_url, (1, "a", "2025-10-26 02:30:00"), (2, "b", "2025-10-26 01:30:00"))
    source = opened(crm_url, tmp_path, zone="Europe/Paris")
    ids(source)
    assert source.position == "2025-10-26T00:30:00+00:00"
    with crm(crm_url) as connection:  # half past two, summer time, was read; then the clock is put back, and somebody edits
        connection.execute(sa.text("INSERT INTO people VALUES (3, 'late', '2025-10-26 02:05:00')"))
    again = opened(crm_url, tmp_path, zone="Europe/Paris")
    assert again.resume(source.position)
    assert "3" in ids(again)


def test_a_row_whose_date_is_none_is_always_read(mariadb_database: str, sqlite_database: str, tmp_path: Path) -> None:
    """MySQL's date of zeros and a blank in SQLite say no more than NULL: such rows are read each time."""
    people(mariadb_database, (1, "a", None), (2, "b", "2026-01-01 10:00:00"), (3, "c", "2025-01-01 10:00:00"))
    people(sqlite_database, (1, "a", ""), (2, "b", "2026-01-01 10:00:00"), (3, "c", "2025-01-01 10:00:00"))
    with crm(mariadb_database) as connection:
        connection.exec_driver_sql("SET SESSION sql_mode = ''")
        connection.exec_driver_sql("UPDATE people SET modified = '0000-00-00 00:00:00' WHERE id = 1")
    for url in (mariadb_database, sqlite_database):
        source = opened(url, tmp_path)
        assert ids(source) == ["1", "2", "3"]
        assert source.position is not None
        assert source.resume(source.position)
        assert ids(source) == ["1", "2"]


def test_days_without_a_time_lose_no_tie(crm_url: str, tmp_path: Path) -> None:
    """Where a change is dated by its day, all of the last day are read again, without any overlap."""
    people(crm_url, (1, "a", "2026-01-01"), (2, "b", "2026-01-02"))
    source = opened(crm_url, tmp_path, MAPPING.replace("phone, modified", "phone, DATE(modified) AS modified"))
    ids(source)
    assert source.position is not None
    assert source.resume(source.position)
    assert ids(source) == ["2"]


def test_a_time_that_carries_its_zone_is_compared_as_what_it_is(postgres_database: str, tmp_path: Path) -> None:
    """A column with time zone and a source said to be in Paris: what came just after the position is read."""
    with crm(postgres_database) as connection:
        connection.exec_driver_sql("CREATE TABLE people (id INTEGER PRIMARY KEY, phone TEXT, modified TIMESTAMPTZ)")
        connection.exec_driver_sql("INSERT INTO people VALUES (1, 'a', '2026-07-01 10:00:00+00')")
    source = opened(postgres_database, tmp_path, zone="Europe/Paris")
    ids(source)
    assert source.position == "2026-07-01T10:00:00+00:00"
    with crm(postgres_database) as connection:
        connection.exec_driver_sql("INSERT INTO people VALUES (2, 'b', '2026-07-01 10:00:01+00')")
    assert source.resume(source.position)
    assert "2" in ids(source)


def test_another_database_is_another_question(tmp_path: Path) -> None:
    """A position that was reached in one database says nothing about the rows of another, whose tables are the same."""
    signatures = set()
    for name in ("one.db", "two.db"):
        (tmp_path / name).touch()
        people(f"sqlite:///{tmp_path / name}")
        signatures.add(opened(f"sqlite:///{tmp_path / name}", tmp_path).signature)
    assert len(signatures) == 2


def test_a_query_of_ones_own_means_what_it_means_there(mariadb_database: str, tmp_path: Path) -> None:
    """In MySQL "quoted" is text and || is "or" unless its mode says otherwise; the mapping still finds the CRM's zone."""
    people(mariadb_database, (1, "a", "2026-01-01 10:00:00"), (2, "b", "2026-01-01 10:00:00"))
    (tmp_path / "own.sql").write_text('SELECT id, phone, modified FROM people WHERE phone = "a" || phone = "c"')
    with crm(mariadb_database) as connection:
        connection.exec_driver_sql("CREATE TABLE zones (name VARCHAR(40))")
        connection.exec_driver_sql("INSERT INTO zones VALUES ('Europe/Paris')")
    asking = MAPPING + 'zone_query = \'SELECT "name" FROM "zones"\'\n'
    source = opened(mariadb_database, tmp_path, asking, query=str(tmp_path / "own.sql"))
    assert ids(source) == ["1"]
    assert "changes are found by modified (Europe/Paris)" in source.describe()[0]
    assert source.resume("2026-01-01T09:00:00+00:00")
    assert ids(source) == ["1"]


def asked(source: ResumableSource, *keys: str) -> list[str]:
    """The keys of the rows that are there for these keys."""
    return [key for chunk in source.chunks_for(keys) for key in chunk.rows["id"]]


def test_a_row_is_asked_for_by_its_very_key(mariadb_database: str, sqlite_database: str, tmp_path: Path) -> None:
    """MariaDB holds "a" for "A", and two long numbers for one; SQLite never a computed number for its digits."""
    computed = MAPPING.replace("'SELECT id, phone, modified", "'SELECT {key} AS id, phone, modified") + "[sql.pick]\nkey = "
    with crm(mariadb_database) as connection:
        connection.exec_driver_sql("CREATE TABLE people (code VARCHAR(9), n BIGINT, phone VARCHAR(40), modified DATETIME)")
        connection.exec_driver_sql(
            "INSERT INTO people VALUES ('a', 9007199254740992, '1', NULL), ('A', 9007199254740993, '2', NULL)"
        )
    assert asked(opened(mariadb_database, tmp_path, computed + '[{ sql = "code" }]'), "a") == ["a"]
    long = opened(mariadb_database, tmp_path, computed + '[{ sql = "n + 0" }]')
    assert asked(long, "9007199254740993") == ["9007199254740993"]
    people(sqlite_database, (1, "a", None), (2, "b", None))
    assert asked(opened(sqlite_database, tmp_path, computed + '[{ sql = "id + 0" }]'), "2") == ["2"]


def test_who_cannot_be_asked_for_is_read_with_all(mariadb_database: str, postgres_database: str, tmp_path: Path) -> None:
    """A key with blanks around it, or of bytes, is not found again as the ledger has it: all are read each time."""
    with crm(postgres_database) as connection:
        connection.exec_driver_sql("CREATE TABLE people (id TEXT, phone TEXT, modified TIMESTAMP)")
        connection.exec_driver_sql("INSERT INTO people VALUES ('K1', '1', '2026-01-01')")
    with crm(mariadb_database) as connection:
        connection.exec_driver_sql("CREATE TABLE people (id BINARY(2), phone VARCHAR(40), modified DATETIME)")
        connection.exec_driver_sql("INSERT INTO people VALUES (x'FF01', '1', '2026-01-01')")
    assert ids(binary := opened(mariadb_database, tmp_path)) == ["0xff01"]
    assert binary.position is None
    ids(source := opened(postgres_database, tmp_path))
    assert source.position is not None
    assert source.resume(source.position)
    with crm(postgres_database) as connection:
        connection.exec_driver_sql("INSERT INTO people VALUES (' K2', '2', '2026-01-02')")
    ids(source)
    assert source.position is None


@pytest.mark.parametrize("key", ['key = ["id"]\nkey_otherwise = ["phone"]', 'key = ["id", "phone"]'])
def test_changes_are_found_only_where_one_column_is_the_key(crm_url: str, tmp_path: Path, key: str) -> None:
    """A row whose key is another column, or several, is not found again by it: all are read each time."""
    people(crm_url, (1, "a", "2026-01-01 10:00:00"))
    source = opened(crm_url, tmp_path, MAPPING.replace('key = ["id"]', key))
    assert ids(source) == ["1"]
    assert source.position is None
    assert not source.resume("2026-01-01T10:00:00+00:00")


def test_numbered_keys_are_counted_over_all_rows(sqlite_database: str, tmp_path: Path) -> None:
    """Where equal keys are told apart by their order, a read of some rows would number them wrongly: all are read."""
    people(sqlite_database, (1, "a", "2026-01-01 10:00:00"))
    source = opened(sqlite_database, tmp_path, MAPPING.replace('title = "test"', 'title = "test"\nkey_is_unique = false'))
    assert not source.resume("2026-01-01T10:00:00+00:00")


def test_a_date_that_is_no_date_is_told_at_once(postgres_database: str, tmp_path: Path) -> None:
    """A column of text cannot be compared with a time: that is said before the first run, not by the second."""
    with crm(postgres_database) as connection:
        connection.exec_driver_sql("CREATE TABLE people (id INTEGER, phone TEXT, modified TEXT)")
    with pytest.raises(FixSetup, match=r"sql\.modified: modified is not a time; make it one in the query, with CAST"):
        opened(postgres_database, tmp_path)


def test_unix_seconds_are_a_zone(crm_url: str, tmp_path: Path) -> None:
    """WooCommerce dates its customers by seconds since 1970."""
    with crm(crm_url) as connection:
        connection.exec_driver_sql("CREATE TABLE people (id INTEGER PRIMARY KEY, phone VARCHAR(40), modified BIGINT)")
        connection.execute(sa.text("INSERT INTO people VALUES (1, 'a', 1767225600), (2, 'b', 999999999), (3, 'c', NULL)"))
    mapping = MAPPING + 'zone = "unix"\n'
    source = opened(crm_url, tmp_path, mapping)
    ids(source)
    assert source.position == "2026-01-01T00:00:00+00:00"
    again = opened(crm_url, tmp_path, mapping)
    assert again.resume(source.position)
    assert ids(again) == ["1", "3"]


def test_prefixes_are_found_by_looking(crm_url: str, tmp_path: Path) -> None:
    """Whatever the prefix, the tables are found; where there are several, the user is asked to choose."""
    people(crm_url, (1, "a", None), table="acme_people")
    assert ids(opened(crm_url, tmp_path)) == ["1"]
    people(crm_url, (2, "b", None), table="old_people")
    with pytest.raises(FixSetup, match=r"source\.prefix: several test .*'acme_', 'old_'; choose one"):
        opened(crm_url, tmp_path)
    assert ids(opened(crm_url, tmp_path, prefix="old_")) == ["2"]


def test_tables_of_another_schema_are_told_of(postgres_database: str, tmp_path: Path) -> None:
    """PostgreSQL shows what is on its path: how to put a schema there is said, and then its materialized views serve too."""
    with crm(postgres_database) as connection:
        connection.exec_driver_sql("CREATE SCHEMA mine")
        connection.exec_driver_sql("CREATE MATERIALIZED VIEW mine.people AS SELECT 1 AS id, 'a' AS phone, now() AS modified")
    with pytest.raises(FixSetup, match="search_path%3Dschema"):
        opened(postgres_database, tmp_path)
    assert ids(opened(optional(postgres_database, options="-csearch_path=mine"), tmp_path)) == ["1"]


def test_other_tables_are_named(crm_url: str, tmp_path: Path) -> None:
    """A mapping for another CRM is answered with what it would need and what is there."""
    people(crm_url, table="animals")
    with pytest.raises(FixSetup, match=r"not the tables of test: it has …people, here are animals"):
        opened(crm_url, tmp_path)


def test_pieces_of_a_query_follow_the_schema(crm_url: str, tmp_path: Path) -> None:
    """The first alternative whose table or column is there is taken; where none is, that is said."""
    people(crm_url, (1, "a", None))
    picked = MAPPING.replace("SELECT id, phone", "SELECT id, {phone} AS phone")
    renamed = '[sql.pick]\nphone = [{ has = "people.mobile", sql = "mobile" }, { has = "{prefix}people.PHONE", sql = "phone" }]\n'
    assert ids(opened(crm_url, tmp_path, picked + renamed)) == ["1"]
    with pytest.raises(FixSetup, match=r"sql\.pick\.phone: none of its alternatives"):
        opened(crm_url, tmp_path, picked + '[sql.pick]\nphone = [{ has = "people.mobile", sql = "mobile" }]\n')


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("postgresql://nobody-7f3a:secret-9c1d@127.0.0.1:1/none", "does not answer"),
        ("mysql://nobody:secret-9c1d@127.0.0.1:1/none", "does not answer"),
        ("sqlite:///no-such-file.db", "there is no file no-such-file.db"),
        ("mumble", "is not a database's URL"),
        ("mumble://x/y", "mumble"),
        ("mysql://nobody:1@secret-9c1d:2@127.0.0.1/none", "is not a database's URL"),
        ("mysql://nobody:1@secret-9c1d/2@127.0.0.1/none", "write @ as %40"),
        ("mysql://nobody:secret-9c1d@127.0.0.1/", "names no database"),
    ],
)
def test_what_is_wrong_with_a_url_is_a_sentence(url: str, what: str) -> None:
    """No traceback, no password; a server that does not answer may do so later."""
    with pytest.raises(SyncError) as fault:
        sources.open_source(Source(type="sql", url=SecretStr(url), mapping="odoo"))
    assert what in str(fault.value)
    assert "secret-9c1d" not in str(fault.value)
    assert isinstance(fault.value, TryLater if "not answer" in what else FixSetup)


def test_an_option_that_the_driver_does_not_know_is_the_users_to_mend(mariadb_database: str, postgres_database: str) -> None:
    """A misspelt option in a URL is named, and is nothing that passes by itself."""
    for url in (mariadb_database, postgres_database):
        with pytest.raises(FixSetup, match="ssl_mood"):
            sources.open_source(Source(type="sql", url=SecretStr(optional(url, ssl_mood="glad")), mapping="odoo"))


def test_a_database_file_is_never_made(tmp_path: Path) -> None:
    """However the URL is written, a file that is not there is a fault, and is still not there afterwards."""
    with pytest.raises(FixSetup, match="there is no file"):
        sources.open_source(Source(type="sql", url=SecretStr(f"sqlite+pysqlite:///{tmp_path / 'crm.db'}"), mapping="odoo"))
    assert not (tmp_path / "crm.db").exists()


def test_what_passes_is_told_from_what_does_not(postgres_database: str, tmp_path: Path) -> None:
    """A query that took too long may do better later; one that divides by zero in its fifth row will not."""
    query = tmp_path / "own.sql"

    def read(url: str, text: str) -> None:
        query.write_text(text)
        list(sources.open_source(Source(type="sql", url=SecretStr(url), query=str(query))).chunks())

    hasty = optional(postgres_database, options="-cstatement_timeout=100")
    with pytest.raises(TryLater, match="statement timeout"):
        read(hasty, "SELECT 1 AS id, '2' AS phone FROM (SELECT pg_sleep(n) FROM generate_series(60, 61) AS n) AS slow")
    with pytest.raises(FixSetup, match="division by zero"):
        read(postgres_database, "SELECT 1 / (5 - n) AS id, '2' AS phone FROM generate_series(1, 10) AS n")


def test_a_refused_login_is_the_users_to_mend(mariadb_database: str) -> None:
    """A wrong password is not tried again, and is not repeated."""
    url = sa.make_url(mariadb_database).set(username="nobody", password="secret-9c1d").render_as_string(hide_password=False)
    with pytest.raises(FixSetup, match="Access denied") as fault:
        sources.open_source(Source(type="sql", url=SecretStr(url), mapping="suitecrm"))
    assert "secret-9c1d" not in str(fault.value)


def test_a_query_of_ones_own_that_is_wrong_is_a_sentence(crm_url: str, tmp_path: Path) -> None:
    """The database's own words on a misspelt column; two columns of one name; a file that is not there or empty."""
    people(crm_url)
    query = tmp_path / "own.sql"

    def read(text: str) -> None:
        query.write_text(text)
        sources.open_source(Source(type="sql", url=SecretStr(crm_url), query=str(query)))

    with pytest.raises(FixSetup, match="mobyle"):
        read("SELECT id, mobyle FROM people")
    if not crm_url.startswith("sqlite"):  # that one tells them apart by itself
        with pytest.raises(FixSetup, match=r"(?i)the name 'phone'|duplicate"):
            read("SELECT phone, p.* FROM people p")
    with pytest.raises(FixSetup, match="must hold one SELECT"):
        read(" ;\n")
    query.unlink()
    with pytest.raises(FixSetup, match=r"source\.query: .*own\.sql cannot be read"):
        sources.open_source(Source(type="sql", url=SecretStr(crm_url), query=str(query)))


def test_a_mapping_for_files_needs_a_query(crm_url: str) -> None:
    """A database with the mapping of a CRM that exports files is answered with what to do."""
    with pytest.raises(FixSetup, match=r"HubSpot reads files.*source\.query"):
        sources.open_source(Source(type="sql", url=SecretStr(crm_url), mapping="hubspot"))


def test_init_writes_what_sync_will_read(tmp_path: Path, sandbox: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative SQLite file, a configuration in another folder, a variable that holds a URL or a file: all are found."""
    (tmp_path / "crm.db").touch()
    people(f"sqlite:///{tmp_path / 'crm.db'}", (1, "0612345678", "2026-01-01 10:00:00"))
    (tmp_path / "own.sql").write_text("SELECT id, phone FROM people")
    (tmp_path / "contacts.csv").write_text("id,phone\n1,0612345678\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    environment = {"ARDARY_URL": sandbox, "ARDARY_LOGIN": LOGIN, "ARDARY_PASSWORD": PASSWORD}
    environment |= {"CRM_URL": "sqlite:///../crm.db", "EXPORT": str(tmp_path / "contacts.csv")}
    for config in ("sync.toml", "elsewhere/sync.toml"):
        for words in (
            ["sqlite:///crm.db", "--query", "own.sql"],
            [f"sqlite:///{tmp_path}/crm.db", "--query", "own.sql"],
            ["${EXPORT}"],
            *([["${CRM_URL}", "--query", "own.sql"]] if "/" in config else []),
        ):
            made = CliRunner().invoke(cli, ["init", *words, "--config", config, "--force"], env=environment)
            assert made.exit_code == 0, made.output
            planned = CliRunner().invoke(cli, ["plan", "--json", "--config", config], env=environment)
            assert planned.exit_code == 0, planned.output
            assert json.loads(planned.stdout)["rows"]["to_send"] == 1


def test_another_database_is_read_in_full_by_the_query_as_it_stands(
    sqlite_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where we do not know that a query may stand inside another, nothing is put around it, and changes are not asked for."""
    people(sqlite_database, (2, "b", "2026-01-02 00:00:00"), (1, "a", "2026-01-01 00:00:00"))
    monkeypatch.setattr("sync_connector.sources._database.WRAPPED", ())
    ordered = MAPPING.replace("FROM {prefix}people'", "FROM {prefix}people ORDER BY phone DESC'")
    source = opened(sqlite_database, tmp_path, ordered)
    assert ids(source) == ["2", "1"]
    assert source.position is None
    assert not source.resume("2026-01-01T00:00:00+00:00")


def test_a_zone_that_cannot_be_asked_for_is_not_guessed(crm_url: str, tmp_path: Path) -> None:
    """Where the CRM's own table of settings cannot be read, the user names the zone."""
    people(crm_url, (1, "a", "2026-01-01 10:00:00"))
    asking = MAPPING + 'zone_query = "SELECT name FROM zones"\n'
    with pytest.raises(FixSetup, match=r"does not tell in which time zone .*zones.*name it in source\.zone"):
        opened(crm_url, tmp_path, asking)
    assert ids(opened(crm_url, tmp_path, asking, zone="Europe/Paris")) == ["1"]
