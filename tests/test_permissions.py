"""Whatever a command writes is its owner's alone: ledgers, plans, sheets, reports and secrets tell of people."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from sync_connector.cli import cli
from tests.conftest import Project, e164, person
from tests.test_pulling import call
from tests.test_way_back import arrive

SINKS = """
[[sinks]]
name = "crm"
type = "sql"
url = "sqlite:///crm.db"
"""


@pytest.fixture(params=[0o000, 0o022], ids=["umask 000", "umask 022"])
def careless(request: pytest.FixtureRequest) -> Iterator[None]:
    """A shell that would let everybody read, and one that would even let everybody write."""
    former = os.umask(request.param)
    yield
    os.umask(former)


def _open_to_others(folder: Path) -> dict[str, str]:
    """What others than its owner may do something with, below the folder and itself."""
    found = {path: path.lstat().st_mode for path in (folder, *folder.rglob("*"))}
    return {str(path.relative_to(folder)): oct(stat.S_IMODE(mode)) for path, mode in found.items() if mode & 0o077}


def test_what_commands_write_is_their_owners(careless: None, on_sqlite: Project, tmp_path: Path) -> None:
    """Each command that writes a file is run, whatever the umask is; then nothing below the folder can be read by anybody else:
    configuration, ledger, inbox and the files that SQLite keeps beside them, backup, plan, sheets, pages, secrets, sinks."""
    ours = {"contacts.csv", "sync.toml", "callback-secrets"}  # the first two are the test's own
    on_sqlite.write([person(n) for n in range(4)] + [person(5, mobile="12")])
    with open(on_sqlite.config, "a", encoding="utf-8") as out:
        out.write(f'[events]\nzone = "Europe/Paris"\n[receive]\ninbox = "sqlite:///{tmp_path}/inbox.db"\n{SINKS}')
        for kind in ("csv", "jsonl", "parquet"):
            out.write(f'[[sinks]]\nname = "{kind}"\ntype = "{kind}"\npath = "made/{kind}"\n')
    for path in (on_sqlite.contacts, on_sqlite.config):
        path.chmod(0o600)
    made = CliRunner().invoke(cli, ["init", str(on_sqlite.contacts), "--config", str(tmp_path / "other.toml")])
    assert made.exit_code == 0, made.output
    on_sqlite.run("receive", "--new-secret")
    arrive(on_sqlite, call(e164(1)), call(e164(2)))
    for words in (
        ["plan", "--out", str(tmp_path / "plan.json")],
        ["sync", "--approve"],
        ["rejects", "--xlsx", str(tmp_path / "rejects.xlsx")],
        ["rejects", "--csv", str(tmp_path / "rejects.csv")],
        ["audit"],
        ["pull"],
        ["report", "--out", str(tmp_path / "report.html")],
        ["report", "--file", str(on_sqlite.contacts), "--out", str(tmp_path / "file.html")],
        ["state", "backup", str(tmp_path / "backup.db")],
        ["state", "forget", e164(1), "--yes"],
    ):
        on_sqlite.run(*words)
    tmp_path.chmod(0o700)
    assert _open_to_others(tmp_path) == {}
    written = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    expected = {"other.toml", "ledger.db", "inbox.db", "crm.db", "plan.json", "rejects.xlsx", "rejects.csv", "report.html"}
    assert written >= ours | expected | {
        "file.html",
        "backup.db",
        "calls-000001.csv",
        "calls-000001.jsonl",
        "calls-000001.parquet",
    }


def test_the_demo_is_its_owners(tmp_path: Path) -> None:
    """The folder that the demo makes, and all that it writes into it."""
    former = os.umask(0)
    try:
        played = CliRunner().invoke(cli, ["demo", "--folder", str(tmp_path / "new" / "demo")])
    finally:
        os.umask(former)
    assert played.exit_code == 0, played.output
    assert _open_to_others(tmp_path / "new") == {}
    assert (tmp_path / "new" / "demo" / "report.html").exists()
