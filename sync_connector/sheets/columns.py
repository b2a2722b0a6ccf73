"""The columns of a sheet: the row's own, headed as in the CRM, then ours, which tell what is wrong with it.

Pure. Law: our headers are never those of the CRM, and a header comes back as it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from sync_connector.model import Finding, Severity
from sync_connector.sheets import OURS, TOKEN, SheetRow
from sync_connector.sheets.guard import shown

OUR_HEADERS = (
    TOKEN,
    *(f"{OURS}{name}" for name in ("codes", "column", "reason", "advice", "suggested value", "place")),
)
LONGEST_VALUE = 120
"""Characters of an offending value that a reason repeats; the whole stands in the row's own cell."""

Reason = Callable[[Finding], str]

CLASHES = re.compile(rf"'*\s*{re.escape(OURS.strip())}", re.IGNORECASE)
MEANS = {Severity.REJECT: "not sent", Severity.REPAIR: "mended", Severity.WARN: "doubtful"}


def reason(finding: Finding) -> str:
    """What is wrong, in a few words: `not sent: phone_number is '06 12'`."""
    value = " ".join(finding.value.split())
    told = value if len(value) <= LONGEST_VALUE else value[: LONGEST_VALUE - 1] + "…"
    return f"{MEANS[finding.severity]}: {finding.field} is {f'{told!r}' if told else 'blank'}"


def our_cells(row: SheetRow, token: str, reason: Reason) -> list[str]:
    """The cells under our headers. What is said of each finding is one line, in the same order in each cell."""
    found = row.findings
    return [
        token,
        _lines(finding.code for finding in found),
        _lines(finding.column for finding in found),
        _lines(reason(finding) for finding in found),
        _lines(finding.advice for finding in found),
        _lines(finding.suggestion for finding in found),
        str(row.place),
    ]


def worst(row: SheetRow) -> dict[str, Severity]:
    """Header → how bad the worst is that was found in its cell."""
    mildest_first = sorted(row.findings, key=lambda finding: -list(Severity).index(finding.severity))
    return {finding.column: finding.severity for finding in mildest_first}


def _lines(texts: Iterable[str]) -> str:
    lines = [" ".join(text.split()) for text in texts]
    return "\n".join(lines) if any(lines) else ""


def own_header(header: str) -> str:
    """A header of the CRM's as it is written: with an apostrophe before it where it would be taken for one of ours."""
    return f"'{header}" if CLASHES.match(header) else header


def header_meant(written: str) -> str | None:
    """The CRM's header that `own_header` wrote; `None` if it is one of ours."""
    if CLASHES.match(written) is None:
        return written
    return written[1:] if written.startswith("'") else None


def shown_headers(headers: Sequence[str]) -> list[str]:
    """Headers as cells show them: none blank, all different."""
    told: list[str] = []
    for place, header in enumerate(headers, start=1):
        name = shown(own_header(header))
        name = name if name.strip() else f"column {place}"
        again, apart = 1, name
        while apart in told or (again > 1 and apart in headers):
            again += 1
            apart = f"{name} ({again})"
        told.append(apart)
    return told


def changed_headers(headers: Sequence[str]) -> dict[str, str]:
    """Header as it is shown → as it is, where that cannot be told from what is shown."""
    shown = zip(shown_headers(headers), headers, strict=True)
    return {name: header for name, header in shown if header_meant(name) != header}
