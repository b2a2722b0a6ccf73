"""Sink `csv`: events into CSV files that a spreadsheet opens with two clicks, and never executes.

UTF-8 with a BOM, without which Excel takes it for cp1252; commas, and CRLF at the end of a line (RFC 4180). A blank cell is
null or no text.

Law: no cell is a formula. A text that a spreadsheet would take for one gets an apostrophe before it, as OWASP advises; a number,
which computes nothing, stays as it is, so that `+33612345678` can be used. A spreadsheet that is set up for semicolons, as the
French ones are, takes our commas for text and ends a cell at a semicolon, a tab or the end of a line inside our quotes: what a
stranger has put behind one of these is guarded as well.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from sync_connector.config import Sink as SinkSettings
from sync_connector.sinks._files import FileSink
from sync_connector.sinks._rows import Plain, Row, Table, plain

FORMULA = re.compile(r"'*[\s\0]*[=+\-@\t\r\n\0＝＋－＠]")
"""What may be taken for a formula by its beginning, also behind blanks; and behind apostrophes, so that ours can be told."""

SPLIT = re.compile(r"""(?<=[;\t\r\n])(?=(?:['"\0]|[^\S\t\r\n])*[=+\-@＝＋－＠])""")
"""Where a cell that is a formula would begin, if the text were split there; quotes may be lost with that."""

NUMBER = re.compile(r"[+-]?[0-9]+")


def make(settings: SinkSettings) -> FileSink:
    """A sink into a folder of CSV files. Raises `FixSetup`, `TryLater`."""
    return FileSink(settings, "csv", render)


def render(table: Table, rows: Sequence[Row]) -> bytes:
    """A header line, and a line for each row."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(column.name for column in table.columns)
    writer.writerows([_cell(value) for value in plain(row).values()] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def _cell(value: Plain) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return guarded(value) if isinstance(value, str) else "" if value is None else str(value)


def guarded(text: str) -> str:
    """A text as a cell that is no formula, nor becomes one where it is split. To read it, take one apostrophe off its beginning
    and off what is behind each `;`, tab or line end, where what follows looks like a formula."""
    inside = SPLIT.sub("'", text)
    return f"'{inside}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else inside
