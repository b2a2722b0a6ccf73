"""Spool: what passed the sieve, kept on disk between deciding and sending.

Nothing may be sent before the whole source has been read (the brakes need to know how much is gone), and a first run
holds every contact there is: they wait in a temporary file that has no name, is readable by nobody else, and is gone
with the process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.ipc

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
    ]
)


class Candidate(NamedTuple):
    """A row that passed the sieve: what it became, and what the diff says of it."""

    key: str
    place: Place
    row_fp: bytes
    payload_fp: bytes | None
    recency: int | None
    change: Change
    contact: Contact | None
    findings: tuple[Finding, ...]


class Spool:
    """Candidates in order of arrival; the position of one is its number from 0."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="sync-connector-")  # noqa: SIM115  # closed by close()
        self._writer = pa.ipc.new_stream(self._file, _SCHEMA)
        self._count = 0
        self._closed = False

    def __len__(self) -> int:
        return self._count

    def append(self, candidates: Sequence[Candidate]) -> None:
        """Keep some more."""
        for start in range(0, len(candidates), BATCH):
            part = candidates[start : start + BATCH]
            columns = list(zip(*(_flat(candidate) for candidate in part), strict=True))
            arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
            self._writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA))
            self._count += len(part)

    def read(self, wanted: npt.NDArray[np.bool_]) -> Iterator[tuple[int, Candidate]]:
        """The wanted candidates (a mask over all positions), each with its position."""
        for start, batch in self._batches():
            mask = wanted[start : start + batch.num_rows]
            if not mask.any():
                continue
            kept = batch if mask.all() else batch.filter(pa.array(mask))
            rows = zip(*(column.to_pylist() for column in kept.columns), strict=True)
            for position, row in zip(np.flatnonzero(mask).tolist(), rows, strict=True):
                yield start + position, _whole(row)

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
    )


def _whole(row: Sequence[object]) -> Candidate:
    key, file, line, row_fp, payload_fp, recency, change, *contact, findings = row
    return Candidate(
        key,  # type: ignore[arg-type]  # the schema says what each is
        Place(file, line),  # type: ignore[arg-type]
        row_fp,  # type: ignore[arg-type]
        payload_fp,  # type: ignore[arg-type]
        recency,  # type: ignore[arg-type]
        Change(change),  # type: ignore[arg-type]
        None if contact[0] is None else Contact(*contact),  # type: ignore[arg-type]
        tuple(Finding(c, f, Severity(s), v, a) for c, f, s, v, a in orjson.loads(findings)) if findings else (),  # type: ignore[arg-type]
    )
