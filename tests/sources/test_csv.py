"""Source `csv`: files as people have them, damaged ones included. Nobody gets somebody else's number, nothing disappears."""

from __future__ import annotations

import codecs
import csv as plain_csv
import gzip
import io
import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sync_connector.config import Source
from sync_connector.errors import FixSetup, SyncError, TryLater
from sync_connector.sources import _text, open_source
from sync_connector.sources import csv as source_csv

HEAD = "id,name,phone\n"
Row = tuple[str, ...]


class Found(NamedTuple):
    """What reading gave."""

    headers: Row
    rows: list[tuple[int, Row]]
    aside: list[tuple[int, str, str]]
    described: list[str]

    @property
    def cells(self) -> list[Row]:
        """The rows without their lines."""
        return [row for _, row in self.rows]


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of some kilobytes are large."""
    monkeypatch.setattr(source_csv, "BLOCK", 4096)


def _read(path: Path | str, **chosen: object) -> Found:
    source = open_source(Source.model_validate({"path": str(path), **chosen}))
    rows: list[tuple[int, Row]] = []
    aside: list[tuple[int, str, str]] = []
    for chunk in source.chunks():
        rows += zip(chunk.lines.tolist(), chunk.rows.itertuples(index=False, name=None), strict=True)
        aside += [(one.place.line, one.code, one.text) for one in chunk.set_aside]
    return Found(tuple(source.headers()), rows, sorted(aside), list(source.describe()))


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Found]:
    """Reads text or bytes as a file."""

    def _of(content: str | bytes, **chosen: object) -> Found:
        path = tmp_path / "contacts.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return _read(path, **chosen)

    return _of


Read = Callable[..., Found]


# --- what is clean -----------------------------------------------------------------------------------------------------


def test_types_are_kept(read: Read) -> None:
    """Leading zeros, words for nothing, exponents, empty and blank stay what they are."""
    row = ("0612345678", "NA", "1e5", "", " ", "null", "True", "1.0", "2024-05-01", "#N/A", "-")
    found = read(",".join(f"c{n}" for n in range(len(row))) + "\n" + ",".join(row) + "\n")
    assert found.rows == [(2, row)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(read: Read, delimiter: str) -> None:
    """Comma, semicolon, tab and bar are told apart, though cells hold the others."""
    text = 'id;name;phone\n1;"Dupont, Jean|x";0612345678\n2;"Durand, Anne";0612345679\n'.replace(";", delimiter)
    found = read(text)
    assert found.headers == ("id", "name", "phone")
    assert found.cells[0] == ("1", "Dupont, Jean|x", "0612345678")


def test_the_delimiter_can_be_set(read: Read) -> None:
    """A setting overrules what would be found."""
    assert read("a:b;c\n1:2;3\n4:5;6\n", delimiter=":").cells == [("1", "2;3"), ("4", "5;6")]


TEXT = "id,prénom,téléphone\n1,Amélie,0612345678\n2,Œuvre €,0612345679\n"
ENCODED = {
    "utf-8": TEXT.encode(),
    "utf-8 with BOM": codecs.BOM_UTF8 + TEXT.encode(),
    "cp1252": TEXT.encode("cp1252"),
    "utf-16-le with BOM": codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
    "utf-16-be with BOM": codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    "utf-32 with BOM": codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"),
    "CRLF": TEXT.replace("\n", "\r\n").encode(),
    "CR": TEXT.replace("\n", "\r").encode(),
    "no last line feed": TEXT.rstrip("\n").encode(),
    "gzip": gzip.compress(TEXT.encode("cp1252")),
}


@pytest.mark.parametrize("content", ENCODED.values(), ids=ENCODED.keys())
def test_every_encoding_and_line_end_gives_the_same(read: Read, content: bytes) -> None:
    """BOM, then strict UTF-8, then cp1252; any line end; gzip by its content."""
    found = read(content)
    assert found.headers == ("id", "prénom", "téléphone")
    assert found.rows == [(2, ("1", "Amélie", "0612345678")), (3, ("2", "Œuvre €", "0612345679"))]
    assert found.aside == []


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("cp850", TEXT.replace("Œuvre €", "x").encode("cp850")),
        ("utf-16-le", TEXT.encode("utf-16-le")),
        ("utf-8", codecs.BOM_UTF8 + TEXT.encode()),
    ],
)
def test_the_encoding_can_be_set(read: Read, encoding: str, content: bytes) -> None:
    """A setting overrules what would be found, and a BOM is no part of the first header."""
    found = read(content, encoding=encoding)
    assert found.headers == ("id", "prénom", "téléphone")
    assert found.cells[0][1] == "Amélie"


@pytest.mark.parametrize("encoding", ["klingon", "hex", "rot13", "base64", "undefined", "idna", "utf-16", "a\0b", ""])
def test_a_wrong_encoding_is_a_sentence(read: Read, encoding: str) -> None:
    """What is no encoding of text, or not this file's, is a fault of the setting."""
    with pytest.raises(FixSetup, match="encoding"):
        read(TEXT, encoding=encoding)


def test_bytes_outside_the_encoding_set_their_row_aside(read: Read) -> None:
    """One undecodable byte costs its row, with line and reason, and not the file."""
    found = read(TEXT.encode().replace("Œ".encode(), b"\x81"), encoding="utf-8")
    assert found.cells == [("1", "Amélie", "0612345678")]
    assert [(line, code) for line, code, _ in found.aside] == [(3, "undecodable")]


def test_title_lines_above_the_header_are_passed_over(read: Read) -> None:
    """Exports that begin with a title and a blank line have their header further down; it can be set as well."""
    text = "Contacts of 2024\n\nid,name,phone\n1,Jean,0612345678\n2,Anne,0612345679\n"
    assert read(text).rows[0] == (4, ("1", "Jean", "0612345678"))
    assert "header on line 3" in read(text).described[0]
    assert read(text, header_line=3).cells == read(text).cells


REPORT = "id,name,phone,city,country\n1,Jean,0612345678,Paris,FR\n2,Anne,0612345679,Lyon,FR\n"
FOOTERS = {
    "Salesforce report": (
        '\n"My contacts"\n"Copyright (c) 2000-2024 salesforce.com, inc. All rights reserved."\n'
        '"Confidential Information - Do Not Distribute"\n"Generated By:  Anne Durand  4/15/2024 1:00 PM"\n"Acme"\n',
        5,
    ),
    "the same, not quoted, its last line open": (
        "\nMy contacts\nCopyright (c) 2000-2024 salesforce.com, inc. All rights reserved.\nGenerated By: Anne 4/15/2024",
        3,
    ),
    "total": ("Total,2\n", 1),
    "total, as wide as a row": ("Total,,,,2\n", 1),
    "total with an amount": ('TOTAL,,"1 234,50 €"\n', 1),
    "grand total in French": ("Total général : 2 fiches\n", 1),
    "count": ("Nombre: 2\n", 1),
    "saved again by a spreadsheet": (",,,,\nMy contacts,,,,\nConfidential,,,,\n", 2),
    "in a second column": (",Gesamt,2,,\n", 1),
}


@pytest.mark.parametrize(("behind", "count"), FOOTERS.values(), ids=FOOTERS.keys())
@pytest.mark.parametrize("size", [0, 3_000], ids=["small", "large"])
def test_footer_lines_are_no_rows(read: Read, behind: str, count: int, size: int) -> None:
    """What a report writes behind its data is neither a row nor a reject, and is counted."""
    more = "".join(f"{n},Jean,0612345678,Paris,FR\n" for n in range(10, 10 + size))
    found = read(REPORT + more + behind)
    assert len(found.rows) == 2 + size
    assert [code for _, code, _ in found.aside] == ["footer"] * count


NO_FOOTERS = {
    "a row that was cut": ("3,Du", "ragged_row"),
    "a row that was cut, of a company called so": ("Total,Du", "ragged_row"),
    "the same in the middle of a number": ("Total,0612", "ragged_row"),
    "a short row": ("3,Durand\n", "ragged_row"),
    "cut behind a blank line": ("\n3", "ragged_row"),
    "a key alone behind a blank line": ("\nK3\n", "ragged_row"),
    "a phrase with no blank line before it": ("My contacts\n", "ragged_row"),
    "a company called so": ("Total,,0612345678,,\n", None),
    "a company called so, with an address": ("Total,Jean,,Paris,\n", None),
    "a company whose name begins so": ("Total Energies,,,,\n", None),
    "a key alone": ("3,,,,\n", None),
    "a short number of somebody called so": ("Total,,5551235,,\n", None),
    "a company called like a notice, with a number": ("Confidential,,06 12 34 56 70,,\n", None),
    "the same, with an e-mail address": ("(c) Services,,info@example.org,,\n", None),
    "a number alone behind a blank line": ("\n,,06 12 34 56 70,,\n", None),
    "the same, with words": ("\n,,Tél : 06 12 34 56 70 poste 3,,\n", None),
    "an e-mail address alone behind a blank line": ("\n,write to anne@example.org,,,\n", None),
}


@pytest.mark.parametrize(("behind", "code"), NO_FOOTERS.values(), ids=NO_FOOTERS.keys())
def test_what_may_be_a_contact_is_no_footer(read: Read, behind: str, code: str | None) -> None:
    """A row that was cut short, is short, or begins with a word like Total stays a row or a reject."""
    found = read(REPORT + behind)
    assert [aside for _, aside, _ in found.aside] == ([code] if code else [])
    assert len(found.rows) == (2 if code else 3)


def test_a_total_below_takes_nobody_with_it(read: Read) -> None:
    """Numbers that stand alone between a blank line and a total are rows, and only the total is none."""
    found = read(REPORT + "\n,,0612345670,,\n,,0612345671,,\n\nTotal: 4,,,,\nAs of 2026-03-01 10:23:45,,,,\n")
    assert [row[2] for _, row in found.rows[2:]] == ["0612345670", "0612345671"]
    assert [code for _, code, _ in found.aside] == ["footer", "footer"]


def test_a_footer_is_behind_the_data(read: Read) -> None:
    """The same lines among the data are rows or rejects as ever."""
    found = read(REPORT + "Total,2\n\nMy contacts\n3,Paul,0612345670,Nice,FR\n")
    assert [code for _, code, _ in found.aside] == ["ragged_row", "ragged_row"]
    assert len(found.rows) == 3


def test_a_table_of_two_columns_has_a_title_too(read: Read) -> None:
    """One filled cell above two columns is a title, not a header."""
    assert read("Contacts\nname,phone\nJean,0612345678\nAnne,0612345679\n").headers == ("name", "phone")


def test_what_spreadsheets_and_crms_do_to_cells_is_left_to_the_fields(read: Read) -> None:
    """Guards against formulas, literal line feeds, exponents and several values come as they stood."""
    row = ("'+33 6 12 34 56 78", "1 rue X\\n75001 Paris", "3.36E+10", "33612345678.0", "0612345678 ::: 0612345679", "a | b")
    assert read(";".join("abcdef") + "\n" + ";".join(row) + "\n").cells == [row]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_known_without_its_mark(read: Read, encoding: str) -> None:
    """Every other byte is zero: that is no damage, and each row is read."""
    found = read("id;prénom;phone\n1;Zoé;0612345678\n2;Łukasz;0612345679\n".encode(encoding))
    assert found.cells == [("1", "Zoé", "0612345678"), ("2", "Łukasz", "0612345679")]
    assert encoding in found.described[0]


@pytest.mark.parametrize("odd", ["", '3,Paul "x",0612345670\n'], ids=["by Arrow", "by line"])
def test_a_byte_order_mark_among_the_rows_is_in_no_key(read: Read, odd: str) -> None:
    """Files that were put together bring their marks with them: the key behind one is the key that it was."""
    found = read("\ufeffid,name,phone\n1,Jean,0612345678\n\ufeff2,Anne,0612345679\n" + odd)
    assert [row[0] for _, row in found.rows] == ["1", "2", "3"][: len(found.rows)]
    assert len(found.rows) == (3 if odd else 2)


def test_japanese_outlook_is_read_on_request(read: Read) -> None:
    """cp932, in which a second byte may be a backslash or a bar, when the source says so."""
    text = "姓,名,携帯電話\r\n山田,ソ十表,090-1234-5678\r\n"
    found = read(text.encode("cp932"), encoding="cp932")
    assert found.headers == ("姓", "名", "携帯電話")
    assert found.cells == [("山田", "ソ十表", "090-1234-5678")]


def test_a_trailing_separator_is_no_column(read: Read) -> None:
    """Rows that end with a separator are read, whether all or some do."""
    assert [row[:3] for row in read(HEAD + "1,a,0612,\n2,b,0613,\n").cells] == [("1", "a", "0612"), ("2", "b", "0613")]
    assert read(HEAD + "1,a,0612\n2,b,0613,\n3,c,0614\n").cells == [("1", "a", "0612"), ("2", "b", "0613"), ("3", "c", "0614")]
    found = read("id,name,phone,\n1,a,0612,\n")
    assert found.headers == ("id", "name", "phone", "column 4")


@pytest.mark.parametrize(
    ("headers", "told_apart"),
    [
        ("a,a,a", ("a", "a (2)", "a (3)")),
        ("a,a,a (2)", ("a", "a (2)", "a (2) (2)")),
        ("a (2),a,a", ("a (2)", "a", "a (3)")),
        ("a,,b", ("a", "column 2", "b")),
        (" a ,b\u00a0c,d", ("a", "b c", "d")),
    ],
)
def test_headers_are_distinct(read: Read, headers: str, told_apart: Row) -> None:
    """Equal names are told apart by a number that no other header has; blank ones are named by their place."""
    found = read(f"{headers}\n1,2,3\n4,5,6\n")
    assert found.headers == told_apart
    assert found.cells == [("1", "2", "3"), ("4", "5", "6")]


def test_lines_are_counted_through_cells_of_several_lines(read: Read) -> None:
    """A row's line is the one on which it begins."""
    found = read(HEAD + '1,"rue X\nParis\r\nFrance",0612\n2,b,0613\n\n3,"c\n",0614\n4,d,0615\n')
    assert [line for line, _ in found.rows] == [2, 5, 7, 9]
    assert found.cells[0][1] == "rue X\nParis\r\nFrance"
    assert found.aside == []


def test_blank_rows_are_no_rows(read: Read) -> None:
    """Lines without a filled cell are passed over, and counted as lines."""
    found = read(HEAD + "\n1,a,0612\n,,\n \n ,\u00a0,\n2,b,0613\n\n")
    assert [line for line, _ in found.rows] == [3, 7]
    assert found.aside == []


def test_old_macs_files_are_read(read: Read) -> None:
    """Lines that end with a carriage return alone are lines, also where a cell holds one."""
    assert read('id,name,phone\r1,"x\ry",0612\r2,b,0613\r').rows == [(2, ("1", "x\ny", "0612")), (4, ("2", "b", "0613"))]


# --- where files are ---------------------------------------------------------------------------------------------------


def test_a_pattern_means_several_files(tmp_path: Path) -> None:
    """All files of a pattern are read, in order of name, each with its own encoding, delimiter and order of columns."""
    (tmp_path / "b.csv").write_bytes("phone;name;id\n0613;Amélie;2\n0614;x;3\n".encode("cp1252"))
    (tmp_path / "a.csv").write_text(HEAD + "1,Jean,0612\n", encoding="utf-16")
    (tmp_path / "c.txt").write_text("no")
    source = open_source(Source(path=str(tmp_path / "*.csv")))
    found = [
        (os.path.basename(chunk.file), row) for chunk in source.chunks() for row in chunk.rows.itertuples(index=False, name=None)
    ]
    assert found == [("a.csv", ("1", "Jean", "0612")), ("b.csv", ("2", "Amélie", "0613")), ("b.csv", ("3", "x", "0614"))]


def test_files_of_a_pattern_have_the_same_columns(tmp_path: Path) -> None:
    """Every file that does not fit is named, with the columns in which it differs."""
    for name, text in (("a", HEAD), ("b", "id,name,mobile\n1,a,2\n"), ("c", "")):
        (tmp_path / f"{name}.csv").write_text(text + ("1,Jean,0612\n" if name == "a" else ""))
    with pytest.raises(FixSetup) as fault:
        open_source(Source(path=str(tmp_path / "*.csv")))
    assert any("c.csv" in sentence and "empty" in sentence for sentence in fault.value.faults)
    assert any("b.csv" in sentence and "mobile, phone" in sentence for sentence in fault.value.faults)


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path: Path) -> None:
    """`contacts[1].csv` is found under its own name."""
    (tmp_path / "contacts[1].csv").write_text(HEAD + "1,a,0612\n")
    assert len(_read(tmp_path / "contacts[1].csv").rows) == 1


def test_standard_input_is_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` is read as often as needed, in any encoding, and leaves nothing behind."""
    monkeypatch.setattr(_text, "_kept_stdin", [])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(TEXT.encode("cp1252")))))
    assert _read("-").cells == _read("-").cells == [("1", "Amélie", "0612345678"), ("2", "Œuvre €", "0612345679")]
    (kept,) = _text._kept_stdin
    assert kept.stat().st_mode & 0o077 == 0
    _text.forget_stdin()
    assert not kept.exists()


@pytest.mark.parametrize("content", [b"", b"\n\n", codecs.BOM_UTF8, b" \r\n\t", b"\0\0", gzip.compress(b"", mtime=0)])
def test_an_empty_file_is_a_sentence(read: Read, content: bytes) -> None:
    """A file without even a header is a fault of the file."""
    with pytest.raises(FixSetup, match="empty"):
        read(content)


def test_a_header_alone_is_a_table_without_rows(read: Read) -> None:
    """No rows is no fault here (a brake looks at that)."""
    assert read(HEAD).rows == []
    assert read(HEAD.rstrip()).headers == ("id", "name", "phone")


def test_a_directory_a_missing_file_and_what_is_no_file_are_sentences(tmp_path: Path) -> None:
    """Each says what it is and what to do."""
    with pytest.raises(FixSetup, match=r"is a directory.*\*\.csv"):
        _read(tmp_path)
    with pytest.raises(FixSetup, match="no such file"):
        _read(tmp_path / "nothing.csv")
    with pytest.raises(FixSetup, match="no such file"):
        _read(tmp_path / "*.nothing")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FixSetup, match="read twice"):
        _read(tmp_path / "pipe")


@pytest.mark.parametrize(
    "damage",
    [lambda b: b[:-9], lambda b: b[: len(b) // 2], lambda b: b[:40] + b"\x00\xff" + b[42:], lambda b: b[:-8] + b"\0" * 8],
)
def test_a_damaged_archive_is_tried_later(read: Read, damage: Callable[[bytes], bytes]) -> None:
    """A gzip file that was cut or changed is not read in part."""
    packed = gzip.compress((HEAD + "".join(f"{n},Jean{n},06{n:08d}\n" for n in range(2_000))).encode())
    with pytest.raises(TryLater, match="damaged or cut short"):
        read(damage(packed))


def test_no_header_is_a_sentence(read: Read) -> None:
    """A file that begins with data is not read as if its first contact were a header."""
    with pytest.raises(FixSetup, match="no header row"):
        read("1,Jean,jean@example.com,0612345678\n2,Anne,anne@example.com,0612345679\n")


# --- what is damaged ---------------------------------------------------------------------------------------------------

GOOD = [f"{n},Jean{n},06{n:08d}" for n in range(2, 6)]
FAULTS = {
    "too few cells": ("1,Jean", "ragged_row"),
    "too many cells": ("1,Jean,0612345678,x", "ragged_row"),
    "NUL": ("1,Je\0an,0612345678", "nul_byte"),
    "unclosed quote": ('1,"Jean,0612345678', "unclosed_quote"),
    "unclosed quote in the last cell": ('1,Jean,"0612345678', "unclosed_quote"),
    "unclosed quote in the first cell": ('"1,Jean,0612345678', "unclosed_quote"),
    "quote in a quoted cell": ('1,"Je"an","0612345678', None),
    "lone carriage return": ("1,Je\ran,0612345678", "stray_return"),
}


@pytest.mark.parametrize("place", [0, 2, 4])
@pytest.mark.parametrize("size", [0, 1_000], ids=["small", "large"])
@pytest.mark.parametrize(("line", "code"), FAULTS.values(), ids=FAULTS.keys())
def test_a_faulty_line_is_set_aside_alone(read: Read, line: str, code: str | None, size: int, place: int) -> None:
    """Each fault costs its own line, wherever it stands in a small file and a large one; all other rows are as they were."""
    good = GOOD + [f"{n},Anne{n},07{n:08d}" for n in range(10, 10 + size)]
    at = place * len(good) // 4
    found = read(HEAD + "\n".join([*good[:at], line, *good[at:]]) + "\n")
    assert found.rows == [(n + (n - 2 >= at), tuple(row.split(","))) for n, row in enumerate(good, start=2)]
    assert [(aside_line, text) for aside_line, _, text in found.aside] == [(at + 2, line.rstrip("\n"))]
    assert code is None or found.aside[0][1] == code


def test_a_quote_that_swallows_the_next_row_gives_nobody_anothers_number(read: Read) -> None:
    """A quote opened in one row and closed by another's never makes one person of two."""
    found = read(HEAD + '1,"Jean,0611111111\n2,"Paul",0622222222\n3,Anne,0633333333\n')
    assert found.cells == [("2", "Paul", "0622222222"), ("3", "Anne", "0633333333")]
    assert [line for line, _, _ in found.aside] == [2]


def test_a_swallowed_row_of_the_right_width_is_seen(read: Read) -> None:
    """Two rows that a quote makes into one of the right width are told apart by the stray quote in it."""
    found = read(HEAD + '"1,Jean,0611111111\n2,",Paul",0622222222\n3,Anne,0633333333\n')
    assert found.cells == [("2", ",Paul", "0622222222"), ("3", "Anne", "0633333333")]


def test_inch_marks_never_swallow_a_line(read: Read) -> None:
    """Quotes in cells that are not quoted are text, before a fault and behind it."""
    found = read(HEAD + '0,ragged\n1,12" pipe,0612\n2,5" pipe,0613\n3,c,0614\n4,6"x8",0615\n')
    assert found.rows == [
        (3, ("1", '12" pipe', "0612")),
        (4, ("2", '5" pipe', "0613")),
        (5, ("3", "c", "0614")),
        (6, ("4", '6"x8"', "0615")),
    ]
    assert [line for line, _, _ in found.aside] == [2]


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\r\n"])
def test_a_quote_that_is_open_at_the_end_of_the_file_is_seen(read: Read, end: str) -> None:
    """A file that ends inside a quote was cut short, or lost a quote: its rows are not taken for one cell."""
    found = read(HEAD + '1,a,0612\n2,b,"0613\n3,c,0614\n4,d,0615' + end)
    assert found.cells == [("1", "a", "0612"), ("3", "c", "0614"), ("4", "d", "0615")]
    assert [(line, code) for line, code, _ in found.aside] == [(3, "unclosed_quote")]
    found = read(HEAD + '1,a,0612\n2,b,"0613' + end)
    assert found.cells == [("1", "a", "0612")]
    assert [(line, code) for line, code, _ in found.aside] == [(3, "unclosed_quote")]


def test_a_file_that_was_cut_says_so(read: Read, tmp_path: Path) -> None:
    """A last line without all its cells is set aside with a hint that the file is cut."""
    found = read(HEAD + "1,a,0612\n2,b")
    assert [(line, code) for line, code, _ in found.aside] == [(3, "ragged_row")]
    chunks = list(open_source(Source(path=str(tmp_path / "contacts.csv"))).chunks())
    assert "cut short" in chunks[-1].set_aside[0].reason


def test_stray_carriage_returns_lose_no_row_behind_a_later_fault(read: Read) -> None:
    """Where lines end in several ways, what is set aside further down does not make rows between disappear."""
    good = [f"{n},Jean{n},06{n:08d}" for n in range(2_000)]
    found = read(HEAD + "1,a,0612\r2,b,0613\r3,c,0614\r\n" + "\n".join([*good[:1_500], "ragged", *good[1_500:]]) + "\n")
    assert found.cells == [tuple(row.split(",")) for row in good]
    assert [code for _, code, _ in found.aside] == ["stray_return", "ragged_row"]


def test_carriage_returns_inside_quotes_are_text(read: Read) -> None:
    """A quoted cell may hold any line end."""
    found = read(HEAD + '1,"a\rb",0612\r\n2,"c\r\nd",0613\r\n3,"e\nf",0614\r\n')
    assert found.rows == [(2, ("1", "a\rb", "0612")), (3, ("2", "c\r\nd", "0613")), (5, ("3", "e\nf", "0614"))]
    assert found.aside == []


def test_many_faults_in_a_large_file(read: Read) -> None:
    """More faults than Arrow is given chances cost their own lines only."""
    lines = [f"{n},Jean{n},06{n:08d}" if n % 97 else f"{n},broken" for n in range(1, 5_000)]
    found = read(HEAD + "\n".join(lines) + "\n")
    assert found.cells == [tuple(line.split(",")) for line in lines if not line.endswith("broken")]
    assert [line for line, _, _ in found.aside] == [n + 1 for n in range(97, 5_000, 97)]


@pytest.mark.parametrize("width", [300, 5_000, 70_000])
def test_cells_longer_than_a_block_are_read(read: Read, width: int) -> None:
    """A cell that is larger than what is read at once is still one cell."""
    long = "x" * width
    found = read(HEAD + f'1,a,0612\n2,"{long}\n{long}",0613\n3,c,0614\n4,{long},0615\n')
    assert found.cells == [("1", "a", "0612"), ("2", f"{long}\n{long}", "0613"), ("3", "c", "0614"), ("4", long, "0615")]
    assert [line for line, _ in found.rows] == [2, 3, 5, 6]


# --- any table ---------------------------------------------------------------------------------------------------------

CELL = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\x1c\x1d\x1e\x85\u2028\u2029"), max_size=6
) | st.text(alphabet="a,;|\t\"'\n é", max_size=6)


class Written(NamedTuple):
    """A table as a program writes it, and where its rows begin."""

    content: bytes
    rows: list[tuple[int, Row]]
    delimiter: str


def _written(table: Sequence[Row], delimiter: str, quoting: int, end: str, encoding: str) -> Written:
    out = io.StringIO(newline="")
    writer = plain_csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    writer.writerow([f"c{n}" for n in range(len(table[0]))])
    rows = []
    for row in table:
        line = out.getvalue().count("\n") + 1
        writer.writerow(row)
        if any(cell.strip() for cell in row):
            rows.append((line, row))
    return Written(out.getvalue().encode(encoding), rows, delimiter)


@st.composite
def tables(draw: st.DrawFn) -> Written:
    """Any table, repeated until it is larger than a block now and then."""
    width = draw(st.integers(2, 4))
    table = draw(st.lists(st.tuples(*[CELL] * width), min_size=1, max_size=6)) * draw(st.sampled_from([1, 1, 150]))
    quoting = draw(st.sampled_from([plain_csv.QUOTE_MINIMAL, plain_csv.QUOTE_ALL]))
    return _written(
        table,
        draw(st.sampled_from(",;\t|")),
        quoting,
        draw(st.sampled_from(["\n", "\r\n"])),
        draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])),
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that each example writes anew."""
    return tmp_path_factory.mktemp("csv") / "contacts.csv"


@pytest.fixture(scope="module", autouse=True)
def _small_blocks_throughout() -> Iterator[None]:
    """The same for examples that Hypothesis runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source_csv, "BLOCK", 4096)
        yield


@settings(deadline=None, max_examples=200)
@given(written=tables())
def test_what_a_program_writes_is_what_is_read(path: Path, written: Written) -> None:
    """Any table of text that `csv.writer` writes, with any delimiter, comes back cell by cell with its line numbers."""
    path.write_bytes(written.content)
    found = _read(path, delimiter=written.delimiter, header_line=1)
    assert found.rows == written.rows
    assert found.aside == []


SIMPLE = st.text(alphabet="abé ,\"'1", max_size=5) | st.sampled_from(
    ["0612345678", "", '""', ",x", '"', "a\nb", 'a "b"\nc', "\n", "x,\ny"]
)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[list[str], int, str, int]:
    """A table's records as lines of text, one of single-line records damaged: records, which, how it is now, its width."""
    width = draw(st.integers(2, 4))
    quoting = draw(st.sampled_from([plain_csv.QUOTE_MINIMAL, plain_csv.QUOTE_ALL]))
    keyed = [(f"k{n}", *draw(st.tuples(*[SIMPLE] * (width - 1)))) for n in range(draw(st.integers(1, 8)))]
    # A cell that begins with a line feed behind a damaged line is beyond telling: its opening quote closes the stray one.
    table = [tuple(cell.lstrip("\n") for cell in row) for row in keyed]
    padding = [(f"p{n}", *["x"] * (width - 1)) for n in range(draw(st.sampled_from([0, 0, 700])))]
    at = draw(st.integers(0, len(table)))
    table[at:at] = padding
    out = [_written([row], ",", quoting, "\n", "utf-8").content.decode().split("\n", 1)[1] for row in table]
    assume(any(record.count("\n") == 1 for record in out))
    single = [n for n, record in enumerate(out) if record.count("\n") == 1]
    which = draw(st.sampled_from(single))
    line = out[which][:-1]
    match draw(st.sampled_from(["insert", "remove", "cell", "cut"])):
        case "insert":
            where = draw(st.integers(0, len(line)))
            line = line[:where] + '"' + line[where:]
        case "remove":
            quotes = [n for n, c in enumerate(line) if c == '"'] or [0]
            where = draw(st.sampled_from(quotes))
            line = line[:where] + line[where + 1 :]
        case "cell":
            line = ",".join(line.split(",")[:-1])
        case _:
            line = line[: draw(st.integers(0, len(line)))]
    return out, which, line, width


@settings(deadline=None, max_examples=500)
@given(case=damaged())
def test_a_damaged_line_costs_nobody_else(path: Path, case: tuple[list[str], int, str, int]) -> None:
    """After any accident to one line: each other row is read exactly as it was, at its line, or its first line is named
    as set aside; a row that is read at the damaged line is made of that line alone; and nothing else is read."""
    records, which, line, width = case
    header = ",".join(f"c{n}" for n in range(width)) + "\n"
    records = [*records[:which], line + "\n", *records[which + 1 :]]
    path.write_text(header + "".join(records), encoding="utf-8")
    found = _read(path, delimiter=",", header_line=1)
    read, aside = dict(found.rows), {at for at, _, _ in found.aside}
    assert len(read) == len(found.rows)
    begins = 2
    for number, record in enumerate(records):
        if number != which:
            (whole,) = plain_csv.reader(io.StringIO(record, newline=""))
            if begins in read:
                assert read.pop(begins) == tuple(whole)
            else:
                assert begins in aside
        elif begins in read:
            row = read.pop(begins)
            assert all(cell in line.replace('""', '"') or cell.replace('"', "") in line.replace('"', "") for cell in row)
            assert not any("\n" in cell for cell in row)
        elif line.replace(",", "").strip():
            assert begins in aside
        begins += record.count("\n")
    assert read == {}, "a row was read where none begins"


def test_random_damage_to_bytes_is_a_sentence_or_rows(path: Path) -> None:
    """Whatever bytes are changed, reading gives rows of the header's width or a fault that says what to do."""
    chance = random.Random(7)
    whole = (HEAD + "".join(f'{n},"Jean {n}, dit ""J""",06{n:08d}\r\n' for n in range(300))).encode()
    for _ in range(60):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            content[chance.randrange(len(content))] = chance.choice(b'",;\n\r\0\xff\xe9 a0')
        path.write_bytes(bytes(content))
        try:
            found = _read(path)
        except SyncError:
            continue
        assert all(len(row) == len(found.headers) for _, row in found.rows)
        assert len(found.rows) + len(found.aside) >= 280
