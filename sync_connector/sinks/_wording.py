"""An event in plain words, and its times as a CRM wants them: what an activity of the CRM's own says.

Pure. Law: a time that is not known is never made up in silence. Where only the day is known, the activity stands at the moment
we were told if that is on the same day, else at noon, and says so.
"""

from __future__ import annotations

import html
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from sync_connector.model import Clock, Kind
from sync_connector.sinks._rows import Row

LONGEST_TITLE = 100
NOON = time(12)


class Wording(NamedTuple):
    """What an activity says. `started` and `ended` are UTC."""

    title: str
    description: str
    started: datetime
    ended: datetime

    @property
    def html(self) -> str:
        """Title and description as HTML; nothing that came from outside is markup."""
        lines = [html.escape(line) for line in [self.title, *self.description.splitlines()]]
        return f"<p>{'<br/>'.join(lines)}</p>"


def worded(kind: Kind, row: Row, zone: tzinfo) -> Wording:
    """An event's row in words. `zone`: the account's, in which its days are told."""
    text = own_text(row)
    started, remark = _moment(row, zone)
    seconds = row.get("duration")
    length = seconds if isinstance(seconds, int) else 0
    lines = [text, f"Number: {row['phone_number'] or row['number_text'] or 'withheld'}"]
    if row["device"]:
        lines.append(f"Telephone: {row['device']}")
    if kind is Kind.SMS_STATUS and row.get("message"):
        lines.append(f"Message: {row['message']}")
    if row.get("campaign"):
        lines.append(f"Campaign: {row['campaign']}")
    lines += [remark, "Written by sync-connector."]
    return Wording(
        _title(kind, row, text), "\n".join(line for line in lines if line), started, started + timedelta(seconds=length)
    )


def own_text(row: Row) -> str:
    """What an event itself says, of a row of any kind: of a status the status, not the message that it is about."""
    if "status" in row:
        return str(row["status"] or "")
    return str(row.get("qualification") or row.get("link") or row.get("message") or "")


def _title(kind: Kind, row: Row, text: str) -> str:
    if kind is Kind.CALL:
        return _call(row)
    words = {
        Kind.CALL_QUALIFICATION: "Call qualified",
        Kind.SMS_STATUS: "SMS",
        Kind.INCOMING_SMS: "SMS received",
        Kind.LINK_CLICK: "Link opened",
    }[kind]
    if kind is Kind.INCOMING_SMS or not text:  # a message's beginning says little, and may be for few eyes
        return words
    title = f"{words}: {' '.join(text.split())}"
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…"


def _call(row: Row) -> str:
    direction, answered, seconds = row["direction"], row["answered"], row["duration"]
    if answered is False:
        return {"incoming": "Missed call", "outgoing": "Outgoing call, not answered"}.get(str(direction), "Call, not answered")
    words = {"incoming": "Incoming call", "outgoing": "Outgoing call"}.get(str(direction), "Call")
    return f"{words}, {spoken(seconds)}" if isinstance(seconds, int) and seconds > 0 else words


def spoken(seconds: int) -> str:
    """A duration as people say it: `45 s`, `2 min 13 s`, `1 h 2 min`."""
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if not minutes:
        return f"{seconds} s"
    return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"


def whole_minutes(seconds: int) -> tuple[int, int]:
    """Hours and minutes of a duration, a part of a minute counted as one: a call that took place did not take no time."""
    return divmod(-(-seconds // 60), 60)


def _moment(row: Row, zone: tzinfo) -> tuple[datetime, str]:
    """When an activity stands, in UTC, and what is to be said about that."""
    at, on, received = row["occurred_at"], row["occurred_on"], row["received_at"]
    if not isinstance(received, datetime):
        raise TypeError("received_at is always known")
    if isinstance(at, datetime):
        return at, {
            Clock.AMBIGUOUS: "The hour was told twice that night, at the end of summer time; the first of the two is shown.",
            Clock.NONEXISTENT: "The hour was not told that night, at the beginning of summer time; it is shown an hour later.",
        }.get(Clock(str(row["clock"])), "")
    if not isinstance(on, date):
        return received, "Time unknown: shown is when it was reported."
    if received.astimezone(zone).date() == on:
        return received, f"Time unknown, only the day ({on}): shown is when it was reported."
    return datetime.combine(on, NOON, zone).astimezone(UTC), f"Time unknown, only the day ({on}): noon is shown."
