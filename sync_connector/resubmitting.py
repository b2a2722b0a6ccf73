"""The rows that were not sent, out to a person and back: ledger ─► sheet ─► person ─► overlay.

Law: nothing that a sheet says is taken for the CRM's: a row goes out with a fingerprint of what the CRM said, and what comes
back lies over that row or over none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from sync_connector.errors import FixSetup
from sync_connector.flow.overlay import Overlay
from sync_connector.flow.sieve import own_fingerprints
from sync_connector.ledger.quality import Reject
from sync_connector.model import Finding, Place
from sync_connector.rules import CATALOGUE
from sync_connector.sheets import TOKEN, Edited, SheetRow
from sync_connector.sheets.read import MOST_FAULTS, read
from sync_connector.sheets.write import write_csv, write_xlsx

NOWHERE = Place("", 0)
NO_TEXT = re.compile("[\0\ud800-\udfff]")
"""What a row of a source never holds (see `extract`), and what no database of a team's ledger takes."""
TEXT = "text"
"""The column of what was no row."""
FINGERPRINT = re.compile("[0-9a-f]{32}")


def write(listed: Callable[[], Iterable[Reject]], xlsx: Path | None, csv: Path | None, delimiter: str) -> int:
    """Write what is `listed` (asked twice for each file) into a workbook, a CSV file or both; how many rows there are.

    Raises `FixSetup` when a file cannot be written.
    """
    headers: dict[str, None] = {}
    for reject in listed():
        headers |= dict.fromkeys([TEXT] if reject.cells is None and not reject.key else reject.cells or {})
    count = 0
    if xlsx is not None:
        count = write_xlsx(xlsx, list(headers), _rows(listed()), reason=_reason)
    if csv is not None:
        count = write_csv(csv, list(headers), _rows(listed()), delimiter=delimiter, reason=_reason)
    return count


def _rows(listed: Iterable[Reject]) -> Iterator[SheetRow]:
    for reject in listed:
        cells = {header: text or "" for header, text in (reject.cells or {}).items()}
        if reject.cells is None and not reject.key:
            cells = {TEXT: reject.findings[0].value if reject.findings else ""}
        place = NOWHERE if reject.place is None else reject.place
        fingerprint = _fingerprint(reject)
        if reject.corrected is not None and reject.corrected[0].hex() == fingerprint:  # he goes on where he was
            cells |= reject.corrected[1]
        yield SheetRow(reject.key, cells, fingerprint, reject.findings, place, bool(reject.key and reject.cells))


def _fingerprint(reject: Reject) -> str:
    """Of the row as the CRM has it (see `sieve.own_fingerprints`), as text."""
    columns = [pa.array([text], pa.large_string()) for text in (reject.cells or {}).values()]
    return own_fingerprints(pa.array([reject.key], pa.large_string()), columns)[0].hex() if columns else ""


def _reason(finding: Finding) -> str:
    entry = CATALOGUE.get(finding.code)
    title = entry.title if entry is not None else finding.code
    value = " ".join(finding.value.split())[:120]
    return f"{title}: {value}" if value else title


def overlays(path: Path, *, keep: bool) -> list[Overlay]:
    """What a sheet says now. Raises `FixSetup`, every fault of the sheet at once."""
    lines = read(path)
    if not lines:
        raise FixSetup(f"{path}: it holds no row of ours; sheets are made by: sync-connector rejects --xlsx {path}")
    places: dict[str, list[str]] = {}
    for line in lines:
        places.setdefault(line.key, []).append(str(line.line))
    faults = [fault for line in lines for fault in _faults(path, line)]
    faults += [
        f"{path}: lines {', '.join(where)} are for the same row, {key!r}; delete all but one"
        for key, where in places.items()
        if len(where) > 1
    ]
    if faults:
        more = [f"and {len(faults) - MOST_FAULTS:,} more faults of this kind"] if len(faults) > MOST_FAULTS else []
        raise FixSetup(*faults[:MOST_FAULTS], *more)
    return [Overlay(line.key, bytes.fromhex(line.fingerprint), line.cells, keep, resubmitted=True) for line in lines]


def _faults(path: Path, line: Edited) -> list[str]:
    """Why a line cannot lie over a row: no other may bring into a run what a source's row may not hold."""
    if NO_TEXT.search(line.key) or FINGERPRINT.fullmatch(line.fingerprint) is None:
        return [f"{path}: line {line.line}: the cell `{TOKEN}` was made elsewhere; delete the line"]
    return [
        f"{path}: line {line.line}: {header!r} holds a NUL byte or half a sign; type it anew"
        for header, text in line.cells.items()
        if NO_TEXT.search(text)
    ]
