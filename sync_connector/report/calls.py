"""The calls of a span as drawings: per day, answered or not, and by hour of the day. `told` is what `events_page` is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from sync_connector.report import wording
from sync_connector.report.drawing import Period, bar, columns, every, periods

CALLS = {"incoming": "first", "outgoing": "second", "missed": "third"}
ANSWERED = {"answered": "first", "not answered": "third", "not known": "fourth"}
HEIGHT = 180
"""Pixels of a drawing of columns, from its highest line to zero."""
LABELS = 5
"""Labels under a drawing at most: so many have room on a telephone."""


class _Label(NamedTuple):
    x: float
    anchor: str
    text: str
    under: str


def _drawing(
    anchor: str, stacks: Sequence[Mapping[str, int]], titles: Sequence[str], labels: Mapping[int, tuple[str, str]], **words: Any
) -> dict[str, Any]:
    """A drawing of columns with what a pointer over one of them is told, and labels under some of them."""
    drawn, ticks = columns(stacks, HEIGHT)
    slot = 100 / len(stacks)
    placed = []
    for place, (text, under) in labels.items():
        middle = drawn[place].middle
        side = "start" if middle < 6 else "end" if middle > 94 else "middle"
        x = {"start": drawn[place].left, "middle": middle, "end": drawn[place].left + drawn[place].width}[side]
        placed.append(_Label(x, side, text, under))
    shown = [
        {"told": told, "left": one.left, "width": one.width, "segments": one.segments, "slot": place * slot}
        for place, (one, told) in enumerate(zip(drawn, titles, strict=True))
    ]
    scale = [{"y": t.y, "label": f"{t.counted:,}" if t.counted < 10_000 else wording.compact(t.counted)} for t in ticks]
    return {"id": anchor, "height": HEIGHT, "columns": shown, "ticks": scale, "labels": placed, "slot": slot, **words}


def _named(unit: str, period: Period) -> str:
    """A period as a table names it."""
    if unit == "day":
        return f"{period.first:%a} {period.first}"
    whole = period.first.day == 1 and (period.last + timedelta(days=1)).day == 1
    return f"{period.first:%Y-%m}" if unit == "month" and whole else f"{period.first} to {period.last}"


def _under(unit: str, shown: Sequence[Period]) -> dict[int, tuple[str, str]]:
    """The labels under the periods: the day or month, and the year where it begins."""
    labels: dict[int, tuple[str, str]] = {}
    year = 0
    for place in range(0, len(shown), every(len(shown), LABELS)):
        first = shown[place].first
        text = f"{first:%b}" if unit == "month" else f"{first.day} {first:%b}"
        labels[place] = (text, str(first.year) if first.year != year else "")
        year = first.year
    return labels


def _remarks(unit: str, days: int, counted: int, calls: int) -> list[str]:
    """What the columns do not say themselves: what each is, and where they hold fewer calls than there were, or more."""
    remarks = []
    if unit != "day" and counted:
        remarks.append(
            f"{days:,} days are too many to stand side by side: each column is a {unit}, the first and the last only as far "
            "as they lie in the span."
        )
    if counted < calls:
        missing = wording.counted(calls - counted, "call is", "calls are")
        remarks.append(f"{missing} in no column: no date that can be read came with them.")
    elif counted > calls:
        remarks.append(
            f"The columns hold {counted:,} calls, the total {calls:,}: counted at different moments; make the page again."
        )
    return remarks


def calls(told: Mapping[str, Any]) -> dict[str, Any]:
    """What the section on calls shows. Where the columns and the total do not agree, it says so."""
    days = {date.fromisoformat(one["day"]): {name: one[name] for name in CALLS} for one in told["calls_per_day"]}
    unit, shown = periods(days)
    counted = sum(one.total for one in shown)
    rows = [{"name": _named(unit, one), **one.counts, "together": one.total} for one in shown]
    titles = [f"{row['name']}: " + ", ".join(f"{row[name]:,} {name}" for name in CALLS) for row in rows]
    drawing = None
    if counted:
        highest = max(shown, key=lambda one: one.total)
        drawing = _drawing(
            "per-period",
            [one.counts for one in shown],
            titles,
            _under(unit, shown),
            styles=CALLS,
            title=f"Calls per {unit}, incoming, outgoing and missed",
            description=f"{len(shown)} columns, {counted:,} calls; most in {_named(unit, highest)}: {highest.total:,}.",
        )
    key = [(style, {"incoming": "incoming, answered"}.get(name, name)) for name, style in CALLS.items()]
    view = {
        "some": counted or told["totals"]["call"],
        "unit": unit,
        "drawing": drawing,
        "remarks": _remarks(unit, len(days), counted, told["totals"]["call"]),
        "periods": rows,
        "key": key,
    }
    return view | _answered(told) | _hours_of_the_day(told)


def _answered(told: Mapping[str, Any]) -> dict[str, Any]:
    """Answered or not, by direction; and how long people talked."""
    incoming, outgoing = told["answered"]["incoming"], told["answered"]["outgoing"]
    rows = []
    for name, yes, no, unknown in (
        ("incoming", incoming["answered"], incoming["missed"], incoming.get("unknown", 0)),
        ("outgoing", outgoing["answered"], outgoing["unanswered"], outgoing["unknown"]),
    ):
        counts = {"answered": yes, "not answered": no, "not known": unknown}
        told_of = f"{wording.share(yes, yes + no)} answered" if yes + no else "of none is it known" if unknown else "none"
        rows.append({"name": name, "told": told_of, "counts": counts, "segments": bar(counts)})
    talk = ", ".join(f"{wording.talked(told['talk_seconds'][name])} {name}" for name in ("incoming", "outgoing"))
    return {"answered": rows, "answered_styles": ANSWERED, "talk": talk}


def _hours_of_the_day(told: Mapping[str, Any]) -> dict[str, Any]:
    """How many calls each hour of the account's day had."""
    by_hour, unknown = told["by_hour"], told["time_unknown"]
    names = [f"{hour:02}:00–{hour:02}:59" for hour in range(24)]
    rows = [{"name": name, "calls": calls} for name, calls in zip(names, by_hour, strict=True)]
    timeless = f"Calls that came without a time of day, and are in no hour: {unknown:,}." if unknown else ""
    if not any(by_hour):
        return {"hours": None, "hours_remark": timeless or "No call in this span.", "by_hour": rows}
    busiest = max(range(24), key=lambda hour: by_hour[hour])
    drawing = _drawing(
        "by-hour",
        [{"calls": calls} for calls in by_hour],
        [f"{name}: {wording.counted(calls, 'call', 'calls')}" for name, calls in zip(names, by_hour, strict=True)],
        {hour: (f"{hour:02}:00", "") for hour in range(0, 24, 6)},
        styles={"calls": "first"},
        title="Calls by hour of the day",
        description=f"24 columns, {sum(by_hour):,} calls; most from {names[busiest]}: {by_hour[busiest]:,}.",
    )
    return {"hours": drawing, "hours_remark": f"Hours of {told['zone']}. {timeless}", "by_hour": rows}
