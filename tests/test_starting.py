"""`init` on files as people have them: it succeeds, or says in a sentence what to do; `check` shows what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LOGIN, PASSWORD, Project
from tests.sources.test_excel import workbook


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A folder without a configuration, and no vendor that is ever asked."""
    monkeypatch.chdir(tmp_path)
    environment = {"ARDARY_URL": "http://127.0.0.1:9", "ARDARY_LOGIN": LOGIN, "ARDARY_PASSWORD": PASSWORD}
    return Project(tmp_path, f"sqlite:///{tmp_path / 'sync-ledger.db'}", "", environment)


def _refused(desk: Project, path: str) -> str:
    return " ".join(desk.run("init", path, code=2).stderr.split())


def test_a_list_without_an_identifier_runs_and_is_told_of(desk: Project) -> None:
    """A plain list is taken as it is, and what that means is said; its rows have keys of their own."""
    (desk.folder / "list.csv").write_text(
        "Name,Phone,Email,Member\nAna,0793990001,ana@example.org,7\nBela,0793990002,,8\n,0793990003,,9\n"
    )
    said = desk.run("init", "list.csv").stdout
    assert "mapping simple" in said
    assert "who changes one is a new person" in said
    assert "'Member'" in said
    assert desk.json("plan")["rows"]["to_send"] == 3


def test_an_export_without_its_key_is_said_to_be_one(desk: Project) -> None:
    """A HubSpot view without the Record ID is read, and the steward is told which column to add."""
    (desk.folder / "view.csv").write_text("First Name,Last Name,Mobile Phone Number,Phone Number\nAna,Un,0793990001,0199000101\n")
    assert "may be an export of HubSpot, without 'Record ID'" in desk.run("init", "view.csv").stdout
    (desk.folder / "people.csv").write_text("Person - Name,Person - Phone - Mobile\nAna Un,0793990001\n")
    assert "none of 'Person - ID'" in _refused(desk, "people.csv")


def test_what_cannot_be_recognized_is_shown_as_it_was_read(desk: Project) -> None:
    """A list of numbers alone names nobody: the fault tells how the file was read, and what is missing."""
    (desk.folder / "numbers.csv").write_text("phone\n0793990001\n0793990002\n")
    said = _refused(desk, "numbers.csv")
    assert "header on line 1, 1 columns" in said
    assert "no key column" in said


def test_the_sheet_that_holds_contacts_is_found_behind_a_summary(desk: Project) -> None:
    """A table of totals comes first: the sheet that a mapping fits is chosen, and written down."""
    totals: list[list[Any]] = [["Country", "People", "Share"], ["FR", 2, 1]]
    people = [["id", "first name", "phone"], ["1", "Ana", "0793990001"], ["2", "Bela", "0793990002"]]
    workbook(desk.folder / "book.xlsx", {"Totals": totals, "Notes": [], "People": people})
    assert "sheet 'People'" in desk.run("init", "book.xlsx").stdout
    assert 'sheet = "People"' in desk.config.read_text()
    assert desk.json("plan")["rows"]["to_send"] == 2
    workbook(desk.folder / "none.xlsx", {"Totals": totals, "Notes": []})
    assert "sheet 'Totals', header in row 1" in _refused(desk, "none.xlsx")


def test_check_shows_every_role(desk: Project) -> None:
    """The postcode, and what stands in where the key or the address is blank, are shown with the other columns."""
    (desk.folder / "list.csv").write_text("Name,Phone,CP\nAna,0793990001,97400\n")
    desk.run("init", "list.csv")
    columns = desk.json("check")["columns"]
    assert columns["postcode"] == ["CP"]
    assert columns["key_otherwise"] == ["Phone"]
    assert columns["adress_otherwise"] == []
    said = desk.run("check").stdout
    assert "postcode  CP" in said
    assert "key, else  Phone" in said
    assert "adress, else" not in said


def test_the_accounts_time_zone_is_written_down_where_its_country_has_but_one(desk: Project) -> None:
    """France has one, and a pull runs as it is; Spain has three, and a pull asks for it rather than guess."""
    (desk.folder / "list.csv").write_text("id,first name,phone\n1,Ana,0793990001\n")
    desk.run("init", "list.csv")
    assert desk.json("pull")["fetched"] == 0
    assert (desk.folder / "inbox.db").is_file()
    desk.run("init", "list.csv", "--country", "ES", "--force")
    said = desk.run("pull", code=2).stderr
    assert 'events.zone: is missing: the time zone of the account; write zone = "Europe/Paris" under [events]' in said
    assert "ES has Africa/Ceuta, Atlantic/Canary, Europe/Madrid" in desk.config.read_text()
