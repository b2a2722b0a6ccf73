"""Sieve: fingerprint whole rows, ask which of them the ledger has settled, and let only the others pass.

Law: vectorized, nothing is decided about a contact here. A fingerprint is 128 bits wide and seeded with everything
that decides what a row becomes (mapping, rules, versions of the libraries), so a change of rules reopens every row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

SEPARATOR = "\x1f"
ESCAPED = "\x1e1"
ESCAPE = "\x1e"

_JOINT = pa.scalar(SEPARATOR, pa.large_string())

Fingerprints = npt.NDArray[np.uint64]
"""Shape (n, 2): the high and low half of each 128-bit fingerprint."""

LIVE, REJECTED, WAITING = 0, 1, 2
"""What a settled row's contact is: at the vendor; rejected; or waiting for a number that another contact has."""


def seed_of(*identity: str) -> int:
    """A 64-bit seed from everything that decides what a row becomes."""
    return xxhash.xxh3_64_intdigest("\x1f".join(identity).encode())


def fingerprints(keys: pa.Array, columns: Sequence[pa.Array], seed: int) -> Fingerprints:
    """A fingerprint for each row: of its key and its cells, no two of which can run into each other."""
    cells = [pc.fill_null(column, ESCAPE) for column in (keys, *columns)]
    joined = pc.binary_join_element_wise(*cells, _JOINT)
    if pc.max(pc.count_substring(joined, SEPARATOR)).as_py() != len(columns) or _holds(joined, ESCAPE):
        cells = [_escaped(column) for column in (keys, *columns)]
        joined = pc.binary_join_element_wise(*cells, _JOINT)
    _, offset_buffer, data = joined.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64)[joined.offset : joined.offset + len(joined) + 1].tolist()
    view = memoryview(data) if data is not None else memoryview(b"")
    digest = xxhash.xxh3_128_digest
    raw = b"".join([digest(view[a:b], seed) for a, b in pairwise(offsets)])
    return np.frombuffer(raw, ">u8").astype(np.uint64).reshape(-1, 2)


def _holds(column: pa.Array, mark: str) -> bool:
    buffer = column.buffers()[2]
    return buffer is not None and buffer.to_pybytes().find(mark.encode()) >= 0


def _escaped(column: pa.Array) -> pa.Array:
    text = pc.replace_substring(pc.replace_substring(column, ESCAPE, ESCAPE + "0"), SEPARATOR, ESCAPED)
    return pc.fill_null(text, ESCAPE + "2")


def as_bytes(fingerprint: npt.NDArray[np.uint64]) -> bytes:
    """One fingerprint as the 16 bytes that the ledger keeps."""
    return bytes(fingerprint.astype(">u8").tobytes())


def own_fingerprints(keys: pa.Array, columns: Sequence[pa.Array]) -> list[bytes]:
    """The same for rows as the CRM has them, whatever the rules are: 16 bytes for each."""
    return [as_bytes(one) for one in fingerprints(keys, columns, 0)]


def own_fingerprints_of(keys: Sequence[str], cells: Sequence[Mapping[str, str | None]]) -> list[bytes]:
    """The same for rows that are apart (header → text), all with the same headers in the same order."""
    if not keys:
        return []
    columns = [pa.array([one[header] for one in cells], pa.large_string()) for header in cells[0]]
    return own_fingerprints(pa.array(keys, pa.large_string()), columns)


@dataclass(slots=True)
class Index:
    """The settled rows of one source, sorted by fingerprint, and which contacts of the ledger a run has met.

    `ids` (int64) and `kinds` (LIVE, REJECTED, WAITING; uint8) go with `high` and `low`. `met_at` is indexed by
    `id - first_id`: the ordinal of the row in which a contact was met, −1 while it was not. `expected` marks the ids
    that a full read must meet, or they are gone. `open_ids`: those that are expected and not settled.
    """

    high: npt.NDArray[np.uint64]
    low: npt.NDArray[np.uint64]
    ids: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.uint8]
    first_id: int
    met_at: npt.NDArray[np.int32]
    expected: npt.NDArray[np.bool_]
    open_ids: npt.NDArray[np.int64]

    @classmethod
    def build(
        cls,
        fps: Fingerprints,
        ids: npt.NDArray[np.int64],
        kinds: npt.NDArray[np.uint8],
        open_ids: npt.NDArray[np.int64],
        uncertain: npt.NDArray[np.int64] | None = None,
    ) -> Index:
        """From the ledger's settled rows, in any order and byte order, and the ids of contacts that are expected but not
        settled. `uncertain` ids are taken out of the settled ones: what the vendor has of them is not known."""
        everyone = [part for part in (ids, open_ids) if len(part)]
        first = min((int(part.min()) for part in everyone), default=0)
        last = max((int(part.max()) for part in everyone), default=-1)
        expected = np.zeros(last - first + 1, dtype=bool)
        for part in everyone:
            expected[part - first] = True
        if uncertain is not None and len(uncertain):
            keep = ~np.isin(ids, uncertain)
            open_ids = np.union1d(open_ids, ids[~keep])
            fps, ids, kinds = fps[keep], ids[keep], kinds[keep]
        high = fps[:, 0].astype(np.uint64)
        order = np.argsort(high, kind="stable").astype(np.uint32 if len(high) < 1 << 32 else np.int64)
        high = high[order]  # one column after another: at five million contacts each is forty megabytes
        low = fps[:, 1].astype(np.uint64)[order]
        return cls(high, low, ids[order], kinds[order], first, np.full(last - first + 1, -1, dtype=np.int32), expected, open_ids)

    def find(self, fps: Fingerprints) -> npt.NDArray[np.int64]:
        """For each fingerprint its position in the index, or −1."""
        found = np.full(len(fps), -1, dtype=np.int64)
        if not len(self.high) or not len(fps):
            return found
        wanted = fps[:, 0]
        order = np.argsort(wanted)
        at = np.empty(len(fps), dtype=np.int64)
        at[order] = np.searchsorted(self.high, wanted[order])
        near = np.minimum(at, len(self.high) - 1)
        same = self.high[near] == wanted
        exact = same & (self.low[near] == fps[:, 1])
        found[exact] = near[exact]
        for row in np.flatnonzero(same & ~exact):  # two fingerprints with one high half: once in 2^64 / n
            position = int(near[row])
            while position < len(self.high) and self.high[position] == wanted[row]:
                if self.low[position] == fps[row, 1]:
                    found[row] = position
                    break
                position += 1
        return found

    def meet(self, ids: npt.NDArray[np.int64], ordinals: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Note in which row each contact was met; true where it had not been met before."""
        places = ids - self.first_id
        fresh = self.met_at[places] < 0
        _, first_of_each = np.unique(places, return_index=True)
        once = np.zeros(len(places), dtype=bool)
        once[first_of_each] = True
        fresh &= once
        self.met_at[places[fresh]] = ordinals[fresh]
        return fresh

    def holds(self, id_: int) -> bool:
        """Whether a contact is one of those that this source is expected to show."""
        place = id_ - self.first_id
        return 0 <= place < len(self.expected) and bool(self.expected[place])

    def ordinal(self, id_: int) -> int:
        """The row in which a contact was met, −1 if it was not (or is no contact of this source)."""
        place = id_ - self.first_id
        return int(self.met_at[place]) if 0 <= place < len(self.met_at) else -1

    def missing(self) -> npt.NDArray[np.int64]:
        """The ids of contacts that were expected and not met."""
        return np.flatnonzero(self.expected & (self.met_at < 0)).astype(np.int64) + self.first_id

    @property
    def known(self) -> int:
        """How many contacts a full read is expected to meet."""
        return int(self.expected.sum())
