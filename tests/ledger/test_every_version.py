"""A ledger of each earlier version, with something in each of its tables: nothing of it is lost, and a quiet night stays quiet.

What each version had is had from its own migrations; the next one is among them by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from sync_connector.ledger import opening
from sync_connector.ledger.schema import metadata, overlays
from sync_connector.ledger.store import open_ledger
from sync_connector.sandbox.app import Vendor
from tests.conftest import accepted_by_ledger, e164
from tests.test_pulling import Way, call
from tests.test_pulling import way as way  # the fixture
from tests.test_state_verify import full_life

CONFIG = Config()
CONFIG.set_main_option("script_location", str(Path(opening.__file__).parent / "migrations"))
VERSIONS = sorted(script.revision for script in ScriptDirectory.from_config(CONFIG).walk_revisions())
Rows = dict[str, list[dict[str, Any]]]

ELSEWHERE = """
INSERT INTO sources (id, account_id, name) VALUES (2, 1, 'other');
INSERT INTO positions (source_id, position, signature, partial_runs) VALUES (2, '2026-03-01 10:00:00', 'x', 3);
INSERT INTO contacts (id, account_id, source_id, key, state, run_id) VALUES (99, 1, 2, 'O1', 'rejected', 1);
INSERT INTO stale_numbers (account_id, phone_number, source_id, key, run_id) VALUES (1, '+33699000000', 2, 'O1', 1);
INSERT INTO leases (account_id, purpose, holder, expires_at) VALUES (1, 'sync', 'elsewhere/1/2/3', 0);
INSERT INTO runs (id, source_id, status, started_at, identity, rows_read, filled, read_in_full)
    VALUES (98, 1, 'running', '2026-03-01 10:00:00', 'x', 0, '{}', true);
INSERT INTO in_flight (id, account_id, source_id, run_id, contacts) VALUES (1, 1, 1, 98, '[["K00003", "+33612000003"]]');
INSERT INTO outbox (sink_id, event_id, tries, reason) SELECT s.id, MIN(e.id), 1, 'no' FROM sinks s, events e GROUP BY s.id;
"""
"""What the life of one source does not leave behind; of a run that died, a batch was under way."""


def read(engine: sa.Engine, tables: sa.MetaData = metadata) -> Rows:
    """Everything that stands in these tables."""
    with engine.connect() as connection:
        return {
            table.name: [dict(row._mapping) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]
            for table in tables.sorted_tables
        }


def of_old(name: str, columns: Collection[str], rows: Rows) -> list[dict[str, Any]]:
    """A table's rows as a version had them that had these columns."""
    listed = [{column: value for column, value in row.items() if column in columns} for row in rows[name]]
    if name == "rejects" and "findings" in columns:  # until 0004 they stood there
        told: dict[tuple[Any, Any], list[list[str]]] = defaultdict(list)
        for one in rows["findings"]:
            words = [one[word] for word in ("code", "field", "severity", "value", "advice")]
            told[one["contact_id"], one["reject_id"]].append(words)
        for row in listed:
            owner = (row["contact_id"], None) if row["contact_id"] is not None else (None, row["id"])
            row["findings"] = told[owner]
    return listed


def make_old(engine: sa.Engine, version: str, rows: Rows) -> Rows:
    """The ledger becomes one of that version, with what it had room for of these rows; what then stands in it."""
    with engine.begin() as connection:
        metadata.drop_all(connection)
        connection.exec_driver_sql("DROP TABLE alembic_version")
        CONFIG.attributes["connection"] = connection
        command.upgrade(CONFIG, version)
    tables = sa.MetaData()
    tables.reflect(engine, only=lambda name, _: name != "alembic_version")
    with engine.begin() as connection:
        for table in tables.sorted_tables:
            if wanted := of_old(table.name, table.columns.keys(), rows):
                connection.execute(sa.insert(table), wanted)
            if connection.dialect.name == "postgresql" and table.columns.get("id") is not None:
                connection.exec_driver_sql(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), COALESCE(MAX(id), 0) + 1) FROM {table.name}"
                )
    return read(engine, tables)


def kept(before: Rows, after: Rows) -> None:
    """Each row of before stands there after, in each column that still is one."""
    for name in before.keys() & after.keys() - {"leases"}:
        columns = set(before[name][0]) & set(after[name][0]) if before[name] else set()
        assert [{column: row[column] for column in columns} for row in after[name]] == [
            {column: row[column] for column in columns} for row in before[name]
        ], name


@pytest.mark.parametrize("version", VERSIONS)
def test_a_ledger_of_each_version_goes_on_as_if_it_had_always_been_one_of_this(way: Way, vendor: Vendor, version: str) -> None:
    """Only what was in flight is sent again; all rows are kept, all verifies, and events, reports and rejects are as before."""
    full_life(way)
    engine = way.ledger.engine
    with engine.begin() as connection:
        for statement in ELSEWHERE.split(";"):
            if statement.strip():
                connection.execute(sa.text(statement.replace(":", "\\:")))
        lies = {"source_id": 2, "key": "O1", "fingerprint": b"x", "cells": {"mobile": "06"}, "kept": True, "run_id": 1}
        connection.execute(sa.insert(overlays).values(lies))
    whole = read(engine)
    assert [name for name, rows in whole.items() if not rows] == []
    before, accepted, held = make_old(engine, version, whole), accepted_by_ledger(way.project.ledger_url), dict(vendor.contacts)
    assert before.keys() <= whole.keys()
    if version != VERSIONS[-1]:
        assert "older version" in way.project.run("plan", code=2).stderr
    open_ledger(way.project.ledger_url, write=True).close()
    after = read(engine)
    kept(before, after)
    assert sorted(str((one["contact_id"], one["code"])) for one in after["findings"] if one["severity"] == "reject") == sorted(
        str((one["contact_id"], one["code"])) for one in whole["findings"] if one["severity"] == "reject"
    )
    vendor.requests.clear()
    assert way.project.sync()["verdicts"] == {"sent": 1, "accepted": 1, "warned": 0, "refused": 0, "unknown": 0}
    assert (way.project.sync()["posts"], len(vendor.requests)) == (0, 1)
    assert (accepted_by_ledger(way.project.ledger_url), dict(vendor.contacts)) == (accepted, held)
    way.arrive(call(e164(2), duration="00:33:00"))
    assert way.pull()["bound"] > 0
    assert way.project.json("state", "verify")["ok"]
    assert {row["key"] for row in way.project.json("rejects")} == {"K00001", "K00007"}
    assert set(way.project.json("report")) >= {"account", "quality"}


def test_the_newest_version_is_the_one_that_a_ledger_needs() -> None:
    """A migration that nobody runs would leave each ledger behind."""
    assert VERSIONS[-1] == opening.HEAD
    assert [f"{number:04}" for number in range(1, len(VERSIONS) + 1)] == VERSIONS
