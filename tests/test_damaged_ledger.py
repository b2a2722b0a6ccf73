"""A damaged ledger, or a file that is none, is refused with advice by every command that opens it, and stays as it is."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sync_connector.errors import FixSetup
from sync_connector.ledger import opening
from tests.conftest import Project, person

WRITE = [
    ("sync",),
    ("sync", "--full"),
    ("pull",),
    ("sms", "send", "+33612345678", "Bonjour", "--any-hour", "--yes"),
    ("sms", "resolve"),
    ("sms", "opt-outs", "--add", "+33612345678"),
    ("audit",),
]
READ = [
    ("plan",),
    ("check",),
    ("runs",),
    ("runs", "--stale"),
    ("explain", "K00001"),
    ("events",),
    ("rejects",),
    ("report",),
    ("sms", "status"),
    ("sms", "opt-outs"),
    ("state", "verify"),
]


@pytest.fixture
def kept(on_sqlite: Project) -> Project:
    """A project whose ledger has a few hundred contacts."""
    on_sqlite.settings["events"] = {"zone": "Europe/Paris"}
    on_sqlite.settings["vendor"] = {"access_key": "${ARDARY_PASSWORD}"}
    on_sqlite.settings["receive"] = {"inbox": f"sqlite:///{on_sqlite.folder / 'inbox.db'}"}
    on_sqlite.configure()
    on_sqlite.write([person(n) for n in range(300)])
    on_sqlite.sync()
    return on_sqlite


def zeroed(whole: bytes) -> bytes:
    """The last pages are zeroes: of contacts and their verdicts, which were written last."""
    good = len(whole) - 6 * 4096
    return whole[:good] + bytes(6 * 4096)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut within a page": lambda whole: whole[: len(whole) // 2 + 100],
    "cut between pages": lambda whole: whole[: len(whole) // 4096 // 2 * 4096],
    "cut within the header": lambda whole: whole[:60],
    "zeroed pages": zeroed,
    "garbage for a header": lambda whole: b"\xa5" * 100 + whole[100:],
    "garbage for the schema": lambda whole: whole[:100] + b"\xa5" * 3996 + whole[4096:],
    "a text": lambda _: b"this is not a database at all\n" * 300,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_ledger_is_refused_and_stays_as_it_is(kept: Project, damage: str) -> None:
    """No command resets it, repairs it or writes a byte into it; what only reads may not meet the damage, or says so."""
    ledger = kept.folder / "ledger.db"
    ledger.write_bytes(damaged := DAMAGE[damage](ledger.read_bytes()))
    for words in [*WRITE, *READ]:
        result = kept.run(*words, code=None)
        allowed = (2,) if words in WRITE else (1, 2) if words == ("state", "verify") else (0, 2)
        assert result.exit_code in allowed, f"{words}: {result.output}"
        if words in WRITE or damage != "zeroed pages":
            assert result.exit_code == 2, words
        if result.exit_code == 2 and words != ("state", "verify"):
            assert "damaged" in result.stderr, f"{words}: {result.stderr}"
            assert "restore a backup" in result.stderr
        assert ledger.read_bytes() == damaged, words
    if damage == "zeroed pages":
        told = kept.json("state", "verify", code=1)
        assert [check["check"] for check in told["checks"]] == ["integrity"]


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
@pytest.mark.parametrize("table", ["moz_places (id)", "contacts (name)", "alembic_version (version_num)"])
def test_another_applications_database_is_left_alone(kept: Project, table: str, mode: str) -> None:
    """A path that names a browser's or a CRM's file: not even its journal mode is changed."""
    ledger = kept.folder / "ledger.db"
    ledger.unlink()
    with closing(sqlite3.connect(ledger)) as other:
        other.execute(f"PRAGMA journal_mode={mode}")
        other.execute(f"CREATE TABLE {table}")
        other.execute(f"INSERT INTO {table.split()[0]} VALUES ('4a5b6c7d8e9f')")
        other.commit()
    before = ledger.read_bytes()
    for words in [*WRITE, *READ]:
        result = kept.run(*words, code=2)
        assert "ledger.url: " in result.stderr, words
        assert "choose another" in result.stderr
        assert ledger.read_bytes() == before, words


@pytest.fixture
def not_root() -> Iterator[None]:
    """Root may write everything: for the while of the test we are nobody."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


@pytest.fixture
def open_folder(kept: Project) -> Iterator[Project]:
    """The project in a folder that everybody reaches: pytest's own is its user's alone."""
    folder = Path(tempfile.mkdtemp(prefix="sc-readonly-"))
    for path in kept.folder.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
            (folder / path.name).chmod(0o644)
    folder.chmod(0o755)
    made = Project(folder, kept.ledger_url, kept.address, kept.environment | {"TEST_LEDGER": f"sqlite:///{folder / 'ledger.db'}"})
    made.settings = kept.settings | {"receive": {"inbox": "sqlite:///${TMPDIR:-/tmp}/none/inbox.db"}}
    made.configure()
    made.config.chmod(0o644)
    (folder / "ledger.db").chmod(0o444)
    yield made
    shutil.rmtree(folder)


def test_a_ledger_that_may_only_be_read_is_not_called_busy(open_folder: Project, request: pytest.FixtureRequest) -> None:
    """To run it again would not help: the sentence says whose right is missing, and nothing changes."""
    before = (open_folder.folder / "ledger.db").read_bytes()
    request.getfixturevalue("not_root")
    for words in [one for one in WRITE if one != ("pull",)]:
        result = open_folder.run(*words, code=2)
        assert "may only be read" in result.stderr, words
    for words in [one for one in READ if one != ("report",)]:
        result = open_folder.run(*words, code=None)
        assert result.exit_code in (0, 2), f"{words}: {result.output}"
        assert result.exit_code == 0 or "write it and its folder" in result.stderr
    assert (open_folder.folder / "ledger.db").read_bytes() == before


def test_a_ledger_whose_maker_was_killed_before_its_tables_is_filled(on_sqlite: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was killed between making the file and its tables leaves a database without any: the next goes on."""
    monkeypatch.setattr(opening, "_bring_up_to_date", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        opening.open_engine(on_sqlite.ledger_url, write=True)
    monkeypatch.undo()
    ledger = on_sqlite.folder / "ledger.db"
    assert (ledger.stat().st_size, ledger.stat().st_mode & 0o777) == (4096, 0o600)
    assert not list(on_sqlite.folder.glob(".*"))
    on_sqlite.write([person(1)])
    assert on_sqlite.sync()["verdicts"]["accepted"] == 1


def test_a_ledger_is_made_where_files_cannot_be_linked(on_sqlite: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems have no links."""

    def link(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", link)
    on_sqlite.write([person(1)])
    assert on_sqlite.sync()["verdicts"]["accepted"] == 1
    assert not list(on_sqlite.folder.glob(".*"))


def test_a_ledger_that_another_made_meanwhile_is_not_replaced(on_sqlite: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where files cannot be linked, too: the other is writing to it already."""
    ledger = on_sqlite.folder / "ledger.db"
    ledger.write_bytes(b"another's")
    exists = Path.exists
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(PermissionError))
    monkeypatch.setattr(Path, "exists", lambda path: path != ledger and exists(path))  # it was not there a moment ago
    opening._make_file(ledger)
    assert ledger.read_bytes() == b"another's"


def test_a_link_leads_to_the_ledger_and_to_what_lies_beside_it(on_sqlite: Project) -> None:
    """Where a link leads to nothing yet, the ledger is made there, its owner's alone; what is left of it there is seen, though
    nothing lies beside the link."""
    elsewhere = on_sqlite.folder / "disk"
    elsewhere.mkdir()
    (on_sqlite.folder / "ledger.db").symlink_to(elsewhere / "real.db")
    on_sqlite.write([person(1)])
    assert on_sqlite.sync()["verdicts"]["accepted"] == 1
    assert (elsewhere / "real.db").stat().st_mode & 0o777 == 0o600
    assert not [path for path in elsewhere.iterdir() if path.name.startswith(".")]
    on_sqlite.run("state", "backup", str(on_sqlite.folder / "copy.db"))
    shutil.copyfile(on_sqlite.folder / "copy.db", elsewhere / "real.db")
    (elsewhere / "real.db-wal").write_bytes(b"of the former")
    assert "real.db-wal and" in on_sqlite.run("sync", code=2).stderr


@pytest.mark.parametrize("url", ["sqlite:///file:ledger.db?uri=true", "sqlite:///ledger.db?timeout=soon"])
def test_an_address_that_is_no_plain_file_is_a_sentence(on_sqlite: Project, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """SQLite would open another file than the one that is looked at and kept from others; an option may be none."""
    monkeypatch.chdir(on_sqlite.folder)
    for write in (True, False):
        with pytest.raises(FixSetup, match=r"ledger\.url"):
            opening.open_engine(url, write=write)


def _refused_by_all(project: Project, *says: str) -> None:
    """Each command says so, and no file changes."""

    def files() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in project.folder.glob("ledger.db*")}

    before = files()
    for words in [*WRITE, *READ, ("state", "backup", str(project.folder / "copy.db")), ("state", "forget", "+33612345678")]:
        told = project.run(*words, code=2).stderr
        assert all(word in told for word in says), f"{words}: {told}"
        assert files() == before, words


def _with_wal(project: Project) -> bytes:
    """What a process that is killed while it writes to the ledger leaves in the -wal."""
    with closing(sqlite3.connect(project.folder / "ledger.db")) as ledger:
        ledger.execute("UPDATE contacts SET codes = 'newer' WHERE id % 7 = 0")
        ledger.commit()
        return (project.folder / "ledger.db-wal").read_bytes()


@pytest.mark.parametrize("beside", [False, True])
def test_an_empty_file_is_no_new_ledger(kept: Project, beside: bool) -> None:
    """We never make one: it was cut, and to begin anew would forget who opted out, and throw away what waits in the -wal."""
    wal = _with_wal(kept)
    (kept.folder / "ledger.db").write_bytes(b"")
    if beside:
        (kept.folder / "ledger.db-wal").write_bytes(wal)
    _refused_by_all(kept, "is empty", "restore a backup", "delete it")


def test_a_wal_without_its_ledger_is_no_new_ledger(kept: Project) -> None:
    """Somebody moved the one and not the other."""
    wal = _with_wal(kept)
    (kept.folder / "ledger.db").unlink()
    (kept.folder / "ledger.db-wal").write_bytes(wal)
    for words in [("sync",), ("plan",), ("runs",), ("sms", "opt-outs", "--add", "+33612345678")]:
        assert "is left of it" in kept.run(*words, code=2).stderr, words
    assert not (kept.folder / "ledger.db").exists()
    assert (kept.folder / "ledger.db-wal").read_bytes() == wal


def test_a_copy_put_beside_the_wal_of_the_former_ledger_is_refused(kept: Project) -> None:
    """SQLite would write the pages of the one into the other, and might find nothing wrong. Once the -wal is gone, as the
    sentence says, all is well, and it is the copy."""
    kept.run("state", "backup", str(kept.folder / "copy.db"))
    wal = _with_wal(kept)
    shutil.copyfile(kept.folder / "copy.db", kept.folder / "ledger.db")
    (kept.folder / "ledger.db-wal").write_bytes(wal)
    _refused_by_all(kept, "not whole", "mix", "ledger.db-wal and", "ledger.db-shm")
    (kept.folder / "ledger.db-wal").unlink()
    assert kept.json("state", "verify")["ok"]
    with closing(sqlite3.connect(kept.folder / "ledger.db")) as ledger:
        assert ledger.execute("SELECT COUNT(*) FROM contacts WHERE codes = 'newer'").fetchone() == (0,)
    assert kept.sync("--approve")["changes"] == {"create": 0, "update": 300}
    assert kept.sync()["posts"] == 0
