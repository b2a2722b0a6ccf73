"""The ledger, as a run holds it: opened, told apart by scope, and leased to one run at a time.

What is read of it is in `reading`, what is written in `writing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_connector.errors import AskPerson
from sync_connector.fault_points import transaction
from sync_connector.ledger import leases
from sync_connector.ledger.nouns import Position, Scope, Settled, StaleNumber
from sync_connector.ledger.opening import open_engine
from sync_connector.ledger.schema import accounts, sources
from sync_connector.ledger.statements import put
from sync_connector.ledger.writing import Writer

__all__ = ["Ledger", "Position", "Scope", "Settled", "StaleNumber", "open_ledger", "utc_now"]


@dataclass(slots=True)
class Ledger(Writer):
    """An open ledger. Use `open_ledger`."""

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def scope(self, login: str, host: str, source: str) -> Scope:
        """Find the scope, without writing anything."""
        with self.engine.connect() as connection:
            account = connection.scalar(sa.select(accounts.c.id).where(accounts.c.login == login, accounts.c.host == host))
            found = connection.scalar(
                sa.select(sources.c.id).where(sources.c.account_id == (account or -1), sources.c.name == source)
            )
        return Scope(-1 if account is None else account, -1 if found is None else found)

    def make_scope(self, login: str, host: str, source: str) -> Scope:
        """Find the scope, or make it."""
        with transaction(self.engine, "ledger.make_scope") as connection:
            put(connection, accounts, ("login", "host"), [(login, host)], over=("login", "host"))
            account = connection.scalar(sa.select(accounts.c.id).where(accounts.c.login == login, accounts.c.host == host))
            put(connection, sources, ("account_id", "name"), [(account, source)], over=("account_id", "name"))
        return self.scope(login, host, source)

    @contextmanager
    def lease(self, scope: Scope, purpose: leases.Purpose = "sync") -> Iterator[None]:
        """Be the only run, pull or sender of messages of this account. Raises `AskPerson` when another one is."""
        try:
            with transaction(self.engine, "ledger.lease") as connection:
                leases.acquire(connection, scope.account_id, self.holder, purpose)
        except sa.exc.IntegrityError:
            raise AskPerson("another one began at the same moment; wait for it to end") from None
        try:
            yield
        finally:
            with transaction(self.engine, "ledger.release") as connection:
                leases.release(connection, scope.account_id, self.holder, purpose)

    @contextmanager
    def durable(self, point: str) -> Iterator[Connection]:
        """A transaction that is on disk when it ends, even if the power fails. A sync needs no more than SQLite's usual: it sends
        again. `point`: what its fault points are called."""
        with self.engine.connect() as connection:
            if connection.dialect.name == "sqlite":  # past SQLAlchemy, which would begin the transaction first
                connection.connection.cursor().execute("PRAGMA synchronous=FULL")
            with transaction(connection, point):
                yield connection

    def renew(self, scope: Scope) -> None:
        """Keep the lease while nothing is written. Raises `LeaseLost`."""
        with transaction(self.engine, "ledger.renew") as connection:
            leases.renew(connection, scope.account_id, self.holder)


def open_ledger(url: str, *, write: bool) -> Ledger:
    """Open the ledger, and bring its tables up to date if it is to be written.

    To read only, a ledger that is not there is an empty one. Raises `FixSetup` (the URL, a file that is no ledger, a
    ledger of a newer version) and `TryLater` (a server that does not answer).
    """
    return Ledger(open_engine(url, write=write))


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)
