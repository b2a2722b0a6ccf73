"""Source `excel`: workbooks as people save them. A cell is what the person sees, and no workbook ends the process."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_connector.config import Source
from sync_connector.errors import FixSetup
from sync_connector.sources import excel, open_source

FILES = Path(__file__).parent / "files"
DATE_STYLE, TIME_STYLE = 1, 2
TABLE: list[list[Any]] = [["id", "name", "phone"], [1, "Jean", "0612345678"], [2, "Anne", "0612345679"]]


class Raw(NamedTuple):
    """A cell as XML has it: its attributes and what is in it."""

    attributes: str
    inside: str


DATE, MOMENT, ERROR = Raw('s="1"', "<v>45413</v>"), Raw('s="2"', "<v>45413.5</v>"), Raw('t="e"', "<v>#DIV/0!</v>")


def workbook(path: Path, sheets: Mapping[str, Sequence[Sequence[Any]]], first_row: int = 1, first_column: int = 0) -> Path:
    """A small .xlsx: text as text, numbers as numbers, `None` as no cell."""
    main = "http://schemas.openxmlformats.org"
    names = "".join(f'<sheet name="{escape(n)}" sheetId="{i}" r:id="r{i}"/>' for i, n in enumerate(sheets, 1))
    related = "".join(
        f'<Relationship Id="r{i}" Type="{main}/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet{i}.xml"/>'
        for i in range(1, len(sheets) + 1)
    )
    styles = (
        f'<styleSheet xmlns="{main}/spreadsheetml/2006/main"><cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14"/>'
        '<xf numFmtId="22"/></cellXfs></styleSheet>'
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("[Content_Types].xml", '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>')
        root = f'<Relationship Id="r0" Type="{main}/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/>'
        out.writestr("_rels/.rels", f'<Relationships xmlns="{main}/package/2006/relationships">{root}</Relationships>')
        out.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}/spreadsheetml/2006/main" xmlns:r="{main}/officeDocument/2006/relationships">'
            f"<sheets>{names}</sheets></workbook>",
        )
        relations = f'<Relationship Id="rs" Type="{main}/officeDocument/2006/relationships/styles" Target="styles.xml"/>{related}'
        out.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{main}/package/2006/relationships">{relations}</Relationships>',
        )
        out.writestr("xl/styles.xml", styles)
        for number, rows in enumerate(sheets.values(), 1):
            with out.open(f"xl/worksheets/sheet{number}.xml", "w") as sheet:
                sheet.write(f'<worksheet xmlns="{main}/spreadsheetml/2006/main"><sheetData>'.encode())
                for row, cells in enumerate(rows, first_row):
                    written = "".join(_cell(f"{_letter(first_column + c)}{row}", cell) for c, cell in enumerate(cells))
                    sheet.write(f'<row r="{row}">{written}</row>'.encode())
                sheet.write(b"</sheetData></worksheet>")
    return path


def _letter(column: int) -> str:
    return ("" if column < 26 else _letter(column // 26 - 1)) + chr(65 + column % 26)


def _cell(place: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Raw):
        return f'<c r="{place}" {value.attributes}>{value.inside}</c>'
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value!r}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(str(value))}</t></is></c>'


class Found(NamedTuple):
    """What reading gave."""

    headers: tuple[str, ...]
    rows: list[tuple[int, tuple[str, ...]]]
    aside: list[tuple[int, str]]
    described: str


def _read(path: Path | str, **chosen: object) -> Found:
    source = open_source(Source.model_validate({"type": "excel", "path": str(path), **chosen}))
    chunks = list(source.chunks())
    rows = [
        pair for chunk in chunks for pair in zip(chunk.lines.tolist(), chunk.rows.itertuples(index=False, name=None), strict=True)
    ]
    aside = [(piece.place.line, piece.code) for chunk in chunks for piece in chunk.set_aside]
    return Found(tuple(source.headers()), rows, aside, " ".join(source.describe()))


CELLS = [
    (33612345678.0, "33612345678"),
    (612345678, "612345678"),
    (1.0, "1"),
    (0.5, "0.5"),
    (1e21, "1000000000000000000000"),
    (-3, "-3"),
    (True, "true"),
    (False, "false"),
    (DATE, "2024-05-01"),
    (MOMENT, "2024-05-01T12:00:00"),
    (ERROR, ""),
    (None, ""),
    ("0612345678", "0612345678"),
    ("1.0", "1.0"),
    (" x ", " x "),
    ("#N/A", "#N/A"),
    ("a\nb", "a\nb"),
]


@pytest.mark.parametrize(("cell", "seen"), CELLS, ids=[seen or repr(cell)[:12] for cell, seen in CELLS])
def test_a_cell_is_what_a_person_sees(tmp_path: Path, cell: object, seen: str) -> None:
    """No number gets a point or an exponent, dates are ISO 8601, yes and no are words, errors and nothing are empty."""
    path = workbook(tmp_path / "x.xlsx", {"S": [["id", "value", "end"], ["1", cell, "x"]]})
    assert _read(path).rows == [(2, ("1", seen, "x"))]


@pytest.mark.parametrize("name", ["contacts.xls", "contacts.ods"])
def test_older_and_open_formats_give_the_same(name: str) -> None:
    """Numbers, dates and truth of .xls and .ods are those of .xlsx."""
    found = _read(FILES / name, sheet="Typed")
    assert found.headers == ("id", "name", "phone", "seen", "flag")
    assert found.rows == [(2, ("1", "Jean", "33612345678", "2024-05-01", "true"))]


def test_the_first_sheet_with_a_table_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    """A cover sheet and an empty one are passed over; `source.sheet` chooses, and a misspelt name is answered."""
    other: list[list[Any]] = [["id", "name", "mobile"], [7, "Paul", "0612345670"]]
    path = workbook(tmp_path / "x.xlsx", {"Cover": [["Contacts"]], "Empty": [], "People": TABLE, "Old": other})
    found = _read(path)
    assert found.headers == ("id", "name", "phone")
    assert "sheet 'People'" in found.described
    assert "not read: 'Cover', 'Empty', 'Old'" in found.described
    assert _read(path, sheet="Old").headers == ("id", "name", "mobile")
    with pytest.raises(FixSetup, match=r"no sheet 'Nope'; there are: 'Cover', 'Empty', 'People', 'Old'"):
        _read(path, sheet="Nope")
    with pytest.raises(FixSetup, match=r"sheet 'Empty' is empty"):
        _read(path, sheet="Empty")


def _hidden(path: Path, sheet: int) -> Path:
    """The same workbook, one sheet of it hidden."""
    with zipfile.ZipFile(path) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    mark = f'sheetId="{sheet}"'.encode()
    parts["xl/workbook.xml"] = parts["xl/workbook.xml"].replace(mark, mark + b' state="hidden"')
    with zipfile.ZipFile(path, "w") as out:
        for name, part in parts.items():
            out.writestr(name, part)
    return path


def test_a_hidden_sheet_is_read_only_if_no_other_has_a_table(tmp_path: Path) -> None:
    """The lists behind a form's choices stand first and unseen; what nobody sees is what nobody means, unless it is named."""
    lists = [["country", "code"], ["FR", "33"]]
    path = _hidden(workbook(tmp_path / "x.xlsx", {"Lists": lists, "Contacts": TABLE}), 1)
    found = _read(path)
    assert found.headers == ("id", "name", "phone")
    assert "not read: 'Lists'" in found.described
    assert _read(path, sheet="Lists").headers == ("country", "code")
    alone = _hidden(workbook(tmp_path / "y.xlsx", {"Contacts": TABLE, "Notes": [["see the other"]]}), 1)
    assert _read(alone).headers == ("id", "name", "phone")


def test_an_empty_workbook_is_said_to_be_empty(tmp_path: Path) -> None:
    """No row of the header is looked for where nothing is."""
    with pytest.raises(FixSetup, match=r"x\.xlsx: the workbook is empty"):
        _read(workbook(tmp_path / "x.xlsx", {"S": [], "T": [[None, " "]]}))
    with pytest.raises(FixSetup, match=r"sheet 'S' is empty"):
        _read(workbook(tmp_path / "x.xlsx", {"S": [], "T": TABLE}), sheet="S")


def test_titles_blank_rows_and_totals_are_no_rows(tmp_path: Path) -> None:
    """A row's line is its number in the sheet, wherever the table stands; what is behind the data is counted."""
    rows = [["Our contacts"], [], TABLE[0], TABLE[1], [], TABLE[2], [], ["Printed on a Monday"], ["Total", None, 2]]
    path = workbook(tmp_path / "x.xlsx", {"S": rows}, first_row=4, first_column=2)
    found = _read(path)
    assert "header in row 6" in found.described
    assert found.rows == [(7, ("1", "Jean", "0612345678")), (9, ("2", "Anne", "0612345679"))]
    assert found.aside == [(11, "footer"), (12, "footer")]


def test_the_header_row_can_be_set(tmp_path: Path) -> None:
    """`header_line` is a row of the sheet."""
    rows: list[list[Any]] = [["a", "b", "c"], ["id", "name", "phone"], [1, "Jean", "06"]]
    assert _read(workbook(tmp_path / "x.xlsx", {"S": rows}), header_line=2).headers == ("id", "name", "phone")


def test_columns_are_distinct_and_none_is_lost(tmp_path: Path) -> None:
    """Hidden and nameless columns are columns; a nameless one behind the last is one only if something is in it."""
    rows = [["(Do Not Modify) Contact", "Name", "Name", None, None], ["k1", "a", "b", None, None], ["k2", "c", "d", "e", None]]
    found = _read(workbook(tmp_path / "x.xlsx", {"S": rows}))
    assert found.headers == ("(Do Not Modify) Contact", "Name", "Name (2)", "column 4")
    assert found.rows[1] == (3, ("k2", "c", "d", "e"))


def test_a_pattern_means_several_workbooks(tmp_path: Path) -> None:
    """All are read, each with its own order of columns; one that differs is named."""
    workbook(tmp_path / "a.xlsx", {"S": TABLE})
    workbook(tmp_path / "b.xlsx", {"S": [["phone", "id", "name"], ["0613", 3, "Paul"]]})
    assert [row for _, row in _read(tmp_path / "*.xlsx").rows][-1] == ("3", "Paul", "0613")
    workbook(tmp_path / "c.xlsx", {"S": [["id", "name", "mobile"], [4, "x", "06"]]})
    with pytest.raises(FixSetup, match=r"c\.xlsx: its columns are not those of .*a\.xlsx; they differ in: mobile, phone"):
        _read(tmp_path / "*.xlsx")


def test_a_locked_a_damaged_and_a_foreign_file_are_sentences(tmp_path: Path) -> None:
    """Each says what it is and what to do."""
    with pytest.raises(FixSetup, match="protected by a password; save a copy without one"):
        _read(FILES / "locked.xlsx")
    whole = workbook(tmp_path / "whole.xlsx", {"S": TABLE}).read_bytes()
    (tmp_path / "cut.xlsx").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.xlsx").write_text("id,name,phone\n")
    for name in ("cut.xlsx", "text.xlsx"):
        with pytest.raises(FixSetup, match=rf"{name}: it is no workbook that can be read .*save it again as \.xlsx"):
            _read(tmp_path / name)


@pytest.mark.parametrize("stray", ["XFD1048576", "XFD7", "B1048576"])
def test_a_stray_cell_is_a_sentence_and_not_the_end_of_the_process(
    tmp_path: Path, stray: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One cell far away makes a sheet too large for memory; that is known before calamine asks for the room."""
    monkeypatch.setattr(excel, "MAX_CELLS", 100_000)
    path = workbook(tmp_path / "x.xlsx", {"S": TABLE})
    with zipfile.ZipFile(path) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    row = stray.lstrip("XFDB")
    far = f'<row r="{row}">{_cell(stray, "x")}</row></sheetData>'.encode()
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"].replace(b"</sheetData>", far)
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    with pytest.raises(FixSetup, match=r"sheet1\.xml: a sheet spans [\d,]+ cells.*stray cell"):
        _read(path)


def test_a_workbook_that_unpacks_to_gigabytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size is read from the archive's own list, and nothing is unpacked."""
    monkeypatch.setattr(excel, "MAX_UNPACKED", 4 << 10)
    path = workbook(tmp_path / "x.xlsx", {"S": [*TABLE, *[[n, "x" * 50, "06"] for n in range(100)]]})
    with pytest.raises(FixSetup, match=r"unpacked, the workbook has .* save the contacts as CSV"):
        _read(path)


def test_many_rows_come_in_chunks_with_their_lines(tmp_path: Path) -> None:
    """More rows than one chunk holds keep their order and lines."""
    rows = [[n, f"Jean{n}", f"06{n:08d}"] for n in range(12_000)]
    found = _read(workbook(tmp_path / "x.xlsx", {"S": [TABLE[0], *rows]}))
    assert found.rows == [(n + 2, (str(n), f"Jean{n}", f"06{n:08d}")) for n in range(12_000)]


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 80))
def test_the_extent_of_a_sheet_does_not_depend_on_where_blocks_end(pieces: list[bytes], size: int) -> None:
    """A reference that a block's end cuts in two is still seen."""
    text = b" ".join([*pieces, b'<c r="ZZ77">'])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(excel, "BLOCK", size)
        assert excel._extent(io.BytesIO(text)) >= 702 * 77


@pytest.mark.parametrize("name", ["x.xlsx", "contacts.xls", "contacts.ods"])
def test_random_damage_is_a_sentence_or_rows(tmp_path: Path, name: str) -> None:
    """Whatever bytes are changed, there are rows of the header's width or a fault that says what to do."""
    chance = random.Random(7)
    workbook(tmp_path / "x.xlsx", {"S": TABLE})
    whole = ((tmp_path if name == "x.xlsx" else FILES) / name).read_bytes()
    outcomes = set()
    for _ in range(80):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        (tmp_path / "damaged").write_bytes(bytes(content))
        try:
            found = _read(tmp_path / "damaged")
        except FixSetup:
            outcomes.add("sentence")
        else:
            outcomes.add("rows")
            assert all(len(row) == len(found.headers) for _, row in found.rows)
    assert outcomes == {"sentence", "rows"}
