"""Extract: a source's chunks → the columns that the mapping reads, with a key for every row.

Rows that the CRM marks as deleted stop here and are counted by reason; a row that holds a NUL byte is set aside, whatever
kind of source it came from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sync_connector.mapping import Binding, fold
from sync_connector.model import FOOTER, Place, SetAside

KEY_JOINT = " | "
KEPT_TEXT = 2_000
NUL = "the row holds a NUL byte; the data were damaged where they were written or copied"


@dataclass(slots=True)
class Rows:
    """Rows as columns. `columns`: header → strings (large_string). `keys`: strings, `""` where the row has none.
    `lines`, `ordinals`: int64; `ordinals` count the source's rows from 0, over all chunks."""

    columns: dict[str, pa.Array]
    keys: pa.Array
    file: str
    lines: npt.NDArray[np.int64]
    ordinals: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.lines)

    def take(self, which: npt.NDArray[np.bool_]) -> Rows:
        """The rows for which `which` is true."""
        mask = pa.array(which)
        columns = {header: column.filter(mask) for header, column in self.columns.items()}
        return Rows(columns, self.keys.filter(mask), self.file, self.lines[which], self.ordinals[which])


@dataclass(slots=True)
class Extraction:
    """What is known of a source once it is read. `filled`: header → rows in which the cell is not empty.
    `footers`: lines behind the data, which are no rows.

    `first_ordinal` is that of the first row. `left_out_keys`, where it is a list, takes the keys of the rows that the CRM
    marks as deleted: a read of changes only must tell them from rows that it did not meet.
    """

    read: int = 0
    footers: int = 0
    first_ordinal: int = 0
    left_out_keys: list[str] | None = None
    deleted: Counter[str] = field(default_factory=Counter)
    filled: Counter[str] = field(default_factory=Counter)
    set_aside: list[SetAside] = field(default_factory=list)
    read_bytes: int = 0
    _occurrences: Counter[str] = field(default_factory=Counter)


class SourceChunk(Protocol):
    """What a source hands over (see `sources.Chunk`, whose room lies above this one)."""

    @property
    def rows(self) -> pd.DataFrame:
        """The rows, every column `str`."""

    @property
    def file(self) -> str:
        """Where they stand."""

    @property
    def lines(self) -> npt.NDArray[np.int64]:
        """The line of each."""

    @property
    def set_aside(self) -> list[SetAside]:
        """What was no row."""

    @property
    def read_bytes(self) -> int:
        """How far the source is read."""


def extract(chunks: Iterable[SourceChunk], binding: Binding, into: Extraction) -> Iterator[Rows]:
    """The rows of a source's chunks. What is counted on the way goes `into` an extraction."""
    for chunk in chunks:
        frame = chunk.rows
        unreadable = [piece for piece in chunk.set_aside if piece.code != FOOTER]
        into.set_aside += unreadable
        into.footers += len(chunk.set_aside) - len(unreadable)
        into.read_bytes = chunk.read_bytes
        columns = {header: _strings(frame[header]) for header in binding.used}
        rows = Rows(
            columns,
            _keys(columns, binding.key, binding.key_otherwise),
            chunk.file,
            chunk.lines,
            np.arange(len(frame), dtype=np.int64),
        )
        rows = _without_nul(_without_deleted(rows, binding, into), into)
        first = into.first_ordinal + into.read
        rows.ordinals = np.arange(first, first + len(rows), dtype=np.int64)
        into.read += len(rows)
        for header, column in rows.columns.items():
            into.filled[header] += pc.sum(pc.greater(pc.binary_length(column), 0)).as_py() or 0
        if not binding.key_is_unique:
            rows.keys = _numbered(rows.keys, into._occurrences)
        if len(rows):
            yield rows


def _strings(column: object) -> pa.Array:
    array = pa.array(column, pa.large_string())
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _keys(columns: dict[str, pa.Array], headers: tuple[str, ...], otherwise: tuple[str, ...] = ()) -> pa.Array:
    keys = _joined(columns, headers)
    if not otherwise:
        return keys
    return pc.if_else(pc.equal(keys, ""), _joined(columns, otherwise), keys)


def _joined(columns: dict[str, pa.Array], headers: tuple[str, ...]) -> pa.Array:
    parts = [pc.fill_null(pc.utf8_trim_whitespace(columns[header]), "") for header in headers]
    if len(parts) == 1:
        return parts[0]
    joined = pc.binary_join_element_wise(*parts, pa.scalar(KEY_JOINT, pa.large_string()))
    blank = pc.equal(joined, KEY_JOINT * (len(parts) - 1))
    return pc.if_else(blank, pa.scalar("", pa.large_string()), joined)


def _without_deleted(rows: Rows, binding: Binding, into: Extraction) -> Rows:
    for header, values, reason in binding.deleted:
        mask = marked(rows.columns[header], values)
        if mask.any():
            into.deleted[reason] += int(mask.sum())
            if into.left_out_keys is not None:
                into.left_out_keys += rows.keys.filter(pa.array(mask)).to_pylist()
            rows = rows.take(~mask)
    return rows


def marked(column: pa.Array, values: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    """Of which rows a cell says one of the values of a `DeletedWhen` (folded as a mapping's are, `*` for any filled cell)."""
    folded = pc.fill_null(pc.utf8_lower(pc.utf8_trim_whitespace(column)), "")
    hit = pc.is_in(folded, pa.array([fold(v) for v in values], pa.large_string()))
    if "*" in values:
        blank = ["", *(value[1:] for value in values if value.startswith("!"))]
        hit = pc.invert(pc.is_in(folded, pa.array(blank, pa.large_string())))
    mask: npt.NDArray[np.bool_] = hit.to_numpy(zero_copy_only=False)
    return mask


def _without_nul(rows: Rows, into: Extraction) -> Rows:
    """Without the rows that hold a NUL byte, which are set aside: no database of a team's ledger takes one."""
    hit = np.zeros(len(rows), dtype=bool)
    for column in rows.columns.values():
        data = column.buffers()[2]
        if data is not None and data.to_pybytes().find(b"\0") >= 0:
            hit |= pc.fill_null(pc.match_substring(column, "\0"), False).to_numpy(zero_copy_only=False)
    if not hit.any():
        return rows
    for row in np.flatnonzero(hit):
        text = KEY_JOINT.join(str(column[row]) for column in rows.columns.values() if str(column[row]))
        place = Place(rows.file, int(rows.lines[row]))
        into.set_aside.append(SetAside(place, "nul_byte", NUL, text.replace("\0", "")[:KEPT_TEXT]))
    return rows.take(~hit)


def _numbered(keys: pa.Array, occurrences: Counter[str]) -> pa.Array:
    """Equal keys told apart in order: `Jean Dupont`, `Jean Dupont #2`, …"""
    numbered = []
    for key in keys.to_pylist():
        occurrences[key] += 1
        numbered.append(key if not key or occurrences[key] == 1 else f"{key} #{occurrences[key]}")
    return pa.array(numbered, pa.large_string())
