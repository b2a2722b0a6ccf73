"""The sandbox's faults, over a real socket, against the real `sync`: whatever goes wrong, nothing is called accepted that the
vendor does not hold, and once nothing goes wrong any more the vendor has what the CRM says.

Nobody waits: repetitions take their time from a clock of ours, and a server that never answers is left after some milliseconds.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa

from sync_connector import pipeline
from sync_connector.flow.load import Instruments
from sync_connector.sandbox.app import Vendor
from sync_connector.sandbox.faults import KINDS, Faults, from_options
from tests.conftest import Project, accepted_by_ledger, e164, person

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
    Case(("latency=0.2",), 0, ALL, 0, True),
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
