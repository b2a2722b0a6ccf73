"""The page on events: it stands alone, is read by machines and people, and says what it was told."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_connector.report import wording
from sync_connector.report.chart import SIZES
from tests.report import told
from tests.report.html import Page
from tests.report.pages import events_page

HOSTILE = [
    "</script><script>alert(1)</script>" * 9,
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% for x in y %}",
    "&lt;b&gt; &amp; \u202egnp.exe\u2066",
    "👨\u200d👩\u200d👧🔥" * 60,
    "مهتم جدا",
    "a\x00b\x1b[31m\r\nc",
    "x" * 300,
    "</style><style>*{display:none}",
    "",
]


def with_texts(text: str) -> dict[str, Any]:
    """A page's facts in which each text of the outside is this one; without charts, which have none of it."""
    return told.of_events(
        calls_per_day=[],
        by_hour=[0] * 24,
        account=text,
        qualifications=[{"qualification": text, "count": 6}],
        unmatched_numbers=[{"number": text, "events": 7, "last": "2026-11-03T09:00:00+00:00"}],
        waiting=[{"sink": text, "waiting": 0, "parked": 2, "reasons": [{"reason": text, "count": 2}]}],
    )


PAGES = {
    "usual": told.of_events(),
    "nothing ever": told.of_nothing(),
    "nothing now": told.of_nothing("2026-10-20T10:00:00+00:00"),
    "one day": told.of_events(since="2026-11-03", calls_per_day=told.days("2026-11-03", [(3, 2, 1)])),
    "no day": told.of_events(calls_per_day=[]),
    "400 days": told.of_events(since="2025-10-20", until="2026-11-23", calls_per_day=told.days("2025-10-20", [(3, 2, 1)] * 400)),
    "huge": told.of_events(totals=dict.fromkeys(told.KINDS, 10**15), calls_per_day=told.days("2026-11-01", [(10**14,) * 3] * 3)),
    "hostile": told.of_events(qualifications=[{"qualification": text, "count": 9} for text in HOSTILE * 2]),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_well_formed_and_asks_nobody_for_anything(name: str) -> None:
    """Each element is closed in its order, each reference leads to something on the page, nothing is fetched or run, and each
    drawing has a name or stands beside its numbers."""
    page = Page(events_page(PAGES[name]))
    assert page.faults == []
    assert all(svg.get("aria-hidden") == "true" for svg in page.all("svg"))
    assert all(one.get("aria-label") for _, one in page.elements if one.get("role") == "img")


def test_the_policy_allows_the_style_sheet_that_is_there_and_nothing_else() -> None:
    """The hash in the Content-Security-Policy is the style's own; every other source is none."""
    page = Page(events_page(told.of_events()))
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    style = b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"


@given(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=300)))
@settings(max_examples=40)
def test_no_text_of_the_outside_becomes_a_part_of_the_page(text: str) -> None:
    """The page has the same elements whatever the text is, and shows it as text."""
    page = Page(events_page(with_texts(text)))
    assert page.faults == []
    assert page.tags == Page(events_page(with_texts("plain"))).tags
    assert wording.one_line(text, 120) in page.text


def rows(html: str, anchor: str) -> list[list[str]]:
    """The cells of the tables in a section, as text; a drawing has none."""
    section = html.split(f'<section id="{anchor}"')[1].split("</section>")[0]
    found = []
    for row in re.findall(r"<tr.*?</tr>", section, re.DOTALL):
        cells = [
            Page(cell).text.strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL) if "aria-hidden" not in cell[:60]
        ]
        found.append(cells)
    return found


def test_calls_are_told_by_day_and_by_hour() -> None:
    """Each drawing has a table beside it with the same numbers, zeros included."""
    shown = rows(events_page(told.of_events()), "calls")
    assert shown[:4] == [
        ["day", "incoming, answered", "outgoing", "missed", "together"],
        ["Sun, 1 Nov 2026", "10", "20", "2", "32"],
        ["Mon, 2 Nov 2026", "0", "0", "0", "0"],
        ["Tue, 3 Nov 2026", "8", "15", "1", "24"],
    ]
    assert ["09:00–09:59", "20"] in shown
    assert len(shown) == 4 + 1 + 24


def test_calls_that_stand_in_no_column_are_told() -> None:
    """60 calls, of which 56 have a day and 54 an hour."""
    text = Page(events_page(told.of_events())).text
    assert "4 calls are in no column: no date that can be read came with them." in text
    assert "Calls that came without a time of day, and are in no hour: 6." in text


def test_counts_that_do_not_agree_are_told() -> None:
    """More calls by day than in all: the page does not hide it."""
    text = Page(events_page(told.of_events(totals=dict.fromkeys(told.KINDS, 50)))).text
    assert "The columns hold 56 calls, the total 50" in text


def test_weeks_are_called_weeks() -> None:
    """Of 400 days the columns are weeks, the page says so, and the labels name the year where it begins."""
    html = events_page(PAGES["400 days"])
    text = Page(html).text
    assert "Calls per week" in text
    assert "400 days are too many to stand side by side" in text
    assert rows(html, "calls")[1] == ["20–26 Oct 2025", "21", "14", "7", "42"]
    (narrow,) = re.findall(r'<svg [^>]*class="narrow".*?</svg>', html.split('id="by-hour-told"')[0].split("Answered")[0])
    labels = re.findall(r">(\d+ \w{3}|\d{4})</t", narrow)
    assert labels[:2] == ["20 Oct", "2025"]
    assert labels.count("2025") == labels.count("2026") == 1


def test_the_share_of_answered_calls_leaves_out_what_is_not_known() -> None:
    """18 of 21 came in and were answered; 24 of the 30 that went out and of which it is known."""
    text = " ".join(Page(events_page(told.of_events())).text.split())
    assert "incoming 86% answered" in text
    assert "outgoing 80% answered" in text
    assert "24 answered 6 not answered 5 not known" in text
    assert "Talk time: 1 h 02 min incoming, 59 s outgoing." in text


def test_twelve_qualifications_have_a_row_and_the_others_are_summed() -> None:
    """The rows hold all that were counted."""
    many = [{"qualification": f"no. {place}", "count": 30 - place} for place in range(30)]
    shown = rows(events_page(told.of_events(qualifications=many)), "qualifications")[1:]
    assert [row[0] for row in shown] == [f"no. {place}" for place in range(12)] + ["18 others"]
    assert sum(int(row[1]) for row in shown) == sum(range(1, 31))


def test_silence_is_told_for_each_kind() -> None:
    """When it was last heard on the account's clocks, how long ago, and which never was; one from before the span has no dot."""
    html = events_page(told.of_events())
    text = Page(html).text
    shown = {row[0]: row[1:] for row in rows(html, "silence")}
    assert shown["calls"] == ["3 Nov 2026, 16:15", "45 min", "60"]
    assert shown["qualifications"] == ["1 Oct 2026, 10:00", "33 days 8 h", "9"]
    assert shown["incoming SMS"] == ["never", "–", "8"]
    assert "The longest pause was 36 h, from 1 Nov 2026, 18:00 to 3 Nov 2026, 06:00." in text
    assert "Never heard: SMS statuses, incoming SMS and link clicks." in text
    assert html.count("<circle") == 1


@pytest.mark.parametrize(
    ("last", "longest", "alarmed"),
    [
        ("2026-11-03T15:15:00+00:00", 36.0, False),
        ("2026-11-02T15:00:00+00:00", 20.0, True),
        ("2026-11-02T15:00:00+00:00", 61.5, False),  # a weekend in this span was longer
        ("2026-11-03T04:00:00+00:00", 2.0, False),  # a night
        ("2026-11-01T16:00:00+00:00", 48.04, True),  # the longest is this one
        ("2026-10-01T16:00:00+00:00", None, True),
    ],
)
def test_a_silence_alarms_when_it_is_a_day_and_longer_than_any(last: str, longest: float | None, alarmed: bool) -> None:
    """Neither a night nor a weekend like the one before is an alarm."""
    silence = told.of_events()["silence"] | {"last_callback": last, "longest_hours": longest}
    assert ("No callback for" in Page(events_page(told.of_events(silence=silence))).text) == alarmed


def test_what_waits_and_what_is_parked_stands_at_the_top_and_the_reasons_below() -> None:
    """A person is told what to look at, with its reason; where there is nothing, that is said."""
    html = events_page(told.of_events())
    top = Page(html.split("</section>")[0] + "</section></main></body></html>").text
    assert "2 events are parked, crm refused them" in top
    assert "4 events wait for crm" in top
    assert "1 callback was not understood" in top
    assert rows(html, "delivery")[1] == ["crm", "4", "2", "it is too long × 2"]
    quiet = told.of_events(unknown=0, waiting=[{"sink": "crm", "waiting": 0, "parked": 0, "reasons": []}])
    assert "Nothing asks for attention." in Page(events_page(quiet)).text


def test_numbers_without_a_contact_are_shown_in_full() -> None:
    """The steward needs the number to give it to a contact."""
    assert rows(events_page(told.of_events()), "matching")[-1] == ["+33612345678", "7", "3 Nov 2026, 10:00"]


def test_a_span_without_events_tells_what_to_do() -> None:
    """Never called: the four steps. Called before: fetch, or ask for other days. Neither draws an empty drawing."""
    never, before = events_page(PAGES["nothing ever"]), events_page(PAGES["nothing now"])
    assert "sync-connector receive --new-secret" in never
    assert "No callback ever came." in never
    assert "the vendor called last at 20 Oct 2026, 12:00" in Page(before).text
    assert "sync-connector receive --new-secret" not in before
    for html in (never, before):
        assert 'role="img"' not in html
        assert "–</dd>" not in html


def test_drawings_have_a_name_and_say_what_they_show() -> None:
    """Who cannot see one is told its title, its sum and its highest column."""
    page = Page(events_page(told.of_events()))
    drawn = {one["aria-label"]: one["aria-describedby"] for _, one in page.elements if one.get("role") == "img"}
    assert drawn == {"Calls per day": "per-period-told", "Calls by hour of the day": "by-hour-told"}
    assert {"per-period-told", "by-hour-told"} <= {one.get("id") for one in page.all("figcaption")}
    assert "56 calls; the highest column is Sun, 1 Nov 2026: 32." in page.text
    assert "54 calls; the highest column is 10:00–10:59: 30." in page.text


def test_every_column_can_be_pointed_at() -> None:
    """In each size, as many places to point at as days and hours, each with its numbers."""
    html = events_page(told.of_events())
    pointed = [len(re.findall("<title>", marks)) for marks in re.findall(r'<g class="hit">(.*?)</g>', html)]
    assert pointed == [3] * len(SIZES) + [24] * len(SIZES)
    assert html.count("<title>Mon, 2 Nov 2026: incoming, answered: 0, outgoing: 0, missed: 0</title>") == len(SIZES)


def test_days_may_come_in_any_order() -> None:
    """The drawing goes by the date."""
    turned = told.of_events(calls_per_day=told.of_events()["calls_per_day"][::-1])
    assert events_page(turned) == events_page(told.of_events())
    assert date.fromisoformat(turned["calls_per_day"][0]["day"]) > date.fromisoformat(turned["calls_per_day"][-1]["day"])
