"""Reading only what changed, through the command line, from each kind of database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sync_connector.sandbox.app import Vendor
from tests.conftest import LOGIN, PASSWORD, Project, accepted_by_ledger, crm_engine, e164

pytestmark = pytest.mark.usefixtures("one_engine")
MAPPING = """
crm = "test"
title = "test"
[columns]
key = ["id"]
phone = ["mobile"]
last_name = ["last_name"]
[[deleted]]
column = "deleted"
values = ["1"]
[sql]
tables = ["people"]
query = "SELECT id, mobile, last_name, touched, deleted FROM people"
modified = "touched"
"""


class Crm:
    """A table of contacts, and the commands that read it."""

    def __init__(self, url: str, project: Project) -> None:
        parsed = sa.make_url(url)
        self.engine = crm_engine(url)
        self.project = project
        kind = "TEXT" if parsed.drivername == "sqlite" else "TIMESTAMP" if parsed.drivername == "postgresql" else "DATETIME"
        columns = f"mobile VARCHAR(40), last_name VARCHAR(40), touched {kind}, deleted INT"
        self.do(f"CREATE TABLE people (id INTEGER PRIMARY KEY, {columns})")
        (project.folder / "own.toml").write_text(MAPPING)
        self.configure()

    def configure(self, **source: Any) -> None:
        """Write `sync.toml` anew."""
        self.project.environment["CRM_URL"] = self.engine.url.set(drivername=self.engine.url.get_backend_name()).render_as_string(
            hide_password=False
        )
        settings = {"type": "sql", "url": "${CRM_URL}", "path": "", "mapping": "own.toml", "overlap": 0, "default_country": "FR"}
        self.project.configure(source=settings | source)

    def do(self, statement: str) -> None:
        """What happens in the CRM."""
        with self.engine.begin() as connection:
            connection.exec_driver_sql(statement)

    def put(self, *numbers: int, touched: str = "2026-01-01 10:00:00", name: str = "Dupont") -> None:
        """Contacts that are there from now on, or changed."""
        rows = [{"id": n, "mobile": e164(n), "last_name": name, "touched": touched} for n in numbers]
        with self.engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM people WHERE id = :id"), rows)
            connection.execute(sa.text("INSERT INTO people VALUES (:id, :mobile, :last_name, :touched, 0)"), rows)

    def sync(self, *arguments: str, code: int = 0) -> Any:
        """Run `sync --json`."""
        return self.project.sync(*arguments, code=code)


@pytest.fixture
def crm(tmp_path: Path, crm_url: str, sandbox: str) -> Crm:
    """An empty CRM and an empty ledger."""
    ledger = f"sqlite:///{tmp_path / 'ledger.db'}"
    environment = {"ARDARY_LOGIN": LOGIN, "ARDARY_PASSWORD": PASSWORD, "TEST_LEDGER": ledger}
    return Crm(crm_url, Project(tmp_path, ledger, sandbox, environment))


def test_the_second_run_reads_what_changed_and_sends_only_that(crm: Crm, vendor: Vendor) -> None:
    """Of a hundred contacts one was edited and one is new: those are read, with what shares their second."""
    crm.put(*range(99))
    crm.put(99, touched="2026-01-01 11:00:00")
    first = crm.sync()
    assert (first["rows"]["read"], first["read_since"]) == (100, None)
    crm.put(7, touched="2026-01-02 10:00:00", name="Durand")
    crm.put(200, touched="2026-01-02 10:00:00")
    second = crm.sync()
    assert second["read_since"] == "2026-01-01T11:00:00+00:00"
    assert second["rows"] == {"read": 3, "unchanged": 1, "to_send": 2, "rejected": 0, "held": 0, "in_doubt": 0}
    assert second["changes"] == {"create": 1, "update": 1}
    assert second["gone"] == 0
    assert len(vendor.contacts) == 101
    shown = crm.project.run("plan").stdout
    assert "only what changed since 2026-01-02 10:00:00 UTC was read; --full reads all" in shown


def test_a_marked_row_is_gone_at_once_and_a_missing_one_with_the_next_full_read(crm: Crm) -> None:
    """A soft deletion is a change; a hard one leaves no trace, so every so many runs all is read."""
    crm.put(*range(10))
    crm.configure(full_every=3)
    assert crm.sync()["read_since"] is None
    crm.do("UPDATE people SET deleted = 1, touched = '2026-01-03 00:00:00' WHERE id = 1")
    crm.do("DELETE FROM people WHERE id = 2")
    partial = crm.sync()
    assert (partial["read_since"] is not None, partial["gone"], partial["left_out"]) == (True, 1, {"deleted": 1})
    assert crm.sync()["gone"] == 0
    full = crm.sync()
    assert (full["read_since"], full["gone"], full["stale_at_vendor"]) == (None, 1, 2)
    crm.do("DELETE FROM people WHERE id = 3")
    assert crm.sync()["gone"] == 0
    forced = crm.sync("--full")
    assert (forced["read_since"], forced["gone"]) == (None, 1)


def test_a_run_that_failed_moves_nothing(crm: Crm, vendor: Vendor) -> None:
    """While the vendor refuses the login nothing is settled, and the next run reads the same changes again."""
    crm.put(*range(5))
    crm.sync()
    crm.put(3, touched="2026-01-05 10:00:00", name="Durand")
    password, vendor.password = vendor.password, "changed"
    crm.project.run("sync", code=2)
    vendor.password = password
    again = crm.sync()
    assert again["changes"] == {"create": 0, "update": 1}
    assert vendor.contacts[e164(3)]["last_name"] == "Durand"


def test_what_the_vendor_did_not_take_is_asked_for_by_its_key(crm: Crm, vendor: Vendor) -> None:
    """A contact that is unknown or refused is offered again though its row did not change; one that left is gone."""
    crm.put(*range(5))
    crm.put(50, touched="2026-01-01 12:00:00")
    crm.sync()
    with ledger(crm) as connection:
        connection.execute("UPDATE contacts SET state = 'refused', row_fp = NULL WHERE key = '1'")
        connection.execute("UPDATE contacts SET state = 'unknown', row_fp = NULL, payload_fp = NULL WHERE key IN ('2', '3')")
    crm.do("DELETE FROM people WHERE id = 3")
    result = crm.sync()
    assert result["read_since"] is not None
    assert result["rows"] == {"read": 3, "unchanged": 2, "to_send": 1, "rejected": 0, "held": 0, "in_doubt": 0}
    assert result["gone"] == 1
    assert set(accepted_by_ledger(crm.project.ledger_url).values()) == {"0", "1", "2", "4", "50"}


def test_who_waited_for_a_number_is_sent_when_it_becomes_free(crm: Crm) -> None:
    """Its own row did not change: the owner's did."""
    crm.put(1, 2, 50)
    crm.do(f"UPDATE people SET mobile = '{e164(1)}', touched = '2025-01-01 00:00:00' WHERE id = 2")
    assert crm.sync()["rows"]["held"] == 1
    owner = accepted_by_ledger(crm.project.ledger_url)[e164(1)]
    waiting = {"1": "2", "2": "1"}[owner]
    crm.do(f"UPDATE people SET mobile = '{e164(9)}', touched = '2026-02-01 00:00:00' WHERE id = {owner}")
    result = crm.sync()
    assert result["read_since"] is not None
    accepted = accepted_by_ledger(crm.project.ledger_url)
    assert (accepted[e164(9)], accepted[e164(1)]) == (owner, waiting)


def test_a_key_that_is_marked_as_deleted_in_one_row_and_lives_in_another_is_not_gone(crm: Crm) -> None:
    """A query that gives a contact twice, once as deleted, says that it is there: a read of changes as well as a full one."""
    once = "SELECT id, mobile, last_name, touched, deleted FROM people"
    twice = f"{once} UNION ALL {once.replace('deleted', '1')}"
    (crm.project.folder / "own.toml").write_text(MAPPING.replace(once, twice))
    crm.put(*range(5))
    crm.put(50, touched="2026-01-01 12:00:00")
    assert crm.sync()["rows"]["to_send"] == 6
    crm.put(3, touched="2026-01-02 10:00:00", name="Durand")
    result = crm.sync()
    assert (result["read_since"] is not None, result["gone"], result["changes"]["update"]) == (True, 0, 1)


def test_while_a_key_stands_twice_all_is_read(crm: Crm) -> None:
    """Of two rows with one key the first counts: a read of changes, which may meet the other alone, is not trusted."""
    crm.put(*range(9))
    once = "SELECT id, mobile, last_name, touched, deleted FROM people"
    twice = f"{once} UNION ALL {once.replace('SELECT id', 'SELECT 1')} WHERE id = 2"
    (crm.project.folder / "own.toml").write_text(MAPPING.replace(once, twice))
    assert crm.sync()["codes"]["duplicate_key"] == 1
    assert crm.sync()["read_since"] is None
    crm.do("DELETE FROM people WHERE id = 2")
    crm.sync()
    assert crm.sync()["read_since"] is not None


def test_a_row_without_a_key_is_told_of_until_a_full_read_does_not_meet_it(crm: Crm) -> None:
    """A read of changes that does not meet it says nothing of it; one that meets it again counts it once, as old as it is."""
    keyless = MAPPING.replace("SELECT id", "SELECT CASE id WHEN 3 THEN NULL WHEN 50 THEN NULL ELSE id END AS id")
    (crm.project.folder / "own.toml").write_text(keyless)
    crm.put(*range(9))
    crm.put(50, touched="2026-01-01 12:00:00")
    assert crm.sync()["findings"] == {"no_key": 2}
    crm.put(60, touched="2026-01-02 12:00:00")
    partial = crm.sync()
    assert (partial["read_since"] is not None, partial["codes"], partial["findings"]) == (True, {"no_key": 1}, {"no_key": 2})
    crm.put(61, touched="2026-01-03 12:00:00")
    assert crm.sync()["findings"] == {"no_key": 2}
    told = crm.project.json("report")["quality"]
    assert (told["rows_without_key"], told["since_last_run"]["codes"]) == (2, [])
    assert (told["completeness"]["run"], told["completeness"]["rows"]) == (1, 10)
    crm.do("DELETE FROM people WHERE id = 3")
    assert crm.sync("--full")["findings"] == {"no_key": 1}


def test_a_plan_of_changes_is_applied_as_it_was_reviewed(crm: Crm, vendor: Vendor) -> None:
    """It is sent as it is; a row that is marked as deleted since, or another kind of read, is a reason to refuse."""
    crm.put(*range(9))
    crm.put(50, touched="2026-01-01 12:00:00")
    crm.sync()
    crm.put(3, touched="2026-01-02 10:00:00", name="Durand")
    plan = str(crm.project.folder / "plan.json")
    crm.project.run("plan", "--out", plan)
    assert "say --full if" in crm.project.run("sync", "--apply", plan, "--full", code=2).stderr
    crm.do("UPDATE people SET deleted = 1, touched = '2026-01-02 10:00:00' WHERE id = 1")
    assert "the source changed" in crm.project.run("sync", "--apply", plan, code=2).stderr
    crm.do("UPDATE people SET deleted = 0, touched = '2026-01-01 10:00:00' WHERE id = 1")
    assert crm.sync("--apply", plan)["changes"] == {"create": 0, "update": 1}
    assert vendor.contacts[e164(3)]["last_name"] == "Durand"


def test_who_was_marked_as_deleted_and_is_restored_is_there_again(crm: Crm, vendor: Vendor) -> None:
    """It was gone, it is not any more, and nothing is sent: the vendor has it."""
    crm.put(*range(9))
    crm.sync()
    crm.do("UPDATE people SET deleted = 1, touched = '2026-01-02 10:00:00' WHERE id = 1")
    assert crm.sync()["stale_at_vendor"] == 1
    crm.do("UPDATE people SET deleted = 0, touched = '2026-01-03 10:00:00' WHERE id = 1")
    restored = crm.sync()
    assert (restored["posts"], restored["stale_at_vendor"], restored["gone"]) == (0, 0, 0)
    assert accepted_by_ledger(crm.project.ledger_url)[e164(1)] == "1"


def test_another_mapping_reads_everything_again(crm: Crm) -> None:
    """A position says nothing about rules that did not read up to it."""
    crm.put(*range(5))
    crm.put(50, touched="2026-01-01 12:00:00")
    crm.sync()
    assert crm.sync()["read_since"] is not None
    (crm.project.folder / "other.toml").write_text(MAPPING.replace("last_name =", "full_name ="))
    crm.configure(mapping="other.toml")
    assert crm.sync()["read_since"] is None


def test_one_bad_row_of_few_that_changed_trips_no_brake(crm: Crm) -> None:
    """Shares are of all contacts, not of the handful that changed."""
    crm.put(*range(20))
    crm.put(50, touched="2026-01-01 12:00:00")
    crm.sync()
    crm.do("UPDATE people SET mobile = '12', touched = '2026-03-01 00:00:00' WHERE id = 1")
    result = crm.sync()
    assert (result["rows"]["rejected"], result["codes"]) == (1, {"#001": 1})


@contextmanager
def ledger(crm: Crm) -> Iterator[sqlite3.Connection]:
    """The ledger, to be put into a state that faults leave behind."""
    with closing(sqlite3.connect(crm.project.ledger_url.removeprefix("sqlite:///"))) as connection, connection:
        yield connection


def test_explain_asks_for_the_row_of_a_contact(crm: Crm) -> None:
    """Of a database that can be asked by key the row is found so, as it stands now; by number all are looked at."""
    crm.put(*range(5))
    crm.sync()
    crm.put(3, touched="2026-02-01 10:00:00", name="Durand")
    told = crm.project.json("explain", "3")
    assert [row["contact"]["last_name"] for row in told["rows"]] == ["Durand"]
    assert [contact["number_at_vendor"] for contact in told["contacts"]] == [e164(3)]
    crm.put(9)
    assert [row["key"] for row in crm.project.json("explain", e164(9))["rows"]] == ["9"]
