"""The way back as a whole: from the inbox to the CRM, each event once, whatever dies in between."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sync_connector import planning, pulling, sinks
from sync_connector.config import Settings, load
from sync_connector.config import Sink as SinkSettings
from sync_connector.dialects._callback import callback_query
from sync_connector.errors import AskPerson, LeaseLost, TryLater
from sync_connector.events.inbox import Inbox, open_inbox
from sync_connector.ledger import events, keeping, leases, outbox, schema
from sync_connector.ledger.event_history import Wanted, listed
from sync_connector.ledger.messages import MessageBook, Outbound, WantedMessages
from sync_connector.ledger.store import Ledger, open_ledger
from sync_connector.model import Manner, Message, Record
from sync_connector.reading import Progress
from sync_connector.sinks import Refusal
from tests.conftest import Project, e164, person

NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)


def call(number: str, when: str = "2026-03-02 10:00:00", title: str = "incoming_call", duration: str = "00:01:00") -> str:
    """A call as the second generation tells of it."""
    payload = {"device_identification": "d", "title": title, "phone_number": number, "call_time": when, "duration": duration}
    return callback_query("calls", payload)


def status(sms: str, number: str, said: str, when: str) -> str:
    """A delivery status."""
    payload = {"user": "me", "phone_number": number, "status": said, "date_status": when, "id_sms_api": sms}
    return callback_query("status", payload)


def bare(number: str) -> str:
    """A missed call with a bare date, as the first generation tells of it."""
    return callback_query("call", {"TITLE": "MISSED", "PHONE_NUMBER": number, "CALL_TIME": "2026-03-02", "DURATION": "0"})


@dataclass
class Memory:
    """A sink that remembers its deliveries, and can be told to refuse, to be down, or to die once it has written."""

    deliveries: list[tuple[int, dict[str, Record]]] = field(default_factory=list)
    refuse: Callable[[Record], bool] = lambda _: False
    down: bool = False

    @property
    def rows(self) -> dict[str, Record]:
        """What stands there: of each event key the newest record; a delivery that comes again replaces itself."""
        return {key: record for _, records in sorted(dict(self.deliveries).items()) for key, record in records.items()}

    def write(self, delivery: int, records: Sequence[Record]) -> list[Refusal]:
        """See `sinks.Sink`."""
        if self.down:
            raise TryLater("the CRM is down")
        kept = {record.event_key: record for record in records if not self.refuse(record)}
        assert len({record.event_key for record in records}) == len(records)
        self.deliveries.append((delivery, kept))
        return [Refusal(record.event_key, "it was refused") for record in records if record.event_key not in kept]

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass
class Way:
    """The way back in a test: an inbox, the ledger of a project, and a sink that remembers."""

    project: Project
    inbox: Inbox
    ledger: Ledger
    sink: Memory

    @property
    def settings(self) -> Settings:
        """As they stand in the project's file."""
        return load(self.project.config, self.project.environment, purpose="pull")

    @property
    def account(self) -> int:
        """The account's id."""
        return self.ledger.make_scope(*planning.scope_names(self.settings)).account_id

    def arrive(self, *queries: str, at: datetime = NOON) -> None:
        """Callbacks come in at that moment."""
        self.inbox.append([(at, query) for query in queries])

    def pull(self, instrument: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
        """Pull once."""
        scope = self.ledger.make_scope(*planning.scope_names(self.settings))
        nothing = Progress()
        return pulling.pull(self.settings, self.ledger, scope, self.inbox, nothing, lambda: None, instrument).as_json()

    def events(self, **wanted: Any) -> list[dict[str, Any]]:
        """What the ledger has, in the order in which it came."""
        return listed(self.ledger, self.account, Wanted(**wanted), None)[::-1]

    def sync(self, *numbers: int, **changes: str) -> None:
        """The CRM has these contacts now, and they are sent."""
        self.project.write([person(number, **changes) for number in numbers])
        self.project.sync("--approve")


@pytest.fixture
def way(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Way]:
    """On SQLite and on PostgreSQL."""
    sink = Memory()
    monkeypatch.setattr(sinks, "open_sink", lambda _settings: sink)
    project.settings["events"] = {"zone": "Europe/Paris"}
    project.settings["receive"] = {"inbox": f"sqlite:///{tmp_path / 'inbox.db'}"}
    write_sinks(project, "crm")
    ledger = open_ledger(project.ledger_url, write=True)
    with closing(open_inbox(f"sqlite:///{tmp_path / 'inbox.db'}")) as inbox:
        yield Way(project, inbox, ledger, sink)
    ledger.close()


def write_sinks(project: Project, *names: str) -> None:
    """The project's configuration, with these sinks."""
    project.configure()
    with open(project.config, "a", encoding="utf-8") as out:
        for name in names:
            out.write(f'[[sinks]]\nname = "{name}"\ntype = "jsonl"\npath = "out"\n')


def test_an_event_is_bound_and_written(way: Way) -> None:
    """A call from a contact's number stands in the CRM with the contact's key, the time in UTC, and the seconds."""
    way.sync(1)
    way.arrive(call(e164(1)))
    told = way.pull()
    assert (told["fetched"], told["events"]["call"], told["bound"], told["waiting_at_the_edge"]) == (1, 1, 1, 0)
    assert told["sinks"] == [{"sink": "crm", "written": 1, "parked": 0, "waiting": 0, "failed": None}]
    (record,) = way.sink.rows.values()
    assert (record.contact_key, record.contact_source, record.received_at) == ("K00001", "crm", NOON)
    assert record.event.occurred_at == datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)
    assert (record.event.direction, record.event.answered, record.event.duration) == ("incoming", True, 60)
    (event,) = way.events()
    assert (event["contacts"], event["match"], event["sinks"]) == (["K00001"], "one", {"crm": "written"})


def test_pulling_twice_writes_nothing_twice(way: Way) -> None:
    """The second pull fetches nothing, hands nothing to the sink, and the inbox knows that all is safe."""
    way.arrive(*(call(e164(n)) for n in range(20)))
    way.pull()
    again = way.pull()
    assert (again["fetched"], again["sinks"][0]["written"], len(way.sink.deliveries)) == (0, 0, 1)
    assert way.inbox.waiting() == 0


def test_what_was_acknowledged_survives_a_loss_of_power(tmp_path: Path) -> None:
    """SQLite waits for the disk in each transaction of a pull, before the inbox hears that a page is safe; PostgreSQL does."""
    modes: list[int] = []

    def look(connection: sa.Connection) -> None:
        modes.append(connection.connection.cursor().execute("PRAGMA synchronous").fetchone()[0])

    with closing(open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", write=True)) as ledger:
        scope = ledger.make_scope("me", "host", "crm")
        book = events.EventBook(ledger, scope.account_id)
        with ledger.lease(scope, "pull"):
            sa.event.listen(ledger.engine, "commit", look)
            book.renew()
            outbox.Outbox(book).fill("crm")
    assert modes[:2] == [2, 2]


PLACES = ["fetched", "committed", "taken in", "bound late", "delivery begun", "delivered", "settled"]


@pytest.mark.parametrize("place", PLACES)
def test_a_pull_that_dies_anywhere_is_made_good_by_the_next(way: Way, place: str) -> None:
    """Wherever it dies, the next pull takes in each callback once and leaves each record once at the sink."""
    way.sync(1)
    way.arrive(*(call(e164(n % 3), when=f"2026-03-02 10:00:{n:02d}") for n in range(9)))

    def die(at: str) -> None:
        if at == place:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        way.pull(die)
    way.pull()
    assert len(way.events()) == len(way.sink.rows) == 9
    assert [event["sinks"] for event in way.events()] == [{"crm": "written"}] * 9
    if place != "delivered":
        assert sum(len(records) for _, records in way.sink.deliveries) == 9
    else:  # nobody knew that it was written: the same delivery came again, under the same number
        assert [number for number, _ in way.sink.deliveries] == [1, 1]
    assert way.inbox.waiting() == 0


def test_a_sink_that_is_down_loses_nothing(way: Way) -> None:
    """What it could not take waits, other things go on, and it gets all of it later, in order."""
    way.sink.down = True
    way.arrive(*(call(e164(n)) for n in range(5)))
    told = way.pull()
    assert told["sinks"] == [{"sink": "crm", "written": 0, "parked": 0, "waiting": 5, "failed": "the CRM is down"}]
    way.arrive(call(e164(9)))
    assert way.pull()["sinks"][0]["waiting"] == 6
    assert [event["sinks"] for event in way.events()] == [{"crm": "waiting"}] * 6
    way.sink.down = False
    assert way.pull()["sinks"][0]["written"] == 6
    assert [record.event.phone_number for record in way.sink.rows.values()] == [e164(n) for n in (0, 1, 2, 3, 4, 9)]


def test_a_refused_record_is_parked_with_its_reason_and_tried_again(way: Way) -> None:
    """Others are written; each later pull tries it once more, and it is gone from the list when it is taken."""
    way.sink.refuse = lambda record: record.event.phone_number == e164(2)
    way.arrive(*(call(e164(n)) for n in range(4)))
    assert way.pull()["sinks"] == [{"sink": "crm", "written": 3, "parked": 1, "waiting": 0, "failed": None}]
    (parked,) = way.events(parked=True)
    assert (parked["number"], parked["sinks"], parked["reasons"]) == (e164(2), {"crm": "parked"}, {"crm": "it was refused"})
    assert way.pull()["sinks"] == [{"sink": "crm", "written": 0, "parked": 1, "waiting": 0, "failed": None}]
    assert len(way.sink.deliveries) == 2
    way.sink.refuse = lambda _: False
    assert way.pull()["sinks"] == [{"sink": "crm", "written": 1, "parked": 0, "waiting": 0, "failed": None}]
    assert way.events(parked=True) == []
    assert len(way.sink.rows) == 4


def test_a_contact_that_arrives_a_day_later_is_bound_on_the_next_pull(way: Way) -> None:
    """The record is written at once without a contact, and again with it, under the same event key."""
    way.arrive(call(e164(7)), call("anonymous"), call("12"))
    told = way.pull()
    assert (told["bound"], told["unmatched"], told["anonymous"]) == (0, 1, 2)
    assert [event["match"] for event in way.events()] == ["none", "anonymous", "anonymous"]
    way.sync(7)
    told = way.pull()
    assert (told["fetched"], told["bound_late"], told["sinks"][0]["written"]) == (0, 1, 1)
    assert sorted(record.contact_key or "" for record in way.sink.rows.values()) == ["", "", "K00007"]
    assert way.pull()["bound_late"] == 0


def test_a_number_that_a_contact_had_before_still_leads_to_it(way: Way) -> None:
    """Who changes the number in the CRM is called back on the old one; who left the CRM is still known; who has it now wins."""
    way.sync(1, 2)
    way.project.write([person(1, mobile="06 12 00 99 99"), person(2)])
    way.project.sync()
    way.arrive(call(e164(1)))
    way.pull()
    way.project.write([person(1, mobile="06 12 00 99 99")])
    way.project.sync("--approve")
    way.arrive(call(e164(2)))
    way.pull()
    way.project.write([person(1, mobile="06 12 00 99 99"), person(3, mobile=e164(1))])
    way.project.sync("--approve")
    way.arrive(call(e164(1), when="2026-03-02 11:00:00"))
    way.pull()
    assert [event["contacts"] for event in way.events()] == [["K00001"], ["K00002"], ["K00003"]]


@pytest.mark.parametrize(("policy", "wanted"), [("newest", ["K00002"]), ("all", ["K00002", "K00001"]), ("none", [])])
def test_a_shared_number_follows_the_policy(way: Way, policy: str, wanted: list[str]) -> None:
    """One call on a number that two contacts share: written for the newest, for both, or for nobody; never twice the same."""
    way.project.settings["events"]["match"] = policy
    write_sinks(way.project, "crm")
    shared = [person(1), person(2, mobile=e164(1), updated_at="2026-02-01T00:00:00Z")]
    way.project.write(shared)
    way.project.sync()
    way.arrive(call(e164(1)))
    way.pull()
    (event,) = way.events()
    assert (event["contacts"], event["match"]) == (wanted, "many")
    written = [record.contact_key for record in way.sink.rows.values() if record.contact_key is not None]
    assert (written, len(way.sink.rows)) == (wanted, max(len(wanted), 1))
    way.pull()
    assert len(way.sink.deliveries) == 1


def test_what_became_of_a_message_comes_back(way: Way) -> None:
    """What was unknown is settled by its status; click and answer are written with its campaign; a STOP opts out."""
    scope = way.ledger.make_scope(*planning.scope_names(way.settings))
    book = MessageBook(way.ledger, scope.account_id)
    with way.ledger.lease(scope, "sms"):
        message = Message("ours-1", e164(1), "Bonjour [Link]", "https://example.com/")
        book.begin([Outbound(message, "spring", "K00001", 1)], Manner(), NOON - timedelta(minutes=5))
        book.recover(NOON - timedelta(minutes=4))
    opened = {"phone_number": e164(1), "link": "https://example.com/", "date": "2026-03-02T11:58:00Z", "id_sms_api": "ours-1"}
    wrote = {"device_identification": "d", "title": "incoming_sms", "from": e164(1), "date": "2026-03-02T11:59:00Z"}
    way.arrive(
        status("ours-1", e164(1), "received", "2026-03-02T11:57:00Z"),
        callback_query("clics", opened | {"title": "clicked_link"}),
        callback_query("message", wrote | {"message": "Stop"}),
    )
    told = way.pull()
    assert (told["messages_settled"], told["opted_out"]) == (1, 1)
    (row,) = book.listed(WantedMessages(), None)
    assert (row["state"], row["delivery"], row["opted_out"]) == ("sent", "received", True)
    assert (row["clicked_at"], row["answered_at"]) == ("2026-03-02T11:58:00Z", "2026-03-02T11:59:00Z")
    about = {record.event.kind.value: (record.campaign, record.answers) for record in way.sink.rows.values()}
    assert about == {"sms_status": ("spring", ""), "link_click": ("spring", ""), "incoming_sms": ("spring", "ours-1")}
    assert {event["about"] for event in way.events()} == {"ours-1"}
    book.opt_in(e164(1))
    way.arrive(
        callback_query("message", wrote | {"message": "Stop"}), callback_query("calls", wrote | {"message": "Stop by at five"})
    )
    told = way.pull()
    assert (told["messages_settled"], told["opted_out"], book.opt_outs()) == (0, 0, [])


@pytest.mark.parametrize("place", PLACES)
def test_a_pull_that_dies_settles_and_opts_out_once(way: Way, place: str) -> None:
    """Killed anywhere, and pulled again, a message is settled by its one status, and who said STOP is out since that one."""
    scope = way.ledger.make_scope(*planning.scope_names(way.settings))
    book = MessageBook(way.ledger, scope.account_id)
    with way.ledger.lease(scope, "sms"):
        book.begin([Outbound(Message("ours-1", e164(1), "Bonjour"), "", "a", 1)], Manner(), NOON)
    stop = {"device_identification": "d", "title": "incoming_sms", "from": e164(1), "message": "STOP", "date": "2026-03-02"}
    way.arrive(status("ours-1", e164(1), "sent", "2026-03-02T12:01:00Z"), callback_query("message", stop), at=NOON)

    def die(at: str) -> None:
        if at == place:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        way.pull(die)
    way.pull()
    first, second = way.events()
    (row,) = book.listed(WantedMessages(), None)
    assert (row["state"], row["settled_by"]) == ("sent", first["event_key"])
    assert [out["event_key"] for out in book.opt_outs()] == [second["event_key"]]


def test_repeats_are_kept_marked_and_written_once(way: Way) -> None:
    """The same words within the window are one event; with a bare date and a minute later they are two; a time to the second
    makes them one for a week; another encoding, other keys and another order change nothing."""
    timed = call(e164(1))
    way.arrive(timed, bare(e164(2)), at=NOON)
    again = call(e164(1)).replace("%22", "%2522").replace("%7B", "%257B").replace("%7D", "%257D")
    way.arrive(timed, again.replace("%3A", "%253A"), bare(e164(2)), at=NOON + timedelta(seconds=30))
    way.arrive(timed, bare(e164(2)), at=NOON + timedelta(days=1))
    told = way.pull()
    assert told["suspected_duplicates"] == 4
    way.arrive(timed, at=NOON + timedelta(days=2))
    assert way.pull()["suspected_duplicates"] == 1
    events = way.events()
    first, second = events[0]["event_key"], events[1]["event_key"]
    assert [event["same_as"] for event in events] == [None, None, first, first, second, first, None, first]
    assert len(way.sink.rows) == 3
    assert len(way.events(repeats=True)) == 5


def test_calls_that_come_again_and_again_are_not_one_for_ever(way: Way) -> None:
    """Missed calls of a bare date, 50 seconds apart: the time counts from the call, not from its last repeat; over pulls too."""
    for second in range(0, 500, 50):
        way.arrive(bare(e164(1)), at=NOON + timedelta(seconds=second))
        if second % 100 == 0:
            way.pull()
    way.pull()
    assert len(way.events(repeats=True)) == 5
    assert len(way.sink.rows) == 5


def test_an_sms_is_one_however_its_number_is_written(way: Way) -> None:
    """The vendor says +33612…, 33612… and 06 12…: one record, and it says received."""
    for number, said in [(e164(1), "sent"), (e164(1)[1:], "received"), ("06 12 00 00 01", "sent")]:
        way.arrive(status("a", number, said, "2026-03-02T10:00:00Z"))
    way.pull()
    assert [record.event.status for record in way.sink.rows.values()] == ["received"]


def test_what_is_not_understood_belongs_to_nobody(way: Way) -> None:
    """An unknown message with a contact's number is kept, and counted as nothing else."""
    way.sync(1)
    way.arrive(callback_query("message", {"title": "outgoing sms", "from": e164(1), "message": "x", "date": "2026-03-02"}))
    told = way.pull()
    assert (told["events"]["unknown"], told["bound"], told["unmatched"], told["anonymous"]) == (1, 0, 0, 0)
    assert way.events()[0]["contacts"] == []


def test_a_sink_for_which_nothing_waits_is_not_opened(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CRM that is down is no matter while there is nothing to write."""
    way.arrive(call(e164(1)))
    way.pull()
    monkeypatch.setattr(sinks, "open_sink", None)
    assert way.pull()["sinks"][0]["failed"] is None


def test_a_delivery_status_never_goes_backwards(way: Way) -> None:
    """Whatever order they come in, over pages and pulls, an SMS has one record, and it says received once it was."""
    way.arrive(status("a", e164(1), "received", "2026-03-02T10:05:00Z"), status("b", e164(2), "sent", "2026-03-02T10:00:00Z"))
    way.pull()
    way.arrive(status("a", e164(1), "sent", "2026-03-02T10:00:00Z"), status("b", e164(2), "received", "2026-03-02T10:07:00Z"))
    way.arrive(status("c", e164(3), "sent", "2026-03-02T10:00:00Z"), status("c", e164(4), "sent", "2026-03-02T10:00:00Z"))
    way.pull()
    stands = [(record.event.id_sms_api, record.event.phone_number, record.event.status) for record in way.sink.rows.values()]
    assert stands == [("a", e164(1), "received"), ("b", e164(2), "received"), ("c", e164(3), "sent"), ("c", e164(4), "sent")]
    assert way.sink.rows[way.events()[1]["event_key"]].event.occurred_at == datetime(2026, 3, 2, 10, 7, tzinfo=UTC)
    assert len(way.events()) == 6


@pytest.mark.parametrize(("length", "records"), [(events.LONGEST_ID, 1), (events.LONGEST_ID + 1, 2), (9_000, 2)])
def test_an_id_of_any_length_stops_no_pull(way: Way, length: int, records: int) -> None:
    """An SMS's id that no index takes is stored as it came; its statuses are then records of their own, and others go on."""
    id_ = "".join(random.Random(1).choices("0123456789abcdef", k=length))
    way.arrive(status(id_, e164(1), "sent", "2026-03-02T10:00:00Z"), call(e164(2)))
    way.arrive(status(id_, e164(1), "received", "2026-03-02T10:05:00Z"))
    assert way.pull()["fetched"] == 3
    assert [event["id_sms_api"] for event in way.events(kinds=("sms_status",))] == [id_, id_]
    assert len(way.sink.rows) == records + 1


def test_what_is_not_understood_is_kept_and_not_written(way: Way) -> None:
    """An unknown callback stands in the list as it came."""
    way.arrive("surprise=%7B%22a%22%3A1%7D", "", "call=cut%7B")
    assert way.pull()["events"]["unknown"] == 3
    assert [event["query"] for event in way.events(kinds=("unknown",))] == ["surprise=%7B%22a%22%3A1%7D", "", "call=cut%7B"]
    assert way.sink.deliveries == []


def test_a_new_sink_gets_the_whole_history_and_one_that_rested_what_it_missed(way: Way) -> None:
    """What a sink has is remembered by its name, not by when it was configured."""
    way.arrive(call(e164(1)))
    way.pull()
    write_sinks(way.project, "other")
    way.arrive(call(e164(2)))
    assert [(one["sink"], one["written"]) for one in way.pull()["sinks"]] == [("other", 2)]
    write_sinks(way.project, "crm", "other")
    assert [(one["sink"], one["written"]) for one in way.pull()["sinks"]] == [("crm", 1), ("other", 0)]


def test_an_inbox_that_went_back_in_time_is_read_anew(way: Way, tmp_path: Path) -> None:
    """Restored from an older copy it hands out its numbers a second time: nothing new is taken for known, nothing known twice."""
    way.arrive(call(e164(1)))
    way.pull()
    with closing(sqlite3.connect(tmp_path / "inbox.db")) as inbox:
        inbox.execute("VACUUM INTO ?", [str(tmp_path / "copy.db")])
    way.arrive(call(e164(2)), call(e164(3)))
    way.pull()
    with closing(open_inbox(f"sqlite:///{tmp_path / 'copy.db'}")) as restored:
        way.inbox = restored
        way.arrive(call(e164(4)), at=NOON + timedelta(hours=1))
        way.pull()
        way.arrive(call(e164(5)), call(e164(6)), at=NOON + timedelta(hours=2))
        way.pull()
    assert [event["number"] for event in way.events()] == [e164(n) for n in range(1, 7)]
    assert len(way.sink.rows) == 6


def test_what_the_inbox_forgot_does_not_wait_there(way: Way) -> None:
    """A ledger that is new to an old inbox fetches what is still there; what is not is told of as nothing that waits."""
    way.arrive(call(e164(1)), call(e164(2)))
    way.inbox.acknowledge(2)
    way.inbox.forget(NOON + timedelta(days=1))
    told = way.pull()
    assert (told["fetched"], told["waiting_at_the_edge"]) == (0, 0)
    way.arrive(call(e164(3)))
    told = way.pull()
    assert (told["fetched"], told["waiting_at_the_edge"]) == (1, 0)


def test_one_pull_at_a_time_and_beside_a_sync(way: Way) -> None:
    """A second pull stops and says who is at work; a sync's lease is another one; a lost lease lets nothing more be written."""
    way.arrive(call(e164(1)))
    scope = way.ledger.make_scope(*planning.scope_names(way.settings))
    with way.ledger.engine.begin() as connection:
        leases.acquire(connection, scope.account_id, "elsewhere/1/2/3", "sync")
    way.pull()
    with way.ledger.engine.begin() as connection:
        leases.acquire(connection, scope.account_id, "elsewhere/1/2/3", "pull")
    with pytest.raises(AskPerson, match="another pull is at work"):
        way.pull()
    with way.ledger.engine.begin() as connection:
        connection.execute(sa.delete(schema.leases))

    def lose(at: str) -> None:
        if at == "delivered":
            with way.ledger.engine.begin() as connection:
                connection.execute(sa.update(schema.leases).values(holder="elsewhere/1/2/3"))

    way.arrive(call(e164(2)))
    with pytest.raises(LeaseLost):
        way.pull(lose)


def test_the_lease_is_kept_over_a_ledger_that_does_not_answer(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a sink takes its time the lease is renewed again and again, also after the ledger failed to answer; nothing is
    printed by the thread that does so."""
    renewed = threading.Semaphore(0)

    def renew(_book: events.EventBook) -> None:
        renewed.release()
        raise sa.exc.OperationalError("", {}, Exception("the server closed the connection"))

    monkeypatch.setattr(keeping, "SECONDS", 0.01)
    monkeypatch.setattr(events.EventBook, "renew", renew)
    way.arrive(call(e164(1)))

    def take_time(at: str) -> None:
        if at == "delivered":
            assert all(renewed.acquire(timeout=10) for _ in range(2))

    assert way.pull(take_time)["sinks"][0]["written"] == 1


def test_explain_shows_a_contacts_calls(way: Way) -> None:
    """By its key and by the number; a number that no contact has is told of as well."""
    way.sync(1)
    way.arrive(call(e164(1)), call(e164(8)))
    way.pull()
    told = way.project.json("explain", "K00001")
    assert [event["kind"] for event in told["events"]] == ["call"]
    stranger = way.project.json("explain", e164(8))
    assert [event["number"] for event in stranger["events"]] == [e164(8)]


def test_explain_shows_no_calls_of_another_sources_contact(way: Way) -> None:
    """Two sources of an account have a contact with the same key: the calls are those of the one that was asked for."""
    way.sync(1)
    way.project.settings["source"] = {"name": "shop"}
    write_sinks(way.project, "crm")
    way.sync(1, mobile=e164(2))
    way.arrive(call(e164(1)), call(e164(2)))
    way.pull()
    assert [event["source"] for event in way.events()] == ["crm", "shop"]
    assert [event["source"] for event in way.project.json("explain", "K00001")["events"]] == ["shop"]
    assert [event["source"] for event in way.events(contact="K00001")] == ["crm", "shop"]


def test_settings_of_a_sink_reach_it(project: Project) -> None:
    """The list of sinks is read as it stands, each with its own settings."""
    project.settings["events"] = {"zone": "Europe/Paris"}
    write_sinks(project, "a", "b")
    folder = str(project.folder / "out")
    wanted = [SinkSettings(name=name, type="jsonl", path=folder, zone="Europe/Paris", source="crm") for name in "ab"]
    assert load(project.config, project.environment, purpose="pull").sinks == wanted
