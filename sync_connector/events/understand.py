"""From what the vendor said to an event: the time, the number, how long, whether it was answered.

Law: pure, and nothing is guessed. What cannot be told stays open (`None`, or a `Clock` that says so), beside the text that
came. A bare date is never midnight.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import NamedTuple
from zoneinfo import ZoneInfo

import orjson
import xxhash

from sync_connector.dialects._callback import storable
from sync_connector.fields.phone import phone_number
from sync_connector.model import OTHER_STATUS, STATUSES, Callback, Clock, Event, Kind

YEARS = range(2000, 2101)
NUMBER_LENGTH = 64
"""No telephone number is written longer."""
SHORT_CODE = 6
"""Numbers of so many digits, written without their country, are services and not people."""
TIME_OF_DAY = 4 * 3600
"""Beside a bare date a clock form from here on (seconds) may be the time of day: calls that long are rare, and the example of
the vendor's first generation, `15:11:04`, looks like one."""

_TIME = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
_ZONE = r"(?: ?(?P<utc>Z|UTC|GMT)| ?(?P<sign>[+-])(?P<hours>\d{2}):?(?P<minutes>\d{2})| (?P<h>\d{2}):(?P<m>\d{2}))?"
_WRITTEN = (
    rf"(?P<year>\d{{4}})-(?P<month>\d{{1,2}})-(?P<day>\d{{1,2}})(?:[T ] {{0,3}}{_TIME}{_ZONE})?",
    rf"(?P<day>\d{{1,2}})/(?P<month>\d{{1,2}})/(?P<year>\d{{4}})(?:[T ,] {{0,3}}{_TIME}{_ZONE})?",  # the vendor is French
)
WRITTEN = tuple(re.compile(form, re.ASCII | re.IGNORECASE) for form in _WRITTEN)
UNIX = re.compile(r"(?P<whole>\d{9,10}|\d{12,13})(?:\.\d{1,9})?", re.ASCII)
CLOCK_FORM = re.compile(r"(?:(?P<hours>\d{1,3}):)?(?P<minutes>\d{1,2}):(?P<seconds>\d{2})", re.ASCII)
SECONDS = re.compile(r"(\d{1,7})(?:[.,]0{1,9})?", re.ASCII)
LETTER = re.compile(r"[^\W\d_]")
WITHOUT_PLUS = re.compile(r"[1-9]\d{10,14}", re.ASCII)


class Moment(NamedTuple):
    """What a text says of a time. `at` is UTC; `on` is the date in the account's zone."""

    at: datetime | None
    on: date | None
    clock: Clock


NEVER = Moment(None, None, Clock.UNKNOWN)


def understand(said: Callback, zone: ZoneInfo, country: str | None) -> Event:
    """The event that a callback tells of. `zone` is the account's, in which times without a zone are read; `country` (ISO
    alpha-2) the one of numbers without their country. Raises nothing."""
    said = Callback(said.kind, *map(storable, said[1:]))
    at, on, clock = moment(said.when, zone)
    seconds = duration(said.duration, with_time=at is not None)
    direction, answered = said.direction, None
    if said.kind is Kind.CALL:
        if direction == "missed":
            direction, answered = "incoming", False
            seconds = 0 if seconds == 0 else None  # nobody talked; a vendor that counts the ringing says nothing of that
        elif seconds is not None and direction:
            answered = seconds > 0
        elif direction == "incoming":
            answered = True  # had it not been, it would be called missed
    status = said.status.strip().lower()
    return Event(
        said.kind,
        phone_number=_number(said.number, country),
        number_text=said.number,
        occurred_at=at,
        occurred_on=on,
        occurred_text=said.when,
        clock=clock,
        direction=direction,
        answered=answered,
        duration=seconds,
        duration_text=said.duration,
        text=said.text,
        link=said.link,
        status=status if status in STATUSES else said.status,
        id_sms_api=said.id_sms_api,
        login=said.login,
        device=said.device,
        title=said.title,
    )


def content(event: Event) -> bytes:
    """16 bytes of all that was said: two deliveries of one event agree, however each was encoded and its keys written, and two
    that say something else do not (a missed call and an incoming one of no seconds say the same). It is of the texts, so that
    neither the zone nor the country nor the phone library's version changes it."""
    said = (
        event.kind, event.number_text, event.occurred_text, event.direction, event.answered is False, event.duration_text,
        event.text, event.link, event.status, event.id_sms_api, event.login, event.device, event.title,
    )  # fmt: skip
    return xxhash.xxh3_128_digest(orjson.dumps(said))


def comparable(event: Event) -> bool:
    """Whether an equal content may mean that it is the same event. Of what was not understood too little is known."""
    return event.kind is not Kind.UNKNOWN


def fold_statuses(events: Sequence[Event]) -> Event:
    """Of the statuses of one SMS, in any order, the one that stands: it never goes backwards, from `sent` over whatever is not
    known to `received`; of equals the earliest. At least one event must be given."""

    def standing(event: Event) -> tuple[int, bool, datetime, date, bytes]:
        at, on = event.occurred_at, event.occurred_on
        return (
            -STATUSES.get(event.status, OTHER_STATUS),
            at is None,
            at or datetime.max.replace(tzinfo=UTC),
            on or date.max,
            content(event),
        )

    return min(events, key=standing)


def moment(text: str, zone: ZoneInfo) -> Moment:
    """What a text says of a time: ISO 8601 with its offset, `YYYY-MM-DD` or `DD/MM/YYYY` with a time of the account or without
    any, Unix seconds or milliseconds. Of a local time that comes twice the first is taken; one that is left out is read as
    if summer time had not begun yet."""
    text = text.strip()
    try:
        if unix := UNIX.fullmatch(text):
            whole = int(unix["whole"])
            at = datetime(1970, 1, 1, tzinfo=UTC) + (
                timedelta(seconds=whole) if whole < 10**11 else timedelta(milliseconds=whole)
            )
            return _exact(at, zone) if at.year in YEARS else NEVER
        for form in WRITTEN:
            if found := form.fullmatch(text):
                return _written(found, zone)
    except (ValueError, OverflowError):  # a 30th of February, 25 o'clock, an offset of 99 hours
        return NEVER
    return NEVER


def _written(found: re.Match[str], zone: ZoneInfo) -> Moment:
    day = date(int(found["year"]), int(found["month"]), int(found["day"]))
    if day.year not in YEARS:
        return NEVER
    if found["hour"] is None:
        return Moment(None, day, Clock.DATE)
    microsecond = int((found["fraction"] or "0").ljust(6, "0")[:6])
    clock_time = time(int(found["hour"]), int(found["minute"]), int(found["second"] or 0), microsecond)
    first = datetime.combine(day, clock_time, zone)
    if found["utc"]:
        return _exact(first.replace(tzinfo=UTC), zone)
    if found["hours"] or found["h"]:  # the second is an offset whose + became a blank
        offset = timedelta(hours=int(found["hours"] or found["h"]), minutes=int(found["minutes"] or found["m"]))
        return _exact(first.replace(tzinfo=timezone(-offset if found["sign"] == "-" else offset)), zone)
    before, after = first.utcoffset(), first.replace(fold=1).utcoffset()
    at = first.astimezone(UTC)
    clock = Clock.EXACT
    if before is not None and after is not None and before != after:
        clock = Clock.AMBIGUOUS if before > after else Clock.NONEXISTENT
    return Moment(at, at.astimezone(zone).date(), clock)


def _exact(at: datetime, zone: ZoneInfo) -> Moment:
    return Moment(at.astimezone(UTC), at.astimezone(zone).date(), Clock.EXACT)


def duration(text: str, *, with_time: bool) -> int | None:
    """Seconds: `HH:MM:SS`, `MM:SS` or a whole number of them. `None` where it is none of these, or where it may be a time of
    day: then there is no other (`with_time`) and it would be hours."""
    text = text.strip()
    if whole := SECONDS.fullmatch(text):
        return int(whole[1])
    found = CLOCK_FORM.fullmatch(text)
    if found is None or int(found["minutes"]) > 59 or int(found["seconds"]) > 59:
        return None
    seconds = int(found["hours"] or 0) * 3600 + int(found["minutes"]) * 60 + int(found["seconds"])
    return seconds if with_time or seconds < TIME_OF_DAY else None


def _number(text: str, country: str | None) -> str | None:
    """The number in E.164; `None` for one that is withheld, of a service, a sender's name, or not a number."""
    text = text.strip()
    if len(text) > NUMBER_LENGTH or LETTER.search(text):
        return None
    digits = sum(c.isdigit() for c in text)
    if digits <= SHORT_CODE and not text.startswith(("+", "00")):
        return None
    found = phone_number(text, country).e164
    if found is None and WITHOUT_PLUS.fullmatch(text):
        found = phone_number(f"+{text}", None).e164  # the vendor writes whole numbers; one that is no text has no plus
    return found
