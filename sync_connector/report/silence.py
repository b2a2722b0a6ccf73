"""When the vendor was last heard: of each kind of callback, and how long the longest pause was. `told` is what `events_page`
is told, and now is the moment at which the page was made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sync_connector.model import Kind
from sync_connector.report import wording

NAMES = {
    Kind.CALL: "calls",
    Kind.CALL_QUALIFICATION: "qualifications",
    Kind.SMS_STATUS: "SMS statuses",
    Kind.INCOMING_SMS: "incoming SMS",
    Kind.LINK_CLICK: "link clicks",
    Kind.UNKNOWN: "not understood",
}
DAY = 24.0
"""Hours: a silence shorter than this is a night, and alarms nobody."""


class _Span(NamedTuple):
    """The days of the page as far as they are over, in UTC."""

    start: datetime
    end: datetime

    def place(self, iso: str) -> float:
        """Where a time stands in it, in per cent; what lies outside stands at the edge."""
        length = (self.end - self.start) / timedelta(hours=1)
        return min(100.0, max(0.0, _hours(self.start, wording.moment(iso)) * 100 / length)) if length > 0 else 0.0


def _hours(earlier: datetime, later: datetime) -> float:
    return (later - earlier) / timedelta(hours=1)


def _silent(told: Mapping[str, Any], iso: str) -> float:
    """Hours from a time until now; a clock that runs ahead by a little makes nothing come from the future."""
    return max(0.0, _hours(wording.moment(iso), wording.moment(told["made_at"])))


def ago(told: Mapping[str, Any], iso: str) -> str:
    """How long before now a time was: `42 min`."""
    return wording.pause(_silent(told, iso))


def alarm(told: Mapping[str, Any]) -> str | None:
    """What to say of a silence that lasts a day at least, and as long as the longest pause of the span; of a shorter one,
    nothing. A weekend is thus no alarm once there was one in the span."""
    silence = told["silence"]
    longest = silence["longest_hours"] or 0
    if not silence["last_callback"]:
        return None
    silent = _silent(told, silence["last_callback"])
    if silent < max(DAY, longest - 0.1):  # the longest pause may be this one, told with fewer digits
        return None
    more = ", the longest silence of this span" if longest else ""
    return (
        f"No callback for {wording.pause(silent)}{more}: look whether pull runs, whether the receiver answers, and whether the "
        "vendor still has its address."
    )


def silence(told: Mapping[str, Any]) -> dict[str, Any]:
    """What the section on silence shows: each kind's row, with the place in the span at which it was last heard."""
    heard, zone = told["silence"], ZoneInfo(told["zone"])
    start = datetime.combine(date.fromisoformat(told["since"]), time(), zone).astimezone(UTC)
    after = datetime.combine(date.fromisoformat(told["until"]) + timedelta(days=1), time(), zone).astimezone(UTC)
    span = _Span(start, min(after, wording.moment(told["made_at"])))
    last, gap, longest = heard["last_callback"], None, ""
    if heard["longest_hours"] and heard["longest_from"] and heard["longest_to"]:
        begin, end = heard["longest_from"], heard["longest_to"]
        gap = (span.place(begin), span.place(end) - span.place(begin))
        between = f"from {wording.local(begin, told['zone'])} to {wording.local(end, told['zone'])}"
        longest = f"The longest pause was {wording.pause(heard['longest_hours'])}, {between}."
    kinds = [_row(told, kind, heard["last_by_kind"].get(kind), span) for kind in NAMES]
    unheard = ", ".join(row["name"] for row in kinds if row["last"] == "never" and row["name"] != NAMES[Kind.UNKNOWN])
    never = (
        f"Never heard: {unheard}. If you expect them, look whether the vendor has the address for them too (Parameters > API)."
    )
    said = (
        f"The last callback came at {wording.local(last, told['zone'])}, {ago(told, last)} before this page was made."
        if last
        else ""
    )
    return {
        "last": said or "No callback ever came.",
        "longest": longest,
        "gap": gap,
        "kinds": kinds,
        "heard": any(row["last"] != "never" for row in kinds),
        "drawn": any(row["place"] is not None for row in kinds),
        "since": told["since"],
        "end": f"{span.end.astimezone(zone):%Y-%m-%d %H:%M}",
        "never": never if last and unheard else "",
    }


def _row(told: Mapping[str, Any], kind: Kind, last: str | None, span: _Span) -> dict[str, Any]:
    """A kind's row; one that was last heard before the span has no place in it."""
    row = {"name": NAMES[kind], "counted": told["totals"].get(kind, 0), "last": "never", "ago": "–", "place": None}
    if last:
        place = span.place(last) if wording.moment(last) >= span.start else None
        row |= {"last": wording.local(last, told["zone"]), "ago": ago(told, last), "place": place}
    return row
