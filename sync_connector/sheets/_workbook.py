"""A workbook that a steward likes to work in: header in sight, filters, our columns tinted, the cell at fault marked.

Law: every cell is a string in the format Text: no number, no date, no formula, no link. What a cell cannot hold stands in a
hidden sheet, in Base64, which no program changes.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import xlsxwriter  # it brings no types
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from sync_connector.model import Severity
from sync_connector.sheets import KEPT_HEADERS
from sync_connector.sheets.columns import OUR_HEADERS, shown_headers
from sync_connector.sheets.guard import shown

MOST_ROWS = 1_048_576
"""Rows of a sheet, its header among them."""
PIECE = 32_000
"""Characters of Base64 in a cell of the hidden sheet."""

ROWS, README, HIDDEN = "Rows to fix", "Read me", "sync kept"
OUR_WIDTHS = (8, 18, 18, 36, 60, 24, 24)
OWN_WIDTHS = (14, 40)
TEXT = {"num_format": 49, "valign": "top"}  # the built-in format Text, and not one of ours that looks like it
OURS = {**TEXT, "bg_color": "#EEF3FA"}
HEADER = {**TEXT, "bold": True, "bottom": 1}

EXPLAINED = (
    "Each line of “Rows to fix” is a contact that was not sent. White columns are the CRM's; the tinted ones say what is wrong.",
    "Correct the white cells, as many as you like; the marked ones are at fault. Sort and filter as you please.",
    "Delete the lines that you leave to others. Leave “[sync] row” as it is: it says which contact a line is.",
    "Save the file, and give it back: sync-connector sync --resubmit FILE",
    "A line without “[sync] row” has no identifier in the CRM: it can only be corrected there.",
)


class Book:
    """A workbook in the making: once left, it is the file `path` in `folder`, which also takes what is not yet in it.
    `headers` are the rows' own columns. Raises `OSError`."""

    def __init__(self, folder: str, headers: Sequence[str]) -> None:
        self.path = os.path.join(folder, "workbook.xlsx")
        self._headers, self._shown = headers, shown_headers(headers)
        self._book = xlsxwriter.Workbook(self.path, {"constant_memory": True, "tmpdir": folder})
        self._plain = self._book.add_format(TEXT)
        self._token = self._book.add_format({**OURS, "font_color": "#808080"})
        self._ours = self._book.add_format({**OURS, "text_wrap": True})
        self._header = self._book.add_format(HEADER)
        self._our_header = self._book.add_format({**HEADER, "bg_color": "#C9D8EE"})
        self._marked = {
            Severity.REJECT: self._book.add_format({**TEXT, "bg_color": "#FBD5D0"}),
            Severity.REPAIR: self._book.add_format({**TEXT, "bg_color": "#FDF0C4"}),
            Severity.WARN: self._book.add_format({**TEXT, "bg_color": "#FDF0C4"}),
        }
        self._sheets = 0
        self._sheet = self._next_sheet()
        self._row = 1
        self._readme()
        self._hidden: Worksheet | None = None
        self._hidden_sheets = self._hidden_row = self._kept = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self._finish_sheet()
        try:
            self._book.close()
        except xlsxwriter.exceptions.XlsxFileError as unwritten:
            if fault is None:  # else the fault that led here is the one to be told
                raise OSError(str(unwritten)) from None

    def add(self, own: Sequence[str], ours: Sequence[str], worst: Mapping[str, Severity], kept: Mapping[str, str]) -> None:
        """A line. `own` and `ours`: its cells; `worst`: header → how bad its cell is; `kept`: header → text that its cell
        cannot hold."""
        if self._row == MOST_ROWS:
            self._finish_sheet()
            self._sheet = self._next_sheet()
            self._row = 1
        for place, (header, text) in enumerate(zip(self._headers, own, strict=True)):
            marked = self._marked[worst[header]] if header in worst else self._plain
            _write(self._sheet, self._row, place, shown(text), marked)
        for place, text in enumerate(ours, start=len(own)):
            _write(self._sheet, self._row, place, shown(text), self._ours if place > len(own) else self._token)
        for header, text in kept.items():
            self._keep(ours[0], [header, text])
        self._row += 1

    def _next_sheet(self) -> Worksheet:
        self._sheets += 1
        sheet = self._book.add_worksheet(ROWS if self._sheets == 1 else f"{ROWS} {self._sheets}")
        narrow, wide = OWN_WIDTHS
        for place, name in enumerate(self._shown):
            sheet.set_column(place, place, min(max(len(name) + 4, narrow), wide), self._plain)
            _write(sheet, 0, place, name, self._header)
        for place, (name, width) in enumerate(zip(OUR_HEADERS, OUR_WIDTHS, strict=True), start=len(self._shown)):
            sheet.set_column(place, place, width, self._ours if place > len(self._shown) else self._token)
            _write(sheet, 0, place, name, self._our_header)
        sheet.freeze_panes(1, 0)
        return sheet

    def _finish_sheet(self) -> None:
        last_row, last_column = max(self._row - 1, 1), len(self._shown) + len(OUR_HEADERS) - 1
        self._sheet.autofilter(0, 0, last_row, last_column)
        self._sheet.ignore_errors({"number_stored_as_text": f"A1:{_letters(last_column)}{last_row + 1}"})

    def _readme(self) -> None:
        sheet = self._book.add_worksheet(README)
        sheet.set_column(0, 0, 110)
        wrapped = self._book.add_format({**TEXT, "text_wrap": True})
        for row, sentence in enumerate(EXPLAINED):
            _write(sheet, row, 0, sentence, wrapped)

    def _keep(self, token: str, content: list[str]) -> None:
        """Keep a text for a line, in as many pieces as it needs."""
        self._kept += 1
        text = base64.b64encode(json.dumps(content).encode(), b"-.").decode()
        for start in range(0, len(text), PIECE):
            if self._hidden is None or self._hidden_row == MOST_ROWS:
                self._hidden_sheets += 1
                self._hidden = self._book.add_worksheet(HIDDEN if self._hidden_sheets == 1 else f"{HIDDEN} {self._hidden_sheets}")
                self._hidden.very_hidden()
                self._hidden_row = 1
                for place, name in enumerate(KEPT_HEADERS):
                    _write(self._hidden, 0, place, name, self._header)
            for place, cell in enumerate((token, str(self._kept), text[start : start + PIECE])):
                _write(self._hidden, self._hidden_row, place, cell, self._plain)
            self._hidden_row += 1


def _write(sheet: Worksheet, row: int, column: int, text: str, look: Format) -> None:
    """Write a cell: a string, or nothing in the format Text, so that what is typed there stays text."""
    outcome: Any = sheet.write_string(row, column, text, look) if text else sheet.write_blank(row, column, "", look)
    if outcome:
        raise ValueError(f"a cell of row {row + 1} was not written ({outcome}); this is a fault of the program")


def _letters(column: int) -> str:
    return str(xlsxwriter.utility.xl_col_to_name(column))
