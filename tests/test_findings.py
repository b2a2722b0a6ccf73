"""Findings over many runs: what is told of them holds through audits, failed runs, reads of changes and odd sheets."""

from __future__ import annotations

from contextlib import closing

import pytest
import sqlalchemy as sa

from sync_connector import pipeline
from sync_connector.dialects import _reply
from sync_connector.errors import TryLater
from sync_connector.ledger.schema import overlays
from sync_connector.ledger.store import open_ledger
from sync_connector.model import Reply, Verdict
from sync_connector.sandbox.app import Vendor
from tests.conftest import Project, person
from tests.sheets.saving import edited
from tests.test_resubmitting import bad, export, good

pytestmark = pytest.mark.usefixtures("one_engine")


@pytest.fixture
def project(project: Project) -> Project:
    """One whose brakes let bad data pass: here they are the point."""
    project.settings = {"brakes": {"rejected": 1, "changed": 1, "gone": 1}}
    project.configure()
    return project


def since(project: Project) -> dict[str, tuple[int, int, int, int]]:
    """What the report says that the last run changed: code → before, opened, closed, now."""
    told = project.json("report")["quality"]["since_last_run"]
    return {one["code"]: (one["before"], one["opened"], one["closed"], one["now"]) for one in told["codes"]}


def twins() -> list[dict[str, str]]:
    """One person under two keys."""
    name = {"first name": "Zoé", "last name": "Martin"}
    return [person(n, mobile=f"06 98 76 54 0{n}", email="zoe@exemple.fr", **name) for n in (7, 8)]


def test_an_audit_between_two_runs(project: Project, vendor: Vendor) -> None:
    """What an audit found after the run before is opened since, and none is ever closed that was not there."""
    project.write(twins())
    project.sync()
    project.sync()
    project.run("audit")
    assert since(project) == {"likely_duplicate": (0, 2, 0, 2)}
    project.sync()
    assert since(project) == {"likely_duplicate": (0, 2, 0, 2)}
    project.sync()
    assert since(project) == {}


def test_what_a_failed_run_found_is_opened_since_the_last_that_finished(
    project: Project, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that could not send has settled a bad row: the next one counts its finding as opened, not as closed below zero."""
    project.write([person(1), person(2)])
    project.sync()
    project.write([bad(1), person(2, city="Lyon")])

    async def fails(*_: object) -> None:
        raise TryLater("the vendor does not answer")

    with monkeypatch.context() as silent:
        silent.setattr(pipeline, "_load", fails)
        project.run("sync", code=1)
    assert project.sync()["verdicts"]["accepted"] == 1
    assert since(project) == {"#001": (0, 1, 0, 1)}
    (code,) = project.json("report")["quality"]["codes"]
    assert code["opened"] == 1


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_mended_cell_that_no_database_takes_is_a_sentence(project: Project, vendor: Vendor, kind: str) -> None:
    """A NUL byte in a cell of the sheet is told with its line, and nothing is sent: PostgreSQL's ledger has no place for it."""
    project.write([bad(1), person(2)])
    project.sync()
    sheet = project.folder / f"rejects.{kind}"
    export(project, sheet)
    edited(sheet, lambda _: {"mobile": "06 \0 12"})
    said = project.run("sync", "--resubmit", str(sheet), code=2)
    assert "'mobile' holds a NUL byte" in said.stderr
    assert len(vendor.requests) == 1


def test_two_sources_of_one_account_have_findings_of_their_own(project: Project, vendor: Vendor) -> None:
    """A run or an audit of one source takes nothing from the other's findings, nor from its rows without a key."""
    people = {"crm": [*twins(), person(1, id="")], "shop": [person(3, id=""), bad(4), person(5, email="jean@gmial.com")]}

    def told(source: str) -> dict[str, int]:
        project.configure(source={"name": source})
        return {one["code"]: one["count"] for one in project.json("report")["quality"]["codes"]}

    for _ in range(2):
        for source, rows in people.items():
            project.configure(source={"name": source})
            project.write(rows)
            project.sync()
            project.run("audit")
        assert told("crm") == {"likely_duplicate": 2, "no_key": 1}
        assert told("shop") == {"#001": 1, "no_key": 1, "domain_typo": 1}


def test_a_long_value_is_known_again(project: Project, vendor: Vendor) -> None:
    """A long cell is kept in part and still known again: its finding does not count as new when the row is looked at anew."""
    project.write([bad(1), person(2, country="x" * 3_000)])
    project.sync()
    project.write([bad(1, city="Lyon"), person(2, country="x" * 3_000, city="Lyon")])
    project.sync()
    assert since(project) == {}


def test_who_left_leaves_no_correction(project: Project, vendor: Vendor) -> None:
    """A kept correction, and the cells that a person typed, are forgotten when the contact has left; its number is masked."""
    project.write([bad(1), person(2)])
    project.sync()
    sheet = project.folder / "rejects.csv"
    export(project, sheet)
    edited(sheet, lambda _: {"mobile": good(1)})
    project.sync("--resubmit", str(sheet), "--keep")
    assert project.json("report")["quality"]["corrected_in_sheet"]["kept"] == 1
    project.write([person(2)])
    project.sync()
    told = project.json("report")["quality"]
    assert told["corrected_in_sheet"]["kept"] == 0
    assert [one["key"] for one in told["stale_at_vendor"]["first"]] == ["K00001"]
    assert "98760001" not in str(told["stale_at_vendor"])
    assert sum(one["contacts"] for one in told["countries"]) == told["contacts"]["known"] == 1


def test_of_a_one_off_no_cell_is_kept(project: Project, vendor: Vendor) -> None:
    """What a person typed for once is at the vendor and not in the ledger: there stands only which cells it was."""
    project.write([bad(1), person(2)])
    project.sync()
    sheet = project.folder / "rejects.csv"
    export(project, sheet)
    edited(sheet, lambda _: {"mobile": good(1), "city": "Sainte-Enimie"})
    assert project.sync("--resubmit", str(sheet))["resubmitted"]["accepted"] == 1
    with closing(open_ledger(project.ledger_url, write=False)) as ledger, ledger.engine.connect() as connection:
        (cells,) = connection.scalars(sa.select(overlays.c.cells))
    assert cells == {"mobile": "", "city": ""}


def test_a_kept_correction_survives_a_run_that_dies(project: Project, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the vendor did not answer, the next plain sync sends a kept correction; a one-off is over, and told of no more."""
    project.write([bad(1), bad(2), person(3)])
    project.sync()
    sheet = project.folder / "rejects.csv"

    async def fails(*_: object) -> None:
        raise TryLater("the vendor does not answer")

    for keep, accepted in (([], 0), (["--keep"], 1)):
        export(project, sheet)
        edited(sheet, lambda cells: {"mobile": good(1)} if "1" in cells["id"] else {})
        with monkeypatch.context() as silent:
            silent.setattr(pipeline, "_load", fails)
            project.run("sync", "--resubmit", str(sheet), *keep, code=1)
        assert project.json("report")["quality"]["corrected_in_sheet"]["one_off"] == 0
        assert project.sync()["verdicts"]["accepted"] == accepted


def test_a_contact_that_waited_is_sent_though_its_key_stands_twice(project: Project, vendor: Vendor) -> None:
    """When the number becomes free the first row has it, and only the second is told of as a duplicate: every row counts once."""
    waits, owner = person(1, mobile="06 98 76 54 32"), person(2, mobile="06 98 76 54 32")
    waits["updated_at"], owner["updated_at"] = "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"
    project.write([waits, owner])
    assert project.sync()["rows"]["held"] == 1
    project.write([waits, person(1, mobile="06 98 76 54 33")])
    result = project.sync()
    assert (result["rows"]["to_send"], result["rows"]["rejected"], result["codes"]["duplicate_key"]) == (1, 1, 1)
    assert vendor.contacts["+33698765432"]["first_name"] == "Jean1"
    contacts = project.json("report")["quality"]["contacts"]
    assert (contacts["accepted"], contacts["held"]) == (1, 0)


def test_a_line_that_is_no_row_may_hold_a_nul_byte(project: Project, vendor: Vendor) -> None:
    """On either ledger a damaged line is a finding with its text, the rest is sent, and the line is as old as it is."""
    project.write([person(1), person(2)])
    with open(project.contacts, "ab") as export:
        export.write(b"K00003,Jean\0,Dupont\n")
    result = project.sync()
    assert (result["verdicts"]["accepted"], result["codes"]) == (2, {"ragged_row": 1})
    project.sync()
    (row,) = project.json("rejects")
    assert row["findings"][0]["value"] == "K00003,Jean␀,Dupont"
    assert since(project) == {}


def test_a_refusal_without_a_reason_is_a_finding(project: Project, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A contact that the vendor refuses and says no more of is counted, listed with its row, and can be mended in a sheet."""
    project.write([person(1), person(2)])
    with monkeypatch.context() as curt:
        curt.setattr(_reply, "_judge", lambda _: Reply(Verdict.REFUSED))
        project.sync(code=3)
    rows = project.json("rejects")
    assert [(row["key"], [found["code"] for found in row["findings"]]) for row in rows] == [
        ("K00001", ["refused"]),
        ("K00002", ["refused"]),
    ]
    assert all(row["cells"]["mobile"] for row in rows)
    assert project.json("report")["quality"]["findings"]["reject"] == 2
    assert "no reason" in project.run("rejects").stdout
    sheet = project.folder / "rejects.csv"
    export(project, sheet)
    edited(sheet, lambda _: {"city": "Lyon"})
    assert project.sync("--resubmit", str(sheet))["resubmitted"]["accepted"] == 2
    assert project.json("rejects") == []
