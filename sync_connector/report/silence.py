"""When the vendor was last heard: of each kind of callback, and how long the longest pause was. `told` is what `events_sections`
is told, and now is the moment at which the page was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sync_connector.model import Kind
from sync_connector.report import wording
from sync_connector.report.language import Words

DAY = 24.0
"""Hours: a silence shorter than this is a night, and alarms nobody."""


def _names(words: Words) -> dict[Kind, str]:
    return {
        Kind.CALL: words.gettext("calls"),
        Kind.CALL_QUALIFICATION: words.gettext("qualifications"),
        Kind.SMS_STATUS: words.gettext("SMS statuses"),
        Kind.INCOMING_SMS: words.gettext("incoming SMS"),
        Kind.LINK_CLICK: words.gettext("link clicks"),
        Kind.UNKNOWN: words.gettext("not understood"),
    }


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


def ago(told: Mapping[str, Any], iso: str, words: Words) -> str:
    """How long before now a time was: `42 min`."""
    return words.pause(_silent(told, iso))


def alarm(told: Mapping[str, Any], words: Words) -> str | None:
    """What to say of a silence that lasts a day at least, and as long as the longest pause of the span; of a shorter one,
    nothing. A weekend is thus no alarm once there was one in the span."""
    silence = told["silence"]
    longest = silence["longest_hours"] or 0
    if not silence["last_callback"]:
        return None
    silent = _silent(told, silence["last_callback"])
    if silent < max(DAY, longest - 0.1):  # the longest pause may be this one, told with fewer digits
        return None
    pause = words.pause(silent)
    said = (
        words.gettext("No callback for %(pause)s, the longest silence of this span.", pause=pause)
        if longest
        else words.gettext("No callback for %(pause)s.", pause=pause)
    )
    advice = words.gettext("Look whether pull runs, whether the receiver answers, and whether the vendor still has its address.")
    return f"{said} {advice}"


def silence(told: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """What the section on silence shows: each kind's row, with the place in the span at which it was last heard."""
    heard, zone = told["silence"], ZoneInfo(told["zone"])
    since = date.fromisoformat(told["since"])
    start = datetime.combine(since, time(), zone).astimezone(UTC)
    after = datetime.combine(date.fromisoformat(told["until"]) + timedelta(days=1), time(), zone).astimezone(UTC)
    span = _Span(start, min(after, wording.moment(told["made_at"])))
    last, gap, longest = heard["last_callback"], None, ""
    if heard["longest_hours"] and heard["longest_from"] and heard["longest_to"]:
        begin, end = heard["longest_from"], heard["longest_to"]
        gap = (span.place(begin), span.place(end) - span.place(begin))
        longest = words.gettext(
            "The longest pause was %(pause)s, from %(begin)s to %(end)s.",
            pause=words.pause(heard["longest_hours"]),
            begin=words.moment(begin, told["zone"]),
            end=words.moment(end, told["zone"]),
        )
    names, last_by_kind = _names(words), heard["last_by_kind"]
    kinds = [_row(told, kind, last_by_kind.get(kind), span, words) for kind in names]
    drawn = any(row["place"] is not None for row in kinds)
    return {
        "last": _last(told, words),
        "longest": longest,
        "gap": gap,
        "kinds": kinds,
        "heard": any(last_by_kind.get(kind) for kind in names),
        "caption": _caption(words.day(since), words.clock(span.end.astimezone(zone)), drawn, gap is not None, words),
        "never": _never([name for kind, name in names.items() if kind != Kind.UNKNOWN and not last_by_kind.get(kind)], words)
        if last
        else "",
    }


def _last(told: Mapping[str, Any], words: Words) -> str:
    """When the vendor was last heard."""
    last = told["silence"]["last_callback"]
    if not last:
        return words.gettext("No callback ever came.")
    return words.gettext(
        "The last callback came at %(moment)s, %(ago)s before this page was made.",
        moment=words.moment(last, told["zone"]),
        ago=ago(told, last, words),
    )


def _caption(since: str, end: str, drawn: bool, shaded: bool, words: Words) -> str:
    """What the table's pictures show."""
    if not drawn:
        return words.gettext("When each kind was last heard")
    if not shaded:
        return words.gettext(
            "When each kind was last heard: the dot, on the span from %(since)s to %(end)s", since=since, end=end
        )
    return words.gettext(
        "When each kind was last heard: the dot, on the span from %(since)s to %(end)s; the longest pause is shaded",
        since=since,
        end=end,
    )


def _never(unheard: Sequence[str], words: Words) -> str:
    """Which kinds never came, and what to look at."""
    if not unheard:
        return ""
    return words.gettext(
        "Never heard: %(kinds)s. If you expect them, look whether the vendor has the address for them too (Parameters > API).",
        kinds=words.listed(unheard),
    )


def _row(told: Mapping[str, Any], kind: Kind, last: str | None, span: _Span, words: Words) -> dict[str, Any]:
    """A kind's row; one that was last heard before the span has no place in it."""
    row = {"name": _names(words)[kind], "counted": told["totals"].get(kind, 0), "last": words.gettext("never")}
    row |= {"ago": "–", "place": None}
    if last:
        place = span.place(last) if wording.moment(last) >= span.start else None
        row |= {"last": words.moment(last, told["zone"]), "ago": ago(told, last, words), "place": place}
    return row
