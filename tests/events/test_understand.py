"""From what was said to an event: nothing is guessed, and what was written stands beside what was understood."""

from __future__ import annotations

import itertools
import zoneinfo
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_connector.dialects._callback import callback_query, read_callback
from sync_connector.events.understand import Moment, comparable, content, duration, fold_statuses, moment, understand
from sync_connector.model import Callback, Clock, Event, Kind
from tests.dialects.golden_callbacks import Golden, golden_callbacks

PARIS = ZoneInfo("Europe/Paris")
ZONES = [ZoneInfo(name) for name in sorted(zoneinfo.available_timezones())]
GOLDEN = golden_callbacks()
NEVER = Moment(None, None, Clock.UNKNOWN)
NUMBER = "+33612345678"


@pytest.mark.parametrize("golden", GOLDEN, ids=[golden.name for golden in GOLDEN])
def test_a_golden_callback_becomes_the_event(golden: Golden) -> None:
    """Each example of the vendor's page, both generations, from the query's bytes to the event."""
    assert understand(read_callback(golden.query), PARIS, "FR") == golden.event


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2019-08-09T12:50:54.211Z", "2019-08-09T12:50:54.211+00:00"),
        ("2019-08-09t12:50:54z", "2019-08-09T12:50:54+00:00"),
        ("2019-08-09T12:50:54+02:00", "2019-08-09T10:50:54+00:00"),
        ("2019-08-09T12:50:54-0330", "2019-08-09T16:20:54+00:00"),
        ("2019-08-09T12:50:54 02:00", "2019-08-09T10:50:54+00:00"),  # its + became a blank
        ("2019-08-09 12:50:54 UTC", "2019-08-09T12:50:54+00:00"),
        ("2019-08-09 12:50:54", "2019-08-09T10:50:54+00:00"),
        (" 2019-08-09  12:50:54\n", "2019-08-09T10:50:54+00:00"),
        ("2019-08-09T12:50:54.123456789", "2019-08-09T10:50:54.123456+00:00"),
        ("2019-01-09 12:50", "2019-01-09T11:50:00+00:00"),
        ("09/08/2019 12:50:54", "2019-08-09T10:50:54+00:00"),
        ("09/08/2019 12:50", "2019-08-09T10:50:00+00:00"),
        ("1565355054", "2019-08-09T12:50:54+00:00"),
        ("1565355054211", "2019-08-09T12:50:54.211+00:00"),
        ("2100-12-31 23:30:00", "2100-12-31T22:30:00+00:00"),
    ],
)
def test_a_time_is_read_in_each_of_its_forms(text: str, at: str) -> None:
    """ISO with an offset is that instant, a time without one is the account's, and a French date is day before month."""
    expected = datetime.fromisoformat(at)
    assert moment(text, PARIS) == Moment(expected, expected.astimezone(PARIS).date(), Clock.EXACT)
    found = moment(text, PARIS).at
    assert found is not None
    assert found.tzinfo is UTC


@pytest.mark.parametrize("text", ["2019-07-05", "05/07/2019", "5/7/2019", " 2019-7-5 "])
def test_a_bare_date_is_never_midnight(text: str) -> None:
    """Of a bare date the day is known, and said not to be more."""
    assert moment(text, PARIS) == Moment(None, date(2019, 7, 5), Clock.DATE)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "now", "yesterday", "2019", "07/13/2019", "2019-13-01", "2019-02-30", "30/02/2019 10:00", "1999-12-31",
        "2101-01-01", "0001-01-01 00:00:00", "9999-12-31T23:59:59-12:00", "2019-07-05 24:00:00", "2019-07-05 10:60",
        "2019-07-05 10:00:60",
        "2019-07-05T10:00:00+99:00", "2019-07-05T10:00:00+24:00", "0", "-1", "12345", "20190705", "99999999999999999999",
        "9" * 60_000,
        "4133980800", "٢٠١٩-٠٧-٠٥", "2019-07-05 10:00:00 Europe/Paris", "5.7.2019", "1565355054.5e9",
        "2019-07-05" + " " * 60_000 + "1",
    ],
)  # fmt: skip
def test_what_is_no_time_is_unknown(text: str) -> None:
    """Anything else, a day that does not exist, or a year that cannot be meant, is unknown, and the text is kept."""
    assert moment(text, PARIS) == NEVER
    event = understand(Callback(Kind.CALL, when=text), PARIS, "FR")
    assert (event.occurred_at, event.occurred_on, event.clock, event.occurred_text) == (*NEVER, text)


def test_the_hour_that_comes_twice() -> None:
    """When summer time ends, a local time within that hour is the first of the two, and marked."""
    assert moment("2026-10-25 02:30:00", PARIS) == Moment(
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC), date(2026, 10, 25), Clock.AMBIGUOUS
    )
    assert moment("2026-10-25 01:59:59", PARIS).clock is Clock.EXACT
    assert moment("2026-10-25 03:00:00", PARIS).clock is Clock.EXACT
    assert moment("2026-10-25T02:30:00+01:00", PARIS).clock is Clock.EXACT


def test_the_hour_that_is_left_out() -> None:
    """When summer time begins, a local time within that hour is read as if it had not begun, and marked."""
    assert moment("2026-03-29 02:30:00", PARIS) == Moment(
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC), date(2026, 3, 29), Clock.NONEXISTENT
    )
    assert moment("2026-03-29 01:59:59", PARIS).clock is Clock.EXACT
    assert moment("2026-03-29 03:00:00", PARIS).clock is Clock.EXACT


def test_the_day_is_the_accounts() -> None:
    """An instant just before midnight in UTC is the next day in Paris; a day that a zone left out is the day it became."""
    assert moment("2026-11-20T23:30:00Z", PARIS).on == date(2026, 11, 21)
    skipped = moment("2011-12-30 12:00:00", ZoneInfo("Pacific/Apia"))
    assert (skipped.on, skipped.clock) == (date(2011, 12, 31), Clock.NONEXISTENT)


# Seconds since 1970, days away from the ends of the years that are read, so that a zone does not move them out.
INSTANTS = st.integers(946_900_000, 4_133_700_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
FORMS = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d/%m/%Y %H:%M:%S"]


@settings(max_examples=25)
@given(INSTANTS, st.sampled_from(FORMS))
def test_a_local_time_is_its_instant_in_every_zone(instant: datetime, form: str) -> None:
    """Written locally and read again it is the same instant, or marked as one of two, of which the first was taken."""
    for zone in ZONES:
        _there_and_back(zone, instant, form)


def _there_and_back(zone: ZoneInfo, instant: datetime, form: str) -> Clock:
    local = instant.astimezone(zone)
    at, on, clock = moment(local.strftime(form), zone)
    assert on == local.date()
    assert at is not None
    if clock is Clock.AMBIGUOUS:
        assert at == local.replace(fold=0).astimezone(UTC) <= instant
        assert at.astimezone(zone).strftime(form) == local.strftime(form)
    else:
        assert (clock, at) == (Clock.EXACT, instant)
    return clock


def test_around_every_change_of_the_clocks() -> None:
    """Each quarter of an hour around the changes of 2026 of every zone is its instant, or marked; both sorts do occur."""
    seen = set()
    for zone in ZONES:
        days = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(366)]
        for day, following in itertools.pairwise(days):
            if day.astimezone(zone).utcoffset() == following.astimezone(zone).utcoffset():
                continue
            for quarter in range(96):
                seen.add(_there_and_back(zone, day + timedelta(minutes=15 * quarter), FORMS[0]))
    assert seen == {Clock.EXACT, Clock.AMBIGUOUS}


@given(INSTANTS, st.integers(-14 * 60, 14 * 60))
def test_an_offset_is_obeyed(instant: datetime, minutes: int) -> None:
    """An instant written with any offset is that instant, whatever the account's zone."""
    written = instant.astimezone(timezone(timedelta(minutes=minutes))).isoformat()
    assert moment(written, PARIS).at == instant


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:02:13", 133), ("0:02:13", 133), ("02:13", 133), ("2:13", 133), ("133", 133), ("133.0", 133), (" 133 ", 133),
        ("0", 0),
        ("00:00:00", 0), ("00:00", 0), ("03:59:59", 14_399), ("15:11:04", 54_664), ("100:00:00", 360_000),
        ("", None), (" ", None),
        ("00:60:00", None), ("00:00:60", None), ("75:30", None), ("-5", None), ("2 min", None), ("1.5", None), ("1e3", None),
        ("99999999", None), ("9" * 60_000, None), ("٣", None), ("00:02:13.5", None), ("1:2:3", None),
    ],
)  # fmt: skip
def test_a_duration_is_read_in_each_of_its_shapes(text: str, seconds: int | None) -> None:
    """Beside a full time a clock form or a number of seconds is taken; anything else is unknown, and the text is kept."""
    assert duration(text, with_time=True) == seconds
    event = understand(Callback(Kind.CALL, when="2026-11-20 10:00:00", duration=text), PARIS, "FR")
    assert (event.duration, event.duration_text) == (seconds, text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("03:59:59", 14_399), ("04:00:00", None), ("15:11:04", None), ("59:59", 3_599), ("54664", 54_664)]
)
def test_beside_a_bare_date_hours_may_be_a_time_of_day(text: str, seconds: int | None) -> None:
    """The page's own `15:11:04` beside a date is not called a talk of fifteen hours; shorter ones and plain seconds are taken."""
    for when in ("2019-07-05", ""):
        assert understand(Callback(Kind.CALL, when=when, duration=text), PARIS, "FR").duration == seconds


@pytest.mark.parametrize(
    ("direction", "said", "expected"),
    [
        ("missed", "0", ("incoming", False, 0)),
        ("missed", "", ("incoming", False, None)),
        ("missed", "00:00:12", ("incoming", False, None)),
        ("incoming", "0", ("incoming", False, 0)),
        ("incoming", "5", ("incoming", True, 5)),
        ("incoming", "", ("incoming", True, None)),
        ("outgoing", "00:00", ("outgoing", False, 0)),
        ("outgoing", "5", ("outgoing", True, 5)),
        ("outgoing", "", ("outgoing", None, None)),
        ("", "0", ("", None, 0)),
        ("", "5", ("", None, 5)),
        ("", "", ("", None, None)),
    ],
)
def test_whether_a_call_was_answered(direction: str, said: str, expected: tuple[str, bool | None, int | None]) -> None:
    """A missed call is an incoming one that nobody answered; of the others the duration tells, and nothing is guessed."""
    event = understand(Callback(Kind.CALL, when="2026-11-20 10:00:00", direction=direction, duration=said), PARIS, "FR")
    assert (event.direction, event.answered, event.duration) == expected


def test_only_a_call_is_answered() -> None:
    """A qualification keeps where it was made, and is not called answered."""
    event = understand(Callback(Kind.CALL_QUALIFICATION, direction="mobile", text="ok"), PARIS, "FR")
    assert (event.direction, event.answered, event.text) == ("mobile", None, "ok")


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("+33612345678", None, NUMBER),
        ("+33 6 12 34 56 78", None, NUMBER),
        ("0033612345678", None, NUMBER),
        ("33612345678", None, NUMBER),
        ("33612345678", "FR", NUMBER),
        ("447911123456", "FR", "+447911123456"),
        ("06 12 34 56 78", "FR", NUMBER),
        ("0612345678", None, None),
        ("2025550123", None, None),  # it might be Egypt, and is the United States
        ("+1XXXXXXXXXX", "FR", None),
        ("", "FR", None),
        (" ", "FR", None),
        ("-1", "FR", None),
        ("-2", "FR", None),
        ("0", "FR", None),
        ("anonymous", "FR", None),
        ("Private", "FR", None),
        ("masqué", "FR", None),
        ("inconnu", "FR", None),
        ("36200", "FR", None),
        ("118218", "FR", None),
        ("89999", "DE", None),  # the library takes it for Munich
        ("INFO0612345678", "FR", None),
        ("AXA", "FR", None),
        ("+33999", "FR", None),
        (" " * 60_000 + "1", "FR", None),
        ("x" * 60_000, "FR", None),
        ("1" * 60_000, "FR", None),
    ],
)
def test_a_number_is_one_that_can_be_called_back(text: str, country: str | None, number: str | None) -> None:
    """E.164, or nothing: withheld numbers, services, senders' names and what is invalid are kept as text alone."""
    event = understand(Callback(Kind.INCOMING_SMS, number=text), PARIS, country)
    assert (event.phone_number, event.number_text) == (number, text)


def test_everything_can_be_stored() -> None:
    """NUL and lone surrogates are replaced in every field, one sign by one."""
    event = understand(Callback(Kind.UNKNOWN, *["a\0b\ud800"] * 11), PARIS, "FR")
    texts = [value for value in event if isinstance(value, str) and not isinstance(value, Kind | Clock)]
    assert set(texts) == {"a\ufffdb\ufffd"}


WORDS = st.text(alphabet="ab0:- \x00é😀", max_size=4)
SAID = st.builds(
    Callback, st.sampled_from(Kind), WORDS, WORDS, st.sampled_from(["incoming", "outgoing", "missed", ""]), *[WORDS] * 8
)


@settings(max_examples=300)
@given(SAID, SAID)
def test_contents_differ_where_what_was_said_does(one: Callback, other: Callback) -> None:
    """The content is 16 bytes, the same in every zone and country, and never the same for two events that differ."""
    first, second = understand(one, PARIS, "FR"), understand(other, PARIS, "FR")
    assert len(content(first)) == 16
    assert content(first) == content(understand(one, ZoneInfo("Asia/Tokyo"), None))
    assert (content(first) == content(second)) == (first == second)


def test_contents_do_not_run_together() -> None:
    """What moves from one field into the next is something else."""
    one = understand(Callback(Kind.INCOMING_SMS, text="ab", link=""), PARIS, None)
    other = understand(Callback(Kind.INCOMING_SMS, text="a", link="b"), PARIS, None)
    assert content(one) != content(other)


def test_two_deliveries_of_one_event_have_one_content() -> None:
    """Encoded twice, with its keys in another case and order, under another parameter: the same event."""
    payload = {"TITLE": "INCOMING CALL", "PHONE_NUMBER": NUMBER, "CALL_TIME": "2026-11-20", "DURATION": "00:02:13"}
    otherwise = {key.lower(): value for key, value in reversed(payload.items())} | {"title": "incoming_call"}
    queries = [callback_query("call", payload), callback_query("call", payload, times=2), callback_query("calls", otherwise)]
    assert len({content(understand(read_callback(query), PARIS, "FR")) for query in queries}) == 1


def test_a_missed_call_is_not_the_incoming_one_of_the_same_day() -> None:
    """With a bare date and no duration, only the title tells a missed call from one that was taken."""
    missed, taken = (Callback(Kind.CALL, NUMBER, "2026-11-20", direction) for direction in ("missed", "incoming"))
    assert content(understand(missed, PARIS, "FR")) != content(understand(taken, PARIS, "FR"))


def test_what_was_not_understood_is_not_compared() -> None:
    """Two bodies of which nothing is known are not called the same event."""
    assert not comparable(Event(Kind.UNKNOWN))
    assert comparable(Event(Kind.CALL))


def _status(status: str, when: str = "2026-11-20T10:00:00Z") -> Event:
    return understand(Callback(Kind.SMS_STATUS, NUMBER, when, status=status, id_sms_api="7"), PARIS, "FR")


@pytest.mark.parametrize(("said", "understood"), [("Received", "received"), (" SENT ", "sent"), ("En cours", "En cours")])
def test_a_status_is_known_in_any_case(said: str, understood: str) -> None:
    """The two documented statuses are written in one way; others stay as they came."""
    assert _status(said).status == understood


@pytest.mark.parametrize(
    ("statuses", "stands"),
    [
        (["sent"], "sent"),
        (["sent", "received"], "received"),
        (["received", "sent"], "received"),
        (["sent", "pending"], "pending"),
        (["pending", "sent"], "pending"),
        (["received", "failed", "sent"], "received"),
        (["sent", ""], ""),
    ],
)
def test_a_status_never_goes_backwards(statuses: list[str], stands: str) -> None:
    """Whatever the order of arrival: sent, then anything unknown, then received."""
    assert fold_statuses([_status(status) for status in statuses]).status == stands


def test_of_equal_statuses_the_earliest_stands() -> None:
    """An SMS was received when that was first said; one that has a time stands before one that has none."""
    late, early, dateless = (_status("received", when) for when in ("2026-11-20T10:05:00Z", "2026-11-20T10:01:00Z", ""))
    for order in itertools.permutations([late, early, dateless]):
        assert fold_statuses(order) == early


STATUSES = st.lists(
    st.builds(
        _status,
        st.sampled_from(["sent", "received", "RECEIVED", "failed", ""]),
        st.sampled_from(["", "2026-11-20", "2026-11-20T10:00:00Z", "2026-11-20T10:00:01Z"]),
    ),
    min_size=1,
    max_size=5,
)


@given(STATUSES, st.data())
def test_a_fold_depends_on_no_order_and_can_be_done_in_parts(events: list[Event], data: st.DataObject) -> None:
    """However the statuses arrive, and however often they are folded on the way, the same one stands."""
    stands = fold_statuses(events)
    assert stands in events
    assert fold_statuses(data.draw(st.permutations(events))) == stands
    cut = data.draw(st.integers(1, len(events)))
    assert fold_statuses([fold_statuses(events[:cut]), *events[cut:]]) == stands


@settings(max_examples=300)
@given(st.builds(Callback, st.sampled_from(Kind), *[st.text(max_size=25)] * 11))
def test_whatever_was_said_is_an_event(said: Callback) -> None:
    """No text raises; what was written is kept; a time is UTC, and only there where the clock says so."""
    event = understand(said, PARIS, "FR")
    assert event.kind is said.kind
    assert (event.occurred_at is not None) == (event.clock in (Clock.EXACT, Clock.AMBIGUOUS, Clock.NONEXISTENT))
    assert (event.occurred_on is None) == (event.clock is Clock.UNKNOWN)
    assert len(event.text) == len(said.text)
