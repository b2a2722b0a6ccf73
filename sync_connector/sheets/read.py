"""Reading the sheet as it was saved again: a workbook (.xlsx, .ods) or CSV, by Excel or LibreOffice, in French or English.

Law: a cell that nobody edited comes back as it was; an edited one as the steward sees it. A line whose token was changed, of
which there are two versions, or of which a program lost a part is a fault, and all faults are told at once: nothing is guessed.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import python_calamine as calamine

from sync_connector.errors import FixSetup
from sync_connector.sheets import KEPT, KEPT_HEADERS, TOKEN, Edited
from sync_connector.sheets.columns import header_meant
from sync_connector.sheets.guard import CUT, is_cut, is_said, meant, unguarded
from sync_connector.sheets.token import Form, Token, opened
from sync_connector.sources import excel
from sync_connector.sources._flat import written
from sync_connector.sources._text import marked

MOST_BYTES = 256 << 20
HEADER_AMONG = 50
MOST_FAULTS = 100
DELIMITERS = ",;\t|"
LONGEST_CELL = 1 << 24
ZIPPED, OLD = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
EIGHT_BIT = ("cp1252", "mac_roman", "cp1250")
"""What spreadsheets write where it is not UTF-8, most frequent first."""

FOREIGN = "the cell `{}` is no longer as it was exported; copy it back from the exported file, or delete the line"
LOST = (
    "letters of this row were lost when the file was saved; save it again as .xlsx or as “CSV UTF-8”, from the exported file if "
    "the letters are gone"
)
TWICE = "it is the same row as on line {}, with other cells; delete one of the two"
REST = (
    "the cell in column {!r} was cut, and what was kept of it is gone; edit the workbook that was exported, or put the whole "
    "text into the cell"
)
CUT_OFF = "the spreadsheet cut the long cell in column {!r}; take the whole line from the exported file, or edit that as .xlsx"
SHORT = "the line ends before the column `{}`; a quote may be missing or too many"
LONG = "the line has {} cells where the header has {}; a quote may be missing or too many"


class _Table(NamedTuple):
    """A sheet with our header. `shown`: how a line of it is told, up to its number; `header`: its cells; `rows`: those behind
    it, each with its line."""

    shown: str
    header: list[str]
    rows: Iterator[tuple[int, list[str]]]


Kept = dict[str, list[tuple[str, str]]]
"""Token → header and text of each cell that a workbook could not hold."""


def read(path: str | Path) -> list[Edited]:
    """The lines of a sheet that have a token, in order. Raises `FixSetup`, every fault at once, each with its line.

    A line that stands there twice, unchanged, counts once; one without a token is left out, as are columns without a header.
    """
    path = Path(path)
    try:
        with open(path, "rb") as raw:
            start = raw.read(8)
    except OSError as fault:
        raise FixSetup(f"{path}: {fault.strerror or fault}") from None
    if start.startswith(OLD):  # what reads .xls loses letters of long texts
        raise FixSetup(f"{path}: it is a workbook of the old kind, or protected by a password; save it as .xlsx, without one")
    tables, kept = _of_workbook(path) if start.startswith(ZIPPED) else _of_text(path)
    if not tables:
        raise FixSetup(f"{path}: no column `{TOKEN}` is there; give the sheet that was exported, with that column left in")
    reading = _Reading(kept)
    for table in tables:
        reading.take(table)
    if faults := reading.faults:
        more = [f"and {len(faults) - MOST_FAULTS:,} more faults of this kind"] if len(faults) > MOST_FAULTS else []
        raise FixSetup(*faults[:MOST_FAULTS], *more)
    return reading.lines


# --- what the lines say ----------------------------------------------------------------------------------------------


class _Reading:
    """The lines that were read so far, and what was wrong with them."""

    def __init__(self, kept: Kept) -> None:
        self.lines: list[Edited] = []
        self.faults: list[str] = []
        self._kept = kept
        self._seen: dict[str, Edited] = {}

    def take(self, table: _Table) -> None:
        """Read a table to its end."""
        at = _token_column(table.header)
        columns: dict[Form, dict[int, str]] = {}
        for line, cells in table.rows:
            text = cells[at].strip() if at < len(cells) else ""
            if not text:
                if len(cells) <= at and any(cell.strip() for cell in cells):
                    self._fault(table, line, SHORT.format(TOKEN))
                continue
            cells += [""] * (len(table.header) - len(cells))
            if any(cell.strip() for cell in cells[len(table.header) :]):
                self._fault(table, line, LONG.format(len(cells), len(table.header)))
            elif (told := opened(text)) is None:
                self._fault(table, line, FOREIGN.format(TOKEN))
            elif not told[1]:
                self._fault(table, line, LOST)
            else:
                token = told[0]
                if token.form not in columns:
                    columns[token.form] = self._columns(table, token)
                self._line(table, line, text, token, {name: cells[place] for place, name in columns[token.form].items()})

    def _columns(self, table: _Table, token: Token) -> dict[int, str]:
        """The place of each column that is not ours, and its header as the CRM has it."""
        columns: dict[int, str] = {}
        for place, cell in enumerate(table.header):
            seen = unguarded(cell) if token.form is Form.CSV else cell
            name = token.headers.get(seen, header_meant(seen))
            if name is None or not cell.strip():
                continue
            if name in columns.values():
                self.faults.append(
                    f"{table.shown.rstrip(':')}: two columns are called {name!r}; delete one, or call it otherwise"
                )
            columns[place] = name
        return columns

    def _line(self, table: _Table, line: int, text: str, token: Token, cells: dict[str, str]) -> None:
        if token.form is Form.CSV:
            for header, characters in token.long.items():
                if header in cells and is_cut(cells[header], characters):
                    self._fault(table, line, CUT_OFF.format(header))
            cells = {header: unguarded(cell) for header, cell in cells.items()}
            for header, original in token.kept.items():
                if header in cells and is_said(cells[header], original):
                    cells[header] = original
        else:
            kept = dict(self._kept.get(text, ()))
            for header, cell in cells.items():
                if header in kept:
                    cells[header] = meant(cell, kept[header])
                elif cell.endswith(CUT):
                    self._fault(table, line, REST.format(header))
        edited = Edited(token.key, token.fingerprint, cells, line)
        if (before := self._seen.get(text)) is None:
            self._seen[text] = edited
            self.lines.append(edited)
        elif before.cells != cells:
            self._fault(table, line, TWICE.format(before.line))

    def _fault(self, table: _Table, line: int, sentence: str) -> None:
        self.faults.append(f"{table.shown}{line}: {sentence}")


def _token_column(cells: Sequence[str]) -> int:
    """Where our header stands in a line; -1 if it does not."""
    return next((place for place, cell in enumerate(cells) if cell.strip().casefold() == TOKEN), -1)


# --- workbooks -------------------------------------------------------------------------------------------------------


def _of_workbook(path: Path) -> tuple[list[_Table], Kept]:
    excel.weigh(path, str(path))
    tables: list[_Table] = []
    pieces: dict[tuple[str, str], list[str]] = {}
    with excel.opened(path, str(path)) as book:
        for sheet in book.sheets_metadata:
            if sheet.typ is not calamine.SheetTypeEnum.WorkSheet:
                continue
            rows = _lines(excel.loaded(book, sheet.name, str(path)))
            first = list(islice(rows, HEADER_AMONG))
            if first and first[0][1][:1] == [KEPT]:
                for _, (token, number, text, *_) in [*first[1:], *rows]:
                    pieces.setdefault((token, number), []).append(text)
            elif table := _table(first, rows, f"{path}, sheet {sheet.name!r}, row "):
                tables.append(table)
    return tables, _kept(pieces)


def _lines(sheet: calamine.CalamineSheet) -> Iterator[tuple[int, list[str]]]:
    for line, cells in enumerate(sheet.iter_rows(), start=1):
        texts = [_lf(written(cell)) for cell in cells]
        yield line, texts + [""] * (len(KEPT_HEADERS) - len(texts))


def _kept(pieces: dict[tuple[str, str], list[str]]) -> Kept:
    kept: Kept = {}
    for (token, _), texts in pieces.items():
        try:
            content = json.loads(base64.b64decode("".join(texts), b"-.", validate=True))
        except (ValueError, RecursionError):
            continue  # its cell says that it was cut
        if isinstance(content, list) and [type(text) for text in content] == [str, str]:
            kept.setdefault(token, []).append((content[0], content[1]))
    return kept


def _table(first: list[tuple[int, list[str]]], rest: Iterator[tuple[int, list[str]]], shown: str) -> _Table | None:
    """The table that begins in the first rows of a sheet, if our header is among them."""
    for place, (_, cells) in enumerate(first):
        if _token_column(cells) >= 0:
            return _Table(shown, cells, chain(first[place + 1 :], rest))
    return None


def _lf(text: str) -> str:
    """A cell's text with LF at the end of its lines; no other was written, and what a spreadsheet makes of them says nothing."""
    return re.sub(r"\r\n?", "\n", text) if "\r" in text else text


# --- CSV -------------------------------------------------------------------------------------------------------------


def _of_text(path: Path) -> tuple[list[_Table], Kept]:
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise FixSetup(f"{path}: it has {size / (1 << 20):,.1f} MiB, and at most {MOST_BYTES >> 20} are read; split it")
    raw = path.read_bytes()
    rows: list[tuple[int, list[str]]] = []
    for encoding in _encodings(raw):
        rows = _rows(path, raw.decode(encoding, "replace"))
        if all(told is None or told[1] for told in _tokens(rows)):
            break
    else:
        rows = _rows(path, raw.decode(_encodings(raw)[0], "replace"))
    table = _table(rows[:HEADER_AMONG], iter(rows[HEADER_AMONG:]), f"{path}:")
    return [table] if table else [], {}


def _tokens(rows: list[tuple[int, list[str]]]) -> Iterator[tuple[Token, bool] | None]:
    at = max((_token_column(cells) for _, cells in rows[:HEADER_AMONG]), default=-1)
    return (opened(cells[at]) for _, cells in rows if 0 <= at < len(cells))


def _encodings(raw: bytes) -> Sequence[str]:
    """The encodings that a file may be in, the likeliest first."""
    if named := marked(raw[:4096]):
        return (named,)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return EIGHT_BIT
    return ("utf-8",)


def _rows(path: Path, text: str) -> list[tuple[int, list[str]]]:
    """The rows, each with the line on which it begins. Raises `FixSetup`."""
    usual = csv.field_size_limit(LONGEST_CELL)
    rows: list[tuple[int, list[str]]] = []
    line = 1
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
        for cells in reader:
            rows.append((line, [_lf(cell) for cell in cells]))
            line = reader.line_num + 1
    except csv.Error as fault:
        raise FixSetup(
            f"{path}:{line}: the line's quotes do not match ({fault}); save the file again from a spreadsheet"
        ) from None
    finally:
        csv.field_size_limit(usual)
    return rows


def _delimiter(text: str) -> str:
    """The sign behind our header, which is never the last."""
    found = re.search(rf'"?{re.escape(TOKEN)}"?([{re.escape(DELIMITERS)}])', text[:LONGEST_CELL], re.IGNORECASE)
    return found.group(1) if found else DELIMITERS[0]
