"""The quick answer to what kind a number is, is the library's."""

from __future__ import annotations

import random

import phonenumbers
import pytest
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from sync_connector.rules._number_kind import calling_code, number_kind

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
BEYOND = sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS)


@pytest.fixture(scope="module", autouse=True)
def patterns_are_kept() -> None:
    """Without this the library compiles its patterns over and over: all regions are more than `re` remembers."""
    phonenumbers.enable_pattern_cache()


def e164(number: PhoneNumber) -> str:
    """A number as it is sent."""
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def examples() -> list[PhoneNumber]:
    """The library's own, of each kind in each region, and those that belong to no region."""
    found = [phonenumbers.example_number_for_type(region, kind) for region in REGIONS for kind in PhoneNumberType.values()]
    found += [phonenumbers.example_number_for_non_geo_entity(code) for code in BEYOND]
    return [number for number in found if number is not None]


def test_each_example_of_each_kind_in_each_region() -> None:
    """What the library calls mobile, landline, premium rate, … is called the same; every kind is among them."""
    kinds = set()
    for number in examples():
        text = e164(number)
        assert number_kind(text) == phonenumbers.number_type(number), text
        assert calling_code(text) == str(number.country_code)
        kinds.add(number_kind(text))
    assert kinds == set(PhoneNumberType.values()) - {PhoneNumberType.UNKNOWN}


def test_random_neighbours_of_each_example() -> None:
    """With digits changed, added and left out it is the library's answer still, for invalid numbers too."""
    chance = random.Random(5)
    known = 0
    for number in examples():
        for _ in range(6):
            digits = list(phonenumbers.national_significant_number(number))
            for _ in range(chance.choice((1, 2, 5, 9))):
                digits[chance.randrange(len(digits))] = chance.choice("0123456789")
            if chance.random() < 0.15:
                digits.append(chance.choice("0123456789"))
            if chance.random() < 0.15:
                digits.pop()
            text = f"+{number.country_code}{''.join(digits)}"
            try:
                other = phonenumbers.parse(text)
            except phonenumbers.NumberParseException:
                continue
            if e164(other) != text:  # the library took a leading zero for a trunk prefix: never sent like this
                continue
            kind = number_kind(text)
            assert kind == phonenumbers.number_type(other), text
            known += kind != PhoneNumberType.UNKNOWN
    assert known > 2_000


def test_what_is_no_number_has_no_kind() -> None:
    """A blank, a prefix alone, and a prefix of nowhere are of no kind."""
    for text in ("", "+", "+33", "+999123456789", "+0", "33612348765x"):
        assert number_kind(text) == PhoneNumberType.UNKNOWN
