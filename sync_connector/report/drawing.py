"""Counts → where the pieces of a drawing stand. Nothing here knows of colours, words or HTML.

Law: a drawing shows its counts and nothing else. What is long is as many times longer as the count is larger, from zero;
grouping loses no count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import count, groupby
from typing import NamedTuple

MANY = 92
"""More columns than this stand too close to be told apart on a telephone: a quarter of days, then weeks, then months."""
SLOT = 0.8
"""How much of its place a column fills."""
WIDEST = 9.0
"""Per cent of the drawing that a column takes at most: one day's column is no wall."""


class Segment(NamedTuple):
    """A piece of a bar or column: from where, and how long, as the drawing measures."""

    name: str
    counted: int
    start: float
    size: float


class Period(NamedTuple):
    """A day, a week from Monday or a month, both ends included, as far as it lies in the span; with its counts."""

    first: date
    last: date
    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        """All that was counted in it."""
        return sum(self.counts.values())


class Column(NamedTuple):
    """A column of a drawing: `left`, `width` and `middle` in per cent from the left, its segments in pixels from the top."""

    left: float
    width: float
    middle: float
    segments: list[Segment]


class Tick(NamedTuple):
    """A line of the scale: the count that it stands for, and its place in pixels from the top."""

    counted: int
    y: float


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


def scale(top: int) -> list[int]:
    """The counts at which a scale has lines: 0, and steps of 1, 2 or 5 times a power of ten up to `top` or just above it; at
    least two lines, at most six."""
    step = next(10**power * lead for power in count() for lead in (1, 2, 5) if 10**power * lead * 5 >= top)
    return list(range(0, -(-max(top, 1) // step) * step + 1, step))


def columns(stacks: Sequence[Mapping[str, int]], height: int) -> tuple[list[Column], list[Tick]]:
    """Columns side by side, each a stack of its counts from the bottom up, and the lines of their scale.

    `height` is in pixels, of the highest line over the lowest.
    """
    lines = scale(max((sum(stack.values()) for stack in stacks), default=0))
    top = lines[-1]
    slot = 100 / max(len(stacks), 1)
    width = min(slot * SLOT, WIDEST)
    drawn = []
    for place, stack in enumerate(stacks):
        middle = (place + 0.5) * slot
        pieces = bar(stack, top)
        segments = [Segment(p.name, p.counted, height * (1 - (p.start + p.size) / 100), height * p.size / 100) for p in pieces]
        drawn.append(Column(middle - width / 2, width, middle, segments))
    return drawn, [Tick(line, height * (1 - line / top)) for line in lines]


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
