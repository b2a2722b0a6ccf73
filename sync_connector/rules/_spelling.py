"""The usual spelling of a name that was typed in capitals or in small letters.

Law: where the usual spelling cannot be told from the letters (accents that capitals lost in Greek, the two i's of Turkish,
an acronym), the answer is `""`: a wrong suggestion is worse than none.
"""

from __future__ import annotations

import re
import unicodedata

# Small inside a name everywhere; at its beginning it is a question of the country.
_PARTICLES = (
    "de du des d la le les del della delle dello degli dei di da do dos das den der dem het ter ten te van von vom zu zum zur "
    "und el al af av"
)
PARTICLES = frozenset(_PARTICLES.split())
# Articles that are most often the name itself (Le Goff, La Fontaine, El Amrani), and small only behind a particle (de la Tour).
ARTICLES = frozenset(("la", "le", "les", "el", "al"))
# At the beginning of a name they are no particles: `do` is Vietnamese there, a letter an initial.
NEVER_FIRST = frozenset(("und", "do"))
# A single letter inside a name joins two names there; elsewhere it is an initial.
JOINS = {"y": frozenset(("ES", "MX", "AR", "CL", "CO", "PE")), "e": frozenset(("PT", "BR")), "i": frozenset(("ES",))}
# `Van` is Vietnamese as well (Nguyen Van Tuan): it is Dutch for sure only there, or before another particle.
DUTCH = frozenset(("NL", "BE", "DE", "ZA"))
# There the first particle is written large: Van den Broeck, De Luca, De Niro.
LARGE_COUNTRIES = frozenset(("BE", "IT", "US", "GB", "IE", "CA", "AU", "NZ", "ZA", "PH"))
ROMAN = frozenset(("II", "III", "IV", "VI", "VII", "VIII"))
DOTLESS = frozenset(("TR", "AZ"))
VOWEL = re.compile("[aeiouyæøœıаеёиоуыэюяіє]")
WORD = re.compile(r"[^\W\d_]+")
APOSTROPHES = "'’ʼ"


def usual_spelling(name: str, country: str) -> str:
    """A name's usual spelling, `""` where it cannot be told or is the name's already. `country` (ISO alpha-2 or `""`) decides
    on particles."""
    if not _is_known_script(name) or re.search("[Iiİı]" if country in DOTLESS else "[İı]", name):
        return ""
    words = name.split(" ")
    low = [word.lower() for word in words]
    for place, word in enumerate(low[:-1]):
        if word == "van" and country not in DUTCH and low[place + 1] not in PARTICLES:
            return ""
    if any(len(word) > 2 and word.isalpha() and not VOWEL.search(unicodedata.normalize("NFD", word)) for word in low):
        return ""  # an acronym
    spelling = " ".join(_word(words, place, country) for place in range(len(words)))
    return spelling if spelling != name and len(spelling) == len(name) else ""  # ß, ŉ: two letters where they are large


def _is_known_script(name: str) -> bool:
    """Latin and Cyrillic letters. Capitals in Greek lose their accents; other scripts have none."""
    return all(
        not sign.isalpha() or ord(sign) < 0x250 or 0x400 <= ord(sign) < 0x530 or 0x1E00 <= ord(sign) < 0x1F00 for sign in name
    )


def _word(words: list[str], place: int, country: str) -> str:
    word, low = words[place], words[place].lower()
    last = place == len(words) - 1
    if low in JOINS and place and not last:
        return low if country in JOINS[low] else low.upper()
    if low in PARTICLES and not last:
        if place == 0:
            large = low in ARTICLES or low in NEVER_FIRST or country in LARGE_COUNTRIES
        else:
            large = low in ARTICLES and words[place - 1].lower() not in PARTICLES
        return low.capitalize() if large else low
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
