"""Any edits, any faults, any crashes, then one quiet run: the vendor holds what the CRM says, and the next run is silent.

The vendor is the sandbox behind a transport that misbehaves on demand; a crash is an exception that no code of ours
catches, raised before or after a commit of the ledger.
"""

from __future__ import annotations

import csv
import json
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from unittest import mock

import httpx
import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pydantic import SecretStr

from sync_connector import mapping, pipeline, planning, reading
from sync_connector.config import Brakes, Settings, Source
from sync_connector.config import Ledger as LedgerSettings
from sync_connector.config import Vendor as VendorSettings
from sync_connector.errors import SyncError
from sync_connector.flow.load import Instruments
from sync_connector.flow.overlay import Overlay
from sync_connector.flow.sieve import own_fingerprints
from sync_connector.ledger import quality
from sync_connector.ledger.schema import in_flight
from sync_connector.ledger.store import Ledger, open_ledger
from sync_connector.sandbox.app import Vendor, sandbox
from tests.conftest import HEADER, LOGIN, PASSWORD, accepted_by_ledger, e164, person

pytestmark = pytest.mark.usefixtures("one_engine")
FAULTS = ["none", "lose the answer", "refuse the connection", "html", "cut the json", "leave one out", "status 500", "repeat one"]


class Crash(BaseException):
    """The process died here."""


class Weather(httpx.AsyncBaseTransport):
    """The sandbox, and what happens on the way there and back: one fault for each request, then none."""

    def __init__(self, vendor: Vendor, faults: list[str]) -> None:
        self.app = httpx.ASGITransport(sandbox(vendor))
        self.faults = list(faults)
        self.posts = 0
        self.sent: set[str] = set()  # first names

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.posts += 1
        self.sent |= {contact["first_name"] for contact in json.loads(request.content)["contacts"]}
        fault = self.faults.pop(0) if self.faults else "none"
        if fault == "refuse the connection":
            raise httpx.ConnectError("refused", request=request)
        if fault == "status 500":
            return httpx.Response(500, text="oops")
        answer = await self.app.handle_async_request(request)
        body = await answer.aread()
        match fault:
            case "lose the answer":
                raise httpx.ReadTimeout("lost", request=request)
            case "html":
                return httpx.Response(200, html="<html>hello</html>")
            case "cut the json":
                return httpx.Response(200, content=body[: len(body) // 2])
            case "leave one out" | "repeat one":
                reply = httpx.Response(200, content=body).json()
                entries = reply["data"]["contact"]
                reply["data"]["contact"] = entries[1:] if fault == "leave one out" else [*entries, entries[0]]
                return httpx.Response(200, json=reply)
        return httpx.Response(answer.status_code, content=body)


class Company:
    """A CRM, a ledger and a vendor, and runs between them. `doubted`: key → its row as it was sent, of the contacts to which no
    trustworthy answer came; where they are held, each run looks that they are not sent again."""

    on_unknown: Literal["resend", "hold"] = "resend"

    def __init__(self, folder: Path, ledger_url: str, policy: str = "newest") -> None:
        self.folder, self.policy = folder, policy
        self.rows: dict[str, dict[str, str]] = {}
        self.order: list[str] = []
        self.vendor = Vendor(LOGIN, PASSWORD)
        self.sheet: list[Overlay] = []
        self.doubted: dict[str, dict[str, str]] = {}
        self.settings = Settings(
            vendor=VendorSettings(
                base_url="http://localhost", login=LOGIN, password=PASSWORD, batch_size=2, concurrency=2, tries=2
            ),
            source=Source(path=str(folder / "contacts.csv"), default_country="FR", on_unknown=self.on_unknown),
            rules={"shared_phone": policy},
            ledger=LedgerSettings(url=ledger_url),
            brakes=Brakes(gone=1, changed=1, rejected=1),
        )

    def put(self, row: dict[str, str]) -> None:
        if row["id"] not in self.rows:
            self.order.append(row["id"])
        self.rows[row["id"]] = row

    def export(self) -> None:
        with open(self.folder / "contacts.csv", "w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, HEADER, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows[key] for key in self.order)

    @contextmanager
    def opened(self) -> Iterator[Ledger]:
        with closing(open_ledger(self.settings.ledger.url.get_secret_value(), write=True)) as ledger:
            yield ledger

    def run(
        self, faults: list[str], crash_at: int | None = None, *, after: bool = False, resend_unknown: bool = False
    ) -> tuple[Any, int]:
        """One run; its result (`None` if it failed or crashed) and the requests made. `crash_at`: the process dies at
        that write to the ledger, before or after it is committed."""
        self.export()
        corrected = {one.key for one in self.sheet}
        asked: planning.Asked = {"resubmitted": self.sheet, "resend_unknown": resend_unknown}
        self.sheet = []
        weather = Weather(self.vendor, faults)
        writes = 0

        def dying(original: Any) -> Any:
            def write(*arguments: Any, **named: Any) -> Any:
                nonlocal writes
                writes += 1
                if writes == crash_at and not after:
                    raise Crash
                done = original(*arguments, **named)
                if writes == crash_at:
                    raise Crash
                return done

            return write

        async def no_wait(_: float) -> None:
            return None

        instruments = Instruments(now=lambda: 0.0, sleep=no_wait, chance=lambda: 0.5)
        names = (
            "begin",
            "settle",
            "lay",
            "forget_keyless",
            "settle_rows",
            "displace",
            "mark_gone",
            "move_position",
            "end_run",
            "start_run",
        )
        patches = [mock.patch.object(Ledger, name, dying(getattr(Ledger, name))) for name in names]
        client = mock.patch.object(pipeline, "new_client", return_value=httpx.AsyncClient(transport=weather))
        result = None
        with self.opened() as ledger, client:
            scope = ledger.make_scope(*planning.scope_names(self.settings))
            for patch in patches:
                patch.start()
            try:
                with ledger.lease(scope):
                    plan = planning.prepare(self.settings, ledger, scope, reading.Progress(), lambda: None, **asked)
                    with closing(plan.spool):
                        result = pipeline.execute(self.settings, ledger, plan, reading.Progress(), lambda: 0, 0.0, instruments)
            except (SyncError, Crash):
                pass
            finally:
                for patch in patches:
                    patch.stop()
            self._look_for_doubts(ledger, weather.sent, released=set(self.rows) if resend_unknown else corrected)
        return result, weather.posts

    def _look_for_doubts(self, ledger: Ledger, sent: set[str], released: set[str]) -> None:
        if self.on_unknown == "hold":
            for key, row in self.doubted.items():
                as_it_was = self.rows.get(key) == row and key not in released
                assert not (as_it_was and row["first name"] in sent), f"{key} is in doubt, and was sent again"
        with ledger.engine.connect() as connection:
            noted = [key for batch in connection.scalars(sa.select(in_flight.c.contacts)) for key, *_ in batch]
            unknown = sa.text("SELECT key FROM contacts WHERE state = 'unknown' AND row_fp IS NOT NULL")
            now = {*noted, *connection.scalars(unknown)}
        before, self.doubted = self.doubted, {}
        for key in now:
            is_new = key not in before or (key in self.rows and self.rows[key]["first name"] in sent)
            self.doubted[key] = self.rows[key] if is_new else before[key]

    def correct(self, key: str, mobile: str) -> None:
        """The steward writes another number into the sheet, which comes back with the next run."""
        self.sheet = [one for one in self.sheet if one.key != key]
        self.sheet.append(Overlay(key, self.fingerprint(key), {"mobile": mobile}, kept=True, resubmitted=True))

    def fingerprint(self, key: str) -> bytes:
        """Of a row as the source gives it."""
        binding = mapping.bind(mapping.load(self.settings.source.mapping), list(self.rows[key]))
        columns = [pa.array([self.rows[key][header]], pa.large_string()) for header in binding.fingerprinted]
        return own_fingerprints(pa.array([key], pa.large_string()), columns)[0]

    def corrected(self) -> dict[str, str]:
        """Key → the number that a sheet says in place of the CRM, of the rows that are as they were when it was written."""
        with self.opened() as ledger:
            laid = ledger.overlays(ledger.scope(*planning.scope_names(self.settings)))
        return {
            one.key: one.cells["mobile"] for one in laid if one.key in self.rows and one.fingerprint == self.fingerprint(one.key)
        }

    def check_findings(self) -> None:
        """Who is rejected or held has a row for the sheet, with its cells, and a reason; who was accepted has none of them."""
        with self.opened() as ledger:
            scope = ledger.scope(*planning.scope_names(self.settings))
            not_sent = {one.key: one for one in quality.not_sent(ledger, scope)}
            with ledger.engine.connect() as connection:
                states = {row.key: row.state for row in connection.execute(sa.text("SELECT key, state FROM contacts"))}
                orphans = "SELECT count(*) FROM findings WHERE contact_id NOT IN (SELECT id FROM contacts WHERE state <> 'gone')"
                assert connection.scalar(sa.text(orphans)) == 0
                rejecting = "SELECT key FROM contacts JOIN findings ON contact_id = contacts.id WHERE severity = 'reject'"
                blamed = set(connection.scalars(sa.text(rejecting)))
        assert set(not_sent) == {key for key, state in states.items() if state in ("rejected", "held", "refused")}
        assert blamed <= set(not_sent)
        for key, one in not_sent.items():
            assert one.findings, f"{key} is {one.state}, and nobody says why"
            if one.cells is not None:
                assert one.cells["mobile"] == self.rows[key]["mobile"]

    def expected(self) -> dict[str, str]:
        """Number → key of the contact that must be at the vendor: decided here anew, from the rows and what lies over them."""
        numbers: dict[str, list[str]] = {}
        corrected = self.corrected()
        for key in self.order:
            digits = corrected.get(key, self.rows[key]["mobile"]).replace(" ", "")
            if len(digits) == 10:
                numbers.setdefault(f"+33{digits[1:]}", []).append(key)
        if self.policy == "reject":
            return {number: keys[0] for number, keys in numbers.items() if len(keys) == 1}
        if self.policy == "first":
            return {number: keys[0] for number, keys in numbers.items()}
        return {
            number: max(keys, key=lambda key: (self.rows[key]["updated_at"], self.order.index(key)))
            for number, keys in numbers.items()
        }

    def check_quiet(self) -> None:
        """One run without faults settles everything; one more is silent. Where contacts in doubt are held, everything but them;
        and them as well, once a person releases them."""
        if self.on_unknown == "hold":
            self._check_quiet(resend_unknown=False)
        self._check_quiet(resend_unknown=True)
        assert not self.doubted

    def _check_quiet(self, *, resend_unknown: bool) -> None:
        result, _ = self.run([], resend_unknown=resend_unknown)
        assert result is not None
        assert result.status == "finished"
        expected = self.expected()
        certain = {number: key for number, key in expected.items() if key not in self.doubted}
        for number, key in certain.items():
            row = self.rows[key]
            held = self.vendor.contacts[number]
            assert (held["first_name"], held["adress"], held["email"]) == (row["first name"], row["city"], row["email"])
        url = self.settings.ledger.url.get_secret_value()
        assert accepted_by_ledger(url) == certain
        self.check_findings()
        again, posts = self.run([])
        assert posts == 0
        assert again.plan.rows["to_send"] == 0
        assert again.plan.rows["in_doubt"] == len(self.doubted)
        assert again.is_settled == (not self.doubted)
        with self.opened() as ledger:
            scope = ledger.scope(*planning.scope_names(self.settings))
            stale = {number.phone_number for number in ledger.stale(scope)}
            with ledger.engine.connect() as connection:
                query = "SELECT phone_number FROM contacts WHERE state = 'rejected' AND phone_number IS NOT NULL"
                kept = set(connection.scalars(sa.text(query)))
                assert connection.scalar(sa.text("SELECT count(*) FROM in_flight")) == 0
        assert not stale & set(expected)
        assert set(self.vendor.contacts) - set(expected) <= stale | kept, "a number at the vendor is neither used nor told of"


class CompanyWithDatabase(Company):
    """The same with a CRM in a database, of which only what changed is read: each edit touches its row, at a later second
    or in the same one as the edit before; a deletion marks the row."""

    MAPPING = """
crm = "test"
title = "test"
[columns]
key = ["id"]
phone = ["mobile"]
first_name = ["first name"]
adress = ["city"]
email = ["email"]
country = ["country"]
modified = ["updated_at"]
[[deleted]]
column = "deleted"
values = ["1"]
[sql]
tables = ["people"]
query = 'SELECT id, "first name", mobile, city, email, country, updated_at, touched, deleted FROM people'
modified = "touched"
"""

    def __init__(self, folder: Path, ledger_url: str, policy: str = "newest") -> None:
        super().__init__(folder, ledger_url, policy)
        (folder / "own.toml").write_text(self.MAPPING)
        with closing(sqlite3.connect(folder / "crm.db")) as crm:
            columns = '"first name", mobile, city, email, country, updated_at, touched, deleted'
            crm.execute(f"CREATE TABLE people (id TEXT PRIMARY KEY, {columns})")
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.exports = 0
        self.written: dict[str, dict[str, str]] = {}
        source = Source(
            type="sql",
            url=SecretStr(f"sqlite:///{folder / 'crm.db'}"),
            mapping=str(folder / "own.toml"),
            default_country="FR",
            overlap=0,
            full_every=1_000_000,
            on_unknown=self.on_unknown,
        )
        self.settings = self.settings.model_copy(update={"source": source})

    def put(self, row: dict[str, str]) -> None:
        super().put(row)
        self.order.sort()

    def export(self) -> None:
        """What changed since the last run, row by row; every third time the first edit falls into the second of the last."""
        self.exports += 1
        self.now += timedelta(seconds=1 if self.exports % 3 else 0)
        with closing(sqlite3.connect(self.folder / "crm.db")) as crm, crm:
            changed = [key for key in sorted({*self.rows, *self.written}) if self.rows.get(key) != self.written.get(key)]
            for count, key in enumerate(changed):
                self.now += timedelta(seconds=min(1, count))
                touched = f"{self.now:%Y-%m-%d %H:%M:%S}"
                if key in self.rows:
                    cells = [
                        self.rows[key][name] for name in ("id", "first name", "mobile", "city", "email", "country", "updated_at")
                    ]
                    crm.execute("INSERT OR REPLACE INTO people VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)", [*cells, touched])
                else:
                    crm.execute("UPDATE people SET deleted = 1, touched = ? WHERE id = ?", [touched, key])
        self.written = {key: dict(row) for key, row in self.rows.items()}


class Holding(Company):
    """The same, a contact being held to which no trustworthy answer came."""

    on_unknown = "hold"


class HoldingWithDatabase(CompanyWithDatabase):
    """Both."""

    on_unknown = "hold"


# Few of each, so that what is undone, shared and swapped is not rare.
names = st.integers(0, 3).map(lambda n: f"K{n:05d}")
phones = st.sampled_from([*(person(n)["mobile"] for n in range(4)), "06 12"])
cities = st.sampled_from(["Paris", "Lyon"])
times = st.integers(0, 1).map(lambda month: f"2026-0{month + 1}-01T00:00:00Z")


class Life(RuleBasedStateMachine):
    """A CRM that is edited, and runs that go well or badly."""

    policy = "newest"
    company_kind: type[Company] = Company

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        folder = Path(self.folder.name)
        self.company = self.company_kind(folder, f"sqlite:///{folder / 'ledger.db'}", self.policy)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            try:
                self.company.check_quiet()
            finally:
                self.folder.cleanup()

    @rule(key=names, phone=phones, city=cities, when=times)
    def edit_or_add(self, key: str, phone: str, city: str, when: str) -> None:
        self.company.put(
            person(0) | {"id": key, "first name": key, "mobile": phone, "city": city, "updated_at": when, "email": ""}
        )

    @rule(key=names, city=cities)
    def edit_only_the_city(self, key: str, city: str) -> None:
        if key in self.company.rows:
            self.company.put(self.company.rows[key] | {"city": city})

    @rule(key=names)
    def delete(self, key: str) -> None:
        if self.company.rows.pop(key, None):
            self.company.order.remove(key)

    @rule(key=names, phone=phones)
    def correct_in_the_sheet(self, key: str, phone: str) -> None:
        if key in self.company.rows:
            self.company.correct(key, phone)

    @rule(faults=st.lists(st.sampled_from(FAULTS), max_size=8))
    def run(self, faults: list[str]) -> None:
        self.company.run(faults)

    @rule(faults=st.lists(st.sampled_from(FAULTS), max_size=3), crash_at=st.integers(1, 9), after=st.booleans())
    def run_and_die(self, faults: list[str], crash_at: int, after: bool) -> None:
        self.company.run(faults, crash_at, after=after)

    @rule(key=names, faults=st.sampled_from([[], ["lose the answer"] * 40]), crash_at=st.integers(2, 6))
    def a_bad_run_between_an_edit_and_its_undoing(self, key: str, faults: list[str], crash_at: int) -> None:
        if key in self.company.rows:
            before = self.company.rows[key]
            self.company.put(before | {"city": "Nice"})
            self.company.run(faults, None if faults else crash_at)
            self.company.put(before)

    @rule()
    def quiet(self) -> None:
        self.company.check_quiet()

    @invariant()
    def nothing_is_called_accepted_that_the_vendor_does_not_hold(self) -> None:
        if hasattr(self, "company"):
            url = self.company.settings.ledger.url.get_secret_value()
            if Path(url.removeprefix("sqlite:///")).exists():
                assert set(accepted_by_ledger(url)) <= set(self.company.vendor.contacts)


class LifeWithFirst(Life):
    """The same, the first row winning a shared number."""

    policy = "first"


class LifeWithReject(Life):
    """The same, a shared number rejecting all who share it."""

    policy = "reject"


class LifeOfChanges(Life):
    """The same, read by what changed only: no read ever meets the rows that did not."""

    company_kind = CompanyWithDatabase

    @initialize()
    def begin(self) -> None:
        super().begin()
        for n in range(4):  # all there is has been read, and one contact since, so that none of them is read again
            self.company.put(person(n, email="", updated_at="2026-02-01T00:00:00Z"))
        self.company.run([])
        self.company.put(person(99, email=""))
        self.company.run([])


class LifeOfChangesWithFirst(LifeOfChanges):
    """The same, the first row winning a shared number."""

    policy = "first"


class LifeOfChangesWithReject(LifeOfChanges):
    """The same, a shared number rejecting all who share it."""

    policy = "reject"


class LifeOnHold(Life):
    """Contacts in doubt are held until their rows change or a person releases them, which may go wrong as well."""

    company_kind: type[Company] = Holding

    @rule(faults=st.lists(st.sampled_from(FAULTS), max_size=4), crash_at=st.none() | st.integers(1, 9))
    def release(self, faults: list[str], crash_at: int | None) -> None:
        self.company.run(faults, crash_at, resend_unknown=True)


class LifeOnHoldWithReject(LifeOnHold):
    """The same, a shared number rejecting all who share it."""

    policy = "reject"


class LifeOfChangesOnHold(LifeOnHold, LifeOfChanges):
    """The same, read by what changed only, the first row winning a shared number."""

    policy = "first"
    company_kind = HoldingWithDatabase


_seldom = hypothesis_settings(max_examples=5, stateful_step_count=12, deadline=None)  # tests/proof does more, two thousand times
TestLife = Life.TestCase
TestLife.settings = _seldom
TestLifeWithFirst = LifeWithFirst.TestCase
TestLifeWithFirst.settings = _seldom
TestLifeWithReject = LifeWithReject.TestCase
TestLifeWithReject.settings = _seldom
TestLifeOfChanges = LifeOfChanges.TestCase
TestLifeOfChanges.settings = _seldom
TestLifeOfChangesWithFirst = LifeOfChangesWithFirst.TestCase
TestLifeOfChangesWithFirst.settings = _seldom
TestLifeOfChangesWithReject = LifeOfChangesWithReject.TestCase
TestLifeOfChangesWithReject.settings = _seldom
TestLifeOnHold = LifeOnHold.TestCase
TestLifeOnHold.settings = _seldom
TestLifeOnHoldWithReject = LifeOnHoldWithReject.TestCase
TestLifeOnHoldWithReject.settings = _seldom
TestLifeOfChangesOnHold = LifeOfChangesOnHold.TestCase
TestLifeOfChangesOnHold.settings = _seldom


def test_a_lost_answer_and_an_undone_edit(tmp_path: Path, ledger_url: str) -> None:
    """An update whose answer was lost, then undone in the CRM, is sent again: the vendor may have taken it."""
    company = Company(tmp_path, ledger_url)
    company.put(person(1))
    company.check_quiet()
    company.put(person(1, city="Lyon"))
    company.run(["lose the answer"] * 40)
    assert company.vendor.contacts[e164(1)]["adress"] == "Lyon"
    company.put(person(1))
    company.check_quiet()
    assert company.vendor.contacts[e164(1)]["adress"] == "Paris"


def test_a_crash_before_the_verdict_is_written_and_an_undone_edit(tmp_path: Path, ledger_url: str) -> None:
    """The vendor took the update, the process died before it could say so, the edit is undone: it is sent again."""
    company = Company(tmp_path, ledger_url)
    company.put(person(1))
    company.check_quiet()
    company.put(person(1, city="Lyon"))
    company.run([], 5)  # start_run, forget_keyless, displace, begin, settle: the fifth write is the verdict's
    assert company.vendor.contacts[e164(1)]["adress"] == "Lyon"
    company.put(person(1))
    company.check_quiet()
    assert company.vendor.contacts[e164(1)]["adress"] == "Paris"


def test_a_crash_before_the_verdict_is_written_and_a_deletion(tmp_path: Path, ledger_url: str) -> None:
    """The vendor took a new contact, the process died, the contact left the CRM: its number is told of as stale."""
    company = Company(tmp_path, ledger_url)
    company.put(person(1))
    company.check_quiet()
    company.put(person(2))
    company.run([], 5)
    assert e164(2) in company.vendor.contacts
    del company.rows[person(2)["id"]]
    company.order.remove(person(2)["id"])
    company.check_quiet()


@pytest.mark.parametrize("after", [False, True], ids=["before the commit", "after the commit"])
def test_a_run_killed_at_each_write_in_turn_ends_like_one_that_was_not(tmp_path: Path, ledger_url: str, after: bool) -> None:
    """Whatever write to the ledger is the last of a killed run, the next run makes everything right."""
    for crash_at in range(1, 16):
        folder = tmp_path / str(crash_at)
        folder.mkdir()
        company = Company(folder, ledger_url)
        company.settings = company.settings.model_copy(
            update={"source": company.settings.source.model_copy(update={"name": f"crm-{crash_at}-{after}"})}
        )
        company.settings = company.settings.model_copy(
            update={"vendor": company.settings.vendor.model_copy(update={"login": f"{crash_at}@example.com"})}
        )
        company.vendor.login = f"{crash_at}@example.com"
        for n in range(6):
            company.put(person(n))
        company.put(person(6, mobile=person(2)["mobile"]))
        company.put(person(7, mobile="1"))
        company.run([], crash_at, after=after)
        company.put(person(3, city="Lyon"))
        result, _ = company.run([])
        assert result is not None
        assert {n: c["adress"] for n, c in company.vendor.contacts.items()} == {
            e164(n): "Lyon" if n == 3 else "Paris" for n in range(6)
        }
        assert company.run([])[1] == 0


@pytest.mark.parametrize("kind", [Company, CompanyWithDatabase])
def test_a_number_that_its_winner_left_goes_to_who_waits(tmp_path: Path, ledger_url: str, kind: type[Company]) -> None:
    """The vendor's answer to who won a number was lost, two others wait for it, and he takes another: the next of them has it."""
    company = kind(tmp_path, ledger_url, "first")
    for n in range(4):
        company.put(person(n, email=""))
    company.check_quiet()
    company.put(person(0, mobile=person(3)["mobile"], email=""))
    company.put(person(2, mobile=person(3)["mobile"], email=""))
    company.run(["lose the answer"] * 40)
    company.put(person(0, mobile=person(9)["mobile"], email=""))
    company.check_quiet()
    assert company.vendor.contacts[e164(3)]["first_name"] == "Jean2"
