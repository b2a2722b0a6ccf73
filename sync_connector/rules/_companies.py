"""Legal forms by which a company is recognized where a person's name belongs.

A list of one's own on purpose: lists made for cleaning company names (cleanco's, for one) hold forms that are people's names as
well (Da, Ba, Et, As, Asa, Vos, Doo), and here a false alarm costs more than a form that is missed.
"""

from __future__ import annotations

import re

_FORMS = (
    "sarl sasu eurl selarl selas scop gaec gmbh ggmbh mbh gbr ohg kgaa ltd limited llc llp plc pllc inc incorporated corp "
    "corporation bvba sprl cvba vzw asbl srl srls sagl sgps lda ltda eireli unipessoal kft zrt nyrt oyj aps ehf uab dooel "
    "pty pvt bhd sdn pte stichting ооо оао зао пао тоо"
)
FORMS = frozenset(_FORMS.split())
"""Whole words, dots left out, in any case; none of them is a name that people bear."""

ENDINGS = {
    "SA": "FR BE CH LU ES PT BR AR CL PE CO MX MA TN DZ SN CI PL RO GR",
    "AG": "DE AT CH LI LU",
    "KG": "DE AT",
    "UG": "DE",
    "EV": "DE",
    "AB": "SE FI",
    "OY": "FI",
    "AS": "NO CZ SK EE LV TR DK",
    "NV": "NL BE",
    "BV": "NL BE",
    "SL": "ES",
    "SAS": "", "SCI": "", "SNC": "", "SPA": "", "SLU": "", "ASA": "", "SRO": "", "DOO": "", "VOF": "", "OÜ": "",
}  # fmt: skip
"""At the end of a name, in capitals or with dots: as words they may be names, and two letters may be initials, so those count
only in the countries (ISO alpha-2) that have the form."""

COUNTRIES = {form: frozenset(countries.split()) for form, countries in ENDINGS.items()}
JOINED = re.compile(
    r"(?i)(?:&|\bet\b|\band\b|\bund\b)\s*(?:cie|co|fils|frères|sons|söhne|partners|associés|company)\b\.?"
    r"|\bsp\. ?z ?o\. ?o\b|株式会社|有限会社|有限公司"
)
SPLIT = re.compile(r"[\s,;/()\"«»]+")


def legal_form(name: str, country: str) -> bool:
    """Whether a name, as it stands, names a company; `country` (ISO alpha-2 or `""`) is where it is looked at."""
    words = [word for word in SPLIT.split(name) if word]
    if len(words) > 1 and (any(word.replace(".", "").casefold() in FORMS for word in words) or _ends_as_one(words, country)):
        return True
    return JOINED.search(name) is not None


def _ends_as_one(words: list[str], country: str) -> bool:
    last, before = words[-1], words[:-1]
    form = last.replace(".", "").upper()
    if form not in COUNTRIES or (len(form) == 2 and country not in COUNTRIES[form]):
        return False
    if before[-1].casefold() in ("de", "da", "do", "y") or len(max(before, key=len)) < 3:
        return False  # Joana de Sá; initials
    if "." in last:
        return True
    # Where all is in capitals it may be a family name; three words together are rather a company.
    return (last.isupper() or last == "SpA") and (not " ".join(before).isupper() or (len(before) > 1 and len(form) > 2))
