"""The hour at which a run ends by itself: `06:00`, or a date and time, by the clock on the wall.

Law: no clock is read here, the moment it is seen from is an argument. Where the clocks are changed, an hour that comes twice is
its first coming that is still ahead, and one that is skipped is the moment of the skip: a run never goes on beyond the hour.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from sync_connector.crm_sql import is_zone

WRITTEN = re.compile(
    r"(?:(?P<date>\d{4}-\d\d-\d\d)[T ])?(?P<time>\d\d:\d\d(?::\d\d)?)"
    r"(?:(?P<offset>Z|[+-]\d\d:\d\d)| (?P<zone>[A-Za-z][\w/+-]*))?",
    re.ASCII,
)
HOW = "write 06:00, 2026-03-02 06:00 or 2026-03-02T06:00+01:00; a zone may stand behind it, as in 06:00 Europe/Paris"


def moment(text: str, now: float) -> float:
    """The next moment, in seconds since 1970, at which it is what the text says; without a zone by this machine's clock. `now`
    is when that is asked. Raises `ValueError` for a text that says no time, and for a date that is over."""
    said = WRITTEN.fullmatch(text.strip())
    if said is None:
        raise ValueError(f"{text!r} is no time of day, nor a date with one; {HOW}")
    if said["zone"] == "unix" or (said["zone"] and not is_zone(said["zone"])):
        raise ValueError(f"{said['zone']!r} is no time zone; {HOW}")
    try:
        clock, zone = time.fromisoformat(said["time"]), _zone(said)
        days = [date.fromisoformat(said["date"])] if said["date"] else _days(now, zone)
        ahead = [_when(datetime.combine(day, clock), zone, now) for day in days]
        [datetime.fromtimestamp(moment, UTC) for moment in ahead if moment is not None]  # it can be told
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{text!r}: there is no such date, time or offset; {HOW}") from None
    found = next((moment for moment in ahead if moment is not None), None)
    if found is None:
        raise ValueError(f"{text!r} is over; {HOW}")
    return found


def _zone(said: re.Match[str]) -> tzinfo | None:
    if said["offset"]:
        return datetime.fromisoformat(f"2000-01-01T00:00{said['offset']}").tzinfo
    return ZoneInfo(said["zone"]) if said["zone"] else None


def _days(now: float, zone: tzinfo | None) -> list[date]:
    """Today, and the days on which an hour that is over today, or is skipped, comes next."""
    today = datetime.fromtimestamp(now, zone).date()
    return [today + timedelta(days=days) for days in range(3)]


def _when(local: datetime, zone: tzinfo | None, now: float) -> float | None:
    """The first moment after `now` at which the clock on the wall shows that, or has just skipped it."""
    first, second = (local.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1))
    if second < first:  # skipped: at `second` the clock shows less, at `first` more
        first = second = _skip(local, zone, int(second), int(first))
    return next((found for found in (first, second) if found > now), None)


def _skip(local: datetime, zone: tzinfo | None, before: int, after: int) -> float:
    while after - before > 1:
        middle = (before + after) // 2
        shown = datetime.fromtimestamp(middle, zone).replace(tzinfo=None)
        before, after = (before, middle) if shown >= local else (middle, after)
    return float(after)
