"""Rows for a sheet, and ways in which people save one again."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import python_calamine as calamine
import xlsxwriter  # it brings no types

from sync_connector.model import Finding, Place, Severity
from sync_connector.sheets import SheetRow
from sync_connector.sheets.write import write_csv, write_xlsx

HEADERS = ["id", "name", "mobile"]
FINDING = Finding("#001", "phone_number", Severity.REJECT, "06 12", "write all ten digits", "mobile", "+33612345678")

NASTY = [
    "=cmd|' /C calc'!A0",
    "+33612345678",
    "-1",
    "@x",
    "0612345678",
    "1e5",
    "00123",
    "TRUE",
    "1-2",
    "=1+1",
    "'x",
    "'0612345678",
    "''=1+1",
    "  x  ",
    " ",
    "a\tb",
    "\tx\t",
    "a\rb",
    "a\nb",
    "a\r\nb",
    "\r\n",
    "_x000D_",
    "_x005F_x000D_",
    "a_x0041_b",
    "a\x01b\x1f",
    "\0x",
    "\x7f\x85",
    "\ufeffx",
    "\ufffe\uffff",
    "\ud800",
    "😀",
    "👩‍👩‍👧",
    "مرحبا \u202eabc",
    "é e\u0301 \u00a0\u3000",
    "k" * 40_000,
    "+" * 40_000,
    "é😀" * 10_000,
    "a\n" * 300,
    '"a";b,c',
    "2024-05-01",
    "5 mai",
    "#N/A",
    "a;=1+1,-2\n@x",
    "",
]
"""Cells that spreadsheets execute, reformat, cut or lose."""

FORMS: dict[str, Callable[[Path, Sequence[str], Iterable[SheetRow]], int]] = {
    "xlsx": write_xlsx,
    "csv": write_csv,
    "semicolons": lambda path, headers, rows: write_csv(path, headers, rows, delimiter=";"),
}
"""Each way to write a sheet."""


def row(key: str, *cells: str, headers: Sequence[str] = HEADERS, fixable: bool = True) -> SheetRow:
    """A row with one finding."""
    return SheetRow(key, dict(zip(headers, cells, strict=True)), f"f-{key}", (FINDING,), Place("contacts.csv", 7), fixable)


def nasty_rows() -> Iterator[SheetRow]:
    """A row for each nasty cell."""
    for number, cell in enumerate(NASTY):
        yield row(f"k{number} | 😀", f"{number:05}", "Jean", cell)


def table(path: Path, sheet: int = 0) -> list[list[Any]]:
    """The cells of a workbook's sheet as they stand there."""
    return [list(cells) for cells in calamine.load_workbook(str(path)).get_sheet_by_index(sheet).iter_rows()]


def resaved(path: Path, edit: Callable[[list[list[Any]]], list[list[Any]]]) -> Path:
    """A workbook as another program saves it, its first sheet edited; what is no text is typed: numbers, dates, truth."""
    book = calamine.load_workbook(str(path))
    sheets = {name: [list(cells) for cells in book.get_sheet_by_name(name).iter_rows()] for name in book.sheet_names}
    sheets |= {book.sheet_names[0]: edit(sheets[book.sheet_names[0]])}
    save(path, sheets)
    return path


def save(path: Path, sheets: Mapping[str, Sequence[Sequence[Any]]]) -> None:
    """A workbook with these cells: text as text, numbers, dates and truth typed."""
    with xlsxwriter.Workbook(str(path), {"default_date_format": "yyyy-mm-dd"}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for line, cells in enumerate(rows):
                for place, cell in enumerate(cells):
                    (sheet.write_string if isinstance(cell, str) else sheet.write)(line, place, cell)


def rewritten(
    path: Path, edit: Callable[[list[list[str]]], list[list[str]]], encoding: str = "utf-8-sig", delimiter: str = ","
) -> Path:
    """A CSV file as a spreadsheet saves it, edited; what the encoding has no letter for becomes a question mark."""
    text = path.read_bytes().decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=";" if "[sync] row;" in text else ","))
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows(edit(rows))
    path.write_bytes(out.getvalue().encode(encoding, "replace"))
    return path


def edited(path: Path, mend: Callable[[dict[str, str]], Mapping[str, str]]) -> None:
    """The sheet, of either kind, as a person leaves it: what `mend` says of each line, given its cells by header as they stand
    in the file, is typed over them."""

    def over(rows: list[list[Any]]) -> list[list[Any]]:
        header = [str(cell) for cell in rows[0]]
        done = [rows[0]]
        for row in rows[1:]:
            cells = dict(zip(header, row, strict=True))
            done.append([*(cells | dict(mend(cells))).values()])
        return done

    (resaved if path.suffix == ".xlsx" else rewritten)(path, over)
