"""The care of the ledger, as people read it on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sync_connector.report.mask import visible


def checks_table(checks: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Each check with its count, then what is wrong, in sentences."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("check")
    table.add_column("of", justify="right")
    table.add_column("is")
    for check in checks:
        is_well = not check["wrong"]
        table.add_row(check["check"], f"{check['count']:,}", Text("well", "green") if is_well else Text("wrong", "bold red"))
    sentences = [Text(f"{check['check']}: {visible(sentence)}", "red") for check in checks for sentence in check["wrong"]]
    return Group(table, *sentences)


def person_table(number: str, told: Mapping[str, Any]) -> RenderableType:
    """What would be erased."""
    rows = [(name.replace("_", " "), count) for name, count in told["rows"].items()] + [
        ("callbacks in the inbox", told["callbacks"])
    ]
    if not any(count for _, count in rows):
        return Text(f"nothing is known of {number}")
    table = Table(title=f"Of {number}", title_justify="left", title_style="bold", box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right")
    table.add_column()
    for name, count in rows:
        if count:
            table.add_row(f"{count:,}", name)
    keys = [visible(key) for key in told["contacts"]]
    named = Text(f"contacts: {', '.join(keys[:20])}{', …' if len(keys) > 20 else ''}") if keys else Text("no contact")
    return Group(table, named)


def forgotten(told: Mapping[str, Any]) -> RenderableType:
    """What is left of a number, and what is not ours to erase."""
    traces = told["traces"]
    lines = [
        Text(f"{sum(traces.values()):,} traces of {told['number']} in the ledger and the inbox", "red" if traces else "green")
    ]
    lines += [Text(f"{count:,} in {visible(place)}", "red") for place, count in traces.items()]
    if traces:
        lines.append(Text("end what reads or writes them, and run it again", "yellow"))
    if told["inbox_elsewhere"]:
        lines.append(Text(f"the inbox behind {told['inbox_elsewhere']} was not looked at", "yellow"))
    if told["opt_out_kept"]:
        lines.append(Text("its opt-out is kept, the number alone: it gets no messages (--opt-out forgets that too)", "yellow"))
    elif told["opted_out"]:
        lines.append(Text("its opt-out is forgotten too: nothing here keeps it from getting messages", "yellow"))
    if told["other_numbers"]:
        numbers = ", ".join(map(visible, told["other_numbers"]))
        lines.append(Text(f"these contacts also had {numbers}: forget them as well, should they be nobody else's", "yellow"))
    if told["contacts"]:
        lines.append(
            Text("if the CRM still has the contact, the next full sync sends it anew: delete it there as well", "yellow")
        )
    return Group(*lines)
