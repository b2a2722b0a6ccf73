"""Phone numbers to E.164, as libphonenumber understands them, after the damage that CRMs and spreadsheets do is undone.

The library alone gets some cells silently wrong (it dials the letters of "(bureau)", and takes a second number for an
extension), so cells are cleaned and split before it sees them. What it says of the rest is the truth: a number is sent
only if the library calls it valid.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import phonenumbers

from sync_connector.fields._phone_patterns import affirmed

# These share one 0… numbering, so CRMs file a number of one under another; the library wants the right one.
_FRENCH = ("FR", "RE", "GP", "MQ", "GF", "YT")
OVERSEAS = {region: tuple(other for other in _FRENCH if other != region) for region in _FRENCH}

EXTENSION = re.compile(
    r"(?i)(?:[\s,;]*(?:;ext=|(?<![^\W\d_])(?:extension|extn?|anexo|poste?|app|durchwahl|int|доб|p|x)(?![^\W\d_])[.:\s]*|[#~×＃～ｘ]\s*))(\d{1,20})\s*$"
    r"|\s-+\s*(\d{1,6})#\s*$"
)
STRONG_SPLIT = re.compile(r"\s*(?::::|;(?!ext=)|\||\n|\r|\bou\b|\bor\b|\bet\b|\band\b|\boder\b)\s*", re.IGNORECASE)
WEAK_SPLITS = tuple(map(re.compile, (r"\s*,\s*", r"\s*/\s*", r"\s*\([^()\d]*\)\s*", r"\s+[-–—]\s+", r"\s{2,}")))
INTERNATIONAL = re.compile(r"\W*(?:[+＋]|00)")
NATIONAL_REST = re.compile(r"[^\w+＋]*[1-9]")
LINE_FEEDS = re.compile(r"[\r\n]+")
BROKEN_PREFIX = re.compile(r"((?:[+＋]|(?<![\d)])(?<![\d)] )00)[\d ()]{1,6})[\r\n]\s*(?=[1-9(])")
# One number, if it is valid: nothing in it could be a note, an extension or a spreadsheet's decimals.
PLAIN = re.compile(r"(?!.*\.0+$)\(?\+?[0-9][0-9 ()./-]*")
SCIENTIFIC = re.compile(r"[+-]?\d+(?:[.,]\d+)?[eE]\+?\d{1,2}")
# Everything that separates digits in real cells, and that the library does not always skip (measured: U+202F, U+2009,
# U+2007, TAB, `·`, `_`, `\` make it refuse the number).
SEPARATORS = re.compile(r"[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff·_,\\]+")
PARENTHESIS = re.compile(r"\([^()\d]*\)")


class Phone(NamedTuple):
    """What a cell holds: its first valid number, or `None` with a reason; `notes` name what was left out or mended, and
    `others` are the valid numbers behind the first."""

    e164: str | None
    reason: str = ""
    notes: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


Judge = Callable[[str, str | None], str | None]
"""Who says whether a number, seen from a region, is valid: its E.164, or `None`."""


def by_library(text: str, region: str | None) -> str | None:
    """What phonenumbers says."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def by_shortcut(text: str, region: str | None) -> str | None:
    """The same, in a tenth of the time where the number is written plainly and valid."""
    return affirmed(text, region) or by_library(text, region)


def _one(text: str, region: str | None, judge: Judge) -> str | None:
    """A single number's E.164, if it has one in its region or in a territory that shares the region's numbering."""
    found = judge(text, region)
    if found is None and text.startswith("00"):
        return judge(f"+{text[2:]}", None)  # the way most of the world dials abroad, wherever the person lives
    if found is None and region in OVERSEAS and not text.startswith(("+", "＋", "00")):
        for territory in OVERSEAS[region]:
            if found := judge(text, territory):
                return found
    return found


def _unspreadsheet(text: str) -> tuple[str, str]:
    """Undo what a spreadsheet does to a number; the second value says why that is not possible."""
    if SCIENTIFIC.fullmatch(text):
        try:
            mantissa, exponent = re.split("[eE]", text.replace(",", "."))
            decimals = len(mantissa.partition(".")[2])
            if int(exponent) > decimals:
                return text, "a spreadsheet rounded this number (scientific notation); its last digits are lost"
            text = f"{Decimal(text.replace(',', '.')):f}"
        except InvalidOperation:
            return text, ""
    return re.sub(r"^(\+?\d{6,})[.,]0+$", r"\1", text), ""


def _bare(text: str) -> tuple[str, int]:
    """A piece of a cell without label, note and odd separators, and how many digits went with the note.

    No letter is left, whatever stands before it: the library would dial it.
    """
    text = PARENTHESIS.sub(" ", SEPARATORS.sub(" ", text)).strip()
    start = re.search(r"[+＋(\d]", text)
    text = text[start.start() :] if start else ""
    lost = 0
    if letters := re.search(r"[^\W\d_]", text):
        lost = _digits(text[letters.start() :])
        text = text[: letters.start()]
    return text.strip(" .,;:-–/(["), lost


def _digits(text: str) -> int:
    return sum(c.isdigit() for c in text)


def _piece(text: str, region: str | None, judge: Judge) -> tuple[str | None, str, tuple[str, ...]]:
    notes: tuple[str, ...] = ()
    if (extension := EXTENSION.search(text)) and _digits(text[: extension.start()]) >= 6:
        text = text[: extension.start()]
        notes = (f"extension {extension[1] or extension[2]} left out",)
    text, lost = _unspreadsheet(text.strip())
    if lost:
        return None, lost, ()
    bare, left_out = _bare(text)
    if not _digits(bare):
        return None, "no digits", ()
    if left_out:
        notes = (*notes, "another number in the cell left out" if left_out >= 6 else "a note behind the number left out")
    return _one(bare, region, judge), "", notes


def phone_number(raw: str, region: str | None, judge: Judge = by_shortcut) -> Phone:
    """The number that a cell holds, in E.164, seen from a region (ISO alpha-2, or `None`: international only).

    A cell with several numbers gives the first valid one and a note that names how many were left out.
    """
    text = BROKEN_PREFIX.sub(r"\1 ", raw.strip().removeprefix("'").strip())
    if PLAIN.fullmatch(text) and (plain := _one(text, region, judge)):
        return Phone(plain)
    pieces = [piece for piece in STRONG_SPLIT.split(text) if _digits(piece)]
    if (
        len(pieces) > 1 and LINE_FEEDS.search(text) and all(_digits(piece) <= 4 for piece in pieces)
    ):  # one number, written over several lines
        pieces = [LINE_FEEDS.sub(" ", text)]
    reason = ""
    others: list[str] = []
    found: str | None = None
    notes: tuple[str, ...] = ()
    for piece in pieces:
        candidates = [piece]
        while candidates:
            candidate = candidates.pop(0)
            e164, why, said = _piece(candidate, region, judge)
            if e164 is None and len(parts := _weakly_split(candidate)) > 1:
                candidates = parts + candidates
                continue
            reason = reason or why
            if e164 is None:
                continue
            if found is None:
                found, notes = e164, said
            elif e164 != found:
                others.append(e164)
    if rest := len(others):
        notes = (*notes, f"{rest} more number{'s' if rest > 1 else ''} in the cell left out")
    if found is None:
        where = f"in {region}" if region else "without a country"
        return Phone(None, reason or f"not a valid number {where}")
    return Phone(found, "", notes, tuple(dict.fromkeys(others)))


def _weakly_split(text: str) -> list[str]:
    """The numbers of a cell that separates them by `,`, `/`, ` - `, a note or a wide blank: only pieces long enough to be
    numbers count, and what follows a country's prefix without one of its own is the rest of that number."""
    for separator in WEAK_SPLITS:
        parts = [part for part in separator.split(text) if part]
        if len(parts) < 2 or any(_digits(part) < 6 for part in parts):
            continue
        if not (INTERNATIONAL.match(parts[0]) and any(NATIONAL_REST.match(part) for part in parts[1:])):
            return parts
    return [text]


def phone_column(raws: Sequence[str], regions: Iterable[str | None], judge: Judge = by_shortcut) -> list[Phone]:
    """A whole column, each cell seen from its own row's region."""
    return [phone_number(raw, region, judge) for raw, region in zip(raws, regions, strict=True)]


def as_integer(e164: str) -> int:
    """An E.164 number as an integer: at most 15 digits, so that a column of them is a column of 64-bit numbers."""
    return int(e164[1:])


def region_of(e164: str) -> str:
    """The country (ISO alpha-2) that a number belongs to, `""` where it belongs to none (satellite, freephone)."""
    region = phonenumbers.region_code_for_number(phonenumbers.parse(e164))
    return region if region is not None and len(region) == 2 else ""
