"""Phone numbers: every measured trap, and what must hold of any cell."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat

from sync_connector.fields.phone import Phone, as_integer, phone_column, phone_number, region_of

MOBILE = "+33612345678"

SEPARATED = [
    "\u00a0", "\u00ad", "\u200b", "\u2011", "–", "/", "  ", "\u202f", "\u2009", "\u2007", "\t", "\n", "\r\n", "·", "_", "\\", ",",
    ".", "-", " ", "\u2060", "\ufeff", "\u2003",
]  # fmt: skip

READ = [
    ("+33 (0)6 12 34 56 78", MOBILE),
    ("0033(0)612345678", MOBILE),
    ("+33 06 12 34 56 78", MOBILE),
    ("33612345678", MOBILE),
    ("612345678", MOBILE),
    ("'+33612345678", MOBILE),
    ("'+33 6 12 34 56 78", MOBILE),
    ("'0612345678", MOBILE),
    ("Tél : 06 12 34 56 78", MOBILE),
    ("06.12.34.56.78.", MOBILE),
    ("06 12 34 56 78 (bureau)", MOBILE),
    ("+33 6 12 34 56 78 (mobile perso)", MOBILE),
    ("33612345678.0", MOBILE),
    ("33612345678,0", MOBILE),
    ("612345678.0", MOBILE),
    ("3.3612345678E+10", MOBILE),
    ("3,3612345678E+10", MOBILE),
    ("3.36123456780E+10", MOBILE),
    ("6.12345678E8", MOBILE),
    ('="0612345678"', MOBILE),
    ("=+33612345678", MOBILE),
    ("tel:+33-6-12-34-56-78", MOBILE),
    ("＋33612345678", MOBILE),
    ("０６１２３４５６７８", MOBILE),
    ("٠٦١٢٣٤٥٦٧٨", MOBILE),
    ("\u202a+33612345678\u202c", MOBILE),
    ("06 12 34 56 78\u200f", MOBILE),
    ("+32\n475 12 34 56", "+32475123456"),
    ("0032\n475123456", "+32475123456"),
    ("+44 20 7946 0958", "+442079460958"),
    # The overseas territories share France's numbering; the library wants their own region.
    ("0692 12 34 56", "+262692123456"),
    ("0690 30 12 34", "+590690301234"),
    ("0694 20 12 34", "+594694201234"),
    ("0696 20 12 34", "+596696201234"),
    ("0697 12 34 56", "+596697123456"),
    ("0262 12 34 56", "+262262123456"),
    ("0590 20 12 34", "+590590201234"),
    ("0639 01 23 45", "+262639012345"),
]

NOTED = [
    ("+33 6 12 34 56 78 poste 12", MOBILE, "extension 12 left out"),
    ("01 23 45 67 89 p. 12", "+33123456789", "extension 12 left out"),
    ("01 23 45 67 89 p12", "+33123456789", "extension 12 left out"),
    ("01 23 45 67 89, poste 12", "+33123456789", "extension 12 left out"),
    ("0612345678 ext. 12", MOBILE, "extension 12 left out"),
    ("0612345678x12", MOBILE, "extension 12 left out"),
    ("0612345678 #12", MOBILE, "extension 12 left out"),
    ("0612345678#012345678", MOBILE, "extension 012345678 left out"),
    ("0612345678~123456", MOBILE, "extension 123456 left out"),
    ("0612345678;ext=12", MOBILE, "extension 12 left out"),
    ("0612345678 anexo 12", MOBILE, "extension 12 left out"),
    ("0612345678 доб. 12", MOBILE, "extension 12 left out"),
    ("06 12 34 56 78 - 12#", MOBILE, "extension 12 left out"),
    ("0612345678;0123456789", MOBILE, "1 more number in the cell left out"),
    ("0612345678 / 0123456789", MOBILE, "1 more number in the cell left out"),
    ("0612345678 | 0123456789", MOBILE, "1 more number in the cell left out"),
    ("0612345678 ::: 0123456789", MOBILE, "1 more number in the cell left out"),
    ("0612345678,0123456789", MOBILE, "1 more number in the cell left out"),
    ("0612345678\n0123456789", MOBILE, "1 more number in the cell left out"),
    ("06 12 34 56 78 - 01 23 45 67 89", MOBILE, "1 more number in the cell left out"),
    ("06 12 34 56 78  01 23 45 67 89", MOBILE, "1 more number in the cell left out"),
    ("06 12 34 56 78 (perso) 01 23 45 67 89 (bureau)", MOBILE, "1 more number in the cell left out"),
    ("0612345678 ou 0123456789 ou 0198765432", MOBILE, "2 more numbers in the cell left out"),
    ("06 12 34 56 7; 01 23 45 67 89", "+33123456789", ""),
    ("mobile 06 12 34 56 78, bureau 01 23 45 67 89", MOBILE, "another number in the cell left out"),
    ("0612345678 (maison 0123456789)", MOBILE, "another number in the cell left out"),
    ("0612345678 bât. 3", MOBILE, "a note behind the number left out"),
    ("+60 12-345 6789 ::: 04-1234567", "+60123456789", ""),
]

REJECTED = [
    "",
    "   ",
    "abc",
    "0123456",
    "0691 12 34 56",
    "0639 12 34 56",
    "06 12 34 56 7B",
    "06 12 34 56 78 2",
    "+612345678",
    "+33612345678+33123456789",
    "1-800-FLOWERS",
    "né le 12/03/1980",
    "n/a",
    "-",
    "0000000000",
]


@pytest.mark.parametrize("separator", SEPARATED, ids=ascii)
def test_every_measured_separator_is_understood(separator: str) -> None:
    """Each separator that real cells hold, those that the library refuses included, gives the same number."""
    assert phone_number(separator.join(("06", "12", "34", "56", "78")), "FR") == Phone(MOBILE)


@pytest.mark.parametrize(("raw", "expected"), READ)
def test_a_number_is_read(raw: str, expected: str) -> None:
    """Each measured way of writing one number gives its E.164, with nothing to note."""
    assert phone_number(raw, "FR") == Phone(expected)


@pytest.mark.parametrize(("raw", "expected", "note"), NOTED)
def test_what_is_left_out_is_noted(raw: str, expected: str, note: str) -> None:
    """A second number or an extension is never lost in silence."""
    phone = phone_number(raw, "FR")
    assert phone.e164 == expected
    assert note in "; ".join(phone.notes)


@pytest.mark.parametrize("raw", REJECTED)
def test_what_is_no_number_is_refused_with_a_reason(raw: str) -> None:
    """A cell without a valid number gives none, and says why."""
    phone = phone_number(raw, "FR")
    assert phone.e164 is None
    assert phone.reason
    assert phone.notes == ()


def test_a_rounded_number_says_that_its_digits_are_lost() -> None:
    """Scientific notation that dropped digits is not guessed at."""
    phone = phone_number("3.36E+10", "FR")
    assert phone.e164 is None
    assert "spreadsheet" in phone.reason


@pytest.mark.parametrize(
    ("raw", "region"),
    [("030 Anna 12", "DE"), ("030 ABCDEF", "DE"), ("123 Hallo", "AT"), ("123 Hallo", "SE"), ("040 Haus 5", "FI")],
)
def test_letters_are_never_dialled(raw: str, region: str) -> None:
    """Words become no keypad digits where the country's numbers are of any length."""
    assert phone_number(raw, region).e164 is None


@pytest.mark.parametrize("raw", ["+32\n612345678", "+44 2079 460 - 612345678"])
def test_the_rest_of_a_foreign_number_is_no_number_of_its_own(raw: str) -> None:
    """A foreign number that is broken in two does not give a stranger's number in the row's country."""
    assert phone_number(raw, "FR").e164 is None


def test_a_number_without_a_country_needs_its_prefix() -> None:
    """With no region at all only international numbers are read."""
    assert phone_number("020 7946 0958", None).e164 is None
    assert phone_number("+44 20 7946 0958", None).e164 == "+442079460958"
    assert phone_number("+44 20 7946 0958", "FR").e164 == "+442079460958"


def test_two_numbers_of_a_german_cell_are_split_at_the_comma_before_the_slash() -> None:
    """A slash may stand inside a number while a comma stands between two."""
    phone = phone_number("089/1234567, 0171/1234567", "DE")
    assert phone.e164 == "+49891234567"
    assert phone.notes == ("1 more number in the cell left out",)


def test_a_column_is_read_cell_by_cell_from_its_own_region() -> None:
    """Each cell of a column is seen from its row's region."""
    found = phone_column(["0612345678", "020 7946 0958", "044 668 18 00"], ["FR", "GB", "CH"])
    assert [phone.e164 for phone in found] == [MOBILE, "+442079460958", "+41446681800"]


def test_an_integer_and_a_region_of_a_number() -> None:
    """A number as an integer is its digits; a number that belongs to no country has no region."""
    assert as_integer(MOBILE) == 33612345678
    assert region_of(MOBILE) == "FR"
    assert region_of("+262692123456") == "RE"
    assert region_of("+80012345678") == ""


EXAMPLES = [
    (region, number)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
    if (number := phonenumbers.example_number_for_type(region, kind)) is not None and phonenumbers.is_valid_number(number)
]
ODD_BLANKS = st.sampled_from(
    [" ", "\u00a0", "\u202f", "\u2009", "\u2007", "\t", "·", "_", "\u200b", "\u00ad", "\u2011", "\u200e "]
)


@st.composite
def decorated(draw: st.DrawFn) -> tuple[str, str, str]:
    """A valid number of some region, written as people write it: text, region, E.164."""
    region, number = draw(st.sampled_from(EXAMPLES))
    form = draw(st.sampled_from([PhoneNumberFormat.NATIONAL, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164]))
    text = phonenumbers.format_number(number, form)
    text = "".join(draw(ODD_BLANKS) if c in " -" else c for c in text)
    text = (
        draw(st.sampled_from(["", "'", " ", "\ufeff", "Tel: ", "'\u00a0"]))
        + text
        + draw(st.sampled_from(["", " ", ".", " (x)", "\u200f"]))
    )
    return text, region, phonenumbers.format_number(number, PhoneNumberFormat.E164)


@settings(max_examples=400, deadline=None)
@given(decorated())
def test_a_valid_number_survives_every_decoration(case: tuple[str, str, str]) -> None:
    """A number of any region, in any form, with any odd blanks and guards, comes back as itself."""
    text, region, e164 = case
    assert phone_number(text, region).e164 == e164


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(st.text(max_size=40), st.text(alphabet="0123456789+ ()/.,;-:'eExp#|\n\t", max_size=40)),
    st.sampled_from([None, "FR", "DE", "US", "GB", "RE", "AQ", "ZZ", ""]),
)
def test_any_text_is_refused_or_gives_a_valid_number(raw: str, region: str | None) -> None:
    """Nothing raises, and what comes back is valid E.164 for the library."""
    phone = phone_number(raw, region)
    if phone.e164 is None:
        assert phone.reason
        return
    parsed = phonenumbers.parse(phone.e164)
    assert phonenumbers.is_valid_number(parsed)
    assert phonenumbers.format_number(parsed, PhoneNumberFormat.E164) == phone.e164
    assert phone_number(phone.e164, region) == Phone(phone.e164)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([region for region, _ in EXAMPLES]).flatmap(
        lambda region: st.tuples(st.just(region), *[st.sampled_from([n for r, n in EXAMPLES if r == region])] * 2)
    ),
    st.sampled_from([" / ", ", ", "; ", " | ", " ::: ", "\n", " - ", " ou ", " (bureau) "]),
    st.sampled_from([PhoneNumberFormat.NATIONAL, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164]),
)
def test_two_numbers_in_a_cell_never_become_a_third(
    case: tuple[str, phonenumbers.PhoneNumber, phonenumbers.PhoneNumber], separator: str, form: int
) -> None:
    """Of two numbers in a cell the first is taken, or none (where both are too short to be told apart)."""
    region, first, second = case
    phone = phone_number(separator.join(phonenumbers.format_number(n, form) for n in (first, second)), region)
    assert phone.e164 in (None, phonenumbers.format_number(first, PhoneNumberFormat.E164))


@pytest.mark.parametrize("region", ["RE", "GP", "MQ", "GF", "YT"])
def test_a_metropolitan_number_filed_under_an_overseas_territory(region: str) -> None:
    """A person of Réunion with a mobile of the mainland keeps it: the numbering is one, zero or not."""
    assert phone_number("06 12 34 56 78", region).e164 == MOBILE
    assert phone_number("612345678", region).e164 == MOBILE
    assert phone_number("33612345678", region).e164 == MOBILE


@pytest.mark.parametrize("region", ["US", "CA", "JP", "FR", None])
def test_the_european_prefix_for_abroad_is_understood_everywhere(region: str | None) -> None:
    """`00` and a country's prefix mean that country, also where people dial another prefix."""
    assert phone_number("0033 6 12 34 56 78", region).e164 == MOBILE
