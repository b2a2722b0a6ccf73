"""The sheet of rows that were not sent: out to the steward, and back in.

`write` makes it, `read` reads it as a spreadsheet saved it again; `guard` and `token` decide what stands in a cell. A line
holds the row's own columns, headed as in the CRM, then ours.

Law: a cell that nobody edited comes back as it was, character for character, and no cell starts anything. What a spreadsheet
cannot hold is kept beside the cell, and given back as long as the cell says what it said.
"""

from __future__ import annotations

from typing import NamedTuple

from sync_connector.model import Finding, Place

OURS = "[sync] "
"""Our headers begin with this. One of the CRM's that does so too is written with an apostrophe before it."""

TOKEN = OURS + "row"
"""The column that says which row a line is. A sheet is known by this header."""

KEPT = OURS + "kept"
"""The first header of a hidden sheet, which holds what does not fit into cells."""

KEPT_HEADERS = (KEPT, "number", "text")


class SheetRow(NamedTuple):
    """A row that was not sent. `cells`: header → text, of its own columns; `fingerprint`: of the row as it is exported, any
    text. A row that is not `fixable` (it has no key of its own) is shown, and left out where the sheet is read."""

    key: str
    cells: dict[str, str]
    fingerprint: str
    findings: tuple[Finding, ...]
    place: Place
    fixable: bool


class Edited(NamedTuple):
    """A line of the sheet as it stands now. `cells`: header → text, of the row's own columns that are still there, and of
    those that the steward added; `line` is that of the sheet, from 1."""

    key: str
    fingerprint: str
    cells: dict[str, str]
    line: int
