"""The conductor: what a plan says is done, and the ledger learns it.

    [plan] ─► load ─► verdicts ─► ledger

`planning.prepare` decides and writes nothing; `execute` does. Between the two stand the brakes.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, islice

import sqlalchemy as sa

from sync_connector import dialects
from sync_connector.config import Settings
from sync_connector.errors import LeaseLost, Stopped, SyncError
from sync_connector.flow.load import Loader
from sync_connector.flow.overlay import Fate
from sync_connector.flow.pace import Patience
from sync_connector.flow.post import Endpoint, new_client
from sync_connector.flow.resolve import Outcome
from sync_connector.flow.spool import Candidate
from sync_connector.flow.turns import Instruments
from sync_connector.ledger.leases import SECONDS
from sync_connector.ledger.store import Ledger, Settled, utc_now
from sync_connector.model import Change, Finding, Outgoing, Reply, SetAside, Severity, State, Tally
from sync_connector.planning import Plan, add_up
from sync_connector.reading import Progress
from sync_connector.watermark import Watermark

SETTLE_ROWS = 5_000


@dataclass(slots=True)
class Result:
    """What a run came to. `as_json` is what `sync --json` prints. `findings`: how many the ledger has of each code, those of
    rows that this run did not look at included. `resubmitted`: key → what became of a row that came back corrected: a state
    of the ledger, or why it was not looked at. `until`: when the run was to end; `slowed`: how far the vendor made it lower its
    pace, if it did."""

    run: int | None
    status: str
    plan: Plan
    tally: Tally
    codes: Counter[str]
    stale_at_vendor: int
    findings: dict[str, int]
    resubmitted: dict[str, str]
    posts: int
    seconds: float
    until: float | None = None
    slowed: dict[str, int] | None = None

    @property
    def left(self) -> int:
        """Contacts that a run left to the next one, as it was to end at an hour."""
        return self.plan.rows["to_send"] - self.tally.sent if self.status == "stopped" else 0

    @property
    def is_settled(self) -> bool:
        """Whether the vendor has taken all that was to be sent, now or in earlier runs."""
        return not (self.tally.refused or self.tally.unknown or self.left or self.plan.count(Outcome.IN_DOUBT))

    def as_json(self) -> dict[str, object]:
        """The run as one object; its sums add up, or this raises `AssertionError`."""
        plan, tally = self.plan, self.tally
        if self.status == "finished":
            add_up("sent", plan.rows["to_send"], tally.sent)
        verdicts = {name: getattr(tally, name) for name in ("sent", "accepted", "warned", "refused", "unknown")}
        return {
            "run": self.run,
            "status": self.status,
            **plan.as_json(),
            "verdicts": verdicts,
            "stale_at_vendor": self.stale_at_vendor,
            "codes": dict(sorted(self.codes.items())),
            "findings": dict(sorted(self.findings.items())),
            **({"resubmitted": self._resubmission()} if plan.overlays.resubmitted else {}),
            "posts": self.posts,
            **({"left": self.left} if self.status == "stopped" else {}),
            **({"until": utc_time(self.until)} if self.until is not None else {}),
            **({"pace": self.slowed} if self.slowed else {}),
            "seconds": round(self.seconds, 3),
            "peak_rss_mb": peak_rss_mb(),
        }

    def _resubmission(self) -> dict[str, object]:
        counts = Counter(self.resubmitted.values())
        taken = counts[State.ACCEPTED] + counts[State.WARNED]
        skipped = {fate.value: counts[fate] for fate in (Fate.UNEDITED, Fate.OUTDATED, Fate.MISSING)}
        wrong = {key: word for key, word in self.resubmitted.items() if word not in (State.ACCEPTED, State.WARNED, *skipped)}
        add_up("resubmitted", len(self.resubmitted), taken, len(wrong), *skipped.values())
        not_taken = sorted(self.plan.overlays.not_taken)
        told = {"rows": len(self.resubmitted), "accepted": taken, "still_wrong": len(wrong), **skipped}
        return told | {"wrong": wrong, "columns_not_taken": not_taken}


def _resubmitted(ledger: Ledger, plan: Plan) -> dict[str, str]:
    """What became of the rows that a person corrected: the contact's state now, or why the correction was not taken."""
    keys = plan.overlays.resubmitted
    fates = {key: plan.overlays.fate(key) for key in keys}
    states = ledger.standing(plan.scope, [key for key, fate in fates.items() if fate is Fate.LAID])
    return {key: states.get(key, State.UNKNOWN.value) if fate is Fate.LAID else fate.value for key, fate in fates.items()}


def peak_rss_mb() -> float:
    """The most memory that this process has had at once, in MB (the kernel counts in KiB, on macOS in bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024), 1)


@dataclass(slots=True)
class _Counting:
    accepted: int = 0
    warned: int = 0
    refused: int = 0
    unknown: int = 0
    posts: int = 0
    slowed: dict[str, int] | None = None
    codes: Counter[str] = field(default_factory=Counter)
    watermark: Watermark | None = None

    def add(self, batch: Sequence[Outgoing], replies: Sequence[Reply]) -> None:
        if self.watermark is not None:
            self.watermark.add(batch, replies)
        for reply in replies:
            setattr(self, reply.verdict.value, getattr(self, reply.verdict.value) + 1)
            self.codes.update(reply.codes)

    @property
    def tally(self) -> Tally:
        return Tally(self.accepted, self.warned, self.refused, self.unknown)


def execute(
    settings: Settings,
    ledger: Ledger,
    plan: Plan,
    progress: Progress,
    stopping: Callable[[], int],
    begun: float,
    instruments: Instruments | None = None,
    watermark: Watermark | None = None,
    until: float | None = None,
) -> Result:
    """Do what a plan says. The caller holds the lease, and has seen to the brakes.

    `stopping` gives a signal's number once there was one; a `watermark` is told of the verdicts; after `until` (seconds since
    1970) no request leaves, and a run that has not sent all by then is `stopped`. Raises what `load` raises, and `Stopped`; the
    run is in the ledger in any case, with what it came to.
    """
    run = ledger.start_run(plan.scope, plan.identity, utc_now())
    counting = _Counting()
    counting.watermark = watermark
    status, failure = "failed", None
    try:
        settle_rows(ledger, plan, run)
        if watermark is not None:
            watermark.rows_settled = True
        asyncio.run(_load(settings, ledger, plan, run, counting, progress, stopping, instruments, until))
        if signal_number := stopping():
            status = "stopped"
            raise Stopped(signal_number)
        if counting.tally.sent < plan.rows["to_send"]:  # only the hour lets a load end so
            status = "stopped"
        else:
            _end(ledger, plan, run)
            if watermark is not None:
                watermark.finished = True
            status = "finished"
    except SyncError as fault:
        failure = fault
    finally:
        result = Result(
            run=run,
            status=status,
            plan=plan,
            tally=counting.tally,
            codes=+(plan.codes + plan.mended + counting.codes),
            stale_at_vendor=ledger.stale_count(plan.scope),
            findings=ledger.open_findings(plan.scope),
            resubmitted=_resubmitted(ledger, plan),
            posts=counting.posts,
            seconds=time.monotonic() - begun,
            until=until,
            slowed=counting.slowed,
        )
        rows, filled = plan.rows["read"], plan.extraction.filled
        ledger.end_run(plan.scope, run, status, utc_now(), read=rows, in_full=plan.full, filled=filled, result=result.as_json())
    if failure is not None:
        raise failure
    return result


def _end(ledger: Ledger, plan: Plan, run: int) -> None:
    """What is only known once everything was sent."""
    for start in range(0, len(plan.gone), SETTLE_ROWS):
        ledger.mark_gone(plan.scope, run, plan.gone[start : start + SETTLE_ROWS])
    ledger.move_position(plan.scope, plan.position)


def utc_time(moment: float) -> str:
    """A moment, in seconds since 1970, as results tell it."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


def settle_rows(ledger: Ledger, plan: Plan, run: int) -> None:
    """What needs no verdict: corrections, rejections, held contacts, and rows that changed without changing what is sent."""
    overlays = plan.overlays
    if overlays.by_key:
        laid = [(overlays.by_key[key], overlays.edited[key]) for key in overlays.resubmitted if key in overlays.edited]
        over = [key for key, fate in overlays.fates.items() if fate is not Fate.LAID and key not in overlays.standing]
        ledger.lay(plan.scope, run, laid, over)
    met = None if plan.full else [row for row in _rows_to_settle(plan) if row.row_fp is None]
    since = ledger.forget_keyless(plan.scope, met)
    rejecting = plan.policy == "reject"
    state = State.REJECTED if rejecting else State.HELD
    displaced = [(i.id, f"+{i.phone}", state, _shared(f"+{i.phone}", owner, rejecting=rejecting)) for i, owner in plan.displaced]
    ledger.displace(plan.scope, run, displaced)
    rows = _rows_to_settle(plan)
    while part := list(islice(rows, SETTLE_ROWS)):
        ledger.settle_rows(plan.scope, run, part, since)


def _rows_to_settle(plan: Plan) -> Iterator[Settled]:
    """What needs no verdict, the pieces of the source that are no rows first."""
    for piece in plan.extraction.set_aside:
        yield Settled("", Change.REJECTED, None, None, None, piece.code, piece.place, (unreadable(piece),))
    not_sent = (Outcome.HELD, Outcome.REJECTED, Outcome.DUPLICATE_KEY, Outcome.SHARED_REJECTED)
    for outcome, owner, candidate in chain(plan.candidates(Outcome.NONE), plan.candidates(*not_sent, with_cells=True)):
        yield settled(outcome, owner, candidate)


def unreadable(piece: SetAside) -> Finding:
    """A piece of a source that is no row, as a finding."""
    return Finding(piece.code, "row", Severity.REJECT, piece.text, f"{piece.reason}; correct it where the file is made")


def findings_of(outcome: Outcome, owner: str, candidate: Candidate) -> tuple[Finding, ...]:
    """A candidate's findings, with what its neighbours have done to it."""
    number = candidate.contact.phone_number if candidate.contact else ""
    match outcome:
        case Outcome.DUPLICATE_KEY:
            advice = "another row has this identifier; only the first of them is read, so give each its own"
            more = Finding("duplicate_key", "key", Severity.REJECT, candidate.key, advice)
        case Outcome.SHARED_REJECTED | Outcome.HELD:
            more = _shared(number, owner, rejecting=outcome is Outcome.SHARED_REJECTED)
        case _:
            return candidate.findings
    return (*candidate.findings, more)


def _shared(number: str, owner: str, *, rejecting: bool) -> Finding:
    if rejecting:
        who = owner or "another contact"
        advice = f"{who} has the same number, and none of them is sent; correct one of the two"
        return Finding("shared_phone", "phone_number", Severity.REJECT, number, advice)
    advice = f"{owner} has the same number and was sent in its place; correct one of the two, or leave it so"
    return Finding("shared_phone", "phone_number", Severity.WARN, number, advice)


def settled(outcome: Outcome, owner: str, candidate: Candidate) -> Settled:
    """A candidate that needs no verdict, as the ledger keeps it."""
    findings = findings_of(outcome, owner, candidate)
    waits = outcome in (Outcome.HELD, Outcome.SHARED_REJECTED) and candidate.contact is not None
    rejecting = [f.code for f in findings if f.severity is Severity.REJECT or f.code == "shared_phone"]
    change = {Outcome.NONE: Change.NONE, Outcome.HELD: Change.HELD}.get(outcome, Change.REJECTED)
    return Settled(
        key=candidate.key,
        change=change,
        # A second row of one key is no contact of its own: the ledger's entry belongs to the first.
        row_fp=None if outcome is Outcome.DUPLICATE_KEY or not candidate.key else candidate.row_fp,
        wanted_number=candidate.contact.phone_number if waits and candidate.contact else None,
        recency=candidate.recency,
        codes=" ".join(dict.fromkeys(rejecting)) or None,
        place=candidate.place,
        findings=findings,
        country=candidate.country,
        cells=candidate.cells,
    )


async def _load(
    settings: Settings,
    ledger: Ledger,
    plan: Plan,
    run: int,
    counting: _Counting,
    progress: Progress,
    stopping: Callable[[], int],
    instruments: Instruments | None,
    until: float | None,
) -> None:
    vendor = settings.vendor
    dialect = dialects.find(vendor.dialect)
    secret = vendor.password.get_secret_value() if vendor.password else ""
    endpoint = Endpoint(dialect, (vendor.base_url or dialect.base_url) + dialect.contacts_path, vendor.login, secret)
    writing = asyncio.Lock()  # one connection writes at a time, away from the loop that reads answers

    async def begin(batch: Sequence[Outgoing]) -> int:
        async with writing:
            return await asyncio.to_thread(ledger.begin, plan.scope, run, batch)

    async def settle(ticket: int, batch: Sequence[Outgoing], replies: Sequence[Reply]) -> None:
        async with writing:
            await asyncio.to_thread(ledger.settle, plan.scope, run, ticket, batch, replies)
        counting.add(batch, replies)
        progress.at(counting.tally.sent)

    async def hold() -> None:
        async with writing:
            await asyncio.to_thread(ledger.renew, plan.scope)

    async def keep_the_lease() -> None:
        while True:  # a vendor that keeps us waiting for longer than a lease lasts must not cost it
            await asyncio.sleep(SECONDS / 4)
            # The next thing that is written finds out as well; a ledger that does not answer may do so before the lease expires.
            with suppress(LeaseLost, sa.exc.DBAPIError, sa.exc.TimeoutError):
                await hold()

    progress.stage("sending", plan.count(Outcome.SEND))
    keeping = asyncio.create_task(keep_the_lease())
    async with new_client(vendor.timeout, vendor.concurrency) as client:
        loader = Loader(
            endpoint,
            client,
            begin,
            settle,
            lambda: bool(stopping()),
            vendor.concurrency,
            Patience(vendor.tries, vendor.give_up_after),
            vendor.rate,
            instruments or Instruments(),
            vendor.batch_size,
            until,
            hold,
        )
        try:
            await loader.load(outgoing(candidate) for _, _, candidate in plan.candidates(Outcome.SEND, with_cells=True))
        finally:
            counting.posts, counting.slowed = loader.posts, loader.slowed()
            keeping.cancel()


def outgoing(candidate: Candidate) -> Outgoing:
    """A candidate on its way out."""
    if candidate.contact is None or candidate.payload_fp is None:
        raise AssertionError("a candidate without a contact cannot be sent")
    fields = (candidate.key, candidate.contact, candidate.change, candidate.row_fp, candidate.payload_fp)
    return Outgoing(*fields, candidate.recency, candidate.place, candidate.findings, candidate.cells)
