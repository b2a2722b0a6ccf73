"""Source `parquet`: tables of a warehouse.

Law: memory holds one batch of rows, however large the file. Cells are written as a person would write them; what has no
place in a table (bytes, maps, lists of records) is left out and named.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sync_connector.config import Source
from sync_connector.errors import FixSetup, TryLater
from sync_connector.model import Place, SetAside
from sync_connector.sources import Chunk, RowSource
from sync_connector.sources._flat import written
from sync_connector.sources._table import unlike
from sync_connector.sources._text import places

ROWS = 10_000
MAX_COLUMNS = 2_000
KEPT_TEXT = 2_000


class _Table(NamedTuple):
    """A file. `columns`: header → the names that lead to it, from the outermost record in."""

    path: Path
    shown: str
    size: int
    rows: int
    columns: dict[str, tuple[str, ...]]
    left_out: list[str]


def open_source(settings: Source) -> RowSource:
    """A file, a glob of files with the same columns, or `-`. Raises `FixSetup`, every unusable file at once."""
    tables: list[_Table] = []
    faults: list[str] = []
    for path, shown in places(settings.path):
        try:
            with pq.ParquetFile(path) as file:
                columns, left_out = _columns(file.schema_arrow)
                tables.append(_Table(path, shown, path.stat().st_size, file.metadata.num_rows, columns, left_out))
        except (pa.ArrowException, UnicodeError) as fault:
            faults.append(f"{shown}: it is no Parquet file that can be read ({str(fault).splitlines()[0]})")
        except OSError as fault:
            faults.append(f"{shown}: {fault.strerror or str(fault).splitlines()[0]}")
    for table in tables:
        if not table.columns:
            faults.append(f"{table.shown}: it has no column that is text, a number or a date")
        if len(table.columns) > MAX_COLUMNS:
            faults.append(f"{table.shown}: it has {len(table.columns):,} columns; at most {MAX_COLUMNS:,} are read")
    faults += unlike([(table.shown, list(table.columns)) for table in tables])
    if faults:
        raise FixSetup(*faults)
    return Parquet(tables)


class Parquet:
    """Rows of one or several files; reading to the end shows every contact there is."""

    full = True

    def __init__(self, tables: Sequence[_Table]) -> None:
        self._tables = tables

    @property
    def total_bytes(self) -> int | None:
        """Bytes on disk."""
        return sum(table.size for table in self._tables)

    def describe(self) -> Sequence[str]:
        """One sentence a file, with the columns that are left out."""
        return [
            f"{table.shown}: Parquet, {table.rows:,} rows, {len(table.columns)} columns"
            + (f"; left out, as no cell can hold them: {', '.join(table.left_out)}" if table.left_out else "")
            for table in self._tables
        ]

    def headers(self) -> Sequence[str]:
        """The columns of the first file; those of a record inside are named with a point."""
        return tuple(self._tables[0].columns)

    def chunks(self) -> Iterator[Chunk]:
        """All rows of all files; a row's line is its number, from 1."""
        headers = self.headers()
        before = 0
        for table in self._tables:
            line = 1
            try:
                with pq.ParquetFile(table.path) as file:
                    outermost = list(dict.fromkeys(names[0] for names in table.columns.values()))
                    for batch in file.iter_batches(batch_size=ROWS, columns=outermost, use_threads=False):
                        cells = [_cells(batch, table.columns[header]) for header in headers]
                        line += batch.num_rows
                        done = before + table.size * (line - 1) // max(1, table.rows)
                        yield _chunk(table, headers, cells, line - batch.num_rows, done)
            except (pa.ArrowException, UnicodeError, OSError) as fault:
                where = f"{table.shown}, behind row {line - 1:,}"
                raise TryLater(
                    f"{where}: the file is damaged or cut short ({str(fault).splitlines()[0]}); nothing was sent"
                ) from None
            before += table.size


def _chunk(table: _Table, headers: Sequence[str], cells: list[pa.Array], first: int, done: int) -> Chunk:
    """Some rows, the first of which has this number, without those that hold bytes that are no text."""
    lines = np.arange(first, first + len(cells[0]), dtype=np.int64)
    spoilt: dict[int, list[str]] = {}
    for place, (header, column) in enumerate(zip(headers, cells, strict=True)):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            raws = column.cast(pa.large_binary()).to_pylist()
            texts = [raw.decode("utf-8", "replace") for raw in raws]
            cells[place] = pa.array(texts, pa.large_string())
            for row, (raw, text) in enumerate(zip(raws, texts, strict=True)):
                if raw != text.encode():
                    spoilt.setdefault(row, []).append(header)
    rows = pa.RecordBatch.from_arrays(cells, list(headers))
    aside = []
    for row, names in sorted(spoilt.items()):
        reason = f"bytes that are no text (UTF-8) are in: {', '.join(names)}"
        text = ", ".join(str(column[row]) for column in cells)[:KEPT_TEXT]
        aside.append(SetAside(Place(table.shown, int(lines[row])), "undecodable", reason, text))
    if spoilt:
        keep = ~np.isin(np.arange(len(lines)), list(spoilt))
        rows, lines = rows.filter(pa.array(keep)), lines[keep]
    return Chunk(rows.to_pandas(), table.shown, lines, aside, done)


def _columns(schema: pa.Schema) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Every plain value's header and the names that lead to it, and what is left out."""
    columns: dict[str, tuple[str, ...]] = {}
    left_out: list[str] = []

    def add(names: tuple[str, ...], kind: pa.DataType) -> None:
        header = ".".join(names)
        if pa.types.is_struct(kind):
            for field in kind:
                add((*names, field.name), field.type)
        elif header in columns or not (_is_plain(kind) or (_is_list(kind) and _is_plain(kind.value_type))):
            left_out.append(header)
        else:
            columns[header] = names

    for field in schema:
        if schema.names.count(field.name) > 1:
            left_out.append(field.name)
        else:
            add((field.name,), field.type)
    return columns, list(dict.fromkeys(left_out))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_plain(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_plain(kind.value_type)
    return (
        _is_text(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_date(kind)
        or pa.types.is_time(kind)
        or pa.types.is_timestamp(kind)
        or pa.types.is_null(kind)
        or isinstance(kind, pa.UuidType)
    )


def _cells(batch: pa.RecordBatch, names: tuple[str, ...]) -> pa.Array:
    """A column of the batch as strings."""
    column = batch.column(names[0])
    for name in names[1:]:
        column = pc.struct_field(column, name)  # a record that is missing has no fields either
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if _is_text(column.type) or pa.types.is_integer(column.type) or pa.types.is_boolean(column.type):
        return pc.fill_null(column.cast(pa.large_string()), "")
    once = functools.cache(written) if not _is_list(column.type) else written
    values = _values(column)
    if pa.types.is_float32(column.type) or pa.types.is_float16(column.type):  # 0.1 is 0.1, and not 0.10000000149011612
        kind = np.float32 if pa.types.is_float32(column.type) else np.float16
        values = [None if value is None else float(str(kind(value))) for value in values]
    return pa.array([once(value) for value in values], pa.large_string())


def _values(column: pa.Array) -> list[Any]:
    """A column's values as Python has them. A time outside of the years 1 to 9999 is nothing, and one in a zone that this
    machine does not know is in UTC."""
    try:
        return list(column.to_pylist())
    except KeyError:  # the zone; the instants themselves are kept in UTC
        if pa.types.is_timestamp(column.type):
            return _values(column.cast(pa.timestamp(column.type.unit, "UTC")))
    except (OverflowError, ValueError):
        pass
    return [_value(scalar) for scalar in column]


def _value(scalar: pa.Scalar) -> object:
    try:
        return scalar.as_py()
    except (OverflowError, ValueError, KeyError):
        return None
