"""Counts, durations, times and text of the outside as people read them on a terminal; `language` has them for a page.

Law: text of the outside is one line in which nothing steers what shows it.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from sync_connector.report import mask

JOINER = "\u200d"
"""It makes one picture of several (a family, a profession); harmless, and missed where it is replaced."""


def counted(count: int, one: str, more: str) -> str:
    """A count with its noun: `1 call`, `1,200 calls`."""
    return f"{count:,} {one if count == 1 else more}"


def clock(seconds: int) -> str:
    """How long one call took: `0:07`, `2:13`, `1:02:03`."""
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


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
