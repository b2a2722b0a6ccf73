"""The shortcut for phone numbers gives the library's answer, or leaves it to the library."""

from __future__ import annotations

import random
from collections.abc import Iterator

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberType

from sync_connector.fields._phone_patterns import affirmed
from sync_connector.fields.phone import PLAIN, _piece, by_library, by_shortcut, phone_number
from sync_connector.flow.normalize import Choices

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
BEYOND = sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS)
MARKS = ["", "", "", "", " ", "-", ".", "/", "(", ")", " - ", "--", ") (", "\u00a0", "#", "x", "+"]


@pytest.fixture(scope="module", autouse=True)
def patterns_are_kept() -> None:
    """Without this the library compiles its patterns over and over: all regions are more than `re` remembers."""
    phonenumbers.enable_pattern_cache()


def national(number: PhoneNumber) -> str:
    """What stands behind the country's code."""
    return phonenumbers.national_significant_number(number)


def trunk_prefix(region: str) -> str:
    """What is dialled before a number at home."""
    metadata = PhoneMetadata.metadata_for_region(region)
    assert metadata is not None
    return metadata.national_prefix or ""


def examples_of(region: str) -> Iterator[PhoneNumber]:
    """The library's own examples: of each kind of number one, and one that is invalid."""
    kinds = [phonenumbers.example_number_for_type(region, kind) for kind in PhoneNumberType.values()]
    yield from (number for number in [*kinds, phonenumbers.invalid_example_number(region)] if number is not None)


def written(code: int, digits: str, prefix: str) -> list[str]:
    """The ways in which people write one number, wrong ones included."""
    return [
        f"+{code}{digits}",
        f"+{code} ({prefix}){digits}",
        f"+{code}{prefix}{digits}",
        f"(+{code}) {digits}",
        f"00{code}{digits}",
        f"00 0{code}{digits}",
        f"011{code}{digits}",
        f"{code}{digits}",
        f"{prefix}{digits}",
        f"0{digits}",
        f"00{digits}",
        f"1{digits}",
        digits,
        digits[1:],
        f"{digits}0",
        f"+{digits}",
        f"{digits[:4]}-{digits[4:]}",
        f"{digits[:3]}.{digits[3:]}/{digits[-2:]}",
    ]


def mutated(digits: str, chance: random.Random) -> str:
    """The number with a few other digits, one more or one less."""
    changed = list(digits)
    for _ in range(chance.choice((0, 1, 1, 2, 5))):
        changed[chance.randrange(len(changed))] = chance.choice("0123456789")
    if chance.random() < 0.1:
        changed.insert(chance.randrange(len(changed)), chance.choice("0123456789"))
    if chance.random() < 0.1:
        changed.pop()
    return "".join(changed)


def must_agree(text: str, region: str | None) -> bool:
    """The shortcut affirms nothing that the library does not say as well; whether it affirmed."""
    short = affirmed(text, region)
    if short is not None:
        assert short == by_library(text, region), (text, region)
    return short is not None


def test_every_example_of_every_region_in_every_way_of_writing() -> None:
    """Of each kind of number in each region, written in many ways and seen from several regions, none differs; of the
    valid ones in plain international form nearly all are affirmed, so that the shortcut is one."""
    plain = taken = 0
    for region in REGIONS:
        code = phonenumbers.country_code_for_region(region)
        prefix = trunk_prefix(region)
        for number in examples_of(region):
            for text in written(code, national(number), prefix):
                for seen_from in (region, region.lower(), "FR", "US", None):
                    must_agree(text, seen_from)
            text = f"+{code}{national(number)}"
            if by_library(text, None):
                plain += 1
                taken += must_agree(text, None)
    assert plain > 1_300
    assert taken > 0.9 * plain


def test_random_neighbours_of_every_example() -> None:
    """Digits changed, added and left out, marks strewn in, in every region: most are invalid, and none differs."""
    chance = random.Random(20)
    affirmations = 0
    for region in REGIONS:
        code = phonenumbers.country_code_for_region(region)
        prefix = trunk_prefix(region)
        for number in examples_of(region):
            for _ in range(12):
                text = chance.choice(written(code, mutated(national(number), chance), prefix))
                if chance.random() < 0.5:
                    text = "".join(sign + chance.choice(MARKS) for sign in text)
                affirmations += must_agree(text, chance.choice([region, region, "FR", None, chance.choice(REGIONS)]))
    assert affirmations > 2_000


def test_numbers_that_belong_to_no_country() -> None:
    """Freephone, satellite and the like: what the library says, and nothing from nowhere."""
    chance = random.Random(21)
    for code in BEYOND:
        number = phonenumbers.example_number_for_non_geo_entity(code)
        assert number is not None
        for _ in range(50):
            for text in written(code, mutated(national(number), chance), "0"):
                must_agree(text, chance.choice(["FR", "US", None]))


@settings(max_examples=3_000)
@given(st.text("0123456789+ -./()", max_size=24), st.sampled_from([None, *REGIONS, "XX", "001", "", "fr", "us", "It"]))
@example("+33 (0)6 12 34 56 78", "FR")
@example("+39 06 6982", "IT")
@example("0033612345678", "FR")
@example("00330612345678", "FR")
@example("33612345678", "FR")
@example("+7 701 234 5678", "RU")
@example("8 701 234 56 78", "KZ")
@example("011 15-2345-6789", "AR")
@example("+1 (0) 650 253 0000", "US")
@example("0612345678", "fr")
@example("+", "FR")
@example("00", "FR")
@example("(((", None)
def test_whatever_is_written_with_these_signs(text: str, region: str | None) -> None:
    """No text of digits and marks, seen from any region or from one that is none, gets another answer."""
    must_agree(text, region)


marked = st.builds(
    lambda digits, marks: "".join(a + b for a, b in zip(digits, marks, strict=False)),
    st.sampled_from(
        ["0612345678", "+33612345678", "+330612345678", "0033612345678", "0692123456", "061234567800", "020794609580"]
    ),
    st.lists(st.sampled_from(["", "", "", " ", ".", "-", "/", "(", ")", ".0", "  ", " - ", "()"]), min_size=14, max_size=14),
)


@settings(max_examples=2_000)
@given(marked, st.sampled_from(["FR", "GB", "IT", None]))
@example("061234567.0", "FR")
@example("06123456780.00", "FR")
def test_a_plain_cell_is_read_as_if_it_were_not_plain(text: str, region: str | None) -> None:
    """What is taken as one number at once is the number that comes of cleaning and splitting the cell."""
    if PLAIN.fullmatch(text) and (e164 := _piece(text, region, by_library)[0]):
        assert phone_number(text, region, by_library) == phone_number(text, region, by_shortcut) == (e164, "", (), ())


def test_what_is_not_plain_is_left_to_the_library() -> None:
    """Letters, other scripts' digits, extensions and long texts are none of the shortcut's business."""
    for text in ("0612345678x12", "٠٦١٢٣٤٥٦٧٨", "0612345678 #12", "tel:0612345678", "0" * 60, "", " 0612345678", "++33612345678"):
        assert affirmed(text, "FR") is None


def test_it_can_be_switched_off() -> None:
    """The setting chooses who judges, and a cell reads the same either way."""
    assert Choices("FR", "drop").judge is by_shortcut
    assert Choices("FR", "drop", phone_shortcut=False).judge is by_library
    for cell in ("06 12 34 56 78", "+33 (0)6 12 34 56 78 / 01 23 45 67 89", "06 12", "0692 12 34 56"):
        assert phone_number(cell, "FR", by_library) == phone_number(cell, "FR", by_shortcut)
