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
