"""Messages in the ledger: begun once, settled by what is known of them, and left alone by who said STOP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa

from sync_connector.errors import AskPerson, LeaseLost
from sync_connector.events.understand import fold_statuses
from sync_connector.ledger import evidence, leases, messages, schema
from sync_connector.ledger.event_history import Wanted, listed
from sync_connector.ledger.events import EventBook
from sync_connector.ledger.messages import MessageBook, Outbound, Overtaken, WantedMessages
from sync_connector.ledger.nouns import Arrived, Scope, TakenIn
from sync_connector.ledger.outbox import Outbox
from sync_connector.ledger.store import Ledger, open_ledger
from sync_connector.model import (
    Clock,
    Event,
    Kind,
    Manner,
    Matched,
    Message,
    MessageReply,
    MessageState,
    Mode,
    Priority,
    Verdict,
)
from tests.conftest import e164

NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)
ACCEPTED, REFUSED, UNKNOWN = (MessageReply(verdict) for verdict in (Verdict.ACCEPTED, Verdict.REFUSED, Verdict.UNKNOWN))


def minutes(number: float) -> datetime:
    """So long after noon."""
    return NOON + timedelta(minutes=number)


def outbound(number: int, campaign: str = "spring", **changes: Any) -> Outbound:
    """A message to `e164(number)`; its id and its identity are the number's."""
    message = Message(f"id-{campaign}-{number}", e164(number), f"Bonjour {number}", "https://example.com/")
    return Outbound(message, campaign, f"to {number}", 1, contact_key=f"K{number}", contact_source="crm")._replace(**changes)


class Desk:
    """An account's messages and events, and the leases of a sender and a pull."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.scope: Scope = ledger.make_scope("me", "host", "crm")
        self.book = MessageBook(ledger, self.scope.account_id)
        self.events = EventBook(ledger, self.scope.account_id)
        self.came = count(1)

    def begin(self, *batch: Outbound, manner: Manner = Manner(), at: datetime = NOON) -> list[Outbound]:  # noqa: B008
        """Messages are begun."""
        self.book.begin(batch, manner, at)
        return list(batch)

    def send(self, *batch: Outbound, reply: MessageReply = ACCEPTED, at: datetime = NOON) -> list[Outbound]:
        """Messages are begun, and all answered alike."""
        self.begin(*batch, at=at)
        self.book.settle(batch, [reply] * len(batch), at)
        return list(batch)

    def come(self, *told: Event, at: datetime = NOON, stop: bool = False) -> TakenIn:
        """Callbacks come in, each of them said for the first time."""
        return self.take(*(self.arrived(event, at, stop) for event in told))

    def arrived(self, event: Event, at: datetime = NOON, stop: bool = False) -> Arrived:
        """A callback that nobody met before."""
        number = next(self.came)
        return Arrived(f"inbox-{number}", at, f"n={number}", event, f"content {number}", timedelta(minutes=1), stop)

    def take(self, *arrivals: Arrived) -> TakenIn:
        """Callbacks come in."""
        return self.events.take_in("inbox", 1, arrivals, lambda _: (Matched.NONE, []))

    def states(self) -> dict[str, str]:
        """`id_sms_api` → state."""
        return {row["id_sms_api"]: row["state"] for row in self.listed()}

    def listed(self, **wanted: Any) -> list[dict[str, Any]]:
        """Messages, newest first."""
        return self.book.listed(WantedMessages(**wanted), None)

    def told(self) -> list[dict[str, Any]]:
        """Events, in the order in which they came."""
        return listed(self.ledger, self.scope.account_id, Wanted(), None)[::-1]


@pytest.fixture
def desk(ledger_url: str) -> Iterator[Desk]:
    """On SQLite and on PostgreSQL, with both leases."""
    ledger = open_ledger(ledger_url, write=True)
    made = Desk(ledger)
    with ledger.lease(made.scope, "sms"), ledger.lease(made.scope, "pull"):
        yield made
    ledger.close()


def status(id_sms_api: str, said: str = "received", **changes: Any) -> Event:
    """A delivery status."""
    return Event(Kind.SMS_STATUS, status=said, id_sms_api=id_sms_api)._replace(**changes)


def click(id_sms_api: str) -> Event:
    """Somebody opened the link of a message."""
    return Event(Kind.LINK_CLICK, link="https://example.com/", id_sms_api=id_sms_api)


def answer(number: int, text: str = "Bonjour") -> Event:
    """Somebody wrote to us."""
    return Event(Kind.INCOMING_SMS, phone_number=e164(number), text=text)


@pytest.mark.parametrize(
    ("written", "clock", "answered"),
    [
        (NOON - timedelta(days=2), Clock.EXACT, False),
        (NOON - timedelta(minutes=10), Clock.EXACT, True),  # a telephone's clock may be slow
        (NOON + timedelta(days=9), Clock.EXACT, True),  # or wrong: it came when it came
        (NOON - timedelta(days=2), Clock.AMBIGUOUS, True),
        (None, Clock.UNKNOWN, True),
    ],
)
def test_what_was_written_before_a_message_left_does_not_answer_it(
    desk: Desk, written: datetime | None, clock: Clock, answered: bool
) -> None:
    """A telephone without a network delivers days later; where the time is not certain, that of the receipt counts."""
    desk.begin(outbound(1))
    desk.come(answer(1)._replace(occurred_at=written, clock=clock), at=minutes(30))
    (row,) = desk.listed()
    assert bool(row["answered_at"]) is answered


def test_a_message_is_there_as_it_was_begun(desk: Desk) -> None:
    """What was begun stands in the list with all that was said of it, times in UTC, and can be looked up by its identity."""
    paris = datetime.fromisoformat("2026-03-02T15:30:00+01:00")
    desk.begin(outbound(1, send_at=paris, segments=3), manner=Manner(Mode.TEST, Priority.HIGH, "ACME", "auto"), at=paris)
    (row,) = desk.listed()
    assert row == {
        "campaign": "spring",
        "number": e164(1),
        "state": "begun",
        "id_sms_api": "id-spring-1",
        "text": "Bonjour 1",
        "url": "https://example.com/",
        "send_at": "2026-03-02T14:30:00Z",
        "begun_at": "2026-03-02T14:30:00Z",
        "settled_at": None,
        "settled_by": None,
        "reason": None,
        "segments": 3,
        "parts": None,
        "mode": "test",
        "contact_key": "K1",
        "contact_source": "crm",
        "delivery": "",
        "answered_at": None,
        "clicked_at": None,
        "opted_out": False,
    }
    known = desk.book.known("spring", Mode.TEST, ["to 1", "to 2"])
    assert list(known) == ["to 1"]
    assert known["to 1"][1:] == (MessageState.BEGUN, "id-spring-1", paris)
    assert desk.book.known("spring", Mode.PROD, ["to 1"]) == desk.book.known("autumn", Mode.TEST, ["to 1"]) == {}


@pytest.mark.parametrize("reply", [None, ACCEPTED, REFUSED, UNKNOWN])
def test_a_message_is_never_begun_twice(desk: Desk, reply: MessageReply | None) -> None:
    """Under way, sent, refused or unknown: to begin it again is a fault, and nothing else of the batch is begun either."""
    batch = desk.begin(outbound(1))
    if reply is not None:
        desk.book.settle(batch, [reply], NOON)
    with pytest.raises(Overtaken, match="id-spring-1"):
        desk.begin(outbound(2), outbound(1))
    with pytest.raises(Overtaken, match="id-spring-1"):
        desk.begin(outbound(2, campaign="autumn", message=outbound(1).message))
    assert len(desk.states()) == 1


def test_a_batch_does_not_begin_a_message_twice(desk: Desk) -> None:
    """Two of a batch that have one id, or one identity, are a fault."""
    with pytest.raises(AssertionError, match="the same id"):
        desk.begin(outbound(1), outbound(2, message=outbound(1).message))
    with pytest.raises(AssertionError, match="the same message twice"):
        desk.begin(outbound(1), outbound(2, identity="to 1"))
    assert desk.states() == {}


def test_what_was_certainly_not_sent_is_begun_again_under_its_id(desk: Desk) -> None:
    """It keeps its row and its id, and says what it is now to say; under another id it is a fault."""
    batch = desk.begin(outbound(1), outbound(2))
    desk.book.not_sent(batch, "the vendor was not reached", minutes(1))
    assert {row["reason"] for row in desk.listed(states=(MessageState.UNSENT,))} == {"the vendor was not reached"}
    before = desk.book.known("spring", Mode.PROD, ["to 1"])["to 1"]
    with pytest.raises(Overtaken, match="another"):
        desk.begin(outbound(1, message=outbound(1).message._replace(id_sms_api="another")))
    again = outbound(1, message=outbound(1).message._replace(text="Bonsoir"))
    desk.begin(again, outbound(3), at=minutes(2))
    after = desk.book.known("spring", Mode.PROD, ["to 1"])["to 1"]
    assert (after.id, after.id_sms_api) == (before.id, before.id_sms_api)
    assert desk.states() == {"id-spring-1": "begun", "id-spring-2": "unsent", "id-spring-3": "begun"}
    (row,) = desk.listed(phone_number=e164(1))
    assert (row["text"], row["begun_at"], row["reason"], row["settled_at"]) == ("Bonsoir", "2026-03-02T12:02:00Z", None, None)


def test_the_same_words_may_be_rehearsed_and_then_sent(desk: Desk) -> None:
    """A message in mode test does not keep the one in mode prod from being sent."""
    desk.begin(outbound(1), manner=Manner(Mode.TEST))
    desk.begin(outbound(1, message=outbound(1).message._replace(id_sms_api="real")))
    assert desk.states() == {"id-spring-1": "begun", "real": "begun"}


def test_two_accounts_know_nothing_of_each_other(desk: Desk) -> None:
    """The same message, the same id and the same number stand once in each account, and an opt-out is of one of them."""
    other = desk.ledger.make_scope("you", "host", "crm")
    book = MessageBook(desk.ledger, other.account_id)
    desk.send(outbound(1))
    desk.come(answer(1, "STOP"), stop=True)
    assert (book.opted_out([e164(1)]), book.listed(WantedMessages(), None), book.campaigns()) == (set(), [], [])
    with desk.ledger.lease(other, "sms"):
        book.begin([outbound(1)], Manner(), NOON)
    assert desk.states() == {"id-spring-1": "sent"}


def test_each_message_is_settled_by_its_own_answer(desk: Desk) -> None:
    """Sent, refused and unknown, with the parts that the vendor told; what nobody answered for certain is settled by nobody."""
    batch = desk.begin(*(outbound(n) for n in range(3)))
    desk.book.settle(batch, [MessageReply(Verdict.ACCEPTED, 2), MessageReply(Verdict.REFUSED, 1), UNKNOWN], minutes(1))
    told = [(row["state"], row["parts"], row["settled_by"], row["reason"] is None) for row in desk.listed()[::-1]]
    assert told == [("sent", 2, "answer", True), ("refused", 1, "answer", False), ("unknown", None, None, False)]


@pytest.mark.parametrize("late", [ACCEPTED, MessageReply(Verdict.REFUSED, 3), UNKNOWN, None])
def test_evidence_wins_over_an_answer_that_comes_later(desk: Desk, late: MessageReply | None) -> None:
    """A callback was quicker than the answer, or than the news that the connection failed: it stays sent, by the callback."""
    batch = desk.begin(outbound(1))
    assert desk.come(status("id-spring-1", "sent"), at=minutes(1)).settled == 1
    if late is None:
        desk.book.not_sent(batch, "the connection was refused", minutes(2))
    else:
        desk.book.settle(batch, [late], minutes(2))
    assert desk.book.recover(minutes(3)) == 0
    (row,) = desk.listed()
    assert (row["state"], row["settled_by"], row["settled_at"]) == ("sent", "inbox-1", "2026-03-02T12:01:00Z")
    assert (row["reason"], row["parts"]) == (None, late.parts if late else None)


@pytest.mark.parametrize("told", [status("id-spring-1", "sent"), status("id-spring-1", "failed"), click("id-spring-1")])
@pytest.mark.parametrize("reply", [None, REFUSED, UNKNOWN])
def test_a_callback_proves_that_a_message_was_sent(desk: Desk, told: Event, reply: MessageReply | None) -> None:
    """A status or a click settles what was unknown, refused or never sent at all, once; other messages stay as they are."""
    batch = desk.begin(outbound(1), outbound(2))
    if reply is None:
        desk.book.not_sent(batch, "the vendor was not reached", NOON)
    else:
        desk.book.settle(batch, [reply] * 2, NOON)
    other = desk.states()["id-spring-2"]
    assert desk.come(told, click("id-spring-1"), status("nobody's"), at=minutes(1)).settled == 1
    assert desk.come(told, at=minutes(5)).settled == 0
    assert desk.states() == {"id-spring-1": "sent", "id-spring-2": other}
    (row,) = desk.listed(phone_number=e164(1))
    assert (row["settled_by"], row["reason"]) == ("inbox-1", None)
    assert [event["about"] for event in desk.told()] == ["id-spring-1", "id-spring-1", None, "id-spring-1"]


def test_a_suspected_repeat_is_evidence_as_well(desk: Desk) -> None:
    """A click that says what one said before is marked as a repeat, and still tells that its message was sent."""
    first = desk.arrived(click("id-spring-1"))
    desk.take(first)
    desk.send(outbound(1), reply=UNKNOWN)
    taken = desk.take(first._replace(event_key="again"))
    assert (taken.repeats, taken.settled) == (1, 1)
    assert desk.states() == {"id-spring-1": "sent"}


def test_what_an_earlier_sender_left_under_way_is_unknown(desk: Desk) -> None:
    """A sender that died leaves messages of which nobody knows: none is sent again by itself, and a callback settles them."""
    desk.begin(outbound(1), outbound(2))
    desk.send(outbound(3))
    assert desk.book.recover(minutes(1)) == 2
    assert desk.book.recover(minutes(2)) == 0
    assert desk.states() == {"id-spring-1": "unknown", "id-spring-2": "unknown", "id-spring-3": "sent"}
    assert {row["reason"] for row in desk.listed(states=(MessageState.UNKNOWN,))} == {
        "the run that sent it ended before there was an answer"
    }
    assert desk.come(status("id-spring-2")).settled == 1
    assert desk.states() == {"id-spring-1": "unknown", "id-spring-2": "sent", "id-spring-3": "sent"}


def test_a_person_decides_about_what_is_unknown_and_nothing_else(desk: Desk) -> None:
    """Said to be sent it is settled, said to be unsent it can be begun again as it was; all others stay as they are."""
    manner = Manner(Mode.PROD, Priority.LOW, "ACME", "auto")
    later = outbound(1, send_at=minutes(90), segments=2)
    batch = desk.begin(later, outbound(2), outbound(3), manner=manner)
    desk.book.settle(batch, [UNKNOWN, UNKNOWN, REFUSED], NOON)
    ids = [one.message.id_sms_api for one in batch]
    assert desk.book.again(ids) == [(later, manner), (outbound(2), manner)]
    assert desk.book.resolve([*ids[1:], "nobody's"], MessageState.SENT, minutes(1)) == 1
    assert desk.book.resolve(ids, MessageState.UNSENT, minutes(2)) == 1
    assert desk.states() == {ids[0]: "unsent", ids[1]: "sent", ids[2]: "refused"}
    assert [row["settled_by"] for row in desk.listed()] == ["answer", "person", "person"]
    assert desk.book.again(ids) == [(later, manner)]
    desk.begin(later, manner=manner)
    assert desk.book.again(ids) == []
    with pytest.raises(AssertionError):
        desk.book.resolve(ids, MessageState.REFUSED, NOON)


def test_who_decides_and_who_proves_never_wait_for_each_other(desk: Desk) -> None:
    """A decision that waits for a message which a pull holds has taken none behind it: the pull goes on to that one. On
    PostgreSQL, where several write at once."""
    if desk.ledger.engine.dialect.name != "postgresql":
        return
    first, second = desk.begin(outbound(1), outbound(2))
    for one in (second, first):  # so that the first stands behind the other on disk
        desk.book.settle([one], [UNKNOWN], NOON)
    with ThreadPoolExecutor(1) as person:
        with desk.ledger.engine.begin() as pull:
            evidence.locked(pull, desk.scope.account_id, [first.message.id_sms_api])
            decided = person.submit(desk.book.resolve, list(desk.states()), MessageState.SENT, NOON)
            waits = sa.text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            while not decided.done() and not pull.scalar(waits):
                pass
            both = [first.message.id_sms_api, second.message.id_sms_api]
            assert len(evidence.locked(pull, desk.scope.account_id, both)) == 2
        assert decided.result(timeout=30) == 2


def test_postgresql_knows_how_many_messages_there_are(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its statistics are renewed as a campaign grows, so that a batch is found by its keys among however many."""
    if desk.ledger.engine.dialect.name != "postgresql":
        return
    monkeypatch.setattr(messages, "MANY", 50)
    for start in range(0, 120, 30):
        desk.begin(*map(outbound, range(start, start + 30)))
    with desk.ledger.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT reltuples FROM pg_class WHERE relname = 'messages'")) == 120


def test_the_same_words_are_known_for_a_while(desk: Desk) -> None:
    """Whether they were sent or may have been, in another campaign too; not what was refused, rehearsed, or is other words."""
    said = outbound(1).message
    assert desk.book.sent_lately(said.phone_number, said.text, NOON) is None
    desk.begin(outbound(1), manner=Manner(Mode.TEST))
    desk.send(outbound(1, campaign="no"), reply=REFUSED)
    assert desk.book.sent_lately(said.phone_number, said.text, NOON) is None
    desk.send(outbound(1, campaign="summer"), at=minutes(1))
    desk.send(outbound(1, campaign="autumn"), reply=UNKNOWN, at=minutes(2))
    assert desk.book.sent_lately(said.phone_number, said.text, NOON) == minutes(2)
    assert desk.book.sent_lately(said.phone_number, said.text, minutes(3)) is None
    assert desk.book.sent_lately(said.phone_number, "Bonsoir", NOON) is None
    assert desk.book.sent_lately(e164(2), said.text, NOON) is None


def test_an_answer_is_bound_to_the_last_message_that_had_left(desk: Desk) -> None:
    """Not to one that leaves later, is of another number, was refused, or was only rehearsed; to none if there was none."""
    desk.come(answer(1), at=minutes(-1))
    desk.send(outbound(1, campaign="first"), at=NOON)
    desk.send(outbound(1, campaign="later", send_at=minutes(60)), at=minutes(1))
    desk.send(outbound(1, campaign="no"), reply=REFUSED, at=minutes(2))
    desk.begin(outbound(1, campaign="test"), manner=Manner(Mode.TEST), at=minutes(3))
    desk.send(outbound(2, campaign="other"), at=minutes(4))
    desk.come(answer(1), at=minutes(10))
    desk.come(answer(1), at=minutes(60))
    desk.come(answer(3), Event(Kind.INCOMING_SMS, text="anonymous"), at=minutes(61))
    assert [event["about"] for event in desk.told()] == [None, "id-first-1", "id-later-1", None, None]
    assert [event["campaign"] for event in desk.told()] == [None, "first", "later", None, None]


def test_an_answer_is_bound_to_a_message_that_was_proven_with_it(desk: Desk) -> None:
    """A page of callbacks that brings the status of a message and the answer to it binds the answer."""
    desk.send(outbound(1), reply=REFUSED)
    desk.come(answer(1), status("id-spring-1"), at=minutes(1))
    assert [event["about"] for event in desk.told()] == ["id-spring-1", "id-spring-1"]


def test_who_says_stop_is_opted_out_by_the_first_time(desk: Desk) -> None:
    """The number gets no more messages since then; said again it changes nothing, and who withholds the number is nobody."""
    stop = answer(1, "STOP")
    taken = desk.come(stop, stop, Event(Kind.INCOMING_SMS, text="STOP"), at=minutes(1), stop=True)
    assert taken.opted_out == 1
    assert desk.come(answer(1, "stop!"), answer(2, "Stop"), at=minutes(2), stop=True).opted_out == 1
    desk.come(answer(3, "stop by tomorrow"), at=minutes(3))
    assert desk.book.opted_out([e164(n) for n in range(9)]) == {e164(1), e164(2)}
    assert desk.book.opt_outs() == [
        {"number": e164(1), "since": "2026-03-02T12:01:00Z", "event_key": "inbox-1", "text": "STOP"},
        {"number": e164(2), "since": "2026-03-02T12:02:00Z", "event_key": "inbox-5", "text": "Stop"},
    ]


def test_only_an_sms_opts_out(desk: Desk) -> None:
    """A qualification that says stop is our own word, not theirs."""
    desk.come(Event(Kind.CALL_QUALIFICATION, phone_number=e164(1), text="STOP"), stop=True)
    assert desk.book.opt_outs() == []


def test_who_was_let_in_again_is_not_put_out_by_the_same_callback(desk: Desk) -> None:
    """Met again, or repeated by the vendor, the STOP of before says nothing new; a new one does."""
    said = desk.arrived(answer(1, "STOP"), stop=True)
    assert desk.take(said).opted_out == 1
    assert desk.book.opt_in(e164(1))
    assert not desk.book.opt_in(e164(1))
    assert desk.take(said).opted_out == 0
    assert desk.take(said._replace(event_key="repeated")).repeats == 1
    assert desk.book.opt_outs() == []
    assert desk.come(answer(1, "STOP"), stop=True).opted_out == 1


def test_a_person_opts_a_number_out(desk: Desk) -> None:
    """Without a callback; a STOP that comes later leaves it as it was, and it needs no lease."""
    with desk.ledger.engine.begin() as connection:
        connection.execute(sa.delete(schema.leases).where(schema.leases.c.purpose == "sms"))
    desk.book.opt_out(e164(1), NOON, text="said so at the counter")
    desk.book.opt_out(e164(1), minutes(1))
    desk.come(answer(1, "STOP"), at=minutes(2), stop=True)
    (told,) = desk.book.opt_outs()
    assert told == {"number": e164(1), "since": "2026-03-02T12:00:00Z", "event_key": None, "text": "said so at the counter"}


def test_one_sender_at_a_time(desk: Desk) -> None:
    """A second sender is told who is at work; one that lost its lease can begin nothing and settle nothing."""
    batch = desk.begin(outbound(1))
    with desk.ledger.engine.begin() as connection:
        connection.execute(sa.update(schema.leases).where(schema.leases.c.purpose == "sms").values(holder="elsewhere/1/2/3"))
    with pytest.raises(AskPerson, match="another sending of messages is at work"), desk.ledger.lease(desk.scope, "sms"):
        pass
    for attempt in (
        lambda: desk.begin(outbound(2)),
        lambda: desk.book.settle(batch, [ACCEPTED], NOON),
        lambda: desk.book.not_sent(batch, "no", NOON),
        lambda: desk.book.recover(NOON),
        lambda: desk.book.renew(),
    ):
        with pytest.raises(LeaseLost, match="another sending of messages took over"):
            attempt()
    assert desk.states() == {"id-spring-1": "begun"}
    with desk.ledger.engine.begin() as connection:
        leases.release(connection, desk.scope.account_id, "elsewhere/1/2/3", "sms")


def test_what_was_begun_survives_a_loss_of_power(desk: Desk) -> None:
    """The disk has a message before its request leaves."""
    modes: list[object] = []

    def look(connection: sa.Connection) -> None:
        if connection.dialect.name == "sqlite":
            modes.append(connection.connection.cursor().execute("PRAGMA synchronous").fetchone()[0])

    sa.event.listen(desk.ledger.engine, "commit", look)
    batch = desk.begin(outbound(1))
    desk.book.settle(batch, [ACCEPTED], NOON)
    sa.event.remove(desk.ledger.engine, "commit", look)
    assert set(modes) <= {2}  # FULL
    assert len(modes) in (0, 2)


def test_the_list_tells_what_became_of_each(desk: Desk) -> None:
    """The status that stands, when it was first answered and clicked, and whether the answer was a STOP that still holds."""
    desk.send(outbound(1), at=NOON)
    desk.send(outbound(2), at=minutes(1))
    desk.come(status("id-spring-1", "received"), status("id-spring-1", "sent"), status("id-spring-2", "sent"), at=minutes(2))
    desk.come(status("id-spring-2", "failed"), click("id-spring-1"), at=minutes(3))
    desk.come(click("id-spring-1"), answer(1), at=minutes(4))
    desk.come(answer(1, "STOP"), at=minutes(5), stop=True)
    second, first = desk.listed()
    told = ("delivery", "answered_at", "clicked_at", "opted_out")
    assert [first[name] for name in told] == ["received", "2026-03-02T12:04:00Z", "2026-03-02T12:03:00Z", True]
    assert [second[name] for name in told] == ["failed", None, None, False]
    desk.book.opt_in(e164(1))
    assert [row["opted_out"] for row in desk.listed()] == [False, False]


def test_the_list_has_what_was_asked_for(desk: Desk) -> None:
    """By campaign, number, contact and state, the newest of them."""
    desk.send(outbound(1), outbound(2))
    desk.send(outbound(1, campaign="", identity="x"), reply=UNKNOWN, at=minutes(1))

    def ids(**wanted: Any) -> list[str]:
        return [row["id_sms_api"] for row in desk.listed(**wanted)]

    assert ids() == ["id--1", "id-spring-2", "id-spring-1"]
    assert ids(campaign="") == ids(states=(MessageState.UNKNOWN, MessageState.BEGUN)) == ["id--1"]
    assert ids(campaign="spring") == ["id-spring-2", "id-spring-1"]
    assert ids(phone_number=e164(1)) == ids(contact_keys=("K1",)) == ["id--1", "id-spring-1"]
    assert [row["id_sms_api"] for row in desk.book.listed(WantedMessages(), 1)] == ["id--1"]


def test_a_campaign_is_told_in_counts_that_add_up(desk: Desk) -> None:
    """Messages by their state and by what became of them, each counted once however often it was told; by the span asked for."""
    batch = desk.begin(*(outbound(n, segments=2) for n in range(8)))
    desk.book.settle(batch[:6], [ACCEPTED] * 4 + [REFUSED, UNKNOWN], minutes(1))
    desk.book.not_sent(batch[6:7], "no", minutes(1))
    for _ in range(2):
        desk.come(status("id-spring-0"), status("id-spring-1", "sent"), click("id-spring-0"), answer(0), at=minutes(2))
    desk.come(status("id-spring-2", "failed"), status("id-spring-3", "failed"), status("id-spring-3"), at=minutes(3))
    desk.come(answer(1, "STOP"), at=minutes(4), stop=True)
    desk.send(outbound(9, campaign="later"), at=minutes(30))
    later, told = desk.book.campaigns()
    assert (later["campaign"], later["messages"], later["first"]) == ("later", 1, "2026-03-02T12:30:00Z")
    assert told == {
        "campaign": "spring",
        "mode": "prod",
        "messages": 8,
        "begun": 1,
        "sent": 4,
        "refused": 1,
        "unknown": 1,
        "unsent": 1,
        "delivered": 2,
        "failed": 2,
        "answered": 2,
        "clicked": 1,
        "opted_out": 1,
        "segments": 12,
        "first": "2026-03-02T12:00:00Z",
        "last": "2026-03-02T12:00:00Z",
    }


def records(desk: Desk) -> dict[str, tuple[str, str, str]]:
    """Event key → campaign, message and what it answers, as a sink gets it."""
    outbox = Outbox(desk.events)
    delivery = outbox.begin(outbox.fill("crm"), "a pull", 100)
    ids: Sequence[int] = delivery.event_ids if delivery else []
    found = [record for _, record in outbox.records(ids, fold_statuses)]
    return {record.event_key: (record.campaign, record.message, record.answers) for record in found}


def test_a_record_tells_which_message_it_is_about(desk: Desk) -> None:
    """Statuses, clicks and answers go into the CRM with campaign and text, and an answer with the id of what it answers."""
    desk.send(outbound(1))
    desk.come(status("id-spring-1", "sent"), click("id-spring-1"), answer(1), answer(2), at=minutes(1))
    desk.come(status("id-spring-1", "received"), at=minutes(2))
    about = ("spring", "Bonjour 1")
    assert records(desk) == {
        "inbox-1": (*about, ""),
        "inbox-2": (*about, ""),
        "inbox-3": (*about, "id-spring-1"),
        "inbox-4": ("", "", ""),
    }


def test_an_sms_whose_first_status_is_older_than_its_message_is_told_with_it(desk: Desk) -> None:
    """Its one record is about the message that any of its statuses is about."""
    desk.come(status("id-spring-1", "sent"))
    desk.send(outbound(1))
    desk.come(status("id-spring-1", "received"), at=minutes(1))
    assert records(desk) == {"inbox-1": ("spring", "Bonjour 1", "")}


def test_evidence_wins_while_the_answer_is_written_at_the_same_moment(desk: Desk) -> None:
    """A pull has settled a message and not committed yet when the sender writes that it was refused: it stays sent."""
    batch = desk.begin(outbound(1))
    with ThreadPoolExecutor(1) as sender:
        with desk.events.writing("events.test") as connection:
            _, settled = evidence.settle(connection, desk.scope.account_id, [desk.arrived(status("id-spring-1"))])
            answered = sender.submit(desk.book.settle, batch, [REFUSED], NOON)
        answered.result(timeout=30)
    assert (settled, desk.states()) == (1, {"id-spring-1": "sent"})
