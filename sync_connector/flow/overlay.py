"""Overlay: what a person corrected in a sheet lies over the source's own rows, before they are normalized.

Law: pure, and an overlay lies on the row for which it was made and on no other: once the CRM's own row has changed, the CRM
is right. The fingerprint by which a row is settled stays that of the CRM's own, so that a corrected row is quiet as long as
the CRM says what it said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sync_connector.flow.extract import Rows
from sync_connector.mapping import Binding


class Overlay(NamedTuple):
    """What is to stand in the cells of one row (header → text; those that say what the row says count for nothing).

    `fingerprint`: of the CRM's own row when it was made (see `sieve.own_fingerprints`). `kept`: it lies there whenever the row is
    looked at; else it was a one-off, and is only remembered. `resubmitted`: in this run, so that the row is looked at.
    """

    key: str
    fingerprint: bytes
    cells: Mapping[str, str]
    kept: bool
    resubmitted: bool


class Fate(StrEnum):
    """What became of an overlay."""

    LAID = "laid"  # it lies over the row
    UNEDITED = "unedited"  # it says what the row says
    OUTDATED = "outdated"  # the CRM's own row is another one now
    MISSING = "missing"  # the row was not met


@dataclass(slots=True)
class Overlays:
    """The overlays of a source, and what became of them in a run. `edited`: key → header → text, of those that were laid;
    `not_taken`: headers of a sheet under which nothing that was typed counts, since the source has none such, or since its
    cells say which row it is. `kept_before`: kept overlays of keys of which a sheet came in; `standing`: those of them that lie
    on the CRM's row as it is now, where that sheet does not."""

    by_key: Mapping[str, Overlay]
    kept_before: Mapping[str, Overlay] = field(default_factory=dict)
    fates: dict[str, Fate] = field(default_factory=dict)
    edited: dict[str, dict[str, str]] = field(default_factory=dict)
    not_taken: set[str] = field(default_factory=set)
    standing: set[str] = field(default_factory=set)
    _keys: pa.Array = field(init=False)
    _resubmitted: pa.Array = field(init=False)

    def __post_init__(self) -> None:
        self._keys = pa.array(list(self.by_key), pa.large_string())
        self._resubmitted = pa.array(self.resubmitted, pa.large_string())

    @classmethod
    def of(cls, overlays: Iterable[Overlay]) -> Overlays:
        """Of several for one key the last counts, where it lies on the row at all."""
        by_key: dict[str, Overlay] = {}
        kept_before = {}
        for overlay in overlays:
            if (before := by_key.get(overlay.key)) is not None and before.kept:
                kept_before[overlay.key] = before
            by_key[overlay.key] = overlay
        return cls(by_key, kept_before)

    @property
    def resubmitted(self) -> list[str]:
        """The keys of those that were resubmitted."""
        return [key for key, overlay in self.by_key.items() if overlay.resubmitted]

    def wants(self, keys: pa.Array) -> npt.NDArray[np.bool_]:
        """Which rows are to be looked at whether they are settled or not."""
        hit: npt.NDArray[np.bool_] = pc.is_in(keys, self._resubmitted).to_numpy(zero_copy_only=False)
        return hit

    def lay(self, rows: Rows, binding: Binding, own_fingerprints: Callable[[pa.Array, Sequence[pa.Array]], list[bytes]]) -> Rows:
        """The rows with what lies over them. Cells that make the key stay as they are."""
        hits = pc.is_in(rows.keys, self._keys).to_numpy(zero_copy_only=False)
        if not hits.any():
            return rows
        headers = binding.fingerprinted
        found = rows.take(hits)
        cells = {header: found.columns[header].to_pylist() for header in headers}
        own = own_fingerprints(found.keys, [found.columns[header] for header in headers])
        fixed = {*binding.key, *binding.key_otherwise}
        changes: dict[str, dict[int, str]] = {}
        for place, (row, key) in enumerate(zip(np.flatnonzero(hits).tolist(), found.keys.to_pylist(), strict=True)):
            overlay = self.by_key[key]
            before = self.kept_before.get(key)
            if before is not None and before.fingerprint == own[place] != overlay.fingerprint:
                self.fates.setdefault(key, Fate.OUTDATED)
                self.standing.add(key)
                for header, text in before.cells.items():
                    if header in cells:
                        changes.setdefault(header, {})[row] = text
                continue
            if overlay.fingerprint != own[place] or not (overlay.kept or overlay.resubmitted):
                self.fates.setdefault(key, Fate.OUTDATED)
                continue
            if overlay.resubmitted:
                self.not_taken |= {
                    header
                    for header, text in overlay.cells.items()
                    if (text != (cells[header][place] or "") if header in fixed else header not in cells and text.strip())
                }
            edited = {
                header: overlay.cells[header]
                for header in headers
                if header in overlay.cells and header not in fixed and overlay.cells[header] != (cells[header][place] or "")
            }
            self.fates[key] = Fate.LAID if edited else Fate.UNEDITED
            if edited:
                self.edited[key] = edited
            for header, text in edited.items():
                changes.setdefault(header, {})[row] = text
        columns = dict(rows.columns)
        for header, texts in changes.items():
            column = columns[header].to_pylist()
            for row, text in texts.items():
                column[row] = text
            columns[header] = pa.array(column, pa.large_string())
        return Rows(columns, rows.keys, rows.file, rows.lines, rows.ordinals)

    def fate(self, key: str) -> Fate:
        """What became of one, once all was read."""
        return self.fates.get(key, Fate.MISSING)
