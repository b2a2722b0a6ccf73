"""What the report tells of events, as one plain object: made from the ledger's counts, in the account's own calendar.

Law: what is counted adds up, and code asserts it.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sync_connector.ledger.event_history import Counts, counts, iso
from sync_connector.ledger.store import Ledger, Scope
from sync_connector.model import Kind, Matched


def told(ledger: Ledger, scope: Scope, account: str, zone: ZoneInfo, days: tuple[date, date], now: datetime) -> dict[str, Any]:
    """What happened from the first of the days to the last, both included; `now` is UTC.

    Times are ISO 8601 in UTC, days and hours the account's.
    """
    since, until = days
    received = (_begins(since, zone), _begins(until + timedelta(days=1), zone))
    found = counts(ledger, scope.account_id, days, received)
    calls = _calls(found, zone, days)
    return {
        "account": account,
        "zone": zone.key,
        "made_at": iso(now),
        "since": since.isoformat(),
        "until": until.isoformat(),
        "totals": {kind.value: found.totals.get(kind.value, 0) for kind in Kind},
        **calls,
        "qualifications": [{"qualification": text, "count": count} for text, count in found.qualifications],
        "sms": {status: found.statuses.get(status, 0) for status in ("sent", "received", "other")},
        "silence": _silence(found, received[0], min(now, received[1])),
        "matching": {
            "matched": found.matched.get(Matched.ONE, 0) + found.matched.get(Matched.MANY, 0),
            "unmatched": found.matched.get(Matched.NONE, 0),
            "anonymous": found.matched.get(Matched.ANONYMOUS, 0),
            "unreadable": found.matched.get(Matched.UNREADABLE, 0),
        },
        "unmatched_numbers": [
            {"number": number, "events": count, "last": iso(last)} for number, count, last in found.unmatched_numbers
        ],
        "suspected_duplicates": found.repeats,
        "unknown": found.totals.get(Kind.UNKNOWN, 0),
        "waiting": [
            {
                "sink": sink,
                "waiting": waiting,
                "parked": sum(count for _, count in reasons),
                "reasons": [{"reason": reason, "count": count} for reason, count in reasons],
            }
            for sink, waiting, reasons in found.waiting
        ],
    }


def _begins(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _calls(found: Counts, zone: ZoneInfo, days: tuple[date, date]) -> dict[str, Any]:
    per_day: dict[date, Counter[str]] = {
        days[0] + timedelta(days=count): Counter() for count in range((days[1] - days[0]).days + 1)
    }
    answered: dict[str, Counter[str]] = {"incoming": Counter(), "outgoing": Counter()}
    talk: Counter[str] = Counter()
    hours: Counter[int] = Counter()
    dateless = directionless = 0
    for at, on, direction, was_answered, seconds in found.calls:
        if at is not None:
            hours[at.astimezone(zone).hour] += 1
        missed = direction == "incoming" and was_answered is False
        if on is None:
            dateless += 1
        else:
            per_day[on]["missed" if missed else direction or "unknown"] += 1
        if direction not in answered:
            directionless += 1
            continue
        word = {True: "answered", False: "missed" if missed else "unanswered", None: "unknown"}[was_answered]
        answered[direction][word] += 1
        talk[direction] += seconds or 0
    everywhere = sum(counter.total() for counter in per_day.values()) + dateless
    by_direction = sum(counter.total() for counter in answered.values()) + directionless
    if not everywhere == by_direction == found.totals.get(Kind.CALL, 0):
        raise AssertionError(f"calls do not add up: {everywhere} by day, {by_direction} by direction, {found.totals}")
    return {
        "calls_per_day": [
            {"day": day.isoformat(), **{word: counter[word] for word in ("incoming", "outgoing", "missed", "unknown")}}
            for day, counter in per_day.items()
        ],
        "answered": {
            "incoming": {word: answered["incoming"][word] for word in ("answered", "missed", "unknown")},
            "outgoing": {word: answered["outgoing"][word] for word in ("answered", "unanswered", "unknown")},
        },
        "talk_seconds": {direction: talk[direction] for direction in ("incoming", "outgoing")},
        "by_hour": [hours[hour] for hour in range(24)],
        "time_unknown": len(found.calls) - hours.total(),
        "date_unknown": dateless,
        "direction_unknown": directionless,
    }


def _silence(found: Counts, begin: datetime, end: datetime) -> dict[str, Any]:
    """When each kind was last heard of, and the longest time without any callback from the beginning of the span, or the first
    callback ever if that came later, to its end or now."""
    moments = [begin, *found.received] if found.before is not None else found.received
    moments = [*moments, end] if moments and moments[-1] < end else moments
    longest = max(pairwise(moments), key=lambda pair: pair[1] - pair[0], default=None)
    return {
        "last_callback": iso(max(found.last.values(), default=None)),
        "longest_hours": None if longest is None else round((longest[1] - longest[0]).total_seconds() / 3600, 1),
        "longest_from": None if longest is None else iso(longest[0]),
        "longest_to": None if longest is None else iso(longest[1]),
        "last_by_kind": {kind.value: iso(found.last.get(kind.value)) for kind in Kind},
    }
