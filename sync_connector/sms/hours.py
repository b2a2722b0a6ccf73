"""When a message may reach somebody: hours and days of the recipient's own zone, and how a time is written for the vendor.

Pure. Law: nobody is woken. Where it is not known which of several zones somebody is in, it must be allowed in every one of
them; and what is said in local times holds over every change of the clocks. A local time that comes twice, or never, is not
guessed: the vendor's field has no zone, so nobody could tell which was meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import cached_property
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers.timezone import time_zones_for_number

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
YEARS = range(2000, 2101)
AHEAD = timedelta(days=15)
"""How far an allowed moment is looked for: a week has every day, and what is not found in two is never."""
SECOND = timedelta(seconds=1)
HOP = timedelta(hours=12)
"""No zone changes its clocks twice in so short a time."""

_FORMS = ("(?P<year>{4})-(?P<month>{2})-(?P<day>{2})", "(?P<day>{1,2})/(?P<month>{1,2})/(?P<year>{4})")
_TIME = r"(?:(?:T| {1,3})(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.0{1,9})?)?)?"
_OFFSET = r" ?(?P<offset>Z|(?P<sign>[+-])(?P<hours>\d{2}):?(?P<minutes>\d{2})?)?"
WRITTEN = tuple(re.compile(form.replace("{", r"\d{") + _TIME + _OFFSET, re.ASCII | re.IGNORECASE) for form in _FORMS)
HOW = "write YYYY-MM-DD HH:MM, as in 2026-03-30 09:00"
SHOWN = 60
"""Characters of what cannot be read that are shown."""


@dataclass(frozen=True)
class Allowed:
    """When messages may reach somebody, in local time. `hours`: `08:00-20:00` (at 20:00 no more; the end may be 24:00), `""` any
    time; `days`: of `DAYS`. Both as the settings have them."""

    hours: str
    days: Sequence[str]

    @cached_property
    def _span(self) -> tuple[timedelta, timedelta]:
        begin, _, end = (self.hours or "00:00-24:00").partition("-")
        return _since_midnight(begin), _since_midnight(end)

    @cached_property
    def _weekdays(self) -> frozenset[int]:
        return frozenset(map(DAYS.index, self.days))

    def at(self, local: datetime) -> bool:
        """Whether a message may arrive at that local time."""
        return self.wait(local) == timedelta(0)

    def wait(self, local: datetime) -> timedelta:
        """How long the clock must go on, from a local time, until it may be allowed: nothing if it is; at most to midnight."""
        begin, end = self._span
        passed = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        if local.weekday() not in self._weekdays or passed >= end:
            return timedelta(days=1) - passed
        return max(begin - passed, timedelta(0))


def zones_of(e164: str, account: ZoneInfo) -> tuple[ZoneInfo, ...]:
    """The zones in which the owner of a number may be, at least one: a mobile of some countries may be in any of them. The
    account's where the number does not tell."""
    try:
        names = time_zones_for_number(phonenumbers.parse(e164, None))
    except phonenumbers.NumberParseException:
        return (account,)
    zones = []
    for name in names:
        try:
            zones.append(ZoneInfo(name))
        except (ValueError, OSError, LookupError):  # Etc/Unknown, or newer than this machine's zones
            return (account,)
    return tuple(zones) or (account,)


def next_allowed(at: datetime, zones: Sequence[ZoneInfo], allowed: Allowed) -> datetime | None:
    """The earliest moment from `at` on (UTC, whole seconds) that is allowed in every zone; `None` if there is none within
    `AHEAD`. Raises `ValueError` for a time without its zone."""
    now = _whole(at)
    end = now + AHEAD
    while now <= end:
        moved = max((_opens(now, zone, allowed) for zone in zones), default=now)
        if moved == now:
            return now
        now = moved
    return None


def wire_time(at: datetime, account: ZoneInfo) -> str | None:
    """A moment as the vendor reads it, `YYYY-MM-DD HH:MM:SS` of the account; `None` where that local time comes twice."""
    local = at.astimezone(account)
    return None if _comes_twice(local) else f"{local:%Y-%m-%d %H:%M:%S}"


def schedule(at: datetime, zones: Sequence[ZoneInfo], allowed: Allowed, account: ZoneInfo) -> datetime | None:
    """As `next_allowed`, of the moments that can be written for the vendor."""
    end = _whole(at) + AHEAD
    moment = next_allowed(at, zones, allowed)
    while moment is not None and moment <= end:
        writable = _next_writable(moment, account)
        if writable == moment:
            return moment
        moment = next_allowed(writable, zones, allowed)
    return None


def parse_at(text: str, account: ZoneInfo) -> datetime:
    """The moment (UTC) that a text says: `YYYY-MM-DD HH:MM[:SS]`, with a blank or `T`, or `DD/MM/YYYY HH:MM[:SS]`; of the
    account's zone unless it ends with its offset or `Z`. Raises `ValueError` with a sentence for anything else, a date without
    its time and a local time that comes never or twice included."""
    shown = ascii(text if len(text) <= SHOWN else text[:SHOWN] + "…")
    found = next(filter(None, (form.fullmatch(text.strip()) for form in WRITTEN)), None) if len(text) <= 4 * SHOWN else None
    if found is None:
        raise ValueError(f"{shown} is no date and time; {HOW}")
    try:
        day = date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        raise ValueError(f"{shown}: there is no such date; {HOW}") from None
    if day.year not in YEARS:
        raise ValueError(f"{shown}: the year must be from {YEARS[0]} to {YEARS[-1]}; {HOW}")
    if found["hour"] is None:
        raise ValueError(f"{shown} has no time of day; write it behind the date, as in {day} 09:00")
    try:
        clock = time(int(found["hour"]), int(found["minute"]), int(found["second"] or 0))
        offset = _offset(found)
    except ValueError:
        raise ValueError(f"{shown}: there is no such time of day or offset; {HOW}") from None
    if offset is not None:
        return datetime.combine(day, clock, offset).astimezone(UTC)
    return _only_one(datetime.combine(day, clock, account), shown)


# --- the clocks ---


def _since_midnight(text: str) -> timedelta:
    hours, _, minutes = text.partition(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def _whole(at: datetime) -> datetime:
    """In UTC, the next whole second."""
    if at.tzinfo is None:
        raise ValueError("a time without its zone")
    at = at.astimezone(UTC)
    return at if at.microsecond == 0 else at.replace(microsecond=0) + SECOND


def _opens(now: datetime, zone: ZoneInfo, allowed: Allowed) -> datetime:
    """A later moment before which it is not allowed in a zone, at the latest the next change of its clocks; `now` if it is
    allowed."""
    local = now.astimezone(zone)
    then = now + min(allowed.wait(local), HOP)
    if then.astimezone(zone).utcoffset() == local.utcoffset():
        return then
    return _first(now, then, lambda moment: moment.astimezone(zone).utcoffset() != local.utcoffset())


def _first(before: datetime, after: datetime, true: Callable[[datetime], bool]) -> datetime:
    """The first whole second at which something is true that is not yet at `before`, and stays so up to `after`."""
    while after - before > SECOND:
        middle = before + (after - before) // SECOND // 2 * SECOND
        before, after = (before, middle) if true(middle) else (middle, after)
    return after


def _next_writable(moment: datetime, account: ZoneInfo) -> datetime:
    """The earliest moment from this one on whose local time comes once."""
    local = moment.astimezone(account)
    if not _comes_twice(local):
        return moment
    twice = abs(_offset_of(local, 1) - _offset_of(local, 0))
    return _first(moment, moment + 2 * twice, lambda later: not _comes_twice(later.astimezone(account)))


def _offset_of(local: datetime, fold: int) -> timedelta:
    return local.replace(fold=fold).utcoffset() or timedelta(0)


def _comes_twice(local: datetime) -> bool:
    """Of a local time that there is."""
    return _offset_of(local, 0) > _offset_of(local, 1)


def _offset(found: re.Match[str]) -> timezone | None:
    if not found["offset"]:
        return None
    if not found["sign"]:
        return UTC
    hours, minutes = int(found["hours"]), int(found["minutes"] or 0)
    if minutes > 59:
        raise ValueError
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if found["sign"] == "-" else offset)


def _only_one(local: datetime, shown: str) -> datetime:
    """The moment of a local time. Raises `ValueError` where it comes never or twice."""
    first, second = (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return first
    if _comes_twice(local):
        ways = " or ".join(moment.astimezone(local.tzinfo).isoformat(" ") for moment in (first, second))
        raise ValueError(f"{shown} comes twice in {local.tzinfo}: the clocks go back; write which, {ways}")
    raise ValueError(f"{shown} does not come in {local.tzinfo}: the clocks go forward over it; write another time")
