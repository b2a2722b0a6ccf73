"""The inbox: the raw callbacks, as they came, in the order in which they were stored.

Law: when `append` returns, the callbacks are on disk even if the power fails: SQLite syncs at each commit, PostgreSQL is
told to. A sequence number is handed out under a lock that is held until the commit, so numbers become visible in order and
without holes, however many receivers share one database: a reader's cursor never passes a callback that is yet to come.

It is a database of its own, since the receiver may stand on another machine than the ledger. It keeps no address and no secret.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from sync_connector.errors import FixSetup, TryLater
from sync_connector.fault_points import transaction

VERSION = 1
PAGE_SIZE = 8 << 20  # characters of the queries of one page
FORGET_AT_ONCE = 5_000  # rows in one transaction, so that no callback waits for it
SERVER_TIMEOUT = 10_000  # milliseconds for one statement; a receiver that died must not hold the lock for longer

metadata = sa.MetaData()

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("slot", sa.Integer, sa.CheckConstraint("slot = 1", name="ck_inbox_one_row"), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("id", sa.Text, nullable=False),  # a cursor is about one inbox
    sa.Column("newest", Number, nullable=False),  # the last sequence number that was handed out
    sa.Column("acknowledged", Number, nullable=False),  # all up to here is safely inside
)

callbacks = sa.Table(
    "callbacks",
    metadata,
    sa.Column("sequence", Number, primary_key=True, autoincrement=False),
    sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("query", sa.Text, nullable=False),
)

HAND_OUT = sa.update(inbox).values(newest=inbox.c.newest + sa.bindparam("count", type_=Number)).returning(inbox.c.newest)
STORE = sa.insert(callbacks)


class Arrival(NamedTuple):
    """A callback as it came. `received_at` is UTC; `query` is the raw query string, in printable ASCII."""

    sequence: int
    received_at: datetime
    query: str


class Page(NamedTuple):
    """Callbacks in order, and the last sequence number that the inbox, whose id is `inbox`, has handed out."""

    inbox: str
    callbacks: list[Arrival]
    newest: int


class Origin(Protocol):
    """Where callbacks are pulled from: an inbox that can be opened here, or one behind its receiver."""

    def page(self, after: int, limit: int) -> Page:
        """At most `limit` callbacks behind that sequence number, and at least one if there is any."""

    def acknowledge(self, upto: int) -> None:
        """All up to that sequence number is safely inside."""

    def close(self) -> None:
        """Let go of what is open."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """An open inbox. Use `open_inbox`. Its functions may be called by several threads at once.

    Each raises `TryLater` where the database does not answer, is full or locked, and `FixSetup` where it is damaged.
    """

    engine: Engine
    id: str

    def append(self, arrivals: Sequence[tuple[datetime, str]]) -> int:
        """Store callbacks (when each came, its query in printable ASCII) in one transaction; the last sequence number.

        Of none, it is a transaction that changes nothing: it shows whether the inbox can be written.
        """
        with _told(), _writing(self.engine, "inbox.append") as connection:
            newest = int(connection.scalars(HAND_OUT, {"count": len(arrivals)}).one())  # the row stays locked until the commit
            first = newest - len(arrivals) + 1
            rows = [
                {"sequence": sequence, "received_at": received_at.astimezone(UTC), "query": query}
                for sequence, (received_at, query) in enumerate(arrivals, first)
            ]
            if rows:
                connection.execute(STORE, rows)
        return newest

    def page(self, after: int, limit: int) -> Page:
        """At most `limit` callbacks behind `after`, fewer where their queries would come to more than `PAGE_SIZE`.

        A `newest` below `after` means that the inbox went back in time: it was restored from a copy.
        """
        found: list[Arrival] = []
        size = 0
        with _told(), self.engine.connect() as connection:
            newest = int(connection.scalars(sa.select(inbox.c.newest)).one())
            wanted = (
                sa.select(callbacks)
                .where(callbacks.c.sequence > after, callbacks.c.sequence <= newest)
                .order_by(callbacks.c.sequence)
                .limit(limit)
                .execution_options(yield_per=100)
            )
            with connection.execute(wanted) as rows:
                for row in rows:
                    size += len(row.query)
                    if found and size > PAGE_SIZE:
                        break
                    found.append(Arrival(row.sequence, _utc(row.received_at), row.query))
        return Page(self.id, found, newest)

    def acknowledge(self, upto: int) -> None:
        """All up to that sequence number is safely inside and may be forgotten. It never goes back.

        Raises `FixSetup` where no callback of that number exists: then the cursor is of another copy of the inbox.
        """
        with _told(), _writing(self.engine, "inbox.acknowledge") as connection:
            forward = sa.update(inbox).where(inbox.c.acknowledged < upto, inbox.c.newest >= upto).values(acknowledged=upto)
            if connection.execute(forward).rowcount == 0:
                newest = int(connection.scalars(sa.select(inbox.c.newest)).one())
                if upto > newest:
                    raise FixSetup(
                        f"callback {upto} cannot be acknowledged: the inbox has handed out {newest} so far; was it restored "
                        "from an older copy?"
                    )

    def forget(self, before: datetime) -> int:
        """Delete callbacks that are acknowledged and came before then, `FORGET_AT_ONCE` at most; how many those were.

        What is to be kept is looked through without the lock that a callback would wait for.
        """
        old = (
            sa.select(callbacks.c.sequence)
            .where(
                callbacks.c.sequence <= sa.select(inbox.c.acknowledged).scalar_subquery(),
                callbacks.c.received_at < before.astimezone(UTC),
            )
            .order_by(callbacks.c.sequence)
            .limit(FORGET_AT_ONCE)
        )
        with _told():
            with self.engine.connect() as connection:
                found = list(connection.scalars(old))
            if not found:
                return 0
            them = callbacks.c.sequence.between(found[0], found[-1]), callbacks.c.received_at < before.astimezone(UTC)
            with _writing(self.engine, "inbox.forget") as connection:
                return connection.execute(sa.delete(callbacks).where(*them)).rowcount

    def waiting(self) -> int:
        """How many callbacks are stored and not acknowledged."""
        with _told(), self.engine.connect() as connection:
            return int(connection.scalars(sa.select(inbox.c.newest - inbox.c.acknowledged)).one())

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def open_inbox(url: str) -> Inbox:
    """Open the inbox that an SQLAlchemy URL names, an SQLite file or a PostgreSQL database, and make it if it is not there.

    Raises `FixSetup` (the URL, a folder that is not there, a database that is no inbox, one of a newer version) and `TryLater`
    (a server that does not answer, a file that cannot be written).
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # or a port that is no number
        raise FixSetup("receive.inbox: is not an SQLAlchemy URL; write sqlite:///inbox.db") from None
    name = parsed.drivername.partition("+")[0]
    if name not in ("sqlite", "postgresql"):
        raise FixSetup(f"receive.inbox: an inbox is kept in sqlite or postgresql, not in {name}")
    try:
        engine = _server(parsed) if name == "postgresql" else _file(parsed)
    except ModuleNotFoundError as fault:
        raise FixSetup(f"receive.inbox: {fault.name} is not installed; install sync-connector[postgresql]") from None
    try:
        with _told():
            return Inbox(engine, _made(engine))
    except BaseException:
        engine.dispose()
        raise


@contextmanager
def _told() -> Iterator[None]:
    """The database's faults, as sentences."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as fault:
        raise TryLater(f"the inbox cannot be used: {_first_line(fault)}") from None
    except sa.exc.SQLAlchemyError as fault:
        raise FixSetup(f"receive.inbox: the inbox is damaged, or is no inbox: {_first_line(fault)}") from None


def _first_line(fault: sa.exc.SQLAlchemyError) -> str:
    said = str(fault.orig if isinstance(fault, sa.exc.DBAPIError) else fault).strip()
    return said.splitlines()[0] if said else type(fault).__name__


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)  # SQLite keeps no zone


@contextmanager
def _writing(engine: Engine, point: str) -> Iterator[Connection]:
    with engine.connect().execution_options(writing=True) as connection, transaction(connection, point):
        yield connection


def _server(url: sa.URL) -> Engine:
    given = {"connect_timeout": "5", "tcp_user_timeout": str(SERVER_TIMEOUT)} | dict(url.query)
    engine = sa.create_engine(url.set(drivername="postgresql+psycopg", query=given), pool_pre_ping=True, hide_parameters=True)

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: object, _record: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        # A server may be set up to answer before it writes. A receiver that loses its power in the middle of a commit must
        # not keep the others from theirs, as it would until the server's TCP gives it up.
        cursor.execute("SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'")
        for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
            cursor.execute("SELECT set_config(%s, %s, false)", (limit, str(SERVER_TIMEOUT)))
        cursor.close()
        connection.commit()  # type: ignore[attr-defined]  # nothing is written: the session's settings

    return engine


def _file(url: sa.URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise FixSetup("receive.inbox: an inbox in memory would lose what it acknowledged; write sqlite:///inbox.db")
    if not Path(url.database).exists():
        try:
            os.close(os.open(url.database, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as fault:
            raise FixSetup(f"receive.inbox: {url.database} cannot be made: {fault.strerror}") from None
    path, there = url.database, _identity(url.database)
    engine = sa.create_engine(url.set(drivername="sqlite"), hide_parameters=True)

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: object, _record: object) -> None:
        # The driver's own notion of transactions begins them too late for reads; SQLAlchemy's recipe.
        connection.isolation_level = None  # type: ignore[attr-defined]
        cursor = connection.cursor()  # type: ignore[attr-defined]
        for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=FULL"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("writing")
        if writing and _identity(path) != there:  # SQLite would go on writing where nobody finds it again
            raise FixSetup(f"receive.inbox: {path} was moved, deleted or replaced while it was open; put it back, or start again")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _identity(path: str) -> tuple[int, int] | None:
    try:
        seen = os.stat(path)
    except OSError:
        return None
    return seen.st_dev, seen.st_ino


def _made(engine: Engine) -> str:
    """The inbox's id; its tables and its id are made if they are not there."""
    with _writing(engine, "inbox.make") as connection:
        if engine.dialect.name == "postgresql":  # two receivers may be started for the first time at once
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('sync-connector inbox'))"))
        there = set(sa.inspect(connection).get_table_names()) & set(metadata.tables)
        if not there:
            metadata.create_all(connection)
            values = {"slot": 1, "version": VERSION, "id": secrets.token_hex(16), "newest": 0, "acknowledged": 0}
            connection.execute(sa.insert(inbox).values(values))
        _has(connection, inbox)
        found = connection.execute(sa.select(inbox.c.version, inbox.c.id)).one()
        if found.version > VERSION:
            raise FixSetup("the inbox was made by a newer version of sync-connector; update this one")
        _has(connection, callbacks)
        return str(found.id)


def _has(connection: Connection, table: sa.Table) -> None:
    looked_at = sa.inspect(connection)
    there = looked_at.get_columns(table.name) if looked_at.has_table(table.name) else []
    if not {column["name"] for column in there} >= set(table.columns.keys()):
        raise FixSetup(f"receive.inbox: that database has tables that are not an inbox's (look at {table.name}); choose another")
