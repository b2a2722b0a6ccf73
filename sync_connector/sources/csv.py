"""Source `csv`: delimited text as CRMs and spreadsheets write it.

Arrow's reader does what is clean, in chunks. It is not trusted with what is not: a row of another width, an invalid
byte, or a cell that may have swallowed its neighbours (a quote opened and closed by another row's quote passes for one
long cell, and gives a person somebody else's number). At the first sign of those the lines are read again, one by one
and strictly, by the standard library; rows that are not rows are set aside with their line, and Arrow goes on behind.
"""

from __future__ import annotations

import csv
import functools
import io
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from sync_connector.config import Source
from sync_connector.errors import FixSetup
from sync_connector.model import Place, SetAside
from sync_connector.sources import Chunk, RowSource
from sync_connector.sources._table import distinct, header, unlike, without_footer
from sync_connector.sources._text import TextFile, find, utf8

DELIMITERS = ",;\t|"
SAMPLE = 256 * 1024
BLOCK = 1 << 20
SLOW_ROWS = 2_000  # rows of a chunk that is read one by one
SLOW_LINES = 100_000  # lines read one by one in search of a fault (Arrow sees it a block or two ahead)
MAX_RETURNS = 20  # each return to Arrow re-reads the file up to the fault: past this many, the rest is read one by one
MAX_RECORD_LINES = 1_000
MAX_RECORD_CHARS = 1 << 20
KEPT_TEXT = 2_000
MARK = "\ufeff"
KEPT_TAIL = 64 << 10
csv.field_size_limit(MAX_RECORD_CHARS)


class Shape(NamedTuple):
    """What was found out about a file. `skip`: lines up to and with the header."""

    file: TextFile
    delimiter: str
    headers: tuple[str, ...]
    skip: int
    old_mac: bool


class _Faulty(Exception):
    """From this line on, Arrow cannot be trusted."""


def open_source(settings: Source) -> RowSource:
    """A file, a glob of files with the same columns, or `-`. Raises `FixSetup`, every unusable file at once."""
    shapes: list[Shape] = []
    faults: list[str] = []
    for file in find(settings.path, settings.encoding):
        try:
            shapes.append(_examine(file, settings))
        except FixSetup as fault:
            faults += fault.faults
    faults += unlike([(shape.file.shown, shape.headers) for shape in shapes])
    if faults:
        raise FixSetup(*faults)
    return CsvSource(shapes)


class CsvSource:
    """Rows of one or several files of delimited text; reading to the end shows every contact there is."""

    full = True

    def __init__(self, shapes: Sequence[Shape]) -> None:
        self._shapes = shapes

    @property
    def total_bytes(self) -> int | None:
        """Bytes on disk, unless some are compressed."""
        return None if any(s.file.packed for s in self._shapes) else sum(s.file.size for s in self._shapes)

    def describe(self) -> Sequence[str]:
        """One sentence a file."""
        names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
        return [
            f"{s.file.shown}: {s.file.encoding}, separated by {names.get(s.delimiter, repr(s.delimiter))}, "
            f"header on line {s.skip}, {len(s.headers)} columns"
            for s in self._shapes
        ]

    def headers(self) -> Sequence[str]:
        """The columns of the first file, equal names told apart by a number."""
        return self._shapes[0].headers

    def chunks(self) -> Iterator[Chunk]:
        """All rows of all files."""
        done = 0
        for shape in self._shapes:
            read = without_footer(
                _read(shape, done),
                width=len(shape.headers),
                header_line=shape.skip,
                delimiter=shape.delimiter,
                ended=shape.file.ended,
            )
            for chunk in read:
                if shape.headers != self._shapes[0].headers:
                    chunk = Chunk(
                        chunk.rows[list(self._shapes[0].headers)], chunk.file, chunk.lines, chunk.set_aside, chunk.read_bytes
                    )
                yield chunk
            done += shape.file.size


# --- finding out -----------------------------------------------------------------------------------------------------


def _examine(file: TextFile, settings: Source) -> Shape:
    with utf8(file) as stream:
        sample = stream.read(SAMPLE).decode("utf-8", "ignore")
        cut = bool(stream.read(1))
    if not sample.strip("\ufeff \t\r\n\0"):
        raise FixSetup(f"{file.shown}: the file is empty; not even a header is there")
    old_mac = "\n" not in sample and "\r" in sample
    if old_mac:
        sample = sample.replace("\r", "\n")
    tables = {d: _table(sample, d, cut) for d in ([settings.delimiter] if settings.delimiter else DELIMITERS)}
    delimiter = max(tables, key=lambda d: _regularity(tables[d]))
    found = header(tables[delimiter], settings.header_line)
    if found is None:
        at = f"on line {settings.header_line}" if settings.header_line else "in its first lines"
        raise FixSetup(
            f"{file.shown}: no header row was found {at}; say where it is with header_line, and delimiter if it is unusual"
        )
    skip, names = found
    widths = Counter(len(row) for line, row in tables[delimiter] if line > skip and any(row))
    width = widths.most_common(1)[0][0] if widths else len(names)
    if not any(name.strip() for name in names[width:]):
        names = names[:width]  # Thunderbird ends its header with a comma that its rows do not have
    if width > len(names) and all(not any(row[len(names) :]) for line, row in tables[delimiter] if line > skip):
        names += [""] * (width - len(names))
    return Shape(file, delimiter, distinct(names), skip, old_mac)


def _table(sample: str, delimiter: str, cut: bool) -> list[tuple[int, list[str]]]:
    """The sample's rows, each with the line on which it ends."""
    reader = csv.reader(io.StringIO(sample.replace("\0", ""), newline="\n"), delimiter=delimiter)
    rows: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            rows.append((reader.line_num, row))
    except csv.Error:
        pass
    return rows[:-1] if cut and len(rows) > 1 else rows


def _regularity(rows: list[tuple[int, list[str]]]) -> float:
    """How much a sample looks like a table: the share of rows of the commonest width, and how many columns it has."""
    widths = Counter(len(row) for _, row in rows if any(cell.strip() for cell in row))
    if not widths:
        return 0
    width, count = max(widths.items(), key=lambda item: item[1] * (item[0] > 1))
    return count / widths.total() * (1 - 1 / width)


# --- reading ---------------------------------------------------------------------------------------------------------


def _read(shape: Shape, bytes_before: int) -> Iterator[Chunk]:
    line, faults = shape.skip + 1, 0
    if shape.file.returns and not shape.old_mac:  # Arrow would end lines at them, and lose count
        faults = MAX_RETURNS + 1
    while True:
        with utf8(shape.file, old_mac=shape.old_mac) as stream:
            for _ in range(line - 1):
                stream.readline()
            if faults:
                begun = line
                for chunk, behind in _by_line(stream, shape, line, bytes_before):
                    line = behind
                    yield chunk
                    if (chunk.set_aside or line - begun > SLOW_LINES) and faults <= MAX_RETURNS:
                        break
            if not stream.peek(1):
                return
            try:
                for chunk, behind in _by_arrow(stream, shape, line, bytes_before):
                    line = behind
                    yield chunk
                return
            except _Faulty:
                faults += 1


def _by_arrow(stream: io.BufferedReader, shape: Shape, line: int, bytes_before: int) -> Iterator[tuple[Chunk, int]]:
    """Chunks and the line behind each. Raises `_Faulty` before anything doubtful is handed over."""
    names = [str(position) for position in range(len(shape.headers))]
    invalid: list[int] = []

    def on_invalid(_row: object) -> str:
        invalid.append(1)
        return "skip"

    done = bytes_before
    held: tuple[pa.RecordBatch, npt.NDArray[np.int64], int] | None = None
    tail = _Tail(stream)
    try:
        reader = pa.csv.open_csv(
            tail,
            read_options=pa.csv.ReadOptions(use_threads=False, block_size=BLOCK, column_names=names),
            parse_options=pa.csv.ParseOptions(
                delimiter=shape.delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=on_invalid,
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.large_string()), strings_can_be_null=False, null_values=[]
            ),
        )
        for batch in reader:
            if invalid:
                raise _Faulty
            if held is not None:
                done += held[0].nbytes
                yield _chunk(held[0], held[1], [], shape, done), held[2]
            held = (batch, *_lines(batch, line))
            line = held[2]
        if invalid:
            raise _Faulty
        if held is not None:
            _closed(held[0], tail.last, shape.delimiter)
            yield _chunk(held[0], held[1], [], shape, done + held[0].nbytes), held[2]
    except pa.ArrowInvalid:
        raise _Faulty from None


class _Tail(io.RawIOBase):
    """A stream that remembers the last of what was read from it."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self.last = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self.last = block[-KEPT_TAIL:] if len(block) >= KEPT_TAIL else (self.last + block)[-KEPT_TAIL:]
        return block


def _closed(batch: pa.RecordBatch, tail: bytes, delimiter: str) -> None:
    """Raises `_Faulty` where the file's last row may end inside a quote: Arrow takes the end of the file for its end."""
    if batch.num_rows == 0 or any("\n" in str(column[-1]) for column in batch.columns):
        raise _Faulty
    _, whole, text = tail.rstrip(b"\r\n").rpartition(b"\n")
    if b'"' in text:
        if not whole and len(tail) >= KEPT_TAIL:
            raise _Faulty
        try:
            next(csv.reader([text.decode("utf-8", "replace")], delimiter=delimiter, strict=True), [])
        except csv.Error:
            raise _Faulty from None


def _lines(batch: pa.RecordBatch, line: int) -> tuple[npt.NDArray[np.int64], int]:
    """On which line each row begins, and the line behind the last. Raises `_Faulty` where a row of several lines
    holds a quote: it may have swallowed other rows."""
    lines = line + np.arange(batch.num_rows, dtype=np.int64)
    inside = np.zeros(batch.num_rows, dtype=np.int64)
    for column in batch.columns:
        if not _has(column, b"\n"):
            continue
        feeds = pc.count_substring(column, "\n")
        inside += feeds.to_numpy(zero_copy_only=False)
        if pc.max(feeds).as_py() >= MAX_RECORD_LINES:
            raise _Faulty
    if inside.any():
        several = pa.array(inside > 0)
        if any(
            _has(column, b'"') and pc.any(pc.match_substring(column.filter(several), '"')).as_py() for column in batch.columns
        ):
            raise _Faulty
        lines[1:] += np.cumsum(inside)[:-1]
    return lines, line + batch.num_rows + int(inside.sum())


def _has(column: pa.Array, byte: bytes) -> bool:
    buffer = column.buffers()[2]
    return buffer is not None and buffer.to_pybytes().find(byte) >= 0


def _chunk(batch: pa.RecordBatch, lines: npt.NDArray[np.int64], set_aside: list[SetAside], shape: Shape, done: int) -> Chunk:
    """Rows as a frame, without those that are blank, hold a NUL or hold a byte that is not in the file's encoding."""
    keep = np.ones(batch.num_rows, dtype=bool)
    for mark, code, reason in _marks(shape.file):
        hit = np.zeros(batch.num_rows, dtype=bool)
        for column in batch.columns:
            if _has(column, mark.encode()):
                hit |= pc.match_substring(column, mark).to_numpy(zero_copy_only=False)
        for row in np.flatnonzero(hit & keep):
            text = shape.delimiter.join(str(column[row]) for column in batch.columns)[:KEPT_TEXT]
            set_aside.append(SetAside(Place(shape.file.shown, int(lines[row])), code, reason, text))
        keep &= ~hit
    first_blank = pc.equal(pc.utf8_trim_whitespace(batch.column(0)), "").to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(first_blank & keep):
        if all(not str(column[row]).strip() for column in batch.columns):
            keep[row] = False
    if not keep.all():
        batch, lines = batch.filter(pa.array(keep)), lines[keep]
    if _has(batch.column(0), MARK.encode()):  # files that were put together, each with its mark
        batch = batch.set_column(0, batch.schema.names[0], pc.replace_substring(batch.column(0), MARK, ""))
    frame = batch.rename_columns(list(shape.headers)).to_pandas()
    return Chunk(frame, shape.file.shown, lines, set_aside, done)


def _marks(file: TextFile) -> list[tuple[str, str, str]]:
    marks = [("\0", "nul_byte", "the row holds a NUL byte; the file was damaged where it was written or copied")]
    if file.replaced:
        marks.append(("\ufffd", "undecodable", f"the row holds bytes that are not {file.encoding}; set the source's encoding"))
    return marks


def _by_line(stream: io.BufferedReader, shape: Shape, line: int, bytes_before: int) -> Iterator[tuple[Chunk, int]]:
    """The same, line by line and strictly. Each chunk ends where no line is half used."""
    pending: deque[str] = deque()
    width = len(shape.headers)
    done = bytes_before
    ended = False
    while not ended:
        rows: list[list[str]] = []
        lines: list[int] = []
        aside: list[SetAside] = []
        while len(rows) < SLOW_ROWS or pending:
            begins = line
            record, row, problem = _record(stream, pending, shape.delimiter)
            if not record:
                ended = True
                break
            done += len(record)
            line += max(1, record.count("\n"))
            if problem is None and not any(cell.strip() for cell in row):
                continue
            if len(row) > width and not any(cell.strip() for cell in row[width:]):
                row = row[:width]
            if problem is None and len(row) != width:
                cut = "" if record.endswith("\n") else ", and the file ends in the middle of a line: it may be cut short"
                problem = ("ragged_row", f"the row has {len(row)} cells where the header has {width}{cut}")
            if problem is None:
                rows.append(row)
                lines.append(begins)
            else:
                aside.append(SetAside(Place(shape.file.shown, begins), *problem, record[:KEPT_TEXT].rstrip("\r\n")))
        batch = _batch(rows, width)
        if rows or aside:
            yield _chunk(batch, np.array(lines, dtype=np.int64), aside, shape, done), line


def _batch(rows: Sequence[Sequence[str]], width: int) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) if rows else [()] * width
    return pa.RecordBatch.from_arrays([pa.array(c, pa.large_string()) for c in columns], [str(n) for n in range(width)])


@functools.cache
def _well_quoted(delimiter: str) -> re.Pattern[str]:
    """A row in which quotes are where a program writes them; asked of rows of several lines only, because people put
    `12"` into one."""
    cell = rf'(?:"(?:[^"]|"")*"|[^"\r\n{re.escape(delimiter)}]*)'
    return re.compile(rf"{cell}(?:{re.escape(delimiter)}{cell})*\r?\n?")


def _record(stream: io.BufferedReader, pending: deque[str], delimiter: str) -> tuple[str, list[str], tuple[str, str] | None]:
    """The next record: its text (`""` at the end of the file), its cells, and what is wrong with it.

    A record that is wrong is one line long: the lines behind it are looked at anew, so that one quote never costs more
    than its own line.
    """

    def next_line() -> str:
        return pending.popleft() if pending else stream.readline().decode("utf-8", "replace")

    taken = [next_line()]
    quotes, size = taken[0].count('"'), len(taken[0])
    while True:
        if len(taken) == 1 or quotes % 2 == 0:
            try:
                row = next(csv.reader(taken, delimiter=delimiter, strict=True), [])
            except csv.Error as fault:
                if "new-line" in str(fault):
                    problem = ("stray_return", "a carriage return stands inside the line; two rows may have become one")
                    break
                if "unexpected end" not in str(fault):
                    problem = ("bad_quote", f"the row's quotes do not match ({fault})")
                    break
            else:
                text = "".join(taken)
                if len(taken) == 1 or _well_quoted(delimiter).fullmatch(text):
                    return text, row, None
                problem = ("bad_quote", "the row's quotes do not match (a quote inside a cell that is not quoted)")
                break
        if len(taken) >= MAX_RECORD_LINES or size > MAX_RECORD_CHARS or not (line := next_line()):
            problem = ("unclosed_quote", "a quote is opened on this line and never closed")
            break
        taken.append(line)
        quotes += line.count('"')
        size += len(line)
    pending.extendleft(reversed(taken[1:]))
    return taken[0], [], problem
