"""One file per kind of place that contacts come from. A file's name is the source's `type` in `sync.toml`.

Law: a source is read-only, and hands over pandas frames in chunks, every column a string (`str` dtype), every cell as
it stood. What cannot be read as a row is set aside with its place and reason; what stops reading is a sentence.

A source module has `open_source(settings: config.Source) -> RowSource`.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd

from sync_connector.config import Source
from sync_connector.errors import FixSetup
from sync_connector.model import SetAside
from sync_connector.sources import _text

LOOKED_AT = 64 << 10
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # .xls, and any workbook with a password
# The first files in the archive say what it is: Office puts xl/ there, OpenDocument its own name.
WORKBOOK = re.compile(rb"xl/|\[Content_Types\]\.xml|mimetypeapplication/vnd\.oasis\.opendocument\.spreadsheet")
CALLED = {
    "csv": "delimited text",
    "excel": "a workbook",
    "jsonl": "JSON",
    "parquet": "a Parquet file",
    "singer": "what a Singer tap writes",
    "vcard": "an address book (vCard)",
}
PACKED = "compressed or an archive; unpack it and name the file in it"
FOREIGN = [
    (re.compile(mark, re.IGNORECASE | re.DOTALL), what)
    for mark, what in (
        ("PK\3\4", "a ZIP archive and no workbook; unpack it and name the file in it"),
        (r"BZh[1-9]1AY&SY|\xfd7zXZ|7z\xbc\xaf|Rar!|\x28\xb5\x2f\xfd", PACKED),
        (
            r"(?:<\?xml[^>]*>|<\?mso[^>]*>|<!--.*?-->|\s)*<(?:\w+:)?Workbook\b[^>]*urn:schemas-microsoft-com:office:spreadsheet",
            "a workbook in the XML of Excel 2003; open it in a spreadsheet and save it as .xlsx",
        ),
        (
            r"(?:<\?xml[^>]*>|<!--.*?-->|\s)*<(?:!doctype\s+html|html|head|body|table|meta|style|script|div)\b",
            "a web page (HTML), as some CRMs write where they say .xls: open it in a spreadsheet and save it as .xlsx; "
            "or the page that asks to sign in was saved instead of the export",
        ),
        (r"<\?xml|<\w+[\s>][^,;\t|]*<", "XML; export the contacts as CSV or as a workbook"),
        (r"%PDF-", "a PDF; export the contacts as CSV or as a workbook"),
        (r"\{\\rtf", "a text document (RTF); export the contacts as CSV or as a workbook"),
        (r"\x89PNG|\xff\xd8\xff|GIF8", "a picture; export the contacts as CSV or as a workbook"),
        (r"SQLite format 3\0", "an SQLite database; name it as a URL: sqlite:///path/of/the/file"),
        (r"(?:version: ?1\s+)?dn::? ?\w+=", "an address book in LDIF; export it as CSV or vCard"),
    )
]
"""What people have where contacts should be, and what to do with it. Matched against the text, bytes as Latin-1."""
SINGER = re.compile(r"\{.*\"type\"\s*:\s*\"(?:SCHEMA|RECORD|STATE|ACTIVATE_VERSION|BATCH)\"")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows. `rows`: a frame, every column `str`, columns named as in the source. `lines`: the line on which each
    row begins (int64, 1 is the first of the file). `set_aside`: what could not be read, around these rows.
    `read_bytes`: how much of the source had been consumed when the chunk was made (for progress)."""

    rows: pd.DataFrame
    file: str
    lines: npt.NDArray[np.int64]
    set_aside: list[SetAside] = field(default_factory=list)
    read_bytes: int = 0


class RowSource(Protocol):
    """Rows of one place."""

    @property
    def full(self) -> bool:
        """Whether reading to the end shows every contact there is (only then can one be gone)."""

    @property
    def total_bytes(self) -> int | None:
        """The size of what will be read, `None` if unknown (for progress)."""

    def describe(self) -> Sequence[str]:
        """Sentences about what was found out: file, encoding, delimiter, header line."""

    def headers(self) -> Sequence[str]:
        """The column names. Raises `FixSetup` when there are none."""

    def chunks(self) -> Iterator[Chunk]:
        """All rows, in the source's order. May be called again; rows are read anew. Raises `FixSetup`, `TryLater`."""


@runtime_checkable
class ResumableSource(RowSource, Protocol):
    """Rows of a place that can be asked for what changed, and for single rows."""

    position: str | None
    """Where the next read may go on, once all chunks were read; `None` where that is unknown, and only a full read will do."""

    @property
    def signature(self) -> str:
        """Of what is asked of the place: a position says nothing about another question."""

    def resume(self, position: str) -> bool:
        """Read only what changed since a position of an earlier read; `False` where only a full read is possible."""

    def chunks_for(self, keys: Sequence[str]) -> Iterator[Chunk]:
        """The rows with these keys, as they are now; of those that are there no more, none."""


def kinds() -> list[str]:
    """The kinds of source there are."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def kind_of(path: str) -> str:
    """What kind of file a path, a pattern or `-` is, by its content: excel, parquet, vcard, jsonl, singer (messages of a tap),
    else csv. Raises `FixSetup` where there is no file, none that can be read, or files of several kinds; `TryLater` where one
    is compressed and damaged."""
    found = {shown: _kind(shown, start) for shown, start in _text.beginnings(path, LOOKED_AT)}
    (first, kind), *others = found.items()
    for shown, other in others:
        if other not in (kind, "csv"):  # what has no marks of its own is left to the kind of the first
            both = f"{first} is {CALLED[kind]}, {shown} is {CALLED[other]}"
            raise FixSetup(f"{path} means files of several kinds: {both}; make a source of each kind")
    return kind


def _kind(shown: str, start: bytes) -> str:
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(OLE) or (start.startswith(b"PK\3\4") and WORKBOOK.search(start)):
        return "excel"
    encoding = _text.marked(start) or "latin-1"
    text = start.decode(encoding, "ignore").lstrip("\ufeff \t\r\n")
    for mark, what in FOREIGN:
        if mark.match(text):
            raise FixSetup(f"{shown}: it is {what}")
    if text[:11].upper() == "BEGIN:VCARD":
        return "vcard"
    if text.startswith("{"):
        return "singer" if SINGER.match(text.splitlines()[0]) else "jsonl"
    return "jsonl" if re.match(r"\[\s*(?:\{|\]\s*$)", text) else "csv"


def _is_as_said(settings: Source) -> None:
    """Raises `FixSetup` for files that are of another kind than the settings say, or of none that is read."""
    faults: list[str] = []
    for shown, start in _text.beginnings(settings.path, LOOKED_AT):
        try:
            kind = _kind(shown, start)
        except FixSetup as fault:
            faults += fault.faults
            continue
        if kind not in (settings.type, "csv", "singer"):  # what has no marks of its own may be anything
            faults.append(f'{shown}: it is {CALLED[kind]}, not {CALLED[settings.type]}; set source.type to "{kind}"')
    if faults:
        raise FixSetup(*faults)


def open_source(settings: Source) -> RowSource:
    """The source that the settings name. Raises `FixSetup`."""
    if settings.type not in kinds():
        raise FixSetup(f"source.type: {settings.type!r} is unknown; there are: {', '.join(kinds())}")
    if settings.type in CALLED and settings.type != "singer":
        _is_as_said(settings)
    module = importlib.import_module(f"{__name__}.{settings.type}")
    source: RowSource = module.open_source(settings)
    return source
