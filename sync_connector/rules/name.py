"""Rules for names: what stands in a name's column and is none, and names that were typed with the shift key stuck."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from sync_connector.rules._companies import legal_form
from sync_connector.rules._spelling import PARTICLES, usual_spelling
from sync_connector.rules.rule import Found, Row, Seen, rule

FIRST: Final = "first_name"
LAST: Final = "last_name"
REMEMBERED = 65_536
"""Names whose answer is kept: few names are many people's."""

CONTACT_DETAIL = re.compile(r"\S@\S+\.\S|\bhttps?://|\bwww\.\S|(?:\d[ ().\-/]*){9,}")
_HONORIFICS = (
    "mr mrs ms miss mx dr prof professor mme mlle mmes mlles monsieur madame mademoiselle maître docteur herr frau "
    "fräulein doktor signor signora signorina sra srta señor señora señorita senhor senhora dhr mevrouw mevr mw "
    "pani paní mister sir m/mme mr/mme m./mme mr/mrs herr/frau"
)
HONORIFICS = frozenset(_HONORIFICS.split())
FRENCH = frozenset(("FR", "BE", "CH", "LU", "MC", "CA", "MA", "TN", "DZ", "SN", "CI", "RE", "GP", "MQ", "GF", "YT"))
"""Where M. is Monsieur rather than an initial."""


def _names(seen: Seen) -> tuple[tuple[str, str, str], ...]:
    return ((FIRST, seen.first_name, seen.first_name_column), (LAST, seen.last_name, seen.last_name_column))


@rule(
    "contact_detail_as_name",
    LAST,
    title="e-mail, number or web address in a name's column",
    advice="Move it to the column where it belongs, and write the person's name here.",
    examples=(
        Row(last_name="jean.dupont@example.org").gives(LAST, "jean.dupont@example.org"),
        Row(first_name="06 12 34 87 65", last_name="Dupont").gives(FIRST, "06 12 34 87 65"),
        Row(last_name="www.example.org").gives(LAST, "www.example.org"),
        Row(last_name="https://example.org").gives(LAST, "https://example.org"),
        Row(first_name="Jean", last_name="Dupont").passes(),
        Row(last_name="Dupont 2").passes(),
        Row(last_name="@home").passes(),
        Row(last_name="Louis XIV 1638-1715").passes(),
        Row(last_name="Élodie 10/12/99").passes(),
    ),
)
def contact_detail_as_name(seen: Seen) -> tuple[Found, ...]:
    """A name's column that holds an address or a number."""
    if not (_is_contact_detail(seen.first_name) or _is_contact_detail(seen.last_name)):
        return ()
    return tuple(Found(field, name, "", column) for field, name, column in _names(seen) if _is_contact_detail(name))


@lru_cache(maxsize=REMEMBERED)
def _is_contact_detail(name: str) -> bool:
    return CONTACT_DETAIL.search(name) is not None


@rule(
    "honorific_as_name",
    FIRST,
    title="form of address instead of a first name",
    advice="Write the person's first name here, and the form of address in a column of its own.",
    examples=(
        Row(first_name="M.", last_name="Dupont").gives(FIRST, "M."),
        Row(first_name="Mme", last_name="Dupont").gives(FIRST, "Mme"),
        Row(first_name="Monsieur", last_name="Dupont").gives(FIRST, "Monsieur"),
        Row(first_name="Frau", last_name="Köhler", country="DE").gives(FIRST, "Frau"),
        Row(first_name="M.", last_name="Brown", country="GB").passes(),  # an initial, there
        Row(first_name="Jean", last_name="Dupont").passes(),
        Row(first_name="Dr. Anna", last_name="Weiß").passes(),
        Row(first_name="J.", last_name="Dupont").passes(),
        Row(first_name="Max", last_name="Herr", country="DE").passes(),  # a family name
    ),
)
def honorific_as_name(seen: Seen) -> tuple[Found, ...]:
    """A first name that is nothing but a form of address."""
    name = seen.first_name.rstrip(".").casefold()
    if name not in HONORIFICS and not (name == "m" and (seen.country or seen.default_country) in FRENCH):
        return ()
    return (Found(FIRST, seen.first_name, "", seen.first_name_column),)


@rule(
    "capitals",
    LAST,
    title="name in capitals",
    advice="Write the name in its usual spelling: what is suggested, or what the person writes; accents may be missing.",
    examples=(
        Row(first_name="Camille", last_name="DUPONT").gives(LAST, "DUPONT", "Dupont"),
        Row(first_name="JEAN-PIERRE", last_name="Martin").gives(FIRST, "JEAN-PIERRE", "Jean-Pierre"),
        Row(first_name="Sean", last_name="O'BRIEN").gives(LAST, "O'BRIEN", "O'Brien"),
        Row(first_name="Iain", last_name="MCDONALD").gives(LAST, "MCDONALD", "McDonald"),
        Row(first_name="Daan", last_name="VAN DER BERG", country="NL").gives(LAST, "VAN DER BERG", "van der Berg"),
        Row(first_name="Léa", last_name="VAN DEN BROECK", country="BE").gives(LAST, "VAN DEN BROECK", "Van den Broeck"),
        Row(first_name="Luc", last_name="DE LA TOUR").gives(LAST, "DE LA TOUR", "de la Tour"),
        Row(first_name="Yann", last_name="LE GOFF").gives(LAST, "LE GOFF", "Le Goff"),
        Row(first_name="Marco", last_name="DE LUCA", country="IT").gives(LAST, "DE LUCA", "De Luca"),
        Row(first_name="Coen", last_name="IJZERMAN", country="NL").gives(LAST, "IJZERMAN", "IJzerman"),
        Row(first_name="Joost", last_name="'T HOOFT", country="NL").gives(LAST, "'T HOOFT", "'t Hooft"),
        Row(first_name="José", last_name="ORTEGA Y GASSET", country="ES").gives(LAST, "ORTEGA Y GASSET", "Ortega y Gasset"),
        Row(first_name="John", last_name="E SMITH", country="US").gives(LAST, "E SMITH", "E Smith"),
        Row(first_name="Tuan", last_name="NGUYEN VAN LOC").gives(LAST, "NGUYEN VAN LOC"),  # not Dutch
        Row(first_name="Anh", last_name="TRẦN", country="VN").gives(LAST, "TRẦN", "Trần"),
        Row(last_name="SNCF VOYAGES").gives(LAST, "SNCF VOYAGES"),
        Row(last_name="JEAN DUPONT").gives(LAST, "JEAN DUPONT", "Jean Dupont"),
        Row(first_name="Βασίλης", last_name="ΒΛΑΧΟΣ", country="GR").gives(LAST, "ΒΛΑΧΟΣ"),  # where is its accent?
        Row(first_name="Işıl", last_name="IŞIK", country="TR").gives(LAST, "IŞIK"),
        Row(first_name="Zeynep", last_name="DENİZ", country="FR").gives(LAST, "DENİZ"),  # Turkish, wherever it is written
        Row(first_name="Иван", last_name="ПЕТРОВ", country="BG").gives(LAST, "ПЕТРОВ", "Петров"),
        Row(first_name="Jean", last_name="Dupont").passes(),
        Row(last_name="SNCF").passes(),  # no person, perhaps
        Row(first_name="JP", last_name="Dupont").passes(),
        Row(first_name="J.-P.", last_name="Dupont").passes(),
        Row(first_name="健一", last_name="高橋", country="JP").passes(),
        Row(last_name="GARAGE MARTIN SARL").gives(LAST, "GARAGE MARTIN SARL"),  # a company knows how it is spelled
    ),
)
def capitals(seen: Seen) -> tuple[Found, ...]:
    """A name of three letters or more, all of them capitals; an acronym that stands alone is none."""
    if not (seen.first_name.isupper() or seen.last_name.isupper()):
        return ()
    alone = not (seen.first_name and seen.last_name)
    country = seen.country or seen.default_country
    found = []
    for field, name, column in _names(seen):
        if not name.isupper() or _longest_run(name) < 3 or (alone and " " not in name and len(name) <= 5):
            continue
        unsure = _is_company(name, country) or (alone and _has_acronym(name))
        spelling = "" if unsure else usual_spelling(name, country)
        found.append(Found(field, name, spelling, column))
    return tuple(found)


@rule(
    "small_letters",
    LAST,
    title="name in small letters",
    advice="Write the name in its usual spelling: what is suggested, or what the person writes.",
    examples=(
        Row(first_name="Camille", last_name="dupont").gives(LAST, "dupont", "Dupont"),
        Row(first_name="jean-pierre", last_name="Martin").gives(FIRST, "jean-pierre", "Jean-Pierre"),
        Row(first_name="Sean", last_name="o'brien").gives(LAST, "o'brien", "O'Brien"),
        Row(first_name="Daan", last_name="van der berg", country="NL").gives(LAST, "van der berg", "van der Berg"),
        Row(first_name="Luc", last_name="de la Tour").passes(),
        Row(first_name="Luc", last_name="de").passes(),
        Row(first_name="Luc", last_name="¹dupont").passes(),  # what no capital can begin
        Row(first_name="გიორგი", last_name="ბერიძე", country="GE").passes(),  # has no capitals in names
        Row(first_name="Jean", last_name="Dupont").passes(),
    ),
)
def small_letters(seen: Seen) -> tuple[Found, ...]:
    """A name of three letters or more, none of them a capital, in a script that begins names with one."""
    if not (seen.first_name.islower() or seen.last_name.islower()):
        return ()
    found = []
    for field, name, column in _names(seen):
        if not name.islower() or _longest_run(name) < 3 or _is_contact_detail(name) or _is_particles(name):
            continue
        if spelling := usual_spelling(name, seen.country or seen.default_country):
            found.append(Found(field, name, spelling, column))
    return tuple(found)


def _has_acronym(name: str) -> bool:
    """Whether one word may be an acronym: it is short and no particle."""
    return any(len(word) <= 3 and word.casefold() not in PARTICLES for word in name.split())


def _longest_run(name: str) -> int:
    """Letters of the longest word: initials are short."""
    return max((len(word) for word in re.findall(r"[^\W\d_]+", name)), default=0)


def _is_particles(name: str) -> bool:
    return all(word in PARTICLES for word in name.split())


@rule(
    "company_as_person",
    LAST,
    title="company where a person's name belongs",
    advice="Write the person's name here and the company in its own column, or leave the company out of this list of people.",
    examples=(
        Row(last_name="Garage Martin SARL").gives(LAST, "Garage Martin SARL"),
        Row(last_name="Müller GmbH & Co. KG").gives(LAST, "Müller GmbH & Co. KG"),
        Row(first_name="Acme Ltd.", last_name="Dupont").gives(FIRST, "Acme Ltd."),
        Row(last_name="Dupont S.A.").gives(LAST, "Dupont S.A."),
        Row(last_name="Durand SAS").gives(LAST, "Durand SAS"),
        Row(last_name="Lefèvre & Fils").gives(LAST, "Lefèvre & Fils"),
        Row(last_name="Novák s.r.o.").gives(LAST, "Novák s.r.o."),
        Row(last_name="Nowak Sp. z o.o.").gives(LAST, "Nowak Sp. z o.o."),
        Row(last_name="GARAGE MARTIN SAS").gives(LAST, "GARAGE MARTIN SAS"),
        Row(last_name="Ferrari SpA", country="IT").gives(LAST, "Ferrari SpA"),
        Row(last_name="Müller AG", country="CH").gives(LAST, "Müller AG"),
        Row(last_name="Suresh AG", country="IN").passes(),  # initials, there
        Row(first_name="S.A.", last_name="Dupont").passes(),
        Row(first_name="Jan", last_name="de Vos", country="NL").passes(),
        Row(first_name="Doo Hyun", last_name="Kim", country="KR").passes(),
        Row(first_name="Luc et Anne", last_name="Petit").passes(),
        Row(first_name="Joana", last_name="de Sá").passes(),
        Row(first_name="JOANA", last_name="DE SA").passes(),
        Row(first_name="Maria", last_name="Da Silva").passes(),
        Row(first_name="Earl", last_name="Grey").passes(),
        Row(first_name="Aicha", last_name="Sas").passes(),
        Row(first_name="Camille", last_name="Ba").passes(),
        Row(first_name="Corentin", last_name="Limited").passes(),  # alone it may be anything
    ),
)
def company_as_person(seen: Seen) -> tuple[Found, ...]:
    """A name that ends, or begins, as companies do."""
    country = seen.country or seen.default_country
    if not (_is_company(seen.first_name, country) or _is_company(seen.last_name, country)):
        return ()
    return tuple(Found(field, name, "", column) for field, name, column in _names(seen) if _is_company(name, country))


@lru_cache(maxsize=REMEMBERED)
def _is_company(name: str, country: str) -> bool:
    return legal_form(name, country)
