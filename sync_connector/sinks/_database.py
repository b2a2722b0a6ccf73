"""A database that events are written into: opened, its session prepared, and what goes wrong in it as a sentence.

Not a sink itself: `sql` writes with it. Law: nothing is cut or guessed silently, so MySQL is strict; times are UTC; whoever waits
for a lock waits no longer than `sinks.timeout`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sync_connector.config import Sink as SinkSettings
from sync_connector.database import STANDARD_MODE, Cause, cause_of, connected, not_installed, said, sentences, server_url, shown
from sync_connector.errors import FixSetup, TryLater
from sync_connector.fault_points import transaction

KINDS = ("postgresql", "mysql", "sqlite")
STRICT_MODE = STANDARD_MODE.replace("',", "',STRICT_ALL_TABLES,")
LONGEST_REASON = 200


class Database:
    """A database to be written into. `name` is SQLAlchemy's for its kind, `shown` what it is called in messages: without login
    and password."""

    def __init__(self, settings: SinkSettings) -> None:
        if settings.url is None:
            raise FixSetup(f'sinks.url: is missing for {settings.name}; write url = "${{CRM_URL}}"')
        self.url = server_url(settings.url.get_secret_value(), "sinks.url")
        self.shown = f"sink {settings.name}, {shown(self.url)}"
        self.name = {"mariadb": "mysql", "postgres": "postgresql"}.get(self.url.get_backend_name(), self.url.get_backend_name())
        if self.name not in KINDS:
            raise FixSetup(f"sinks.url: events are written into {', '.join(KINDS)}, not into {self.name}")
        if self.name == "sqlite":
            _make_file(self.url.database)
        self._seconds = max(1, round(settings.timeout))
        arguments = {
            "postgresql": {"tcp_user_timeout": self._seconds * 1000},
            "mysql": {
                "init_command": f"{STRICT_MODE}, time_zone = '+00:00', innodb_lock_wait_timeout = {self._seconds}",
                "read_timeout": self._seconds,
                "write_timeout": self._seconds,
            },
            "sqlite": {"timeout": settings.timeout},
        }[self.name]
        try:
            # One connection is kept; whether it is still there is asked before each delivery.
            self.engine = sa.create_engine(
                self.url, connect_args=arguments, pool_size=1, max_overflow=0, pool_pre_ping=True, hide_parameters=True
            )
        except (sa.exc.NoSuchModuleError, ImportError) as fault:
            raise not_installed(fault, "sinks.url") from None
        if self.name == "sqlite":
            sa.event.listen(self.engine, "connect", _leave_transactions_to_us)
            sa.event.listen(self.engine, "begin", _begin)

    @contextmanager
    def transaction(self, point: str) -> Iterator[sa.Connection]:
        """A transaction that is committed at the end. What goes wrong in it is a sentence, without the password. `point`: what
        its fault points are called."""
        with (
            sentences(self.url, self.shown, "nothing is lost, run it again"),
            connected(self.engine, self.shown) as connection,
        ):
            if self.name == "mysql":  # read what others have committed, also after having waited for them
                connection.execution_options(isolation_level="READ COMMITTED")
            with transaction(connection, point):
                self._prepare(connection)
                yield connection

    def _prepare(self, connection: sa.Connection) -> None:
        if self.name == "postgresql":
            milliseconds = self._seconds * 1000
            connection.exec_driver_sql(
                f"SET LOCAL statement_timeout = {milliseconds}; SET LOCAL lock_timeout = {milliseconds}; "
                # What is checked only at the commit could not be told from what is all right.
                "SET LOCAL TimeZone = 'UTC'; SET CONSTRAINTS ALL IMMEDIATE"
            )

    @contextmanager
    def alone(self, connection: sa.Connection) -> Iterator[None]:
        """While tables are made, others who would make them wait: MySQL does so outside of transactions."""
        if self.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('sync-connector tables'))"))
        if self.name != "mysql":  # SQLite's transactions are alone in any case
            yield
            return
        name = "CONCAT('sync-connector ', MD5(DATABASE()))"
        if connection.scalar(sa.text(f"SELECT GET_LOCK({name}, :seconds)"), {"seconds": self._seconds}) != 1:
            raise TryLater(f"{self.shown}: another process is making our tables; run it again")
        try:
            yield
        finally:
            connection.execute(sa.text(f"SELECT RELEASE_LOCK({name})"))

    def refuses(self, fault: Exception) -> bool:
        """Whether an error of a statement is about the data that it was to write, so that other data may be written."""
        if isinstance(fault, sa.exc.DBAPIError):
            return cause_of(fault, self.url) is Cause.DATA
        return isinstance(fault, UnicodeError | OverflowError)

    def reason(self, fault: Exception, row: Mapping[str, object]) -> str:
        """Why a row was refused, in the server's words, without anything that stands in the row."""
        if isinstance(fault, UnicodeError):
            return "it has a sign that the database cannot hold"
        if not isinstance(fault, sa.exc.DBAPIError):
            return "it has a value that the database cannot hold"
        diagnosis = getattr(fault.orig, "diag", None)
        # What PostgreSQL says in detail is the row itself.
        words = getattr(diagnosis, "message_primary", None) or said(fault, self.url)
        return f"the database says: {_without(row, ' '.join(words.split()))}"

    def close(self) -> None:
        """Let go of the connection."""
        self.engine.dispose()


def _without(row: Mapping[str, object], words: str) -> str:
    """A sentence without the values of a row, nor any quoted text that is no name, nor a long number."""
    # In quotes only what looks like the name of a table, a column or a constraint may stay.
    words = re.sub(r"'(?![\w.@ -]{0,80}')[^']*'|\"(?![\w.@ -]{0,80}\")[^\"]*\"", "'…'", words)
    values = {str(value) for value in row.values() if isinstance(value, str) and len(value) > 1}
    for value in sorted(values, key=len, reverse=True):
        words = re.sub(re.escape(value), "…", words, flags=re.IGNORECASE)
    words = re.sub(r"\+?\d[\d .-]{4,}\d", "…", words)
    return words if len(words) <= LONGEST_REASON else words[: LONGEST_REASON - 1] + "…"


def _make_file(path: str | None) -> None:
    """An SQLite file of its owner alone, if there is none."""
    if not path or path == ":memory:":
        raise FixSetup("sinks.url: names no file; write sqlite:///events.db")
    if not Path(path).exists():
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as fault:
            raise FixSetup(f"sinks.url: {path} cannot be made: {fault.strerror}") from None


def _leave_transactions_to_us(connection: Any, _record: object) -> None:
    # The driver's own notion of transactions knows no savepoints; SQLAlchemy's recipe.
    connection.isolation_level = None


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
