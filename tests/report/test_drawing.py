"""Where the pieces of a drawing stand: they show their counts and nothing else."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_connector.report.drawing import MANY, bar, every, periods

COUNTS = st.integers(0, 10**12)


@given(st.dictionaries(st.sampled_from("abcdef"), COUNTS))
def test_a_bar_is_filled_by_its_counts_in_their_shares(counts: dict[str, int]) -> None:
    """The segments follow each other without a gap, fill the bar, and each is as long as its share."""
    whole = sum(counts.values())
    segments = bar(counts)
    assert {segment.name: segment.counted for segment in segments} == {name: count for name, count in counts.items() if count}
    end = 0.0
    for segment in segments:
        assert segment.start == pytest.approx(end)
        assert segment.size == pytest.approx(segment.counted / whole * 100)
        end = segment.start + segment.size
    assert end == pytest.approx(100 if whole else 0)


def test_a_bar_of_a_part_is_as_long_as_the_part() -> None:
    """Beside a whole of 200, a count of 50 fills a quarter."""
    assert [(piece.start, piece.size) for piece in bar({"a": 50}, 200)] == [(0, 25)]


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(0, 900), st.integers(1, 97))
@settings(max_examples=40)
def test_grouping_loses_no_day_and_no_call(first: date, length: int, salt: int) -> None:
    """Whatever the unit, the periods follow each other day by day and hold as many calls as the days did."""
    counts = [(place * salt % 41, place * salt % 7) for place in range(length)]
    days = {first + timedelta(days=place): {"in": one, "out": other} for place, (one, other) in enumerate(counts)}
    unit, shown = periods(days)
    assert unit == ("day" if len(days) <= MANY else unit)
    assert len(shown) <= MANY or unit == "month"
    assert sum(period.total for period in shown) == sum(one + other for one, other in counts)
    expected = first
    for period in shown:
        assert period.first == expected
        assert period.counts["in"] == sum(days[day]["in"] for day in days if period.first <= day <= period.last)
        expected = period.last + timedelta(days=1)
    assert expected == first + timedelta(days=len(days))


@pytest.mark.parametrize(
    ("length", "unit", "shown"), [(1, "day", 1), (92, "day", 92), (93, "week", 14), (400, "week", 58), (1200, "month", 40)]
)
def test_a_long_span_is_grouped(length: int, unit: str, shown: int) -> None:
    """A quarter stands day by day, up to some 640 days week by week, more month by month."""
    days = {date(2025, 10, 20) + timedelta(days=place): {"in": 1} for place in range(length)}  # a Monday
    assert (periods(days)[0], len(periods(days)[1])) == (unit, shown)


def test_weeks_begin_on_monday() -> None:
    """The first and the last week have only the days that lie in the span."""
    days = {date(2026, 1, 1) + timedelta(days=place): {"in": 1} for place in range(100)}  # a Thursday
    _, shown = periods(days)
    assert (shown[0].first.weekday(), shown[0].total) == (3, 4)
    assert {period.first.weekday() for period in shown[1:]} == {0}


@given(st.integers(0, 1000), st.integers(1, 12))
def test_labels_are_few_enough(places: int, most: int) -> None:
    """A label at each so many places makes no more of them than were asked for."""
    assert len(range(0, places, every(places, most))) <= most
