"""Country to ISO 3166-1 alpha-2, from a code, a name in several languages, or a dialling prefix."""

from __future__ import annotations

import functools
import unicodedata

import phonenumbers
from babel import Locale
from babel.core import get_global

LANGUAGES = (
    "en",
    "fr",
    "de",
    "es",
    "it",
    "pt",
    "nl",
    "pl",
    "sv",
    "da",
    "fi",
    "nb",
    "cs",
    "ro",
    "tr",
    "ja",
    "zh",
    "el",
    "ar",
    "hu",
    "ru",
    "uk",
    "ko",
    "hi",
)

# Spellings that CRMs really contain and CLDR does not list.
EVERYDAY = {
    "uk": "GB", "great britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB", "northern ireland": "GB",
    "usa": "US", "u.s.a.": "US", "u.s.": "US", "united states of america": "US", "etats unis d amerique": "US",
    "holland": "NL", "the netherlands": "NL", "pays bas": "NL", "czech republic": "CZ", "republique tcheque": "CZ",
    "turkey": "TR", "ivory coast": "CI", "cote d ivoire": "CI", "russian federation": "RU", "south korea": "KR",
    "viet nam": "VN", "france metropolitaine": "FR", "reunion": "RE", "ile de la reunion": "RE", "republic of ireland": "IE",
    "el": "GR", "hong kong": "HK", "macau": "MO", "macao": "MO", "macedonia": "MK", "palestine": "PS", "myanmar": "MM",
    "swaziland": "SZ", "cape verde": "CV", "guyane": "GF",
}  # fmt: skip


OVERSEAS_POSTCODES = {"971": "GP", "972": "MQ", "973": "GF", "974": "RE", "976": "YT"}


def territory(country: str, postcode: str) -> str:
    """The country, or the French overseas territory that its postcode tells: CRMs file Réunion under France, the phone does
    not."""
    digits = "".join(postcode.split()).removesuffix(".0")
    if country == "FR" and len(digits) == 5 and digits.isdecimal():
        return OVERSEAS_POSTCODES.get(digits[:3], country)
    return country


def _folded(text: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(plain.replace("-", " ").replace("'", " ").replace("’", " ").split()).casefold()


@functools.cache
def _by_name() -> dict[str, str]:
    """Folded name → alpha-2. Built once, when the first name is met (about 20 ms)."""
    found: dict[str, str] = {}
    for language in LANGUAGES:
        for code, name in Locale(language).territories.items():
            if len(code) == 2 and code.isalpha() and code not in ("ZZ", "EU", "EZ", "UN", "XA", "XB", "QO"):
                found.setdefault(_folded(name), code)
    return found | EVERYDAY


def _of_state(code: str) -> str:
    """The code under which ISO, and the phone, know a territory that only the post tells apart."""
    return {"IC": "ES", "EA": "ES", "CP": "FR", "DG": "IO", "CQ": "GG"}.get(code, code)


@functools.cache
def _codes() -> frozenset[str]:
    return frozenset(_by_name().values())


@functools.lru_cache(maxsize=65_536)
def country_code(raw: str) -> str | None:
    """The alpha-2 code that a cell means: `""` for a blank cell, `None` for one that is not understood.

    `+1` and other shared prefixes give the largest country behind them (libphonenumber's main region).
    """
    text = raw.strip().strip("'").strip()
    if not text:
        return ""
    upper = text.upper()
    if len(upper) == 2 and upper.isascii() and upper.isalpha():
        if upper in _codes():
            return _of_state(upper)
        return EVERYDAY.get(upper.casefold())
    if len(upper) == 3 and upper.isalpha() and (alias := get_global("territory_aliases").get(upper)):
        return _of_state(alias[0]) if len(alias) == 1 and alias[0] in _codes() else None
    digits = text.removeprefix("+").removeprefix("00").strip()
    if digits.isascii() and digits.isdigit() and len(digits) <= 4:
        region = phonenumbers.region_code_for_country_code(int(digits))
        return region if len(region) == 2 and region != "ZZ" else None
    found = _by_name().get(_folded(text))
    return found and _of_state(found)


def time_zones(country: str) -> list[str]:
    """The time zones of a country (ISO alpha-2), as CLDR lists them; none where it is no country."""
    return sorted(zone for zone, territory in get_global("zone_territories").items() if territory == country)
