"""Source `vcard`: address books (.vcf) of phones, iCloud, Google and Outlook, in vCard 2.1, 3.0 and 4.0.

Law: one card, one row, one at a time: memory does not grow with the file. A card that cannot be read costs itself only,
and is set aside with the line on which it begins.

vobject unfolds and decodes the properties of a card. Before it sees them, those that become columns are picked out of the
lines here: pictures, keys and sounds are neither kept nor decoded, cards inside a card (AGENT) are another person's, and a
picture whose lines are not indented swallows nothing. Its reader of whole cards is not used: one bad picture costs it the
card, and it drops what stands behind a comma in a name or a number (measured with 0.9.9).
"""

from __future__ import annotations

import io
import quopri
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import unquote

import numpy as np
from vobject.base import ContentLine, VObjectError, getLogicalLines, textLineToContentLine
from vobject.icalendar import stringToTextValues
from vobject.vcard import splitFields

from sync_connector.config import Source
from sync_connector.errors import FixSetup
from sync_connector.model import Place, SetAside
from sync_connector.sources import Chunk, RowSource
from sync_connector.sources._table import frame
from sync_connector.sources._text import TextFile, find, utf8

MAX_LINE = 64 << 10
MAX_CARD = 256 << 10
MAX_VALUES = 50
ROWS = 1_000
KEPT_TEXT = 2_000

NAMES = ("UID", "FN", "Family Name", "Given Name", "Additional Names", "Prefix", "Suffix", "Nickname", "Organization", "Title")
ADDRESS = ("ADR 1 - Street", "ADR 1 - City", "ADR 1 - Region", "ADR 1 - Postal Code", "ADR 1 - Country")
WANTED = {"VERSION", "UID", "FN", "N", "NICKNAME", "ORG", "TITLE", "TEL", "EMAIL", "ADR", "REV", "X-ABLABEL", "KIND"}
WANTED |= {"X-ADDRESSBOOKSERVER-KIND"}  # iCloud's word for KIND
PROPERTY = re.compile(r"(?:(?P<group>[\w-]+)\.)?(?P<name>[A-Za-z][\w-]*)(?P<rest>[;:].*)", re.DOTALL)
PLACES = ("HOME", "WORK", "OTHER")
KINDS = ("CELL", "MOBILE", "IPHONE", "FAX", "PAGER", "CAR", "MAIN", "TEXTPHONE")
QUOTED = re.compile("quoted-printable", re.IGNORECASE)
WITHOUT_CHARSET = re.compile(r"(?im)^((?![^:\r\n]*CHARSET)[\w.-]+;[^:\r\n]*QUOTED-PRINTABLE[^:\r\n]*):")
ANDROID = re.compile(r"^([A-Za-z.\d-]+);X-[\w-]*\(([^()]*)\)")
OWN_LABEL = "X-OWN-LABEL"
APPLE_LABEL = re.compile(r"_\$!<(.*)>!\$_")


class _Card(NamedTuple):
    """The lines of a card that are of use. `fault`: why it cannot be read; `phones`, `emails`: how many it has."""

    line: int
    text: str
    fault: tuple[str, str] | None
    phones: int
    emails: int


class _Width(NamedTuple):
    """As many phones and e-mails as the fullest card has."""

    phones: int
    emails: int


def open_source(settings: Source) -> RowSource:
    """A file, a glob of files, or `-`. Raises `FixSetup`, every file without a card at once."""
    files = find(settings.path, settings.encoding)
    faults = []
    phones = emails = 1
    counts = []
    for file in files:
        count = 0
        for card in _cards(file):
            count += 1
            phones, emails = max(phones, card.phones), max(emails, card.emails)
        if not count:
            faults.append(f"{file.shown}: there is no BEGIN:VCARD in it; export the address book as vCard (.vcf)")
        counts.append(count)
    if faults:
        raise FixSetup(*faults)
    return AddressBooks(files, counts, _Width(min(phones, MAX_VALUES), min(emails, MAX_VALUES)))


class AddressBooks:
    """The cards of one or several files; reading to the end shows every contact there is."""

    full = True

    def __init__(self, files: Sequence[TextFile], counts: Sequence[int], width: _Width) -> None:
        self._files = files
        self._counts = counts
        self._width = width

    @property
    def total_bytes(self) -> int | None:
        """Bytes on disk, unless some are compressed."""
        return None if any(file.packed for file in self._files) else sum(file.size for file in self._files)

    def describe(self) -> Sequence[str]:
        """One sentence a file."""
        return [
            f"{file.shown}: vCard, {file.encoding}, {count:,} cards, up to {self._width.phones} phone numbers each"
            for file, count in zip(self._files, self._counts, strict=True)
        ]

    def headers(self) -> Sequence[str]:
        """The parts of a card; as many phones and e-mails as the fullest card has."""
        phones = [f"TEL {n} - {part}" for n in range(1, self._width.phones + 1) for part in ("Type", "Value")]
        emails = [f"EMAIL {n} - Value" for n in range(1, self._width.emails + 1)]
        return (*NAMES, *phones, *emails, *ADDRESS, "REV", "Kind")

    def chunks(self) -> Iterator[Chunk]:
        """All cards of all files; a row's line is that of its BEGIN:VCARD."""
        before = 0
        headers = self.headers()
        for file, count in zip(self._files, self._counts, strict=True):
            rows: list[list[str]] = []
            lines: list[int] = []
            aside: list[SetAside] = []
            for met, card in enumerate(_cards(file), start=1):
                row = card.fault or _row(card, self._width)
                if isinstance(row, tuple):
                    aside.append(SetAside(Place(file.shown, card.line), *row, card.text[:KEPT_TEXT].rstrip()))
                else:
                    rows.append(row)
                    lines.append(card.line)
                if len(rows) + len(aside) >= ROWS:
                    done = before + file.size * min(met, count) // max(1, count)
                    yield Chunk(frame(rows, headers), file.shown, np.array(lines, dtype=np.int64), aside, done)
                    rows, lines, aside = [], [], []
            before += file.size
            if rows or aside:
                yield Chunk(frame(rows, headers), file.shown, np.array(lines, dtype=np.int64), aside, before)


# --- lines to cards --------------------------------------------------------------------------------------------------


def _lines(file: TextFile) -> Iterator[tuple[int, str, bool]]:
    """Each line with its number, without its end, and whether it was cut at 64 KiB (a picture on one line is)."""
    with utf8(file) as stream:
        start = stream.read(MAX_LINE)
    with utf8(file, old_mac=b"\n" not in start and b"\r" in start) as stream:
        number = 0
        while raw := stream.readline(MAX_LINE):
            number += 1
            cut = len(raw) == MAX_LINE and not raw.endswith(b"\n")
            rest = raw if cut else b""
            while rest and not rest.endswith(b"\n"):
                rest = stream.readline(MAX_LINE)
            yield number, raw.decode("utf-8", "replace").rstrip("\r\n").lstrip("\ufeff"), cut


def _labelled(match: re.Match[str]) -> str:
    """Android's `TEL;X-CUSTOM(CHARSET=UTF-8,ENCODING=QUOTED-PRINTABLE,Mobil=65):`, which is no vCard, as a parameter."""
    *how, text = match[2].split(",")
    if any(QUOTED.search(word) for word in how):
        text = quopri.decodestring(text.encode("utf-8")).decode("utf-8", "replace")
    text = re.sub(r"[\x00-\x1f\";:,]+", " ", text).strip()
    return f'{match[1]};{OWN_LABEL}="{text}"' if text else match[1]


def _cards(file: TextFile) -> Iterator[_Card]:
    """The cards of a file, each made of the lines that are of use."""
    card: _Lines | None = None
    for number, line, cut in _lines(file):
        word = line.strip().upper().replace(" ", "")
        if word == "BEGIN:VCARD":
            if card is None:
                card = _Lines(number, file)
                continue
            if card.expects_card:
                card.inside += 1
                continue
            yield card.made(("unclosed_card", f"the card has no END:VCARD; another begins on line {number}"))
            card = _Lines(number, file)
        elif card is None:
            continue
        elif word == "END:VCARD":
            if card.inside:
                card.inside -= 1
                continue
            yield card.made()
            card = None
        elif not card.inside:
            card.take(number, line, cut)
    if card is not None:
        yield card.made(("unclosed_card", "the card has no END:VCARD: the file may be cut short"))


class _Lines:
    """A card while its lines come in. `inside`: how many cards in it are open."""

    def __init__(self, line: int, file: TextFile) -> None:
        self.line = line
        self.inside = 0
        self._replaced = file.encoding if file.replaced else ""
        self._kept: list[str] = []
        self._size = 0
        self._counts = {"TEL": 0, "EMAIL": 0}
        self._name = ""  # of the property that the last line is part of
        self._soft = False  # quoted-printable goes on in the next line
        self._quoted = False
        self._fault: tuple[str, str] | None = None

    @property
    def expects_card(self) -> bool:
        """Whether a card may stand inside here."""
        return self._name == "AGENT"

    def take(self, number: int, line: str, cut: bool) -> None:
        """A line of this card."""
        goes_on = self._soft or line[:1] in (" ", "\t")
        if not goes_on:
            line = ANDROID.sub(_labelled, line, count=1)
            match = PROPERTY.fullmatch(line)
            if match:
                self._name = match["name"].upper().replace("_", "-")
                self._quoted = "QUOTED-PRINTABLE" in match["rest"].partition(":")[0].upper()
                if self._quoted:  # vobject knows it in capitals only
                    line = QUOTED.sub("QUOTED-PRINTABLE", line, count=1)
                if self._name in self._counts:
                    self._counts[self._name] += 1
            elif line.strip() and self._name in WANTED | {""}:
                self._blame("bad_line", f"line {number} is no property of a vCard")
        self._soft = self._quoted and line.rstrip().endswith("=")
        line = line.rstrip() if self._soft else line
        wanted = self._name in WANTED
        if wanted and line.strip():
            if cut:
                self._blame("too_long", f"line {number} is longer than 64 KiB")
            if self._replaced and "\ufffd" in line:
                self._blame("undecodable", f"line {number} holds bytes that are not {self._replaced}; set the source's encoding")
            self._size += len(line)
            if self._size > MAX_CARD:
                self._blame("too_long", "the card's names, numbers and addresses are longer than 256 KiB")
            else:
                self._kept.append(line)

    def _blame(self, code: str, reason: str) -> None:
        self._fault = self._fault or (code, reason)

    def made(self, fault: tuple[str, str] | None = None) -> _Card:
        """The card, as far as it came."""
        if max(self._counts.values()) > MAX_VALUES:
            self._blame("too_long", f"the card has more than {MAX_VALUES} numbers or addresses")
        text = "\r\n".join(["BEGIN:VCARD", *self._kept, "END:VCARD", ""])
        return _Card(self.line, text, fault or self._fault, self._counts["TEL"], self._counts["EMAIL"])


# --- card to row -----------------------------------------------------------------------------------------------------


def _row(card: _Card, width: _Width) -> list[str] | tuple[str, str]:
    """A card's cells, or why there are none: code and reason."""
    try:
        try:
            properties = _properties(card.text)
        except UnicodeError:  # Outlook writes vCard 2.1 in the code page of Windows, and does not say so
            properties = _properties(WITHOUT_CHARSET.sub(r"\1;CHARSET=CP1252:", card.text))
    except (VObjectError, ValueError, LookupError) as fault:
        return "bad_card", f"the card cannot be read ({_said(fault)})"
    names = [_joined(part, " ") for part in _fields(properties.get("N"), 5)]
    company = [cell for part in _fields(properties.get("ORG"), 0) if (cell := _joined(part, ", "))]
    labels = {line.group: _text(line.value).strip() for line in properties.get("X-ABLABEL", []) if line.group}
    phones = sorted(properties.get("TEL", []), key=lambda line: not _is_preferred(line))
    emails = sorted(properties.get("EMAIL", []), key=lambda line: not _is_preferred(line))
    cells = [_first(properties, "UID"), _first(properties, "FN"), *names, _first(properties, "NICKNAME")]
    cells += [", ".join(company), _first(properties, "TITLE")]
    for line in phones:
        cells += [_label(line, labels), _number(_text(line.value))]
    cells += [""] * (2 * (width.phones - len(phones)))
    cells += [_text(line.value).removeprefix("mailto:") for line in emails] + [""] * (width.emails - len(emails))
    filled = [line for line in properties.get("ADR", []) if line.value.strip("; ")]
    _, _, street, city, region, code, country = (_joined(part, ", ") for part in _fields(filled, 7))
    kind = _first(properties, "KIND") or _first(properties, "X-ADDRESSBOOKSERVER-KIND")
    return [*cells, street, city, region, code, country, _first(properties, "REV"), kind]


def _properties(text: str) -> dict[str, list[ContentLine]]:
    """The properties of a card by name. vobject unfolds and decodes them; it is not let split their values, for it drops
    what stands behind a comma in a name or a number."""
    found: dict[str, list[ContentLine]] = {}
    for logical, number in getLogicalLines(io.StringIO(text), allowQP=True):
        line = textLineToContentLine(logical, number)
        found.setdefault(line.name.replace("_", "-"), []).append(line)
    return found


def _fields(lines: Sequence[ContentLine] | None, count: int) -> list[str | list[str]]:
    """The parts of the first of some lines, each one value or several; at least `count`, and no more if it is not 0."""
    fields: list[str | list[str]] = splitFields(lines[0].value) if lines else []
    fields += [""] * (count - len(fields))
    return fields[:count] if count else fields


def _joined(part: str | list[str], joint: str) -> str:
    if isinstance(part, str):
        return part
    return joint.join(cell for piece in part if (cell := piece.strip()))


def _said(fault: Exception) -> str:
    """What is wrong, without what the card holds."""
    if isinstance(fault, UnicodeError):
        return "its bytes are not in the CHARSET that it names"
    if isinstance(fault, LookupError) and "encoding" in str(fault):
        return "it names a CHARSET that does not exist"
    return "a property is not written as the vCard standard says"


def _text(value: str) -> str:
    """A value without the signs that protect commas and line feeds."""
    text: str = stringToTextValues(value, listSeparator="")[0]
    return text


def _first(properties: dict[str, list[ContentLine]], name: str) -> str:
    return next((text for line in properties.get(name, []) if (text := _text(line.value))), "")


def _types(line: ContentLine) -> list[str]:
    """The kinds of a phone or an e-mail, however they are written: `;CELL`, `;TYPE=CELL,VOICE`, `;TYPE="cell,voice"`."""
    words = [word for given in line.params.get("TYPE", []) for word in given.split(",")] + list(line.singletonparams)
    return [word.strip().upper() for word in words if word.strip()]


def _is_preferred(line: ContentLine) -> bool:
    return "PREF" in _types(line) or line.params.get("PREF", [""])[0] == "1"


def _label(line: ContentLine, labels: dict[str, str]) -> str:
    """What kind of number it is: `CELL`, `WORK CELL`, `HOME FAX`, …; else what its owner calls it; else `HOME` or `WORK`.

    The words of vCard come in one order, so that a mapping can list them; those that say nothing (VOICE, PREF) are left.
    """
    types = _types(line)
    place = [word for word in PLACES if word in types]
    kind = [word for word in KINDS if word in types]
    label = labels.get(line.group or "") or line.params.get(OWN_LABEL, [""])[0]
    if match := APPLE_LABEL.fullmatch(label):
        label = match[1]
    if label and not kind:
        return label
    return " ".join(place + kind) or ("VOICE" if "VOICE" in types else "")


def _number(text: str) -> str:
    """A number as text; of a `tel:` address the number and its extension."""
    if text.strip()[:4].lower() != "tel:":
        return text
    number, *parameters = unquote(text.strip()[4:]).split(";")
    extension = next((part for part in parameters if part.lower().startswith("ext=")), "")
    return f"{number};{extension}" if extension else number
