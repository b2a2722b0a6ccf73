"""Messages in a contact's story and in the summary: what is said of each, and that nothing of the outside steers the terminal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_connector.report.events_terminal import story_events
from sync_connector.report.messages_terminal import campaigns_table, story_messages
from sync_connector.report.quality_terminal import summary
from tests.report import told, told_quality
from tests.report.test_events_terminal import ZONE, shown


def story(*rows: dict[str, Any]) -> str:
    """A story, each blank a single space."""
    return " ".join(" ".join(shown(story_messages(rows, ZONE))).split())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "SMS 2026-11-23 10:15 sent spring Bonjour Ana delivered, answered"),
        ({"campaign": "", "delivery": "", "answered_at": None}, "SMS 2026-11-23 10:15 sent Bonjour Ana"),
        (
            {"state": "unknown", "reason": "there was no answer", "delivery": "", "answered_at": None},
            "SMS 2026-11-23 10:15 unknown spring Bonjour Ana there was no answer",
        ),
        (
            {
                "send_at": "2026-11-24T08:00:00Z",
                "mode": "test",
                "url": "https://example.com/",
                "delivery": "",
                "answered_at": None,
            },
            "SMS 2026-11-24 09:00 sent spring rehearsal Bonjour Ana → https://example.com/",
        ),
        (
            {"delivery": "failed", "clicked_at": "2026-11-23T10:00:00Z", "opted_out": True},
            "SMS 2026-11-23 10:15 sent spring Bonjour Ana failed, clicked, answered, opted out",
        ),
    ],
)
def test_a_message_is_told_with_what_came_back(changes: dict[str, Any], expected: str) -> None:
    """When it leaves on the account's clocks, where it is, of which campaign, its words, what came back or why nothing did."""
    assert story(told.message(**changes)) == expected


def test_the_number_stands_there_where_there_are_several() -> None:
    """As in the contact's events."""
    assert "+33612345678" not in story(told.message(), told.message())
    assert "+33698765432" in story(told.message(), told.message(number="+33698765432"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kind": "sms_status", "status": "received", "id_sms_api": "sc-1"}, "received (sc-1) campaign spring"),
        ({"kind": "link_click", "link": "https://example.com/"}, "https://example.com/ campaign spring"),
        ({"kind": "incoming_sms", "text": "STOP"}, "STOP answers campaign spring"),
        ({"kind": "incoming_sms", "text": "STOP", "campaign": ""}, "STOP answers message sc-1"),
        ({"kind": "sms_status", "status": "received", "id_sms_api": "sc-1", "campaign": ""}, "received (sc-1) crm"),
        ({"kind": "incoming_sms", "text": "STOP", "about": None, "campaign": None}, "STOP crm"),
    ],
)
def test_an_event_names_the_campaign_that_it_is_about(changes: dict[str, Any], expected: str) -> None:
    """Or the message, if that has no campaign; nothing where it is about none of ours."""
    row = told.event(**({"about": "sc-1", "campaign": "spring"} | changes))
    assert expected in " ".join(" ".join(shown(story_events([row], ZONE))).split())


def test_the_summary_tells_of_messages_in_two_lines() -> None:
    """Each state that there is, and what came back; no line where nothing was sent."""
    facts = told_quality.of_report(told.of_events(messages=told.of_two_campaigns()))
    assert shown(summary(facts))[-2:] == [
        "1,231 messages from 2026-11-01 to 2026-11-03: 1,201 sent, 10 refused, 12 unknown, 8 unsent",
        "  1,129 delivered, 26 failed, 43 answered, 90 clicked, 5 opted out: sync-connector sms status",
    ]
    assert not [line for line in shown(summary(told_quality.of_report(told.of_events()))) if "message" in line]


def test_a_long_name_of_a_campaign_takes_no_count_its_place() -> None:
    """It is told in several lines; when it began, the heads and the counts stand there whole."""
    names = ("messages", "sent", "delivered", "failed", "unknown", "answered", "clicked", "opted_out")
    row = {"campaign": "Our offers of spring, " * 3, "mode": "prod", "first": "2026-11-23T09:15:00Z"} | dict.fromkeys(
        names, 12_345
    )
    heads, first, *_ = shown(campaigns_table([row], ZONE))
    assert heads.split()[2:] == " ".join(names).replace("_", " ").split()
    assert first.split()[-10:] == ["2026-11-23", "10:15", *["12,345"] * len(names)]


@given(st.text(max_size=300))
@settings(max_examples=40)
def test_no_text_of_the_outside_steers_the_terminal(text: str) -> None:
    """A campaign, words, a link, a status and a reason: nothing unprintable is shown."""
    row = told.message(campaign=text, text=text, url=text, delivery=text, reason=text)
    event = told.event(kind="incoming_sms", text="STOP", about=text, campaign=text)
    for line in [*shown(story_messages([row], ZONE)), *shown(story_events([event], ZONE))]:
        assert line.replace("\u200d", "").isprintable()
