"""A run that is told to end: by a signal, in each of its phases, and by the hour. What the vendor took is in the ledger, and the
next run ends as one that nobody disturbed.

Nobody sleeps: a sandbox holds its answers until it is told, a plan is a pipe that waits for its writer, a database for a lock.
"""

from __future__ import annotations

import asyncio
import gc
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa

from sync_connector import deadline, pipeline
from sync_connector.flow.load import Instruments
from sync_connector.ledger.store import Ledger
from sync_connector.sandbox.app import Vendor
from sync_connector.sandbox.faults import Faults, from_options
from tests.conftest import Project, accepted_by_ledger, crm_engine, e164, person

PEOPLE = 900
LONGEST = 60  # seconds that a test waits for a process before it is called hung


@dataclass
class Held:
    """Answers that are late until they are let go."""

    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    free: threading.Event = field(default_factory=threading.Event)

    async def sleep(self, _: float) -> None:
        """As long as the test wants."""
        self.entered.release()
        while not self.free.is_set():
            await asyncio.sleep(0.005)

    def wait_for(self, count: int) -> None:
        """Until so many answers are held."""
        for _ in range(count):
            assert self.entered.acquire(timeout=LONGEST)


@pytest.fixture
def held(vendor: Vendor) -> Iterator[Held]:
    """The sandbox's late answers."""
    made = Held()
    vendor.sleep = made.sleep
    yield made
    made.free.set()


def start(project: Project, *words: str) -> subprocess.Popen[str]:
    """`sync` as a process of its own."""
    command = [sys.executable, "-m", "sync_connector", "sync", *words, "--config", str(project.config)]
    return subprocess.Popen(
        command, env=os.environ | project.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def until(happened: Any, process: subprocess.Popen[str]) -> None:
    """Look until something can be seen, while the process lives."""
    while not happened():
        assert process.poll() is None, process.communicate()
        select.select([], [], [], 0.01)


def ended(process: subprocess.Popen[str], code: int, word: str = "batches in flight were finished") -> None:
    """It ends by itself, with that code, and says why."""
    _, err = process.communicate(timeout=LONGEST)
    assert process.returncode == code, err
    assert word in err
    assert "Traceback" not in err


def comes_right(project: Project, vendor: Vendor) -> None:
    """The next run ends as one that nobody disturbed: everybody at the vendor, then silence."""
    vendor.faults = Faults()
    assert set(accepted_by_ledger(project.ledger_url)) <= set(vendor.contacts)
    project.sync()
    assert set(vendor.contacts) == set(accepted_by_ledger(project.ledger_url)) == {e164(n) for n in range(PEOPLE)}
    quiet = project.sync()
    assert (quiet["posts"], quiet["rows"]["unchanged"]) == (0, PEOPLE)


@pytest.fixture
def ready(on_sqlite: Project) -> Project:
    """Nine batches to send."""
    on_sqlite.write([person(n) for n in range(PEOPLE)])
    return on_sqlite


def test_a_signal_during_the_first_batch(ready: Project, vendor: Vendor, held: Held) -> None:
    """The batch that goes alone is finished and recorded, and no other is begun."""
    vendor.faults = Faults(from_options(["latency"]))
    process = start(ready)
    held.wait_for(1)
    process.send_signal(signal.SIGTERM)
    held.free.set()
    ended(process, 143)
    assert len(vendor.requests) == 1
    assert set(accepted_by_ledger(ready.ledger_url)) == set(vendor.contacts) == {e164(n) for n in range(100)}
    assert ready.json("runs")[0]["status"] == "stopped"
    comes_right(ready, vendor)
    assert max(vendor.times.values()) == 1


def test_a_signal_while_four_are_in_flight(ready: Project, vendor: Vendor, held: Held) -> None:
    """All four are finished and recorded, and no other is begun."""
    vendor.faults = Faults(tuple(step._replace(after=1) for step in from_options(["latency"])))
    process = start(ready)
    held.wait_for(4)
    process.send_signal(signal.SIGINT)
    held.free.set()
    ended(process, 130)
    assert len(vendor.requests) == 5
    assert set(accepted_by_ledger(ready.ledger_url)) == set(vendor.contacts)
    assert len(vendor.contacts) == 500
    assert ready.json("runs")[0]["status"] == "stopped"
    comes_right(ready, vendor)
    assert max(vendor.times.values()) == 1


@pytest.mark.parametrize(("after", "number", "code"), [(0, signal.SIGTERM, 143), (1, signal.SIGINT, 130)])
def test_a_signal_breaks_off_a_wait(ready: Project, vendor: Vendor, after: int, number: int, code: int) -> None:
    """The vendor asked for 250 seconds of peace: the run ends at once, the first batch or any other, and calls nobody unknown."""
    vendor.faults = Faults(tuple(step._replace(after=after) for step in from_options(["429=250"])))
    process = start(ready)
    until(lambda: any("fault" in entry for entry in vendor.requests), process)
    process.send_signal(number)
    ended(process, code)
    assert len(vendor.requests) <= after + 4
    run = ready.json("runs")[0]
    assert (run["status"], run["result"]["verdicts"]["unknown"]) == ("stopped", 0)
    assert set(accepted_by_ledger(ready.ledger_url)) == set(vendor.contacts)
    comes_right(ready, vendor)
    assert max(vendor.times.values()) == 1


def test_a_second_signal_does_not_wait(ready: Project, vendor: Vendor, held: Held) -> None:
    """It ends the run in the middle of a batch; the next run takes that batch for unknown and sends it again."""
    vendor.faults = Faults(from_options(["latency"]))
    process = start(ready)
    held.wait_for(1)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=LONGEST)
    assert process.returncode in (143, 130)
    held.free.set()
    assert accepted_by_ledger(ready.ledger_url) == {}
    comes_right(ready, vendor)


def test_a_signal_while_the_plan_is_looked_at(ready: Project, vendor: Vendor) -> None:
    """Before the first batch: nothing is sent. The plan to apply is a pipe, so the run is in its planning until it is written."""
    written = ready.folder / "plan.json"
    ready.run("plan", "--out", str(written))
    pipe = ready.folder / "pipe"
    os.mkfifo(pipe)
    process = start(ready, "--apply", str(pipe))
    with open(pipe, "wb") as waits:  # opens once the run reads it
        process.send_signal(signal.SIGTERM)
        waits.write(written.read_bytes())
    ended(process, 143)
    assert vendor.requests == []
    comes_right(ready, vendor)


@contextmanager
def locked(url: str) -> Iterator[Any]:
    """A lock in the CRM's database for which reading waits; a function that says whether somebody does."""
    engine = crm_engine(url)
    waiting = sa.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'")
    with engine.connect() as holder, engine.connect().execution_options(isolation_level="AUTOCOMMIT") as looker:
        holder.execute(sa.text("SELECT pg_advisory_lock(7)"))
        yield lambda: looker.scalar(waiting)
    engine.dispose()


def test_a_signal_while_the_source_is_read(on_sqlite: Project, vendor: Vendor, postgres_database: str) -> None:
    """Between two chunks of the CRM's database: nothing is sent and nothing recorded, and the next run reads anew."""
    with crm_engine(postgres_database).begin() as crm:
        crm.execute(sa.text("CREATE TABLE people (id INTEGER PRIMARY KEY, mobile TEXT, city TEXT)"))
        rows = [{"id": n, "mobile": e164(n)} for n in range(PEOPLE)]
        crm.execute(sa.text("INSERT INTO people VALUES (:id, :mobile, 'Paris')"), rows)
    slow = "SELECT id, mobile, city FROM people, (SELECT pg_advisory_lock_shared(7) LIMIT 1) AS waits"
    (on_sqlite.folder / "contacts.sql").write_text(slow)
    on_sqlite.environment["CRM_URL"] = postgres_database
    source = {"type": "sql", "url": "${CRM_URL}", "path": "", "query": "contacts.sql"}
    on_sqlite.configure(source=source)
    with locked(postgres_database) as somebody_waits:
        process = start(on_sqlite)
        until(somebody_waits, process)
        process.send_signal(signal.SIGINT)
    ended(process, 130)
    assert vendor.requests == []
    assert on_sqlite.json("runs") == []
    comes_right(on_sqlite, vendor)


def test_the_lease_is_kept_though_the_ledger_once_does_not_answer(
    ready: Project, vendor: Vendor, held: Held, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While the vendor lets us wait the lease is renewed again and again, also after that failed; nobody is shown a traceback."""
    renewals: list[int] = []

    def renew(*_: object) -> None:
        renewals.append(1)
        if len(renewals) == 1:
            raise sa.exc.OperationalError("", {}, Exception("is locked"))
        held.free.set()

    monkeypatch.setattr(pipeline, "SECONDS", 0.04)
    monkeypatch.setattr(Ledger, "renew", renew)
    vendor.faults = Faults(from_options(["latency"]))
    result = ready.sync()
    assert (result["verdicts"]["accepted"], result["posts"]) == (PEOPLE, 9)
    assert len(renewals) >= 2
    gc.collect()
    assert caplog.records == []


def test_a_lower_pace_is_told(ready: Project, vendor: Vendor) -> None:
    """Quietly, and only where it was lowered: how far, on the terminal and in JSON."""
    vendor.faults = Faults(from_options(["413=8000"]))
    said = ready.run("sync").stdout
    told = ready.json("runs")[0]["result"]["pace"]
    assert (told["batch_size"], told["concurrency"], told["retries"]) == (100, 4, 0)
    assert 10 < told["lowest_batch_size"] <= 50
    assert f"at times to {told['lowest_batch_size']} of 100 contacts in a request\n" in said
    vendor.faults = Faults()
    assert "pace" not in ready.sync()


# --- the hour ---


def test_the_hour_ends_a_run_which_the_next_goes_on_with(ready: Project, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes while the fourth request is under way: that is finished, none leaves afterwards, exit 3, the rest is told."""
    clock = 1_000.0

    def now() -> float:
        return clock

    async def sleep(_: float) -> None:
        raise AssertionError("nobody waits here")

    taken = vendor.now

    def a_minute_later() -> Any:
        nonlocal clock
        clock = 1_000.0 + 60 * len(vendor.requests)
        return taken()

    monkeypatch.setattr(pipeline, "Instruments", lambda: Instruments(now, sleep, lambda: 0.5))
    monkeypatch.setattr(deadline, "moment", lambda *_: 1_000.0 + 230)
    monkeypatch.setattr("sync_connector.cli.job.time.time", now)
    ready.configure(vendor={"concurrency": 1, "until": "06:00"})
    monkeypatch.setattr(pipeline._Counting, "add", _then(pipeline._Counting.add, a_minute_later))
    result = ready.run("sync", code=3)
    assert "500 contacts are left" in result.stdout
    assert "run 1 stopped in" in result.stdout
    assert len(vendor.requests) == 4
    run = ready.json("runs")[0]
    assert (run["status"], run["result"]["left"], run["result"]["verdicts"]["accepted"]) == ("stopped", 500, 400)
    assert run["result"]["until"] == "1970-01-01T00:20:30+00:00"
    monkeypatch.undo()
    ready.configure()
    comes_right(ready, vendor)
    assert max(vendor.times.values()) == 1


def _then(first: Any, afterwards: Any) -> Any:
    def both(*given: Any) -> None:
        first(*given)
        afterwards()

    return both


def test_an_hour_that_comes_while_the_source_is_read_sends_nothing(
    ready: Project, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 3, with a sentence; nothing was begun."""
    monkeypatch.setattr(deadline, "moment", lambda *_: 1.0)
    assert "nothing was sent" in ready.run("sync", "--until", "06:00", code=3).stderr
    assert vendor.requests == []
    assert ready.json("runs") == []
    monkeypatch.undo()
    comes_right(ready, vendor)


def test_an_hour_that_is_far_away_changes_nothing(ready: Project, vendor: Vendor) -> None:
    """All is sent, exit 0, and the hour is told."""
    result = ready.sync("--until", "2999-01-01T06:00Z")
    assert (result["status"], result["until"]) == ("finished", "2999-01-01T06:00:00+00:00")
    assert "left" not in result
    comes_right(ready, vendor)


@pytest.mark.parametrize("hour", ["6 o'clock", "25:00", "2020-01-01 06:00", "06:00 Mars/Base"])
def test_an_hour_that_is_none_is_a_fault_of_usage(ready: Project, vendor: Vendor, hour: str) -> None:
    """Exit 2, a sentence that says how to write it, and nothing is sent."""
    assert "--until: " in (said := ready.run("sync", "--until", hour, code=2).stderr)
    assert "06:00 Europe/Paris" in said
    assert vendor.requests == []


def test_a_setting_that_is_no_hour_is_told_with_its_name(ready: Project) -> None:
    """As any other setting."""
    ready.configure(vendor={"until": "6 o'clock"})
    assert "vendor.until" in ready.run("sync", code=2).stderr
