"""The page on the data's quality: it stands alone, says what it was told, and what to do about it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_connector import quality_report
from sync_connector.ledger.quality import Cause, Example, Quality
from sync_connector.report import wording
from sync_connector.report.language import ENGLISH
from sync_connector.report.quality_page import page_of
from tests.report import told
from tests.report import told_quality as of
from tests.report.html import Page
from tests.report.pages import anchors, html_of, rows, text_of
from tests.report.test_events_page import HOSTILE

FACTS = {
    "usual": of.of_report(),
    "with events": of.of_report(told.of_events()),
    "a file": of.of_file(),
    "no run": of.of_no_run(),
    "clean": of.of_clean(),
    "a run without counts": of.of_report(
        run=of.runs((1, 0, None))[0], trend=of.runs((1, 0, None)), since_last_run=None, completeness=None
    ),
}


USUAL, PLENTY = FACTS["usual"], of.of_plenty()


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize("name", FACTS)
def test_a_page_is_well_formed_and_asks_nobody_for_anything(name: str, lang: str) -> None:
    """Each element is closed in its order, no id stands twice, each reference leads to something on the page, and nothing is
    fetched or run."""
    page = Page(html_of(FACTS[name], lang))
    assert page.faults == []
    assert all(svg.get("aria-hidden") == "true" for svg in page.all("svg"))


@given(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=200)))
@settings(max_examples=30)
def test_no_text_of_the_outside_becomes_a_part_of_the_page(text: str) -> None:
    """The page has the same elements whatever keys, columns, values and codes are, and shows them as text."""
    page = Page(page_of(of.of_texts(text), "en"))
    assert page.faults == []
    assert page.tags == Page(page_of(of.of_texts("plain"), "en")).tags
    assert wording.one_line(text, 120) in page.text


def test_what_to_do_stands_first_and_the_gravest_of_it_first() -> None:
    """Rows that are not sent and the commands for them, what holds back most, what is new, and where vendor and CRM differ."""
    first = text_of(USUAL, "first")
    said = [
        "17 rows are not sent: 13 rejected, 2 held, 1 refused and 1 without an identifier.",
        "sync-connector rejects --xlsx rejects.xlsx",
        "sync-connector sync --resubmit rejects.xlsx",
        "What holds back most is “invalid number”: 13 findings. Correct the number in the CRM.",
        "sync-connector rejects --code '#001'",
        "5 findings are new since run 2. The most frequent of them: “landline where an SMS is wanted”, 3.",
        "60 numbers are stale at the vendor.",
        "2 contacts were sent as a sheet says, and are still wrong in the CRM.",
    ]
    places = [first.find(one) for one in said]
    assert -1 not in places
    assert places == sorted(places)


def test_rows_without_an_answer_are_not_written_into_a_sheet() -> None:
    """Where nothing else is left, the next run is what there is to do."""
    contacts = {"known": 5, **dict.fromkeys(of.STATES, 0), "accepted": 3, "unknown": 2}
    first = text_of(of.of_report(contacts=contacts, rows_without_key=0, codes=[]), "first")
    assert "2 rows are not sent: 2 without an answer. Whether the vendor has them is not known" in first
    assert "rejects.xlsx" not in first


def test_contacts_in_doubt_are_told_apart_with_what_releases_them() -> None:
    """Alone, they are all there is to do; beside others, they are a step of their own, not among who is sent again."""
    contacts = {"known": 5, **dict.fromkeys(of.STATES, 0), "accepted": 3, "unknown": 2}
    alone = text_of(of.of_report(contacts=contacts, in_doubt=2, rows_without_key=0, codes=[]), "first")
    assert "2 rows are not sent: 2 in doubt. Whether the vendor has them is not known; they are sent again when" in alone
    assert "sync-connector sync --resend-unknown" in alone
    assert "rejects.xlsx" not in alone
    contacts = {"known": 9, **dict.fromkeys(of.STATES, 0), "accepted": 3, "rejected": 3, "unknown": 3}
    beside = text_of(of.of_report(contacts=contacts, in_doubt=1, rows_without_key=0), "first")
    assert "6 rows are not sent: 3 rejected, 2 without an answer and 1 in doubt." in beside
    assert "1 contact is in doubt. Whether the vendor has them is not known" in beside


def test_the_figures_are_those_that_were_told() -> None:
    """Contacts at the vendor, rows not sent with why, findings, and what the last run opened and closed."""
    first = text_of(USUAL, "first")
    assert "contacts at the vendor 1,984 of 2,000" in first
    assert "rows not sent 17 13 rejected, 2 held, 1 refused and 1 without an identifier" in first
    assert "findings 142 on 120 contacts" in first
    assert "findings since run 2 +5 / −15 new / mended or gone" in first
    assert "last run: 3, on 3 Nov 2026, 01:30; rows read: 2,000" in text_of(USUAL)


def test_times_are_those_of_the_account_where_it_is_known() -> None:
    """With events the account's zone is told, else the page keeps to UTC; it says which."""
    assert "made at 3 Nov 2026, 17:00; all times are those of Europe/Paris" in text_of(FACTS["with events"])
    assert "made at 3 Nov 2026, 16:00; all times are those of UTC" in text_of(USUAL)


def test_a_ledger_without_a_run_says_how_to_start_one() -> None:
    """And nothing else: no empty chart, no praise."""
    facts = of.of_no_run()
    assert anchors(facts) == ["first"]
    first = text_of(facts, "first")
    assert "No run has finished yet. sync-connector sync" in first
    assert "Every row" not in first


def test_clean_data_is_said_to_be_clean() -> None:
    """Where silence would be misread: that all was sent, that nothing was found, that nothing changed."""
    facts = of.of_clean()
    assert "Every row is at the vendor. Nothing was found in any of them." in text_of(facts, "first")
    assert "No finding" in text_of(facts, "causes")
    assert "Since run 1: 0 new, 0 mended or gone. As many as before." in text_of(facts, "trend")
    assert anchors(facts) == ["first", "causes", "trend", "completeness"]


def test_a_file_has_no_commands_of_a_ledger() -> None:
    """Its rows are found by their place; no vendor and no run is spoken of."""
    facts = of.of_file()
    text = text_of(facts)
    assert "17 rows cannot be sent" in text
    assert "contacts that can be sent 1,984" in text
    assert "rows read 2,000" in text
    assert "contacts.csv:17" in text
    assert not re.search("sync-connector (rejects|explain|sync|runs)", text)
    assert "last run" not in text
    assert "trend" not in anchors(facts)
    assert "mapping generic: 11 of 11 headers" in text


def test_every_cause_is_told_and_only_the_first_in_full() -> None:
    """Of all codes 8 have advice and examples; the others have a line; their counts are all findings there are."""
    facts = PLENTY
    page = Page(html_of(facts))
    counted = {one["data-told"] for one in [*page.all("strong"), *page.all("td")] if "data-told" in one}
    assert counted == {f"{one['code']} {one['severity']}" for one in facts["quality"]["codes"]}
    assert text_of(facts, "causes").count("Examples of “") == 8
    rest = sum(one["count"] for one in facts["quality"]["codes"][8:])
    assert f"{len(facts['quality']['codes']) - 8} more causes: {rest:,} findings" in text_of(facts, "causes")


def test_a_cause_leads_to_its_rows() -> None:
    """Keys, places, columns and what may be meant; the command lists them where they are not sent, quoted for a shell."""
    causes = text_of(USUAL, "causes")
    assert "sync-connector rejects --code '#001'" in causes
    assert "sync-connector rejects --code shared_phone" in causes
    assert "rejects --code landline" not in causes  # its rows are sent, and `rejects` lists none of them
    assert ["001-0", "contacts.csv:17", "mobile", "0• 1• 3•", "+336••••••78"] in rows(USUAL, "causes")
    assert ["contacts.csv:17", "contacts.csv:17", "–", "(blank)", "–"] in rows(USUAL, "causes")


def test_new_findings_are_called_new_only_beside_a_run_before() -> None:
    """On a first run all are new, which says nothing."""
    assert "+2 new" in text_of(USUAL, "causes")
    assert "new" not in text_of(of.of_report(since_last_run=None), "causes")


def test_a_vcard_stays_a_vcard() -> None:
    """A heading begins with a capital, but where that would misspell it."""
    causes = text_of(of.of_report(codes=[of.cause("bad_card", 2), of.cause("no_key", 1)]), "causes")
    assert "vCard that cannot be read" in causes
    assert "VCard" not in causes
    assert "Row without an identifier" in causes


@pytest.mark.parametrize("trend", [of.runs((1, 0, 5)), of.runs((1, 0, None), (1, 0, 5))])
def test_a_trend_needs_two_runs(trend: list[dict[str, Any]]) -> None:
    """That counted their findings; else the page says so and draws no line."""
    told_of = text_of(of.of_report(run=trend[-1], trend=trend, since_last_run=None), "trend")
    assert "A trend needs two runs" in told_of
    assert "Findings after each run" not in told_of


def test_a_run_that_did_not_count_has_no_place_in_the_trend() -> None:
    """Instead of a zero that nobody counted; and one that read only what changed has none among the rows not sent."""
    trend = of.runs((9, 0, None), (8, 0, 30), (1, 0, 25), (7, 0, 20))
    trend[2]["in_full"] = False
    facts = of.of_report(run=trend[-1], trend=trend)
    shown = [row for row in rows(facts, "trend") if row[0].startswith("run ")]
    assert [(row[0].split(",")[0], row[1]) for row in shown] == [
        *[("run 2", "30"), ("run 3", "25"), ("run 4", "20")],
        *[("run 1", "9"), ("run 2", "8"), ("run 4", "7")],
    ]
    assert "Only runs that read all rows" in text_of(facts, "trend")


def test_findings_since_the_last_run_are_told() -> None:
    """Where an audit found some, the last point of the line is not the figure at the top, and the page says why."""
    assert "When run 3 ended there were 142" not in text_of(USUAL, "trend")
    trend = of.runs((1, 0, 150), (1, 0, 140))
    assert "When run 2 ended there were 140 findings, now there are 142" in text_of(of.of_report(trend=trend), "trend")


def test_what_changed_adds_up_with_what_is_not_shown() -> None:
    """Twelve codes, and the sum of the others; before + new - closed = now, in the whole."""
    codes = [{"code": f"c{place}", "before": 10, "opened": place, "closed": 1, "now": 9 + place} for place in range(20)]
    facts = of.of_report(since_last_run={"since_run": 2, "codes": codes})
    changed = [row for row in rows(facts, "trend") if len(row) == 5][1:]
    assert [row[0] for row in changed[:2]] == ["c19", "c18"]
    assert changed[-1][0] == "8 other codes"
    sums = [sum(int(re.sub(r"\D", "", row[place]) or 0) for row in changed) for place in (1, 2, 3, 4)]
    assert sums == [200, 190, 20, 370]


def test_events_have_a_part_of_their_own_where_there_are_any() -> None:
    """With a heading and links of its own behind the sections on quality; without an event ever, there is no such part."""
    facts = FACTS["with events"]
    assert anchors(facts)[9:] == ["glance", "calls", "qualifications", "messages", "silence", "matching", "delivery"]
    page = Page(html_of(facts))
    assert "part-2" in {one.get("id") for one in page.all("div")}
    assert {"class": "of-part", "href": "#part-2"} in page.all("a")
    assert "Calls and messages" not in text_of(of.of_report(told.of_nothing()))
    silent = of.of_report(told.of_nothing("2026-10-20T10:00:00+00:00"))
    assert anchors(silent)[9:] == ["glance", "silence", "delivery"]


def test_a_key_is_not_masked_where_it_is_the_value() -> None:
    """Whom to compare a likely duplicate with must be read; a number stays masked."""
    causes = [Cause("likely_duplicate", "row", "warn", "", 1, 1, 0), Cause("#001", "phone_number", "reject", "mobile", 1, 1, 0)]
    shown = {
        ("likely_duplicate", "warn"): [Example("C1", "", "", "C0002", "", "")],
        ("#001", "reject"): [Example("C1", "", "mobile", "061234", "", "")],
    }
    codes = quality_report._codes(Quality({}, 0, 1, causes, shown, [], [], 0, []), show_values=False)
    assert {one["code"]: one["examples"][0]["value"] for one in codes} == {"likely_duplicate": "C0002", "#001": "0••2••"}


def test_masked_values_are_said_to_be_masked() -> None:
    """And only where they are."""
    assert "Values in the examples are masked" in text_of(USUAL, "first")
    assert "masked" not in text_of(of.of_report(values_shown=True), "first")


def test_a_code_that_no_rule_has_is_shown_as_it_is() -> None:
    """The vendor may refuse for reasons of its own; a sign that means something to the catalogue does no harm."""
    one = of.cause("#001", 1) | {"code": "100% no", "title": "100% no", "advice": ""}
    assert "100% no" in text_of(of.of_report(codes=[one]), "causes")
    assert ENGLISH.phrase("") == ""
