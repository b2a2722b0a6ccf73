"""Messages as people read them on a terminal: a plan before it is confirmed, what became of it, campaigns, and what is unknown.

Numbers are masked, but for what was asked for by its number. Times are the account's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sync_connector.report import mask, wording

CUT = 60
WHOLE = 1000
LEFT_OUT_SHOWN = 8
BAR = 24
STATES = {"sent": "green", "refused": "red", "unknown": "yellow", "unsent": "dim", "begun": "yellow"}


def messages(count: int) -> str:
    """`1 message`, `1,200 messages`."""
    return wording.counted(count, "message", "messages")


def visible(text: str) -> str:
    """What the vendor wrote, as a terminal may show it."""
    return wording.one_line(text, CUT)


def plan_summary(told: Mapping[str, Any], zone: str) -> Group:
    """What would be sent, what it costs, who is left out and why, and some of the messages. `told`: a plan as an object."""
    table = _table()
    table.add_column(justify="right")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(style="dim")
    asked = told["asked"]
    table.add_row(f"{asked:,}", "asked for", "", _named(told))
    rows = [("to send", "green", told["to_send"], _price(told))]
    rows += [(one["code"], "yellow", one["count"], one["meaning"]) for one in told["left_out"]]
    for name, style, count, remark in rows:
        bar = "━" * (max(1, round(count * BAR / asked)) if count else 0)
        table.add_row(f"{count:,}", Text(name, style=style if count else "dim"), Text(bar, style=style), remark)
    lines: list[RenderableType] = [table]
    if told["not_contacts"]:
        shown = ", ".join(f"{count:,} {reason}" for reason, count in told["not_contacts"].items())
        lines.append(Text(f"no contacts any more, as the CRM marks them: {shown}", style="dim"))
    lines += _dearer(told["dearer_by_signs"])
    if told["first_at"]:
        first, last = (wording.local(told[name], zone) for name in ("first_at", "last_at"))
        when = first if first == last else f"{first} to {last}"
        waiting = f"; {told['postponed']:,} wait for an allowed hour where they are read" if told["postponed"] else ""
        lines.append(Text(f"leaving {when} ({zone}){waiting}", style="yellow" if waiting else ""))
    lines += _samples(told["samples"], told["to_send"], zone)
    lines += _left_out(told["rows_left_out"])
    return Group(*lines)


def _table(*headers: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_header=bool(headers))
    for header in headers:
        table.add_column(header, no_wrap=header not in ("campaign", "text", "reason"), overflow="ellipsis")
    return table


def _named(told: Mapping[str, Any]) -> str:
    campaign = f"campaign {visible(told['campaign'])}" if told["campaign"] else ""
    rehearsal = "a rehearsal: the vendor answers, and sends none" if told["mode"] == "test" else ""
    return "; ".join(filter(None, (campaign, rehearsal)))


def _price(told: Mapping[str, Any]) -> str:
    wide = told["encodings"].get("UCS-2", 0)
    return f"{told['segments']:,} SMS" + (f"; {messages(wide)} in UCS-2" if wide else "")


def _dearer(told: Mapping[str, Any]) -> list[Text]:
    if not told["messages"]:
        return []
    signs = ", ".join(f"{_sign(sign)} in {count:,}" for sign, count in told["signs"].items())
    said = f"{messages(told['messages'])} would be {told['segments']:,} SMS less without signs that GSM has not: {signs}"
    return [Text(said, style="yellow")]


def _sign(sign: str) -> str:
    return sign if sign.isprintable() and not sign.isspace() else f"U+{ord(sign[0]):04X}"


def _samples(samples: Sequence[Mapping[str, Any]], total: int, zone: str) -> list[RenderableType]:
    if not samples:
        return []
    table = _table("number", "SMS", "when", "text")
    for one in samples:
        when = wording.local(one["at"], zone) if one["at"] else "at once"
        link = f"  → {visible(one['url'])}" if one["url"] else ""
        table.add_row(
            mask.number(one["number"]),
            f"{one['segments']}",
            when,
            Text(wording.one_line(one["text"], 160)).append(link, "dim"),
        )
    title = "The message" if total == 1 else f"The first {len(samples)} of {messages(total)}"
    return [Text(f"\n{title}", style="bold"), table]


def _left_out(rows: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    told = [one for one in rows if one["code"] not in ("already", "twice", "opted_out", "crm_opt_out")]
    if not told:
        return []
    table = _table("line", "contact", "code", "reason")
    for one in told[:LEFT_OUT_SHOWN]:
        line = str(one["line"]) if one["line"] else ""
        table.add_row(
            line, visible(one["contact"] or ""), Text(one["code"], style="yellow"), Text(wording.one_line(one["advice"], 160))
        )
    more = f", the first {LEFT_OUT_SHOWN} of {len(told):,}; --json lists all" if len(told) > LEFT_OUT_SHOWN else ""
    return [Text(f"\nLeft out{more}", style="bold"), table]


def sent_summary(told: Mapping[str, Any]) -> Group:
    """What became of the messages of a run. `told`: `Sent` as an object."""
    counts = told["messages"]
    parts = [Text(f"{count:,} {name}", style=STATES[name] if count else "dim") for name, count in counts.items()]
    requests = wording.counted(told["posts"], "request", "requests")
    lines = [Text.assemble(f"{messages(sum(counts.values()))} in {requests}: ", Text(", ").join(parts))]
    if told["recovered"]:
        lines.append(Text(f"{messages(told['recovered'])} of a run that died are unknown now", style="yellow"))
    if counts["unknown"] or told["recovered"]:
        said = "unknown ones are settled by their callbacks (sync-connector pull), or by you: sync-connector sms resolve"
        lines.append(Text(said, style="yellow"))
    if counts["refused"]:
        lines.append(Text("which were refused: sync-connector sms status --state refused", style="yellow"))
    if told["opted_out"]:
        lines.append(Text(f"{messages(told['opted_out'])} not sent, since the number opted out after the plan", style="yellow"))
    if told["late"]:
        lines.append(
            Text(f"{messages(told['late'])} wait for the next allowed hour, since it got too late for them", style="yellow")
        )
    if counts["unsent"] > told["opted_out"]:
        lines.append(Text("the same command sends what was not sent", style="yellow"))
    return Group(*lines)


def campaigns_table(rows: Sequence[Mapping[str, Any]], zone: str) -> RenderableType:
    """Each campaign in a line, the newest first; messages without one in a line of their own."""
    if not rows:
        return Text("no message yet; start with: sync-connector sms send --help")
    told = ("messages", "sent", "delivered", "failed", "unknown", "answered", "clicked", "opted_out")
    table = _table("campaign", "begun", *(name.replace("_", " ") for name in told))
    for column in table.columns[2:]:
        column.justify = "right"
    for row in rows:
        name = Text(visible(row["campaign"])) if row["campaign"] else Text("single messages", style="dim")
        if row["mode"] == "test":
            name.append(" (test)", "dim")
        styles = {"failed": "red", "unknown": "yellow"}
        cells = [Text(f"{row[key]:,}", style=styles.get(key, "") if row[key] else "dim") for key in told]
        table.add_row(name, wording.local(row["first"], zone), *cells)
    return table


def messages_table(rows: Sequence[Mapping[str, Any]], zone: str, *, masked: bool = True) -> RenderableType:
    """Messages, newest first: where each is, and what came back."""
    if not rows:
        return Text("no such message")
    table = _table("when", "number", "state", "came back", "campaign", "text")
    for row in rows:
        state = Text(row["state"], style=STATES[row["state"]])
        if row["reason"]:
            state.append(f" {wording.one_line(row['reason'], CUT)}", "dim")
        number = mask.number(row["number"]) if masked else row["number"]
        text = wording.counted(len(row["text"]), "character", "characters") if masked else wording.one_line(row["text"], 160)
        table.add_row(
            wording.local(row["begun_at"], zone), number, state, came_back(row), Text(visible(row["campaign"])), Text(text)
        )
    return table


def story_messages(rows: Sequence[Mapping[str, Any]], zone: str) -> Table:
    """What was written to a contact, in the order given, as `explain` shows it: when it leaves, of which campaign, where it
    is, what came back, and its words. `zone` is the account's."""
    several = len({row["number"] for row in rows}) > 1
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", width=7)
    for _ in range(3 if several else 2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for place, row in enumerate(rows):
        told = Text.assemble((wording.one_line(row["campaign"], CUT), "cyan"), "  " if row["campaign"] else "")
        told.append("rehearsal  " if row["mode"] == "test" else "", "dim")
        told.append(wording.one_line(row["text"], WHOLE))
        if row["url"]:
            told.append(f"  → {wording.one_line(row['url'], WHOLE)}", "dim")
        told.append_text(_outcome(row))
        number = [Text(row["number"])] if several else []
        when = wording.local(row["send_at"] or row["begun_at"], zone)
        table.add_row("SMS" if not place else "", when, Text(row["state"], style=STATES[row["state"]]), *number, told)
    return table


def _outcome(row: Mapping[str, Any]) -> Text:
    """What came back, or why nothing did."""
    came = came_back(row)
    told = Text("  ").append_text(came) if came else Text("")
    return told.append(f"\n{wording.one_line(row['reason'], WHOLE)}", "yellow") if row["reason"] else told


def came_back(row: Mapping[str, Any]) -> Text:
    """What callbacks told of a message."""
    words = {"received": "delivered", "sent": "left the telephone"}
    told = [words.get(row["delivery"], wording.one_line(row["delivery"], CUT))] if row["delivery"] else []
    told += [word for word, name in (("clicked", "clicked_at"), ("answered", "answered_at")) if row[name]]
    told += ["opted out"] if row["opted_out"] else []
    return Text(", ".join(told), style="green" if row["delivery"] == "received" else "")


def unknown_table(rows: Sequence[Mapping[str, Any]], zone: str) -> RenderableType:
    """The messages of which nobody knows whether they were sent, and how to decide."""
    if not rows:
        return Text("no message is unknown")
    table = _table("id", "when", "number", "campaign", "text")
    for row in rows:
        number = mask.number(row["number"])
        table.add_row(
            row["id_sms_api"],
            wording.local(row["begun_at"], zone),
            number,
            Text(visible(row["campaign"])),
            Text(wording.one_line(row["text"], CUT)),
        )
    advice = "a callback may still settle them (sync-connector pull); else: sms resolve ID … or --all, with --sent or --resend"
    return Group(table, Text(advice, style="yellow"))


def opt_outs_table(rows: Sequence[Mapping[str, Any]], zone: str) -> RenderableType:
    """Who gets no messages, since when, and in which words they said so."""
    if not rows:
        return Text("nobody opted out")
    table = _table("number", "since", "said")
    for row in rows:
        said = Text(visible(row["text"])) if row["event_key"] else Text("entered by a person", style="dim")
        table.add_row(row["number"], wording.local(row["since"], zone), said)
    return table
