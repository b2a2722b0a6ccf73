"""Runs as processes: killed, stopped, two at once. The operator's night, with a real socket and real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
import sqlalchemy as sa

from sync_connector.errors import LeaseLost
from sync_connector.ledger import leases, schema
from sync_connector.ledger.store import open_ledger
from sync_connector.sandbox.app import Vendor
from tests.conftest import LOGIN, Project, accepted_by_ledger, crm_engine, e164, person

MANY = 50_000


def start(project: Project) -> subprocess.Popen[str]:
    """`sync --json` as a process of its own."""
    words = [sys.executable, "-m", "sync_connector", "sync", "--json", "--config", str(project.config)]
    return subprocess.Popen(
        words, env=os.environ | project.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_contacts(vendor: Vendor, process: subprocess.Popen[str], count: int) -> None:
    """Until the vendor holds so many contacts; looks without pausing, since the sandbox is in this process."""
    import select

    while len(vendor.contacts) < count:
        assert process.poll() is None, process.communicate()
        select.select([], [], [], 0.01)


def test_a_killed_run_goes_on_where_it_was(on_sqlite: Project, vendor: Vendor) -> None:
    """kill -9 in the middle of 50,000 contacts, then sync: all accepted, at most the batches in flight sent twice."""
    project = on_sqlite
    project.write([person(n) for n in range(MANY)])
    process = start(project)
    wait_for_contacts(vendor, process, MANY // 3)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert len(vendor.contacts) < MANY
    recorded = len(accepted_by_ledger(project.ledger_url))
    process = start(project)
    out, err = process.communicate()
    assert process.returncode == 0, err
    result = json.loads(out)
    assert result["rows"]["unchanged"] == recorded
    assert result["verdicts"]["accepted"] == MANY - recorded
    assert set(vendor.contacts) == set(accepted_by_ledger(project.ledger_url)) == {e164(n) for n in range(MANY)}
    twice = [number for number, times in vendor.times.items() if times > 1]
    assert len(twice) <= 4 * 100, "more than the batches in flight was sent twice"
    assert max(vendor.times.values()) <= 2
    again = project.sync()
    assert (again["posts"], again["rows"]["unchanged"], again["stale_at_vendor"]) == (0, MANY, 0)


def test_a_killed_run_from_a_database_goes_on_where_it_was(on_sqlite: Project, vendor: Vendor, crm_url: str) -> None:
    """kill -9 while a CRM's database is synced, a change, then sync: all accepted, the change as well, nothing read is lost."""
    project, many = on_sqlite, 5_000
    engine = crm_engine(crm_url)
    people = [{"id": n, "mobile": e164(n)} for n in range(many)]
    with engine.begin() as crm:
        crm.execute(sa.text("CREATE TABLE people (id INTEGER PRIMARY KEY, mobile VARCHAR(20), city VARCHAR(20))"))
        crm.execute(sa.text("INSERT INTO people VALUES (:id, :mobile, 'Paris')"), people)
    (project.folder / "contacts.sql").write_text("SELECT id, mobile, city FROM people")
    project.environment["CRM_URL"] = crm_url
    source = {"type": "sql", "url": "${CRM_URL}", "path": "", "query": "contacts.sql"}
    project.configure(source=source, vendor={"rate": 20})
    process = start(project)
    wait_for_contacts(vendor, process, many // 5)
    process.kill()
    process.communicate()
    with engine.begin() as crm:
        crm.execute(sa.text("UPDATE people SET city = 'Lyon' WHERE id IN (0, 4999)"))
    project.configure(source=source)
    result = project.sync()
    assert result["rows"]["read"] == many
    assert set(vendor.contacts) == set(accepted_by_ledger(project.ledger_url)) == {e164(n) for n in range(many)}
    assert {vendor.contacts[e164(n)]["adress"] for n in (0, 4999)} == {"Lyon"}
    assert sum(times > 1 for times in vendor.times.values()) <= 4 * 100 + 1
    assert project.sync()["posts"] == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_lets_the_batches_in_flight_finish(on_sqlite: Project, vendor: Vendor, number: int, code: int) -> None:
    """SIGTERM and Ctrl-C: everything that the vendor took is in the ledger, the exit code says which, and nothing is
    sent twice afterwards."""
    project = on_sqlite
    project.write([person(n) for n in range(5_000)])
    project.configure(vendor={"rate": 20})
    process = start(project)
    wait_for_contacts(vendor, process, 300)
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == code, err
    assert "batches in flight were finished" in err
    assert 300 <= len(vendor.contacts) < 5_000
    assert set(accepted_by_ledger(project.ledger_url)) == set(vendor.contacts)
    assert project.json("runs")[0]["status"] == "stopped"
    project.configure()
    project.sync()
    assert max(vendor.times.values()) == 1
    assert len(vendor.contacts) == 5_000


def test_two_runs_at_once(project: Project, vendor: Vendor) -> None:
    """While another process holds the lease a run stops with exit 4 and says who; it takes over from a dead one, and
    from one whose lease expired."""
    project.write([person(1)])
    project.sync()
    ledger = open_ledger(project.ledger_url, write=True)
    scope = ledger.scope(LOGIN, "127.0.0.1", "crm")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        host, _, _, chance = ledger.holder.split("/")
        holder = f"{host}/{other.pid}/{leases._started(other.pid)}/{chance}"
        with ledger.engine.begin() as connection:
            leases.acquire(connection, scope.account_id, holder)
        stopped = project.run("sync", code=4)
        assert f"another run is at work on this account (process {other.pid} on {host})" in stopped.stderr
        assert "--approve" not in stopped.stderr
        project.run("sync", "--approve", code=4)
        project.run("plan", code=0)
        with ledger.engine.begin() as connection:
            connection.execute(sa.update(schema.leases).values(expires_at=0.0))
        project.sync()
        with ledger.engine.begin() as connection:
            leases.acquire(connection, scope.account_id, holder)
        assert other.stdin is not None
        other.stdin.close()
    project.sync()
    with ledger.engine.begin() as connection:
        leases.acquire(connection, scope.account_id, "elsewhere/1/2/3")
    project.run("sync", code=4)
    ledger.close()


def test_a_run_that_lost_its_lease_writes_nothing_more(project: Project, vendor: Vendor) -> None:
    """The lease is renewed in every transaction that writes, so a run that was taken for dead cannot move the ledger."""
    project.write([person(1)])
    project.sync()
    ledger = open_ledger(project.ledger_url, write=True)
    scope = ledger.scope(LOGIN, "127.0.0.1", "crm")
    with ledger.engine.begin() as connection:
        leases.acquire(connection, scope.account_id, "elsewhere/1/2/3")
    with pytest.raises(LeaseLost):
        ledger.begin(scope, 1, [])
    with pytest.raises(LeaseLost):
        ledger.mark_gone(scope, 1, [1])
    ledger.close()
