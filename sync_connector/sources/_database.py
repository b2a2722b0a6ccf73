"""A CRM's database: opened to be read and nothing else, and its cells as text.

Not a source itself: `sql` reads with it. Law: one read-only transaction on one snapshot, rows by a server-side cursor; what
goes wrong is a sentence without the password. What differs in reading from database to database stands here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from sync_connector.config import Source
from sync_connector.database import STANDARD_MODE, connected, not_installed, sentences, server_url, shown
from sync_connector.errors import FixSetup

WRAPPED = ("postgresql", "mysql", "sqlite")
"""Databases in which a query may stand inside another, and whose sessions are set to UTC; others are read in full, as the
query stands."""

_CONNECT = {"mysql": {"init_command": STANDARD_MODE}, "mariadb": {"init_command": STANDARD_MODE}}
_SESSION = {
    "postgresql": ("SET TIME ZONE 'UTC'", "SET DateStyle TO 'ISO'"),
    "mysql": (
        # The server hangs up on a reader that pauses for longer than this; a chunk may take its time.
        "SET SESSION net_write_timeout = 3600, net_read_timeout = 3600, time_zone = '+00:00'",
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "SET SESSION TRANSACTION READ ONLY",
    ),
    "sqlite": ("PRAGMA query_only = ON",),
}


class Database:
    """A CRM's database, to be read and nothing else. `name` is SQLAlchemy's for its kind, `shown` what it is called in
    messages: without login and password. `wraps`: a query may stand inside another there."""

    def __init__(self, settings: Source) -> None:
        self.url = url_of(settings)
        self.shown = shown(self.url)
        try:
            # A query of the user's own means what it means in that database's own mode.
            arguments = {} if settings.query else _CONNECT.get(self.url.get_backend_name(), {})
            self.engine = sa.create_engine(self.url, poolclass=sa.pool.NullPool, connect_args=arguments, hide_parameters=True)
        except (sa.exc.NoSuchModuleError, ImportError) as fault:
            raise not_installed(fault, "source.url") from None
        self.name = {"mariadb": "mysql"}.get(self.engine.dialect.name, self.engine.dialect.name)
        self.wraps = self.name in WRAPPED

    @contextmanager
    def connection(self) -> Iterator[sa.Connection]:
        """A read-only transaction on one snapshot. What goes wrong in it is a sentence, without the password."""
        try:
            with sentences(self.url, self.shown, "nothing was sent"), connected(self.engine, self.shown) as connection:
                if self.name == "postgresql":
                    connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                for statement in _SESSION.get(self.name, ()):
                    connection.exec_driver_sql(statement)
                if self.name == "mysql":  # it takes effect with the next transaction
                    connection.rollback()
                yield connection
                connection.rollback()
        except UnicodeEncodeError as fault:
            sign = fault.object[fault.start : fault.end]
            raise FixSetup(f"{self.shown}: the query has {sign!r} in it, which the database's encoding has not") from None

    def now(self, connection: sa.Connection) -> datetime:
        """The database's own clock."""
        raw = connection.scalar(sa.text("SELECT CAST(CURRENT_TIMESTAMP AS CHAR(19))"))
        return datetime.fromisoformat(str(raw)[:19]).replace(tzinfo=UTC)


def url_of(settings: Source) -> sa.URL:
    """The database's URL, with the driver that we bring. Raises `FixSetup`."""
    if settings.url is None:
        raise FixSetup("source.url is missing")
    url = server_url(settings.url.get_secret_value(), "source.url")
    if url.get_backend_name() == "sqlite" and not (url.database and Path(url.database).is_file()):  # the driver would make one
        raise FixSetup(f"source.url: there is no file {url.database or ''}")
    return url


def as_text(connection: sa.Connection) -> None:
    """Have the driver hand over text as the server writes it: faster than objects, and no date is beyond it. Where the
    server does not vouch for the encoding it comes as bytes, so that one bad cell does not end a read."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.driver == "psycopg":
        from psycopg import postgres  # only where this database is read
        from psycopg.types.string import TextLoader

        if driver.info.parameter_status("server_encoding") == "SQL_ASCII":
            connection.exec_driver_sql("SET client_encoding TO SQL_ASCII")
        for kind in postgres.types:
            for oid in (kind.oid, kind.array_oid):
                if oid:
                    driver.adapters.register_loader(oid, TextLoader)
    elif connection.dialect.driver == "pymysql":
        driver.decoders, driver.use_unicode = {}, False
    elif connection.dialect.driver == "pysqlite":
        driver.text_factory = bytes


@contextmanager
def let_go(result: sa.CursorResult[Any]) -> Iterator[None]:
    """Of a result whose rows are read one by one, nothing more is asked for once its connection is lost: PyMySQL would try to
    when it is collected, and tell standard error of it at length."""
    unread = getattr(result.cursor, "_result", None) if result.dialect.driver == "pymysql" else None
    try:
        yield
    except sa.exc.DBAPIError as fault:
        if unread is not None and fault.connection_invalidated:
            unread.unbuffered_active = False
        raise


BIT = 16  # MySQL's type of bits, which come as bytes that are a number


def bits_of(result: sa.CursorResult[Any]) -> set[int]:
    """Which columns of a result are bits."""
    if result.dialect.driver != "pymysql" or result.cursor is None:
        return set()
    return {at for at, column in enumerate(result.cursor.description or ()) if column[1] == BIT}


def _numbers(column: Sequence[bytes | None]) -> Sequence[str | None]:
    return [None if value is None else str(int.from_bytes(value, "big")) for value in column]


def columns(part: Sequence[Sequence[object]], bits: set[int], keys: set[int]) -> list[pa.Array]:
    """Rows as columns of text (large_string, no nulls). `bits`: columns of bits; `keys`: of identifiers, of which no two may
    become one."""
    return [
        _strings(_numbers(column) if at in bits else column, _key_string if at in keys else _string)
        for at, column in enumerate(zip(*part, strict=True))
    ]


def _strings(column: Sequence[object], string: Callable[[object], str | None]) -> pa.Array:
    """A column of text; `string` makes it of what is neither text nor its bytes."""
    try:
        text = column
        if isinstance(next((value for value in column if value is not None), None), bytes):
            # Arrow takes bytes for text as well, three times slower.
            text = [None if value is None else value.decode() for value in column]  # type: ignore[attr-defined]
        array = pa.array(text, pa.large_string())
        if string is _key_string and pc.any(pc.match_substring(array, "\0")).as_py():
            raise pa.ArrowInvalid("no text")
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeError, AttributeError):
        array = pa.array([string(value) for value in column], pa.large_string())
    return pc.fill_null(array, "")


def _string(value: object) -> str | None:
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case bytes() | bytearray() | memoryview():
            try:
                return bytes(value).decode("utf-8")
            except UnicodeDecodeError:
                return bytes(value).decode("cp1252", "replace")
        case _:
            return str(value)


def _key_string(value: object) -> str | None:
    """A key of bytes that are no text as hexadecimal digits: guessed letters would make one of two."""
    text = _string(value)
    if isinstance(value, bytes | bytearray | memoryview) and (text is None or "\0" in text or text.encode() != bytes(value)):
        return f"0x{bytes(value).hex()}"
    return text
