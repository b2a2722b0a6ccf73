"""Faults from outside: killed at any moment, a full disk, files that may not be written, databases that are gone. Each is an
exit code by the contract and one sentence, and the next run ends as if nothing had been."""

from __future__ import annotations

import ctypes
import os
import random
import resource
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from sync_connector.sandbox.app import Vendor
from tests.conftest import Project, accepted_by_ledger, crm_engine, e164, person

KILLS = 8
PEOPLE = 60


def command(project: Project, *words: str, preexec: Callable[[], None] | None = None) -> subprocess.Popen[str]:
    """The program as a process of its own."""
    told = [sys.executable, "-m", "sync_connector", *words, "--config", str(project.config)]
    environment = os.environ | project.environment
    out = subprocess.PIPE
    return subprocess.Popen(told, cwd=project.folder, env=environment, text=True, stdout=out, stderr=out, preexec_fn=preexec)


def sentence(said: str) -> str:
    """The one sentence of an error, without a traceback."""
    assert "Traceback" not in said, said
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, said
    return lines[0]


def fails(project: Project, *words: str, code: int = 1, preexec: Callable[[], None] | None = None) -> str:
    """The sentence of a process that fails."""
    process = command(project, *words, preexec=preexec)
    _, said = process.communicate()
    assert process.returncode == code, said
    return sentence(said)


def all_is_well(project: Project, vendor: Vendor, count: int) -> None:
    """One run, after which each contact is at the vendor and in the ledger; and a silent one."""
    assert project.sync()["status"] == "finished"
    assert set(vendor.contacts) == {e164(n) for n in range(count)}
    assert set(accepted_by_ledger(project.ledger_url)) == set(vendor.contacts)
    assert project.sync()["posts"] == 0


def test_killed_at_any_moment(project: Project, vendor: Vendor) -> None:
    """kill -9 at moments that chance has chosen, from the start of the program to its end; the run after all of them is whole."""
    project.settings = {"vendor": {"batch_size": 2, "concurrency": 2}, "brakes": {"changed": 1}}
    project.configure()
    chance = random.Random(7)
    for kill in range(KILLS):
        project.write([person(n, city=f"Town {kill}") for n in range(PEOPLE)])
        with command(project, "sync") as process:
            with suppress(subprocess.TimeoutExpired):  # that is the moment
                process.wait(chance.uniform(0.3, 4))
            process.kill()
    project.write([person(n, city="Lyon") for n in range(PEOPLE)])
    project.run("state", "verify", code=None)
    all_is_well(project, vendor, PEOPLE)
    assert {contact["adress"] for contact in vendor.contacts.values()} == {"Lyon"}


# --- files --------------------------------------------------------------------------------------------------------------


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Callable[[], None] | None]:
    """A disk of that size at this folder, where the machine lets us have one; else a limit for the process to be started, to
    whom a file that grows beyond it looks much the same."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        try:
            yield None
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
        return
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes << 9, kilobytes << 9))


def test_a_disk_that_is_full(on_sqlite: Project, vendor: Vendor, tmp_path: Path) -> None:
    """The ledger's disk is full in the middle of a night: exit 1; what the vendor has by then is sent again once there is room,
    and nobody is lost."""
    on_sqlite.settings = {"vendor": {"batch_size": 50}}
    on_sqlite.configure()
    on_sqlite.write([person(n) for n in range(3_000)])
    with small_disk(tmp_path / "disk", 1_400) as preexec:
        full = f"sqlite:///{tmp_path / 'disk' / 'ledger.db'}"
        on_sqlite.environment["TEST_LEDGER"] = on_sqlite.ledger_url = full
        assert "disk" in fails(on_sqlite, "sync", preexec=preexec)
        assert 0 < len(vendor.contacts) < 3_000
        room = tmp_path / "ledger.db"
        for name in ("", "-wal"):
            shutil.copy(f"{tmp_path / 'disk' / 'ledger.db'}{name}", f"{room}{name}")
    on_sqlite.environment["TEST_LEDGER"] = on_sqlite.ledger_url = f"sqlite:///{room}"
    all_is_well(on_sqlite, vendor, 3_000)


def not_almighty() -> None:
    """Root, too, is asked for permission to write: the two capabilities that spare it the question go."""
    if os.geteuid() == 0:
        for capability in (1, 2):
            if ctypes.CDLL(None).prctl(24, capability, 0, 0, 0):
                raise OSError("a capability cannot be given up")


@pytest.mark.parametrize("what", ["ledger.db", "."], ids=["file", "folder"])
def test_a_ledger_that_may_not_be_written(on_sqlite: Project, vendor: Vendor, what: str) -> None:
    """The file, or its folder, in which SQLite needs files of its own: nothing is sent; once it may be written all is well."""
    folder = on_sqlite.folder / "state"
    folder.mkdir()
    on_sqlite.environment["TEST_LEDGER"] = on_sqlite.ledger_url = f"sqlite:///{folder / 'ledger.db'}"
    on_sqlite.write([person(0)])
    on_sqlite.run("sync")
    on_sqlite.write([person(n) for n in range(5)])
    path = folder / what
    mode = path.stat().st_mode
    path.chmod(0o500 if path.is_dir() else 0o400)
    posts = len(vendor.requests)
    said = fails(on_sqlite, "sync", preexec=not_almighty, code=2)
    assert "ledger" in said
    assert len(vendor.requests) == posts
    path.chmod(mode)
    all_is_well(on_sqlite, vendor, 5)


@pytest.mark.parametrize(
    "words", [("plan", "--out"), ("report", "--out"), ("rejects", "--csv"), ("rejects", "--xlsx")], ids=lambda words: words[0]
)
def test_what_is_written_on_a_full_disk_is_not_there(on_sqlite: Project, tmp_path: Path, words: Sequence[str]) -> None:
    """No half file has the name, the one of before stays, and a sentence says that there is no room."""
    on_sqlite.settings = {"brakes": {"rejected": 1}}
    on_sqlite.configure()
    on_sqlite.write([person(n, mobile="1", city=str(n) * 200) for n in range(300)])
    on_sqlite.run("sync")
    with small_disk(tmp_path / "disk", 16) as preexec:
        path = tmp_path / "disk" / "file"
        path.write_text("of before")
        said = fails(on_sqlite, *words, str(path), code=2, preexec=preexec)
        assert "cannot be written" in said
        assert [one.name for one in path.parent.iterdir()] == ["file"]
        assert path.read_text() == "of before"


def test_a_device_is_written_as_it_is(on_sqlite: Project) -> None:
    """What is no file is not replaced by one: a plan may go to /dev/stdout, and /dev/full is full."""
    on_sqlite.write([person(0)])
    process = command(on_sqlite, "plan", "--json", "--out", "/dev/stdout")
    out, said = process.communicate()
    assert process.returncode == 0, said
    assert '"body_digest"' in out
    assert "No space left" in fails(on_sqlite, "plan", "--out", "/dev/full", code=2)


# --- databases ----------------------------------------------------------------------------------------------------------


class Cutting:
    """A way to a database's server that is cut, in both directions, once the server has said so many bytes; 0: never."""

    def __init__(self, server: tuple[str, int] | str) -> None:
        self._server, self._listening = server, socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.at, self.said = 0, 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX if isinstance(self._server, str) else socket.AF_INET)
                server.connect(self._server)
                threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
                threading.Thread(target=self._back, args=(server, client), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while piece := client.recv(1 << 16):
                server.sendall(piece)
            server.shutdown(socket.SHUT_WR)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError), client, server:
            while piece := server.recv(1 << 16):
                if self.at and self.said + len(piece) >= self.at:
                    client.sendall(piece[: max(0, self.at - self.said)])
                    self.said = self.at
                    client.shutdown(socket.SHUT_RDWR)
                    server.shutdown(socket.SHUT_RDWR)
                    return
                self.said += len(piece)
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Nobody gets through any more."""
        self._listening.close()


@pytest.fixture(params=["postgres", "mariadb"])
def crm(request: pytest.FixtureRequest, on_sqlite: Project) -> Iterator[Cutting]:
    """A CRM of 9,000 contacts in a database, and the way to it."""
    url = str(request.getfixturevalue(f"{request.param}_database"))
    with crm_engine(url).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE people (id VARCHAR(20) PRIMARY KEY, mobile VARCHAR(40), city VARCHAR(200))")
        rows = [{"i": f"K{n:05d}", "m": person(n)["mobile"], "c": "Paris" * 30} for n in range(9_000)]
        connection.execute(sa.text("INSERT INTO people VALUES (:i, :m, :c)"), rows)
    (on_sqlite.folder / "own.toml").write_text(
        'crm = "test"\ntitle = "test"\n[columns]\nkey = ["id"]\nphone = ["mobile"]\nadress = ["city"]\n'
        "[sql]\ntables = [\"people\"]\nquery = 'SELECT id, mobile, city FROM people'\n"
    )
    parsed = sa.make_url(url)
    default = {"postgresql": 5432, "mysql": 3306}[parsed.get_backend_name()]
    port, folder = parsed.port or default, parsed.query.get("host")  # the wheel's server listens at a socket in a folder
    way = Cutting(f"{folder}/.s.PGSQL.{port}" if folder else (parsed.host or "127.0.0.1", port))
    cut = parsed.difference_update_query(["host"]).set(host="127.0.0.1", port=way.port)
    on_sqlite.environment["CRM_URL"] = cut.render_as_string(hide_password=False)
    source = {"type": "sql", "url": "${CRM_URL}", "mapping": "own.toml", "path": ""}
    on_sqlite.settings = {"source": source, "vendor": {"batch_size": 2000}}
    on_sqlite.configure()
    yield way
    way.close()


def test_a_crm_that_is_gone_while_it_is_read(on_sqlite: Project, vendor: Vendor, crm: Cutting) -> None:
    """Cut off anywhere between the first greeting and the last row: exit 1 and a sentence; nothing is sent, nobody is taken for
    gone, and the next run is whole."""
    on_sqlite.run("plan")
    whole = crm.said
    for share in (0.0, 0.0005, 0.005, 0.2, 0.8, 0.99):
        crm.said, crm.at = 0, int(whole * share) + 1
        assert "nothing was sent" in sentence(on_sqlite.run("sync", code=1).stderr)
    crm.said, crm.at = 0, whole // 2
    assert "nothing was sent" in fails(on_sqlite, "sync")  # nor does anything else tell of it at length
    assert vendor.contacts == {}
    crm.at = 0
    assert on_sqlite.sync()["status"] == "finished"
    assert len(vendor.contacts) == 9_000
