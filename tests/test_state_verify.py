"""`state verify`: a ledger in which all is well says so, and whatever is wrong in one is named with what to do."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from sync_connector.ledger.messages import MessageBook, Outbound
from sync_connector.ledger.schema import metadata
from sync_connector.ledger.store import open_ledger
from sync_connector.ledger.sums import SUMS, Sum
from sync_connector.model import Manner, Message, MessageReply, Verdict
from tests.conftest import Project, e164, person
from tests.test_pulling import NOON, Way, call, status
from tests.test_pulling import way as way  # the fixture


def full_life(way: Way) -> Way:
    """Contacts in several states, messages, events, an opt-out: something in nearly every table."""
    people = [person(n) for n in range(6)] + [person(7, mobile="no number"), person(8, mobile=person(1)["mobile"])]
    way.project.write(people)
    way.project.sync("--approve")
    book = MessageBook(way.ledger, way.account)
    sent = [Outbound(Message(f"sms-{n}", e164(n), "Bonjour"), "spring", f"to {n}", 1, None, f"K{n:05d}", "crm") for n in range(3)]
    with way.ledger.lease(way.ledger.scope("demo@example.com", "127.0.0.1", "crm"), "sms"):
        book.begin(sent, Manner(), NOON)
        book.settle(sent, [MessageReply(Verdict.ACCEPTED)] * 3, NOON)
    book.opt_out(e164(5), NOON)
    told = [status("sms-1", e164(1), said, "2026-03-02T10:00:00Z") for said in ("sent", "received")]
    way.arrive(call(e164(1)), *told, call("+33699999999"), "nonsense", call(e164(1)))
    way.pull()
    return way


def mutate(url: str, *statements: str) -> None:
    """Somebody writes into the ledger past us; in SQLite foreign keys do not hold then."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    engine.dispose()


def wrong(project: Project) -> dict[str, str]:
    """Check → its sentences, of those that found something."""
    told = project.json("state", "verify", code=1)
    assert told["ok"] is False
    return {check["check"]: " ".join(check["wrong"]) for check in told["checks"] if check["wrong"]}


def test_all_is_well_after_a_full_life(way: Way) -> None:
    """Every check passes, each with its count, on screen and as JSON, and nothing is written."""
    full_life(way)
    told = way.project.json("state", "verify")
    counts = {check["check"]: check["count"] for check in told["checks"]}
    assert told["ok"]
    assert counts["owners"] == 6
    assert counts["contacts: state"] == 8
    assert counts["events: status_of"] == counts["events: same_as"] == 1
    assert counts["messages: state"] == 3
    assert {each.name for each in SUMS} <= set(counts)
    assert "all is well" in way.project.run("state", "verify").stdout


MUTATIONS = {
    "contacts: state": "UPDATE contacts SET state = 'happy' WHERE key = 'K00001'",
    "contacts: run_id": "UPDATE contacts SET run_id = 99",
    "contacts: held": "UPDATE contacts SET wanted_number = NULL",
    "runs: status": "UPDATE runs SET status = 'asleep'",
    "runs: running": "UPDATE runs SET status = 'running'",
    "verdicts: change": "UPDATE verdicts SET change = 'moved'",
    "verdicts: verdict": "UPDATE verdicts SET verdict = 'maybe'",
    "verdicts: contact_id": "UPDATE verdicts SET contact_id = 99 WHERE id = 1",
    "rejects: contact_id": "UPDATE rejects SET contact_id = 99 WHERE id = 1",
    "findings: contact_id": "UPDATE findings SET contact_id = 99 WHERE id = 1",
    "findings: severity": "UPDATE findings SET severity = 'dire'",
    "overlays: key": (
        "INSERT INTO overlays (source_id, key, fingerprint, cells, kept, run_id) SELECT 1, 'nobody', 'x', '{}', true, 1 FROM runs"
    ),
    "events: kind": "UPDATE events SET kind = 'dream' WHERE id = 1",
    "events: matched": "UPDATE events SET matched = 'perhaps' WHERE id = 1",
    "events: clock": "UPDATE events SET clock = 'broken' WHERE id = 1",
    "events: same_as": "UPDATE events SET same_as = 'none-1-x' WHERE same_as IS NOT NULL",
    "events: status_of": "UPDATE events SET status_of = 'none-1-x' WHERE status_of IS NOT NULL",
    "events: message_id": "UPDATE events SET message_id = 99 WHERE message_id IS NOT NULL",
    "bindings: contact_id": "UPDATE bindings SET contact_id = 99",
    "messages: state": "UPDATE messages SET state = 'lost' WHERE id = 1",
    "messages: mode": "UPDATE messages SET mode = 'play' WHERE id = 1",
    "messages: settled": "UPDATE messages SET settled_at = NULL WHERE id = 1",
    "messages: begun": "UPDATE messages SET state = 'begun', settled_at = NULL WHERE id = 1",
    "in_flight": "INSERT INTO in_flight (account_id, source_id, run_id, contacts) SELECT account_id, id, 1, '[]' FROM sources",
    "cursors": "UPDATE cursors SET sequence = 2",
    "sinks": "UPDATE sinks SET up_to = 99",
    "outbox": "INSERT INTO outbox (sink_id, event_id, delivery, tries) SELECT id, 1, 99, 0 FROM sinks",
    "leases": "INSERT INTO leases (account_id, purpose, holder, expires_at) SELECT id, 'pull', 'there/1/2/3', 0 FROM accounts",
}


def test_whatever_is_wrong_is_named_with_what_to_do(way: Way) -> None:
    """Each kind of wrong row is found by its own check, and only while it is there."""
    full_life(way)
    assert set(MUTATIONS) | {"owners"} == {each.name for each in SUMS} | {"leases"}
    with way.ledger.engine.connect() as connection:
        kept = {table: [dict(row._mapping) for row in connection.execute(sa.select(table))] for table in metadata.sorted_tables}
    for name, statement in MUTATIONS.items():
        mutate(way.project.ledger_url, statement)
        found = wrong(way.project)
        assert name in found, name
        assert ";" in found[name]
        with way.ledger.engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(sa.delete(table))
            for table, rows in kept.items():
                if rows:
                    connection.execute(sa.insert(table), rows)
    assert way.project.json("state", "verify")["ok"]


def test_a_number_with_two_owners_is_found_though_the_index_is_gone(project: Project) -> None:
    """The sum looks at the table, and the schema's check says which constraint is not there."""
    project.write([person(n) for n in range(3)])
    project.sync()
    mutate(project.ledger_url, "UPDATE contacts SET phone_number = NULL WHERE key = 'K00002'")
    if project.ledger_url.startswith("sqlite"):
        mutate(
            project.ledger_url,
            "CREATE TABLE other AS SELECT * FROM contacts",
            "DROP TABLE contacts",
            "ALTER TABLE other RENAME TO contacts",
        )
    else:
        mutate(project.ledger_url, "ALTER TABLE contacts DROP CONSTRAINT uq_contacts_account_id_phone_number")
    mutate(project.ledger_url, f"UPDATE contacts SET phone_number = '{e164(1)}' WHERE key = 'K00002'")
    found = wrong(project)
    assert {"owners", "schema"} <= set(found)
    assert "1 numbers have several owners" in found["owners"]


def test_a_row_that_names_none_is_found_in_sqlite(on_sqlite: Project) -> None:
    """SQLite lets whoever forgets to ask break a reference; PostgreSQL does not."""
    on_sqlite.write([person(1)])
    on_sqlite.sync()
    mutate(on_sqlite.ledger_url, "UPDATE sources SET account_id = 77")
    assert "1 rows of sources name accounts" in wrong(on_sqlite)["references"]


def test_an_index_that_the_server_calls_invalid_is_found(project: Project, postgres_ledger: str) -> None:
    """A REINDEX that was cut short leaves one behind: the server keeps it and does not use it."""
    if project.ledger_url.startswith("sqlite"):
        project = Project(
            project.folder, postgres_ledger, project.address, project.environment | {"TEST_LEDGER": postgres_ledger}
        )
    open_ledger(postgres_ledger, write=True).close()
    mutate(
        postgres_ledger,
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_contacts_account_id_wanted_number'::regclass",
    )
    assert "ix_contacts_account_id_wanted_number invalid" in wrong(project)["schema"]


def test_the_lease_of_a_run_that_lives_is_no_fault(project: Project) -> None:
    """A verification while a sync or a sending is at work finds nothing wrong."""
    project.write([person(1)])
    project.sync()
    with closing(open_ledger(project.ledger_url, write=True)) as ledger:
        ledger.holder = f"{socket.gethostname()}/{os.getppid()}/?/0"  # another process, that lives
        scope = ledger.scope("demo@example.com", "127.0.0.1", "crm")
        with ledger.lease(scope), ledger.lease(scope, "sms"):
            ledger.start_run(scope, "now", NOON + timedelta(hours=1))
            assert project.json("state", "verify")["ok"]


def test_a_ledger_that_is_not_there_is_not_called_well(on_sqlite: Project, tmp_path: Path) -> None:
    """A misnamed file would else be an empty ledger."""
    assert "there is no ledger at" in on_sqlite.run("state", "verify", code=2).stderr
    assert not (tmp_path / "ledger.db").exists()


@pytest.mark.parametrize("each", SUMS, ids=lambda each: each.name)
def test_each_sum_says_what_to_do(each: Sum) -> None:
    """A name of its own, and advice that is not blank."""
    assert [other.name for other in SUMS].count(each.name) == 1
    assert each.advice
