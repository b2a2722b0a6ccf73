"""`pull`: callbacks → events → contacts → the CRM. Reads top to bottom as the way back.

Law: the inbox is told that a page is safe only after its events are committed; a sink that fails keeps nothing from the
others, and what it was to get waits for the next pull. What is taken in, written, parked and waiting adds up.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import xxhash

from sync_connector import sinks
from sync_connector.config import Settings
from sync_connector.config import Sink as SinkSettings
from sync_connector.dialects._callback import read_callback
from sync_connector.errors import LeaseLost, Stopped, SyncError
from sync_connector.events import match
from sync_connector.events.inbox import Arrival, Origin
from sync_connector.events.stop import is_stop
from sync_connector.events.understand import comparable, content, fold_statuses, understand
from sync_connector.ledger.events import Choose, EventBook
from sync_connector.ledger.keeping import kept
from sync_connector.ledger.nouns import Arrived, Scope
from sync_connector.ledger.outbox import Outbox
from sync_connector.ledger.store import Ledger
from sync_connector.model import Kind
from sync_connector.planning import add_up
from sync_connector.reading import Progress

PAGE = 1_000
DELIVERY = 1_000

Instrument = Callable[[str], None]
"""Told where a pull is, so that a test can let it die there."""


@dataclass(slots=True)
class Written:
    """What a sink got in a pull. `waiting` and `parked`: what it has still to get, or refused. `failed`: why it stopped."""

    sink: str
    written: int = 0
    parked: int = 0
    waiting: int = 0
    failed: SyncError | None = None

    def as_json(self) -> dict[str, Any]:
        """As one object."""
        counts = {"sink": self.sink, "written": self.written, "parked": self.parked, "waiting": self.waiting}
        return counts | {"failed": str(self.failed) if self.failed else None}


@dataclass(slots=True)
class Pulled:
    """What a pull did."""

    fetched: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    matched: Counter[str] = field(default_factory=Counter)
    repeats: int = 0
    bound: int = 0
    bound_late: int = 0
    messages_settled: int = 0
    opted_out: int = 0
    left_at_origin: int = 0
    sinks: list[Written] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def did_something(self) -> bool:
        """Whether there is anything to tell of."""
        return bool(self.fetched or self.bound_late or any(sink.written or sink.failed for sink in self.sinks))

    @property
    def exit_code(self) -> int:
        """0; 1 or 2 where a sink failed, as it says itself; 3 where one refused an event."""
        failed = [sink.failed.exit_code for sink in self.sinks if sink.failed is not None]
        return max(failed, default=3 if any(sink.parked for sink in self.sinks) else 0)

    def as_json(self) -> dict[str, Any]:
        """As one object."""
        return {
            "fetched": self.fetched,
            "events": {kind.value: self.kinds[kind.value] for kind in Kind},
            "suspected_duplicates": self.repeats,
            "bound": self.bound,
            "bound_late": self.bound_late,
            "unmatched": self.matched["none"],
            "anonymous": self.matched["anonymous"] + self.matched["unreadable"],
            "messages_settled": self.messages_settled,
            "opted_out": self.opted_out,
            "sinks": [written.as_json() for written in self.sinks],
            "waiting_at_the_edge": self.left_at_origin,
            "seconds": round(self.seconds, 3),
        }


def pull(
    settings: Settings,
    ledger: Ledger,
    scope: Scope,
    origin: Origin,
    progress: Progress,
    check: Callable[[], None],
    instrument: Instrument = lambda _: None,
) -> Pulled:
    """Fetch what is new in the inbox, understand and match it, and write it to every sink.

    `check` raises `Stopped` when a signal came; it is asked between pages and deliveries. Raises `TryLater` and `FixSetup` where
    the inbox cannot be read; what goes wrong at a sink stands in the result.
    """
    begun = time.monotonic()
    book = EventBook(ledger, scope.account_id)
    pulled = Pulled()

    choose = partial(match.choose, policy=settings.events.match)
    this_pull = secrets.token_hex(8)  # a name that no other pull has
    with kept(ledger, scope, "pull", book.renew):
        _take_in(settings, book, origin, choose, pulled, progress, check, instrument)
        instrument("taken in")
        pulled.bound_late = book.bind_late(choose)
        instrument("bound late")
        for sink in settings.sinks:
            pulled.sinks.append(_write_back(sink, Outbox(book), this_pull, progress, check, instrument))
    pulled.seconds = time.monotonic() - begun
    return pulled


def _take_in(
    settings: Settings,
    book: EventBook,
    origin: Origin,
    choose: Choose,
    pulled: Pulled,
    progress: Progress,
    check: Callable[[], None],
    instrument: Instrument,
) -> None:
    progress.stage("fetching", None)
    inbox, _, newest = origin.page(0, 1)
    cursor = _cursor(book, origin, inbox, newest)
    if cursor:
        origin.acknowledge(cursor)  # the last pull may have died before it could say so
    progress.stage("fetching", newest - cursor)
    while cursor < newest:
        check()
        page = origin.page(cursor, PAGE)
        if not page.callbacks:  # what is left was acknowledged to another ledger, and forgotten
            newest = cursor
            break
        if page.inbox != inbox:
            break
        arrivals = [_arrived(settings, inbox, callback) for callback in page.callbacks]
        cursor = page.callbacks[-1].sequence
        instrument("fetched")
        taken = book.take_in(inbox, cursor, arrivals, choose)
        instrument("committed")
        origin.acknowledge(cursor)
        add_up("page", len(arrivals), taken.known, *taken.kinds.values())
        pulled.fetched += len(arrivals)
        pulled.kinds.update(taken.kinds)
        pulled.matched.update(taken.matched)
        pulled.repeats += taken.repeats
        pulled.bound += taken.bound
        pulled.messages_settled += taken.settled
        pulled.opted_out += taken.opted_out
        progress.at(pulled.fetched)
        newest = max(newest, page.newest)
    pulled.left_at_origin = newest - cursor


def _cursor(book: EventBook, origin: Origin, inbox: str, newest: int) -> int:
    """Where to read on. An inbox that was restored from an older copy hands its numbers out a second time: it is read anew
    from its beginning, and what is known already is known by its event key."""
    cursor, last = book.cursor(inbox)
    if cursor > newest:
        return 0
    before = origin.page(cursor - 1, 1).callbacks if cursor else []
    if before and before[0].sequence == cursor and _event_key(inbox, before[0]) != last:
        return 0
    return cursor


def _event_key(inbox: str, callback: Arrival) -> str:
    """Unique, and the same whenever this callback is met again: its number in its inbox, and a digest of what it is."""
    came = f"{callback.received_at.isoformat()} {callback.query}"
    return f"{inbox}-{callback.sequence}-{xxhash.xxh3_64_hexdigest(came.encode())[:8]}"


def _arrived(settings: Settings, inbox: str, callback: Arrival) -> Arrived:
    events = settings.events
    zone = ZoneInfo(events.zone or "UTC")
    event = understand(read_callback(callback.query), zone, events.default_country)
    window = match.repeat_window(event, events.window)
    said = content(event) if comparable(event) else xxhash.xxh3_128_digest(callback.query.encode())
    stop = event.kind is Kind.INCOMING_SMS and is_stop(event.text)
    return Arrived(_event_key(inbox, callback), callback.received_at, callback.query, event, said.hex(), window, stop)


def _write_back(
    settings: SinkSettings,
    outbox: Outbox,
    this_pull: str,
    progress: Progress,
    check: Callable[[], None],
    instrument: Instrument,
) -> Written:
    written = Written(settings.name)
    sink_id = outbox.fill(settings.name)
    waits = sum(outbox.waiting(sink_id))
    progress.stage(f"writing to {settings.name}", waits)
    if not waits:  # a CRM that is down, or slow to open, is no matter then
        return written
    try:
        with closing(sinks.open_sink(settings)) as sink:
            while (delivery := outbox.begin(sink_id, this_pull, DELIVERY)) is not None:
                check()
                pairs = outbox.records(delivery.event_ids, fold_statuses)
                event_ids = {record.event_key: event_id for event_id, record in pairs}
                instrument("delivery begun")
                refusals = sink.write(delivery.number, [record for _, record in pairs])
                instrument("delivered")
                refused = {event_ids[refusal.event_key]: refusal.reason for refusal in refusals}
                outbox.settle(sink_id, delivery, this_pull, refused)
                instrument("settled")
                written.written += len(delivery.event_ids) - len(refused)
                progress.at(written.written)
    except (LeaseLost, Stopped):
        raise
    except SyncError as failed:
        written.failed = failed
    written.waiting, written.parked = outbox.waiting(sink_id)
    add_up(f"waiting for {settings.name}", waits, written.written, written.waiting, written.parked)
    return written
