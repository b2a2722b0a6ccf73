"""What stands in a cell for a text: nothing that a spreadsheet executes or reformats, and the way back to the text.

Pure. In a workbook every cell is text, so that only what no cell can hold must be shown otherwise: control characters, line
ends other than LF, more characters than fit. In CSV a spreadsheet guesses: a text that it would take for a formula, a number,
a date or a truth value gets an apostrophe before it, and so does what looks like a formula behind a `;`, `,`, tab or line end,
where a spreadsheet that is set up for another separator begins a cell.

Law: `unguarded(guarded(text)) == text` for every text; and a text that was never guarded is taken as it stands, unless it
begins with an apostrophe before such a formula, number or date, which is then our guard or means the same.
"""

from __future__ import annotations

import functools
import re
from itertools import islice

from babel.dates import get_month_names

MOST_UNITS = 32_767
"""Characters of a cell in a workbook, counted in UTF-16 units."""
CUT_AT = (MOST_UNITS, 65_535)
"""Where a spreadsheet may cut what it reads; one less where a pair of units would be parted."""
MOST_FEEDS = 253
"""Line ends of a cell in a workbook."""
CUT = " … [cut here; the rest is kept in this workbook]"
"""What a cell ends with that is longer. It stands for the rest: who edits the beginning and leaves it, keeps the rest."""

LINE_ENDS = re.compile(r"\r\n?")
# Controls but for tab and LF, surrogates and noncharacters: what XML, a spreadsheet or an encoding loses.
UNSEEN = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
    + "]"
)
# Two escapes of a workbook that share an underscore (_x005F_x000D_): written as text, they are read as something else.
ESCAPES = re.compile(r"_(?=x[0-9A-Fa-f]{4}_x[0-9A-Fa-f]{4}_)")

# --- what is seen ----------------------------------------------------------------------------------------------------


def visible(text: str) -> str:
    """A text as any cell can hold it: LF at the end of its lines, and no characters that nobody sees."""
    return UNSEEN.sub("", LINE_ENDS.sub("\n", text))


def shown(text: str) -> str:
    """A text as a cell of a workbook shows it."""
    seen = ESCAPES.sub("_ ", visible(text))
    head = _head(seen)
    return seen if head == seen else head + CUT


def is_fragile(text: str) -> bool:
    """Whether a workbook shows a text otherwise than it is, or some program loses a part of it on the way."""
    return "\t" in text or text.endswith(CUT) or shown(text) != text


def is_long(text: str) -> bool:
    """Whether a text may be longer than a cell of a spreadsheet."""
    return len(text) * 2 >= MOST_UNITS


def is_cut(cell: str, characters: int) -> bool:
    """Whether a spreadsheet cut a cell of a CSV file, as it stands there, whose text had so many characters: it ends where the
    spreadsheet's longest one does. (LibreOffice reads twice as many as it writes into a workbook.)"""
    return len(unguarded(cell)) < characters and _units(cell) in (*CUT_AT, *(units - 1 for units in CUT_AT))


def is_said(cell: str, original: str) -> bool:
    """Whether a cell still says all of a text, what no cell can hold apart."""
    return _comparable(cell) == _comparable(original)


def meant(cell: str, original: str) -> str:
    """What a cell means that `original` was written into: that, if it still says the same; else what the steward wrote, with
    the rest of a long text where he left it to be kept."""
    seen = shown(original)
    if is_said(cell, seen):
        return original
    if cell.endswith(CUT) and seen.endswith(CUT):
        return cell.removesuffix(CUT) + ESCAPES.sub("_ ", visible(original))[len(seen.removesuffix(CUT)) :]
    return cell


def _comparable(text: str) -> str:
    return visible(text).replace("\t", "")


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _head(seen: str) -> str:
    """The beginning of a text that fits into a cell with `CUT` behind it; the whole, if it fits without."""
    if seen.count("\n") <= MOST_FEEDS and (not is_long(seen) or _units(seen) <= MOST_UNITS):
        return seen
    head = seen.encode("utf-16-le")[: 2 * (MOST_UNITS - len(CUT))].decode("utf-16-le", "ignore")
    return "\n".join(head.split("\n")[: MOST_FEEDS + 1])


# --- what is guarded -------------------------------------------------------------------------------------------------

JUNK = "'\"\0\ufeff\u200b-\u200f\u2060-\u2064"
"""What may stand before a formula without being seen, or is lost where a text is split; blanks apart."""

FORMULA = re.compile(rf"[\s{JUNK}]*[=+\-@\t\r\n＝＋－＠]")
"""What may be taken for a formula by its beginning."""

_BEHIND, _BEFORE = r"(?<=[;,\t\r\n])", rf"(?=(?:[{JUNK}]|[^\S\t\r\n])*[=+\-@＝＋－＠])"
SPLIT, GUARDED_SPLIT = re.compile(_BEHIND + _BEFORE), re.compile(f"{_BEHIND}'{_BEFORE}")
"""Where a cell that is a formula would begin if the text were split there; and the same, with its guard."""

WORD = re.compile(r"[^\W\d_]+")
DIGIT = re.compile(r"\d")
IDENTIFIER = re.compile(r"(?!e\d)(?:[a-z]{1,2}[-_]?|#)\d+", re.IGNORECASE)
"""What has a digit and one word but is no amount, date or time anywhere: `C0001`, `FR75001`, `#001`."""

TRUTH = re.compile(
    "true|false|vrai|faux|wahr|falsch|verdadero|falso|vero|verdadeiro|waar|onwaar|prawda|fałsz|sant|falskt|sand|falsk|sann|usann"
    "|tosi|epätosi|pravda|nepravda|adevărat|fals|igaz|hamis|doğru|yanlış|истина|ложь",
    re.IGNORECASE,
)
ERROR = re.compile(r"#[^\W\d]\S*")
MONTHS_OF = ("en", "fr", "de", "es", "it", "nl", "pt", "pl", "sv", "da", "fi", "cs", "ro", "hu", "tr")
MOST_WORDS = 3
"""Words of a date with its weekday or time; what has more is a sentence."""


def guarded(text: str) -> str:
    """A text as a cell of a CSV file that no spreadsheet executes or reformats."""
    inside = SPLIT.sub("'", text)
    return f"'{inside}" if _is_guessed(inside.lstrip("'")) else inside


def unguarded(cell: str) -> str:
    """The text of a cell of a CSV file."""
    inside = cell[1:] if cell.startswith("'") and _is_guessed(cell.lstrip("'")) else cell
    return GUARDED_SPLIT.sub("", inside)


def _is_guessed(text: str) -> bool:
    """Whether a spreadsheet takes a text for something else, in any language that it is set up for. Where in doubt, it does."""
    if FORMULA.match(text):
        return True
    bare = text.strip()
    if DIGIT.search(bare) is None:
        return TRUTH.fullmatch(bare) is not None or ERROR.fullmatch(bare) is not None
    words = [found.group().casefold() for found in islice(WORD.finditer(bare), MOST_WORDS + 1)]
    if len(words) < 2:
        return IDENTIFIER.fullmatch(bare) is None
    return len(words) <= MOST_WORDS and not _months().isdisjoint(words)


@functools.cache
def _months() -> frozenset[str]:
    """The names of months in many languages, and their beginnings of three letters and more, which Excel knows, too."""
    names = {
        name.casefold()
        for locale in MONTHS_OF
        for width in ("wide", "abbreviated")
        for context in ("format", "stand-alone")
        for name in get_month_names(width, context, locale).values()
    }
    return frozenset(name[:letters] for name in names for letters in range(3, len(name) + 1))
