"""The section on messages: what was told stands there, adds up, and leads to the commands that list it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_connector.report import wording
from sync_connector.report.chart import SIZES
from sync_connector.report.messages_page import TOP
from tests.report import told, told_quality
from tests.report.html import Page
from tests.report.pages import anchors, events_page
from tests.report.test_events_page import HOSTILE, rows

USUAL = told.of_events(messages=told.of_two_campaigns())


def named(*names: str) -> dict[str, Any]:
    """What is told of campaigns of these names, of one message each, on no day, so that nothing is drawn."""
    return told.of_messages(dict.fromkeys(names, (1, 0, 0, 0, 1)), [(len(names), 0, 0, 0, len(names))])


def text(facts: dict[str, Any]) -> str:
    """The words of a page, each blank a single space."""
    return " ".join(Page(events_page(facts)).text.split())


def test_each_campaign_has_its_counts_and_shares() -> None:
    """Messages with their SMS; the share sent is of all, the others are of those sent; messages of no campaign are told apart."""
    table = rows(events_page(USUAL), "messages")[-4:]
    assert table[0][1:] == ["messages", "sent", "delivered", "failed", "unknown", "answered by SMS", "clicked", "opted out"]
    assert table[1] == [
        "Rentrée d'automnebegun 1 Nov 2026, 09:30",
        *("1,2001,290 SMS", "1,17098%", "1,10094%", "25", "12", "403%", "908%", "4<1%"),
    ]
    assert table[3][0] == "(single messages)begun 1 Nov 2026, 09:30"


def test_no_share_is_more_than_all() -> None:
    """Of three messages one is sent and two are unknown; two were answered: a share of those sent would be no share."""
    messages = told.of_messages({"a": (3, 1, 0, 2)}, [(3, 1, 0, 2)])
    for counts in (messages["totals"], messages["campaigns"][0]):
        counts["answered"] = 2
    facts = told.of_events(messages=messages)
    assert rows(events_page(facts), "messages")[-1][6] == "2"
    assert "200%" not in text(facts).partition("Messages per day")[0]


def test_days_are_drawn_in_pieces_that_are_never_the_same_message() -> None:
    """Delivered, sent without more, failed, unknown: together the messages of the day that may have been sent or were refused;
    what was certainly not sent is named below."""
    html = events_page(USUAL)
    assert rows(html, "messages")[:4] == [
        ["day", "delivered", "sent, no more is known", "failed", "unknown", "together"],
        ["Sun, 1 Nov 2026", "840", "35", "15", "5", "895"],
        ["Mon, 2 Nov 2026", "0", "0", "0", "0", "0"],
        ["Tue, 3 Nov 2026", "289", "21", "11", "7", "328"],
    ]
    assert html.count(
        "<title>Sun, 1 Nov 2026: delivered: 840, sent, no more is known: 35, failed: 15, unknown: 5</title>"
    ) == len(SIZES)
    assert "1,223 messages; the highest column is Sun, 1 Nov 2026: 895." in text(USUAL)
    assert "8 messages were certainly not sent, and are in no column" in text(USUAL)


@pytest.mark.parametrize(("days", "unit"), [(93, "week"), (700, "month")])
def test_many_days_are_summed(days: int, unit: str) -> None:
    """Like the calls beside them, and no message is lost."""
    one = (3, 2, 0, 1, 0, 1)
    messages = told.of_messages({"long": tuple(days * count for count in one)}, [one] * days)
    facts = told.of_events(messages=messages)
    assert f"Messages per {unit}" in text(facts)
    assert f"each column is a {unit}" in text(facts)
    table = rows(events_page(facts), "messages")[:-2]
    assert sum(int(row[-1].replace(",", "")) for row in table[1:]) == 3 * days


def test_what_is_unknown_is_named_at_the_top_with_what_settles_it() -> None:
    """A person should look at it; where nothing is unknown, nothing is said."""
    assert "Of 12 messages nobody knows whether they were sent." in text(USUAL)
    known = told.of_messages({"a": (2, 2)}, [(2, 2)])
    assert "nobody knows" not in text(told.of_events(messages=known))


def test_counts_lead_to_their_messages() -> None:
    """By the commands that list them; what is counted nowhere else stands there as well."""
    said = text(USUAL)
    for part in (
        "sync-connector sms status --campaign NAME",
        "sync-connector sms status --state refused",
        "sync-connector sms resolve",
        "17 numbers get no messages any more: sync-connector sms opt-outs",
        "3 messages were rehearsals",
        "5 messages are scheduled",
    ):
        assert part in said


def test_only_so_many_campaigns_have_a_line_and_the_rest_are_summed() -> None:
    """No count is lost."""
    facts = told.of_events(messages=named(*(f"c{number}" for number in range(TOP + 5))))
    table = rows(events_page(facts), "messages")[1:]
    assert len(table) == TOP + 1
    assert table[-1][:2] == ["5 others", "50 SMS"]


@given(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=300)).filter(bool))
@settings(max_examples=30)
def test_a_campaigns_name_never_becomes_a_part_of_the_page(name: str) -> None:
    """The page has the same elements whatever it is, and shows it as text."""
    bare = told.of_events(calls_per_day=[], by_hour=[0] * 24)
    page = Page(events_page(bare | {"messages": named(name)}))
    assert page.faults == []
    assert page.tags == Page(events_page(bare | {"messages": named("plain")})).tags
    assert wording.one_line(name, 120) in page.text


def test_a_page_without_messages_has_what_callbacks_tell() -> None:
    """No empty table and no empty drawing; with messages and without a callback, only the messages."""
    assert len(rows(events_page(told.of_events()), "messages")) == 0
    assert "30 received" in text(told.of_events())
    silent = told.of_nothing() | {"messages": told.of_two_campaigns()}
    assert "No callback of the vendor ever came in." in text(silent)
    assert "SMS by their last status" not in text(silent)
    assert "messages" in anchors(told_quality.of_report(silent))
    assert "messages" not in anchors(told_quality.of_report(told.of_nothing()))
