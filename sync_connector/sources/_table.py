"""Tables as people have them: which row is the header, what its columns are called, and where the data end.

Law: a line is left out only where it cannot be a contact, and it is counted. A report's name, a total or a copyright
behind the data is no row; the last row of a file that was cut short is one, and says so.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from sync_connector.model import FOOTER, Place, SetAside
from sync_connector.sources import Chunk

HEADER_AMONG = 50
MAX_FOOTER = 30

# --- header ----------------------------------------------------------------------------------------------------------


def header(rows: Sequence[tuple[int, list[str]]], at: int | None = None) -> tuple[int, list[str]] | None:
    """The header among a table's first rows (each with its line): the first as wide as most, filled, and not data; or the
    first filled one at or behind line `at`."""
    if at is not None:
        return next(((line, row) for line, row in rows if line >= at and any(cell.strip() for cell in row)), None)
    widths = Counter(len(row) for _, row in rows if any(cell.strip() for cell in row))
    usual = max(widths.items(), key=lambda item: item[1] * (item[0] > 1))[0] if widths else 0
    for line, row in rows[:HEADER_AMONG]:
        cells = [cell.strip() for cell in row if cell.strip()]
        if not cells or len(row) < usual - 1 or (usual > 1 and len(cells) * 2 < len(row)):
            continue
        if usual > 1 and len(cells) == 1 and len(row) < usual:
            continue
        if any("@" in cell or sum(c.isdigit() for c in cell) >= 6 for cell in cells):
            return None
        return line, row
    return None


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Headers that are all different: blanks evened out, nameless ones called by their place, equal ones numbered."""
    seen: Counter[str] = Counter()
    told: list[str] = []
    for position, raw in enumerate(names, start=1):
        name = " ".join(raw.replace("\ufeff", "").replace("\u00a0", " ").split()) or f"column {position}"
        told_apart = name
        while seen[told_apart]:
            seen[name] += 1
            told_apart = f"{name} ({seen[name]})"
        seen[told_apart] += 1
        told.append(told_apart)
    return tuple(told)


def unlike(files: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """A sentence for each file (its name, its columns) whose columns are not those of the first."""
    faults = []
    for shown, headers in files[1:]:
        if set(headers) != set(files[0][1]):
            difference = ", ".join(sorted(set(headers) ^ set(files[0][1])))
            faults.append(f"{shown}: its columns are not those of {files[0][0]}; they differ in: {difference}")
    return faults


# --- rows ------------------------------------------------------------------------------------------------------------


def frame(rows: Sequence[Sequence[str]], headers: Sequence[str]) -> pd.DataFrame:
    """Rows of strings as a frame, every column `str`."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(headers)
    arrays = [pa.array(cells, pa.large_string()) for cells in columns]
    made: pd.DataFrame = pa.RecordBatch.from_arrays(arrays, list(headers)).to_pandas()
    return made


# --- footer ----------------------------------------------------------------------------------------------------------

NOTICE = re.compile(
    r"(?i)(?:copyright\b|©|\(c\) |confidential\b|confidentiel\b|vertraulich\b|generated (?:by|on|at)\b|généré (?:par|le)\b|"
    r"erstellt (?:von|am)\b|exported (?:by|on|at)\b|exporté (?:par|le)\b)"
)
TOTAL = re.compile(
    r"(?i)(?:grand[ -]?total|sub[ -]?total|sous[ -]?total|total|totals|totaux|total général|total general|somme|summe|"
    r"gesamt|gesamtsumme|nombre|count|record count|row count|anzahl)"
    r"(?:\s*[:=].*|\s+\(?\d[\d\s.,]*\)?(?:\s*\w+)?|\s+(?:records?|rows?|contacts?|lignes?|fiches?|zeilen)\b.*)?"
)
AMOUNT = re.compile(r"\W*\d[\d\s.,'’]*(?:\W*|\s*[A-Z]{3})")
DATED = re.compile(r"\d{4}[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.]\d{4}|\d\d?:\d\d(?::\d\d)?|\d{4}\s?[-–]\s?\d{4}")
NUMBER = re.compile(r"(?<!\d)\d(?:[ \u00a0\u202f./()-]{0,2}\d){6,}(?!\d)(?!,\d)")


class _Record(NamedTuple):
    """A row or a piece that was set aside. `ends`: the line on which it ends; `ragged`: it was no row of the table."""

    line: int
    ends: int
    cells: list[str]
    ragged: bool


def without_footer(
    chunks: Iterable[Chunk], *, width: int, header_line: int, delimiter: str = ",", ended: bool = True
) -> Iterator[Chunk]:
    """The chunks of one file, those lines behind the data set aside as footer that cannot be contacts.

    These are, at the very end: lines that begin like a total or a notice and are far less filled than a row, and, behind
    a blank line, lines with one phrase in a table of three columns or more. A line with an e-mail address or a phone number
    is none of these. `ended` is false where the file stops within
    a line: what may be the rest of a row is never a footer.
    """
    held: deque[Chunk] = deque()
    for chunk in chunks:
        held.append(chunk)
        while sum(len(later.rows) + len(later.set_aside) for later in list(held)[1:]) > MAX_FOOTER:
            yield held.popleft()
    lines = _footer_lines(_last(held, delimiter), width, header_line, ended) if held else frozenset()
    for chunk in held:
        yield _parted(chunk, lines, delimiter) if lines else chunk


def _last(chunks: Iterable[Chunk], delimiter: str) -> list[_Record]:
    records: list[_Record] = []
    for chunk in chunks:
        last = chunk.rows.tail(MAX_FOOTER + 2)
        for line, row in zip(chunk.lines[-len(last) :].tolist() if len(last) else [], last.itertuples(index=False), strict=True):
            cells = [str(cell) for cell in row]
            records.append(_Record(line, line + sum(cell.count("\n") for cell in cells), cells, False))
        for piece in chunk.set_aside[-MAX_FOOTER - 2 :]:
            cells = next(csv.reader([piece.text], delimiter=delimiter), []) if piece.code == "ragged_row" else []
            records.append(_Record(piece.place.line, piece.place.line, cells, True))
    return sorted(records)[-MAX_FOOTER - 2 :]


def _footer_lines(records: Sequence[_Record], width: int, header_line: int, ended: bool) -> frozenset[int]:
    block: list[tuple[_Record, bool]] = []  # each with whether a blank line stands before it, the last first
    for place in range(len(records) - 1, -1, -1):
        record = records[place]
        filled = [cell for cell in record.cells if cell.strip()]
        if not _says_so(record, width) and not (len(filled) == 1 and width >= 3 and not _reaches(filled[0])):
            break
        before = records[place - 1].ends if place else header_line
        block.append((record, record.line > before + 1))
    if not block or len(block) > MAX_FOOTER:
        return frozenset()
    last = block[0][0]
    named = [record for record, _ in block if _says_so(record, width)]
    if not ended and last.ragged and not _is_notice(last) and not [record for record in named if record is not last]:
        return frozenset()
    lines: list[int] = []
    pending: list[int] = []  # phrases, which are footer only if something above them tells where the data end
    for record, behind_blank in block:
        if not _says_so(record, width) and not named and not _is_phrase(record):
            break
        pending.append(record.line)
        if behind_blank or _says_so(record, width):
            lines += pending
            pending = []
    return frozenset(lines)


def _says_so(record: _Record, width: int) -> bool:
    """Whether a line begins like a notice or a total, and is not filled like a row."""
    filled = [cell.strip() for cell in record.cells if cell.strip()]
    if not filled or len(filled) >= width:
        return False
    if any(_reaches(cell) for cell in filled[1:]):
        return False
    if _is_notice(record):
        return True
    if not TOTAL.fullmatch(filled[0]) or (len(filled) > 2 and len(filled) * 2 > width):
        return False
    return all(AMOUNT.fullmatch(cell) for cell in filled[1:])


def _reaches(cell: str) -> bool:
    """Whether somebody can be reached by what is in a cell: it holds an address or, dates and years apart, a number of seven
    digits or more. Such a line is never a footer; the worst is that it is rejected, and seen."""
    return "@" in cell or NUMBER.search(DATED.sub(" ", cell)) is not None


def _is_notice(record: _Record) -> bool:
    first = next((cell.strip() for cell in record.cells if cell.strip()), "")
    return NOTICE.match(first) is not None


def _is_phrase(record: _Record) -> bool:
    text = " ".join(record.cells).strip()
    return " " in text and any(c.isalpha() for c in text)


def _parted(chunk: Chunk, footers: frozenset[int], delimiter: str) -> Chunk:
    is_row: npt.NDArray[np.bool_] = ~np.isin(chunk.lines, list(footers))
    aside = [
        piece._replace(code=FOOTER, reason="a line behind the data, no row") if piece.place.line in footers else piece
        for piece in chunk.set_aside
    ]
    for place in np.flatnonzero(~is_row):
        text = delimiter.join(str(cell) for cell in chunk.rows.iloc[place])
        aside.append(SetAside(Place(chunk.file, int(chunk.lines[place])), FOOTER, "a line behind the data, no row", text))
    rows = chunk.rows[is_row].reset_index(drop=True)
    return Chunk(rows, chunk.file, chunk.lines[is_row], aside, chunk.read_bytes)
