"""The data's quality as a person reads it on a terminal: rich renderables, made from plain objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sync_connector.ledger.quality import Reject
from sync_connector.report import mask, messages_terminal, terminal

MEANS = {"reject": "not sent", "repair": "mended", "warn": "doubtful"}
STYLES = {"reject": "red", "repair": "yellow", "warn": "yellow"}
CAUSES_SHOWN = 12
HEADERS_SHOWN = 5
PAIRS_SHOWN = 20
BAR = 16


def _table(*columns: str, **options: Any) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left", title_style="bold", **options)
    for column in columns:
        right = column in ("findings", "new", "line", "score", "contacts")
        table.add_column(column, justify="right" if right else "left", overflow="fold", no_wrap=column in ("code", "set by"))
    return table


def summary(told: Mapping[str, Any]) -> Group:
    """What `report` tells, in a screenful."""
    quality, events = told["quality"], told["events"]
    contacts, findings, run = quality["contacts"], quality["findings"], quality["run"]
    lines: list[RenderableType] = [Text(sentence, style="dim") for sentence in (told["file"] or {"described": []})["described"]]
    if run is None:
        lines.append(Text("no run has finished yet; start one with: sync-connector sync"))
    else:
        sent = contacts["accepted"] + contacts["warned"]
        not_sent = contacts["known"] - sent + quality["rows_without_key"]
        word = "can be sent" if told["file"] else "are at the vendor"
        said = Text.assemble((f"{sent:,}", "bold green"), f" contacts {word}, ")
        said.append(f"{not_sent:,}", "bold red" if not_sent else "dim")
        said.append(f" rows are not; {findings['all']:,} findings, on {quality['contacts_with_findings']:,} contacts")
        lines.append(said)
        if quality["in_doubt"]:
            lines.append(terminal.in_doubt_line(quality["in_doubt"]))
        lines += _since(quality["since_last_run"])
        if quality["codes"]:
            lines += ["", _causes(quality["codes"])]
        corrected = quality["corrected_in_sheet"]
        if count := corrected["kept"] + corrected["one_off"]:
            lines.append(
                Text(f"{count:,} contacts were sent as a sheet says; their rows in the CRM are still wrong", style="yellow")
            )
        if stale := quality["stale_at_vendor"]["all"]:
            lines.append(Text(f"{stale:,} numbers are stale at the vendor: sync-connector runs --stale", style="dim"))
    if events is not None and (calls := events["totals"]["call"]):
        lines.append(Text(f"{calls:,} calls from {events['since']} to {events['until']}", style="dim"))
    if events is not None:
        lines += _messages(events)
    return Group(*lines)


def _messages(events: Mapping[str, Any]) -> list[Text]:
    """What was sent in the span, and what became of it, in two lines."""
    totals = events["messages"]["totals"]
    if not (number := totals["messages"]):
        return []
    said = Text(f"{messages_terminal.messages(number)} from {events['since']} to {events['until']}: ", style="dim")
    styles = {"refused": "red", "unknown": "yellow", "unsent": "yellow"}
    parts = [("sent", "dim")] + [(name, style) for name, style in styles.items() if totals[name]]
    said.append_text(Text(", ", "dim").join(Text(f"{totals[name]:,} {name}", style) for name, style in parts))
    names = ("delivered", "failed", "answered", "clicked", "opted_out")
    became = ", ".join(f"{totals[name]:,} {name.replace('_', ' ')}" for name in names)
    return [said, Text(f"  {became}: sync-connector sms status", style="dim")]


def _since(since: Mapping[str, Any] | None) -> list[Text]:
    if since is None:
        return []
    opened = sum(one["opened"] for one in since["codes"])
    closed = sum(one["closed"] for one in since["codes"])
    if not opened and not closed:
        return [Text("nothing changed since the run before", style="dim")]
    said = Text("since the run before: ")
    said.append(f"{opened:,} new", "red" if opened else "dim")
    said.append(", ")
    said.append(f"{closed:,} mended or gone", "green" if closed else "dim")
    return [said]


def _causes(codes: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("code", "", "", "findings", "", "new", "in")
    most = max(one["count"] for one in codes)
    for one in codes[:CAUSES_SHOWN]:
        style = STYLES[one["severity"]]
        bar = Text("━" * max(1, round(one["count"] / most * BAR)), style=style)
        columns = ", ".join(mask.visible(column) for column in list(one["columns"])[:3])
        new = f"+{one['opened']:,}" if one["opened"] else ""
        found = (one["title"], Text(MEANS[one["severity"]], style=style), f"{one['count']:,}")
        table.add_row(Text(one["code"], style=style), *found, bar, new, Text(columns, style="dim"))
    if (more := len(codes) - CAUSES_SHOWN) > 0:
        table.add_row("", Text(f"and {more} more codes", style="dim"))
    return table


def rejects_table(listed: Sequence[Reject], more: int, *, show_values: bool) -> Table:
    """Rows that were not sent, a line for each of their findings."""
    title = f"Not sent, the first {len(listed)} of {len(listed) + more:,}" if more else f"Not sent: {len(listed)}"
    table = _table("key", "place", "code", "column", "value", "suggested", "reason and advice", title=title)
    for one in listed:
        place = "" if one.place is None else str(one.place)
        for count, finding in enumerate(one.findings):
            value = mask.visible(finding.value) if show_values else mask.raw(finding.value)
            suggestion = finding.suggestion if show_values else mask.field(finding.field, finding.suggestion)
            first = (Text(mask.visible(one.key)), Text(mask.visible(place), style="dim")) if count == 0 else ("", "")
            texts = (mask.visible(finding.column), value[:60], mask.visible(suggestion), mask.visible(finding.advice))
            table.add_row(*first, Text(finding.code, style=STYLES[finding.severity]), *map(Text, texts))
    return table


def resubmitted(told: Mapping[str, Any]) -> Group:
    """What became of the rows of a sheet."""
    said = Text.assemble(f"of {told['rows']:,} rows of the sheet ", (f"{told['accepted']:,} were accepted", "green"))
    for word, name in (
        ("are still wrong", "still_wrong"),
        ("were not edited", "unedited"),
        ("have changed in the CRM since, which counts", "outdated"),
        ("are not in the source now", "missing"),
    ):
        if count := told[name]:
            said.append(f", {count:,} {word}", "yellow")
    lines: list[RenderableType] = [said]
    for key, word in list(told["wrong"].items())[:PAIRS_SHOWN]:
        lines.append(Text(f"  {mask.visible(key)} is {word}: sync-connector explain {mask.visible(key)}", style="yellow"))
    if (more := len(told["wrong"]) - PAIRS_SHOWN) > 0:
        lines.append(Text(f"  and {more:,} more: sync-connector rejects", style="yellow"))
    if headers := told["columns_not_taken"]:
        named = ", ".join(repr(mask.visible(header)) for header in headers[:HEADERS_SHOWN])
        named += f" and {len(headers) - HEADERS_SHOWN:,} more" if len(headers) > HEADERS_SHOWN else ""
        why = "the source reads no such column, or a row is told by it; a header keeps the name under which it was exported"
        lines.append(Text(f"nothing was taken from the sheet's column {named}: {why}", style="yellow"))
    return Group(*lines)


def audit_summary(told: Mapping[str, Any]) -> Group:
    """What an audit found."""
    pairs, dead = told["likely_duplicates"], told["domains_without_mail"]
    found = f"{len(pairs):,} pair{'' if len(pairs) == 1 else 's'} of them likely one person"
    lines: list[RenderableType] = [Text(f"{told['contacts']:,} contacts compared: {found}")]
    if pairs:
        table = _table("key", "and", "score", "why")
        for one in pairs[:PAIRS_SHOWN]:
            texts = (mask.visible(one["key"]), mask.visible(one["other"]), f"{one['score']:.2f}", ", ".join(one["why"]))
            table.add_row(*map(Text, texts))
        lines.append(table)
        if (more := len(pairs) - PAIRS_SHOWN) > 0:
            lines.append(Text(f"and {more:,} more; --json lists them all", style="dim"))
    if told["domains_asked"]:
        lines.append(Text(f"{told['domains_asked']:,} e-mail domains asked: {len(dead):,} take no mail"))
        for domain, contacts in sorted(dead.items(), key=lambda item: (-item[1], item[0]))[:PAIRS_SHOWN]:
            lines.append(Text(f"  {mask.visible(domain)}: {contacts:,} contacts", style="yellow"))
        if told["domains_without_answer"]:
            lines.append(Text(f"{told['domains_without_answer']:,} gave no answer: nothing is said of them", style="dim"))
    if told["not_in_ledger"]:
        lines.append(Text(f"{told['not_in_ledger']:,} of them are not in the ledger yet; sync first", style="dim"))
    return Group(*lines)


def rules_table(listed: Sequence[Mapping[str, Any]]) -> Table:
    """What is looked for in the data."""
    table = _table("code", "severity", "is", "example", "may be meant", "set by")
    for one in listed:
        severity = Text(one["severity"], style=STYLES.get(one["severity"], "dim"))
        value = one["example"]["value"]
        example = Text(mask.visible(value)[:40]) if value else Text("blank", style="dim")
        suggestion = Text(mask.visible(one["example"]["suggestion"])[:40], style="green")
        table.add_row(
            Text(one["code"], style="bold"), severity, one["title"], example, suggestion, Text(one["settable"], style="dim")
        )
    return table
