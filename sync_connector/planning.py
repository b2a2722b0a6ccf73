"""Deciding: reads the whole source, and says what each contact needs. Writes nothing, sends nothing.

    extract ─► sieve ─► normalize ─► resolve ─► diff ─► [plan]

What a plan comes to is carried out by the pipeline, once the brakes have seen it.
"""

from __future__ import annotations

import importlib.metadata
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import xxhash

from sync_connector import dialects, mapping, sources
from sync_connector.config import Settings
from sync_connector.fields.phone import as_integer
from sync_connector.flow import brakes
from sync_connector.flow import normalize as normalizing
from sync_connector.flow.diff import Known, diff, payload_fingerprint
from sync_connector.flow.extract import KEY_JOINT, Extraction, Rows, extract
from sync_connector.flow.resolve import UNKNOWN_RECENCY, Incumbent, Outcome, Resolution, groups, repeated, resolve
from sync_connector.flow.sieve import LIVE, REJECTED, WAITING, Fingerprints, Index, fingerprints, seed_of
from sync_connector.flow.spool import Candidate, Spool
from sync_connector.ledger.store import Ledger, Scope
from sync_connector.model import Change, Finding, Place, Severity

NUMBERS_AT_ONCE = 5_000


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


@dataclass(slots=True)
class Plan:
    """What a run would do. Nothing of it has been written or sent."""

    scope: Scope
    source: str
    identity: str
    extraction: Extraction
    spool: Spool
    outcomes: npt.NDArray[np.int8]
    owners: dict[int, str]
    displaced: list[tuple[Incumbent, str]]
    gone: list[int]
    unsure: int
    remembered: list[Remembered]
    held_before: int
    live: int
    known: int
    last_read: int
    last_filled: dict[str, int]
    ledger_run: int
    policy: str
    source_digest: str
    codes: Counter[str]  # why rows are not sent, those that are remembered included
    mended: Counter[str]  # what was mended or doubtful in the rows that were looked at
    creates: int
    updates: int
    moved: int  # contacts that the vendor has and whose data or number changed

    def count(self, *outcomes: Outcome) -> int:
        """How many candidates have one of these outcomes."""
        return int(np.isin(self.outcomes, outcomes).sum())

    @property
    def rows(self) -> dict[str, int]:
        """The rows of the source, each counted once. Raises `AssertionError` if they do not add up."""
        displaced = len(self.displaced)
        displaced_rejected = displaced if self.policy == "reject" else 0
        rows = {
            "read": self.extraction.read + len(self.extraction.set_aside),
            "unchanged": self.live - displaced + self.count(Outcome.NONE),
            "to_send": self.count(Outcome.SEND),
            "rejected": sum(len(part.ids) for part in self.remembered)
            + displaced_rejected
            + (self.held_before if self.policy == "reject" else 0)
            + self.count(Outcome.REJECTED, Outcome.DUPLICATE_KEY, Outcome.SHARED_REJECTED)
            + len(self.extraction.set_aside),
            "held": self.count(Outcome.HELD)
            + (displaced - displaced_rejected)
            + (self.held_before if self.policy != "reject" else 0),
        }
        add_up("to send", rows["to_send"], self.creates, self.updates)
        add_up("read", rows["read"], rows["unchanged"], rows["to_send"], rows["rejected"], rows["held"])
        return rows

    def candidates(self, *outcomes: Outcome) -> Iterator[tuple[Outcome, str, Candidate]]:
        """The candidates with these outcomes: outcome, who has their number (`""`: nobody), candidate."""
        for position, candidate in self.spool.read(np.isin(self.outcomes, outcomes)):
            yield Outcome(self.outcomes[position]), self.owners.get(position, ""), candidate

    def brakes(self, limits: brakes.Limits) -> list[str]:
        """The brakes that this plan trips."""
        rows = self.rows
        return brakes.tripped(
            brakes.Facts(
                read=rows["read"],
                rejected=rows["rejected"],
                known=self.known,
                gone=len(self.gone),
                moved=self.moved,
                last_read=self.last_read,
                last_filled=self.last_filled,
                filled=self.extraction.filled,
            ),
            limits,
        )

    def digest(self) -> str:
        """A fingerprint of all that would be sent, in order."""
        digest = xxhash.xxh3_128()
        for _, _, candidate in self.candidates(Outcome.SEND):
            digest.update(change_line(candidate))
        return digest.hexdigest()


def change_line(candidate: Candidate) -> bytes:
    """What a plan's digest is made of."""
    return b"\x1f".join([candidate.key.encode(), candidate.change.encode(), candidate.payload_fp or b""]) + b"\x1e"


def add_up(what: str, total: int, *parts: int) -> None:
    """Law: counts add up, and code asserts it."""
    if total != sum(parts):
        raise AssertionError(f"counts do not add up: {what} = {total}, its parts are {parts}")


# --- deciding --------------------------------------------------------------------------------------------------------


NEW, UPDATED, RENUMBERED = 0, 1, 2
"""What a candidate needs: a contact that the vendor has not got, other data, or another number (a `create` too)."""


class _Column:
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
class _Passing:
    """What passed the sieve, as columns of numbers beside the spool."""

    spool: Spool = field(default_factory=Spool)
    outcomes: _Column = field(default_factory=lambda: _Column("b"))
    phones: _Column = field(default_factory=lambda: _Column("q"))
    ordinals: _Column = field(default_factory=lambda: _Column("i"))
    recencies: _Column = field(default_factory=lambda: _Column("q"))
    key_hashes: _Column = field(default_factory=lambda: _Column("I"))  # 0: no key; equal ones are looked at closely
    needs: _Column = field(default_factory=lambda: _Column("b"))
    codes: Counter[str] = field(default_factory=Counter)
    mended: Counter[str] = field(default_factory=Counter)


def scope_names(settings: Settings) -> tuple[str, str, str]:
    """Login, host and source: what the ledger calls an account and a source. The port is no part of it."""
    url = settings.vendor.base_url or dialects.find(settings.vendor.dialect).base_url
    return settings.vendor.login, urlsplit(url).hostname or "", settings.source.name


def prepare(settings: Settings, ledger: Ledger, scope: Scope, progress: Progress, check: Callable[[], None]) -> Plan:
    """Read the whole source and decide what each contact needs. Writes nothing, sends nothing.

    `check` is called between chunks; it may raise to stop. The caller closes the plan's spool. Raises `FixSetup`,
    `TryLater`.
    """
    passing = _Passing()
    try:
        return _prepare(settings, ledger, scope, progress, check, passing)
    except BaseException:
        passing.spool.close()
        raise


def _prepare(
    settings: Settings, ledger: Ledger, scope: Scope, progress: Progress, check: Callable[[], None], passing: _Passing
) -> Plan:
    source = sources.open_source(settings.source)
    binding = mapping.bind(mapping.load(settings.source.mapping), source.headers())
    identity = _identity(settings, binding)
    seed = seed_of(identity)
    progress.stage("ledger", None)
    index = ledger.index(scope)
    holds_contacts = ledger.holds_contacts()
    last_read, last_filled = ledger.last_filled(scope)
    extraction = Extraction()
    changed = np.zeros(len(index.met_at), dtype=bool)  # contacts of the ledger whose row passed the sieve
    remembered: list[Remembered] = []
    parked: list[tuple[Rows, Fingerprints, npt.NDArray[np.int64]]] = []
    live = 0
    digest = xxhash.xxh3_128()
    choices = normalizing.Choices(settings.source.default_country, settings.rules.on_invalid_email)

    def let_pass(rows: Rows, fps: Fingerprints, *, again: bool) -> None:
        known = ledger.known(scope, [key for key in rows.keys.to_pylist() if key]) if holds_contacts else {}
        _normalize_and_diff(rows, fps, known, binding, choices, passing, index, changed, again=again)

    progress.stage("reading", source.total_bytes)
    for rows in extract(source.chunks(), binding, extraction):
        check()
        fps = fingerprints(rows.keys, [rows.columns[header] for header in binding.fingerprinted], seed)
        digest.update(fps.tobytes())
        at = index.find(fps)
        settled = at >= 0
        if settled.any():
            ids = np.where(settled, index.ids[np.maximum(at, 0)], 0)
            fresh = np.zeros(len(rows), dtype=bool)
            fresh[settled] = index.meet(ids[settled], rows.ordinals[settled])
            kinds = np.where(fresh, index.kinds[np.maximum(at, 0)], 255)
            live += int((kinds == LIVE).sum())
            if (again := kinds == REJECTED).any():
                remembered.append(Remembered(ids[again], rows.lines[again], rows.file))
            if (waits := kinds == WAITING).any():
                parked.append((rows.take(waits), fps[waits], ids[waits]))
            settled = fresh
        if not settled.all():
            let_pass(rows.take(~settled), fps[~settled], again=False)
        progress.at(extraction.read_bytes)
    for piece in extraction.set_aside:
        digest.update(piece.text.encode())
        passing.codes[piece.code] += 1

    progress.stage("comparing", None)
    held_before = sum(len(ids) for _, _, ids in parked)
    reopened = _reopened(ledger, scope, index, changed, passing, bool(parked))
    for rows, fps, ids in parked:
        again = np.isin(ids, reopened)
        if again.any():
            held_before -= int(again.sum())
            let_pass(rows.take(again), fps[again], again=True)
    passing.codes["shared_phone"] += held_before
    resolution, names, displaced = _resolved(settings.rules.shared_phone, ledger, scope, index, changed, passing, holds_contacts)
    _recall_codes(ledger, scope, index, remembered, passing.codes)
    gone, unsure = _gone(ledger, index, extraction, source.full)
    needs = passing.needs.whole()[resolution.outcomes == Outcome.SEND]
    return Plan(
        scope=scope,
        source=settings.source.name,
        identity=identity,
        extraction=extraction,
        spool=passing.spool,
        outcomes=resolution.outcomes,
        owners=names,
        displaced=displaced,
        gone=gone,
        unsure=unsure,
        remembered=remembered,
        held_before=held_before,
        live=live,
        known=index.known,
        last_read=last_read,
        last_filled=last_filled,
        ledger_run=ledger.last_run(scope),
        policy=settings.rules.shared_phone,
        source_digest=digest.hexdigest(),
        codes=passing.codes,
        mended=passing.mended,
        creates=int((needs != UPDATED).sum()),
        updates=int((needs == UPDATED).sum()),
        moved=int((needs != NEW).sum()),
    )


def _identity(settings: Settings, binding: mapping.Binding) -> str:
    """Everything that decides what a row becomes."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("phonenumbers", "email-validator", "babel")]
    rules = settings.rules
    return "; ".join(
        [
            f"rules {normalizing.RULES_VERSION}",
            *versions,
            f"country {settings.source.default_country}",
            f"e-mail {rules.on_invalid_email}",
            f"shared {rules.shared_phone}",
            f"mapping {xxhash.xxh3_64_hexdigest(repr(binding).encode())}",
        ]
    )


def _normalize_and_diff(
    rows: Rows,
    fps: Fingerprints,
    known: dict[str, Known],
    binding: mapping.Binding,
    choices: normalizing.Choices,
    passing: _Passing,
    index: Index,
    changed: npt.NDArray[np.bool_],
    *,
    again: bool,
) -> None:
    """Columns become records here. `again`: these rows have been met already, and wait for a number."""
    candidates, phones, recencies, outcomes, needs = [], [], [], [], []
    row_fps = fps.astype(">u8").tobytes()
    lines, keys = rows.lines.tolist(), rows.keys.to_pylist()
    for row, (key, normalized) in enumerate(zip(keys, normalizing.normalize(rows, binding, choices), strict=True)):
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
        renumbered = entry is not None and entry.phone_number is not None and change is Change.CREATE
        needs.append(UPDATED if change is Change.UPDATE else RENUMBERED if renumbered else NEW)
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
        for finding in findings:
            (passing.codes if finding.severity is Severity.REJECT else passing.mended)[finding.code] += 1
        place_of_row = Place(rows.file, lines[row])
        row_fp = row_fps[16 * row : 16 * row + 16]
        candidates.append(Candidate(key, place_of_row, row_fp, payload_fp, normalized.recency, change, contact, findings))
        phones.append(as_integer(contact.phone_number) if contact is not None else 0)
        recencies.append(UNKNOWN_RECENCY if normalized.recency is None else normalized.recency)
        outcomes.append(outcome)
    passing.spool.append(candidates)
    passing.outcomes.append(outcomes)
    passing.needs.append(needs)
    passing.phones.append(phones)
    passing.ordinals.append(rows.ordinals)
    if binding.modified:
        passing.recencies.append(recencies)
    hashes = [xxhash.xxh32_intdigest(key.encode()) if key else 0 for key in keys]
    passing.key_hashes.append(hashes)


def _reopened(
    ledger: Ledger,
    scope: Scope,
    index: Index,
    changed: npt.NDArray[np.bool_],
    passing: _Passing,
    any_parked: bool,
) -> npt.NDArray[np.int64]:
    """The waiting contacts whose number is contested anew: its owner, or another who waits for it, changed or left."""
    if not any_parked:
        return np.empty(0, dtype=np.int64)
    waiting = ledger.waiting(scope)
    numbers = np.array(sorted(as_integer(number) for number in waiting), dtype=np.int64)
    wanted_anew = set(np.intersect1d(passing.phones.whole(), numbers).tolist())
    reopened = []
    for number, members in waiting.items():
        calm = len(members) > 1 and as_integer(number) not in wanted_anew and all(
            not index.holds(id_) or (index.ordinal(id_) >= 0 and not changed[id_ - index.first_id]) for id_, _ in members
        )  # fmt: skip
        if not calm:
            reopened += [id_ for id_, _ in members]
    return np.array(reopened, dtype=np.int64)


def _resolved(
    policy: Literal["newest", "first", "reject"],
    ledger: Ledger,
    scope: Scope,
    index: Index,
    changed: npt.NDArray[np.bool_],
    passing: _Passing,
    holds_contacts: bool,
) -> tuple[Resolution, dict[int, str], list[tuple[Incumbent, str]]]:
    """One phone, one contact; and one row, one key."""
    outcomes = passing.outcomes.whole()
    hashes = passing.key_hashes.whole()
    owners: dict[int, int | str] = {}
    for positions in groups(hashes, repeated(hashes)).values():
        first: dict[str, int] = {}
        for position, key in sorted(passing.spool.keys(positions).items()):
            if key in first:
                outcomes[position] = Outcome.DUPLICATE_KEY
                owners[position] = first[key]
            else:
                first[key] = position
    del hashes
    phones = passing.phones.whole()
    incumbents = _incumbents(ledger, scope, index, changed, phones) if holds_contacts else []
    ordinals = passing.ordinals.whole()
    recencies = passing.recencies.whole()
    if not len(recencies):
        recencies = np.broadcast_to(np.int64(UNKNOWN_RECENCY), phones.shape)
    resolution = resolve(outcomes, phones, ordinals, recencies, incumbents, policy)
    resolution.owners.update(owners)
    for code, of in (("duplicate_key", [Outcome.DUPLICATE_KEY]), ("shared_phone", [Outcome.SHARED_REJECTED, Outcome.HELD])):
        if count := int(np.isin(outcomes, of).sum()):
            passing.codes[code] += count
    wanted = [owner for owner in resolution.owners.values() if isinstance(owner, int)]
    wanted += [winner for _, winner in resolution.displaced if winner >= 0]
    keys = passing.spool.keys(wanted) if wanted else {}
    names = {p: owner if isinstance(owner, str) else keys[owner] for p, owner in resolution.owners.items()}
    displaced = [(incumbent, keys.get(winner, "")) for incumbent, winner in resolution.displaced]
    return resolution, names, displaced


def _incumbents(
    ledger: Ledger, scope: Scope, index: Index, changed: npt.NDArray[np.bool_], phones: npt.NDArray[np.int64]
) -> list[Incumbent]:
    """The owners of the wanted numbers that are not themselves among the candidates."""
    incumbents: list[Incumbent] = []
    wanted = phones[phones != 0]
    for start in range(0, len(wanted), NUMBERS_AT_ONCE):
        for claim in ledger.claims(scope, [f"+{number}" for number in wanted[start : start + NUMBERS_AT_ONCE].tolist()]):
            if claim.ordinal == -2:  # of another source
                incumbents.append(claim._replace(ordinal=-1))
            elif (ordinal := index.ordinal(claim.id)) >= 0 and not changed[claim.id - index.first_id]:
                incumbents.append(claim._replace(ordinal=ordinal))
    return incumbents


def _gone(ledger: Ledger, index: Index, extraction: Extraction, full: bool) -> tuple[list[int], int]:
    """The contacts that a full read did not meet, and of how many that is not sure: their key stands in a piece of the
    source that could not be read."""
    missing = index.missing().tolist() if full else []
    if not missing or not extraction.set_aside:
        return missing, 0
    words = {word.strip() for piece in extraction.set_aside for word in _words(piece.text)}
    keys = ledger.keys(missing)
    gone = [id_ for id_ in missing if not all(part in words for part in keys[id_].split(KEY_JOINT) if part)]
    return gone, len(missing) - len(gone)


def _words(text: str) -> list[str]:
    """What may be a key in a piece of text: between the marks of a table, and between those of JSON and vCard as well."""
    for mark in ',;\t|"\n\r':
        text = text.replace(mark, "\x1f")
    words = text.split("\x1f")
    return words + [word for piece in words for word in re.split(r"[:{}\[\]]", piece)]


def _recall_codes(ledger: Ledger, scope: Scope, index: Index, remembered: Sequence[Remembered], codes: Counter[str]) -> None:
    """Count the codes of the rejections that are remembered: they are this run's as well."""
    if not remembered:
        return
    summed = ledger.rejection_codes(scope)
    if sum(summed.values()) == sum(len(part.ids) for part in remembered):  # all of them were met: nothing to sort out
        for line, count in summed.items():
            for code in line.split():
                codes[code] += count
        return
    met = np.zeros(len(index.met_at), dtype=bool)
    for part in remembered:
        met[part.ids - index.first_id] = True
    for id_, code in ledger.rejected_codes(scope):
        if index.holds(id_) and met[id_ - index.first_id]:
            codes.update(code.split())
