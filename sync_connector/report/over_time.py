"""The days of a span as columns of a chart: how they are named, and what is said where they were summed to weeks or months."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sync_connector.report.chart import Place
from sync_connector.report.drawing import Period
from sync_connector.report.language import Words


def places(unit: str, shown: Sequence[Period], words: Words) -> list[Place]:
    """The columns: the days, or what they were summed to; under each its day or month, and the year."""
    style = "MMM" if unit == "month" else "MMMd"
    return [Place(_named(unit, one, words), one.counts, (words.day(one.first, style), str(one.first.year))) for one in shown]


def _named(unit: str, period: Period, words: Words) -> str:
    """A period as a table names it."""
    if unit == "day":
        return words.day(period.first, "yMMMEd")
    whole = period.first.day == 1 and (period.last + timedelta(days=1)).day == 1
    return words.day(period.first, "yMMM") if unit == "month" and whole else words.days(period.first, period.last)


def called(unit: str, words: Words) -> str:
    """What a column is: the head of the table beside the chart."""
    return {"day": words.gettext("day"), "week": words.gettext("week"), "month": words.gettext("month")}[unit]


def summed(unit: str, days: int, words: Words) -> list[str]:
    """What is said of columns that are no days."""
    if unit == "week":
        told = words.gettext(
            "%(days)s days are too many to stand side by side: each column is a week, the first and the last only as far as "
            "they lie in the span.",
            days=words.number(days),
        )
        return [told]
    if unit == "month":
        told = words.gettext(
            "%(days)s days are too many to stand side by side: each column is a month, the first and the last only as far as "
            "they lie in the span.",
            days=words.number(days),
        )
        return [told]
    return []
