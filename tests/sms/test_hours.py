"""When a message may reach somebody, over every change of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_connector.sms.hours import AHEAD, DAYS, Allowed, next_allowed, parse_at, schedule, wire_time, zones_of

PARIS = ZoneInfo("Europe/Paris")
NEW_YORK = ZoneInfo("America/New_York")
REUNION = ZoneInfo("Indian/Reunion")
APIA = ZoneInfo("Pacific/Apia")
MONDAY_TO_SATURDAY = Allowed("08:00-20:00", DAYS[:6])
ANY = Allowed("", DAYS)
MINUTE = timedelta(minutes=1)

_CHANGES = [
    ("Europe/Paris", "2026-03-27"),
    ("Europe/Paris", "2026-10-23"),
    ("America/New_York", "2026-03-06"),
    ("America/New_York", "2026-10-30"),
    ("Indian/Reunion", "2026-10-23"),
    ("Australia/Lord_Howe", "2026-04-03"),
    ("Australia/Lord_Howe", "2026-10-02"),
    ("Asia/Kathmandu", "2026-03-27"),
    ("Pacific/Apia", "2011-12-28"),
    ("America/Sao_Paulo", "2018-11-02"),
    ("Africa/Casablanca", "2026-02-13"),
    ("Antarctica/Troll", "2026-03-27"),
]
WEEKS = [(ZoneInfo(name), datetime.fromisoformat(day).replace(tzinfo=UTC)) for name, day in _CHANGES]
"""A zone, and a moment shortly before its clocks change (where they do)."""
CLOCK = st.integers(0, 47).map(lambda half: f"{half // 2:02}:{half % 2 * 30:02}")
SPANS = st.tuples(CLOCK, CLOCK | st.just("24:00")).filter(lambda span: span[0] < span[1]).map("-".join)
ALLOWED = st.builds(Allowed, SPANS | st.just(""), st.lists(st.sampled_from(DAYS), min_size=1, unique=True))


def utc(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def may(moment: datetime, zones: list[ZoneInfo], allowed: Allowed) -> bool:
    """Whether all clocks show an allowed time, by their faces."""
    begin, _, end = (allowed.hours or "00:00-24:00").partition("-")
    faces = [moment.astimezone(zone) for zone in zones]
    return all(begin <= f"{face:%H:%M}" < end and DAYS[face.weekday()] in allowed.days for face in faces)


@pytest.mark.parametrize(
    ("at", "zone", "wanted"),
    [
        ("2026-03-27 12:00:00", PARIS, "2026-03-27 12:00:00"),
        ("2026-03-28 18:59:59", PARIS, "2026-03-28 18:59:59"),
        ("2026-03-28 19:00:00", PARIS, "2026-03-30 06:00:00"),  # over the Sunday on which summer time begins
        ("2026-03-27 19:00:00", PARIS, "2026-03-28 07:00:00"),
        ("2026-10-23 18:00:00", PARIS, "2026-10-24 06:00:00"),
        ("2026-10-24 18:00:00", PARIS, "2026-10-26 07:00:00"),
        ("2026-03-08 01:00:00", NEW_YORK, "2026-03-09 12:00:00"),
        ("2026-11-01 00:00:00", NEW_YORK, "2026-11-02 13:00:00"),
        ("2026-10-24 16:00:00", REUNION, "2026-10-26 04:00:00"),
    ],
)
def test_eight_o_clock_is_eight_o_clock_there(at: str, zone: ZoneInfo, wanted: str) -> None:
    """Before and after the clocks change, and where they never do."""
    assert next_allowed(utc(at), [zone], MONDAY_TO_SATURDAY) == utc(wanted)


@pytest.mark.parametrize(
    ("at", "zone", "allowed", "wanted"),
    [
        ("2026-03-29 00:00:00", PARIS, Allowed("02:15-02:45", DAYS), "2026-03-30 00:15:00"),  # 02:15 does not come
        ("2026-03-29 00:00:00", PARIS, Allowed("02:15-04:00", DAYS), "2026-03-29 01:00:00"),  # 03:00 is the first
        ("2026-10-25 00:00:00", PARIS, Allowed("02:30-03:00", DAYS), "2026-10-25 00:30:00"),
        ("2026-10-25 01:00:00", PARIS, Allowed("02:30-03:00", DAYS), "2026-10-25 01:30:00"),  # it comes again
        ("2011-12-30 00:00:00", APIA, Allowed("", ["fri"]), "2012-01-05 10:00:00"),  # that Friday was left out
        ("2011-12-30 00:00:00", APIA, Allowed("09:00-12:00", DAYS), "2011-12-30 19:00:00"),
    ],
)
def test_a_time_that_comes_never_or_twice(at: str, zone: ZoneInfo, allowed: Allowed, wanted: str) -> None:
    """The first moment at which the clock shows an allowed time, whatever it left out or showed before."""
    assert next_allowed(utc(at), [zone], allowed) == utc(wanted)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(WEEKS), st.sampled_from([None, *(zone for zone, _ in WEEKS)]), ALLOWED, st.integers(0, 6 * 86_400))
def test_it_is_the_earliest_minute_of_all(
    week: tuple[ZoneInfo, datetime], other: ZoneInfo | None, allowed: Allowed, seconds: int
) -> None:
    """Against a look at every minute: allowed in all zones, not before it was asked for, and none earlier is."""
    zones = [week[0], *([other] if other else [])]
    at = week[1] + timedelta(seconds=seconds)
    found = next_allowed(at, zones, allowed)
    first = at if may(at, zones, allowed) else at.replace(second=0) + MINUTE
    until = found if found is not None else at + AHEAD
    while first < until and not may(first, zones, allowed):
        first += MINUTE
    assert found == first if found is not None else first >= until


def test_zones_that_never_agree_have_no_moment() -> None:
    """Morning in two halves of the world: none, rather than an hour that is night for one."""
    apart = [PARIS, ZoneInfo("Pacific/Honolulu")]
    assert next_allowed(utc("2026-06-01"), apart, Allowed("09:00-10:00", DAYS)) is None
    assert schedule(utc("2026-06-01"), apart, Allowed("09:00-10:00", DAYS), PARIS) is None


def test_a_moment_is_a_whole_second() -> None:
    """A fraction of one is waited for, and a time without its zone is refused."""
    at = utc("2026-06-01 12:00:00.5")
    assert next_allowed(at, [PARIS], ANY) == utc("2026-06-01 12:00:01")
    assert next_allowed(at, [], ANY) == utc("2026-06-01 12:00:01")
    with pytest.raises(ValueError, match="zone"):
        next_allowed(at.replace(tzinfo=None), [PARIS], ANY)


@pytest.mark.parametrize(
    ("number", "names"),
    [
        ("+33612345678", {"Europe/Paris"}),
        ("+262692123456", {"Indian/Mayotte", "Indian/Reunion"}),
        ("+12125550123", {"America/New_York"}),
        ("+882123456789", {"Europe/Brussels"}),
        ("0612345678", {"Europe/Brussels"}),
        ("", {"Europe/Brussels"}),
    ],
)
def test_a_number_tells_where_its_owner_may_be(number: str, names: set[str]) -> None:
    """In each zone that has such numbers; where it does not tell, in the account's."""
    assert {zone.key for zone in zones_of(number, ZoneInfo("Europe/Brussels"))} == names


def test_the_vendor_reads_no_time_that_comes_twice() -> None:
    """What is written is the account's clock, and nothing while that shows an hour for the first or the second time."""
    assert wire_time(utc("2026-07-01 12:00:00"), PARIS) == "2026-07-01 14:00:00"
    assert wire_time(utc("2026-03-29 01:00:00"), PARIS) == "2026-03-29 03:00:00"
    assert wire_time(utc("2026-10-24 23:59:59"), PARIS) == "2026-10-25 01:59:59"
    assert wire_time(utc("2026-10-25 00:00:00"), PARIS) is None
    assert wire_time(utc("2026-10-25 01:59:59"), PARIS) is None
    assert wire_time(utc("2026-10-25 02:00:00"), PARIS) == "2026-10-25 03:00:00"


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(WEEKS), st.sampled_from(WEEKS), ALLOWED, st.integers(0, 6 * 86_400))
def test_what_is_scheduled_can_be_written_and_read_back(
    week: tuple[ZoneInfo, datetime], account: tuple[ZoneInfo, datetime], allowed: Allowed, seconds: int
) -> None:
    """The vendor's text says that moment and no other; it is allowed, and only what cannot be written was passed over."""
    at = week[1] + timedelta(seconds=seconds)
    found = schedule(at, [week[0]], allowed, account[0])
    earliest = next_allowed(at, [week[0]], allowed)
    if found is None:
        assert earliest is None or wire_time(earliest, account[0]) is None
        return
    assert may(found, [week[0]], allowed)
    assert earliest is not None
    text = wire_time(found, account[0])
    assert text is not None
    assert parse_at(text, account[0]) == found
    while earliest < found:  # every moment that was passed over
        assert wire_time(earliest, account[0]) is None or not may(earliest, [week[0]], allowed)
        earliest += MINUTE


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-07-01 09:00", "2026-07-01 07:00:00"),
        ("2026-07-01T09:00:30", "2026-07-01 07:00:30"),
        ("2026-07-01 09:00:00.000", "2026-07-01 07:00:00"),
        (" 01/07/2026 9:05 ", "2026-07-01 07:05:00"),
        ("2026-07-01T09:00Z", "2026-07-01 09:00:00"),
        ("2026-07-01 09:00 -0330", "2026-07-01 12:30:00"),
        ("2026-07-01T09:00+02", "2026-07-01 07:00:00"),
        ("2026-10-25 02:30+02:00", "2026-10-25 00:30:00"),
        ("2026-10-25 02:30+01:00", "2026-10-25 01:30:00"),
    ],
)
def test_a_time_is_read_as_people_write_it(text: str, wanted: str) -> None:
    """Of the account's zone unless it says its own."""
    assert parse_at(text, PARIS) == utc(wanted)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tomorrow", "no date and time"),
        ("", "no date and time"),
        ("2026-07-0109:00", "no date and time"),
        ("07/2026", "no date and time"),
        ("٢٠٢٦-07-01 09:00", "no date and time"),
        ("x" * 10_000, "no date and time"),
        ("2026-02-30 09:00", "no such date"),
        ("2026-07-01", "no time of day"),
        ("2026-07-01 25:00", "no such time"),
        ("2026-07-01 09:00+99:00", "no such time of day or offset"),
        ("2026-07-01 09:00+01:99", "no such time of day or offset"),
        ("1999-12-31 09:00", "2000 to 2100"),
        ("2101-01-01 09:00", "2000 to 2100"),
        ("2026-03-29 02:30", "does not come in Europe/Paris"),
        ("2026-10-25 02:30", "2026-10-25 02:30:00+02:00 or 2026-10-25 02:30:00+01:00"),
    ],
)
def test_a_time_that_nobody_can_know_is_refused(text: str, said: str) -> None:
    """In one short sentence."""
    with pytest.raises(ValueError, match=r"\w") as caught:
        parse_at(text, PARIS)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 200
