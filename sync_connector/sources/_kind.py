"""What kind of file is this? Found by its content, never by its name.

Not a source itself. Law: what cannot be contacts is called by its name, with what to do about it.
"""

from __future__ import annotations

import re

from sync_connector.config import Source
from sync_connector.errors import FixSetup
from sync_connector.sources._text import beginnings, marked

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


def kind_of(path: str) -> str:
    """What kind of file a path, a pattern or `-` is, by its content: excel, parquet, vcard, jsonl, singer (messages of a tap),
    else csv. Raises `FixSetup` where there is no file, none that can be read, or files of several kinds; `TryLater` where one
    is compressed and damaged."""
    found = {shown: _kind(shown, start) for shown, start in beginnings(path, LOOKED_AT)}
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
    encoding = marked(start) or "latin-1"
    text = start.decode(encoding, "ignore").lstrip("\ufeff \t\r\n")
    for mark, what in FOREIGN:
        if mark.match(text):
            raise FixSetup(f"{shown}: it is {what}")
    if text[:11].upper() == "BEGIN:VCARD":
        return "vcard"
    if text.startswith("{"):
        return "singer" if SINGER.match(text.splitlines()[0]) else "jsonl"
    return "jsonl" if re.match(r"\[\s*(?:\{|\]\s*$)", text) else "csv"


def is_as_said(settings: Source) -> None:
    """Raises `FixSetup` for files that are of another kind than the settings say, or of none that is read."""
    faults: list[str] = []
    for shown, start in beginnings(settings.path, LOOKED_AT):
        try:
            kind = _kind(shown, start)
        except FixSetup as fault:
            faults += fault.faults
            continue
        if kind not in (settings.type, "csv", "singer"):  # what has no marks of its own may be anything
            faults.append(f'{shown}: it is {CALLED[kind]}, not {CALLED[settings.type]}; set source.type to "{kind}"')
    if faults:
        raise FixSetup(*faults)
