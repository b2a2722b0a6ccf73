"""The page that tells a steward how to write a mapping: its files are written down, its commands run."""

from __future__ import annotations

import doctest
import re
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from sync_connector import crm_sql, mapping
from sync_connector.cli import cli
from tests.conftest import LOGIN, PASSWORD, Project

PAGE = (Path(__file__).parent.parent / "mappings" / "README.md").read_text(encoding="utf-8")
FILES = {
    re.findall(r"`([\w.]+\.(?:csv|toml|sql))`", PAGE[: block.start()])[-1]: block[1]  # the name that was said last
    for block in re.finditer(r"^```(?:csv|toml|sql)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
}
SESSIONS = [block.partition("\n")[::2] for block in re.findall(r"```console\n\$ (.*?)```", PAGE, re.DOTALL)]


@pytest.fixture
def reader(tmp_path: Path, sandbox: str, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A folder with the page's files in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "110")
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "club.db")) as club:
        club.executescript(FILES["club.sql"])
    environment = {"ARDARY_URL": sandbox, "ARDARY_LOGIN": LOGIN, "ARDARY_PASSWORD": PASSWORD}
    return Project(tmp_path, f"sqlite:///{tmp_path / 'sync-ledger.db'}", sandbox, environment)


def test_the_page_has_what_it_tells_of() -> None:
    """The files and the commands are found on the page."""
    files = ["club.sql", "club.toml", "club_activities.toml", "club_database.toml", "database.toml", "members.csv"]
    assert sorted(FILES) == [*files, "sinks.toml", "sync.toml"]
    commands = ["sync-connector check", "sync-connector plan", "sync-connector plan --config database.toml"]
    assert [command for command, _ in SESSIONS] == commands


@pytest.mark.parametrize(("command", "wanted"), SESSIONS, ids=[command for command, _ in SESSIONS])
def test_every_command_of_the_page_prints_what_it_says(command: str, wanted: str, reader: Project) -> None:
    """Run on the page's files, each command prints the page's lines, blanks apart."""
    program, *words = shlex.split(command)
    assert program == "sync-connector"
    done = CliRunner().invoke(cli, words, env=reader.environment, catch_exceptions=False)
    printed = done.stdout
    assert done.exit_code == 0
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.OutputChecker().check_output(wanted, printed, flags), f"{command} prints\n{printed}"


def test_the_example_leaves_out_who_left_the_club(reader: Project) -> None:
    """The page's mapping does what the page says of it: a reason of one's own, and a column's own country."""
    plan = reader.json("plan")
    assert plan["rows"] == {"read": 3, "unchanged": 0, "to_send": 2, "rejected": 1, "held": 0, "in_doubt": 0}
    assert plan["left_out"] == {"left the club": 1}
    assert reader.sync()["verdicts"]["accepted"] == 2


def test_every_setting_of_a_column_is_explained() -> None:
    """Each role a column can have is named on the page."""
    for role in mapping.Columns.model_fields:
        assert f"`{role}`" in PAGE or f"{role} = " in PAGE, role
    for setting in {*mapping.Mapping.model_fields, *crm_sql.Sql.model_fields}:
        assert re.search(rf"\b{setting}\b", PAGE), setting
