"""What the report tells of events and of the messages sent from here, as one plain object: made from the ledger's counts, in the
account's own calendar.

Law: what is counted adds up, and code asserts it. An event counts on the day on which it happened, a message with all that became
of it, whenever that was, on the day on which it may leave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sync_connector.ledger.event_history import Counts, counts, iso
from sync_connector.ledger.message_history import Fate, fates, opt_outs_of
from sync_connector.ledger.store import Ledger, Scope
from sync_connector.model import Kind, Matched, MessageState, Mode

STATES = ("sent", "refused", "unknown", "unsent")
"""What messages are told by; one that is under way is unknown until there is an answer."""
BECAME = ("delivered", "failed", "answered", "clicked", "opted_out")
"""What else is counted of them: `failed` are those that were refused, and those of which the vendor says so afterwards."""


def told(ledger: Ledger, scope: Scope, account: str, zone: ZoneInfo, days: tuple[date, date], now: datetime) -> dict[str, Any]:
    """What happened from the first of the days to the last, both included; `now` is UTC.

    Times are ISO 8601 in UTC, days and hours the account's. `sms` is what callbacks say of the account's SMS, whoever sent them;
    `messages` are those that were sent from here: see `messages_told`.
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
        "messages": messages_told(ledger, scope.account_id, zone, days, now),
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


def messages_told(ledger: Ledger, account_id: int, zone: ZoneInfo, days: tuple[date, date], now: datetime) -> dict[str, Any]:
    """The messages that may leave in a span of days, in all, by campaign (the one that was begun last first) and by day.

    `messages` are sent + refused + unknown + unsent, everywhere; `segments` the SMS of those that were sent, or may have been.
    Rehearsals (`mode` test) are counted in `rehearsals` and nowhere else. Whatever the span: `scheduled` are the messages that
    the vendor has, or may have, and that leave after `now`; `opt_outs` the numbers that get none.
    """
    begin, end = _begins(days[0], zone), _begins(days[1] + timedelta(days=1), zone)
    found = fates(ledger, account_id, begin, end)
    real = [one for one in found if one.mode is Mode.PROD]
    per_day: dict[date, list[Fate]] = {days[0] + timedelta(days=count): [] for count in range((days[1] - days[0]).days + 1)}
    per_campaign: dict[str, list[Fate]] = {}
    for one in real:
        per_day[one.leaves_at.astimezone(zone).date()].append(one)
        per_campaign.setdefault(one.campaign, []).append(one)
    totals = _counted(real)
    in_days: list[dict[str, Any]] = [{"day": day.isoformat(), **_counted(some)} for day, some in per_day.items()]
    campaigns: list[dict[str, Any]] = [
        {"campaign": name, "begun": iso(min(one.begun_at for one in some)), **_counted(some)}
        for name, some in per_campaign.items()
    ]
    for name, count in totals.items():
        sums = [sum(one[name] for one in parts) for parts in (in_days, campaigns)]
        if sums != [count, count]:
            raise AssertionError(f"messages do not add up: {count} {name}, {sums[0]} by day, {sums[1]} by campaign")
    later = fates(ledger, account_id, now)
    may_leave = [one for one in later if one.mode is Mode.PROD and one.leaves_at > now and _state(one) in ("sent", "unknown")]
    return {
        "totals": totals,
        "campaigns": sorted(campaigns, key=lambda one: one["begun"], reverse=True),
        "per_day": in_days,
        "scheduled": sum(one.messages for one in may_leave),
        "opt_outs": len(opt_outs_of(ledger, account_id)),
        "rehearsals": sum(one.messages for one in found if one.mode is Mode.TEST),
    }


def _state(one: Fate) -> str:
    return MessageState.UNKNOWN.value if one.state is MessageState.BEGUN else one.state.value


def _counted(some: Sequence[Fate]) -> dict[str, int]:
    """What became of some messages. Raises `AssertionError` where it does not add up."""
    states, became = Counter[str](), Counter[str]()
    segments = 0
    for one in some:
        states[_state(one)] += one.messages
        for name in BECAME:
            became[name] += one.messages if getattr(one, name) else 0
        segments += one.segments if _state(one) in ("sent", "unknown") else 0
    number = sum(one.messages for one in some)
    told = {"messages": number} | {name: states[name] for name in STATES} | {name: became[name] for name in BECAME}
    afterwards = told["failed"] - told["refused"]  # the vendor took them, and said so later
    if number != sum(told[name] for name in STATES) or not 0 <= afterwards <= told["sent"] - told["delivered"]:
        raise AssertionError(f"messages do not add up: {told}")
    return told | {"segments": segments}


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
