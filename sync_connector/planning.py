"""Deciding: what was read becomes what each contact needs. Writes nothing, sends nothing.

    reading ─► resolve ─► [plan]

What a plan comes to is carried out by the pipeline, once the brakes have seen it.
"""

from __future__ import annotations

import functools
import importlib.metadata
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import xxhash

from sync_connector import dialects, mapping, sources
from sync_connector.config import Settings
from sync_connector.errors import FixSetup
from sync_connector.flow import brakes
from sync_connector.flow import normalize as normalizing
from sync_connector.flow.extract import KEY_JOINT, Extraction
from sync_connector.flow.overlay import Overlay, Overlays
from sync_connector.flow.resolve import UNKNOWN_RECENCY, Incumbent, Outcome, Resolution, groups, repeated, resolve
from sync_connector.flow.sieve import Index, seed_of
from sync_connector.flow.spool import Candidate, Spool
from sync_connector.ledger.store import Ledger, Position, Scope
from sync_connector.reading import NEW, RENUMBERED, REPEATED, UPDATED, Passing, Progress, Reading, Remembered
from sync_connector.rules import AUDITED, CATALOGUE, SEVERITIES, chosen
from sync_connector.sources import ResumableSource, RowSource

NUMBERS_AT_ONCE = 5_000
LIBRARIES = ("phonenumbers", "email-validator", "babel", "rapidfuzz", "disposable-email-domains")
"""Whose answers decide what a row becomes, or what is said of it."""


class Asked(TypedDict, total=False):
    """What is asked of one plan beside the settings; see `prepare`."""

    full: bool
    resubmitted: Iterable[Overlay]
    resend_unknown: bool


@dataclass(slots=True)
class Plan:
    """What a run would do. Nothing of it has been written or sent."""

    scope: Scope
    source: str
    identity: str
    full: bool  # every contact was read, not only what changed
    since: str | None  # the position from which changes were read
    position: Position | None  # where the next run goes on, once this one has finished
    extraction: Extraction
    spool: Spool
    outcomes: npt.NDArray[np.int8]
    owners: dict[int, str]
    displaced: list[tuple[Incumbent, str]]
    displaced_unread: int  # those of them that a read of changes did not meet: they are none of its rows
    gone: list[int]
    unsure: int
    remembered: list[Remembered]
    overlays: Overlays
    held_before: int
    live: int
    known: int
    last_read: int
    last_filled: dict[str, int]
    ledger_run: int
    policy: str
    on_unknown: str  # hold: rows in doubt are not sent
    releases_unknown: bool  # though they are held, this time they are sent
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
        displaced = len(self.displaced) - self.displaced_unread
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
            "in_doubt": self.count(Outcome.IN_DOUBT),
        }
        add_up("to send", rows["to_send"], self.creates, self.updates)
        add_up("read", rows["read"], *(rows[name] for name in ("unchanged", "to_send", "rejected", "held", "in_doubt")))
        return rows

    def as_json(self) -> dict[str, object]:
        """What `plan --json` and `sync --json` tell alike."""
        return {
            "source": self.source,
            "rows": self.rows,
            "changes": {"create": self.creates, "update": self.updates},
            "on_unknown": self.on_unknown,
            "read_since": self.since,
            "gone": len(self.gone),
            "codes": dict(sorted((self.codes + self.mended).items())),
            "left_out": dict(self.extraction.deleted),
            "footers": self.extraction.footers,
        }

    def candidates(self, *outcomes: Outcome, with_cells: bool = False) -> Iterator[tuple[Outcome, str, Candidate]]:
        """The candidates with these outcomes: outcome, who has their number (`""`: nobody), candidate."""
        for position, candidate in self.spool.read(np.isin(self.outcomes, outcomes), with_cells=with_cells):
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
                full=self.full,
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


def scope_names(settings: Settings) -> tuple[str, str, str]:
    """Login, host and source: what the ledger calls an account and a source. The port is no part of it."""
    url = settings.vendor.base_url or dialects.find(settings.vendor.dialect).base_url
    return settings.vendor.login, urlsplit(url).hostname or "", settings.source.name


def choices_of(settings: Settings) -> normalizing.Choices:
    """What the settings say where the data leave a choice. Raises `FixSetup`, every severity that cannot be set at once."""
    rules = settings.rules
    faults = []
    for code, severity in rules.severity.items():
        entry = CATALOGUE.get(code)
        if entry is None:
            faults.append(f"rules.severity: {code!r} is no code; `sync-connector rules` lists them")
        elif entry.settable != SEVERITIES:
            faults.append(f"rules.severity: {code!r} cannot be set here{f'; set {entry.settable}' if entry.settable else ''}")
        elif code in AUDITED and severity == "reject":
            faults.append(f"rules.severity: {code!r} is found once contacts were sent, so it rejects nobody; set warn or off")
    if faults:
        raise FixSetup(*faults)
    country = settings.source.default_country
    return normalizing.Choices(country, rules.on_invalid_email, rules.phone_shortcut, chosen(rules.severity))


def prepare(
    settings: Settings,
    ledger: Ledger,
    scope: Scope,
    progress: Progress,
    check: Callable[[], None],
    *,
    full: bool = False,
    resubmitted: Iterable[Overlay] = (),
    resend_unknown: bool = False,
) -> Plan:
    """Read the source and decide what each contact needs. Writes nothing, sends nothing.

    Where the source can say what changed since the last settled position, only that is read; `full` reads all. What was
    `resubmitted` lies over the source's own rows, and so does what was kept of earlier ones. `resend_unknown`: contacts in doubt
    are sent, though the policy of the source holds them.
    `check` is called between chunks; it may raise to stop. The caller closes the plan's spool. Raises `FixSetup`,
    `TryLater`.
    """
    source = sources.open_source(settings.source)
    binding = mapping.bind(mapping.load(settings.source.mapping), source.headers())
    overlays = Overlays.of([*ledger.overlays(scope), *resubmitted])
    passing = Passing(Spool(binding.fingerprinted))
    try:
        return _prepare(settings, ledger, scope, progress, check, source, binding, overlays, passing, full, resend_unknown)
    except BaseException:
        passing.spool.close()
        raise


def _prepare(
    settings: Settings,
    ledger: Ledger,
    scope: Scope,
    progress: Progress,
    check: Callable[[], None],
    source: RowSource,
    binding: mapping.Binding,
    overlays: Overlays,
    passing: Passing,
    full: bool,
    resend_unknown: bool,
) -> Plan:
    identity = _identity(settings, binding)
    before = _resumed(source, ledger, scope, identity, 1 if full else settings.source.full_every)
    progress.stage("ledger", None)
    index = ledger.index(scope)
    choices = choices_of(settings)
    full_read = before is None and source.full
    seed, holds_contacts = seed_of(identity), ledger.holds_contacts()
    rejects_shared = settings.rules.shared_phone == "reject"
    holds_unknown = settings.source.on_unknown == "hold" and not resend_unknown
    of_ledger = (full_read, index, passing, holds_contacts, overlays, rejects_shared, holds_unknown)
    reading = Reading(ledger, scope, binding, choices, seed, *of_ledger)
    progress.stage("reading", source.total_bytes)
    reading.read(source.chunks(), progress, check)
    reading.full = source.full  # some know it only now
    progress.stage("comparing", None)
    resumable = source if isinstance(source, ResumableSource) else None
    reading.settle_waiting(resumable.chunks_for if resumable else None, check)
    resolution, names, displaced = _resolved(settings.rules.shared_phone, ledger, scope, reading, by_key=resumable is not None)
    _recall_codes(ledger, scope, index, reading.remembered, passing.codes)
    gone, unsure = _gone(ledger, reading)
    needs = passing.needs.whole()[resolution.outcomes == Outcome.SEND]
    last_read, last_filled = ledger.last_filled(scope)
    return Plan(
        scope=scope,
        source=settings.source.name,
        identity=identity,
        full=reading.full,
        since=before.position if before is not None else None,
        position=None if Outcome.DUPLICATE_KEY in resolution.outcomes else _position(resumable, before, identity),
        extraction=reading.extraction,
        spool=passing.spool,
        outcomes=resolution.outcomes,
        owners=names,
        displaced=displaced,
        displaced_unread=sum(1 for incumbent, _ in displaced if index.ordinal(incumbent.id) < 0),
        gone=gone,
        unsure=unsure,
        remembered=reading.remembered,
        overlays=overlays,
        held_before=reading.held_before,
        live=reading.live,
        known=index.known,
        last_read=last_read,
        last_filled=last_filled,
        ledger_run=ledger.last_run(scope),
        policy=settings.rules.shared_phone,
        on_unknown=settings.source.on_unknown,
        releases_unknown=resend_unknown,
        source_digest=reading.digest.hexdigest(),
        codes=passing.codes,
        mended=passing.mended,
        creates=int(np.isin(needs, (NEW, RENUMBERED)).sum()),
        updates=int(np.isin(needs, (UPDATED, REPEATED)).sum()),
        moved=int(np.isin(needs, (UPDATED, RENUMBERED)).sum()),
    )


def _signature(source: ResumableSource, identity: str) -> str:
    return xxhash.xxh3_128_hexdigest(f"{identity}; {source.signature}".encode())


def _resumed(source: RowSource, ledger: Ledger, scope: Scope, identity: str, full_every: int) -> Position | None:
    """The position from which the source goes on, `None` for a full read: the first, one under new rules or for another
    question, and every so many runs, since only that sees what was deleted."""
    before = ledger.position(scope)
    if before is None or not isinstance(source, ResumableSource) or before.partial_runs + 1 >= full_every:
        return None
    if before.signature != _signature(source, identity) or not source.resume(before.position):
        return None
    return before


def _position(source: ResumableSource | None, before: Position | None, identity: str) -> Position | None:
    """Where the next run goes on, should this one finish. (Not where keys stand twice: of two rows with one key the first
    counts, and a read of changes would meet the other alone.)"""
    if source is None or source.position is None:
        return None
    reached = max(source.position, before.position) if before else source.position
    return Position(reached, _signature(source, identity), before.partial_runs + 1 if before else 0)


@functools.cache
def _versions() -> tuple[str, ...]:
    """Looked up once: each is a search for a folder, and the reading of a file in it."""
    return tuple(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)


def _identity(settings: Settings, binding: mapping.Binding) -> str:
    """Everything that decides what a row becomes."""
    rules = settings.rules
    return "; ".join(
        [
            f"rules {normalizing.RULES_VERSION}",
            *_versions(),
            f"country {settings.source.default_country}",
            f"e-mail {rules.on_invalid_email}",
            f"shared {rules.shared_phone}",
            f"severity {sorted(rules.severity.items())}",
            f"mapping {xxhash.xxh3_64_hexdigest(repr(binding).encode())}",
        ]
    )


def _resolved(
    policy: Literal["newest", "first", "reject"], ledger: Ledger, scope: Scope, reading: Reading, *, by_key: bool
) -> tuple[Resolution, dict[int, str], list[tuple[Incumbent, str]]]:
    """One phone, one contact; and one row, one key. `by_key`: rows stand in the order of their keys, whichever were read."""
    passing = reading.passing
    outcomes = passing.outcomes.whole()
    hashes = passing.key_hashes.whole()
    owners: dict[int, int | str] = {}
    for positions in groups(hashes, repeated(hashes)).values():
        first: dict[str, int] = {}
        for position, key in sorted(passing.spool.keys(positions).items()):
            if outcomes[position] == Outcome.DUPLICATE_KEY:
                continue  # behind a row that was met as it was; that one may stand here after it, if it waited for a number
            if key in first:
                outcomes[position] = Outcome.DUPLICATE_KEY
                owners[position] = first[key]
            else:
                first[key] = position
    del hashes
    phones = passing.phones.whole()
    incumbents = _incumbents(ledger, scope, reading, phones) if reading.holds_contacts else []
    ordinals = passing.ordinals.whole()
    recencies = passing.recencies.whole()
    if not len(recencies):
        recencies = np.broadcast_to(np.int64(UNKNOWN_RECENCY), phones.shape)
    if by_key:
        ordinals, incumbents = _ranked(phones, ordinals, incumbents, passing.spool)
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


def _ranked(
    phones: npt.NDArray[np.int64], ordinals: npt.NDArray[np.int32], incumbents: Sequence[Incumbent], spool: Spool
) -> tuple[npt.NDArray[np.int32], list[Incumbent]]:
    """Ordinals by key for all who want a contested number, so that a read of changes decides like one of all rows."""
    contested = np.union1d(repeated(phones), np.array(sorted(incumbent.phone for incumbent in incumbents), dtype=np.int64))
    positions = [position for group in groups(phones, contested).values() for position in group]
    keys = spool.keys(positions)
    everyone = {*keys.values(), *(incumbent.key for incumbent in incumbents)}
    rank = {key: place for place, key in enumerate(sorted(everyone, key=_in_order), start=1)}
    ordinals = ordinals.copy()
    for position, key in keys.items():
        ordinals[position] = rank[key]
    return ordinals, [i if i.ordinal < 0 else i._replace(ordinal=rank[i.key]) for i in incumbents]


def _in_order(key: str) -> tuple[int, str]:
    """Numbers by their value, before everything else."""
    return (int(key), "") if key.isdecimal() and len(key) <= 18 else (1 << 63, key)


def _incumbents(ledger: Ledger, scope: Scope, reading: Reading, phones: npt.NDArray[np.int64]) -> list[Incumbent]:
    """The owners of the wanted numbers that are not themselves among the candidates."""
    incumbents: list[Incumbent] = []
    wanted = phones[phones != 0]
    for start in range(0, len(wanted), NUMBERS_AT_ONCE):
        for claim in ledger.claims(scope, [f"+{number}" for number in wanted[start : start + NUMBERS_AT_ONCE].tolist()]):
            if claim.ordinal == -2:  # of another source
                incumbents.append(claim._replace(ordinal=-1))
            elif reading.as_it_was(claim.id):
                incumbents.append(claim._replace(ordinal=max(0, reading.index.ordinal(claim.id))))
    return incumbents


def _gone(ledger: Ledger, reading: Reading) -> tuple[list[int], int]:
    """The contacts that left the source, and of how many that is not sure: their key stands in a piece of the source that
    could not be read. After a read of changes, those that are marked as deleted, or were asked for in vain."""
    if not reading.full:
        return sorted(id_ for id_ in reading.left if reading.index.ordinal(id_) < 0), 0
    missing = reading.index.missing().tolist()
    if not missing or not reading.extraction.set_aside:
        return missing, 0
    words = {word.strip() for piece in reading.extraction.set_aside for word in _words(piece.text)}
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
