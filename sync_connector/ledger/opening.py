"""Opening the ledger's database, and bringing its tables up to date."""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from sync_connector.errors import FixSetup, TryLater
from sync_connector.fault_points import reach, transaction
from sync_connector.ledger import soundness
from sync_connector.ledger.schema import metadata

HEAD = "0005"
"""The newest migration. A ledger that has it needs no Alembic, which takes longer to import than a quiet night."""

_ALONE = {"postgresql": "SELECT pg_advisory_xact_lock(7311582)", "sqlite": "PRAGMA user_version = 0"}
"""What takes a lock for the rest of a transaction and changes nothing, so that of several that begin at the same moment one
brings the tables up to date, and the others find that it did."""


COPY = 0x53796E43
"""The `application_id` of a copy. One that is opened to be written has been put back, and is older than what the vendor has."""

_DOUBTED = (
    # What was edited after the copy may have been undone since: then the row is as the copy has it, and the vendor's is not.
    # Of one in state unknown the row is told as it was sent: it stays in doubt.
    "UPDATE contacts SET row_fp = CASE WHEN state = 'unknown' THEN row_fp END, payload_fp = NULL WHERE payload_fp IS NOT NULL",
    "DELETE FROM positions",
    "PRAGMA application_id = 0",
)


def open_engine(url: str, *, write: bool) -> Engine:
    """The ledger's database, with the tables of this version if it is to be written.

    To read only, a ledger that is not there is an empty one in memory. Raises `FixSetup` (the URL, a file that is no ledger, a
    ledger of a newer version) and `TryLater` (a server that does not answer).
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # or a port that is no number
        raise FixSetup("ledger.url: is not an SQLAlchemy URL; write sqlite:///sync-ledger.db") from None
    try:
        name = parsed.get_backend_name()
        if name not in ("sqlite", "postgresql"):
            raise FixSetup(f"ledger.url: a ledger is kept in sqlite or postgresql, not in {name}")
        if (parsed.database or "").startswith("file:") and name == "sqlite":  # SQLite would open another file than we look at
            raise FixSetup("ledger.url: is the address of a file:; write sqlite:/// and the file's path")
        if name == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        elif not write and parsed.database and not Path(parsed.database).exists():
            soundness.look(parsed.database, write=False)  # a -wal may be left of it
            parsed = parsed.set(database=":memory:")
        elif parsed.database and parsed.database != ":memory:":
            soundness.look(parsed.database, write=write)
        try:
            engine = _engine(parsed)
        except (sa.exc.ArgumentError, ValueError):  # the fault may show a part of the password
            raise FixSetup("ledger.url: the driver does not take it as it is; write sqlite:///sync-ledger.db") from None
        try:
            if _bring_up_to_date(engine, write=write):
                if write and engine.dialect.name == "sqlite":
                    _doubt_a_copy(engine)
                return engine
        except BaseException:
            engine.dispose()
            raise
        engine.dispose()
        engine = _engine(sa.make_url("sqlite://"))
        _bring_up_to_date(engine, write=True)
        return engine
    except ModuleNotFoundError as fault:
        raise FixSetup(f"ledger.url: {fault.name} is not installed; install sync-connector[postgresql]") from None
    except sa.exc.OperationalError as fault:
        if isinstance(refused := soundness.refusal(fault.orig), FixSetup):
            raise refused from None
        raise TryLater(f"the ledger cannot be opened: {_first_line(fault)}") from None
    except sa.exc.DatabaseError as fault:
        raise FixSetup(f"the ledger is damaged, or is no ledger: {_first_line(fault)}; {soundness.ADVICE}") from None


def _doubt_a_copy(engine: Engine) -> None:
    """Of a copy that was put back nothing is certain that the vendor accepted: the next sync offers all of it again."""
    with engine.connect() as connection:
        if connection.exec_driver_sql("PRAGMA application_id").scalar() != COPY:
            return
        connection.rollback()
        with transaction(connection, "ledger.doubt"):
            for statement in _DOUBTED:
                connection.exec_driver_sql(statement)


def _first_line(fault: sa.exc.DBAPIError) -> str:
    return str(fault.orig).strip().splitlines()[0] if str(fault.orig).strip() else type(fault.orig).__name__


def _make_file(path: Path) -> None:
    """An empty database, readable by nobody else. It appears under its name only once it is one, so that a file of no bytes is
    never ours: it was cut, and its contents are lost. Where there is one it stays as it is. Raises `FixSetup`."""
    path = soundness.led_to(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    reach("ledger.file.before")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with closing(sqlite3.connect(part)) as made:
            made.execute("PRAGMA journal_mode=WAL")  # it writes the first page
        try:
            os.link(part, path)
        except FileExistsError:  # somebody was quicker
            return
        except OSError:  # a file system without links: it is made under its name, since none may be put in another's place
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
                with closing(sqlite3.connect(path)) as made:
                    made.execute("PRAGMA journal_mode=WAL")
        reach("ledger.file.after")
    except (OSError, sqlite3.OperationalError) as fault:
        raise FixSetup(f"ledger.url: {path} cannot be made: {getattr(fault, 'strerror', None) or fault}") from None
    finally:
        for name in (part, Path(f"{part}-wal"), Path(f"{part}-shm"), Path(f"{part}-journal")):
            with suppress(OSError):
                name.unlink()


def _engine(url: sa.URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        return sa.create_engine(url, pool_pre_ping=True, hide_parameters=True)  # they are people's data
    if url.database and url.database != ":memory:":
        if not Path(url.database).exists():
            _make_file(Path(url.database))
        engine = sa.create_engine(url, hide_parameters=True)
    else:
        engine = sa.create_engine(
            url, poolclass=sa.pool.StaticPool, connect_args={"check_same_thread": False}, hide_parameters=True
        )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: object, _record: object) -> None:
        # The driver's own notion of transactions begins them too late for reads; SQLAlchemy's recipe.
        connection.isolation_level = None  # type: ignore[attr-defined]
        cursor = connection.cursor()  # type: ignore[attr-defined]
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=10000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _bring_up_to_date(engine: Engine, *, write: bool) -> bool:
    """Whether the ledger is there now: to read only, none is made."""
    version_table = sa.table("alembic_version", sa.column("version_num"))
    with engine.connect() as connection:
        tables = sa.inspect(connection).get_table_names()
        found = connection.scalar(sa.select(version_table.c.version_num)) if "alembic_version" in tables else None
        connection.rollback()
    if found == HEAD:
        return True
    if found is None and set(tables) & set(metadata.tables):
        raise FixSetup("ledger.url: that database has tables of these names that are not a ledger's; choose another")
    if found is not None and found > HEAD:
        raise FixSetup("the ledger was made by a newer version of sync-connector; update this one")
    if not write and found is None:
        return False
    if not write:
        raise FixSetup("the ledger is of an older version; `sync-connector sync` brings it up to date")
    from alembic import command  # a quiet night needs neither of them
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with transaction(engine, "ledger.migrate") as connection:
        connection.exec_driver_sql(_ALONE[engine.dialect.name])
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return True
