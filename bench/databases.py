"""What it costs to read contacts from a CRM's own database, and that a killed sync loses none of them.

    python bench/databases.py                        a million contacts in PostgreSQL (Odoo) and in MariaDB (SuiteCRM)
    python bench/databases.py --rows 100000          a quick look
    python bench/databases.py --sync 100000          besides: a sync that is killed, run again, then a night with 1 % changed

The servers are those that BENCH_POSTGRES and BENCH_MARIADB name, else those of the tests' variables; a database `sync_bench` is
made in each, filled with the contacts of `generate.py`, and dropped at the end. Each line is a whole process. Reading is
everything up to the columns that the sieve gets; beside it stands the bare driver that fetches the same query through
SQLAlchemy's `yield_per` and throws the rows away. Wrong counts end the measurement; slow ones do not.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from run import HERE, Row, Vendor, Wrong, connector, environment, made, must, must_be_near, sandbox, timed

DATABASE = "sync_bench"
SMALL = 10_000
MEMORY_BAR = 60.0  # MB between the peaks of a small and a large read
ROUNDS = 3
LOAD_ROWS = 5_000

SYNC_TOML = """\
[vendor]
base_url = "${BENCH_URL}"
login = "${SANDBOX_LOGIN}"
password = "${SANDBOX_PASSWORD}"

[source]
name = "bench"
type = "sql"
url = "${BENCH_CRM}"
mapping = "%s"
default_country = "FR"

[ledger]
url = "sqlite:///ledger.db"
"""

READ = """
import json, os, resource, sys, time
from sync_connector import config, mapping, sources
from sync_connector.flow.extract import Extraction, extract
settings = config.load("sync.toml")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
source = sources.open_source(settings.source)
binding = mapping.bind(mapping.load(settings.source.mapping), source.headers())
extraction = Extraction()
begun = time.perf_counter()
for rows in extract(source.chunks(), binding, extraction):
    pass
seconds = time.perf_counter() - begun
print(json.dumps({"rows": extraction.read + sum(extraction.deleted.values()), "seconds": seconds}))
"""

BARE = """
import json, os, sys, time
import sqlalchemy as sa
from sync_connector import config, sources
source = sources.open_source(config.load("sync.toml").source)
engine = sa.create_engine(source._database.url)
begun, rows = time.perf_counter(), 0
with engine.connect() as connection:
    result = connection.execution_options(stream_results=True, yield_per=8192).execute(source._statement())
    for part in result.partitions(8192):
        rows += len(part)
    connection.rollback()
print(json.dumps({"rows": rows, "seconds": time.perf_counter() - begun}))
"""


class Crm(NamedTuple):
    """A CRM in its database: how its tables are made and filled from a row of `generate.py`, and one that is edited."""

    name: str
    mapping: str
    variables: tuple[str, str]
    driver: str
    tables: Sequence[str]
    inserts: Sequence[str]
    edit: str


ODOO = Crm(
    "PostgreSQL, Odoo",
    "odoo",
    ("BENCH_POSTGRES", "SYNC_CONNECTOR_TEST_POSTGRES"),
    "postgresql+psycopg",
    [
        "CREATE TABLE res_country (id serial PRIMARY KEY, name jsonb, code varchar(2) UNIQUE, phone_code integer)",
        "INSERT INTO res_country (code) SELECT chr(a) || chr(b) FROM generate_series(65, 90) AS a, generate_series(65, 90) AS b",
        """CREATE TABLE res_partner (id serial PRIMARY KEY, name varchar, parent_id integer, active boolean DEFAULT TRUE,
           type varchar DEFAULT 'contact', street varchar, street2 varchar, zip varchar, city varchar, country_id integer,
           email varchar, phone varchar, mobile varchar, is_company boolean DEFAULT FALSE, write_date timestamp)""",
    ],
    [
        """INSERT INTO res_partner (id, name, mobile, phone, email, street, zip, city, country_id, write_date)
           VALUES (:id, :name, :mobile, :phone, :email, :address, :postal_code, :city,
             (SELECT id FROM res_country WHERE code = :code), timestamp '2025-01-01' + :id * interval '1 second')""",
    ],
    "UPDATE res_partner SET city = city || '!', write_date = '2026-02-01 10:00:00' WHERE id % 100 = 7",
)
SUITECRM = Crm(
    "MariaDB, SuiteCRM",
    "suitecrm",
    ("BENCH_MARIADB", "SYNC_CONNECTOR_TEST_MARIADB"),
    "mysql+pymysql",
    [
        """CREATE TABLE contacts (id char(36) NOT NULL PRIMARY KEY, date_modified datetime, deleted tinyint(1) DEFAULT 0,
           first_name varchar(100), last_name varchar(100), do_not_call tinyint(1) DEFAULT 0, phone_home varchar(100),
           phone_mobile varchar(100), phone_work varchar(100), phone_other varchar(100), primary_address_street varchar(150),
           primary_address_city varchar(100), primary_address_postalcode varchar(20), primary_address_country varchar(255))""",
        """CREATE TABLE email_addresses (id char(36) NOT NULL PRIMARY KEY, email_address varchar(255),
           invalid_email tinyint(1) DEFAULT 0, opt_out tinyint(1) DEFAULT 0, deleted tinyint(1) DEFAULT 0)""",
        """CREATE TABLE email_addr_bean_rel (id char(36) NOT NULL PRIMARY KEY, email_address_id char(36) NOT NULL,
           bean_id char(36) NOT NULL, bean_module varchar(100), primary_address tinyint(1) DEFAULT 0,
           deleted tinyint(1) DEFAULT 0, KEY idx_bean_id (bean_id, bean_module))""",
    ],
    [
        """INSERT INTO contacts (id, first_name, last_name, phone_mobile, phone_work, primary_address_street,
             primary_address_postalcode, primary_address_city, primary_address_country, date_modified)
           VALUES (:guid, :first_name, :last_name, :mobile, :phone, :address, :postal_code, :city, :country,
             '2026-01-01 10:00:00')""",
        "INSERT INTO email_addresses (id, email_address) VALUES (:guid, :email)",
        """INSERT INTO email_addr_bean_rel (id, email_address_id, bean_id, bean_module, primary_address)
           VALUES (:guid, :guid, :guid, 'Contacts', 1)""",
    ],
    "UPDATE contacts SET primary_address_city = CONCAT(primary_address_city, '!') WHERE id LIKE '%07'",
)


CRMS = {crm.mapping: crm for crm in (ODOO, SUITECRM)}


class Filled(NamedTuple):
    """A CRM with its contacts. `url` is as a user writes it."""

    crm: Crm
    url: str


@contextmanager
def filled(crm: Crm, contacts: Path, rows: int) -> Iterator[Filled]:
    """The CRM's database with these contacts, while the block runs."""
    print(f"filling {crm.name} with {rows:,} contacts …", file=sys.stderr)
    try:
        _aside("fill", crm, str(contacts), str(rows))
        scheme, _, rest = _server(crm).partition("://")
        yield Filled(crm, f"{scheme.partition('+')[0]}://{rest.partition('/')[0]}/{DATABASE}")
    finally:
        _aside("drop", crm)


def _aside(what: str, crm: Crm, *words: str) -> str:
    """Do something to the CRM in a process of its own: a child's peak of memory starts from its parent's, so that this
    process must stay small."""
    command = [sys.executable, str(HERE / "databases.py"), f"--{what}", crm.mapping, *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def alter(what: str, crm: Crm, words: Sequence[str]) -> None:
    """Make and fill the CRM's database, edit 1 % of it, or drop it."""
    import sqlalchemy as sa  # see `_aside`

    parsed = sa.make_url(_server(crm)).set(drivername=crm.driver)
    root = sa.create_engine(parsed, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    engine = sa.create_engine(parsed.set(database=DATABASE), poolclass=sa.pool.NullPool, hide_parameters=True)
    if what == "edit":
        with engine.begin() as connection:
            print(connection.execute(sa.text(crm.edit)).rowcount)
        return
    with root.connect() as connection:
        force = " WITH (FORCE)" if "postgresql" in crm.driver else ""
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {DATABASE}{force}")
        if what == "drop":
            return
        connection.exec_driver_sql(f"CREATE DATABASE {DATABASE}")
    with engine.begin() as connection, open(words[0], encoding="utf-8", newline="") as file:
        for table in crm.tables:
            connection.exec_driver_sql(table)
        lines = islice(csv.DictReader(file), int(words[1]))
        while part := list(islice(lines, LOAD_ROWS)):
            cells = [_cells(row) for row in part]
            for statement in crm.inserts:
                connection.execute(sa.text(statement), cells)


def _server(crm: Crm) -> str:
    """The URL of the CRM's server, `""` where none is named."""
    return next((os.environ[name] for name in crm.variables if os.environ.get(name)), "")


def _cells(row: dict[str, str]) -> dict[str, object]:
    from sync_connector.fields.country import country_code  # see `_aside`

    number = int(row["id"][1:])
    more = {"guid": f"3f2a0000-0000-4000-8000-{number:012d}", "code": country_code(row["country"])}
    return row | more | {"id": number, "name": f"{row['first_name']} {row['last_name']}"}


def project(folder: Path, there: Filled) -> dict[str, str]:
    """A folder with a configuration and no ledger; the variables that commands in it get."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sync.toml").write_text(SYNC_TOML % there.crm.mapping)
    for suffix in ("", "-wal", "-shm"):
        (folder / f"ledger.db{suffix}").unlink(missing_ok=True)
    return environment() | {"BENCH_CRM": there.url, "BENCH_URL": "http://127.0.0.1:9"}


def read(there: Filled, folder: Path, rows: int, rounds: int) -> tuple[list[dict[str, Any]], float]:
    """Reading, and the bare driver beside it, in turns; the rows of the table, and the peak of reading."""
    variables = project(folder, there)
    reading, bare = Row(f"{there.crm.name}: reading {rows:,}"), Row(f"{there.crm.name}: bare driver, {rows:,}")
    inside: dict[str, list[float]] = {reading.name: [], bare.name: []}
    for _ in range(rounds):
        for row, program in ((bare, BARE), (reading, READ)):
            told = json.loads(timed(row, [sys.executable, "-c", program], folder, variables))
            must(f"{row.name}: rows", told["rows"], rows)
            inside[row.name].append(told["seconds"])
    table = []
    for row in (reading, bare):
        seconds = statistics.median(inside[row.name])
        table.append(
            {
                "name": row.name,
                "seconds": inside[row.name],
                "rows_per_second": round(rows / seconds),
                "peak_mb": round(row.peak_mb, 1),
            }
        )
    return table, reading.peak_mb


def killed(there: Filled, folder: Path, rows: int, holds: dict[str, int]) -> list[dict[str, Any]]:
    """A first sync that is killed once a fifth has arrived, another that ends it, and a night with 1 % changed."""
    variables = project(folder, there)
    good = rows - holds["bad_number"] - holds["blank_number"] - holds["shared_number"]
    with sandbox(variables) as vendor:
        variables["BENCH_URL"] = vendor.url
        process = subprocess.Popen(
            connector("sync"), cwd=folder, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        while vendor.requests()[1] < rows // 5:
            if process.poll() is not None:
                raise Wrong(f"the sync ended before it could be killed: {process.stderr and process.stderr.read()!r}")
            time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        sent_before = vendor.requests()[1]
        again, night = Row(f"{there.crm.name}: sync after kill -9, {rows:,}"), Row(f"{there.crm.name}: sync, 1 % changed")
        told = json.loads(timed(again, [*connector("sync"), "--json"], folder, variables, vendor))
        must("contacts at the vendor", _held(vendor), good)
        must("read = unchanged + sent + rejected + held", told["rows"]["read"], rows)
        must_be_near("sent twice", sent_before + told["verdicts"]["sent"] - good, 0, 400)
        edited = int(_aside("edit", there.crm))
        told_night = json.loads(timed(night, [*connector("sync"), "--json"], folder, variables, vendor))
        must_be_near("updates of the night", told_night["changes"]["update"], edited * 0.9, edited)
        reading = f"{told_night['rows']['read']:,} rows read"
    return [
        {"name": again.name, "seconds": again.seconds, "sent_before": sent_before, "peak_mb": round(again.peak_mb, 1)},
        {"name": f"{night.name} ({reading})", "seconds": night.seconds, "peak_mb": round(night.peak_mb, 1)},
    ]


def _held(vendor: Vendor) -> int:
    """How many contacts the sandbox holds, counted in a process of its own (see `_aside`)."""
    count = "import json, sys, urllib.request; print(len(json.load(urllib.request.urlopen(sys.argv[1], timeout=300))))"
    return int(
        subprocess.run(
            [sys.executable, "-c", count, f"{vendor.url}/_sandbox/contacts"], check=True, stdout=subprocess.PIPE
        ).stdout
    )


def main() -> None:
    """The command line."""
    words = argparse.ArgumentParser(description="What it costs to read contacts from a CRM's own database.")
    words.add_argument("--rows", type=int, default=1_000_000, help="contacts in each database (default: a million)")
    words.add_argument(
        "--sync", type=int, default=0, help="besides, sync so many: killed, run again, and a night with 1 %% changed"
    )
    for what in ("fill", "edit", "drop"):
        words.add_argument(f"--{what}", nargs="+", help=argparse.SUPPRESS)
    words.add_argument("--out", type=Path, default=HERE / "out", help="where files and results are kept")
    given = words.parse_args()
    for what in ("fill", "edit", "drop"):
        if asked := getattr(given, what):
            alter(what, CRMS[asked[0]], asked[1:])
            return
    out = given.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    contacts = out / f"contacts-{given.rows}.csv"
    made(contacts, str(given.rows))
    table: list[dict[str, Any]] = []
    try:
        for crm in CRMS.values():
            if not _server(crm):
                print(f"{crm.name}: not measured, for no server is named; set {crm.variables[0]}={crm.driver.split('+')[0]}://…")
                continue
            folder = out / f"database-{crm.mapping}"
            with filled(crm, contacts, SMALL) as there:
                small, peak_small = read(there, folder, SMALL, 1)
            with filled(crm, contacts, given.rows) as there:
                large, peak_large = read(there, folder, given.rows, ROUNDS)
            more = peak_large - peak_small
            print(f"{crm.name}: peak {peak_small:.0f} → {peak_large:.0f} MB, {more:+.0f} MB (bar {MEMORY_BAR:.0f}: ", end="")
            print("holds)" if more <= MEMORY_BAR else "MISSED)")
            table += small + large
            if given.sync:
                some = out / f"contacts-{given.sync}.csv"
                holds = made(some, str(given.sync))
                with filled(crm, some, given.sync) as there:
                    table += killed(there, folder, given.sync, holds)
    except Wrong as wrong:
        sys.exit(f"the measurement failed: {wrong}")
    for line in table:
        speed = f"{line['rows_per_second']:>10,} rows/s" if "rows_per_second" in line else " " * 17
        times = " · ".join(f"{seconds:.2f}" for seconds in line["seconds"])
        print(f"{line['name']:<62}{times:>26} s {speed}  {line['peak_mb']:>6.0f} MB")
    (out / "databases.json").write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
