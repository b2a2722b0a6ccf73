"""Statements that are put to each database in its own words mean the same on both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sync_connector.ledger.statements import ask, put

things = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("owner", sa.BigInteger, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("blob", sa.LargeBinary),
    sa.Column("note", sa.Text),
)
COLUMNS = ("owner", "key", "blob", "note")
AMONG = "SELECT key FROM things WHERE owner = :owner AND key AMONG :keys"


@pytest.fixture
def connection(ledger_url: str) -> Iterator[sa.Connection]:
    """A database with an empty table, all of it undone afterwards."""
    engine = sa.create_engine(ledger_url)
    with engine.connect() as connection:
        things.create(connection)
        yield connection
        connection.rollback()
    engine.dispose()


def whole(connection: sa.Connection) -> list[tuple[object, ...]]:
    """All that is in the table, in order."""
    return [tuple(row) for row in connection.execute(sa.select(things).order_by(things.c.owner, things.c.key))]


def texts(connection: sa.Connection) -> st.SearchStrategy[str]:
    """What a key may be made of. PostgreSQL keeps no NUL in a text."""
    without = "\0" if connection.dialect.name == "postgresql" else ""
    return st.text(st.characters(codec="utf-8", exclude_characters=without), max_size=8)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(data=st.data())
def test_a_list_finds_exactly_its_own(connection: sa.Connection, data: st.DataObject) -> None:
    """Whatever texts are there and whatever is asked for, quotes, NUL and all, those that are both are found."""
    there = data.draw(st.sets(texts(connection), max_size=6))
    asked = data.draw(st.lists(st.one_of(texts(connection), st.sampled_from(sorted(there) or [""])), max_size=6))
    connection.execute(sa.delete(things))
    put(connection, things, COLUMNS, [(1, key, None, None) for key in there])
    found = ask(connection, AMONG, {"owner": 1, "keys": asked}).scalars().all()
    assert sorted(found) == sorted(there & set(asked))


def test_a_list_is_as_long_as_you_like(connection: sa.Connection) -> None:
    """A hundred thousand texts, or numbers, are one parameter: more than either database takes in parameters."""
    put(connection, things, COLUMNS, [(n, str(n), None, None) for n in range(100)])
    keys = [str(n) for n in range(50, 100_050)]
    assert len(ask(connection, "SELECT key FROM things WHERE key AMONG :keys", {"keys": keys}).all()) == 50
    owners = list(range(90, 100_090))
    assert len(ask(connection, "SELECT key FROM things WHERE owner AMONG :owners", {"owners": owners}).all()) == 10
    assert ask(connection, "DELETE FROM things WHERE owner AMONG :owners", {"owners": []}).rowcount == 0


def test_rows_overwrite_what_is_named_and_nothing_else(connection: sa.Connection) -> None:
    """A row that is there keeps the columns that are not moved; one that is not there is made."""
    put(connection, things, COLUMNS, [(1, "a", b"\x00\xff", "first"), (1, "b", None, None)])
    put(connection, things, COLUMNS, [(1, "a", b"new", "second"), (2, "a", b"", "é")], over=("owner", "key"), moved=("note",))
    assert whole(connection) == [(1, "a", b"\x00\xff", "second"), (1, "b", None, None), (2, "a", b"", "é")]
    put(connection, things, COLUMNS, [(1, "a", None, None), (3, "c", None, None)], over=("owner", "key"))
    assert whole(connection)[0] == (1, "a", b"\x00\xff", "second")
    assert whole(connection)[-1] == (3, "c", None, None)


def test_of_two_rows_for_one_the_last_counts(connection: sa.Connection) -> None:
    """A batch that names a row twice leaves what it said last."""
    rows = [(1, "a", None, "first"), (1, "b", None, "other"), (1, "a", None, "last")]
    put(connection, things, COLUMNS, rows, over=("owner", "key"), moved=("note",))
    assert whole(connection) == [(1, "a", None, "last"), (1, "b", None, "other")]


def test_nothing_to_put_is_no_statement(connection: sa.Connection) -> None:
    """No rows, no change, and no fault."""
    put(connection, things, COLUMNS, [])
    assert whole(connection) == []
