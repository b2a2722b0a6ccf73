"""The sheet out and back in: what nobody edited is as it was, what the steward edited is as he sees it, nothing starts."""

from __future__ import annotations

import csv
import datetime
import io
import random
import re
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_connector import whole_file
from sync_connector.errors import FixSetup
from sync_connector.model import Finding, Place, Severity
from sync_connector.sheets import Edited, SheetRow, _workbook, read, write
from sync_connector.sheets.columns import OUR_HEADERS
from sync_connector.sheets.guard import CUT
from sync_connector.sources import excel
from tests.sheets.saving import FINDING, FORMS, HEADERS, NASTY, nasty_rows, resaved, rewritten, row, save, table

FILES = Path(__file__).parent.parent / "sources" / "files"
TEXT = st.text(st.characters(), max_size=12) | st.sampled_from(NASTY)


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    """Each form of a sheet in turn."""
    return str(request.param)


def out_and_in(form: str, path: Path, headers: list[str], rows: list[SheetRow]) -> list[Edited]:
    """Rows, written and read."""
    assert FORMS[form](path, headers, iter(rows)) == len(rows)
    return read.read(path)


# --- as it was -------------------------------------------------------------------------------------------------------


def test_nasty_cells_survive(form: str, tmp_path: Path) -> None:
    """Formulas, numbers, controls, line ends and 40 kB come back character for character, with key and fingerprint."""
    rows = list(nasty_rows())
    found = out_and_in(form, tmp_path / "x", HEADERS, rows)
    assert [(one.key, one.fingerprint, one.cells) for one in found] == [(one.key, one.fingerprint, one.cells) for one in rows]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    headers=st.lists(
        st.text(st.characters(), max_size=6) | st.sampled_from(["[sync] row", "'[Sync] x", "2024", " "]), unique=True
    ),
    cells=st.lists(st.lists(TEXT, min_size=8, max_size=8), max_size=4),
    keys=st.lists(TEXT, min_size=4, max_size=4),
)
def test_any_table_survives(form: str, tmp_path: Path, headers: list[str], cells: list[list[str]], keys: list[str]) -> None:
    """Whatever the headers, keys and cells are, each row is as it was."""
    rows = [
        SheetRow(key, dict(zip(headers, line, strict=False)), "", (FINDING,), Place("x", 1), True)
        for key, line in zip(keys, cells, strict=False)
    ]
    found = out_and_in(form, tmp_path / "x", headers, rows)
    told = [(one.key, {header: one.cells.get(header, "") for header in headers}) for one in rows]
    # A key so long that a workbook's cell cannot hold the token is shown as that of a row that is not fixable.
    held = [one for one in told if form != "xlsx" or len(one[0]) < 1000]
    assert [(one.key, one.cells) for one in found] == held


def test_headers_of_the_crm_are_not_ours(form: str, tmp_path: Path) -> None:
    """A CRM whose own column is called like ours, or like another once it is shown, keeps it."""
    headers = ["[sync] row", "'[sync] row", "[SYNC] codes", "a\r\nb", "a\nb", "", "column 6", "column 6 (2)", "+33", "x" * 300]
    found = out_and_in(form, tmp_path / "x", headers, [row("k", *headers, headers=headers)])
    assert found[0].cells == {header: header for header in headers}


def test_a_row_without_a_key_is_shown_and_left_out(form: str, tmp_path: Path) -> None:
    """It has no token, and its line is not read."""
    found = out_and_in(form, tmp_path / "x", HEADERS, [row("", "", "Jean", "06", fixable=False), row("k", "1", "Anne", "06")])
    assert [(one.key, one.line) for one in found] == [("k", 3)]


def test_no_rows_are_a_sheet_too(form: str, tmp_path: Path) -> None:
    """Nothing was rejected: the sheet has its header."""
    assert out_and_in(form, tmp_path / "x", HEADERS, []) == []


def test_our_columns_tell_each_finding_on_a_line_of_its_own(tmp_path: Path) -> None:
    """The order is that of the findings in each cell; a text of several lines is one line there."""
    findings = (FINDING, Finding("email", "email", Severity.WARN, "", "look\nat it"), FINDING._replace(suggestion=""))
    write.write_xlsx(tmp_path / "x", HEADERS, [row("k", "1", "Jean", "06 12")._replace(findings=findings)])
    header, cells = table(tmp_path / "x")
    assert header == [*HEADERS, *OUR_HEADERS]
    assert cells[4:] == [
        "#001\nemail\n#001",
        "mobile\n\nmobile",
        "not sent: phone_number is '06 12'\ndoubtful: email is blank\nnot sent: phone_number is '06 12'",
        "write all ten digits\nlook at it\nwrite all ten digits",
        "+33612345678\n\n",
        "contacts.csv:7",
    ]


# --- nothing starts --------------------------------------------------------------------------------------------------


def test_a_workbook_holds_text_and_nothing_else(tmp_path: Path) -> None:
    """No formula, no link, no macro; every cell is a string or empty, in the format Text."""
    write.write_xlsx(tmp_path / "x", HEADERS, nasty_rows())
    with zipfile.ZipFile(tmp_path / "x") as packed:
        parts = {name: packed.read(name).decode() for name in packed.namelist()}
    assert not [name for name in parts if re.search("(?i)external|vba|connection|custom|drawing|hyperlink", name)]
    text = [
        str(place) for place, look in enumerate(re.findall(r"<xf [^>]*xfId[^>]*>", parts["xl/styles.xml"])) if 'Id="49"' in look
    ]
    for name, part in parts.items():
        if name.startswith("xl/worksheets/"):
            assert not re.search("<(f|hyperlink|oleObject|control|legacyDrawing)[ >]", part)
            cells = re.findall("<c ([^>]*?)(/?)>", part)
            assert cells
            for attributes, closed in cells:
                assert closed or 't="inlineStr"' in attributes
                assert re.search('s="([0-9]+)"', attributes)[1] in text  # type: ignore[index]  # a cell without one fails


def test_a_csv_file_holds_nothing_that_starts(tmp_path: Path) -> None:
    """Nor where a spreadsheet takes another separator for the right one and ends cells in the midst of ours."""
    for delimiter in ",;":
        write.write_csv(tmp_path / "x", HEADERS, nasty_rows(), delimiter=delimiter)
        text = (tmp_path / "x").read_bytes().decode("utf-8-sig")
        cells = [cell for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) for cell in line]
        assert len(cells) == (len(NASTY) + 1) * (len(HEADERS) + len(OUR_HEADERS))
        for cell in [*cells, *re.split("[;,\t\r\n]", text)]:
            assert not re.match('[\\s"\0\ufeff]*[=+@-]', cell), cell[:40]


def test_a_workbook_is_pleasant(tmp_path: Path) -> None:
    """The sheet of rows is the one that opens, its header stays in sight with filters; the cell at fault is marked; the steward
    sees how it goes, and not what is kept for him."""
    write.write_xlsx(tmp_path / "x", HEADERS, [row("k", "1", "Jean", "06"), row("l", "2", "a\r\nb", "06")])
    with zipfile.ZipFile(tmp_path / "x") as packed:
        book, sheet = packed.read("xl/workbook.xml").decode(), packed.read("xl/worksheets/sheet1.xml").decode()
    assert re.findall('<sheet name="([^"]*)" sheetId="[0-9]"( state="[^"]*")?', book) == [
        ("Rows to fix", ""),
        ("Read me", ""),
        ("sync kept", ' state="veryHidden"'),
    ]
    assert 'ySplit="1"' in sheet
    assert 'state="frozen"' in sheet
    assert '<autoFilter ref="A1:J3"/>' in sheet
    looks = dict(re.findall('<c r="([A-Z]2)" s="([0-9]+)"', sheet))
    assert looks["A2"] == looks["B2"]
    assert len({looks["A2"], looks["C2"], looks["D2"], looks["E2"]}) == 4


# --- as the steward sees it ------------------------------------------------------------------------------------------


def test_an_edited_cell_is_what_was_typed(tmp_path: Path) -> None:
    """Text as text; a number without point or exponent, a date, truth and nothing as the person sees them."""
    typed = ["+33612345678", 33612345678, 612345678.0, datetime.date(2024, 5, 1), True, "", "'x", "  =1+1"]
    write.write_xlsx(tmp_path / "x.xlsx", HEADERS, (row(f"k{n}", str(n), "Jean", "06 12") for n, _ in enumerate(typed)))
    resaved(
        tmp_path / "x.xlsx",
        lambda cells: [cells[0], *([*old[:2], new, *old[3:]] for old, new in zip(cells[1:], typed, strict=True))],
    )
    seen = ["+33612345678", "33612345678", "612345678", "2024-05-01", "true", "", "'x", "  =1+1"]
    assert [one.cells for one in read.read(tmp_path / "x.xlsx")] == [
        {"id": str(n), "name": "Jean", "mobile": text} for n, text in enumerate(seen)
    ]


def test_an_edited_cell_of_csv_is_what_was_typed(tmp_path: Path) -> None:
    """With our apostrophe or without."""
    typed = {"'0612345678": "0612345678", "+33612345678": "+33612345678", "'s-Graveland": "'s-Graveland", "a\r\nb": "a\nb"}
    write.write_csv(tmp_path / "x", HEADERS, (row(f"k{n}", str(n), "Jean", "06 12") for n, _ in enumerate(typed)))
    rewritten(
        tmp_path / "x", lambda cells: [cells[0], *([*old[:2], new, *old[3:]] for old, new in zip(cells[1:], typed, strict=True))]
    )
    assert [one.cells["mobile"] for one in read.read(tmp_path / "x")] == list(typed.values())


def test_lines_and_columns_may_be_moved_deleted_and_added(form: str, tmp_path: Path) -> None:
    """The token says which row a line is, the header which column; a title above, a note beside and a blank line do not harm."""

    def edit(cells: list[list[Any]]) -> list[list[Any]]:
        header, first, _, third = cells
        lines = [["Please!"], ["note", *header[1:]], ["ask", *third[1:]], [], ["", *first[1:]]]
        return [list(reversed(line + [""] * (len(header) - len(line)))) for line in lines]

    rows = [row(f"k{n}", str(n), f"a\r\n{n}", "06") for n in range(3)]
    FORMS[form](tmp_path / "x", HEADERS, iter(rows))
    if form == "xlsx":
        resaved(tmp_path / "x", edit)
    else:
        rewritten(tmp_path / "x", edit, delimiter=";")
    assert read.read(tmp_path / "x") == [
        Edited("k2", "f-k2", {"mobile": "06", "name": "a\r\n2", "note": "ask"}, 3),
        Edited(
            "k0", "f-k0", {"mobile": "06", "name": "a\r\n0", "note": ""}, 5 if form == "xlsx" else 6
        ),  # a cell of CSV takes two lines
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "mac_roman"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_comes_back_from_any_spreadsheet(tmp_path: Path, encoding: str, delimiter: str) -> None:
    """French or English, Windows or Macintosh: separator and encoding are found out."""
    cells = ["00123", "Zoë Lefèvre-Ñandú", "=1+1;2,3\n€"]
    write.write_csv(tmp_path / "x", HEADERS, [row("k", *cells), row("l", "2", "Jean", "a\r\nb")])
    found = read.read(rewritten(tmp_path / "x", lambda rows: rows, encoding, delimiter))
    assert [list(one.cells.values()) for one in found] == [cells, ["2", "Jean", "a\r\nb"]]
    assert [one.line for one in found] == [2, 4]


def test_csv_that_was_opened_as_a_workbook_and_the_other_way_round(tmp_path: Path) -> None:
    """The token says how a line was written, whatever kind of file it stands in now."""
    cells = ["00123", "'0612345678", "a\nb"]
    write.write_csv(tmp_path / "x.csv", HEADERS, [row("k", *cells)])
    lines = list(csv.reader(io.StringIO((tmp_path / "x.csv").read_bytes().decode("utf-8-sig"), newline="")))
    save(tmp_path / "from_csv.xlsx", {"x": lines})
    write.write_xlsx(tmp_path / "x.xlsx", HEADERS, [row("k", *cells)])
    out = io.StringIO(newline="")
    csv.writer(out).writerows(table(tmp_path / "x.xlsx"))
    (tmp_path / "from_xlsx.csv").write_text(out.getvalue(), newline="")
    for name in ("from_csv.xlsx", "from_xlsx.csv"):
        assert list(read.read(tmp_path / name)[0].cells.values()) == cells


def test_an_edited_long_cell_counts_and_the_cut_keeps_the_rest(tmp_path: Path) -> None:
    """In a workbook; unedited it is whole, see above."""
    long = "wrong " + "x" * 40_000

    def edit(cells: list[list[Any]]) -> list[list[Any]]:
        header, first, second = cells
        return [header, [*first[:2], "right", *first[3:]], [*second[:2], second[2].replace("wrong", "right"), *second[3:]]]

    write.write_xlsx(tmp_path / "x", HEADERS, [row("k", "1", "Jean", long), row("l", "2", "Anne", long)])
    found = read.read(resaved(tmp_path / "x", edit))
    assert [one.cells["mobile"] for one in found] == ["right", "right " + "x" * 40_000]


def test_more_rows_than_a_sheet_holds_go_on_in_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are there, and what is kept of them."""
    monkeypatch.setattr(_workbook, "MOST_ROWS", 4)
    rows = [row(f"k{n}", str(n), f"a\r\n{n}", "06") for n in range(10)]
    found = out_and_in("xlsx", tmp_path / "x", HEADERS, rows)
    assert [(one.key, one.cells, one.line) for one in found] == [(one.key, one.cells, 2 + n % 3) for n, one in enumerate(rows)]


# --- faults ----------------------------------------------------------------------------------------------------------


def faults(path: Path) -> list[str]:
    """What reading a sheet complains about."""
    with pytest.raises(FixSetup) as raised:
        read.read(path)
    return [fault.removeprefix(f"{path}").lstrip(":, ") for fault in raised.value.faults]


def test_every_fault_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    """A token that was typed over, two versions of a row, a lost rest; a line that was copied as it is does no harm."""

    def edit(cells: list[list[Any]]) -> list[list[Any]]:
        header, *lines = cells
        lines[0][3] = lines[0][3][:-3] + "ABC"
        return [header, *lines, [lines[1][0], "another", *lines[1][2:]], lines[2]]

    write.write_xlsx(tmp_path / "x", HEADERS, [row("k0", "0", "", ""), row("k1", "1", "", ""), row("k2", "2", "", f"x{CUT}")])
    resaved(tmp_path / "x", edit)
    assert faults(tmp_path / "x") == [
        "sheet 'Rows to fix', row 2: the cell `[sync] row` is no longer as it was exported; copy it back from the exported file, "
        "or delete the line",
        "sheet 'Rows to fix', row 5: it is the same row as on line 3, with other cells; delete one of the two",
    ]
    save(tmp_path / "x", {"alone": table(tmp_path / "x")[:1] + table(tmp_path / "x")[3:4]})
    assert faults(tmp_path / "x") == [
        "sheet 'alone', row 2: the cell in column 'mobile' was cut, and what was kept of it is gone; edit the workbook that was "
        "exported, or put the whole text into the cell"
    ]


def test_faults_of_csv_are_told_with_their_line(tmp_path: Path) -> None:
    """Letters that the encoding lost, lines that are too short or too long, a cell that a spreadsheet cut."""

    def edit(cells: list[list[str]]) -> list[list[str]]:
        header, *lines = cells
        lines[1] = lines[1][:2]
        lines[2].append("more")
        lines[3][2] = lines[3][2][:32_767]
        return [header, *lines]

    rows = [
        row("k0", "0", "Łukasz", "a\nb"),
        *(row(f"k{n}", str(n), "Jean", "x" * 40_000 if n == 3 else "06") for n in range(1, 4)),
    ]
    write.write_csv(tmp_path / "x", HEADERS, rows)
    rewritten(tmp_path / "x", edit, "cp1252")
    assert [(fault[:2], fault.split(";")[0][3:40]) for fault in faults(tmp_path / "x")] == [
        ("2:", "letters of this row were lost when th"),
        ("4:", "the line ends before the column `[syn"),
        ("5:", "the line has 11 cells where the heade"),
        ("6:", "the spreadsheet cut the long cell in "),
    ]


def test_two_columns_with_one_name_are_a_fault(form: str, tmp_path: Path) -> None:
    """Which of them counts is not guessed."""
    FORMS[form](tmp_path / "x", HEADERS, [row("k", "1", "Jean", "06")])
    if form == "xlsx":
        resaved(tmp_path / "x", lambda cells: [[*cells[0], "name"], [*cells[1], "Paul"]])
    else:
        text = (tmp_path / "x").read_text("utf-8-sig")
        (tmp_path / "x").write_text(text.replace("mobile", "name", 1), "utf-8")
    assert [fault for fault in faults(tmp_path / "x") if "two columns are called 'name'; delete one" in fault]


def test_many_faults_are_counted(tmp_path: Path) -> None:
    """A hundred are told, and how many there are besides."""
    write.write_csv(tmp_path / "x", HEADERS, (row(f"k{n}", str(n), "Łukasz", "06") for n in range(120)))
    found = faults(rewritten(tmp_path / "x", lambda cells: cells, "cp1252"))
    assert (len(found), found[-1]) == (101, "and 20 more faults of this kind")


def test_a_quote_that_is_never_closed_is_a_fault(tmp_path: Path) -> None:
    """The line is that on which the row begins."""
    write.write_csv(tmp_path / "x", HEADERS, [row("k", "1", "Jean", "06"), row("l", "2", "Anne", "06")])
    text = (tmp_path / "x").read_text("utf-8").replace("Anne", '"Anne')
    (tmp_path / "x").write_text(text, "utf-8")
    assert re.match("3: the line's quotes do not match .*save the file again", faults(tmp_path / "x")[0])


def no_sheet(path: Path, kind: str) -> None:
    """A file that is no sheet of ours."""
    if kind == "workbook":
        save(path, {"contacts": [HEADERS, ["1", "Jean", "06"]]})
    elif kind == "damaged":
        path.write_bytes(b"PK\x03\x04" + b"x" * 100)
    elif kind == "old":
        path.write_bytes((FILES / "contacts.xls").read_bytes())
    elif kind != "missing":
        path.write_text({"csv": "id,name\n1,Jean\n", "empty": ""}[kind])


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("workbook", "no column `.sync. row` is there; give the sheet that was exported"),
        ("csv", "no column `.sync. row` is there"),
        ("empty", "no column `.sync. row` is there"),
        ("damaged", "no workbook that can be read .* save it again as .xlsx"),
        ("old", "of the old kind, or protected by a password; save it as .xlsx"),
        ("missing", "No such file"),
    ],
)
def test_what_is_no_sheet_is_a_sentence(tmp_path: Path, kind: str, said: str) -> None:
    """It says what to give instead."""
    no_sheet(tmp_path / "x", kind)
    assert re.search(said, faults(tmp_path / "x")[0])


def test_a_sheet_that_does_not_fit_into_memory_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is known before it is read."""
    monkeypatch.setattr(read, "MOST_BYTES", 100)
    monkeypatch.setattr(excel, "MAX_UNPACKED", 100)
    for form in ("csv", "xlsx"):
        FORMS[form](tmp_path / "x", HEADERS, [row("k", "1", "Jean", "06")])
        assert re.search("[MG]iB", faults(tmp_path / "x")[0])


def test_random_damage_is_a_sentence_or_rows(form: str, tmp_path: Path) -> None:
    """Whatever bytes are changed, there are lines or faults that say what to do."""
    chance = random.Random(7)
    FORMS[form](tmp_path / "x", HEADERS, [row("k", "1", "Zoë\r\n", "06"), row("l", "2", "Łukasz", "x" * 33_000)])
    whole = (tmp_path / "x").read_bytes()
    outcomes = set()
    for _ in range(80):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        (tmp_path / "x").write_bytes(bytes(content))
        try:
            outcomes.add("lines" if read.read(tmp_path / "x") else "none")
        except FixSetup:
            outcomes.add("sentence")
    assert outcomes >= {"lines", "sentence"}


def broken_rows() -> Iterator[SheetRow]:
    """Rows whose source fails."""
    yield row("k", "1", "Jean", "06")
    raise LookupError("the ledger is gone")


def test_a_sheet_is_whole_or_not_there(form: str, tmp_path: Path) -> None:
    """Where the rows fail, the file of before stays, and nothing is left beside it; nobody else may read a sheet."""
    FORMS[form](tmp_path / "x", HEADERS, [row("k", "1", "Jean", "06")])
    before = (tmp_path / "x").read_bytes()
    with pytest.raises(LookupError, match="the ledger is gone"):
        FORMS[form](tmp_path / "x", HEADERS, broken_rows())
    assert (tmp_path / "x").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o600


def test_a_place_that_cannot_be_written_is_a_sentence(form: str, tmp_path: Path) -> None:
    """A folder that is not there; a disk that is full says the same."""
    with pytest.raises(FixSetup, match="cannot be written: No such file or directory; mend it, or name another file"):
        FORMS[form](tmp_path / "none" / "x", HEADERS, [])


@pytest.mark.parametrize("rows", [0, 2_000])
def test_a_full_disk_is_a_sentence(form: str, rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is full only when the workbook is put together."""
    real = open

    def full(path: Any, mode: str, *more: Any, **other: Any) -> Any:
        return real("/dev/full", mode)

    monkeypatch.setattr(whole_file, "open", full, raising=False)
    with pytest.raises(FixSetup, match=r"cannot be written: .*No space left on device"):
        FORMS[form](tmp_path / "x", HEADERS, (row(f"k{n}", "1", "Jean", "06") for n in range(rows)))
    assert list(tmp_path.iterdir()) == []


def test_too_many_columns_are_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A workbook has so many columns and no more; CSV has no such limit."""
    monkeypatch.setattr(write, "MOST_COLUMNS", 9)
    with pytest.raises(FixSetup, match="a workbook holds 2 columns of a row, and there are 3; write CSV instead"):
        write.write_xlsx(tmp_path / "x", HEADERS, [])


def test_a_key_that_fits_into_no_cell_is_shown(tmp_path: Path) -> None:
    """The row is there without a token, as one that is not fixable; CSV holds it."""
    rows = [row("k" * 40_000, "1", "Jean", "06")]
    assert out_and_in("xlsx", tmp_path / "x", HEADERS, rows) == []
    assert table(tmp_path / "x")[1][:4] == ["1", "Jean", "06", ""]
    assert out_and_in("csv", tmp_path / "x", HEADERS, rows)[0].key == "k" * 40_000


def test_a_reason_may_be_told_otherwise(tmp_path: Path) -> None:
    """The caller's words stand in the column."""
    say: Callable[[Finding], str] = lambda finding: f"rule {finding.code}"  # noqa: E731
    write.write_csv(tmp_path / "x", HEADERS, [row("k", "1", "Jean", "06")], reason=say)
    assert "rule #001" in (tmp_path / "x").read_text("utf-8")
