"""Events on a terminal: what is shown, what is masked, and that nothing of the outside steers the terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from sync_connector.report.events_terminal import events_table, pull_summary, story_events
from tests.report import told

ZONE = "Europe/Paris"


def shown(what: RenderableType, width: int = 110) -> list[str]:
    """The lines that a terminal of a width would show."""
    console = Console(file=io.StringIO(), width=width, highlight=False, color_system=None)
    with console.capture() as captured:
        console.print(what)
    return [line.rstrip() for line in captured.get().split("\n")[:-1]]


def cells(masked: bool = False, **changes: Any) -> list[str]:
    """The cells of one event in the list."""
    (line,) = shown(events_table([told.event(**changes)], ZONE, masked=masked))[1:2]
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["2026-11-23 10:15", "call in", "+33612345678", "C0001", "2:13"]),
        ({"answered": False, "duration": 0}, ["2026-11-23 10:15", "missed call", "+33612345678", "C0001", "not answered"]),
        ({"direction": "outgoing", "answered": False}, ["2026-11-23 10:15", "call out", "+33612345678", "C0001", "not answered"]),
        (
            {"duration": None, "duration_text": "15:11:04", "occurred_at": None, "clock": "date"},
            ["2026-11-23", "call in", "+33612345678", "C0001", "'15:11:04', not understood"],
        ),
        (
            {
                "kind": "call_qualification",
                "direction": "mobile",
                "text": "Rappeler\u00a0!\nlundi",
                "contacts": ["C1", "C2", "C3"],
            },
            ["2026-11-23 10:15", "qualification", "+33612345678", "C1 +2", "Rappeler ! lundi (mobile)"],
        ),
        (
            {"kind": "sms_status", "status": "received", "id_sms_api": "sc-1", "same_as": "e0", "sinks": {"crm": "parked"}},
            ["2026-11-23 10:15", "SMS out", "+33612345678", "C0001", "repeat parked received (sc-1)"],
        ),
        (
            {"kind": "incoming_sms", "text": "[bold]D'accord[/bold]", "contacts": [], "match": "none"},
            ["2026-11-23 10:15", "SMS in", "+33612345678", "unmatched", "[bold]D'accord[/bold]"],
        ),
        (
            {"kind": "link_click", "link": "https://example.com/a?b=c"},
            ["2026-11-23 10:15", "link click", "+33612345678", "C0001", "https://example.com/a?b=c"],
        ),
        (
            {"number": None, "number_text": "", "contacts": [], "match": "anonymous"},
            ["2026-11-23 10:15", "call in", "withheld", "–", "2:13"],
        ),
        (
            {"number": None, "number_text": "06 AB", "contacts": [], "match": "unreadable"},
            ["2026-11-23 10:15", "call in", "06 AB", "unmatched", "2:13"],
        ),
        (
            {"kind": "unknown", "title": "voice", "occurred_at": None, "occurred_on": None, "clock": "unknown"},
            ["2026-11-23 10:15?", "unknown", "+33612345678", "C0001", "voice"],
        ),
    ],
)
def test_an_event_is_told_in_a_line(changes: dict[str, Any], expected: list[str]) -> None:
    """When on the account's clocks, what, from whom, of which contact, and what was said; each kind in its words."""
    assert cells(**changes) == expected


def test_a_list_masks_people_and_their_words() -> None:
    """A number keeps its ends, a message is counted, a link tells its host; of an unreadable number the shape stays."""
    assert cells(masked=True)[2] == "+336••••••78"
    assert cells(masked=True, kind="incoming_sms", text="Mon code est 1234")[4] == "17 characters"
    assert cells(masked=True, kind="link_click", link="https://example.com/offer?to=dupont")[4] == "example.com"
    assert "dupont" not in cells(masked=True, kind="link_click", link="http://[dupont/x")[4]
    assert cells(masked=True, number=None, number_text="06 12 AB", match="unreadable")[2] == "0• 1• A•"


def test_the_newest_event_stands_first_and_a_story_begins_with_the_oldest() -> None:
    """A bare date stands at the beginning of its day; what has no time, where it came."""
    rows = [
        told.event(occurred_at="2026-11-23T09:15:00+00:00"),
        told.event(occurred_at=None, occurred_on="2026-11-23", clock="date"),
        told.event(occurred_at="2026-11-22T22:30:00+00:00", occurred_on="2026-11-22"),
        told.event(occurred_at=None, occurred_on=None, clock="unknown", received_at="2026-11-23T08:00:00+00:00"),
    ]
    times = ["2026-11-23 10:15", "2026-11-23 09:00?", "2026-11-23", "2026-11-22 23:30"]
    assert [line[:17].strip() for line in shown(events_table(rows, ZONE))[1:5]] == times
    assert [line[9:26].strip() for line in shown(story_events(rows, ZONE))[:4]] == times[::-1]


@pytest.mark.parametrize("clock", ["ambiguous", "nonexistent"])
def test_an_hour_in_doubt_is_marked_and_the_mark_explained(clock: str) -> None:
    """`~` behind the time, and below what it means; without such an hour there is no explanation."""
    lines = shown(events_table([told.event(clock=clock)], ZONE))
    assert lines[1].startswith("2026-11-23 10:15~")
    assert lines[2].startswith("~ ")
    assert len(shown(events_table([told.event()], ZONE))) == 2


def test_a_story_shows_what_a_person_asked_for_and_what_became_of_it() -> None:
    """In full, wrapped and not cut; where it is written, why it is parked; the number only where there are several."""
    text = " ".join(f"word{place}" for place in range(60))
    rows = [
        told.event(kind="incoming_sms", text=text, sinks={"crm": "parked", "files": "written"}, reasons={"crm": "too long"}),
        told.event(same_as="e0", occurred_at="2026-11-24T09:15:02+00:00"),
    ]
    story = "\n".join(shown(story_events(rows, ZONE)))
    assert story.startswith("events   2026-11-23 10:15  SMS in")
    flowing = " ".join(story.split())
    assert text in flowing
    assert "crm parked files written crm: too long" in flowing
    assert "repeat 2:13  crm written" in story
    assert "+33612345678" not in story
    assert "+33698765432" in "\n".join(shown(story_events([*rows, told.event(number="+33698765432")], ZONE)))


def test_nothing_is_said_in_words() -> None:
    """An empty list says how events come in; an empty story that there are none."""
    assert shown(events_table([], ZONE)) == ["no event; what the vendor called is fetched with: sync-connector pull"]
    assert shown(story_events([], ZONE)) == ["events   none: nobody called or wrote, as far as callbacks tell"]


def test_a_pull_tells_what_it_did() -> None:
    """Counts with bars to one scale; what is zero is left out; each sink's words, and what still waits at the receiver."""
    failed = {"sink": "files", "written": 0, "parked": 0, "waiting": 9, "failed": "the disk is full; make room and pull again"}
    lines = shown(pull_summary(told.of_pull(sinks=[*told.of_pull()["sinks"], failed], waiting_at_the_edge=1)))
    assert lines[0] == "120 callbacks fetched in 1.2 s"
    bars = {" ".join(line.replace("━", "").split()[:3]): line.count("━") for line in lines if "━" in line}
    assert bars["90 of a"] == 24
    assert bars["80 calls"] == 21
    assert bars["1 link clicks"] == 1
    assert "crm: 110 written, 2 parked, 0 waiting" in lines
    assert lines[-2:] == ["  the disk is full; make room and pull again", "1 callback still waits at the receiver: pull again"]
    assert " 3  bound late         ━                         they came before their contact did" in lines
    quiet = shown(pull_summary(told.of_pull(bound_late=0)))
    assert not [line for line in quiet if "bound late" in line or "messages settled" in line or "opted out" in line]
    settled = shown(pull_summary(told.of_pull(messages_settled=7, opted_out=2)))
    assert [line.split("━")[0].strip() for line in settled if "settled" in line or "opted" in line] == [
        "7  messages settled",
        "2  opted out",
    ]


def test_a_pull_that_found_nothing_says_so_in_two_lines() -> None:
    """No bars where there is nothing to count."""
    nothing = dict.fromkeys(("fetched", "suspected_duplicates", "bound", "bound_late", "unmatched", "anonymous"), 0)
    sink = {"sink": "crm", "written": 0, "parked": 0, "waiting": 0, "failed": None}
    lines = shown(pull_summary(told.of_pull(**nothing, events={}, sinks=[sink])))
    assert lines == ["0 callbacks fetched in 1.2 s", "crm: 0 written, 0 parked, 0 waiting"]


TEXTS = ("number_text", "text", "link", "status", "id_sms_api", "title", "duration_text")


@given(
    st.text(max_size=300),
    st.sampled_from(["call", "call_qualification", "sms_status", "incoming_sms", "link_click", "unknown"]),
    st.booleans(),
)
@settings(max_examples=60)
def test_no_text_of_the_outside_steers_the_terminal(text: str, kind: str, masked: bool) -> None:
    """Whatever the vendor wrote: one line in the list, and nothing unprintable in the list, the story or the summary."""
    row = told.event(
        **dict.fromkeys(TEXTS, text), kind=kind, number=None, duration=None, contacts=[text], match="unreadable",
        sinks={"crm": "parked"}, reasons={"crm": text},
    )  # fmt: skip
    table = shown(events_table([row], ZONE, masked=masked))
    assert len(table) == 2
    sink = {"sink": "crm", "written": 0, "parked": 1, "waiting": 0, "failed": text or None}
    for line in [*table, *shown(story_events([row], ZONE)), *shown(pull_summary(told.of_pull(sinks=[sink])))]:
        assert line.replace("\u200d", "").isprintable()


@pytest.mark.parametrize("width", [80, 110, 200])
def test_times_and_numbers_are_whole_on_a_narrow_terminal(width: int) -> None:
    """What is cut is the text, not the columns before it; no line is longer than the terminal."""
    rows = [told.event(kind="call_qualification", text="long " * 60, clock="ambiguous", contacts=["a-key-of-a-crm-that-is-long"])]
    lines = shown(events_table(rows, ZONE), width)
    assert "2026-11-23 10:15~  qualification  +336••••••78  a-key-of-a-crm-…" in lines[1]
    assert lines[1].endswith("…")
    assert max(map(len, lines)) <= width


def test_a_date_at_the_end_of_the_calendar_breaks_nothing() -> None:
    """A callback may claim any date."""
    rows = [
        told.event(occurred_at="9999-12-31T23:59:59+00:00"),
        told.event(occurred_at=None, occurred_on="0001-01-01", clock="date"),
    ]
    assert [line[:16].strip() for line in shown(events_table(rows, ZONE))[1:]] == ["9999-12-31 23:59", "0001-01-01"]
