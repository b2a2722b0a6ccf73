"""Spool: what passed the sieve, kept on disk between deciding and sending.

Nothing may be sent before the whole source has been read (the brakes need to know how much is gone), and a first run
holds every contact there is: they wait in a temporary file that has no name, is readable by nobody else, and is gone
with the process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.ipc

from sync_connector.fault_points import around
from sync_connector.model import Change, Contact, Finding, Place, Severity

BATCH = 8_192

_SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("file", pa.string()),
        ("line", pa.int64()),
        ("row_fp", pa.binary(16)),
        ("payload_fp", pa.binary(16)),
        ("recency", pa.int64()),
        ("change", pa.string()),
        *((name, pa.string()) for name in Contact._fields),
        ("findings", pa.string()),
        ("country", pa.string()),
    ]
)


class Candidate(NamedTuple):
    """A row that passed the sieve: what it became, and what the diff says of it. `country`: the row's own, `""` where it is
    not known; `cells`: the row as the source gave it, where that was asked for."""

    key: str
    place: Place
    row_fp: bytes
    payload_fp: bytes | None
    recency: int | None
    change: Change
    contact: Contact | None
    findings: tuple[Finding, ...]
    country: str = ""
    cells: Mapping[str, str | None] | None = None


class Spool:
    """Candidates in order of arrival; the position of one is its number from 0. Beside each stand the cells of its row,
    under the same headers for all."""

    def __init__(self, headers: Sequence[str] = ()) -> None:
        self._file = tempfile.TemporaryFile(prefix="sync-connector-")  # noqa: SIM115  # closed by close()
        self._headers = tuple(headers)
        cells = [pa.field(f"cell {place}", pa.large_string()) for place in range(len(self._headers))]
        self._schema = pa.schema([*_SCHEMA, *cells])
        self._writer = pa.ipc.new_stream(self._file, self._schema)
        self._count = 0
        self._closed = False

    def __len__(self) -> int:
        return self._count

    def append(self, candidates: Sequence[Candidate], cells: Mapping[str, pa.Array] | None = None) -> None:
        """Keep some more. `cells`: header → a text (large_string) for each; what the candidates carry themselves is not kept."""
        raw = [(cells or {})[header] for header in self._headers]
        for start in range(0, len(candidates), BATCH):
            part = candidates[start : start + BATCH]
            columns = list(zip(*(_flat(candidate) for candidate in part), strict=True))
            arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
            arrays += [column.slice(start, len(part)) for column in raw]
            with around("spool.append"):
                self._writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
            self._count += len(part)

    def read(self, wanted: npt.NDArray[np.bool_], *, with_cells: bool = False) -> Iterator[tuple[int, Candidate]]:
        """The wanted candidates (a mask over all positions), each with its position."""
        headers = self._headers if with_cells else ()
        for start, batch in self._batches():
            mask = wanted[start : start + batch.num_rows]
            if not mask.any():
                continue
            kept = batch.select(range(len(_SCHEMA) + len(headers)))
            kept = kept if mask.all() else kept.filter(pa.array(mask))
            rows = zip(*(column.to_pylist() for column in kept.columns), strict=True)
            for position, row in zip(np.flatnonzero(mask).tolist(), rows, strict=True):
                yield start + position, _whole(row[: len(_SCHEMA)], dict(zip(headers, row[len(_SCHEMA) :], strict=True)))

    def keys(self, positions: Sequence[int]) -> dict[int, str]:
        """The keys at these positions."""
        wanted = np.unique(np.array(positions, dtype=np.int64))
        found: dict[int, str] = {}
        for start, batch in self._batches():
            here = wanted[(wanted >= start) & (wanted < start + batch.num_rows)] - start
            if len(here):
                keys = batch.column("key").take(pa.array(here)).to_pylist()
                found.update(zip((here + start).tolist(), keys, strict=True))
        return found

    def _batches(self) -> Iterator[tuple[int, pa.RecordBatch]]:
        if not self._closed:
            self._writer.close()
            self._closed = True
        self._file.seek(0)
        start = 0
        for batch in pa.ipc.open_stream(self._file):
            yield start, batch
            start += batch.num_rows

    def close(self) -> None:
        """Give the disk back."""
        self._file.close()


def _flat(candidate: Candidate) -> tuple[object, ...]:
    contact: Sequence[str | None] = candidate.contact or (None,) * len(Contact._fields)
    findings = orjson.dumps([list(finding) for finding in candidate.findings]).decode() if candidate.findings else None
    return (
        candidate.key,
        candidate.place.file,
        candidate.place.line,
        candidate.row_fp,
        candidate.payload_fp,
        candidate.recency,
        candidate.change.value,
        *contact,
        findings,
        candidate.country,
    )


def _whole(row: Sequence[object], cells: Mapping[str, str | None]) -> Candidate:
    key, file, line, row_fp, payload_fp, recency, change, *contact, findings, country = row
    return Candidate(
        key,  # type: ignore[arg-type]  # the schema says what each is
        Place(file, line),  # type: ignore[arg-type]
        row_fp,  # type: ignore[arg-type]
        payload_fp,  # type: ignore[arg-type]
        recency,  # type: ignore[arg-type]
        Change(change),  # type: ignore[arg-type]
        None if contact[0] is None else Contact(*contact),  # type: ignore[arg-type]
        tuple(Finding(c, f, Severity(s), *rest) for c, f, s, *rest in orjson.loads(findings)) if findings else (),  # type: ignore[arg-type]
        country,  # type: ignore[arg-type]
        cells or None,
    )
