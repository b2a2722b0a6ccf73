"""The steward's loop: rows that were not sent go into a sheet, are mended there, come back, and stay mended."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sync_connector.ledger.schema import overlays
from sync_connector.sandbox.app import Vendor
from sync_connector.sheets.read import read
from tests.conftest import Project, person
from tests.sheets.saving import edited, resaved, rewritten

BAD = "06 12 34"
"""No number: four digits are missing."""


def bad(number: int, **cells: str) -> dict[str, str]:
    """A person whose number is no number."""
    return person(number, mobile=BAD, **cells)


def good(number: int) -> str:
    """A number for him."""
    return f"06 98 76 {number // 100:02d} {number % 100:02d}"


def typing(mobile: str) -> Callable[[dict[str, str]], dict[str, str]]:
    """A person who types this number over that of each line."""
    return lambda _: {"mobile": mobile}


def number(cells: dict[str, str]) -> int:
    """Whose line of the sheet it is."""
    return int(cells["id"].lstrip("'")[1:])


@pytest.fixture
def project(project: Project) -> Project:
    """One whose brakes let bad data pass: here they are the point."""
    project.settings = {"brakes": {"rejected": 1, "changed": 1, "gone": 1}}
    project.configure()
    return project


@pytest.fixture(params=["xlsx", "csv"])
def sheet(request: pytest.FixtureRequest, project: Project) -> Path:
    """Where the sheet is, of both kinds."""
    return project.folder / f"rejects.{request.param}"


def export(project: Project, sheet: Path) -> None:
    """Write what was not sent into the sheet."""
    project.run("rejects", f"--{sheet.suffix[1:]}", str(sheet))


def findings(project: Project) -> list[dict[str, Any]]:
    """All findings of rows that were not sent."""
    return [finding for row in project.json("rejects") for finding in row["findings"]]


def test_fifty_bad_rows_are_mended_in_the_sheet_and_accepted(project: Project, vendor: Vendor, sheet: Path) -> None:
    """50 bad rows out, mended by a script, resubmitted: all accepted, no finding is left, and the next sync sends nothing."""
    people = [person(n) for n in range(1, 11)] + [bad(n) for n in range(11, 61)]
    project.write(people)
    assert project.sync()["rows"]["rejected"] == 50
    export(project, sheet)
    edited(sheet, lambda cells: {"mobile": good(number(cells))})

    result = project.sync("--resubmit", str(sheet))
    assert result["verdicts"]["accepted"] == 50
    told = {name: result["resubmitted"][name] for name in ("rows", "accepted", "still_wrong", "unedited", "outdated", "missing")}
    assert told == {"rows": 50, "accepted": 50, "still_wrong": 0, "unedited": 0, "outdated": 0, "missing": 0}
    assert result["findings"].get("#001", 0) == 0
    assert "+33698760011" in vendor.contacts
    assert findings(project) == []

    again = project.sync()
    assert (again["posts"], again["rows"]["rejected"], again["rows"]["unchanged"]) == (0, 0, 60)


def test_what_is_still_wrong_is_named(project: Project, vendor: Vendor, sheet: Path) -> None:
    """Of three rows one is mended, one is mended badly, one is not touched: each is told apart, and the two stay rejected."""
    project.write([bad(1), bad(2), bad(3)])
    project.sync()
    export(project, sheet)
    mended = {1: good(1), 2: "no number at all", 3: BAD}
    edited(sheet, lambda cells: {"mobile": mended[number(cells)]})
    told = project.sync("--resubmit", str(sheet))["resubmitted"]
    assert told["accepted"] == 1
    assert told["wrong"] == {"K00002": "rejected"}
    assert told["unedited"] == 1
    assert {row["key"] for row in project.json("rejects")} == {"K00002", "K00003"}
    assert "are still wrong" in project.run("sync", "--resubmit", str(sheet)).stdout


def test_the_crm_is_right_once_it_has_changed(project: Project, vendor: Vendor, sheet: Path) -> None:
    """A row that the CRM changed after the export is taken as the CRM has it, and the sheet's cells are not laid over it."""
    project.write([bad(1)])
    project.sync()
    export(project, sheet)
    edited(sheet, lambda _: {"mobile": good(1)})
    project.write([person(1, mobile="06 98 76 54 32")])
    told = project.sync("--resubmit", str(sheet))
    assert told["resubmitted"]["outdated"] == 1
    assert set(vendor.contacts) == {"+33698765432"}


def test_a_correction_stays_quiet_until_the_crm_changes(project: Project, vendor: Vendor, sheet: Path) -> None:
    """A one-off is silent while the CRM's row is the same bad one; when the row changes, it is judged by what the CRM says."""
    project.write([bad(1)])
    project.sync()
    export(project, sheet)
    edited(sheet, lambda _: {"mobile": good(1)})
    project.sync("--resubmit", str(sheet))
    assert project.sync("--full")["posts"] == 0
    project.write([bad(1, city="Lyon")])
    assert project.sync(code=0)["rows"]["rejected"] == 1
    assert [finding["code"] for finding in findings(project)] == ["#001"]


def new_rules(project: Project) -> None:
    """A change of rules: every row is looked at anew."""
    project.configure(rules={"shared_phone": "first"})


def test_a_one_off_ends_with_new_rules_and_a_kept_one_does_not(project: Project, vendor: Vendor, sheet: Path) -> None:
    """When every row is looked at again, a one-off is over and the row rejected; with --keep, it is applied again."""
    for keep, rejected in (([], 1), (["--keep"], 0)):
        project.configure(source={"name": f"crm{rejected}"})
        project.settings["source"] = {"name": f"crm{rejected}"}
        project.write([bad(1)])
        project.sync()
        export(project, sheet)
        mended = good(1 + rejected)
        edited(sheet, typing(mended))
        assert project.sync("--resubmit", str(sheet), *keep)["resubmitted"]["accepted"] == 1
        new_rules(project)
        again = project.sync("--approve")
        assert again["rows"]["rejected"] == rejected
        assert again["verdicts"]["sent"] == 0


def test_who_was_corrected_is_told(project: Project, vendor: Vendor, sheet: Path) -> None:
    """The report counts contacts that were sent as a sheet says, and `explain` tells of one: of a one-off which cells, of a kept
    correction what stands in them."""
    project.write([bad(1), bad(2)])
    project.sync()
    export(project, sheet)
    edited(sheet, lambda cells: {"mobile": good(1)} if number(cells) == 1 else {})
    project.sync("--resubmit", str(sheet), "--keep")
    edited(sheet, lambda cells: {"mobile": good(2)} if number(cells) == 2 else {"mobile": good(1)})
    project.sync("--resubmit", str(sheet))
    corrected = project.json("report")["quality"]["corrected_in_sheet"]
    assert (corrected["kept"], corrected["one_off"]) == (0, 2), "the last sheet was a one-off for both"
    assert "sent once as a sheet said, in place of the CRM: mobile" in project.run("explain", "K00002").stdout
    project.sync("--resubmit", str(sheet), "--keep")
    assert good(2) in project.run("explain", "K00002").stdout
    assert project.json("explain", "K00002")["rows"][0]["corrected_in_sheet"] == {"kept": True, "cells": {"mobile": good(2)}}


def test_a_kept_correction_ends_when_the_crm_changes(project: Project, vendor: Vendor, sheet: Path) -> None:
    """A kept correction lies on the row that it was made for: on another one it does not, and it is forgotten."""
    project.write([bad(1)])
    project.sync()
    export(project, sheet)
    edited(sheet, lambda _: {"mobile": good(1)})
    project.sync("--resubmit", str(sheet), "--keep")
    project.write([bad(1, city="Lyon")])
    assert project.sync()["rows"]["rejected"] == 1
    project.write([bad(1)])
    new_rules(project)
    assert project.sync("--approve")["rows"]["rejected"] == 1, "it was forgotten, so that it does not come back"


def test_the_last_sheet_counts(project: Project, vendor: Vendor, sheet: Path) -> None:
    """A kept correction is over once a later sheet says what the CRM says."""
    project.write([bad(1)])
    project.sync()
    export(project, sheet)
    edited(sheet, typing(good(1)))
    project.sync("--resubmit", str(sheet), "--keep")
    edited(sheet, typing(BAD))
    assert project.sync("--resubmit", str(sheet))["resubmitted"]["unedited"] == 1
    new_rules(project)
    assert project.sync("--approve")["rows"]["rejected"] == 1


def test_an_old_sheet_does_not_end_a_kept_correction(project: Project, vendor: Vendor, sheet: Path) -> None:
    """A correction is kept of the row as it is now; a sheet of the row as it was is outdated, and the correction stays."""
    project.write([bad(1)])
    project.sync()
    export(project, sheet)
    edited(sheet, typing(good(1)))
    old = sheet.with_name(f"old{sheet.suffix}")
    shutil.copy(sheet, old)
    project.write([bad(1, city="Lyon")])
    project.sync()
    export(project, sheet)
    edited(sheet, typing(good(2)))
    project.sync("--resubmit", str(sheet), "--keep")
    assert project.sync("--resubmit", str(old))["resubmitted"]["outdated"] == 1
    new_rules(project)
    assert project.sync("--approve")["rows"]["rejected"] == 0
    assert set(vendor.contacts) == {"+33698760002"}


def test_a_held_contact_gets_a_number_of_its_own(project: Project, vendor: Vendor, sheet: Path) -> None:
    """Of two contacts with one number the one that waits is mended in the sheet, and both are at the vendor."""
    project.write([person(1, mobile="06 98 76 54 32"), person(2, mobile="06 98 76 54 32")])
    assert project.sync()["rows"]["held"] == 1
    export(project, sheet)
    (line,) = read(sheet)
    edited(sheet, lambda _: {"mobile": good(2)})
    assert project.sync("--resubmit", str(sheet))["resubmitted"]["accepted"] == 1
    assert set(vendor.contacts) == {"+33698765432", "+33698760002"}
    assert line.key in ("K00001", "K00002")


def test_a_plan_shows_what_a_sheet_would_do(project: Project, vendor: Vendor, sheet: Path) -> None:
    """`plan --resubmit` counts the mended rows as to be sent, and writes nothing."""
    project.write([bad(1), bad(2)])
    project.sync()
    export(project, sheet)
    edited(sheet, lambda cells: {"mobile": good(number(cells))})
    assert project.json("plan", "--resubmit", str(sheet))["rows"]["to_send"] == 2
    assert project.json("plan")["rows"]["to_send"] == 0


def test_a_row_that_left_the_source_is_missing(project: Project, vendor: Vendor, sheet: Path) -> None:
    """A row of the sheet that the source does not have any more is told of, and nothing is sent for it."""
    project.write([person(9), bad(1)])
    project.sync()
    export(project, sheet)
    edited(sheet, lambda _: {"mobile": good(1)})
    project.write([person(9)])
    result = project.sync("--resubmit", str(sheet), "--approve")
    assert (result["resubmitted"]["missing"], result["verdicts"]["sent"]) == (1, 0)


def test_rows_without_a_key_are_shown_and_left_out(project: Project, vendor: Vendor, sheet: Path) -> None:
    """A row without an identifier is in the sheet, for the eye; resubmitting leaves it to the CRM."""
    project.write([person(1), person(2, id=""), bad(3)])
    project.sync()
    export(project, sheet)
    assert [line.key for line in read(sheet)] == ["K00003"]


def test_a_sheet_of_somebody_else_is_a_sentence(project: Project, vendor: Vendor) -> None:
    """A file without our tokens is refused with a sentence, and nothing is sent."""
    project.write([person(1)])
    other = project.folder / "other.csv"
    other.write_text("id,mobile\nK00001,0612345678\n")
    said = project.run("sync", "--resubmit", str(other), code=2)
    assert "the sheet that was exported" in said.stderr
    assert vendor.requests == []


NASTY: dict[str, str] = {
    "a formula": "=cmd|' /C calc'!A0",
    "a number with plus": "+33612345678",
    "minus one": "-1",
    "an at sign": "@x",
    "forty kilobytes": "x" * 40_000,
    "an emoji": "👩‍👩‍👧 Zoé",
}


@pytest.mark.parametrize("name", NASTY)
def test_nasty_cells_survive_the_loop(project: Project, vendor: Vendor, sheet: Path, name: str) -> None:
    """A cell that a spreadsheet would execute, reformat or cut is, once its neighbour was mended, in the source's own form."""
    nasty = NASTY[name]
    project.write([bad(1, city=nasty)])
    project.sync()
    export(project, sheet)
    (line,) = read(sheet)
    assert line.cells["city"] == nasty
    edited(sheet, lambda _: {"mobile": good(1)})
    project.sync("--resubmit", str(sheet))
    taken = vendor.contacts["+33698760001"]["adress"]
    project.write([person(1, mobile=good(1), city=nasty)])
    assert project.sync()["verdicts"]["sent"] == 0, "the CRM's own row gives the same contact"
    assert taken


def test_an_edit_under_another_header_is_told(project: Project, vendor: Vendor, sheet: Path) -> None:
    """What was typed under a renamed header, or over an identifier, is not taken, and the column is named."""
    project.write([person(9), bad(1)])
    project.sync()
    export(project, sheet)

    def renamed(rows: list[list[Any]]) -> list[list[Any]]:
        mobile, key = rows[0].index("mobile"), rows[0].index("id")
        rows[0][mobile], rows[1][mobile], rows[1][key] = "Mobile (new)", good(1), "K00002"
        return rows

    (resaved if sheet.suffix == ".xlsx" else rewritten)(sheet, renamed)
    told = project.sync("--resubmit", str(sheet))["resubmitted"]
    assert (told["unedited"], told["columns_not_taken"]) == (1, ["Mobile (new)", "id"])
    assert "'Mobile (new)', 'id'" in project.run("sync", "--resubmit", str(sheet)).stdout


def test_a_sheet_brings_in_nothing_that_no_ledger_keeps(project: Project, vendor: Vendor, tmp_path: Path) -> None:
    """A NUL byte that an edit left in a cell is a sentence with its line, before anything is sent or written."""
    sheet = tmp_path / "rejects.csv"
    project.write([bad(1)])
    project.sync()
    export(project, sheet)
    edited(sheet, typing("06 98\0 76"))
    said = project.run("sync", "--resubmit", str(sheet), code=2).stderr
    assert "line 2" in said
    assert "'mobile'" in said


def test_two_sheets_in_one_are_told_in_few_sentences(on_sqlite: Project) -> None:
    """Two exports pasted into one file: each row stands there twice, and a hundred of them are named."""
    sheets = [on_sqlite.folder / "first.csv", on_sqlite.folder / "second.csv"]
    on_sqlite.configure(brakes={"rejected": 1})
    for sheet, first in zip(sheets, (0, 1), strict=True):  # one row less before them: each has another line, so another token
        on_sqlite.write([bad(number) for number in range(first, 131)])
        on_sqlite.sync()
        export(on_sqlite, sheet)
    _, *more = sheets[1].read_bytes().decode("utf-8-sig").splitlines(keepends=True)
    with open(sheets[0], "a", encoding="utf-8", newline="") as out:
        out.writelines(more)
    said = on_sqlite.run("sync", "--resubmit", str(sheets[0]), code=2).stderr
    assert said.count("are for the same row") == 100
    assert "and 30 more faults" in said


@pytest.mark.parametrize("keep", [[], ["--keep"]], ids=["once", "kept"])
def test_a_row_is_mended_in_two_goes(project: Project, vendor: Vendor, sheet: Path, keep: list[str]) -> None:
    """A row that is still wrong comes out again as the first sheet left it: who then mends the other cell is done, and of a
    correction that was taken once the ledger keeps no text."""
    project.configure(rules={"on_invalid_email": "reject"})
    project.write([bad(1, email="jean(at)exemple.fr")])
    project.sync()
    for mended, accepted in (({"mobile": good(1)}, 0), ({"email": "jean@exemple.fr"}, 1)):
        export(project, sheet)
        edited(sheet, lambda _, mended=mended: mended)  # type: ignore[misc]
        assert project.sync("--resubmit", str(sheet), *keep)["resubmitted"]["accepted"] == accepted
        if not accepted:
            assert [finding["code"] for finding in findings(project)] == ["#004"]
            assert project.json("report")["quality"]["corrected_in_sheet"]["first"] == [], "it was not sent as the sheet says"
    assert vendor.contacts["+33698760001"]["email"] == "jean@exemple.fr"
    engine = sa.create_engine(project.ledger_url)
    with engine.connect() as connection:
        (cells,) = connection.scalars(sa.select(overlays.c.cells))
    engine.dispose()
    assert cells == ({"mobile": good(1), "email": "jean@exemple.fr"} if keep else {"mobile": "", "email": ""})
