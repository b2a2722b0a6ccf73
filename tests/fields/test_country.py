"""Countries: codes, names in many languages, dialling prefixes."""

from __future__ import annotations

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from sync_connector.fields.country import LANGUAGES, country_code, territory

KNOWN = [
    ("FR", "FR"), ("fr", "FR"), (" fr ", "FR"), ("'FR", "FR"), ("\u00a0FR\u00a0", "FR"),
    ("FRA", "FR"), ("gbr", "GB"), ("ROU", "RO"), ("NOR", "NO"), ("no", "NO"),
    ("UK", "GB"), ("EL", "GR"), ("USA", "US"), ("U.S.A.", "US"), ("England", "GB"),
    ("France", "FR"), ("FRANCE", "FR"), ("Frankreich", "FR"), ("Francia", "FR"), ("フランス", "FR"), ("法国", "FR"),
    ("États-Unis", "US"), ("Etats Unis", "US"), ("United States", "US"), ("Vereinigte Staaten", "US"),
    ("Côte d’Ivoire", "CI"), ("Cote d'Ivoire", "CI"), ("Ivory Coast", "CI"), ("Suisse", "CH"), ("Schweiz", "CH"),
    ("Svizzera", "CH"), ("Pays-Bas", "NL"), ("The Netherlands", "NL"), ("Czech Republic", "CZ"), ("La Réunion", "RE"),
    ("Réunion", "RE"), ("Hong Kong", "HK"), ("Kosovo", "XK"), ("Canarias", "ES"), ("IC", "ES"),
    ("+33", "FR"), ("33", "FR"), ("0033", "FR"), ("+1", "US"), ("44", "GB"), ("+262", "RE"), ("590", "GP"), ("+7", "RU"),
]  # fmt: skip

UNKNOWN = ["XX", "ZZ", "+XX", "EU", "UN", "N/A", "-", "F", "F R", "Unied Saes", "America", "0", "00", "000", "999", "+999",
           "+881", "+333333", "AN", "SUN", "123456", "\x00", "France and Germany"]  # fmt: skip


@pytest.mark.parametrize(("raw", "expected"), KNOWN)
def test_a_country_is_understood(raw: str, expected: str) -> None:
    """Codes, names and prefixes as CRMs hold them give the alpha-2 code."""
    assert country_code(raw) == expected


@pytest.mark.parametrize("raw", UNKNOWN, ids=ascii)
def test_what_is_no_country_is_not_guessed(raw: str) -> None:
    """What is not understood is None, never a likely country."""
    assert country_code(raw) is None


@pytest.mark.parametrize("raw", ["", " ", "\u00a0", "'", "\n"], ids=ascii)
def test_a_blank_cell_is_no_country(raw: str) -> None:
    """Blank is blank."""
    assert country_code(raw) == ""


@pytest.mark.parametrize("language", LANGUAGES)
def test_large_countries_are_known_in_every_language(language: str) -> None:
    """The names that CLDR gives a large country in each language are understood."""
    names = Locale(language).territories
    for code in ("FR", "DE", "ES", "IT", "GB", "US", "BE", "CH", "CA", "PT", "NL", "PL", "MA", "SN", "JP", "CN", "BR"):
        assert country_code(names[code]) == code


@given(st.one_of(st.text(max_size=12), st.text(alphabet="+0123456789", max_size=5), st.text(alphabet="ABCFRZ", max_size=4)))
def test_any_text_gives_a_code_or_none(raw: str) -> None:
    """Nothing raises; what comes back is two capital letters, blank or None, and stays what it is."""
    code = country_code(raw)
    if code:
        assert len(code) == 2
        assert code.isascii()
        assert code.isalpha()
        assert code.isupper()
        assert code != "ZZ"
        assert country_code(code) == code


@pytest.mark.parametrize(
    ("country", "postcode", "found"),
    [
        ("FR", "97400", "RE"),
        ("FR", " 97 110 ", "GP"),
        ("FR", "97200", "MQ"),
        ("FR", "97300", "GF"),
        ("FR", "97600.0", "YT"),
        ("FR", "75002", "FR"),
        ("FR", "974", "FR"),
        ("FR", "", "FR"),
        ("BE", "9740", "BE"),
        ("US", "97401", "US"),
    ],
)
def test_a_postcode_tells_a_french_overseas_territory(country: str, postcode: str, found: str) -> None:
    """CRMs file Réunion under France; a postcode of another country tells nothing."""
    assert territory(country, postcode) == found
