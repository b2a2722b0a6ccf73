"""`state forget`: a person is erased everywhere, which is looked for; everybody else stays as they were."""

from __future__ import annotations

import contextlib
import itertools
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from sync_connector import forgetting
from sync_connector.dialects._callback import callback_query
from sync_connector.events import erasing
from sync_connector.events.inbox import callbacks, open_inbox
from sync_connector.fields.spelling import Spellings
from sync_connector.ledger import traces
from sync_connector.ledger.messages import MessageBook, Outbound
from sync_connector.ledger.schema import findings, in_flight, leases, metadata, overlays, runs, stale_numbers
from sync_connector.ledger.store import open_ledger
from sync_connector.model import Manner, Message, MessageReply, Verdict
from tests.conftest import Project, e164, person, run_at
from tests.test_pulling import NOON, Way, call, status
from tests.test_pulling import way as way  # the fixture

NUMBER = e164(1)  # +33612000001
OTHER = e164(2)
SPELT = ["+33612000001", "33612000001", "0612000001", "06 12 00 00 01", "06.12.00.00.01", "+33 (0)6 12 00 00 01", "612000001"]


def everywhere(way: Way) -> Way:
    """A person of whom every table has something, beside others of whom it has as much."""
    people = [person(n) for n in range(6)]
    people += [person(7, mobile="no number"), person(8, mobile=person(1)["mobile"]), person(9, mobile="06 12 00 00 01 5")]
    way.project.write(people)
    way.project.sync("--approve")
    sheet = way.project.folder / "rejects.csv"
    way.project.run("rejects", "--csv", str(sheet))
    book = MessageBook(way.ledger, way.account)
    sent = [Outbound(Message(f"sms-{n}", e164(n), "Bonjour"), "spring", f"to {n}", 1, None, f"K{n:05d}", "crm") for n in range(3)]
    with way.ledger.lease(way.ledger.scope("demo@example.com", "127.0.0.1", "crm"), "sms"):
        book.begin(sent, Manner(), NOON)
        book.settle(sent, [MessageReply(Verdict.ACCEPTED)] * 3, NOON)
    way.arrive(call(OTHER), status("sms-2", OTHER, "sent", "2026-03-02T10:00:00Z"))
    for times in (1, 2):
        for spelt in SPELT:
            payload = {"from": OTHER, "message": f"Rappelez le {spelt} svp {times}", "date": "2026-03-02 10:00:00"}
            way.arrive(callback_query("incoming_sms", payload, times=times))
    stop = {"from": NUMBER, "message": "STOP", "date": "2026-03-02 10:00:00"}
    told = [status("sms-1", NUMBER, said, "2026-03-02T10:00:00Z") for said in ("sent", "received")]
    way.arrive(callback_query("incoming_sms", stop, times=2), call(NUMBER), *told, call(NUMBER), f"x={quote(quote(NUMBER))}")
    hidden = "".join(
        f"%{ord(sign):02X}" for sign in json.dumps({"phone_number": NUMBER, "title": "incoming_call", "duration": "1"})
    )
    way.arrive(f"calls={hidden}")
    way.pull()
    way.arrive(call(NUMBER, duration="00:09:00"))  # this one waits for the next pull
    return way


def rows(way: Way) -> dict[str, int]:
    """Table → its rows."""
    with way.ledger.engine.connect() as connection:
        return {t.name: connection.scalar(sa.select(sa.func.count()).select_from(t)) or 0 for t in metadata.sorted_tables}


def test_a_person_is_erased_and_nobody_else(way: Way) -> None:
    """No trace in any column of ledger and inbox nor in the files' bytes; the ledger verifies, and others are as they were."""
    everywhere(way)
    before = rows(way)
    kept = {key: way.project.json("explain", key) for key in ("K00000", "K00003")}
    told = way.project.json("state", "forget", "06 12 00 00 01", "--opt-out", "--yes")
    assert told["number"] == NUMBER
    assert told["traces"] == {}
    assert told["contacts"] == ["K00001", "K00008", "K00009"]
    assert (told["opted_out"], told["opt_out_kept"]) == (True, False)
    assert told["callbacks"] >= 2 * len(SPELT) + 7
    after = rows(way)
    assert after["contacts"] == before["contacts"] - len(told["contacts"])
    assert after["messages"] == before["messages"] - 1
    assert after["opt_outs"] == before["opt_outs"] - 1 == 0
    assert after["events"] == 2
    assert way.project.json("state", "verify")["ok"]
    assert {key: way.project.json("explain", key) for key in kept} == kept
    for path in (way.project.folder / "ledger.db", way.project.folder / "inbox.db"):
        for name in (path, Path(f"{path}-wal")):
            if name.exists():
                content = name.read_bytes()
                assert not [
                    spelt for spelt in (NUMBER, "0612000001", "33612000001", "06 12 00 00 01") if spelt.encode() in content
                ]


def test_who_wanted_no_messages_gets_none_afterwards(way: Way) -> None:
    """Of an opt-out the number alone is kept, which no trace is; that of another, whose words name it, loses its words."""
    everywhere(way)
    book = MessageBook(way.ledger, way.account)
    book.opt_out(OTHER, NOON, "inbox-77-x", "STOP 612 000 001")
    told = way.project.json("state", "forget", NUMBER, "--yes")
    assert (told["traces"], told["opted_out"], told["opt_out_kept"]) == ({}, True, True)
    assert book.opted_out([NUMBER, OTHER]) == {NUMBER, OTHER}
    assert {(one["number"], one["event_key"], one["text"]) for one in book.opt_outs()} == {(NUMBER, None, ""), (OTHER, None, "")}
    assert way.project.json("state", "verify")["ok"]
    with way.ledger.engine.begin() as connection:  # a trace beside it is one
        connection.execute(sa.update(runs).values(identity=f"of {NUMBER}"))
    found = way.project.json("state", "forget", NUMBER, "--yes", code=1)["traces"]
    assert found["ledger runs.identity"] == 1
    with closing(open_ledger(way.project.ledger_url, write=False)) as ledger:  # where it is to go too, one that stands is a trace
        found = forgetting.left(ledger, None, Spellings(NUMBER), opt_out=True)
    assert found["ledger opt_outs.phone_number"] == 1


def test_other_numbers_of_the_person_are_named(way: Way) -> None:
    """Under a former number there may be calls and an opt-out of his, or another's: the steward decides."""
    way.sync(1, 2)
    way.sync(1, 2, mobile=person(50)["mobile"])
    way.project.write([person(1, mobile=person(50)["mobile"]), person(2)])
    way.project.sync("--approve")
    told = way.project.json("state", "forget", e164(50), "--yes")
    assert (told["contacts"], told["other_numbers"]) == (["K00001"], [NUMBER])
    assert way.project.json("state", "forget", e164(2), "--yes")["other_numbers"] == []


class Killed(BaseException):
    """The process is no more."""


def test_killed_before_any_commit_and_run_again_it_ends_complete(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it dies, in the inbox, in the ledger or while the files are written anew, the next one finds what is left, and
    others stay as they were."""
    monkeypatch.setattr(erasing, "AT_ONCE", 12)
    everywhere(way)
    tables = [*metadata.sorted_tables, callbacks]

    def read() -> dict[sa.Table, list[dict[str, Any]]]:
        told = {}
        for table in tables:
            with (way.inbox if table is callbacks else way.ledger).engine.connect() as connection:
                told[table] = [dict(row._mapping) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]
        return told

    def put_back(rows: dict[sa.Table, list[dict[str, Any]]]) -> None:
        for table in reversed(tables):
            with (way.inbox if table is callbacks else way.ledger).engine.begin() as connection:
                connection.execute(sa.delete(table))
        for table in tables:
            with (way.inbox if table is callbacks else way.ledger).engine.begin() as connection:
                if rows[table]:
                    connection.execute(sa.insert(table), rows[table])

    before, ends, written_anew = read(), [], traces.rewrite
    for killed_at in itertools.count(1):
        steps = itertools.count(1)
        put_back(before)

        def step(*_: object, steps: Iterator[int] = steps, killed_at: int = killed_at) -> None:
            if next(steps) >= killed_at:
                raise Killed

        def rewrite(engine: sa.Engine, named: Sequence[sa.Table], point: str, step: Callable[[], None] = step) -> None:
            step()
            written_anew(engine, named, point)

        sa.event.listen(sa.Engine, "commit", step)
        try:
            with monkeypatch.context() as patch, contextlib.suppress(Killed):
                patch.setattr(traces, "rewrite", rewrite)
                way.project.run("state", "forget", NUMBER, "--yes", code=None)
        finally:
            sa.event.remove(sa.Engine, "commit", step)
        if next(steps) <= killed_at:
            break
        with way.ledger.engine.begin() as connection:  # the lease of a process that died is free
            connection.execute(sa.update(leases).values(expires_at=0))
        assert way.project.json("state", "forget", NUMBER, "--yes")["traces"] == {}
        ends.append({table.name: rows for table, rows in read().items()})
    assert len(ends) > 10
    assert all(end == ends[0] for end in ends)


def test_an_inbox_in_postgresql_forgets_as_well(project: Project, postgres_server: str) -> None:
    """Beside receivers that have it open."""
    name = f"inbox_{secrets.token_hex(6)}"
    server = sa.make_url(postgres_server).set(drivername="postgresql+psycopg")
    run_at(server, f"CREATE DATABASE {name}")
    try:
        url = server.set(database=name, drivername="postgresql").render_as_string(hide_password=False)
        project.settings = {"events": {"zone": "Europe/Paris"}, "receive": {"inbox": "${INBOX_URL}"}}
        project.environment["INBOX_URL"] = url
        project.configure()
        project.write([person(1), person(2)])
        project.sync()
        with closing(open_inbox(url)) as inbox:
            inbox.append([(NOON, call(NUMBER)), (NOON, call(OTHER))])
            project.run("pull")
            inbox.append([(NOON, call(NUMBER))])
            told = project.json("state", "forget", NUMBER, "--yes")
            assert (told["callbacks"], told["traces"]) == (2, {})
            assert [one.query for one in inbox.page(0, 10).callbacks] == [call(OTHER)]
            project.run("pull")
    finally:
        run_at(server, f"DROP DATABASE {name} WITH (FORCE)")


def test_what_comes_afterwards_is_new_and_reaches_every_sink(way: Way) -> None:
    """The next full sync sends the contact anew; a new event is written, though a database may give it an id that was freed."""
    everywhere(way)
    written = len(way.sink.rows)
    way.project.run("state", "forget", NUMBER, "--yes")
    assert way.pull()["fetched"] == 0
    way.arrive(call(OTHER, duration="00:33:00"), call(NUMBER, duration="00:44:00"))
    assert way.pull()["sinks"][0]["written"] == 2
    assert len(way.sink.rows) == written + 2
    again = way.project.sync("--full")
    assert again["verdicts"]["sent"] == 1
    assert NUMBER in {one["number_at_vendor"] for one in way.project.json("explain", NUMBER)["contacts"]}
    assert way.project.json("state", "verify")["ok"]


def test_what_a_dead_run_and_a_sheet_left_is_rid_of_the_name(way: Way) -> None:
    """A batch under way, a run's word on a sheet, corrections, likely duplicates, stale numbers: the person's part goes alone."""
    everywhere(way)
    pairs = json.dumps([["K00001", NUMBER], ["K00002", OTHER]])
    result = json.dumps({"resubmitted": {"rows": 2, "wrong": {"K00001": "rejected", "K00002": "rejected"}}})
    with way.ledger.engine.begin() as connection:
        for statement in (
            f"INSERT INTO in_flight (account_id, source_id, run_id, contacts) VALUES (1, 1, 1, '{pairs}')",
            f"UPDATE runs SET result = '{result}'",
            "INSERT INTO overlays (source_id, key, fingerprint, cells, kept, run_id) VALUES (1, 'K00001', 'x', '{}', true, 1)",
            "INSERT INTO overlays (source_id, key, fingerprint, cells, kept, run_id) VALUES (1, 'K00002', 'x', '{}', true, 1)",
            "INSERT INTO overlays (source_id, key, fingerprint, cells, kept, run_id) "
            """VALUES (1, 'K00003', 'x', '{"mobile": "06-12-00-00-01"}', true, 1)""",
            "INSERT INTO stale_numbers (account_id, source_id, run_id, phone_number, key) VALUES (1, 1, 1, '+336990', 'K00001')",
            "INSERT INTO stale_numbers (account_id, source_id, run_id, phone_number, key) VALUES (1, 1, 1, '+336991', 'K00002')",
        ):
            connection.exec_driver_sql(statement)
        duplicate = {"source_id": 1, "run_id": 1, "code": "likely_duplicate", "field": "row", "severity": "warn", "header": ""}
        duplicate |= {"advice": "", "suggestion": ""}
        who = {row.key: row.id for row in connection.execute(sa.text("SELECT key, id FROM contacts"))}
        for key, others in (("K00004", "K00002, K00001"), ("K00005", "K00002")):
            connection.execute(sa.insert(findings).values(contact_id=who[key], value=others, **duplicate))
    told = way.project.json("state", "forget", NUMBER, "--yes")
    assert told["traces"] == {}
    assert told["contacts"] == ["K00001", "K00003", "K00008", "K00009"]
    with way.ledger.engine.connect() as connection:
        assert connection.scalars(sa.select(in_flight.c.contacts)).all() == [[["K00002", OTHER]]]
        assert connection.scalars(sa.select(runs.c.result)).one()["resubmitted"] == {"rows": 2, "wrong": {"K00002": "rejected"}}
        assert connection.scalars(sa.select(overlays.c.key)).all() == ["K00002"]
        assert connection.scalars(sa.select(stale_numbers.c.key)).all() == ["K00002"]
        likely = sa.select(findings.c.value).where(findings.c.code == "likely_duplicate")
        assert connection.scalars(likely).all() == ["K00002"]


def test_it_asks_first_and_waits_for_nobody(way: Way) -> None:
    """Without a word nothing is erased; and nothing while another is at work on the account."""
    everywhere(way)
    before = rows(way)
    asked = way.project.run("state", "forget", NUMBER, code=4)
    assert "K00001" in asked.stdout
    assert "nothing was erased" in asked.stderr
    with closing(open_ledger(way.project.ledger_url, write=True)) as other:
        other.holder = "elsewhere/1/2/3"
        with other.lease(other.scope("demo@example.com", "127.0.0.1", "crm"), "sms"):
            assert "at work" in way.project.run("state", "forget", NUMBER, "--yes", code=4).stderr
    assert rows(way) == before


def test_a_second_time_finds_nothing(way: Way) -> None:
    """And says so, in words that name what is not erased here."""
    everywhere(way)
    first = way.project.run("state", "forget", NUMBER, "--yes").stdout
    assert f"0 traces of {NUMBER}" in first
    assert "sends it anew" in first
    assert "opt-out is kept" in first
    assert "nothing is known of" in way.project.run("state", "forget", NUMBER, "--yes").stdout
    assert "opt-out is forgotten" in way.project.run("state", "forget", NUMBER, "--opt-out", "--yes").stdout


@pytest.mark.parametrize("number", ["x", "12"])
def test_what_is_no_number_is_refused(way: Way, number: str) -> None:
    """Before anything is looked for."""
    assert "no number" in way.project.run("state", "forget", number, "--yes", code=2).stderr


def test_an_opt_out_that_is_kept_is_no_trace_in_a_file_that_the_inbox_shares(on_sqlite: Project) -> None:
    """The file is looked through once, as the ledger's."""
    on_sqlite.settings["receive"] = {"inbox": on_sqlite.ledger_url}
    on_sqlite.configure()
    on_sqlite.write([person(1)])
    on_sqlite.sync()
    on_sqlite.run("sms", "opt-outs", "--add", NUMBER)
    open_inbox(on_sqlite.ledger_url).close()
    told = on_sqlite.json("state", "forget", NUMBER, "--yes")
    assert (told["contacts"], told["traces"], told["opt_out_kept"]) == (["K00001"], {}, True)
