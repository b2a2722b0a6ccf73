"""The usual spelling of a name that was typed in capitals or in small letters.

Law: where the usual spelling cannot be told from the letters (accents that capitals lost in Greek, the two i's of Turkish,
an acronym), the answer is `""`: a wrong suggestion is worse than none.
"""

from __future__ import annotations

import re

# Small inside a name everywhere; at its beginning it is a question of the country.
_PARTICLES = (
    "de du des d la le les del della delle dello degli dei di da do dos das den der dem het ter ten te van von vom zu zum zur "
    "und y e i el al af av"
)
PARTICLES = frozenset(_PARTICLES.split())
# Never small: they are most often the name itself (Le Goff, La Fontaine, El Amrani, Al Khatib, Del Piero).
_FIRST_LARGE = "la le les el al i e y und den der dem het te do"
FIRST_LARGE = frozenset(_FIRST_LARGE.split())
# There the first particle is written large: Van den Broeck, De Luca, De Niro.
LARGE_COUNTRIES = frozenset(("BE", "IT", "US", "GB", "IE", "CA", "AU", "NZ", "ZA", "PH"))
ROMAN = frozenset(("II", "III", "IV", "VI", "VII", "VIII"))
DOTLESS = frozenset(("TR", "AZ"))
WORD = re.compile(r"[^\W\d_]+")
APOSTROPHES = "'’ʼ"


def usual_spelling(name: str, country: str) -> str:
    """A name's usual spelling, `""` where it cannot be told. `country` (ISO alpha-2 or `""`) decides on particles."""
    if not _is_known_script(name) or (country in DOTLESS and re.search("[Iiİı]", name)):
        return ""
    words = name.split(" ")
    spelled = [_word(word, place, len(words), words, country) for place, word in enumerate(words)]
    return " ".join(spelled)


def _is_known_script(name: str) -> bool:
    """Latin and Cyrillic letters. Capitals in Greek lose their accents; other scripts have none."""
    return all(
        not sign.isalpha() or ord(sign) < 0x250 or 0x400 <= ord(sign) < 0x530 or 0x1E00 <= ord(sign) < 0x1F00 for sign in name
    )


def _word(word: str, place: int, count: int, words: list[str], country: str) -> str:
    low = word.lower()
    if count > 1 and low in PARTICLES and place < count - 1:
        if place > 0:
            # Behind another particle (de la Tour, van der Berg) or between two names (Maria da Silva).
            return low if words[place - 1].lower() in PARTICLES or low not in FIRST_LARGE else low.capitalize()
        return low.capitalize() if low in FIRST_LARGE or country in LARGE_COUNTRIES else low
    if word.upper() in ROMAN and place:
        return word.upper()
    if len(word) > 1 and word[0] in APOSTROPHES and low[1:] in ("t", "s"):
        return low  # 't Hooft, 's Gravesande
    return "-".join(_part(part, country) for part in word.split("-"))


def _part(part: str, country: str) -> str:
    for apostrophe in APOSTROPHES:
        if apostrophe in part:
            head, _, tail = part.partition(apostrophe)
            return f"{_capital(head, country)}{apostrophe}{_part(tail, country)}" if len(tail) > 1 else _capital(part, country)
    return _capital(part, country)


def _capital(part: str, country: str) -> str:
    low = part.lower()
    if low.startswith("mc") and len(low) > 3:
        return "Mc" + low[2:].capitalize()
    if low.startswith("ij") and country == "NL":
        return "IJ" + low[2:]
    start = WORD.search(low)
    if start is None:
        return low
    at = start.start()
    return low[:at] + low[at:].capitalize()
