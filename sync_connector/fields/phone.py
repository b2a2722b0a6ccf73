"""Phone numbers to E.164, as libphonenumber understands them, after the damage that CRMs and spreadsheets do is undone.

The library alone gets some cells silently wrong (it dials the letters of "(bureau)", and takes a second number for an
extension), so cells are cleaned and split before it sees them. What it says of the rest is the truth: a number is sent
only if the library calls it valid.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import phonenumbers

# Numbers of these share France's 0… numbering, so CRMs file them under FR; the library wants the territory.
OVERSEAS = {"FR": ("RE", "GP", "MQ", "GF", "YT")}

EXTENSION = re.compile(r"(?i)(?:[\s,;]*(?:;ext=|\b(?:ext|extension|poste|p|x|app|durchwahl|int)\b[.:\s]*|[#x]\s*))(\d{1,7})\s*$")
STRONG_SPLIT = re.compile(r"\s*(?::::|;(?!ext=)|\||\n|\r|\bou\b|\bor\b|\bet\b|\band\b|\boder\b)\s*", re.IGNORECASE)
WEAK_SPLIT = re.compile(r"\s*[/,]\s*")
SCIENTIFIC = re.compile(r"[+-]?\d+(?:[.,]\d+)?[eE]\+?\d{1,2}")
# Everything that separates digits in real cells, and that the library does not always skip (measured: U+202F, U+2009,
# U+2007, TAB, `·`, `_`, `\` make it refuse the number).
SEPARATORS = re.compile(r"[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff·_,\\]+")
PARENTHESIS = re.compile(r"\([^()\d]*\)")


class Phone(NamedTuple):
    """What a cell holds: its first valid number, or `None` with a reason; `notes` name what was left out or mended."""

    e164: str | None
    reason: str = ""
    notes: tuple[str, ...] = ()


def _valid(text: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _one(text: str, region: str | None) -> str | None:
    """A single number's E.164, if it has one in its region or in a territory that shares the region's numbering."""
    found = _valid(text, region)
    if found is None and region in OVERSEAS and text.startswith("0") and not text.startswith("00"):
        for territory in OVERSEAS[region]:
            if found := _valid(text, territory):
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
            return f"{Decimal(text.replace(',', '.')):f}", ""
        except InvalidOperation:
            return text, ""
    return re.sub(r"^(\+?\d{6,})[.,]0+$", r"\1", text), ""


def _bare(text: str) -> tuple[str, bool]:
    """A piece of a cell without label, note and odd separators, and whether another number went with the note."""
    text = PARENTHESIS.sub(" ", SEPARATORS.sub(" ", text)).strip()
    start = re.search(r"[+＋(\d]", text)
    text = text[start.start() :] if start else ""
    letters = re.search(r"[^\W\d_]", text)
    more = False
    if letters and _digits(text[: letters.start()]) >= 6:
        more = _digits(text[letters.start() :]) >= 6
        text = text[: letters.start()]
    return text.strip(" .,;:-–/(["), more


def _digits(text: str) -> int:
    return sum(c.isdigit() for c in text)


def _piece(text: str, region: str | None) -> tuple[str | None, str, tuple[str, ...]]:
    notes: tuple[str, ...] = ()
    if (extension := EXTENSION.search(text)) and _digits(text[: extension.start()]) >= 6:
        text = text[: extension.start()]
        notes = (f"extension {extension[1]} left out",)
    text, lost = _unspreadsheet(text.strip())
    if lost:
        return None, lost, ()
    bare, more = _bare(text)
    if not _digits(bare):
        return None, "no digits", ()
    if more:
        notes = (*notes, "another number in the cell left out")
    return _one(bare, region), "", notes


def phone_number(raw: str, region: str | None) -> Phone:
    """The number that a cell holds, in E.164, seen from a region (ISO alpha-2, or `None`: international only).

    A cell with several numbers gives the first valid one and a note that names how many were left out.
    """
    text = raw.strip().removeprefix("'").strip()
    if text.isascii() and text.replace(" ", "").replace("+", "", 1).isdigit() and (plain := _one(text, region)):
        return Phone(plain)
    pieces = [piece for piece in STRONG_SPLIT.split(text) if _digits(piece)]
    reason, rest = "", 0
    found: str | None = None
    notes: tuple[str, ...] = ()
    for piece in pieces:
        candidates = [piece]
        while candidates:
            candidate = candidates.pop(0)
            e164, why, said = _piece(candidate, region)
            if e164 is None and len(parts := _weakly_split(candidate)) > 1:
                candidates = parts + candidates
                continue
            reason = reason or why
            if e164 is None:
                continue
            if found is None:
                found, notes = e164, said
            elif e164 != found:
                rest += 1
    if rest:
        notes = (*notes, f"{rest} more number{'s' if rest > 1 else ''} in the cell left out")
    if found is None:
        where = f"in {region}" if region else "without a country"
        return Phone(None, reason or f"not a valid number {where}")
    return Phone(found, "", notes)


def _weakly_split(text: str) -> list[str]:
    """The numbers of a cell that separates them by `/` or `,`: only pieces long enough to be numbers count."""
    parts = [part for part in WEAK_SPLIT.split(text) if part]
    return parts if len(parts) > 1 and all(_digits(part) >= 6 for part in parts) else [text]


def phone_column(raws: Sequence[str], regions: Iterable[str | None]) -> list[Phone]:
    """A whole column, each cell seen from its own row's region."""
    return [phone_number(raw, region) for raw, region in zip(raws, regions, strict=True)]


def as_integer(e164: str) -> int:
    """An E.164 number as an integer: at most 15 digits, so that a column of them is a column of 64-bit numbers."""
    return int(e164[1:])


def region_of(e164: str) -> str:
    """The country (ISO alpha-2) that a number belongs to, `""` where it belongs to none (satellite, freephone)."""
    region = phonenumbers.region_code_for_number(phonenumbers.parse(e164))
    return region if region is not None and len(region) == 2 else ""
