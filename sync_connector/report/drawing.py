"""Counts → where the pieces of a drawing stand. Nothing here knows of colours, words or HTML.

Law: a drawing shows its counts and nothing else. What is long is as many times longer as the count is larger, from zero;
grouping loses no count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import NamedTuple

MANY = 92
"""More columns than this stand too close to be told apart on a telephone: a quarter of days, then weeks, then months."""


class Segment(NamedTuple):
    """A piece of a bar or column: from where, and how long, as the drawing measures."""

    name: str
    counted: int
    start: float
    size: float


class Kind(NamedTuple):
    """What the segments of a name look like: their colour in the style sheet, and what people call them."""

    style: str
    label: str = ""


class Period(NamedTuple):
    """A day, a week from Monday or a month, both ends included, as far as it lies in the span; with its counts."""

    first: date
    last: date
    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        """All that was counted in it."""
        return sum(self.counts.values())


def bar(counts: Mapping[str, int], whole: int | None = None) -> list[Segment]:
    """The counts behind each other in per cent of the bar's length, which stands for `whole` (their sum, if not given).
    A count of zero has no segment."""
    length = sum(counts.values()) if whole is None else whole
    segments, before = [], 0
    for name, number in counts.items():
        if number:
            segments.append(Segment(name, number, before * 100 / length, number * 100 / length))
        before += number
    return segments


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def periods(days: Mapping[date, Mapping[str, int]]) -> tuple[str, list[Period]]:
    """The days in order, as `day`s while there are at most `MANY`, else summed to `week`s, else to `month`s."""
    ordered = sorted(days)

    def summed(run: Sequence[date]) -> Period:
        names = dict.fromkeys(name for day in run for name in days[day])
        return Period(run[0], run[-1], {name: sum(days[day].get(name, 0) for day in run) for name in names})

    if len(ordered) <= MANY:
        return "day", [summed([day]) for day in ordered]
    weeks = [summed(list(run)) for _, run in groupby(ordered, _monday)]
    if len(weeks) <= MANY:
        return "week", weeks
    return "month", [summed(list(run)) for _, run in groupby(ordered, lambda day: (day.year, day.month))]


def every(places: int, most: int) -> int:
    """Every how many places a label stands, so that there are at most `most`."""
    return max(1, -(-places // most))
