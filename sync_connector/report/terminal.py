"""Results as people read them on a terminal: rich renderables, made from plain objects."""

from __future__ import annotations

import time
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, ConsoleRenderable, Group, RenderableType, RenderHook
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from sync_connector.model import Contact, Finding
from sync_connector.report import mask

WORDS = {
    "unchanged": ("unchanged", "nothing to send"),
    "to_send": ("to send", ""),
    "rejected": ("rejected", "not sent; each has a reason"),
    "held": ("held", "their number went with another contact"),
    "in_doubt": ("in doubt", "no trustworthy answer came; not sent again"),
}
PACE = {"batch_size": "contacts in a request", "concurrency": "requests at once"}
STYLES = {"unchanged": "dim", "to_send": "green", "rejected": "red", "held": "yellow", "in_doubt": "yellow"}
RARE = ("in_doubt",)
"""Words that are told only where there is something to count: most sources never have them."""


def rows_table(rows: Mapping[str, int], changes: Mapping[str, int], *, before: bool = True) -> Table:
    """Where the rows of the source went, with a bar each. `before` they are sent, or after."""
    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right")
    table.add_column()
    table.add_column()
    table.add_column(style="dim")
    table.add_row(f"{rows['read']:,}", "rows read", "", "")
    for name, (label, remark) in WORDS.items():
        count = rows[name]
        if name in RARE and not count:
            continue
        if name == "to_send":
            label = label if before else "sent"
            remark = f"{changes['create']:,} create, {changes['update']:,} update"
        share = count / rows["read"] if rows["read"] else 0
        bar = Text("━" * (max(1, round(share * 24)) if count else 0), style=STYLES[name])
        table.add_row(f"{count:,}", Text(label, style=STYLES[name] if count else "dim"), bar, remark if count else "")
    return table


def reading_lines(told: Mapping[str, Any]) -> list[Text]:
    """What is to be said of a read, as `plan --json` tells it: since when, who is left out, and which lines were no rows."""
    lines = []
    if told["read_since"] is not None:
        lines.append(f"only what changed since {told['read_since'][:19].replace('T', ' ')} UTC was read; --full reads all")
    if told["left_out"]:
        shown = ", ".join(f"{count:,} {reason}" for reason, count in sorted(told["left_out"].items()))
        lines.append(f"left out, as the CRM marks them: {shown}")
    if told["footers"]:
        lines.append(f"lines behind the data that are no rows: {told['footers']}")
    return [Text(line, style="dim") for line in lines]


def samples_table(samples: Sequence[tuple[str, Contact]]) -> Table:
    """Some of the contacts that would be sent, masked, field by field."""
    table = Table(
        title="Some of them, masked", title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    table.add_column("change", style="green")
    for name in Contact._fields:
        table.add_column(name, overflow="ellipsis", no_wrap=True)
    for change, contact in samples:
        table.add_row(change, *(escape(mask.field(name, value)) for name, value in zip(Contact._fields, contact, strict=True)))
    return table


def rejects_table(samples: Sequence[tuple[str, int, Finding]], more: int) -> Table:
    """Some of the rows that are not sent: where each stands, and why."""
    title = f"Rejected, the first {len(samples)} of {len(samples) + more:,}" if more else "Rejected"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("line", justify="right", style="dim")
    table.add_column("code", style="red", no_wrap=True)
    table.add_column("value", overflow="ellipsis", no_wrap=True, max_width=26)
    table.add_column("reason and advice", overflow="fold")
    for _, line, finding in samples:
        table.add_row(str(line), escape(finding.code), escape(mask.raw(finding.value)), escape(finding.advice))
    return table


def verdicts_line(verdicts: Mapping[str, int], posts: int) -> Text:
    """What the vendor said, in one line."""
    text = Text()
    styles = {"accepted": "green", "warned": "yellow", "refused": "red", "unknown": "red"}
    text.append(f"{verdicts['sent']:,} sent in {posts:,} request{'' if posts == 1 else 's'}: ")
    parts = [Text(f"{verdicts[name]:,} {name}", style=style if verdicts[name] else "dim") for name, style in styles.items()]
    text.append(Text(", ").join(parts))
    return text


def pace_line(pace: Mapping[str, int]) -> Text:
    """How far the vendor made us lower the pace, in one line."""
    lowest = {name: pace[f"lowest_{name}"] for name in PACE}
    told = [f"{lowest[name]:,} of {pace[name]:,} {what}" for name, what in PACE.items() if lowest[name] < pace[name]]
    told += [f"{pace['retries']:,} repeated"] if pace["retries"] else []
    return Text(f"the vendor made us lower the pace, at times to {', '.join(told)}", style="dim")


def in_doubt_line(count: int) -> Text:
    """Contacts that are not sent again, and what releases them."""
    who, each = (f"{count:,} contact is", "It") if count == 1 else (f"{count:,} contacts are", "Each")
    what = f"{who} in doubt: the vendor gave no trustworthy answer. {each} is sent again when its row changes in the CRM, or by:"
    return Text(f"{what} sync-connector sync --resend-unknown", style="yellow")


def codes_lines(codes: Mapping[str, int], mended: Mapping[str, int]) -> list[Text]:
    """How often each code was met, the most frequent first: what keeps rows back, and what was mended or doubtful."""
    lines = []
    for title, counts in (("reasons", codes), ("mended or doubtful", mended)):
        ordered = sorted(((count, code) for code, count in counts.items() if count), key=lambda item: (-item[0], item[1]))
        if ordered:
            lines.append(Text(f"{title}: " + ", ".join(f"{code} × {count:,}" for count, code in ordered), style="dim"))
    return lines


def runs_table(runs: Sequence[Mapping[str, Any]]) -> RenderableType:
    """The last runs, newest first."""
    if not runs:
        return Text("no run yet; start one with: sync-connector sync")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    of_rows = ["rejected", "held"]
    of_rows += [name for name in RARE if any(((run["result"] or {}).get("rows") or {}).get(name) for run in runs)]
    of_verdicts = ("sent", "accepted", "refused", "unknown")
    for name in ("run", "started (UTC)", "status", "read", *of_verdicts, *of_rows, "gone", "seconds"):
        table.add_column(WORDS.get(name, (name,))[0], justify="left" if name in ("started (UTC)", "status") else "right")
    for run in runs:
        result = run["result"] or {}
        rows, verdicts = result.get("rows", {}), result.get("verdicts", {})
        said = [verdicts.get(name) for name in of_verdicts]
        counts = [rows.get("read"), *said, *(rows.get(name) for name in of_rows), result.get("gone")]
        style = {"finished": "green", "failed": "red"}.get(run["status"], "yellow")
        shown = ["" if count is None else f"{count:,}" for count in counts]
        seconds = f"{result['seconds']:.1f}" if "seconds" in result else ""
        table.add_row(
            str(run["run"]), run["started_at"][:19].replace("T", " "), Text(run["status"], style=style), *shown, seconds
        )
    return table


class Harmless(RenderHook):
    """What is printed is made harmless at the very end, whatever a cell, a header, a file's name or the vendor had in it: rich
    writes text as it is, escapes included. Its own colours and movements are no text."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """The same, with what steers a terminal replaced."""
        return [_Harmless(renderable) for renderable in renderables]


class _Harmless:
    def __init__(self, inner: ConsoleRenderable) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self._inner, options):
            if segment.control is None and mask.STEERING.search(segment.text):
                segment = Segment(mask.STEERING.sub("\ufffd", segment.text), segment.style)
            yield segment


class ProgressBars:
    """Progress for people: bars on a terminal, silence elsewhere. Use as a context."""

    def __init__(self, console: Console) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bars = Bars(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task: Any = None
        self._last = 0.0

    def __enter__(self) -> ProgressBars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def stage(self, name: str, total: float | None) -> None:
        """See `reading.Progress`."""
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(name, total=total)

    def at(self, done: float) -> None:
        """See `reading.Progress`."""
        if self._task is not None and (now := time.monotonic()) - self._last > 0.1:
            self._last = now
            self._bars.update(self._task, completed=done)


def _told(label: str, text: str, *more: Text | str, style: str = "") -> Text:
    return Text.assemble((f"{label:<9}", "bold"), (mask.visible(text), style), *more)


def _row_lines(row: Mapping[str, Any]) -> list[Text]:
    cells = ", ".join(f"{header}={value!r}" for header, value in row["cells"].items() if value)
    lines = [_told("row", f"{row['key']}  at {row['file']}:{row['line']}"), _told("", cells, style="dim")]
    if row["contact"]:
        lines.append(_told("contact", ", ".join(f"{name} {value}" for name, value in row["contact"].items() if value)))
    if len(row["numbers"]) > 1 or any(number["others_in_cell"] for number in row["numbers"]):
        lines += [line for number in row["numbers"] for line in _number_lines(number)]
    if (corrected := row["corrected_in_sheet"]) is not None:
        how = "a sheet said, in place of the CRM, and it is not sent yet"
        if corrected["kept"]:
            how = "a sheet says, in place of the CRM"
        elif not any(corrected["cells"].values()):  # of one that was taken the text is forgotten
            how = "sent once as a sheet said, in place of the CRM"
        cells = ", ".join(f"{header}={text!r}" if text else header for header, text in corrected["cells"].items())
        lines.append(_told("sheet", f"{how}: {cells}", style="yellow"))
    return lines + [_finding_line(finding) for finding in row["findings"]]


def _finding_line(finding: Mapping[str, Any]) -> Text:
    style = "red" if finding["severity"] == "reject" else "yellow"
    where = finding["column"] or finding["field"]
    told = mask.visible(f"{where} {finding['value']!r}: {finding['advice'].rstrip('.')}")
    meant = mask.visible(f"; it may be meant: {finding['suggestion']}") if finding["suggestion"] else ""
    return _told("finding", f"{finding['code']} ", told, Text(meant, style="green"), style=style)


def _number_lines(number: Mapping[str, Any]) -> list[Text]:
    """A phone cell, most wanted first, and what became of it."""
    seen_from = f", seen from {number['seen_from']}" if number["seen_from"] else ""
    shown = mask.visible(f"{number['column']} {number['cell']!r}{seen_from} → {number['number'] or 'no number'}: ")
    lines = [_told("phone", shown, Text(number["fate"], style="green" if number["fate"] == "taken" else "yellow"))]
    for other in number["others_in_cell"]:
        lines.append(_told("", f"in the same cell {other}: ", Text("left out: a contact has one number", style="yellow")))
    return lines


def mappings_table(listed: Sequence[Mapping[str, Any]]) -> Table:
    """The mappings that are shipped: what each reads, and which rows it leaves out."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("mapping", "reads", "from", "leaves out"):
        table.add_column(column, overflow="fold", no_wrap=column == "mapping")
    for one in listed:
        places = ["file", *(["database"] if one["databases"] else [])]
        table.add_row(Text(one["name"], style="green"), one["title"], " · ".join(places), ", ".join(one["leaves_out"]) or "—")
    return table


def mapping_shown(one: Mapping[str, Any]) -> Group:
    """One mapping: its columns in the order in which they are wanted, and how it reads a database."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for role, columns in one["columns"].items():
        for place, names in enumerate(columns):
            table.add_row(role if place == 0 else "", Text(" | ".join(names)))
    for rule in one["leaves_out_when"]:
        table.add_row("left out", Text(rule))
    if one["databases"]:
        how = f"incrementally, by {one['changes_by']} ({one['zone']})" if one["changes_by"] else "in full each time"
        table.add_row("database", Text(f"{', '.join(one['databases'])}: read {how}"))
        table.add_row("tables", Text(", ".join(one["tables"])))
    if one["activities"]:
        table.add_row("activities", Text(f"of the CRM's own, for: {', '.join(one['activities'])}"))
    return Group(Text.assemble((one["name"], "bold green"), f"  {one['title']}"), Text(one["file"], style="dim"), table)


def _doubt_lines(contact: Mapping[str, Any]) -> list[Text]:
    """What is to be said of a contact to which no trustworthy answer came."""
    released = "its row changes in the CRM, or by: sync-connector sync --resend-unknown"
    next_time = f"it is in doubt, and not sent again until {released}" if contact["in_doubt"] else "the next run sends it again"
    told = f"it was sent as {contact['perhaps_at_vendor']}, and no trustworthy answer came: {next_time}"
    return [_told("", told, style="yellow")]


def _ledger_lines(contact: Mapping[str, Any], seen: Container[tuple[str, str]]) -> list[Text]:
    """A contact as the ledger has it, with the findings that are not `seen` (code, value) in its row."""
    lines = [_told("ledger", f"{contact['key']} is {contact['state']}, moved last by run {contact['last_moved_by_run']}")]
    if contact["number_at_vendor"] and contact["number_at_vendor"] != contact["perhaps_at_vendor"]:
        lines.append(_told("", f"the vendor has it under {contact['number_at_vendor']}"))
    if contact["perhaps_at_vendor"]:
        lines += _doubt_lines(contact)
    if contact["waits_for_number"]:
        lines.append(_told("", f"it waits for {contact['waits_for_number']}, which {contact['number_taken_by']} has"))
    lines += [
        _told("", f"stale at the vendor: {number}, which it had before", style="yellow") for number in contact["stale_at_vendor"]
    ]
    for said in contact["verdicts"]:
        style = "green" if said["verdict"] == "accepted" else "yellow"
        verdict = Text(" ".join([said["verdict"], *said["codes"]]), style=style)
        at = said["at"][:19].replace("T", " ")
        lines.append(_told("verdict", f"run {said['run']}, {at}: {said['change']} {said['number']} → ", verdict))
    return lines + [_finding_line(finding) for finding in contact["findings"] if (finding["code"], finding["value"]) not in seen]


def story(told: Mapping[str, Any]) -> Group:
    """One contact's story, from its row to the vendor's verdict."""
    rows, contacts = told["rows"], told["contacts"]
    if not contacts and not rows:
        nothing = "no contact" if told["events"] or told["messages"] else "nothing"
        return Group(Text(f"{nothing} is known of {told['asked']!r}: it is no key and no number of the source or the ledger"))
    lines = [line for row in rows for line in _row_lines(row)]
    seen = {(finding["code"], finding["value"]) for row in rows for finding in row["findings"]}
    if not rows:
        lines.append(_told("row", "none: the source does not have this contact now", style="yellow"))
    lines += [line for contact in contacts for line in _ledger_lines(contact, seen)]
    if not contacts:
        lines.append(_told("ledger", "nothing yet: it was never sent, rejected or held", style="dim"))
    return Group(*lines)
