"""Counts → charts: here is said what shall be drawn; Vega-Lite draws it.

Law: a chart shows its counts and nothing else, from zero, and the same counts stand beside it as a table. Text of the outside
goes in as data, never as a part of what is said to the library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from sync_connector.report import wording
from sync_connector.report.drawing import every
from sync_connector.report.language import Words
from sync_connector.report.picture import HIT, picture_of

HEIGHT = 220
"""Pixels of a chart of columns or lines, with what stands below it."""
ROW = 42
"""Pixels of a row in a chart of bars: its label and its bar."""
TICKS = 4
"""How many lines a scale has, more or less: the library takes round steps, and ends at one."""
WIDEST = 0.09
"""How much of a chart a column takes at most: one day's column is no wall."""
NAME = 200
"""Characters of a name that are kept; fewer have room in a picture, which costs time to find out."""
LONG = 100_000
"""From this count on a scale says `150k` and `2M`."""
WIDER = 0.8
"""How much of the room for a name may be filled, as the library measures it: the reader's letters may be wider."""


class Size(NamedTuple):
    """One of the pictures that a chart has, so that its text is neither tiny on a telephone nor huge on a desk: the style
    sheet shows the one that fits. `width` and `font` are in pixels; `labels` is how many have room on the axis."""

    name: str
    width: int
    font: int
    labels: int


SIZES = (Size("narrow", 310, 11, 4), Size("middle", 600, 12, 8), Size("wide", 920, 12, 12))


class Series(NamedTuple):
    """What is counted: its name in the counts, what people call it, and its colour in the style sheet."""

    name: str
    label: str
    style: str


class Place(NamedTuple):
    """A column, a bar or a point of a trend: its name, what was counted there, and the lines of its label on the axis
    (where there is room; its name, if there are none). What stands below the first line is not said again and again: a year
    stands where it begins."""

    name: str
    counts: Mapping[str, int]
    label: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """All that was counted there."""
        return sum(self.counts.values())


class Chart(NamedTuple):
    """A chart as the templates show it: `picture` has no word that is not in the table; `key` is colour and label."""

    id: str
    title: str
    description: str
    picture: Markup
    key: list[tuple[str, str]]
    head: list[str]
    rows: list[list[str]]


class Titles(NamedTuple):
    """What a chart is called: the id by which its parts name each other, its title, what it shows in a sentence, and what
    its places are (the head of the table's first column)."""

    id: str
    title: str
    description: str
    places: str


def columns(titles: Titles, places: Sequence[Place], series: Sequence[Series], words: Words) -> Chart:
    """Columns side by side in the order of time, each the stack of its counts, the first series at the bottom."""
    places = _readable(places)

    def mark(size: Size) -> dict[str, Any]:
        wide = {"width": size.width * WIDEST} if len(places) * WIDEST < 1 else {}
        return {
            "data": {"values": _pieces(places, series)},
            "mark": {"type": "bar", "aria": False, **wide},
            "encoding": {"y": {"field": "from"}, "y2": {"field": "to"}, "color": _colour(series)},
        }

    specs = [_over_time(size, mark(size), places, series, words) for size in SIZES]
    return _chart(titles, places, series, words, specs, summed=len(series) > 1)


def lines(titles: Titles, places: Sequence[Place], series: Sequence[Series], words: Words) -> Chart:
    """A trend: of each series a line with a point at each place, from zero. The series are not summed."""
    places = _readable(places)
    values = [
        {"place": place, "name": one.name, "to": at.counts.get(one.name, 0)} for place, at in enumerate(places) for one in series
    ]
    mark = {
        "data": {"values": values},
        "mark": {"type": "line", "aria": False, "point": {"size": 36, "aria": False}},
        "encoding": {"y": {"field": "to"}, "color": _colour(series)},
    }
    specs = [_over_time(size, mark, places, series, words) for size in SIZES]
    return _chart(titles, places, series, words, specs, summed=False)


def bars(titles: Titles, places: Sequence[Place], series: Sequence[Series], words: Words) -> Chart:
    """Bars below each other in the order given, each under its name and its sum, so that long names have room."""
    places = _readable(places)
    specs = [_below_each_other(size, places, series, words) for size in SIZES]
    return _chart(titles, places, series, words, specs, summed=len(series) > 1)


def _pointed_at(place: Place, series: Sequence[Series], words: Words) -> str:
    """What a pointer over a place is told: its name and its counts."""
    counts = [_pair(wording.one_line(one.label, NAME), words.number(place.counts.get(one.name, 0)), words) for one in series]
    return _pair(place.name, ", ".join(counts), words)


def _pair(name: str, told: str, words: Words) -> str:
    return words.gettext("%(name)s: %(told)s", name=name, told=told)


def _readable(places: Sequence[Place]) -> list[Place]:
    """The places with names and labels that are short lines without a sign that no picture may have."""

    def short(text: str) -> str:
        return wording.one_line(text, NAME)

    return [at._replace(name=short(at.name), label=tuple(map(short, at.label))) for at in places]


def _pieces(places: Sequence[Place], series: Sequence[Series]) -> list[dict[str, Any]]:
    """From where to where each count reaches, stacked in the order of the series. A count of zero has no piece."""
    pieces = []
    for place, at in enumerate(places):
        reached = 0
        for one in series:
            if count := at.counts.get(one.name, 0):
                pieces.append({"place": place, "name": one.name, "from": reached, "to": reached + count})
                reached += count
    return pieces


def _colour(series: Sequence[Series]) -> dict[str, Any]:
    scale = {"domain": [one.name for one in series], "range": [f"var(--{one.style})" for one in series]}
    return {"field": "name", "type": "nominal", "legend": None, "scale": scale}


def _over_time(
    size: Size, mark: dict[str, Any], places: Sequence[Place], series: Sequence[Series], words: Words
) -> dict[str, Any]:
    """Places side by side over a scale of counts."""
    shown = range(0, len(places), every(len(places), size.labels))
    labels: dict[str, list[str]] = {}
    above: tuple[str, ...] = ()
    for place in shown:
        first, *below = places[place].label or (places[place].name,)
        labels[str(place)] = [first] if tuple(below) == above else [first, *below]
        above = tuple(below)
    bare = {"title": None, "domain": False, "ticks": False}
    across = {
        "field": "place",
        "type": "ordinal",
        "scale": {"type": "band", "domain": list(range(len(places))), "paddingInner": 0.2, "paddingOuter": 0.1},
        "axis": bare | {"values": list(shown), "labelExpr": "labels[datum.value]", "labelAngle": 0, "labelPadding": 9},
    }
    style = ",d" if all(at.total < LONG for at in places) else "~s"
    up = {
        "type": "quantitative",
        "scale": {"zero": True, "nice": TICKS},
        "axis": bare | {"tickCount": TICKS, "tickMinStep": 1, "format": style},
    }
    drawn = mark | {"encoding": mark["encoding"] | {"x": across, "y": mark["encoding"]["y"] | up}}
    hit = {
        "name": HIT,
        "data": {"values": _told(places, series, words)},
        "mark": {"type": "bar", "width": {"band": 1}, "color": "transparent"},
        "encoding": {"x": across, "y": {"value": 0}, "y2": {"value": "height"}, "description": {"field": "told"}},
    }
    params = [{"name": "labels", "value": labels}]
    return {
        "width": size.width,
        "height": HEIGHT,
        "padding": _PADDING | {"left": 8},
        "params": params,
        "layer": [drawn, hit],
        "config": _config(size),
    }


def _below_each_other(size: Size, places: Sequence[Place], series: Sequence[Series], words: Words) -> dict[str, Any]:
    """Places below each other, each a line of text and a bar under it."""
    down = {"field": "place", "type": "ordinal", "axis": None, "scale": {"type": "band", "domain": list(range(len(places)))}}
    along = {"field": "from", "type": "quantitative", "axis": None, "scale": {"zero": True, "nice": False}}
    texts = [{"place": place, "name": at.name, "count": words.number(at.total)} for place, at in enumerate(places)]
    room = size.width - size.font * max((len(words.number(at.total)) for at in places), default=0) - 2 * size.font
    text = {"type": "text", "baseline": "middle", "dy": -9, "fontSize": size.font, "aria": False}
    bar = {
        "data": {"values": _pieces(places, series)},
        "mark": {"type": "bar", "height": 12, "yOffset": 8, "aria": False},
        "encoding": {"y": down, "x": along, "x2": {"field": "to"}, "color": _colour(series)},
    }
    name = {
        "data": {"values": texts},
        "mark": text | {"align": "left", "color": "var(--ink)", "limit": room * WIDER},
        "encoding": {"y": down, "x": {"value": 0}, "text": {"field": "name"}},
    }
    count = {
        "data": {"values": texts},
        "mark": text | {"align": "right", "color": "var(--quiet)"},
        "encoding": {"y": down, "x": {"value": "width"}, "text": {"field": "count"}},
    }
    hit = {
        "name": HIT,
        "data": {"values": _told(places, series, words)},
        "mark": {"type": "bar", "height": {"band": 1}, "color": "transparent"},
        "encoding": {"y": down, "x": {"value": 0}, "x2": {"value": "width"}, "description": {"field": "told"}},
    }
    layer = [bar, name, count, hit]
    return {"width": size.width, "height": ROW * len(places), "padding": _PADDING, "layer": layer, "config": _config(size)}


# On the left of a scale a little more: the reader's digits may be wider than those that the library measures.
_PADDING = {"left": 2, "right": 2, "top": 2, "bottom": 2}


def _told(places: Sequence[Place], series: Sequence[Series], words: Words) -> list[dict[str, Any]]:
    return [{"place": place, "told": _pointed_at(at, series, words)} for place, at in enumerate(places)]


def _config(size: Size) -> dict[str, Any]:
    axis = {"labelColor": "var(--quiet)", "labelFontSize": size.font, "labelPadding": 6, "gridColor": "var(--rule)"}
    return {"background": None, "view": {"stroke": None}, "axis": axis}


def _chart(
    titles: Titles,
    places: Sequence[Place],
    series: Sequence[Series],
    words: Words,
    specs: Sequence[dict[str, Any]],
    *,
    summed: bool,
) -> Chart:
    """The pictures, and the same counts as a table."""
    head = [titles.places, *(one.label for one in series), *([words.gettext("together")] if summed else [])]
    rows = []
    for at in places:
        counts = [at.counts.get(one.name, 0) for one in series] + ([at.total] if summed else [])
        rows.append([at.name, *(words.number(count) for count in counts)])
    key = [(one.style, one.label) for one in series]
    sized = zip(specs, SIZES, strict=True)
    picture = Markup("").join(picture_of(spec, size.name, words.locale) for spec, size in sized)
    return Chart(titles.id, titles.title, titles.description, picture, key, head, rows)
