"""Pages in a real browser: they ask nobody for anything, fit a telephone and a sheet of paper, and can be used by everybody."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

from sync_connector.report import chart
from sync_connector.report.chart import Place, Series, Titles
from sync_connector.report.language import LOCALES, Words, words_of
from sync_connector.report.page import Part, Section, fill, page
from sync_connector.report.quality_page import quality_page
from tests.report import told, told_quality
from tests.report.conftest import Medium, Scheme, Shown
from tests.report.pages import events_page

HOSTILE = "<script>document.title='caught'</script><img src=x onerror=alert(1)> & \"'"
MEDIA: list[tuple[int, Medium]] = [
    (360, "screen"),
    (700, "screen"),
    (1280, "screen"),
    (688, "print"),
]  # 688 pixels are A4 without its margins


def of_a_quarter() -> dict[str, Any]:
    """What a page is told of 92 days, with names that attack it."""
    chance = random.Random(5)
    stacks = [(chance.randint(0, 60), chance.randint(0, 90), chance.randint(0, 14)) for _ in range(92)]
    return told.of_events(
        account=HOSTILE,
        since="2026-08-04",
        calls_per_day=told.days("2026-08-04", stacks),
        by_hour=[chance.randint(0, 1500) for _ in range(24)],
        qualifications=[{"qualification": text, "count": 9} for text in (HOSTILE, "x" * 300, "مهتم جدا")],
        unmatched_numbers=[{"number": "+33612345678", "events": 7, "last": "2026-11-03T09:00:00+00:00"}] * 3,
    )


def of_campaigns() -> dict[str, Any]:
    """What a page is told of 40 campaigns on 92 days, with large numbers, and names that attack it and are long."""
    chance = random.Random(7)

    def became(sent: int) -> tuple[int, ...]:
        delivered = chance.randint(0, sent)
        more = [chance.randint(0, sent - delivered), *(chance.randint(0, sent) for _ in range(3))]
        return (sent + 11, sent, 5, 4, 2, delivered, 5 + more[0], *more[1:], 3 * sent)

    fates = [became(chance.randint(0, 99_999)) for _ in range(40)]
    names = [HOSTILE, "x" * 300, "حملة الربيع", "", *(f"Campagne {number}" for number in range(36))]
    days = fates + [(0,)] * 52
    return told.of_events(
        made_at="2027-01-31T22:00:00+00:00",
        since="2026-11-01",
        until="2027-01-31",
        calls_per_day=told.days("2026-11-01", [(0, 0, 0)] * 92),
        by_hour=[0] * 24,
        messages=told.of_messages(dict(zip(names, fates, strict=True)), days, scheduled=5, opt_outs=17, rehearsals=3),
    )


def of_attacks() -> dict[str, Any]:
    """What the page on quality is told of 30 runs and every code, with a key, a column and a value that attack it."""
    facts = told_quality.of_plenty()
    worst = facts["quality"]["codes"][0]
    worst["examples"][0] |= {"key": HOSTILE, "value": HOSTILE, "column": '"><script>'}
    worst["columns"] = {'"><script>': worst["count"]}
    return facts | {"account": HOSTILE}


def of_each_kind(words: Words) -> str:
    """A page with each kind of chart, with names that attack it."""
    series = [Series("one", "the first", "first"), Series("two", "the second", "second")]
    runs = [Place(f"run {run}", {"one": 40 * run, "two": 9_000 - run}, (f"{run % 28 + 1} nov.", "2026")) for run in range(30)]
    codes = [Place(HOSTILE * (9 if code == 2 else 1), {"one": 10**code, "two": code}) for code in range(1, 7)]
    drawn = [
        chart.lines(Titles("trend", "The trend", "30 runs.", "run"), runs, series, words),
        chart.bars(Titles("codes", "The codes", "6 codes.", "code"), codes, series, words),
        chart.columns(Titles("one", "A single column", "1 day.", "day"), runs[:1], series, words),
    ]
    sections = [Section(f"s{one.id}", one.title, fill(words, "drawings.html", "chart", one)) for one in drawn]
    return page([Part("Each kind", [HOSTILE], sections)], words)


PAGES: dict[str, Callable[[Words], str]] = {
    "events": lambda words: events_page(of_a_quarter(), words),
    "few events": lambda words: events_page(told.of_events(), words),
    "nothing": lambda words: events_page(told.of_nothing(), words),
    "messages": lambda words: events_page(of_campaigns(), words),
    "few messages": lambda words: events_page(told.of_events(messages=told.of_two_campaigns()), words),
    "charts": of_each_kind,
    "quality": lambda words: quality_page(of_attacks(), words),
    "quality of a file": lambda words: quality_page(told_quality.of_file(), words),
}


@pytest.fixture(scope="module")
def drawn() -> dict[tuple[str, str], str]:
    """Each page in each language, drawn once."""
    return {(name, code): make(words_of(code)) for name, make in PAGES.items() for code in LOCALES}


def texts(page: Page) -> list[dict[str, Any]]:
    """The pieces of text in the pictures that are shown: what, where in pixels of the window, and how high its letters are."""
    found: list[dict[str, Any]] = page.evaluate(
        """() => [...document.querySelectorAll('.picture svg')].filter(svg => getComputedStyle(svg).display !== 'none').flatMap(
            (svg, picture) => [...svg.querySelectorAll('text')].filter(text => text.textContent).map(text => {
                const {left, right, top, bottom} = text.getBoundingClientRect();
                const size = parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a;
                return {picture, text: text.textContent, left, right, top, bottom, size};
            }))"""
    )
    return found


def reads_well(pieces: list[dict[str, Any]], width: int) -> None:
    """Letters are 9 pixels high at least and 17 at most, no word leaves the window, and no two of a picture cover each other."""
    for piece in pieces:
        assert 9 <= piece["size"] <= 17, piece
        assert piece["left"] >= 0, piece
        assert piece["right"] <= width, piece
    for one, other in combinations(pieces, 2):
        air = one["size"] / 4  # above and below its letters
        apart = one["right"] <= other["left"] or other["right"] <= one["left"]
        apart |= one["bottom"] <= other["top"] + air or other["bottom"] <= one["top"] + air
        assert apart or one["picture"] != other["picture"], (one, other)


@pytest.mark.parametrize("code", LOCALES)
@pytest.mark.parametrize("name", ["events", "nothing", "messages", "charts", "quality", "quality of a file"])
def test_a_page_fits_and_asks_for_nothing(drawn: dict[tuple[str, str], str], shown: Shown, name: str, code: str) -> None:
    """On a telephone, a tablet, a desk and paper: nothing is fetched or complained of (`shown` fails where it is), nothing is
    wider than the window, what attacks the page is shown as text, and of each chart one picture is shown that can be read."""
    page = shown(drawn[name, code])
    for width, medium in MEDIA:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(media=medium)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate("[...document.querySelectorAll('section')].every(one => one.scrollWidth <= one.clientWidth)")
        pieces = texts(page)
        assert {piece["picture"] for piece in pieces} == set(range(page.locator("[role=img]").count()))
        reads_well(pieces, width)
    assert page.locator("script, img, iframe, object").count() == 0
    assert page.title() != "caught"
    assert (HOSTILE in page.inner_text("body")) == (name not in ("nothing", "quality of a file"))


@pytest.mark.parametrize(("scheme", "code"), [("light", "en"), ("dark", "fr")])
@pytest.mark.parametrize("name", ["few events", "few messages", "nothing", "charts", "quality of a file"])
def test_everybody_can_use_a_page(drawn: dict[tuple[str, str], str], shown: Shown, name: str, scheme: Scheme, code: str) -> None:
    """Axe finds no fault, contrast included, in light and in dark, in each language, with every table opened."""
    page = shown(drawn[name, code], 1280, scheme, bypass_csp=True)  # axe is a script, which the page's policy forbids
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert "color-contrast" in [one["id"] for one in found.response["passes"]]


def test_a_chart_has_a_name_and_a_description(drawn: dict[tuple[str, str], str], shown: Shown) -> None:
    """As a screen reader is told of it, in the language of the page; what is inside it is not read piece by piece."""
    page = shown(drawn["events", "fr"])
    charts = page.get_by_role("img")
    expect(charts).to_have_count(2)
    expect(charts.nth(0)).to_have_accessible_name("Appels par jour")
    expect(charts.nth(0)).to_have_accessible_description(
        re.compile(r"appels\s; colonne la plus haute\s: dim. 23 août 2026, 152.")
    )
    expect(charts.nth(1)).to_have_accessible_name("Appels selon l’heure de la journée")
    assert page.locator("svg:not([aria-hidden=true])").count() == 0


def test_a_page_can_be_used_by_keyboard(drawn: dict[tuple[str, str], str], shown: Shown) -> None:
    """Tab goes through every link and every table's heading in their order, each shows that it has the focus, and Enter opens
    the table."""
    page = shown(drawn["events", "en"])
    reached = []
    for _ in range(page.locator("a, summary").count()):
        page.keyboard.press("Tab")
        focus = page.evaluate(
            "(({outlineStyle, outlineWidth}, one) => [one.tagName, one.textContent, outlineStyle, outlineWidth])"
            "(getComputedStyle(document.activeElement), document.activeElement)"
        )
        assert focus[2:] == ["solid", "2px"]
        reached.append(focus[:2])
    headings = page.locator("nav a").all_inner_texts()
    assert reached == [["A", heading] for heading in headings] + [["SUMMARY", "The numbers as a table"]] * 2
    expect(page.get_by_role("group", name="Calls by hour of the day, as a table")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="Calls by hour of the day, as a table")).to_be_visible()


def test_a_pointer_over_a_column_is_told_its_counts(drawn: dict[tuple[str, str], str], shown: Shown) -> None:
    """The mark on top at the middle of a column is the one with its title, and it lights up."""
    page = shown(drawn["events", "en"])
    place = page.locator("[role=img]").first.locator("svg.wide .hit path").nth(40)
    place.hover()
    assert place.evaluate("one => one.matches(':hover')")
    assert place.locator("title").text_content() == "Sun, 13 Sept 2026: incoming, answered: 15, outgoing: 59, missed: 5"
    assert place.evaluate("one => getComputedStyle(one).opacity") == "0.08"


def test_paper_is_white_whatever_the_screen_is(drawn: dict[tuple[str, str], str], shown: Shown) -> None:
    """Printed from a dark screen, text is dark, what must be clicked is left out, and the pages are A4."""
    page = shown(drawn["events", "en"], 688, "dark", "print")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(26, 32, 39)"
    expect(page.locator("nav")).to_be_hidden()
    expect(page.locator("summary").first).to_be_hidden()
    assert 1 < page.pdf(format="A4").count(b"/Type /Page\n") < 8


def number(text: str) -> int:
    """A figure as a person reads it: its digits."""
    return int(re.sub(r"\D", "", text))


@pytest.mark.parametrize("code", LOCALES)
def test_the_totals_of_a_page_are_those_that_were_told(drawn: dict[tuple[str, str], str], shown: Shown, code: str) -> None:
    """Read from the page as it is shown: the figures at its top, every cause's count, and the sums of its tables, each beside
    the same number of `report --json`."""
    page, told_of = shown(drawn["quality", code]), of_attacks()["quality"]
    contacts, changed = told_of["contacts"], told_of["since_last_run"]["codes"]
    sent = contacts["accepted"] + contacts["warned"]
    assert {name: number(page.locator(f"[data-told={name}]").inner_text()) for name in ("sent", "not_sent", "findings")} == {
        "sent": sent,
        "not_sent": contacts["known"] - sent + told_of["rows_without_key"],
        "findings": told_of["findings"]["all"],
    }
    for name in ("opened", "closed"):
        assert number(page.locator(f"[data-told={name}]").inner_text()) == sum(one[name] for one in changed)
    causes = {f"{one['code']} {one['severity']}": one["count"] for one in told_of["codes"]}
    counted = page.locator("#causes [data-told]")
    assert {one.get_attribute("data-told"): number(one.inner_text()) for one in counted.all()} == causes
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    for anchor, total in (("columns", told_of["findings"]["all"]), ("countries", contacts["known"])):
        cells = page.locator(f"#{anchor} tbody td:last-child").all_inner_texts()
        assert sum(map(number, cells)) == total
    cells = page.locator("#trend details").first.locator("td").all_inner_texts()
    assert list(map(number, cells)) == [run["findings"] for run in told_of["trend"]]
    now = page.locator("#trend > table td:last-child").all_inner_texts()
    assert sum(map(number, now)) == sum(one["now"] for one in changed)


@pytest.mark.parametrize("code", LOCALES)
def test_what_a_page_tells_of_messages_is_what_was_told(drawn: dict[tuple[str, str], str], shown: Shown, code: str) -> None:
    """Read from the page as it is shown: the figures and the sums of the campaigns' table and of the chart's, each the total that
    was told; on a telephone each count stands under its name."""
    page, totals = shown(drawn["messages", code]), of_campaigns()["messages"]["totals"]
    figures = page.locator("#messages .figures [data-told]")
    told_of = {one.get_attribute("data-told") or "": number(one.inner_text()) for one in figures.all()}
    assert told_of == {name: totals[name] for name in told_of}
    assert len(told_of) == 8
    for name, total in told_of.items():
        counts = page.locator(f"#messages .stacked [data-told={name}]").all_inner_texts()
        assert sum(map(number, counts)) == total
        assert len(counts) == 31
    page.locator("#messages details").evaluate("one => one.open = true")
    drawn_of = page.locator("#messages details td:last-child").all_inner_texts()
    assert sum(map(number, drawn_of)) == totals["messages"] - totals["unsent"]
    page.set_viewport_size({"width": 360, "height": 900})
    labels = (
        page.locator("#messages .stacked tbody tr")
        .first.locator("td")
        .evaluate_all("cells => cells.map(cell => getComputedStyle(cell, '::before').content)")
    )
    heads = page.locator("#messages .stacked thead th").all_text_contents()
    assert labels == [f'"{head}"' for head in heads[1:]]


def test_what_attacks_the_page_on_quality_is_read_as_text(drawn: dict[tuple[str, str], str], shown: Shown) -> None:
    """A key, a column and a value that are HTML stand in the examples as they were written."""
    page = shown(drawn["quality", "en"])
    page.locator("#causes summary").first.click()
    row = page.locator("#causes table tbody tr").first
    expect(row.locator("th")).to_have_text(HOSTILE)
    assert row.locator("td").all_inner_texts()[1:3] == ['"><script>', HOSTILE]
    assert page.locator("img, script").count() == 0
    assert page.title() == "Data quality"


def test_the_way_from_what_to_do_to_the_rows_is_short(drawn: dict[tuple[str, str], str], shown: Shown) -> None:
    """What to do stands first, in the first window of a desk; its link leads to the causes, whose examples open by keyboard."""
    page = shown(drawn["quality", "en"])
    steps = page.locator("#first .steps")
    box = steps.bounding_box()
    assert box
    assert box["y"] + box["height"] < 900
    expect(steps.locator("code").first).to_have_text("sync-connector rejects --xlsx rejects.xlsx")
    steps.get_by_role("link", name="Top causes").press("Enter")
    expect(page.locator("#causes")).to_be_in_viewport()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#causes table").first).to_be_visible()
