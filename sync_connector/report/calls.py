"""The calls of a span as charts: per day, answered or not, and by hour of the day. `told` is what `events_sections` is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sync_connector.report import over_time
from sync_connector.report.chart import Place, Series, Titles, columns
from sync_connector.report.drawing import Kind, Period, bar, periods
from sync_connector.report.language import Words

CALLS = ("incoming", "outgoing", "missed")


def calls(told: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """What the section on calls shows. Where the columns and the total do not agree, it says so."""
    days = {date.fromisoformat(one["day"]): {name: one[name] for name in CALLS} for one in told["calls_per_day"]}
    unit, shown = periods(days)
    counted, total = sum(one.total for one in shown), told["totals"]["call"]
    heading = {
        "day": words.gettext("Calls per day"),
        "week": words.gettext("Calls per week"),
        "month": words.gettext("Calls per month"),
    }[unit]
    view = {
        "some": counted or total,
        "heading": heading,
        "chart": _per_period(unit, heading, shown, words) if counted else None,
        "remarks": _remarks(unit, len(days), counted, total, words),
    }
    return view | _answered(told, words) | _hours_of_the_day(told, words)


def _per_period(unit: str, heading: str, shown: Sequence[Period], words: Words) -> Any:
    """A column for each day, or for what the days were summed to."""
    series = [
        Series("incoming", words.gettext("incoming, answered"), "first"),
        Series("outgoing", words.gettext("outgoing"), "second"),
        Series("missed", words.gettext("missed"), "third"),
    ]
    places = over_time.places(unit, shown, words)
    highest = max(places, key=lambda place: place.total)
    description = words.ngettext(
        "%(count)s call; the highest column is %(place)s: %(most)s.",
        "%(count)s calls; the highest column is %(place)s: %(most)s.",
        sum(one.total for one in shown),
        most=words.number(highest.total),
        place=highest.name,
    )
    return columns(Titles("per-period", heading, description, over_time.called(unit, words)), places, series, words)


def _remarks(unit: str, days: int, counted: int, calls: int, words: Words) -> list[str]:
    """What the columns do not say themselves: what each is, and where they hold fewer calls than there were, or more."""
    remarks = over_time.summed(unit, days, words) if counted else []
    if counted < calls:
        told = words.ngettext(
            "%(count)s call is in no column: no date that can be read came with it.",
            "%(count)s calls are in no column: no date that can be read came with them.",
            calls - counted,
        )
        remarks.append(told)
    elif counted > calls:
        told = words.gettext(
            "The columns hold %(counted)s calls, the total %(calls)s: counted at different moments; make the page again.",
            counted=words.number(counted),
            calls=words.number(calls),
        )
        remarks.append(told)
    return remarks


def _answered(told: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """Answered or not, by direction; and how long people talked."""
    incoming, outgoing = told["answered"]["incoming"], told["answered"]["outgoing"]
    rows = []
    for name, yes, no, unknown in (
        (words.gettext("incoming"), incoming["answered"], incoming["missed"], incoming.get("unknown", 0)),
        (words.gettext("outgoing"), outgoing["answered"], outgoing["unanswered"], outgoing["unknown"]),
    ):
        counts = {"answered": yes, "unanswered": no, "unknown": unknown}
        if yes + no:
            told_of = words.gettext("%(share)s answered", share=words.share(yes, yes + no))
        else:
            told_of = words.gettext("of none is it known") if unknown else words.gettext("none")
        rows.append({"name": name, "told": told_of, "counts": counts, "segments": bar(counts)})
    talk = words.gettext(
        "Talk time: %(incoming)s incoming, %(outgoing)s outgoing.",
        incoming=words.talked(told["talk_seconds"]["incoming"]),
        outgoing=words.talked(told["talk_seconds"]["outgoing"]),
    )
    kinds = {
        "answered": Kind("first", words.gettext("answered")),
        "unanswered": Kind("third", words.gettext("not answered")),
        "unknown": Kind("fourth", words.gettext("not known")),
    }
    return {"answered": rows, "answered_kinds": kinds, "talk": talk}


def _hours_of_the_day(told: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """How many calls each hour of the account's day had."""
    by_hour, unknown = told["by_hour"], told["time_unknown"]
    timeless = (
        words.gettext("Calls that came without a time of day, and are in no hour: %(count)s.", count=words.number(unknown))
        if unknown
        else ""
    )
    if not any(by_hour):
        return {"hours": None, "hours_remarks": [timeless or words.gettext("No call in this span.")]}
    places = [Place(f"{hour:02}:00–{hour:02}:59", {"calls": counted}, (f"{hour:02}:00",)) for hour, counted in enumerate(by_hour)]
    busiest = max(places, key=lambda place: place.total)
    description = words.ngettext(
        "%(count)s call; the highest column is %(place)s: %(most)s.",
        "%(count)s calls; the highest column is %(place)s: %(most)s.",
        sum(by_hour),
        most=words.number(busiest.total),
        place=busiest.name,
    )
    titles = Titles("by-hour", words.gettext("Calls by hour of the day"), description, words.gettext("hour"))
    series = [Series("calls", words.gettext("calls"), "first")]
    zone = words.gettext("Hours of %(zone)s.", zone=told["zone"])
    return {"hours": columns(titles, places, series, words), "hours_remarks": [zone, *([timeless] if timeless else [])]}
