"""Reading: the source's rows meet what the ledger has settled, and what passes is normalized and compared.

    extract ─► sieve ─► normalize ─► diff

Law: writes nothing. After a full read, a contact that was not met is gone. After a read of what changed, a contact that
was not met is as it was; those of which that is not certain are asked for by their keys.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from sync_connector.fault_points import reach
from sync_connector.fields.phone import as_integer
from sync_connector.flow import normalize as normalizing
from sync_connector.flow.diff import Known, diff, payload_fingerprint
from sync_connector.flow.extract import Extraction, Rows, SourceChunk, extract
from sync_connector.flow.overlay import Fate, Overlays
from sync_connector.flow.resolve import UNKNOWN_RECENCY, Outcome
from sync_connector.flow.sieve import LIVE, REJECTED, WAITING, Fingerprints, Index, fingerprints, own_fingerprints
from sync_connector.flow.spool import Candidate, Spool
from sync_connector.ledger.nouns import Contest
from sync_connector.ledger.store import Ledger, Scope
from sync_connector.mapping import Binding
from sync_connector.model import Change, Finding, Place, Severity, State


class Progress:
    """Told how far a run is; this one keeps silent."""

    def stage(self, name: str, total: float | None) -> None:
        """A stage begins; `total` in its own unit, `None` if unknown."""

    def at(self, done: float) -> None:
        """So much of the stage is done."""


class Remembered(NamedTuple):
    """Rows of one file that were rejected before and did not change: ids in the ledger, and their lines today."""

    ids: npt.NDArray[np.int64]
    lines: npt.NDArray[np.int64]
    file: str


NEW, UPDATED, RENUMBERED, REPEATED = 0, 1, 2, 3
"""What a candidate needs: a contact that the vendor has not got, other data, another number (a `create` too), or what was sent
before and brought no answer, from a row that did not change since (where nobody knows how it was, it counts as such)."""


class Column:
    """Numbers that arrive in parts, kept in one piece of memory that grows in place: parts that are joined at the end are
    in memory twice, and small ones are never given back."""

    def __init__(self, code: str) -> None:
        self._numbers = array(code)

    def append(self, numbers: Sequence[int] | npt.NDArray[Any]) -> None:
        """Some more."""
        self._numbers.frombytes(np.asarray(numbers, dtype=self._numbers.typecode).tobytes())

    def whole(self) -> npt.NDArray[Any]:
        """All of them, without a copy; nothing may be appended while that array lives."""
        return (
            np.frombuffer(self._numbers, dtype=self._numbers.typecode) if self._numbers else np.empty(0, self._numbers.typecode)
        )


@dataclass(slots=True)
class Passing:
    """What passed the sieve, as columns of numbers beside the spool; an entry of each column for a candidate.

    `outcomes` (int8): `Outcome`. `phones` (int64): the number, 0 if it has none. `ordinals` (int32): of the row.
    `recencies` (int64): seconds since 1970. `key_hashes` (uint32). `needs` (int8): NEW, UPDATED, RENUMBERED or REPEATED.
    """

    spool: Spool
    outcomes: Column = field(default_factory=lambda: Column("b"))
    phones: Column = field(default_factory=lambda: Column("q"))
    ordinals: Column = field(default_factory=lambda: Column("i"))
    recencies: Column = field(default_factory=lambda: Column("q"))
    key_hashes: Column = field(default_factory=lambda: Column("I"))  # 0: no key; equal ones are looked at closely
    needs: Column = field(default_factory=lambda: Column("b"))
    codes: Counter[str] = field(default_factory=Counter)
    mended: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Reading:
    """One read of a source, while it goes on.

    `changed` (bool, by `id - index.first_id`): contacts of the ledger whose row passed the sieve. `left`: those whose row
    the CRM marks as deleted, or that were asked for and are there no more; only a read of changes needs them.
    `parked`: rows of contacts that wait for a number, with their fingerprints and ids. `holds_unknown`: a contact to which no
    trustworthy answer came is not sent again while its row is as it was then; `in_flight`: own fingerprints of the rows of
    contacts that a dead run left under way, to which none came either.
    """

    ledger: Ledger
    scope: Scope
    binding: Binding
    choices: normalizing.Choices
    seed: int
    full: bool
    index: Index
    passing: Passing
    holds_contacts: bool
    overlays: Overlays
    rejects_shared: bool
    holds_unknown: bool = False
    in_flight: dict[str, bytes | None] = field(init=False)
    extraction: Extraction = field(init=False)
    changed: npt.NDArray[np.bool_] = field(init=False)
    left: set[int] = field(default_factory=set)
    remembered: list[Remembered] = field(default_factory=list)
    parked: list[tuple[Rows, Fingerprints, npt.NDArray[np.int64]]] = field(default_factory=list)
    live: int = 0
    held_before: int = 0
    digest: xxhash.xxh3_128 = field(default_factory=xxhash.xxh3_128)

    def __post_init__(self) -> None:
        # A contact that a read of changes did not meet stands before all rows that it did: its ordinal is 0.
        self.extraction = Extraction() if self.full else Extraction(first_ordinal=1, left_out_keys=[])
        self.changed = np.zeros(len(self.index.met_at), dtype=bool)
        self.in_flight = self.ledger.left_in_flight(self.scope)

    def read(self, chunks: Iterable[SourceChunk], progress: Progress, check: Callable[[], None]) -> None:
        """Take in all rows of these chunks. `check` is called between them, and may raise to stop."""
        extraction = self.extraction
        before = len(extraction.set_aside)
        for rows in extract(chunks, self.binding, extraction):
            check()
            reach("source.rows")
            self._take_in(rows)
            progress.at(extraction.read_bytes)
        for piece in extraction.set_aside[before:]:
            self.digest.update(piece.text.encode())
            self.passing.codes[piece.code] += 1
        if extraction.left_out_keys:
            self.digest.update("\x1f".join(extraction.left_out_keys).encode())
            known = self.ledger.known(self.scope, [key for key in extraction.left_out_keys if key])
            self.left |= {entry.id for entry in known.values() if self.index.holds(entry.id)}
            extraction.left_out_keys.clear()

    def _take_in(self, rows: Rows) -> None:
        index = self.index
        fps = fingerprints(rows.keys, [rows.columns[header] for header in self.binding.fingerprinted], self.seed)
        self.digest.update(fps.tobytes())
        at = index.find(fps)
        settled = at >= 0
        if self.overlays.by_key:
            settled &= ~self.overlays.wants(rows.keys)
        if settled.any():
            ids = np.where(settled, index.ids[np.maximum(at, 0)], 0)
            fresh = np.zeros(len(rows), dtype=bool)
            fresh[settled] = index.meet(ids[settled], rows.ordinals[settled])
            kinds = np.where(fresh, index.kinds[np.maximum(at, 0)], 255)
            self.live += int((kinds == LIVE).sum())
            if (again := kinds == REJECTED).any():
                self.remembered.append(Remembered(ids[again], rows.lines[again], rows.file))
            if (waits := kinds == WAITING).any():
                self.parked.append((rows.take(waits), fps[waits], ids[waits]))
            settled = fresh
        if not settled.all():
            self._let_pass(rows.take(~settled), fps[~settled], again=False)

    def _let_pass(self, rows: Rows, fps: Fingerprints, *, again: bool) -> None:
        keys = [key for key in rows.keys.to_pylist() if key]
        known = self.ledger.known(self.scope, keys) if self.holds_contacts else {}
        laid = self.overlays.lay(rows, self.binding, own_fingerprints) if self.overlays.by_key else rows
        as_sent = self._as_sent(rows, known)
        _normalize_and_diff(
            rows, laid, fps, known, self.binding, self.choices, self.passing, self.index, self.changed, as_sent,
            holds=self.holds_unknown, again=again,
        )  # fmt: skip

    def _as_sent(self, rows: Rows, known: Mapping[str, Known]) -> frozenset[int]:
        """Which of the rows are as they were when they were sent and no trustworthy answer came. A correction that was
        resubmitted makes another row of one."""
        doubted = {key: entry.doubted for key, entry in known.items() if entry.doubted is not None} | self.in_flight
        corrected = {key for key in self.overlays.resubmitted if self.overlays.fate(key) is Fate.LAID}
        wanted = [key for key, own in doubted.items() if own is not None and key not in corrected]
        if not wanted:
            return frozenset()
        at = np.flatnonzero(pc.is_in(rows.keys, pa.array(wanted, pa.large_string())).to_numpy(zero_copy_only=False))
        keys = rows.keys.take(pa.array(at))
        own = own_fingerprints(keys, [rows.columns[header].take(pa.array(at)) for header in self.binding.fingerprinted])
        return frozenset(place for place, key, one in zip(at.tolist(), keys.to_pylist(), own, strict=True) if doubted[key] == one)

    def settle_waiting(self, ask: Callable[[Sequence[str]], Iterable[SourceChunk]] | None, check: Callable[[], None]) -> None:
        """Let those pass who waited for a number that is contested anew. What a read of changes did not meet and is not
        settled, or is reopened so, is asked for by its key, until nothing more follows from it; where the source cannot be
        asked, it stays as it is until its row comes."""
        waiting = self.ledger.waiting(self.scope) if self.parked or not self.full else {}
        asked: set[int] = set()
        resubmitted = {entry.id for entry in self.ledger.known(self.scope, self.overlays.resubmitted).values()}
        while True:
            reopened = self._reopened(waiting)
            if self.full or ask is None:
                break
            unmet = {id_ for id_ in [*self.index.open_ids.tolist(), *reopened, *resubmitted] if self._unmet(id_)} - asked
            if not unmet:
                break
            asked |= unmet
            self.read(ask(list(self.ledger.keys(sorted(unmet)).values())), Progress(), check)
            self.left |= {id_ for id_ in unmet if self.index.ordinal(id_) < 0}
        wanted = np.array(sorted(reopened), dtype=np.int64)
        self.held_before = sum(len(ids) for _, _, ids in self.parked)
        for rows, fps, ids in self.parked:
            again = np.isin(ids, wanted)
            if again.any():
                self.held_before -= int(again.sum())
                self._let_pass(rows.take(again), fps[again], again=True)
        self.passing.codes["shared_phone"] += self.held_before

    def _unmet(self, id_: int) -> bool:
        return self.index.holds(id_) and self.index.ordinal(id_) < 0 and id_ not in self.left

    def as_it_was(self, id_: int) -> bool:
        """Whether a contact of this source still claims what the ledger says: its row was met unchanged, or was not among
        those that changed."""
        if not self.index.holds(id_) or self.changed[id_ - self.index.first_id]:
            return False
        return self.index.ordinal(id_) >= 0 or (not self.full and id_ not in self.left)

    def _reopened(self, waiting: dict[str, Contest]) -> set[int]:
        """The waiting contacts whose number is contested anew: its owner, or another who waits for it, changed or left; or
        nobody is known to have it, since the vendor's answer to whoever won was lost, and he wants another now. (Where a
        shared number rejects all who share it, nobody has it, and that is as it should be.)"""
        if not waiting:
            return set()
        numbers = np.array(sorted(as_integer(number) for number in waiting), dtype=np.int64)
        wanted_anew = set(np.intersect1d(self.passing.phones.whole(), numbers).tolist())
        reopened: set[int] = set()
        for number, (members, owned) in waiting.items():
            settled = len(members) > 1 and (owned or self.rejects_shared) and as_integer(number) not in wanted_anew
            if not (settled and all(not self.index.holds(id_) or self.as_it_was(id_) for id_ in members)):
                reopened |= set(members)
        return reopened


def _normalize_and_diff(
    rows: Rows,
    laid: Rows,
    fps: Fingerprints,
    known: dict[str, Known],
    binding: Binding,
    choices: normalizing.Choices,
    passing: Passing,
    index: Index,
    changed: npt.NDArray[np.bool_],
    as_sent: frozenset[int],
    *,
    holds: bool,
    again: bool,
) -> None:
    """Columns become records here. `laid`: the rows with what lies over them. `as_sent`: those that were sent as they are and
    brought no answer; `holds`: they are not sent again. `again`: these rows have been met already, and wait for a number."""
    candidates, phones, recencies, outcomes, needs = [], [], [], [], []
    row_fps = fps.astype(">u8").tobytes()
    lines, keys = rows.lines.tolist(), rows.keys.to_pylist()
    for row, (key, normalized) in enumerate(zip(keys, normalizing.normalize(laid, binding, choices), strict=True)):
        contact, findings = normalized.contact, normalized.findings
        entry = known.get(key)
        outcome = Outcome.REJECTED
        change, payload_fp = Change.REJECTED, None
        if not key:
            contact = None
            findings += (Finding("no_key", "key", Severity.REJECT, "", "the row has no identifier; give it one in the CRM"),)
        if contact is not None:
            payload_fp = payload_fingerprint(contact)
            change = diff(contact, payload_fp, entry)
            outcome = Outcome.NONE if change is Change.NONE else Outcome.SEND
        if (
            holds and row in as_sent and outcome is not Outcome.NONE
        ):  # though other rules reject it now: once released, it is looked at
            outcome = Outcome.IN_DOUBT
        renumbered = entry is not None and entry.phone_number is not None and change is Change.CREATE
        forgotten = entry is not None and entry.state == State.UNKNOWN and entry.doubted is None  # how it was when it was sent
        update = REPEATED if row in as_sent or forgotten else UPDATED
        create = RENUMBERED if renumbered and row not in as_sent else NEW  # nor did the CRM change its number since
        needs.append(update if change is Change.UPDATE else create)
        if entry is not None and not again:
            place = entry.id - index.first_id
            if 0 <= place < len(changed) and index.expected[place]:
                if index.met_at[place] >= 0:
                    outcome = Outcome.DUPLICATE_KEY
                else:
                    index.met_at[place] = rows.ordinals[row]
                    changed[place] = True
        elif entry is not None:
            changed[entry.id - index.first_id] = True
        for finding in findings if outcome is not Outcome.IN_DOUBT else ():
            (passing.codes if finding.severity is Severity.REJECT else passing.mended)[finding.code] += 1
        place_of_row = Place(rows.file, lines[row])
        row_fp = row_fps[16 * row : 16 * row + 16]
        made = Candidate(key, place_of_row, row_fp, payload_fp, normalized.recency, change, contact, findings, normalized.country)
        candidates.append(made)
        phones.append(as_integer(contact.phone_number) if contact is not None else 0)
        recencies.append(UNKNOWN_RECENCY if normalized.recency is None else normalized.recency)
        outcomes.append(outcome)
    passing.spool.append(candidates, rows.columns)
    passing.outcomes.append(outcomes)
    passing.needs.append(needs)
    passing.phones.append(phones)
    passing.ordinals.append(rows.ordinals)
    if binding.modified:
        passing.recencies.append(recencies)
    hashes = [xxhash.xxh32_intdigest(key.encode()) if key else 0 for key in keys]
    passing.key_hashes.append(hashes)
