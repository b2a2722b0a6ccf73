"""The hour at which a run ends: how it is written, and when that is. The moment it is seen from is an argument."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_connector.deadline import moment


def seen_from(text: str, now: str) -> str:
    """The moment, in UTC, as seen from another."""
    return datetime.fromtimestamp(moment(text, datetime.fromisoformat(now).timestamp()), UTC).isoformat(" ")[:16]


@pytest.mark.parametrize(
    ("text", "now", "then"),
    [
        ("06:00 Europe/Paris", "2026-11-23T23:00Z", "2026-11-24 05:00"),
        ("06:00 Europe/Paris", "2026-11-24T05:00Z", "2026-11-25 05:00"),
        ("23:30 Europe/Paris", "2026-11-23T21:00Z", "2026-11-23 22:30"),
        ("06:00:30 UTC", "2026-11-23T23:00Z", "2026-11-24 06:00"),
        ("06:00Z", "2026-11-23T23:00Z", "2026-11-24 06:00"),
        ("06:00-05:00", "2026-11-23T23:00Z", "2026-11-24 11:00"),
        ("2026-12-01 06:00 Europe/Paris", "2026-11-23T23:00Z", "2026-12-01 05:00"),
        (" 2026-12-01T06:00+02:00 ", "2026-11-23T23:00Z", "2026-12-01 04:00"),
        # The clocks go forward at 01:00 UTC, over this hour: it ends where the hour is skipped, not an hour late.
        ("02:30 Europe/Paris", "2026-03-28T23:00Z", "2026-03-29 01:00"),
        ("03:00 Europe/Paris", "2026-03-28T23:00Z", "2026-03-29 01:00"),
        ("02:30 Europe/Paris", "2026-03-29T01:00Z", "2026-03-30 00:30"),
        # They go back at 01:00 UTC, and this hour comes twice.
        ("02:30 Europe/Paris", "2026-10-24T23:00Z", "2026-10-25 00:30"),
        ("02:30 Europe/Paris", "2026-10-25T00:45Z", "2026-10-25 01:30"),
        ("02:30 Europe/Paris", "2026-10-25T01:45Z", "2026-10-26 01:30"),
    ],
)
def test_when_it_is(text: str, now: str, then: str) -> None:
    """The next such time of day, or that date; the days on which the clocks are changed included."""
    assert seen_from(text, now) == then


@pytest.fixture
def in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine's clock on the wall."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_new_york")
def test_without_a_zone_it_is_this_machines_clock() -> None:
    """With its changes: here the clocks go forward at 07:00 UTC."""
    assert seen_from("06:00", "2026-11-23T23:00Z") == "2026-11-24 11:00"
    assert seen_from("2026-07-01 06:00", "2026-03-07T23:00Z") == "2026-07-01 10:00"
    assert seen_from("02:30", "2026-03-08T05:00Z") == "2026-03-08 07:00"


@pytest.mark.parametrize(
    "text",
    ["", "6:00", "24:00", "06:60", "soon", "06:00 Mars/Base", "06:00 unix", "06:00+99:00", "2026-13-01 06:00", "2020-01-01 06:00",
     "06:00 06:00", "2026-12-01", "9999-12-31 23:59:59-14:00", "٠٦:٠٠", "06:00 ../etc/passwd"],
)  # fmt: skip
def test_what_is_no_hour_is_told(text: str) -> None:
    """With how it is written."""
    with pytest.raises(ValueError, match="write 06:00, "):
        seen_from(text, "2026-11-23T23:00Z")


@given(st.text(max_size=30) | st.from_regex(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?( ?[A-Z+][\w/:]*)?", fullmatch=True))
def test_whatever_is_written_there_is_a_moment_or_a_sentence(text: str) -> None:
    """No other exception."""
    try:
        then = moment(text, 1_800_000_000.0)
    except ValueError as fault:
        said = str(fault)
        assert "write 06:00" in said
    else:
        assert then > 1_800_000_000.0


ZONES = ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "UTC"]


@given(st.integers(1_500_000_000, 1_900_000_000), st.times(), st.sampled_from(ZONES))
def test_it_is_the_first_moment_at_which_the_clock_shows_it(now: int, at: object, zone: str) -> None:
    """Ahead, within a day and a clock change; there the clock shows it or has just skipped it, and never between now and then."""
    shown = f"{at:%H:%M}"
    then = moment(f"{shown} {zone}", float(now))
    assert now < then <= now + 25 * 3600 + 1800
    local = datetime.fromtimestamp(then, ZoneInfo(zone))
    before = local.astimezone(UTC) - timedelta(seconds=1)
    assert f"{local:%H:%M}" == shown or f"{before.astimezone(ZoneInfo(zone)):%H:%M}" < shown < f"{local:%H:%M}"
    minutes = (datetime.fromtimestamp(second, ZoneInfo(zone)) for second in range(now + 60, int(then) - 59, 60))
    assert shown not in {f"{minute:%H:%M}" for minute in minutes}
