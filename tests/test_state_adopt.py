"""`state adopt`: contacts are entered as being at the vendor already; nothing is sent, and the next sync is silent."""

from __future__ import annotations

from sync_connector.sandbox.app import Vendor
from tests.conftest import Project, accepted_by_ledger, e164, person


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
