"""Events as people read them on a terminal: a list, what a pull did, and a contact's calls and messages.

A row is an event as the ledger tells it, with ISO 8601 times in UTC; they are shown on the clocks of the account's zone. A time
is no more exact than what the vendor wrote: `~` stands behind one that the change to or from summer time leaves in doubt, a
bare date stays one, and where nothing could be read, the time at which the callback came stands there, with `?` behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sync_connector.model import Clock, Kind
from sync_connector.report import mask, wording

CUT = 60
"""Characters of a message or a qualification in a list; a contact's own story has them all, up to `WHOLE`."""
WHOLE = 1000
"""More than the longest SMS that a telephone sends; what is longer is cut, so that no callback fills a screen."""
BAR = 24
"""Characters of the longest bar."""
KINDS = {
    Kind.CALL: ("calls", "green"),
    Kind.CALL_QUALIFICATION: ("qualifications", "cyan"),
    Kind.SMS_STATUS: ("SMS statuses", "blue"),
    Kind.INCOMING_SMS: ("incoming SMS", "magenta"),
    Kind.LINK_CLICK: ("link clicks", "blue"),
    Kind.UNKNOWN: ("not understood", "yellow"),
}
BECAME = {
    "bound": ("of a contact", "green"),
    "bound_late": ("bound late", "green"),
    "unmatched": ("of no contact", "yellow"),
    "anonymous": ("number withheld", "dim"),
    "suspected_duplicates": ("suspected repeats", "yellow"),
    "messages_settled": ("messages settled", "green"),
    "opted_out": ("opted out", "yellow"),
}
REMARKS = {
    Kind.UNKNOWN: "kept as they came, not written",
    "bound_late": "they came before their contact did",
    "unmatched": "kept, and bound once a contact has the number",
    "suspected_duplicates": "kept and marked, written once",
    "messages_settled": "nobody knew before that they were sent",
    "opted_out": "they wrote STOP, and get no more messages",
}
DOUBTFUL = (Clock.AMBIGUOUS, Clock.NONEXISTENT)


def events_table(rows: Sequence[Mapping[str, Any]], zone: str, *, masked: bool = True) -> RenderableType:
    """A list of events, newest first. `masked`, numbers are shown in part, and of messages and links only what kind of thing
    they are; not masked for a list that was asked for by number or contact. `zone` is the account's."""
    if not rows:
        return Text("no event; what the vendor called is fetched with: sync-connector pull")
    # Expanded, so that the last column takes what the others leave: they are short, and are read first.
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", expand=True)
    for column in ("when", "event", "number"):
        table.add_column(column, no_wrap=True, overflow="ellipsis")
    table.add_column("contact", no_wrap=True, overflow="ellipsis", max_width=16)
    table.add_column("what", no_wrap=True, overflow="ellipsis", ratio=1)
    for row in sorted(rows, key=lambda row: _moment(row, zone), reverse=True):
        what = Text.assemble(*_marks(row), _what(row, masked, CUT))
        table.add_row(_when(row, zone), _event(row), _number(row, masked), _contact(row), what)
    return Group(table, *_legend(rows))


def story_events(rows: Sequence[Mapping[str, Any]], zone: str) -> Group:
    """A contact's calls and messages in the order of time, as `explain` shows them: in full, and what became of each in the
    sinks. `zone` is the account's."""
    if not rows:
        return Group(Text.assemble(("events   ", "bold"), ("none: nobody called or wrote, as far as callbacks tell", "dim")))
    several = len({row["number"] for row in rows}) > 1
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", width=7)
    for _ in range(3 if several else 2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for place, row in enumerate(sorted(rows, key=lambda row: _moment(row, zone))):
        what = Text.assemble(*_repeat(row), _what(row, False, WHOLE), _about(row))
        if row["match"] == "none":
            what.append("  unmatched", "yellow")
        what.append_text(_sinks(row))
        for sink, reason in row["reasons"].items():
            what.append(f"\n{wording.one_line(sink)}: {wording.one_line(reason, WHOLE)}", "red")
        number = [_number(row, False)] if several else []
        table.add_row("events" if not place else "", _when(row, zone), _event(row), *number, what)
    return Group(table, *(Text(" " * 9).append_text(line) for line in _legend(rows)))


def pull_summary(told: Mapping[str, Any]) -> Group:
    """What a pull did: what was fetched, as what it was understood, whose it is, and what was written where."""
    fetched, seconds = told["fetched"], told["seconds"]
    lines: list[RenderableType] = [Text(f"{wording.counted(fetched, 'callback', 'callbacks')} fetched in {seconds:.1f} s")]
    understood = [(*KINDS[kind], told["events"].get(kind, 0), REMARKS.get(kind, "")) for kind in KINDS]
    became = [(*words, told[name], REMARKS.get(name, "")) for name, words in BECAME.items()]
    if any(number for _, _, number, _ in understood + became):
        lines.append(_bars(understood, became))
    for sink in told["sinks"]:
        lines.append(_delivered(sink))
    if told["waiting_at_the_edge"]:
        waiting = wording.counted(told["waiting_at_the_edge"], "callback still waits", "callbacks still wait")
        lines.append(Text(f"{waiting} at the receiver: pull again", style="yellow"))
    return Group(*lines)


def _bars(*groups: Sequence[tuple[str, str, int, str]]) -> Table:
    """Counts with a bar each, the longest for the largest of all: name, style, count, remark. What is zero is left out."""
    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(style="dim")
    largest = max(number for group in groups for _, _, number, _ in group)
    for group in groups:
        lines = [line for line in group if line[2]]
        if lines and table.row_count:
            table.add_row()
        for name, style, number, remark in lines:
            bar = Text("━" * max(1, round(number * BAR / largest)), style=style)
            table.add_row(f"{number:,}", Text(name, style=style), bar, remark)
    return table


def _delivered(sink: Mapping[str, Any]) -> Text:
    """What became of the records in one sink."""
    words = (("written", "green"), ("parked", "red"), ("waiting", "yellow"))
    parts = [Text(f"{sink[word]:,} {word}", style=style if sink[word] else "dim") for word, style in words]
    line = Text.assemble((f"{wording.one_line(sink['sink'])}: ", "bold"), Text(", ").join(parts))
    if sink["failed"]:
        line.append(f"\n  {wording.one_line(sink['failed'], WHOLE)}", "red")
    return line


def _moment(row: Mapping[str, Any], zone: str) -> datetime:
    """By what an event is put in order: when it happened; a bare date stands at its beginning; else when it came."""
    if row["occurred_at"]:
        return wording.moment(row["occurred_at"])
    if row["occurred_on"]:
        return wording.on_clocks(datetime.combine(date.fromisoformat(row["occurred_on"]), time(), ZoneInfo(zone)), UTC)
    return wording.moment(row["received_at"])


def _when(row: Mapping[str, Any], zone: str) -> Text:
    if row["occurred_at"]:
        return Text(wording.local(row["occurred_at"], zone) + ("~" if row["clock"] in DOUBTFUL else ""))
    if row["occurred_on"]:
        return Text(row["occurred_on"])
    return Text(wording.local(row["received_at"], zone) + "?", style="dim")


def _legend(rows: Sequence[Mapping[str, Any]]) -> list[Text]:
    """What the signs behind the times mean, where there are any."""
    told = []
    if any(row["occurred_at"] and row["clock"] in DOUBTFUL for row in rows):
        told.append("~ the change to or from summer time leaves the hour in doubt")
    if not all(row["occurred_at"] or row["occurred_on"] for row in rows):
        told.append("? when it came; when it happened is not known")
    return [Text(line, style="dim") for line in told]


def _event(row: Mapping[str, Any]) -> Text:
    """What kind of event, and which way it went."""
    kind, direction = row["kind"], row["direction"]
    if kind == Kind.CALL:
        missed = row["answered"] is False
        if direction == "incoming":
            return Text("missed call", style="red") if missed else Text("call in", style="green")
        return Text("call out", style="dim" if missed else "green") if direction == "outgoing" else Text("call")
    if kind == Kind.CALL_QUALIFICATION:
        return Text("qualification", style="cyan")
    names = {Kind.SMS_STATUS: "SMS out", Kind.INCOMING_SMS: "SMS in", Kind.LINK_CLICK: "link click"}
    return Text(names.get(kind, "unknown"), style=KINDS.get(kind, KINDS[Kind.UNKNOWN])[1])


def _number(row: Mapping[str, Any], masked: bool) -> Text:
    """The number, or in its place what the vendor wrote."""
    if row["number"]:
        return Text(mask.number(row["number"]) if masked else row["number"])
    if row["match"] == "anonymous" or not row["number_text"]:
        return Text("withheld" if row["match"] == "anonymous" else "–", style="dim")
    return Text(mask.raw(row["number_text"]) if masked else wording.one_line(row["number_text"], CUT), style="yellow")


def _contact(row: Mapping[str, Any]) -> Text:
    """The contact to which it belongs, and how many more there are; or that there should be one."""
    if not row["contacts"]:
        return Text("unmatched", style="yellow") if row["match"] in ("none", "unreadable") else Text("–", style="dim")
    first, *more = row["contacts"]
    return Text(wording.one_line(first, CUT) + (f" +{len(more)}" if more else ""))


def _what(row: Mapping[str, Any], masked: bool, limit: int) -> Text:
    """What happened, in the vendor's or the person's own words where there are any."""
    kind = row["kind"]
    if kind == Kind.CALL:
        return _length(row)
    if kind == Kind.SMS_STATUS:
        told = Text(wording.one_line(row["status"], limit))
        return told.append(f" ({wording.one_line(row['id_sms_api'], CUT)})", "dim") if row["id_sms_api"] else told
    if kind == Kind.CALL_QUALIFICATION:
        told = Text(wording.one_line(row["text"], limit))
        return told.append(f" ({row['direction']})", "dim") if row["direction"] in ("mobile", "interface") else told
    if kind == Kind.LINK_CLICK:
        return Text(_host(row["link"]) if masked else wording.one_line(row["link"], limit))
    if kind == Kind.INCOMING_SMS:
        text = row["text"]
        return (
            Text(wording.counted(len(text), "character", "characters"), "dim") if masked else Text(wording.one_line(text, limit))
        )
    return Text(wording.one_line(row["title"], limit), style="dim")


def _about(row: Mapping[str, Any]) -> Text:
    """Of which campaign the message is that the event is about; of one without a campaign, its id."""
    if row["about"] is None:
        return Text("")
    verb = "answers " if row["kind"] == Kind.INCOMING_SMS else ""
    if row["campaign"]:
        return Text(f"  {verb}campaign {wording.one_line(row['campaign'], CUT)}", "cyan")
    said = row["kind"] == Kind.SMS_STATUS  # a status has told its id already
    return Text("" if said else f"  {verb}message {wording.one_line(row['about'], CUT)}", "cyan")


def _length(row: Mapping[str, Any]) -> Text:
    """How long a call took; where that was not understood, what the vendor wrote."""
    if row["answered"] is False:
        return Text("not answered")
    if row["duration"] is not None:
        return Text(wording.clock(row["duration"]))
    if row["duration_text"]:
        return Text(f"{wording.one_line(row['duration_text'], CUT)!r}, not understood", style="dim")
    return Text("answered" if row["answered"] else "", style="dim")


def _host(link: str) -> str:
    """Of a link, whose it is; its path may name a person."""
    try:
        host = urlsplit(link).hostname
    except ValueError:
        host = None
    return wording.one_line(host, CUT) if host else mask.raw(link)


def _repeat(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [("repeat ", "yellow")] if row["same_as"] else []


def _marks(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is to be known of an event before what happened: that it may be one that came twice, that a sink refused it."""
    return _repeat(row) + ([("parked ", "red")] if "parked" in row["sinks"].values() else [])


def _sinks(row: Mapping[str, Any]) -> Text:
    """Where the event stands, or waits."""
    styles = {"written": "dim", "waiting": "yellow", "parked": "red"}
    return Text("").join(Text(f"  {wording.one_line(sink)} {word}", styles[word]) for sink, word in row["sinks"].items())
