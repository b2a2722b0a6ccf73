"""Activities of the CRMs' own: real tables, each event once, as the CRM itself shows it; and the words that they say."""

from __future__ import annotations

import functools
import sqlite3
import threading
import tomllib
import zoneinfo
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from sync_connector import config, crm_sql, mapping
from sync_connector.config import Sink as SinkSettings
from sync_connector.errors import FixSetup, TryLater
from sync_connector.model import Clock, Kind
from sync_connector.sinks import Sink, open_sink
from sync_connector.sinks._rows import TABLES, row_of
from sync_connector.sinks._wording import spoken, whole_minutes, worded
from tests.crms import all_crms
from tests.sinks.activity_tables import OWN, Own
from tests.sinks.databases import new_database
from tests.sinks.records import RECEIVED, record
from tests.test_mapping_page import FILES
from tests.test_mapping_page import PAGE as MAPPING_PAGE
from tests.test_sql_crms import _connected, _happens, _insert

PARIS = zoneinfo.ZoneInfo("Europe/Paris")
CRMS = {crm.name: crm for crm in all_crms()}
OF_EACH_KEY = ["SuiteCRM 7", "EspoCRM on PostgreSQL", "Dolibarr 22 on PostgreSQL", "vTiger 8.2"]
"""One CRM for each way in which an activity gets its key."""


@pytest.fixture(params=OWN, ids=[own.crm for own in OWN], scope="module")
def own(request: pytest.FixtureRequest) -> Own:
    """Each CRM in each of its versions."""
    found: Own = request.param
    return found


def _filled(url: str, own: Own) -> None:
    """The CRM's contacts and activity tables."""
    crm = CRMS[own.crm]
    _happens(url, crm.database, crm.tables)
    with _connected(url, crm.database) as connection:
        for table, row in crm.rows:
            _insert(connection, table, row)
    _happens(url, crm.database, own.tables)


@pytest.fixture(scope="module")
def database(own: Own, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database with the CRM's tables; they are as they were when each test begins."""
    server = "mariadb_server" if CRMS[own.crm].database == "mysql" else "postgres_server"
    with new_database(str(request.getfixturevalue(server))) as url:
        _filled(url, own)
        yield url
        _engine(url).dispose()


@functools.cache
def _engine(url: str) -> sa.Engine:
    """One connection to a CRM's database for all tests of it."""
    mysql = url.startswith("mysql")
    engine = sa.create_engine(
        sa.make_url(url).set(drivername="mysql+pymysql" if mysql else "postgresql+psycopg"), pool_size=1, max_overflow=0
    )
    if mysql:

        @sa.event.listens_for(engine, "connect")
        def _standard(connection: Any, _record: object) -> None:
            connection.query("SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',ANSI_QUOTES')")

    return engine


@pytest.fixture
def url(database: str, own: Own) -> Iterator[str]:
    """The URL of a database with the CRM's contacts and no activities, neither the CRM's nor ours."""
    yield database
    with _engine(database).begin() as connection:
        tables = set(sa.inspect(connection).get_table_names())
        emptied = [f"insim_{table.name}" for table in TABLES.values()] + list(own.emptied)
        for table in emptied:
            if table in tables:
                connection.exec_driver_sql(f'DELETE FROM "{table}"')
        for statement in own.undone:
            connection.exec_driver_sql(statement)


def opened(url: str, own: Own, **changes: Any) -> Sink:
    """The sink into a CRM's database that writes activities."""
    told = {"activities": CRMS[own.crm].mapping, "user": own.user, "zone": "Europe/Paris", "prefix": "insim_"}
    return open_sink(SinkSettings(name="crm", type="sql", url=SecretStr(url), **(told | changes)))


@pytest.fixture
def sink(url: str, own: Own) -> Iterator[Sink]:
    """The sink into each CRM in turn."""
    made = opened(url, own)
    yield made
    made.close()


def shown(url: str, own: Own, kind: str = "call") -> list[dict[str, Any]]:
    """What the CRM shows of a kind, as text."""
    names = ("title", "more", "started", "ended", "contact", "user", "description")
    with _engine(url).begin() as connection:
        found = connection.exec_driver_sql(own.shown[kind].replace("%", "%%") if "%%" not in own.shown[kind] else own.shown[kind])
        return [{name: None if value is None else str(value) for name, value in zip(names, row, strict=True)} for row in found]


def ours(url: str, table: str = "calls") -> dict[str, Any]:
    """Event → key of its activity, as our own table has it."""
    with _engine(url).begin() as connection:
        return {row[0]: row[1] for row in connection.exec_driver_sql(f"SELECT event_key, activity_key FROM insim_{table}")}


def text_of(activity: dict[str, Any]) -> str:
    """Title and description as people read them, Odoo's HTML too."""
    return f"{activity['title']}\n{activity['description']}".replace("<br/>", "\n").replace("<p>", "").replace("</p>", "").strip()


STARTED = {"dolibarr": ("2026-03-02 10:14:05", "2026-03-02 10:16:18")}  # Paris; all others keep UTC
MORE = {
    "suitecrm": "Held Inbound 0:3",
    "espocrm": "Held Inbound a1",
    "dolibarr": "AC_TEL Phone call 100",
    "vtiger": "Held Call 0:3",
    "odoo": "comment",
}
MISSED = {
    "suitecrm": "Not Held Inbound 0:0",
    "espocrm": "Not Held Inbound a1",
    "dolibarr": "AC_TEL Phone call 100",
    "vtiger": "Not Held Call 0:0",
    "odoo": "comment",
}


def test_a_call_stands_in_the_crm_as_its_own(sink: Sink, url: str, own: Own) -> None:
    """An answered call is an activity of its contact, at its time in the CRM's zone, in words; so is a missed one."""
    mapped = CRMS[own.crm].mapping
    missed = record(2, contact=own.contact, answered=False, duration=0, occurred_at=datetime(2026, 3, 2, 12, 0, tzinfo=UTC))
    assert sink.write(1, [record(1, contact=own.contact), missed]) == []
    first, second = shown(url, own)
    started, ended = STARTED.get(mapped, ("2026-03-02 09:14:05", "2026-03-02 09:16:18"))
    assert (first["started"], first["contact"], first["user"]) == (started, own.contact, own.user)
    assert first["ended"] in (ended, None)
    assert (first["more"], second["more"]) == (MORE[mapped], MISSED[mapped])
    lines = text_of(first).splitlines()
    assert lines[0] == "Incoming call, 2 min 13 s"
    assert "Number: +33612345678" in lines
    assert text_of(second).splitlines()[0] == "Missed call"
    assert all(key is not None for key in ours(url).values())


def test_what_people_say_and_write_stands_there_too(sink: Sink, url: str, own: Own) -> None:
    """A qualification and an incoming SMS are notes of the contact, in full; a status and a click have no place and are in our
    tables alone."""
    records = [record(1, kind, contact=own.contact) for kind in Kind if kind not in (Kind.UNKNOWN, Kind.CALL)]
    assert sink.write(1, records) == []
    notes = shown(url, own, "note")
    assert [note["contact"] for note in notes] == [own.contact] * 2
    texts = " ".join(text_of(note).replace("&quot;", '"') for note in notes)
    assert "Très intéressé 😀" in texts
    assert 'Bonjour, "merci" ;' in texts
    assert ours(url, "sms_statuses") == {"sms_status-000001": None}
    assert ours(url, "link_clicks") == {"link_click-000001": None}


def test_each_event_becomes_one_activity(sink: Sink, url: str, own: Own) -> None:
    """The same delivery again, and the event again with more known of it, leave the activity as it was."""
    records = [record(number, contact=own.contact) for number in range(30)]
    assert sink.write(1, records) == []
    before = shown(url, own)
    assert len(before) == 30
    assert sink.write(1, records) == []
    assert sink.write(2, [record(3, contact=own.contact, duration=60, answered=False)]) == []
    assert shown(url, own) == before


def test_an_event_waits_for_its_contact(sink: Sink, url: str, own: Own) -> None:
    """Without a contact there is no activity, nor for a contact that the CRM has not or has deleted; when the contact is known,
    there is one."""
    away = [record(number, contact=contact) for number, contact in enumerate(own.away, start=2)]
    assert sink.write(1, [record(1, contact=None), *away]) == []
    assert shown(url, own) == []
    assert set(ours(url).values()) == {None}
    assert sink.write(2, [record(1, contact=own.contact)]) == []
    assert len(shown(url, own)) == 1
    assert ours(url)["call-000001"] is not None


def test_another_sources_contact_gets_no_activity(url: str, own: Own) -> None:
    """Two sources of one account may use one key for two people: only the CRM's own contacts get activities in it."""
    with closing(opened(url, own, source="crm")) as sink:
        theirs = record(1, contact=own.contact)._replace(contact_source="shop")
        mine = record(2, contact=own.contact)._replace(contact_source="crm")
        assert sink.write(1, [theirs, mine]) == []
    assert len(shown(url, own)) == 1
    assert [key for key, activity in ours(url).items() if activity is not None] == ["call-000002"]


def test_what_the_crm_refuses_is_written_nowhere(sink: Sink, url: str, own: Own) -> None:
    """Where the CRM's table refuses one activity, our row of that event is not written either, the others are; later it goes."""
    database = CRMS[own.crm].database
    tables = {"suitecrm": "calls_contacts", "espocrm": "call_contact", "vtiger": "vtiger_cntactivityrel", "odoo": "mail_message"}
    table = tables.get(CRMS[own.crm].mapping, f"{own.prefix}actioncomm_resources")
    counted = f"(SELECT COUNT(*) FROM {table})"
    room = 4 if table.endswith("_resources") else 2  # Dolibarr has two such rows for an event
    if database == "mysql":
        no = f"CREATE TRIGGER no BEFORE INSERT ON {table} FOR EACH ROW BEGIN IF {counted} >= {room} THEN " \
            "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'full'; END IF; END"  # fmt: skip
        _happens(url, database, [no])
    else:
        body = f"BEGIN IF {counted} >= {room} THEN RAISE EXCEPTION 'full'; END IF; RETURN NEW; END"
        _happens(
            url,
            database,
            [
                f"CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
                f"CREATE TRIGGER no BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION no()",
            ],
        )
    records = [record(number, contact=own.contact) for number in range(5)]
    refused = sink.write(1, records)
    assert len(refused) == 3
    assert all("full" in refusal.reason and "33612345678" not in refusal.reason for refusal in refused)
    assert len(ours(url)) == 2
    assert len(shown(url, own)) == 2
    _happens(url, database, ["DROP TRIGGER no" if database == "mysql" else f"DROP TRIGGER no ON {table}"])
    assert sink.write(2, records) == []
    assert len(shown(url, own)) == 5


@pytest.mark.parametrize("own", [one for one in OWN if one.crm in OF_EACH_KEY], ids=OF_EACH_KEY, indirect=True)
def test_two_processes_at_once_make_one_activity(url: str, own: Own) -> None:
    """Two sinks that write the same deliveries at the same time make each activity once."""
    records = [record(number, contact=own.contact) for number in range(60)]
    start = threading.Barrier(2)
    refused: list[object] = []

    def work(order: Sequence[Any]) -> None:
        start.wait(30)
        sink = opened(url, own)
        while True:
            try:
                refused.extend(sink.write(1, order))
            except TryLater:
                continue
            break
        sink.close()

    threads = [threading.Thread(target=work, args=(order,)) for order in (records, list(reversed(records)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert refused == []
    assert len(shown(url, own)) == 60


def test_only_the_day_is_known(sink: Sink, url: str, own: Own) -> None:
    """A bare date is never a silent midnight: it is the moment of the report if that was the same day, else noon, and is said."""
    known: dict[str, Any] = {"contact": own.contact, "occurred_at": None, "clock": Clock.DATE, "duration": None}
    assert sink.write(1, [record(1, **known), record(2, **known, occurred_on=date(2026, 3, 1))]) == []
    texts = sorted((str(call["started"]), text_of(call)) for call in shown(url, own))
    paris = CRMS[own.crm].mapping == "dolibarr"
    assert [started for started, _ in texts] == [
        "2026-03-01 12:00:00" if paris else "2026-03-01 11:00:00",
        "2026-03-02 11:15:30" if paris else "2026-03-02 10:15:30",
    ]
    assert "Time unknown, only the day (2026-03-01): noon is shown." in texts[0][1]
    assert "Time unknown, only the day (2026-03-02): shown is when it was reported." in texts[1][1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"user": ""}, r"sinks\.user is missing"),
        ({"zone": None}, "time zone is missing"),
        ({"activities": "hubspot"}, "does not say how events become activities"),
    ],
)
def test_a_missing_setting_is_a_sentence(changes: dict[str, Any], words: str, mariadb_database: str) -> None:
    """Activities need a user, the account's zone, and a mapping that knows them."""
    with pytest.raises(FixSetup, match=words):
        opened(mariadb_database, OWN[0], **changes)


def test_the_configuration_hands_zone_and_source_on(tmp_path: Path) -> None:
    """A sink without a zone of its own has that of the events, and the source's name; paths are seen from the file's folder."""
    (tmp_path / "sync.toml").write_text(
        '[vendor]\nlogin = "me@example.com"\n[source]\npath = "c.csv"\n[events]\nzone = "Europe/Paris"\n'
        '[[sinks]]\nname = "a"\ntype = "sql"\nactivities = "mine.toml"\n'
        '[[sinks]]\nname = "b"\ntype = "sql"\nactivities = "suitecrm"\nzone = "Indian/Reunion"\n'
    )
    first, second = config.load(tmp_path / "sync.toml", {}, purpose="pull").sinks
    assert (first.source, second.source) == ("crm", "crm")
    assert (first.zone, first.activities) == ("Europe/Paris", str(tmp_path / "mine.toml"))
    assert (second.zone, second.activities) == ("Indian/Reunion", "suitecrm")


def test_another_database_is_a_sentence(mariadb_database: str, sqlite_database: str) -> None:
    """A database without the CRM's tables, and one of a kind that the CRM has not, are told so."""
    with pytest.raises(FixSetup, match="these are not its tables: it has calls, calls_contacts"):
        opened(mariadb_database, OWN[0])
    with pytest.raises(FixSetup, match="are written in mysql, and this is sqlite"):
        opened(sqlite_database, OWN[0])


@pytest.mark.parametrize("own", [one for one in OWN if one.crm in OF_EACH_KEY], ids=OF_EACH_KEY, indirect=True)
def test_a_user_that_is_not_there_is_a_sentence(url: str, own: Own) -> None:
    """An unknown or former user of the CRM is told at once, not with the first call."""
    with pytest.raises(FixSetup, match=rf"sinks\.user: there is no user '{own.wrong_user}'"):
        opened(url, own, user=own.wrong_user)


def test_a_table_without_transactions_is_refused(mariadb_database: str) -> None:
    """MyISAM would keep an activity whose event was taken back: it is named, with the way out."""
    crm = CRMS["SuiteCRM 7"]
    _happens(mariadb_database, "mysql", [*crm.tables, *OWN[0].tables, "ALTER TABLE calls_contacts ENGINE=MyISAM"])
    with pytest.raises(FixSetup, match=r"calls_contacts know no transactions.*ENGINE=InnoDB"):
        opened(mariadb_database, OWN[0])


def test_suitecrms_own_calls_are_not_taken_for_ours(mariadb_database: str) -> None:
    """SuiteCRM has a table of that name: without a prefix nothing is touched, and one is advised."""
    crm = CRMS["SuiteCRM 7"]
    _happens(mariadb_database, "mysql", [*crm.tables, *OWN[0].tables])
    with pytest.raises(FixSetup, match="calls, which another program uses"):
        opened(mariadb_database, OWN[0], prefix="")


def test_vtigers_counter_is_moved_on(mariadb_database: str) -> None:
    """New records get numbers that nobody else has, and vTiger's next one lies behind them."""
    own = next(one for one in OWN if one.crm == "vTiger 8.2")
    _filled(mariadb_database, own)
    sink = opened(mariadb_database, own)
    assert sink.write(1, [record(number, contact=own.contact) for number in range(4)]) == []
    sink.close()
    assert sorted(ours(mariadb_database).values()) == ["1001", "1002", "1003", "1004"]
    with _engine(mariadb_database).begin() as connection:
        assert connection.scalar(sa.text("SELECT id FROM vtiger_crmentity_seq")) == 1004
    _engine(mariadb_database).dispose()


WRONG = """
databases = ["mysql"]
tables = ["calls"]
id = "sequence"
zone = "Mars/Olympus"
user = "DELETE FROM users WHERE id = :user"
contact = "SELECT c.id AS company FROM contacts c WHERE c.id = :contact;"
call = ["INSERT INTO calls VALUES (:id, :company, :nonsense, {stray})"]
pick = { idle = [{ sql = ":rubbish" }] }
"""


def test_every_fault_of_a_section_is_told_at_once() -> None:
    """Eight faults in one section are eight sentences, each with its setting."""
    base = 'crm = "X"\ntitle = "X"\n[columns]\nkey = ["id"]\nphone = ["phone"]\n[activities]'
    with pytest.raises(FixSetup) as told:
        mapping.parse(base + WRONG, "x.toml")
    faults = "\n".join(told.value.faults)
    for words in (
        "activities.user: each is one statement, and begins with SELECT",
        "activities.contact: stands without a semicolon",
        "activities.contact: there is no :contact;",
        "activities.call: there is no :nonsense;",
        "activities.pick: {stray} stands for nothing",
        "activities.pick.idle: is in no statement",
        "activities.pick: there is no :rubbish;",
        'activities.next_id: goes with id = "sequence"',
        "activities.zone: 'Mars/Olympus' is no time zone",
    ):
        assert words in faults, faults
    assert "line 14" in faults  # the faulty call


def test_each_mapping_with_activities_is_tested_here() -> None:
    """A mapping that writes into a CRM's own tables is not shipped without its real tables."""
    shipped = {name for name in mapping.names() if mapping.load(name).activities is not None}
    assert shipped == {CRMS[own.crm].mapping for own in OWN}


def test_the_page_tells_every_setting_and_every_parameter() -> None:
    """mappings/README.md names each setting of the section and each `:name` that a statement may have."""
    section = MAPPING_PAGE[MAPPING_PAGE.index("## Writing activities") :]
    for setting in crm_sql.Activities.model_fields:
        assert f"`{setting}`" in section or f"\n{setting} = " in section, setting
    for name in crm_sql.PARAMETERS:
        assert f"`:{name}`" in section, name


def test_the_pages_own_example_works(tmp_path: Path) -> None:
    """The section for the tennis club, put behind its mapping, notes a call in the club's own table, in the account's zone; who
    left the club is not noted."""
    (tmp_path / "club.toml").write_text(FILES["club_database.toml"] + FILES["club_activities.toml"], encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "club.db")) as club:
        club.executescript(FILES["club.sql"])
        club.execute("CREATE TABLE tc_staff (no INTEGER PRIMARY KEY)")
        club.execute("INSERT INTO tc_staff VALUES (3)")
        columns = "no INTEGER PRIMARY KEY, member_no, staff_no, family, at, how, remark, seconds"
        club.execute(f"CREATE TABLE tc_contacted ({columns})")
        club.commit()
    url = SecretStr(f"sqlite:///{tmp_path / 'club.db'}")
    told = tomllib.loads(FILES["sinks.toml"])["sinks"][0] | {"url": url, "activities": str(tmp_path / "club.toml"), "user": "3"}
    sink = open_sink(SinkSettings(**told, zone="Europe/Paris"))
    assert sink.write(1, [record(1, contact="1"), record(2, contact="2")]) == []
    sink.close()
    with closing(sqlite3.connect(tmp_path / "club.db")) as club:
        noted = club.execute("SELECT member_no, staff_no, family, at, how, seconds FROM tc_contacted").fetchall()
        assert noted == [("1", "3", "Brandel", "2026-03-02 10:14:05.000000", "Incoming call, 2 min 13 s", 133)]
        ours = club.execute("SELECT event_key, activity_key FROM insim_calls ORDER BY event_key").fetchall()
        assert ours == [("call-000001", "1"), ("call-000002", None)]


# --- words -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({}, "Incoming call, 2 min 13 s"),
        ({"direction": "outgoing", "duration": 45}, "Outgoing call, 45 s"),
        ({"duration": 3720}, "Incoming call, 1 h 2 min"),
        ({"duration": None, "answered": None}, "Incoming call"),
        ({"answered": False, "duration": 0}, "Missed call"),
        ({"direction": "outgoing", "answered": False}, "Outgoing call, not answered"),
        ({"direction": "", "answered": False}, "Call, not answered"),
        ({"direction": "", "duration": 60}, "Call, 1 min"),
    ],
)
def test_a_call_in_words(changes: dict[str, Any], title: str) -> None:
    """Direction, whether it was answered, and how long it took."""
    assert worded(Kind.CALL, row_of(record(**changes)), PARIS).title == title


def test_an_activity_of_a_status_says_the_status_and_which_message_it_is_about() -> None:
    """The title is the status, not the words of our message; these and the campaign stand in the description."""
    words = worded(Kind.SMS_STATUS, row_of(record(1, Kind.SMS_STATUS)), PARIS)
    assert words.title == "SMS: received"
    assert words.description.splitlines()[0] == "received"
    assert {"Message: Bonjour Zoé, -20 % 😀", "Campaign: Soldes d'été"} <= set(words.description.splitlines())
    blank = worded(Kind.SMS_STATUS, row_of(record(1, Kind.SMS_STATUS, status="")), PARIS)
    assert blank.title == "SMS"
    answer = worded(Kind.INCOMING_SMS, row_of(record(1, Kind.INCOMING_SMS, text="D'accord")), PARIS)
    assert answer.description.startswith("D'accord\n")
    assert "Message:" not in answer.description


def test_a_time_that_is_not_known_is_said() -> None:
    """Nothing known at all, a repeated hour and a left-out hour are told in the description."""
    nothing = record(occurred_at=None, occurred_on=None, clock=Clock.UNKNOWN)
    words = worded(Kind.CALL, row_of(nothing), PARIS)
    assert words.started == RECEIVED
    assert "Time unknown: shown is when it was reported." in words.description
    assert "told twice that night" in worded(Kind.CALL, row_of(record(clock=Clock.AMBIGUOUS)), PARIS).description
    assert "was not told that night" in worded(Kind.CALL, row_of(record(clock=Clock.NONEXISTENT)), PARIS).description
    assert "nknown" not in worded(Kind.CALL, row_of(record()), PARIS).description


def test_the_day_of_the_report_is_the_accounts() -> None:
    """Reported at half past midnight in Paris is another day there, though not yet in UTC."""
    told = record(occurred_at=None, clock=Clock.DATE)._replace(received_at=datetime(2026, 3, 2, 23, 30, tzinfo=UTC))
    assert worded(Kind.CALL, row_of(told), PARIS).started == datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
    assert worded(Kind.CALL, row_of(told), zoneinfo.ZoneInfo("UTC")).started == told.received_at


@given(st.integers(0, 10**7))
def test_durations_in_words_and_minutes(seconds: int) -> None:
    """No part of a minute is lost: hours and minutes are never less than the duration, and less than a minute more."""
    hours, minutes = whole_minutes(seconds)
    assert 0 <= minutes < 60
    assert 0 <= (hours * 60 + minutes) * 60 - seconds < 60
    assert spoken(seconds).replace(" ", "").isalnum()


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        self.tags.append(tag)


@given(st.text(max_size=60))
def test_nothing_from_outside_is_markup(text: str) -> None:
    """Whatever a message has in it, the note has one paragraph and line breaks."""
    row = row_of(record(1, Kind.INCOMING_SMS, text=text, device=text, number_text=text, phone_number=None))
    parser = _Tags()
    parser.feed(worded(Kind.INCOMING_SMS, row, PARIS).html)
    assert set(parser.tags) <= {"p", "br"}
    assert parser.tags.count("p") == 1


@given(st.text(min_size=1, max_size=300))
def test_a_title_fits_and_the_text_is_whole(text: str) -> None:
    """A long qualification is cut in the title alone; one line, at most a hundred signs."""
    words = worded(Kind.CALL_QUALIFICATION, row_of(record(1, Kind.CALL_QUALIFICATION, text=text)), PARIS)
    assert len(words.title) <= 100
    assert len(words.title.splitlines()) == 1
    assert words.description.startswith(text)
