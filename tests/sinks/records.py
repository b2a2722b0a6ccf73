"""Records for the tests of sinks: one of each kind, and as many as a test wants."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sync_connector.model import Clock, Event, Kind, Record

RECEIVED = datetime(2026, 3, 2, 10, 15, 30, 123000, UTC)
EVENTS: dict[Kind, dict[str, Any]] = {
    Kind.CALL: {
        "direction": "incoming",
        "answered": True,
        "duration": 133,
        "duration_text": "00:02:13",
        "title": "incoming_call",
    },
    Kind.CALL_QUALIFICATION: {"direction": "mobile", "text": "Très intéressé 😀", "title": "call_qualification_from_mobile"},
    Kind.SMS_STATUS: {"status": "received", "id_sms_api": "A-17", "login": "demo@example.com"},
    Kind.INCOMING_SMS: {"text": 'Bonjour, "merci" ;\n=1+1 😀', "title": "incoming_sms"},
    Kind.LINK_CLICK: {"link": "https://example.com/?a=1&b=2", "id_sms_api": "A-17"},
}
"""What an event of each kind has besides what all have."""
OURS: dict[Kind, dict[str, str]] = {
    Kind.SMS_STATUS: {"campaign": "Soldes d'été", "message": "Bonjour Zoé, -20 % 😀"},
    Kind.INCOMING_SMS: {"campaign": "Soldes d'été", "message": "Bonjour Zoé, -20 % 😀", "answers": "A-17"},
    Kind.LINK_CLICK: {"campaign": "Soldes d'été", "message": "Bonjour Zoé, -20 % 😀"},
}
"""What its record has of our message that it is about."""


def event(kind: Kind = Kind.CALL, **changes: Any) -> Event:
    """An event whose every field has a value."""
    told: dict[str, Any] = {
        "phone_number": "+33612345678",
        "number_text": "06 12 34 56 78",
        "occurred_at": datetime(2026, 3, 2, 9, 14, 5, 250000, UTC),
        "occurred_on": date(2026, 3, 2),
        "occurred_text": "2026-03-02 10:14:05",
        "clock": Clock.EXACT,
        "device": "33698765432",
    }
    return Event(kind, **(told | EVENTS.get(kind, {}) | changes))


def record(number: int = 1, kind: Kind = Kind.CALL, *, contact: str | None = "C1", **changes: Any) -> Record:
    """A record; each number makes another event."""
    source = None if contact is None else "crm"
    return Record(f"{kind}-{number:06d}", RECEIVED, contact, source, event(kind, **changes), **OURS.get(kind, {}))


def one_of_each() -> list[Record]:
    """A record of each kind that is written."""
    return [record(1, kind) for kind in EVENTS]
