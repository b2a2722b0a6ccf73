"""What the ledger tells of events, made up: a quiet November of a company in France."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

KINDS = ("call", "call_qualification", "sms_status", "incoming_sms", "link_click", "unknown")


def days(since: str, stacks: Sequence[tuple[int, int, int]]) -> list[dict[str, Any]]:
    """Each day's incoming, outgoing and missed calls, from a date on."""
    first = date.fromisoformat(since)
    return [
        {"day": str(first + timedelta(days=place)), "incoming": incoming, "outgoing": outgoing, "missed": missed}
        for place, (incoming, outgoing, missed) in enumerate(stacks)
    ]


COUNTS = (
    "messages", "sent", "refused", "unknown", "unsent", "delivered", "failed", "answered", "clicked", "opted_out", "segments",
)  # fmt: skip


def counts(*numbers: int) -> dict[str, int]:
    """What became of messages, in the order of `COUNTS`; what is not said is none."""
    return dict(zip(COUNTS, (*numbers, *[0] * (len(COUNTS) - len(numbers))), strict=True))


def of_messages(campaigns: Mapping[str, Sequence[int]], days: Sequence[Sequence[int]], **changes: Any) -> dict[str, Any]:
    """What is told of messages: what became of each campaign's, and of those of each day from 1 November on, which are the
    same messages. With some of it changed."""
    totals = counts(*map(sum, zip(*(counts(*numbers).values() for numbers in campaigns.values()), strict=True)))
    per_day: list[dict[str, Any]] = [
        {"day": str(date(2026, 11, 1) + timedelta(days=place)), **counts(*day)} for place, day in enumerate(days)
    ]
    assert all(sum(day[name] for day in per_day) == total for name, total in totals.items())
    usual = {
        "totals": totals,
        "campaigns": [
            {"campaign": name, "begun": "2026-11-01T08:30:00Z", **counts(*numbers)} for name, numbers in campaigns.items()
        ],
        "per_day": per_day,
        "scheduled": 0,
        "opt_outs": 0,
        "rehearsals": 0,
    }
    assert set(changes) <= set(usual)
    return usual | changes


def of_two_campaigns() -> dict[str, Any]:
    """Messages of two campaigns and a single one, on three days."""
    campaigns = {
        "Rentrée d'automne": (1200, 1170, 10, 12, 8, 1100, 25, 40, 90, 4, 1290),
        "Rappel": (30, 30, 0, 0, 0, 28, 1, 2, 0, 1, 60),
        "": (1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 1),
    }
    days = [
        (900, 880, 10, 5, 5, 840, 15, 30, 60, 3, 960),
        (0,),
        (331, 321, 0, 7, 3, 289, 11, 13, 30, 2, 391),
    ]
    return of_messages(campaigns, days, scheduled=5, opt_outs=17, rehearsals=3)


def of_events(**changes: Any) -> dict[str, Any]:
    """What `events_sections` is told, of three days; with some of it changed."""
    usual = {
        "account": "sales@example.com at www.example.com",
        "zone": "Europe/Paris",
        "made_at": "2026-11-03T16:00:00+00:00",
        "since": "2026-11-01",
        "until": "2026-11-03",
        "totals": dict(zip(KINDS, (60, 9, 40, 8, 3, 1), strict=True)),
        "calls_per_day": days("2026-11-01", [(10, 20, 2), (0, 0, 0), (8, 15, 1)]),
        "answered": {"incoming": {"answered": 18, "missed": 3}, "outgoing": {"answered": 24, "unanswered": 6, "unknown": 5}},
        "talk_seconds": {"incoming": 3725, "outgoing": 59},
        "by_hour": [0] * 9 + [20, 30, 4] + [0] * 12,
        "time_unknown": 6,
        "qualifications": [{"qualification": "Intéressé", "count": 6}, {"qualification": "À rappeler", "count": 3}],
        "sms": {"sent": 4, "received": 30, "other": 2},
        "messages": of_messages({}, [()] * 3),
        "silence": {
            "last_callback": "2026-11-03T15:15:00+00:00",
            "longest_hours": 36.0,
            "longest_from": "2026-11-01T17:00:00+00:00",
            "longest_to": "2026-11-03T05:00:00+00:00",
            "last_by_kind": dict(
                zip(KINDS, ("2026-11-03T15:15:00+00:00", "2026-10-01T08:00:00+00:00", *[None] * 4), strict=True)
            ),
        },
        "matching": {"matched": 90, "unmatched": 20, "anonymous": 8, "unreadable": 2},
        "unmatched_numbers": [{"number": "+33612345678", "events": 7, "last": "2026-11-03T09:00:00+00:00"}],
        "suspected_duplicates": 5,
        "unknown": 1,
        "waiting": [{"sink": "crm", "waiting": 4, "parked": 2, "reasons": [{"reason": "it is too long", "count": 2}]}],
    }
    assert set(changes) <= set(usual)
    return usual | changes


def of_nothing(last: str | None = None) -> dict[str, Any]:
    """What `events_sections` is told of a span without events; the vendor called last at a time before it, or never."""
    return of_events(
        totals=dict.fromkeys(KINDS, 0),
        calls_per_day=days("2026-11-01", [(0, 0, 0)] * 3),
        answered={"incoming": {"answered": 0, "missed": 0}, "outgoing": {"answered": 0, "unanswered": 0, "unknown": 0}},
        talk_seconds={"incoming": 0, "outgoing": 0},
        by_hour=[0] * 24,
        time_unknown=0,
        qualifications=[],
        sms={"sent": 0, "received": 0, "other": 0},
        messages=of_messages({}, [()] * 3),
        silence={
            "last_callback": last,
            "longest_hours": None,
            "longest_from": None,
            "longest_to": None,
            "last_by_kind": dict.fromkeys(KINDS) | {"call": last},
        },
        matching={"matched": 0, "unmatched": 0, "anonymous": 0, "unreadable": 0},
        unmatched_numbers=[],
        suspected_duplicates=0,
        unknown=0,
        waiting=[],
    )


def event(**changes: Any) -> dict[str, Any]:
    """An event as the terminal is told of it: a call that came in and was answered; with some of it changed."""
    usual = {
        "event_key": "e1",
        "kind": "call",
        "direction": "incoming",
        "answered": True,
        "occurred_at": "2026-11-23T09:15:02+00:00",
        "occurred_on": "2026-11-23",
        "clock": "exact",
        "received_at": "2026-11-23T09:15:40+00:00",
        "number": "+33612345678",
        "number_text": "+33612345678",
        "contacts": ["C0001"],
        "source": "crm",
        "duration": 133,
        "duration_text": "00:02:13",
        "text": "",
        "link": "",
        "status": "",
        "id_sms_api": "",
        "login": "",
        "device": "",
        "title": "incoming_call",
        "same_as": None,
        "match": "one",
        "sinks": {"crm": "written"},
        "reasons": {},
        "about": None,
        "campaign": None,
    }
    assert set(changes) <= set(usual)
    return usual | changes


def message(**changes: Any) -> dict[str, Any]:
    """A message as the terminal is told of it: one of a campaign that was delivered and answered; with some of it changed."""
    usual = {
        "campaign": "spring",
        "number": "+33612345678",
        "state": "sent",
        "id_sms_api": "sc-1",
        "text": "Bonjour Ana",
        "url": "",
        "send_at": None,
        "begun_at": "2026-11-23T09:15:02Z",
        "settled_at": "2026-11-23T09:15:03Z",
        "settled_by": "answer",
        "reason": None,
        "segments": 1,
        "parts": 1,
        "mode": "prod",
        "contact_key": "C0001",
        "contact_source": "crm",
        "delivery": "received",
        "answered_at": "2026-11-23T10:00:00Z",
        "clicked_at": None,
        "opted_out": False,
    }
    assert set(changes) <= set(usual)
    return usual | changes


def of_pull(**changes: Any) -> dict[str, Any]:
    """What `pull_summary` is told; with some of it changed."""
    usual: Mapping[str, Any] = {
        "fetched": 120,
        "events": dict(zip(KINDS, (80, 12, 20, 6, 1, 1), strict=True)),
        "suspected_duplicates": 4,
        "bound": 90,
        "bound_late": 3,
        "unmatched": 20,
        "anonymous": 6,
        "messages_settled": 0,
        "opted_out": 0,
        "sinks": [{"sink": "crm", "written": 110, "parked": 2, "waiting": 0, "failed": None}],
        "waiting_at_the_edge": 0,
        "seconds": 1.24,
    }
    assert set(changes) <= set(usual)
    return {**usual, **changes}
