"""`state backup`: a copy that is one moment of the ledger, and what the next sync does once it was put back."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sync_connector.ledger.store import open_ledger
from sync_connector.model import Change, Contact, Outgoing, Place, Reply, Verdict
from sync_connector.sandbox.app import Vendor
from sync_connector.sandbox.faults import Faults, from_options
from tests.conftest import Project, accepted_by_ledger, e164, person


@contextmanager
def a_writer(url: str) -> Iterator[threading.Event]:
    """A run that settles batch after batch, one contact and one verdict in each transaction; set once it has begun."""
    begun, ended = threading.Event(), threading.Event()

    def write() -> None:
        with closing(open_ledger(url, write=True)) as ledger:
            scope = ledger.make_scope("other@example.com", "host", "crm")
            with ledger.lease(scope):
                run, n = ledger.start_run(scope, "now", datetime(2026, 3, 2, tzinfo=UTC)), 0
                while not ended.is_set():
                    n += 1
                    contact = Contact(e164(n))
                    batch = [Outgoing(f"W{n}", contact, Change.CREATE, b"r" * 16, b"p" * 16, None, Place("f", n))]
                    ledger.settle(scope, run, ledger.begin(scope, run, batch), batch, [Reply(Verdict.ACCEPTED)])
                    begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(30)
        yield begun
    finally:
        ended.set()
        writer.join()


def put_back(copy: Path, ledger: Path) -> None:
    """As the help says: the -wal and -shm files go, the copy is copied."""
    for name in (f"{ledger}-wal", f"{ledger}-shm"):
        Path(name).unlink(missing_ok=True)
    shutil.copyfile(copy, ledger)


def test_a_copy_that_is_made_while_a_run_writes_is_whole(on_sqlite: Project, tmp_path: Path) -> None:
    """Each copy verifies, and holds as many verdicts as contacts: a transaction is in it whole, or not at all."""
    on_sqlite.write([person(n) for n in range(50)])
    on_sqlite.sync()
    with a_writer(on_sqlite.ledger_url):
        for number in range(5):
            told = on_sqlite.json("state", "backup", str(tmp_path / f"copy{number}.db"))
            assert told["bytes"] == (tmp_path / f"copy{number}.db").stat().st_size
    for number in range(5):
        copy = tmp_path / f"copy{number}.db"
        assert copy.stat().st_mode & 0o777 == 0o600
        with closing(sqlite3.connect(copy)) as opened:
            assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            held = (
                "SELECT (SELECT COUNT(*) FROM contacts) = (SELECT COUNT(*) FROM verdicts), (SELECT COUNT(*) FROM contacts) > 50"
            )
            assert opened.execute(held).fetchone() == (1, 1)
    assert not list(tmp_path.glob(".*part*"))


def test_after_a_restore_the_next_sync_offers_all_again(on_sqlite: Project, tmp_path: Path, vendor: Vendor) -> None:
    """The vendor, which is newer than the ledger then, loses nothing and ends as the CRM says, an edit that was sent since and
    undone included; a person is asked before; one more run sends nothing."""
    people = [person(n) for n in range(20)]
    on_sqlite.write(people)
    on_sqlite.sync()
    on_sqlite.run("state", "backup", str(tmp_path / "copy.db"))
    people[3] = person(3, city="Lyon", **{"last name": "Durand"})
    people[4] = person(4, mobile=person(40)["mobile"])
    undone, people[5] = people[5], person(5, city="Nice")
    on_sqlite.write([*people, person(21), person(22)])
    on_sqlite.sync()
    before = dict(vendor.contacts)
    people[5] = undone
    on_sqlite.write([*people, person(21), person(22)])
    put_back(tmp_path / "copy.db", tmp_path / "ledger.db")
    assert on_sqlite.json("state", "verify")["ok"]
    assert "changed" in on_sqlite.run("sync", code=4).stderr
    again = on_sqlite.sync("--approve")
    assert again["verdicts"]["sent"] == 22
    assert dict(vendor.contacts) == before | {e164(5): before[e164(5)] | {"adress": "Paris"}}
    assert set(accepted_by_ledger(on_sqlite.ledger_url)) | {e164(4)} == set(before)
    assert on_sqlite.sync()["verdicts"]["sent"] == 0


def test_nothing_is_overwritten_and_nothing_is_left_half(on_sqlite: Project, tmp_path: Path) -> None:
    """A file that is there, a folder that is not, a file that is no ledger: a sentence, exit 2, and no other file."""
    assert "there is no ledger" in on_sqlite.run("state", "backup", str(tmp_path / "copy.db"), code=2).stderr
    on_sqlite.write([person(1)])
    on_sqlite.sync()
    (tmp_path / "there.db").write_text("precious")
    assert "not overwritten" in on_sqlite.run("state", "backup", str(tmp_path / "there.db"), code=2).stderr
    assert (tmp_path / "there.db").read_text() == "precious"
    assert "cannot be written" in on_sqlite.run("state", "backup", str(tmp_path / "no" / "copy.db"), code=2).stderr
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as ledger:
        ledger.execute("ALTER TABLE alembic_version RENAME TO something_else")
    assert "no ledger of ours" in on_sqlite.run("state", "backup", str(tmp_path / "copy.db"), code=2).stderr
    assert not (tmp_path / "copy.db").exists()
    assert not list(tmp_path.glob(".*part*"))


def test_a_damaged_ledger_is_not_called_a_backup(on_sqlite: Project, tmp_path: Path) -> None:
    """A copy of what is damaged would be found out on the day on which it is needed."""
    on_sqlite.write([person(n) for n in range(300)])
    on_sqlite.sync()
    whole = (tmp_path / "ledger.db").read_bytes()
    middle = len(whole) // 4096 // 2 * 4096
    (tmp_path / "ledger.db").write_bytes(whole[:middle] + bytes(4096) + whole[middle + 4096 :])
    assert "damaged" in on_sqlite.run("state", "backup", str(tmp_path / "copy.db"), code=2).stderr
    assert not (tmp_path / "copy.db").exists()


def test_postgresql_is_left_to_its_own_tool(project: Project, tmp_path: Path) -> None:
    """The sentence names it; SQLite's ledger is copied."""
    project.write([person(1)])
    project.sync()
    if project.ledger_url.startswith("sqlite"):
        project.run("state", "backup", str(tmp_path / "copy.db"))
    else:
        assert "pg_dump" in project.run("state", "backup", str(tmp_path / "copy.db"), code=2).stderr


@pytest.mark.parametrize("again", range(2))
def test_a_copy_opens_as_a_ledger(on_sqlite: Project, tmp_path: Path, again: int) -> None:
    """It can be verified by itself, as another ledger.url."""
    on_sqlite.write([person(1)])
    on_sqlite.sync()
    on_sqlite.run("state", "backup", str(tmp_path / "copy.db"))
    on_sqlite.environment["TEST_LEDGER"] = f"sqlite:///{tmp_path / 'copy.db'}"
    for _ in range(again):
        on_sqlite.sync("--approve")
    assert on_sqlite.json("state", "verify")["ok"]


def test_who_is_in_doubt_stays_so_in_a_copy_that_is_put_back(on_sqlite: Project, vendor: Vendor, tmp_path: Path) -> None:
    """Also where the vendor is known to have the contact under a former number: it is not sent again by itself."""
    on_sqlite.configure(source={"on_unknown": "hold"}, brakes={"changed": 1})
    on_sqlite.write([person(1), person(2)])
    on_sqlite.sync()
    on_sqlite.write([person(1, mobile=person(3)["mobile"]), person(2)])
    vendor.faults = Faults(from_options(["missing=1"]))
    on_sqlite.sync(code=3)
    vendor.faults = Faults()
    on_sqlite.run("state", "backup", str(tmp_path / "copy.db"))
    put_back(tmp_path / "copy.db", tmp_path / "ledger.db")
    told = on_sqlite.sync(code=3)
    assert (told["rows"]["in_doubt"], told["rows"]["to_send"], told["verdicts"]["accepted"]) == (1, 1, 1)
