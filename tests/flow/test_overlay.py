"""Overlay: what a person corrected lies on the row that he corrected, in the cells that are his to correct, and nowhere else."""

from __future__ import annotations

from sync_connector.flow.extract import Rows
from sync_connector.flow.overlay import Fate, Overlay, Overlays
from sync_connector.flow.sieve import own_fingerprints
from sync_connector.mapping import Binding
from tests.flow.tables import Table, rows_of

TABLE: Table = {"id": ["1", "2", "2"], "mobile": ["06 12", "06 13", "06 14"], "city": [None, "Paris", "Lyon"]}


def told(row: int, *, kept: bool = False, resubmitted: bool = True, **cells: str) -> tuple[Rows, Binding, Overlays]:
    """The rows, and an overlay made for one of them that says this."""
    rows, binding = rows_of(TABLE, "generic")
    own = own_fingerprints(rows.keys, [rows.columns[header] for header in binding.fingerprinted])
    key = rows.keys[row].as_py()
    return rows, binding, Overlays.of([Overlay(key, own[row], cells, kept, resubmitted)])


def laid(row: int, **how: str | bool) -> tuple[dict[str, list[str | None]], Overlays]:
    """The columns with what lies over them, and what became of the overlay."""
    rows, binding, overlays = told(row, **how)  # type: ignore[arg-type]  # cells are text, the other two are not
    return {
        header: column.to_pylist() for header, column in overlays.lay(rows, binding, own_fingerprints).columns.items()
    }, overlays


def test_it_lies_on_its_row_alone() -> None:
    """Of two rows with its key it lies on the one that it was made for, whichever comes first, and every other cell stays."""
    for row, mobiles in ((1, ["06 12", "new", "06 14"]), (2, ["06 12", "06 13", "new"])):
        columns, overlays = laid(row, mobile="new")
        assert columns["mobile"] == mobiles
        assert columns["city"] == TABLE["city"]
        assert overlays.fate("2") is Fate.LAID
        assert overlays.edited == {"2": {"mobile": "new"}}


def test_a_one_off_is_over() -> None:
    """What is only remembered changes nothing; what is kept lies there again, though no sheet came in."""
    columns, overlays = laid(0, resubmitted=False, mobile="")
    assert columns["mobile"] == TABLE["mobile"]
    assert overlays.fate("1") is Fate.OUTDATED
    columns, overlays = laid(0, resubmitted=False, kept=True, mobile="new")
    assert columns["mobile"][0] == "new"
    assert overlays.fate("1") is Fate.LAID


def test_the_key_is_not_corrected() -> None:
    """A sheet in which the identifier was edited names no other row by it, and moves no contact."""
    columns, overlays = laid(0, id="2", mobile="new")
    assert columns["id"] == TABLE["id"]
    assert overlays.edited == {"1": {"mobile": "new"}}


def test_no_cell_and_a_blank_one_are_alike_to_a_sheet() -> None:
    """A sheet has no other way to write a missing cell than a blank one: that is no edit."""
    columns, overlays = laid(0, mobile="06 12", city="")
    assert columns["city"] == TABLE["city"]
    assert overlays.fate("1") is Fate.UNEDITED
