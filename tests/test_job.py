"""The main job, through the command line, a real socket and a real ledger on each database."""

from __future__ import annotations

import json
import os
import stat

from sync_connector.sandbox.app import Vendor
from sync_connector.sandbox.faults import Faults, from_options
from tests.conftest import HEADER, PASSWORD, Project, accepted_by_ledger, e164, person


def test_what_the_vendor_holds_is_what_the_ledger_says(project: Project, vendor: Vendor) -> None:
    """After a first sync the vendor and the ledger agree number by number, and the sums add up."""
    project.write([person(n) for n in range(250)] + [person(900, mobile="12"), person(901, mobile="")])
    result = project.sync()
    assert result["rows"] == {"read": 252, "unchanged": 0, "to_send": 250, "rejected": 2, "held": 0, "in_doubt": 0}
    assert result["verdicts"] == {"sent": 250, "accepted": 250, "warned": 0, "refused": 0, "unknown": 0}
    assert result["changes"] == {"create": 250, "update": 0}
    assert result["codes"] == {"#001": 1, "#002": 1}
    assert result["status"] == "finished"
    assert set(vendor.contacts) == set(accepted_by_ledger(project.ledger_url)) == {e164(n) for n in range(250)}


def test_a_second_sync_sends_nothing_and_an_edit_sends_only_itself(project: Project, vendor: Vendor) -> None:
    """A night without changes makes no request; three edited rows make one request of three."""
    people = [person(n) for n in range(120)]
    project.write(people)
    project.sync()
    requests = len(vendor.requests)
    again = project.sync()
    assert again["rows"]["unchanged"] == 120
    assert again["posts"] == 0
    assert len(vendor.requests) == requests
    for n in (3, 50, 119):
        people[n]["city"] = "Lyon"
    project.write(people)
    edited = project.sync()
    assert edited["changes"] == {"create": 0, "update": 3}
    assert [request["contacts"] for request in vendor.requests[requests:]] == [3]
    assert vendor.contacts[e164(50)]["adress"] == "Lyon"


def test_a_row_that_changes_without_changing_the_contact_is_not_sent(project: Project, vendor: Vendor) -> None:
    """Another way of writing the same number costs a look, no request, and the next night not even the look."""
    people = [person(n) for n in range(5)]
    project.write(people)
    project.sync()
    requests = len(vendor.requests)
    people[2]["mobile"] = e164(2)
    project.write(people)
    assert project.sync()["rows"]["unchanged"] == 5
    assert project.sync()["rows"]["unchanged"] == 5
    assert len(vendor.requests) == requests


def test_too_many_gone_trips_the_brake_before_anything_is_sent(project: Project, vendor: Vendor) -> None:
    """30 % of the rows deleted: exit 4, no request, nothing recorded; --approve passes once."""
    people = [person(n) for n in range(100)]
    project.write(people)
    project.sync()
    requests = len(vendor.requests)
    project.write([*people[30:], person(500)])
    stopped = project.run("sync", code=4)
    assert "gone: 30 of 100 known contacts" in stopped.stderr
    assert "--approve" in stopped.stderr
    assert len(vendor.requests) == requests
    approved = project.sync("--approve")
    assert approved["gone"] == 30
    assert approved["stale_at_vendor"] == 30
    assert project.sync()["gone"] == 0


def test_every_other_brake(project: Project, vendor: Vendor) -> None:
    """Changed, rejected, emptied and empty each stop a run, by name, before a request is made."""
    people = [person(n) for n in range(20)]
    project.write(people)
    project.sync()
    requests = len(vendor.requests)
    project.write([p | {"city": "Lyon"} for p in people])
    assert "changed: 20 of 20" in project.run("sync", code=4).stderr
    project.write([p | {"mobile": "1"} for p in people])
    assert "rejected: 20 of 20" in project.run("sync", code=4).stderr
    project.write([])
    assert "empty: the source has no rows" in project.run("sync", code=4).stderr
    project.configure(brakes={"changed": 1})
    project.write([p | {"email": ""} for p in people])
    assert "emptied: the column 'email' was filled in 20 rows" in project.run("sync", code=4).stderr
    project.write(people, [name for name in HEADER if name != "email"])
    assert "emptied: the column 'email' was filled in 20 rows" in project.run("sync", code=4).stderr
    assert len(vendor.requests) == requests


def test_a_night_without_answers_is_no_brake_for_the_next(project: Project, vendor: Vendor) -> None:
    """The vendor took all and said nothing that could be read: the next run sends all again without anybody's word, for nothing
    changed in the CRM; an edit of all of them still stops."""
    people = [person(n) for n in range(4)]
    project.write(people)
    project.configure(vendor={"tries": 1})
    vendor.faults = Faults(from_options(["html"]))
    project.run("sync", code=3)
    assert len(vendor.contacts) == 4
    vendor.faults = Faults()
    assert project.sync()["verdicts"]["accepted"] == 4
    project.write([one | {"city": "Lyon"} for one in people])
    assert "changed: 4 of 4" in project.run("sync", code=4).stderr
    project.write([one | {"mobile": person(n)["mobile"]} for n, one in enumerate(people, 10)])
    vendor.faults = Faults(from_options(["html"]))
    project.run("sync", "--approve", code=3)
    vendor.faults = Faults()
    told = project.sync()
    assert (told["changes"], told["verdicts"]["accepted"]) == ({"create": 4, "update": 0}, 4)


def test_an_edit_of_all_to_whom_no_answer_came_is_one_of_all(project: Project, vendor: Vendor) -> None:
    """The vendor may have the contacts; what a slipped export would do to them stops as it does for any other."""
    people = [person(n) for n in range(4)]
    project.write(people)
    project.configure(vendor={"tries": 1})
    vendor.faults = Faults(from_options(["html"]))
    project.run("sync", code=3)
    vendor.faults = Faults()
    project.write([one | {"city": "Lyon"} for one in people])
    assert "changed: 4 of 4" in project.run("sync", code=4).stderr


def test_a_changed_number_leaves_the_old_one_stale(project: Project, vendor: Vendor) -> None:
    """The new number is created, the old one is listed as stale until somebody uses it again."""
    people = [person(n) for n in range(10)]
    project.write(people)
    project.sync()
    people[4] = person(4, mobile=person(77)["mobile"])
    project.write(people)
    result = project.sync()
    assert result["changes"] == {"create": 1, "update": 0}
    assert result["stale_at_vendor"] == 1
    assert json.loads(project.run("runs", "--stale", "--json").stdout) == [
        {"phone_number": e164(4), "key": "K00004", "why": "the contact changed its number"}
    ]
    assert e164(4) in vendor.contacts
    project.write([*people, person(88, mobile=person(4)["mobile"])])
    assert project.sync()["stale_at_vendor"] == 0


def test_two_contacts_can_swap_their_numbers(project: Project, vendor: Vendor) -> None:
    """Each number ends with the data of its new owner, nothing is stale, and the next night is quiet."""
    people = [person(n) for n in range(10)]
    project.write(people)
    project.sync()
    people[1]["mobile"], people[2]["mobile"] = people[2]["mobile"], people[1]["mobile"]
    project.write(people)
    assert project.sync()["stale_at_vendor"] == 0
    assert vendor.contacts[e164(1)]["first_name"] == "Jean2"
    assert vendor.contacts[e164(2)]["first_name"] == "Jean1"
    assert project.sync()["verdicts"]["sent"] == 0


def test_of_contacts_that_share_a_number_one_is_sent_and_the_others_are_held(project: Project, vendor: Vendor) -> None:
    """The newest is sent; when it leaves, the one that waited is sent in the very same run."""
    people = [person(n) for n in range(10)]
    people[3] = person(3, mobile=person(5)["mobile"], updated_at="2026-05-01T00:00:00Z")
    project.write(people)
    result = project.sync()
    assert result["rows"]["held"] == 1
    assert vendor.contacts[e164(5)]["first_name"] == "Jean3"
    assert project.sync()["rows"] == {"read": 10, "unchanged": 9, "to_send": 0, "rejected": 0, "held": 1, "in_doubt": 0}
    story = project.json("explain", "K00005")
    assert story["contacts"][0]["number_taken_by"] == "K00003"
    project.write([p for p in people if p["id"] != "K00003"])
    assert project.sync()["verdicts"]["accepted"] == 1
    assert vendor.contacts[e164(5)]["first_name"] == "Jean5"
    assert project.sync()["posts"] == 0


def test_a_newer_contact_takes_a_number_from_an_unchanged_one(project: Project, vendor: Vendor) -> None:
    """The former owner is held; when the newcomer gives the number up, the former owner gets it back."""
    people = [person(n) for n in range(10)]
    project.write(people)
    project.sync()
    newcomer = person(50, mobile=person(2)["mobile"], updated_at="2026-06-01T00:00:00Z")
    project.write([*people, newcomer])
    result = project.sync()
    assert (result["rows"]["held"], result["rows"]["unchanged"]) == (1, 9)
    assert vendor.contacts[e164(2)]["first_name"] == "Jean50"
    assert project.sync()["posts"] == 0
    project.write([*people, person(50)])
    project.sync()
    assert vendor.contacts[e164(2)]["first_name"] == "Jean2"
    assert vendor.contacts[e164(50)]["first_name"] == "Jean50"
    assert project.sync()["posts"] == 0


def test_shared_numbers_can_be_rejected_or_given_to_the_first(project: Project, vendor: Vendor) -> None:
    """`reject` sends none of them, until they no longer share; `first` sends the first row."""
    project.configure(rules={"shared_phone": "reject"})
    people = [person(1), person(2, mobile=person(1)["mobile"]), person(3), person(4), person(5)]
    project.write(people)
    assert project.sync()["rows"] == {"read": 5, "unchanged": 0, "to_send": 3, "rejected": 2, "held": 0, "in_doubt": 0}
    assert project.sync()["rows"] == {"read": 5, "unchanged": 3, "to_send": 0, "rejected": 2, "held": 0, "in_doubt": 0}
    project.write([person(1), *people[2:]])
    assert project.sync()["verdicts"]["accepted"] == 1
    assert e164(1) in vendor.contacts
    project.configure(rules={"shared_phone": "first"})
    project.write(people)
    assert project.sync()["rows"]["held"] == 1
    assert vendor.contacts[e164(1)]["first_name"] == "Jean1"


def test_rejections_are_remembered_and_reopened_by_a_correction(project: Project, vendor: Vendor) -> None:
    """A bad row is told of every night with its code and line, and is sent once it is right."""
    people = [person(n) for n in range(9)] + [person(9, mobile="06 12")]
    project.write(people)
    assert project.sync()["codes"] == {"#001": 1}
    again = project.sync()
    assert again["codes"] == {"#001": 1}
    assert again["rows"]["rejected"] == 1
    plan = project.folder / "plan.json"
    project.run("plan", "--out", str(plan))
    listed = json.loads(plan.read_text())["rejected"]
    assert [(row["key"], row["line"], row["codes"]) for row in listed] == [("K00009", 11, ["#001"])]
    project.write([person(n) for n in range(10)])
    assert project.sync()["verdicts"]["accepted"] == 1
    assert project.json("explain", "K00009")["contacts"][0]["findings"] == []


def test_rows_that_cannot_be_read_are_rejected_with_their_line_and_make_nobody_gone(project: Project, vendor: Vendor) -> None:
    """A ragged row is named; the contact it held is neither called gone nor stale."""
    project.write([person(n) for n in range(10)])
    project.sync()
    lines = project.contacts.read_text().splitlines()
    lines[5] = lines[5].rpartition(",")[0]
    project.contacts.write_text("\n".join(lines) + "\n")
    result = project.sync()
    assert result["rows"]["rejected"] == 1
    assert result["codes"] == {"ragged_row": 1}
    assert result["gone"] == 0
    project.write([person(n) for n in range(10)])
    assert project.sync()["rows"]["unchanged"] == 10


def test_rows_without_a_key_and_with_a_key_twice_are_named(project: Project, vendor: Vendor) -> None:
    """The first row of a key is sent, the second is rejected, night after night, and so is one without a key."""
    project.write([person(n) for n in range(10)] + [person(20) | {"id": "K00003"}, person(21) | {"id": " "}])
    for _ in range(2):
        result = project.sync()
        assert result["rows"]["rejected"] == 2
        assert result["codes"] == {"duplicate_key": 1, "no_key": 1}
    assert e164(20) not in vendor.contacts
    assert e164(21) not in vendor.contacts


def test_invalid_e_mail_is_dropped_or_rejects_as_the_setting_says(project: Project, vendor: Vendor) -> None:
    """By default the contact is sent without it; with `reject` it is not sent, and the change of rule reopens the row."""
    project.write([person(1, email="nobody@"), person(2), person(3)])
    assert project.sync()["codes"] == {"#004": 1}
    assert vendor.contacts[e164(1)]["email"] == ""
    project.configure(rules={"on_invalid_email": "reject"})
    result = project.sync()
    assert (result["rows"]["rejected"], result["posts"]) == (1, 0)


def test_plan_writes_nothing_and_apply_sends_exactly_it(project: Project, vendor: Vendor) -> None:
    """A plan leaves no trace; applied at once it is sent; applied after source, ledger or file moved it is refused."""
    people = [person(n) for n in range(20)]
    project.write(people)
    plan = project.folder / "plan.json"
    before = sorted(path.name for path in project.folder.iterdir())
    shown = project.json("plan")
    assert (shown["rows"]["to_send"], shown["changes"]) == (20, {"create": 20, "update": 0})
    assert sorted(path.name for path in project.folder.iterdir()) == before
    text = project.run("plan", "--out", str(plan)).stdout
    assert "Jean7" not in text
    assert stat.S_IMODE(os.stat(plan).st_mode) == 0o600
    assert len(json.loads(plan.read_text())["send"]) == 20

    plan_text = plan.read_text()
    plan.write_text(plan_text.replace("Jean7", "Jeanne"))
    assert "was edited" in project.run("sync", "--apply", str(plan), code=2).stderr
    plan.write_text(plan_text)
    project.write([*people, person(30)])
    assert "the source changed" in project.run("sync", "--apply", str(plan), code=2).stderr
    assert vendor.requests == []
    project.write(people)
    assert project.sync("--apply", str(plan))["verdicts"]["accepted"] == 20
    assert "the ledger moved" in project.run("sync", "--apply", str(plan), code=2).stderr


def test_a_wrong_password_is_tried_once_and_shown_nowhere(project: Project, vendor: Vendor) -> None:
    """One request, exit 2, one clear sentence; neither password stands in any output or file."""
    project.write([person(n) for n in range(1000)])
    project.environment["ARDARY_PASSWORD"] = "wrong-and-secret-91c"
    result = project.run("sync", code=2)
    assert len(vendor.requests) == 1
    assert "does not accept the login or the password" in result.stderr
    assert "Traceback" not in result.output
    told = result.output.encode() + b"".join(path.read_bytes() for path in project.folder.iterdir() if path.is_file())
    assert b"wrong-and-secret-91c" not in told
    assert PASSWORD.encode() not in told
    project.environment["ARDARY_PASSWORD"] = PASSWORD
    assert project.sync()["verdicts"]["accepted"] == 1000


def test_new_rules_reopen_every_row_and_send_only_what_they_change(project: Project, vendor: Vendor) -> None:
    """Another default country looks at every row again; only contacts that become others are sent."""
    people = [person(n, country="") for n in range(5)] + [person(10, country="", mobile="02 555 12 12")]
    project.write(people)
    assert project.sync("--approve")["verdicts"]["sent"] == 5
    project.configure(source={"default_country": "BE"}, brakes={"gone": 1, "changed": 1, "rejected": 1})
    result = project.sync()
    assert result["verdicts"]["sent"] == 1
    assert "+3225551212" in vendor.contacts


def test_an_account_of_its_own_for_each_login_and_host(project: Project, vendor: Vendor) -> None:
    """What was sent with one login is not taken for sent with another: the ledger begins anew."""
    project.write([person(n) for n in range(5)])
    project.sync()
    vendor.login = project.environment["ARDARY_LOGIN"] = "other@example.com"
    assert project.sync()["verdicts"]["accepted"] == 5


def test_the_second_generation_is_a_setting(project: Project, vendor: Vendor) -> None:
    """With `insim-v1` the same contacts arrive with the same fields."""
    project.configure(vendor={"dialect": "insim-v1", "base_url": f"{project.address}/api/v1"})
    project.write([person(n) for n in range(30)])
    assert project.sync()["verdicts"]["accepted"] == 30
    assert vendor.contacts[e164(7)]["first_name"] == "Jean7"
    assert vendor.requests[0]["path"] == "/api/v1/contact"
    assert project.sync()["posts"] == 0


def test_deleted_rows_are_left_out_and_counted(project: Project, vendor: Vendor) -> None:
    """A row that the CRM marks as deleted is not sent, and a contact that becomes one is gone."""
    header = [*HEADER, "deleted"]
    people = [person(n) | {"deleted": "0"} for n in range(9)] + [person(9) | {"deleted": "1"}]
    project.write(people, header)
    result = project.sync()
    assert result["left_out"] == {"deleted": 1}
    assert result["rows"]["read"] == 9
    people[0]["deleted"] = "true"
    project.write(people, header)
    assert project.sync()["gone"] == 1


def test_a_lost_key_column_or_file_is_a_sentence(project: Project, vendor: Vendor) -> None:
    """Bad input ends in exit 2 and a sentence that says what to do, never in a traceback."""
    project.write([person(1)], [name for name in HEADER if name != "id"])
    assert "no key column" in project.run("sync", code=2).stderr
    project.write([person(1)], [name for name in HEADER if name not in ("mobile", "phone")])
    assert "no phone column in the source (#003)" in project.run("sync", code=2).stderr
    project.contacts.unlink()
    assert "there is no such file" in project.run("sync", code=2).stderr
    project.contacts.write_bytes(b"")
    assert "the file is empty" in project.run("sync", code=2).stderr


def test_lines_behind_the_data_are_shown_and_neither_rejected_nor_sent(project: Project, vendor: Vendor) -> None:
    """A report's footer is counted by itself: `plan` and `sync` say so, and the counts of rows add up without it."""
    project.write([person(1), person(2)])
    with open(project.contacts, "a", encoding="utf-8") as out:
        out.write("\nMy contacts\nConfidential Information - Do Not Distribute\n")
    assert "lines behind the data that are no rows: 2" in project.run("plan").output
    result = project.sync()
    assert result["footers"] == 2
    assert (result["rows"]["read"], result["rows"]["rejected"]) == (2, 0)
    assert set(vendor.contacts) == {e164(1), e164(2)}
