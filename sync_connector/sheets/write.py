"""Writing the sheet: a workbook (XLSX), or CSV.

Law: a file is there whole or not at all, readable by nobody else; it holds what the CRM says of people. Rows go from the
iterator to the disk one by one.
"""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sync_connector.errors import FixSetup
from sync_connector.sheets import SheetRow, columns, guard
from sync_connector.sheets._workbook import Book
from sync_connector.sheets.token import Form, Token, letters, sealed
from sync_connector.whole_file import whole_file

MOST_COLUMNS = 16_384


def write_csv(
    path: str | Path,
    headers: Sequence[str],
    rows: Iterable[SheetRow],
    *,
    delimiter: str = ",",
    reason: columns.Reason = columns.reason,
) -> int:
    """Write the rows as CSV (UTF-8 with a BOM, CRLF), each cell guarded; how many there were. Raises `FixSetup`.

    `headers` are the row's own columns, in order. A spreadsheet that is set up in French opens it with two clicks where
    `delimiter` is `;`. `reason` tells what is wrong in a finding.
    """
    with _whole(Path(path)) as raw:
        out = io.TextIOWrapper(raw, "utf-8-sig", newline="")
        writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
        writer.writerow([*(guard.guarded(name) for name in columns.shown_headers(headers)), *columns.OUR_HEADERS])
        changed = columns.changed_headers(headers)
        number = 0
        for number, row in enumerate(rows, start=1):
            own = {header: row.cells.get(header, "") for header in headers}
            kept = {header: text for header, text in own.items() if guard.visible(text) != text}
            long = {header: len(guard.visible(text)) for header, text in own.items() if guard.is_long(text)}
            token = Token(Form.CSV, row.key, row.fingerprint, number, letters(own.values()), changed, kept, long)
            cells = [*own.values(), *columns.our_cells(row, sealed(token) if row.fixable else "", reason)]
            writer.writerow([guard.guarded(guard.visible(cell)) for cell in cells])
        out.detach()  # what it still holds goes into the file, which stays open
    return number


def write_xlsx(
    path: str | Path, headers: Sequence[str], rows: Iterable[SheetRow], *, reason: columns.Reason = columns.reason
) -> int:
    """Write the rows as a workbook in which every cell is text; how many there were. Raises `FixSetup`.

    `headers` are the row's own columns, in order. More rows than a sheet holds go on in a second one. A row whose key is too
    long for a cell (some 20,000 characters) is shown as one that is not fixable.
    """
    if len(headers) + len(columns.OUR_HEADERS) > MOST_COLUMNS:
        most = MOST_COLUMNS - len(columns.OUR_HEADERS)
        raise FixSetup(f"{path}: a workbook holds {most:,} columns of a row, and there are {len(headers):,}; write CSV instead")
    number, changed = 0, columns.changed_headers(headers)
    with _whole(Path(path)) as raw, tempfile.TemporaryDirectory(prefix="sync-connector-") as folder:
        with Book(folder, headers) as book:
            for number, row in enumerate(rows, start=1):
                own = {header: row.cells.get(header, "") for header in headers}
                token = sealed(Token(Form.WORKBOOK, row.key, row.fingerprint, number, letters(own.values()), changed))
                if not row.fixable or guard.shown(token) != token:
                    token = ""
                kept = {header: text for header, text in own.items() if guard.is_fragile(text)} if token else {}
                book.add(list(own.values()), columns.our_cells(row, token, reason), columns.worst(row), kept)
        with open(book.path, "rb") as made:
            shutil.copyfileobj(made, raw)
    return number


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its place when it is finished. Raises `FixSetup` where it cannot be written."""
    try:
        with whole_file(path, "sheet.file") as raw:
            yield raw
    except OSError as fault:
        raise FixSetup(f"{path} cannot be written: {fault.strerror or fault}; mend it, or name another file") from None
