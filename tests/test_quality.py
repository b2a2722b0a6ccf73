"""The steward's report: its counts are those of the run and of the rows, it needs no more than it says, and it shows nobody."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from sync_connector import mx
from sync_connector.cli import cli
from sync_connector.ledger.store import open_ledger
from sync_connector.sandbox import app
from sync_connector.sandbox.app import Vendor
from tests.conftest import HEADER, Project, person
from tests.test_mx import NameServer, server

__all__ = ["server"]

TYPO = "jean@gmial.com"
LETTERS = "06 98 76 5O 32"
"""A number with the letter O in it, where a zero belongs."""


@pytest.fixture
def project(project: Project) -> Project:
    """One whose brakes let bad data pass: here they are the point."""
    project.settings = {"brakes": {"rejected": 1, "changed": 1, "gone": 1}}
    project.configure()
    return project


def people() -> list[dict[str, str]]:
    """Of six people two are not sent, one waits, one has a finding, and two have none."""
    return [
        person(1, **{"first name": "Jean", "last name": "Dupont"}, mobile="06 98 76 54 01"),
        person(2, **{"first name": "Anna", "last name": "Dupont"}, mobile="06 98 76 54 02", email=TYPO),
        person(3, mobile=LETTERS),
        person(4, mobile="", country="BE"),
        person(5, mobile="06 98 76 54 01", updated_at="2020-01-01T00:00:00Z", **{"first name": "Zoé"}),
        person(6, mobile="+33 6 98 76 54 06"),
    ]


def of_code(told: dict[str, Any], code: str) -> dict[str, Any]:
    """What the report tells of one code."""
    (found,) = [one for one in told["quality"]["codes"] if one["code"] == code]
    return dict(found)


def test_counts_are_those_of_the_run(project: Project, vendor: Vendor) -> None:
    """Contacts by state, findings by code, rows by column and country: all agree with what the run said, and with the rows."""
    project.write(people())
    synced = project.sync()
    told = project.json("report")
    quality = told["quality"]
    assert quality["contacts"]["accepted"] == synced["verdicts"]["accepted"] == 3
    assert quality["contacts"]["rejected"] == synced["rows"]["rejected"] == 2
    assert quality["contacts"]["held"] == synced["rows"]["held"] == 1
    assert quality["findings"]["all"] == sum(synced["findings"].values()) == sum(one["count"] for one in quality["codes"])
    assert quality["findings"]["reject"] == 2
    assert of_code(told, "domain_typo")["count"] == 1
    by_column = {one["column"]: one["reject"] for one in quality["columns"]}
    assert by_column["mobile"] == 2
    countries = {one["country"]: (one["sent"], one["not_sent"]) for one in quality["countries"]}
    assert countries == {"FR": (3, 2), "BE": (0, 1)}
    filled = {one["column"]: (one["filled"], one["field"]) for one in quality["completeness"]["columns"]}
    assert filled["mobile"] == (5, "phone_number")
    assert filled["city"] == (6, "adress")
    (shared,) = quality["shared_numbers"]["most_wanted"]
    assert (shared["contacts"], shared["owner"], shared["waiting"]) == (2, "K00001", ["K00005"])


def test_each_number_leads_to_its_rows(project: Project, vendor: Vendor) -> None:
    """A code's count is the number of rows that `rejects --code` lists, and each example is a contact that `explain` knows."""
    project.write(people())
    project.sync()
    told = project.json("report", "--show-values")
    assert len(project.json("rejects", "--code", "#001")) == of_code(told, "#001")["count"] == 1
    assert len(project.json("rejects")) == 3
    for one in told["quality"]["codes"]:
        for example in one["examples"]:
            (contact,) = project.json("explain", example["key"])["contacts"]
            assert (one["code"], example["value"]) in [(found["code"], found["value"]) for found in contact["findings"]]


def test_examples_are_masked_unless_asked_for(project: Project, vendor: Vendor) -> None:
    """No number, address or name is in the report, its page or the list of rejects, but with --show-values."""
    project.write(people())
    project.sync()
    page = project.folder / "report.html"
    for command in (["report", "--out", str(page)], ["report", "--json"], ["rejects"]):
        shown = project.run(*command).stdout + (page.read_text() if page.exists() else "")
        assert "gmial" not in shown
        assert LETTERS not in shown
        assert "698765401" not in shown.replace(" ", "")
    told = project.json("report", "--show-values")
    assert of_code(told, "domain_typo")["examples"][0]["suggestion"] == "jean@gmail.com"
    assert of_code(told, "#001")["examples"][0]["suggestion"] == "+33698765032"
    assert stat.S_IMODE(page.stat().st_mode) == 0o600


def test_what_changed_since_the_last_run(project: Project, vendor: Vendor) -> None:
    """One row is mended and one goes bad: one finding is closed, one is new, the rest is as old as it was."""
    project.write(people())
    project.sync()
    changed = people()
    changed[2]["mobile"] = "06 98 76 54 03"
    changed[5]["mobile"] = "06 12"
    project.write(changed)
    project.sync()
    told = project.json("report")["quality"]
    changes = {one["code"]: (one["before"], one["opened"], one["closed"], one["now"]) for one in told["since_last_run"]["codes"]}
    assert changes["#001"] == (1, 1, 1, 1)
    assert "#002" not in changes
    assert [run["rejected"] for run in told["trend"]] == [2, 2]


def test_a_finding_is_as_old_as_it_is(project: Project, vendor: Vendor) -> None:
    """A row that changes elsewhere keeps the age of its findings; when all is looked at anew, nothing counts as new."""
    project.write(people())
    project.sync()
    changed = people()
    changed[1]["city"] = "Lyon"
    project.write(changed)
    project.configure(rules={"on_invalid_email": "reject"})
    project.sync()
    told = project.json("report")["quality"]
    assert told["since_last_run"]["codes"] == []


def test_who_left_has_no_findings(project: Project, vendor: Vendor) -> None:
    """When a bad contact leaves the CRM, what was wrong with it is over, and its cells are in the ledger no more."""
    project.write(people())
    project.sync()
    project.write(people()[:1])
    project.sync()
    told = project.json("report")["quality"]
    assert told["codes"] == []
    assert project.json("rejects") == []
    assert told["stale_at_vendor"]["all"] == 2
    with closing(open_ledger(project.ledger_url, write=False)) as ledger, ledger.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM rejects")) == 0


def test_a_contact_that_the_vendor_refuses_is_among_the_rejects(
    project: Project, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vendor's own no is a finding with its code, and the row is there to be mended, until the vendor takes it."""
    project.write(people()[5:])
    with monkeypatch.context() as stubborn:
        stubborn.setattr(app, "judge_number", lambda _, *, national: (None, "#001"))
        assert project.sync(code=3)["verdicts"]["refused"] == 1
    (row,) = project.json("rejects")
    assert (row["key"], row["state"], row["cells"]["mobile"]) == ("K00006", "refused", "+33 6 98 76 54 06")
    assert [(found["code"], found["value"]) for found in row["findings"]] == [("#001", "+33698765406")]
    assert project.json("report")["quality"]["contacts"]["refused"] == 1
    assert project.sync()["verdicts"]["accepted"] == 1
    assert project.json("rejects") == []


def test_severities_are_settings(project: Project, vendor: Vendor) -> None:
    """A rule that is off finds nothing, one that rejects keeps its contact back; what cannot be set is told, all at once."""
    project.write(people())
    project.configure(rules={"severity": "TABLE"})
    text = project.config.read_text()
    for severity, rejected, found in (("off", 2, 0), ("reject", 3, 1), ("warn", 2, 1)):
        project.config.write_text(text.replace('severity = "TABLE"', f'severity = {{ domain_typo = "{severity}" }}'))
        plan = project.json("plan")
        assert plan["rows"]["rejected"] == rejected
        assert plan["codes"].get("domain_typo", 0) == found
    wrong = 'severity = { "#001" = "off", nonsense = "off", no_mx = "reject", domain_typo = "maybe" }'
    project.config.write_text(text.replace('severity = "TABLE"', wrong.replace(', domain_typo = "maybe"', "")))
    said = project.run("plan", code=2).stderr
    assert all(code in said for code in ("'#001'", "'nonsense'", "'no_mx'"))


def test_rules_lists_every_code() -> None:
    """`rules` tells code, severity, title and an example of each, as a table and as JSON."""
    listed = json.loads(CliRunner().invoke(cli, ["rules", "--json"]).stdout)
    assert {"#001", "shared_phone", "domain_typo", "likely_duplicate", "landline"} <= {one["code"] for one in listed}
    assert all(one["title"] and one["advice"] and one["severity"] in ("reject", "repair", "warn") for one in listed)
    assert "domain_typo" in CliRunner().invoke(cli, ["rules"]).stdout


def test_an_audit_finds_who_is_there_twice_and_each_replaces_the_last(project: Project, vendor: Vendor) -> None:
    """The same person under two keys is a finding of both, until the next audit finds them no more."""
    twins = [
        person(7, mobile="06 98 76 54 07", email="zoe@exemple.fr", **{"first name": "Zoé", "last name": "Martin"}),
        person(8, mobile="06 98 76 54 08", email="zoe@exemple.fr", **{"first name": "Zoe", "last name": "MARTIN"}),
    ]
    project.write([*people(), *twins])
    project.sync()
    (pair,) = project.json("audit")["likely_duplicates"]
    assert {pair["key"], pair["other"]} == {"K00007", "K00008"}
    assert of_code(project.json("report"), "likely_duplicate")["count"] == 2
    assert "likely the same person as K00008" in project.run("explain", "K00007").stdout
    project.write([*people(), twins[0]])
    project.sync()
    project.run("audit")
    assert "likely_duplicate" not in {one["code"] for one in project.json("report")["quality"]["codes"]}


def test_a_file_gives_the_same_page_without_anything_else(project: Project, vendor: Vendor, tmp_path: Path) -> None:
    """`report --file` in an empty folder, with no setting and no credential, counts what a first run counts."""
    project.write(people())
    project.sync()
    project.run("audit")
    ours = project.json("report", "--show-values")["quality"]
    empty = tmp_path / "empty"
    empty.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ARDARY")}
    words = ["report", "--file", str(project.contacts), "--country", "FR", "--json", "--show-values"]
    done = subprocess.run([sys.executable, "-m", "sync_connector", *words], cwd=empty, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    theirs = json.loads(done.stdout)["quality"]
    for name in ("contacts", "findings", "columns", "countries", "completeness", "shared_numbers"):
        assert theirs[name] == ours[name], name
    assert list(empty.iterdir()) == []
    counts = {(one["code"], one["severity"]): one["count"] for one in ours["codes"]}
    assert {(one["code"], one["severity"]): one["count"] for one in theirs["codes"]} == counts


def test_a_file_that_nobody_understands_is_a_sentence(tmp_path: Path) -> None:
    """A file without a phone column is refused with what is missing, and no page is written."""
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    out = tmp_path / "report.html"
    result = CliRunner().invoke(cli, ["report", "--file", str(wrong), "--out", str(out)])
    assert result.exit_code == 2
    assert "no phone column" in result.stderr
    assert not out.exists()


def test_a_page_holds_no_html_of_the_data(project: Project, vendor: Vendor) -> None:
    """A name, a key and a header that are HTML are text on the page."""
    hostile = '<img src=x onerror="alert(1)">'
    header = [*HEADER, "notes"]
    project.write([person(1, id=hostile, mobile="06 12", **{"first name": hostile}), person(2, email=f"{hostile}@x")], header)
    project.sync()
    page = project.folder / "report.html"
    for lang in ("en", "fr"):
        project.run("report", "--out", str(page), "--show-values", "--lang", lang)
        text = page.read_text()
        assert "<img" not in text
        assert "&lt;img" in text
        assert not re.search(r"<script|javascript:|onerror=\"", text)


def test_a_report_before_the_first_run_says_what_to_do(project: Project) -> None:
    """With an empty ledger the report is a page and a sentence, not a failure."""
    project.write(people())
    said = project.run("report", "--out", str(project.folder / "report.html")).stdout
    assert "sync-connector sync" in said
    assert project.json("report")["quality"]["run"] is None


def test_an_audit_asks_which_domains_take_mail(
    project: Project, vendor: Vendor, server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --check-mx each domain is asked for once: who has an address where nobody takes mail has a finding, whoever has one
    of which no server told anything has none."""
    monkeypatch.setattr(mx, "_resolver", server.resolver)
    monkeypatch.setattr("email_validator.SPECIAL_USE_DOMAIN_NAMES", [])  # or `.test` would be no address at all
    addresses = ["a@mail.test", "b@nobody.test", "c@nobody.test", "d@broken.test"]
    project.write([person(n, mobile=f"06 98 76 54 0{n}", email=address) for n, address in enumerate(addresses)])
    project.sync()
    told = project.json("audit", "--check-mx")
    assert told["domains_without_mail"] == {"nobody.test": 2}
    assert told["domains_without_answer"] == 1
    assert server.asked["nobody.test.", "MX"] == 1
    found = {example["key"] for example in of_code(project.json("report"), "no_mx")["examples"]}
    assert found == {"K00001", "K00002"}


def test_contacts_that_were_sent_are_listed_with_all(project: Project, vendor: Vendor) -> None:
    """`rejects --all --code` lists as many rows as the report counts of a code that keeps nobody back."""
    project.write(people())
    project.sync()
    assert project.json("rejects", "--code", "domain_typo") == []
    (row,) = project.json("rejects", "--all", "--code", "domain_typo")
    assert (row["key"], row["state"], row["cells"]) == ("K00002", "accepted", None)
    assert len(project.json("rejects", "--all")) == project.json("report")["quality"]["contacts_with_findings"]


def test_what_changed_since_the_last_run_is_never_less_than_nothing(project: Project, vendor: Vendor) -> None:
    """A run that fails, or an audit, finds something between two runs: it is new since the former, and nothing was mended."""
    twins = [person(1, mobile="06 98 76 54 01"), person(2, mobile="06 98 76 54 02", **{"first name": "Jean1"})]
    project.write(twins)
    project.sync()
    project.run("audit")
    project.write([*twins, person(3, mobile=LETTERS), person(4)])
    vendor.password = "another"
    project.run("sync", code=None)
    vendor.password = project.environment["ARDARY_PASSWORD"]
    project.sync()
    since = {one["code"]: one for one in project.json("report")["quality"]["since_last_run"]["codes"]}
    assert since.keys() >= {"#001", "likely_duplicate"}
    for one in since.values():
        assert one["before"] + one["opened"] - one["closed"] == one["now"]
        assert (one["opened"], one["closed"]) == (one["now"], 0)


def test_a_file_name_does_not_steer_the_terminal(tmp_path: Path) -> None:
    """A file whose name holds an escape sequence is refused with a sentence that shows it, and does not send it."""
    path = tmp_path / "contacts\x1b]0;owned\x07.csv"
    path.write_text("a,b\n1,2\n")
    said = CliRunner().invoke(cli, ["report", "--file", str(path)])
    assert said.exit_code == 2
    assert ".csv" in said.stderr
    assert not {"\x1b", "\x07"} & set(said.stderr)


def test_no_rejects_are_told_for_what_they_are(project: Project, vendor: Vendor) -> None:
    """Nothing to list is not always good news: no run has been, or none of the rows that were not sent has the code asked for."""
    assert "no run yet" in project.run("rejects").stdout
    project.write(people())
    project.sync()
    assert "no row that was not sent has a finding #004" in project.run("rejects", "--code", "#004").stdout
    project.write([person(6)])
    project.sync("--approve")
    assert "every row was sent" in project.run("rejects").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--file", "contacts.csv", "--since", "2026-01-01"], "--since"),
        (["--file", "contacts.csv", "--country", "ZZ"], "'ZZ'"),
        (["--check-mx"], "--check-mx"),
    ],
)
def test_options_that_do_not_go_together_are_a_sentence(project: Project, words: list[str], said: str) -> None:
    """What a file or a ledger cannot be asked is refused by name, and no page is written."""
    project.write(people())
    words = [str(project.contacts) if word == "contacts.csv" else word for word in words]
    out = project.folder / "none.html"
    assert said in project.run("report", *words, "--out", str(out), code=2).stderr
    assert not out.exists()
