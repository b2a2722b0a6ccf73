"""What becomes of contacts to which the vendor gave no trustworthy answer, where the source's policy is to hold them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sync_connector import planning
from sync_connector.config import Rules
from sync_connector.sandbox.app import Vendor
from sync_connector.sandbox.faults import Faults, from_options
from tests import test_singer_job as singer
from tests.conftest import Project, e164, person
from tests.sources.test_singer import state
from tests.test_crashes import Company, Holding, HoldingWithDatabase

pytestmark = pytest.mark.usefixtures("one_engine")
LOST = ["lose the answer"] * 40
LATER = "2026-02-01T00:00:00Z"
both_kinds = pytest.mark.parametrize("kind", [Holding, HoldingWithDatabase])


def _plain(number: int, **changes: str) -> dict[str, str]:
    return person(number, **{"email": ""} | changes)


def _doubtful(company: Company, *numbers: int, **changes: str) -> None:
    """So many contacts were sent, the vendor took them, and nobody heard of it; others are settled."""
    for n in range(100, 103):
        company.put(_plain(n))
    company.run([])
    for n in numbers:
        company.put(_plain(n, **changes))
    company.run(LOST)
    assert set(company.doubted) == {f"K{n:05d}" for n in numbers}


def _rows(company: Company, *, posts: int = 0, **asked: bool) -> dict[str, int]:
    result, made = company.run([], **asked)
    assert made == posts
    rows: dict[str, int] = result.plan.rows
    return rows


def _stale(company: Company) -> set[str]:
    with company.opened() as ledger:
        scope = ledger.scope(*planning.scope_names(company.settings))
        return {number.phone_number for number in ledger.stale(scope)}


def _states(company: Company) -> dict[str, str]:
    with company.opened() as ledger, ledger.engine.connect() as connection:
        return {row.key: row.state for row in connection.execute(sa.text("SELECT key, state FROM contacts"))}


@both_kinds
def test_a_contact_in_doubt_is_not_sent_until_its_row_changes(tmp_path: Path, ledger_url: str, kind: type[Company]) -> None:
    """Night after night it is counted, and nothing is sent; once it is edited, what it is now is sent and settled."""
    company = kind(tmp_path, ledger_url)
    _doubtful(company, 1, 2)
    for _ in range(3):
        assert _rows(company)["in_doubt"] == 2
    company.put(_plain(1, city="Lyon"))
    rows = _rows(company, posts=1)
    assert (rows["to_send"], rows["in_doubt"]) == (1, 1)
    assert company.vendor.contacts[e164(1)]["adress"] == "Lyon"
    assert set(company.doubted) == {"K00002"}
    company.check_quiet()


@both_kinds
def test_a_person_releases_all_that_are_in_doubt_this_once(tmp_path: Path, ledger_url: str, kind: type[Company]) -> None:
    """They are sent; should that be in vain as well, they are in doubt again."""
    company = kind(tmp_path, ledger_url)
    _doubtful(company, 1, 2)
    company.run(LOST, resend_unknown=True)
    assert _rows(company)["in_doubt"] == 2
    assert _rows(company, posts=1, resend_unknown=True)["to_send"] == 2
    result, _ = company.run([])
    assert result.is_settled
    company.check_quiet()


def test_back_on_resend_the_next_run_sends_them(tmp_path: Path, ledger_url: str) -> None:
    """And a policy that holds holds what was unknown before it was set."""
    company = Company(tmp_path, ledger_url)
    _doubtful(company, 1)
    holding = company.settings.source.model_copy(update={"on_unknown": "hold"})
    resending, company.settings = company.settings, company.settings.model_copy(update={"source": holding})
    assert _rows(company)["in_doubt"] == 1
    company.settings = resending
    assert _rows(company, posts=1)["to_send"] == 1


@both_kinds
@pytest.mark.parametrize("is_new", [True, False])
def test_what_a_dead_run_left_in_flight_is_held(tmp_path: Path, ledger_url: str, kind: type[Company], is_new: bool) -> None:
    """The process died before it could write down the verdict: a contact that the ledger never knew is in doubt as one that it
    knew is, in the plan already, and in the run after that."""
    company = kind(tmp_path, ledger_url)
    for n in range(100, 103):
        company.put(_plain(n))
    if not is_new:
        company.put(_plain(1))
    company.run([])
    company.put(_plain(1, city="Lyon"))
    company.run([], 5)  # start_run, forget_keyless, displace, begin, settle
    assert company.vendor.contacts[e164(1)]["adress"] == "Lyon"
    assert set(company.doubted) == {"K00001"}
    for _ in range(2):
        rows = _rows(company)
        assert (rows["in_doubt"], rows["to_send"]) == (1, 0)
    company.check_quiet()


def test_a_note_of_an_earlier_version_is_sent(tmp_path: Path, ledger_url: str) -> None:
    """It does not say how the row was, so that nobody could tell whether it has changed since."""
    company = Holding(tmp_path, ledger_url)
    company.put(_plain(1))
    company.run([], 5)
    with company.opened() as ledger, ledger.engine.begin() as connection:
        connection.execute(sa.text("UPDATE in_flight SET contacts = :pairs"), {"pairs": json.dumps([["K00001", e164(1)]])})
    company.doubted.clear()
    assert _rows(company, posts=1)["to_send"] == 1


@both_kinds
def test_a_number_in_doubt_is_not_anybodys(tmp_path: Path, ledger_url: str, kind: type[Company]) -> None:
    """Who shares it by an older row waits for it, each night anew; by a newer row he takes it, and the other waits."""
    company = kind(tmp_path, ledger_url)
    _doubtful(company, 1, updated_at=LATER)
    company.put(_plain(2, mobile=person(1)["mobile"]))
    for _ in range(2):
        rows = _rows(company)
        assert (rows["held"], rows["in_doubt"], rows["to_send"]) == (1, 1, 0)
    company.put(_plain(2, mobile=person(1)["mobile"], updated_at="2026-03-01T00:00:00Z"))
    rows = _rows(company, posts=1)
    assert (rows["held"], rows["in_doubt"], rows["to_send"]) == (1, 0, 1)
    assert company.vendor.contacts[e164(1)]["first_name"] == "Jean2"
    assert _states(company)["K00001"] == "held"
    company.check_quiet()


@both_kinds
def test_a_renumbered_contact_in_doubt_leaves_its_old_number_stale(tmp_path: Path, ledger_url: str, kind: type[Company]) -> None:
    """The vendor has it under the old one for certain; the new one is the CRM's, until the contact leaves it."""
    company = kind(tmp_path, ledger_url)
    company.put(_plain(1))
    company.run([])
    company.put(_plain(1, mobile=person(2)["mobile"]))
    company.put(_plain(50))
    company.run(LOST)
    assert _rows(company)["in_doubt"] == 2
    assert _stale(company) == {e164(1)}
    del company.rows["K00001"]
    company.order.remove("K00001")
    assert _rows(company)["in_doubt"] == 1
    assert _stale(company) == {e164(1), e164(2)}
    company.check_quiet()


@both_kinds
def test_one_that_leaves_the_crm_is_told_of(tmp_path: Path, ledger_url: str, kind: type[Company]) -> None:
    """The vendor may have it, so its number is stale; nothing is in doubt any more."""
    company = kind(tmp_path, ledger_url)
    _doubtful(company, 1)
    del company.rows["K00001"]
    company.order.remove("K00001")
    assert _rows(company)["in_doubt"] == 0
    assert _stale(company) == {e164(1)}
    company.check_quiet()


def test_other_rules_release_nobody(tmp_path: Path, ledger_url: str) -> None:
    """Every row is looked at anew, and those in doubt are as they were, even where the new rules reject them; that comes out
    when they are released."""
    company = Holding(tmp_path, ledger_url)
    _doubtful(company, 1, email="nonsense")
    company.settings = company.settings.model_copy(update={"rules": Rules(on_invalid_email="reject")})
    rows = _rows(company)
    assert (rows["in_doubt"], rows["unchanged"], rows["rejected"]) == (1, 3, 0)
    rows = _rows(company, resend_unknown=True)
    assert (rows["in_doubt"], rows["rejected"]) == (0, 1)


def test_a_correction_is_a_release(tmp_path: Path, ledger_url: str) -> None:
    """What a person wrote into the sheet is another row than the one that was sent."""
    company = Holding(tmp_path, ledger_url)
    _doubtful(company, 1, 2)
    company.correct("K00001", person(7)["mobile"])
    rows = _rows(company, posts=1)
    assert (rows["to_send"], rows["in_doubt"]) == (1, 1)
    assert e164(7) in company.vendor.contacts
    assert _stale(company) == {e164(1)}
    company.check_quiet()


def _hold(project: Project, vendor: Vendor, **source: str) -> Any:
    """A first night whose only answer leaves its contact out; what it came to."""
    project.configure(source={"on_unknown": "hold", **source}, brakes={"changed": 1})
    project.write([person(1)])
    vendor.faults = Faults(from_options(["missing=1"]))
    result = project.sync(code=3)
    vendor.faults = Faults()
    return result


def test_they_are_counted_and_told_of_wherever_there_is_something_to_tell(project: Project, vendor: Vendor) -> None:
    """`sync`, `plan`, its file, `explain`, `runs`, `report`: in doubt, and how to release them. Exit 3 while there are any, quiet
    as the night may be."""
    assert _hold(project, vendor)["verdicts"]["unknown"] == 1
    quiet = project.sync(code=3)
    assert (quiet["rows"]["in_doubt"], quiet["verdicts"]["sent"], quiet["verdicts"]["unknown"]) == (1, 0, 0)
    assert quiet["on_unknown"] == "hold"
    said = project.run("sync", code=3).output
    assert "1  in doubt" in said
    assert "1 contact is in doubt: the vendor gave no trustworthy answer" in said
    assert project.json("plan")["rows"]["in_doubt"] == 1
    assert "sync --resend-unknown" in project.run("plan", "--out", str(project.folder / "plan.json")).output
    (listed,) = json.loads((project.folder / "plan.json").read_text())["in_doubt"]
    assert (listed["key"], listed["number"]) == ("K00001", e164(1))
    (told,) = project.json("explain", "K00001")["contacts"]
    assert (told["state"], told["in_doubt"], told["perhaps_at_vendor"]) == ("unknown", True, e164(1))
    assert (told["waits_for_number"], told["number_taken_by"]) == (None, None)
    explained = " ".join(project.run("explain", "K00001").output.split())
    assert f"it was sent as {e164(1)}, and no trustworthy answer came: it is in doubt" in explained
    assert "the vendor has it under" not in explained
    assert "in doubt" in project.run("runs").output
    assert project.json("report")["quality"]["in_doubt"] == 1
    page = str(project.folder / "report.html")
    assert "1 contact is in doubt" in project.run("report", "--out", page).output
    assert project.json("rejects") == []
    assert project.json("state", "verify")["ok"]
    project.configure()
    assert "the next run sends it again" in project.run("explain", "K00001").output
    assert project.json("report")["quality"]["in_doubt"] == 0


def test_a_plan_that_releases_them_is_applied_with_the_same_word(project: Project, vendor: Vendor) -> None:
    """Without it nothing is sent; with it they are, and the next night is quiet, and exits with 0."""
    _hold(project, vendor)
    reviewed = str(project.folder / "plan.json")
    project.run("plan", "--resend-unknown", "--out", reviewed)
    refused = project.run("sync", "--apply", reviewed, code=2)
    assert "--resend-unknown" in refused.output
    assert project.sync("--apply", reviewed, "--resend-unknown")["verdicts"]["accepted"] == 1
    assert project.sync()["rows"]["in_doubt"] == 0
    assert "in doubt" not in project.run("sync").output


def test_whom_a_person_saw_at_the_vendor_is_adopted(project: Project, vendor: Vendor) -> None:
    """`state adopt` takes those in doubt for accepted, and sends nothing; one that was edited since is a brake: the vendor has
    not got the edit."""
    _hold(project, vendor)
    before = len(vendor.requests)
    project.write([person(1, city="Lyon")])
    assert "sent by this ledger before (1 unknown)" in project.run("state", "adopt", "--yes", code=4).stderr
    project.write([person(1)])
    assert project.json("state", "adopt", "--yes")["adopted"] == 1
    assert len(vendor.requests) == before
    assert project.sync()["rows"]["unchanged"] == 1


def test_a_tap_starts_over_before_one_in_doubt(project: Project, vendor: Vendor) -> None:
    """Its record must come again, or nobody could release it: no STATE behind it is given back."""
    project.configure(source={"on_unknown": "hold"}, brakes={"changed": 1})
    vendor.faults = Faults(from_options(["missing=1"]))
    messages = [singer.SCHEMA, state({"at": 0}), singer.contact(1), state({"at": 1})]
    assert singer.sync(project, messages, code=3)[1] == [{"at": 0}]
    vendor.faults = Faults()
    result, states = singer.sync(project, messages, code=3)
    assert (result["rows"]["in_doubt"], states) == (1, [{"at": 0}])
    assert singer.sync(project, messages, "--resend-unknown")[1] == [{"at": 1}]
