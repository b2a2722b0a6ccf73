"""The sandbox's faults, over a real socket, against the real `sync`: whatever goes wrong, nothing is called accepted that the
vendor does not hold, and once nothing goes wrong any more the vendor has what the CRM says.

Nobody waits: repetitions take their time from a clock of ours, and a server that never answers is left after some milliseconds.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sync_connector import pipeline
from sync_connector.flow.load import Instruments
from sync_connector.sandbox.app import Vendor
from sync_connector.sandbox.faults import KINDS, Faults, from_file, from_options
from tests.conftest import PASSWORD, Project, accepted_by_ledger, e164, person

IMPATIENT = {"timeout": 0.1, "tries": 1}
PEOPLE = 7
SEED = 41
"""Of the first twelve requests it spoils some and not all, at the shares below."""


@dataclass
class Clock:
    """Time that passes only where somebody waits for it."""

    now: float = 1_800_000_000.0
    waits: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        """So many seconds are over."""
        self.waits.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of all runs of a test; chance is fixed."""
    made = Clock()
    monkeypatch.setattr(pipeline, "Instruments", lambda: Instruments(lambda: made.now, made.sleep, lambda: 0.5))
    return made


def _edited() -> list[dict[str, str]]:
    """What the CRM says on the second day: two are new, each other has another name."""
    return [person(number, **{"first name": f"Anne{number}"}) for number in range(PEOPLE + 2)]


def _day_before(project: Project, **vendor: Any) -> None:
    """The vendor has everybody as they were."""
    project.configure(vendor={"batch_size": 2, "concurrency": 2} | vendor, brakes={"changed": 1})
    project.write([person(number) for number in range(PEOPLE)])
    project.sync()


def _held(vendor: Vendor) -> dict[str, str]:
    return {number: fields["first_name"] for number, fields in vendor.contacts.items()}


def _settled_with_new_name(project: Project) -> set[str]:
    """The numbers of those whose edit the ledger has for done: accepted in the second run."""
    engine = sa.create_engine(project.ledger_url)
    query = "SELECT phone_number FROM contacts WHERE state IN ('accepted', 'warned') AND run_id = 2"
    with engine.connect() as connection:
        found = set(connection.execute(sa.text(query)).scalars())
    engine.dispose()
    return found


def _comes_right(project: Project, vendor: Vendor, runs: int = 2) -> None:
    """No faults any more: after so many runs at most the vendor is as the CRM, and the next run sends nothing."""
    wanted = {e164(number): f"Anne{number}" for number in range(PEOPLE + 2)}
    assert _settled_with_new_name(project) <= {number for number, name in _held(vendor).items() if name == wanted[number]}
    vendor.faults = Faults()
    project.configure(vendor={"batch_size": 2, "concurrency": 2}, brakes={"changed": 1})
    for _ in range(runs):
        result = project.run("sync", "--json", code=None)
        if result.exit_code == 0:
            break
    assert result.exit_code == 0
    assert _held(vendor) == wanted
    assert set(accepted_by_ledger(project.ledger_url)) == set(wanted)
    quiet = project.sync()
    assert (quiet["posts"], quiet["rows"]["to_send"]) == (0, 0)


async def vendors_sleep(seconds: float) -> None:
    """What is short is over at once or in truth; an hour does not end while anybody waits."""
    if seconds >= 3600:
        await asyncio.Event().wait()
    await asyncio.sleep(seconds if seconds < 1 else 0)


@dataclass(frozen=True)
class Case:
    """Faults, and what a run with them comes to: its exit code (`None`: 0 or 3, by whom they hit), how many it calls accepted and
    unknown, whether anything reached the vendor, and a word of what it says."""

    faults: tuple[str, ...]
    code: int | None
    accepted: int | None = None
    unknown: int | None = None
    taken: bool | None = None
    says: str = ""
    vendor: tuple[tuple[str, Any], ...] = ()


ALL = PEOPLE + 2
ONE = (("tries", 1),)
HURRY = tuple(IMPATIENT.items())
CASES = [
    Case(("latency=20",), 0, ALL, 0, True),
    Case(("latency=3600",), 3, 0, ALL, True, vendor=HURRY),
    Case(("429",), 1, 0, 0, False, "too busy", ONE),
    Case(("429@0.3",), 0, ALL, 0, True),
    Case(("503@0.3",), 0, ALL, 0, True),
    Case(("500",), 3, 0, ALL, False, vendor=ONE),
    Case(("500@0.3",), 0, ALL, 0, True),
    Case(("502@0.3",), 0, ALL, 0, True),
    Case(("500-taken",), 3, 0, ALL, True, vendor=ONE),
    Case(("500-taken@0.3",), 0, ALL, 0, True),
    Case(("timeout",), 3, 0, ALL, False, vendor=HURRY),
    Case(("timeout-taken",), 3, 0, ALL, True, vendor=HURRY),
    Case(("slow=0.005",), 3, 0, ALL, True, vendor=HURRY),
    Case(("reset",), 3, 0, ALL, True, vendor=ONE),
    Case(("reset=0",), 3, 0, ALL, True, vendor=ONE),
    Case(("reset=17",), 3, 0, ALL, True, vendor=ONE),
    Case(("reset=999999",), 3, 0, ALL, True, vendor=ONE),
    Case(("reset@0.4",), 0, ALL, 0, True),
    Case(("cut",), 3, 0, ALL, True, vendor=ONE),
    Case(("cut@0.4",), 0, ALL, 0, True),
    Case(("truncated",), 3, 0, ALL, True, vendor=ONE),
    Case(("truncated=0",), 3, 0, ALL, True, vendor=ONE),
    Case(("truncated@0.4",), 0, ALL, 0, True),
    Case(("html",), 3, 0, ALL, True, vendor=ONE),
    Case(("html@0.4",), 0, ALL, 0, True),
    Case(("warning",), 3, 0, ALL, True, vendor=ONE),
    Case(("missing",), 3, None, None, True, vendor=ONE),
    Case(("missing=99",), 3, 0, ALL, True, vendor=ONE),
    Case(("missing@0.5",), None, None, None, True),
    Case(("repeated",), 3, None, None, True, vendor=ONE),
    Case(("repeated=2@0.5",), None, None, None, True),
    Case(("surplus",), 0, ALL, 0, True),
    Case(("surplus=9",), 0, ALL, 0, True),
    Case(("reordered",), 0, ALL, 0, True),
    Case(("other-keys",), 0, ALL, 0, True),
    Case(("reformatted@0.6",), None, None, None, True),
    Case(("wrong-types@0.6",), None, None, None, True),
    Case((f"poisoned={e164(4)}",), 3, ALL - 1, 1, True, vendor=ONE),
    Case(("413=300",), 0, ALL, 0, True),
    Case(("413=50",), 3, 0, ALL, False, vendor=ONE),
    Case(("huge=8000000",), 3, 0, ALL, True, vendor=ONE),
    Case(("huge=50000@0.5",), 0, ALL, 0, True),
    Case(("expired=1",), 2, None, None, True, "password"),
    Case(("429@0.2", "500-taken@0.2", "reset@0.2", "missing@0.3", "other-keys"), None, None, None, True),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "+".join(case.faults))
def test_what_the_connector_does_with_a_fault(on_sqlite: Project, vendor: Vendor, clock: Clock, case: Case) -> None:
    """A run with the fault tells the truth of each contact, and without it the next runs set everything right."""
    vendor.sleep = vendors_sleep
    _day_before(on_sqlite, **dict(case.vendor))
    on_sqlite.write(_edited())
    vendor.requests.clear()
    vendor.faults = Faults(from_options(case.faults), SEED)
    result = on_sqlite.run("sync", "--json", code=case.code)
    assert case.says in result.output
    if result.exit_code in (0, 3):
        verdicts = json.loads(result.stdout)["verdicts"]
        assert (verdicts["unknown"] == 0) == (result.exit_code == 0)
        assert case.accepted in (None, verdicts["accepted"])
        assert case.unknown in (None, verdicts["unknown"])
    else:
        assert result.exit_code == case.code
    assert case.taken is None or (set(_held(vendor).values()) != {f"Jean{n}" for n in range(PEOPLE)}) == case.taken
    assert any("fault" in entry for entry in vendor.requests)
    _comes_right(on_sqlite, vendor)


def _kinds(cases: Sequence[Case]) -> set[str]:
    return {fault.partition("@")[0].partition("=")[0] for case in cases for fault in case.faults}


def test_every_fault_is_tried() -> None:
    """No fault is without its test."""
    assert _kinds(CASES) == set(KINDS)


@pytest.mark.parametrize("fault", ["missing", "repeated", "surplus=3", "reordered", "other-keys", "reformatted", "wrong-types"])
def test_the_second_generation_reads_as_carefully(on_sqlite: Project, vendor: Vendor, clock: Clock, fault: str) -> None:
    """Entries that are spoiled in its answers make nobody accepted whom the vendor does not hold, and all comes right."""
    second = {"dialect": "insim-v1", "base_url": f"{on_sqlite.address}/api/v1"}
    on_sqlite.settings = {"vendor": second}
    _day_before(on_sqlite)
    on_sqlite.write(_edited())
    vendor.requests.clear()
    vendor.faults = Faults(from_options([fault]), SEED)
    assert on_sqlite.run("sync", code=None).exit_code in (0, 3)
    _comes_right(on_sqlite, vendor)


@pytest.mark.parametrize(("fault", "least"), [("429=7", 7.0), ("503=90", 90.0), ("429=date+40", 40.0), ("503=date+6", 6.0)])
def test_a_retry_after_is_obeyed(on_sqlite: Project, vendor: Vendor, clock: Clock, fault: str, least: float) -> None:
    """In seconds or as a date, whatever the status: the request is made again after that time, and not before."""
    _day_before(on_sqlite)
    on_sqlite.write(_edited())
    vendor.requests.clear()
    vendor.now = lambda: datetime.fromtimestamp(clock.now, UTC)
    vendor.faults = Faults(tuple(step._replace(lasts=1) for step in from_options([fault])))
    assert on_sqlite.sync()["verdicts"]["accepted"] == ALL
    assert [wait for wait in clock.waits if wait >= 2] == [least]
    _comes_right(on_sqlite, vendor)


def test_a_retry_after_beyond_our_patience_leaves_the_rest_for_the_next_run(
    on_sqlite: Project, vendor: Vendor, clock: Clock
) -> None:
    """Who asks for an hour is left alone; what was not sent is not called anything."""
    _day_before(on_sqlite)
    on_sqlite.write(_edited())
    vendor.requests.clear()
    vendor.faults = Faults(from_options(["429=3600"]))
    assert "too busy" in on_sqlite.run("sync", code=1).stderr
    assert max(clock.waits, default=0.0) < 2
    _comes_right(on_sqlite, vendor)


AGAINST_MESSAGES = [
    "500-taken",
    "reset",
    "cut",
    "truncated",
    "html",
    "warning",
    "missing",
    "repeated",
    "wrong-types",
    "huge=9000000",
]


@pytest.mark.parametrize("fault", AGAINST_MESSAGES)
def test_no_message_goes_twice_whatever_becomes_of_the_answer(on_sqlite: Project, vendor: Vendor, fault: str) -> None:
    """Each was taken once; those whose answer is spoiled are unknown, and the same command sends nothing again."""
    project = on_sqlite
    project.environment["ARDARY_ACCESS_KEY"] = PASSWORD
    project.configure(vendor={"access_key": "${ARDARY_ACCESS_KEY}", "tries": 1}, events={"zone": "Europe/Paris"})
    project.write([])
    path = project.folder / "march.csv"
    path.write_text("phone_number,message\n" + "".join(f"{e164(n)},Bonjour {n}\n" for n in range(4)), encoding="utf-8")
    words = ("sms", "send", "--file", str(path), "--any-hour", "--yes")
    vendor.faults = Faults(from_options([fault]), SEED)
    result = project.run(*words, code=None)
    assert result.exit_code in (1, 3), result.output
    vendor.faults = Faults()
    project.run(*words, code=None)
    assert sorted(taken.phone_number for taken in vendor.messages) == [e164(n) for n in range(4)]


NIGHT = """\
[[steps]]
fault = "poisoned={poisoned}"
[[steps]]
for = 8
fault = "429=3"
share = 0.5
[[steps]]
after = 8
for = 10
fault = "503=date+20"
share = 0.3
[[steps]]
after = 12
fault = "reset"
share = 0.1
[[steps]]
after = 12
fault = "500-taken"
share = 0.1
[[steps]]
after = 15
for = 30
fault = "truncated"
share = 0.3
[[steps]]
after = 20
fault = "missing=3"
share = 0.2
[[steps]]
after = 20
fault = "repeated=2"
share = 0.2
[[steps]]
after = 25
fault = "wrong-types"
share = 0.2
[[steps]]
fault = "reordered"
share = 0.3
[[steps]]
fault = "413=2500"
"""


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_bad_night_by_schedule_leaves_the_same_as_a_good_one(
    on_sqlite: Project, vendor: Vendor, clock: Clock, tmp_path: Path, seed: int
) -> None:
    """Everything at once, over two nights: nobody is called accepted whom the vendor does not hold as the CRM has him; then one
    good night ends as if all had been good, and the next sends nothing."""
    schedule = tmp_path / "night.toml"
    schedule.write_text(NIGHT.format(poisoned=e164(17)), encoding="utf-8")
    vendor.now = lambda: datetime.fromtimestamp(clock.now, UTC)
    vendor.faults = Faults(from_file(schedule), seed)
    on_sqlite.configure(vendor={"batch_size": 20})
    on_sqlite.write([person(number) for number in range(200)])
    for _ in range(2):
        on_sqlite.run("sync", code=None)
        held = {number: fields["first_name"] for number, fields in vendor.contacts.items()}
        accepted = accepted_by_ledger(on_sqlite.ledger_url)
        assert {number: f"Jean{int(key[1:])}" for number, key in accepted.items()}.items() <= held.items()
        assert e164(17) not in held
    assert len({entry.get("fault") for entry in vendor.requests}) > 6
    vendor.faults = Faults()
    on_sqlite.sync()
    assert _held(vendor) == {e164(number): f"Jean{number}" for number in range(200)}
    assert set(accepted_by_ledger(on_sqlite.ledger_url)) == set(vendor.contacts)
    assert on_sqlite.sync()["posts"] == 0
