"""A CRM, a ledger, an inbox and a vendor; and the processes that work on them, each of which may die anywhere.

A process dies by an exception that no code of ours catches; whatever it does after that, on its way out, is not done: nothing
more is committed and nothing more leaves. Nothing waits, nothing is left to threads, and every time is told by one clock.
"""

from __future__ import annotations

import asyncio
import csv
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import httpx
import pyarrow as pa
import sqlalchemy as sa
from pydantic import SecretStr

from sync_connector import mapping, message_planning, messaging, pipeline, planning, pulling, reading, sinks
from sync_connector.config import Brakes, Events, Settings, Sink, Source
from sync_connector.config import Ledger as LedgerSettings
from sync_connector.config import Sms as SmsSettings
from sync_connector.config import Vendor as VendorSettings
from sync_connector.errors import SyncError, TryLater
from sync_connector.events.inbox import Inbox, open_inbox
from sync_connector.fault_points import reach, told
from sync_connector.flow.load import Instruments
from sync_connector.flow.overlay import Overlay
from sync_connector.flow.sieve import own_fingerprints
from sync_connector.ledger import copying, leases, opening
from sync_connector.ledger.keeping import kept
from sync_connector.ledger.messages import MessageBook
from sync_connector.ledger.store import Ledger, Scope, open_ledger
from sync_connector.model import Record
from sync_connector.sinks import Refusal
from tests.conftest import HEADER, LOGIN, PASSWORD
from tests.proof.oracle import Held, OracleVendor, Rules
from tests.proof.wire import Weather

BEGAN = datetime(2026, 3, 2, 12, tzinfo=UTC)
ELSEWHERE = "elsewhere/1/1/abcdef01"
"""The holder of a lease that lives on another machine: nobody here can know that it is dead."""
MAPPING = """
crm = "test"
title = "test"
[columns]
key = ["id"]
phone = ["mobile"]
first_name = ["first name"]
last_name = ["last name"]
adress = ["city"]
email = ["email"]
modified = ["updated_at"]
[[deleted]]
column = "deleted"
values = ["1"]
[sql]
tables = ["people"]
query = 'SELECT id, "first name", "last name", mobile, city, email, updated_at, touched, deleted FROM people'
modified = "touched"
"""
CELLS = ["id", "first name", "last name", "mobile", "city", "email", "updated_at"]


SCOPE = Scope(1, 1)
"""Of the ledger with which every company begins."""


Death = tuple[str, int]
"""At which place, and the how-manieth time that it is reached."""


def _both(*names: str) -> list[str]:
    return [f"{name}.{when}" for name in names for when in ("before", "after")]


AT_A_BATCH = [*_both("ledger.begin", "vendor.request", "ledger.settle"), "vendor.answer.after"]
AT_A_SYNC = [*AT_A_BATCH, *_both(*(f"ledger.{n}" for n in ("lease", "start_run", "forget_keyless", "displace", "settle_rows")))]
AT_A_SYNC += ["source.rows", *_both("ledger.lay", "ledger.mark_gone", "ledger.move_position", "ledger.end_run", "ledger.release")]
AT_A_SENDING = _both(
    "ledger.lease", "messages.recover", "messages.begin", "vendor.request", "messages.settle", "messages.not_sent"
)
AT_A_PULL = _both("ledger.lease", "events.take_in", "inbox.acknowledge", "outbox.fill", "outbox.begin", "sink", "outbox.settle")


class Killed(BaseException):
    """The process died here."""


@dataclass
class Process:
    """A process. `dies_at`: a place, and the how-manieth time that it is there is its last one. `met`: the places that it has
    come to. `committed_at`: when it last wrote to the ledger, in seconds since 1970."""

    dies_at: Death | None = None
    met: list[str] = field(default_factory=list)
    dead: bool = False
    committed_at: float = 0.0

    def reach(self, place: str, now: datetime) -> None:
        """Come to a place; raise `Killed` if it is the last, and at each after that."""
        if place.startswith("ledger.") and place.endswith(".after"):
            self.committed_at = now.timestamp()
        if not self.dead:
            self.met.append(place)
            self.dead = self.dies_at is not None and self.dies_at == (place, self.met.count(place))
        if self.dead:
            raise Killed(place)


@dataclass
class Tables:
    """The CRM's own tables of events: each event one row by its key; what comes again overwrites it."""

    rows: dict[str, Record] = field(default_factory=dict)
    down: bool = False

    def write(self, delivery: int, records: Sequence[Record]) -> list[Refusal]:
        """See `sinks.Sink`."""
        if self.down:
            raise TryLater("the CRM is down")
        reach("sink.before")
        assert len({record.event_key for record in records}) == len(records)
        self.rows |= {record.event_key: record for record in records}
        reach("sink.after")
        return []

    def close(self) -> None:
        """Nothing to let go of."""


class Settled(NamedTuple):
    """A company whose CRM has been sent, as it is copied: that takes less time than to send it again."""

    ledger: bytes
    crm: bytes
    rows: dict[str, dict[str, str]]
    held: dict[str, Held]
    touched: datetime
    exports: int


@dataclass
class World:
    """What all companies of this process share, one after the other: a folder in memory, an engine, and what is patched."""

    folder: Path
    engine: sa.Engine
    empty: bytes
    company: Company | None = None
    settled: dict[bool, Settled] = field(default_factory=dict)

    def bytes_of_the_ledger(self) -> bytes:
        """Nobody writes to it now."""
        self.engine.dispose()
        with closing(sqlite3.connect(self.folder / "ledger.db")) as ledger:
            ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return (self.folder / "ledger.db").read_bytes()

    @property
    def here(self) -> Company:
        """The company that lives now."""
        assert self.company is not None
        return self.company


@cache
def world() -> World:
    """It is made once, and its folder goes with the process."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="sync-proof-", dir=memory if os.access(memory, os.W_OK) else None))
    url = f"sqlite:///{folder / 'ledger.db'}"
    with closing(open_ledger(url, write=True)) as ledger:
        assert ledger.make_scope(LOGIN, "localhost", "crm") == SCOPE
    engine = opening._engine(sa.make_url(url))
    made = World(folder, engine, b"")
    made.empty = made.bytes_of_the_ledger()

    @sa.event.listens_for(engine, "connect")
    def _unsafe(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")  # nobody takes the power away here

    @sa.event.listens_for(engine, "begin")
    def _begin(_connection: object) -> None:
        if made.company is not None and made.company.process.dead:
            raise Killed

    return made


@contextmanager
def staged() -> Iterator[World]:
    """The product, with our clock, our wire, our folder, and without threads: the same choices make the same history."""
    made = world()
    make = opening._engine

    def engine(url: sa.URL) -> sa.Engine:
        return made.engine if str(url.database) == str(made.folder / "ledger.db") else make(url)

    def client(*_: object, **__: object) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=made.here.weather, trust_env=False)

    async def at_once(function: Callable[..., Any], *arguments: Any) -> Any:
        await asyncio.sleep(0)
        return function(*arguments)

    def now() -> datetime:
        return made.here.now

    def opened(_: object) -> Tables:
        return made.here.tables

    def reached(place: str) -> None:
        if made.company is not None:
            made.company.process.reach(place, made.company.now)

    with (
        told(reached),
        mock.patch.object(opening, "_engine", engine),
        mock.patch.object(pipeline, "new_client", client),
        mock.patch.object(messaging, "new_client", client),
        mock.patch.object(pipeline, "utc_now", now),
        mock.patch.object(messaging, "utc_now", now),
        mock.patch.object(leases, "time", SimpleNamespace(time=lambda: now().timestamp())),
        mock.patch.object(asyncio, "to_thread", at_once),
        mock.patch.object(sinks, "open_sink", opened),
        mock.patch.object(mapping, "load", cache(mapping.load)),  # each file is read once, and not by each process
        mock.patch.object(pulling, "PAGE", 3),
        mock.patch.object(pulling, "DELIVERY", 2),
    ):
        try:
            yield made
        finally:
            made.company = None


class Company:
    """All there is. `dialect`: the vendor's generation. `reads_changes`: its CRM is a database of which only what changed is
    read, each edit at a later second or in the same one as the edit before, a deletion being a mark; else it is an export."""

    def __init__(self, at: World, dialect: str, *, reads_changes: bool) -> None:
        self.at, self.folder, self.reads_changes = at, at.folder, reads_changes
        self.rows: dict[str, dict[str, str]] = {}
        self.order: list[str] = []
        self.written: dict[str, dict[str, str]] = {}
        self.exports, self.touched = 0, BEGAN
        self.vendor, self.rules, self.now = OracleVendor(), Rules(), BEGAN
        self.process = Process()
        self.tables = Tables()
        self.weather = Weather(self.vendor, [])
        self.sheet: list[Overlay] = []
        self.arrived: list[str] = []
        self._inbox: Inbox | None = None
        at.company = self
        for name in ("ledger.db", "crm.db", "inbox.db", "backup.db"):
            self._remove(name)
        at.engine.dispose()
        (self.folder / "ledger.db").write_bytes(at.empty)
        self.base = self._settings(dialect)

    def _settings(self, dialect: str) -> Settings:
        source = Source(path=str(self.folder / "contacts.csv"))
        if self.reads_changes:
            (self.folder / "own.toml").write_text(MAPPING)
            with closing(sqlite3.connect(self.folder / "crm.db")) as crm:
                columns = '"first name", "last name", mobile, city, email, updated_at, touched, deleted'
                crm.execute(f"CREATE TABLE people (id TEXT PRIMARY KEY, {columns})")
            url = SecretStr(f"sqlite:///{self.folder / 'crm.db'}")
            source = Source(type="sql", url=url, mapping=str(self.folder / "own.toml"), overlap=0, full_every=1_000_000)
        return Settings(
            vendor=VendorSettings(
                dialect=dialect,
                base_url="http://localhost",
                login=LOGIN,
                password=SecretStr(PASSWORD),
                access_key=SecretStr(PASSWORD),
                batch_size=2,
                concurrency=2,
                tries=2,
            ),
            source=source,
            ledger=LedgerSettings(url=SecretStr(f"sqlite:///{self.folder / 'ledger.db'}")),
            brakes=Brakes(gone=1, changed=1, rejected=1),
            events=Events(zone="Europe/Paris", default_country="FR"),
            sms=SmsSettings(batch_size=2),
            sinks=[Sink(name="crm", type="jsonl", path="out")],
        )

    @property
    def settings(self) -> Settings:
        """As they are now."""
        rules = {
            "shared_phone": self.rules.policy,
            "on_invalid_email": self.rules.on_invalid_email,
            "severity": {"contact_detail_as_name": "reject"} if self.rules.strict_names else {},
        }
        source = self.base.source.model_copy(update={"default_country": self.rules.country})
        return self.base.model_copy(update={"source": source, "rules": self.base.rules.model_copy(update=rules)})

    def _remove(self, name: str) -> None:
        for ending in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.unlink(self.folder / f"{name}{ending}")

    def close(self) -> None:
        """Let go of what is open."""
        if self._inbox is not None:
            self._inbox.close()
        self.at.engine.dispose()
        self.at.company = None

    def settle_with(self, rows: Sequence[dict[str, str]]) -> None:
        """These have been sent, always the same ones."""
        if self.reads_changes not in self.at.settled:
            for row in rows:
                self.put(row)
            process = Process()
            self.sync(self.weather_of(), process)
            ledger, crm = self.at.bytes_of_the_ledger(), (self.folder / "crm.db").read_bytes() if self.reads_changes else b""
            kept = Settled(ledger, crm, dict(self.rows), dict(self.vendor.held), self.touched, self.exports)
            self.at.settled[self.reads_changes] = kept
            return
        kept = self.at.settled[self.reads_changes]
        self.at.engine.dispose()
        (self.folder / "ledger.db").write_bytes(kept.ledger)
        if self.reads_changes:
            (self.folder / "crm.db").write_bytes(kept.crm)
        self.rows, self.order, self.written = dict(kept.rows), list(kept.rows), dict(kept.rows)
        self.vendor.held |= kept.held
        self.touched, self.exports = kept.touched, kept.exports

    # --- the CRM ---------------------------------------------------------------------------------------------------------

    def put(self, row: dict[str, str]) -> None:
        """A row, new or not."""
        if row["id"] not in self.rows:
            self.order.append(row["id"])
            if self.reads_changes:  # the rows of a database stand in the order of their keys
                self.order.sort()
        self.rows[row["id"]] = row

    def delete(self, key: str) -> None:
        """A row less."""
        del self.rows[key]
        self.order.remove(key)

    def export(self) -> None:
        """The CRM as the next run finds it."""
        if not self.reads_changes:
            with open(self.folder / "contacts.csv", "w", encoding="utf-8", newline="") as out:
                writer = csv.DictWriter(out, HEADER, lineterminator="\n", extrasaction="ignore", restval="")
                writer.writeheader()
                writer.writerows(self.rows[key] for key in self.order)
            return
        self.exports += 1
        self.touched += timedelta(seconds=1 if self.exports % 3 else 0)
        changed = [key for key in sorted({*self.rows, *self.written}) if self.rows.get(key) != self.written.get(key)]
        with closing(sqlite3.connect(self.folder / "crm.db")) as crm, crm:
            crm.execute("PRAGMA synchronous=OFF")
            for count, key in enumerate(changed):
                self.touched += timedelta(seconds=min(1, count))
                touched = f"{self.touched:%Y-%m-%d %H:%M:%S}"
                if key in self.rows:
                    cells = [self.rows[key][name] for name in CELLS]
                    crm.execute("INSERT OR REPLACE INTO people VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)", [*cells, touched])
                else:
                    crm.execute("UPDATE people SET deleted = 1, touched = ? WHERE id = ?", [touched, key])
        self.written = {key: dict(row) for key, row in self.rows.items()}

    def correct(self, key: str, mobile: str) -> None:
        """The steward writes another number into the sheet, which comes back with the next run."""
        self.sheet = [one for one in self.sheet if one.key != key]
        self.sheet.append(Overlay(key, self.fingerprint(key), {"mobile": mobile}, kept=True, resubmitted=True))

    def fingerprint(self, key: str) -> bytes:
        """Of a row as the source gives it."""
        binding = mapping.bind(mapping.load(self.settings.source.mapping), CELLS if self.reads_changes else HEADER)
        columns = [pa.array([self.rows[key].get(header, "")], pa.large_string()) for header in binding.fingerprinted]
        return own_fingerprints(pa.array([key], pa.large_string()), columns)[0]

    # --- processes -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _process(self, process: Process, weather: Weather) -> Iterator[None]:
        """Another process works now; who worked before is still there."""
        before = self.process, self.weather
        self.process, self.weather = process, weather
        try:
            yield
        except Killed:
            pass
        finally:
            self.process, self.weather = before

    async def _wait(self, seconds: float) -> None:
        """Time passes for who waits, and for nobody else."""
        self.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    def weather_of(self, faults: Sequence[str] = ()) -> Weather:
        """What requests meet."""
        return Weather(self.vendor, list(faults))

    def ledger(self, holder: str | None = None) -> Ledger:
        """The ledger, as a new process holds it."""
        return Ledger(self.at.engine) if holder is None else Ledger(self.at.engine, holder=holder)

    def sync(self, weather: Weather, process: Process, holder: str | None = None) -> tuple[Any, SyncError | None]:
        """`sync --approve`: its result if it finished, and why it did not."""
        self.export()
        result, failure = None, None
        instruments = Instruments(now=lambda: self.now.timestamp(), sleep=self._wait, chance=lambda: 0.5)
        with self._process(process, weather):
            settings, ledger = self.settings, self.ledger(holder)
            try:
                scope = SCOPE
                with ledger.lease(scope):
                    sheet, self.sheet = self.sheet, []
                    plan = planning.prepare(settings, ledger, scope, reading.Progress(), lambda: None, resubmitted=sheet)
                    with closing(plan.spool):
                        plan.as_json()
                        result = pipeline.execute(settings, ledger, plan, reading.Progress(), lambda: 0, 0.0, instruments)
                result.as_json()
            except SyncError as fault:
                failure = fault
        return result, failure

    def plan(self) -> planning.Plan:
        """What a sync would do now."""
        self.export()
        settings, ledger = self.settings, self.ledger()
        plan = planning.prepare(settings, ledger, SCOPE, reading.Progress(), lambda: None)
        plan.spool.close()
        return plan

    def send(
        self, campaign: str, rows: Sequence[tuple[str, str]], weather: Weather, process: Process, holder: str | None = None
    ) -> SyncError | None:
        """`sms send --file --yes` of rows of number and text; why it ended early, if it did."""
        path = self.folder / "campaign.csv"
        path.write_text("phone_number,message\n" + "".join(f"{number},{text}\n" for number, text in rows))
        asked = message_planning.Asked(file=str(path), campaign=campaign, any_hour=True, without_crm=True)
        instruments = Instruments(now=lambda: self.now.timestamp(), sleep=self._wait, chance=lambda: 0.5)
        nothing = reading.Progress()
        with self._process(process, weather):
            settings, ledger = self.settings, self.ledger(holder)
            try:
                scope = SCOPE
                book = MessageBook(ledger, scope.account_id)
                with kept(ledger, scope, "sms", book.renew):
                    made = message_planning.prepare(settings, book, asked, nothing, lambda: None, self.now)
                    made.as_json()
                    messaging.execute(settings, book, made, nothing, lambda: 0, instruments).as_json()
            except messaging.Interrupted as interrupted:
                interrupted.sent.as_json()
                return interrupted.fault
            except SyncError as fault:
                return fault
        return None

    @property
    def inbox(self) -> Inbox:
        """The inbox; it is made when it is first asked for."""
        if self._inbox is None:
            self._inbox = open_inbox(f"sqlite:///{self.folder / 'inbox.db'}")
        return self._inbox

    def arrive(self, queries: Sequence[str]) -> None:
        """Callbacks come in, now."""
        self.inbox.append([(self.now, query) for query in queries])
        self.arrived += queries

    def pull(self, process: Process) -> Any:
        """`pull`: what it did, `None` if it failed or died."""
        pulled = None
        with self._process(process, self.weather_of()):
            settings, ledger = self.settings, self.ledger()
            try:
                scope = SCOPE
                pulled = pulling.pull(settings, ledger, scope, self.inbox, reading.Progress(), lambda: None, reach)
            except SyncError:
                pulled = None
        return pulled

    def aside(self, work: Callable[[], None]) -> Callable[[], None]:
        """Work of another process, to be done while one waits for an answer: in a thread, since that one has a loop."""

        def done() -> None:
            failed: list[BaseException] = []

            def run() -> None:
                try:
                    work()
                except BaseException as fault:  # told to who waits, whatever it is
                    failed.append(fault)

            thread = threading.Thread(target=run)
            thread.start()
            thread.join()
            if failed:
                raise failed[0]

        return done

    # --- copies ----------------------------------------------------------------------------------------------------------

    def backup(self) -> None:
        """`state backup`, over the one before."""
        self._remove("backup.db")
        copying.backup(self.settings.ledger.url.get_secret_value(), self.folder / "backup.db")

    def restore(self) -> None:
        """As README says: everything has ended; the file is copied back, without those beside it; the next command opens it."""
        self.at.engine.dispose()
        self._remove("ledger.db")
        shutil.copyfile(self.folder / "backup.db", self.folder / "ledger.db")
        open_ledger(self.settings.ledger.url.get_secret_value(), write=True)
