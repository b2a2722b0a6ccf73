"""`state adopt`: contacts are entered as being at the vendor already; nothing is sent, and the next sync is silent."""

from __future__ import annotations

from contextlib import closing

from sync_connector.ledger.store import open_ledger
from sync_connector.sandbox.app import Vendor
from sync_connector.sandbox.faults import Faults, from_options
from tests.conftest import Project, accepted_by_ledger, e164, person
from tests.test_changes import Crm
from tests.test_changes import crm as crm  # the fixture


def test_after_it_a_sync_sends_nothing_and_an_edit_is_an_update(project: Project, vendor: Vendor) -> None:
    """What a plan would send is accepted in the ledger, with a verdict that says how; what it would not send is told of."""
    people = [person(n) for n in range(30)] + [person(40, mobile="none"), person(41, mobile=person(1)["mobile"])]
    project.write(people)
    planned = project.json("plan")["rows"]
    told = project.json("state", "adopt", "--yes")
    assert told["adopted"] == told["rows"]["to_send"] == planned["to_send"] == 30
    assert vendor.contacts == {}
    assert vendor.requests == []
    assert len(accepted_by_ledger(project.ledger_url)) == 30
    quiet = project.sync()
    assert quiet["verdicts"]["sent"] == quiet["posts"] == 0
    assert quiet["rows"]["rejected"] == 1
    assert quiet["rows"]["held"] == 1
    people[3] = person(3, city="Lyon", **{"last name": "Durand"})
    project.write(people)
    edited = project.sync()
    assert edited["changes"] == {"create": 0, "update": 1}
    assert set(vendor.contacts) == {e164(3)}
    verdicts = project.json("explain", "K00003")["contacts"][0]["verdicts"]
    assert [(one["change"], one["verdict"]) for one in verdicts] == [("adopted", "accepted"), ("update", "accepted")]
    assert project.json("state", "verify")["ok"]
    assert project.json("runs")[-1]["result"]["adopted"] == 30


def test_it_asks_first_and_the_brakes_hold(project: Project) -> None:
    """Without a word nothing moves: not without --yes, and not past a brake without --approve."""
    project.write([person(n) for n in range(10)])
    asked = project.run("state", "adopt", code=4)
    assert "10" in asked.stdout
    assert "must be confirmed" in asked.stderr
    assert accepted_by_ledger(project.ledger_url) == {}
    project.run("state", "adopt", "--yes")
    project.write([person(n, **{"last name": "Durand"}) for n in range(10)])
    assert "nothing was adopted" in project.run("state", "adopt", "--yes", code=4).stderr
    assert project.json("plan")["changes"]["update"] == 10
    assert project.json("state", "adopt", "--yes", "--approve")["adopted"] == 10
    assert project.sync()["verdicts"]["sent"] == 0


def test_it_needs_no_password_of_the_vendor(project: Project) -> None:
    """Nothing is sent, so nothing that sends is asked for."""
    del project.environment["ARDARY_PASSWORD"]
    project.write([person(1)])
    assert project.json("state", "adopt", "--yes")["adopted"] == 1


def test_adopting_twice_changes_nothing(project: Project) -> None:
    """The second finds nothing to send."""
    project.write([person(n) for n in range(3)])
    project.run("state", "adopt", "--yes")
    assert project.json("state", "adopt")["adopted"] == 0


def test_whom_we_sent_ourselves_is_not_adopted_unawares(project: Project, vendor: Vendor) -> None:
    """Neither who is unknown or refused nor an edit becomes accepted by a slip of the hand: that is a brake. An edit of who was
    adopted may be adopted too."""
    project.configure(vendor={"tries": 1}, brakes={"changed": 1})
    people = [person(n) for n in range(6)]
    project.write(people[:2])
    project.run("state", "adopt", "--yes")
    project.write(people[:4])
    project.sync()
    vendor.faults = Faults(from_options(["html"]))
    project.write(people)
    project.sync(code=3)
    vendor.faults = Faults()
    people[1] = person(1, city="Lyon", **{"last name": "Durand"})
    project.write([*people, person(9)])
    told = project.run("state", "adopt", "--yes", code=4).stderr
    assert "2 of the contacts to adopt were sent by this ledger before (2 unknown)" in told
    people[3] = person(3, **{"last name": "Durand"})
    project.write([*people, person(9)])
    told = project.run("state", "adopt", "--yes", code=4).stderr
    assert "(1 accepted, 2 unknown)" in told
    assert "nothing was adopted" in told
    assert project.sync()["verdicts"]["accepted"] == 5
    assert vendor.contacts[e164(3)]["last_name"] == "Durand"
    people[1] = person(1, **{"last name": "Martin"})
    project.write([*people, person(9)])
    assert "(1 accepted)" in project.run("state", "adopt", "--yes", code=4).stderr
    assert project.json("state", "adopt", "--yes", "--approve")["adopted"] == 1


def test_nobody_is_adopted_while_a_run_is_at_work(project: Project) -> None:
    """What is under way would be settled twice."""
    project.write([person(1)])
    with closing(open_ledger(project.ledger_url, write=True)) as other:
        other.holder = "elsewhere/1/2/3"
        with other.lease(other.make_scope("demo@example.com", "127.0.0.1", "crm")):
            assert "another run is at work" in project.run("state", "adopt", "--yes", code=4).stderr
    assert accepted_by_ledger(project.ledger_url) == {}


def test_a_source_that_is_read_by_its_changes_is_read_on_from_there(crm: Crm, vendor: Vendor) -> None:
    """The position moves with what was adopted: the next run reads what changed since, and sends that alone."""
    crm.put(*range(5))
    assert crm.project.json("state", "adopt", "--yes")["adopted"] == 5
    crm.put(3, touched="2026-02-01 10:00:00", name="Durand")
    crm.put(7, touched="2026-02-01 10:00:00")
    told = crm.sync()
    assert (told["read_since"] is not None, told["changes"]) == (True, {"create": 1, "update": 1})
    assert set(vendor.contacts) == {e164(3), e164(7)}
