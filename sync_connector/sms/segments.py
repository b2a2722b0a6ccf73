"""Into how many SMS a text is cut (3GPP TS 23.038 and 23.040), and which signs make it dear.

Pure. Law: what is counted is what is sent. A sign of two units, be it the escape and its sign or a surrogate pair, is never
torn apart at a part's end; and `plain` is advice, never applied by itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from gsm0338 import Codec

Encoding = Literal["GSM-7", "UCS-2"]

ALONE: Final[dict[Encoding, int]] = {"GSM-7": 160, "UCS-2": 70}
"""Units of a message in one part."""
TOGETHER: Final[dict[Encoding, int]] = {"GSM-7": 153, "UCS-2": 67}
"""Units of each part of a longer one: a header tells the parts' order."""
ESCAPE: Final = "\x1b"
BEYOND_16_BITS: Final = 0x10000
REMEMBERED: Final = 4096

_CODEC: Final = Codec()
_INVISIBLE: Final = re.compile("[\u00ad\u200b\u200e\u200f\u2060\ufeff]")  # joiners hold letters and emoji together
_GUILLEMETS: Final = re.compile(r"«\s?|\s?»")  # the French write a blank within
_PAIRS: Final = (("n°", "no"), ("N°", "No"), ("m²", "m2"), ("m³", "m3"))
_LIKE: Final = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u2039\u203a\u00b4`", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2022", "-"),
        "\t": " ",
        "\u2028": "\n",
        "\u2029": "\n",
        "·": ".",
        "×": "x",
        "œ": "oe",
        "Œ": "OE",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ı": "i",
    }
)
_ACCENT: Final = re.compile("[\u0300-\u036f]")
_APART: Final = ("<super>", "<sub>", "<fraction>", "<circle>")
"""Kinds of signs that say something else once they stand as plain digits: 10² is not 102."""


class Segments(NamedTuple):
    """How a text is sent: its encoding, how many SMS it makes (0: the text is blank), how long it is (septets of GSM-7, or
    units of 16 bits), and the distinct signs that force UCS-2, in the order in which they appear."""

    encoding: Encoding
    parts: int
    units: int
    culprits: tuple[str, ...]


def segments(text: str) -> Segments:
    """Into how many SMS a text is cut. A blank text is none."""
    if not text.strip():
        return Segments("GSM-7", 0, 0, ())
    culprits = tuple(dict.fromkeys(sign for sign in text if not _septets(sign)))
    if culprits:
        return _counted("UCS-2", [2 if ord(sign) >= BEYOND_16_BITS else 1 for sign in text], culprits)
    return _counted("GSM-7", [_septets(sign) for sign in text], ())


def plain(text: str) -> str:
    """The text with its typographic signs, and the accents that GSM-7 does not have, replaced by what GSM-7 has. What has no
    such likeness (an emoji, Cyrillic) stays as it is."""
    text = _GUILLEMETS.sub('"', unicodedata.normalize("NFC", _INVISIBLE.sub("", text)))
    text = "".join(sign if _septets(sign) else _likeness(sign) for sign in text)
    for dear, cheap in _PAIRS:
        text = text.replace(dear, cheap)
    return text


def _counted(encoding: Encoding, widths: Iterable[int], culprits: tuple[str, ...]) -> Segments:
    """The signs shared out in their order: one that does not fit whole begins the next part."""
    parts, units, filled = 1, 0, 0
    for width in widths:
        units += width
        if filled + width > TOGETHER[encoding]:
            parts, filled = parts + 1, 0
        filled += width
    return Segments(encoding, 1 if units <= ALONE[encoding] else parts, units, culprits)


@lru_cache(maxsize=REMEMBERED)
def _septets(sign: str) -> int:
    """How many septets a sign takes; 0 if GSM-7 does not have it."""
    if sign == ESCAPE:  # the library writes it, and whoever reads it takes the next sign for another
        return 0
    try:
        return len(_CODEC.encode(sign)[0])
    except UnicodeEncodeError:
        return 0


@lru_cache(maxsize=REMEMBERED)
def _likeness(sign: str) -> str:
    if _ACCENT.match(sign):  # one that no letter has of its own
        return ""
    if unicodedata.decomposition(sign).startswith(_APART):
        return sign
    apart = _ACCENT.sub("", unicodedata.normalize("NFKD", sign.translate(_LIKE))).translate(_LIKE)
    return apart if apart and all(_septets(each) for each in apart) else sign
