"""Counts, shares, durations, times and text of the outside as people read them, on a page and on a terminal alike.

Law: a rounded share says all or nothing only where that is so (99.6 % is not "100 %", a handful is not "0 %"), and text of the
outside is one line in which nothing steers what shows it.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from sync_connector.report import mask

JOINER = "\u200d"
"""It makes one picture of several (a family, a profession); harmless, and missed where it is replaced."""


def share(part: int, whole: int) -> str:
    """`part` of `whole` in per cent; `–` of nothing. Only none is `0 %` and only all is `100 %`."""
    if not whole:
        return "–"
    if 0 < part * 100 < whole:
        return "<1 %"
    if part < whole and part * 100 > whole * 99:
        return ">99 %"
    return f"{part * 100 / whole:.0f} %"


def counted(count: int, one: str, more: str) -> str:
    """A count with its noun: `1 call`, `1,200 calls`."""
    return f"{count:,} {one if count == 1 else more}"


def compact(count: int) -> str:
    """A round count where there is little room: `250`, `20k`, `1.5M`, `2bn`."""
    for size, letter in ((1_000_000_000, "bn"), (1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:.4g}{letter}"
    return str(count)


def clock(seconds: int) -> str:
    """How long one call took: `0:07`, `2:13`, `1:02:03`."""
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def talked(seconds: int) -> str:
    """How long many calls took together: `48 s`, `12 min`, `1,203 h 05 min`. What is left of the unit is cut off."""
    if seconds < 60:
        return f"{seconds} s"
    return f"{seconds // 3600:,} h {seconds % 3600 // 60:02} min" if seconds >= 3600 else f"{seconds // 60} min"


def pause(hours: float) -> str:
    """How long nothing came: `under a minute`, `45 min`, `13.5 h`, `2 days 13 h`."""
    minutes = round(hours * 60)
    if minutes < 1:
        return "under a minute"
    if minutes < 60:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours:.1f}".removesuffix(".0") + " h"
    days, rest = divmod(round(hours), 24)
    return f"{days:,} days" + (f" {rest} h" if rest else "")


def moment(iso: str) -> datetime:
    """An ISO 8601 time as the ledger tells it, in UTC; one without a zone is UTC. Raises `ValueError`."""
    told = datetime.fromisoformat(iso)
    return told.replace(tzinfo=UTC) if told.tzinfo is None else on_clocks(told, UTC)


def on_clocks(told: datetime, zone: tzinfo) -> datetime:
    """The same time on the clocks of a zone. In the first and last hours of the calendar, which a callback may claim, there
    may be none: then the clocks are taken as they stand."""
    try:
        return told.astimezone(zone)
    except OverflowError:
        return told.replace(tzinfo=zone)


def local(iso: str, zone: str) -> str:
    """A time of the ledger on the clocks of a zone, to the minute: `2026-11-23 10:15`. Raises `ValueError`."""
    return on_clocks(moment(iso), ZoneInfo(zone)).replace(tzinfo=None).isoformat(" ", "minutes")


def one_line(text: str, limit: int | None = None) -> str:
    """Text of the outside as one line: every kind of blank is a space, what would steer the reader's device is replaced, and
    what is longer than `limit` characters is cut, with `…` as the last of them."""
    shown = JOINER.join(mask.visible(part) for part in " ".join(text.split()).split(JOINER))
    return shown if limit is None or len(shown) <= limit else shown[: limit - 1].rstrip(" " + JOINER) + "…"
