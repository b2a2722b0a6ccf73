"""Source `excel`: workbooks as people save them (.xlsx, .xlsm, .xls, .ods), read by calamine.

Law: a cell comes as the person sees it, never as a float. A workbook is looked at before it is opened: one that would
not fit into memory is a sentence, not the end of the process.

calamine holds a whole sheet at once, and makes room for every cell between the first and the last: a stray cell in the
last column of the last row of an .xlsx would ask for 512 GB, and that ends the process with no way to catch it (of an .ods
it refuses more than 100 million cells itself, and an .xls has room for 16 million).
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import python_calamine as calamine

from sync_connector.config import Source
from sync_connector.errors import FixSetup
from sync_connector.sources import Chunk, RowSource
from sync_connector.sources._flat import written
from sync_connector.sources._table import HEADER_AMONG, distinct, frame, header, unlike, without_footer
from sync_connector.sources._text import places

MAX_UNPACKED = 2 << 30
MAX_CELLS = 100_000_000
BLOCK = 1 << 20
ROWS = 5_000
SAMPLE = 500

COLUMN = re.compile(rb"""\sr=["']([A-Z]{1,3})(\d{1,7})["']""")
# zipfile's words for an archive that it cannot unpack; NotImplementedError is a compression that it does not know.
DAMAGED = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError)
OVERLAP = 64  # a reference may be cut in two by the end of a block


class _Sheet(NamedTuple):
    """A sheet that has a table. `skip`: rows up to and with the header; `first`: the first column of the table, from 0."""

    path: Path
    shown: str
    size: int
    name: str
    others: list[str]
    headers: tuple[str, ...]
    skip: int
    first: int


def open_source(settings: Source) -> RowSource:
    """A workbook, a glob of workbooks with the same columns, or `-`. Raises `FixSetup`, every unusable one at once."""
    sheets: list[_Sheet] = []
    faults: list[str] = []
    for path, shown in places(settings.path):
        try:
            sheets.append(_examine(path, shown, settings))
        except FixSetup as fault:
            faults += fault.faults
    faults += unlike([(sheet.shown, sheet.headers) for sheet in sheets])
    if faults:
        raise FixSetup(*faults)
    return Workbooks(sheets)


class Workbooks:
    """Rows of one sheet of each workbook; reading to the end shows every contact there is."""

    full = True

    def __init__(self, sheets: Sequence[_Sheet]) -> None:
        self._sheets = sheets

    @property
    def total_bytes(self) -> int | None:
        """Bytes on disk."""
        return sum(sheet.size for sheet in self._sheets)

    def describe(self) -> Sequence[str]:
        """One sentence a workbook: which sheet is read, and which are not."""
        return [
            f"{s.shown}: sheet {s.name!r}, header in row {s.skip}, {len(s.headers)} columns"
            + (f"; not read: {', '.join(map(repr, s.others))} (set source.sheet to read another)" if s.others else "")
            for s in self._sheets
        ]

    def headers(self) -> Sequence[str]:
        """The columns of the first workbook, equal names told apart by a number."""
        return self._sheets[0].headers

    @property
    def others(self) -> Sequence[str]:
        """The sheets of the first workbook that are not read."""
        return self._sheets[0].others

    def chunks(self) -> Iterator[Chunk]:
        """All rows of all workbooks; a row's line is its number in the sheet."""
        done = 0
        for sheet in self._sheets:
            read = without_footer(_chunks(sheet, done), width=len(sheet.headers), header_line=sheet.skip)
            for chunk in read:
                if sheet.headers != self.headers():
                    rows = chunk.rows[list(self.headers())]
                    chunk = Chunk(rows, chunk.file, chunk.lines, chunk.set_aside, chunk.read_bytes)
                yield chunk
            done += sheet.size


def _chunks(sheet: _Sheet, done: int) -> Iterator[Chunk]:
    with opened(sheet.path, sheet.shown) as book:
        table = loaded(book, sheet.name, sheet.shown)
        height = max(1, table.total_height)
        rows: list[list[str]] = []
        lines: list[int] = []
        for line, cells in enumerate(table.iter_rows(), start=1):
            if line <= sheet.skip:
                continue
            row = [written(cell) for cell in cells[sheet.first : sheet.first + len(sheet.headers)]]
            if any(cell.strip() for cell in row):
                rows.append(row)
                lines.append(line)
            if len(rows) >= ROWS:
                read = done + sheet.size * line // height
                yield Chunk(frame(rows, sheet.headers), sheet.shown, np.array(lines, dtype=np.int64), [], read)
                rows, lines = [], []
        if rows:
            read = done + sheet.size
            yield Chunk(frame(rows, sheet.headers), sheet.shown, np.array(lines, dtype=np.int64), [], read)


# --- finding out -----------------------------------------------------------------------------------------------------


def _examine(path: Path, shown: str, settings: Source) -> _Sheet:
    weigh(path, shown)
    with opened(path, shown) as book:
        sheets = [sheet for sheet in book.sheets_metadata if sheet.typ is calamine.SheetTypeEnum.WorkSheet]
        names = [sheet.name for sheet in sheets]
        hidden = {sheet.name for sheet in sheets if sheet.visible is not calamine.SheetVisibleEnum.Visible}
        in_turn = sorted(names, key=lambda name: name in hidden)  # what nobody sees is what nobody means
        empty = True
        if settings.sheet and settings.sheet not in names:
            listed = ", ".join(map(repr, names))
            raise FixSetup(f"{shown}: source.sheet: there is no sheet {settings.sheet!r}; there are: {listed}")
        for name in [settings.sheet] if settings.sheet else in_turn:
            table = loaded(book, name, shown)
            empty = empty and not any(cell.strip() for row in table.iter_rows() for cell in map(written, row))
            if found := _found(table, settings.header_line):
                skip, first, headers = found
                others = [other for other in names if other != name]
                return _Sheet(path, shown, path.stat().st_size, name, others, headers, skip, first)
    if empty:
        where = f"sheet {settings.sheet!r} is empty" if settings.sheet else "the workbook is empty"
        raise FixSetup(f"{shown}: {where}; not even a header is there")
    looked = f"sheet {settings.sheet!r}" if settings.sheet else "any sheet"
    at = f"in row {settings.header_line}" if settings.header_line else "in the first rows"
    raise FixSetup(f"{shown}: no header row was found {at} of {looked}; say where it is with header_line, or sheet")


def _found(table: calamine.CalamineSheet, at: int | None) -> tuple[int, int, tuple[str, ...]] | None:
    """The header's row, the first column of the table, and the columns; `None` if the sheet has no table."""
    sample = [
        (line, [written(cell) for cell in cells]) for line, cells in enumerate(islice(table.iter_rows(), max(SAMPLE, at or 0)), 1)
    ]
    filled = [place for _, row in sample for place, cell in enumerate(row) if cell.strip()]
    if not filled:
        return None
    first, behind = min(filled), max(filled) + 1
    width = table.width  # a column may be filled further down only
    trimmed = [(line, _trimmed(row[first:behind])) for line, row in sample]
    start = next(place for place, (_, row) in enumerate(trimmed) if row)
    hit = header(trimmed if at else trimmed[start : start + max(HEADER_AMONG, SAMPLE)], at)
    if hit is None or (len(hit[1]) < 2 and at is None):
        return None
    line, names = hit
    names = names + [""] * (max(width - first, len(names)) - len(names))
    while len(names) > 1 and not names[-1].strip() and not _is_filled(table, first + len(names) - 1, line):
        names.pop()
    return line, first, distinct(names)


def _is_filled(table: calamine.CalamineSheet, column: int, header_line: int) -> bool:
    """Whether a column without a name has anything in it behind the header."""
    return any(written(cells[column]).strip() for cells in islice(table.iter_rows(), header_line, None) if column < len(cells))


def _trimmed(row: list[str]) -> list[str]:
    end = len(row)
    while end and not row[end - 1].strip():
        end -= 1
    return row[:end]


# --- opening ---------------------------------------------------------------------------------------------------------


def opened(path: Path, shown: str) -> calamine.CalamineWorkbook:
    """A workbook, `shown` to the user under that name. Raises `FixSetup`."""
    try:
        return calamine.load_workbook(str(path))
    except calamine.PasswordError:
        raise FixSetup(f"{shown}: the workbook is protected by a password; save a copy without one") from None
    except calamine.CalamineError as fault:
        if _is_encrypted(path):
            raise FixSetup(f"{shown}: the workbook is protected by a password; save a copy without one") from None
        raise FixSetup(f"{shown}: it is no workbook that can be read ({fault}); open it and save it again as .xlsx") from None
    except OSError as fault:
        raise FixSetup(f"{shown}: {fault.strerror or fault}") from None


def loaded(book: calamine.CalamineWorkbook, name: str, shown: str) -> calamine.CalamineSheet:
    """One of its sheets, wholly in memory. Raises `FixSetup`."""
    try:
        return book.get_sheet_by_name(name)
    except calamine.CalamineError as fault:
        raise FixSetup(f"{shown}: sheet {name!r} is damaged ({fault}); open the workbook and save it again as .xlsx") from None


def _is_encrypted(path: Path) -> bool:
    """Whether a password protects it: Office wraps the workbook into a stream of that name, OpenDocument says so inside."""
    with open(path, "rb") as raw:
        start = raw.read(64 * 1024)
    if start.startswith(b"PK"):
        try:
            with zipfile.ZipFile(path) as packed:
                return b"encryption-data" in packed.read("META-INF/manifest.xml")[: 1 << 20]
        except (*DAMAGED, KeyError):
            return False
    return "EncryptedPackage".encode("utf-16-le") in start


def weigh(path: Path, shown: str) -> None:
    """Refuse what would not fit into memory. Raises `FixSetup`."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(part.file_size for part in packed.infolist())
            if size > MAX_UNPACKED:
                raise FixSetup(
                    f"{shown}: unpacked, the workbook has {size / (1 << 30):.1f} GiB; at most {MAX_UNPACKED >> 30} are read; "
                    "save the contacts as CSV"
                )
            for part in packed.infolist():
                if re.fullmatch(r"xl/worksheets/[^/]+\.xml", part.filename, re.IGNORECASE):
                    with packed.open(part) as stream:
                        cells = _extent(stream)
                    if cells > MAX_CELLS:
                        raise FixSetup(
                            f"{shown}: {part.filename}: a sheet spans {cells:,} cells, which do not fit into memory; "
                            "delete the empty rows and columns behind the data (a stray cell is there), or save it as CSV"
                        )
    except DAMAGED:
        return  # calamine says what is wrong with it


def _extent(stream: IO[bytes]) -> int:
    """How many cells there are from A1 to the last row and the last column that any cell is in."""
    column = row = 0
    rest = b""
    while block := stream.read(BLOCK):
        text = rest + block
        for letters, digits in set(COLUMN.findall(text)):
            row = max(row, int(digits))
            column = max(column, _number(letters))
        rest = text[-OVERLAP:]
    return column * row


def _number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
