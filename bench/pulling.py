"""How fast callbacks become rows of the CRM: from the inbox, understood and matched, into each kind of database.

    python bench/pulling.py                     20,000 callbacks into SQLite, PostgreSQL and MariaDB, three times in turns
    python bench/pulling.py --count 5000 --rounds 1

The inbox and the ledger are SQLite files in `bench/out`; the servers are those that the tests' variables name
(SYNC_CONNECTOR_TEST_POSTGRES, SYNC_CONNECTOR_TEST_MARIADB), and one that is not named is left out. Half of the callbacks are of
contacts that the ledger knows. After each pull the rows are counted: if one is missing, or there is one too many, the
measurement ends with exit code 1.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from pydantic import SecretStr

from sync_connector import config, pulling
from sync_connector.dialects._callback import callback_query
from sync_connector.events.inbox import open_inbox
from sync_connector.ledger.schema import contacts
from sync_connector.ledger.store import Ledger, Scope, open_ledger
from sync_connector.reading import Progress

OUT = Path(__file__).parent / "out" / "pulling"
SERVERS = {
    "PostgreSQL": ("SYNC_CONNECTOR_TEST_POSTGRES", "postgresql+psycopg"),
    "MariaDB": ("SYNC_CONNECTOR_TEST_MARIADB", "mysql+pymysql"),
}
NAME = "sync_bench_pull"


def number(position: int) -> str:
    """A number for each."""
    return f"+336{position:08d}"


def call(position: int) -> str:
    """A call like no other."""
    when = f"2026-03-02 {position // 3600 % 24:02d}:{position // 60 % 60:02d}:{position % 60:02d}"
    return callback_query(
        "calls", {"title": "incoming_call", "phone_number": number(position), "call_time": when, "duration": "61"}
    )


@contextmanager
def database(kind: str) -> Iterator[str]:
    """A new database; its URL."""
    if kind == "SQLite":
        yield f"sqlite:///{OUT / 'crm.db'}"
        return
    variable, driver = SERVERS[kind]
    url = sa.make_url(os.environ[variable])
    server = sa.create_engine(url.set(drivername=driver), isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {NAME}"))
        connection.execute(sa.text(f"CREATE DATABASE {NAME}"))
    yield url.set(database=NAME).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {NAME}"))


def known(ledger: Ledger, count: int) -> Scope:
    """A ledger in which every second number is a contact's."""
    scope = ledger.make_scope("me", "host", "crm")
    values = {"account_id": scope.account_id, "source_id": scope.source_id, "state": "accepted", "run_id": 1}
    rows = [{**values, "key": f"C{n}", "phone_number": number(n)} for n in range(0, count, 2)]
    with ledger.engine.begin() as connection:
        connection.execute(sa.insert(contacts), rows)
    return scope


def measure(kind: str, count: int) -> float:
    """Seconds of one pull."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    with database(kind) as url, closing(open_inbox(f"sqlite:///{OUT / 'inbox.db'}")) as inbox:
        settings = config.Settings(
            vendor=config.Vendor(login="me"),
            source=config.Source(path="none.csv"),
            events=config.Events(zone="Europe/Paris"),
            sinks=[config.Sink(name="crm", type="sql", url=SecretStr(url))],
        )
        inbox.append([(datetime.now(UTC), call(n)) for n in range(count)])
        with closing(open_ledger(f"sqlite:///{OUT / 'ledger.db'}", write=True)) as ledger:
            scope = known(ledger, count)
            begun = time.perf_counter()
            pulled = pulling.pull(settings, ledger, scope, inbox, Progress(), lambda: None)
            seconds = time.perf_counter() - begun
        driver = {"SQLite": "sqlite"} | {name: driver for name, (_, driver) in SERVERS.items()}
        engine = sa.create_engine(sa.make_url(url).set(drivername=driver[kind]), poolclass=sa.pool.NullPool)
        with engine.connect() as connection:
            rows = connection.execute(
                sa.text("SELECT COUNT(*), COUNT(DISTINCT phone_number), COUNT(contact_key) FROM calls")
            ).one()
    if (pulled.fetched, *rows) != (count, count, count, (count + 1) // 2):
        print(f"{kind}: {pulled.fetched} fetched, rows, numbers, contacts {tuple(rows)}: wrong")
        sys.exit(1)
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    kinds = ["SQLite", *(kind for kind, (variable, _) in SERVERS.items() if os.environ.get(variable))]
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(given.rounds):
        for kind in kinds:
            times[kind].append(measure(kind, given.count))
    for kind, taken in times.items():
        median = statistics.median(taken)
        print(f"{kind:<11} {median:6.2f} s  {given.count / median:8,.0f} events/s   ({', '.join(f'{one:.2f}' for one in taken)})")
    shutil.rmtree(OUT, ignore_errors=True)


if __name__ == "__main__":
    main()
