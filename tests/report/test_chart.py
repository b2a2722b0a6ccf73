"""Charts: they show their counts and nothing else, the same counts stand in a table, and text of the outside stays text."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_connector.report import chart, wording
from sync_connector.report.chart import SIZES, Chart, Place, Series, Titles
from sync_connector.report.language import words_of
from sync_connector.report.page import fill
from sync_connector.report.picture import HIT
from tests.report.html import Page

TITLES = Titles("some", "Rows by reason", "So many rows.", "reason")
SERIES = [Series("one", "the first", "first"), Series("two", "the second", "second")]
COUNTS = st.fixed_dictionaries({"one": st.integers(0, 10**6), "two": st.integers(0, 10**6)})
KINDS = {"columns": chart.columns, "bars": chart.bars, "lines": chart.lines}
HOSTILE = ["</svg><script>alert(1)</script>", "&lt; & ]]> \x00\x1b\ufffe\ud800", "{{ 7 }} ${1} datum.name", "مهتم", "x" * 9000]


def places(counts: list[dict[str, int]]) -> list[Place]:
    """A place for each, named by its number."""
    return [Place(f"no. {number}", one) for number, one in enumerate(counts)]


def pictures(drawn: Chart) -> list[ElementTree.Element]:
    """The pictures of a chart, one of each size."""
    return list(ElementTree.fromstring(f"<all>{drawn.picture}</all>"))


def marks(picture: ElementTree.Element, style: str) -> list[tuple[float, float, float, float]]:
    """Left, top, width and height of each rectangle of a colour."""
    shapes = [path.get("d", "") for path in picture.iter("path") if path.get("fill") == f"var(--{style})"]
    found = [re.fullmatch(r"M(-?[\d.]+),(-?[\d.]+)h(-?[\d.]+)v(-?[\d.]+)h-?[\d.]+Z", shape) for shape in shapes]
    assert None not in found
    return [(float(one[1]), float(one[2]), float(one[3]), float(one[4])) for one in found if one]


@given(st.lists(COUNTS, min_size=1, max_size=30))
@settings(max_examples=10)
def test_columns_are_as_high_as_their_counts_and_stand_side_by_side(counts: list[dict[str, int]]) -> None:
    """In each size: a count of zero has no mark, the others are to one scale, the second series stands on the first, no two
    columns overlap."""
    for picture in pictures(chart.columns(TITLES, places(counts), SERIES, words_of("en"))):
        lower, upper = marks(picture, "first"), marks(picture, "second")
        ones, twos = [one["one"] for one in counts if one["one"]], [one["two"] for one in counts if one["two"]]
        assert (len(lower), len(upper)) == (len(ones), len(twos))
        scales = [(height, count) for (*_, height), count in [*zip(lower, ones, strict=True), *zip(upper, twos, strict=True)]]
        if scales:
            height, count = max(scales, key=lambda scale: scale[1])
            assert all(high == pytest.approx(many * height / count, abs=0.02) for high, many in scales)
        tops = {left: top for left, top, _, _ in lower}
        for left, top, _, height in upper:
            if left in tops:
                assert top + height == pytest.approx(tops[left], abs=0.02)
        edges = sorted({(left, left + width) for left, _, width, _ in lower + upper})
        assert all(before[1] <= after[0] for before, after in pairwise(edges))


@given(st.lists(COUNTS, min_size=1, max_size=12))
@settings(max_examples=10)
def test_bars_are_as_long_as_their_counts_and_stand_below_each_other(counts: list[dict[str, int]]) -> None:
    """In each size: from zero, to one scale, and what follows in a bar begins where the piece before it ends."""
    for picture in pictures(chart.bars(TITLES, places(counts), SERIES, words_of("en"))):
        lower, upper = marks(picture, "first"), marks(picture, "second")
        ends = {top: width for _, top, width, _ in lower}
        assert all(left == 0 for left, *_ in lower)
        assert all(left == pytest.approx(ends.get(top, 0), abs=0.02) for left, top, _, _ in upper)
        widths = [width for _, _, width, _ in [*lower, *upper]]
        numbers = [one["one"] for one in counts if one["one"]] + [one["two"] for one in counts if one["two"]]
        whole = max(sum(one.values()) for one in counts)
        longest = max((ends.get(top, 0) for _, top, *_ in lower), default=0)
        longest = max([longest, *(left + width for left, _, width, _ in upper)])
        assert all(
            width == pytest.approx(number * longest / whole, abs=0.05) for width, number in zip(widths, numbers, strict=True)
        )


def test_a_line_goes_through_its_counts() -> None:
    """The points of a trend lie on a scale from zero: twice the count is twice as far above it."""
    drawn = chart.lines(TITLES, places([{"one": 10, "two": 40}, {"one": 20, "two": 0}]), SERIES, words_of("en"))
    for picture in pictures(drawn):
        heights = {}
        for path in picture.iter("path"):
            if path.get("stroke", "none") != "none":
                heights[path.get("stroke")] = [float(place.split(",")[1]) for place in re.split("[ML]", path.get("d", ""))[1:]]
        (ten, twenty), (forty, zero) = heights["var(--first)"], heights["var(--second)"]
        assert zero - forty == pytest.approx(4 * (zero - ten), abs=0.05)
        assert zero - twenty == pytest.approx(2 * (zero - ten), abs=0.05)
        assert forty < ten < zero


@pytest.mark.parametrize("kind", ["columns", "lines"])
def test_scales_begin_at_zero(kind: str) -> None:
    """Though the counts are nearly the same, a small difference does not look like a large one."""
    drawn = KINDS[kind](TITLES, places([{"one": 100, "two": 100}, {"one": 101, "two": 102}]), SERIES, words_of("en"))
    for picture in pictures(drawn):
        assert "0" in [one.text for one in picture.iter("text")]


@pytest.mark.parametrize("kind", KINDS)
def test_text_of_the_outside_stays_text(kind: str) -> None:
    """Whatever a place is called, the picture has the elements that it has for any name, and shows it as text."""
    counts = {"one": 3, "two": 4}
    for text in HOSTILE:
        drawn = KINDS[kind](
            TITLES,
            [Place(text, counts, (text, text)), Place("other", counts)],
            [SERIES[0], Series("two", text, "second")],
            words_of("en"),
        )
        plain = KINDS[kind](TITLES, [Place("plain", counts, ("a", "b")), Place("other", counts)], SERIES, words_of("en"))
        assert [one.tag for one in ElementTree.fromstring(f"<all>{drawn.picture}</all>").iter()] == [
            one.tag for one in ElementTree.fromstring(f"<all>{plain.picture}</all>").iter()
        ]
        assert Page(str(fill(words_of("en"), "drawings.html", "chart", drawn))).faults == []
        assert drawn.rows[0][0] == wording.one_line(text, chart.NAME)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_has_no_style_of_its_own_and_every_place_can_be_pointed_at(kind: str) -> None:
    """Colours are the style sheet's, there is no id, and in each size each place says its counts, as the language writes them."""
    drawn = KINDS[kind](TITLES, places([{"one": 1200, "two": 4}, {"two": 1}]), SERIES, words_of("fr"))
    assert [picture.get("class") for picture in pictures(drawn)] == [size.name for size in SIZES]
    for picture in pictures(drawn):
        for one in picture.iter():
            assert not {"style", "id", "font-family"} & set(one.attrib)
            assert {one.get("fill", "none"), one.get("stroke", "none")} <= {
                "none",
                "transparent",
                *(f"var(--{name})" for name in ("first", "second", "quiet", "ink", "rule")),
            }
        (group,) = [one for one in picture.iter("g") if one.get("class") == HIT]
        said = [title.text for title in group.iter("title")]
        assert said == [
            "no. 0\xa0: the first\xa0: 1\u202f200, the second\xa0: 4",
            "no. 1\xa0: the first\xa0: 0, the second\xa0: 1",
        ]


@pytest.mark.parametrize(("kind", "together"), [("columns", True), ("bars", True), ("lines", False)])
def test_the_same_counts_stand_in_the_table(kind: str, together: bool) -> None:
    """Zeros included; what is stacked is summed, a trend is not."""
    drawn = KINDS[kind](TITLES, places([{"one": 1200, "two": 4}, {"two": 1}]), SERIES, words_of("en"))
    assert drawn.head == ["reason", "the first", "the second", *(["together"] if together else [])]
    assert drawn.rows == [
        ["no. 0", "1,200", "4", *(["1,204"] if together else [])],
        ["no. 1", "0", "1", *(["1"] if together else [])],
    ]


def test_labels_are_few_enough_and_a_year_stands_where_it_begins() -> None:
    """Of 30 months no more have a label than the size has room for; the year is said once for each."""
    months = [Place(f"{year}-{month}", {"one": 1}, (f"m{month}", str(year))) for year in (2025, 2026) for month in range(1, 13)]
    for size, picture in zip(SIZES, pictures(chart.columns(TITLES, months, SERIES, words_of("en"))), strict=True):
        labels = ["".join(one.itertext()) for one in picture.iter("text")]
        assert 0 < len([label for label in labels if label.startswith("m")]) <= size.labels
        assert [year for label in labels for year in re.findall("202[56]", label)] == ["2025", "2026"]


def test_scales_are_worded_in_the_language() -> None:
    """Whole counts with the language's signs; from a hundred thousand on in thousands and millions."""

    def scale(count: int, code: str) -> list[str]:
        drawn = chart.columns(TITLES, [Place("x", {"one": count}, ("place",))], SERIES, words_of(code))
        return ["".join(one.itertext()) for one in pictures(drawn)[0].iter("text") if "place" not in one.itertext()]

    assert scale(4000, "en") == ["0", "1,000", "2,000", "3,000", "4,000"]
    assert scale(4000, "fr") == ["0", "1\u202f000", "2\u202f000", "3\u202f000", "4\u202f000"]
    assert scale(3, "en") == ["0", "1", "2", "3"]
    assert "1.5M" in scale(2_000_000, "en")
    assert "1,5M" in scale(2_000_000, "fr")


def test_a_page_without_a_chart_does_not_load_what_draws() -> None:
    """The library brings a JavaScript engine; the page of a ledger without events is made without it."""
    program = (
        "import sys; from tests.report import told; from tests.report.pages import events_page; "
        "events_page(told.of_nothing()); print('vl_convert' in sys.modules); "
        "events_page(told.of_events()); print('vl_convert' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
