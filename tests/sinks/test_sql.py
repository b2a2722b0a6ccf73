"""Sink `sql` on each database: tables of our own, each event once, and what is refused alone stays out."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from sync_connector.config import Sink as SinkSettings
from sync_connector.errors import FixSetup, TryLater
from sync_connector.model import Clock, Kind
from sync_connector.sinks import Sink, open_sink
from sync_connector.sinks._rows import TABLES
from tests.conftest import crm_engine
from tests.sinks.databases import new_database
from tests.sinks.records import RECEIVED, one_of_each, record


def opened(url: str, **settings: Any) -> Sink:
    """The sink into a database."""
    return open_sink(SinkSettings(name="crm", type="sql", url=SecretStr(url), **settings))


@pytest.fixture(scope="module", params=["sqlite", "postgres", "mariadb"])
def shared_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a database of each kind in turn, which tests share that leave its tables as they are."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('crm') / 'crm.db'}"
        return
    with new_database(str(request.getfixturevalue(f"{request.param}_server"))) as url:
        yield url


@pytest.fixture
def sink(shared_url: str) -> Iterator[Sink]:
    """A sink into a database of each kind in turn, of which our tables are there and empty."""
    made = opened(shared_url)
    engine = crm_engine(shared_url)
    with engine.begin() as connection:
        for table in TABLES.values():
            connection.execute(sa.table(table.name).delete())
    engine.dispose()
    yield made
    made.close()


@pytest.fixture
def crm(shared_url: str) -> Iterator[sa.Engine]:
    """That database itself."""
    engine = crm_engine(shared_url)
    yield engine
    engine.dispose()


@pytest.fixture
def fresh(crm_url: str) -> Iterator[sa.Engine]:
    """A database without any table, of each kind in turn."""
    engine = crm_engine(crm_url)
    yield engine
    engine.dispose()


def rows(crm: sa.Engine, table: str = "calls", columns: str = "*") -> list[dict[str, Any]]:
    """What a table has, in the order of the keys."""
    with crm.connect() as connection:
        found = connection.execute(sa.text(f"SELECT {columns} FROM {table} ORDER BY event_key"))
        return [dict(row._mapping) for row in found]


def run(crm: sa.Engine, *statements: str) -> None:
    """Statements of the CRM's own."""
    with crm.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def trigger(crm: sa.Engine, table: str, refuses: str) -> None:
    """Have the database refuse the rows for which a condition on `NEW` holds, telling what it must not tell."""
    if crm.dialect.name == "postgresql":
        run(
            crm,
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF {refuses} THEN RAISE EXCEPTION 'not this one: %% of %%', NEW.number_text, NEW.device; END IF; "
            "RETURN NEW; END $$",
            f"CREATE TRIGGER no BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION no()",
        )
    elif crm.dialect.name == "sqlite":
        run(
            crm,
            f"CREATE TRIGGER no BEFORE INSERT ON {table} WHEN {refuses} BEGIN SELECT RAISE(ABORT, 'not this one'); END",
        )
    else:
        run(
            crm,
            f"CREATE TRIGGER no BEFORE INSERT ON {table} FOR EACH ROW BEGIN IF {refuses} THEN BEGIN "
            "DECLARE said TEXT DEFAULT CONCAT('not this one: ', NEW.number_text, ' of ', NEW.device); "
            "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = said; END; END IF; END",
        )


def test_each_kind_has_a_table_with_everything_that_is_known(sink: Sink, crm: sa.Engine) -> None:
    """A record of each kind is one row of its table, with every column filled and times in UTC."""
    assert sink.write(1, one_of_each()) == []
    for kind, table in TABLES.items():
        (row,) = rows(crm, table.name)
        assert [column.name for column in table.columns] + ["activity_key"] == list(row)
        assert {name for name, value in row.items() if value is None} == {"activity_key"}, kind
    (call,) = rows(crm, "calls", "event_key, contact_key, direction, duration, occurred_at, occurred_on, title, number_text")
    at = call.pop("occurred_at")
    if crm.dialect.name == "sqlite":
        assert at == "2026-03-02T09:14:05.250Z"
    else:
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        assert at == datetime(2026, 3, 2, 9, 14, 5, 250000, UTC)
    assert str(call.pop("occurred_on")) == "2026-03-02"
    assert call == {
        "event_key": "call-000001",
        "contact_key": "C1",
        "direction": "incoming",
        "duration": 133,
        "title": "incoming_call",
        "number_text": "06 12 34 56 78",
    }
    assert rows(crm, "incoming_sms", "message") == [{"message": 'Bonjour, "merci" ;\n=1+1 😀'}]
    (status,) = rows(crm, "sms_statuses", "status, campaign, message")
    assert status == {"status": "received", "campaign": "Soldes d'été", "message": "Bonjour Zoé, -20 % 😀"}
    assert rows(crm, "incoming_sms", "answers, campaign") == [{"answers": "A-17", "campaign": "Soldes d'été"}]
    assert rows(crm, "link_clicks", "campaign") == [{"campaign": "Soldes d'été"}]
    made = rows(crm, "call_qualifications", "qualification, made_on")
    assert made == [{"qualification": "Très intéressé 😀", "made_on": "mobile"}]


def test_what_is_not_known_is_null(sink: Sink, crm: sa.Engine) -> None:
    """A bare date has no time, an anonymous number no contact, a call that says nothing is neither answered nor missed."""
    dated = record(contact=None, phone_number=None, occurred_at=None, clock=Clock.DATE, answered=None, duration=None)
    assert sink.write(1, [dated]) == []
    (row,) = rows(crm)
    unknown = {"contact_key", "contact_source", "phone_number", "occurred_at", "answered", "duration", "activity_key"}
    assert {name for name, value in row.items() if value is None} == unknown
    assert (row["clock"], str(row["occurred_on"])) == ("date", "2026-03-02")


def test_a_delivery_that_comes_twice_is_written_once(sink: Sink, crm: sa.Engine) -> None:
    """The same delivery again leaves the tables as they were."""
    records = [*one_of_each(), *(record(number) for number in range(2, 700))]
    assert sink.write(1, records) == []
    before = {table.name: rows(crm, table.name) for table in TABLES.values()}
    assert sink.write(1, list(reversed(records))) == []
    assert {table.name: rows(crm, table.name) for table in TABLES.values()} == before
    assert [len(found) for found in before.values()] == [699, 1, 1, 1, 1]


def test_an_answer_that_is_lost_after_the_commit_writes_nothing_twice(
    sink: Sink, crm: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the commit took place and its answer never came, the delivery is TryLater, and is there once after the next try."""
    dialect: Any = sink._database.engine.dialect  # type: ignore[attr-defined]
    commit = dialect.do_commit

    def commit_and_lose(connection: Any) -> None:
        commit(connection)
        raise dialect.loaded_dbapi.OperationalError("the answer was lost: timeout")

    with monkeypatch.context() as lossy:
        lossy.setattr(dialect, "do_commit", commit_and_lose)
        with pytest.raises(TryLater, match="the answer was lost"):
            sink.write(1, one_of_each())
    assert len(rows(crm)) == 1
    assert sink.write(1, one_of_each()) == []
    assert [len(rows(crm, table.name)) for table in TABLES.values()] == [1] * 5


def test_an_error_before_the_commit_writes_nothing(sink: Sink, crm: sa.Engine, shared_url: str) -> None:
    """A delivery of which one table is gone writes none of its records, and all of them when the table is back."""
    run(crm, "DROP TABLE link_clicks")
    with pytest.raises(FixSetup, match="link_clicks"):
        sink.write(1, one_of_each())
    assert rows(crm) == []
    again = opened(shared_url)
    assert again.write(1, one_of_each()) == []
    again.close()
    assert [len(rows(crm, table.name)) for table in TABLES.values()] == [1] * 5


def test_an_event_that_comes_again_knows_its_contact(sink: Sink, crm: sa.Engine) -> None:
    """The newer record of an event overwrites the older one's columns; there is still one row."""
    sink.write(1, [record(contact=None), record(2)])
    assert sink.write(2, [record(contact="C7", duration=60)]) == []
    found = rows(crm, "calls", "event_key, contact_key, contact_source, duration")
    assert found == [
        {"event_key": "call-000001", "contact_key": "C7", "contact_source": "crm", "duration": 60},
        {"event_key": "call-000002", "contact_key": "C1", "contact_source": "crm", "duration": 133},
    ]


def test_keys_that_differ_in_case_are_two_events(sink: Sink, crm: sa.Engine) -> None:
    """No collation makes one event of two."""
    small, great = record()._replace(event_key="a"), record()._replace(event_key="A")
    assert sink.write(1, [small, great]) == []
    assert sorted(row["event_key"] for row in rows(crm)) == ["A", "a"]


def test_two_processes_that_write_at_once_write_each_event_once(crm_url: str, fresh: sa.Engine) -> None:
    """Two sinks that make the tables and write the same deliveries at the same time leave each event once."""
    records = [record(number) for number in range(1200)] + one_of_each()[1:]
    start = threading.Barrier(2)
    refused: list[object] = []

    def work(order: Sequence[Any]) -> None:
        start.wait(30)
        sink = opened(crm_url)
        for delivery in range(3):
            while True:
                try:
                    refused.extend(sink.write(delivery, order))
                except TryLater:  # two met in the same place, and one was asked to come again
                    continue
                break
        sink.close()

    threads = [threading.Thread(target=work, args=(order,)) for order in (records, list(reversed(records)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert refused == []
    assert [len(rows(fresh, table.name)) for table in TABLES.values()] == [1200, 1, 1, 1, 1]


def test_what_a_trigger_refuses_is_found_and_all_else_is_written(sink: Sink, crm: sa.Engine) -> None:
    """Three records that the database refuses are given back with its words, the other 997 are written."""
    trigger(crm, "calls", "NEW.event_key IN ('call-000003', 'call-000500', 'call-000999')")
    records = [record(number) for number in range(1000)]
    refused = sink.write(1, records)
    assert [refusal.event_key for refusal in refused] == ["call-000003", "call-000500", "call-000999"]
    assert all("not this one" in refusal.reason for refusal in refused)
    assert not [refusal for refusal in refused if "06 12" in refusal.reason or "33698765432" in refusal.reason]
    assert len(rows(crm)) == 997
    run(crm, "DROP TRIGGER no ON calls" if crm.dialect.name == "postgresql" else "DROP TRIGGER no")
    assert sink.write(2, [records[3], records[500], records[999]]) == []
    assert len(rows(crm)) == 1000
    if crm.dialect.name == "postgresql":
        run(crm, "DROP FUNCTION no()")


TOO_MUCH = [
    ("a key too long", {"contact": "K" * 300}),
    ("a number too great", {"duration": 3_000_000_000}),
    ("half a sign", {"device": "\ud83d"}),
    ("more than 64 bits", {"duration": 1 << 70}),
]


@pytest.mark.parametrize("changes", [changes for _, changes in TOO_MUCH], ids=[name for name, _ in TOO_MUCH])
def test_what_a_column_cannot_hold_is_refused_whole(changes: dict[str, Any], sink: Sink, crm: sa.Engine) -> None:
    """Nothing is cut to fit: the record is refused, its neighbours are written, and the reason tells nothing of it.

    (SQLite holds a longer key as it is, which is all that is asked.)
    """
    refused = sink.write(1, [record(1), record(2, **changes), record(3)])
    kept = crm.dialect.name == "sqlite" and "contact" in changes
    assert [refusal.event_key for refusal in refused] == ([] if kept else ["call-000002"])
    assert len(rows(crm)) == (3 if kept else 2)
    assert not [refusal for refusal in refused if "KKK" in refusal.reason or "3000000000" in refusal.reason]


def test_a_nul_is_kept_or_refused_and_never_cut(sink: Sink, crm: sa.Engine) -> None:
    """PostgreSQL has no text with a NUL: there the record is refused; elsewhere it is stored as it is."""
    refused = sink.write(1, [record(1, Kind.INCOMING_SMS, text="a\0b"), record(2, Kind.INCOMING_SMS)])
    found = [row["message"] for row in rows(crm, "incoming_sms")]
    if crm.dialect.name == "postgresql":
        assert [refusal.event_key for refusal in refused] == ["incoming_sms-000001"]
        assert len(found) == 1
    else:
        assert refused == []
        assert found[0] == "a\0b"


def test_an_emoji_that_the_column_cannot_hold_is_refused(mariadb_database: str) -> None:
    """In a column that was made for fewer signs an emoji is refused and not turned into a question mark; the reason has none
    of the text."""
    crm = crm_engine(mariadb_database)
    sink = opened(mariadb_database)
    run(crm, "ALTER TABLE incoming_sms MODIFY message TEXT CHARACTER SET latin1")
    plain = record(2, Kind.INCOMING_SMS, text="Bonjour")
    (refusal,) = sink.write(1, [record(1, Kind.INCOMING_SMS, text="Salut 😀"), plain])
    assert refusal.event_key == "incoming_sms-000001"
    assert "message" in refusal.reason
    assert "Salut" not in refusal.reason
    assert r"\xF0" not in refusal.reason
    assert len(rows(crm, "incoming_sms")) == 1
    sink.close()


def test_a_constraint_that_waits_for_the_commit_is_found_before(postgres_database: str) -> None:
    """A deferred constraint of the user's own refuses one record and not the delivery."""
    crm = crm_engine(postgres_database)
    sink = opened(postgres_database)
    run(crm, "ALTER TABLE calls ADD CONSTRAINT once UNIQUE (number_text) DEFERRABLE INITIALLY DEFERRED")
    refused = sink.write(1, [record(1), record(2), record(3, number_text="other")])
    assert [refusal.event_key for refusal in refused] == ["call-000002"]
    assert "once" in refused[0].reason
    assert len(rows(crm)) == 2
    sink.close()


def test_columns_of_the_users_own_are_left_alone(sink: Sink, crm: sa.Engine) -> None:
    """A user's column keeps what it has when the event comes again, and its default for a new one."""
    run(crm, "ALTER TABLE calls ADD COLUMN seen_by VARCHAR(20) DEFAULT 'nobody'")
    sink.write(1, [record(1)])
    run(crm, "UPDATE calls SET seen_by = 'Zoé'")
    assert sink.write(2, [record(1, duration=1), record(2)]) == []
    found = rows(crm, "calls", "duration, seen_by")
    assert found == [{"duration": 1, "seen_by": "Zoé"}, {"duration": 133, "seen_by": "nobody"}]
    run(crm, "ALTER TABLE calls DROP COLUMN seen_by")


def test_a_table_of_another_program_is_never_written(crm_url: str, fresh: sa.Engine) -> None:
    """Where the CRM has a table or a view of that name, it is named, a prefix is advised, and nothing is made; with the prefix
    all goes well."""
    run(
        fresh,
        "CREATE TABLE calls (id CHAR(36) NOT NULL PRIMARY KEY, name VARCHAR(50))",
        "CREATE VIEW link_clicks AS SELECT 1 AS a",
    )
    with pytest.raises(FixSetup, match=r'calls and link_clicks, which another program uses.*prefix = "insim_"'):
        opened(crm_url)
    with fresh.connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["calls"]
    sink = opened(crm_url, prefix="insim_")
    assert sink.write(1, one_of_each()) == []
    assert len(rows(fresh, "insim_calls")) == 1
    sink.close()


def test_our_tables_are_found_by_contact_number_and_time(sink: Sink, crm: sa.Engine) -> None:
    """Each table has an index on the contact's key, the number and the time."""
    with crm.connect() as connection:
        inspector = sa.inspect(connection)
        for table in TABLES.values():
            indexed = {index["column_names"][0] for index in inspector.get_indexes(table.name)}
            assert indexed >= {"contact_key", "phone_number", "occurred_at"}, table.name


def test_a_unique_index_of_the_users_own_is_told(mariadb_database: str) -> None:
    """MySQL would overwrite another event's row by it, so that nothing is written until it is gone."""
    opened(mariadb_database).close()
    crm = crm_engine(mariadb_database)
    run(crm, "CREATE UNIQUE INDEX mine ON calls (device(20))")
    with pytest.raises(FixSetup, match=r"calls has a unique index that is not ours \(mine\)"):
        opened(mariadb_database)
    run(crm, "DROP INDEX mine ON calls")
    opened(mariadb_database).close()


def test_a_table_of_an_older_version_gets_what_it_lacks(crm_url: str, fresh: sa.Engine) -> None:
    """Columns that a table lacks are added, with their index, and its rows stay."""
    opened(crm_url).close()
    run(fresh, "DROP TABLE calls", "CREATE TABLE calls (event_key VARCHAR(80) NOT NULL PRIMARY KEY, title VARCHAR(50))")
    run(fresh, "INSERT INTO calls (event_key, title) VALUES ('call-000001', 'old')")
    sink = opened(crm_url)
    assert sink.write(1, [record(1), record(2)]) == []
    sink.close()
    assert [row["title"] for row in rows(fresh, "calls", "title")] == ["incoming_call", "incoming_call"]
    with fresh.connect() as connection:
        indexed = {index["column_names"][0] for index in sa.inspect(connection).get_indexes("calls")}
    assert indexed >= {"contact_key", "phone_number", "occurred_at"}


def test_tables_from_before_there_were_messages_get_their_columns(crm_url: str, fresh: sa.Engine) -> None:
    """Tables that were made before events told of our messages tell of them, and what stood there stays."""
    sink = opened(crm_url)
    assert sink.write(1, one_of_each()) == []
    sink.close()
    lacking = {"sms_statuses": ("campaign", "message"), "incoming_sms": ("answers", "campaign"), "link_clicks": ("campaign",)}
    run(fresh, *(f"ALTER TABLE {table} DROP COLUMN {column}" for table, columns in lacking.items() for column in columns))
    sink = opened(crm_url)
    for table, columns in lacking.items():
        (row,) = rows(fresh, table)
        assert {row[column] for column in columns} == {None}
        assert row["contact_key"] == "C1"
    assert sink.write(2, one_of_each()) == []
    sink.close()
    assert [rows(fresh, table, "campaign") for table in lacking] == [[{"campaign": "Soldes d'été"}]] * 3
    assert rows(fresh, "incoming_sms", "answers") == [{"answers": "A-17"}]


@pytest.mark.parametrize("kind", [Kind.SMS_STATUS, Kind.INCOMING_SMS, Kind.LINK_CLICK])
def test_what_is_about_no_message_of_ours_says_so_by_null(kind: Kind, sink: Sink, crm: sa.Engine) -> None:
    """An SMS that another program sent has no campaign and answers nothing: null, not a blank text."""
    assert sink.write(1, [record(1, kind)._replace(campaign="", message="", answers="")]) == []
    (row,) = rows(crm, TABLES[kind].name)
    ours = {"campaign", "answers"} | ({"message"} if kind is Kind.SMS_STATUS else set())
    assert {row[name] for name in ours & row.keys()} == {None}


def test_an_event_that_nobody_understood_is_given_back(sink: Sink, crm: sa.Engine) -> None:
    """A record of an unknown kind is refused, with a reason; the others are written."""
    refused = sink.write(1, [record(1, Kind.UNKNOWN), record(1)])
    assert [refusal.event_key for refusal in refused] == ["unknown-000001"]
    assert len(rows(crm)) == 1


def test_long_texts_fit_into_what_a_server_takes(sink: Sink, crm: sa.Engine) -> None:
    """Sixty texts of 60,000 signs are more than one statement may hold, and are written all the same."""
    long = "é" * 60_000
    records = [record(number, Kind.INCOMING_SMS, text=long) for number in range(60)]
    assert sink.write(1, records) == []
    with crm.connect() as connection:
        assert connection.scalar(sa.text("SELECT COUNT(*) FROM incoming_sms WHERE message = :long"), {"long": long}) == 60


def test_a_lock_that_somebody_holds_is_waited_for_and_then_left(sink: Sink, shared_url: str, crm: sa.Engine) -> None:
    """A table that the CRM keeps locked is TryLater after the timeout, and the delivery goes in when the lock is gone."""
    sink.close()
    sink = opened(shared_url, timeout=1)
    sink.write(1, [record(1)])
    with crm.connect() as connection:
        if crm.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.exec_driver_sql("UPDATE calls SET title = 'edited'")
        with pytest.raises(TryLater, match="nothing is lost"):
            sink.write(2, [record(1), record(2)])
        connection.rollback()
    assert sink.write(2, [record(1), record(2)]) == []
    assert len(rows(crm)) == 2
    sink.close()


def test_a_connection_that_the_server_ended_is_made_anew(sink: Sink, crm: sa.Engine) -> None:
    """The delivery after a restart of the server is written by a new connection."""
    sink.write(1, [record(1)])
    if crm.dialect.name == "postgresql":
        run(
            crm,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
    elif crm.dialect.name == "mysql":
        with crm.connect() as connection:
            others = "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
            for pid in connection.scalars(sa.text(others)).all():
                connection.exec_driver_sql(f"KILL {pid}")
    assert sink.write(2, [record(2)]) == []
    assert len(rows(crm)) == 2


def test_a_server_that_is_not_there_is_tried_later() -> None:
    """Nobody answers at that port: nothing is wrong with the setup, and the password is not told."""
    for url in ("postgresql://u:s3cret@127.0.0.1:1/crm", "mysql://u:s3cret@127.0.0.1:1/crm"):
        with pytest.raises(TryLater, match=r"sink crm, .*127\.0\.0\.1:1/crm: the database does not answer") as told:
            opened(url)
        assert "s3cret" not in str(told.value)


def test_a_database_or_a_login_that_is_unknown_is_to_be_mended(postgres_server: str, mariadb_server: str) -> None:
    """An unknown database, an unknown login and one without rights are sentences without the password."""
    unknown = {
        "postgresql": sa.make_url(postgres_server).set(drivername="postgresql", database="no_such_database"),
        "mysql": sa.make_url(mariadb_server).set(drivername="mysql", database="no_such_database"),
        "login": sa.make_url(mariadb_server).set(drivername="mysql", username="nobody", password="s3cret", database="mysql"),
    }
    for url in unknown.values():
        with pytest.raises(FixSetup, match="the database says") as told:
            opened(url.render_as_string(hide_password=False))
        assert "s3cret" not in str(told.value)


def test_a_login_without_rights_is_to_be_mended(postgres_database: str) -> None:
    """Who may not make tables is told so."""
    crm = crm_engine(postgres_database)
    run(
        crm,
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "DROP ROLE IF EXISTS sync_connector_reader",
        "CREATE ROLE sync_connector_reader LOGIN",
    )
    url = sa.make_url(postgres_database).set(username="sync_connector_reader").render_as_string(hide_password=False)
    try:
        with pytest.raises(FixSetup, match="permission denied"):
            opened(url)
    finally:
        run(crm, "DROP ROLE sync_connector_reader")


def test_a_server_that_is_read_only_is_tried_later(postgres_database: str) -> None:
    """A copy, or a server that was made read-only for a while, takes the delivery another time."""
    crm = crm_engine(postgres_database)
    sink = opened(postgres_database)
    run(crm, f'ALTER DATABASE "{sa.make_url(postgres_database).database}" SET default_transaction_read_only = on')
    sink.close()
    with pytest.raises(TryLater, match="read-only"):
        sink.write(1, [record(1)])
    sink.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("oracle://u@host/db", "not into oracle"),
        ("mysql://u@host", "names no database"),
        ("nonsense", "is not a database's URL"),
        ("postgresql://u:p@ss@host/db", "ends it too early"),
        ("sqlite://", "names no file"),
        ("sqlite:////no/such/folder/events.db", "cannot be made"),
    ],
)
def test_a_wrong_url_is_a_sentence(url: str, words: str) -> None:
    """What is wrong with `sinks.url` is said, without the password."""
    with pytest.raises(FixSetup, match=words) as told:
        opened(url)
    assert "p@ss" not in str(told.value)


def test_no_url_is_a_sentence() -> None:
    """Where the URL is missing, it is said how to write it."""
    with pytest.raises(FixSetup, match=r"sinks\.url: is missing for crm"):
        open_sink(SinkSettings(name="crm", type="sql"))


def test_an_sqlite_file_is_of_its_owner_alone(tmp_path: Path) -> None:
    """A file that we make can be read by nobody else."""
    opened(f"sqlite:///{tmp_path / 'events.db'}").close()
    assert (tmp_path / "events.db").stat().st_mode & 0o777 == 0o600


def test_the_received_time_is_kept_to_the_millisecond(sink: Sink, crm: sa.Engine) -> None:
    """Microseconds are cut, not rounded into the next second."""
    sink.write(1, [record()._replace(received_at=RECEIVED.replace(microsecond=999999))])
    assert ".999" in str(rows(crm)[0]["received_at"])
    assert rows(crm, "calls", "occurred_on")[0]["occurred_on"] in (date(2026, 3, 2), "2026-03-02")
